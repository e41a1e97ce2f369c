//! Label selectors, as written; what they match is decided by who reads them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Labels;

/// Selects objects by label. All parts must hold; an empty selector selects everything, and a
/// missing one nothing.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(default)]
pub struct LabelSelector {
    /// Labels that must have exactly these values.
    #[serde(alias = "matchLabels", skip_serializing_if = "Labels::is_empty")]
    pub match_labels: Labels,
    /// Further requirements.
    #[serde(alias = "matchExpressions", skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Requirement>,
}

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// How a requirement compares.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Operator {
    /// The label has one of the values.
    In,
    /// The label is absent or has none of the values.
    NotIn,
    /// The label is present.
    Exists,
    /// The label is absent.
    DoesNotExist,
    /// The label is an integer above the one value (nodes only).
    Gt,
    /// The label is an integer below the one value (nodes only).
    Lt,
}

/// Requirements on a node, all of which must hold; terms of a list are alternatives.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(default)]
pub struct NodeSelectorTerm {
    /// On the node's labels.
    #[serde(alias = "matchExpressions", skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Requirement>,
    /// On the node's fields; Kubernetes knows `metadata.name` only.
    #[serde(alias = "matchFields", skip_serializing_if = "Vec::is_empty")]
    pub match_fields: Vec<Requirement>,
}
