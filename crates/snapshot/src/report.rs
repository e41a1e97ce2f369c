//! What became of the input.

use std::collections::BTreeMap;

use serde::Serialize;

/// How many unusable objects are named before the rest is only counted.
const MOST_NAMED: usize = 50;

/// What became of the input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Objects that were used, by kind.
    pub used: BTreeMap<String, u64>,
    /// Objects of kinds that no decision needs, by kind.
    pub not_needed: BTreeMap<String, u64>,
    /// Objects that could not be used: the first fifty by name.
    pub unusable: Vec<Unusable>,
    /// How many could not be used.
    pub unusable_total: u64,
    /// Objects that occurred more than once; the last one counts.
    pub replaced: u64,
    /// Remarks about whole inputs.
    pub remarks: Vec<String>,
}

/// An object that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unusable {
    /// The input.
    pub input: String,
    /// The object, as far as it could be told.
    pub object: String,
    /// Why.
    pub reason: String,
}

impl ImportReport {
    pub(crate) fn used(&mut self, kind: &str) {
        self.used_many(kind, 1);
    }

    pub(crate) fn used_many(&mut self, kind: &str, count: u64) {
        *self.used.entry(kind.to_owned()).or_default() += count;
    }

    pub(crate) fn not_needed(&mut self, kind: &str) {
        let kind: String = kind.chars().take(80).collect();
        let known = self.not_needed.len() < MOST_NAMED || self.not_needed.contains_key(&kind);
        let name = if known { kind } else { "(others)".to_owned() };
        *self.not_needed.entry(name).or_default() += 1;
    }

    pub(crate) fn unusable(&mut self, input: &str, object: &str, reason: &str) {
        self.unusable_total += 1;
        if self.unusable.len() < MOST_NAMED {
            self.unusable.push(Unusable {
                input: input.to_owned(),
                object: object.chars().take(200).collect(),
                reason: reason.chars().take(300).collect(),
            });
        }
    }
}
