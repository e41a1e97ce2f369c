//! What is counted of a policy: money, interruptions, missing time.
//!
//! Money is summed as billionths of a dollar per hour times seconds, in whole numbers: costs compare
//! exactly, and only what leaves is divided.

use std::ops::AddAssign;

use units::Usd;

/// Sums over some time. Amounts are in billionths of a dollar times 3,600.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What instances cost.
    pub compute: i128,
    /// What interruptions cost.
    pub interruption: i128,
    /// What missing instances cost.
    pub unavailable: i128,
    /// Instances that were taken back.
    pub interruptions: u64,
    /// Seconds of instances that were missing.
    pub unavailable_seconds: u64,
    /// Seconds of On-Demand instances that were paid for.
    pub on_demand_seconds: u64,
    /// Seconds of spot instances that were paid for.
    pub spot_seconds: u64,
    /// Requests for spot instances of one pool at one step.
    pub requests: u64,
    /// Requests that were not granted in full.
    pub refusals: u64,
}

/// Seconds in an hour: what turns summed amounts into billionths of a dollar.
pub(crate) const HOUR: i128 = 3600;

impl Figures {
    /// Everything that counts as cost.
    #[must_use]
    pub fn full(&self) -> i128 {
        self.compute + self.interruption + self.unavailable
    }

    /// The same for so many instances that fare alike.
    #[must_use]
    pub(crate) fn times(self, instances: u32) -> Figures {
        let (wide, long) = (i128::from(instances), u64::from(instances));
        Figures {
            compute: self.compute * wide,
            interruption: self.interruption * wide,
            unavailable: self.unavailable * wide,
            interruptions: self.interruptions * long,
            unavailable_seconds: self.unavailable_seconds * long,
            on_demand_seconds: self.on_demand_seconds * long,
            spot_seconds: self.spot_seconds * long,
            requests: self.requests * long,
            refusals: self.refusals * long,
        }
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Figures) {
        self.compute += other.compute;
        self.interruption += other.interruption;
        self.unavailable += other.unavailable;
        self.interruptions += other.interruptions;
        self.unavailable_seconds += other.unavailable_seconds;
        self.on_demand_seconds += other.on_demand_seconds;
        self.spot_seconds += other.spot_seconds;
        self.requests += other.requests;
        self.refusals += other.refusals;
    }
}

/// A summed amount as money.
pub(crate) fn dollars(amount: i128) -> Usd {
    let half = if amount < 0 { -HOUR / 2 } else { HOUR / 2 };
    let nanos = (amount + half) / HOUR;
    Usd::from_nanos(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
}
