//! Writing down what was learned, for other programs that read the database.

use jiff::Timestamp;
use learning::{Horizon, bucket_hazard, chance_within, feedback_weight};
use store::{AdjustmentRow, LearningStatsRow};

use super::pool::PoolKey;
use super::state::{State, class_of, middle_class};
use super::status::{identifier, seasonal_risk, six};
use crate::ids::named_id;
use crate::{App, Error};

/// Pools that are written at once; the rest is the next look's.
const MOST_AT_ONCE: usize = 2_000;

impl State {
    /// How much of the risks of pools their own reports are, on average; `None` without pools.
    pub(super) fn mean_own_weight(&mut self, now: Timestamp) -> Option<f64> {
        let keys: Vec<PoolKey> = self.pools.keys().take(MOST_AT_ONCE).cloned().collect();
        let many = keys.len();
        let sum: f64 = keys
            .iter()
            .map(|key| self.risk(key, None, middle_class(), now).own_weight.value())
            .sum();
        (many > 0).then(|| sum / many as f64)
    }
}

impl App {
    /// Writes down what was learned of pools that something was reported of since, and altogether.
    pub(super) async fn write_down(&self, now: Timestamp) -> Result<(), Error> {
        let desk = self.desk();
        let (rows, stats) = {
            let mut state = self.learning.state();
            let dirty: Vec<PoolKey> = state
                .pools
                .iter()
                .filter(|(_, pool)| pool.is_dirty)
                .map(|(key, _)| key.clone())
                .take(MOST_AT_ONCE)
                .collect();
            if dirty.is_empty() {
                return Ok(());
            }
            let season = state.season(now);
            let mut rows = Vec::with_capacity(dirty.len());
            for key in &dirty {
                let class = class_of(desk.market(), key, now).unwrap_or_else(middle_class);
                let risk = state.risk(key, None, class, now);
                let prior = 1.0 - chance_within(bucket_hazard(class), Horizon::Month);
                let Some(pool) = state.pools.get_mut(key) else { continue };
                pool.is_dirty = false;
                let sum = |of: fn(&super::pool::Holding) -> u64| {
                    pool.holdings.values().fold(0_u64, |sum, held| sum.saturating_add(of(held)))
                };
                rows.push(AdjustmentRow {
                    adjustment_id: named_id("adjustment", "", &identifier(key)),
                    instance_type: key.instance_type.to_string(),
                    availability_zone: key.zone_key.clone(),
                    region: key.region.to_string(),
                    base: six(prior),
                    learned: six(seasonal_risk(&risk, season).as_safety().value()),
                    confidence: six(risk.own_weight.value()),
                    observations: sum(|held| held.exposure_seconds) / 3600,
                    interruptions: sum(super::pool::Holding::interruptions),
                    updated_at: now,
                });
            }
            let believed = state.believed(now);
            let stats = LearningStatsRow {
                instance_hours: believed.hours,
                interruptions: believed.interruptions,
                feedback_weight: feedback_weight(believed.hours),
                prediction_accuracy: None,
                confidence: state.mean_own_weight(now).map(six),
                updated_at: now,
            };
            (rows, stats)
        };
        self.store.keep_adjustments(&rows).await?;
        self.store.keep_learning_stats(&stats).await?;
        Ok(())
    }
}
