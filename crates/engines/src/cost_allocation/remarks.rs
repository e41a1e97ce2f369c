//! What the reader of costs should know: what has no price, and what was not told.

use facts::cluster::{ClusterState, CommitmentKind};
use facts::decision::Warning;
use facts::reason::ReasonCode;
use jiff::Timestamp;

use super::Shared;
use super::attached::Attached;
use super::machines::PricedNode;
use crate::commitments::Commitments;

/// Warnings, in a fixed order.
pub(super) fn warnings(
    state: &ClusterState,
    nodes: &[PricedNode<'_>],
    things: &[Attached],
    shared: &Shared<'_>,
    now: Timestamp,
) -> Vec<Warning> {
    let mut all = Vec::new();
    let mut warn = |count: usize, code: ReasonCode, what: &str| {
        if count > 0 {
            let message = format!("{what}: {count}");
            all.push(Warning { code, message, subject: None });
        }
    };
    let count = |is: &dyn Fn(&PricedNode<'_>) -> bool| nodes.iter().filter(|one| is(one)).count();
    let unpriced = count(&|one| one.list.is_none());
    warn(unpriced, ReasonCode::PriceUnknown, "nodes without a known price, which are in no sum");
    let reserved = count(&|one| one.covered == Some(CommitmentKind::ReservedInstances));
    warn(
        reserved,
        ReasonCode::Committed,
        "nodes that reserved instances cover, whose price the snapshot does not tell: they are in \
         list sums and in no effective one",
    );
    let things_unpriced: Vec<&str> =
        things.iter().filter(|one| one.list.is_none()).map(|one| one.name.as_str()).collect();
    let some = things_unpriced.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    warn(
        things_unpriced.len(),
        ReasonCode::PriceUnknown,
        &format!("volumes and load balancers without a known price, such as {some}"),
    );
    let small = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    warn(
        small(shared.on_unknown_nodes),
        ReasonCode::UnknownNode,
        "pods on nodes that the snapshot does not have; what they cost is not known",
    );
    warn(
        small(shared.without_amounts),
        ReasonCode::RequestMissing,
        "pods that request nothing and were not measured; what they use counts as idle",
    );
    warn(
        small(shared.without_size),
        ReasonCode::CapacityUnknown,
        "nodes that do not say how large they are; all of them goes to their pods, or is idle",
    );
    if let Some(plans) = Commitments::of(state, now).plans() {
        all.push(Warning {
            code: ReasonCode::Committed,
            message: format!(
                "savings plans of {} dollars an hour take off what this snapshot does not tell: \
                 effective costs are at most these",
                plans.per_hour()
            ),
            subject: None,
        });
    }
    for (name, section) in state.sections() {
        use facts::cluster::SectionName as Name;
        let matters = matches!(name, Name::Nodes | Name::Pods | Name::Volumes | Name::Usage);
        let (code, what) = match section {
            None => (ReasonCode::SectionNotSupplied, "was not supplied"),
            Some(section) if !section.complete => (ReasonCode::SectionIncomplete, "is incomplete"),
            Some(_) => continue,
        };
        if matters {
            all.push(Warning { code, message: format!("`{name}` {what}"), subject: None });
        }
    }
    all
}
