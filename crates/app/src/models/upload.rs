//! Taking a model in: received, parsed, validated, ready. File and record appear together.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use store::{ModelRow, NotDeleted};

use super::folder::{Held, Incoming, ModelFolder};
use super::{ModelItem, NewModel, checked, item};
use super::{golden, reading};
use crate::access::Caller;
use crate::ids::timed_id;
use crate::{App, Error, FieldError};

/// A model that is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Deleted {
    /// `deleted`.
    pub status: &'static str,
    /// Its name in all other records.
    pub model_id: String,
    /// What people called it.
    pub name: String,
    /// Which version of it.
    pub version: String,
    /// When.
    pub deleted_at: Timestamp,
}

impl App {
    /// Begins a file of a model.
    ///
    /// # Errors
    /// A server without a folder for models, or one whose folder cannot be written.
    pub fn begin_model_file(&self) -> Result<Incoming, Error> {
        let folder = self.models.folder.as_ref().ok_or_else(|| {
            Error::Unavailable("this server keeps no files of models (demo)".to_owned())
        })?;
        folder.begin().map_err(|error| Error::Unavailable(format!("the folder of models: {error}")))
    }

    /// The most bytes that a file of a model may have.
    #[must_use]
    pub fn largest_model_file(&self) -> u64 {
        self.models.folder.as_ref().map_or(0, super::folder::ModelFolder::largest)
    }

    /// Takes a file that has been received whole as a model.
    ///
    /// # Errors
    /// Fields that are wrong, a file that is refused, a version that is there, a store that does not
    /// answer. Then no file stays.
    pub async fn upload_model(
        &self,
        wanted: &NewModel,
        file_name: &str,
        incoming: Incoming,
        caller: &Caller,
    ) -> Result<ModelItem, Error> {
        checked(wanted)?;
        let kind = wanted.model_type;
        let own_metadata = wanted.metadata.clone().unwrap_or_default();
        let work = tokio::task::spawn_blocking(move || {
            let bytes = incoming.content().map_err(|error| unkept(&error))?;
            let read = reading::read(&bytes)?;
            let input = reading::input_of(&read, kind)?;
            let mut metadata = read.metadata.clone().unwrap_or_default();
            metadata.extend(own_metadata);
            let compared = golden::compare(&read, &metadata)?;
            Ok::<_, Error>((incoming, read, input, metadata, compared))
        });
        let (incoming, read, input, metadata, compared) = finished(work).await??;
        let name = file_name.to_owned();
        let work = tokio::task::spawn_blocking(move || incoming.finish(&name));
        let (file, held) = finished(work).await?.map_err(|error| unkept(&error))?;
        let now = self.clock.now();
        let own = format!("{}\0{}", wanted.model_name, wanted.model_version);
        let mut description = read.description;
        description["features_from"] = json!(input.from_where());
        description["golden_vectors_compared"] = json!(compared);
        let model = ModelRow {
            model_id: timed_id(now, own.as_bytes()),
            name: wanted.model_name.clone(),
            version: wanted.model_version.clone(),
            model_type: kind.name().to_owned(),
            trained_until: wanted.trained_until_date,
            uploaded_at: now,
            uploaded_by: Some(caller.name.clone()),
            active: wanted.active,
            metadata: (!metadata.is_empty()).then_some(Value::Object(metadata)),
            last_refresh_at: None,
            file: Some(file.clone()),
            description: Some(description),
            shadow: false,
        };
        let detail = json!({
            "name": model.name, "version": model.version, "model_type": model.model_type,
            "sha256": file.digest, "bytes": file.bytes, "active": model.active,
        });
        let note = self.note(caller, "model.upload", model.model_id.to_string(), detail);
        let added = self.store.add_model(&model, &note).await;
        drop(held);
        match added {
            Ok(true) => {
                self.reload_models().await?;
                Ok(item(model))
            }
            Ok(false) => {
                self.forget_unused(&file.digest).await;
                Err(Error::Taken(format!(
                    "version `{}` of `{}` is there already; give this one another version",
                    wanted.model_version, wanted.model_name
                )))
            }
            Err(error) => {
                self.forget_unused(&file.digest).await;
                Err(error.into())
            }
        }
    }

    /// Deletes a model that does not answer for its type, with its file when no other model has it.
    ///
    /// # Errors
    /// None of this name, one that is active or in use, a store that does not answer.
    pub async fn delete_model(&self, model_id: &str, caller: &Caller) -> Result<Deleted, Error> {
        let model = self.model_row(model_id).await?;
        let detail = json!({ "name": model.name, "version": model.version });
        let note = self.note(caller, "model.delete", model.model_id.to_string(), detail);
        match self.store.delete_model(model.model_id, &note).await? {
            Ok(digest) => {
                if let Some(digest) = digest {
                    self.forget_unused(&digest).await;
                }
                Ok(Deleted {
                    status: "deleted",
                    model_id: model.model_id.to_string(),
                    name: model.name,
                    version: model.version,
                    deleted_at: note.happened_at,
                })
            }
            Err(NotDeleted::Unknown) => {
                Err(Error::NotFound(format!("there is no model `{model_id}`")))
            }
            Err(NotDeleted::Active) => Err(Error::Taken(
                "the model answers for its type; activate another one first".to_owned(),
            )),
            Err(NotDeleted::Shadow) => {
                Err(Error::Taken("the model is the shadow of its type; end that first".to_owned()))
            }
            Err(NotDeleted::InUse) => Err(Error::Taken(
                "gaps were filled or data refreshed for the model, and their history names it; it \
                 stays"
                    .to_owned(),
            )),
        }
    }

    /// The bytes of a model's file, and what its uploader called it.
    ///
    /// # Errors
    /// None of this name, or one without a file.
    pub async fn model_file(&self, model_id: &str) -> Result<(String, Vec<u8>), Error> {
        let model = self.model_row(model_id).await?;
        let (Some(file), Some(folder)) = (model.file, self.models.folder.clone()) else {
            return Err(Error::NotFound("the model was recorded without a file".to_owned()));
        };
        let name = file.name.clone();
        let work = tokio::task::spawn_blocking(move || folder.read(&file));
        let bytes = finished(work).await?.map_err(|error| match error.kind() {
            // Trying again does not help: the file has to come again.
            ErrorKind::InvalidData | ErrorKind::NotFound => {
                tracing::error!(%error, model.id = %model_id, "the file of a model is not what it was");
                Error::Taken(
                    "the model's file is gone or was changed on the disk; upload it as a new version"
                        .to_owned(),
                )
            }
            _ => unkept(&error),
        })?;
        Ok((name, bytes))
    }

    /// Removes what uploads that were cut off have left. How many files.
    ///
    /// # Errors
    /// A store or a folder that cannot be read.
    pub async fn sweep_model_files(&self) -> Result<u64, Error> {
        let Some(folder) = self.models.folder.clone() else { return Ok(0) };
        if !folder.exists() {
            return Ok(0);
        }
        let held = held(&folder).await?;
        let now = self.clock.now();
        let known: BTreeSet<String> = self.store.model_digests().await?.into_iter().collect();
        let work = tokio::task::spawn_blocking(move || {
            let swept = folder.sweep(|name| known.contains(name), now);
            drop(held);
            swept
        });
        finished(work).await?.map_err(|error| unkept(&error))
    }

    async fn forget_unused(&self, digest: &str) {
        let Some(folder) = &self.models.folder else { return };
        // Nobody puts the file there again between the look and the removal.
        let Ok(_held) = held(folder).await else { return };
        let Ok(used) = self.store.model_digests().await else { return };
        if used.iter().any(|one| one == digest) {
            return;
        }
        let (folder, name) = (folder.clone(), digest.to_owned());
        let removed = finished(tokio::task::spawn_blocking(move || folder.remove(&name))).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%error, digest, "a file that no model has could not be removed");
        }
    }
}

async fn held(folder: &ModelFolder) -> Result<Held, Error> {
    let folder = folder.clone();
    finished(tokio::task::spawn_blocking(move || folder.hold()))
        .await?
        .map_err(|error| unkept(&error))
}

/// The result of work on another thread.
pub(super) async fn finished<T>(work: tokio::task::JoinHandle<T>) -> Result<T, Error> {
    work.await.map_err(|_| Error::Internal("reading the model failed".to_owned()))
}

fn unkept(error: &std::io::Error) -> Error {
    if error.kind() == ErrorKind::FileTooLarge {
        return Error::Invalid(vec![FieldError {
            pointer: "/file".to_owned(),
            code: "too_large",
            detail: format!("received: {error} are not taken (MAX_MODEL_FILE_SIZE_MB)"),
        }]);
    }
    Error::Unavailable(format!("the folder of models: {error}"))
}
