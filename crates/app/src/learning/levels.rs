//! Levels: what reports make of them, and the jobs that a confirmed one calls for, in one transaction
//! with the change.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::Timestamp;
use learning::cross_customer::{Assessment, Basis, Level};
use serde_json::{Value, json};
use store::{LevelChange, LevelRow, RebalanceRow, RebalanceStatus, Uuid};

use super::pool::PoolKey;
use super::status::{identifier, six};
use crate::ids::{named_id, timed_id};
use crate::{App, Error};

impl App {
    /// Looks at pools, and changes the levels of those where reports or time say so.
    pub(super) async fn see_to_levels(self: &Arc<Self>, pools: &[PoolKey]) -> Result<(), Error> {
        for key in pools {
            self.see_to_level(key).await?;
        }
        Ok(())
    }

    async fn see_to_level(self: &Arc<Self>, key: &PoolKey) -> Result<(), Error> {
        let now = self.clock.now();
        let desk = self.desk();
        let (change, jobs) = {
            let mut state = self.learning.state();
            let found = state.assess(desk.market(), key, now);
            let known = state.levels.get(&key.level_key()).cloned();
            let Some(change) = wanted(key, known.as_ref(), &found, &state, now) else {
                return Ok(());
            };
            drop(state);
            // While a pool stays confirmed, the looks in between find who came to it since.
            let is_confirmed = change.to.level == Level::ConfirmedRisky.name();
            let jobs = if is_confirmed && change.from != change.to.level {
                self.jobs_for(key, &change.to, now)
            } else {
                Vec::new()
            };
            (change, jobs)
        };
        self.carry_out(change, jobs).await
    }

    /// Changes a level and makes jobs.
    async fn carry_out(
        self: &Arc<Self>,
        mut change: LevelChange,
        jobs: Vec<RebalanceRow>,
    ) -> Result<(), Error> {
        let most = self.learning_settings.jobs_per_hour;
        if let Value::Object(fields) = &mut change.detail
            && !jobs.is_empty()
        {
            fields.insert("jobs".to_owned(), json!(jobs.len()));
        }
        let made = self.store.change_level(&change, &jobs, most, None).await?;
        let Some(made) = made else {
            // Another server was faster; its word is read with the next look.
            let levels = self.store.pool_levels().await?;
            self.learning.state().set_levels(levels);
            return Ok(());
        };
        if made < jobs.len() as u64 {
            tracing::warn!(
                instance_type = change.to.key.instance_type,
                zone = change.to.key.zone_key,
                "{made} of {} rebalance jobs were made; the rest wait for the budget of the hour",
                jobs.len()
            );
        }
        if change.from != change.to.level {
            tracing::info!(
                instance_type = change.to.key.instance_type,
                zone = change.to.key.zone_key,
                from = change.from,
                to = change.to.level,
                "the level of a pool has changed"
            );
        }
        self.learning.state().set_level(change.to);
        Ok(())
    }

    /// Makes the jobs that an earlier hour did not allow, and those of customers that came to a pool
    /// since.
    pub(super) async fn see_to_waiting_jobs(self: &Arc<Self>) -> Result<(), Error> {
        let now = self.clock.now();
        let risky: Vec<LevelRow> = {
            let state = self.learning.state();
            let confirmed =
                |row: &&LevelRow| super::status::in_effect(row, now).0 == Level::ConfirmedRisky;
            state.levels.values().filter(confirmed).cloned().collect()
        };
        for row in risky {
            let (Some(key), Some(episode)) = (PoolKey::of_level(&row.key), row.episode_id) else {
                continue;
            };
            let there = self.store.customers_with_jobs(episode).await?;
            let mut jobs = self.jobs_for(&key, &row, now);
            jobs.retain(|job| !there.contains(job.customer_id.as_deref().unwrap_or_default()));
            if !jobs.is_empty() {
                let most = self.learning_settings.jobs_per_hour;
                self.store.add_rebalance_jobs(&jobs, now, most).await?;
            }
        }
        Ok(())
    }

    /// A job for each customer that has capacity in a pool and lost none within the hour.
    pub(super) fn jobs_for(
        &self,
        key: &PoolKey,
        level: &LevelRow,
        now: Timestamp,
    ) -> Vec<RebalanceRow> {
        let Some(episode_id) = level.episode_id else { return Vec::new() };
        let holders = self.learning.state().holders(key, now);
        if holders.is_empty() {
            return Vec::new();
        }
        // Asks the state by itself.
        let target = self.target_for(key, now);
        let state = self.learning.state();
        let reason = format!(
            "{} customers lost capacity in {} within the hour",
            level.customers,
            identifier(key)
        );
        holders
            .into_iter()
            .map(|(customer, instances, cluster)| {
                let name = state.names.name(customer).to_owned();
                let place = format!("{episode_id} {} {}", identifier(key), name);
                let own_zone = |key: &PoolKey| {
                    state.zone_name(customer, key).unwrap_or(&key.zone_key).to_owned()
                };
                RebalanceRow {
                    job_id: named_id("rebalance", &name, &place),
                    customer_id: Some(name.clone()).filter(|name| !name.is_empty()),
                    cluster_id: cluster
                        .map(|cluster| state.clusters.name(cluster).to_owned())
                        .filter(|cluster| !cluster.is_empty()),
                    source_instance_type: key.instance_type.to_string(),
                    source_availability_zone: own_zone(key),
                    source_zone_key: key.zone_key.clone(),
                    region: key.region.to_string(),
                    instances: instances.into(),
                    episode_id,
                    reason: reason.clone(),
                    priority: "HIGH".to_owned(),
                    status: RebalanceStatus::Pending,
                    target_instance_type: target.instance_type.as_ref().map(ToString::to_string),
                    target_availability_zone: target.zone.as_ref().map(own_zone),
                    target_reason: target.reason.clone(),
                    created_at: now,
                    started_at: None,
                    claimed_by: None,
                    lease_until: None,
                    attempts: 0,
                    completed_at: None,
                    error_message: None,
                    outcome: None,
                }
            })
            .collect()
    }
}

/// The change that reports or time call for; `None` where everything stays.
fn wanted(
    key: &PoolKey,
    known: Option<&LevelRow>,
    found: &Assessment,
    state: &super::State,
    now: Timestamp,
) -> Option<LevelChange> {
    let before = known.and_then(|row| Level::from_name(&row.level)).unwrap_or_default();
    let stays = before == found.level;
    let said = known.and_then(|row| row.overridden.clone());
    let stands = said.clone().filter(|said| said.until > now);
    let word_ended = said.is_some() && stands.is_none();
    let is_same =
        before == Level::Normal || known.is_some_and(|row| row.falls_at == found.falls_at);
    if stays && is_same && !word_ended {
        return None;
    }
    let pool = state.pools.get(key);
    // What an operator says of a pool is an episode too, and reports that come meanwhile are part of it.
    let goes_on = before != Level::Normal || said.is_some();
    let episode_id: Option<Uuid> = match known.and_then(|row| row.episode_id) {
        Some(episode) if goes_on => Some(episode),
        _ => Some(timed_id(now, identifier(key).as_bytes())),
    };
    let to = LevelRow {
        key: key.level_key(),
        level: found.level.name().to_owned(),
        episode_id,
        since: known.filter(|_| stays && !word_ended).map_or(now, |row| row.since),
        falls_at: found.falls_at,
        customers: found.customers.into(),
        interruptions: pool.map_or(0, |pool| pool.within(now, 3600, None)),
        last_at: pool
            .and_then(|pool| pool.recent.iter().map(|one| one.second).max())
            .and_then(|second| Timestamp::from_second(second).ok()),
        overridden: stands,
    };
    let cause = match found.level.cmp(&before) {
        Ordering::Greater => "reports",
        Ordering::Equal if word_ended => "override_end",
        _ => "time",
    };
    let detail = json!({
        "customers": found.customers,
        "interruptions": to.interruptions,
        "expected_customers": six(found.expected_customers),
        "probability_if_healthy": found.probability_if_healthy.value(),
        "customers_needed": {
            "uncertain": found.needed.uncertain, "confirmed": found.needed.confirmed,
        },
        "basis": match found.basis {
            Basis::Exposure => "exposure",
            Basis::CountsAlone => "counts_alone",
        },
        "not_counted": {
            "unvouched": found.ignored.unvouched, "not_exposed": found.ignored.not_exposed,
            "repeated": found.ignored.repeated,
        },
    });
    Some(LevelChange {
        to,
        from: before.name().to_owned(),
        at: now,
        cause: cause.to_owned(),
        detail,
    })
}
