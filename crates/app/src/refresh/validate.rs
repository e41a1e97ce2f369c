//! Whether a model still answers on the data that a refresh brought, and making it active where that
//! was wished for.
//!
//! Weights never change here. A model passes when its file is what was uploaded, reads as before, and
//! gives a finite answer (a probability, for interruptions) for every pool that has prices now.

use facts::names::{OperatingSystem, Region};
use jiff::Timestamp;
use market::{Market, NO_EVENTS, SliceRequest};
use serde_json::json;
use store::{AuditRow, ModelRow};

use super::work::Activation;
use crate::access::ITSELF;
use crate::fetch::PriceSources;
use crate::models::ModelType;
use crate::models::reading::{self, Input};
use crate::models::serving::{ServedModel, served};
use crate::predict::features;
use crate::stored_market::StoredMarket;

/// Validates the models of a refresh, and activates the one that it was for, on wish.
pub(super) async fn validated(
    sources: &PriceSources,
    models: &[ModelRow],
    regions: &[Region],
    asked: bool,
) -> Result<Activation, crate::Error> {
    let nothing = |reason: &str| Activation {
        asked,
        activated: false,
        validated: false,
        reason: reason.to_owned(),
    };
    if models.is_empty() {
        return Ok(nothing("there is no active model"));
    }
    let now = sources.clock.now();
    let market = StoredMarket::open(&sources.store, None, None, now).await?;
    let mut reasons = Vec::new();
    let mut passed = Vec::new();
    for model in models {
        match examined(sources, model, market.market(), regions, now).await {
            Ok(pools) => {
                reasons.push(format!("{} {} answers for {pools} pools", model.name, model.version));
                passed.push(model);
            }
            Err(why) => {
                reasons.push(format!("{} {} was not validated: {why}", model.name, model.version));
            }
        }
    }
    let validated = passed.len() == models.len();
    // A refresh of everything is of active models; one that was named may take their place.
    let mut activated = false;
    if let ([model], [_], true) = (models, passed.as_slice(), asked) {
        if model.active {
            reasons.push("it is active already".to_owned());
        } else {
            let note = AuditRow {
                happened_at: now,
                actor: ITSELF.to_owned(),
                action: "model.activate".to_owned(),
                subject: model.model_id.to_string(),
                detail: json!({ "name": model.name, "version": model.version, "by": "refresh" }),
            };
            activated = sources.store.activate_model(model.model_id, &note).await?.is_some();
            reasons.push("it is active now; the one before can be gone back to".to_owned());
        }
    } else if !asked {
        reasons.push("activation was not asked for".to_owned());
    }
    Ok(Activation { asked, activated, validated, reason: reasons.join("; ") })
}

/// For how many pools a model answers on the new data, or why it does not.
async fn examined(
    sources: &PriceSources,
    model: &ModelRow,
    market: &Market,
    regions: &[Region],
    now: Timestamp,
) -> Result<usize, String> {
    let folder = sources.models.clone().ok_or("no folder of models is at hand")?;
    let file = model.file.clone().ok_or("it was recorded without a file")?;
    let kind = ModelType::from_name(&model.model_type).ok_or("its type is unknown")?;
    let row = model.clone();
    let read = tokio::task::spawn_blocking(move || {
        let bytes = folder.read(&file).map_err(|error| error.to_string())?;
        let read = reading::read(&bytes).map_err(|error| error.to_string())?;
        served(&row, kind, read).map_err(|error| error.to_string())
    });
    let served = read.await.map_err(|_| "reading it failed".to_owned())??;
    let mut pools = 0;
    for region in regions {
        let request = SliceRequest {
            operating_system: OperatingSystem::Linux,
            ..SliceRequest::new(region.clone(), now)
        };
        pools += answers(&served, kind, market, &request)?;
    }
    Ok(pools)
}

fn answers(
    model: &ServedModel,
    kind: ModelType,
    market: &Market,
    request: &SliceRequest,
) -> Result<usize, String> {
    // Features that come with requests cannot be made here; the file was read and is whole.
    if model.input == Input::Given {
        return Ok(0);
    }
    let table = market.features(request);
    let mut rows = Vec::new();
    for row in 0..table.pools().len() {
        let spot = table.spot_features(row, &NO_EVENTS);
        let known: &[f64] = match (kind, &spot) {
            (ModelType::SpotPredictor, Some(spot)) => spot,
            _ => table.price_features(row).map_or(&[], |price| price.as_slice()),
        };
        features::push(model, known, &mut rows);
    }
    let found = model.engine.predict(&rows, 1).map_err(|error| error.to_string())?;
    let outputs = model.engine.outputs().max(1);
    for (answer, (kind_of_pool, _)) in found.chunks(outputs).zip(table.pools()) {
        let number = model.number(answer);
        let fits = match kind {
            ModelType::SpotPredictor => (0.0..=1.0).contains(&number),
            _ => number.is_finite(),
        };
        if !fits {
            return Err(format!("it says {number} of {kind_of_pool} in {}", request.region));
        }
    }
    Ok(table.pools().len())
}
