//! One feature: its names, its defaults, and what somebody may set.

use engines::policy::merge;
use engines::prepared::AnyEngine;
use engines::registry::BUILT_IN;
use engines::request::DecisionRequest;
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use store::ToggleRow;

use super::{ToggleChange, ToggleItem};
use crate::Error;
use crate::gaps::field;

/// What callers know by another name than the decision's.
struct Named {
    decision: &'static str,
    feature: &'static str,
    description: &'static str,
    scan_interval_hours: u64,
    /// The threshold that is always shown.
    shown: Option<&'static str>,
}

const NAMED: [Named; 4] = [
    Named {
        decision: "ipv4_cost",
        feature: "ipv4_cost_tracking",
        description: "Track IPv4 public IP costs",
        scan_interval_hours: 24,
        shown: None,
    },
    Named {
        decision: "image_bloat",
        feature: "image_bloat_analysis",
        description: "Analyze container image sizes",
        scan_interval_hours: 168,
        shown: Some("bloat_threshold_mb"),
    },
    Named {
        decision: "shadow_it",
        feature: "shadow_it_detection",
        description: "Detect AWS resources not in Kubernetes",
        scan_interval_hours: 24,
        shown: Some("min_age_days"),
    },
    Named {
        decision: "noisy_neighbor",
        feature: "noisy_neighbor_detection",
        description: "Detect excessive network traffic",
        scan_interval_hours: 6,
        shown: Some("bandwidth_outlier_multiplier"),
    },
];

/// How often others scan when nobody says, in hours.
const USUAL_INTERVAL: u64 = 24;

/// The longest pause between two scans, in hours: a year.
const LONGEST_INTERVAL: u64 = 8760;

/// A feature as it is set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    pub(crate) decision: &'static str,
    pub(crate) enabled: bool,
    pub(crate) scan_interval_hours: Option<u64>,
    pub(crate) settings: Map<String, Value>,
    pub(crate) changed: Option<(String, Timestamp)>,
}

impl Feature {
    /// As the program has it.
    pub(crate) fn usual(engine: &dyn AnyEngine) -> Feature {
        let named = named(engine.decision());
        let hours = named.map_or(USUAL_INTERVAL, |named| named.scan_interval_hours);
        Feature {
            name: named.map_or(engine.decision(), |named| named.feature),
            decision: engine.decision(),
            enabled: true,
            scan_interval_hours: Some(hours),
            settings: Map::new(),
            changed: None,
        }
    }

    /// As somebody has set it.
    pub(crate) fn set(self, row: ToggleRow) -> Feature {
        Feature {
            enabled: row.enabled,
            scan_interval_hours: row.scan_interval_hours,
            settings: row.settings.as_object().cloned().unwrap_or_default(),
            changed: Some((row.changed_by, row.changed_at)),
            ..self
        }
    }

    /// As callers see it.
    pub(crate) fn item(&self) -> ToggleItem {
        let named = named(self.decision);
        let engine = BUILT_IN.iter().find(|engine| engine.decision() == self.decision);
        let summary = engine.map_or("", |engine| engine.summary());
        let mut options = Map::new();
        if let Some(shown) = named.and_then(|named| named.shown)
            && let Some(usual) = usual_policy(self.decision).remove(shown)
        {
            options.insert(shown.to_owned(), usual);
        }
        options.extend(self.settings.clone());
        ToggleItem {
            enabled: self.enabled,
            description: named.map_or(summary, |named| named.description).to_owned(),
            auto_scan_interval_hours: self.scan_interval_hours,
            decision_type: self.decision.to_owned(),
            changed_by: self.changed.as_ref().map(|changed| changed.0.clone()),
            changed_at: self.changed.as_ref().map(|changed| changed.1),
            options,
        }
    }

    /// As it is after a change.
    pub(crate) fn changed(&self, change: &ToggleChange) -> Result<Feature, Error> {
        let at = |name: &str| format!("/{}/{name}", self.name);
        let mut new = self.clone();
        new.enabled = change.enabled.unwrap_or(self.enabled);
        if let Some(hours) = change.auto_scan_interval_hours {
            if hours.is_some_and(|hours| !(1..=LONGEST_INTERVAL).contains(&hours)) {
                let detail = format!("expected 1 to {LONGEST_INTERVAL} hours, or null for never");
                return Err(field(&at("auto_scan_interval_hours"), "out_of_range", &detail));
            }
            new.scan_interval_hours = hours;
        }
        let fixed = self.item();
        for (name, said, is) in [
            ("description", &change.description, &fixed.description),
            ("decision_type", &change.decision_type, &fixed.decision_type),
        ] {
            if said.as_ref().is_some_and(|said| said != is) {
                return Err(field(&at(name), "read_only", "cannot be changed"));
            }
        }
        let mut settings = Value::Object(new.settings);
        merge(&mut settings, &Value::Object(change.options.clone()));
        // What is as the program has it is not set, so that it follows the program.
        let usual = usual_policy(self.decision);
        let own = settings.as_object().cloned().unwrap_or_default();
        new.settings =
            own.into_iter().filter(|(key, value)| usual.get(key) != Some(value)).collect();
        self.judge(&new.settings)?;
        Ok(new)
    }

    /// Refuses thresholds that the engine's policy does not know.
    fn judge(&self, settings: &Map<String, Value>) -> Result<(), Error> {
        let internal = |error: serde_json::Error| Error::Internal(error.to_string());
        let policy = serde_json::value::to_raw_value(settings).map_err(internal)?;
        let nothing = RawValue::from_string("{}".to_owned()).map_err(internal)?;
        let request = DecisionRequest {
            request_id: None,
            cluster_id: None,
            decision_type: None,
            current_state: &nothing,
            requirements: Some(&policy),
            constraints: None,
        };
        let Some(engine) = BUILT_IN.iter().find(|engine| engine.decision() == self.decision) else {
            return Ok(());
        };
        engine.prepare(&request).map(|_| ()).map_err(|error| {
            let at = error.pointer.strip_prefix("/requirements").unwrap_or(&error.pointer);
            field(&format!("/{}{at}", self.name), "invalid", &error.message)
        })
    }
}

fn named(decision: &str) -> Option<&'static Named> {
    NAMED.iter().find(|named| named.decision == decision)
}

fn usual_policy(decision: &str) -> Map<String, Value> {
    let engine = BUILT_IN.iter().find(|engine| engine.decision() == decision);
    let policy = engine.map(|engine| engine.default_policy()).unwrap_or_default();
    serde_json::from_str(&policy).unwrap_or_default()
}
