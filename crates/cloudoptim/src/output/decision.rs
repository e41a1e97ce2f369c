//! Printing a decision.

use std::fmt::Write;

use app::decide::Outcome;
use engines::prepared::ErasedDecision;
use facts::action::{Action, Step};
use serde_json::Value;

use super::{age, bin_pack, findings, print, print_csv, print_yaml, spot, table, word};
use crate::cli::Format;
use crate::exit::Failure;

/// How many rows a table shows unless everything is asked for.
const FEW: usize = 12;

/// Prints a decision. JSON is exactly the bytes that the server answers with.
pub(crate) fn decision(outcome: &Outcome, format: Format, explain: bool) -> Result<(), Failure> {
    let decision = &outcome.decision;
    match format {
        Format::Json => print(&String::from_utf8_lossy(&outcome.json)),
        Format::Yaml => print_yaml(decision),
        Format::Csv => {
            let (header, rows) = match decision.engine.name.as_str() {
                "bin_packing" => bin_pack::csv(&recommendations(decision)),
                "spot_optimizer" => spot::csv(&recommendations(decision)),
                _ => findings::csv(&recommendations(decision)),
            };
            print_csv(&header, &rows)
        }
        Format::Table => print(text(decision, explain).trim_end()),
    }
}

fn recommendations(decision: &ErasedDecision) -> Vec<Value> {
    let texts = decision.verdict.recommendations.iter();
    texts.filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect()
}

fn text(decision: &ErasedDecision, explain: bool) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = headline(&mut text, decision);
    let found = recommendations(decision);
    let most = if explain { usize::MAX } else { FEW };
    match decision.engine.name.as_str() {
        "bin_packing" => bin_pack::text(&mut text, decision, &found, most),
        "spot_optimizer" => spot::text(&mut text, decision, &found, most),
        _ => findings::text(&mut text, &found, most),
    }
    if explain {
        rejected(&mut text, decision);
        plan(&mut text, &decision.verdict.execution_plan);
    } else {
        let (refused, steps) =
            (decision.verdict.rejected.len(), decision.verdict.execution_plan.len());
        let _ = writeln!(
            text,
            "{refused} candidates refused, {steps} steps planned (--explain shows them)"
        );
    }
    warnings(&mut text, decision);
    sources(&mut text, decision);
    text
}

fn headline(text: &mut String, decision: &ErasedDecision) -> std::fmt::Result {
    let verdict = &decision.verdict;
    let cluster = decision.cluster_id.as_deref().unwrap_or("cluster");
    let what = match verdict.estimated_savings {
        Some(saved) => format!("saves ${:.2} a month", saved.dollars()),
        None => format!("savings unknown: {}", verdict.savings.formula),
    };
    writeln!(text, "{} for {cluster}: {what}", decision.decision_type)?;
    if let (Some(before), Some(after)) =
        (verdict.savings.before_usd_per_hour, verdict.savings.after_usd_per_hour)
    {
        let (before, after) = (before.per_month().dollars(), after.per_month().dollars());
        writeln!(text, "  ${before:.2} a month now, ${after:.2} afterwards (730 hours)")?;
    }
    writeln!(
        text,
        "  confidence {:.2}, decided {}, decision {}",
        verdict.confidence_score.value(),
        decision.decided_at,
        decision.decision_id
    )
}

fn rejected(text: &mut String, decision: &ErasedDecision) {
    if decision.verdict.rejected.is_empty() {
        return;
    }
    let mut lines = table(&["Refused", "Why", "Detail"]);
    for one in &decision.verdict.rejected {
        let name = match &one.subject.namespace {
            Some(space) => format!("{} {space}/{}", one.subject.kind, one.subject.name),
            None => format!("{} {}", one.subject.kind, one.subject.name),
        };
        lines.add_row([name, word(&one.code), one.detail.clone()]);
    }
    let _ = writeln!(text, "\nRefused\n{lines}");
}

fn plan(text: &mut String, steps: &[Step]) {
    if steps.is_empty() {
        return;
    }
    let mut lines = table(&["#", "Step", "Target", "What", "Undo"]);
    for step in steps {
        let undo = if step.reversibility.reversible {
            &step.reversibility.how
        } else {
            "cannot be undone"
        };
        lines.add_row([
            step.step.to_string(),
            action_name(&step.action),
            step.target.name.clone(),
            action_detail(&step.action),
            undo.to_owned(),
        ]);
    }
    let _ = writeln!(text, "\nPlan\n{lines}");
}

fn action_name(action: &Action) -> String {
    let value = serde_json::to_value(action).unwrap_or_default();
    value["action"].as_str().unwrap_or("?").replace('_', " ")
}

fn action_detail(action: &Action) -> String {
    match action {
        Action::DrainNode { evictions, grace_seconds } => {
            let mut moves: Vec<String> = evictions
                .iter()
                .take(FEW)
                .map(|one| {
                    let to = one.expected_node.as_deref().unwrap_or("?");
                    format!("{}/{} → {to}", one.namespace, one.pod)
                })
                .collect();
            if evictions.len() > FEW {
                moves.push(format!("… and {} more", evictions.len() - FEW));
            }
            format!("{grace_seconds} s grace; {}", moves.join(", "))
        }
        Action::LaunchNode(launch) => {
            let zone = launch.zone.as_deref().unwrap_or("any zone");
            format!("{} {} in {zone}", launch.capacity_type, launch.instance_type)
        }
        Action::Validate { check } => check.clone(),
        Action::Review { reason } => reason.clone(),
        Action::BackupState { what } => what.clone(),
        Action::PatchObject { patch, .. } => patch.to_string(),
        Action::ModifyVolume { from, to, .. } => format!("{from} → {to}"),
        Action::ScaleWorkload { from, to } => format!("{from} → {to} replicas"),
        Action::ResizeContainer { container, requests, limits, .. } => {
            let amounts = |list: &facts::cluster::ResourceList| {
                let cpu = list.cpu.map(|cpu| format!("{cpu} cpu"));
                let memory = list.memory.map(|memory| format!("{memory} memory"));
                cpu.into_iter().chain(memory).collect::<Vec<_>>().join(", ")
            };
            format!("{container}: requests {}; limits {}", amounts(requests), amounts(limits))
        }
        Action::ResizeInstance { from, to, .. } => format!("{from} → {to}"),
        Action::SetSchedule { time_zone, transitions } => {
            format!("{} changes in the next days ({time_zone})", transitions.len())
        }
        Action::CreateEndpoint { service, endpoint_type } => format!("{endpoint_type}: {service}"),
        Action::TerminateInstance { scaling_group: Some(group) } => format!("of group {group}"),
        _ => String::new(),
    }
}

fn warnings(text: &mut String, decision: &ErasedDecision) {
    for warning in &decision.verdict.warnings {
        let _ = writeln!(text, "! {} ({})", warning.message, word(&warning.code));
    }
}

fn sources(text: &mut String, decision: &ErasedDecision) {
    for source in &decision.evidence.data {
        let old = match source.age_hours {
            None => "of unknown age".to_owned(),
            Some(hours) if hours < 0.0 => age(hours),
            Some(hours) => format!("{} old", age(hours)),
        };
        let _ = writeln!(
            text,
            "  data: {} from {}, {old}, {} rows",
            source.dataset, source.source, source.rows
        );
    }
}
