//! The parsers on real published files, where the folder with them lies beside the workspace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use facts::names::OperatingSystem;
use market::{
    AdvisorFile, Limits, MarketBuilder, MarketFile, OnDemandFile, Origin, PriceBasis, SliceRequest,
    SpotFile, bundled_files, parse,
};

use crate::at;

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    if !folder.is_dir() {
        println!("skipped: no published files at {}", folder.display());
        return None;
    }
    Some(folder)
}

fn read(path: &str) -> Option<MarketFile> {
    let bytes = std::fs::read(folder()?.join(path)).unwrap();
    let origin = Origin::new(path, at("2026-08-01T00:00:00Z"));
    let file = parse(&bytes, &origin, &Limits::default()).unwrap();
    assert_eq!(file.report().quarantined, 0, "{path}: {:?}", file.report().quarantine);
    Some(file)
}

fn advisor(path: &str) -> Option<AdvisorFile> {
    match read(path)? {
        MarketFile::Advisor(file) => Some(file),
        other => panic!("{path}: {other:?}"),
    }
}

fn on_demand(path: &str) -> Option<OnDemandFile> {
    match read(path)? {
        MarketFile::OnDemand(file) => Some(file),
        other => panic!("{path}: {other:?}"),
    }
}

fn spot(path: &str) -> Option<SpotFile> {
    match read(path)? {
        MarketFile::Spot(file) => Some(file),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn advisor_files_of_every_vintage() {
    let check =
        |path: &str, counts: (usize, usize, usize), not_saving: (usize, usize), least: i16| {
            let Some(file) = advisor(path) else { return };
            let of = |system: OperatingSystem| {
                file.rows.iter().filter(move |row| row.operating_system == system)
            };
            let mut regions: Vec<_> = file.rows.iter().map(|row| &row.region).collect();
            regions.sort();
            regions.dedup();
            let (linux, windows) = (OperatingSystem::Linux, OperatingSystem::Windows);
            assert_eq!((regions.len(), of(linux).count(), of(windows).count()), counts, "{path}");
            let bad = |system| of(system).filter(|row| row.savings_percent <= Some(0)).count();
            assert_eq!((bad(linux), bad(windows)), not_saving, "{path}");
            assert_eq!(file.rows.iter().filter_map(|row| row.savings_percent).min(), Some(least));
            assert!(file.rows.iter().all(|row| row.bucket.is_some()));
        };
    check("spot-advisor/spot-advisor-data-2021-02.json", (21, 4255, 3635), (12, 10), 0);
    check("spot-advisor/spot-advisor-data-2025-06.json", (33, 14962, 10361), (73, 17), -62);
}

#[test]
fn price_tables() {
    let check = |path: &str, used: usize, skipped: u64| {
        let Some(file) = on_demand(path) else { return };
        let skips: u64 = file.report.skipped.values().sum();
        assert_eq!((file.rows.len(), skips), (used, skipped), "{path}");
    };
    check("on-demand/ec2-linux-ondemand-2024-04.csv.gz", 11346, 5);
    check("on-demand/ec2-linux-ondemand-us-east-1-2026-07.csv", 1367, 0);
    check("on-demand/ec2-linux-ondemand-us-east-1-changes-2022-2026.csv.gz", 1395, 0);
    check("on-demand/ec2-linux-ondemand-reserved-2017.csv.gz", 263, 2742);
    check("price-list/amazonec2-offer-fragment-2-20240528203522.json", 1, 1);
    check("price-list/getproducts-ec2-us-east-1-sample.json", 70, 0);
}

#[test]
fn an_offer_without_a_price_per_hour() {
    // The fragment lists an upfront fee under the On-Demand terms of its one ordinary product.
    let path = "price-list/amazonec2-offer-fragment-1-20230322145651.json";
    let Some(folder) = folder() else { return };
    let bytes = std::fs::read(folder.join(path)).unwrap();
    let origin = Origin::new(path, at("2026-08-01T00:00:00Z"));
    let report = parse(&bytes, &origin, &Limits::default()).unwrap().report().clone();
    assert_eq!((report.rows_read, report.rows_used, report.quarantined), (3, 0, 1));
    assert_eq!(report.quarantine[0].reason, "no price per hour");
}

#[test]
fn spot_price_files() {
    let check = |path: &str, rows: u64, points: usize, series: usize| {
        let Some(file) = spot(path) else { return };
        let found = (file.report.rows_read, file.points.len(), file.series.len());
        assert_eq!(found, (rows, points, series), "{path}: {:?}", file.report);
    };
    check("spot-history/spot-eu-west-3-linux-2020-02-29_2020-05-31.csv", 2433, 2433, 16);
    check("spot-history/spot-t3.micro-3-regions-2025-11-30_2026-01-31.csv", 1910, 1910, 3);
    check("spot-history/spot-us-east-1-c5a.2xlarge-linux-2023-11-11_2023-12-30.csv", 869, 869, 5);
    check("spot-history/spot-us-east-1-linux-2024-01-bursts.csv.gz", 14551, 14551, 3601);
    check("spot-history/spot-us-east-1-other-os-2021-03_04.csv.gz", 10092, 1880, 30);
    check("spot-history/raw/describe-spot-price-history.empty.json", 0, 0, 0);
    check("spot-history/raw/describe-spot-price-history.us-east-1.a1.medium.json", 846, 282, 3);
    check("spot-history/raw/describe-spot-price-history.sa-east-1.m5.large.json", 2463, 1029, 6);
    check("spot-advisor/spotlake-snapshot-2022-07-12.csv.gz", 12633, 12633, 12633);
}

#[test]
fn a_region_of_two_months_is_merged_and_sliced() {
    let Some(file) = spot("spot-history/spot-sa-east-1-linux-2019-12-31_2020-03-30.csv.gz") else {
        return;
    };
    assert_eq!((file.points.len(), file.series.len()), (54046, 407));
    let mut builder = MarketBuilder::new();
    builder.add(MarketFile::Spot(file));
    for file in bundled_files() {
        builder.add(file);
    }
    let market = builder.build();
    let (changes, repeats) = market.spot_counts();
    assert!(changes + repeats <= 54046 && repeats > 20_000, "{changes} {repeats}");
    let request = SliceRequest::new("sa-east-1".parse().unwrap(), at("2020-03-01T00:00:00Z"));
    let slice = market.slice(&request);
    assert!(slice.zones_known);
    let mut zones: BTreeMap<&str, u32> = BTreeMap::new();
    for pool in slice.pools() {
        assert_eq!(pool.price_basis, PriceBasis::SpotHistory, "{pool:?}");
        *zones.entry(pool.zone.unwrap().as_str()).or_default() += 1;
    }
    assert_eq!(zones.into_keys().collect::<Vec<_>>(), ["sa-east-1a", "sa-east-1b", "sa-east-1c"]);
}

#[test]
fn repetitions_of_two_months_are_told_from_changes() {
    let Some(file) = spot("spot-history/spot-us-east-1-linux-2021-03-02_2021-04-30.csv.gz") else {
        return;
    };
    assert_eq!((file.points.len(), file.series.len()), (168_223, 1182));
    // Counted here by hand: consecutive points of a series with another price than before.
    let mut by_series: BTreeMap<u32, BTreeMap<i64, i64>> = BTreeMap::new();
    for point in &file.points {
        by_series.entry(point.series).or_default().insert(point.at_ms, point.price.nanos());
    }
    let (mut changes, mut repeats, mut never) = (0, 0, 0);
    for points in by_series.values() {
        let prices: Vec<i64> = points.values().copied().collect();
        let moved = prices.windows(2).filter(|pair| pair[0] != pair[1]).count();
        changes += moved + 1;
        repeats += prices.len() - moved - 1;
        never += usize::from(moved == 0);
    }
    assert_eq!(never, 368);
    let market = MarketBuilder::new().with(MarketFile::Spot(file)).build();
    assert_eq!(market.spot_counts(), (changes, repeats));
}

#[test]
fn the_bundled_tables_say_what_their_sources_say() {
    let Some(source) = advisor("spot-advisor/spot-advisor-data-2025-06.json") else { return };
    let Some(prices) = on_demand("on-demand/ec2-linux-ondemand-us-east-1-2026-07.csv") else {
        return;
    };
    let mut builder = MarketBuilder::new();
    bundled_files().into_iter().for_each(|file| builder.add(file));
    let market = builder.build();
    let now = at("2026-08-01T00:00:00Z");
    for row in &source.rows {
        let found = market
            .advisor(&row.instance_type, &row.region, row.operating_system, now)
            .map(|quote| (quote.bucket, quote.savings_percent));
        assert_eq!(found, Some((row.bucket, row.savings_percent)), "{row:?}");
    }
    for row in &prices.rows {
        let found = market.on_demand(&row.instance_type, &row.region, row.operating_system, now);
        assert_eq!(found.map(|quote| quote.price), Some(row.price), "{row:?}");
    }
}
