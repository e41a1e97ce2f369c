//! The importer on small inputs of every form, on hostile ones, and on real ones where they are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod use_over_time;

use std::path::Path;

use facts::cluster::{ClusterState, PodPhase};
use proptest::prelude::*;
use snapshot::{ImportError, ImportReport, Importer, Options};

fn import(inputs: &[&str]) -> (ClusterState, ImportReport) {
    let mut importer = Importer::new(Options::default());
    for (at, input) in inputs.iter().enumerate() {
        importer.add(&format!("input {at}"), input.as_bytes()).unwrap();
    }
    importer.finish()
}

const POD: &str = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","uid":"1",
  "ownerReferences":[{"kind":"Old","name":"x"},{"kind":"ReplicaSet","name":"web-abc","controller":true}],
  "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"secret","keep":"me"}},
  "spec":{"nodeName":"n1","containers":[{"name":"c","resources":{"requests":{"cpu":"250m","memory":"64Mi"}},
  "ports":[{"containerPort":80},{"containerPort":81,"hostPort":8081}]}],
  "volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"data"}},{"name":"t","emptyDir":{}}]},
  "status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}"#;

#[test]
fn lists_items_and_bare_arrays_give_the_same_pods() {
    let list = format!(r#"{{"kind":"List","items":[{POD}]}}"#);
    let typed =
        format!(r#"{{"kind":"PodList","items":[{}]}}"#, POD.replacen(r#""kind":"Pod","#, "", 1));
    let kind_last =
        format!(r#"{{"items":[{}],"kind":"PodList"}}"#, POD.replacen(r#""kind":"Pod","#, "", 1));
    let array = format!("[{POD}]");
    let two = format!("{POD}\n{POD}");
    let (expected, _) = import(&[&list]);
    for input in [&typed, &kind_last, &array, &two] {
        let (state, report) = import(&[input]);
        assert_eq!(state.pod_items(), expected.pod_items(), "{input}");
        assert_eq!(report.unusable_total, 0, "{report:?}");
    }
    let pod = &expected.pod_items()[0];
    assert_eq!(pod.owner.as_ref().unwrap().kind, "ReplicaSet");
    assert_eq!(pod.volume_claims, ["data"]);
    assert!(pod.local_storage && pod.ready == Some(true) && pod.phase == PodPhase::Running);
    assert_eq!(pod.containers[0].host_ports[0].port, 8081);
    assert_eq!(pod.annotations.keys().collect::<Vec<_>>(), ["keep"]);
}

#[test]
fn yaml_and_json_give_the_same_snapshot() {
    let yaml = "apiVersion: v1\nkind: Node\nmetadata:\n  name: n1\n  labels: {topology.kubernetes.io/zone: us-east-1a, karpenter.sh/capacity-type: spot}\nspec: null\nstatus:\n  allocatable: {cpu: 1930m, memory: 7Gi, pods: \"29\"}\n---\nkind: Node\nmetadata: {name: n2}\n";
    let json = r#"[{"kind":"Node","metadata":{"name":"n1","labels":{"topology.kubernetes.io/zone":"us-east-1a","karpenter.sh/capacity-type":"spot"}},
      "status":{"allocatable":{"cpu":"1930m","memory":"7Gi","pods":"29"}}},{"kind":"Node","metadata":{"name":"n2"}}]"#;
    let (a, b) = (import(&[yaml]).0, import(&[json]).0);
    assert_eq!(a.node_items(), b.node_items());
    assert_eq!(a.node_items()[0].zone.as_deref(), Some("us-east-1a"));
}

#[test]
fn the_order_of_inputs_does_not_matter() {
    let autoscaler = r#"{"kind":"HorizontalPodAutoscaler","metadata":{"name":"h","namespace":"shop"},
      "spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},"maxReplicas":5}}"#;
    let deployment = r#"{"kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"replicas":2}}"#;
    let (a, b) =
        (import(&[autoscaler, deployment, POD]).0, import(&[POD, deployment, autoscaler]).0);
    assert_eq!(a, b);
    assert_eq!(a.workloads.unwrap().items[0].autoscaler.as_ref().unwrap().max_replicas, Some(5));
}

#[test]
fn answers_of_aws_become_instances_and_volumes() {
    let instances = r#"{"Reservations":[{"OwnerId":"123456789012","Instances":[{"InstanceId":"i-1","InstanceType":"m5.large",
      "State":{"Name":"running"},"InstanceLifecycle":"spot","LaunchTime":"2026-01-01T00:00:00+00:00","Tags":[{"Key":"Name","Value":"a"}]}]}]}"#;
    let volumes = r#"{"Volumes":[{"VolumeId":"vol-1","VolumeType":"gp3","Size":20,"State":"available","Attachments":[]}]}"#;
    let (state, report) = import(&[volumes, instances]);
    assert_eq!(report.used["Instance"] + report.used["EbsVolume"], 2);
    let accounts = state.accounts.unwrap().items;
    assert_eq!(accounts[0].instances[0].tags["Name"], "a");
    assert_eq!(state.volumes.unwrap().items.ebs_volumes[0].size_gib, 20);
}

#[test]
fn sections_say_whether_they_were_supplied_and_whole() {
    let (state, _) =
        import(&[r#"{"kind":"PodList","items":[]}"#, r#"{"kind":"Node","metadata":{"name":"n"}}"#]);
    assert!(state.pods.as_ref().unwrap().complete && state.pods.unwrap().items.is_empty());
    assert!(!state.nodes.unwrap().complete, "one node by name is not all nodes");
    assert!(state.policies.is_none());
}

#[test]
fn budgets_that_nobody_listed_are_not_taken_for_absent() {
    const NAMESPACES: &str = r#"{"kind":"NamespaceList","items":[{"metadata":{"name":"shop"}}]}"#;
    let whole = |state: ClusterState| state.policies.unwrap().complete;
    let (state, report) = import(&[NAMESPACES]);
    assert!(!whole(state));
    assert!(report.remarks[0].contains("PodDisruptionBudget"), "{:?}", report.remarks);
    let listed = r#"{"kind":"PodDisruptionBudgetList","items":[]}"#;
    assert!(whole(import(&[NAMESPACES, listed]).0));
    let options = Options { no_disruption_budgets: true, ..Options::default() };
    let mut importer = Importer::new(options);
    importer.add("namespaces", NAMESPACES.as_bytes()).unwrap();
    assert!(whole(importer.finish().0));
}

#[test]
fn what_cannot_be_used_is_named() {
    let (state, report) = import(&[
        r#"{"kind":"Secret","metadata":{"name":"s"}}"#,
        r#"{"metadata":{"name":"nameless-kind"}}"#,
        r#"{"kind":"Pod","metadata":{"name":"bad","namespace":"x"},"spec":{"containers":"none"}}"#,
        r#"{"kind":"Pod","metadata":{}}"#,
    ]);
    assert_eq!(report.not_needed["Secret"], 1);
    assert_eq!(report.unusable_total, 3);
    assert_eq!(report.unusable[1].object, "Pod x/bad");
    assert!(report.unusable[1].reason.contains("expected a sequence"), "{report:?}");
    assert!(state.pod_items().is_empty());
}

#[test]
fn a_break_in_the_middle_keeps_what_came_before() {
    let mut importer = Importer::new(Options::default());
    let text = format!(r#"{{"kind":"List","items":[{POD},{{"kind":"Pod","metad"#);
    let error = importer.add("cut", text.as_bytes()).unwrap_err();
    assert!(matches!(error, ImportError::Malformed { .. }), "{error}");
    assert_eq!(importer.finish().0.pod_items().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut importer = Importer::new(Options::default());
        let _ = importer.add("fuzz", bytes.as_slice());
        let _ = importer.finish();
    }

    #[test]
    fn no_mutilation_makes_it_panic(at in 0_usize..1200, with in any::<u8>(), cut in 0_usize..1200) {
        let mut bytes = format!(r#"{{"kind":"List","items":[{POD}]}}"#).into_bytes();
        let (at, cut) = (at % bytes.len(), cut % bytes.len());
        bytes[at] = with;
        let mut importer = Importer::new(Options::default());
        let _ = importer.add("whole", bytes.as_slice());
        let _ = importer.add("cut", &bytes[..cut]);
        let _ = importer.finish();
    }
}

#[test]
fn a_real_cluster_is_read_whole() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/k8s/eks-dump");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no reference data");
        return;
    };
    let mut importer = Importer::new(Options::default());
    for entry in entries {
        let path = entry.unwrap().path();
        importer.add(&path.display().to_string(), std::fs::File::open(&path).unwrap()).unwrap();
    }
    let (state, report) = importer.finish();
    assert_eq!((state.node_items().len(), state.pod_items().len()), (2, 6));
    assert_eq!(report.used["Event"], 84);
    assert_eq!(report.unusable_total, 0);
    assert_eq!(state.region.as_ref().unwrap().as_str(), "us-east-1");
    let node = &state.node_items()[0];
    assert_eq!(node.allocatable_cpu().unwrap().0, 1930);
    assert_eq!(node.instance_id(), Some("i-08736224042c4ee75"));
}
