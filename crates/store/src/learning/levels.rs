//! The live status of pools, and every change of it.

use jiff::Timestamp;
use sqlx::types::{Json, Uuid};
use sqlx::{FromRow, QueryBuilder};

use super::rebalance::{self, RebalanceRow};
use crate::access::{AuditRow, audit};
use crate::database::{Database, reading, writing};
use crate::values::{At, signed, unsigned};
use crate::{Store, StoreError};

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LevelKey {
    /// The region.
    pub region: String,
    /// The zone's id, or its name where no id is known.
    pub zone_key: String,
    /// The type.
    pub instance_type: String,
}

/// The status of a pool.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelRow {
    /// The pool.
    pub key: LevelKey,
    /// `NORMAL`, `UNCERTAIN` or `CONFIRMED_RISKY`, by reports alone.
    pub level: String,
    /// The stretch of time during which it is not normal.
    pub episode_id: Option<Uuid>,
    /// Since when the level is this.
    pub since: Timestamp,
    /// When it falls, if nothing further is reported.
    pub falls_at: Option<Timestamp>,
    /// Customers that lost capacity within the hour before the change.
    pub customers: u64,
    /// Interruptions within that hour.
    pub interruptions: u64,
    /// The last one of them.
    pub last_at: Option<Timestamp>,
    /// What an operator says instead.
    pub overridden: Option<OverrideRow>,
}

/// What an operator says of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverrideRow {
    /// The level.
    pub level: String,
    /// Until when it stands.
    pub until: Timestamp,
    /// Who says so.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A change that is to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelChange {
    /// The pool as it is to be.
    pub to: LevelRow,
    /// The level that it is changed from: where another one is kept, somebody else was faster.
    pub from: String,
    /// When.
    pub at: Timestamp,
    /// `reports`, `time`, `override` or `override_end`.
    pub cause: String,
    /// What it stands on.
    pub detail: serde_json::Value,
}

/// A change that was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelChangeRow {
    /// The pool.
    pub key: LevelKey,
    /// When.
    pub changed_at: Timestamp,
    /// The level before.
    pub from_level: String,
    /// The level behind.
    pub to_level: String,
    /// Why.
    pub cause: String,
    /// The episode.
    pub episode_id: Option<Uuid>,
    /// What it stood on.
    pub detail: serde_json::Value,
}

#[derive(FromRow)]
struct Raw {
    region: String,
    zone_key: String,
    instance_type: String,
    level: String,
    episode_id: Option<Uuid>,
    since: At,
    falls_at: Option<At>,
    customers: i64,
    interruptions: i64,
    last_at: Option<At>,
    override_level: Option<String>,
    override_until: Option<At>,
    override_by: Option<String>,
    override_reason: Option<String>,
}

#[derive(FromRow)]
struct RawChange {
    region: String,
    zone_key: String,
    instance_type: String,
    changed_at: At,
    from_level: String,
    to_level: String,
    cause: String,
    episode_id: Option<Uuid>,
    detail: Json<serde_json::Value>,
}

impl From<Raw> for LevelRow {
    fn from(raw: Raw) -> LevelRow {
        let overridden =
            raw.override_level.zip(raw.override_until).map(|(level, until)| OverrideRow {
                level,
                until: until.0,
                by: raw.override_by.unwrap_or_default(),
                reason: raw.override_reason.unwrap_or_default(),
            });
        LevelRow {
            key: LevelKey {
                region: raw.region,
                zone_key: raw.zone_key,
                instance_type: raw.instance_type,
            },
            level: raw.level,
            episode_id: raw.episode_id,
            since: raw.since.0,
            falls_at: raw.falls_at.map(|at| at.0),
            customers: unsigned(raw.customers),
            interruptions: unsigned(raw.interruptions),
            last_at: raw.last_at.map(|at| at.0),
            overridden,
        }
    }
}

impl From<RawChange> for LevelChangeRow {
    fn from(raw: RawChange) -> LevelChangeRow {
        LevelChangeRow {
            key: LevelKey {
                region: raw.region,
                zone_key: raw.zone_key,
                instance_type: raw.instance_type,
            },
            changed_at: raw.changed_at.0,
            from_level: raw.from_level,
            to_level: raw.to_level,
            cause: raw.cause,
            episode_id: raw.episode_id,
            detail: raw.detail.0,
        }
    }
}

const UPSERT: &str = "INSERT INTO pool_levels (region, zone_key, instance_type, level, episode_id, since, \
       falls_at, customers, interruptions, last_at, override_level, override_until, override_by, \
       override_reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
     ON CONFLICT (region, zone_key, instance_type) DO UPDATE SET level = excluded.level, \
       episode_id = excluded.episode_id, since = excluded.since, falls_at = excluded.falls_at, \
       customers = excluded.customers, interruptions = excluded.interruptions, \
       last_at = excluded.last_at, override_level = excluded.override_level, \
       override_until = excluded.override_until, override_by = excluded.override_by, \
       override_reason = excluded.override_reason";

impl Store {
    /// Every pool that is or was not normal, in order.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn pool_levels(&self) -> Result<Vec<LevelRow>, StoreError> {
        let rows: Vec<Raw> = reading!(self, pool => {
            sqlx::query_as("SELECT * FROM pool_levels ORDER BY region, zone_key, instance_type")
                .fetch_all(pool)
                .await?
        });
        Ok(rows.into_iter().map(LevelRow::from).collect())
    }

    /// The status of one pool; `None` where it always was normal.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn pool_level(&self, key: &LevelKey) -> Result<Option<LevelRow>, StoreError> {
        let row: Option<Raw> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT * FROM pool_levels WHERE region = $1 AND zone_key = $2 AND instance_type = $3",
            )
            .bind(key.region.as_str())
            .bind(key.zone_key.as_str())
            .bind(key.instance_type.as_str())
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(LevelRow::from))
    }

    /// Changes the status of a pool, and makes the jobs that the change calls for, in one transaction;
    /// of the jobs at most so many as the hour still allows. How many were made; `None` when another
    /// level is kept by now, and nothing was changed.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn change_level(
        &self,
        change: &LevelChange,
        jobs: &[RebalanceRow],
        most_an_hour: u64,
        note: Option<&AuditRow>,
    ) -> Result<Option<u64>, StoreError> {
        let to = &change.to;
        let key = &to.key;
        // A pool that never had a row can be changed by two at once; the first to write holds it.
        let hold = match &self.database {
            Database::Postgres(_) => {
                "SELECT level, episode_id FROM pool_levels WHERE region = $1 AND zone_key = $2 \
                 AND instance_type = $3 FOR UPDATE"
            }
            Database::Sqlite(_) => {
                "SELECT level, episode_id FROM pool_levels WHERE region = $1 AND zone_key = $2 \
                 AND instance_type = $3"
            }
        };
        let overridden = to.overridden.as_ref();
        let made = writing!(self, transaction => {
            sqlx::query(
                "INSERT INTO pool_levels (region, zone_key, instance_type, level, since, customers, \
                   interruptions) VALUES ($1, $2, $3, 'NORMAL', $4, 0, 0) ON CONFLICT DO NOTHING",
            )
            .bind(key.region.as_str())
            .bind(key.zone_key.as_str())
            .bind(key.instance_type.as_str())
            .bind(At(change.at))
            .execute(&mut *transaction)
            .await?;
            let held: (String, Option<Uuid>) = sqlx::query_as(hold)
                .bind(key.region.as_str())
                .bind(key.zone_key.as_str())
                .bind(key.instance_type.as_str())
                .fetch_one(&mut *transaction)
                .await?;
            if held.0 != change.from {
                None
            } else {
                sqlx::query(UPSERT)
                    .bind(key.region.as_str())
                    .bind(key.zone_key.as_str())
                    .bind(key.instance_type.as_str())
                    .bind(to.level.as_str())
                    .bind(to.episode_id)
                    .bind(At(to.since))
                    .bind(to.falls_at.map(At))
                    .bind(signed(to.customers))
                    .bind(signed(to.interruptions))
                    .bind(to.last_at.map(At))
                    .bind(overridden.map(|one| one.level.as_str()))
                    .bind(overridden.map(|one| At(one.until)))
                    .bind(overridden.map(|one| one.by.as_str()))
                    .bind(overridden.map(|one| one.reason.as_str()))
                    .execute(&mut *transaction)
                    .await?;
                if change.from != to.level || change.cause.starts_with("override") {
                    sqlx::query(
                        "INSERT INTO pool_level_changes (region, zone_key, instance_type, changed_at, \
                           from_level, to_level, cause, episode_id, detail) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                    )
                    .bind(key.region.as_str())
                    .bind(key.zone_key.as_str())
                    .bind(key.instance_type.as_str())
                    .bind(At(change.at))
                    .bind(change.from.as_str())
                    .bind(to.level.as_str())
                    .bind(change.cause.as_str())
                    .bind(to.episode_id)
                    .bind(Json(&change.detail))
                    .execute(&mut *transaction)
                    .await?;
                }
                if let Some(note) = note {
                    audit!(transaction, note);
                }
                Some(rebalance::make!(transaction, jobs, change.at, most_an_hour))
            }
        });
        self.fed.send_modify(|count| *count += 1);
        Ok(made)
    }

    /// Changes of the levels of pools, the newest first: of one pool where one is named.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn level_changes(
        &self,
        of: Option<&LevelKey>,
        limit: u64,
        offset: u64,
    ) -> Result<(Vec<LevelChangeRow>, u64), StoreError> {
        macro_rules! of_pool {
            ($query:ident) => {
                if let Some(key) = of {
                    $query.push(" WHERE region = ").push_bind(key.region.as_str());
                    $query.push(" AND zone_key = ").push_bind(key.zone_key.as_str());
                    $query.push(" AND instance_type = ").push_bind(key.instance_type.as_str());
                }
            };
        }
        let (rows, total): (Vec<RawChange>, i64) = reading!(self, pool => {
            let mut query = QueryBuilder::new("SELECT * FROM pool_level_changes");
            of_pool!(query);
            query.push(" ORDER BY change_id DESC LIMIT ").push_bind(signed(limit));
            query.push(" OFFSET ").push_bind(signed(offset));
            let mut count = QueryBuilder::new("SELECT count(*) FROM pool_level_changes");
            of_pool!(count);
            let rows = query.build_query_as().fetch_all(pool).await?;
            (rows, count.build_query_scalar().fetch_one(pool).await?)
        });
        Ok((rows.into_iter().map(LevelChangeRow::from).collect(), unsigned(total)))
    }
}
