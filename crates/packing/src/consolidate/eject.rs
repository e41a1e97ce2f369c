//! Placing items on nodes that are nearly full: an item without a node takes the
//! place of smaller ones, which are placed again.

use super::desk::{Chooser, Desk};
use super::search::BestFit;
use crate::random::Random;

/// Most evictions per item to place.
const PATIENCE: usize = 6;

/// Places lifted items in this order; false if some stay without a node.
pub(super) fn place_all(
    desk: &mut Desk<'_>,
    mut order: Vec<u32>,
    fit: &mut BestFit,
    random: &mut Random,
) -> bool {
    let mut patience = order.len() * PATIENCE;
    let mut ejected = vec![0_u8; desk.rank.len()];
    order.reverse();
    while let Some(item) = order.pop() {
        if let Some(to) = fit.choose(&desk.state, item) {
            desk.put(item, to);
            continue;
        }
        if patience == 0 {
            return false;
        }
        patience -= 1;
        let Some((node, out)) = victims(desk, item, &ejected, fit, random) else {
            return false;
        };
        for other in out.into_iter().flatten() {
            desk.lift(other);
            ejected[other as usize] = ejected[other as usize].saturating_add(1);
            order.push(other);
        }
        if desk.state.can_place(item, node).is_err() {
            return false;
        }
        desk.put(item, node);
    }
    true
}

/// The node and the one or two moved items on it whose leaving makes room for the
/// item at the least size; those that left often count as larger.
fn victims(
    desk: &Desk<'_>,
    item: u32,
    ejected: &[u8],
    fit: &mut BestFit,
    random: &mut Random,
) -> Option<(u32, [Option<u32>; 2])> {
    let model = desk.state.model();
    let demand_of = |item: u32| model.demand_of(model.items()[item as usize].class);
    let size = |item: u32| -> f64 {
        let pairs = demand_of(item).iter().zip(&fit.weight);
        let size: f64 = pairs.map(|(&need, weight)| need as f64 * weight).sum();
        size * (1.0 + 0.4 * f64::from(ejected[item as usize]))
    };
    let need = demand_of(item);
    let own = size(item);
    let mut best: Option<(f64, u32, [Option<u32>; 2])> = None;
    let mut moved: Vec<(f64, u32)> = Vec::new();
    let mut steps = 0;
    for &node in &fit.open {
        moved.clear();
        let guests = desk.state.items_on(node);
        let guests = guests.filter(|&other| model.items()[other as usize].home != Some(node));
        moved.extend(guests.map(|other| (size(other), other)));
        let free = desk.state.free(node);
        let enough = |out: &[u32]| {
            need.iter().zip(free).enumerate().all(|(dim, (&need, &free))| {
                need <= free + out.iter().map(|&other| demand_of(other)[dim]).sum::<i64>()
            })
        };
        let mut offer = |total: f64, out: [Option<u32>; 2], random: &mut Random| {
            let price = total * (0.7 + 0.6 * random.unit());
            if total < 1.6 * own && best.is_none_or(|known| price < known.0) {
                best = Some((price, node, out));
            }
        };
        for (at, &(first, one)) in moved.iter().enumerate() {
            if enough(&[one]) {
                offer(first, [Some(one), None], random);
                continue;
            }
            for &(second, two) in &moved[at + 1..] {
                if enough(&[one, two]) {
                    offer(first + second, [Some(one), Some(two)], random);
                }
            }
        }
        steps += moved.len() * (moved.len() + 1);
    }
    fit.steps += steps as u64;
    best.map(|known| (known.1, known.2))
}
