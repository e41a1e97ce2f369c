//! Consolidation cases.

use std::collections::BTreeMap;
use std::path::Path;

use packing::IndexSet;
use packing::consolidate::{Gates, budget, consolidate, drain_under_half, verify, verify_bound};
use packing::placement::{ClassRules, Item, Model, Node, Parts};
use packing::work::{Effort, Work};

use crate::data::{openb_nodes, openb_pods, placed, shuffled, small_pods};
use crate::{cpu_seconds, row};

/// Runs the cases whose name is wanted.
pub(crate) fn run(reference: &Path, wanted: &dyn Fn(&str) -> bool) {
    fast_small(wanted);
    let all_nodes = openb_nodes(reference);
    let all_pods = openb_pods(reference);
    many((&all_nodes, &all_pods), wanted);
    // Samples: the lists shuffled by a fixed seed, the first so many of each;
    // these give about 43–45 % use (39 % with 1,000 on 284).
    for (pods, nodes, seed) in [
        (100, 26, 2),
        (100, 26, 9),
        (100, 26, 16),
        (100, 26, 24),
        (1_000, 284, 3),
        (1_000, 250, 3),
        (8_152, 1_523, 0),
    ] {
        let model = sample((&all_nodes, &all_pods), pods, nodes, seed);
        let items = model.items().len();
        let gates = Gates::default();
        let name = format!("drain-openb-{pods}-on-{nodes}-seed-{seed}-rule");
        if wanted(&name) {
            let before = cpu_seconds();
            let plan = drain_under_half(&model, &gates, &mut Work::new(u64::MAX));
            let note = format!(
                "{} moves, before {:.3}, use {:.1} %",
                plan.moves.len(),
                plan.cost_before as f64 / 1e9,
                used(&model)
            );
            row(
                &name,
                items,
                plan.bound.value,
                plan.cost_after,
                cpu_seconds() - before,
                plan.work_used,
                &note,
            );
        }
        for effort in [Effort::Fast, Effort::Balanced, Effort::Best] {
            let name =
                format!("drain-openb-{pods}-on-{nodes}-seed-{seed}-{effort:?}").to_lowercase();
            if !wanted(&name) {
                continue;
            }
            let rounds = if effort == Effort::Fast { 100 } else { 1 };
            let before = cpu_seconds();
            let mut plan = consolidate(&model, &gates, effort, &mut Work::new(budget(effort)));
            for _ in 1..rounds {
                plan = consolidate(&model, &gates, effort, &mut Work::new(budget(effort)));
            }
            let seconds = (cpu_seconds() - before) / f64::from(rounds);
            assert!(verify(&model, &gates, &plan), "{name}: wrong plan");
            assert!(verify_bound(&model, &gates, &plan.bound), "{name}: wrong bound");
            let note = format!("{} moves, {} nodes removed", plan.moves.len(), plan.removed.len());
            row(&name, items, plan.bound.value, plan.cost_after, seconds, plan.work_used, &note);
        }
    }
}

/// Many samples of one size at the largest effort: gaps, and moves beside those of the plain rule.
fn many(lists: (&[[i64; 2]], &[[i64; 2]]), wanted: &dyn Fn(&str) -> bool) {
    for (pods, nodes, seeds) in [(100, 26, 1..31), (100, 27, 31..41), (1_000, 284, 1..6)] {
        let name = format!("many-openb-{pods}-on-{nodes}");
        if !wanted(&name) {
            continue;
        }
        let (mut gaps, mut longest) = (Vec::new(), 0.0_f64);
        for seed in seeds {
            let model = sample(lists, pods, nodes, seed);
            let gates = Gates::default();
            let rule = drain_under_half(&model, &gates, &mut Work::new(u64::MAX));
            let before = cpu_seconds();
            let mut work = Work::new(budget(Effort::Best));
            let plan = consolidate(&model, &gates, Effort::Best, &mut work);
            let seconds = cpu_seconds() - before;
            assert!(verify(&model, &gates, &plan), "{name}: wrong plan");
            assert!(verify_bound(&model, &gates, &plan.bound), "{name}: wrong bound");
            let note = format!("{} moves, rule {}", plan.moves.len(), rule.moves.len());
            let (bound, cost) = (plan.bound.value, plan.cost_after);
            row(&format!("{name}-seed-{seed}"), pods, bound, cost, seconds, work.used(), &note);
            gaps.push((cost as f64 / bound.max(1) as f64 - 1.0) * 100.0);
            longest = longest.max(seconds);
        }
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let worst = gaps.iter().fold(0.0_f64, |most, &gap| most.max(gap));
        println!("{name}: mean gap {mean:.3} %, worst {worst:.3} %, longest {longest:.2} s");
    }
}

/// A sample of the lists: the first so many of each, shuffled by a seed.
fn sample(lists: (&[[i64; 2]], &[[i64; 2]]), pods: usize, nodes: usize, seed: u64) -> Model {
    let (node_list, pod_list) = shuffled(lists, seed);
    start(&node_list[..nodes], &pod_list[..pods])
}

/// The linear pass alone: small pods on equal nodes.
fn fast_small(wanted: &dyn Fn(&str) -> bool) {
    let name = "drain-small-1000-on-100-fast";
    if !wanted(name) {
        return;
    }
    let model = start(&[[8_000, 32_768]; 100], &small_pods(1_000, 1));
    let gates = Gates::default();
    let before = cpu_seconds();
    let rounds = 5_000;
    let mut plan = None;
    for _ in 0..rounds {
        plan = Some(consolidate(&model, &gates, Effort::Fast, &mut Work::new(u64::MAX)));
    }
    let seconds = (cpu_seconds() - before) / f64::from(rounds);
    if let Some(plan) = plan {
        let note = format!("{} moves, {:.1} us a call", plan.moves.len(), seconds * 1e6);
        row(
            name,
            model.items().len(),
            plan.bound.value,
            plan.cost_after,
            seconds,
            plan.work_used,
            &note,
        );
    }
}

fn start(nodes: &[[i64; 2]], pods: &[[i64; 2]]) -> Model {
    let placed = placed(nodes, pods);
    let mut classes: BTreeMap<[i64; 2], u32> = placed.iter().map(|(pod, _)| (*pod, 0)).collect();
    for (index, class) in classes.values_mut().enumerate() {
        *class = index as u32;
    }
    Model::new(Parts {
        dims: 2,
        nodes: nodes
            .iter()
            .map(|node| Node {
                capacity: node.to_vec(),
                cost: node[0] * 31_600 + node[1] * 4_200_000 / 1_024,
                removable: true,
                kind: 0,
                domains: Vec::new(),
            })
            .collect(),
        items: placed
            .iter()
            .map(|(pod, node)| Item {
                class: classes[pod],
                home: Some(*node),
                movable: true,
                weight: 1,
            })
            .collect(),
        classes: classes
            .keys()
            .map(|pod| ClassRules {
                demand: pod.to_vec(),
                allowed: IndexSet::All,
                groups: Vec::new(),
            })
            .collect(),
        groups: Vec::new(),
    })
    .expect("a sound model")
}

/// Cost-weighted use in percent.
fn used(model: &Model) -> f64 {
    let mut capacity = [0_i64; 2];
    let mut demand = [0_i64; 2];
    for node in model.nodes() {
        capacity[0] += node.capacity[0];
        capacity[1] += node.capacity[1];
    }
    for item in model.items() {
        demand[0] += model.demand_of(item.class)[0];
        demand[1] += model.demand_of(item.class)[1];
    }
    50.0 * (demand[0] as f64 / capacity[0] as f64 + demand[1] as f64 / capacity[1] as f64)
}
