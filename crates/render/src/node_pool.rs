//! An allocation as a Karpenter NodePool (`karpenter.sh/v1`).

use std::collections::BTreeSet;

use facts::action::{Action, Step};
use facts::decision::AllocatedPool;
use facts::names::CapacityType;
use serde_json::{Value, json};

use crate::{Artefact, Origin, object};

/// The requirements of a pool as a whole object and as a patch (RFC 6902) of an existing one. The
/// patch keeps what the plan keeps of the pool that it knows.
pub(crate) fn artefacts(
    origin: &Origin,
    allocation: &[AllocatedPool],
    steps: &[Step],
) -> Vec<Artefact> {
    if allocation.is_empty() {
        return Vec::new();
    }
    let names = |of: &dyn Fn(&AllocatedPool) -> Option<String>| -> BTreeSet<String> {
        allocation.iter().filter_map(of).collect()
    };
    let types = names(&|pool| Some(pool.instance_type.clone()));
    let zones = names(&|pool| pool.zone.clone());
    let bought = names(&|pool| {
        Some(match pool.capacity_type {
            CapacityType::Spot => "spot".to_owned(),
            CapacityType::OnDemand => "on-demand".to_owned(),
        })
    });
    let within = |key: &str, values: &BTreeSet<String>| json!({"key": key, "operator": "In", "values": values});
    let mut requirements = vec![
        within("karpenter.sh/capacity-type", &bought),
        within("node.kubernetes.io/instance-type", &types),
    ];
    if !zones.is_empty() {
        requirements.push(within("topology.kubernetes.io/zone", &zones));
    }
    let requirements = Value::from(requirements);
    let pool = json!({
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "cloudoptim", "annotations": origin.annotations()},
        "spec": {
            "template": {"spec": {
                "requirements": requirements,
                "nodeClassRef": {
                    "group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default",
                },
            }},
            // Karpenter's own default, written down.
            "disruption": {
                "consolidationPolicy": "WhenEmptyOrUnderutilized",
                "consolidateAfter": "1m",
                "budgets": [{"nodes": "10%"}],
            },
        },
    });
    let known = steps.iter().find_map(|step| match &step.action {
        Action::PatchObject { patch, .. } if step.target.kind == "NodePool" => {
            patch.pointer("/spec/template/spec/requirements").cloned()
        }
        _ => None,
    });
    let requirements = known.unwrap_or(requirements);
    let replaced = json!({
        "op": "replace", "path": "/spec/template/spec/requirements", "value": requirements,
    });
    let patch: Value = std::iter::once(replaced).chain(origin.operations()).collect();
    vec![
        object("nodepool.json".to_owned(), "kubernetes", &pool),
        object("nodepool.patch.json".to_owned(), "patch", &patch),
    ]
}
