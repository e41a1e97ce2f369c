//! Use over days, as Prometheus, metrics-server and the Vertical Pod Autoscaler tell it.

use std::fmt::Write as _;

use facts::cluster::{ClusterState, Measured, UsageHistory};
use snapshot::{ImportReport, Importer, Options};
use units::{Bytes, MilliCpu};

fn import(inputs: &[(&str, &str)]) -> (ClusterState, ImportReport) {
    let mut importer = Importer::new(Options::default());
    for (name, input) in inputs {
        importer.add(name, input.as_bytes()).unwrap();
    }
    importer.finish()
}

fn histories(state: &ClusterState) -> &[UsageHistory] {
    &state.usage.as_ref().unwrap().items.histories
}

/// 2026-07-01.
const START: i64 = 1_782_864_000;

fn series(name: &str, values: impl Iterator<Item = (i64, f64)>) -> String {
    let named = if name.is_empty() { String::new() } else { format!("\"__name__\":\"{name}\",") };
    let mut text = format!(
        r#"{{"metric":{{{named}"namespace":"shop","pod":"web-5d9f8c6b5-x2x2x","container":"app"}},"values":["#
    );
    for (place, (at, value)) in values.enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let _ = write!(text, "{comma}[{at},\"{value}\"]");
    }
    text + "]}"
}

fn answer(results: &[String]) -> String {
    format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
        results.join(",")
    )
}

const CPU: &str = "container_cpu_usage_seconds_total";
const MEMORY: &str = "container_memory_working_set_bytes";

#[test]
fn answers_of_prometheus_become_histories() {
    // Half a processor all the time; the container begins anew after a day.
    let counter = (0..2_880).map(|minute| {
        let since = if minute < 1_440 { minute + 100 } else { minute - 1_440 };
        (START + minute * 60, since as f64 * 30.0)
    });
    let memory = (0..2_880).map(|minute| {
        (START + minute * 60, if minute == 2_000 { 9e8 } else { 3e8 + (minute % 7) as f64 * 1e6 })
    });
    let text = answer(&[series(CPU, counter), series(MEMORY, memory)]);
    let (state, report) = import(&[("range.json", &text)]);
    assert_eq!((report.used["PrometheusSeries"], report.unusable_total), (2, 0), "{report:?}");
    let [history] = histories(&state) else { panic!("{state:?}") };
    assert_eq!(history.pod.as_deref(), Some("web-5d9f8c6b5-x2x2x"));
    let cpu = history.cpu.as_ref().unwrap();
    let p95 = cpu.quantile(Measured::Cpu, 0.95).unwrap();
    assert!((0.5..0.53).contains(&p95), "{p95}");
    // The minutes after the fall are told apart.
    assert!((2_870..2_880).contains(&cpu.samples), "{}", cpu.samples);
    assert!(history.startup_cpu.is_some_and(|cpu| cpu <= MilliCpu(500)));
    let peaks: Vec<i64> = history.memory_peaks.iter().map(|peak| peak.bytes.0).collect();
    assert_eq!(peaks, [306_000_000, 900_000_000]);
    assert_eq!(history.memory_peaks[1].from.as_second(), START + 86_400);
    assert_eq!(history.memory.as_ref().unwrap().samples, 2_880);
    assert_eq!(history.last_at.unwrap().as_second(), START + 2_879 * 60);
}

#[test]
fn results_without_a_name_are_told_by_the_file() {
    let values = || (0..200).map(|minute| (START + minute * 60, 0.25));
    let text = answer(&[series("", values())]);
    let (state, _) = import(&[("our-cpu.json", &text)]);
    assert_eq!(histories(&state)[0].cpu.as_ref().unwrap().samples, 200);
    let (state, report) = import(&[("answer.json", &text)]);
    assert!(histories(&state).is_empty());
    assert!(report.unusable[0].reason.contains("`cpu`"), "{report:?}");
    let error =
        r#"{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution"}"#;
    let (_, report) = import(&[("cpu.json", error)]);
    assert!(report.unusable[0].reason.contains("error of Prometheus"), "{report:?}");
    // What merely has `data` is none of Prometheus.
    let other =
        r#"{"kind":"ConfigMap","metadata":{"name":"a"},"data":{"result":"x","resultType":"y"}}"#;
    let (state, report) = import(&[("memory.json", other)]);
    assert!(state.usage.is_none());
    assert_eq!((report.not_needed["ConfigMap"], report.unusable_total), (1, 0));
}

#[test]
fn files_that_overlap_count_once_and_their_order_changes_nothing() {
    let part = |from: i64, until: i64| {
        answer(&[series(
            MEMORY,
            (from..until).map(|minute| (START + minute * 60, 1e8 + minute as f64)),
        )])
    };
    let (whole, _) = import(&[("a", &part(0, 3_000))]);
    let (parts, _) = import(&[("a", &part(0, 2_000)), ("b", &part(1_000, 3_000))]);
    let (back, _) = import(&[("b", &part(1_000, 3_000)), ("a", &part(0, 2_000))]);
    assert_eq!(histories(&whole), histories(&parts));
    assert_eq!(histories(&whole), histories(&back));
}

#[test]
fn the_first_minutes_of_a_pod_are_told_apart() {
    let values =
        || (0..600).map(|minute| (START + minute * 60, if minute < 4 { 3.5 } else { 0.2 }));
    let text = answer(&[series("", values())]);
    let pod = |made: &str| {
        format!(
            r#"{{"kind":"Pod","metadata":{{"name":"web-5d9f8c6b5-x2x2x","namespace":"shop","creationTimestamp":"{made}"}}}}"#
        )
    };
    let check = |pod: &str, startup: Option<MilliCpu>, samples: u64| {
        let (state, _) = import(&[("cpu.json", &text), ("pods.json", pod)]);
        let [history] = histories(&state) else { panic!() };
        assert_eq!(history.startup_cpu, startup);
        assert_eq!(history.cpu.as_ref().unwrap().samples, samples);
    };
    check(&pod("2026-06-30T23:58:00Z"), Some(MilliCpu(3_500)), 594);
    check(&pod("2026-06-01T00:00:00Z"), None, 600);
    // Nobody knows when the pod was made, and it may have run for long.
    check("{\"kind\":\"PodList\",\"items\":[]}", None, 600);
}

#[test]
fn several_readings_of_metrics_server_are_a_history_and_one_is_none() {
    let reading = |minute: i64, cpu: &str| {
        format!(
            r#"{{"kind":"PodMetricsList","items":[{{"metadata":{{"name":"web","namespace":"shop"}},
            "timestamp":"2026-07-01T00:{minute:02}:00Z","containers":[{{"name":"app","usage":{{"cpu":"{cpu}","memory":"{}Mi"}}}}]}}]}}"#,
            100 + minute
        )
    };
    let (state, _) = import(&[("a", &reading(1, "100m"))]);
    assert!(histories(&state).is_empty());
    let (state, _) = import(&[("b", &reading(2, "300m")), ("a", &reading(1, "100m"))]);
    let usage = &state.usage.as_ref().unwrap().items;
    assert_eq!(usage.containers.len(), 1);
    assert_eq!(usage.containers[0].used.cpu, Some(MilliCpu(300)));
    let [history] = &usage.histories[..] else { panic!() };
    assert_eq!(history.cpu.as_ref().unwrap().samples, 2);
    assert_eq!(history.memory_peaks[0].bytes, Bytes::from_mib(102));
    assert_eq!(history.pod.as_deref(), Some("web"));
}

#[test]
fn checkpoints_of_a_vertical_autoscaler_become_histories_of_its_workload() {
    let scaler = r#"{"kind":"VerticalPodAutoscaler","metadata":{"name":"web-vpa","namespace":"shop"},
      "spec":{"targetRef":{"kind":"Deployment","name":"web"},"updatePolicy":{"updateMode":"Off"}}}"#;
    let checkpoint = r#"{"kind":"VerticalPodAutoscalerCheckpointList","items":[{"metadata":{"name":"web-vpa-app","namespace":"shop"},
      "spec":{"vpaObjectName":"web-vpa","containerName":"app"},
      "status":{"version":"v3","totalSamplesCount":14000,"firstSampleStart":"2026-07-01T00:00:00Z","lastSampleStart":"2026-07-10T00:00:00Z",
        "cpuHistogram":{"referenceTimestamp":"2026-07-10T00:00:00Z","bucketWeights":{"0":10000,"20":2500},"totalWeight":50},
        "memoryHistogram":{"bucketWeights":{"40":10000},"totalWeight":8}}}]}"#;
    for order in [[("a", scaler), ("b", checkpoint)], [("b", checkpoint), ("a", scaler)]] {
        let (state, report) = import(&order);
        assert_eq!(report.unusable_total, 0, "{report:?}");
        let [history] = histories(&state) else { panic!() };
        assert_eq!(history.workload.as_deref(), Some("Deployment/web"));
        let cpu = history.cpu.as_ref().unwrap();
        assert_eq!((cpu.weights[0], cpu.weights[20], cpu.samples), (40.0, 10.0, 14_000));
        assert_eq!(history.memory.as_ref().unwrap().weights[40], 8.0);
    }
    let (state, report) = import(&[("b", checkpoint)]);
    assert!(histories(&state).is_empty());
    assert!(report.unusable[0].reason.contains("kubectl get verticalpodautoscalers"));
    let broken = checkpoint.replace("\"20\"", "\"2000\"");
    assert!(import(&[("a", scaler), ("b", &broken)]).1.unusable[0].reason.contains("no bucket"));
}
