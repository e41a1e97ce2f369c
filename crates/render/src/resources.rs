//! What a decision about an account names, as a table: what it is, whose, and what becomes of it.

use facts::action::{Step, Target};
use serde_json::Value;

use crate::Artefact;
use crate::quoting::field;

/// Decisions on things of an account, all of whose findings are listed.
const OF_ACCOUNTS: [&str; 4] = ["ghost_probe", "ipv4_cost", "shadow_it", "volume_cleanup"];

/// One line for each finding, with the steps on what it is about, and for each step on something
/// that no finding is about. `what` says what a step outside of the cluster does.
pub(crate) fn artefact(
    decision_type: &str,
    recommendations: &[Value],
    steps: &[Step],
    what: &dyn Fn(&Step) -> Option<String>,
) -> Option<Artefact> {
    let mut lines = Vec::new();
    let mut done = vec![false; steps.len()];
    let findings = if OF_ACCOUNTS.contains(&decision_type) { recommendations } else { &[] };
    for finding in findings {
        let Ok(subject) = serde_json::from_value::<Target>(finding["subject"].clone()) else {
            continue;
        };
        let mut any = false;
        for (step, done) in steps.iter().zip(&mut done).filter(|(step, _)| step.target == subject) {
            *done = true;
            let Some(action) = what(step) else { continue };
            any = true;
            lines.push(line(Some((step.step, &action)), &subject, finding));
        }
        if !any {
            lines.push(line(None, &subject, finding));
        }
    }
    for (step, _) in steps.iter().zip(done).filter(|(_, done)| !done) {
        if let Some(action) = what(step) {
            let of = recommendations.iter().find(|one| {
                serde_json::from_value::<Target>(one["subject"].clone())
                    .is_ok_and(|subject| subject == step.target)
            });
            lines.push(line(Some((step.step, &action)), &step.target, of.unwrap_or(&Value::Null)));
        }
    }
    (!lines.is_empty()).then(|| Artefact {
        name: "resources.csv".to_owned(),
        kind: "table".to_owned(),
        content: format!(
            "step,action,kind,id,arn,owner,saves_usd_per_month,summary\n{}",
            lines.concat()
        ),
    })
}

fn line(step: Option<(u32, &str)>, subject: &Target, finding: &Value) -> String {
    let text = |name: &str| finding[name].as_str().unwrap_or("").to_owned();
    let saves = match &finding["savings_usd_per_month"] {
        Value::Null => String::new(),
        known => known.to_string(),
    };
    let (number, action) = match step {
        Some((number, action)) => (number.to_string(), action),
        None => (String::new(), "look at it"),
    };
    let cells = [
        number,
        action.to_owned(),
        subject.kind.clone(),
        subject.name.clone(),
        subject.arn.clone().unwrap_or_default(),
        text("owner"),
        saves,
        text("summary"),
    ];
    let cells: Vec<String> = cells.iter().map(|cell| field(cell)).collect();
    format!("{}\n", cells.join(","))
}

#[cfg(test)]
mod tests {
    use facts::action::Action;
    use serde_json::json;

    use super::*;
    use crate::tests::step;

    #[test]
    fn every_finding_has_a_line_with_its_owner() {
        let mut step = step(Action::DeleteVolume, "Volume", "vol-1");
        step.target.namespace = None;
        let finding = |id: &str| {
            json!({"subject": {"kind": "Volume", "name": id}, "owner": "ana",
                "savings_usd_per_month": 8.0, "summary": "unused, old"})
        };
        let table =
            artefact("volume_cleanup", &[finding("vol-1"), finding("vol-2")], &[step], &|_| {
                Some("delete the volume".to_owned())
            });
        let expected = "step,action,kind,id,arn,owner,saves_usd_per_month,summary\n\
                        1,delete the volume,Volume,vol-1,,ana,8.0,\"unused, old\"\n\
                        ,look at it,Volume,vol-2,,ana,8.0,\"unused, old\"\n";
        assert_eq!(table.unwrap().content, expected);
    }
}
