//! Versions from content: a digest over every fact in canonical order, every field with its
//! length, so that no two contents can be written as the same bytes.

use blake3::Hasher;

use crate::{Market, MarketSlice, Place};

/// Changes when the way of writing facts for the digest changes.
const LAYOUT: &str = "market 1";

/// The version of a market: 64 hexadecimal digits. Sources are no part of it, facts are.
pub(crate) fn of_market(market: &Market) -> String {
    let mut hasher = Hasher::new();
    text(&mut hasher, LAYOUT);
    number(&mut hasher, market.instances.len() as i64);
    for instance in &market.instances {
        // The derived form names every field and cannot fail: all keys are texts.
        text(&mut hasher, &serde_json::to_string(instance).unwrap_or_default());
    }
    number(&mut hasher, market.on_demand.len() as i64);
    for row in &market.on_demand {
        text(&mut hasher, row.region.as_str());
        number(&mut hasher, row.operating_system as i64);
        text(&mut hasher, row.instance_type.as_str());
        number(&mut hasher, row.since_ms);
        number(&mut hasher, row.price.nanos());
    }
    number(&mut hasher, market.advisor.len() as i64);
    for row in &market.advisor {
        text(&mut hasher, row.region.as_str());
        number(&mut hasher, row.operating_system as i64);
        text(&mut hasher, row.instance_type.as_str());
        number(&mut hasher, row.bucket.map_or(-1, |bucket| i64::from(bucket.index())));
        number(&mut hasher, row.savings_percent.map_or(i64::MIN, i64::from));
        number(&mut hasher, row.observed_at.as_millisecond());
        number(&mut hasher, i64::from(row.observed_at.subsec_nanosecond()));
    }
    number(&mut hasher, market.spot.keys().len() as i64);
    for (position, key) in market.spot.keys().iter().enumerate() {
        text(&mut hasher, key.region.as_str());
        number(&mut hasher, key.operating_system as i64);
        text(&mut hasher, key.instance_type.as_str());
        let (kind, name) = match &key.place {
            Place::Zone(zone) => (0, zone.as_str()),
            Place::ZoneId(id) => (1, id.as_str()),
            Place::Region => (2, ""),
        };
        number(&mut hasher, kind);
        text(&mut hasher, name);
        let series = market.spot.series(position);
        number(&mut hasher, series.change_at.len() as i64);
        for (at, price) in series.change_at.iter().zip(series.change_price) {
            number(&mut hasher, *at);
            number(&mut hasher, price.nanos());
        }
        number(&mut hasher, series.repeat_at.len() as i64);
        for at in series.repeat_at {
            number(&mut hasher, *at);
        }
    }
    number(&mut hasher, market.zone_ids.len() as i64);
    for (zone, id) in &market.zone_ids {
        text(&mut hasher, zone.as_str());
        text(&mut hasher, id.as_str());
    }
    hasher.finalize().to_hex().to_string()
}

/// The digest of a slice: of its JSON text, which is the same for equal slices.
pub(crate) fn of_slice(slice: &MarketSlice) -> String {
    let json = serde_json::to_vec(slice).unwrap_or_default();
    blake3::hash(&json).to_hex().to_string()
}

fn text(hasher: &mut Hasher, text: &str) {
    number(hasher, text.len() as i64);
    hasher.update(text.as_bytes());
}

fn number(hasher: &mut Hasher, number: i64) {
    hasher.update(&number.to_le_bytes());
}
