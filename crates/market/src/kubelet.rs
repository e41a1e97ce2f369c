//! What kubelet and the machine below it leave for pods, where nobody has measured it.
//!
//! The rules are those of Amazon's own node images (`awslabs/amazon-eks-ami`, `nodeadm`
//! `internal/kubelet/config.go`) and, for what the hypervisor keeps, of Karpenter's default
//! (`vmMemoryOverheadPercent` 7.5, and 64 MiB that ARM kernels set aside for contiguous memory).

use facts::names::Architecture;
use units::{Bytes, MilliCpu};

/// Pods that the VPC network plugin has addresses for: the first address of each interface of the
/// first network card is its own, and two pods use the node's.
pub(crate) fn max_pods(interfaces: u32, ipv4_per_interface: u32) -> u32 {
    interfaces.saturating_mul(ipv4_per_interface.saturating_sub(1)).saturating_add(2)
}

/// Processor time for pods: 6 % of the first processor is reserved, 1 % of the second, 0.5 % of the
/// next two and 0.25 % of all others.
pub(crate) fn allocatable_cpu(vcpu: u32) -> MilliCpu {
    let vcpu = i64::from(vcpu);
    let count = |from: i64, to: i64| (vcpu.min(to) - from).max(0);
    let reserved_tenths =
        600 * count(0, 1) + 100 * count(1, 2) + 50 * count(2, 4) + 25 * count(4, i64::MAX);
    MilliCpu(vcpu * 1000 - reserved_tenths / 10)
}

/// Memory for pods: 7.5 % is kept below the machine, 255 MiB and 11 MiB a pod are reserved, and
/// 100 MiB are the threshold of eviction.
pub(crate) fn allocatable_memory(
    memory_mib: u32,
    max_pods: u32,
    architecture: Architecture,
) -> Bytes {
    let sold = i64::from(memory_mib);
    let below = match architecture {
        Architecture::Amd64 => 0,
        Architecture::Arm64 => 64,
    };
    // In thousandths, so that nothing is rounded before the end.
    let seen = (sold - below) * 925 / 1000;
    Bytes::from_mib((seen - (255 + 11 * i64::from(max_pods)) - 100).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MarketFile, bundled_files};

    /// The published table was computed elsewhere; the rules here give each of its rows.
    #[test]
    fn the_rules_give_the_published_table() {
        let mut compared = 0;
        for file in bundled_files() {
            let MarketFile::Catalogue(file) = file else { continue };
            for instance in file.instances {
                let (Some(cpu), Some(memory), Some(pods)) =
                    (instance.allocatable_cpu, instance.allocatable_memory, instance.max_pods)
                else {
                    continue;
                };
                let name = &instance.instance_type;
                assert_eq!(allocatable_cpu(instance.vcpu), cpu, "{name}");
                let mib = u32::try_from(instance.memory.0 >> 20).unwrap();
                let computed = allocatable_memory(mib, pods, instance.architecture);
                assert_eq!(computed, memory, "{name}");
                compared += 1;
            }
        }
        assert!(compared > 1300, "{compared}");
    }
}
