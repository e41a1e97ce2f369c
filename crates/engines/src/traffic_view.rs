//! Traffic of a snapshot with its ends resolved: which pod, which workload, which zone.

use std::collections::BTreeMap;

use facts::action::Target;
use facts::cluster::{ClusterState, Flow, FlowEnd, Owner, Pod, Traffic};

use crate::address_index::AddressIndex;
use crate::name_index::NameIndex;

/// A workload, as the object that a person would change: a Deployment and not its ReplicaSet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkloadKey {
    /// Its namespace.
    pub namespace: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for WorkloadKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// Which workload stands behind each pod of a snapshot.
pub struct Workloads {
    /// The workloads, in order.
    pub keys: Vec<WorkloadKey>,
    /// The workload of each pod, by the pod's place in the snapshot; `None` for a pod that nothing
    /// would make again.
    pub of_pod: Vec<Option<u32>>,
    /// The pods of each workload, by their places in the snapshot.
    pub pods: Vec<Vec<u32>>,
    /// The identity of each workload, where the snapshot has it.
    pub uids: Vec<Option<String>>,
}

impl Workloads {
    /// Resolves the owners of all pods: a ReplicaSet to its Deployment, a Job to its CronJob.
    #[must_use]
    pub fn of(state: &ClusterState) -> Workloads {
        let listed = state.workloads.as_ref().map_or(&[][..], |section| &section.items);
        let mut parents: BTreeMap<(&str, String, &str), (&str, &str)> = BTreeMap::new();
        for workload in listed {
            if let Some(owner) = &workload.owner {
                let key = (
                    workload.namespace.as_str(),
                    format!("{:?}", workload.kind),
                    workload.name.as_str(),
                );
                parents.insert(key, (owner.kind.as_str(), owner.name.as_str()));
            }
        }
        let all = state.pod_items();
        let key_of = |pod: &Pod, owner: &Owner| {
            let found = parents.get(&(pod.namespace(), owner.kind.clone(), owner.name.as_str()));
            let (kind, name) = match found {
                Some((kind, name)) => ((*kind).to_owned(), (*name).to_owned()),
                None => unlisted(pod, &owner.kind, &owner.name),
            };
            WorkloadKey { namespace: pod.namespace().to_owned(), kind, name }
        };
        // Pods of one owner are like the first of them, and its key is theirs.
        let firsts = NameIndex::of(all.iter().map(|pod| {
            (pod.namespace(), pod.owner.as_ref().map_or("", |owner| owner.name.as_str()))
        }));
        let mut found: Vec<WorkloadKey> = Vec::new();
        let mut found_of_pod: Vec<Option<u32>> = Vec::with_capacity(all.len());
        for pod in all {
            found_of_pod.push(pod.owner.as_ref().map(|owner| {
                let like = firsts.get(pod.namespace(), &owner.name).and_then(|first| {
                    let known = *found_of_pod.get(first)?;
                    let same = all[first].owner.as_ref().is_some_and(|one| one.kind == owner.kind)
                        && all[first].labels.get(POD_HASH) == pod.labels.get(POD_HASH);
                    known.filter(|_| same)
                });
                like.unwrap_or_else(|| {
                    found.push(key_of(pod, owner));
                    found.len() as u32 - 1
                })
            }));
        }
        let mut keys = found.clone();
        keys.sort();
        keys.dedup();
        let place = |key: &WorkloadKey| keys.binary_search(key).ok().map(|at| at as u32);
        let places: Vec<Option<u32>> = found.iter().map(place).collect();
        let of_pod: Vec<Option<u32>> =
            found_of_pod.iter().map(|known| known.and_then(|at| places[at as usize])).collect();
        let mut pods = vec![Vec::new(); keys.len()];
        for (workload, pod) in of_pod.iter().zip(0_u32..) {
            if let Some(workload) = workload {
                pods[*workload as usize].push(pod);
            }
        }
        let mut uids = vec![None; keys.len()];
        for workload in listed.iter().filter(|one| one.uid.is_some()) {
            let key = WorkloadKey {
                namespace: workload.namespace.clone(),
                kind: format!("{:?}", workload.kind),
                name: workload.name.clone(),
            };
            if let Some(place) = place(&key) {
                uids[place as usize].clone_from(&workload.uid);
            }
        }
        Workloads { keys, of_pod, pods, uids }
    }

    /// A workload as a target of a step.
    #[must_use]
    pub fn target(&self, workload: u32) -> Target {
        let key = &self.keys[workload as usize];
        Target {
            kind: key.kind.clone(),
            namespace: Some(key.namespace.clone()),
            name: key.name.clone(),
            uid: self.uids[workload as usize].clone(),
            arn: None,
        }
    }
}

/// What pods of a ReplicaSet are told apart by.
const POD_HASH: &str = "pod-template-hash";

/// The owner of a pod whose ReplicaSet is not in the snapshot: Deployments name theirs after
/// themselves and a hash, which pods carry as a label.
fn unlisted(pod: &Pod, kind: &str, name: &str) -> (String, String) {
    let hash = pod.labels.get(POD_HASH);
    let stem = hash.and_then(|hash| name.strip_suffix(hash.as_str())?.strip_suffix('-'));
    match stem.filter(|_| kind == "ReplicaSet") {
        Some(stem) => ("Deployment".to_owned(), stem.to_owned()),
        None => (kind.to_owned(), name.to_owned()),
    }
}

/// Traffic with its ends resolved.
pub struct TrafficView<'a> {
    /// Who stands behind pods.
    pub workloads: Workloads,
    /// The zone of each pod, as a place in `zones`, by the pod's place in the snapshot.
    pub zone_of_pod: Vec<Option<u32>>,
    /// Names of zones, in order.
    pub zones: Vec<&'a str>,
    /// The traffic, in the order of the snapshot.
    pub flows: Vec<ResolvedFlow<'a>>,
    /// Hours that the traffic was observed for.
    pub hours: f64,
}

/// A flow with its ends resolved.
#[derive(Clone, Copy)]
pub struct ResolvedFlow<'a> {
    /// The sending pod, by its place in the snapshot.
    pub source: Option<u32>,
    /// The receiving pod, by its place in the snapshot.
    pub destination: Option<u32>,
    /// The zone that it came from.
    pub source_zone: Option<u32>,
    /// The zone that it went to.
    pub destination_zone: Option<u32>,
    /// As it was supplied.
    pub flow: &'a Flow,
}

impl<'a> TrafficView<'a> {
    /// Resolves the traffic of a snapshot.
    ///
    /// # Errors
    /// What is missing, where none was supplied or nobody said for how long it was observed.
    pub fn of(state: &'a ClusterState) -> Result<TrafficView<'a>, &'static str> {
        let section = state.traffic.as_ref().ok_or("there is no traffic to judge")?;
        let traffic = &section.items;
        let hours = observed_hours(traffic)
            .filter(|hours| *hours > 0.0)
            .ok_or("no month can be told: `from` and `until` of the traffic are missing")?;
        let pods = state.pod_items();
        let nodes = NameIndex::of(state.node_items().iter().map(|node| (node.name.as_str(), "")));
        let zones = zones_of(state, traffic);
        let zone_of_node: Vec<Option<u32>> = state
            .node_items()
            .iter()
            .map(|node| place_of(&zones, node.label(facts::cluster::well_known::ZONE)?))
            .collect();
        let zone_of_pod: Vec<Option<u32>> =
            pods.iter().map(|pod| zone_of_node[nodes.get(pod.node.as_deref()?, "")?]).collect();
        let by_name = NameIndex::of(pods.iter().map(|pod| (pod.namespace(), pod.name.as_str())));
        // Pods on the network of their node share its address, which then tells nothing.
        let addressed: Vec<(&str, u32)> = pods
            .iter()
            .zip(0_u32..)
            .filter(|(pod, _)| !pod.host_network && pod.is_active())
            .filter_map(|(pod, place)| Some((pod.ip.as_deref()?, place)))
            .collect();
        let by_address = AddressIndex::of(&addressed);
        let pod_at = |end: &FlowEnd| -> Option<u32> {
            if let Some(name) = &end.pod {
                let namespace = end.namespace.as_deref().unwrap_or("default");
                return by_name.get(namespace, name).map(|place| place as u32);
            }
            by_address.get(end.address.as_deref()?)
        };
        let mut flows = Vec::with_capacity(traffic.flows.len());
        for flow in &traffic.flows {
            let (source, destination) = (pod_at(&flow.source), pod_at(&flow.destination));
            let zone_at = |end: &FlowEnd, pod: Option<u32>| match &end.zone {
                Some(zone) => place_of(&zones, zone),
                None => zone_of_pod[pod? as usize],
            };
            flows.push(ResolvedFlow {
                source,
                destination,
                source_zone: zone_at(&flow.source, source),
                destination_zone: zone_at(&flow.destination, destination),
                flow,
            });
        }
        Ok(TrafficView { workloads: Workloads::of(state), zone_of_pod, zones, flows, hours })
    }

    /// Bytes of the observed stretch as bytes of a month of 730 hours.
    #[must_use]
    pub fn a_month(&self, bytes: u64) -> f64 {
        bytes as f64 / self.hours * 730.0
    }

    /// Bytes of the observed stretch as bytes of a day.
    #[must_use]
    pub fn a_day(&self, bytes: u64) -> f64 {
        bytes as f64 / self.hours * 24.0
    }
}

impl ResolvedFlow<'_> {
    /// Whether both zones are known and differ.
    #[must_use]
    pub fn crosses_zones(&self) -> bool {
        matches!((self.source_zone, self.destination_zone), (Some(a), Some(b)) if a != b)
    }
}

fn observed_hours(traffic: &Traffic) -> Option<f64> {
    let (from, until) = (traffic.from?, traffic.until?);
    Some(until.duration_since(from).as_secs_f64() / 3_600.0)
}

/// Names of all zones that occur, in order, so that a zone's place says nothing about the order of
/// the input.
fn zones_of<'a>(state: &'a ClusterState, traffic: &'a Traffic) -> Vec<&'a str> {
    let of_nodes =
        state.node_items().iter().filter_map(|node| node.label(facts::cluster::well_known::ZONE));
    let mut zones: Vec<&str> = of_nodes.collect();
    zones.sort_unstable();
    zones.dedup();
    for flow in &traffic.flows {
        for zone in [&flow.source.zone, &flow.destination.zone].into_iter().flatten() {
            if let Err(place) = zones.binary_search(&zone.as_str()) {
                zones.insert(place, zone);
            }
        }
    }
    zones
}

fn place_of(zones: &[&str], zone: &str) -> Option<u32> {
    zones.binary_search(&zone).ok().map(|place| place as u32)
}
