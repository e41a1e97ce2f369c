//! Models: what they are called, which file each is, and which one answers for its type.

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
    /// Its file; without one it is known by record only.
    pub file: Option<ModelFile>,
    /// What was read out of the file: format, signature, sizes.
    pub description: Option<serde_json::Value>,
    /// Whether it is asked what the active one is asked, behind the answers.
    pub shadow: bool,
}

/// The file of a model. Files are kept by digest: two models of equal bytes share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// What its uploader called it; for people only.
    pub name: String,
    /// SHA-256 of its bytes, 64 hexadecimal digits.
    pub digest: String,
    /// Its size.
    pub bytes: u64,
    /// Where it lies, below the folder of models.
    pub path: String,
}

/// One change of the model that answers for a type.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationRow {
    /// The type.
    pub model_type: String,
    /// The model that answered from then on.
    pub model_id: Uuid,
    /// The one before, where there was one.
    pub previous_id: Option<Uuid>,
    /// When.
    pub activated_at: Timestamp,
    /// By whom.
    pub activated_by: String,
}

/// Why a model was not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDeleted {
    /// There is none of this name.
    Unknown,
    /// It answers for its type.
    Active,
    /// It is the shadow of its type.
    Shadow,
    /// Gaps, refreshes or predictions were made for it.
    InUse,
}

/// Which models are wanted; the newest first.
#[derive(Clone, Debug, Default)]
pub struct ModelFilter {
    /// Only active ones, or only others.
    pub active: Option<bool>,
    /// Only those that are asked: active ones and shadows.
    pub asked: bool,
    /// Only versions of this name.
    pub name: Option<String>,
    /// Only those of this type.
    pub model_type: Option<String>,
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
    model_file_path: String,
    file_name: Option<String>,
    file_digest: Option<String>,
    file_bytes: Option<i64>,
    description: Option<Json<serde_json::Value>>,
    shadow: bool,
}

impl From<Raw> for ModelRow {
    fn from(raw: Raw) -> ModelRow {
        let file = match (raw.file_name, raw.file_digest, raw.file_bytes) {
            (Some(name), Some(digest), Some(bytes)) => {
                let bytes = unsigned(bytes);
                Some(ModelFile { name, digest, bytes, path: raw.model_file_path })
            }
            _ => None,
        };
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
            file,
            description: raw.description.map(|json| json.0),
            shadow: raw.shadow,
        }
    }
}

const COLUMNS: &str = "model_id, model_name, model_version, model_type, trained_until_date, \
     upload_date, uploaded_by, active, model_metadata, last_refresh_date, \
     model_file_path, file_name, file_digest, file_bytes, description, shadow";

/// Whoever changes which models of a type are asked at the same time waits here.
const WAIT_FOR_OTHERS: &str = "UPDATE ml_models SET active = active WHERE model_id = ( \
     SELECT model_id FROM ml_models WHERE model_type = $1 ORDER BY model_id LIMIT 1)";

/// What is said of a model alone.
const GO_WITH_A_MODEL: &[&str] = &[
    "DELETE FROM forgotten_predictions WHERE model_id = $1",
    "DELETE FROM feature_references WHERE model_id = $1",
    "DELETE FROM feature_counts WHERE model_id = $1",
];

/// The type of a model; `None` when there is no such model.
macro_rules! type_of {
    ($transaction:ident, $model_id:expr) => {{
        let kind: Option<(String,)> =
            sqlx::query_as("SELECT model_type FROM ml_models WHERE model_id = $1")
                .bind($model_id)
                .fetch_optional(&mut *$transaction)
                .await?;
        kind.map(|row| row.0)
    }};
}

/// Makes a model the active one of its type; gives the one that was.
macro_rules! activate {
    ($transaction:ident, $model_id:expr, $kind:expr, $note:expr) => {{
        sqlx::query(WAIT_FOR_OTHERS).bind($kind.as_str()).execute(&mut *$transaction).await?;
        let before: Option<(Uuid,)> = sqlx::query_as(
            "UPDATE ml_models SET active = $1 WHERE model_type = $2 AND active RETURNING model_id",
        )
        .bind(false)
        .bind($kind.as_str())
        .fetch_optional(&mut *$transaction)
        .await?;
        let before = before.map(|row| row.0);
        if before != Some($model_id) {
            // A shadow is compared with the model that answers: with another one it begins anew.
            sqlx::query("UPDATE ml_models SET shadow = $1 WHERE model_type = $2 AND shadow")
                .bind(false)
                .bind($kind.as_str())
                .execute(&mut *$transaction)
                .await?;
        }
        sqlx::query("UPDATE ml_models SET active = $1 WHERE model_id = $2")
            .bind(true)
            .bind($model_id)
            .execute(&mut *$transaction)
            .await?;
        if before != Some($model_id) {
            sqlx::query(
                "INSERT INTO model_activations (model_type, model_id, previous_id, activated_at, \
                   activated_by) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind($kind.as_str())
            .bind($model_id)
            .bind(before)
            .bind(At($note.happened_at))
            .bind($note.actor.as_str())
            .execute(&mut *$transaction)
            .await?;
        }
        before
    }};
}

/// The conditions of a filter behind `FROM ml_models`.
macro_rules! push_conditions {
    ($query:ident, $filter:expr) => {
        let mut word = " WHERE ";
        let mut and = || std::mem::replace(&mut word, " AND ");
        if let Some(active) = $filter.active {
            $query.push(and()).push("active = ").push_bind(active);
        }
        if $filter.asked {
            $query.push(and()).push("(active OR shadow)");
        }
        if let Some(name) = &$filter.name {
            $query.push(and()).push("model_name = ").push_bind(name.as_str());
        }
        if let Some(kind) = &$filter.model_type {
            $query.push(and()).push("model_type = ").push_bind(kind.as_str());
        }
    };
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
                   trained_until_date, upload_date, uploaded_by, active, model_file_path, model_metadata, \
                   file_name, file_digest, file_bytes, description) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
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
            .bind(model.file.as_ref().map_or("", |file| file.path.as_str()))
            .bind(model.metadata.as_ref().map(Json))
            .bind(model.file.as_ref().map(|file| file.name.as_str()))
            .bind(model.file.as_ref().map(|file| file.digest.as_str()))
            .bind(model.file.as_ref().map(|file| signed(file.bytes)))
            .bind(model.description.as_ref().map(Json))
            .execute(&mut *transaction)
            .await?
            .rows_affected();
            if added > 0 {
                if model.active {
                    let _ = activate!(transaction, model.model_id, &model.model_type, note);
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
            push_conditions!(query, filter);
            query.push(" ORDER BY upload_date DESC, model_id LIMIT ");
            query.push_bind(signed(filter.limit));
            query.push(" OFFSET ").push_bind(signed(filter.offset));
            let rows = query.build_query_as().fetch_all(pool).await?;
            let mut count = QueryBuilder::new("SELECT count(*) FROM ml_models");
            push_conditions!(count, filter);
            (rows, count.build_query_scalar().fetch_one(pool).await?)
        });
        Ok((rows.into_iter().map(ModelRow::from).collect(), unsigned(count)))
    }

    /// The digests of all files of models.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn model_digests(&self) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT DISTINCT file_digest FROM ml_models WHERE file_digest IS NOT NULL",
            )
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// What answered for a type since when, the latest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn activations(
        &self,
        model_type: &str,
        limit: u64,
    ) -> Result<Vec<ActivationRow>, StoreError> {
        let rows: Vec<(String, Uuid, Option<Uuid>, At, String)> = reading!(self, pool => {
            sqlx::query_as(
                "SELECT model_type, model_id, previous_id, activated_at, activated_by \
                 FROM model_activations WHERE model_type = $1 \
                 ORDER BY activated_at DESC, activation_id DESC LIMIT $2",
            )
            .bind(model_type)
            .bind(signed(limit))
            .fetch_all(pool)
            .await?
        });
        Ok(rows
            .into_iter()
            .map(|(model_type, model_id, previous_id, at, activated_by)| ActivationRow {
                model_type,
                model_id,
                previous_id,
                activated_at: at.0,
                activated_by,
            })
            .collect())
    }

    /// Deletes a model that is not active and that nothing refers to. The digest of its file when no
    /// other model has the same one, so that the file may go.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn delete_model(
        &self,
        model_id: Uuid,
        note: &AuditRow,
    ) -> Result<Result<Option<String>, NotDeleted>, StoreError> {
        Ok(writing!(self, transaction => {
            let found: Option<(bool, bool, Option<String>)> = sqlx::query_as(
                "SELECT active, shadow, file_digest FROM ml_models WHERE model_id = $1",
            )
            .bind(model_id)
            .fetch_optional(&mut *transaction)
            .await?;
            let (used,): (bool,) = sqlx::query_as(
                "SELECT EXISTS (SELECT 1 FROM gap_fills WHERE model_id = $1) \
                   OR EXISTS (SELECT 1 FROM refreshes WHERE model_id = $1)",
            )
            .bind(model_id)
            .fetch_one(&mut *transaction)
            .await?;
            match found {
                None => Err(NotDeleted::Unknown),
                Some((true, _, _)) => Err(NotDeleted::Active),
                Some((_, true, _)) => Err(NotDeleted::Shadow),
                Some(_) if used => Err(NotDeleted::InUse),
                Some((false, false, digest)) => {
                    // It may be asked since; then this deletes nothing.
                    let deleted = sqlx::query(
                        "DELETE FROM ml_models WHERE model_id = $1 AND NOT active AND NOT shadow",
                    )
                    .bind(model_id)
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected();
                    let (shared,): (bool,) = sqlx::query_as(
                        "SELECT EXISTS (SELECT 1 FROM ml_models WHERE file_digest = $1)",
                    )
                    .bind(digest.as_deref())
                    .fetch_one(&mut *transaction)
                    .await?;
                    if deleted == 0 {
                        Err(NotDeleted::Active)
                    } else {
                        for what in GO_WITH_A_MODEL {
                            sqlx::query(*what).bind(model_id).execute(&mut *transaction).await?;
                        }
                        audit!(transaction, note);
                        Ok(digest.filter(|_| !shared))
                    }
                }
            }
        }))
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
            match type_of!(transaction, model_id) {
                None => None,
                Some(kind) => {
                    let before = activate!(transaction, model_id, &kind, note);
                    audit!(transaction, note);
                    Some(before)
                }
            }
        }))
    }

    /// Makes a model that is not active the shadow of its type, in the place of another one, or ends
    /// that. Whether it is one now, or was one; `None` when there is no such model.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_shadow(
        &self,
        model_id: Uuid,
        shadow: bool,
        note: &AuditRow,
    ) -> Result<Option<bool>, StoreError> {
        Ok(writing!(self, transaction => {
            match type_of!(transaction, model_id) {
                None => None,
                Some(kind) => {
                    sqlx::query(WAIT_FOR_OTHERS)
                        .bind(kind.as_str())
                        .execute(&mut *transaction)
                        .await?;
                    if shadow {
                        sqlx::query(
                            "UPDATE ml_models SET shadow = $1 WHERE model_type = $2 AND shadow \
                             AND model_id <> $3 AND EXISTS (SELECT 1 FROM ml_models m WHERE m.model_id = $3 \
                               AND NOT m.active)",
                        )
                        .bind(false)
                        .bind(kind.as_str())
                        .bind(model_id)
                        .execute(&mut *transaction)
                        .await?;
                    }
                    let changed = sqlx::query(
                        "UPDATE ml_models SET shadow = $1, \
                           shadowed_at = CASE WHEN $1 THEN $2 ELSE shadowed_at END \
                         WHERE model_id = $3 AND NOT active AND shadow <> $1",
                    )
                    .bind(shadow)
                    .bind(At(note.happened_at))
                    .bind(model_id)
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected();
                    if changed > 0 {
                        audit!(transaction, note);
                    }
                    Some(changed > 0)
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
