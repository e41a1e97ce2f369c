//! What a plan really saves where capacity is committed: covered machines are paid in any case.

use std::collections::BTreeSet;

use facts::cluster::Node;
use facts::decision::{Savings, Warning};
use facts::names::CapacityType;
use facts::reason::ReasonCode;
use units::UsdPerHour;

use super::Scene;
use crate::commitments::{Capacity, Commitments};

/// Puts what is really paid in the place of list prices; nothing changes without commitments.
pub(super) fn apply(
    scene: &Scene<'_>,
    removed: &[u32],
    bought: &[(&Node, UsdPerHour)],
    savings: Savings,
) -> Savings {
    let commitments = Commitments::of(scene.state, scene.given.now);
    if commitments.is_empty() || savings.before_usd_per_hour.is_none() {
        return savings;
    }
    let capacity = |node: &Node, usd_per_hour| Capacity {
        instance_type: node.instance_type.clone().unwrap_or_default(),
        capacity_type: node.capacity_type.unwrap_or(CapacityType::OnDemand),
        usd_per_hour,
    };
    let removed: BTreeSet<u32> = removed.iter().copied().collect();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (node, index) in scene.compiled.nodes.iter().zip(0_u32..) {
        let Some(price) = scene.costs.price(node) else { continue };
        before.push(capacity(node, price.usd_per_hour));
        if !removed.contains(&index) {
            after.push(capacity(node, price.usd_per_hour));
        }
    }
    after.extend(bought.iter().map(|(node, price)| capacity(node, *price)));
    let (before, after) = (commitments.bill(&before), commitments.bill(&after));
    Savings {
        before_usd_per_hour: Some(before.effective),
        after_usd_per_hour: Some(after.effective),
        list_savings_usd_per_month: Some((before.list - after.list).per_month()),
        formula: format!(
            "{}; reserved machines, savings plans and discounts are considered: what a commitment \
             covers is paid in any case",
            savings.formula
        ),
        ..savings
    }
}

/// The remark that part of the savings is none yet.
pub(super) fn remark(scene: &Scene<'_>, savings: &Savings) -> Option<Warning> {
    let list = savings.list_savings_usd_per_month?;
    let real = (savings.before_usd_per_hour? - savings.after_usd_per_hour?).per_month();
    if list <= real {
        return None;
    }
    let end = Commitments::of(scene.state, scene.given.now).last_end();
    let until = end.map_or_else(String::new, |at| format!(" until {at}"));
    Some(Warning {
        code: ReasonCode::Committed,
        message: format!(
            "commitments are paid whether or not their capacity is used{until}: ${real} of ${list} a \
             month are really saved"
        ),
        subject: None,
    })
}
