//! Conditions that last: snapshots and prices that do not come any more, models that drift, risky pools
//! under running clusters. They are told when they begin and when they end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use facts::cluster::ClusterState;
use facts::names::{CapacityType, InstanceType, OperatingSystem, Region, Zone};
use jiff::{SignedDuration, Timestamp};
use jobs::{JobFailure, Running, next_run};
use learning::cross_customer::Level;
use market::AdvisorBucket;
use serde_json::json;
use store::{AlertRow, ClusterRow, EventRow, JobFilter, JobState, Seen};

use super::severity_of;
use super::telling::fact;
use crate::access::Caller;
use crate::fetch::FETCH_PRICES;
use crate::ids::timed_id;
use crate::models::ModelType;
use crate::own_schedules::OwnSchedule;
use crate::predict::{MOST_POOLS, PoolQuery};
use crate::{App, Error};

/// The kind of job that looks at conditions.
pub const WATCH_CONDITIONS: &str = "watch_conditions";

const SCHEDULE: &str = "watch conditions";
const CRON: &str = "5,20,35,50 * * * *";

/// The state of a spot pool that a cluster runs on, as snapshots show it.
const SPOT_POOL: &str = "spot_pool";

/// How long events and the log of deliveries are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A schedule may miss so many runs before its prices are stale.
const MISSED_RUNS: i64 = 3;
/// Probability of an interruption within a day from which a pool is to be left.
const RISKY_FROM: f64 = 0.20;
/// Runs of a schedule among which the one that ended last is looked for: one that was asked for earlier
/// may have ended later.
const JOBS_LOOKED_AT: u64 = 10;
const CLUSTERS_AT_ONCE: u64 = 500;

/// What ends a condition, by what begins it.
const ENDS: [(&str, &str); 4] = [
    ("model.drifting", "model.steady"),
    ("pool.risky", "pool.calm"),
    ("prices.stale", "prices.fresh"),
    ("snapshot.stale", "snapshot.fresh"),
];

/// Why a pool is to be left that reports confirm.
const LOSING: &str = "several customers are losing capacity in it now";

impl App {
    /// Has conditions watched.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn see_to_watching(&self) -> Result<(), Error> {
        self.see_to(OwnSchedule {
            name: SCHEDULE,
            kind: WATCH_CONDITIONS,
            payload: json!({}),
            cron: CRON,
            enabled: None,
        })
        .await
    }

    /// Looks at every condition; how many stand.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn watch_conditions(&self) -> Result<usize, Error> {
        let now = self.clock.now();
        let mut standing = self.drifting_models(now).await?;
        standing.extend(self.stale_prices(now).await?);
        let mut offset = 0;
        loop {
            let (clusters, total) = self.store.clusters(None, CLUSTERS_AT_ONCE, offset).await?;
            let mut used = Vec::new();
            for cluster in &clusters {
                let age = now.duration_since(cluster.taken_at);
                if age > self.cluster_settings.stale_after {
                    standing.push(stale_snapshot(cluster, age, now));
                } else {
                    used.push((cluster, self.used_pools(cluster, now).await?));
                }
            }
            standing.extend(self.risky_pools(&used, now)?);
            offset += CLUSTERS_AT_ONCE;
            if offset >= total {
                break;
            }
        }
        let keys: BTreeSet<&str> = standing.iter().map(|event| event.dedupe_key.as_str()).collect();
        let before = self.store.alerts(None).await?;
        let over = before.iter().filter(|alert| !keys.contains(alert.alert_key.as_str()));
        let ended: Vec<EventRow> = over.filter_map(|alert| end_of(alert, now)).collect();
        self.store.judge_conditions(&standing, &ended, now).await?;
        self.store.forget_notices(now.checked_sub(KEPT).unwrap_or(now)).await?;
        Ok(standing.len())
    }

    async fn drifting_models(&self, now: Timestamp) -> Result<Vec<EventRow>, Error> {
        let mut standing = Vec::new();
        for served in self.served_models() {
            let model_id = served.model_id.to_string();
            let measured = self.measured(served.model_id).await?;
            if measured.alerts.is_empty() {
                continue;
            }
            let why = measured.alerts.join("; ");
            standing.push(EventRow {
                title: format!("model `{}` {}: {why}", served.name, served.version),
                facts: json!([fact("model", &served.name), fact("version", &served.version)]),
                detail: json!({
                    "model_id": model_id,
                    "alerts": measured.alerts,
                    "stability_index": measured.drift.stability_index,
                    "measured_count": measured.count,
                }),
                link: Some(format!("/api/v1/ml/models/{model_id}/performance")),
                ..condition("model.drifting", format!("model:{model_id}"), now)
            });
        }
        Ok(standing)
    }

    /// Schedules that renew prices and have not done so for several runs.
    async fn stale_prices(&self, now: Timestamp) -> Result<Vec<EventRow>, Error> {
        let mut standing = Vec::new();
        let schedules = self.store.schedules().await?;
        for schedule in schedules.iter().filter(|row| row.enabled && row.kind == FETCH_PRICES) {
            let filter = JobFilter {
                kind: Some(FETCH_PRICES.to_owned()),
                created_by: Some(format!("schedule {}", schedule.name)),
                state: Some(JobState::Completed),
                limit: JOBS_LOOKED_AT,
                ..JobFilter::default()
            };
            let jobs = self.store.jobs(&filter).await?;
            let done = jobs.iter().filter_map(|job| job.finished_at).max();
            let since = done.unwrap_or(schedule.created_at);
            let interval = interval_of(&schedule.cron, now);
            let age = now.duration_since(since);
            if age.as_secs() <= interval.as_secs().saturating_mul(MISSED_RUNS) {
                continue;
            }
            let hours = age.as_hours();
            standing.push(EventRow {
                title: format!("`{}` has not succeeded for {hours} hours", schedule.name),
                facts: json!([fact("schedule", &schedule.name), fact("since", &since.to_string())]),
                detail: json!({ "schedule": schedule.name, "since": since, "cron": schedule.cron }),
                link: Some("/api/v1/ml/pricing/fetch".to_owned()),
                ..condition("prices.stale", format!("prices:{}", schedule.name), now)
            });
        }
        Ok(standing)
    }

    /// Spot pools that a cluster runs on: those that it was seen on lately, because snapshots that do not
    /// show all nodes never show that it has left one.
    async fn used_pools(&self, cluster: &ClusterRow, now: Timestamp) -> Result<Vec<String>, Error> {
        let customer = cluster.customer_id.as_deref();
        let sightings = self.store.sightings(&cluster.cluster_id, customer).await?;
        let is_fresh = |at| now.duration_since(at) <= self.cluster_settings.stale_after;
        let pools = sightings
            .into_iter()
            .filter(|one| one.state == SPOT_POOL && is_fresh(one.last_seen_at));
        Ok(pools.map(|one| one.object_id).collect())
    }

    /// Spot pools that clusters run on and that are to be left.
    fn risky_pools(
        &self,
        used: &[(&ClusterRow, Vec<String>)],
        now: Timestamp,
    ) -> Result<Vec<EventRow>, Error> {
        let risky = self.why_risky(used.iter().flat_map(|(_, pools)| pools), now)?;
        let mut standing = Vec::new();
        for (cluster, pools) in used {
            for pool in pools {
                let customer = cluster.customer_id.as_deref().unwrap_or_default();
                let live = self.is_losing_instances(pool, customer, now).then(|| LOSING.to_owned());
                let Some(why) = live.as_ref().or(risky.get(pool.as_str())) else { continue };
                let key = format!("pool:{customer}:{}:{pool}", cluster.cluster_id);
                standing.push(EventRow {
                    customer_id: cluster.customer_id.clone(),
                    cluster_id: Some(cluster.cluster_id.clone()),
                    title: format!("`{}` runs on the spot pool {pool}: {why}", cluster.cluster_id),
                    facts: json!([
                        fact("cluster", &cluster.cluster_id),
                        fact("pool", pool),
                        fact("why", why)
                    ]),
                    detail: json!({ "pool": pool, "why": why }),
                    ..condition("pool.risky", key, now)
                });
            }
        }
        Ok(standing)
    }

    /// Whether reports confirm that a pool of a customer is losing instances now.
    fn is_losing_instances(&self, pool: &str, customer: &str, now: Timestamp) -> bool {
        let Some((instance_type, region, Some(zone), _)) = parts(pool) else { return false };
        let named = (region.as_str(), zone.as_str(), instance_type.as_str());
        self.live_level(named, customer, now) == Level::ConfirmedRisky
    }

    /// Which pools are to be left, and why: the Spot Advisor has them in its worst class, or the active
    /// model says so, which is asked of all others at once.
    fn why_risky<'a>(
        &self,
        pools: impl Iterator<Item = &'a String>,
        now: Timestamp,
    ) -> Result<BTreeMap<&'a str, String>, Error> {
        let desk = self.desk();
        let worst = AdvisorBucket::ALL.last();
        let distinct: BTreeSet<&str> = pools.map(String::as_str).collect();
        let (mut risky, mut others) = (BTreeMap::new(), Vec::new());
        for pool in distinct {
            let Some((instance_type, region, zone, system)) = parts(pool) else { continue };
            let quote = desk.market().advisor(&instance_type, &region, system, now);
            if quote.is_some_and(|quote| quote.bucket.as_ref() == worst) {
                let why =
                    "the Spot Advisor says that more than 20 % of it are taken back in a month";
                risky.insert(pool, why.to_owned());
                continue;
            }
            let query = PoolQuery {
                instance_type: instance_type.to_string().into(),
                region: region.to_string().into(),
                az: zone.map(|zone| zone.to_string().into()),
                operating_system: system,
                spot_price: None,
                launch_time: None,
            };
            others.push((pool, query));
        }
        // Without a model the class has said everything.
        if self.active_model(ModelType::SpotPredictor).is_none() {
            return Ok(risky);
        }
        let (others, asked): (Vec<_>, Vec<_>) = others.into_iter().unzip();
        for (pools, asked) in others.chunks(MOST_POOLS).zip(asked.chunks(MOST_POOLS)) {
            let said = self.predict_interruptions(asked, None, &Caller::server())?;
            for (pool, said) in pools.iter().zip(said.predictions) {
                let day = said.probabilities.day;
                if day >= RISKY_FROM {
                    let why = format!("the active model says {:.0} % within a day", day * 100.0);
                    risky.insert(pool, why);
                }
            }
        }
        Ok(risky)
    }
}

/// Works on a job that looks at conditions.
pub(crate) async fn watch_conditions(app: &Arc<App>, running: &Running) -> Result<(), JobFailure> {
    let standing =
        app.watch_conditions().await.map_err(|error| JobFailure::Later(error.to_string(), None))?;
    if standing > 0 {
        running.log(&format!("{standing} conditions stand")).await?;
    }
    Ok(())
}

/// The spot pools that a snapshot shows machines in.
pub(crate) fn spot_pools(state: &ClusterState, taken_at: Timestamp) -> Option<Seen> {
    let section = state.nodes.as_ref()?;
    let region = state.region.as_ref();
    let pool = |node: &facts::cluster::Node| {
        let is_spot = node.capacity_type == Some(CapacityType::Spot);
        let instance_type = node.instance_type.as_deref().filter(|_| is_spot)?;
        let zone = node.zone.as_deref().unwrap_or_default();
        let region = match region {
            Some(region) => region.to_string(),
            None => zone.trim_end_matches(|letter: char| letter.is_ascii_lowercase()).to_owned(),
        };
        let system = node.operating_system.unwrap_or_default();
        (!region.is_empty()).then(|| format!("{instance_type}/{region}/{zone}/{}", system.name()))
    };
    Some(Seen {
        state: SPOT_POOL.to_owned(),
        at: section.observed_at.map_or(taken_at, |at| at.min(taken_at)),
        inside: section.items.iter().filter_map(pool).collect(),
        outside: BTreeSet::new(),
        complete: section.complete,
        longest_silence: None,
    })
}

/// What a pool is, as far as its cluster names things that exist: a zone that is none of the region says
/// nothing, and then the type in the region is meant.
fn parts(pool: &str) -> Option<(InstanceType, Region, Option<Zone>, OperatingSystem)> {
    let mut parts = pool.split('/');
    let (instance_type, region) = (parts.next()?, parts.next()?);
    let (zone, system) = (parts.next()?, parts.next()?);
    let system = match system {
        "windows" => OperatingSystem::Windows,
        _ => OperatingSystem::Linux,
    };
    let region: Region = region.parse().ok()?;
    let zone = zone.parse().ok().filter(|zone: &Zone| zone.region().as_ref() == Some(&region));
    Some((instance_type.parse().ok()?, region, zone, system))
}

fn stale_snapshot(cluster: &ClusterRow, age: SignedDuration, now: Timestamp) -> EventRow {
    let hours = age.as_hours();
    let customer = cluster.customer_id.as_deref().unwrap_or_default();
    EventRow {
        customer_id: cluster.customer_id.clone(),
        cluster_id: Some(cluster.cluster_id.clone()),
        title: format!("the newest snapshot of `{}` is {hours} hours old", cluster.cluster_id),
        facts: json!([
            fact("cluster", &cluster.cluster_id),
            fact("newest snapshot", &cluster.taken_at.to_string())
        ]),
        detail: json!({ "taken_at": cluster.taken_at, "age_hours": hours }),
        link: Some("/api/v1/ml/clusters".to_owned()),
        ..condition("snapshot.stale", format!("snapshot:{customer}:{}", cluster.cluster_id), now)
    }
}

/// An event of a condition without what it is about.
fn condition(event_type: &str, key: String, now: Timestamp) -> EventRow {
    EventRow {
        event_id: timed_id(now, format!("{event_type}{key}").as_bytes()),
        event_type: event_type.to_owned(),
        dedupe_key: key,
        severity: severity_of(event_type).name().to_owned(),
        customer_id: None,
        cluster_id: None,
        title: String::new(),
        facts: json!([]),
        detail: json!({}),
        link: None,
        occurred_at: now,
    }
}

/// What is told when a condition does not stand any more.
fn end_of(alert: &AlertRow, now: Timestamp) -> Option<EventRow> {
    let (_, end) = ENDS.iter().find(|(begin, _)| *begin == alert.event_type)?;
    let lasted = now.duration_since(alert.since).as_hours();
    Some(EventRow {
        customer_id: alert.customer_id.clone(),
        cluster_id: alert.cluster_id.clone(),
        title: format!("over after {lasted} hours: {}", alert.title),
        facts: json!([fact("since", &alert.since.to_string())]),
        detail: json!({ "began": alert.event_type, "since": alert.since }),
        ..condition(end, alert.alert_key.clone(), now)
    })
}

/// The time between two runs.
fn interval_of(cron: &str, now: Timestamp) -> SignedDuration {
    let next = next_run(cron, now).and_then(|first| Ok((first, next_run(cron, first)?)));
    next.map_or(SignedDuration::from_hours(24), |(first, second)| second.duration_since(first))
}
