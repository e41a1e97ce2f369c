//! How much each feature is used, and what becomes of what it finds.

use std::collections::BTreeMap;

use engines::registry::BUILT_IN;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use store::{FindingCount, FindingState, OutcomeRow, UsageRow};
use units::Usd;

use crate::access::Caller;
use crate::gaps::field;
use crate::outcomes::realised;
use crate::toggles::Feature;
use crate::{App, Error};

/// Days that are looked at when nobody names any.
const USUAL_DAYS: i64 = 30;
/// Measurements that are looked at: the newest.
const MOST_MEASURED: u64 = 10_000;

/// A feature in use.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FeatureUsage {
    /// The feature.
    pub feature: String,
    /// The decision behind it.
    pub decision_type: String,
    /// How often that was made in the days that were asked for.
    pub decisions: u64,
    /// How often it had savings.
    pub decisions_with_savings: u64,
    /// At how many clusters.
    pub clusters: u64,
    /// The last of these days; `null` where there was none.
    pub last_day: Option<Date>,
    /// Findings that wait for somebody, now.
    pub open: u64,
    /// Findings that somebody wants done, now.
    pub accepted: u64,
    /// Findings that nobody wants to hear of, now.
    pub dismissed: u64,
    /// Findings that somebody says were done, now.
    pub applied: u64,
    /// Findings that later scans did not find any more.
    pub resolved: u64,
    /// Of what people have judged, the share that they wanted; `null` before anybody has.
    pub acceptance_ratio: Option<f64>,
    /// What open and accepted findings save a month, as far as that is known. Findings of different
    /// features may be about the same dollars.
    pub open_savings_usd_per_month: Usd,
    /// Open and accepted findings whose savings are unknown.
    pub open_unknown_savings: u64,
    /// What was measured, each finding once; `null` before anything was.
    pub realised_savings_usd_per_month: Option<Usd>,
}

impl App {
    /// How much each feature was used from a day to another (UTC), 30 days when absent, and what became
    /// of what it found, of what the caller may see.
    ///
    /// # Errors
    /// Days in the wrong order, or a store that does not answer.
    pub async fn feature_usage(
        &self,
        (from, until): (Option<Date>, Option<Date>),
        customer_id: Option<&str>,
        caller: &Caller,
    ) -> Result<Vec<FeatureUsage>, Error> {
        let today = day_of(self.clock.now());
        let until = until.unwrap_or(today);
        let month = SignedDuration::from_hours(24 * (USUAL_DAYS - 1));
        let from = from.unwrap_or_else(|| until.saturating_sub(month));
        if from > until {
            let detail =
                format!("{from} lies behind `until`, {until}; expected a day not after it");
            return Err(field("/from", "out_of_range", &detail));
        }
        let customer_id = caller.confined_to().or(customer_id);
        let usage = self.store.feature_usage(customer_id, (from, until)).await?;
        let counts = self.store.count_findings(customer_id).await?;
        let measured = self.store.all_measured_outcomes(customer_id, MOST_MEASURED).await?;
        let of = |engine: &&dyn engines::prepared::AnyEngine| {
            let feature = Feature::usual(*engine);
            item(&feature, &usage, &counts, &measured)
        };
        Ok(BUILT_IN.iter().map(of).collect())
    }
}

fn item(
    feature: &Feature,
    usage: &[UsageRow],
    counts: &[FindingCount],
    measured: &[OutcomeRow],
) -> FeatureUsage {
    let used = usage.iter().find(|row| row.decision_type == feature.decision);
    let own: Vec<&FindingCount> =
        counts.iter().filter(|count| count.decision_type == feature.decision).collect();
    let many = |state: FindingState| -> u64 {
        own.iter().filter(|count| count.state == state).map(|count| count.findings).sum()
    };
    let is_open =
        |count: &&&FindingCount| matches!(count.state, FindingState::Open | FindingState::Accepted);
    let wanted = many(FindingState::Accepted) + many(FindingState::Applied);
    let judged = wanted + many(FindingState::Dismissed);
    // A measurement replaces an older one of the same thing at the same cluster only.
    let mut of_cluster: BTreeMap<(&str, Option<&str>), Vec<OutcomeRow>> = BTreeMap::new();
    for row in measured.iter().filter(|row| row.decision_type == feature.decision) {
        let place = (row.cluster_id.as_str(), row.customer_id.as_deref());
        of_cluster.entry(place).or_default().push(row.clone());
    }
    let sums: Vec<Usd> = of_cluster.values().filter_map(|rows| realised(rows)).collect();
    FeatureUsage {
        feature: feature.name.to_owned(),
        decision_type: feature.decision.to_owned(),
        decisions: used.map_or(0, |row| row.decisions),
        decisions_with_savings: used.map_or(0, |row| row.with_savings),
        clusters: used.map_or(0, |row| row.clusters),
        last_day: used.map(|row| row.last_day),
        open: many(FindingState::Open),
        accepted: many(FindingState::Accepted),
        dismissed: many(FindingState::Dismissed),
        applied: many(FindingState::Applied),
        resolved: many(FindingState::Resolved),
        acceptance_ratio: (judged > 0).then(|| wanted as f64 / judged as f64),
        open_savings_usd_per_month: own.iter().filter(is_open).map(|count| count.savings).sum(),
        open_unknown_savings: own.iter().filter(is_open).map(|count| count.unknown_savings).sum(),
        realised_savings_usd_per_month: (!sums.is_empty()).then(|| sums.into_iter().sum()),
    }
}

fn day_of(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}
