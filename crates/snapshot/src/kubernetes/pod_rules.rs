//! Rules of pods on nodes and on other pods.

use facts::cluster::{
    Affinity, LabelSelector, NodeAffinity, NodeSelectorTerm, PodAffinity, PodAffinityTerm,
    PreferredNodeTerm, PreferredPodTerm, SpreadConstraint, Unsatisfiable,
};
use serde::Deserialize;

use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct AffinityRules {
    node_affinity: Option<NodeRules>,
    pod_affinity: Option<PodRules>,
    pod_anti_affinity: Option<PodRules>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeRules {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    required: Option<NodeTerms>,
    #[serde(
        rename = "preferredDuringSchedulingIgnoredDuringExecution",
        deserialize_with = "lenient::or_default"
    )]
    preferred: Vec<WeightedNodeTerm>,
}

/// Alternatives on nodes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NodeTerms {
    #[serde(deserialize_with = "lenient::or_default")]
    pub(crate) node_selector_terms: Vec<NodeSelectorTerm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WeightedNodeTerm {
    weight: i32,
    preference: NodeSelectorTerm,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodRules {
    #[serde(
        rename = "requiredDuringSchedulingIgnoredDuringExecution",
        deserialize_with = "lenient::or_default"
    )]
    required: Vec<PodTerm>,
    #[serde(
        rename = "preferredDuringSchedulingIgnoredDuringExecution",
        deserialize_with = "lenient::or_default"
    )]
    preferred: Vec<WeightedPodTerm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WeightedPodTerm {
    weight: i32,
    pod_affinity_term: PodTerm,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodTerm {
    topology_key: String,
    label_selector: Option<LabelSelector>,
    #[serde(deserialize_with = "lenient::or_default")]
    namespaces: Vec<String>,
    namespace_selector: Option<LabelSelector>,
    #[serde(deserialize_with = "lenient::or_default")]
    match_label_keys: Vec<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    mismatch_label_keys: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SpreadRule {
    topology_key: String,
    max_skew: u32,
    when_unsatisfiable: Option<Unsatisfiable>,
    label_selector: Option<LabelSelector>,
    min_domains: Option<u32>,
    node_affinity_policy: Option<String>,
    node_taints_policy: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    match_label_keys: Vec<String>,
}

impl AffinityRules {
    pub(crate) fn into_fact(self) -> Affinity {
        Affinity {
            node: self.node_affinity.map(|rules| NodeAffinity {
                required: rules.required.map(|terms| terms.node_selector_terms).unwrap_or_default(),
                preferred: rules
                    .preferred
                    .into_iter()
                    .map(|one| PreferredNodeTerm { weight: one.weight, term: one.preference })
                    .collect(),
            }),
            pod: self.pod_affinity.map(PodRules::into_fact),
            pod_anti: self.pod_anti_affinity.map(PodRules::into_fact),
        }
    }
}

impl PodRules {
    fn into_fact(self) -> PodAffinity {
        PodAffinity {
            required: self.required.into_iter().map(PodTerm::into_fact).collect(),
            preferred: self
                .preferred
                .into_iter()
                .map(|one| PreferredPodTerm {
                    weight: one.weight,
                    term: one.pod_affinity_term.into_fact(),
                })
                .collect(),
        }
    }
}

impl PodTerm {
    fn into_fact(self) -> PodAffinityTerm {
        PodAffinityTerm {
            topology_key: self.topology_key,
            selector: self.label_selector,
            namespaces: self.namespaces,
            namespace_selector: self.namespace_selector,
            match_label_keys: self.match_label_keys,
            mismatch_label_keys: self.mismatch_label_keys,
        }
    }
}

impl SpreadRule {
    pub(crate) fn into_fact(self) -> SpreadConstraint {
        SpreadConstraint {
            topology_key: self.topology_key,
            max_skew: self.max_skew.max(1),
            when_unsatisfiable: self.when_unsatisfiable.unwrap_or_default(),
            selector: self.label_selector,
            min_domains: self.min_domains,
            honor_node_affinity: self.node_affinity_policy.as_deref() != Some("Ignore"),
            honor_node_taints: self.node_taints_policy.as_deref() == Some("Honor"),
            match_label_keys: self.match_label_keys,
        }
    }
}
