//! A market of which a part is exchanged is the market that its sources would give; as bytes it is
//! itself again, or nothing.

use market::{Limits, Market, MarketBuilder, MarketFile, Origin, SnapshotError, SpotFile, parse};
use proptest::prelude::*;

use crate::at;

fn spot(rows: &[(&str, &str, &str)]) -> SpotFile {
    let mut text = "timestamp,az,az_id,instance_type,usd_per_hour\n".to_owned();
    for (hour, zone, price) in rows {
        let id = format!("use1-az{}", zone.bytes().last().unwrap_or(b'a') - b'a' + 1);
        text.push_str(&format!("2026-07-01T{hour}:00:00Z,{zone},{id},m5.large,{price}\n"));
    }
    let origin = Origin::new("store", at("2026-07-31T00:00:00Z"));
    match parse(text.as_bytes(), &origin, &Limits::default()).unwrap() {
        MarketFile::Spot(file) => file,
        other => panic!("{other:?}"),
    }
}

fn built(files: Vec<MarketFile>) -> Market {
    let mut builder = MarketBuilder::new();
    files.into_iter().for_each(|file| builder.add(file));
    builder.build()
}

#[test]
fn exchanged_series_are_those_of_the_last_file() {
    let first = spot(&[("00", "us-east-1a", "0.04"), ("00", "us-east-1c", "0.05")]);
    let second = spot(&[
        ("00", "us-east-1a", "0.04"),
        ("03", "us-east-1a", "0.06"),
        ("04", "us-east-1a", "0.06"),
        ("01", "us-east-1b", "0.03"),
    ]);
    let third = spot(&[("00", "us-east-1c", "0.05")]);
    let market = Market::empty().with_spot(first).with_spot(second.clone());
    let expected = built(vec![MarketFile::Spot(second), MarketFile::Spot(third)]);
    assert_eq!(market.version(), expected.version());
    assert_eq!(market.provenance().len(), 1);
    assert_eq!(market.provenance()[0].rows, 5);

    let lists = market::bundled();
    let whole = market.with_lists_of(&lists);
    assert_eq!(whole.spot_counts(), market.spot_counts());
    assert_eq!(whole.instances(), lists.instances());
    assert_ne!(whole.version(), market.version());
    assert_eq!(whole.provenance().len(), lists.provenance().len() + 1);

    let mut forgotten = spot(&[("00", "us-east-1c", "0.05")]);
    forgotten.points.clear();
    let less = market.with_spot(forgotten);
    assert_eq!(less.spot_counts(), (3, 1));
}

#[test]
fn bytes_give_the_same_market_or_none() {
    let file = spot(&[("00", "us-east-1a", "0.04"), ("05", "us-east-1a", "0.04")]);
    let market = market::bundled().with_spot(file);
    let bytes = market.to_bytes("a note");
    let (again, note) = Market::from_bytes(&bytes).unwrap();
    assert_eq!((&again, note.as_str()), (&market, "a note"));
    let mut other = bytes.clone();
    other[18] = b'9';
    assert_eq!(Market::from_bytes(&other), Err(SnapshotError::OtherFormat));
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(Market::from_bytes(&damaged), Err(SnapshotError::Damaged));
    for cut in [0, 10, 20, 40, 60, bytes.len() / 2, bytes.len() - 1] {
        assert!(Market::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whole bytes with any content are refused or read, and never break the reader.
    #[test]
    fn any_content_is_borne(content in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = b"cloudoptim market 1\n".to_vec();
        bytes.extend_from_slice(blake3::hash(&content).as_bytes());
        bytes.extend_from_slice(&content);
        let _ = Market::from_bytes(&bytes);
    }
}
