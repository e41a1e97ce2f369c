//! How many EBS volumes fit on a node.
//!
//! Rule: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/volume_limits.html>. Xen types take 40
//! on Linux. Some Nitro families have a limit of their own that depends on the size; all other Nitro
//! types share 28 attachments among volumes, network interfaces, local NVMe disks and accelerators.

use crate::{Hypervisor, Instance};

const TABLE: &str = include_str!("../data/volume_limits.csv");

/// Attachments that most Nitro types share among devices of all kinds.
const SHARED: u16 = 28;

/// Volumes of a Xen type on Linux, beyond which Amazon supports them on a best-effort basis only.
const XEN: u16 = 40;

/// The root volume of a node is a volume too.
const ROOT: u16 = 1;

impl Instance {
    /// How many EBS volumes beside the root volume can be attached to a Linux node that has
    /// `interfaces` network interfaces; at least one is counted.
    ///
    /// Rounds down where Amazon publishes no figure, so that a placement that passes here also
    /// passes on the machine: the number of local disks is bounded from above, and every
    /// accelerator counts as an attachment.
    #[must_use]
    pub fn attachable_volumes(&self, interfaces: u16) -> u16 {
        if self.hypervisor == Some(Hypervisor::Xen) {
            return XEN - ROOT;
        }
        let (family, size) = (self.instance_type.family(), self.instance_type.size());
        if rows("family").any(|(name, _)| name == family)
            && let Some(limit) = limit_of("size", size)
        {
            return limit.saturating_sub(ROOT);
        }
        let left = SHARED
            .saturating_sub(ROOT)
            .saturating_sub(interfaces.max(1))
            .saturating_sub(self.most_local_disks())
            .saturating_sub(self.most_accelerators());
        limit_of("type", self.instance_type.as_str()).map_or(left, |limit| limit.min(left))
    }

    /// Local disks are published as a total of decimal gigabytes. Types with several disks have
    /// none under 300 GB, and no type has more than eight NVMe disks.
    fn most_local_disks(&self) -> u16 {
        u16::try_from(self.local_nvme_gb.div_ceil(300).min(8)).unwrap_or(8)
    }

    fn most_accelerators(&self) -> u16 {
        let devices = [&self.gpu, &self.accelerator];
        let count: u32 = devices.into_iter().flatten().map(|device| device.count.min(16)).sum();
        u16::try_from(count.min(16)).unwrap_or(16)
    }
}

fn rows(kind: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter_map(move |line| {
        let (name, volumes) = line.strip_prefix(kind)?.strip_prefix(',')?.split_once(',')?;
        Some((name, volumes))
    })
}

fn limit_of(kind: &'static str, wanted: &str) -> Option<u16> {
    rows(kind).find(|(name, _)| *name == wanted)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::bundled;

    #[test]
    fn volumes_follow_the_published_rule() {
        let market = bundled();
        let check = |named: &str, interfaces: u16, volumes: u16| {
            let instance = market.instance(&named.parse().unwrap()).unwrap();
            assert_eq!(instance.attachable_volumes(interfaces), volumes, "{named}");
        };
        check("m4.large", 1, 39);
        check("m5.large", 1, 26);
        check("m5.large", 3, 24);
        check("m5d.large", 1, 25);
        check("i3en.24xlarge", 15, 4);
        check("m7i.large", 3, 31);
        check("m7i.48xlarge", 15, 127);
        check("d3en.12xlarge", 1, 3);
        check("g5.48xlarge", 1, 9);
        check("m5.large", 40, 0);
    }
}
