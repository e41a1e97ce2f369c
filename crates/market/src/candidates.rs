//! Which instance types may be considered at all.

use std::collections::BTreeSet;

use facts::names::{Architecture, InstanceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Bytes;

use crate::Instance;

/// Limits on instance types. An empty list allows everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InstanceFilter {
    /// Only these architectures.
    pub architectures: BTreeSet<Architecture>,
    /// Only these families, such as `m7g`.
    pub families: BTreeSet<String>,
    /// None of these families.
    pub excluded_families: BTreeSet<String>,
    /// Only these categories, such as `m`, `c` and `r`.
    pub categories: BTreeSet<String>,
    /// Only these types. They are allowed even where one of the four switches below forbids them,
    /// because they were asked for by name.
    pub instance_types: BTreeSet<InstanceType>,
    /// None of these types.
    pub excluded_instance_types: BTreeSet<InstanceType>,
    /// At least so many virtual processors.
    pub min_vcpu: Option<u32>,
    /// At most so many virtual processors.
    pub max_vcpu: Option<u32>,
    /// At least so much memory as sold.
    pub min_memory: Option<Bytes>,
    /// At most so much memory as sold.
    pub max_memory: Option<Bytes>,
    /// Only what Amazon lists as a current generation.
    pub current_generation_only: bool,
    /// Also types on processor credits.
    pub burstable: bool,
    /// Also whole machines.
    pub bare_metal: bool,
    /// Also types with graphics processors or other accelerators.
    pub accelerated: bool,
}

impl Default for InstanceFilter {
    /// Everything of a current generation that is not burstable, bare metal or accelerated.
    fn default() -> InstanceFilter {
        InstanceFilter {
            architectures: BTreeSet::new(),
            families: BTreeSet::new(),
            excluded_families: BTreeSet::new(),
            categories: BTreeSet::new(),
            instance_types: BTreeSet::new(),
            excluded_instance_types: BTreeSet::new(),
            min_vcpu: None,
            max_vcpu: None,
            min_memory: None,
            max_memory: None,
            current_generation_only: true,
            burstable: false,
            bare_metal: false,
            accelerated: false,
        }
    }
}

impl InstanceFilter {
    /// A filter that lets every type through.
    #[must_use]
    pub fn everything() -> InstanceFilter {
        InstanceFilter {
            current_generation_only: false,
            burstable: true,
            bare_metal: true,
            accelerated: true,
            ..InstanceFilter::default()
        }
    }

    /// Whether a type passes.
    #[must_use]
    pub fn allows(&self, instance: &Instance) -> bool {
        let named = self.instance_types.contains(&instance.instance_type);
        let kind_allowed = (instance.current_generation || !self.current_generation_only)
            && (self.burstable || !instance.burstable)
            && (self.bare_metal || !instance.bare_metal)
            && (self.accelerated || !instance.accelerated());
        let family = instance.instance_type.family();
        (named || (self.instance_types.is_empty() && kind_allowed))
            && !self.excluded_instance_types.contains(&instance.instance_type)
            && !self.excluded_families.contains(family)
            && (self.families.is_empty() || self.families.contains(family))
            && (self.categories.is_empty() || self.categories.contains(&instance.category))
            && (self.architectures.is_empty()
                || self.architectures.contains(&instance.architecture))
            && self.min_vcpu.is_none_or(|least| instance.vcpu >= least)
            && self.max_vcpu.is_none_or(|most| instance.vcpu <= most)
            && self.min_memory.is_none_or(|least| instance.memory >= least)
            && self.max_memory.is_none_or(|most| instance.memory <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundled;

    #[test]
    fn filters_let_through_what_they_say() {
        let market = bundled();
        let check = |filter: InstanceFilter, named: &str, passes: bool| {
            let named: InstanceType = named.parse().unwrap();
            let found = market.candidates(&filter).any(|instance| instance.instance_type == named);
            assert_eq!(found, passes, "{named} by {filter:?}");
        };
        let default = InstanceFilter::default;
        check(default(), "m7g.large", true);
        check(default(), "t3.medium", false);
        check(default(), "m5.metal", false);
        check(default(), "g5.xlarge", false);
        check(default(), "m3.large", false);
        check(InstanceFilter::everything(), "m3.large", true);
        check(InstanceFilter { burstable: true, ..default() }, "t3.medium", true);
        let amd64 = BTreeSet::from([Architecture::Amd64]);
        check(InstanceFilter { architectures: amd64, ..default() }, "m7g.large", false);
        check(InstanceFilter { max_vcpu: Some(2), ..default() }, "m7g.xlarge", false);
        check(
            InstanceFilter { categories: ["c".to_owned()].into(), ..default() },
            "m7g.large",
            false,
        );
        let t3: BTreeSet<InstanceType> = ["t3.medium".parse().unwrap()].into();
        check(InstanceFilter { instance_types: t3.clone(), ..default() }, "t3.medium", true);
        check(InstanceFilter { instance_types: t3.clone(), ..default() }, "m7g.large", false);
        check(
            InstanceFilter { excluded_instance_types: t3, burstable: true, ..default() },
            "t3.medium",
            false,
        );
    }
}
