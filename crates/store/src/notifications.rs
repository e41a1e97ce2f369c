//! Notices: where they go, what happened, what is on its way.
//!
//! An event is written with the change that it tells of. Later every channel is asked whether it wants
//! it, what it wants waits until its time comes, and becomes a delivery that is tried until it is there.

pub(crate) mod alerts;
pub(crate) mod channels;
pub(crate) mod deliveries;
pub(crate) mod events;
pub(crate) mod pending;
