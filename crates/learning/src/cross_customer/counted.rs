//! Which reports count: vouched for, of a customer with capacity there, each instance once, and no
//! customer more than once an hour nor more often in a day than it has instances.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Customer;

/// Who vouches for the customer of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reporter {
    /// The customer's own key.
    OwnKey,
    /// The platform's key, which names the customer.
    Platform,
    /// Nobody: the customer is only claimed.
    Nobody,
}

/// An interruption of one instance in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Report {
    /// When it happened.
    pub at: Timestamp,
    /// Whose instance.
    pub customer: Customer,
    /// Which instance, by a number that the caller gave it; `None` when the report does not say.
    pub instance: Option<u64>,
    /// Who vouches for the customer.
    pub reporter: Reporter,
}

/// How many reports of the last day do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Nobody vouched for the customer.
    pub unvouched: u64,
    /// The customer has no capacity in the pool, although it is known who has.
    pub not_exposed: u64,
    /// The instance had been reported, the customer counted within the hour before, or as often in
    /// a day as it has instances.
    pub repeated: u64,
}

/// A report that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CountedReport {
    pub(super) second: i64,
}

/// A customer counts once in so many seconds; it is the widest window, so that within a window
/// reports are customers.
const ONCE_SECONDS: i64 = 3600;

const DAY_SECONDS: i64 = 86_400;

/// The reports of the day before `now` that count, oldest first.
pub(super) fn counted(
    reports: &[Report],
    instances: Option<&BTreeMap<Customer, u32>>,
    now: Timestamp,
) -> (Vec<CountedReport>, Ignored) {
    let today = now.as_second() - DAY_SECONDS + 1..=now.as_second();
    let mut sorted: Vec<Report> =
        reports.iter().filter(|report| today.contains(&report.at.as_second())).copied().collect();
    sorted.sort_unstable();
    let mut ignored = Ignored::default();
    let mut instances_seen: BTreeSet<(Customer, u64)> = BTreeSet::new();
    let mut of_customer: BTreeMap<Customer, (i64, u32)> = BTreeMap::new();
    let mut counted = Vec::new();
    for report in sorted {
        let second = report.at.as_second();
        if report.reporter == Reporter::Nobody {
            ignored.unvouched += 1;
            continue;
        }
        let most = match instances {
            Some(instances) => instances.get(&report.customer).copied().unwrap_or(0),
            None => u32::MAX,
        };
        if most == 0 {
            ignored.not_exposed += 1;
            continue;
        }
        let new = report.instance.is_none_or(|name| instances_seen.insert((report.customer, name)));
        let before = of_customer.get(&report.customer).copied();
        let soon = before.is_some_and(|(last, _)| second - last < ONCE_SECONDS);
        let times = before.map_or(0, |(_, times)| times);
        if !new || soon || times >= most {
            ignored.repeated += 1;
            continue;
        }
        of_customer.insert(report.customer, (second, times + 1));
        counted.push(CountedReport { second });
    }
    (counted, ignored)
}
