//! Which model is the shadow of its type: asked what the active one is asked, answering nobody.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::access::Caller;
use crate::{App, Error};

/// Whether a model is a shadow from now on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Shadowed {
    /// `shadow`, `already_shadow`, `ended` or `no_shadow`.
    pub status: &'static str,
    /// The model.
    pub model_id: String,
    /// Its version.
    pub version: String,
    /// Its type.
    pub model_type: String,
    /// When.
    pub changed_at: Timestamp,
}

impl App {
    /// Makes a model the shadow of its type, in the place of another one. It stays so until another
    /// model answers for the type, another one becomes the shadow, or somebody ends it.
    ///
    /// # Errors
    /// No such model, one that answers, one without a file or with a changed one, a store that does not
    /// answer.
    pub async fn begin_shadow(&self, model_id: &str, caller: &Caller) -> Result<Shadowed, Error> {
        let model = self.model_row(model_id).await?;
        if model.active {
            return Err(Error::Taken(
                "the model answers for its type; a shadow is another one".to_owned(),
            ));
        }
        self.must_load(&model).await?;
        self.set_shadow(&model, true, caller).await
    }

    /// Ends that a model is the shadow of its type.
    ///
    /// # Errors
    /// No such model, or a store that does not answer.
    pub async fn end_shadow(&self, model_id: &str, caller: &Caller) -> Result<Shadowed, Error> {
        let model = self.model_row(model_id).await?;
        self.set_shadow(&model, false, caller).await
    }

    async fn set_shadow(
        &self,
        model: &store::ModelRow,
        shadow: bool,
        caller: &Caller,
    ) -> Result<Shadowed, Error> {
        let detail = json!({ "name": model.name, "version": model.version, "shadow": shadow });
        let note = self.note(caller, "model.shadow", model.model_id.to_string(), detail);
        let changed_at = note.happened_at;
        let changed = self.store.set_shadow(model.model_id, shadow, &note).await?;
        let changed = changed
            .ok_or_else(|| Error::NotFound(format!("there is no model `{}`", model.model_id)))?;
        if shadow
            && !changed
            && self.store.model(model.model_id).await?.is_some_and(|row| row.active)
        {
            return Err(Error::Taken("the model has just begun to answer".to_owned()));
        }
        self.models.reloading.lock().await.remove(&model.model_id);
        self.reload_models().await?;
        Ok(Shadowed {
            status: match (shadow, changed) {
                (true, true) => "shadow",
                (true, false) => "already_shadow",
                (false, true) => "ended",
                (false, false) => "no_shadow",
            },
            model_id: model.model_id.to_string(),
            version: model.version.clone(),
            model_type: model.model_type.clone(),
            changed_at,
        })
    }
}
