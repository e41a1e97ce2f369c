//! Rules between pods: near, apart, spread, and ports of one node.

use facts::cluster::{Pod, PodAffinityTerm, SpreadConstraint, Unsatisfiable, well_known};
use facts::reason::ReasonCode;

use crate::matching::{node_suits, selected, term_is_about, untolerated};
use crate::world::World;

/// Why a pod may not enter a place for what other pods ask; the pod itself counts nowhere.
pub(crate) fn objection(world: &World<'_>, pod: usize, to: usize) -> Option<(ReasonCode, String)> {
    apart(world, pod, to)
        .or_else(|| near(world, pod, to))
        .or_else(|| spread(world, pod, to))
        .or_else(|| ports(world, pod, to))
}

fn anti_terms(pod: &Pod) -> &[PodAffinityTerm] {
    let affinity = pod.affinity.as_ref().and_then(|affinity| affinity.pod_anti.as_ref());
    affinity.map_or(&[], |anti| &anti.required)
}

fn same_domain(world: &World<'_>, a: usize, b: usize, key: &str) -> bool {
    if key == well_known::HOSTNAME {
        return a == b;
    }
    let value = |place: usize| world.places[place].node.label(key);
    value(a).is_some() && value(a) == value(b)
}

fn apart(world: &World<'_>, pod: usize, to: usize) -> Option<(ReasonCode, String)> {
    let own = world.pods[pod].pod;
    for (index, other) in world.pods.iter().enumerate() {
        let (Some(place), true) = (other.place, index != pod) else { continue };
        let clash = |owner: &Pod, target: &Pod| {
            anti_terms(owner).iter().any(|term| {
                same_domain(world, place, to, &term.topology_key)
                    && term_is_about(world.state, owner, term, target)
            })
        };
        if clash(own, other.pod) || clash(other.pod, own) {
            let name = format!("{}/{}", other.pod.namespace(), other.pod.name);
            return Some((ReasonCode::PodAntiAffinity, format!("anti-affinity with pod {name}")));
        }
    }
    None
}

fn near(world: &World<'_>, pod: usize, to: usize) -> Option<(ReasonCode, String)> {
    let own = world.pods[pod].pod;
    let terms = own.affinity.as_ref().and_then(|affinity| affinity.pod.as_ref());
    let terms = terms.map_or(&[][..], |near| &near.required);
    if terms.is_empty() {
        return None;
    }
    let about = |other: &Pod| terms.iter().all(|term| term_is_about(world.state, own, term, other));
    let others = || {
        let rest = world.pods.iter().enumerate().filter(|(index, _)| *index != pod);
        rest.filter_map(|(_, other)| other.place.filter(|_| about(other.pod)))
    };
    if others().next().is_none() && about(own) {
        return None;
    }
    let lonely = terms
        .iter()
        .find(|term| !others().any(|place| same_domain(world, place, to, &term.topology_key)));
    lonely.map(|term| {
        (ReasonCode::PodAffinity, format!("no pod that it must be near, per {}", term.topology_key))
    })
}

fn spread(world: &World<'_>, pod: usize, to: usize) -> Option<(ReasonCode, String)> {
    let own = world.pods[pod].pod;
    let hard = own
        .topology_spread
        .iter()
        .filter(|one| one.when_unsatisfiable == Unsatisfiable::DoNotSchedule);
    for constraint in hard {
        let key = &constraint.topology_key;
        let Some(domain) = domain(world, to, key) else {
            return Some((ReasonCode::TopologySpread, format!("the node has no {key}")));
        };
        let counts = counts(world, pod, constraint);
        let own_counts = u32::from(counted(own, own, constraint));
        let here = counts.iter().find(|(name, _)| *name == domain).map_or(0, |(_, count)| *count);
        let few = constraint.min_domains.is_some_and(|least| (counts.len() as u32) < least);
        let least = counts.iter().map(|(_, count)| *count).min().unwrap_or(0);
        let least = if few { 0 } else { least };
        if here + own_counts > least + constraint.max_skew {
            let detail = format!(
                "{} pods in {domain} against {least} elsewhere, per {key}",
                here + own_counts
            );
            return Some((ReasonCode::TopologySpread, detail));
        }
    }
    None
}

/// Counted pods in every domain that the constraint looks at.
fn counts(world: &World<'_>, pod: usize, constraint: &SpreadConstraint) -> Vec<(String, u32)> {
    let own = world.pods[pod].pod;
    let mut counts: Vec<(String, u32)> = Vec::new();
    let mut row = vec![usize::MAX; world.places.len()];
    for (at, place) in world.places.iter().enumerate() {
        // A cordoned node still counts for its zone, as the default policy on taints has it. A node
        // that is its own domain does not: whoever leaves it may wait until it is gone.
        let of_itself = constraint.topology_key == well_known::HOSTNAME;
        let looked_at = place.present
            && (place.open || !of_itself)
            && (!constraint.honor_node_affinity || node_suits(own, &place.node))
            && (!constraint.honor_node_taints || untolerated(own, &place.node.taints).is_none());
        let Some(name) = domain(world, at, &constraint.topology_key).filter(|_| looked_at) else {
            continue;
        };
        row[at] = counts.iter().position(|(one, _)| *one == name).unwrap_or_else(|| {
            counts.push((name, 0));
            counts.len() - 1
        });
    }
    for (index, other) in world.pods.iter().enumerate() {
        let Some(place) = other.place.filter(|_| index != pod && !other.bound) else { continue };
        // A pod on a closed node still counts in its domain, as long as the domain is looked at.
        let at = match row[place] {
            usize::MAX => domain(world, place, &constraint.topology_key)
                .and_then(|name| counts.iter().position(|(one, _)| *one == name)),
            at => Some(at),
        };
        if let (Some(at), true) = (at, counted(own, other.pod, constraint)) {
            counts[at].1 += 1;
        }
    }
    counts
}

fn counted(own: &Pod, other: &Pod, constraint: &SpreadConstraint) -> bool {
    own.namespace() == other.namespace()
        && selected(constraint.selector.as_ref(), &other.labels)
        && constraint.match_label_keys.iter().all(|key| {
            !own.labels.contains_key(key) || own.labels.get(key) == other.labels.get(key)
        })
}

fn domain(world: &World<'_>, place: usize, key: &str) -> Option<String> {
    let node = &world.places[place].node;
    if key == well_known::HOSTNAME {
        return Some(node.name.clone());
    }
    node.label(key).map(str::to_owned)
}

fn ports(world: &World<'_>, pod: usize, to: usize) -> Option<(ReasonCode, String)> {
    let of = |pod: &Pod| {
        let containers = pod.containers.iter().chain(&pod.init_containers);
        containers.flat_map(|one| one.host_ports.clone()).collect::<Vec<_>>()
    };
    let mine = of(world.pods[pod].pod);
    if mine.is_empty() {
        return None;
    }
    let any = |address: &str| matches!(address, "" | "0.0.0.0" | "::");
    let word = |text: &str| if text.is_empty() { "TCP".to_owned() } else { text.to_owned() };
    let here = world
        .pods
        .iter()
        .enumerate()
        .filter(|(index, other)| *index != pod && other.place == Some(to));
    for (_, other) in here {
        for theirs in of(other.pod) {
            let clash = mine.iter().any(|own| {
                own.port == theirs.port
                    && word(&own.protocol) == word(&theirs.protocol)
                    && (any(&own.host_ip) || any(&theirs.host_ip) || own.host_ip == theirs.host_ip)
            });
            if clash {
                return Some((ReasonCode::HostPort, format!("port {} is taken", theirs.port)));
            }
        }
    }
    None
}
