//! What is shared out, put together by whoever asks: rows that add up to the whole.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use units::{Bytes, MilliCpu, Usd, UsdPerHour};

use super::machines::Part;
use super::takings::Amounts;

/// What one group costs. A sum leaves out what has no price; where nothing in it has one it is
/// `null`, and `reason` says of what.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CostRow {
    /// The namespace, value of the label, workload or node pool; or `__idle__` for what no pod asked
    /// for, `__system__` for what nodes keep for themselves, `__node_disks__`, `__unmounted__` for
    /// volumes that no pod mounts, `__load_balancers__` for those that no pod stands behind, and
    /// `__unallocated__` for pods without the label, pool or workload.
    pub group: String,
    /// How many pods of it are on nodes.
    pub pods: u64,
    /// Dollars an hour at list and spot prices.
    pub usd_per_hour: Option<UsdPerHour>,
    /// The same for a month of 730 hours.
    pub usd_per_month: Option<Usd>,
    /// Dollars an hour that are paid, discounts taken off.
    pub effective_usd_per_hour: Option<UsdPerHour>,
    /// Of what is paid: machines.
    pub effective_machines_usd_per_hour: Option<UsdPerHour>,
    /// Of what is paid: volumes.
    pub effective_storage_usd_per_hour: Option<UsdPerHour>,
    /// Of what is paid: load balancers.
    pub effective_load_balancer_usd_per_hour: Option<UsdPerHour>,
    /// Of the list price: On-Demand machines.
    pub on_demand_usd_per_hour: Option<UsdPerHour>,
    /// Of the list price: spot machines.
    pub spot_usd_per_hour: Option<UsdPerHour>,
    /// Of the machines: processors.
    pub cpu_usd_per_hour: Option<UsdPerHour>,
    /// Of the machines: memory.
    pub memory_usd_per_hour: Option<UsdPerHour>,
    /// Of the machines: accelerators.
    pub gpu_usd_per_hour: Option<UsdPerHour>,
    /// Of the machines: what no pod asked for.
    pub idle_usd_per_hour: Option<UsdPerHour>,
    /// Of the machines: what nodes keep for themselves.
    pub system_usd_per_hour: Option<UsdPerHour>,
    /// Of the list price: volumes.
    pub storage_usd_per_hour: Option<UsdPerHour>,
    /// Of the list price: load balancers, without capacity units.
    pub load_balancer_usd_per_hour: Option<UsdPerHour>,
    /// Processors that its pods request or use, the larger of both.
    pub cpu_cores: f64,
    /// Memory that its pods request or use, in gibibytes.
    pub memory_gib: f64,
    /// How many parts of it (pods on nodes, volumes, load balancers) have no price.
    pub unpriced: u64,
    /// How many have a list price, but not what is paid of it.
    pub effective_unknown: u64,
    /// How many pods request nothing and were not measured: what they use counts as idle.
    pub unmeasured: u64,
    /// Why a sum is not all there is.
    pub reason: Option<String>,
}

/// What belongs to a group so far, in billionths of a dollar an hour.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    pods: BTreeSet<usize>,
    amounts: Amounts,
    machines: [i64; 3],
    bought: [i64; 2],
    idle: i64,
    system: i64,
    storage: i64,
    load_balancers: i64,
    /// Of machines, volumes and load balancers.
    effective: [i64; 3],
    priced: u64,
    unpriced: u64,
    effective_known: u64,
    effective_unknown: u64,
    unmeasured: u64,
}

/// A part of a node's cost that goes to a group.
pub(super) struct MachinePart {
    pub(super) part: Part,
    pub(super) is_spot: bool,
    /// Whether the node has a list price, and whether it is known what is paid of it.
    pub(super) known: (bool, bool),
}

impl Sum {
    pub(super) fn add_pod(&mut self, place: usize, taken: Amounts) {
        if self.pods.insert(place) {
            self.amounts = self.amounts.joined(taken, i64::saturating_add);
        }
    }

    pub(super) fn add_machine(&mut self, one: &MachinePart) -> i64 {
        self.count(one.known.0, one.known.1);
        let mut total = 0;
        for (sum, list) in self.machines.iter_mut().zip(one.part.list) {
            add(sum, list);
            add(&mut total, list);
        }
        add(&mut self.bought[usize::from(one.is_spot)], total);
        add(&mut self.effective[0], one.part.effective);
        total
    }

    pub(super) fn add_idle(&mut self, one: &MachinePart) {
        let all = self.add_machine(one);
        add(&mut self.idle, all);
    }

    pub(super) fn add_system(&mut self, one: &MachinePart) {
        let all = self.add_machine(one);
        add(&mut self.system, all);
    }

    /// Adds a share of something beside the nodes, at list price and as it is paid.
    pub(super) fn add_attached(&mut self, is_storage: bool, share: Option<(i64, i64)>) {
        self.count(share.is_some(), share.is_some());
        let (list, effective) = share.unwrap_or((0, 0));
        add(if is_storage { &mut self.storage } else { &mut self.load_balancers }, list);
        add(&mut self.effective[if is_storage { 1 } else { 2 }], effective);
    }

    /// Notes a part whose cost nothing tells.
    pub(super) fn add_unknown(&mut self) {
        self.count(false, false);
    }

    /// Notes a pod of which nothing tells what it takes.
    pub(super) fn add_unmeasured(&mut self) {
        self.unmeasured += 1;
    }

    fn count(&mut self, priced: bool, effective: bool) {
        self.priced += u64::from(priced);
        self.unpriced += u64::from(!priced);
        self.effective_known += u64::from(effective);
        self.effective_unknown += u64::from(priced && !effective);
    }

    pub(super) fn row(self, group: String) -> CostRow {
        let nothing_unknown = self.unpriced + self.unmeasured == 0;
        let is_known = self.priced > 0 || nothing_unknown;
        let known = |nanos: i64| is_known.then(|| UsdPerHour::from_nanos(nanos));
        let parts = self.machines.into_iter().chain([self.storage, self.load_balancers]);
        let total = known(parts.fold(0, i64::saturating_add));
        let pays = self.effective_known > 0 || (nothing_unknown && self.effective_unknown == 0);
        let paid = |nanos: i64| pays.then(|| UsdPerHour::from_nanos(nanos));
        let mut reasons = Vec::new();
        if self.unpriced > 0 {
            reasons.push(format!("parts without a known price: {}", self.unpriced));
        }
        if self.effective_unknown > 0 {
            reasons.push(format!(
                "parts on reserved instances, whose price is not told: {}",
                self.effective_unknown
            ));
        }
        if self.unmeasured > 0 {
            reasons.push(format!(
                "pods that request nothing and were not measured: {}",
                self.unmeasured
            ));
        }
        CostRow {
            group,
            pods: self.pods.len() as u64,
            usd_per_hour: total,
            usd_per_month: total.map(UsdPerHour::per_month),
            effective_usd_per_hour: paid(self.effective.into_iter().fold(0, i64::saturating_add)),
            effective_machines_usd_per_hour: paid(self.effective[0]),
            effective_storage_usd_per_hour: paid(self.effective[1]),
            effective_load_balancer_usd_per_hour: paid(self.effective[2]),
            on_demand_usd_per_hour: known(self.bought[0]),
            spot_usd_per_hour: known(self.bought[1]),
            cpu_usd_per_hour: known(self.machines[0]),
            memory_usd_per_hour: known(self.machines[1]),
            gpu_usd_per_hour: known(self.machines[2]),
            idle_usd_per_hour: known(self.idle),
            system_usd_per_hour: known(self.system),
            storage_usd_per_hour: known(self.storage),
            load_balancer_usd_per_hour: known(self.load_balancers),
            cpu_cores: MilliCpu(self.amounts.of[0]).cores(),
            memory_gib: Bytes(self.amounts.of[1]).gib(),
            unpriced: self.unpriced,
            effective_unknown: self.effective_unknown,
            unmeasured: self.unmeasured,
            reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        }
    }
}

fn add(sum: &mut i64, more: i64) {
    *sum = sum.saturating_add(more);
}

/// Rows, the dearest first, those without a cost last; of equals by name.
pub(super) fn rows(sums: BTreeMap<String, Sum>) -> Vec<CostRow> {
    let mut rows: Vec<CostRow> = sums.into_iter().map(|(group, sum)| sum.row(group)).collect();
    rows.sort_by_key(|row| Reverse(row.usd_per_hour));
    rows
}
