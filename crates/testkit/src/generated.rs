//! A world from a seed: pools with prices that move as real ones do, and everything around them.

use std::sync::Arc;

use facts::names::Region;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use units::Usd;

use crate::{Offer, SpotPrice, World};

/// Types with processors, memory in MiB and a list price in billionths of a dollar.
const TYPES: [(&str, u32, u32, i64); 10] = [
    ("m5.large", 2, 8192, 96_000_000),
    ("m5.xlarge", 4, 16384, 192_000_000),
    ("m5.2xlarge", 8, 32768, 384_000_000),
    ("c5.large", 2, 4096, 85_000_000),
    ("c5.xlarge", 4, 8192, 170_000_000),
    ("c5.2xlarge", 8, 16384, 340_000_000),
    ("r5.large", 2, 16384, 126_000_000),
    ("r5.xlarge", 4, 32768, 252_000_000),
    ("m6g.large", 2, 8192, 77_000_000),
    ("c7a.large", 2, 4096, 102_640_000),
];

/// A world of one region: `pools` pools (the ten types over as many zones as are needed) with
/// `days` days of Linux prices that end now. The same seed gives the same world.
///
/// A price changes every 6.6 hours in the middle, by a small step, and is repeated unchanged when a
/// day goes by without a change.
#[must_use]
pub fn generated(region: &Region, pools: usize, days: i64, now: Timestamp, seed: u64) -> World {
    let mut world = World::empty(now);
    let mut random = fastrand::Rng::with_seed(seed);
    let product: Arc<str> = Arc::from("Linux/UNIX");
    let start = now.saturating_sub(SignedDuration::from_hours(days * 24)).unwrap_or(now);
    for pool in 0..pools {
        let (named, _, _, list) = TYPES.get(pool % TYPES.len()).copied().unwrap_or(TYPES[0]);
        let letter =
            char::from(b'a'.saturating_add(u8::try_from(pool / TYPES.len()).unwrap_or(25)));
        let zone: Arc<str> = Arc::from(format!("{region}{letter}"));
        let instance_type: Arc<str> = Arc::from(named);
        let mut price = list * random.i64(25..45) / 100;
        let mut at = start;
        while at < now {
            world.spot.push(SpotPrice {
                at,
                zone: Arc::clone(&zone),
                instance_type: Arc::clone(&instance_type),
                product: Arc::clone(&product),
                price: six_decimals(price),
            });
            // An exponential wait with a median of 6.6 hours.
            let wait = -(1.0 - random.f64()).ln() * 6.6 * 3600.0 / std::f64::consts::LN_2;
            let wait = SignedDuration::from_secs(wait.max(60.0) as i64);
            let day = SignedDuration::from_hours(24);
            if wait <= day && random.u8(..) > 50 {
                price = (price + price * random.i64(-8..=8) / 1000).clamp(list / 5, list);
            }
            at = at.saturating_add(wait.min(day)).unwrap_or(now);
        }
    }
    for (position, letter) in ('a'..='f').enumerate() {
        let zone = format!("{region}{letter}").parse().ok();
        let id = format!("gen1-az{}", position + 1).parse().ok();
        world.zones.extend(zone.zip(id));
    }
    world.advisor = advisor(region).to_string().into_bytes();
    world.offers.insert(region.clone(), Offer::Generated { bytes: 200_000 });
    for (named, vcpu, memory, list) in TYPES {
        world.instance_types.push(instance_type(named, vcpu, memory));
        for system in ["Linux", "Windows", "RHEL"] {
            world.products.push(product_entry(region, named, system, list));
        }
    }
    world
}

fn six_decimals(nanos: i64) -> Box<str> {
    let micros = nanos / 1000;
    let dollars = Usd::from_nanos(micros * 1000).nanos() / 1_000_000_000;
    format!("{dollars}.{:06}", micros % 1_000_000).into()
}

fn advisor(region: &Region) -> Value {
    let entries: serde_json::Map<String, Value> = TYPES
        .iter()
        .enumerate()
        .map(|(position, (named, ..))| {
            ((*named).to_owned(), json!({"s": 60 + position, "r": position % 5}))
        })
        .collect();
    json!({
        "ranges": [
            {"index": 0, "label": "<5%", "dots": 0, "max": 5},
            {"index": 1, "label": "5-10%", "dots": 1, "max": 11},
            {"index": 2, "label": "10-15%", "dots": 2, "max": 16},
            {"index": 3, "label": "15-20%", "dots": 3, "max": 22},
            {"index": 4, "label": ">20%", "dots": 4, "max": 100},
        ],
        "spot_advisor": {region.as_str(): {"Linux": entries}},
    })
}

fn instance_type(named: &str, vcpu: u32, memory: u32) -> Value {
    let arm = named.starts_with("m6g");
    json!({
        "InstanceType": named,
        "CurrentGeneration": true,
        "BareMetal": false,
        "Hypervisor": "nitro",
        "ProcessorInfo": {
            "SupportedArchitectures": [if arm { "arm64" } else { "x86_64" }],
        },
        "VCpuInfo": {"DefaultVCpus": vcpu},
        "MemoryInfo": {"SizeInMiB": memory},
        "NetworkInfo": {
            "MaximumNetworkInterfaces": 3,
            "Ipv4AddressesPerInterface": 10,
            "NetworkCards": [
                {"NetworkCardIndex": 0, "MaximumNetworkInterfaces": 3, "BaselineBandwidthInGbps": 0.75},
            ],
        },
        "BurstablePerformanceSupported": false,
    })
}

pub(crate) fn product_entry(region: &Region, named: &str, system: &str, list: i64) -> Value {
    let sku = format!("{}{}", named.replace(['.', '-'], ""), system).to_ascii_uppercase();
    json!({
        "product": {
            "sku": sku,
            "productFamily": "Compute Instance",
            "attributes": {
                "instanceType": named,
                "regionCode": region.as_str(),
                "operatingSystem": system,
                "tenancy": "Shared",
                "capacitystatus": "Used",
                "preInstalledSw": "NA",
                "licenseModel": "No License required",
            },
        },
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {format!("{sku}.JRTCKXETXF"): {
            "sku": sku,
            "effectiveDate": "2026-07-01T00:00:00Z",
            "priceDimensions": {format!("{sku}.JRTCKXETXF.6YS6EN2CT7"): {
                "unit": "Hrs",
                "pricePerUnit": {"USD": format!("{}0000", six_decimals(list))},
            }},
        }}},
    })
}
