//! Objects and patches held against the types that their owners generate from their schemas.
//!
//! A field that a type does not know is lost on the way through it, and one that it needs comes out
//! although nobody wrote it: both are seen by comparing what went in with what comes out.

use k8s_openapi::api::{apps, autoscaling, batch, core, policy, rbac};
use kcr_autoscaling_k8s_io::v1::verticalpodautoscalers::VerticalPodAutoscaler;
use kcr_karpenter_sh::v1::nodepools::NodePool;
use kcr_keda_sh::v1alpha1::scaledobjects::ScaledObject;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What is wrong with a whole object.
pub(crate) fn object(value: &Value) -> Result<(), String> {
    if value["kind"] == "List" {
        let items = value["items"].as_array().ok_or("a list without items")?;
        return items.iter().try_for_each(object);
    }
    let back = through(value)?;
    same(value, &back, "")?;
    same(&back, value, "").map_err(|error| format!("absent: {error}"))
}

/// What is wrong with a strategic or plain merge patch of an object of a kind.
pub(crate) fn merge_patch(kind: &str, patch: &Value) -> Result<(), String> {
    let said = without_nulls(patch, "")?;
    let mut whole = said.clone();
    let version = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => "apps/v1",
        "CronJob" | "Job" => "batch/v1",
        "NodePool" => "karpenter.sh/v1",
        "Pod" | "Service" | "ReplicationController" => "v1",
        other => return Err(format!("patches of {other} are unknown")),
    };
    whole["apiVersion"] = json!(version);
    whole["kind"] = json!(kind);
    if kind == "NodePool" {
        complete(&mut whole);
    }
    same(&said, &through(&whole)?, "")
}

/// What is wrong with a list of operations (RFC 6902) on a NodePool.
pub(crate) fn operations(patch: &Value) -> Result<(), String> {
    let mut pool = json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodePool",
        "metadata": {"name": "main", "annotations": {"karpenter.sh/nodepool-hash": "1"}},
        "spec": {"template": {"spec": {"requirements": []}}},
    });
    complete(&mut pool);
    for operation in patch.as_array().ok_or("no list of operations")? {
        let path = operation["path"].as_str().ok_or("an operation without a path")?;
        let (parent, last) = path.rsplit_once('/').ok_or("a path without a slash")?;
        let last = last.replace("~1", "/").replace("~0", "~");
        let parent = pool.pointer_mut(parent).ok_or_else(|| format!("there is no {parent}"))?;
        let value = operation["value"].clone();
        match (operation["op"].as_str(), parent) {
            (Some("add"), Value::Array(items)) if last == "-" => items.push(value),
            (Some("add"), Value::Object(fields)) => {
                fields.insert(last, value);
            }
            (Some("replace"), Value::Object(fields)) if fields.contains_key(&last) => {
                fields.insert(last, value);
            }
            _ => return Err(format!("not to be done: {operation}")),
        }
    }
    object(&pool)
}

/// What a NodePool must have and a patch of it need not.
fn complete(pool: &mut Value) {
    let spec = &mut pool["spec"]["template"]["spec"];
    if spec["requirements"].is_null() {
        spec["requirements"] = json!([]);
    }
    if spec["nodeClassRef"].is_null() {
        spec["nodeClassRef"] =
            json!({"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"});
    }
}

/// A value as its own type writes it.
fn through(value: &Value) -> Result<Value, String> {
    let version = value["apiVersion"].as_str().unwrap_or("?");
    let kind = value["kind"].as_str().unwrap_or("?");
    match (version, kind) {
        ("apps/v1", "Deployment") => again::<apps::v1::Deployment>(value),
        ("apps/v1", "StatefulSet") => again::<apps::v1::StatefulSet>(value),
        ("apps/v1", "DaemonSet") => again::<apps::v1::DaemonSet>(value),
        ("apps/v1", "ReplicaSet") => again::<apps::v1::ReplicaSet>(value),
        ("batch/v1", "CronJob") => again::<batch::v1::CronJob>(value),
        ("batch/v1", "Job") => again::<batch::v1::Job>(value),
        ("v1", "Pod") => again::<core::v1::Pod>(value),
        ("v1", "Service") => again::<core::v1::Service>(value),
        ("v1", "ServiceAccount") => again::<core::v1::ServiceAccount>(value),
        ("v1", "ReplicationController") => again::<core::v1::ReplicationController>(value),
        ("policy/v1", "Eviction") => again::<policy::v1::Eviction>(value),
        ("autoscaling/v1", "Scale") => again::<autoscaling::v1::Scale>(value),
        ("rbac.authorization.k8s.io/v1", "Role") => again::<rbac::v1::Role>(value),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => again::<rbac::v1::RoleBinding>(value),
        ("karpenter.sh/v1", "NodePool") => again::<NodePool>(value),
        ("autoscaling.k8s.io/v1", "VerticalPodAutoscaler") => again::<VerticalPodAutoscaler>(value),
        ("keda.sh/v1alpha1", "ScaledObject") => again::<ScaledObject>(value),
        _ => Err(format!("{version} {kind} is unknown")),
    }
}

fn again<T: DeserializeOwned + Serialize>(value: &Value) -> Result<Value, String> {
    let typed: T = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    serde_json::to_value(typed).map_err(|error| error.to_string())
}

/// Everything of the first is in the second.
fn same(one: &Value, other: &Value, at: &str) -> Result<(), String> {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) => {
            fields.iter().try_for_each(|(name, value)| {
                let at = format!("{at}/{name}");
                let other = others.get(name).ok_or_else(|| format!("{at} is unknown"))?;
                same(value, other, &at)
            })
        }
        (Value::Array(items), Value::Array(others)) if items.len() == others.len() => items
            .iter()
            .zip(others)
            .enumerate()
            .try_for_each(|(place, (one, other))| same(one, other, &format!("{at}/{place}"))),
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => Ok(()),
        _ if one == other => Ok(()),
        _ => Err(format!("{at} is {other} in place of {one}")),
    }
}

/// A patch without what it takes away: amounts alone may go.
fn without_nulls(patch: &Value, at: &str) -> Result<Value, String> {
    match patch {
        Value::Object(fields) => {
            let amounts = at.ends_with("/requests") || at.ends_with("/limits");
            let mut kept = serde_json::Map::new();
            for (name, value) in fields {
                let at = format!("{at}/{name}");
                if !value.is_null() {
                    if amounts {
                        let text = value.as_str().ok_or_else(|| format!("{at} is no quantity"))?;
                        units::Quantity::parse(text).map_err(|error| format!("{at}: {error}"))?;
                    }
                    kept.insert(name.clone(), without_nulls(value, &at)?);
                } else if !amounts {
                    return Err(format!("{at} would be taken away"));
                }
            }
            Ok(Value::Object(kept))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(place, item)| without_nulls(item, &format!("{at}/{place}")))
            .collect::<Result<Vec<Value>, String>>()
            .map(Value::Array),
        other => Ok(other.clone()),
    }
}
