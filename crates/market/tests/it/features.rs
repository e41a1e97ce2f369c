//! Features are what their names say, and know nothing of what came later.

use jiff::{SignedDuration, Timestamp};
use market::{
    Limits, Market, MarketFile, NO_EVENTS, Origin, PRICE_FEATURES, Place, SPOT_FEATURES,
    SliceRequest, SpotFile, parse,
};
use proptest::prelude::*;

use crate::at;

const NOON: &str = "2026-07-20T12:00:00Z";

/// Prices by type and hours before noon.
fn spot(rows: &[(&str, i64, f64)]) -> SpotFile {
    let mut text = "timestamp,az,instance_type,usd_per_hour\n".to_owned();
    for (kind, hours, price) in rows {
        let then = at(NOON) - SignedDuration::from_hours(*hours);
        text.push_str(&format!("{then},us-east-1a,{kind},{price}\n"));
    }
    let origin = Origin::new("store", at("2026-07-31T00:00:00Z"));
    match parse(text.as_bytes(), &origin, &Limits::default()).unwrap() {
        MarketFile::Spot(file) => file,
        other => panic!("{other:?}"),
    }
}

fn request(as_of: Timestamp) -> SliceRequest {
    SliceRequest::new("us-east-1".parse().unwrap(), as_of)
}

fn named(market: &Market, kind: &str) -> Vec<(&'static str, f64)> {
    let table = market.features(&request(at(NOON)));
    let place = Place::Zone("us-east-1a".parse().unwrap());
    let row = table.row(&kind.parse().unwrap(), &place).unwrap();
    let spot = table.spot_features(row, &NO_EVENTS).unwrap();
    let price = table.price_features(row).unwrap();
    let names = SPOT_FEATURES.iter().chain(PRICE_FEATURES).map(|feature| feature.name);
    names.zip(spot.iter().chain(price).copied()).collect()
}

#[test]
fn features_are_what_their_names_say() {
    // The price doubled 30 hours ago, and a repetition a day ago said that it still stands.
    let market = market::bundled().with_spot(spot(&[
        ("m5.large", 200, 0.02),
        ("m5.large", 176, 0.02),
        ("m5.large", 152, 0.02),
        ("m5.large", 128, 0.02),
        ("m5.large", 104, 0.02),
        ("m5.large", 80, 0.02),
        ("m5.large", 56, 0.02),
        ("m5.large", 30, 0.04),
        ("m5.large", 6, 0.04),
        ("m5.xlarge", 40, 0.10),
        ("m5.xlarge", 5, 0.05),
    ]));
    let found = named(&market, "m5.large");
    let value = |name: &str| found.iter().find(|(known, _)| *known == name).unwrap().1;
    let check = |name: &str, expected: f64| {
        let found = value(name);
        assert!((found - expected).abs() < 1e-9, "{name}: {found}, not {expected}");
    };
    let half = 0.5_f64.ln();
    check("log_lag_1h", 0.0);
    check("log_lag_24h", 0.0);
    check("log_lag_48h", half);
    check("log_lag_168h", half);
    check("log_change_24h", 0.0);
    check("changes_168h", 1.0);
    check("hours_since_change", 30.0);
    check("log_spread_24h", 0.0);
    check("log_highest_168h", 0.0);
    check("log_lowest_168h", half);
    check("log_mean_24h", 0.0);
    // 31 hours at the present price, 0 to 30, and 137 at half of it.
    check("log_mean_168h", ((31.0 + 137.0 * 0.5) / 168.0_f64).ln());
    // The family's other pool halved its price within the day.
    check("family_log_change_24h", half);
    assert!(value("family_log_change_168h").is_nan(), "nobody knows that pool for so long");
    assert!((value("price_ratio") - 0.04 / 0.096).abs() < 1e-9);
    assert!(value("age_hours").is_nan() && value("sibling_losses_24h").is_nan());
    assert!((0.0..=4.0).contains(&value("advisor_bucket")));
}

#[test]
fn a_pool_without_a_price_has_what_the_advisor_says() {
    let market = market::bundled();
    let kind = "m5.large".parse().unwrap();
    let as_of = market.provenance().iter().map(|part| part.newest).max().unwrap();
    let features = market.spot_features_without_price(&kind, &request(as_of), &NO_EVENTS);
    let known: Vec<&str> = (features.iter().zip(SPOT_FEATURES))
        .filter(|(value, _)| !value.is_nan())
        .map(|(_, feature)| feature.name)
        .collect();
    assert_eq!(known, ["advisor_bucket", "advisor_savings"]);
    assert!(market.features(&request(as_of)).pools().is_empty());
}

proptest! {
    #[test]
    fn nothing_that_comes_later_is_looked_at(
        past in prop::collection::vec((0..3_usize, 0..240_i64, 1..50_u32), 1..60),
        future in prop::collection::vec((0..3_usize, 1..240_i64, 1..50_u32), 1..20),
    ) {
        let kinds = ["m5.large", "m5.xlarge", "c5.large"];
        let rows = |rows: &[(usize, i64, u32)], sign: i64| -> Vec<(&'static str, i64, f64)> {
            rows.iter().map(|(kind, hours, cents)| (kinds[*kind], sign * hours, f64::from(*cents) / 100.0)).collect()
        };
        let known = rows(&past, 1);
        let all: Vec<_> = known.iter().copied().chain(rows(&future, -1)).collect();
        let then = Market::empty().with_spot(spot(&known)).features(&request(at(NOON)));
        let later = Market::empty().with_spot(spot(&all)).features(&request(at(NOON)));
        // NaN is not equal to itself; its words are.
        prop_assert_eq!(format!("{then:?}"), format!("{later:?}"));
    }
}

#[test]
fn every_feature_stands_in_the_page() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/features.md");
    let page = std::fs::read_to_string(path).unwrap();
    for (title, features) in
        [("## `spot_predictor`", SPOT_FEATURES), ("## `price_predictor`", PRICE_FEATURES)]
    {
        let part = page.split_once(title).unwrap().1;
        let part = part.split_once("\n## ").unwrap().0;
        let rows: Vec<String> =
            part.lines().filter(|line| line.starts_with("| ")).skip(1).map(str::to_owned).collect();
        let expected: Vec<String> = features
            .iter()
            .enumerate()
            .map(|(at, one)| format!("| {} | `{}` | {} |", at + 1, one.name, one.meaning))
            .collect();
        assert_eq!(rows, expected, "{title}");
    }
}
