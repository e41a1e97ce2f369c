//! Machines that are larger, smaller or of another shape than what runs on them needs.
//!
//! Nodes of one pool and one type are one group, and every node of it is replaced one for one: the
//! new type has to hold what each of them carries, as requested after the containers' own changes,
//! in what the kubelet leaves of it. Packing pods together is another engine's matter.

use std::collections::BTreeMap;

use facts::action::Target;
use facts::cluster::{ClusterState, Node, Pod, ResourceList, well_known};
use facts::decision::PriceUsed;
use facts::names::{CapacityType, OperatingSystem};
use facts::reason::ReasonCode;
use jiff::Timestamp;
use market::Instance;
use units::{Bytes, Confidence, Fraction, MilliCpu, UsdPerHour};

use super::evidence::RightsizingEvidence;
use super::load::{Load, Loads};
use super::machines::Candidate;
use super::merge::{Merged, Need, merge};
use super::policy::{RightsizingPolicy, WorkloadClass};
use super::suits;
use super::{Direction, RightsizingFinding};
use crate::commitments::{Capacity, Commitments};
use crate::findings::Collected;
use crate::machine_prices::Machine;
use crate::scheduling::eviction::protected;

/// A group whose machines should be of another type.
pub(super) struct Reshape {
    /// What the step acts on: the group, or each of its nodes where it has no name.
    pub(super) targets: Vec<Target>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) allocatable: ResourceList,
    pub(super) direction: Direction,
    pub(super) nodes: u32,
    pub(super) pods: u32,
    pub(super) review: Option<String>,
}

/// Nodes of one pool, type and way of buying.
pub(super) struct NodeGroup<'a> {
    pub(super) pool: Option<(&'static str, &'a str)>,
    pub(super) from: &'a str,
    pub(super) capacity_type: CapacityType,
    /// By their places in the snapshot.
    pub(super) nodes: Vec<usize>,
    /// Whether they are all nodes of the type in the pool, so that a step can name the pool.
    pub(super) whole: bool,
}

/// What is looked at, all at once.
pub(super) struct Scene<'a> {
    pub(super) state: &'a ClusterState,
    pub(super) policy: &'a RightsizingPolicy,
    pub(super) evidence: &'a RightsizingEvidence,
    pub(super) loads: &'a Loads,
    pub(super) commitments: &'a Commitments<'a>,
    pub(super) now: Timestamp,
}

/// Judges every group. Returns changes, and what they save by list.
pub(super) fn judge(
    scene: &Scene<'_>,
    collected: &mut Collected<RightsizingFinding>,
) -> (Vec<Reshape>, UsdPerHour) {
    let nodes = scene.state.node_items();
    let prices: Vec<Option<PriceUsed>> = nodes.iter().map(|node| scene.price_of(node)).collect();
    let mut bill: Vec<Option<Capacity>> = nodes
        .iter()
        .zip(&prices)
        .map(|(node, price)| {
            Some(Capacity {
                instance_type: node.label(well_known::INSTANCE_TYPE)?.to_owned(),
                capacity_type: node.capacity_type.unwrap_or(CapacityType::OnDemand),
                usd_per_hour: price.as_ref()?.usd_per_hour,
            })
        })
        .collect();
    for price in &prices {
        collected.look_at(price.as_ref().map(|price| price.usd_per_hour.per_month()));
        if let Some(price) = price {
            collected.prices.insert(price.item.clone(), price.clone());
        }
    }
    let mut reshapes = Vec::new();
    let mut list = UsdPerHour::ZERO;
    if !scene.policy.instances {
        return (reshapes, list);
    }
    for group in groups(scene.state) {
        let known: Option<Vec<UsdPerHour>> = group
            .nodes
            .iter()
            .map(|node| prices[*node].as_ref().map(|price| price.usd_per_hour))
            .collect();
        match scene.reshape(&group, known.as_deref()) {
            Ok(chosen) => {
                let all = |bill: &[Option<Capacity>]| {
                    scene.commitments.bill(&bill.iter().flatten().cloned().collect::<Vec<_>>())
                };
                let before = all(&bill);
                let mut then = bill.clone();
                for (at, price) in &chosen.prices {
                    then[group.nodes[*at]] = Some(Capacity {
                        instance_type: chosen.instance.instance_type.to_string(),
                        capacity_type: group.capacity_type,
                        usd_per_hour: price.usd_per_hour,
                    });
                }
                let after = all(&then);
                let saves = before.effective - after.effective;
                if chosen.direction == Direction::Downsize && saves <= UsdPerHour::ZERO {
                    let detail = format!(
                        "{} would cost less by list, but commitments are paid in any case",
                        chosen.instance.instance_type
                    );
                    collected.refuse(&group.target(), ReasonCode::Committed, detail);
                    continue;
                }
                bill = then;
                for price in chosen.prices.values() {
                    collected.prices.insert(price.item.clone(), price.clone());
                }
                list += before.list - after.list;
                let (found, reshape) = scene.finding(&group, chosen, saves);
                collected.found.push(found);
                reshapes.push(reshape);
            }
            Err((code, detail, numbers)) => {
                collected.refuse_with(&group.target(), code, detail, &numbers);
            }
        }
    }
    (reshapes, list)
}

fn groups(state: &ClusterState) -> Vec<NodeGroup<'_>> {
    type Key<'k> = (Option<(&'static str, &'k str)>, &'k str, CapacityType);
    let mut found: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
    for (place, node) in state.node_items().iter().enumerate() {
        let Some(from) = node.label(well_known::INSTANCE_TYPE) else { continue };
        if node.deleted_at.is_some() {
            continue;
        }
        let managed = node.labels.get(well_known::EKS_NODE_GROUP).map(|name| ("NodeGroup", name));
        let pool = managed
            .map(|(kind, name)| (kind, name.as_str()))
            .or_else(|| node.label(well_known::KARPENTER_NODE_POOL).map(|name| ("NodePool", name)));
        let bought = node.capacity_type.unwrap_or(CapacityType::OnDemand);
        found.entry((pool, from, bought)).or_default().push(place);
    }
    let keys: Vec<Key<'_>> = found.keys().copied().collect();
    let groups = found.into_iter().map(|((pool, from, capacity_type), mut nodes)| {
        nodes.sort_by_key(|node| &state.node_items()[*node].name);
        // A step on the pool would change what is bought in the other way, too.
        let same = keys.iter().filter(|(other, of_type, _)| *other == pool && *of_type == from);
        let whole = pool.is_some() && same.count() == 1;
        NodeGroup { pool, from, capacity_type, nodes, whole }
    });
    groups.collect()
}

impl NodeGroup<'_> {
    pub(super) fn name(&self) -> String {
        let pool = self.pool.map_or("-", |(_, name)| name);
        format!("{pool}/{}/{}", self.from, self.capacity_type)
    }

    pub(super) fn target(&self) -> Target {
        let (kind, name) = self.pool.unwrap_or(("InstanceType", self.from));
        Target { kind: kind.to_owned(), name: name.to_owned(), ..Target::default() }
    }
}

/// The type that a group should have.
pub(super) struct Chosen<'e> {
    pub(super) instance: &'e Instance,
    /// For each node, by its place in the group.
    pub(super) prices: BTreeMap<usize, PriceUsed>,
    pub(super) before: UsdPerHour,
    pub(super) direction: Direction,
    pub(super) merged: Merged,
    /// What nodes carry at most.
    pub(super) load: Load,
    /// What is offered now.
    pub(super) offered: [i64; 2],
    pub(super) class: Option<WorkloadClass>,
    /// Whether the class' families had nothing that fits.
    pub(super) beyond_class: bool,
}

type Refused = (ReasonCode, String, Vec<(&'static str, f64)>);

impl<'a> Scene<'a> {
    fn price_of(&self, node: &Node) -> Option<PriceUsed> {
        if let Some(usd_per_hour) = node.usd_per_hour {
            return Some(PriceUsed {
                item: format!("node {}", node.name),
                usd_per_hour,
                basis: "stated".to_owned(),
                observed_at: None,
            });
        }
        self.evidence.price(&Machine::of_node(self.state, node)?).cloned()
    }

    fn reshape(
        &self,
        group: &NodeGroup<'_>,
        prices: Option<&[UsdPerHour]>,
    ) -> Result<Chosen<'a>, Refused> {
        let nodes: Vec<&Node> =
            group.nodes.iter().map(|node| &self.state.node_items()[*node]).collect();
        let refused = |code, detail: String| (code, detail, Vec::new());
        if nodes.iter().any(|node| node.operating_system == Some(OperatingSystem::Windows)) {
            let detail = "machines with Windows are left alone".to_owned();
            return Err(refused(ReasonCode::ExcludedByPolicy, detail));
        }
        let Some(now) = self.evidence.known_type(group.from) else {
            let detail = format!("{} is not in the catalogue", group.from);
            return Err(refused(ReasonCode::UnknownInstanceType, detail));
        };
        let Some(prices) = prices else {
            let detail = format!("what {} costs is not known", group.from);
            return Err(refused(ReasonCode::PriceUnknown, detail));
        };
        if let Some(detail) = self.protected(group, &nodes) {
            return Err(refused(ReasonCode::DoNotDisrupt, detail));
        }
        let load = self.most(group);
        if load.movable == 0 {
            let detail = "nothing runs on it but what comes with nodes".to_owned();
            return Err(refused(ReasonCode::NotWorthIt, detail));
        }
        let offered = offered_now(&nodes, now);
        let share =
            |amount: [i64; 2]| [0, 1].map(|at| amount[at] as f64 / (offered[at].max(1)) as f64);
        let (used, measured) = (share(load.used), share(load.measured));
        let policy = self.policy;
        let numbers = vec![
            ("cpu_used_share", round(used[0])),
            ("memory_used_share", round(used[1])),
            ("downsize_below", policy.downsize_below),
            ("upsize_above", policy.upsize_above),
        ];
        let upsize = measured.iter().any(|share| *share > policy.upsize_above);
        if !upsize && used.iter().all(|share| *share >= policy.downsize_below) {
            let detail = format!(
                "pods use {:.0} % of its processors and {:.0} % of its memory",
                used[0] * 100.0,
                used[1] * 100.0
            );
            return Err((ReasonCode::WithinTolerance, detail, numbers));
        }
        let merged = self.merged(group, &load);
        let before: UsdPerHour = prices.iter().copied().sum();
        let class = self.class(group, &nodes);
        let places = self.places(&nodes);
        let all = self.candidates(&places, now, &load, &merged);
        let rules_hold = self.rules(group, &nodes);
        let families = class.and_then(|class| policy.preferences.get(&class));
        let preferred = |one: &Instance| match families {
            Some(families) => families.contains(one.instance_type.family()),
            None => self.is_free_choice(one),
        };
        // That the operator's limits leave nothing of the preferred families opens no others.
        let mut suiting = all.iter().filter(|one| preferred(one.instance));
        let beyond_class = families.is_some() && !suiting.any(|one| rules_hold(one.instance));
        let wanted = |one: &Instance| {
            let kind = if beyond_class { self.is_free_choice(one) } else { preferred(one) };
            kind && suits::chosen(&policy.machines, one)
        };
        let mut wanted = all.iter().filter(|one| wanted(one.instance));
        let Some(Candidate { instance, prices: of_places, cost }) =
            wanted.find(|one| rules_hold(one.instance))
        else {
            let detail = "no other type that is allowed holds what its nodes carry".to_owned();
            return Err((ReasonCode::FitsNoInstanceType, detail, numbers));
        };
        let saves = before - *cost;
        let share = saves.nanos() as f64 / before.nanos().max(1) as f64;
        if !upsize && share < policy.min_saving_share {
            let detail = format!(
                "the cheapest type that holds it is {}, which saves {:.1} %; {:.0} % are asked for",
                instance.instance_type,
                share * 100.0,
                policy.min_saving_share * 100.0
            );
            return Err((ReasonCode::NoSaving, detail, numbers));
        }
        Ok(Chosen {
            instance,
            prices: places
                .iter()
                .zip(of_places)
                .flat_map(|((_, nodes), price)| {
                    nodes.iter().map(move |node| (*node, price.clone()))
                })
                .collect(),
            before,
            direction: if upsize { Direction::Upsize } else { Direction::Downsize },
            merged,
            load,
            offered,
            class,
            beyond_class,
        })
    }

    /// What marks a node, or a pod on it, as not to be disrupted.
    fn protected(&self, group: &NodeGroup<'_>, nodes: &[&Node]) -> Option<String> {
        let of_node = |node: &&Node| {
            let how = protected(&node.annotations, node.created_at, self.now)?;
            Some(format!("node {} is {how}", node.name))
        };
        let pods = self.state.pod_items();
        let mut on_nodes = group
            .nodes
            .iter()
            .flat_map(|node| &self.loads.pods[*node])
            .map(|at| &pods[*at as usize]);
        let of_pod = |pod: &Pod| {
            let how = protected(&pod.annotations, pod.created_at, self.now)?;
            Some(format!("pod {}/{} is {how}", pod.namespace(), pod.name))
        };
        nodes.iter().find_map(of_node).or_else(|| on_nodes.find_map(of_pod))
    }

    /// The most that any node of a group carries, in each dimension.
    fn most(&self, group: &NodeGroup<'_>) -> Load {
        let mut most = Load::default();
        for node in &group.nodes {
            let load = &self.loads.nodes[*node];
            for at in 0..2 {
                most.used[at] = most.used[at].max(load.used[at]);
                most.measured[at] = most.measured[at].max(load.measured[at]);
                most.grown[at] = most.grown[at].max(load.grown[at]);
            }
            most.after.cpu = most.after.cpu.max(load.after.cpu);
            most.after.memory = most.after.memory.max(load.after.memory);
            for (name, amount) in &load.after.other {
                let entry = most.after.other.entry(name.clone()).or_default();
                *entry = (*entry).max(*amount);
            }
            most.pods = most.pods.max(load.pods);
            most.movable += load.movable;
        }
        most
    }

    /// What a machine has to offer: what is requested of it, and use with room to grow before the
    /// trigger for a larger one; joined with a forecast where there is one.
    fn merged(&self, group: &NodeGroup<'_>, load: &Load) -> Merged {
        let policy = self.policy;
        let room = (1.0 + policy.buffer) / policy.upsize_above.max(0.01);
        let with_room = |used: i64| (used as f64 * room).ceil() as i64;
        let need = Need {
            cpu: MilliCpu(load.after.cpu.max(with_room(load.measured[0]))),
            memory: Bytes(load.after.memory.max(with_room(load.measured[1]))),
        };
        let known = if load.measured.iter().all(|amount| *amount > 0) { 0.8 } else { 0.6 };
        let sure = Confidence::new(Fraction::clamped(known));
        let name = format!("instance:{}", group.name());
        merge(need, sure, self.evidence.forecast(&name), policy.review_divergence)
    }

    /// What the nodes of a group are for.
    fn class(&self, group: &NodeGroup<'_>, nodes: &[&Node]) -> Option<WorkloadClass> {
        let by_pool = group.pool.and_then(|(_, name)| self.policy.class_of_pool.get(name));
        let labels = ["cloudoptim.io/workload-class", "workload-type"];
        let of_node = |node: &&Node| {
            labels.iter().find_map(|label| WorkloadClass::of(node.labels.get(*label)?))
        };
        let first = nodes.first().and_then(of_node);
        let agreed = first.filter(|first| nodes.iter().all(|node| of_node(node) == Some(*first)));
        by_pool.copied().or(agreed).or(self.policy.workload_class)
    }
}

/// What the nodes of a group offer: the least of what they say, else what the catalogue says.
fn offered_now(nodes: &[&Node], now: &Instance) -> [i64; 2] {
    let cpu = nodes.iter().filter_map(|node| node.allocatable_cpu()).min().or(now.allocatable_cpu);
    let memory =
        nodes.iter().filter_map(|node| node.allocatable_memory()).min().or(now.allocatable_memory);
    [cpu.map_or(0, |cpu| cpu.0), memory.map_or(0, |memory| memory.0)]
}

pub(super) fn round(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}
