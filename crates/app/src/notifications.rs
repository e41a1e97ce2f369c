//! Telling people and programs what happened: what there is to tell, who wants to hear it, and when.
//!
//! Events are written with the changes that they tell of. A loop on every server asks each channel
//! whether it wants them, puts what a channel wants by until its time comes, and sends it until it is
//! there. Whatever two servers do at once is done by the one that the store lets.

mod changing;
mod channel;
mod delivering;
mod item;
mod offering;
mod telling;
mod wants;
mod watching;

pub use channel::{ChannelChange, ChannelItem, ChannelKind, MadeChannel, NewChannel};
pub use item::{
    AlertItem, AttemptItem, DeliveryDetails, DeliveryItem, EventItem, delivery_state_of,
};
pub use wants::Wants;
pub use watching::WATCH_CONDITIONS;

pub use telling::of_finding;

pub(crate) use telling::of_job;
pub(crate) use watching::{spot_pools, watch_conditions};

use notify::Severity;

/// A kind of event.
#[derive(Clone, Copy, Debug)]
pub struct EventKind {
    /// Its name.
    pub name: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Whether a channel that says nothing hears of it.
    pub usual: bool,
    /// When it happens.
    pub about: &'static str,
}

const fn kind(
    name: &'static str,
    severity: Severity,
    usual: bool,
    about: &'static str,
) -> EventKind {
    EventKind { name, severity, usual, about }
}

/// Every kind of event that there is.
pub const EVENT_KINDS: &[EventKind] = &[
    kind("finding.opened", Severity::Info, true, "a scan found something, or found it again"),
    kind("finding.resolved", Severity::Info, false, "a later scan did not find it any more"),
    kind("job.failed", Severity::Warning, true, "a job was given up"),
    kind("job.completed", Severity::Info, false, "a job that somebody waits for is done"),
    kind("model.refreshed", Severity::Info, true, "a refresh of a model's data is done"),
    kind("model.drifting", Severity::Warning, true, "an active model has passed a limit"),
    kind("model.steady", Severity::Info, true, "it keeps its limits again, or is active no more"),
    kind("pool.risky", Severity::Warning, true, "a cluster runs on spot pools that are to be left"),
    kind("pool.calm", Severity::Info, true, "the pool is not risky any more, or not in use"),
    kind("prices.stale", Severity::Warning, true, "prices that are renewed have not come for long"),
    kind("prices.fresh", Severity::Info, true, "they have come"),
    kind("snapshot.stale", Severity::Warning, true, "no snapshot of a cluster has come for long"),
    kind("snapshot.fresh", Severity::Info, true, "one has come"),
    kind(TEST, Severity::Info, false, "somebody tries a channel; it reaches that one alone"),
];

/// The kind of what is sent to try a channel.
const TEST: &str = "test";

/// The kind of this name; what is unknown is worth knowing, and no more.
fn severity_of(event_type: &str) -> Severity {
    EVENT_KINDS
        .iter()
        .find(|kind| kind.name == event_type)
        .map_or(Severity::Info, |kind| kind.severity)
}
