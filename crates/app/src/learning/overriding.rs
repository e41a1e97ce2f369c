//! An operator's word on the level of a pool: it stands until its own end, whatever reports say.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use learning::cross_customer::Level;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{LevelChange, LevelRow, OverrideRow};

use super::checked::place;
use super::pool::PoolKey;
use super::said_text;
use super::status::{PoolStatus, identifier, in_effect};
use crate::access::Caller;
use crate::gaps::field;
use crate::ids::timed_id;
use crate::{App, Error};

/// What an operator says of a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{
    "instance_type": "m5.large", "availability_zone": "us-east-1a", "level": "CONFIRMED_RISKY",
    "until": "2026-01-05T18:00:00Z", "reason": "AWS announced maintenance"
}]))]
pub struct NewOverride {
    /// The type.
    pub instance_type: Option<String>,
    /// The zone's name.
    pub availability_zone: Option<String>,
    /// The zone's id.
    #[serde(default)]
    pub zone_id: Option<String>,
    /// The region; that of the zone when absent.
    #[serde(default)]
    pub region: Option<String>,
    /// The level that holds instead.
    pub level: Level,
    /// Until when; at most 30 days ahead.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// Of which pool an operator's word ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OverriddenPool {
    /// The type.
    pub instance_type: String,
    /// The zone's name.
    #[serde(alias = "az")]
    pub availability_zone: String,
    /// The zone's id.
    #[serde(default)]
    pub zone_id: Option<String>,
    /// The region; that of the zone when absent.
    #[serde(default)]
    pub region: Option<String>,
}

/// The longest that an operator's word stands.
const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);

impl App {
    /// Sets the level of a pool until an instant, and notes who did. A confirmed one makes jobs as if
    /// reports had confirmed it.
    ///
    /// # Errors
    /// Fields that are wrong, or a store that does not answer.
    pub async fn override_level(
        self: &Arc<Self>,
        wanted: &NewOverride,
        caller: &Caller,
    ) -> Result<PoolStatus, Error> {
        let now = self.clock.now();
        let reason = said_text(&wanted.reason, "/reason")?;
        if wanted.until <= now || wanted.until.duration_since(now) > LONGEST {
            let detail = format!("expected an instant within 30 days from {now}");
            return Err(field("/until", "out_of_range", &detail));
        }
        let named =
            [&wanted.instance_type, &wanted.availability_zone, &wanted.zone_id, &wanted.region];
        let said = OverrideRow {
            level: wanted.level.name().to_owned(),
            until: wanted.until,
            by: caller.name.clone(),
            reason: reason.clone(),
        };
        self.put_override(named, Some(said), caller).await
    }

    /// Ends an operator's word; the pool is what reports say again.
    ///
    /// # Errors
    /// There is none, fields that are wrong, or a store that does not answer.
    pub async fn end_override(
        self: &Arc<Self>,
        of: &OverriddenPool,
        caller: &Caller,
    ) -> Result<PoolStatus, Error> {
        let some = |text: &String| Some(text.clone());
        let (kind, zone) = (some(&of.instance_type), some(&of.availability_zone));
        self.put_override([&kind, &zone, &of.zone_id, &of.region], None, caller).await
    }

    async fn put_override(
        self: &Arc<Self>,
        named: [&Option<String>; 4],
        said: Option<OverrideRow>,
        caller: &Caller,
    ) -> Result<PoolStatus, Error> {
        let place = place(named, "")?;
        self.catch_up().await?;
        let now = self.clock.now();
        let by_name = (place.region.as_str(), place.zone.as_str(), place.instance_type.as_str());
        let mut key = self.pool_key(by_name, caller.customer_id.as_deref())?;
        if let Some(id) = &place.zone_id {
            key = PoolKey { zone_key: id.to_string(), ..key };
        }
        let known = self.learning.state().levels.get(&key.level_key()).cloned();
        let stands = known.as_ref().is_some_and(|row| row.overridden.is_some());
        if said.is_none() && !stands {
            return Err(Error::NotFound("no operator says anything of this pool".to_owned()));
        }
        let before = known.as_ref().map_or(Level::Normal, |row| in_effect(row, now).0);
        let row = known.unwrap_or_else(|| LevelRow {
            key: key.level_key(),
            level: Level::Normal.name().to_owned(),
            episode_id: None,
            since: now,
            falls_at: None,
            customers: 0,
            interruptions: 0,
            last_at: None,
            overridden: None,
        });
        let episode_id = row.episode_id.filter(|_| before != Level::Normal).or_else(|| {
            said.as_ref().map(|_| timed_id(now, format!("{} by word", identifier(&key)).as_bytes()))
        });
        let detail = json!({
            "before": before.name(),
            "level": said.as_ref().map(|said| said.level.clone()),
            "until": said.as_ref().map(|said| said.until),
            "reason": said.as_ref().map(|said| said.reason.clone()),
            "by": caller.name,
        });
        let is_confirmed =
            said.as_ref().is_some_and(|said| said.level == Level::ConfirmedRisky.name());
        let cause = if said.is_some() { "override" } else { "override_end" };
        let from = row.level.clone();
        let to = LevelRow { overridden: said, episode_id, ..row };
        let jobs = if is_confirmed { self.jobs_for(&key, &to, now) } else { Vec::new() };
        let note = self.note(caller, "pool_level.override", identifier(&key), detail.clone());
        let change = LevelChange { to, from, at: now, cause: cause.to_owned(), detail };
        let most = self.learning_settings.jobs_per_hour;
        if self.store.change_level(&change, &jobs, most, Some(&note)).await?.is_none() {
            return Err(Error::Taken("the level changed meanwhile; ask again".to_owned()));
        }
        self.learning.state().set_level(change.to);
        self.store.expire_rebalance_jobs(now).await?;
        let shown = (key.region.as_str(), key.zone_key.as_str(), key.instance_type.as_str());
        self.status_of(shown, None, caller)
    }
}
