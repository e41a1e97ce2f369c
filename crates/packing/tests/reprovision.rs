//! Re-provisioning: laws on random problems, and a few cases by hand.

use std::cell::Cell;

use packing::IndexSet;
use packing::reprovision::{Class, Problem, Shape, reprovision, verify, verify_bound};
use packing::work::{Effort, Work};
use proptest::prelude::*;

fn problem(most: u32) -> impl Strategy<Value = Problem> {
    let class = (
        prop::collection::vec(0..40_i64, 3),
        1..=most,
        prop::option::weighted(0.2, 1..4_u32),
        prop::option::weighted(0.2, 0..3_u32),
        prop::option::weighted(0.2, 0..3_u32),
    );
    let shape = (
        prop::collection::vec(20..120_i64, 3),
        1_000..100_000_i64,
        prop::option::weighted(0.2, 0..6_u32),
    );
    let classes = prop::collection::vec(class, 1..6);
    let shapes = prop::collection::vec(shape, 1..4);
    (classes, shapes).prop_map(|(classes, shapes)| Problem {
        dims: 3,
        classes: classes
            .iter()
            .map(|(demand, count, per_bin, only, foe)| Class {
                demand: demand.clone(),
                count: *count,
                per_bin: *per_bin,
                allowed: only.map_or(IndexSet::All, |s| IndexSet::of(&[s, s / 2])),
                conflicts: foe.iter().map(|&f| f % classes.len() as u32).collect(),
            })
            .collect(),
        shapes: shapes
            .iter()
            .map(|(capacity, cost, available)| Shape {
                capacity: capacity.clone(),
                cost: *cost,
                available: *available,
            })
            .collect(),
    })
}

/// The cheapest packing of a few items by exhaustive search, ignoring nothing.
fn brute(problem: &Problem) -> Option<i64> {
    type Open = (usize, Vec<i64>, Vec<u32>);
    fn go(
        problem: &Problem,
        items: &[usize],
        bins: &mut Vec<Open>,
        cost: i64,
        best: &mut Option<i64>,
    ) {
        if best.is_some_and(|b| cost >= b) {
            return;
        }
        let Some((&class, rest)) = items.split_first() else {
            *best = Some(cost);
            return;
        };
        let facts = &problem.classes[class];
        let foes = |other: u32| {
            facts.conflicts.contains(&other)
                || problem.classes[other as usize].conflicts.contains(&(class as u32))
        };
        let takes = |bin: &Open| {
            let same = bin.2.iter().filter(|&&c| c as usize == class).count() as u32;
            bin.1.iter().zip(&facts.demand).all(|(have, need)| have >= need)
                && facts.allowed.contains(bin.0 as u32)
                && facts.per_bin.is_none_or(|most| same < most)
                && !bin.2.iter().any(|&other| foes(other))
        };
        for at in 0..bins.len() {
            if takes(&bins[at]) {
                bins[at].1.iter_mut().zip(&facts.demand).for_each(|(h, n)| *h -= n);
                bins[at].2.push(class as u32);
                go(problem, rest, bins, cost, best);
                bins[at].2.pop();
                bins[at].1.iter_mut().zip(&facts.demand).for_each(|(h, n)| *h += n);
            }
        }
        for (index, shape) in problem.shapes.iter().enumerate() {
            let bought = bins.iter().filter(|bin| bin.0 == index).count() as u32;
            let fresh = (index, shape.capacity.clone(), Vec::new());
            if shape.available.is_none_or(|most| bought < most) && takes(&fresh) {
                let left = fresh.1.iter().zip(&facts.demand).map(|(h, n)| h - n).collect();
                bins.push((index, left, vec![class as u32]));
                go(problem, rest, bins, cost + shape.cost, best);
                bins.pop();
            }
        }
    }
    let items: Vec<usize> = problem
        .classes
        .iter()
        .enumerate()
        .flat_map(|(at, class)| std::iter::repeat_n(at, class.count as usize))
        .collect();
    let mut best = None;
    go(problem, &items, &mut Vec::new(), 0, &mut best);
    best
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(70))]

    #[test]
    fn packings_and_bounds_hold(problem in problem(30)) {
        let mut costs = Vec::new();
        for effort in [Effort::Fast, Effort::Balanced] {
            let solution =
                reprovision(&problem, effort, &mut Work::new(20_000_000)).expect("sound");
            prop_assert!(verify(&problem, &solution), "{solution:?}");
            prop_assert!(verify_bound(&problem, &solution), "{:?}", solution.bound);
            prop_assert!(solution.bound.value <= solution.cost);
            costs.push((solution.unplaced.iter().map(|u| u.1).sum::<u32>(), solution.cost));
        }
        prop_assert!(costs[1] <= costs[0]);
    }

    #[test]
    fn bounds_are_below_the_optimum(problem in problem(2)) {
        prop_assume!(problem.classes.iter().map(|c| c.count).sum::<u32>() <= 7);
        let solution =
            reprovision(&problem, Effort::Balanced, &mut Work::new(20_000_000)).expect("sound");
        if let Some(best) = brute(&problem).filter(|_| solution.unplaced.is_empty()) {
            prop_assert!(solution.bound.value <= best, "{} {best}", solution.bound.value);
            prop_assert!(solution.cost >= best);
        }
    }

    #[test]
    fn a_cancelled_search_replays(problem in problem(60), after in 0..60_u32) {
        let asked = Cell::new(0_u32);
        let cancel = || {
            asked.set(asked.get() + 1);
            asked.get() > after
        };
        let mut work = Work::with_cancel(8_000_000, &cancel);
        let first = reprovision(&problem, Effort::Best, &mut work).expect("sound");
        let mut again =
            reprovision(&problem, Effort::Best, &mut Work::new(first.work_used)).expect("sound");
        again.cancelled = first.cancelled;
        prop_assert_eq!(first, again);
    }
}

#[test]
fn cases_by_hand() {
    type Classes<'a> = &'a [(&'a [i64], u32)];
    let check =
        |classes: Classes<'_>, shapes: &[(&[i64], i64, Option<u32>)], cost: i64, unplaced: u32| {
            let problem = Problem {
                dims: 2,
                classes: classes
                    .iter()
                    .map(|&(demand, count)| Class {
                        demand: demand.to_vec(),
                        count,
                        ..Class::default()
                    })
                    .collect(),
                shapes: shapes
                    .iter()
                    .map(|&(capacity, cost, available)| Shape {
                        capacity: capacity.to_vec(),
                        cost,
                        available,
                    })
                    .collect(),
            };
            let solution =
                reprovision(&problem, Effort::Balanced, &mut Work::new(50_000_000)).expect("sound");
            assert!(verify(&problem, &solution));
            assert_eq!(solution.cost, cost, "{solution:?}");
            assert_eq!(solution.unplaced.iter().map(|u| u.1).sum::<u32>(), unplaced);
        };
    let small: &[i64] = &[10, 10];
    let large: &[i64] = &[40, 40];
    // The large bin is cheaper per item, the small one for the remainder.
    check(&[(&[10, 10], 5)], &[(small, 300, None), (large, 1_000, None)], 1_300, 0);
    // Two lopsided classes share bins.
    check(&[(&[9, 1], 4), (&[1, 9], 4)], &[(small, 100, None)], 400, 0);
    // Nothing holds the item.
    check(&[(&[50, 1], 2), (&[10, 10], 1)], &[(large, 1_000, None)], 1_000, 2);
    // Limited supply runs out.
    check(&[(&[10, 10], 3)], &[(small, 100, Some(2))], 200, 1);
    // No items, no shapes.
    check(&[], &[(small, 100, None)], 0, 0);
    check(&[(&[1, 1], 1)], &[], 0, 1);
}

#[test]
fn unsound_problems_are_refused() {
    let class = |demand: Vec<i64>| Class { demand, count: 1, ..Class::default() };
    let check = |problem: Problem, sound: bool| {
        let answer = reprovision(&problem, Effort::Fast, &mut Work::new(1_000_000));
        assert_eq!(answer.is_ok(), sound, "{problem:?}");
    };
    check(Problem { dims: 0, ..Problem::default() }, false);
    check(Problem { dims: 9, ..Problem::default() }, false);
    check(Problem { dims: 1, classes: vec![class(vec![1, 2])], shapes: vec![] }, false);
    check(Problem { dims: 1, classes: vec![class(vec![-1])], shapes: vec![] }, false);
    check(Problem { dims: 1, classes: vec![class(vec![i64::MAX])], shapes: vec![] }, false);
    let shape = Shape { capacity: vec![5], cost: 0, available: None };
    check(Problem { dims: 1, classes: vec![], shapes: vec![shape] }, false);
    check(Problem { dims: 1, classes: vec![class(vec![0])], shapes: vec![] }, true);
}
