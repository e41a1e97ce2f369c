//! Taking in reports of interruptions, and answering what follows from each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use learning::cross_customer::Level;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::{InterruptionFilter, InterruptionRow};
use units::{PoolRisk, SafetyScore};

pub use super::event::{EventWord, NewInterruption};

use super::checked::{place, reports_seen_by, short, week, whose};
use super::event::one_or_many;
use super::pool::PoolKey;
use super::sees_customers;
use super::status::{PoolStatus, Probabilities};
use crate::access::Caller;
use crate::clusters::AHEAD;
use crate::gaps::field;
use crate::ids::{named_id, timed_id};
use crate::{App, Error};

/// What follows from a report.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ReportAnswer {
    /// Whether it is kept.
    pub success: bool,
    /// Its name.
    pub interruption_id: String,
    /// Whether the same report had come before; it counts once.
    pub known: bool,
    /// The risk of the pool now, the level of the moment included: 1 is dangerous.
    pub new_risk_score: PoolRisk,
    /// The same the other way round: 1 is safe.
    pub safety_score: SafetyScore,
    /// How likely an instance there is interrupted within each horizon, with 90 % intervals.
    pub interruption_probability: Probabilities,
    /// `min(0.95, 0.50 + 0.15·n)` for `n` customers: a convention, not a probability.
    pub confidence: f64,
    /// How much reported history counts in the adaptive profile, 0 to 0.25.
    pub feedback_weight: f64,
    /// The level of the pool.
    pub risk_level: Level,
    /// Customers that lost capacity in the pool within the hour; a tenant is told from three on.
    pub affected_clients_count: Option<u32>,
    /// `none`, `monitor` or `proactive_rebalance`.
    pub action_required: &'static str,
    /// Customers with capacity in the pool that jobs were made for; only the platform sees them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients_to_rebalance: Option<Vec<String>>,
    /// What the report was compared with.
    pub pattern_analysis: PatternAnalysis,
    /// Whether the type has patterns; absent where many reports came at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patterns_detected: Option<PatternsDetected>,
    /// The pool, as customers share it.
    pub pool_identifier: String,
    /// What to know about the answer.
    pub warnings: Vec<String>,
}

/// What a report was compared with.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PatternAnalysis {
    /// Customers that lost capacity within the hour; only the platform sees them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affected_customer_ids: Option<Vec<String>>,
    /// The first interruption of the hour.
    pub first_interruption_time: Option<Timestamp>,
    /// Interruptions within the hour; a tenant is told from three customers on.
    pub interruptions_in_window: Option<u64>,
    /// At most how probable so many customers are in a healthy pool.
    pub probability_if_healthy: f64,
    /// How many customers each level needs now.
    pub customers_needed: CustomersNeeded,
    /// When it happened.
    pub temporal_pattern: TemporalPattern,
}

/// How many distinct customers each level needs within 5, 15 and 60 minutes; one of the three is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CustomersNeeded {
    /// For `UNCERTAIN`.
    pub uncertain: [u32; 3],
    /// For `CONFIRMED_RISKY`.
    pub confirmed: [u32; 3],
}

/// When a report happened in the week, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TemporalPattern {
    /// 0 is Monday.
    pub day_of_week: u8,
    /// 0 to 23.
    pub hour_of_day: u8,
    /// Whether interruptions of the type are more frequent in that hour; `null` where too few are known.
    pub is_peak_hour: Option<bool>,
}

/// Whether a type has patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PatternsDetected {
    /// By hour or weekday.
    pub temporal: bool,
    /// By workload.
    pub workload: bool,
    /// Whether the operator's calendar has an entry for now.
    pub seasonal: bool,
}

/// A report that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct InterruptionItem {
    /// Its name.
    pub interruption_id: String,
    /// What happened.
    pub event: &'static str,
    /// Whose instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// The cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// The instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Its type.
    pub instance_type: String,
    /// The zone's name.
    pub availability_zone: String,
    /// The zone's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<String>,
    /// The region.
    pub region: String,
    /// What ran on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_type: Option<String>,
    /// When it happened.
    pub interruption_timestamp: Timestamp,
    /// Who stands for the customer: `own_key`, `platform` or `nobody`, which counts for no level.
    pub vouched_by: String,
    /// When the report came.
    pub received_at: Timestamp,
}

/// The most reports of one request.
pub const MOST_REPORTS: usize = 10_000;

impl App {
    /// Takes in reports, one or a list; for each what follows from it. `key`, the caller's own name for
    /// the request, makes each of them count once.
    ///
    /// # Errors
    /// Fields that are wrong, named with their place in the list; nothing is kept then. A store that does
    /// not answer.
    pub async fn report_interruptions(
        self: &Arc<Self>,
        body: Value,
        key: Option<&str>,
        caller: &Caller,
    ) -> Result<Vec<ReportAnswer>, Error> {
        let is_list = body.is_array();
        let now = self.clock.now();
        let mut rows = Vec::new();
        for (place, one) in one_or_many(body, MOST_REPORTS)?.into_iter().enumerate() {
            let at = if is_list { format!("/{place}") } else { String::new() };
            let report = NewInterruption::read(one, &at)?;
            let key = key.map(|key| format!("{key}#{place}"));
            rows.push(self.checked_report(report, key.as_deref(), caller, now, &at).await?);
        }
        let kept = self.keep_reports(rows.clone()).await?;
        // Of a list, each pool is looked at once.
        let mut seen: BTreeMap<(String, String, String, Option<String>), PoolStatus> =
            BTreeMap::new();
        let mut answers = Vec::with_capacity(rows.len());
        for (row, is_new) in rows.iter().zip(kept) {
            let pool =
                (row.region.clone(), row.availability_zone.clone(), row.instance_type.clone());
            let key = (pool.0, pool.1, pool.2, row.customer_id.clone());
            let status = match seen.get(&key) {
                Some(status) => status.clone(),
                None => {
                    let named = (&*row.region, &*row.availability_zone, &*row.instance_type);
                    let status = self.status_of(named, row.customer_id.as_deref(), caller)?;
                    seen.insert(key, status.clone());
                    status
                }
            };
            answers.push(self.answer_report(row, !is_new, !is_list, status, caller).await?);
        }
        Ok(answers)
    }

    /// Reports that the caller may see, the newest first, and how many there are.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn interruptions(
        &self,
        filter: &InterruptionFilter,
        caller: &Caller,
    ) -> Result<(Vec<InterruptionItem>, u64), Error> {
        let mut filter = filter.clone();
        filter.customer_id = reports_seen_by(caller).or(filter.customer_id);
        let (rows, total) = self.store.interruptions(&filter).await?;
        Ok((rows.into_iter().map(item).collect(), total))
    }

    async fn checked_report(
        &self,
        report: NewInterruption,
        key: Option<&str>,
        caller: &Caller,
        now: Timestamp,
        at: &str,
    ) -> Result<InterruptionRow, Error> {
        let (customer_id, vouched_by) =
            whose(report.customer_id.as_deref(), caller, &format!("{at}/customer_id"))?;
        let mut report = report;
        if report.instance_type.is_none() || report.availability_zone.is_none() {
            self.find_instance(&mut report, customer_id.as_deref(), at).await?;
        }
        let place = place(
            [&report.instance_type, &report.availability_zone, &report.zone_id, &report.region],
            at,
        )?;
        for (name, text) in [
            ("cluster_id", &report.cluster_id),
            ("instance_id", &report.instance_id),
            ("workload_type", &report.workload_type),
            ("customer_impact", &report.customer_impact),
        ] {
            short(text.as_deref(), &format!("{at}/{name}"))?;
        }
        let risk = report.risk_score_at_deployment;
        if risk.is_some_and(|risk| !(0.0..=1.0).contains(&risk)) {
            let at = format!("{at}/risk_score_at_deployment");
            return Err(field(&at, "out_of_range", "expected 0 (safe) to 1 (dangerous)"));
        }
        let happened_at = report.interruption_timestamp.unwrap_or(now);
        if happened_at > now.saturating_add(AHEAD).unwrap_or(now) {
            let detail = format!("{happened_at} lies ahead; it is {now} here");
            return Err(field(&format!("{at}/interruption_timestamp"), "out_of_range", &detail));
        }
        let happened_at = happened_at.min(now);
        let weekday_hour = week(&report, happened_at, at)?;
        let event = report.event.unwrap_or(EventWord::Interruption).kept();
        let whose = customer_id.as_deref().unwrap_or_default();
        let interruption_id = match (&report.instance_id, key) {
            (Some(instance), _) => named_id(event.name(), whose, instance),
            (None, Some(key)) => named_id(event.name(), &caller.name, key),
            (None, None) => {
                // Nothing tells it from another one of the same instant, so that nothing is merged.
                let turn = self.learning.reports.fetch_add(1, Ordering::Relaxed);
                timed_id(now, format!("{whose} {place:?} {turn}").as_bytes())
            }
        };
        Ok(InterruptionRow {
            customer_id,
            interruption_id,
            sequence: 0,
            event,
            cluster_id: report.cluster_id.unwrap_or_default(),
            instance_id: report.instance_id,
            instance_type: place.instance_type.to_string(),
            availability_zone: place.zone.to_string(),
            region: place.region.to_string(),
            zone_id: place.zone_id.map(|id| id.to_string()),
            workload_type: report.workload_type,
            happened_at: Timestamp::from_microsecond(happened_at.as_microsecond()).unwrap_or(now),
            weekday_hour,
            was_predicted: report.was_predicted,
            risk_at_deployment: risk,
            recovery_seconds: report.total_recovery_seconds,
            customer_impact: report.customer_impact,
            vouched_by: vouched_by.to_owned(),
            reported_by: caller.name.clone(),
            received_at: now,
        })
    }

    /// Fills in where an instance is that a report only names.
    async fn find_instance(
        &self,
        report: &mut NewInterruption,
        customer: Option<&str>,
        at: &str,
    ) -> Result<(), Error> {
        let Some(instance) = report.instance_id.clone() else { return Ok(()) };
        let Some(seen) = self.seen_instance(customer, &instance).await? else {
            let detail = format!(
                "is missing, and no kept snapshot has `{instance}`: send instance_type and \
                 availability_zone beside it, or keep a snapshot of its cluster first"
            );
            return Err(field(&format!("{at}/instance_type"), "required", &detail));
        };
        report.instance_type = Some(seen.instance_type);
        report.availability_zone = Some(seen.availability_zone);
        report.zone_id = report.zone_id.take().or(seen.zone_id);
        report.cluster_id = report.cluster_id.take().or(Some(seen.cluster_id));
        Ok(())
    }

    async fn answer_report(
        &self,
        row: &InterruptionRow,
        known: bool,
        with_patterns: bool,
        status: PoolStatus,
        caller: &Caller,
    ) -> Result<ReportAnswer, Error> {
        let (weekday, hour) = row.weekday_hour;
        let patterns = if with_patterns {
            Some(self.remembered_patterns(&row.instance_type).await?)
        } else {
            None
        };
        let named = (&*row.region, &*row.availability_zone, &*row.instance_type);
        let key = self.pool_key(named, row.customer_id.as_deref())?;
        let jobs = self.customers_with_jobs(&key, &status, caller).await?;
        Ok(answer(
            row,
            known,
            status,
            patterns.map(|patterns| {
                let peak = patterns.is_peak_hour(hour);
                let detected = PatternsDetected {
                    temporal: patterns.is_temporal(),
                    workload: patterns.is_by_workload(),
                    seasonal: self.is_season(),
                };
                (
                    detected,
                    TemporalPattern { day_of_week: weekday, hour_of_day: hour, is_peak_hour: peak },
                )
            }),
            jobs,
        ))
    }

    /// Whom jobs were made for in the episode of a pool, for whoever may know.
    async fn customers_with_jobs(
        &self,
        key: &PoolKey,
        status: &PoolStatus,
        caller: &Caller,
    ) -> Result<Option<Vec<String>>, Error> {
        if status.risk_level != Level::ConfirmedRisky || !sees_customers(caller) {
            return Ok(None);
        }
        let episode =
            self.learning.state().levels.get(&key.level_key()).and_then(|row| row.episode_id);
        let Some(episode) = episode else { return Ok(Some(Vec::new())) };
        Ok(Some(self.store.customers_with_jobs(episode).await?.into_iter().collect()))
    }

    /// The key of a pool that a customer names.
    pub(super) fn pool_key(
        &self,
        named: (&str, &str, &str),
        customer: Option<&str>,
    ) -> Result<PoolKey, Error> {
        let state = self.learning.state();
        let customer = state.names.known(customer.unwrap_or_default());
        let key = state.key(customer, named);
        key.ok_or_else(|| Error::Internal("a pool without a name".to_owned()))
    }

    fn is_season(&self) -> bool {
        let now = self.clock.now();
        self.learning.state().calendar().iter().any(|one| one.from <= now && now < one.until)
    }
}

fn answer(
    row: &InterruptionRow,
    known: bool,
    status: PoolStatus,
    patterns: Option<(PatternsDetected, TemporalPattern)>,
    jobs: Option<Vec<String>>,
) -> ReportAnswer {
    let (day_of_week, hour_of_day) = row.weekday_hour;
    let mut warnings = status.warnings;
    if row.vouched_by == "nobody" {
        warnings.push(
            "nobody vouches for the customer: the report counts for rates and for no level; report \
             with the customer's own key, or with the platform's"
                .to_owned(),
        );
    }
    if known {
        warnings.push("the same interruption was reported before and counts once".to_owned());
    }
    ReportAnswer {
        success: true,
        interruption_id: row.interruption_id.to_string(),
        known,
        new_risk_score: status.risk_score,
        safety_score: status.safety_score,
        interruption_probability: status.interruption_probability,
        confidence: status.confidence,
        feedback_weight: status.feedback_weight,
        risk_level: status.risk_level,
        affected_clients_count: status.affected_clients_count,
        action_required: match status.risk_level {
            Level::Normal => "none",
            Level::Uncertain => "monitor",
            Level::ConfirmedRisky => "proactive_rebalance",
        },
        clients_to_rebalance: jobs,
        pattern_analysis: PatternAnalysis {
            affected_customer_ids: status.affected_customer_ids,
            first_interruption_time: status.first_interruption_time,
            interruptions_in_window: status.recent_interruptions,
            probability_if_healthy: status.probability_if_healthy,
            customers_needed: status.customers_needed,
            temporal_pattern: patterns.map_or(
                TemporalPattern { day_of_week, hour_of_day, is_peak_hour: None },
                |(_, temporal)| temporal,
            ),
        },
        patterns_detected: patterns.map(|(detected, _)| detected),
        pool_identifier: status.pool_identifier,
        warnings,
    }
}

fn item(row: InterruptionRow) -> InterruptionItem {
    InterruptionItem {
        interruption_id: row.interruption_id.to_string(),
        event: row.event.name(),
        customer_id: row.customer_id,
        cluster_id: Some(row.cluster_id).filter(|name| !name.is_empty()),
        instance_id: row.instance_id,
        instance_type: row.instance_type,
        availability_zone: row.availability_zone,
        zone_id: row.zone_id,
        region: row.region,
        workload_type: row.workload_type,
        interruption_timestamp: row.happened_at,
        vouched_by: row.vouched_by,
        received_at: row.received_at,
    }
}
