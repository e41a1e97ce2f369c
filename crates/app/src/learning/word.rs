//! What was learned, as decisions ask it: for every pool of a slice, as one customer sees it.

use std::sync::Arc;

use engines::learned::LearnedRow;
use facts::names::Zone;
use jiff::{SignedDuration, Timestamp};
use learning::PoolEvidence;
use learning::cross_customer::Level;
use market::MarketSlice;

use super::Learning;
use super::pool::PoolKey;
use super::state::{State, middle_class};
use super::status::in_effect;
use crate::{App, Error};

/// What a customer has learned, at one instant.
#[derive(Clone)]
pub(crate) struct Learned {
    learning: Arc<Learning>,
    customer: Option<String>,
    now: Timestamp,
    pub(crate) hours: u64,
    revision: u64,
}

/// How long an episode is remembered in decisions.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// Losses within so many seconds are one loop.
const LOOP_SECONDS: i64 = 6 * 3600;

/// Fewer losses than this are no loop.
const LEAST_LOOP: u64 = 3;

/// What was reported lately counts less from minute to minute, so answers hold no longer than this.
const SLOT_SECONDS: i64 = 300;

impl App {
    /// What a customer has learned, as decisions ask it; `None` where nothing was ever reported.
    ///
    /// # Errors
    /// A store that does not answer, when it is asked for the first time.
    pub(crate) async fn all_learned(
        &self,
        customer: Option<&str>,
    ) -> Result<Option<Learned>, Error> {
        let begun = self.learning.state().sequence().is_some();
        if !begun {
            self.catch_up().await?;
        }
        let knows = self.learning.state().knows();
        Ok(knows.then(|| self.learned(customer)))
    }

    /// What a customer has learned; that of everybody where none is named.
    pub(crate) fn learned(&self, customer: Option<&str>) -> Learned {
        let now = self.clock.now();
        let mut state = self.learning.state();
        let (hours, revision) = (state.believed(now).hours, state.revision());
        let customer = customer.map(str::to_owned);
        Learned { learning: Arc::clone(&self.learning), customer, now, hours, revision }
    }
}

impl Learned {
    /// Equal marks have equal answers to equal questions.
    pub(crate) fn mark(&self) -> String {
        let slot = self.now.as_second().div_euclid(SLOT_SECONDS);
        format!("{} {slot} {}", self.revision, self.customer.as_deref().unwrap_or_default())
    }

    /// What is known of the pools of a slice.
    pub(crate) fn ask(&self, slice: &MarketSlice) -> Vec<LearnedRow> {
        let mut state = self.learning.state();
        if !state.knows() {
            return Vec::new();
        }
        let number = state.names.known(self.customer.as_deref().unwrap_or_default());
        let priors = state.priors();
        let season = state.season(self.now);
        let mut rows = Vec::new();
        for at in 0..slice.len() {
            let Some(view) = slice.pool(at) else { continue };
            let zone = view.zone.map(Zone::as_str);
            let named = zone.map(|zone| (slice.region.as_str(), zone, view.instance_type.as_str()));
            let key =
                named.and_then(|named| state.key(number, named)).map(|key| match view.zone_id {
                    // Whoever told nothing of its zones means those of the account that prices are of.
                    Some(id) if key.is_by_name() => {
                        let by_id = PoolKey { zone_key: id.to_string(), ..key.clone() };
                        if state.pools.contains_key(&key) { key } else { by_id }
                    }
                    _ => key,
                });
            let evidence = match &key {
                Some(key) => state.evidence(key, number, self.now),
                None => {
                    let whole = PoolKey {
                        region: slice.region.clone(),
                        zone_key: String::new(),
                        instance_type: view.instance_type.clone(),
                    };
                    state.evidence(&whole, number, self.now)
                }
            };
            let level_row =
                key.as_ref().and_then(|key| state.levels.get(&key.level_key()).cloned());
            if evidence == PoolEvidence::default() && level_row.is_none() {
                continue;
            }
            let class = view.advisor_bucket.unwrap_or_else(middle_class);
            let risk = learning::LearnedRisk::of(&priors, class, &evidence);
            let (level, calm_since) =
                level_row.map_or((Level::Normal, None), |row| in_effect(&row, self.now));
            let soon = key
                .as_ref()
                .and_then(|key| state.soon(key, number, level, &risk, self.now))
                .map(|soon| soon.map(nine));
            let interval = risk.hazard_interval();
            let per_1000 = |hazard: f64| nine(hazard * 1000.0 * season);
            rows.push(LearnedRow {
                row: u32::try_from(at).unwrap_or(u32::MAX),
                events_per_1000h: per_1000(risk.hazard()),
                low: per_1000(interval.low.min(risk.hazard())),
                high: per_1000(interval.high.max(risk.hazard())),
                own_weight: nine(risk.own_weight.value()),
                soon,
                level,
                calm_hours: calm_since
                    .map(|since| self.now.duration_since(since))
                    .filter(|calm| *calm < REMEMBERED)
                    .map(|calm| nine(calm.as_secs_f64().max(0.0) / 3600.0)),
                loops: key.as_ref().is_some_and(|key| state.loops(key, number, self.now)),
                by_name: key.as_ref().is_some_and(PoolKey::is_by_name),
            });
        }
        rows
    }
}

impl State {
    /// Whether anything was ever reported or said of a pool.
    fn knows(&self) -> bool {
        !(self.pools.is_empty() && self.levels.is_empty())
    }

    /// Whether more of a customer's instances were lost within six hours than it has there, so that some
    /// of those lost had replaced others.
    pub(super) fn loops(&self, key: &PoolKey, customer: Option<u32>, now: Timestamp) -> bool {
        let (Some(pool), Some(customer)) = (self.pools.get(key), customer) else { return false };
        let lost = pool.within(now, LOOP_SECONDS, Some(customer));
        let there = pool.holdings.get(&customer).map_or(0, |held| held.instances(now));
        lost >= LEAST_LOOP && lost > u64::from(there)
    }
}

/// Nine decimals, which survive being written.
fn nine(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}
