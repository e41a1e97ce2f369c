//! Whether a type may be chosen, and whether pods and pools would take nodes of it.

use facts::cluster::{ClusterState, Node, Pod, well_known};
use market::Instance;

use super::policy::MachineChoice;
use crate::scheduling::matching::{meets, node_rules_hold};

/// Whether a type is among those that may be chosen.
pub(super) fn chosen(choice: &MachineChoice, one: &Instance) -> bool {
    let name = one.instance_type.as_str();
    choice.min_cpu_cores.is_none_or(|least| one.vcpu >= least)
        && choice.max_cpu_cores.is_none_or(|most| one.vcpu <= most)
        && choice.min_memory_gb.is_none_or(|least| one.memory.gib() >= least)
        && choice.max_memory_gb.is_none_or(|most| one.memory.gib() <= most)
        && choice.allowed_instance_types.as_ref().is_none_or(|allowed| allowed.contains(name))
        && !choice.blocked_instance_types.contains(name)
}

/// A node as it would be with another type.
pub(super) fn relabelled(node: &Node, one: &Instance) -> Node {
    let mut other = Node {
        name: node.name.clone(),
        zone: node.zone.clone(),
        zone_id: node.zone_id.clone(),
        capacity_type: node.capacity_type,
        architecture: Some(one.architecture),
        operating_system: node.operating_system,
        node_pool: node.node_pool.clone(),
        labels: node.labels.clone(),
        taints: node.taints.clone(),
        instance_type: Some(one.instance_type.to_string()),
        ..Node::default()
    };
    let memory = (one.memory.0 >> 20).to_string();
    let (vcpu, generation) = (one.vcpu.to_string(), one.generation.to_string());
    let labels = [
        (well_known::INSTANCE_TYPE, one.instance_type.as_str()),
        (well_known::INSTANCE_TYPE_OLD, one.instance_type.as_str()),
        ("karpenter.k8s.aws/instance-family", one.instance_type.family()),
        ("karpenter.k8s.aws/instance-size", one.instance_type.size()),
        ("karpenter.k8s.aws/instance-category", &one.category),
        ("karpenter.k8s.aws/instance-generation", &generation),
        ("karpenter.k8s.aws/instance-cpu", &vcpu),
        ("karpenter.k8s.aws/instance-memory", &memory),
    ];
    for (key, value) in labels {
        other.labels.insert(key.to_owned(), value.to_owned());
    }
    other
}

/// Whether a pod has rules on the nodes that it runs on.
pub(super) fn is_choosy(pod: &Pod) -> bool {
    !pod.node_selector.is_empty()
        || pod.affinity.as_ref().is_some_and(|affinity| affinity.node.is_some())
}

/// Whether a pod that runs on a node would run on it with another type: rules that do not hold now
/// bind nobody.
pub(super) fn welcome(pod: &Pod, now: &Node, other: &Node) -> bool {
    node_rules_hold(pod, other) || !node_rules_hold(pod, now)
}

/// Whether a Karpenter pool allows a node.
pub(super) fn allowed_by_pool(state: &ClusterState, pool: Option<&str>, node: &Node) -> bool {
    let pools = state.policies.as_ref().map_or(&[][..], |part| &part.items.node_pools);
    let Some(pool) = pool.and_then(|name| pools.iter().find(|one| one.name == name)) else {
        return true;
    };
    pool.requirements.iter().all(|one| {
        // What nobody knows of a node, such as its network bandwidth, is not judged.
        node.label(&one.key).is_none_or(|value| meets(one, Some(value)))
    })
}
