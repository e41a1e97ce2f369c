//! The steps for working hours: record, scale, and what comes next.

use facts::action::{
    Action, BlastRadius, PatchType, Precondition, Reversibility, Step, Verification,
};
use serde_json::json;

use super::scope::{ORIGINAL_REPLICAS, Scheduled};
use super::{OfficeAction, OfficeFinding};

/// The steps, workload by workload in the order of the recommendations.
pub(super) fn plan(scheduled: &[Scheduled], found: &[OfficeFinding]) -> Vec<Step> {
    let mut steps = Vec::new();
    for one in found {
        let Some(source) = scheduled.iter().find(|source| source.subject == one.finding.subject)
        else {
            continue;
        };
        match one.now {
            OfficeAction::ScaleDown => {
                if !source.recorded {
                    record(one, &mut steps);
                }
                scale(one, one.replicas_down, &mut steps);
            }
            OfficeAction::ScaleUp => scale(one, one.replicas_up, &mut steps),
            OfficeAction::Keep => {}
        }
        if !one.transitions.is_empty() {
            let action = Action::SetSchedule {
                time_zone: one.time_zone.clone(),
                transitions: one.transitions.clone(),
            };
            push(&mut steps, one, action, Vec::new(), 0, "take the schedule away again");
        }
    }
    steps
}

fn push(
    steps: &mut Vec<Step>,
    one: &OfficeFinding,
    action: Action,
    mut preconditions: Vec<Precondition>,
    pods: u32,
    how: &str,
) {
    preconditions.insert(0, Precondition::TargetUnchanged);
    let subject = one.finding.subject.clone();
    steps.push(Step {
        step: steps.len() as u32 + 1,
        action,
        preconditions,
        reversibility: Reversibility { reversible: true, how: how.to_owned() },
        verification: Verification {
            expect: "the workload has the replicas of its hours".to_owned(),
            within_seconds: 600,
        },
        blast_radius: BlastRadius {
            pods,
            workloads: vec![format!(
                "{} {}/{}",
                subject.kind,
                subject.namespace.as_deref().unwrap_or(""),
                subject.name
            )],
            ..BlastRadius::default()
        },
        expected_seconds: 60,
        target: subject,
    });
}

/// Writes down how many replicas there were, where whoever brings them back will look.
fn record(one: &OfficeFinding, steps: &mut Vec<Step>) {
    let patch = json!({"metadata": {"annotations": {ORIGINAL_REPLICAS: one.replicas.to_string()}}});
    let action = Action::PatchObject { patch_type: PatchType::Merge, patch };
    push(steps, one, action, vec![replicas_are(one)], 0, "take the annotation away again");
}

fn scale(one: &OfficeFinding, to: i64, steps: &mut Vec<Step>) {
    let whole = |count: i64| u64::try_from(count).unwrap_or(0);
    let action = Action::ScaleWorkload { from: whole(one.replicas), to: whole(to) };
    let pods = u32::try_from(one.replicas - to).unwrap_or(0);
    push(steps, one, action, vec![replicas_are(one)], pods, "scale it back");
}

/// Somebody else's change of the number goes first.
fn replicas_are(one: &OfficeFinding) -> Precondition {
    Precondition::FieldEquals { field: "/spec/replicas".to_owned(), value: json!(one.replicas) }
}
