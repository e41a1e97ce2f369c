//! Models: what they are called, what they need, what their files are, and which one answers for its
//! type.

pub mod activation;
pub(crate) mod asking;
pub mod folder;
pub mod golden;
pub mod inspection;
pub mod reading;
pub mod serving;
pub mod shadowing;
pub mod table;
pub mod upload;

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ModelFilter, ModelRow, Uuid};

use crate::access::Caller;
use crate::ids::timed_id;
use crate::{App, Error, FieldError};

/// The longest name or version, in bytes.
const LONGEST_NAME: usize = 255;

/// What a model predicts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ModelType {
    /// Interruptions of spot capacity.
    SpotPredictor,
    /// Spot prices.
    PricePredictor,
    /// What workloads will use.
    ResourceForecaster,
}

impl ModelType {
    /// All of them.
    pub const ALL: [ModelType; 3] =
        [ModelType::SpotPredictor, ModelType::PricePredictor, ModelType::ResourceForecaster];

    /// The type of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<ModelType> {
        ModelType::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// As it is stored and written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ModelType::SpotPredictor => "spot_predictor",
            ModelType::PricePredictor => "price_predictor",
            ModelType::ResourceForecaster => "resource_forecaster",
        }
    }

    /// What its predictions are called.
    #[must_use]
    pub fn prediction(self) -> &'static str {
        match self {
            ModelType::SpotPredictor => "spot_interruption",
            ModelType::PricePredictor => "spot_price",
            ModelType::ResourceForecaster => "resource_usage",
        }
    }
}

/// A model that is to be recorded.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{
    "model_name": "spot", "model_version": "1", "model_type": "spot_predictor",
    "trained_until_date": "2026-07-01", "active": true,
    "metadata": { "instance_types": ["m5.*"], "regions": ["us-east-1"] }
}]))]
pub struct NewModel {
    /// What people call it.
    pub model_name: String,
    /// Which version of it; one name has each version once.
    pub model_version: String,
    /// What it predicts.
    pub model_type: ModelType,
    /// The last day (`YYYY-MM-DD`, UTC) of the data it was trained on.
    #[schemars(with = "String")]
    pub trained_until_date: Date,
    /// Whether it answers for its type from now on, in the place of the one that does.
    #[serde(default)]
    pub active: bool,
    /// What its maker says about it. `instance_types` and `regions`, lists of names or of patterns such
    /// as `m5.*`, say which prices it needs.
    #[serde(default)]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A model.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ModelItem {
    /// Its name in all other calls.
    pub model_id: String,
    /// What people call it.
    pub name: String,
    /// Which version of it.
    pub version: String,
    /// `spot_predictor`, `price_predictor` or `resource_forecaster`.
    pub model_type: String,
    /// The last day of the data it was trained on.
    #[schemars(with = "String")]
    pub trained_until: Date,
    /// Whether it answers for its type; one of a type does at the most.
    pub active: bool,
    /// Whether it is asked what the active one is asked, behind the answers; one of a type is at the
    /// most.
    pub shadow: bool,
    /// When it was recorded.
    pub uploaded_at: Timestamp,
    /// By whom.
    pub uploaded_by: Option<String>,
    /// When its data was last refreshed.
    pub last_refresh_date: Option<Timestamp>,
    /// What its maker says about it.
    pub metadata: Option<serde_json::Value>,
    /// SHA-256 of its file in hexadecimal; `null` when it is known by record only.
    pub sha256: Option<String>,
    /// The size of its file.
    pub bytes: Option<u64>,
    /// What its uploader called the file.
    pub file_name: Option<String>,
    /// What was read out of the file: format, features, what its answers are.
    pub description: Option<serde_json::Value>,
}

/// The prices that a model needs, as its maker says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ModelNeed {
    /// Names or patterns; empty when nothing is said.
    pub(crate) instance_types: Vec<String>,
    /// Regions; empty when nothing is said.
    pub(crate) regions: Vec<String>,
}

impl App {
    /// Records a model.
    ///
    /// # Errors
    /// Fields that are wrong, a version that is there, a store that does not answer.
    pub async fn record_model(
        &self,
        wanted: &NewModel,
        caller: &Caller,
    ) -> Result<ModelItem, Error> {
        checked(wanted)?;
        let now = self.clock.now();
        let own = format!("{}\0{}", wanted.model_name, wanted.model_version);
        let model = ModelRow {
            model_id: timed_id(now, own.as_bytes()),
            name: wanted.model_name.clone(),
            version: wanted.model_version.clone(),
            model_type: wanted.model_type.name().to_owned(),
            trained_until: wanted.trained_until_date,
            uploaded_at: now,
            uploaded_by: Some(caller.name.clone()),
            active: wanted.active,
            metadata: wanted.metadata.clone().map(serde_json::Value::Object),
            last_refresh_at: None,
            file: None,
            description: None,
            shadow: false,
        };
        let detail = json!({
            "name": model.name, "version": model.version, "model_type": model.model_type,
            "active": model.active,
        });
        let note = self.note(caller, "model.record", model.model_id.to_string(), detail);
        if self.store.add_model(&model, &note).await? {
            return Ok(item(model));
        }
        Err(Error::Taken(format!(
            "version `{}` of `{}` is recorded already; give this one another version",
            wanted.model_version, wanted.model_name
        )))
    }

    /// Models, the newest first, and how many there are.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn models(&self, filter: &ModelFilter) -> Result<(Vec<ModelItem>, u64), Error> {
        let (models, total) = self.store.models(filter).await?;
        Ok((models.into_iter().map(item).collect(), total))
    }

    /// One model.
    ///
    /// # Errors
    /// None of this name, or a store that does not answer.
    pub async fn model(&self, model_id: &str) -> Result<ModelItem, Error> {
        Ok(item(self.model_row(model_id).await?))
    }

    pub(crate) async fn model_row(&self, model_id: &str) -> Result<ModelRow, Error> {
        let shown: String = model_id.chars().take(60).collect();
        let unknown = || Error::NotFound(format!("there is no model `{shown}`"));
        let id: Uuid = model_id.parse().map_err(|_| unknown())?;
        self.store.model(id).await?.ok_or_else(unknown)
    }
}

/// What a model needs, where its maker said it in the metadata.
pub(crate) fn need(model: &ModelRow) -> ModelNeed {
    let list = |name: &str| -> Vec<String> {
        let values = model.metadata.as_ref().and_then(|all| all[name].as_array());
        let texts = values.into_iter().flatten().filter_map(|value| value.as_str());
        texts.map(str::to_owned).collect()
    };
    ModelNeed { instance_types: list("instance_types"), regions: list("regions") }
}

fn checked(wanted: &NewModel) -> Result<(), Error> {
    let mut errors = Vec::new();
    for (pointer, text) in
        [("/model_name", &wanted.model_name), ("/model_version", &wanted.model_version)]
    {
        if text.trim().is_empty() || text.len() > LONGEST_NAME || text.contains(char::is_control) {
            errors.push(FieldError {
                pointer: pointer.to_owned(),
                code: "invalid",
                detail: format!("expected 1 to {LONGEST_NAME} bytes without control characters"),
            });
        }
    }
    for name in ["instance_types", "regions"] {
        let Some(value) = wanted.metadata.as_ref().and_then(|all| all.get(name)) else { continue };
        let texts =
            value.as_array().is_some_and(|all| all.iter().all(serde_json::Value::is_string));
        if !texts {
            errors.push(FieldError {
                pointer: format!("/metadata/{name}"),
                code: "invalid",
                detail: "expected a list of names".to_owned(),
            });
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

fn item(model: ModelRow) -> ModelItem {
    ModelItem {
        model_id: model.model_id.to_string(),
        name: model.name,
        version: model.version,
        model_type: model.model_type,
        trained_until: model.trained_until,
        active: model.active,
        shadow: model.shadow,
        uploaded_at: model.uploaded_at,
        uploaded_by: model.uploaded_by,
        last_refresh_date: model.last_refresh_at,
        metadata: model.metadata,
        sha256: model.file.as_ref().map(|file| file.digest.clone()),
        bytes: model.file.as_ref().map(|file| file.bytes),
        file_name: model.file.map(|file| file.name),
        description: model.description,
    }
}
