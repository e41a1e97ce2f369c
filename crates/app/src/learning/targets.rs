//! Where capacity should go that leaves a pool: the first pool that the spot optimizer ranks and that is
//! not the one to be left.

use engines::registry;
use engines::request::DecisionRequest;
use facts::names::InstanceType;
use jiff::Timestamp;
use market::Market;
use serde_json::{Value, json};

use super::pool::PoolKey;
use crate::App;
use crate::decide::Known;

/// A target, or why there is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen {
    pub(super) instance_type: Option<InstanceType>,
    /// The zone as customers share it; `None` where the type is offered and no price tells where.
    pub(super) zone: Option<PoolKey>,
    pub(super) reason: String,
}

/// Pools that are asked for, so that one of them is another one than the one to be left.
const ASKED: u64 = 10;

impl App {
    /// Chooses a target of the same kind and at least the size.
    pub(super) fn target_for(&self, key: &PoolKey, now: Timestamp) -> Chosen {
        let desk = self.desk();
        let nowhere = |why: &str| Chosen {
            reason: format!("{why}; On-Demand is the safe place until then"),
            ..Chosen::default()
        };
        let Some(body) = question(desk.market(), key) else {
            return nowhere("the type is not in the catalogue");
        };
        let Ok(request) = DecisionRequest::from_json(body.as_bytes()) else {
            return nowhere("the spot optimizer could not be asked");
        };
        let Some(engine) = registry::for_decision("spot_optimize") else {
            return nowhere("there is no spot optimizer");
        };
        let known = Known { learned: Some(self.learned(None)), ..Known::default() };
        let Ok(outcome) = desk.decide(engine, &request, now, None, Some(&known)) else {
            return nowhere("the spot optimizer gave no answer");
        };
        let ranked = &outcome.decision.verdict.recommendations;
        let found: Vec<Ranked> =
            ranked.iter().filter_map(|one| Ranked::of(one.get(), key)).collect();
        // Of equally ranked places one whose zone is known can be gone to at once.
        let best = found.iter().find(|one| one.zone.is_some()).or(found.first());
        let Some(best) = best.cloned() else {
            return nowhere("no other spot pool passes the safety layers");
        };
        let name = &outcome.decision.decision_id;
        let reason = match &best.zone {
            Some(_) => {
                format!("the safest pool of at least the size, by the spot optimizer ({name})")
            }
            None => format!(
                "the safest type of at least the size, by the spot optimizer ({name}); no spot price \
                 tells its zones"
            ),
        };
        Chosen { instance_type: Some(best.instance_type), zone: best.zone, reason }
    }
}

/// What the optimizer is asked: a ranking of pools that can take what the source held.
fn question(market: &Market, key: &PoolKey) -> Option<String> {
    let source = market.instance(&key.instance_type)?;
    let body = json!({
        "decision_type": "spot_optimize",
        "current_state": { "region": key.region },
        "requirements": {
            "allocate": false,
            "top": ASKED,
            "pools_per_type": 0,
            "rejected_limit": 1,
            "instance_types": {
                "architectures": [source.architecture],
                "min_vcpu": source.vcpu,
                "max_vcpu": source.vcpu.saturating_mul(2),
                "min_memory": source.memory,
                "accelerated": source.accelerated(),
                "bare_metal": source.bare_metal,
            },
        },
    });
    Some(body.to_string())
}

/// A pool as it was ranked.
#[derive(Clone)]
struct Ranked {
    instance_type: InstanceType,
    zone: Option<PoolKey>,
}

impl Ranked {
    /// `None` for the pool that is to be left, and for what may be it.
    fn of(recommendation: &str, source: &PoolKey) -> Option<Ranked> {
        let recommendation: Value = serde_json::from_str(recommendation).ok()?;
        let text = |name: &str| recommendation.get(name).and_then(Value::as_str);
        let instance_type: InstanceType = text("instance_type")?.parse().ok()?;
        let zone = text("zone_id").or_else(|| text("zone")).map(|zone| PoolKey {
            region: source.region.clone(),
            zone_key: zone.to_owned(),
            instance_type: instance_type.clone(),
        });
        let is_other = match &zone {
            // A name and an id may be one zone, so that only another type is surely another pool.
            Some(pool) if pool.is_by_name() == source.is_by_name() => pool != source,
            _ => instance_type != source.instance_type,
        };
        is_other.then_some(Ranked { instance_type, zone })
    }
}
