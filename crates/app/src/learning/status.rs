//! What is known of a pool now: its level, its risk and how sure both are.

use std::collections::{BTreeMap, BTreeSet};

use facts::names::{InstanceType, NameError, Region};
use jiff::Timestamp;
use learning::cross_customer::{Basis, Level, conventional_confidence};
use learning::{Horizon, LearnedRisk, PoolEvents, RecencyModel, chance_within, feedback_weight};
use market::AdvisorBucket;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::{LevelChangeRow, LevelRow};
use units::{Fraction, PoolRisk, SafetyScore};

use super::checked::place;
use super::interruption::CustomersNeeded;
use super::pool::PoolKey;
use super::sees_customers;
use super::state::{State, class_of, middle_class};
use crate::access::{Caller, Role};
use crate::gaps::field;
use crate::{App, Error};

/// A probability for each horizon.
pub type Probabilities = BTreeMap<Horizon, Interval>;

/// A probability with the interval in which the pool's own lies with 90 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Interval {
    /// The estimate.
    pub probability: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What is known of a pool now.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PoolStatus {
    /// The pool as customers share it: type, zone (by its id where it is known) and region.
    pub pool_identifier: String,
    /// The level.
    pub risk_level: Level,
    /// Since when; `null` where it always was normal.
    pub since: Option<Timestamp>,
    /// When it falls by one if nothing further is reported.
    pub falls_at: Option<Timestamp>,
    /// Whether an operator says the level.
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    pub overridden: Option<OverrideItem>,
    /// Customers that lost capacity within the hour; a tenant is told from three on.
    pub affected_clients_count: Option<u32>,
    /// Who they are; only the platform sees them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affected_customer_ids: Option<Vec<String>>,
    /// Interruptions within the hour; a tenant is told from three customers on.
    pub recent_interruptions: Option<u64>,
    /// The first of them.
    pub first_interruption_time: Option<Timestamp>,
    /// The last interruption of the last three days.
    pub last_interruption_time: Option<Timestamp>,
    /// 1 is dangerous; the level raises it.
    pub risk_score: PoolRisk,
    /// 1 is safe.
    pub safety_score: SafetyScore,
    /// How likely an instance is interrupted within each horizon.
    pub interruption_probability: Probabilities,
    /// Interruptions that are expected in 1,000 instance-hours, with the 90 % interval.
    pub interruptions_per_1000_hours: Interval1000,
    /// How much of that the pool's own reports are, 0 to 1; the rest is its class and its relatives.
    pub own_weight: f64,
    /// The class of the type; `null` where it is not listed, and the middle one is taken.
    pub advisor_class: Option<u8>,
    /// At most how probable so many customers are in a healthy pool.
    pub probability_if_healthy: f64,
    /// How many customers a healthy pool would interrupt within an hour.
    pub expected_customers: f64,
    /// How many customers each level needs now.
    pub customers_needed: CustomersNeeded,
    /// `min(0.95, 0.50 + 0.15·n)` for `n` customers: a convention, not a probability.
    pub confidence: f64,
    /// How much reported history counts in the adaptive profile, 0 to 0.25.
    pub feedback_weight: f64,
    /// What to do.
    pub recommendation: String,
    /// What to know about the answer.
    pub warnings: Vec<String>,
}

/// A rate in 1,000 instance-hours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Interval1000 {
    /// The estimate.
    pub expected: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What an operator says of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OverrideItem {
    /// The level.
    pub level: String,
    /// Until when.
    pub until: Timestamp,
    /// Who says so.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A change of a level.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LevelChangeItem {
    /// When.
    pub changed_at: Timestamp,
    /// The pool.
    pub pool_identifier: String,
    /// The region.
    pub region: String,
    /// The zone's id, or its name where no id is known.
    pub zone: String,
    /// The type.
    pub instance_type: String,
    /// The level before.
    pub from_level: String,
    /// The level behind.
    pub to_level: String,
    /// `reports`, `time`, `override` or `override_end`.
    pub cause: String,
    /// The episode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode_id: Option<String>,
    /// What it stood on; counts of fewer than three customers are not shown to tenants.
    pub detail: Value,
}

/// Tenants are told counts of customers from here on.
const LEAST_SHOWN: u32 = 3;

/// A count of customers as a caller may see it.
pub(super) fn shown_count(count: u32, caller: &Caller) -> Option<u32> {
    (caller.role != Role::Tenant || count >= LEAST_SHOWN).then_some(count)
}

/// The level that holds at an instant by what is kept, and since when it is normal again.
pub(super) fn in_effect(row: &LevelRow, now: Timestamp) -> (Level, Option<Timestamp>) {
    if let Some(said) = row.overridden.as_ref().filter(|said| said.until > now) {
        return (Level::from_name(&said.level).unwrap_or_default(), None);
    }
    let level = Level::from_name(&row.level).unwrap_or_default();
    if level == Level::Normal {
        return (level, row.episode_id.is_some().then_some(row.since));
    }
    let Some(falls_at) = row.falls_at else { return (level, None) };
    if now < falls_at {
        return (level, None);
    }
    let hour = jiff::SignedDuration::from_hours(1);
    match level {
        Level::ConfirmedRisky if now < falls_at.saturating_add(hour).unwrap_or(now) => {
            (Level::Uncertain, None)
        }
        Level::ConfirmedRisky => (Level::Normal, falls_at.checked_add(hour).ok()),
        _ => (Level::Normal, Some(falls_at)),
    }
}

impl State {
    /// How likely an instance of a customer is interrupted within 1, 6 and 24 hours by what happened
    /// lately: its own losses, and those of others while the pool is not normal, since in a crowd
    /// somebody always loses something.
    pub(super) fn soon(
        &self,
        key: &PoolKey,
        customer: Option<u32>,
        level: Level,
        risk: &LearnedRisk,
        now: Timestamp,
    ) -> Option<[f64; 3]> {
        let pool = self.pools.get(key)?;
        let counts = |whose: u32| level != Level::Normal || Some(whose) == customer;
        let at = |second: i64| Timestamp::from_second(second).ok();
        let losses = pool.recent.iter().filter(|one| counts(one.customer));
        let losses: Vec<Timestamp> = losses.filter_map(|one| at(one.second)).collect();
        if losses.is_empty() {
            return None;
        }
        let siblings = self.siblings(key);
        let siblings = siblings.map(|(_, pool)| {
            let own = pool.recent.iter().filter(|one| counts(one.customer));
            own.filter_map(|one| at(one.second)).collect::<Vec<Timestamp>>()
        });
        let recency = PoolEvents::new(losses, [], siblings).at(now);
        if !recency.lost_before {
            return None;
        }
        let chance = |horizon| RecencyModel::PUBLISHED.probability(risk, &recency, horizon).value();
        Some([Horizon::Hour, Horizon::SixHours, Horizon::Day].map(chance))
    }
}

impl App {
    /// What is known of a pool, named as the caller names it.
    ///
    /// # Errors
    /// Names that are none, or a store that does not answer.
    pub async fn pool_status(
        &self,
        instance_type: &str,
        zone: &str,
        region: Option<&str>,
        caller: &Caller,
    ) -> Result<PoolStatus, Error> {
        let some = |text: &str| Some(text.to_owned());
        // A zone's id is taken too: it is how customers share a pool.
        let is_id = zone.contains("-az");
        let by_id = region.filter(|_| is_id);
        self.catch_up().await?;
        if let Some(region) = by_id {
            let wrong = |name: &str, error: NameError| field(name, "invalid", &error.to_string());
            let region: Region = region.parse().map_err(|error| wrong("/region", error))?;
            let kind: InstanceType =
                instance_type.parse().map_err(|error| wrong("/instance_type", error))?;
            return self.status_of((region.as_str(), zone, kind.as_str()), None, caller);
        }
        let region = region.map(str::to_owned);
        let place = place([&some(instance_type), &some(zone), &None, &region], "")?;
        let named = (place.region.as_str(), place.zone.as_str(), place.instance_type.as_str());
        self.status_of(named, caller.customer_id.as_deref(), caller)
    }

    pub(super) fn status_of(
        &self,
        named: (&str, &str, &str),
        customer: Option<&str>,
        caller: &Caller,
    ) -> Result<PoolStatus, Error> {
        let key = self.pool_key(named, customer)?;
        let desk = self.desk();
        let now = self.clock.now();
        let mut state = self.learning.state();
        let number = state.names.known(customer.unwrap_or_default());
        let assessment = state.assess(desk.market(), &key, now);
        let row = state.levels.get(&key.level_key()).cloned();
        let (level, _) = row.as_ref().map_or((assessment.level, None), |row| in_effect(row, now));
        let class = class_of(desk.market(), &key, now);
        let taken = class.unwrap_or_else(middle_class);
        let risk = state.risk(&key, number, taken, now);
        let season = state.season(now);
        let soon = state.soon(&key, number, level, &risk, now);
        let risk_score = level.raised(seasonal_risk(&risk, season));
        let recent = state.pools.get(&key).map_or(0, |pool| pool.within(now, 3600, None));
        let (ids, first, last) = hour_of(&state, &key, now);
        let hours = state.believed(now).hours;
        drop(state);
        let count = shown_count(assessment.customers, caller);
        let mut warnings = Vec::new();
        if key.is_by_name() {
            warnings.push(format!(
                "the zone is known by its name `{}` alone, which may mean another place in another \
                 account; report its zone_id",
                key.zone_key
            ));
        }
        if assessment.basis == Basis::CountsAlone {
            warnings.push(
                "nobody's exposure in the pool is known, so the level stands on counts of customers \
                 alone; report exposure or keep snapshots"
                    .to_owned(),
            );
        }
        if class.is_none() {
            warnings.push(
                "the advisor does not list the type in the region; the middle class is taken"
                    .to_owned(),
            );
        }
        let interval = risk.hazard_interval();
        Ok(PoolStatus {
            pool_identifier: identifier(&key),
            risk_level: level,
            since: row.as_ref().map(|row| row.since),
            falls_at: assessment.falls_at,
            overridden: row.as_ref().and_then(|row| override_item(row, now)),
            affected_clients_count: count,
            affected_customer_ids: sees_customers(caller).then_some(ids),
            recent_interruptions: count.map(|_| recent),
            first_interruption_time: count.and(first),
            last_interruption_time: last,
            risk_score,
            safety_score: SafetyScore::new(Fraction::clamped(six(risk_score.as_safety().value()))),
            interruption_probability: probabilities(&risk, interval, season, soon),
            interruptions_per_1000_hours: Interval1000 {
                expected: six(risk.hazard() * 1000.0 * season),
                low: six(interval.low.min(risk.hazard()) * 1000.0 * season),
                high: six(interval.high.max(risk.hazard()) * 1000.0 * season),
            },
            own_weight: six(risk.own_weight.value()),
            advisor_class: class.map(AdvisorBucket::index),
            probability_if_healthy: assessment.probability_if_healthy.value(),
            expected_customers: six(assessment.expected_customers),
            customers_needed: CustomersNeeded {
                uncertain: assessment.needed.uncertain,
                confirmed: assessment.needed.confirmed,
            },
            confidence: conventional_confidence(count.unwrap_or(0)).value(),
            feedback_weight: feedback_weight(hours),
            recommendation: recommendation(level).to_owned(),
            warnings,
        })
    }

    /// The level of a pool as a customer names it, by what is held in memory.
    pub(crate) fn live_level(
        &self,
        named: (&str, &str, &str),
        customer: &str,
        now: Timestamp,
    ) -> Level {
        let state = self.learning.state();
        let key = state.key(state.names.known(customer), named);
        let row = key.and_then(|key| state.levels.get(&key.level_key()));
        row.map_or(Level::Normal, |row| in_effect(row, now).0)
    }

    /// Changes of the levels of pools, the newest first, and how many there were.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn level_changes(
        &self,
        of: Option<(&str, &str, &str)>,
        (limit, offset): (u64, u64),
        caller: &Caller,
    ) -> Result<(Vec<LevelChangeItem>, u64), Error> {
        self.catch_up().await?;
        let key = match of {
            None => None,
            Some(named) => Some(self.pool_key(named, caller.customer_id.as_deref())?.level_key()),
        };
        let (rows, total) = self.store.level_changes(key.as_ref(), limit, offset).await?;
        Ok((rows.into_iter().map(|row| change_item(row, caller)).collect(), total))
    }
}

/// Who lost capacity in a pool within the hour, the first loss of the hour and the last of all.
fn hour_of(
    state: &State,
    key: &PoolKey,
    now: Timestamp,
) -> (Vec<String>, Option<Timestamp>, Option<Timestamp>) {
    let Some(pool) = state.pools.get(key) else { return (Vec::new(), None, None) };
    let until = now.as_second();
    let past = pool.recent.iter().filter(|one| one.second <= until);
    let hour: Vec<_> = past.clone().filter(|one| one.second > until - 3600).collect();
    let ids: BTreeSet<&str> = hour.iter().map(|one| state.names.name(one.customer)).collect();
    let at = |second: Option<i64>| second.and_then(|second| Timestamp::from_second(second).ok());
    (
        ids.into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        at(hour.iter().map(|one| one.second).min()),
        at(past.map(|one| one.second).max()),
    )
}

/// The learned risk while a season lasts.
pub(super) fn seasonal_risk(risk: &LearnedRisk, season: f64) -> PoolRisk {
    let chance = chance_within(risk.hazard() * season, Horizon::Month);
    PoolRisk::new(Fraction::clamped(six(chance)))
}

fn probabilities(
    risk: &LearnedRisk,
    interval: learning::Interval,
    season: f64,
    soon: Option<[f64; 3]>,
) -> Probabilities {
    let within = |hazard: f64, horizon: Horizon| six(chance_within(hazard * season, horizon));
    let one = |(at, horizon): (usize, Horizon)| {
        let lately = soon.and_then(|soon| soon.get(at).copied());
        let probability = lately.map_or_else(|| within(risk.hazard(), horizon), six);
        let interval = Interval {
            probability,
            low: within(interval.low, horizon).min(probability),
            high: within(interval.high, horizon).max(probability),
        };
        (horizon, interval)
    };
    Horizon::ALL.into_iter().enumerate().map(one).collect()
}

pub(super) fn identifier(key: &PoolKey) -> String {
    format!("{}/{}/{}", key.instance_type, key.zone_key, key.region)
}

fn recommendation(level: Level) -> &'static str {
    match level {
        Level::Normal => "nothing unusual: use it as the spot optimizer ranks it",
        Level::Uncertain => "put nothing new there, and watch what is there",
        Level::ConfirmedRisky => "move capacity out now: several customers are losing theirs",
    }
}

pub(super) fn override_item(row: &LevelRow, now: Timestamp) -> Option<OverrideItem> {
    let said = row.overridden.as_ref().filter(|said| said.until > now)?;
    Some(OverrideItem {
        level: said.level.clone(),
        until: said.until,
        by: said.by.clone(),
        reason: said.reason.clone(),
    })
}

fn change_item(row: LevelChangeRow, caller: &Caller) -> LevelChangeItem {
    let mut detail = row.detail;
    let few = detail.get("customers").and_then(Value::as_u64).unwrap_or(0) < LEAST_SHOWN.into();
    if caller.role == Role::Tenant
        && let Some(fields) = detail.as_object_mut()
    {
        fields.retain(|name, _| !(few && matches!(name.as_str(), "customers" | "interruptions")));
        fields.remove("jobs");
    }
    LevelChangeItem {
        changed_at: row.changed_at,
        pool_identifier: format!(
            "{}/{}/{}",
            row.key.instance_type, row.key.zone_key, row.key.region
        ),
        region: row.key.region,
        zone: row.key.zone_key,
        instance_type: row.key.instance_type,
        from_level: row.from_level,
        to_level: row.to_level,
        cause: row.cause,
        episode_id: row.episode_id.map(|id| id.to_string()),
        detail,
    }
}

/// Six decimals.
pub(super) fn six(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
