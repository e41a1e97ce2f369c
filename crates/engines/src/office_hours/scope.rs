//! Which workloads take part, by which schedule, and with how many replicas.

use std::collections::BTreeMap;

use facts::action::Target;
use facts::cluster::{ClusterState, Labels, Workload, WorkloadKind};
use facts::reason::ReasonCode;
use jiff::Timestamp;

use super::OfficeFinding;
use super::calendar::Hours;
use super::policy::{Day, OfficePolicy, Schedule, Window};
use crate::account_view::days;
use crate::findings::Collected;
use crate::traffic_view::WorkloadKey;

/// A workload that follows working hours.
pub(super) struct Scheduled {
    pub(super) key: WorkloadKey,
    pub(super) subject: Target,
    pub(super) schedule_name: String,
    pub(super) why: String,
    pub(super) hours: Hours,
    pub(super) replicas: i64,
    pub(super) up: i64,
    pub(super) down: i64,
    /// Whether the number of replicas within working hours comes from a record.
    pub(super) recorded: bool,
}

/// Annotations that people use for this, by us and by the downscalers that are around.
const PREFIXES: [&str; 2] = ["cloudoptim.io/", "downscaler/"];

/// An annotation's value.
pub(super) fn annotation<'a>(annotations: &'a Labels, name: &str) -> Option<&'a str> {
    PREFIXES
        .iter()
        .find_map(|prefix| annotations.get(&format!("{prefix}{name}")).map(String::as_str))
}

/// The annotation that we write ourselves.
pub(super) const ORIGINAL_REPLICAS: &str = "cloudoptim.io/original-replicas";

/// All workloads that follow working hours; those that would and do not are refused.
pub(super) fn scheduled(
    state: &ClusterState,
    policy: &OfficePolicy,
    now: Timestamp,
    until: Timestamp,
    collected: &mut Collected<OfficeFinding>,
) -> Vec<Scheduled> {
    let mut scene = Scene {
        state,
        policy,
        now,
        until,
        namespaces: state
            .policies
            .as_ref()
            .map_or(&[][..], |section| &section.items.namespaces)
            .iter()
            .map(|one| (one.name.as_str(), (&one.labels, &one.annotations)))
            .collect(),
        hours: BTreeMap::new(),
    };
    let mut found = Vec::new();
    for workload in state.workloads.as_ref().map_or(&[][..], |section| &section.items) {
        // A Deployment's ReplicaSets follow it.
        if workload.owner.is_some() || scene.schedule_of(workload).is_none() {
            continue;
        }
        let subject = target(workload);
        match scene.one(workload) {
            Ok(one) => found.push(one),
            Err((code, detail)) => collected.refuse(&subject, code, detail),
        }
    }
    found
}

fn target(workload: &Workload) -> Target {
    Target {
        kind: format!("{:?}", workload.kind),
        namespace: Some(workload.namespace.clone()),
        name: workload.name.clone(),
        uid: workload.uid.clone(),
        arn: None,
    }
}

struct Scene<'a, 'p> {
    state: &'a ClusterState,
    policy: &'p OfficePolicy,
    now: Timestamp,
    until: Timestamp,
    namespaces: BTreeMap<&'a str, (&'a Labels, &'a Labels)>,
    /// Hours of schedules that were computed before.
    hours: BTreeMap<String, Result<Hours, String>>,
}

type Refusal = (ReasonCode, String);

impl<'a> Scene<'a, '_> {
    /// The schedule of a workload with the reason why it is that one: its own annotation, the
    /// policy's word on it, that on its namespace, the default for its environment.
    fn schedule_of(&self, workload: &Workload) -> Option<(String, Option<Schedule>, String)> {
        if self.policy.excluded_namespaces.contains(&workload.namespace) {
            return None;
        }
        if let Some(uptime) = annotation(&workload.annotations, "uptime") {
            let schedule = of_uptime(uptime, &self.policy.time_zone);
            return Some((
                format!("uptime {uptime}"),
                schedule,
                "its annotation says so".to_owned(),
            ));
        }
        let name = format!("{}/{}", workload.namespace, workload.name);
        let named = |name: &String, why: &str| {
            Some((name.clone(), self.policy.schedules.get(name).cloned(), why.to_owned()))
        };
        if let Some(name) = self.policy.workloads.get(&name) {
            return named(name, "the policy names it");
        }
        if let Some((_, annotations)) = self.namespaces.get(workload.namespace.as_str())
            && let Some(uptime) = annotation(annotations, "uptime")
        {
            let schedule = of_uptime(uptime, &self.policy.time_zone);
            let why = "the annotation of its namespace says so".to_owned();
            return Some((format!("uptime {uptime}"), schedule, why));
        }
        if let Some(name) = self.policy.namespaces.get(&workload.namespace) {
            return named(name, "the policy names its namespace");
        }
        let why = self.environment(&workload.namespace)?;
        Some(("default".to_owned(), Some(default_schedule(self.policy)), why))
    }

    /// Whether a namespace is of an environment that the default schedule is for.
    fn environment(&self, namespace: &str) -> Option<String> {
        let labels = self.namespaces.get(namespace).map(|(labels, _)| *labels);
        let label = labels
            .and_then(|labels| ["environment", "env"].iter().find_map(|key| labels.get(*key)));
        let wanted: Vec<&str> = match &self.policy.environment {
            Some(environment) => vec![environment],
            None => vec!["dev", "development", "test", "testing", "qa", "stage", "staging"],
        };
        if let Some(value) = label {
            let fits = wanted.iter().any(|name| value.eq_ignore_ascii_case(name));
            return fits.then(|| format!("its namespace is labelled {value}"));
        }
        let lower = namespace.to_ascii_lowercase();
        let part = lower.split('-').find(|part| wanted.contains(part))?;
        Some(format!("its namespace is named after {part}"))
    }

    fn one(&mut self, workload: &Workload) -> Result<Scheduled, Refusal> {
        let excluded = |detail: String| (ReasonCode::ExcludedFromSchedule, detail);
        let Some((schedule_name, schedule, why)) = self.schedule_of(workload) else {
            return Err(excluded("no schedule is for it".to_owned()));
        };
        self.objection(workload)?;
        let Some(mut schedule) = schedule else {
            return Err((
                ReasonCode::InvalidObject,
                format!("its schedule `{schedule_name}` is not known or cannot be read"),
            ));
        };
        if schedule.time_zone.is_empty() {
            schedule.time_zone.clone_from(&self.policy.time_zone);
        }
        let hours = self.hours(&schedule_name, &schedule)?;
        let replicas = workload.replicas.unwrap_or(1);
        let own_down = annotation(&workload.annotations, "downtime-replicas");
        let down = own_down
            .and_then(|text| text.parse().ok())
            .unwrap_or(self.policy.scale_down_replicas)
            .max(0);
        let record = annotation(&workload.annotations, "original-replicas")
            .and_then(|text| text.parse::<i64>().ok());
        let up = record.unwrap_or(replicas);
        let rests = !hours.is_up(self.now);
        // What was taken down by the schedule and runs all the same, somebody woke.
        if rests && record.is_some() && replicas > down {
            return Err((
                ReasonCode::WokenByHand,
                format!(
                    "it was taken down to {down} replicas and has {replicas} again; it is left alone \
                     until its hours come"
                ),
            ));
        }
        if record.is_none() && replicas <= down {
            return Err((
                ReasonCode::NothingScheduled,
                format!("it has {replicas} replicas, and nobody recorded how many it had before"),
            ));
        }
        self.autoscaler(workload, down)?;
        Ok(Scheduled {
            key: WorkloadKey {
                namespace: workload.namespace.clone(),
                kind: format!("{:?}", workload.kind),
                name: workload.name.clone(),
            },
            subject: target(workload),
            schedule_name,
            why,
            hours,
            replicas,
            up,
            down,
            recorded: record.is_some(),
        })
    }

    fn objection(&self, workload: &Workload) -> Result<(), Refusal> {
        let excluded = |detail: &str| Err((ReasonCode::ExcludedFromSchedule, detail.to_owned()));
        match workload.kind {
            WorkloadKind::Deployment
            | WorkloadKind::StatefulSet
            | WorkloadKind::ReplicaSet
            | WorkloadKind::ReplicationController => {}
            WorkloadKind::DaemonSet => return excluded("it runs on every node and goes with them"),
            WorkloadKind::Job => return excluded("it runs to its end"),
            WorkloadKind::CronJob => {
                return excluded("it has a schedule of its own; suspend it there");
            }
        }
        let annotations = &workload.annotations;
        let is_true = |name| annotation(annotations, name).is_some_and(|text| text == "true");
        if is_true("exclude") {
            return excluded("its annotation excludes it");
        }
        let instant = |text: &str| text.parse::<Timestamp>().ok();
        let later = |name: &str| {
            annotation(annotations, name).and_then(instant).filter(|until| *until > self.now)
        };
        if let Some(until) = later("exclude-until") {
            return Err((
                ReasonCode::ExcludedFromSchedule,
                format!("its annotation excludes it until {until}"),
            ));
        }
        if is_true("force-uptime") || later("force-uptime").is_some() {
            return excluded("its annotation keeps it running");
        }
        let grace = self.policy.grace_minutes;
        let age = workload.created_at.map(|made| days(made, self.now) * 1_440.0);
        if let Some(age) = age.filter(|age| *age < grace) {
            return Err((
                ReasonCode::TooYoung,
                format!("it was made {age:.0} minutes ago and is left alone for {grace:.0}"),
            ));
        }
        Ok(())
    }

    /// Zero replicas switch a horizontal autoscaler off; any other number it would raise again.
    fn autoscaler(&self, workload: &Workload, down: i64) -> Result<(), Refusal> {
        let Some(scaler) = &workload.autoscaler else { return Ok(()) };
        if scaler.kind != "HorizontalPodAutoscaler" {
            return Ok(());
        }
        if scaler.name.starts_with("keda-hpa-") {
            return Err((
                ReasonCode::AutoscalerConflict,
                "KEDA scales it; give its ScaledObject a cron trigger with these hours".to_owned(),
            ));
        }
        let least = scaler.min_replicas.unwrap_or(1);
        if down > 0 && down < least {
            return Err((
                ReasonCode::AutoscalerConflict,
                format!(
                    "autoscaler {} would raise {down} replicas to its minimum of {least} again",
                    scaler.name
                ),
            ));
        }
        Ok(())
    }

    fn hours(&mut self, name: &str, schedule: &Schedule) -> Result<Hours, Refusal> {
        if !self.hours.contains_key(name) {
            let calendars = self.state.calendars.as_ref().map_or(&[][..], |section| &section.items);
            let hours = Hours::of(schedule, calendars, self.now, self.until)
                .map_err(|error| error.to_string());
            self.hours.insert(name.to_owned(), hours);
        }
        match &self.hours[name] {
            Ok(hours) => Ok(hours.clone()),
            Err(error) => Err((ReasonCode::InvalidObject, error.clone())),
        }
    }
}

fn default_schedule(policy: &OfficePolicy) -> Schedule {
    let (weekdays, weekends) = (policy.office_hours.weekdays, policy.office_hours.weekends);
    let window = |days, start, end| Window {
        days,
        nth: None,
        days_of_month: std::collections::BTreeSet::new(),
        start,
        end,
    };
    let mut windows = vec![window(Day::weekdays(), weekdays.start, weekdays.end)];
    if weekends.enabled {
        windows.push(window(Day::weekend(), weekends.start, weekends.end));
    }
    Schedule {
        time_zone: policy.time_zone.clone(),
        windows,
        holidays: policy.holidays.clone(),
        calendars: policy.calendars.clone(),
        ..Schedule::default()
    }
}

/// Reads `Mon-Fri 08:00-18:00 Europe/Berlin`, and several of these with commas between, the form
/// that kube-downscaler made usual; `always` and `never` too.
fn of_uptime(text: &str, time_zone: &str) -> Option<Schedule> {
    let mut schedule = Schedule { time_zone: time_zone.to_owned(), ..Schedule::default() };
    match text.trim() {
        "never" => return Some(schedule),
        "always" => {
            let all = super::policy::AbsoluteRange { from: Timestamp::MIN, until: Timestamp::MAX };
            schedule.always_up.push(all);
            return Some(schedule);
        }
        _ => {}
    }
    for part in text.split(',') {
        let mut words = part.split_whitespace();
        let (days, times) = (words.next()?, words.next()?);
        if let Some(zone) = words.next() {
            zone.clone_into(&mut schedule.time_zone);
        }
        let (start, end) = times.split_once('-')?;
        let (first, last) = days.split_once('-').unwrap_or((days, days));
        let (first, last) = (Day::of_letters(first)?, Day::of_letters(last)?);
        const WEEK: [Day; 7] = [
            Day::Monday,
            Day::Tuesday,
            Day::Wednesday,
            Day::Thursday,
            Day::Friday,
            Day::Saturday,
            Day::Sunday,
        ];
        let (first, last) = (first as usize, last as usize);
        // `Sun-Thu` goes around the end of the week.
        let days = (0..=(last + 7 - first) % 7).map(|step| WEEK[(first + step) % 7]).collect();
        schedule.windows.push(Window {
            days,
            nth: None,
            days_of_month: std::collections::BTreeSet::new(),
            start: start.parse().ok()?,
            end: end.parse().ok()?,
        });
    }
    Some(schedule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_annotations_are_read() {
        let schedule =
            of_uptime("Sun-Thu 22:00-06:00 Asia/Jerusalem, Fri 08:00-12:00", "UTC").unwrap();
        assert_eq!(schedule.time_zone, "Asia/Jerusalem");
        let days: Vec<Day> = schedule.windows[0].days.iter().copied().collect();
        assert_eq!(days, [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Sunday]);
        assert_eq!(schedule.windows[1].days.len(), 1);
        assert_eq!(of_uptime("never", "UTC").unwrap().windows, []);
        for text in ["", "Mon", "Mon 8-18", "Xyz 08:00-18:00", "Mon-Fri 08:00"] {
            assert_eq!(of_uptime(text, "UTC"), None, "{text}");
        }
    }
}
