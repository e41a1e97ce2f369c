//! Re-provisioning cases.

use std::collections::BTreeMap;
use std::path::Path;

use packing::IndexSet;
use packing::reprovision::{Class, Problem, Shape, budget, reprovision, verify, verify_bound};
use packing::work::{Effort, Work};

use crate::data::{Machine, Stream, machines, openb_pods, small_pods, wide_pods};
use crate::{cpu_seconds, row};

/// Runs the cases whose name is wanted.
pub(crate) fn run(reference: &Path, wanted: &dyn Fn(&str) -> bool) {
    let large = machines(reference, 32);
    let fits =
        |pod: &[i64; 2]| large.iter().any(|m| pod[0] <= m.capacity[0] && pod[1] <= m.capacity[1]);
    let pods: Vec<[i64; 2]> = openb_pods(reference).into_iter().filter(fits).collect();
    for count in [100, 1_000, 7_802] {
        for effort in [Effort::Fast, Effort::Balanced, Effort::Best] {
            let name = format!("buy-openb-{count}-{effort:?}").to_lowercase();
            if wanted(&name) {
                measure(&name, &pods[..count], &large, effort, true);
            }
        }
    }
    stress(reference, wanted);
    let small = machines(reference, 16);
    let seeds = std::env::var("SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    for count in [100, 1_000, 8_000] {
        for effort in [Effort::Fast, Effort::Balanced, Effort::Best] {
            let name = format!("buy-small-{count}-{effort:?}").to_lowercase();
            if wanted(&name) {
                let gaps: Vec<(f64, f64)> = (1..=seeds)
                    .map(|seed| measure(&name, &small_pods(count, seed), &small, effort, seed < 4))
                    .collect();
                let mean = gaps.iter().map(|g| g.0).sum::<f64>() / gaps.len() as f64;
                let worst = gaps.iter().map(|g| g.0).fold(0.0, f64::max);
                let time = gaps.iter().map(|g| g.1).fold(0.0, f64::max);
                println!("{name}: mean gap {mean:.3} %, worst {worst:.3} %, longest {time:.2} s");
            }
        }
    }
    for effort in [Effort::Fast, Effort::Balanced, Effort::Best] {
        let name = format!("buy-wide-20000x400-{effort:?}").to_lowercase();
        if wanted(&name) {
            let (pods, offers) = wide();
            measure(&name, &pods, &offers, effort, true);
        }
    }
}

/// All different pods against every x86 type, and 60 classes of ordinary size.
fn stress(reference: &Path, wanted: &dyn Fn(&str) -> bool) {
    for effort in [Effort::Fast, Effort::Balanced, Effort::Best] {
        let mut random = Stream(9);
        let name = format!("buy-distinct-20000-{effort:?}").to_lowercase();
        if wanted(&name) {
            let pods: Vec<[i64; 2]> = (0..20_000)
                .map(|_| {
                    [50 + (random.unit() * 4_000.0) as i64, 64 + (random.unit() * 16_000.0) as i64]
                })
                .collect();
            measure(&name, &pods, &machines(reference, 192), effort, true);
        }
        let mut random = Stream(10);
        let name = format!("buy-many-classes-5000-{effort:?}").to_lowercase();
        if wanted(&name) {
            let pods: Vec<[i64; 2]> = (0..5_000)
                .map(|_| {
                    let class = (random.unit() * 500.0) as i64;
                    [900 + class * 17 % 6_000, 1_000 + class * 7_919 % 30_000]
                })
                .collect();
            measure(&name, &pods, &machines(reference, 32), effort, true);
        }
        let mut random = Stream(11);
        let name = format!("buy-ordinary-3000-{effort:?}").to_lowercase();
        if wanted(&name) {
            let classes = small_pods(60, 77);
            let pods: Vec<[i64; 2]> = (0..3_000)
                .map(|_| {
                    let [cpu, memory] = classes[(random.unit() * 60.0) as usize];
                    [cpu * 3, memory * 3]
                })
                .collect();
            let pods: Vec<[i64; 2]> = pods.into_iter().filter(|p| p[0] < 15_000).collect();
            measure(&name, &pods, &machines(reference, 16), effort, true);
        }
    }
}

/// 20,000 items of 5 CPU and 6 memory sizes against 400 shapes.
fn wide() -> (Vec<[i64; 2]>, Vec<Machine>) {
    let offers = (0..400_i64)
        .map(|i| Machine {
            capacity: [(i + 1) * 1_000 - 100, (i + 1) * 2_048 - 10, (i + 1) * 10],
            cost: (i + 1) * 100_000_000 + (i + 1) * 2 * 100_000_000,
        })
        .filter(|m| m.capacity[1] > 0)
        .collect();
    (wide_pods(), offers)
}

fn problem(pods: &[[i64; 2]], offers: &[Machine]) -> Problem {
    let mut classes: BTreeMap<[i64; 2], u32> = BTreeMap::new();
    for pod in pods {
        *classes.entry(*pod).or_default() += 1;
    }
    Problem {
        dims: 3,
        classes: classes
            .into_iter()
            .map(|(pod, count)| Class {
                demand: vec![pod[0], pod[1], 1],
                count,
                per_bin: None,
                allowed: IndexSet::All,
                conflicts: Vec::new(),
            })
            .collect(),
        shapes: offers
            .iter()
            .map(|m| Shape { capacity: m.capacity.to_vec(), cost: m.cost, available: None })
            .collect(),
    }
}

fn measure(
    name: &str,
    pods: &[[i64; 2]],
    offers: &[Machine],
    effort: Effort,
    print: bool,
) -> (f64, f64) {
    let problem = problem(pods, offers);
    let before = cpu_seconds();
    let mut work = Work::new(budget(effort));
    let solution = reprovision(&problem, effort, &mut work).expect("a sound problem");
    let seconds = cpu_seconds() - before;
    assert!(verify(&problem, &solution), "{name}: wrong packing");
    assert!(verify_bound(&problem, &solution), "{name}: wrong bound");
    if print {
        let note = format!(
            "{} bins, {} classes, {}, {} unplaced",
            solution.bins.len(),
            problem.classes.len(),
            solution.found_by,
            solution.unplaced.len()
        );
        row(
            name,
            pods.len(),
            solution.bound.value,
            solution.cost,
            seconds,
            solution.work_used,
            &note,
        );
    }
    let gap = (solution.cost as f64 / solution.bound.value.max(1) as f64 - 1.0) * 100.0;
    (gap, seconds)
}
