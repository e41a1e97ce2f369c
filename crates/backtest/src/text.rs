//! The report as Markdown, and numbers as people read them.

use std::fmt::Write as _;

use crate::episode::Measured;
use crate::hindsight::Bound;
use crate::report::{Estimate, PolicyReport, PoolReport, Report, RunReport};

/// The columns of a table of policies.
pub(crate) const COLUMNS: [&str; 9] = [
    "policy",
    "full cost, $",
    "of On-Demand",
    "compute, $",
    "interruptions",
    "unavailable, h",
    "regret, $",
    "above public_data, $",
    "On-Demand hours",
];

/// The report as Markdown: every table, and what was left out.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut page = String::new();
    // Writing into a text cannot fail.
    let _ = written(report, &mut page);
    page
}

fn written(report: &Report, page: &mut String) -> std::fmt::Result {
    if report.runs.len() > 1 {
        writeln!(page, "## All {} runs together\n", report.runs.len())?;
        policies(&report.together, page)?;
    }
    for run in &report.runs {
        writeln!(page, "## {}\n\n{}\n", run.name, about(run))?;
        writeln!(page, "| pool | capacity | losses | spot, $/h | price is | class |")?;
        writeln!(page, "|---|---|---|---|---|---|")?;
        for pool in &run.pools {
            writeln!(page, "| {} |", pool_cells(pool).join(" | "))?;
        }
        writeln!(page)?;
        policies(&run.policies, page)?;
        for left in &run.left_out {
            let pool = &left.pool;
            writeln!(page, "- left out: {} in {}: {}", pool.instance_type, pool.zone, left.reason)?;
        }
        for note in &run.notes {
            writeln!(page, "- {note}")?;
        }
        if !run.left_out.is_empty() || !run.notes.is_empty() {
            writeln!(page)?;
        }
    }
    if !report.left_out.is_empty() {
        writeln!(page, "## Left out\n")?;
        for left in &report.left_out {
            writeln!(page, "- {}: {}", left.name, left.reason)?;
        }
        writeln!(page)?;
    }
    writeln!(page, "## Notes\n")?;
    for note in &report.notes {
        writeln!(page, "- {note}")?;
    }
    writeln!(page, "- input `{}`, market `{}`", report.digest, report.market_version)
}

fn policies(rows: &[PolicyReport], page: &mut String) -> std::fmt::Result {
    writeln!(page, "| {} |\n|{}", COLUMNS.join(" | "), "---|".repeat(COLUMNS.len()))?;
    for row in rows {
        writeln!(page, "| {} |", policy_cells(row).join(" | "))?;
    }
    writeln!(page)
}

/// A policy's row.
pub(crate) fn policy_cells(row: &PolicyReport) -> [String; 9] {
    [
        row.policy.to_string(),
        estimate(&row.full_cost_usd, cents(row.full_cost_usd.value)),
        row.cost_to_on_demand
            .map_or_else(|| "—".to_owned(), |share| format!("{:.1} %", share * 100.0)),
        number(row.compute_usd.value, cents(row.compute_usd.value)),
        estimate(&row.interruptions, 0),
        format!(
            "{} ({:.2} %)",
            estimate(
                &row.unavailable_hours,
                if row.unavailable_hours.value < 1000.0 { 1 } else { 0 }
            ),
            row.unavailable_share.value() * 100.0
        ),
        estimate(&row.regret_usd, cents(row.full_cost_usd.value)),
        row.above_public_data_usd.as_ref().map_or_else(
            || "—".to_owned(),
            |above| estimate(above, cents(row.full_cost_usd.value)),
        ),
        format!("{:.1} %", row.on_demand_share.value() * 100.0),
    ]
}

/// Cents beside thousands of dollars say nothing.
fn cents(dollars: f64) -> usize {
    if dollars.abs() < 1000.0 { 2 } else { 0 }
}

/// A pool's row.
pub(crate) fn pool_cells(pool: &PoolReport) -> [String; 6] {
    let parts = [
        ("quoted", pool.price_hours.spot_history),
        ("30-day average", pool.price_hours.advisor_average),
        ("assumed share", pool.price_hours.assumed_share),
    ];
    let whole: f64 = parts.iter().map(|(_, hours)| hours).sum();
    let mut basis: Vec<String> = parts
        .iter()
        .filter(|(_, hours)| *hours > 0.0)
        .map(|(word, hours)| format!("{word} {:.0} %", hours / whole * 100.0))
        .collect();
    if let Some(at) = pool.list_price_of {
        basis.push(format!("list price of {}", &at.to_string()[..10]));
    }
    let class = pool.advisor_class.and_then(|class| CLASSES.get(usize::from(class)));
    [
        format!("{} {}", pool.pool.instance_type, pool.pool.zone),
        format!("{:.1} %", pool.capacity_share.value() * 100.0),
        pool.losses.to_string(),
        format!("{:.4}", pool.mean_spot_usd_per_hour.per_hour().dollars()),
        basis.join(", "),
        class.map_or_else(|| "unknown".to_owned(), |class| (*class).to_owned()),
    ]
}

const CLASSES: [&str; 5] = ["<5%", "5-10%", "10-15%", "15-20%", ">20%"];

/// What a run is, in one sentence.
pub(crate) fn about(run: &RunReport) -> String {
    let measured = match run.measured {
        Measured::Availability => "what could be had at probes",
        Measured::Preemption => "what kept running",
    };
    let bound = match run.hindsight {
        Bound::Reached => "the hindsight optimum could have been reached",
        Bound::Lower => "the hindsight optimum is a lower bound that need not be reachable",
    };
    let days = run.days.iter().map(|day| day.hours).sum::<f64>() / 24.0;
    format!(
        "{} to {}, {days:.1} days in steps of {} seconds; capacity is {measured}; {bound}.",
        run.from, run.until, run.step_seconds
    )
}

/// A number with its interval.
pub(crate) fn estimate(estimate: &Estimate, decimals: usize) -> String {
    let value = number(estimate.value, decimals);
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => {
            format!("{value} [{}, {}]", number(low, decimals), number(high, decimals))
        }
        _ => value,
    }
}

/// A number with a comma between thousands.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    let plain = format!("{:.decimals$}", value.abs());
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let is_zero = plain.chars().all(|letter| matches!(letter, '0' | '.'));
    let sign = if value < 0.0 && !is_zero { "−" } else { "" };
    format!("{sign}{grouped}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped_and_nothing_is_minus_zero() {
        let check = |value: f64, decimals: usize, expected: &str| {
            assert_eq!(number(value, decimals), expected, "{value}");
        };
        check(0.0, 2, "0.00");
        check(-0.001, 2, "0.00");
        check(-1234.5, 1, "−1,234.5");
        check(123_456_789.0, 0, "123,456,789");
        check(999.999, 2, "1,000.00");
    }
}
