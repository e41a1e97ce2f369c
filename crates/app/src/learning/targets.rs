//! Where capacity should go that leaves a pool: the first pool that the spot optimizer ranks and that is
//! not the one to be left.

use engines::registry;
use engines::request::DecisionRequest;
use jiff::Timestamp;
use market::Market;
use serde_json::{Value, json};

use super::pool::PoolKey;
use crate::App;
use crate::decide::Known;

/// A target, or why there is none.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) pool: Option<PoolKey>,
    pub(super) reason: String,
}

/// Pools that are asked for, so that one of them is another one than the one to be left.
const ASKED: u64 = 10;

impl App {
    /// Chooses a target of the same kind and at least the size.
    pub(super) fn target_for(&self, key: &PoolKey, now: Timestamp) -> Chosen {
        let desk = self.desk();
        let nowhere = |why: &str| Chosen {
            pool: None,
            reason: format!("{why}; On-Demand is the safe place until then"),
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
        let found = ranked.iter().find_map(|one| pool_of(one.get(), key));
        match found {
            Some(pool) => Chosen {
                reason: format!(
                    "the safest pool of at least the size, by the spot optimizer ({})",
                    outcome.decision.decision_id
                ),
                pool: Some(pool),
            },
            None => nowhere("no other spot pool passes the safety layers"),
        }
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

fn pool_of(recommendation: &str, source: &PoolKey) -> Option<PoolKey> {
    let recommendation: Value = serde_json::from_str(recommendation).ok()?;
    let text = |name: &str| recommendation.get(name).and_then(Value::as_str);
    let zone = text("zone_id").or_else(|| text("zone"))?;
    let pool = PoolKey {
        region: source.region.clone(),
        zone_key: zone.to_owned(),
        instance_type: text("instance_type")?.parse().ok()?,
    };
    // A name and an id may be one zone, so that only another type is surely another pool.
    let same_kind = pool.is_by_name() == source.is_by_name();
    let is_other =
        pool.instance_type != source.instance_type || same_kind && pool.zone_key != source.zone_key;
    is_other.then_some(pool)
}
