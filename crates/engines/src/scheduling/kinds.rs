//! Nodes that all static rules treat alike share a kind, so that each rule is tried once a kind.

use std::collections::{BTreeMap, BTreeSet};

use facts::cluster::{Labels, Node, NodeSelectorTerm, Pod, Taint, Toleration, well_known};
use packing::IndexSet;

use super::matching;
use super::storage::VolumeRules;

/// The static rules of a pod: those that look at the node alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StaticRules<'a> {
    selector: &'a Labels,
    required: &'a [NodeSelectorTerm],
    tolerations: &'a [Toleration],
    volume_terms: Vec<&'a [NodeSelectorTerm]>,
    zone: Option<&'a str>,
}

impl<'a> StaticRules<'a> {
    pub(super) fn of(pod: &'a Pod, volumes: &VolumeRules<'a>) -> StaticRules<'a> {
        let affinity = pod.affinity.as_ref().and_then(|affinity| affinity.node.as_ref());
        StaticRules {
            selector: &pod.node_selector,
            required: affinity.map_or(&[], |affinity| &affinity.required),
            tolerations: &pod.tolerations,
            volume_terms: volumes.terms.clone(),
            zone: volumes.zone,
        }
    }

    /// Whether the pod's own rules on labels hold, taints aside: these nodes are the places that a
    /// spread counts.
    pub(super) fn labels_hold(&self, node: &Node) -> bool {
        self.selector.iter().all(|(key, value)| node.label(key) == Some(value))
            && (self.required.is_empty() || matching::node_meets_any(self.required, node))
    }

    pub(super) fn taints_hold(&self, node: &Node) -> bool {
        matching::repelling_taint(self.tolerations, &node.taints).is_none()
    }

    pub(super) fn volumes_hold(&self, node: &Node) -> bool {
        self.volume_terms.iter().all(|terms| matching::node_meets_any(terms, node))
            && self.zone.is_none_or(|zone| node.label(well_known::ZONE) == Some(zone))
    }

    pub(super) fn hold(&self, node: &Node) -> bool {
        self.labels_hold(node) && self.taints_hold(node) && self.volumes_hold(node)
    }

    /// Whether some rule names a zone.
    pub(super) fn look_at_zones(&self) -> bool {
        let mut keys = BTreeSet::new();
        self.keys(&mut keys);
        let zones =
            [well_known::ZONE, well_known::ZONE_OLD, well_known::ZONE_ID, well_known::ZONE_EBS];
        zones.into_iter().any(|zone| keys.contains(zone))
    }

    fn keys(&self, into: &mut BTreeSet<String>) {
        into.extend(self.selector.keys().cloned());
        for term in self.required.iter().chain(self.volume_terms.iter().copied().flatten()) {
            into.extend(term.match_expressions.iter().map(|one| one.key.clone()));
            if !term.match_fields.is_empty() {
                // The only field is the node's name, which the host name stands for.
                into.insert(well_known::HOSTNAME.to_owned());
            }
        }
        if self.zone.is_some() {
            into.insert(well_known::ZONE.to_owned());
        }
    }
}

/// The kinds of a list of nodes under a list of rules.
pub(super) struct Kinds {
    /// Kind of every node.
    pub of_node: Vec<u32>,
    /// A node of every kind.
    representative: Vec<usize>,
    /// The kind of nodes that take no pods.
    closed: Option<u32>,
}

impl Kinds {
    pub(super) fn of(nodes: &[&Node], open: &[bool], rules: &[StaticRules<'_>]) -> Kinds {
        let mut keys = BTreeSet::new();
        for rule in rules {
            rule.keys(&mut keys);
        }
        let keys: Vec<String> = keys.into_iter().collect();
        type Signature<'n> = (Vec<Option<&'n str>>, &'n [Taint]);
        let mut known: BTreeMap<Signature<'_>, u32> = BTreeMap::new();
        let mut kinds = Kinds { of_node: Vec::new(), representative: Vec::new(), closed: None };
        for (index, node) in nodes.iter().enumerate() {
            let next = kinds.representative.len() as u32;
            let kind = if open[index] {
                let values = keys.iter().map(|key| node.label(key)).collect();
                *known.entry((values, &node.taints)).or_insert(next)
            } else {
                *kinds.closed.get_or_insert(next)
            };
            if kind == next {
                kinds.representative.push(index);
            }
            kinds.of_node.push(kind);
        }
        kinds
    }

    /// The kinds on which a pod with these rules may be placed.
    pub(super) fn allowed(&self, nodes: &[&Node], rules: &StaticRules<'_>) -> IndexSet {
        let allowed: Vec<u32> = self
            .representative
            .iter()
            .enumerate()
            .filter(|(kind, node)| self.closed != Some(*kind as u32) && rules.hold(nodes[**node]))
            .map(|(kind, _)| kind as u32)
            .collect();
        IndexSet::of(&allowed)
    }
}
