use facts::names::OperatingSystem;
use market::{
    InstanceFilter, Limits, Market, MarketBuilder, MarketSlice, NoSpotPrice, Origin, PriceBasis,
    SliceRequest, UnknownReason, parse,
};
use proptest::prelude::*;

use crate::at;

const CATALOGUE: &str = "instance_type,vcpu,memory_mib,arch\nm5.large,2,8192,amd64\n\
    m7g.large,2,8192,arm64\nt3.large,2,8192,amd64\nc5.large,2,4096,amd64\nr5.large,2,16384,amd64\n";
const PRICES: &str = "instance_type,region,as_of_utc,usd_per_hour\n\
    m5.large,us-east-1,2026-01-01T00:00:00Z,0.096\nc5.large,us-east-1,2026-01-01T00:00:00Z,0.085\n\
    m7g.large,us-east-1,2026-01-01T00:00:00Z,0.0816\nt3.large,us-east-1,2026-01-01T00:00:00Z,0.0832\n\
    unknown.large,us-east-1,2026-01-01T00:00:00Z,0.1\n";
const ADVISOR: &str = r#"{"spot_advisor":{"us-east-1":{"Linux":{"m5.large":{"s":60,"r":3},
    "c5.large":{"s":-10,"r":0},"t3.large":{"s":70,"r":0},"r5.large":{"s":50,"r":1}}}}}"#;
const SPOT: &str = "timestamp,az,instance_type,usd_per_hour\n\
    2026-01-09T00:00:00Z,us-east-1a,m5.large,0.040\n\
    2026-01-10T00:00:00Z,us-east-1a,m5.large,0.040\n\
    2026-01-10T12:00:00Z,us-east-1a,m5.large,0.050\n\
    2026-01-05T00:00:00Z,us-east-1b,m5.large,0.030\n\
    2026-02-01T00:00:00Z,us-east-1c,m5.large,0.030\n";

fn market(texts: &[&str]) -> Market {
    let mut builder = MarketBuilder::new();
    for text in texts {
        // The advisor carries no date of its own: it counts from when it was observed.
        let observed =
            if text.starts_with('{') { "2026-01-02T00:00:00Z" } else { "2026-08-01T00:00:00Z" };
        let origin = Origin::new("test", at(observed));
        builder.add(parse(text.as_bytes(), &origin, &Limits::default()).unwrap());
    }
    builder.build()
}

fn request(as_of: &str) -> SliceRequest {
    SliceRequest::new("us-east-1".parse().unwrap(), at(as_of))
}

fn lines(slice: &MarketSlice) -> Vec<String> {
    slice
        .pools()
        .map(|pool| {
            let zone = pool.zone.map_or("-".to_owned(), ToString::to_string);
            let price = pool.price.map_or("-".to_owned(), |price| price.to_string());
            let missing = slice.pools.no_spot_price[pool.row];
            let unknown = slice.pools.unknown[pool.row];
            let why = match (missing, unknown) {
                (Some(NoSpotPrice::NeverSeen), None) => " never seen",
                (Some(NoSpotPrice::Stale), None) => " stale",
                (_, Some(UnknownReason::NoOnDemandPrice)) => " no on-demand",
                (_, Some(UnknownReason::NoSavings)) => " no savings",
                (None, None) => "",
            };
            format!("{} {zone} {price} {:?}{why}", pool.instance_type, pool.price_basis)
        })
        .collect()
}

#[test]
fn a_slice_shows_pools_as_they_were_known() {
    let market = market(&[CATALOGUE, PRICES, ADVISOR, SPOT]);
    let check = |as_of: &str, expected: &[&str]| {
        assert_eq!(lines(&market.slice(&request(as_of))), expected, "{as_of}");
    };
    check("2025-12-31T00:00:00Z", &[]);
    check(
        "2026-01-01T00:00:00Z",
        &[
            "c5.large - - Unknown no savings",
            "m5.large - - Unknown no savings",
            "m7g.large - - Unknown no savings",
        ],
    );
    check(
        "2026-01-11T00:00:00Z",
        &[
            "c5.large - 0.0935/h Advisor30dAverage never seen",
            "m5.large us-east-1a 0.05/h SpotHistory",
            "m5.large us-east-1b 0.0384/h Advisor30dAverage stale",
            "m7g.large - - Unknown no savings",
            "r5.large - - Unknown no on-demand",
        ],
    );
}

#[test]
fn statistics_are_time_weighted_and_complete() {
    let market = market(&[CATALOGUE, PRICES, ADVISOR, SPOT]);
    let slice = market.slice(&request("2026-01-11T00:00:00Z"));
    let row = slice
        .pools()
        .find(|pool| pool.zone.is_some_and(|zone| zone.as_str() == "us-east-1a"))
        .unwrap()
        .row;
    let pools = &slice.pools;
    let nanos = |price: Option<units::UsdPerHour>| price.map(units::UsdPerHour::nanos);
    // 36 hours at 0.04 and 12 hours at 0.05.
    assert_eq!(nanos(pools.mean_7d[row]), Some(42_500_000));
    assert_eq!(nanos(pools.mean_24h[row]), Some(45_000_000));
    assert_eq!(pools.variation_7d[row], Some(0.101_885_342));
    assert_eq!(nanos(pools.lowest_7d[row]), Some(40_000_000));
    assert_eq!(nanos(pools.highest_7d[row]), Some(50_000_000));
    assert_eq!((pools.changes_7d[row], pools.known_hours_7d[row]), (1, 48.0));
    assert_eq!(pools.hours_since_change[row], Some(12.0));
    assert_eq!(pools.price_at[row], Some(at("2026-01-10T12:00:00Z")));
    let pool = slice.pool(row).unwrap();
    assert_eq!(pool.advisor_bucket.map(market::AdvisorBucket::index), Some(3));
    assert_eq!(pool.savings_percent, Some(60));
    assert_eq!(pool.advisor_age, Some(units::Hours(9.0 * 24.0)));
    assert_eq!(slice.bucket_counts, [2, 1, 0, 1, 0]);
    assert_eq!((slice.left_out.by_filter, slice.left_out.not_in_catalogue), (1, 1));
    let local = slice.local_time.clone().unwrap();
    assert_eq!(
        (local.time_zone.as_str(), local.hour, local.day_of_week),
        ("America/New_York", 19, 5)
    );
    assert!(slice.zones_known);
}

#[test]
fn without_spot_prices_zones_are_unknown() {
    let market = market(&[CATALOGUE, PRICES, ADVISOR]);
    let slice = market.slice(&request("2026-01-11T00:00:00Z"));
    assert!(!slice.zones_known);
    assert!(slice.pools.zone.iter().all(Option::is_none));
    let bases = &slice.pools.price_basis;
    assert_eq!(bases.iter().filter(|basis| **basis == PriceBasis::Advisor30dAverage).count(), 2);
    let windows = SliceRequest {
        operating_system: OperatingSystem::Windows,
        ..request("2026-01-11T00:00:00Z")
    };
    assert!(market.slice(&windows).is_empty());
    let all =
        SliceRequest { filter: InstanceFilter::everything(), ..request("2026-01-11T00:00:00Z") };
    assert!(market.slice(&all).pools().any(|pool| pool.instance_type.as_str() == "t3.large"));
}

#[test]
fn a_slice_survives_json_with_its_digest() {
    let market = market(&[CATALOGUE, PRICES, ADVISOR, SPOT]);
    let slice = market.slice(&request("2026-01-11T00:00:00.123Z"));
    let json = serde_json::to_string(&slice).unwrap();
    let read: MarketSlice = serde_json::from_str(&json).unwrap();
    assert_eq!(read, slice);
    assert_eq!(read.digest(), slice.digest());
    assert!(json.contains("\"advisor_30d_average\""));
    assert_ne!(market.slice(&request("2026-01-10T00:00:00Z")).digest(), slice.digest());
}

#[test]
fn torn_columns_are_no_pool() {
    let market = market(&[CATALOGUE, PRICES, ADVISOR, SPOT]);
    let mut slice = market.slice(&request("2026-01-11T00:00:00Z"));
    let whole = slice.len();
    slice.pools.price.pop();
    slice.types.vcpu.clear();
    assert_eq!(slice.len(), whole);
    assert_eq!(slice.pools().count(), 0);
    assert!(slice.pool(usize::MAX).is_none());
}

#[test]
fn requests_fill_in_what_they_leave_out() {
    let request: SliceRequest =
        serde_json::from_str(r#"{"region":"us-east-1","as_of":"2026-01-11T00:00:00Z"}"#).unwrap();
    assert_eq!(
        request,
        SliceRequest::new("us-east-1".parse().unwrap(), at("2026-01-11T00:00:00Z"))
    );
    assert!(serde_json::from_str::<SliceRequest>(r#"{"region":"us-east-1"}"#).is_err());
}

const HOUR: i64 = 3600;
const START: i64 = 1_767_225_600;

fn spot_table(points: &[(u8, i64, u8)]) -> String {
    let mut text = "timestamp,az,instance_type,usd_per_hour\n".to_owned();
    for (zone, hour, price) in points {
        let zone = ["us-east-1a", "us-east-1b"][usize::from(*zone)];
        let at = jiff::Timestamp::from_second(START + hour * HOUR).unwrap();
        text.push_str(&format!("{at},{zone},m5.large,0.0{price}\n"));
    }
    text
}

fn points() -> impl Strategy<Value = Vec<(u8, i64, u8)>> {
    prop::collection::vec((0..2_u8, 0..400_i64, 1..4_u8), 0..40)
}

proptest! {
    #[test]
    fn later_facts_never_change_an_earlier_slice(points in points(), hour in 0..400_i64) {
        let as_of = jiff::Timestamp::from_second(START + hour * HOUR).unwrap();
        let known: Vec<_> = points.iter().copied().filter(|(_, at, _)| *at <= hour).collect();
        let late_prices = "instance_type,region,as_of_utc,usd_per_hour\n\
            m5.large,us-east-1,2026-07-01T00:00:00Z,0.9\n";
        let then = market(&[CATALOGUE, PRICES, ADVISOR, &spot_table(&known)]);
        let now = market(&[CATALOGUE, PRICES, ADVISOR, &spot_table(&points), late_prices]);
        let request = SliceRequest::new("us-east-1".parse().unwrap(), as_of);
        prop_assert_eq!(then.slice(&request), now.slice(&request));
    }

    #[test]
    fn statistics_stay_within_the_prices(points in points(), hour in 0..500_i64) {
        let as_of = jiff::Timestamp::from_second(START + hour * HOUR).unwrap();
        let market = market(&[CATALOGUE, &spot_table(&points)]);
        let slice = market.slice(&SliceRequest::new("us-east-1".parse().unwrap(), as_of));
        let json = serde_json::to_string(&slice).unwrap();
        prop_assert_eq!(&serde_json::from_str::<MarketSlice>(&json).unwrap(), &slice);
        let pools = &slice.pools;
        for row in 0..slice.len() {
            prop_assert!((0.0..=168.0).contains(&pools.known_hours_7d[row]));
            prop_assert!(pools.variation_7d[row].is_none_or(|variation| variation >= 0.0));
            if let (Some(mean), Some(low), Some(high)) =
                (pools.mean_7d[row], pools.lowest_7d[row], pools.highest_7d[row])
            {
                prop_assert!(low <= mean && mean <= high);
            }
            if let (Some(price), PriceBasis::SpotHistory) = (pools.price[row], pools.price_basis[row]) {
                prop_assert!(pools.lowest_7d[row] <= Some(price) && Some(price) <= pools.highest_7d[row]);
            }
        }
    }

    /// The same statistics, found by asking hour by hour what the price was.
    #[test]
    fn statistics_agree_with_counting_hours(points in points(), hour in 0..450_i64) {
        let points: Vec<_> = points.into_iter().filter(|(zone, _, _)| *zone == 0).collect();
        // Of two prices for one hour the dearer one stands.
        let mut prices = std::collections::BTreeMap::new();
        for (_, at, price) in &points {
            let entry = prices.entry(*at).or_insert(*price);
            *entry = (*entry).max(*price);
        }
        let market = market(&[CATALOGUE, &spot_table(&points)]);
        let as_of = jiff::Timestamp::from_second(START + hour * HOUR).unwrap();
        let slice = market.slice(&SliceRequest::new("us-east-1".parse().unwrap(), as_of));
        let known: Vec<f64> = (hour - 168..hour)
            .filter_map(|at| {
                let (seen, price) = prices.range(..=at).next_back()?;
                (at - seen < 48).then(|| f64::from(*price) / 100.0)
            })
            .collect();
        if prices.range(..=hour).next().is_none() {
            prop_assert!(slice.is_empty());
            return Ok(());
        }
        prop_assert_eq!(slice.pools.known_hours_7d[0], known.len() as f64);
        let count = known.len() as f64;
        let mean = known.iter().sum::<f64>() / count;
        match slice.pools.mean_7d[0] {
            None => prop_assert!(known.is_empty()),
            Some(found) => {
                prop_assert!((found.per_hour().dollars() - mean).abs() < 1e-8);
                let squares: f64 = known.iter().map(|price| (price - mean).powi(2)).sum();
                let variation = (squares / count).sqrt() / mean;
                prop_assert!((slice.pools.variation_7d[0].unwrap() - variation).abs() < 1e-7);
            }
        }
    }
}

#[test]
fn the_ends_of_time_are_survived() {
    let market = market(&[CATALOGUE, PRICES, ADVISOR, SPOT]);
    for as_of in [jiff::Timestamp::MIN, jiff::Timestamp::UNIX_EPOCH, jiff::Timestamp::MAX] {
        let ages = [f64::NAN, f64::INFINITY, -1.0, 0.0];
        for spot_max_age in ages.map(units::Hours) {
            let request = SliceRequest {
                spot_max_age,
                ..SliceRequest::new("us-east-1".parse().unwrap(), as_of)
            };
            assert_eq!(market.slice(&request).is_empty(), as_of < at("2025-01-01T00:00:00Z"));
        }
    }
}
