//! What every object has.

use facts::cluster::{LabelSelector, Labels, Owner};
use jiff::Timestamp;
use serde::Deserialize;

use crate::lenient;

/// What every object has.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Meta {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) uid: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    pub(crate) labels: Labels,
    #[serde(deserialize_with = "lenient::or_default")]
    pub(crate) annotations: Labels,
    #[serde(deserialize_with = "lenient::time")]
    pub(crate) creation_timestamp: Option<Timestamp>,
    #[serde(deserialize_with = "lenient::time")]
    pub(crate) deletion_timestamp: Option<Timestamp>,
    pub(crate) owner_references: Vec<OwnerReference>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct OwnerReference {
    kind: String,
    name: String,
    uid: Option<String>,
    controller: bool,
}

/// A whole object as the last `kubectl apply` sent it: large, redundant, and the place where
/// secrets end up.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Meta {
    /// The owner that controls the object.
    pub(crate) fn owner(&mut self) -> Option<Owner> {
        let references = std::mem::take(&mut self.owner_references);
        let mut references: Vec<OwnerReference> = references;
        references.sort_by_key(|reference| !reference.controller);
        references.into_iter().next().map(|reference| Owner {
            kind: reference.kind,
            name: reference.name,
            uid: reference.uid,
        })
    }

    /// Annotations without the copy of the whole object.
    pub(crate) fn annotations(&mut self) -> Labels {
        let mut annotations = std::mem::take(&mut self.annotations);
        annotations.remove(LAST_APPLIED);
        annotations
    }
}

/// A reference to another object.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Reference {
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// A selector that may be `null`.
pub(crate) type Selector = Option<LabelSelector>;
