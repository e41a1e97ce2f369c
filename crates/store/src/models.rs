//! Models as far as they are known by record: what they are called and until when they were trained.

use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::types::{Json, Uuid};
use sqlx::{FromRow, QueryBuilder};

use crate::access::{AuditRow, audit};
use crate::database::{reading, writing};
use crate::values::{At, Day, signed, unsigned};
use crate::{Store, StoreError};

/// A model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRow {
    /// Its name in all other records.
    pub model_id: Uuid,
    /// What people call it.
    pub name: String,
    /// Which version of it.
    pub version: String,
    /// Such as `spot_predictor`.
    pub model_type: String,
    /// The last day of the data it was trained on.
    pub trained_until: Date,
    /// When it was recorded.
    pub uploaded_at: Timestamp,
    /// By whom.
    pub uploaded_by: Option<String>,
    /// Whether it answers for its type.
    pub active: bool,
    /// What its maker said about it.
    pub metadata: Option<serde_json::Value>,
    /// When its data was last refreshed.
    pub last_refresh_at: Option<Timestamp>,
}

/// Which models are wanted; the newest first.
#[derive(Clone, Debug, Default)]
pub struct ModelFilter {
    /// Only active ones, or only others.
    pub active: Option<bool>,
    /// How many are passed over.
    pub offset: u64,
    /// How many at the most.
    pub limit: u64,
}

#[derive(FromRow)]
struct Raw {
    model_id: Uuid,
    model_name: String,
    model_version: String,
    model_type: String,
    trained_until_date: Day,
    upload_date: At,
    uploaded_by: Option<String>,
    active: bool,
    model_metadata: Option<Json<serde_json::Value>>,
    last_refresh_date: Option<At>,
}

impl From<Raw> for ModelRow {
    fn from(raw: Raw) -> ModelRow {
        ModelRow {
            model_id: raw.model_id,
            name: raw.model_name,
            version: raw.model_version,
            model_type: raw.model_type,
            trained_until: raw.trained_until_date.0,
            uploaded_at: raw.upload_date.0,
            uploaded_by: raw.uploaded_by,
            active: raw.active,
            metadata: raw.model_metadata.map(|json| json.0),
            last_refresh_at: raw.last_refresh_date.map(|at| at.0),
        }
    }
}

const COLUMNS: &str = "model_id, model_name, model_version, model_type, trained_until_date, \
     upload_date, uploaded_by, active, model_metadata, last_refresh_date";

/// Makes a model the active one of its type; gives the one that was.
macro_rules! activate {
    ($transaction:ident, $model_id:expr, $kind:expr) => {{
        // Whoever activates a model of this type at the same time waits here.
        sqlx::query(
            "UPDATE ml_models SET active = active WHERE model_id = ( \
               SELECT model_id FROM ml_models WHERE model_type = $1 ORDER BY model_id LIMIT 1)",
        )
        .bind($kind.as_str())
        .execute(&mut *$transaction)
        .await?;
        let before: Option<(Uuid,)> = sqlx::query_as(
            "UPDATE ml_models SET active = $1 WHERE model_type = $2 AND active RETURNING model_id",
        )
        .bind(false)
        .bind($kind.as_str())
        .fetch_optional(&mut *$transaction)
        .await?;
        sqlx::query("UPDATE ml_models SET active = $1 WHERE model_id = $2")
            .bind(true)
            .bind($model_id)
            .execute(&mut *$transaction)
            .await?;
        before.map(|row| row.0)
    }};
}

impl Store {
    /// Records a model and notes who did; `false` when there is one of this name and version, and then
    /// nothing is changed. An active one takes the place of the active one of its type.
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn add_model(&self, model: &ModelRow, note: &AuditRow) -> Result<bool, StoreError> {
        let added = writing!(self, transaction => {
            let added = sqlx::query(
                "INSERT INTO ml_models (model_id, model_name, model_version, model_type, \
                   trained_until_date, upload_date, uploaded_by, active, model_file_path, model_metadata) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9) \
                 ON CONFLICT (model_name, model_version) DO NOTHING",
            )
            .bind(model.model_id)
            .bind(model.name.as_str())
            .bind(model.version.as_str())
            .bind(model.model_type.as_str())
            .bind(Day(model.trained_until))
            .bind(At(model.uploaded_at))
            .bind(model.uploaded_by.as_deref())
            // Active only once the one before is not: one of a type is, at every instant.
            .bind(false)
            .bind(model.metadata.as_ref().map(Json))
            .execute(&mut *transaction)
            .await?
            .rows_affected();
            if added > 0 {
                if model.active {
                    let _ = activate!(transaction, model.model_id, &model.model_type);
                }
                audit!(transaction, note);
            }
            added
        });
        Ok(added > 0)
    }

    /// One model; `None` when there is none of this name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn model(&self, model_id: Uuid) -> Result<Option<ModelRow>, StoreError> {
        let row: Option<Raw> = reading!(self, pool => {
            sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "SELECT {COLUMNS} FROM ml_models WHERE model_id = $1"
            )))
            .bind(model_id)
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(ModelRow::from))
    }

    /// Models, the newest first, and how many there are.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn models(&self, filter: &ModelFilter) -> Result<(Vec<ModelRow>, u64), StoreError> {
        let (rows, count): (Vec<Raw>, i64) = reading!(self, pool => {
            let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM ml_models"));
            if let Some(active) = filter.active {
                query.push(" WHERE active = ").push_bind(active);
            }
            query.push(" ORDER BY upload_date DESC, model_id LIMIT ");
            query.push_bind(signed(filter.limit));
            query.push(" OFFSET ").push_bind(signed(filter.offset));
            let rows = query.build_query_as().fetch_all(pool).await?;
            let mut count = QueryBuilder::new("SELECT count(*) FROM ml_models");
            if let Some(active) = filter.active {
                count.push(" WHERE active = ").push_bind(active);
            }
            (rows, count.build_query_scalar().fetch_one(pool).await?)
        });
        Ok((rows.into_iter().map(ModelRow::from).collect(), unsigned(count)))
    }

    /// Makes a model the active one of its type, and the one before inactive. The model that was
    /// active; `None` inside when there was none. `None` outside when there is no such model.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn activate_model(
        &self,
        model_id: Uuid,
        note: &AuditRow,
    ) -> Result<Option<Option<Uuid>>, StoreError> {
        Ok(writing!(self, transaction => {
            let kind: Option<(String,)> =
                sqlx::query_as("SELECT model_type FROM ml_models WHERE model_id = $1")
                    .bind(model_id)
                    .fetch_optional(&mut *transaction)
                    .await?;
            match kind {
                None => None,
                Some((kind,)) => {
                    let before = activate!(transaction, model_id, &kind);
                    audit!(transaction, note);
                    Some(before)
                }
            }
        }))
    }

    /// Notes that the data of a model was refreshed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn model_was_refreshed(
        &self,
        model_id: Uuid,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        writing!(self, transaction => {
            sqlx::query("UPDATE ml_models SET last_refresh_date = $1 WHERE model_id = $2")
                .bind(At(now))
                .bind(model_id)
                .execute(&mut *transaction)
                .await?;
        });
        Ok(())
    }
}
