//! Where a pod's volumes let it run, and how many volumes a node can hold.

use std::collections::BTreeMap;

use facts::cluster::{ClusterState, Node, NodeSelectorTerm, PersistentVolume, Pod, VolumeClaim};

/// The storage of a cluster, by name.
pub(super) struct Storage<'a> {
    supplied: bool,
    claims: BTreeMap<(&'a str, &'a str), &'a VolumeClaim>,
    volumes: BTreeMap<&'a str, &'a PersistentVolume>,
    topologies: BTreeMap<&'a str, &'a [NodeSelectorTerm]>,
    limits: BTreeMap<(&'a str, &'a str), i64>,
    /// Drivers that limit some node, in name order.
    pub drivers: Vec<&'a str>,
}

/// What a pod's volumes ask of its node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VolumeRules<'a> {
    /// Lists of alternatives; the node must meet one of each list.
    pub terms: Vec<&'a [NodeSelectorTerm]>,
    /// The zone that the pod must stay in, since nothing is known of a volume but that it is used.
    pub zone: Option<&'a str>,
    /// How many volumes it attaches, by driver in the order of [`Storage::drivers`].
    pub attached: Vec<i64>,
    /// Claims that the snapshot does not have.
    pub unknown: Vec<&'a str>,
}

impl<'a> Storage<'a> {
    pub(super) fn of(state: &'a ClusterState) -> Storage<'a> {
        let mut storage = Storage {
            supplied: state.volumes.is_some(),
            claims: BTreeMap::new(),
            volumes: BTreeMap::new(),
            topologies: BTreeMap::new(),
            limits: BTreeMap::new(),
            drivers: Vec::new(),
        };
        let Some(section) = &state.volumes else { return storage };
        for claim in &section.items.claims {
            storage.claims.insert((&claim.namespace, &claim.name), claim);
        }
        for volume in &section.items.volumes {
            storage.volumes.insert(&volume.name, volume);
        }
        for class in &section.items.storage_classes {
            storage.topologies.insert(&class.name, &class.allowed_topologies);
        }
        for limit in &section.items.attach_limits {
            if let Some(count) = limit.count {
                storage.limits.insert((&limit.node, &limit.driver), count);
                storage.drivers.push(&limit.driver);
            }
        }
        storage.drivers.sort_unstable();
        storage.drivers.dedup();
        storage
    }

    /// How many volumes of a driver a node can hold; `None` when the driver does not say.
    pub(super) fn limit(&self, node: &Node, driver: &str) -> Option<i64> {
        self.limits.get(&(node.name.as_str(), driver)).copied()
    }

    /// What the volumes of a pod that runs in `home` ask of its node.
    pub(super) fn rules(&self, pod: &'a Pod, home: Option<&'a Node>) -> VolumeRules<'a> {
        let mut rules = VolumeRules::default();
        if pod.volume_claims.is_empty() {
            return rules;
        }
        let home_zone = home.and_then(|node| node.label(facts::cluster::well_known::ZONE));
        rules.attached = vec![0; self.drivers.len()];
        for name in &pod.volume_claims {
            let claim = self.claims.get(&(pod.namespace(), name.as_str())).copied();
            let volume = claim
                .and_then(|claim| claim.volume.as_deref())
                .and_then(|volume| self.volumes.get(volume).copied());
            match (claim, volume) {
                (_, Some(volume)) => {
                    if !volume.node_affinity.is_empty() {
                        rules.terms.push(&volume.node_affinity);
                    }
                    let driver = volume.driver.as_deref();
                    if let Some(at) = self.drivers.iter().position(|known| Some(*known) == driver) {
                        rules.attached[at] += 1;
                    }
                }
                (Some(claim), None) if claim.volume.is_none() => {
                    let class = claim.storage_class.as_deref();
                    let terms = class.and_then(|class| self.topologies.get(class));
                    if let Some(terms) = terms.filter(|terms| !terms.is_empty()) {
                        rules.terms.push(terms);
                    }
                }
                _ => {
                    // The volume exists and is likely zonal; where it is, is not known.
                    rules.zone = home_zone;
                    if self.supplied {
                        rules.unknown.push(name);
                    }
                }
            }
        }
        rules
    }
}
