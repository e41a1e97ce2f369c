//! What a channel wants to hear of, and how often.

use jiff::{SignedDuration, Timestamp};
use notify::Severity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::EventRow;
use units::Usd;

use super::{EVENT_KINDS, TEST};
use crate::Error;
use crate::gaps::field;

/// The longest time between two digests, in minutes.
const LONGEST_DIGEST: u32 = 7 * 24 * 60;
/// The longest time in which the same is not told again, in hours.
const LONGEST_QUIET: u32 = 30 * 24;

/// What a channel wants to hear of, and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Wants {
    /// Kinds of events, such as `finding.opened`, or whole groups of them, such as `job.*`; `*` for all.
    pub events: Vec<String>,
    /// Only what matters so much: `info`, `warning` or `critical`.
    pub minimum_severity: Severity,
    /// Of findings only those that save so much a month; one whose savings are unknown is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_savings_usd_per_month: Option<Usd>,
    /// Only of this customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Only of this cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// Minutes for which notices are put together, counted from midnight (UTC): 60 for one message an
    /// hour, 1440 for one a day; 0 tells at once. What is critical is told at once in any case.
    pub digest_minutes: u32,
    /// Hours in which the same is not told again: of what comes back and forth the latest word is told
    /// when they are over.
    pub repeat_after_hours: u32,
}

impl Default for Wants {
    fn default() -> Wants {
        let usual = EVENT_KINDS.iter().filter(|kind| kind.usual);
        Wants {
            events: usual.map(|kind| kind.name.to_owned()).collect(),
            minimum_severity: Severity::Info,
            minimum_savings_usd_per_month: None,
            customer_id: None,
            cluster_id: None,
            digest_minutes: 0,
            repeat_after_hours: 24,
        }
    }
}

impl Wants {
    /// Looks whether everything about it can be meant.
    pub(crate) fn checked(&self) -> Result<(), Error> {
        if self.events.is_empty() {
            return Err(field("/wants/events", "required", "a channel that wants nothing is none"));
        }
        for (at, pattern) in self.events.iter().enumerate() {
            check_pattern(pattern, &format!("/wants/events/{at}"))?;
        }
        if self.digest_minutes > LONGEST_DIGEST {
            let detail = format!("expected at most {LONGEST_DIGEST}, a week");
            return Err(field("/wants/digest_minutes", "out_of_range", &detail));
        }
        if self.repeat_after_hours > LONGEST_QUIET {
            let detail = format!("expected at most {LONGEST_QUIET}, 30 days");
            return Err(field("/wants/repeat_after_hours", "out_of_range", &detail));
        }
        if self.minimum_savings_usd_per_month.is_some_and(|least| least < Usd::ZERO) {
            let pointer = "/wants/minimum_savings_usd_per_month";
            return Err(field(pointer, "out_of_range", "expected no negative amount"));
        }
        Ok(())
    }

    /// Whether an event is wanted.
    pub(crate) fn covers(&self, event: &EventRow) -> bool {
        let severity = Severity::from_name(&event.severity).unwrap_or(Severity::Info);
        let is_of =
            |wanted: &Option<String>, said: &Option<String>| wanted.is_none() || wanted == said;
        self.events.iter().any(|pattern| covers(pattern, &event.event_type))
            && severity >= self.minimum_severity
            && is_of(&self.customer_id, &event.customer_id)
            && is_of(&self.cluster_id, &event.cluster_id)
            && self.saves_enough(event)
    }

    fn saves_enough(&self, event: &EventRow) -> bool {
        let Some(least) = self.minimum_savings_usd_per_month else { return true };
        match savings_of(event) {
            Some(savings) => savings >= least,
            None => true,
        }
    }

    /// When an event is to be told that is offered now.
    pub(crate) fn due_at(&self, event: &EventRow, now: Timestamp) -> Timestamp {
        let seconds = i64::from(self.digest_minutes) * 60;
        if seconds == 0 || event.severity == Severity::Critical.name() {
            return now;
        }
        let next = (now.as_second().div_euclid(seconds) + 1).saturating_mul(seconds);
        Timestamp::from_second(next).unwrap_or(now)
    }

    /// Until when something that was told is not told again.
    pub(crate) fn quiet_until(&self, told_at: Timestamp) -> Timestamp {
        let quiet = SignedDuration::from_hours(i64::from(self.repeat_after_hours));
        told_at.checked_add(quiet).unwrap_or(told_at)
    }
}

/// What a finding saves, where the event is of one and that is known.
pub(crate) fn savings_of(event: &EventRow) -> Option<Usd> {
    serde_json::from_value(event.detail.get("savings_usd_per_month")?.clone()).ok()
}

/// Looks whether there are events of a name or group.
pub(super) fn check_pattern(pattern: &str, pointer: &str) -> Result<(), Error> {
    let names = EVENT_KINDS.iter().map(|kind| kind.name).filter(|name| *name != TEST);
    if names.clone().any(|name| covers(pattern, name)) {
        return Ok(());
    }
    let names: Vec<&str> = names.collect();
    let detail = format!("no event; expected `*`, `job.*` or one of {}", names.join(", "));
    Err(field(pointer, "unknown", &detail))
}

fn covers(pattern: &str, event_type: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(group) => group.ends_with('.') && event_type.starts_with(group),
        None => pattern == event_type,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(event_type: &str, severity: &str) -> EventRow {
        EventRow {
            event_id: store::Uuid::nil(),
            event_type: event_type.to_owned(),
            dedupe_key: "key".to_owned(),
            severity: severity.to_owned(),
            customer_id: Some("acme".to_owned()),
            cluster_id: Some("shop".to_owned()),
            title: String::new(),
            facts: json!([]),
            detail: json!({"savings_usd_per_month": 12.5}),
            link: None,
            occurred_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn patterns_cover_what_they_name() {
        let check = |pattern: &str, event_type: &str, expected: bool| {
            assert_eq!(covers(pattern, event_type), expected, "{pattern} {event_type}");
        };
        check("*", "job.failed", true);
        check("job.*", "job.failed", true);
        check("job.*", "jobs.failed", false);
        check("job*", "job.failed", false);
        check("job.failed", "job.failed", true);
        check("job.failed", "job.completed", false);
        for kind in EVENT_KINDS.iter().filter(|kind| kind.name != TEST) {
            let wants = Wants { events: vec![kind.name.to_owned()], ..Wants::default() };
            assert!(wants.checked().is_ok(), "{}", kind.name);
        }
        for wrong in ["", "finding", "finding.opend", "test", "nothing.*"] {
            let wants = Wants { events: vec![wrong.to_owned()], ..Wants::default() };
            assert!(wants.checked().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_limit_is_heeded() {
        let check = |change: &dyn Fn(&mut Wants), expected: bool| {
            let mut wants = Wants::default();
            change(&mut wants);
            assert_eq!(wants.covers(&event("job.failed", "warning")), expected, "{wants:?}");
        };
        check(&|_| {}, true);
        check(&|wants| wants.minimum_severity = Severity::Warning, true);
        check(&|wants| wants.minimum_severity = Severity::Critical, false);
        check(&|wants| wants.customer_id = Some("acme".to_owned()), true);
        check(&|wants| wants.customer_id = Some("other".to_owned()), false);
        check(&|wants| wants.cluster_id = Some("other".to_owned()), false);
        let dollars = |text: &str| serde_json::from_str::<Usd>(text).unwrap();
        check(&|wants| wants.minimum_savings_usd_per_month = Some(dollars("12.5")), true);
        check(&|wants| wants.minimum_savings_usd_per_month = Some(dollars("12.51")), false);
    }

    #[test]
    fn digests_come_at_round_times_and_critical_things_at_once() {
        let now: Timestamp = "2026-03-01T10:17:00Z".parse().unwrap();
        let check = |minutes: u32, severity: &str, expected: &str| {
            let wants = Wants { digest_minutes: minutes, ..Wants::default() };
            let due = wants.due_at(&event("job.failed", severity), now);
            assert_eq!(due.to_string(), expected, "{minutes} {severity}");
        };
        check(0, "info", "2026-03-01T10:17:00Z");
        check(60, "info", "2026-03-01T11:00:00Z");
        check(1440, "warning", "2026-03-02T00:00:00Z");
        check(1440, "critical", "2026-03-01T10:17:00Z");
    }
}
