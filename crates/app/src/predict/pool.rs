//! Pools as callers name them, and what every prediction of one has: a name and a record.

use std::borrow::Cow;
use std::sync::Arc;

use facts::names::{InstanceType, OperatingSystem, Region, Zone};
use jiff::Timestamp;
use learning::Horizon;
use market::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{PredictedPool, PredictionRow, Uuid};

use super::{AnsweringModel, BASELINE};
use crate::access::Caller;
use crate::ids::timed_id;
use crate::models::ModelType;
use crate::models::serving::ServedModel;
use crate::{Error, FieldError};

/// The most pools of one call.
pub(crate) const MOST_POOLS: usize = 50_000;

/// Zones that are remembered while the pools of a region are read.
const MOST_ZONES: usize = 8;

/// A pool.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolQuery<'a> {
    /// The instance type.
    #[serde(borrow)]
    pub instance_type: Cow<'a, str>,
    /// The region.
    #[serde(borrow)]
    pub region: Cow<'a, str>,
    /// The zone by its name; without one the answer is for the type in the region.
    #[serde(default, borrow, alias = "availability_zone", deserialize_with = "borrowed_or_none")]
    pub az: Option<Cow<'a, str>>,
    /// `linux` or `windows`; `linux` when absent.
    #[serde(default)]
    pub operating_system: OperatingSystem,
    /// The price that the caller sees, in dollars an hour, where it is fresher than the server's.
    #[serde(default)]
    pub spot_price: Option<f64>,
    /// When the instance was launched, if one runs: then the answer says what to do with it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub launch_time: Option<Timestamp>,
}

/// A text that is borrowed where it can be: inside of an option serde would own it.
fn borrowed_or_none<'de: 'a, 'a, D: serde::Deserializer<'de>>(
    reader: D,
) -> Result<Option<Cow<'a, str>>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Ok(Option::<Text<'a>>::deserialize(reader)?.map(|text| text.0))
}

/// One pool, or many.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
#[schemars(extend("examples" = [{
    "instance_type": "m5.large", "region": "us-east-1", "az": "us-east-1a", "spot_price": 0.035
}]))]
pub enum PoolsRequest<'a> {
    /// Many, up to 50,000.
    Many {
        /// The pools.
        pools: Vec<PoolQuery<'a>>,
        /// How far ahead; the model's own horizon when absent, or a day.
        #[schemars(default)]
        horizon: Option<Horizon>,
    },
    /// One.
    One(PoolQuery<'a>),
}

/// Every field of both forms. An enumeration that is told by its fields would have each pool read twice:
/// into a tree of values first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EitherForm<'a> {
    #[serde(default, borrow)]
    pools: Option<Vec<PoolQuery<'a>>>,
    #[serde(default)]
    horizon: Option<Horizon>,
    #[serde(default)]
    instance_type: Option<String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default, alias = "availability_zone")]
    az: Option<String>,
    #[serde(default)]
    operating_system: Option<OperatingSystem>,
    #[serde(default)]
    spot_price: Option<f64>,
    #[serde(default)]
    launch_time: Option<Timestamp>,
}

impl<'de: 'a, 'a> Deserialize<'de> for PoolsRequest<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<PoolsRequest<'a>, D::Error> {
        use serde::de::Error as _;
        let form = EitherForm::deserialize(reader)?;
        match (form.pools, form.instance_type, form.region) {
            (Some(pools), None, None)
                if form.az.is_none()
                    && form.operating_system.is_none()
                    && form.spot_price.is_none()
                    && form.launch_time.is_none() =>
            {
                Ok(PoolsRequest::Many { pools, horizon: form.horizon })
            }
            (None, Some(instance_type), Some(region)) if form.horizon.is_none() => {
                Ok(PoolsRequest::One(PoolQuery {
                    instance_type: instance_type.into(),
                    region: region.into(),
                    az: form.az.map(Cow::from),
                    operating_system: form.operating_system.unwrap_or_default(),
                    spot_price: form.spot_price,
                    launch_time: form.launch_time,
                }))
            }
            _ => Err(D::Error::custom(
                "expected either `pools`, with `horizon` if wanted, or `instance_type` and `region` \
                 of one pool",
            )),
        }
    }
}

/// Predictions for many pools, in the order in which they were asked for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PredictedPools<T> {
    /// The model that answered; `null` where none is active.
    pub model: Option<AnsweringModel>,
    /// As of when the market was looked at.
    pub as_of: Timestamp,
    /// The predictions.
    pub predictions: Vec<T>,
}

/// A pool whose names were understood.
pub(super) struct Known<'a> {
    pub(super) query: &'a PoolQuery<'a>,
    pub(super) instance_type: InstanceType,
    pub(super) region: Region,
    pub(super) zone: Option<Place>,
}

/// Names predictions of one call: by the instant, the caller, and their place in the call.
pub(crate) struct Ids(Uuid);

impl Ids {
    pub(crate) fn new(now: Timestamp, caller: &Caller, count: usize) -> Ids {
        use std::sync::atomic::{AtomicU64, Ordering};
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        Ids(timed_id(now, format!("{}\0{count}\0{call}", caller.name).as_bytes()))
    }

    pub(crate) fn of(&self, at: usize) -> Uuid {
        let mut bytes = *self.0.as_bytes();
        for (byte, part) in bytes[12..].iter_mut().zip((at as u32).to_be_bytes()) {
            *byte ^= part;
        }
        Uuid::from_bytes(bytes)
    }
}

pub(super) fn answering(model: &ServedModel) -> AnsweringModel {
    AnsweringModel {
        model_id: model.model_id.to_string(),
        name: model.name.clone(),
        version: model.version.clone(),
    }
}

/// The pools by their names, or the first name that is none.
pub(super) fn understood<'a>(pools: &'a [PoolQuery<'a>]) -> Result<Vec<Known<'a>>, Error> {
    let wrong = |pointer: String, detail: String| {
        Error::Invalid(vec![FieldError { pointer, code: "invalid", detail }])
    };
    if pools.is_empty() || pools.len() > MOST_POOLS {
        let detail = format!("expected 1 to {MOST_POOLS} pools; got {}", pools.len());
        return Err(wrong("/pools".to_owned(), detail));
    }
    let named =
        |at: usize, field: &str, detail: String| wrong(format!("/pools/{at}/{field}"), detail);
    let mut last_region: Option<Region> = None;
    // Of the last region: a batch names few zones, and each of them often.
    let mut zones: Vec<Zone> = Vec::with_capacity(MOST_ZONES);
    pools
        .iter()
        .enumerate()
        .map(|(at, query)| {
            let instance_type = query.instance_type.parse::<InstanceType>();
            let instance_type =
                instance_type.map_err(|error| named(at, "instance_type", error.to_string()))?;
            let region = match &last_region {
                Some(region) if region.as_str() == query.region => region.clone(),
                _ => {
                    let region = query.region.parse::<Region>();
                    let region = region.map_err(|error| named(at, "region", error.to_string()))?;
                    zones.clear();
                    last_region = Some(region.clone());
                    region
                }
            };
            let known = |name: &str| zones.iter().find(|zone| zone.as_str() == name).cloned();
            let zone = match query.az.as_deref() {
                None => None,
                Some(name) => Some(match known(name) {
                    Some(zone) => zone,
                    None => {
                        let zone = name.parse::<Zone>();
                        let zone = zone.map_err(|error| named(at, "az", error.to_string()))?;
                        if zone.region().as_ref() != Some(&region) {
                            let detail = format!("{zone} is not a zone of {region}");
                            return Err(named(at, "az", detail));
                        }
                        if zones.len() < MOST_ZONES {
                            zones.push(zone.clone());
                        }
                        zone
                    }
                }),
            };
            if query.spot_price.is_some_and(|price| !(price > 0.0 && price.is_finite())) {
                let detail = "expected dollars an hour above 0".to_owned();
                return Err(named(at, "spot_price", detail));
            }
            Ok(Known { query, instance_type, region, zone: zone.map(Place::Zone) })
        })
        .collect()
}

/// What all records of a call have in common.
pub(super) struct Recorded {
    kind: ModelType,
    customer_id: Arc<str>,
    now: Timestamp,
}

impl Recorded {
    pub(super) fn new(kind: ModelType, caller: &Caller, now: Timestamp) -> Recorded {
        let customer_id = caller.customer_id.as_deref().unwrap_or_default().into();
        Recorded { kind, customer_id, now }
    }

    /// A record of a pool; what it says is filled in by whoever predicts.
    pub(super) fn row(&self, pool: &Known<'_>, prediction_id: Uuid) -> PredictionRow {
        PredictionRow {
            model_id: BASELINE,
            prediction_id,
            sequence: 0,
            prediction_type: self.kind.prediction().into(),
            customer_id: Arc::clone(&self.customer_id),
            pool: PredictedPool {
                instance_type: pool.instance_type.shared(),
                region: pool.region.shared(),
                zone: match &pool.zone {
                    Some(Place::Zone(zone)) => zone.shared(),
                    _ => Arc::default(),
                },
                operating_system: pool.query.operating_system.name().into(),
            },
            horizon_seconds: 0,
            value: 0.0,
            low: None,
            high: None,
            last_value: None,
            confidence: 0.0,
            features: None,
            created_at: self.now,
            outcome: None,
            outcome_at: None,
            shadow_of: None,
        }
    }
}
