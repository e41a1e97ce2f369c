//! What an operator may choose about sizes of containers and machines.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, MilliCpu};

/// How sizes are chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RightsizingPolicy {
    /// Whether requests and limits of containers are looked at.
    pub containers: bool,
    /// Whether instance types of nodes are looked at.
    pub instances: bool,
    /// The processor request is this quantile of the use, 0 to 1.
    pub cpu_quantile: f64,
    /// The share of pods whose next peak may lie above the memory request, for workloads that serve.
    pub memory_risk: f64,
    /// The same for jobs, which are started again when they fail.
    pub memory_risk_of_jobs: f64,
    /// The memory request is this multiple of the peak that is expected.
    pub memory_margin: f64,
    /// How many standard deviations above the mean of the logarithms of peaks are expected where
    /// there are too few containers to find it out.
    pub memory_deviations: f64,
    /// No processor request falls below this.
    pub least_cpu: MilliCpu,
    /// No memory request falls below this.
    pub least_memory: Bytes,
    /// What becomes of processor limits. Where there is none, none is proposed.
    pub cpu_limits: CpuLimits,
    /// What becomes of memory limits.
    pub memory_limits: MemoryLimits,
    /// Measurements that a container needs before anything is said.
    pub min_samples: u64,
    /// Runs that a job needs where it has fewer measurements than that.
    pub min_runs: u64,
    /// Days of history before anything is made smaller.
    pub min_days: f64,
    /// Days of history before anything is made larger.
    pub min_days_to_grow: f64,
    /// A request stays as it is when it would change by no more than this share.
    pub tolerance: f64,
    /// A container that is held back by its limit for more than this share of the time is given no
    /// smaller processor request: its use does not show its need.
    pub throttled_above: f64,
    /// A machine is looked at when pods use less than this share of its processors or memory.
    pub downsize_below: f64,
    /// A machine is made larger when pods use more than this share of its processors or memory.
    pub upsize_above: f64,
    /// Use may grow by this share on the new machine before `upsize_above` is reached.
    pub buffer: f64,
    /// Another type must save at least this share of what the group costs.
    pub min_saving_share: f64,
    /// Forecasts that differ by more than this share go to a person.
    pub review_divergence: f64,
    /// What may be larger goes before what may be smaller.
    pub upsizes_first: bool,
    /// Which machines may be chosen.
    pub machines: MachineChoice,
    /// Families that suit a kind of workload.
    pub preferences: BTreeMap<WorkloadClass, BTreeSet<String>>,
    /// What the nodes of each pool or group are for.
    pub class_of_pool: BTreeMap<String, WorkloadClass>,
    /// What nodes are for of which nothing else says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_class: Option<WorkloadClass>,
    /// Namespaces whose containers stay as they are.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub excluded_namespaces: BTreeSet<String>,
}

impl Default for RightsizingPolicy {
    fn default() -> RightsizingPolicy {
        let families = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        RightsizingPolicy {
            containers: true,
            instances: true,
            cpu_quantile: 0.95,
            memory_risk: 0.01,
            memory_risk_of_jobs: 0.05,
            memory_margin: 1.05,
            memory_deviations: 2.0,
            least_cpu: MilliCpu(10),
            least_memory: Bytes::from_mib(100),
            cpu_limits: CpuLimits::Keep,
            memory_limits: MemoryLimits::Equal,
            min_samples: 100,
            min_runs: 5,
            min_days: 14.0,
            min_days_to_grow: 1.0,
            tolerance: 0.10,
            throttled_above: 0.05,
            downsize_below: 0.50,
            upsize_above: 0.80,
            buffer: 0.20,
            min_saving_share: 0.10,
            review_divergence: 0.30,
            upsizes_first: true,
            machines: MachineChoice::default(),
            preferences: BTreeMap::from([
                (WorkloadClass::Web, families(&["t3", "t3a", "m6i"])),
                (WorkloadClass::Database, families(&["r6i", "r5"])),
                (WorkloadClass::Ml, families(&["p3", "g4dn", "c6i"])),
                (WorkloadClass::Batch, families(&["c6i", "c5"])),
                (WorkloadClass::Cache, families(&["r6i", "x2gd"])),
            ]),
            class_of_pool: BTreeMap::new(),
            workload_class: None,
            excluded_namespaces: BTreeSet::new(),
        }
    }
}

/// What becomes of processor limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CpuLimits {
    /// They stay, and rise where the request would lie above.
    Keep,
    /// They keep their proportion to the request.
    KeepRatio,
    /// They are taken away.
    Remove,
}

/// What becomes of memory limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoryLimits {
    /// The limit is the request: a node then never runs short of what it promised.
    Equal,
    /// They keep their proportion to the request; where there is none, none is proposed.
    KeepRatio,
    /// They stay, and rise where the request would lie above.
    Keep,
}

/// Kinds of workload that prefer certain machines.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadClass {
    /// Answers people.
    Web,
    /// Keeps data.
    Database,
    /// Trains or asks models.
    Ml,
    /// Works through queues.
    Batch,
    /// Keeps data in memory.
    Cache,
}

impl WorkloadClass {
    /// The class of a text such as a label's value.
    #[must_use]
    pub fn of(text: &str) -> Option<WorkloadClass> {
        Some(match text.to_ascii_lowercase().as_str() {
            "web" => WorkloadClass::Web,
            "database" | "db" => WorkloadClass::Database,
            "ml" => WorkloadClass::Ml,
            "batch" => WorkloadClass::Batch,
            "cache" => WorkloadClass::Cache,
            _ => return None,
        })
    }
}

/// Which machines may be chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MachineChoice {
    /// At least so many processors as sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_cpu_cores: Option<u32>,
    /// At most so many processors as sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cpu_cores: Option<u32>,
    /// At least so many gibibytes as sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_memory_gb: Option<f64>,
    /// At most so many gibibytes as sold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_memory_gb: Option<f64>,
    /// Only these types; all where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_instance_types: Option<BTreeSet<String>>,
    /// None of these types.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub blocked_instance_types: BTreeSet<String>,
}

/// Limits of a caller: each can only make a plan smaller or gentler.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RightsizingConstraints {
    /// At least so many processors as sold.
    pub min_cpu_cores: Option<u32>,
    /// At most so many processors as sold.
    pub max_cpu_cores: Option<u32>,
    /// At least so many gibibytes as sold.
    pub min_memory_gb: Option<f64>,
    /// At most so many gibibytes as sold.
    pub max_memory_gb: Option<f64>,
    /// Only these types.
    pub allowed_instance_types: Option<BTreeSet<String>>,
    /// None of these types.
    pub blocked_instance_types: BTreeSet<String>,
    /// Namespaces whose containers stay as they are.
    pub excluded_namespaces: BTreeSet<String>,
    /// Days of history before anything is made smaller.
    pub min_days: Option<f64>,
    /// A request stays as it is when it would change by no more than this share.
    pub tolerance: Option<f64>,
    /// `false` leaves containers alone.
    pub containers: Option<bool>,
    /// `false` leaves machines alone.
    pub instances: Option<bool>,
}

impl RightsizingPolicy {
    /// Applies limits; none of them can loosen the policy.
    pub fn tighten(&mut self, limits: RightsizingConstraints) {
        fn raise<T: PartialOrd>(own: &mut Option<T>, limit: Option<T>) {
            if let Some(limit) = limit
                && own.as_ref().is_none_or(|own| limit > *own)
            {
                *own = Some(limit);
            }
        }
        fn lower<T: PartialOrd>(own: &mut Option<T>, limit: Option<T>) {
            if let Some(limit) = limit
                && own.as_ref().is_none_or(|own| limit < *own)
            {
                *own = Some(limit);
            }
        }
        let machines = &mut self.machines;
        raise(&mut machines.min_cpu_cores, limits.min_cpu_cores);
        lower(&mut machines.max_cpu_cores, limits.max_cpu_cores);
        raise(&mut machines.min_memory_gb, limits.min_memory_gb);
        lower(&mut machines.max_memory_gb, limits.max_memory_gb);
        if let Some(allowed) = limits.allowed_instance_types {
            machines.allowed_instance_types = Some(match &machines.allowed_instance_types {
                Some(own) => own.intersection(&allowed).cloned().collect(),
                None => allowed,
            });
        }
        machines.blocked_instance_types.extend(limits.blocked_instance_types);
        self.excluded_namespaces.extend(limits.excluded_namespaces);
        if let Some(days) = limits.min_days {
            self.min_days = self.min_days.max(days);
        }
        if let Some(tolerance) = limits.tolerance {
            self.tolerance = self.tolerance.max(tolerance);
        }
        self.containers &= limits.containers.unwrap_or(true);
        self.instances &= limits.instances.unwrap_or(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_only_tighten() {
        let mut policy = RightsizingPolicy::default();
        policy.machines.max_memory_gb = Some(64.0);
        let limits: RightsizingConstraints = serde_json::from_str(
            r#"{"min_cpu_cores":2,"max_memory_gb":128,"allowed_instance_types":["m5.large"],
                "blocked_instance_types":["t3.micro"],"min_days":3,"tolerance":0.2,
                "instances":true,"containers":false}"#,
        )
        .unwrap();
        policy.tighten(limits.clone());
        assert_eq!(policy.machines.min_cpu_cores, Some(2));
        assert_eq!(policy.machines.max_memory_gb, Some(64.0));
        assert_eq!((policy.min_days, policy.tolerance), (14.0, 0.2));
        assert!(policy.instances && !policy.containers);
        policy.tighten(RightsizingConstraints {
            allowed_instance_types: Some(BTreeSet::from(["c5.large".to_owned()])),
            ..limits
        });
        assert_eq!(policy.machines.allowed_instance_types, Some(BTreeSet::new()));
    }
}
