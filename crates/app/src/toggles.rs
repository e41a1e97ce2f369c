//! Features that can be switched off, with their own thresholds: one for each engine.
//!
//! What nobody has set is as the program has it. A threshold is a field of the engine's policy, so what
//! is set here is what a caller could have said in `requirements`.

mod feature;

use std::collections::BTreeMap;

use engines::prepared::AnyEngine;
use engines::registry::BUILT_IN;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use store::ToggleRow;

use crate::access::Caller;
use crate::gaps::field;
use crate::joint::{JointRequest, LeftOut};
use crate::{App, Error};

pub(crate) use feature::Feature;

/// A feature.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ToggleItem {
    /// Whether it is switched on.
    pub enabled: bool,
    /// What it does.
    pub description: String,
    /// How often the newest snapshot of each cluster is scanned by itself; `null` for never.
    pub auto_scan_interval_hours: Option<u64>,
    /// The decision behind it.
    pub decision_type: String,
    /// Who set it last; nobody when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// Its own thresholds: fields of the decision's policy.
    #[serde(flatten)]
    pub options: Map<String, Value>,
}

/// A change of a feature; what is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ToggleChange {
    /// Whether it is switched on.
    pub enabled: Option<bool>,
    /// How often it scans by itself; `null` for never.
    #[serde(deserialize_with = "said")]
    #[schemars(with = "Option<u64>")]
    pub auto_scan_interval_hours: Option<Option<u64>>,
    /// As it was answered; it cannot be changed.
    pub description: Option<String>,
    /// The same.
    pub decision_type: Option<String>,
    /// The same.
    pub changed_by: Option<Value>,
    /// The same.
    pub changed_at: Option<Value>,
    /// Fields of the decision's policy; `null` puts one back to its default.
    #[serde(flatten)]
    pub options: Map<String, Value>,
}

/// Features by name.
pub type ToggleItems = BTreeMap<String, ToggleItem>;

/// Changes by the names of features.
pub type ToggleChanges = BTreeMap<String, ToggleChange>;

/// All features as they are set.
#[derive(Clone, Debug, PartialEq)]
pub struct Toggles {
    features: Vec<Feature>,
    /// How often somebody has changed them: names this state of them.
    pub revision: u64,
}

/// What toggles make of a request for everything at once.
pub(crate) struct Applied {
    requirements: BTreeMap<String, Box<RawValue>>,
    left_out: Vec<LeftOut>,
}

impl Toggles {
    fn of(rows: Vec<ToggleRow>, revision: u64) -> Toggles {
        let mut set: BTreeMap<String, ToggleRow> =
            rows.into_iter().map(|row| (row.feature.clone(), row)).collect();
        let feature = |engine: &&dyn AnyEngine| {
            let usual = Feature::usual(*engine);
            match set.remove(usual.name) {
                None => usual,
                Some(row) => usual.set(row),
            }
        };
        Toggles { features: BUILT_IN.iter().map(feature).collect(), revision }
    }

    pub(crate) fn features(&self) -> &[Feature] {
        &self.features
    }

    /// As callers see them.
    #[must_use]
    pub fn items(&self) -> ToggleItems {
        self.features.iter().map(|feature| (feature.name.to_owned(), feature.item())).collect()
    }

    /// What they make of a request: policies are overridden where the request does not say otherwise,
    /// and engines that are switched off are left out.
    pub(crate) fn applied(&self, request: &JointRequest<'_>) -> Result<Applied, Error> {
        let internal = |error: serde_json::Error| Error::Internal(error.to_string());
        let mut applied = Applied { requirements: BTreeMap::new(), left_out: Vec::new() };
        for feature in self.features.iter().filter(|one| request.wants(one.decision)) {
            if !feature.enabled {
                applied.left_out.push(LeftOut {
                    decision_type: feature.decision.to_owned(),
                    feature: feature.name.to_owned(),
                    reason: format!("the feature `{}` is switched off", feature.name),
                });
                continue;
            }
            let mut policy = Value::Object(feature.settings.clone());
            let own = request.requirements_of(feature.decision);
            match own.map(|raw| serde_json::from_str::<Value>(raw.get())) {
                None => {}
                Some(Ok(own @ Value::Object(_))) => lay(&mut policy, &own),
                // The engine says what is wrong with it.
                Some(_) => continue,
            }
            if policy.as_object().is_some_and(|fields| !fields.is_empty()) {
                let raw = serde_json::value::to_raw_value(&policy).map_err(internal)?;
                applied.requirements.insert(feature.decision.to_owned(), raw);
            }
        }
        Ok(applied)
    }
}

impl Applied {
    /// The request under the toggles.
    pub(crate) fn to<'a>(&'a self, request: JointRequest<'a>) -> JointRequest<'a> {
        let mut request = request;
        for (decision, raw) in &self.requirements {
            request.set_requirements(decision, raw);
        }
        request.left_out.clone_from(&self.left_out);
        request
    }
}

impl App {
    /// The features as they are set.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn toggles(&self) -> Result<Toggles, Error> {
        let (rows, revision) = self.store.toggles().await?;
        Ok(Toggles::of(rows, revision))
    }

    /// Changes features. `seen` is the revision that the caller goes by, where it names one.
    ///
    /// # Errors
    /// Features or thresholds that there are none of; [`Error::Outdated`] when somebody else was quicker;
    /// a store that does not answer.
    pub async fn set_toggles(
        &self,
        changes: &ToggleChanges,
        seen: Option<u64>,
        caller: &Caller,
    ) -> Result<Toggles, Error> {
        let now = self.clock.now();
        let known = self.toggles().await?;
        if seen.is_some_and(|seen| seen != known.revision) {
            return Err(outdated());
        }
        let mut rows = Vec::new();
        for (name, change) in changes {
            let feature = known.features.iter().find(|one| one.name == *name).ok_or_else(|| {
                let names: Vec<&str> = known.features.iter().map(|one| one.name).collect();
                let detail = format!("no feature; expected one of {}", names.join(", "));
                field(&format!("/{name}"), "unknown", &detail)
            })?;
            let changed = feature.changed(change)?;
            if changed != *feature {
                rows.push(ToggleRow {
                    feature: name.clone(),
                    enabled: changed.enabled,
                    scan_interval_hours: changed.scan_interval_hours,
                    settings: Value::Object(changed.settings),
                    changed_by: caller.name.clone(),
                    changed_at: now,
                });
            }
        }
        if rows.is_empty() {
            return Ok(known);
        }
        let row = |row: &ToggleRow| {
            let after = json!({ "enabled": row.enabled, "settings": row.settings,
                                "auto_scan_interval_hours": row.scan_interval_hours });
            (row.feature.clone(), after)
        };
        let detail = Value::Object(rows.iter().map(row).collect());
        let note = self.note(caller, "toggles.set", "features".to_owned(), detail);
        // What is laid over what was read above must still be that.
        let revision = self.store.set_toggles(&rows, Some(known.revision), &note).await?;
        revision.ok_or_else(|| match seen {
            Some(_) => outdated(),
            None => {
                Error::Taken("somebody else changed the features just now; try again".to_owned())
            }
        })?;
        self.toggles().await
    }
}

fn outdated() -> Error {
    Error::Outdated(
        "the features were changed meanwhile; read them again and change what is there now"
            .to_owned(),
    )
}

/// Lays what a caller says over a policy. A `null` stays: it puts a field back to its default.
fn lay(policy: &mut Value, own: &Value) {
    match (policy, own) {
        (Value::Object(policy), Value::Object(own)) => {
            for (key, value) in own {
                lay(policy.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (policy, own) => *policy = own.clone(),
    }
}

/// Tells `null` from a field that is absent.
fn said<'de, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::<u64>::deserialize(reader).map(Some)
}
