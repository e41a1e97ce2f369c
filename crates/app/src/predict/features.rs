//! Rows for a model out of what is known of pools.

use facts::names::InstanceType;
use market::{
    EVENT_FEATURES, EventFeatures, FeatureTable, Market, NO_EVENTS, Place, SPOT_FEATURES,
    SliceRequest,
};

use crate::models::reading::Input;
use crate::models::serving::ServedModel;

/// Places of single features in the spot signature.
const AGE_HOURS: usize = 0;
const PRICE_RATIO: usize = 10;

/// What the caller knows of a pool beyond what the server does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    /// Hours since an instance of the pool was launched.
    pub(super) age_hours: Option<f64>,
    /// The price that the caller sees, over On-Demand.
    pub(super) price_ratio: Option<f64>,
}

/// What happened to a pool, as far as the caller says.
fn events(told: &Told) -> EventFeatures {
    let mut events = NO_EVENTS;
    const { assert!(AGE_HOURS < EVENT_FEATURES) };
    if let Some(hours) = told.age_hours {
        events.0[AGE_HOURS] = hours;
    }
    events
}

/// Lays the caller's own price over the features.
fn overlaid(mut features: [f64; SPOT_FEATURES.len()], told: &Told) -> [f64; SPOT_FEATURES.len()] {
    if let Some(ratio) = told.price_ratio {
        features[PRICE_RATIO] = ratio;
    }
    features
}

/// What is known of a pool for a spot model, and whether the pool has a spot price.
pub(crate) fn of_spot(
    market: &Market,
    table: &FeatureTable,
    (instance_type, place): (&InstanceType, Option<&Place>),
    told: &Told,
    request: impl FnOnce() -> SliceRequest,
) -> ([f64; SPOT_FEATURES.len()], bool) {
    let events = events(told);
    let row =
        place.and_then(|place| table.spot_features(table.row(instance_type, place)?, &events));
    let has_price = row.is_some();
    let row = row
        .unwrap_or_else(|| market.spot_features_without_price(instance_type, &request(), &events));
    (overlaid(row, told), has_price)
}

/// Adds the row of a pool as the model takes it; `false` where the server does not know its features.
pub(crate) fn push(model: &ServedModel, features: &[f64], rows: &mut Vec<f64>) -> bool {
    match &model.input {
        Input::Known(places) => {
            rows.extend(
                places.iter().map(|place| features.get(*place).copied().unwrap_or(f64::NAN)),
            );
            true
        }
        Input::Given => false,
    }
}
