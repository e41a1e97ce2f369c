//! Laws of the status of pools.

use proptest::prelude::*;

use super::*;

const START: i64 = 1_700_000_000;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(START + minute * 60).unwrap()
}

fn report(customer: u64, minute: i64, instance: u64) -> Report {
    Report {
        at: at(minute),
        customer: Customer(customer),
        instance: Some(instance),
        reporter: Reporter::OwnKey,
    }
}

fn exposure(customers: u64, instances: u32) -> PoolExposure {
    PoolExposure {
        instances: (0..customers).map(|customer| (Customer(customer), instances)).collect(),
        hazard: 3.1e-4,
    }
}

fn assess(reports: &[Report], exposure: &PoolExposure, minute: i64) -> Assessment {
    Baseline::of(exposure.clone(), AlarmBudget::default()).assess(reports, at(minute))
}

fn level(reports: &[Report], exposure: &PoolExposure, minute: i64) -> Level {
    assess(reports, exposure, minute).level
}

#[test]
fn three_customers_raise_a_level_that_falls_by_itself() {
    let pool = exposure(20, 5);
    let reports = [report(1, 0, 10), report(2, 2, 20), report(3, 4, 30)];
    let check = |minute: i64, wanted: Level| {
        assert_eq!(level(&reports, &pool, minute), wanted, "{minute}");
    };
    check(-1, Level::Normal);
    check(0, Level::Normal);
    check(2, Level::Uncertain);
    check(4, Level::ConfirmedRisky);
    check(63, Level::ConfirmedRisky);
    check(64, Level::Uncertain);
    check(123, Level::Uncertain);
    check(124, Level::Normal);
    let now = assess(&reports, &pool, 5);
    assert_eq!((now.customers, now.falls_at), (3, Some(at(64))));
    assert!(now.probability_if_healthy.value() < 1e-3 && now.basis == Basis::Exposure);
    assert!(now.hazard_now.unwrap().mean() > 4.0 * pool.hazard);
}

#[test]
fn in_a_crowd_three_are_nothing_unusual() {
    let reports = [report(1, 0, 10), report(2, 25, 20), report(3, 50, 30)];
    assert_eq!(level(&reports, &exposure(20, 5), 50), Level::ConfirmedRisky);
    assert_eq!(level(&reports, &exposure(1_000, 5), 50), Level::Normal);
    // Where nobody knows who was exposed, distinct customers alone decide, and the answer says so.
    let blind = assess(&reports, &PoolExposure::default(), 50);
    assert_eq!((blind.level, blind.basis), (Level::ConfirmedRisky, Basis::CountsAlone));
}

#[test]
fn a_flood_of_one_customer_is_one_report() {
    let flood: Vec<Report> = (0..10_000).map(|at| report(7, (at % 240) as i64, at)).collect();
    for pool in [exposure(20, 5), PoolExposure::default()] {
        for minute in (0..300).step_by(23) {
            assert_eq!(level(&flood, &pool, minute), Level::Normal, "{minute}");
        }
        let mut with_another = flood.clone();
        with_another.push(report(8, 100, 1));
        assert_ne!(level(&with_another, &pool, 100), Level::ConfirmedRisky);
    }
    let one_instance = assess(&flood, &exposure(20, 1), 239);
    assert_eq!(one_instance.ignored.repeated, 9_999);
    // Customers that nobody vouches for, or without capacity there, are nothing.
    let claimed: Vec<Report> = (0..100)
        .map(|customer| Report { reporter: Reporter::Nobody, ..report(customer % 20, 1, customer) })
        .collect();
    let elsewhere: Vec<Report> = (0..100).map(|at| report(1_000 + at, 1, at)).collect();
    for reports in [claimed, elsewhere] {
        assert_eq!(level(&reports, &exposure(20, 5), 1), Level::Normal);
    }
}

#[test]
fn where_little_is_known_more_is_needed() {
    let class = market::AdvisorBucket::ALL[4];
    let needed = |evidence: crate::PoolEvidence| {
        let risk = crate::LearnedRisk::of(&crate::ClassPriors::published(), class, &evidence);
        let pool = PoolExposure::cautious(exposure(100, 5).instances, &risk);
        let expected = PoolExposure { hazard: risk.hazard(), ..pool.clone() };
        [pool, expected].map(|pool| assess(&[], &pool, 0).needed.confirmed[2])
    };
    let [cautious, expected] = needed(crate::PoolEvidence::default());
    assert!(cautious > expected, "{cautious} {expected}");
    let own = crate::Evidence { interruptions: 1180.0, exposure_hours: 2e6 };
    let [cautious, expected] = needed(crate::PoolEvidence { own, ..Default::default() });
    assert_eq!(cautious, expected);
}

#[test]
fn levels_raise_risk_by_tenths() {
    let risk = PoolRisk::new(Fraction::clamped(0.85));
    assert_eq!(Level::Normal.raised(risk), risk);
    assert!((Level::Uncertain.raised(risk).value() - 0.95).abs() < 1e-12);
    assert_eq!(Level::ConfirmedRisky.raised(risk).value(), 1.0);
    assert_eq!(conventional_confidence(1).value(), 0.65);
    assert_eq!(conventional_confidence(30).value(), 0.95);
}

fn some_reports() -> impl Strategy<Value = Vec<Report>> {
    prop::collection::vec((0_u64..12, 0_i64..200, 0_u64..6), 0..40).prop_map(|reports| {
        reports.into_iter().map(|(customer, minute, name)| report(customer, minute, name)).collect()
    })
}

proptest! {
    #[test]
    fn order_and_repetition_do_not_matter(
        reports in some_reports(), minute in 0_i64..300, turn in 0_usize..40,
    ) {
        let pool = exposure(12, 3);
        let mut other = reports.clone();
        other.reverse();
        other.rotate_left(turn.min(reports.len()));
        let assessed = |reports: &[Report]| assess(reports, &pool, minute);
        let found = assessed(&reports);
        prop_assert_eq!(&found, &assessed(&other));
        other.extend(&reports);
        let twice = assessed(&other);
        prop_assert_eq!((found.level, found.falls_at), (twice.level, twice.falls_at));
    }

    #[test]
    fn another_customer_never_calms(reports in some_reports(), minute in 0_i64..300, when in 0_i64..200) {
        // The customer is exposed in both cases and reports in the second only.
        let pool = exposure(13, 3);
        let mut more = reports.clone();
        more.push(report(12, when, 1));
        prop_assert!(level(&reports, &pool, minute) <= level(&more, &pool, minute));
    }

    #[test]
    fn every_level_ends(reports in some_reports(), minute in 320_i64..900) {
        prop_assert_eq!(level(&reports, &exposure(12, 3), minute), Level::Normal);
        prop_assert_eq!(level(&reports, &PoolExposure::default(), minute), Level::Normal);
    }

    #[test]
    fn one_customer_is_never_more_than_one(
        reports in some_reports(), flood in prop::collection::vec((0_i64..200, 6_u64..999), 0..60),
        minute in 0_i64..300,
    ) {
        // Without the customer of the flood there are never two distinct ones.
        let pool = exposure(12, 3);
        let mut few: Vec<Report> =
            reports.into_iter().filter(|report| report.customer == Customer(0)).collect();
        few.extend(flood.into_iter().map(|(minute, name)| report(1, minute, name)));
        prop_assert!(level(&few, &pool, minute) <= Level::Uncertain);
    }
}
