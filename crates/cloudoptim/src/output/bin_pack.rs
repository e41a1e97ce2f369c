//! Packing decisions as tables.

use std::fmt::Write;

use engines::prepared::ErasedDecision;
use facts::bound::ProofMethod;
use serde_json::Value;

use super::table;

pub(super) fn text(text: &mut String, decision: &ErasedDecision, found: &[Value], most: usize) {
    let of_kind =
        |kind: &str| -> Vec<&Value> { found.iter().filter(|one| one["kind"] == kind).collect() };
    let (launched, removed) = (of_kind("launch_nodes"), of_kind("remove_node"));
    if found.is_empty() {
        let _ =
            writeln!(text, "\nNothing to change: no node can go under the rules of the cluster.");
    }
    if !launched.is_empty() {
        let mut lines = table(&["Launch", "Type", "Zone", "$/h each", "Pods", "CPU", "Memory"]);
        for one in launched.iter().take(most) {
            lines.add_row([
                format!("{} ×", one["count"]),
                string(&one["instance_type"]),
                string(&one["zone"]),
                money(&one["usd_per_hour"], 4),
                one["pods"].to_string(),
                percent(&one["allocated"]["cpu"]),
                percent(&one["allocated"]["memory"]),
            ]);
        }
        let _ = writeln!(text, "\n{lines}");
        more(text, launched.len(), most);
    }
    if !removed.is_empty() {
        let mut lines = table(&[
            "Remove",
            "Type",
            "Zone",
            "Why",
            "CPU",
            "Memory",
            "Pods moved",
            "Saves $/month",
        ]);
        for one in removed.iter().take(most) {
            lines.add_row([
                string(&one["node"]["name"]),
                string(&one["instance_type"]),
                string(&one["zone"]),
                string(&one["reason"]).replace('_', " "),
                percent(&one["allocated"]["cpu"]),
                percent(&one["allocated"]["memory"]),
                one["pods_moved"].to_string(),
                money(&one["savings_usd_per_month"], 2),
            ]);
        }
        let _ = writeln!(text, "\n{lines}");
        more(text, removed.len(), most);
    }
    bound(text, decision);
}

fn bound(text: &mut String, decision: &ErasedDecision) {
    let Some(bound) = &decision.evidence.bound else { return };
    match (bound.lower_bound_usd_per_hour, bound.plan_cost_usd_per_hour, bound.gap) {
        (Some(lower), Some(plan), Some(gap)) => {
            let method = match bound.certificate.as_ref().map(|proof| proof.method) {
                Some(ProofMethod::ResourcePrices) => "by resource prices",
                Some(ProofMethod::ClassPrices) => "by pod prices",
                Some(ProofMethod::WholeMachines) => "by whole machines",
                None => "without certificate",
            };
            let _ = writeln!(
                text,
                "Proven: no plan costs less than ${:.4}/h; this one costs ${:.4}/h, at most {:.2} % above the best ({method})",
                lower.per_hour().dollars(),
                plan.per_hour().dollars(),
                gap * 100.0
            );
        }
        _ => {
            let why = bound.reason.as_deref().unwrap_or("unknown");
            let _ = writeln!(text, "No bound: {why}");
        }
    }
}

pub(super) fn csv(found: &[Value]) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let header = vec![
        "kind",
        "name",
        "instance_type",
        "zone",
        "count",
        "pods",
        "cpu_allocated",
        "memory_allocated",
        "usd_per_hour",
        "savings_usd_per_month",
    ];
    let rows = found.iter().map(|one| {
        let launch = one["kind"] == "launch_nodes";
        vec![
            string(&one["kind"]),
            if launch { String::new() } else { string(&one["node"]["name"]) },
            string(&one["instance_type"]),
            string(&one["zone"]),
            if launch { one["count"].to_string() } else { "1".to_owned() },
            if launch { one["pods"].to_string() } else { one["pods_moved"].to_string() },
            raw(&one["allocated"]["cpu"]),
            raw(&one["allocated"]["memory"]),
            raw(&one["usd_per_hour"]),
            raw(&one["savings_usd_per_month"]),
        ]
    });
    (header, rows.collect())
}

pub(super) fn more(text: &mut String, all: usize, most: usize) {
    if all > most {
        let _ = writeln!(text, "… and {} more", all - most);
    }
}

/// A text, empty when absent.
pub(super) fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A number as it is, empty when absent.
pub(super) fn raw(value: &Value) -> String {
    if value.is_null() { String::new() } else { value.to_string() }
}

/// Money for people, a dash when unknown.
pub(super) fn money(value: &Value, decimals: usize) -> String {
    value.as_f64().map_or_else(|| "—".to_owned(), |amount| format!("{amount:.decimals$}"))
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "—".to_owned(), |share| format!("{:.0} %", share * 100.0))
}
