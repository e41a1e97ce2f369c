//! The models that answer now, one of a type, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use inference::{Engine, Meaning};
use jiff::{SignedDuration, Timestamp};
use store::{ModelFilter, ModelRow, Uuid};
use tokio::sync::watch;

use super::ModelType;
use super::folder::ModelFolder;
use super::reading::{self, Input};
use super::upload::finished;
use crate::{App, Error};

/// How soon a server notices that another one has activated a model.
const LOOK: Duration = Duration::from_secs(1);

/// How soon a file that could not be read is looked at again: it may be large.
const AGAIN: SignedDuration = SignedDuration::from_secs(10);

/// The models of this server.
#[derive(Default)]
pub(crate) struct Models {
    pub(super) folder: Option<ModelFolder>,
    asked: RwLock<Arc<Asked>>,
    /// What is read from the store last is exchanged last. Models that did not load, and when that was.
    pub(super) reloading: tokio::sync::Mutex<BTreeMap<Uuid, Timestamp>>,
}

/// The models that are asked, one of a type.
#[derive(Clone, Debug, Default)]
struct Asked {
    active: BTreeMap<ModelType, Arc<ServedModel>>,
    shadows: BTreeMap<ModelType, Arc<ServedModel>>,
}

/// A model that answers, or is asked behind the answers.
#[derive(Debug)]
pub struct ServedModel {
    /// Its name in all other records.
    pub model_id: Uuid,
    /// What people call it.
    pub name: String,
    /// Which version of it.
    pub version: String,
    /// SHA-256 of its file.
    pub digest: String,
    /// How far its answers look ahead, in hours.
    pub horizon_hours: f64,
    /// What answers.
    pub engine: Engine,
    /// Where its features come from.
    pub input: Input,
    /// The names of its features, where it has them.
    pub feature_names: Option<Vec<String>>,
}

impl ServedModel {
    /// The number that counts of an answer: the probability of the second class, or the first number.
    #[must_use]
    pub fn number(&self, answer: &[f64]) -> f64 {
        let place = match self.engine.signature().meaning {
            Meaning::Probabilities { .. } => 1,
            _ => 0,
        };
        answer.get(place).copied().unwrap_or(f64::NAN)
    }
}

impl Models {
    pub(crate) fn in_folder(folder: ModelFolder) -> Models {
        Models { folder: Some(folder), ..Models::default() }
    }

    fn all(&self) -> Arc<Asked> {
        Arc::clone(&self.asked.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl App {
    /// The model that answers for a type; `None` where none is active or its file cannot be read.
    #[must_use]
    pub fn active_model(&self, kind: ModelType) -> Option<Arc<ServedModel>> {
        self.models.all().active.get(&kind).cloned()
    }

    /// Every model that answers.
    #[must_use]
    pub fn served_models(&self) -> Vec<Arc<ServedModel>> {
        self.models.all().active.values().cloned().collect()
    }

    /// The model that is asked behind the answers of a type.
    #[must_use]
    pub fn shadow_model(&self, kind: ModelType) -> Option<Arc<ServedModel>> {
        self.models.all().shadows.get(&kind).cloned()
    }

    /// Every model that answers or is a shadow.
    pub(crate) fn asked_models(&self) -> Vec<Arc<ServedModel>> {
        let all = self.models.all();
        all.active.values().chain(all.shadows.values()).cloned().collect()
    }

    /// How many models answer.
    #[must_use]
    pub fn models_loaded(&self) -> usize {
        self.models.all().active.len()
    }

    /// Loads what is active in the store and was not loaded yet, and lets go of what is not. Whether
    /// anything changed.
    ///
    /// # Errors
    /// A store that does not answer. A file that cannot be read is logged, and its type goes on with
    /// nothing: another model than the one that is recorded must not answer.
    pub async fn reload_models(&self) -> Result<bool, Error> {
        let Some(folder) = self.models.folder.clone() else { return Ok(false) };
        let mut failed = self.models.reloading.lock().await;
        let looked_at = self.clock.now();
        let filter = ModelFilter { asked: true, limit: 100, ..ModelFilter::default() };
        let (rows, _) = self.store.models(&filter).await?;
        let before = self.models.all();
        let mut now = Asked::default();
        for row in rows {
            let Some(kind) = ModelType::from_name(&row.model_type) else { continue };
            let loaded = [before.active.get(&kind), before.shadows.get(&kind)];
            let loaded =
                loaded.into_iter().flatten().find(|served| served.model_id == row.model_id);
            let place = if row.active { &mut now.active } else { &mut now.shadows };
            if let Some(served) = loaded {
                place.insert(kind, Arc::clone(served));
                continue;
            }
            let Some(file) = row.file.clone() else { continue };
            if failed.get(&row.model_id).is_some_and(|at| looked_at.duration_since(*at) < AGAIN) {
                continue;
            }
            let folder = folder.clone();
            let work = tokio::task::spawn_blocking(move || {
                let bytes =
                    folder.read(&file).map_err(|error| Error::Internal(error.to_string()))?;
                reading::read(&bytes)
            });
            match finished(work).await?.and_then(|read| served(&row, kind, read)) {
                Ok(model) => {
                    failed.remove(&row.model_id);
                    place.insert(kind, Arc::new(model));
                }
                Err(error) => {
                    failed.insert(row.model_id, looked_at);
                    tracing::error!(model.id = %row.model_id, %error, "a model that is asked does not load");
                }
            }
        }
        let ids = |all: &BTreeMap<ModelType, Arc<ServedModel>>| -> Vec<Uuid> {
            all.values().map(|model| model.model_id).collect()
        };
        let changed = ids(&before.active) != ids(&now.active);
        let other_shadows = ids(&before.shadows) != ids(&now.shadows);
        if changed || other_shadows {
            if let Some(shadows) = &self.shadows {
                shadows.are_of(now.shadows.keys().copied());
            }
            *self.models.asked.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
        }
        if changed {
            self.renew_desk();
        }
        Ok(changed)
    }

    /// Loads what is active, and follows what other servers activate until this one stops.
    pub async fn follow_models(&self, mut stop: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.reload_models().await {
                tracing::warn!(%error, "the models are not up to date");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }
}

/// A model as it answers.
pub(crate) fn served(
    row: &ModelRow,
    kind: ModelType,
    read: reading::ReadModel,
) -> Result<ServedModel, Error> {
    let input = reading::input_of(&read, kind)?;
    let told = row.metadata.as_ref().and_then(|all| all["horizon_hours"].as_f64());
    let usual = match kind {
        ModelType::SpotPredictor => 1.0,
        ModelType::PricePredictor | ModelType::ResourceForecaster => 24.0,
    };
    Ok(ServedModel {
        model_id: row.model_id,
        name: row.name.clone(),
        version: row.version.clone(),
        digest: row.file.as_ref().map(|file| file.digest.clone()).unwrap_or_default(),
        horizon_hours: told.filter(|hours| *hours > 0.0 && hours.is_finite()).unwrap_or(usual),
        engine: read.engine,
        input,
        feature_names: read.feature_names,
    })
}
