//! A world from the folder of published data, where it is there.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use serde_json::Value;

use crate::{Offer, SpotPrice, World};

/// Why published data could not be read.
#[derive(Debug)]
pub struct ReferenceError {
    path: PathBuf,
    detail: String,
}

impl std::fmt::Display for ReferenceError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.path.display(), self.detail)
    }
}

impl std::error::Error for ReferenceError {}

/// The folder of published data beside the workspace; without it says that the test is skipped.
#[must_use]
pub fn published_folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    if !folder.is_dir() {
        println!("skipped: no published files at {}", folder.display());
        return None;
    }
    Some(folder)
}

/// A world of the published files: the Spot Advisor of 2025, the offer fragments, the samples of
/// `GetProducts` and `DescribeInstanceTypes`, and the named files of `spot-history` (all that name
/// zones when none is named).
///
/// It is as late as its latest spot price, and has no horizon, so that every row can be had.
///
/// # Errors
/// A file that is missing or is not what its name says.
pub fn from_reference(folder: &Path, spot_files: &[&str]) -> Result<World, ReferenceError> {
    let mut world = World::empty(Timestamp::UNIX_EPOCH);
    world.horizon = None;
    world.advisor = bytes(&folder.join("spot-advisor/spot-advisor-data-2025-06.json"))?;
    for (region, file) in [
        ("us-east-2", "amazonec2-offer-fragment-1-20230322145651.json"),
        ("us-east-1", "amazonec2-offer-fragment-2-20240528203522.json"),
    ] {
        let content = bytes(&folder.join("price-list").join(file))?;
        let offer = Offer::Given(Arc::from(content));
        world.offers.extend(region.parse().ok().map(|region| (region, offer)));
    }
    world.products = list(&folder.join("price-list/getproducts-ec2-us-east-1-sample.json"), None)?;
    world.instance_types = list(
        &folder.join("price-list/describe-instance-types-sample.json"),
        Some("InstanceTypes"),
    )?;
    let history = folder.join("spot-history");
    let mut names: Vec<String> = spot_files.iter().map(|name| (*name).to_owned()).collect();
    if names.is_empty() {
        names = all_tables(&history)?;
    }
    for name in names {
        spot_table(&history.join(name), &mut world.spot)?;
    }
    if let Some(last) = world.spot.iter().map(|row| row.at).max() {
        world.now = last;
    }
    Ok(world)
}

fn all_tables(folder: &Path) -> Result<Vec<String>, ReferenceError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| wrong(folder, &error))? {
        let name = entry.map_err(|error| wrong(folder, &error))?.file_name();
        let name = name.to_string_lossy().into_owned();
        if name.ends_with(".csv") || name.ends_with(".csv.gz") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Adds the rows of one table; a table without zones adds none, as AWS has no such rows.
fn spot_table(path: &Path, rows: &mut Vec<SpotPrice>) -> Result<(), ReferenceError> {
    let content = bytes(path)?;
    let mut reader = csv::Reader::from_reader(content.as_slice());
    let header = reader.headers().map_err(|error| wrong(path, &error))?.clone();
    let column = |name: &str| header.iter().position(|column| column == name);
    let (Some(at), Some(zone), Some(named), Some(price)) =
        (column("timestamp"), column("az"), column("instance_type"), column("usd_per_hour"))
    else {
        return Ok(());
    };
    let product = column("product");
    let mut texts: BTreeMap<String, Arc<str>> = BTreeMap::new();
    let mut shared = |text: &str| match texts.get(text) {
        Some(known) => Arc::clone(known),
        None => {
            let new: Arc<str> = Arc::from(text);
            texts.insert(text.to_owned(), Arc::clone(&new));
            new
        }
    };
    for record in reader.records() {
        let record = record.map_err(|error| wrong(path, &error))?;
        let field = |position: usize| record.get(position).unwrap_or_default();
        rows.push(SpotPrice {
            at: field(at).parse().map_err(|error| wrong(path, &error))?,
            zone: shared(field(zone)),
            instance_type: shared(field(named)),
            product: shared(product.map_or("Linux/UNIX", field)),
            price: field(price).into(),
        });
    }
    Ok(())
}

fn list(path: &Path, key: Option<&str>) -> Result<Vec<Value>, ReferenceError> {
    let value: Value =
        serde_json::from_slice(&bytes(path)?).map_err(|error| wrong(path, &error))?;
    let list = key.map_or(Some(&value), |key| value.get(key));
    list.and_then(Value::as_array).cloned().ok_or_else(|| wrong(path, &"no list"))
}

fn bytes(path: &Path) -> Result<Vec<u8>, ReferenceError> {
    let content = std::fs::read(path).map_err(|error| wrong(path, &error))?;
    if !content.starts_with(&[0x1f, 0x8b]) {
        return Ok(content);
    }
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(content.as_slice())
        .read_to_end(&mut unpacked)
        .map_err(|error| wrong(path, &error))?;
    Ok(unpacked)
}

fn wrong(path: &Path, detail: &dyn std::fmt::Display) -> ReferenceError {
    ReferenceError { path: path.to_owned(), detail: detail.to_string() }
}
