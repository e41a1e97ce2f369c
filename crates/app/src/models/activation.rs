//! Which model answers for its type: putting one in the place of another, and going back.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ModelFilter, ModelRow};

use super::{ModelType, reading};
use crate::access::Caller;
use crate::{App, Error, FieldError};

/// Which model is to answer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivateRequest {
    /// The model.
    pub model_id: String,
    /// Its version, where whoever asks wants to be sure that it is this one.
    #[serde(default)]
    pub version: Option<String>,
}

/// Which type is to go back to the model before.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// The type.
    pub model_type: ModelType,
}

/// What answers from now on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Activated {
    /// `activated`, or `already_active`.
    pub status: &'static str,
    /// The model.
    pub model_id: String,
    /// Its version.
    pub version: String,
    /// Its type.
    pub model_type: String,
    /// When.
    pub activated_at: Timestamp,
    /// The model that answered before.
    pub previous_active: Option<String>,
}

/// One change of the model that answers for a type.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ActivationItem {
    /// The model that answered from then on.
    pub model_id: String,
    /// The one before.
    pub previous_id: Option<String>,
    /// When.
    pub activated_at: Timestamp,
    /// By whom.
    pub activated_by: String,
}

impl App {
    /// Makes a model the one that answers for its type. Its file is read first: one that cannot be read
    /// any more does not take the place of one that can.
    ///
    /// # Errors
    /// No such model or version, a model without a file, a file that was changed, a store that does not
    /// answer.
    pub async fn activate_model(
        &self,
        request: &ActivateRequest,
        caller: &Caller,
    ) -> Result<Activated, Error> {
        let model = self.model_row(&request.model_id).await?;
        if let Some(version) = request.version.as_ref().filter(|version| **version != model.version)
        {
            return Err(Error::Invalid(vec![FieldError {
                pointer: "/version".to_owned(),
                code: "mismatch",
                detail: format!("the model is version `{}`, not `{version}`", model.version),
            }]));
        }
        self.must_load(&model).await?;
        self.make_active(&model, "model.activate", caller).await
    }

    /// Goes back to the model that answered before the active one of a type.
    ///
    /// # Errors
    /// There was none, or it was deleted since.
    pub async fn roll_back_model(
        &self,
        request: &RollbackRequest,
        caller: &Caller,
    ) -> Result<Activated, Error> {
        let kind = request.model_type.name();
        let history = self.store.activations(kind, 1).await?;
        let previous = history.first().and_then(|row| row.previous_id);
        let nothing = || Error::Taken(format!("no {kind} answered before the active one"));
        let model = self.model_row(&previous.ok_or_else(nothing)?.to_string()).await?;
        self.must_load(&model).await?;
        self.make_active(&model, "model.rollback", caller).await
    }

    /// What answered for a type since when, the latest first.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn activations(&self, kind: ModelType) -> Result<Vec<ActivationItem>, Error> {
        let rows = self.store.activations(kind.name(), 100).await?;
        Ok(rows
            .into_iter()
            .map(|row| ActivationItem {
                model_id: row.model_id.to_string(),
                previous_id: row.previous_id.map(|id| id.to_string()),
                activated_at: row.activated_at,
                activated_by: row.activated_by,
            })
            .collect())
    }

    /// The versions of one name, the newest first.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn versions_of(&self, name: &str) -> Result<Vec<super::ModelItem>, Error> {
        let filter =
            ModelFilter { name: Some(name.to_owned()), limit: 500, ..ModelFilter::default() };
        Ok(self.models(&filter).await?.0)
    }

    async fn make_active(
        &self,
        model: &ModelRow,
        action: &str,
        caller: &Caller,
    ) -> Result<Activated, Error> {
        let detail = json!({ "name": model.name, "version": model.version });
        let note = self.note(caller, action, model.model_id.to_string(), detail);
        let activated_at = note.happened_at;
        let previous = self.store.activate_model(model.model_id, &note).await?;
        let Some(previous) = previous else {
            return Err(Error::NotFound(format!("there is no model `{}`", model.model_id)));
        };
        // It was just read: an earlier failure says nothing.
        self.models.reloading.lock().await.remove(&model.model_id);
        self.reload_models().await?;
        Ok(Activated {
            status: if previous == Some(model.model_id) { "already_active" } else { "activated" },
            model_id: model.model_id.to_string(),
            version: model.version.clone(),
            model_type: model.model_type.clone(),
            activated_at,
            previous_active: previous.map(|id| id.to_string()),
        })
    }

    pub(super) async fn must_load(&self, model: &ModelRow) -> Result<(), Error> {
        if model.file.is_none() {
            return Err(Error::Taken(
                "the model was recorded without a file, so it cannot answer; upload it".to_owned(),
            ));
        }
        let kind = ModelType::from_name(&model.model_type)
            .ok_or_else(|| Error::Internal(format!("unknown type `{}`", model.model_type)))?;
        let (_, bytes) = self.model_file(&model.model_id.to_string()).await?;
        let work = tokio::task::spawn_blocking(move || {
            reading::read(&bytes).and_then(|read| reading::input_of(&read, kind)).map(|_| ())
        });
        super::upload::finished(work).await?
    }
}
