//! Spot decisions as tables.

use std::fmt::Write;

use engines::prepared::ErasedDecision;
use serde_json::Value;

use super::bin_pack::{money, more, raw, string};
use super::table;

pub(super) fn text(text: &mut String, decision: &ErasedDecision, found: &[Value], most: usize) {
    if !found.is_empty() {
        let mut lines = table(&[
            "Instance type",
            "Zone",
            "$/h",
            "On-Demand $/h",
            "Safety",
            "Risk",
            "P(30 d)",
            "Interruption",
        ]);
        for one in found.iter().take(most) {
            let p = &one["interruption_probability"];
            lines.add_row([
                string(&one["instance_type"]),
                one["zone"].as_str().unwrap_or("any").to_owned(),
                money(&one["usd_per_hour"], 4),
                money(&one["on_demand_usd_per_hour"], 4),
                money(&one["safety_score"], 3),
                money(&one["risk_score"], 3),
                money(&p["30d"]["probability"], 3),
                string(&one["advisor"]["label"]),
            ]);
        }
        let _ = writeln!(text, "\n{lines}");
        more(text, found.len(), most);
    }
    if !decision.verdict.allocation.is_empty() {
        let mut lines =
            table(&["Allocate", "Type", "Zone", "Share", "vCPU", "$/vCPU·h", "with losses"]);
        for pool in &decision.verdict.allocation {
            let price = |price: Option<units::UsdPerHour>| {
                price.map_or_else(
                    || "—".to_owned(),
                    |price| format!("{:.5}", price.per_hour().dollars()),
                )
            };
            lines.add_row([
                pool.capacity_type.to_string().replace('_', "-"),
                pool.instance_type.clone(),
                pool.zone.clone().unwrap_or_else(|| "any".to_owned()),
                format!("{:.1} %", pool.share.value() * 100.0),
                format!("{:.1}", pool.vcpu),
                price(pool.usd_per_vcpu_hour),
                price(pool.full_usd_per_vcpu_hour),
            ]);
        }
        let _ = writeln!(text, "\n{lines}");
    }
    for layer in &decision.verdict.layers {
        let mark = if layer.holds { "holds" } else { "BROKEN" };
        let _ = writeln!(text, "layer {} {}: {mark}, {}", layer.layer, layer.name, layer.detail);
    }
}

pub(super) fn csv(found: &[Value]) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let header = vec![
        "instance_type",
        "zone",
        "price_usd_per_hour",
        "price_basis",
        "on_demand_usd_per_hour",
        "safety_score",
        "risk_score",
        "interruption_30d",
        "advisor_bucket",
    ];
    let rows = found.iter().map(|one| {
        vec![
            string(&one["instance_type"]),
            string(&one["zone"]),
            raw(&one["usd_per_hour"]),
            string(&one["price_basis"]),
            raw(&one["on_demand_usd_per_hour"]),
            raw(&one["safety_score"]),
            raw(&one["risk_score"]),
            raw(&one["interruption_probability"]["30d"]["probability"]),
            string(&one["advisor"]["label"]),
        ]
    });
    (header, rows.collect())
}
