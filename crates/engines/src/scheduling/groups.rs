//! Rules between pods: required affinity and anti-affinity, spread, and ports of the node.

use std::collections::{BTreeMap, BTreeSet};

use facts::cluster::{
    ClusterState, LabelSelector, Labels, Node, Operator, Pod, PodAffinityTerm, Requirement,
    Unsatisfiable, well_known,
};
use facts::reason::ReasonCode;
use packing::placement::{Group, Membership, NO_DOMAIN, NODE_KEY, Rule};

use super::kinds::StaticRules;
use super::matching::selects;

/// The groups of a cluster and the place of every node under every topology key.
pub(super) struct Groups {
    /// For the model.
    pub groups: Vec<Group>,
    /// What each group stands for, for people.
    pub meanings: Vec<GroupMeaning>,
    /// Domain of each node for the keys 1, 2, …
    pub domains: Vec<Vec<u32>>,
    /// Roles of each pod of the input list.
    pub roles: Vec<Vec<Membership>>,
}

/// What a group stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMeaning {
    /// The rule that it states.
    pub code: ReasonCode,
    /// In words.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Spec {
    Anti(String, Term),
    /// All terms together say which pods count; the first field is the key of one of them.
    Near(String, Vec<Term>),
    Spread {
        key: String,
        term: Term,
        max_skew: u32,
        min_domains: u32,
        eligible: Vec<u32>,
    },
    /// Port, protocol, and the one address, or every address.
    Port(u16, String, Option<String>),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    namespaces: Namespaces,
    selector: Option<LabelSelector>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Namespaces {
    All,
    Some(BTreeSet<String>),
}

impl Term {
    fn counts(&self, namespace: &str, labels: &Labels) -> bool {
        let inside = match &self.namespaces {
            Namespaces::All => true,
            Namespaces::Some(names) => names.contains(namespace),
        };
        inside && selects(self.selector.as_ref(), labels)
    }
}

/// Collects the groups of a cluster. `rules` are the static rules of each pod; of the nodes, the
/// first `existing` exist and the others might join.
pub(super) fn collect(
    state: &ClusterState,
    nodes: &[&Node],
    existing: usize,
    pods: &[&Pod],
    rules: &[&StaticRules<'_>],
) -> Groups {
    let mut keys = Keys::default();
    let mut specs: BTreeMap<Spec, u32> = BTreeMap::new();
    let mut carried: Vec<Vec<u32>> = Vec::with_capacity(pods.len());
    for (pod, rules) in pods.iter().zip(rules) {
        let mut own = Vec::new();
        for spec in specs_of(state, pod, rules, (nodes, existing), &mut keys) {
            let next = specs.len() as u32;
            own.push(*specs.entry(spec).or_insert(next));
        }
        carried.push(own);
    }
    let mut ordered: Vec<(&Spec, u32)> = specs.iter().map(|(spec, id)| (spec, *id)).collect();
    ordered.sort_by_key(|(_, id)| *id);
    let roles = roles(&ordered, pods, &carried);
    Groups {
        groups: ordered.iter().map(|(spec, _)| group(spec, &keys)).collect(),
        meanings: ordered.iter().map(|(spec, _)| meaning(spec)).collect(),
        domains: (0..nodes.len()).map(|node| keys.domains_of(node)).collect(),
        roles,
    }
}

/// Which pods carry a group and which are counted by it. Pods with the same namespace and labels
/// are counted alike, so each such pair is tried once.
fn roles(specs: &[(&Spec, u32)], pods: &[&Pod], carried: &[Vec<u32>]) -> Vec<Vec<Membership>> {
    if specs.is_empty() {
        return vec![Vec::new(); pods.len()];
    }
    let mut counted: BTreeMap<(&str, &Labels), Vec<u32>> = BTreeMap::new();
    let mut all = Vec::with_capacity(pods.len());
    for (pod, own) in pods.iter().zip(carried) {
        let targets = counted.entry((pod.namespace(), &pod.labels)).or_insert_with(|| {
            let matching = specs.iter().filter(|(spec, _)| match spec {
                Spec::Anti(_, term) | Spec::Spread { term, .. } => {
                    term.counts(pod.namespace(), &pod.labels)
                }
                Spec::Near(_, terms) => {
                    terms.iter().all(|term| term.counts(pod.namespace(), &pod.labels))
                }
                Spec::Port(..) => false,
            });
            matching.map(|(_, id)| *id).collect()
        });
        let mut roles: Vec<Membership> = targets
            .iter()
            .map(|group| Membership { group: *group, carrier: own.contains(group), target: true })
            .collect();
        for group in own {
            if roles.iter().all(|role| role.group != *group) {
                roles.push(Membership { group: *group, carrier: true, target: false });
            }
        }
        for role in &mut roles {
            // Whoever takes a port is also what others must keep away from.
            role.target |= matches!(specs[role.group as usize].0, Spec::Port(..));
        }
        add_port_targets(&mut roles, specs, pod);
        roles.sort_by_key(|role| role.group);
        all.push(roles);
    }
    all
}

/// A port on every address clashes with the port on any one address; two different addresses do
/// not clash with each other. So a pod with one address is counted by the group of every address,
/// and only pods on every address carry that group.
fn add_port_targets(roles: &mut Vec<Membership>, specs: &[(&Spec, u32)], pod: &Pod) {
    for container in pod.containers.iter().chain(&pod.init_containers) {
        for port in container.host_ports.iter().filter(|port| specific(&port.host_ip).is_some()) {
            let every = Spec::Port(port.port, protocol(&port.protocol), None);
            let found = specs.iter().find(|(spec, _)| **spec == every);
            if let Some((_, group)) = found
                && roles.iter().all(|role| role.group != *group)
            {
                roles.push(Membership { group: *group, carrier: false, target: true });
            }
        }
    }
}

fn specs_of(
    state: &ClusterState,
    pod: &Pod,
    rules: &StaticRules<'_>,
    (nodes, existing): (&[&Node], usize),
    keys: &mut Keys,
) -> Vec<Spec> {
    let mut specs = Vec::new();
    if let Some(affinity) = &pod.affinity {
        if let Some(anti) = &affinity.pod_anti {
            for term in &anti.required {
                keys.add(&term.topology_key, nodes);
                specs.push(Spec::Anti(term.topology_key.clone(), resolve(state, pod, term)));
            }
        }
        if let Some(near) = &affinity.pod {
            let terms: Vec<Term> =
                near.required.iter().map(|term| resolve(state, pod, term)).collect();
            for term in &near.required {
                keys.add(&term.topology_key, nodes);
                specs.push(Spec::Near(term.topology_key.clone(), terms.clone()));
            }
        }
    }
    for spread in &pod.topology_spread {
        if spread.when_unsatisfiable != Unsatisfiable::DoNotSchedule {
            continue;
        }
        let key = keys.add(&spread.topology_key, nodes);
        let mut eligible: Vec<u32> = Vec::new();
        for (index, node) in nodes[..existing].iter().enumerate() {
            let counts = (!spread.honor_node_affinity || rules.labels_hold(node))
                && (!spread.honor_node_taints || rules.taints_hold(node));
            let domain = keys.domain(key, index);
            if counts && domain != NO_DOMAIN {
                eligible.push(domain);
            }
        }
        eligible.sort_unstable();
        eligible.dedup();
        let selector = spread.selector.clone().map(|selector| {
            with_own_labels(selector, &spread.match_label_keys, &pod.labels, Operator::In)
        });
        let namespaces = Namespaces::Some(BTreeSet::from([pod.namespace().to_owned()]));
        specs.push(Spec::Spread {
            key: spread.topology_key.clone(),
            term: Term { namespaces, selector },
            max_skew: spread.max_skew.max(1),
            min_domains: spread.min_domains.unwrap_or(1),
            eligible,
        });
    }
    for container in pod.containers.iter().chain(&pod.init_containers) {
        for port in &container.host_ports {
            let address = specific(&port.host_ip).map(str::to_owned);
            specs.push(Spec::Port(port.port, protocol(&port.protocol), address));
        }
    }
    specs
}

/// Whether an affinity term that `owner` carries counts another pod.
pub(super) fn counted_by(
    state: &ClusterState,
    owner: &Pod,
    term: &PodAffinityTerm,
    other: &Pod,
) -> bool {
    resolve(state, owner, term).counts(other.namespace(), &other.labels)
}

/// The ports of its node that a pod takes: number, protocol, and the one address or every address.
pub(super) fn ports(pod: &Pod) -> Vec<(u16, String, Option<&str>)> {
    let containers = pod.containers.iter().chain(&pod.init_containers);
    let ports = containers.flat_map(|container| &container.host_ports);
    ports.map(|port| (port.port, protocol(&port.protocol), specific(&port.host_ip))).collect()
}

fn resolve(state: &ClusterState, pod: &Pod, term: &PodAffinityTerm) -> Term {
    let namespaces = match &term.namespace_selector {
        Some(all) if *all == LabelSelector::default() => Namespaces::All,
        selector => {
            let mut names: BTreeSet<String> = term.namespaces.iter().cloned().collect();
            if let Some(selector) = selector {
                let known = state.policies.as_ref().map_or(&[][..], |part| &part.items.namespaces);
                let chosen = known.iter().filter(|one| selects(Some(selector), &one.labels));
                names.extend(chosen.map(|one| one.name.clone()));
            } else if names.is_empty() {
                names.insert(pod.namespace().to_owned());
            }
            Namespaces::Some(names)
        }
    };
    let selector = term.selector.clone().map(|selector| {
        let shared = with_own_labels(selector, &term.match_label_keys, &pod.labels, Operator::In);
        with_own_labels(shared, &term.mismatch_label_keys, &pod.labels, Operator::NotIn)
    });
    Term { namespaces, selector }
}

fn with_own_labels(
    mut selector: LabelSelector,
    keys: &[String],
    labels: &Labels,
    operator: Operator,
) -> LabelSelector {
    for key in keys {
        if let Some(value) = labels.get(key) {
            let requirement =
                Requirement { key: key.clone(), operator, values: vec![value.clone()] };
            selector.match_expressions.push(requirement);
        }
    }
    selector
}

fn group(spec: &Spec, keys: &Keys) -> Group {
    match spec {
        Spec::Anti(key, _) => Group { key: keys.id(key), rule: Rule::Exclusive },
        Spec::Near(key, _) => Group { key: keys.id(key), rule: Rule::Together },
        Spec::Spread { key, max_skew, min_domains, eligible, .. } => {
            let id = keys.id(key);
            // A zone whose last node goes is still a zone with no pods to the scheduler while the
            // node drains. A node that goes is none: its pods wait until it is gone.
            let domains = if id == NODE_KEY { 0 } else { eligible.len() as u32 };
            Group {
                key: id,
                rule: Rule::Spread {
                    max_skew: *max_skew,
                    min_domains: (*min_domains).max(domains),
                    eligible: eligible.clone(),
                },
            }
        }
        Spec::Port(..) => Group { key: NODE_KEY, rule: Rule::Exclusive },
    }
}

fn meaning(spec: &Spec) -> GroupMeaning {
    let (code, text) = match spec {
        Spec::Anti(key, _) => {
            (ReasonCode::PodAntiAffinity, format!("required anti-affinity per {key}"))
        }
        Spec::Near(key, _) => (ReasonCode::PodAffinity, format!("required affinity per {key}")),
        Spec::Spread { key, max_skew, .. } => {
            (ReasonCode::TopologySpread, format!("spread over {key} with skew {max_skew}"))
        }
        Spec::Port(port, protocol, _) => {
            (ReasonCode::HostPort, format!("port {port}/{protocol} of the node"))
        }
    };
    GroupMeaning { code, text }
}

/// Topology keys in use and the domain of every node under each.
#[derive(Default)]
struct Keys {
    names: Vec<String>,
    domains: Vec<Vec<u32>>,
}

impl Keys {
    /// The number of a key; the host name is the node itself.
    fn add(&mut self, key: &str, nodes: &[&Node]) -> u32 {
        if key == well_known::HOSTNAME {
            return NODE_KEY;
        }
        if let Some(at) = self.names.iter().position(|name| name == key) {
            return at as u32 + 1;
        }
        let mut values: Vec<&str> = nodes.iter().filter_map(|node| node.label(key)).collect();
        values.sort_unstable();
        values.dedup();
        let domain = |node: &&Node| {
            let value = node.label(key)?;
            values.binary_search(&value).ok().map(|at| at as u32)
        };
        self.domains.push(nodes.iter().map(|node| domain(node).unwrap_or(NO_DOMAIN)).collect());
        self.names.push(key.to_owned());
        self.names.len() as u32
    }

    fn id(&self, key: &str) -> u32 {
        self.names.iter().position(|name| name == key).map_or(NODE_KEY, |at| at as u32 + 1)
    }

    fn domain(&self, key: u32, node: usize) -> u32 {
        match key {
            NODE_KEY => node as u32,
            key => self.domains[key as usize - 1][node],
        }
    }

    fn domains_of(&self, node: usize) -> Vec<u32> {
        self.domains.iter().map(|domains| domains[node]).collect()
    }
}

/// The one address of a port, or `None` for every address.
fn specific(address: &str) -> Option<&str> {
    (!matches!(address, "" | "0.0.0.0" | "::")).then_some(address)
}

fn protocol(written: &str) -> String {
    if written.is_empty() { "TCP".to_owned() } else { written.to_owned() }
}
