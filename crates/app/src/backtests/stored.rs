//! Interruptions that were reported to this server, as events of a back-test.
//!
//! The one place where a back-test meets what is kept of reports.

use backtest::{EventKind, PoolEvent};
use facts::names::{InstanceType, Zone};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{InterruptionEvent, InterruptionFilter, InterruptionRow};

use crate::access::Caller;
use crate::gaps::field;
use crate::learning::reports_seen_by;
use crate::{App, Error};

/// Which reports are replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoredInterruptions {
    /// Only of these types; of all when empty.
    pub instance_types: Vec<InstanceType>,
    /// Only of these zones; of all when empty.
    pub zones: Vec<Zone>,
}

/// Reports that are replayed at once.
const MOST_REPORTS: u64 = 200_000;

/// A report as a back-test needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportedInterruption {
    pub(crate) interrupted_at: Timestamp,
    pub(crate) instance_type: InstanceType,
    pub(crate) zone: Zone,
}

impl App {
    /// Reports of the stretch that the caller may see, as events.
    ///
    /// # Errors
    /// A store that does not answer, or more reports than are replayed at once.
    pub(crate) async fn stored_events(
        &self,
        wanted: Option<&StoredInterruptions>,
        stretch: (Option<Timestamp>, Option<Timestamp>),
        caller: &Caller,
    ) -> Result<Vec<PoolEvent>, Error> {
        let Some(wanted) = wanted else { return Ok(Vec::new()) };
        let reports = self.reported_interruptions(stretch, caller).await?;
        Ok(events(&reports, wanted))
    }

    /// Reads the reports that are kept: a tenant's own; of everybody for the platform; for others what
    /// nobody's key said.
    async fn reported_interruptions(
        &self,
        (from, until): (Option<Timestamp>, Option<Timestamp>),
        caller: &Caller,
    ) -> Result<Vec<ReportedInterruption>, Error> {
        let filter = InterruptionFilter {
            customer_id: reports_seen_by(caller),
            since: from,
            until,
            limit: MOST_REPORTS,
            ..InterruptionFilter::default()
        };
        let (rows, total) = self.store.interruptions(&filter).await?;
        if total > MOST_REPORTS {
            let detail = format!("{total} reports are too many; narrow `from` and `until`");
            return Err(field("/stored_interruptions", "too_many", &detail));
        }
        let report = |row: InterruptionRow| {
            if row.event != InterruptionEvent::Interruption {
                return None;
            }
            Some(ReportedInterruption {
                interrupted_at: row.happened_at,
                instance_type: row.instance_type.parse().ok()?,
                zone: row.availability_zone.parse().ok()?,
            })
        };
        Ok(rows.into_iter().filter_map(report).collect())
    }
}

/// A report says that one instance was taken, and nothing of a return: how long a pool is down after it
/// is a setting (`down_for_seconds`).
fn events(reports: &[ReportedInterruption], wanted: &StoredInterruptions) -> Vec<PoolEvent> {
    let meant = |report: &&ReportedInterruption| {
        (wanted.instance_types.is_empty() || wanted.instance_types.contains(&report.instance_type))
            && (wanted.zones.is_empty() || wanted.zones.contains(&report.zone))
    };
    let event = |report: &ReportedInterruption| PoolEvent {
        timestamp: report.interrupted_at,
        instance_type: report.instance_type.clone(),
        zone: report.zone.clone(),
        event: EventKind::Interruption,
        share: None,
    };
    reports.iter().filter(meant).map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_becomes_an_event() {
        let report = |kind: &str, zone: &str| ReportedInterruption {
            interrupted_at: Timestamp::UNIX_EPOCH,
            instance_type: kind.parse().unwrap(),
            zone: zone.parse().unwrap(),
        };
        let reports = [report("m5.large", "us-east-1a"), report("c5.large", "us-east-1b")];
        let check = |kinds: &[&str], zones: &[&str], expected: usize| {
            let wanted = StoredInterruptions {
                instance_types: kinds.iter().map(|kind| kind.parse().unwrap()).collect(),
                zones: zones.iter().map(|zone| zone.parse().unwrap()).collect(),
            };
            assert_eq!(events(&reports, &wanted).len(), expected, "{kinds:?} {zones:?}");
        };
        check(&[], &[], 2);
        check(&["m5.large"], &[], 1);
        check(&["m5.large"], &["us-east-1b"], 0);
    }
}
