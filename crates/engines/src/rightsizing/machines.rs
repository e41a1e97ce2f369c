//! Types that could take the place of those that a group of nodes has.

use std::collections::BTreeMap;

use facts::cluster::{Node, Pod};
use facts::decision::PriceUsed;
use facts::names::CapacityType;
use market::Instance;
use units::UsdPerHour;

use super::evidence::{RightsizingEvidence, is_usual};
use super::load::Load;
use super::merge::Merged;
use super::shapes::{NodeGroup, Scene};
use super::suits;
use crate::machine_prices::Machine;

/// A type that holds what the nodes of a group carry.
pub(super) struct Candidate<'e> {
    pub(super) instance: &'e Instance,
    /// For each place.
    pub(super) prices: Vec<PriceUsed>,
    /// All nodes together.
    pub(super) cost: UsdPerHour,
}

impl<'a> Scene<'a> {
    /// Where nodes are, as far as prices depend on it, with the nodes of each by their place in the
    /// group.
    pub(super) fn places(&self, nodes: &[&Node]) -> Vec<(Machine, Vec<usize>)> {
        let mut places: BTreeMap<Machine, Vec<usize>> = BTreeMap::new();
        for (at, node) in nodes.iter().enumerate() {
            let Some(mut machine) = Machine::of_node(self.state, node) else { return Vec::new() };
            if machine.capacity_type == CapacityType::OnDemand {
                machine.zone = None;
            }
            places.entry(machine).or_default().push(at);
        }
        places.into_iter().collect()
    }

    /// Types that hold what the nodes carry, the cheapest first.
    pub(super) fn candidates(
        &self,
        places: &[(Machine, Vec<usize>)],
        now: &Instance,
        load: &Load,
        merged: &Merged,
    ) -> Vec<Candidate<'a>> {
        let holds = |one: &&Instance| {
            one.instance_type != now.instance_type
                && one.architecture == now.architecture
                && one.allocatable_cpu.is_some_and(|cpu| cpu >= merged.need.cpu)
                && one.allocatable_memory.is_some_and(|memory| memory >= merged.need.memory)
                && one.max_pods.is_none_or(|most| i64::from(most) >= load.pods)
                && (one.local_nvme_gb > 0 || now.local_nvme_gb == 0)
                && load.after.other.iter().all(|(name, amount)| offers(one, name, *amount))
        };
        let evidence: &'a RightsizingEvidence = self.evidence;
        let held = evidence.candidates.iter().filter(holds);
        let priced = held.filter_map(|one| {
            let price = |(place, _): &(Machine, Vec<usize>)| {
                let machine = Machine { instance_type: one.instance_type.clone(), ..place.clone() };
                self.evidence.price(&machine).cloned()
            };
            let prices: Vec<PriceUsed> = places.iter().map(price).collect::<Option<_>>()?;
            let costs = places.iter().zip(&prices);
            let cost =
                costs.map(|((_, nodes), price)| price.usd_per_hour * nodes.len() as u64).sum();
            (!places.is_empty()).then_some(Candidate { instance: one, prices, cost })
        });
        let mut priced: Vec<Candidate<'a>> = priced.collect();
        // Of equally dear ones that of the same family, then the newest.
        let key = |one: &Candidate<'a>| {
            let name = &one.instance.instance_type;
            let other_family = name.family() != now.instance_type.family();
            (one.cost, other_family, std::cmp::Reverse(one.instance.generation), name.clone())
        };
        priced.sort_by_cached_key(key);
        priced
    }

    /// Whether a type is taken without being asked for: usual, or named by the operator.
    pub(super) fn is_free_choice(&self, one: &Instance) -> bool {
        is_usual(one)
            || self
                .policy
                .machines
                .allowed_instance_types
                .as_ref()
                .is_some_and(|allowed| allowed.contains(one.instance_type.as_str()))
    }

    /// Whether pods and pools would take nodes of another type.
    pub(super) fn rules<'s>(
        &'s self,
        group: &NodeGroup<'s>,
        nodes: &'s [&Node],
    ) -> impl Fn(&Instance) -> bool + 's {
        let pods = self.state.pod_items();
        // Pods without rules on nodes go anywhere, and most have none.
        let choosy: Vec<(&Node, Vec<&Pod>)> = group
            .nodes
            .iter()
            .zip(nodes)
            .map(|(place, node)| {
                let all = self.loads.pods[*place].iter().map(|pod| &pods[*pod as usize]);
                (*node, all.filter(|pod| suits::is_choosy(pod)).collect::<Vec<&Pod>>())
            })
            .filter(|(_, pods)| !pods.is_empty())
            .collect();
        let pool = group.pool.filter(|(kind, _)| *kind == "NodePool").map(|(_, name)| name);
        move |one| {
            nodes.first().is_none_or(|node| {
                suits::allowed_by_pool(self.state, pool, &suits::relabelled(node, one))
            }) && choosy.iter().all(|(node, pods)| {
                let other = suits::relabelled(node, one);
                pods.iter().all(|pod| suits::welcome(pod, node, &other))
            })
        }
    }
}

fn offers(one: &Instance, name: &str, amount: i64) -> bool {
    let count = match name {
        "nvidia.com/gpu" => one.gpu.as_ref().map_or(0, |gpu| i64::from(gpu.count)),
        _ => 0,
    };
    amount <= count
}
