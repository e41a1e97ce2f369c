//! Findings of any engine as a table.

use std::fmt::Write;

use serde_json::Value;

use super::bin_pack::{money, more, raw, string};
use super::table;

pub(super) fn text(text: &mut String, found: &[Value], most: usize) {
    if found.is_empty() {
        let _ = writeln!(text, "\nNothing found.");
        return;
    }
    let mut lines = table(&["What was found", "$/month", "Saves $/month", "Sure", "Owner"]);
    for one in found.iter().take(most) {
        let review = if one["requires_review"] == true { " (review)" } else { "" };
        lines.add_row([
            format!("{}{review}", string(&one["summary"])),
            money(&one["cost_usd_per_month"], 2),
            money(&one["savings_usd_per_month"], 2),
            one["confidence"].as_f64().map_or_else(String::new, |sure| format!("{sure:.2}")),
            string(&one["owner"]),
        ]);
    }
    let _ = writeln!(text, "\n{lines}");
    more(text, found.len(), most);
}

pub(super) fn csv(found: &[Value]) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let header = vec![
        "finding",
        "kind",
        "namespace",
        "name",
        "cost_category",
        "cost_usd_per_month",
        "savings_usd_per_month",
        "confidence",
        "requires_review",
        "owner",
        "summary",
    ];
    let rows = found.iter().map(|one| {
        let subject = &one["subject"];
        vec![
            string(&one["finding"]),
            string(&subject["kind"]),
            string(&subject["namespace"]),
            string(&subject["name"]),
            string(&one["cost_category"]),
            raw(&one["cost_usd_per_month"]),
            raw(&one["savings_usd_per_month"]),
            raw(&one["confidence"]),
            raw(&one["requires_review"]),
            string(&one["owner"]),
            string(&one["summary"]),
        ]
    });
    (header, rows.collect())
}
