//! Rules that the cluster's owner has set.

use facts::cluster::{
    BudgetAmount, DisruptionBudget, Labels, LimitRange, Namespace, NodeClaim, NodePool,
    NodePoolBudget, Operator, PriorityClass, Requirement, ResourceList, ResourceQuota,
    RuntimeClass, Taint,
};
use serde::Deserialize;

use super::meta::{Meta, Selector};
use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BudgetObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: BudgetSpec,
    status: Option<BudgetStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BudgetSpec {
    selector: Selector,
    min_available: Option<BudgetAmount>,
    max_unavailable: Option<BudgetAmount>,
    unhealthy_pod_eviction_policy: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BudgetStatus {
    disruptions_allowed: Option<i64>,
}

impl BudgetObject {
    pub(crate) fn into_fact(self) -> DisruptionBudget {
        DisruptionBudget {
            name: self.metadata.name,
            namespace: self.metadata.namespace,
            uid: self.metadata.uid,
            selector: self.spec.selector,
            min_available: self.spec.min_available,
            max_unavailable: self.spec.max_unavailable,
            disruptions_allowed: self.status.and_then(|status| status.disruptions_allowed),
            unhealthy_pod_eviction_policy: self.spec.unhealthy_pod_eviction_policy,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PriorityClassObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    value: i32,
    global_default: bool,
}

impl PriorityClassObject {
    pub(crate) fn into_fact(self) -> PriorityClass {
        PriorityClass {
            name: self.metadata.name,
            value: self.value,
            global_default: self.global_default,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RuntimeClassObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    overhead: Option<Overhead>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Overhead {
    pod_fixed: ResourceList,
}

impl RuntimeClassObject {
    pub(crate) fn into_fact(self) -> RuntimeClass {
        RuntimeClass {
            name: self.metadata.name,
            overhead: self.overhead.map(|overhead| overhead.pod_fixed).unwrap_or_default(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NamespaceObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
}

impl NamespaceObject {
    pub(crate) fn into_fact(mut self) -> Namespace {
        Namespace {
            annotations: self.metadata.annotations(),
            labels: self.metadata.labels,
            name: self.metadata.name,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QuotaObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: QuotaSpec,
    #[serde(deserialize_with = "lenient::or_default")]
    status: QuotaStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct QuotaSpec {
    hard: ResourceList,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct QuotaStatus {
    used: ResourceList,
}

impl QuotaObject {
    pub(crate) fn into_fact(self) -> ResourceQuota {
        ResourceQuota {
            name: self.metadata.name,
            namespace: self.metadata.namespace,
            hard: self.spec.hard,
            used: self.status.used,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LimitRangeObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: LimitRangeSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LimitRangeSpec {
    limits: Vec<LimitItem>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct LimitItem {
    r#type: String,
    default_request: ResourceList,
    default: ResourceList,
    min: ResourceList,
    max: ResourceList,
}

impl LimitRangeObject {
    pub(crate) fn into_fact(self) -> LimitRange {
        let item = self.spec.limits.into_iter().find(|item| item.r#type == "Container");
        let item = item.unwrap_or_default();
        LimitRange {
            name: self.metadata.name,
            namespace: self.metadata.namespace,
            default_requests: item.default_request,
            default_limits: item.default,
            min: item.min,
            max: item.max,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodePoolObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: NodePoolSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodePoolSpec {
    #[serde(deserialize_with = "lenient::or_default")]
    template: NodeTemplate,
    #[serde(deserialize_with = "lenient::or_default")]
    disruption: Disruption,
    limits: ResourceList,
    weight: Option<i32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeTemplate {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: TemplateMeta,
    #[serde(deserialize_with = "lenient::or_default")]
    spec: TemplateSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateMeta {
    #[serde(deserialize_with = "lenient::or_default")]
    labels: Labels,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateSpec {
    #[serde(deserialize_with = "lenient::or_default")]
    taints: Vec<Taint>,
    #[serde(deserialize_with = "lenient::or_default")]
    requirements: Vec<PoolRequirement>,
}

/// A requirement; Karpenter adds `minValues`, which is no requirement on a node.
#[derive(Debug, Deserialize)]
struct PoolRequirement {
    key: String,
    operator: Operator,
    #[serde(default, deserialize_with = "lenient::or_default")]
    values: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Disruption {
    consolidation_policy: Option<String>,
    consolidate_after: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    budgets: Vec<NodePoolBudget>,
}

impl NodePoolObject {
    pub(crate) fn into_fact(self) -> NodePool {
        let template = self.spec.template;
        NodePool {
            name: self.metadata.name,
            uid: self.metadata.uid,
            labels: template.metadata.labels,
            taints: template.spec.taints,
            requirements: template
                .spec
                .requirements
                .into_iter()
                .map(|one| Requirement { key: one.key, operator: one.operator, values: one.values })
                .collect(),
            limits: self.spec.limits,
            weight: self.spec.weight,
            consolidation_policy: self.spec.disruption.consolidation_policy,
            consolidate_after: self.spec.disruption.consolidate_after,
            budgets: self.spec.disruption.budgets,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeClaimObject {
    #[serde(deserialize_with = "lenient::or_default")]
    metadata: Meta,
    #[serde(deserialize_with = "lenient::or_default")]
    status: NodeClaimStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NodeClaimStatus {
    node_name: Option<String>,
    #[serde(rename = "providerID")]
    provider_id: Option<String>,
}

impl NodeClaimObject {
    pub(crate) fn into_fact(self) -> NodeClaim {
        NodeClaim {
            name: self.metadata.name,
            node: self.status.node_name,
            node_pool: self.metadata.labels.get("karpenter.sh/nodepool").cloned(),
            provider_id: self.status.provider_id,
            usd_per_hour: None,
        }
    }
}
