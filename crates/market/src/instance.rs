//! What an instance type is: its size, and what kubelet leaves of it for pods.

use facts::names::{Architecture, InstanceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, MilliCpu};

/// One instance type of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Instance {
    /// The name.
    pub instance_type: InstanceType,
    /// Virtual processors as sold.
    pub vcpu: u32,
    /// Memory as sold.
    pub memory: Bytes,
    /// Processor architecture.
    pub architecture: Architecture,
    /// Who made the processor: `intel`, `amd` or `aws`; empty when not known.
    #[serde(default)]
    pub cpu_manufacturer: String,
    /// The letters before the generation digit: `m`, `c`, `r`, `t`, `hpc`, `trn` …
    pub category: String,
    /// The generation digit; 0 when the name has none.
    pub generation: u8,
    /// Whether Amazon lists it as a current generation; true where the source does not say.
    pub current_generation: bool,
    /// Whether its processors run on credits (the T family).
    pub burstable: bool,
    /// Whether it is a whole machine without a hypervisor.
    pub bare_metal: bool,
    /// Whether it is a `-flex` type, which gives full processor speed most of the time only.
    pub flex: bool,
    /// The hypervisor; `None` for bare metal and where not known.
    pub hypervisor: Option<Hypervisor>,
    /// Graphics processors.
    pub gpu: Option<Accelerator>,
    /// Inference, training, video or programmable-logic accelerators.
    pub accelerator: Option<Accelerator>,
    /// Local NVMe disk in decimal gigabytes; 0 for none.
    pub local_nvme_gb: u32,
    /// Baseline network bandwidth in megabits per second.
    pub network_mbps: Option<u32>,
    /// Baseline EBS bandwidth in megabits per second.
    pub ebs_mbps: Option<u32>,
    /// Network interfaces that can be attached.
    pub max_network_interfaces: Option<u16>,
    /// IPv4 addresses of one interface.
    pub ipv4_per_interface: Option<u16>,
    /// Pods that the VPC network plugin has addresses for without prefix delegation.
    pub max_pods: Option<u32>,
    /// Processor time that kubelet leaves for pods.
    pub allocatable_cpu: Option<MilliCpu>,
    /// Memory that kubelet leaves for pods.
    pub allocatable_memory: Option<Bytes>,
}

/// Accelerators of one kind on an instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Accelerator {
    /// The model, such as `a10g` or `inferentia2`.
    pub name: String,
    /// Whole devices; 0 for a share of one.
    pub count: u32,
    /// Memory of each device (of the share, for a share); `None` when not published.
    pub memory: Option<Bytes>,
}

/// Which virtualisation an instance type runs under.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Hypervisor {
    /// The Nitro system.
    Nitro,
    /// Xen, older than Nitro.
    Xen,
}

/// Categories whose purpose is an accelerator, whatever the device columns say
/// (FPGA and video types publish theirs elsewhere).
const ACCELERATED: &[&str] = &["dl", "f", "g", "gr", "inf", "p", "trn", "vt"];

impl Instance {
    /// Whether one pays for a graphics processor or another accelerator.
    #[must_use]
    pub fn accelerated(&self) -> bool {
        self.gpu.is_some()
            || self.accelerator.is_some()
            || ACCELERATED.contains(&self.category.as_str())
    }
}
