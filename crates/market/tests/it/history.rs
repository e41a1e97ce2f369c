use market::{
    Format, ImportError, Limits, Place, SpotFile, detect, parse, parse_spot_csv, parse_spot_history,
};

use crate::{limits, origin};

fn brief(file: &SpotFile) -> Vec<String> {
    file.points
        .iter()
        .map(|point| {
            let key = &file.series[point.series as usize];
            let place = match &key.place {
                Place::Zone(zone) => zone.to_string(),
                Place::ZoneId(id) => id.to_string(),
                Place::Region => format!("anywhere in {}", key.region),
            };
            let at = jiff::Timestamp::from_millisecond(point.at_ms).unwrap();
            format!("{place} {} {} {} {at}", key.operating_system, key.instance_type, point.price)
        })
        .collect()
}

fn row(zone: &str, product: &str, price: &str, at: &str) -> String {
    format!(
        r#"{{"AvailabilityZone":"{zone}","InstanceType":"m5.large","ProductDescription":"{product}","SpotPrice":"{price}","Timestamp":"{at}"}}"#
    )
}

#[test]
fn answers_are_read_in_every_shape_that_tools_save() {
    let linux = row("us-east-1a", "Linux/UNIX", "0.035000", "2026-07-01T10:00:00.000Z");
    let windows = row("us-east-1b", "Windows (Amazon VPC)", "0.127", "2026-07-01T12:00:00+02:00");
    let expected = [
        "us-east-1a linux m5.large 0.035/h 2026-07-01T10:00:00Z",
        "us-east-1b windows m5.large 0.127/h 2026-07-01T10:00:00Z",
    ];
    let check = |json: String| {
        let file = parse_spot_history(json.as_bytes(), &origin(), &limits()).unwrap();
        assert_eq!(brief(&file), expected, "{json}");
        assert_eq!(detect(json.as_bytes()), Some(Format::SpotHistory), "{json}");
    };
    check(format!(r#"{{"SpotPriceHistory":[{linux},{windows}]}}"#));
    check(format!(r#"{{"NextToken":"x","SpotPriceHistory":[{linux},{windows}],"n":{{}}}}"#));
    check(format!("[{linux},{windows}]"));
    check(format!("{{\"SpotPriceHistory\":[{linux}]}}\n{{\"SpotPriceHistory\":[{windows}]}}\n\n"));
    let empty = parse_spot_history(b"{\"SpotPriceHistory\": []}", &origin(), &limits()).unwrap();
    assert!(empty.points.is_empty() && empty.report.rows_read == 0);
}

#[test]
fn other_products_are_skipped_and_odd_rows_quarantined() {
    let rows = [
        row("us-east-1a", "Red Hat Enterprise Linux", "0.1", "2026-07-01T10:00:00Z"),
        row("us-east-1a", "SUSE Linux (Amazon VPC)", "0.1", "2026-07-01T10:00:00Z"),
        row("us-east-1a", "Linux/UNIX", "0.1", "2026-07-01T10:00:00"),
        row("us-east-1a", "Linux/UNIX", "zero", "2026-07-01T10:00:00Z"),
        row("us-east-1a", "Linux/UNIX", "0.1", "2027-07-01T10:00:00Z"),
        row("", "Linux/UNIX", "0.1", "2026-07-01T10:00:00Z"),
        row("us-east-1a", "TempleOS", "0.1", "2026-07-01T10:00:00Z"),
        "7".to_owned(),
        "{}".to_owned(),
        r#"{"SpotPrice":0.1}"#.to_owned(),
        row("us-east-1a", "Linux/UNIX", "0.1", "2026-07-01T10:00:00Z"),
    ];
    let json = format!(r#"{{"SpotPriceHistory":[{}]}}"#, rows.join(","));
    let report = parse_spot_history(json.as_bytes(), &origin(), &limits()).unwrap().report;
    let counts = (report.rows_read, report.rows_used, report.quarantined);
    assert_eq!(counts, (11, 1, 8), "{report:?}");
    assert_eq!(report.skipped["product SUSE Linux"], 1);
    assert!(report.quarantine[0].reason.contains("with an offset"), "{report:?}");
    assert_eq!(report.quarantine[0].place, "row 2");
}

#[test]
fn zone_ids_are_kept() {
    let json = r#"[{"AvailabilityZone":"us-east-1a","AvailabilityZoneId":"use1-az6",
        "InstanceType":"m5.large","ProductDescription":"Linux/UNIX","SpotPrice":"0.1",
        "Timestamp":"2026-07-01T10:00:00Z"}]"#;
    let file = parse_spot_history(json.as_bytes(), &origin(), &limits()).unwrap();
    let ids: Vec<_> = file.zone_ids.iter().map(|(z, id)| format!("{z}={id}")).collect();
    assert_eq!(ids, ["us-east-1a=use1-az6"]);
}

#[test]
fn tables_are_read_by_their_header() {
    let check = |table: &str, rows: &[&str], quarantined: u64| {
        let file = parse_spot_csv(table.as_bytes(), &origin(), &limits()).unwrap();
        assert_eq!(brief(&file), rows, "{table}");
        assert_eq!(file.report.quarantined, quarantined, "{:?}", file.report);
        assert_eq!(detect(table.as_bytes()), Some(Format::SpotCsv), "{table}");
    };
    check(
        "timestamp,az,instance_type,usd_per_hour\n\
         2026-07-01T10:00:00Z,us-east-1a,m5.large,0.035000\n\
         2026-07-01T10:00:00,us-east-1a,m5.large,0.035\n\
         2026-07-01T10:00:00Z,us-east-1,m5.large,0.035\n",
        &["us-east-1a linux m5.large 0.035/h 2026-07-01T10:00:00Z"],
        2,
    );
    check(
        "timestamp,az,instance_type,product,usd_per_hour\n\
         2026-07-01T10:00:00Z,us-east-1a,m5.large,SUSE Linux,0.1\n\
         2026-07-01T10:00:00Z,us-east-1a,m5.large,Windows,0.2\n",
        &["us-east-1a windows m5.large 0.20/h 2026-07-01T10:00:00Z"],
        0,
    );
    check(
        "timestamp,region,instance_type,usd_per_hour\n\
         2026-07-01T10:00:00Z,eu-west-1,t3.micro,0.0053\n",
        &["anywhere in eu-west-1 linux t3.micro 0.0053/h 2026-07-01T10:00:00Z"],
        0,
    );
    check(
        "time,region,az_id,instance_type,spot_usd_per_hour\n\
         2022-07-12 04:20:02+00:00,ap-northeast-1,apne1-az1,c1.medium,0.0158\n",
        &["apne1-az1 linux c1.medium 0.0158/h 2022-07-12T04:20:02Z"],
        0,
    );
}

#[test]
fn broken_files_are_refused() {
    let refused = |bytes: &[u8]| parse_spot_history(bytes, &origin(), &limits()).unwrap_err();
    let truncated = "{\"SpotPriceHistory\":[{\"SpotPrice\":\"0.1\",";
    assert!(refused(truncated.as_bytes()).is_cut());
    assert!(refused(b"{}").to_string().contains("no key `SpotPriceHistory`"));
    assert!(refused(b"{\"SpotPriceHistory\":[]} x").to_string().contains("column 25"));
    let deep = format!("{{\"SpotPriceHistory\":[{}", "{\"a\":".repeat(50_000));
    assert!(refused(deep.as_bytes()).is_cut());
    let deep_list = "[".repeat(50_000);
    assert!(refused(deep_list.as_bytes()).is_cut());
    let csv = parse_spot_csv(b"timestamp,instance_type,usd_per_hour\n", &origin(), &limits());
    assert!(csv.unwrap_err().to_string().contains("header lacks az, or region"));
    let few = Limits { rows: 0, ..limits() };
    let rows = parse_spot_history(b"[1]", &origin(), &few);
    assert_eq!(rows.unwrap_err(), ImportError::TooLarge { what: "rows", limit: 0 });
}

#[test]
fn what_is_no_format_is_named() {
    let error = parse(b"<html><title>403", &origin(), &limits()).unwrap_err();
    assert!(error.to_string().contains("starts with `<html><title>403`"), "{error}");
    assert!(parse(b"", &origin(), &limits()).is_err());
    assert!(parse(&[0x1f, 0x8b, 0x08, 0], &origin(), &limits()).is_err());
}
