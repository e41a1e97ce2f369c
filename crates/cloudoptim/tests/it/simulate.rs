//! A server among made-up customers.

use serde_json::Value;

use super::*;

#[test]
fn a_fleet_teaches_the_same_each_time() {
    let simulate = |seed: &str| {
        let size = ["--customers", "6", "--pools", "4", "--days", "10", "--sweep", "9"];
        let output =
            run(&[&["simulate", "fleet", "--seed", seed, "-o", "json"], &size[..]].concat());
        assert_eq!(code(&output), 0, "{output:?}");
        output.stdout
    };
    let report = simulate("1");
    assert!(report == simulate("1"), "the same seed gave another report");
    assert!(report != simulate("2"));
    let report: Value = serde_json::from_slice(&report).unwrap();

    let learning = report["learning"].as_array().unwrap();
    let numbers = |field: &str| -> Vec<f64> {
        learning.iter().map(|sample| sample[field].as_f64().unwrap()).collect()
    };
    assert_eq!(numbers("day"), [1.0, 2.0, 4.0, 7.0, 10.0]);
    let (weights, hours) = (numbers("feedback_weight"), numbers("instance_hours"));
    assert!(weights.is_sorted() && weights[4] > weights[0], "{weights:?}");
    // Eleven days at the end and two at first, since everybody had been there for a day.
    assert!((hours[4] / hours[0] - 5.5).abs() < 0.01, "{hours:?}");
    let last = &learning[4];
    assert!(last["lift_over_advisor"].as_f64().unwrap() > 0.0, "{last}");

    let bursts = report["bursts"].as_array().unwrap();
    assert_eq!(bursts.len(), 3);
    let found = bursts.iter().filter(|burst| burst["confirmed_after_minutes"].is_f64());
    assert!(found.count() > 0, "{bursts:?}");
    let sizes = report["detection"].as_array().unwrap();
    let customers: Vec<u64> =
        sizes.iter().map(|size| size["customers"].as_u64().unwrap()).collect();
    assert_eq!(customers, [6, 9]);
    for size in sizes {
        let count = |field: &str| size[field].as_u64().unwrap();
        assert!(count("customers_told_before") >= count("customers_that_left"), "{size}");
        assert!(count("customers_in_bursts") >= count("customers_told_before"), "{size}");
        assert!(size["confirmed"]["bursts_found"].as_u64().unwrap() > 0, "{size}");
    }
}

#[test]
fn people_get_tables_and_what_makes_no_sense_is_refused() {
    let output = run(&[
        "simulate",
        "fleet",
        "--customers",
        "4",
        "--pools",
        "3",
        "--days",
        "3",
        "--bursts",
        "0",
        "--sweep",
        "0",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["4 customers", "3 pools, 3 days, 0 bursts", "Milestone", "Pools of 3"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Each of them"), "{text}");
    assert_eq!(code(&run(&["simulate", "fleet", "--customers", "0"])), 2);
}
