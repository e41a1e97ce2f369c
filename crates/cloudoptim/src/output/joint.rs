//! The joint report as a table.

use std::fmt::Write;

use app::joint::JointReport;

use super::bin_pack::more;
use super::{print, print_csv, print_yaml, table, word};
use crate::cli::Format;
use crate::exit::Failure;

/// How many rows a table shows unless everything is asked for.
const FEW: usize = 25;

/// Prints a joint report. JSON is the body that the server answers with.
pub(crate) fn joint(report: &JointReport, format: Format, explain: bool) -> Result<(), Failure> {
    match format {
        Format::Json => {
            let json = serde_json::to_string(report);
            print(&json.map_err(|error| Failure::Output(error.to_string()))?)
        }
        Format::Yaml => print_yaml(report),
        Format::Csv => csv(report),
        Format::Table => print(text(report, explain).trim_end()),
    }
}

fn csv(report: &JointReport) -> Result<(), Failure> {
    let header = [
        "rank",
        "decision_type",
        "finding",
        "kind",
        "namespace",
        "name",
        "cost_category",
        "own_savings_usd_per_month",
        "counted_savings_usd_per_month",
        "counted_with",
        "confidence",
        "requires_review",
        "owner",
        "summary",
    ];
    let rows: Vec<Vec<String>> = report
        .items
        .iter()
        .map(|item| {
            let subject = &item.subject;
            vec![
                item.rank.to_string(),
                item.decision_type.clone(),
                item.finding.clone(),
                subject.kind.clone(),
                subject.namespace.clone().unwrap_or_default(),
                subject.name.clone(),
                word(&item.cost_category),
                item.own_savings_usd_per_month.map_or_else(String::new, |usd| usd.to_string()),
                item.counted_savings_usd_per_month.to_string(),
                item.counted_with.clone().unwrap_or_default(),
                item.confidence.value().to_string(),
                item.requires_review.to_string(),
                item.owner.clone().unwrap_or_default(),
                item.summary.clone(),
            ]
        })
        .collect();
    print_csv(&header, &rows)
}

fn text(report: &JointReport, explain: bool) -> String {
    let mut text = String::new();
    let cluster = report.cluster_id.as_deref().unwrap_or("cluster");
    // Writing into a string cannot fail.
    let _ = writeln!(
        text,
        "{cluster}: saves ${:.2} a month (${:.2} at list prices), each dollar counted once",
        report.effective_savings_usd_per_month.dollars(),
        report.list_savings_usd_per_month.dollars()
    );
    let _ = writeln!(text, "  decided {}", report.decided_at);
    for (category, saved) in &report.by_category {
        let _ = writeln!(text, "  {}: ${:.2}", word(category).replace('_', " "), saved.dollars());
    }
    let mut lines = table(&["#", "What", "Alone $/month", "Counts $/month", "Sure", "By"]);
    let most = if explain { usize::MAX } else { FEW };
    for item in report.items.iter().take(most) {
        let review = if item.requires_review { " (review)" } else { "" };
        lines.add_row([
            item.rank.to_string(),
            format!("{}{review}", item.summary),
            item.own_savings_usd_per_month
                .map_or_else(|| "—".to_owned(), |usd| format!("{:.2}", usd.dollars())),
            format!("{:.2}", item.counted_savings_usd_per_month.dollars()),
            format!("{:.2}", item.confidence.value()),
            item.decision_type.replace('_', " "),
        ]);
    }
    if report.items.is_empty() {
        let _ = writeln!(text, "\nNothing found.");
    } else {
        let _ = writeln!(text, "\n{lines}");
        more(&mut text, report.items.len(), most);
    }
    for decision in &report.decisions {
        let alone = decision
            .own_savings_usd_per_month
            .map_or_else(|| "unknown".to_owned(), |usd| format!("${:.2}", usd.dollars()));
        let _ = writeln!(
            text,
            "{}: {} found, {} steps, {alone} alone, ${:.2} counted",
            decision.decision_type.replace('_', " "),
            decision.recommendations,
            decision.steps,
            decision.counted_savings_usd_per_month.dollars()
        );
        for warning in decision.warnings.iter().take(if explain { usize::MAX } else { 2 }) {
            let _ = writeln!(text, "  ! {} ({})", warning.message, word(&warning.code));
        }
    }
    if explain {
        let _ = writeln!(text, "\n{}", report.method);
    }
    text
}
