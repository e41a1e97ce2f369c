//! An account beside a cluster: which machines are nodes, who made what.

use std::collections::{BTreeMap, BTreeSet};

use facts::cluster::{Account, ClusterState, Instance, Labels, TrailEvent};
use jiff::Timestamp;

/// The accounts of a snapshot; empty when the section was not supplied.
#[must_use]
pub fn accounts(state: &ClusterState) -> &[Account] {
    state.accounts.as_ref().map_or(&[], |section| &section.items)
}

/// Instances that are nodes of the cluster: named by a node's provider id, by a node claim's, or by
/// the private host name that EKS gives to nodes.
#[must_use]
pub fn node_instances(state: &ClusterState) -> BTreeSet<&str> {
    let mut found: BTreeSet<&str> =
        state.node_items().iter().filter_map(|node| node.instance_id()).collect();
    let claims = state.policies.as_ref().map_or(&[][..], |part| &part.items.node_claims);
    for claim in claims {
        let last = claim.provider_id.as_deref().and_then(|id| id.rsplit('/').next());
        found.extend(last.filter(|id| id.starts_with("i-")));
    }
    let names: BTreeSet<&str> = state.node_items().iter().map(|node| node.name.as_str()).collect();
    let unnamed = state.node_items().iter().any(|node| node.instance_id().is_none());
    if unnamed {
        for instance in accounts(state).iter().flat_map(|account| &account.instances) {
            if instance.private_dns.as_deref().is_some_and(|name| names.contains(name)) {
                found.insert(&instance.id);
            }
        }
    }
    found
}

/// What ties a machine to a Kubernetes cluster, with the name of the cluster where it is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Membership {
    /// What says so, for people.
    pub evidence: String,
    /// The cluster.
    pub cluster: Option<String>,
}

/// Everything by which a machine claims to be a node: tags of EKS, of Karpenter, of node groups and
/// of self-made clusters, and the name of its instance profile.
#[must_use]
pub fn memberships(instance: &Instance) -> Vec<Membership> {
    let mut found = of_tags(&instance.tags);
    if let Some(profile) = &instance.instance_profile {
        let name = profile.rsplit('/').next().unwrap_or(profile);
        let lower = name.to_ascii_lowercase();
        let tells = lower.contains("karpenternode")
            || lower.starts_with("eks-")
            || lower.contains("nodeinstanceprofile")
            || lower.contains("eksnoderole");
        if tells {
            found.push(Membership { evidence: format!("instance profile {name}"), cluster: None });
        }
    }
    found
}

/// The same of the tags alone, which volumes, groups and load balancers carry too.
#[must_use]
pub fn of_tags(tags: &Labels) -> Vec<Membership> {
    let mut found = Vec::new();
    for (key, value) in tags {
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let cluster = if let Some(name) = key.strip_prefix("kubernetes.io/cluster/") {
            if !matches!(value.as_str(), "owned" | "shared") {
                continue;
            }
            named(name)
        } else {
            match key.as_str() {
                "aws:eks:cluster-name"
                | "eks:cluster-name"
                | "alpha.eksctl.io/cluster-name"
                | "karpenter.sh/managed-by"
                | "KubernetesCluster"
                | "karpenter.sh/discovery"
                | "elbv2.k8s.aws/cluster" => named(value),
                "eks:nodegroup-name"
                | "karpenter.sh/nodepool"
                | "karpenter.sh/provisioner-name"
                | "karpenter.sh/nodeclaim"
                | "alpha.eksctl.io/nodegroup-name"
                | "k8s.io/cluster-autoscaler/enabled" => None,
                _ => continue,
            }
        };
        let evidence =
            if value.is_empty() { format!("tag {key}") } else { format!("tag {key}={value}") };
        found.push(Membership { evidence, cluster });
    }
    found
}

/// The names by which a cluster goes in tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnNames {
    names: BTreeSet<String>,
    /// Whether the names come from tags of its nodes or from the operator, so that another name is
    /// another cluster. The caller's own name for a cluster is often none that tags know.
    certain: bool,
}

impl OwnNames {
    /// What the machines of its nodes claim, what the operator adds, and the caller's name.
    #[must_use]
    pub fn of(
        state: &ClusterState,
        nodes: &BTreeSet<&str>,
        further: &BTreeSet<String>,
    ) -> OwnNames {
        let mut names = further.clone();
        let instances = accounts(state).iter().flat_map(|account| &account.instances);
        for instance in instances.filter(|one| nodes.contains(one.id.as_str())) {
            names.extend(memberships(instance).into_iter().filter_map(|one| one.cluster));
        }
        let certain = !names.is_empty();
        names.extend(state.cluster_id.clone());
        OwnNames { names, certain }
    }

    /// Whether a name is this cluster's.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether a name is certainly another cluster's.
    #[must_use]
    pub fn excludes(&self, name: &str) -> bool {
        self.certain && !self.names.contains(name)
    }
}

/// Who made what, and what happened to it last.
#[derive(Debug, Default)]
pub struct Trail<'a> {
    by_resource: BTreeMap<&'a str, Vec<&'a TrailEvent>>,
    /// Whether CloudTrail was asked at all.
    pub supplied: bool,
}

impl<'a> Trail<'a> {
    /// The trails of all accounts of a snapshot.
    #[must_use]
    pub fn of(state: &'a ClusterState) -> Trail<'a> {
        let mut trail = Trail::default();
        for account in accounts(state) {
            let Some(events) = &account.trail else { continue };
            trail.supplied = true;
            for event in events {
                for resource in &event.resources {
                    trail.by_resource.entry(resource).or_default().push(event);
                }
            }
        }
        for events in trail.by_resource.values_mut() {
            events.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        }
        trail
    }

    /// Who made a thing: the first call that created it, told by its caller or by the service that
    /// acted for one.
    #[must_use]
    pub fn creator(&self, resource: &str) -> Option<String> {
        let events = self.by_resource.get(resource)?;
        let made = events.iter().find(|event| {
            ["Run", "Create", "Allocate", "Register", "Import"]
                .iter()
                .any(|verb| event.name.starts_with(verb))
        })?;
        made.who.clone().or_else(|| made.invoked_by.clone())
    }

    /// When a call was made last for a thing, unless a call that undoes it came later.
    #[must_use]
    pub fn last(&self, resource: &str, call: &str, undone_by: &str) -> Option<Timestamp> {
        let events = self.by_resource.get(resource)?;
        let last =
            events.iter().rev().find(|event| event.name == call || event.name == undone_by)?;
        (last.name == call).then_some(last.at)
    }
}

/// Whole days between two instants; negative when the second is earlier.
#[must_use]
pub fn days(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs() as f64 / 86_400.0
}
