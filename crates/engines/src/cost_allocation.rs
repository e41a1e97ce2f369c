//! What a cluster costs now, and whose it is.
//!
//! Each node's price goes to processors, memory and accelerators in proportion to what OpenCost
//! values them at, and from there to the pods on it by the larger of request and use; what is left
//! is idle, what the node keeps for itself is its system's
//! (<https://opencost.io/docs/specification/>, sections 2.2 to 2.4).
//! Shares are whole billionths of a dollar and add up to what was shared.
//! This module does not know what was billed, and foretells nothing.

mod attached;
mod machines;
mod remarks;
mod rows;
mod shares;
mod takings;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use facts::cluster::{ClusterState, Node, Pod, well_known};
use facts::decision::{DataSource, PriceUsed, RateUsed, Warning};
use facts::names::Region;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use units::UsdPerHour;

use crate::bin_packing::region_of;
use crate::commitments::Commitments;
use crate::machine_prices::{Machine, MachineNeed, MachinePrices};
use crate::price_book::PriceBook;
use crate::traffic_view::Workloads;
use attached::{Attached, AttachedKind};
use machines::{Part, PricedNode};
use rows::{MachinePart, Sum};
use shares::shares;
use takings::{Amounts, Measurements};

pub use rows::CostRow;

/// How a cluster's cost is divided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CostsBy {
    /// By the namespace of pods.
    Namespace,
    /// By the value of a label of pods.
    Label(String),
    /// By the object that a person would change, such as a Deployment.
    Workload,
    /// By the pool or group that launched the node; what is idle on its nodes belongs to a pool.
    NodePool,
}

/// What a cluster costs at an instant.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CostReport {
    /// The cluster.
    pub cluster_id: Option<String>,
    /// Its region.
    pub region: Option<Region>,
    /// When the snapshot was taken.
    pub taken_at: Option<Timestamp>,
    /// As of when things are priced.
    pub priced_at: Timestamp,
    /// How the rows are made: `namespace`, `label:<key>`, `workload` or `node_pool`.
    pub by: String,
    /// How many nodes the snapshot has.
    pub nodes: u64,
    /// How many of them have no known price, and are in no sum.
    pub nodes_without_price: u64,
    /// How many have a list price, but not what is paid of it.
    pub nodes_without_effective_price: u64,
    /// How many pods are on nodes.
    pub pods: u64,
    /// How many pods wait for a node, and cost nothing.
    pub pods_waiting: u64,
    /// Everything together: the sum of the rows, `null` where nothing has a price.
    pub total: CostRow,
    /// The rows, the dearest first.
    pub rows: Vec<CostRow>,
    /// Prices of machines that were used.
    pub prices: Vec<PriceUsed>,
    /// Prices of other things that were used.
    pub rates: Vec<RateUsed>,
    /// Where the prices of machines come from.
    pub data_sources: Vec<DataSource>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
    /// How the sums come about.
    pub method: String,
}

/// How the sums come about, for people.
const METHOD: &str = "a node's price goes to processors, memory and accelerators as 0.031611 : \
    0.004237 : 0.95 dollars a core, gibibyte and accelerator (OpenCost's default prices), and to \
    pods by the larger of request and use; the rest is idle; volumes and load balancers go in equal \
    parts to the pods that they serve";

/// What is asked of the market.
#[must_use]
pub fn need(state: &ClusterState, now: Timestamp) -> MachineNeed {
    let unstated = state.node_items().iter().filter(|node| node.usd_per_hour.is_none());
    MachineNeed::new(now, unstated.filter_map(|node| Machine::of_node(state, node)))
}

/// What a cluster costs, by whoever is asked for.
#[must_use]
pub fn allocate(
    state: &ClusterState,
    by: &CostsBy,
    prices: &MachinePrices,
    book: &PriceBook,
    now: Timestamp,
) -> CostReport {
    let (nodes, prices_used) = machines::priced(state, prices, now);
    let mut shared = Shared::of(state, by, &nodes);
    shared.share_nodes(&nodes);
    let is_placed = |pod: &Pod| is_placed(pod);
    let (things, rates) = attached::attached(state, book, &is_placed);
    let discount = Commitments::of(state, now).discount().complement();
    for thing in &things {
        let paid = thing.list.map(|nanos| UsdPerHour::from_nanos(nanos).scaled(discount).nanos());
        shared.share_thing(thing, paid);
    }
    let unpriced = nodes.iter().filter(|one| one.list.is_none()).count() as u64;
    let unpaid = nodes.iter().filter(|one| one.list.is_some() && one.effective.is_none()).count();
    let waiting = state.pod_items().iter().filter(|pod| pod.is_active() && pod.node.is_none());
    CostReport {
        cluster_id: state.cluster_id.clone(),
        region: region_of(state),
        taken_at: state.taken_at,
        priced_at: now,
        by: by.to_string(),
        nodes: nodes.len() as u64,
        nodes_without_price: unpriced,
        nodes_without_effective_price: unpaid as u64,
        pods: shared.pods,
        pods_waiting: waiting.count() as u64,
        warnings: remarks::warnings(state, &nodes, &things, &shared, now),
        total: shared.total.row("total".to_owned()),
        rows: rows::rows(shared.sums),
        prices: prices_used,
        rates,
        data_sources: prices.sources.clone(),
        method: METHOD.to_owned(),
    }
}

impl fmt::Display for CostsBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CostsBy::Namespace => formatter.write_str("namespace"),
            CostsBy::Label(key) => write!(formatter, "label:{key}"),
            CostsBy::Workload => formatter.write_str("workload"),
            CostsBy::NodePool => formatter.write_str("node_pool"),
        }
    }
}

impl FromStr for CostsBy {
    type Err = String;
    fn from_str(text: &str) -> Result<CostsBy, String> {
        match text {
            "namespace" => Ok(CostsBy::Namespace),
            "workload" => Ok(CostsBy::Workload),
            "node_pool" | "node-pool" => Ok(CostsBy::NodePool),
            _ => match text.strip_prefix("label:") {
                Some(key) if !key.is_empty() => Ok(CostsBy::Label(key.to_owned())),
                _ => Err("expected namespace, label:<key>, workload or node_pool".to_owned()),
            },
        }
    }
}

/// Whether a pod holds room on a node.
fn is_placed(pod: &Pod) -> bool {
    pod.is_active() && pod.node.is_some()
}

/// The pool of a node: what its snapshot says, else the label of Karpenter or of EKS.
fn pool_of(node: &Node) -> Option<&str> {
    let labels = [well_known::KARPENTER_NODE_POOL, well_known::EKS_NODE_GROUP];
    node.node_pool.as_deref().or_else(|| labels.into_iter().find_map(|key| node.label(key)))
}

/// What is shared out so far.
struct Shared<'a> {
    state: &'a ClusterState,
    by: &'a CostsBy,
    /// The group of each pod, by its place in the snapshot.
    groups: Vec<String>,
    /// What each pod takes, by its place.
    taken: Vec<Amounts>,
    sums: BTreeMap<String, Sum>,
    total: Sum,
    pods: u64,
    without_amounts: u64,
    on_unknown_nodes: u64,
    without_size: u64,
}

const UNALLOCATED: &str = "__unallocated__";

impl<'a> Shared<'a> {
    fn of(state: &'a ClusterState, by: &'a CostsBy, nodes: &[PricedNode<'_>]) -> Shared<'a> {
        let measured = Measurements::of(state);
        let taken = state.pod_items().iter().map(|pod| measured.taken(pod)).collect();
        Shared {
            state,
            by,
            groups: groups(state, by, nodes),
            taken,
            sums: BTreeMap::new(),
            total: Sum::default(),
            pods: 0,
            without_amounts: 0,
            on_unknown_nodes: 0,
            without_size: 0,
        }
    }

    fn share_nodes(&mut self, nodes: &[PricedNode<'_>]) {
        let all = self.state.pod_items();
        let mut on: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, pod) in all.iter().enumerate().filter(|(_, pod)| is_placed(pod)) {
            on.entry(pod.node.as_deref().unwrap_or_default()).or_default().push(place);
        }
        for pods in on.values_mut() {
            let key = |place: &usize| {
                let pod = &all[*place];
                (pod.namespace(), &pod.name, &pod.uid, &pod.labels, &pod.owner, self.taken[*place])
            };
            pods.sort_by(|a, b| key(a).cmp(&key(b)));
        }
        for node in nodes {
            let pods = on.remove(node.node.name.as_str()).unwrap_or_default();
            self.share_node(node, &pods);
        }
        for place in on.into_values().flatten() {
            self.on_unknown_nodes += 1;
            self.pods += 1;
            let taken = self.taken[place];
            for sum in self.both(&self.groups[place].clone()) {
                sum.add_pod(place, taken);
                sum.add_unknown();
            }
        }
    }

    fn share_node(&mut self, node: &PricedNode<'_>, pods: &[usize]) {
        let taken: Vec<Amounts> = pods.iter().map(|place| self.taken[*place]).collect();
        let divided = machines::divided(node, &taken);
        self.without_size += u64::from(!divided.has_size);
        let known = (node.list.is_some(), node.effective.is_some());
        let part = |part: Part| MachinePart { part, is_spot: node.is_spot, known };
        for ((place, taken), own) in pods.iter().zip(&taken).zip(divided.pods) {
            self.pods += 1;
            self.without_amounts += u64::from(taken.is_nothing());
            for sum in self.both(&self.groups[*place].clone()) {
                sum.add_pod(*place, *taken);
                if taken.is_nothing() {
                    sum.add_unmeasured();
                } else {
                    sum.add_machine(&part(own));
                }
            }
        }
        // What is idle on a pool's nodes is the pool's own.
        let pool = (*self.by == CostsBy::NodePool)
            .then(|| pool_of(node.node).unwrap_or(UNALLOCATED).to_owned());
        let group = |own: &str| pool.clone().unwrap_or_else(|| own.to_owned());
        for sum in self.both(&group("__idle__")) {
            sum.add_idle(&part(divided.idle));
        }
        if divided.system != Part::default() {
            for sum in self.both(&group("__system__")) {
                sum.add_system(&part(divided.system));
            }
        }
    }

    fn share_thing(&mut self, thing: &Attached, paid: Option<i64>) {
        let is_storage = thing.kind != AttachedKind::LoadBalancer;
        let cost = thing.list.zip(paid);
        // In the order of names, so that a remainder falls on the same pod however they lie.
        let all = self.state.pod_items();
        let mut pods = thing.pods.clone();
        pods.sort_by_key(|place| (all[*place].namespace(), &all[*place].name, &all[*place].uid));
        let mut groups: Vec<String> =
            pods.iter().map(|place| self.groups[*place].clone()).collect();
        if groups.is_empty() {
            let own = match thing.kind {
                AttachedKind::Volume => "__unmounted__",
                AttachedKind::NodeDisk => "__node_disks__",
                AttachedKind::LoadBalancer => "__load_balancers__",
            };
            groups.push(own.to_owned());
        }
        let equal = vec![1; groups.len()];
        let parts = cost.map(|(list, paid)| (shares(list, &equal), shares(paid, &equal)));
        for (at, group) in groups.iter().enumerate() {
            let share = parts.as_ref().map(|(list, paid)| (list[at], paid[at]));
            for sum in self.both(group) {
                sum.add_attached(is_storage, share);
            }
        }
    }

    /// The sum of a group and that of everything.
    fn both(&mut self, group: &str) -> [&mut Sum; 2] {
        let own = self.sums.entry(group.to_owned()).or_default();
        [own, &mut self.total]
    }
}

/// The group of each pod, by its place in the snapshot.
fn groups(state: &ClusterState, by: &CostsBy, nodes: &[PricedNode<'_>]) -> Vec<String> {
    let all = state.pod_items();
    let or_none = |found: Option<&str>| found.unwrap_or(UNALLOCATED).to_owned();
    match by {
        CostsBy::Namespace => all.iter().map(|pod| pod.namespace().to_owned()).collect(),
        CostsBy::Label(key) => {
            all.iter().map(|pod| or_none(pod.labels.get(key).map(String::as_str))).collect()
        }
        CostsBy::Workload => {
            let workloads = Workloads::of(state);
            let name = |found: &Option<u32>| {
                let key = found.and_then(|place| workloads.keys.get(place as usize));
                key.map_or_else(|| UNALLOCATED.to_owned(), ToString::to_string)
            };
            workloads.of_pod.iter().map(name).collect()
        }
        CostsBy::NodePool => {
            let pools: BTreeMap<&str, Option<&str>> =
                nodes.iter().map(|one| (one.node.name.as_str(), pool_of(one.node))).collect();
            let pool = |pod: &Pod| *pools.get(pod.node.as_deref()?)?;
            all.iter().map(|pod| or_none(pool(pod))).collect()
        }
    }
}
