//! Pods that nobody moves and that still keep others away: those of daemon sets, and those on their
//! way out.
//!
//! They are no part of the model, where a pod that cannot move would keep its node; so their ports
//! and anti-affinities are looked at apart, whenever a pod is to enter a node.

use std::collections::BTreeSet;

use facts::cluster::{ClusterState, Node, Pod, PodAffinityTerm, well_known};

use super::compile::place_of;
use super::groups::{counted_by, ports};

/// The pods that stand guard.
pub struct Guards<'a> {
    state: &'a ClusterState,
    fixed: Vec<(&'a Pod, &'a Node)>,
}

impl<'a> Guards<'a> {
    /// Collects the guards: active pods that belong to their node or leave it, where they or the
    /// pods that may move have such rules. `nodes` stand in the order of their names.
    #[must_use]
    pub fn of(state: &'a ClusterState, nodes: &[&'a Node], pods: &[&Pod]) -> Guards<'a> {
        let mut wanted: BTreeSet<u16> = BTreeSet::new();
        let mut shy: Vec<&Pod> = Vec::new();
        for pod in pods {
            wanted.extend(ports(pod).iter().map(|port| port.0));
            let known = |other: &&Pod| {
                other.namespace() == pod.namespace() && anti_terms(other) == anti_terms(pod)
            };
            if !anti_terms(pod).is_empty() && !shy.iter().any(known) {
                shy.push(pod);
            }
        }
        let matters = |fixed: &Pod| {
            !anti_terms(fixed).is_empty()
                || ports(fixed).iter().any(|port| wanted.contains(&port.0))
                || shy.iter().any(|pod| {
                    anti_terms(pod).iter().any(|term| counted_by(state, pod, term, fixed))
                })
        };
        let fixed = state
            .pod_items()
            .iter()
            .filter(|pod| pod.is_active() && (pod.belongs_to_node() || pod.deleted_at.is_some()))
            .filter(|pod| matters(pod))
            .filter_map(|pod| Some((pod, nodes[place_of(nodes, pod.node.as_deref()?)?])))
            .collect();
        Guards { state, fixed }
    }

    /// Whether some guard keeps a pod from a node.
    #[must_use]
    pub fn keep_away(&self, pod: &Pod, node: &Node) -> bool {
        self.fixed.iter().any(|(fixed, home)| {
            let near = |key: &str| match key {
                well_known::HOSTNAME => home.name == node.name,
                key => home.label(key).is_some() && home.label(key) == node.label(key),
            };
            (home.name == node.name && ports_clash(pod, fixed))
                || self.apart(pod, fixed, near)
                || self.apart(fixed, pod, near)
        })
    }

    /// Whether two pods can never share a node.
    #[must_use]
    pub fn clash(&self, pod: &Pod, other: &Pod) -> bool {
        ports_clash(pod, other)
            || self.apart(pod, other, |_| true)
            || self.apart(other, pod, |_| true)
    }

    fn apart(&self, owner: &Pod, other: &Pod, near: impl Fn(&str) -> bool) -> bool {
        anti_terms(owner)
            .iter()
            .any(|term| near(&term.topology_key) && counted_by(self.state, owner, term, other))
    }
}

fn anti_terms(pod: &Pod) -> &[PodAffinityTerm] {
    let anti = pod.affinity.as_ref().and_then(|affinity| affinity.pod_anti.as_ref());
    anti.map_or(&[], |anti| &anti.required)
}

fn ports_clash(pod: &Pod, other: &Pod) -> bool {
    let theirs = ports(other);
    ports(pod).iter().any(|(number, protocol, address)| {
        theirs.iter().any(|their| {
            let meet = address.is_none() || their.2.is_none() || *address == their.2;
            *number == their.0 && *protocol == their.1 && meet
        })
    })
}
