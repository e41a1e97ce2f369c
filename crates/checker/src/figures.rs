//! Whether the figures of a decision follow from one another.

use facts::decision::Verdict;
use facts::reason::ReasonCode;
use units::Usd;

use crate::Violation;

/// Amounts may differ by this much where they were rounded on the way.
const ROUNDING: Usd = Usd::from_nanos(1_000_000);

/// Checks savings against what is paid before and after.
pub(crate) fn check<R>(verdict: &Verdict<R>, violations: &mut Vec<Violation>) {
    let mut note = |detail: String| {
        violations.push(Violation::overall(ReasonCode::FigureMismatch, detail));
    };
    let savings = &verdict.savings;
    let (Some(before), Some(after)) = (savings.before_usd_per_hour, savings.after_usd_per_hour)
    else {
        if let Some(claimed) = verdict.estimated_savings.filter(|claimed| *claimed != Usd::ZERO) {
            note(format!("${claimed} a month are claimed, but what is paid is not known"));
        }
        return;
    };
    let Some(claimed) = verdict.estimated_savings else { return };
    let month = (before - after).per_month();
    let nothing_planned = verdict.execution_plan.is_empty() && claimed == Usd::ZERO;
    let difference = claimed - month;
    if !nothing_planned && (difference > ROUNDING || -difference > ROUNDING) {
        note(format!("${claimed} a month are claimed; before − after makes ${month}"));
    }
    if claimed - before.per_month() > ROUNDING {
        note(format!("${claimed} a month are claimed of ${} that are paid", before.per_month()));
    }
}
