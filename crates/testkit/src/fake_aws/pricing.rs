//! Price lists from the side of AWS: the Spot Advisor, the index of offer files, `GetProducts`.

use serde_json::{Value, json};

use super::spot::fingerprint;
use crate::{Fault, World};

/// Products of one page.
const PAGE: usize = 100;

/// The version that every offer file of the fake has.
const VERSION: &str = "20260701000000";

/// The index of the offer files.
pub(crate) fn index(world: &World) -> Value {
    let regions: serde_json::Map<String, Value> = world
        .offers
        .keys()
        .map(|region| {
            let path = format!("/offers/v1.0/aws/AmazonEC2/{VERSION}/{region}/index.json");
            let entry = json!({"regionCode": region.as_str(), "currentVersionUrl": path});
            (region.to_string(), entry)
        })
        .collect();
    json!({"formatVersion": "v1.0", "publicationDate": "2026-07-01T00:00:00Z", "regions": regions})
}

/// The region whose offer file a path means.
pub(crate) fn region_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/offers/v1.0/aws/AmazonEC2/")?;
    let (_, rest) = rest.split_once('/')?;
    rest.strip_suffix("/index.json")
}

/// The advisor file and its entity tag.
pub(crate) fn advisor(world: &World, fault: Option<&Fault>) -> (Vec<u8>, String) {
    let mut content = world.advisor.clone();
    if matches!(fault, Some(Fault::Poison)) {
        let mut file: Value = serde_json::from_slice(&content).unwrap_or_default();
        if let Some(regions) = file.get_mut("spot_advisor").and_then(Value::as_object_mut) {
            let odd = json!({"Linux": {
                "m5.large": {"s": 170, "r": 0},
                "c5.large": {"s": "NaN", "r": 0},
                "not a type": {"s": 1, "r": 0},
                "r5.large": 7,
            }});
            regions.insert("us-poison-1".to_owned(), odd);
        }
        content = file.to_string().into_bytes();
    }
    let tag = format!("\"{}\"", fingerprint(&String::from_utf8_lossy(&content)));
    (content, tag)
}

/// One page of `GetProducts`, or the code and message of a refusal.
pub(crate) fn products(
    world: &World,
    body: &[u8],
    fault: Option<&Fault>,
) -> Result<Value, (&'static str, String)> {
    let asked: Value = serde_json::from_slice(body)
        .map_err(|error| ("SerializationException", error.to_string()))?;
    if asked["ServiceCode"] != "AmazonEC2" {
        return Err(("InvalidParameterException", "ServiceCode".to_owned()));
    }
    let most = asked["MaxResults"].as_u64().map_or(PAGE, |most| most as usize);
    if most == 0 || most > PAGE {
        return Err(("InvalidParameterException", format!("MaxResults {most} is not 1 to {PAGE}")));
    }
    let filters = asked["Filters"].as_array().map_or(&[][..], Vec::as_slice);
    let fits = |entry: &&Value| {
        filters.iter().all(|filter| {
            let field = filter["Field"].as_str().unwrap_or_default();
            entry["product"]["attributes"][field] == filter["Value"]
        })
    };
    let found: Vec<&Value> = world.products.iter().filter(fits).collect();
    let mark = fingerprint(&asked["Filters"].to_string());
    let start = match asked["NextToken"].as_str() {
        None => 0,
        Some(token) => token
            .strip_prefix(&format!("{mark}:"))
            .and_then(|offset| offset.parse::<usize>().ok())
            .ok_or_else(|| ("InvalidNextTokenException", "the token is not valid".to_owned()))?,
    };
    let mut packed: Vec<Value> =
        found.iter().skip(start).take(most).map(|entry| Value::String(entry.to_string())).collect();
    let end = start + packed.len();
    if matches!(fault, Some(Fault::Poison)) {
        let costs = |sku: &str, price: &str| {
            let region = "us-east-1".parse().ok()?;
            let mut entry = crate::generated::product_entry(&region, "x9.large", "Linux", 1);
            entry["product"]["sku"] = json!(sku);
            entry["terms"] = json!({"OnDemand": {format!("{sku}.JRTCKXETXF"): {
                "priceDimensions": {"d": {"unit": "Hrs", "pricePerUnit": {"USD": price}}},
            }}});
            Some(Value::String(entry.to_string()))
        };
        packed.push(json!("{\"product\": {"));
        packed.extend(costs("P1", "-1.0").into_iter().chain(costs("P2", "NaN")));
    }
    let mut page = json!({"FormatVersion": "aws_v1", "PriceList": packed});
    if end < found.len() {
        page["NextToken"] = json!(format!("{mark}:{end}"));
    }
    Ok(page)
}
