//! What a simulation found, as people read it.

use super::report::{BurstFound, Detection, FleetReport};
use crate::output::table;

/// The whole report.
pub(crate) fn for_people(report: &FleetReport) -> String {
    let settings = &report.settings;
    let instances = report.detection.iter().find(|one| one.customers == settings.customers);
    let mut text = format!(
        "A made-up fleet (seed {}): {} customers with {} instances in {} pools, {} days, {} bursts.\n\
         What the server answered over HTTP, beside what is true; its clock was moved by hand.\n",
        settings.seed,
        settings.customers,
        grouped(instances.map_or(0, |one| one.instances)),
        report.pools.len(),
        settings.days,
        report.bursts.len(),
    );
    text.push_str("\nWhat was learned as exposure grew\n");
    text.push_str(&learning(report));
    text.push_str(
        "\nRank     how alike the order of pools is to that of their true hazards (Spearman; 1 is the same)\n\
         Lift     how much smaller the Brier score of each next day is than that of the advisor's classes\n\
         Off      mean distance of probability and frequency, in points of a hundred\n",
    );
    text.push_str("\nPools that were taken back at once, in fleets of several sizes\n");
    text.push_str(&detection(&report.detection, report.pools.len()));
    text.push_str(
        "\nPools of 3 have three customers or more: no others can be told from a single loss, or burst here\n\
         Found    bursts whose pool was called CONFIRMED_RISKY while they lasted\n\
         Minutes  from the beginning of the burst, and Lost: customers hit by then; the middle ones\n\
         Warned   customers with a job before they were hit, and Saved: gone by then, which takes 5 minutes\n\
         False    alarms without a burst for each pool and month: CONFIRMED_RISKY / UNCERTAIN\n\
         3 in 1 h the same losses by the plain rule of three customers within an hour\n",
    );
    if !report.bursts.is_empty() {
        let among = format!("\nEach of them, among {} customers\n", settings.customers);
        text.push_str(&among);
        text.push_str(&bursts(&report.bursts));
        text.push_str(
            "\nFound    minutes until the pool was CONFIRMED_RISKY; Lost: customers hit by then\n",
        );
    }
    text.trim_end().to_owned()
}

fn learning(report: &FleetReport) -> String {
    let mut lines = table(&[
        "Day",
        "Hours",
        "Losses",
        "Weight",
        "Milestone",
        "Rank",
        "of class",
        "Lift % (90 % interval)",
        "Off",
        "of class",
    ]);
    let points = |error: Option<f64>| or_dash(error, |error| format!("{:.2}", 100.0 * error));
    let rank = |rank: Option<f64>| or_dash(rank, |rank| format!("{rank:.3}"));
    let percent = |share: Option<f64>| or_dash(share, |share| signed(100.0 * share));
    for one in &report.learning {
        let milestone = one.milestone.split(" (").next().unwrap_or_default();
        lines.add_row([
            one.day.to_string(),
            grouped(one.instance_hours),
            grouped(one.interruptions),
            format!("{:.3}", one.feedback_weight),
            milestone.to_owned(),
            rank(one.learned_rank_correlation),
            rank(one.advisor_rank_correlation),
            if one.warnings.is_empty() {
                format!(
                    "{} ({} … {})",
                    percent(one.lift_over_advisor),
                    percent(one.lift_low),
                    percent(one.lift_high)
                )
            } else {
                "too few losses".to_owned()
            },
            points(one.learned_calibration_error),
            points(one.advisor_calibration_error),
        ]);
    }
    lines.to_string()
}

fn detection(sizes: &[Detection], pools: usize) -> String {
    let mut lines = table(&[
        "Customers",
        "in a pool",
        "Pools of 3",
        "Found",
        "Minutes",
        "Lost",
        "Warned",
        "Saved",
        "False",
        "3 in 1 h",
        "Minutes",
        "False",
    ]);
    let number = |value: Option<f64>| or_dash(value, |value| format!("{value:.1}"));
    let share = |share: Option<f64>| or_dash(share, |share| format!("{:.0} %", 100.0 * share));
    for one in sizes {
        let found = |many: usize| format!("{many}/{}", one.bursts);
        let plain = &one.three_within_an_hour;
        lines.add_row([
            one.customers.to_string(),
            format!("{:.1}", one.customers_per_pool),
            format!("{}/{pools}", one.pools_with_three_customers),
            found(one.confirmed.bursts_found),
            number(one.confirmed.median_minutes),
            number(one.confirmed.median_customers_lost_before),
            share(one.share_told_before),
            share(one.share_that_left),
            format!(
                "{:.3} / {:.3}",
                one.confirmed.false_alarms_per_pool_month, one.false_uncertain_per_pool_month
            ),
            found(plain.bursts_found),
            number(plain.median_minutes),
            format!("{:.3}", plain.false_alarms_per_pool_month),
        ]);
    }
    lines.to_string()
}

fn bursts(all: &[BurstFound]) -> String {
    let mut lines = table(&[
        "Pool",
        "Began",
        "Lasted",
        "Customers",
        "to be hit",
        "Found",
        "Lost",
        "Warned",
        "Saved",
    ]);
    for one in all {
        lines.add_row([
            one.pool.clone(),
            one.began.strftime("%b %d, %H:%M").to_string(),
            format!("{:.1} min", one.lasted_minutes),
            one.customers.to_string(),
            one.to_be_hit.to_string(),
            or_dash(one.confirmed_after_minutes, |after| format!("{after:.1}")),
            one.lost_before.to_string(),
            one.told_before.to_string(),
            one.left_before.to_string(),
        ]);
    }
    lines.to_string()
}

fn or_dash(value: Option<f64>, shown: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "—".to_owned(), shown)
}

/// One decimal with its sign; nothing has none.
fn signed(number: f64) -> String {
    let tenths = (10.0 * number).round() / 10.0;
    if tenths == 0.0 { "0.0".to_owned() } else { format!("{tenths:+.1}") }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let check = |number: u64, expected: &str| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(12_345_678, "12,345,678");
    }

    #[test]
    fn nothing_has_no_sign() {
        let check = |number: f64, expected: &str| assert_eq!(signed(number), expected);
        check(-0.04, "0.0");
        check(0.06, "+0.1");
        check(-3.25, "-3.3");
    }
}
