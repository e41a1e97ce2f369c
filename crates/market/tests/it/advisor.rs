use market::{AdvisorRow, ImportError, Limits, parse_advisor};

use crate::{limits, origin};

const RANGES: &str = r#""ranges":[{"index":0,"label":"<5%","dots":0,"max":5},
    {"index":1,"label":"5-10%","dots":1,"max":11},{"index":2,"label":"10-15%","dots":2,"max":16},
    {"index":3,"label":"15-20%","dots":3,"max":22},{"index":4,"label":">20%","dots":4,"max":100}]"#;

fn brief(rows: &[AdvisorRow]) -> Vec<String> {
    rows.iter()
        .map(|row| {
            let bucket = row.bucket.map_or("-".to_owned(), |bucket| bucket.index().to_string());
            let savings = row.savings_percent.map_or("-".to_owned(), |s| s.to_string());
            let AdvisorRow { region, operating_system, instance_type, .. } = row;
            format!("{region} {operating_system} {instance_type} {bucket} {savings}")
        })
        .collect()
}

fn check(json: &str, rows: &[&str], quarantined: u64) {
    let file = parse_advisor(json.as_bytes(), &origin(), &limits()).unwrap();
    assert_eq!(brief(&file.rows), rows, "{json}");
    assert_eq!(file.report.quarantined, quarantined, "{:?}", file.report);
    assert_eq!(file.report.rows_used, rows.len() as u64);
}

#[test]
fn keys_come_in_any_order() {
    let advice = r#""spot_advisor":{"us-east-1":{"Linux":{"m5.large":{"s":61,"r":3}},
        "Windows":{"m5.large":{"r":0,"s":-62}}}}"#;
    let types = r#""instance_types":{"m5.large":{"cores":2,"ram_gb":8.0,"emr":true},
        "m5.xlarge":{"emr":true,"ram_gb":16,"cores":4}}"#;
    let rows = ["us-east-1 linux m5.large 3 61", "us-east-1 windows m5.large 0 -62"];
    check(&format!("{{{advice},{types},{RANGES}}}"), &rows, 0);
    check(&format!("{{{RANGES},{types},\"global_rate\":\"<10%\",{advice}}}"), &rows, 0);
    check(&format!("{{{advice}}}"), &rows, 0);
    check(&format!("\u{feff}{{{advice},{RANGES}}}\n"), &rows, 0);
}

#[test]
fn indexes_mean_what_the_file_says_they_mean() {
    let file = |ranges: &str, index: &str| {
        format!(
            r#"{{"ranges":[{ranges}],"spot_advisor":{{"us-east-1":{{"Linux":{{"m5.large":{{"s":1,"r":{index}}}}}}}}}}}"#
        )
    };
    let renumbered = r#"{"index":10,"max":5},{"index":20,"max":11},{"index":30,"max":100}"#;
    check(&file(renumbered, "10"), &["us-east-1 linux m5.large 0 1"], 0);
    check(&file(renumbered, "30.0"), &["us-east-1 linux m5.large 4 1"], 0);
    check(&file(renumbered, "7"), &["us-east-1 linux m5.large - 1"], 0);
    check(&file("", "4"), &["us-east-1 linux m5.large 4 1"], 0);
    check(&file("", "5"), &["us-east-1 linux m5.large - 1"], 0);
    check(&file("", "-1"), &["us-east-1 linux m5.large - 1"], 0);
}

#[test]
fn one_odd_entry_spoils_one_entry() {
    let json = r#"{"spot_advisor":{"us-east-1":{"Linux":{
        "m5.large":{"s":61,"r":3},
        "M5 LARGE":{"s":61,"r":3},
        "m5.xlarge":{"s":"many","r":3},
        "m5.2xlarge":{"s":101,"r":3},
        "m5.4xlarge":{"s":61.5,"r":3},
        "m5.8xlarge":[1,2],
        "m5.12xlarge":null,
        "m5.16xlarge":{"s":{"deep":[1]},"r":3},
        "m5.24xlarge":{"s":0,"r":0,"new_field":{"a":1}},
        "m5.metal":{"r":2}
    },"Solaris":{"m5.large":{"s":1,"r":1}}},"nowhere":{"Linux":{"m5.large":{"s":1,"r":1}}},
        "eu-west-1":null,"eu-west-2":{"Linux":[1],"Windows":7}}}"#;
    check(
        json,
        &[
            "us-east-1 linux m5.large 3 61",
            "us-east-1 linux m5.24xlarge 0 0",
            "us-east-1 linux m5.metal 2 -",
        ],
        11,
    );
    let report = parse_advisor(json.as_bytes(), &origin(), &limits()).unwrap().report;
    assert_eq!(report.rows_read, 15);
    assert_eq!(report.skipped.values().sum::<u64>(), 1);
    let first = &report.quarantine[0];
    assert_eq!(first.place, "us-east-1 / Linux / M5 LARGE");
    assert!(first.reason.contains("instance type such as m5.large"), "{first:?}");
    assert!(report.quarantine[1].reason.contains("`many`"), "{report:?}");
}

#[test]
fn broken_files_are_refused_with_the_place() {
    let refused = |bytes: &[u8]| parse_advisor(bytes, &origin(), &limits()).unwrap_err();
    let check = |json: &str, part: &str| {
        let error = refused(json.as_bytes());
        let start: String = json.chars().take(80).collect();
        assert!(error.to_string().contains(part), "{start}: {error}");
    };
    check("", "line 1 column 0");
    check("{}", "no key `spot_advisor`");
    check("[]", "expected");
    check("{\"spot_advisor\":{\"us-east-1\":", "EOF");
    check("{\"spot_advisor\":{}} trailing", "line 1 column 21");
    check("{\n\"spot_advisor\": 7}", "line 2");
    check(&format!("{{\"spot_advisor\":{}", "{\"a\":".repeat(100_000)), "EOF");
    check(&format!("{{\"other\":{}", "[".repeat(100_000)), "EOF");
    assert!(matches!(refused(b"{\"spot_advisor\":\xff}"), ImportError::Json { .. }));
    let one_row = Limits { rows: 1, ..limits() };
    let json =
        r#"{"spot_advisor":{"us-east-1":{"Linux":{"m5.large":{"s":1},"m5.xlarge":{"s":1}}}}}"#;
    let error = parse_advisor(json.as_bytes(), &origin(), &one_row).unwrap_err();
    assert_eq!(error, ImportError::TooLarge { what: "rows", limit: 1 });
    let small = Limits { bytes: 10, ..limits() };
    let error = parse_advisor(json.as_bytes(), &origin(), &small).unwrap_err();
    assert_eq!(error, ImportError::TooLarge { what: "file bytes", limit: 10 });
}
