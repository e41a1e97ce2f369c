use facts::names::OperatingSystem;
use jiff::Timestamp;
use market::{Dataset, Limits, Market, MarketBuilder, MarketFile, Origin, parse};
use proptest::prelude::*;

use crate::at;

fn file(text: &str, source: &str, observed_at: &str) -> MarketFile {
    parse(text.as_bytes(), &Origin::new(source, at(observed_at)), &Limits::default()).unwrap()
}

fn build(files: &[&MarketFile]) -> Market {
    let mut builder = MarketBuilder::new();
    for file in files {
        builder.add((*file).clone());
    }
    builder.build()
}

fn price(market: &Market, as_of: &str) -> Option<String> {
    let quote = market.on_demand(
        &"m5.large".parse().unwrap(),
        &"us-east-1".parse().unwrap(),
        OperatingSystem::Linux,
        at(as_of),
    );
    quote.map(|quote| quote.price.to_string())
}

#[test]
fn the_newest_price_that_was_known_stands() {
    let old = file(
        "instance_type,region,as_of_utc,usd_per_hour\nm5.large,us-east-1,2022-01-01T00:00:00Z,0.2\n\
         m5.large,us-east-1,2024-01-01T00:00:00Z,0.1\n",
        "a",
        "2024-02-01T00:00:00Z",
    );
    let new = file(
        "instance_type,region,usd_per_hour\nm5.large,us-east-1,0.096\n",
        "b",
        "2026-01-01T00:00:00Z",
    );
    let corrected = file(
        "instance_type,region,as_of_utc,usd_per_hour\nm5.large,us-east-1,2022-01-01T00:00:00Z,0.3\n",
        "c",
        "2024-03-01T00:00:00Z",
    );
    let market = build(&[&old, &new, &corrected]);
    let check = |as_of: &str, expected: Option<&str>| {
        assert_eq!(price(&market, as_of).as_deref(), expected, "{as_of}");
    };
    check("2021-12-31T23:59:59Z", None);
    check("2022-01-01T00:00:00Z", Some("0.30/h"));
    check("2023-12-31T23:59:59Z", Some("0.30/h"));
    check("2024-06-01T00:00:00Z", Some("0.10/h"));
    check("2025-12-31T23:59:59.999Z", Some("0.10/h"));
    check("2026-01-01T00:00:00Z", Some("0.096/h"));
    let provenance = market.provenance();
    assert_eq!(provenance.len(), 3);
    assert_eq!(provenance[0].dataset, Dataset::OnDemand);
    assert_eq!((provenance[0].source.as_str(), provenance[0].rows), ("a", 2));
    assert_eq!(provenance[0].oldest, at("2022-01-01T00:00:00Z"));
    assert_eq!(provenance[0].newest, at("2024-01-01T00:00:00Z"));
}

#[test]
fn repetitions_and_duplicates_collapse() {
    let text = "timestamp,az,instance_type,usd_per_hour\n\
        2026-01-01T00:00:00Z,us-east-1a,m5.large,0.03\n\
        2026-01-02T00:00:00Z,us-east-1a,m5.large,0.03\n\
        2026-01-02T00:00:00Z,us-east-1a,m5.large,0.03\n\
        2026-01-03T00:00:00Z,us-east-1a,m5.large,0.03\n\
        2026-01-03T12:00:00Z,us-east-1a,m5.large,0.04\n\
        2026-01-03T12:00:00Z,us-east-1a,m5.large,0.05\n";
    let market = build(&[&file(text, "a", "2026-02-01T00:00:00Z")]);
    assert_eq!(market.spot_counts(), (2, 2));
    let twice = build(&[
        &file(text, "a", "2026-02-01T00:00:00Z"),
        &file(text, "b", "2026-03-01T00:00:00Z"),
    ]);
    assert_eq!(twice.version(), market.version(), "the same facts again change nothing");
    let quote = market
        .spot(
            &"m5.large".parse().unwrap(),
            &"us-east-1a".parse().unwrap(),
            OperatingSystem::Linux,
            at("2026-01-03T06:00:00Z"),
            units::Hours(48.0),
        )
        .unwrap();
    assert_eq!(quote.since, at("2026-01-01T00:00:00Z"));
    assert_eq!(quote.last_seen, at("2026-01-03T00:00:00Z"));
}

fn any_file() -> impl Strategy<Value = MarketFile> {
    let moment =
        |minute: i64| Timestamp::from_second(1_767_225_600 + minute * 60).unwrap().to_string();
    let spot = prop::collection::vec((0..3_u8, 0..40_i64, 1..4_u8), 0..12).prop_map(move |rows| {
        let mut text = "timestamp,az,instance_type,usd_per_hour\n".to_owned();
        for (zone, minute, price) in rows {
            let zone = ["us-east-1a", "us-east-1b", "eu-west-1a"][usize::from(zone)];
            text.push_str(&format!("{},{zone},m5.large,0.0{price}\n", moment(minute)));
        }
        text
    });
    let on_demand =
        prop::collection::vec((0..2_u8, 0..3_i64, 1..4_u8), 0..8).prop_map(move |rows| {
            let mut text = "instance_type,region,as_of_utc,usd_per_hour\n".to_owned();
            for (kind, minute, price) in rows {
                let kind = ["m5.large", "c5.large"][usize::from(kind)];
                text.push_str(&format!("{kind},us-east-1,{},0.{price}\n", moment(minute)));
            }
            text
        });
    let advisor = prop::collection::vec((0..2_u8, 0..6_u8, -9..9_i8), 1..6).prop_map(|rows| {
        let rows: Vec<String> = rows
            .into_iter()
            .map(|(kind, bucket, savings)| {
                let kind = ["m5.large", "c5.large"][usize::from(kind)];
                format!("\"{kind}\":{{\"s\":{savings},\"r\":{bucket}}}")
            })
            .collect();
        format!("{{\"spot_advisor\":{{\"us-east-1\":{{\"Linux\":{{{}}}}}}}}}", rows.join(","))
    });
    let catalogue = (1..4_u32).prop_map(|vcpu| {
        format!("instance_type,vcpu,memory_mib,arch\nm5.large,{vcpu},8192,amd64\n")
    });
    let text = prop_oneof![spot, on_demand, advisor, catalogue];
    (text, 41..44_i64, 0..2_u8).prop_map(move |(text, minute, source)| {
        file(&text, &format!("source {source}"), &moment(minute))
    })
}

proptest! {
    #[test]
    fn the_order_of_files_has_no_say(
        (files, shuffled) in prop::collection::vec(any_file(), 1..6)
            .prop_flat_map(|files| (Just(files.clone()), Just(files).prop_shuffle()))
    ) {
        let one = build(&files.iter().collect::<Vec<_>>());
        let other = build(&shuffled.iter().collect::<Vec<_>>());
        prop_assert_eq!(one.version(), other.version());
        prop_assert_eq!(one, other);
    }
}

#[test]
fn any_other_fact_is_another_version() {
    let base = file(
        "instance_type,region,usd_per_hour\nm5.large,us-east-1,0.1\n",
        "a",
        "2026-01-01T00:00:00Z",
    );
    let dearer = file(
        "instance_type,region,usd_per_hour\nm5.large,us-east-1,0.2\n",
        "a",
        "2026-01-01T00:00:00Z",
    );
    let renamed = file(
        "instance_type,region,usd_per_hour\nm5.large,us-east-1,0.1\n",
        "b",
        "2026-01-01T00:00:00Z",
    );
    assert_ne!(build(&[&base]).version(), build(&[&dearer]).version());
    assert_ne!(build(&[&base]).version(), Market::empty().version());
    assert_eq!(build(&[&base]).version(), build(&[&renamed]).version());
    assert_eq!(build(&[&base]).version().len(), 64);
}
