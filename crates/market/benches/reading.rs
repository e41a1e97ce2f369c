//! How long it takes to read files, to build a market and to cut a slice out of it.
#![expect(clippy::unwrap_used, reason = "a bench fails where it panics")]

use std::fmt::Write as _;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use jiff::Timestamp;
use market::{
    Limits, Market, MarketBuilder, MarketFile, Origin, SliceRequest, bundled, bundled_files, parse,
};

fn main() {
    divan::main();
}

const START: i64 = 1_767_225_600;

fn origin() -> Origin {
    Origin::new("bench", "2026-08-01T00:00:00Z".parse().unwrap())
}

/// A price every six hours for 60 days in each of 1,200 pools of the bundled catalogue.
fn spot_csv() -> String {
    let market = bundled();
    let mut text = "timestamp,az,instance_type,usd_per_hour\n".to_owned();
    let candidates = market.instances().iter().filter(|one| one.current_generation).take(240);
    for instance in candidates {
        for zone in ["a", "b", "c", "d", "f"] {
            for step in 0..240_i64 {
                let at = Timestamp::from_second(START + step * 21_600).unwrap();
                let cents = 100 + (step * 7 + i64::from(instance.vcpu)) % 13;
                let named = &instance.instance_type;
                writeln!(text, "{at},us-east-1{zone},{named},0.{cents}").unwrap();
            }
        }
    }
    text
}

fn spot_json() -> String {
    let rows: Vec<String> = spot_csv()
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            format!(
                r#"{{"AvailabilityZone":"{}","InstanceType":"{}","ProductDescription":"Linux/UNIX","SpotPrice":"{}","Timestamp":"{}"}}"#,
                cells[1], cells[2], cells[3], cells[0]
            )
        })
        .collect();
    format!(r#"{{"SpotPriceHistory":[{}]}}"#, rows.join(","))
}

fn read(text: &str) -> MarketFile {
    parse(text.as_bytes(), &origin(), &Limits::default()).unwrap()
}

fn full_market() -> Market {
    let mut builder = MarketBuilder::new();
    bundled_files().into_iter().for_each(|file| builder.add(file));
    builder.with(read(&spot_csv())).build()
}

#[divan::bench]
fn bundled_market(bencher: Bencher<'_, '_>) {
    bencher.bench(bundled);
}

#[divan::bench]
fn parse_spot_table(bencher: Bencher<'_, '_>) {
    let text = spot_csv();
    bencher
        .counter(ItemsCount::new(text.lines().count()))
        .counter(BytesCount::of_str(&text))
        .bench(|| read(&text));
}

#[divan::bench]
fn parse_spot_answers(bencher: Bencher<'_, '_>) {
    let text = spot_json();
    bencher.counter(BytesCount::of_str(&text)).bench(|| read(&text));
}

#[divan::bench]
fn merge_and_digest(bencher: Bencher<'_, '_>) {
    let file = read(&spot_csv());
    bencher
        .with_inputs(|| MarketBuilder::new().with(file.clone()))
        .bench_values(MarketBuilder::build);
}

#[divan::bench]
fn slice_of_a_region(bencher: Bencher<'_, '_>) {
    let market = full_market();
    let as_of = Timestamp::from_second(START + 59 * 86_400).unwrap();
    let request = SliceRequest::new("us-east-1".parse().unwrap(), as_of);
    let pools = market.slice(&request).len();
    bencher.counter(ItemsCount::new(pools)).bench(|| market.slice(&request));
}

#[divan::bench]
fn slice_digest(bencher: Bencher<'_, '_>) {
    let market = full_market();
    let as_of = Timestamp::from_second(START + 59 * 86_400).unwrap();
    let slice = market.slice(&SliceRequest::new("us-east-1".parse().unwrap(), as_of));
    bencher.bench(|| slice.digest());
}
