//! Any bytes to every market parser: `cargo +nightly fuzz run market`.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use market::{Limits, Origin};

fuzz_target!(|bytes: &[u8]| {
    let origin = Origin::new("fuzz", Timestamp::UNIX_EPOCH);
    let limits = Limits::default();
    let _ = market::parse(bytes, &origin, &limits);
    let _ = market::parse_advisor(bytes, &origin, &limits);
    let _ = market::parse_on_demand(bytes, &origin, &limits);
    let _ = market::parse_price_list(bytes, &origin, &limits);
    let _ = market::parse_spot_history(bytes, &origin, &limits);
    let _ = market::parse_spot_csv(bytes, &origin, &limits);
    if let Ok(region) = "us-east-1".parse() {
        let _ = market::parse_spot_page(bytes, &region, &origin, &limits);
        let _ = market::parse_zones(bytes, &region, &limits);
    }
    let _ = market::parse_instance_page(bytes, &limits);
    let _ = market::parse_products_page(bytes, &origin, &limits);
    let _ = market::parse_region_index(bytes, &limits);
    let _ = market::read_price_list(bytes, &origin, &limits);
    let _ = market::gunzip(bytes, &limits);
});
