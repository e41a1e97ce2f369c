use market::Format;
use market::{
    OnDemandFile, OnDemandRow, detect, parse_advisor_matrix, parse_on_demand,
    parse_on_demand_matrix, parse_price_list,
};

use crate::{limits, origin};

fn brief(file: &OnDemandFile) -> Vec<String> {
    file.rows
        .iter()
        .map(|row| {
            let OnDemandRow { region, operating_system, instance_type, since_ms, price } = row;
            let since = jiff::Timestamp::from_millisecond(*since_ms).unwrap();
            format!("{region} {operating_system} {instance_type} {price} {since}")
        })
        .collect()
}

#[test]
fn tables_are_read_by_their_header() {
    let check = |table: &str, rows: &[&str], unused: (u64, u64)| {
        let file = parse_on_demand(table.as_bytes(), &origin(), &limits()).unwrap();
        assert_eq!(brief(&file), rows, "{table}");
        let skipped: u64 = file.report.skipped.values().sum();
        assert_eq!((skipped, file.report.quarantined), unused, "{table}: {:?}", file.report);
        assert_eq!(detect(table.as_bytes()), Some(Format::OnDemandCsv), "{table}");
    };
    check(
        "instance_type,region,as_of_utc,usd_per_hour\n\
         c7a.large,us-east-1,2026-07-20T13:44:30Z,0.10264\n",
        &["us-east-1 linux c7a.large 0.10264/h 2026-07-20T13:44:30Z"],
        (0, 0),
    );
    check(
        "usd_per_hour,first_seen_utc,region,instance_type\r\n\
         0.204,2022-06-22T08:25:00Z,us-east-1,a1.2xlarge\r\n",
        &["us-east-1 linux a1.2xlarge 0.204/h 2022-06-22T08:25:00Z"],
        (0, 0),
    );
    // No date: known from the reading of the file on. 0.0 is no price. One row per architecture.
    check(
        "instance_type,region,ondemand_usd_per_hour,spot_avg_usd_per_hour,arch\n\
         p5.48xlarge,us-east-1,0.0,0.0,x86_64\n\
         t1.micro,us-east-1,0.02,,i386\n\
         t1.micro,us-east-1,0.02,,x86_64\n\
         m5.large,us-east-1-bos-1,0.12,,x86_64\n",
        &[
            "us-east-1 linux t1.micro 0.02/h 2026-08-01T00:00:00Z",
            "us-east-1 linux t1.micro 0.02/h 2026-08-01T00:00:00Z",
            "us-east-1-bos-1 linux m5.large 0.12/h 2026-08-01T00:00:00Z",
        ],
        (1, 0),
    );
    check(
        "instance_type,region,term,payment,usd_per_hour_effective\n\
         c1.medium,eu-west-1,ondemand,,0.148\n\
         c1.medium,eu-west-1,yrTerm1Standard,allUpfront,0.095\n",
        &["eu-west-1 linux c1.medium 0.148/h 2026-08-01T00:00:00Z"],
        (1, 0),
    );
    check(
        "instance_type,region,os,tenancy,usd_per_hour\n\
         m5.large,eu-west-1,Windows,Shared,0.199\n\
         m5.large,eu-west-1,RHEL,Shared,0.167\n\
         m5.large,eu-west-1,Linux,Dedicated,0.113\n\
         m5.large,eu-west-1,Linux,Shared,-0.1\n\
         m5.large,eu-west-1,Linux,Shared,1e-1\n\
         m5.large,somewhere,Linux,Shared,0.1\n\
         m5.large\n",
        &["eu-west-1 windows m5.large 0.199/h 2026-08-01T00:00:00Z"],
        (2, 4),
    );
}

#[test]
fn a_header_without_a_needed_column_is_refused() {
    let check = |table: &str, part: &str| {
        let error = parse_on_demand(table.as_bytes(), &origin(), &limits()).unwrap_err();
        assert!(error.to_string().contains(part), "{table}: {error}");
    };
    check("", "header lacks instance_type");
    check("instance_type,usd_per_hour\n", "header lacks region; it has instance_type,usd_per_hour");
    check("instance_type,region,price_eur\n", "header lacks usd_per_hour");
}

#[test]
fn matrices_hold_one_price_a_cell() {
    let table = "# remark\ninstance_type,linux us-east-1@2026-07-20T13:44:30Z,windows eu-west-1@2024-04-04T23:59:59Z\n\
                 m5.large,0.096,0.199\nm5.xlarge,,0.4\nm5.2xlarge,free\n";
    assert_eq!(detect(table.as_bytes()), Some(Format::OnDemandMatrix));
    let file = parse_on_demand_matrix(table.as_bytes(), &origin(), &limits()).unwrap();
    assert_eq!(
        brief(&file),
        [
            "us-east-1 linux m5.large 0.096/h 2026-07-20T13:44:30Z",
            "eu-west-1 windows m5.large 0.199/h 2024-04-04T23:59:59Z",
            "eu-west-1 windows m5.xlarge 0.40/h 2024-04-04T23:59:59Z",
        ]
    );
    assert_eq!(file.report.quarantined, 1);
    assert!(parse_on_demand_matrix(b"instance_type,vcpu\n", &origin(), &limits()).is_err());
}

#[test]
fn advisor_matrices_hold_class_and_savings() {
    let table = "instance_type,advisor linux us-east-1@2025-06-28T23:59:59Z\n\
                 m5.large,3:61\nm5.xlarge,:-62\nm5.2xlarge,4:\nm5.4xlarge,5:1\nm5.8xlarge,3:101\nm5.metal,3\n";
    assert_eq!(detect(table.as_bytes()), Some(Format::AdvisorMatrix));
    let file = parse_advisor_matrix(table.as_bytes(), &origin(), &limits()).unwrap();
    let found: Vec<_> = file
        .rows
        .iter()
        .map(|row| (row.bucket.map(market::AdvisorBucket::index), row.savings_percent))
        .collect();
    assert_eq!(found, [(Some(3), Some(61)), (None, Some(-62)), (Some(4), None)]);
    assert_eq!(file.report.quarantined, 3);
}

fn product(sku: &str, changes: &[(&str, &str)]) -> String {
    let mut attributes = vec![
        ("instanceType", "m5.large"),
        ("location", "US East (Ohio)"),
        ("operatingSystem", "Linux"),
        ("tenancy", "Shared"),
        ("preInstalledSw", "NA"),
        ("licenseModel", "No License required"),
        ("capacitystatus", "Used"),
    ];
    for (key, value) in changes {
        attributes.retain(|(name, _)| name != key);
        attributes.push((key, value));
    }
    let attributes: Vec<String> =
        attributes.iter().map(|(key, value)| format!("\"{key}\":\"{value}\"")).collect();
    format!(
        r#"{{"sku":"{sku}","productFamily":"Compute Instance","attributes":{{{}}}}}"#,
        attributes.join(",")
    )
}

fn term(sku: &str, since: &str, price: &str) -> String {
    format!(
        r#"{{"effectiveDate":"{since}","sku":"{sku}","priceDimensions":{{"{sku}.J.6":{{"unit":"Hrs","pricePerUnit":{price}}}}}}}"#
    )
}

#[test]
fn the_ordinary_product_of_a_price_list_is_chosen() {
    let products = [
        product("A", &[]),
        product("B", &[("tenancy", "Dedicated")]),
        product("C", &[("operatingSystem", "Windows")]),
        product("D", &[("operatingSystem", "Windows"), ("licenseModel", "Bring your own license")]),
        product("E", &[("preInstalledSw", "SQL Std")]),
        product("F", &[("capacitystatus", "UnusedCapacityReservation")]),
        product("G", &[("location", "Moon (Far Side)"), ("instanceType", "m5.xlarge")]),
        product("H", &[("instanceType", "m5.2xlarge")]),
        product("I", &[("regionCode", "eu-west-3"), ("location", "EU (Paris)")]),
        r#"{"sku":"K","productFamily":"Storage"}"#.to_owned(),
    ];
    let named = |text: &str| text.get(8..9).unwrap_or("?").to_owned();
    let products: Vec<String> =
        products.iter().map(|product| format!("\"{}\":{product}", named(product))).collect();
    let terms: Vec<String> = "ABCDEFGI"
        .chars()
        .map(|sku| {
            let sku = sku.to_string();
            let price = if sku == "I" { r#"{"CNY":"1.0"}"# } else { r#"{"USD":"0.0960000000"}"# };
            let late = term(&sku, "2023-03-01T00:00:00Z", price);
            let early = term(&sku, "2022-01-01T00:00:00Z", r#"{"USD":"9.0"}"#);
            format!(r#""{sku}":{{"{sku}.J":{late},"{sku}.I":{early}}}"#)
        })
        .collect();
    let terms = format!(r#""terms":{{"Reserved":{{}},"OnDemand":{{{}}}}}"#, terms.join(","));
    let products = format!(r#""products":{{{}}}"#, products.join(","));
    for offer in [
        format!(r#"{{"offerCode":"AmazonEC2",{products},{terms}}}"#),
        format!(r#"{{"offerCode":"AmazonEC2",{terms},{products}}}"#),
    ] {
        assert_eq!(detect(offer.as_bytes()), Some(Format::PriceList));
        let file = parse_price_list(offer.as_bytes(), &origin(), &limits()).unwrap();
        assert_eq!(
            brief(&file),
            [
                "us-east-2 linux m5.large 0.096/h 2023-03-01T00:00:00Z",
                "us-east-2 windows m5.large 0.096/h 2023-03-01T00:00:00Z",
                "eu-west-3 linux m5.large 9.00/h 2022-01-01T00:00:00Z",
            ]
        );
        assert_eq!(file.report.quarantined, 2, "{:?}", file.report);
        assert_eq!(file.report.skipped.values().sum::<u64>(), 5, "{:?}", file.report);
    }
}

#[test]
fn get_products_entries_are_read_packed_and_unpacked() {
    let entry = format!(
        r#"{{"product":{},"terms":{{"OnDemand":{{"A.J":{}}}}}}}"#,
        product("A", &[("regionCode", "us-east-1")]),
        term("A", "2022-12-01T00:00:00Z", r#"{"USD":"0.2980000000"}"#)
    );
    let packed = serde_json::to_string(&entry).unwrap();
    for answer in
        [format!("[{entry}]"), format!("{{\"PriceList\":[{packed}]}}"), format!("[{packed}]")]
    {
        let file = parse_price_list(answer.as_bytes(), &origin(), &limits()).unwrap();
        assert_eq!(brief(&file), ["us-east-1 linux m5.large 0.298/h 2022-12-01T00:00:00Z"]);
    }
    assert!(parse_price_list(b"{}", &origin(), &limits()).is_err());
    assert!(parse_price_list(b"[\"not json\"]", &origin(), &limits()).is_err());
}
