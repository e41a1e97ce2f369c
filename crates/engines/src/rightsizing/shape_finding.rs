//! What is said of a group of machines that should be of another type, and the step for it.

use facts::action::Target;
use facts::cluster::ResourceList;
use facts::finding::{CostCategory, Finding};
use facts::names::CapacityType;
use units::{Bytes, MilliCpu, UsdPerHour};

use super::shapes::{Chosen, NodeGroup, Reshape, Scene, round};
use super::{Direction, InstanceSize, RightsizingFinding, SizeChange};

impl Scene<'_> {
    pub(super) fn finding(
        &self,
        group: &NodeGroup<'_>,
        chosen: Chosen<'_>,
        saved: UsdPerHour,
    ) -> (RightsizingFinding, Reshape) {
        let nodes = group.nodes.len() as u32;
        let counted = if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") };
        let after: UsdPerHour = chosen.prices.values().map(|price| price.usd_per_hour).sum();
        let to = chosen.instance.instance_type.to_string();
        let spot = (group.capacity_type == CapacityType::Spot).then(|| {
            "another spot type is interrupted more or less often, which this engine does not judge"
                .to_owned()
        });
        let review = chosen.merged.review_reason.clone().or(spot);
        let share = |amount: [i64; 2], offered: [i64; 2]| {
            [0, 1].map(|at| round(amount[at] as f64 / offered[at].max(1) as f64))
        };
        let offered = [
            chosen.instance.allocatable_cpu.map_or(0, |cpu| cpu.0),
            chosen.instance.allocatable_memory.map_or(0, |memory| memory.0),
        ];
        let (now, then) =
            (share(chosen.load.used, chosen.offered), share(chosen.load.used, offered));
        let need = chosen.merged.need;
        let mut because = vec![
            format!(
                "pods use, or request where nothing was measured, at most {:.0} % of a node's \
                 processors and {:.0} % of its memory now, {:.0} % and {:.0} % afterwards",
                now[0] * 100.0,
                now[1] * 100.0,
                then[0] * 100.0,
                then[1] * 100.0
            ),
            format!(
                "{} of processors and {} of memory are needed; {to} leaves pods {} and {}",
                need.cpu,
                need.memory,
                MilliCpu(offered[0]),
                Bytes(offered[1])
            ),
        ];
        if let Some(class) = chosen.class {
            let beyond = if chosen.beyond_class { "; no family of its kind fits" } else { "" };
            because.push(format!("its nodes are for {class:?} workloads{beyond}").to_lowercase());
        }
        let target = group.target();
        let mut allocatable = ResourceList::of(MilliCpu(offered[0]), Bytes(offered[1]));
        allocatable.pods = chosen.instance.max_pods.map(i64::from);
        if let Some(gpu) = &chosen.instance.gpu {
            allocatable.other.insert("nvidia.com/gpu".to_owned(), i64::from(gpu.count));
        }
        let verb =
            if chosen.direction == Direction::Upsize { "too small" } else { "larger than needed" };
        let list = chosen.before - after;
        let found = RightsizingFinding {
            finding: Finding {
                finding: format!("instance:{}", group.name()),
                subject: target.clone(),
                cost_category: CostCategory::Compute,
                summary: format!(
                    "{counted} of {} in {}: {verb}; {to} holds what each carries",
                    group.from,
                    group.pool.map_or("no pool", |(_, name)| name)
                ),
                cost_usd_per_month: Some(chosen.before.per_month()),
                savings_usd_per_month: Some(saved.per_month()),
                formula: format!(
                    "{counted}: ${} now − ${} as {to} = ${} by list, of which ${} are really saved; \
                     × 730 hours",
                    chosen.before, after, list, saved
                ),
                confidence: chosen.merged.confidence,
                requires_review: review.is_some(),
                review_reason: review.clone(),
                owner: None,
                because,
            },
            direction: chosen.direction,
            change: SizeChange::Instance(Box::new(InstanceSize {
                current_instance_type: group.from.to_owned(),
                recommended_instance_type: to.clone(),
                capacity_type: group.capacity_type,
                nodes,
                current_usd_per_month: chosen.before.per_month(),
                recommended_usd_per_month: after.per_month(),
                needed: ResourceList::of(need.cpu, need.memory),
                offered: ResourceList::of(MilliCpu(offered[0]), Bytes(offered[1])),
                cpu_used_share: then[0],
                memory_used_share: then[1],
                workload_class: chosen.class,
            })),
        };
        let targets = if group.whole {
            vec![target]
        } else {
            let of = |node: &usize| {
                let node = &self.state.node_items()[*node];
                Target {
                    kind: "Node".to_owned(),
                    name: node.name.clone(),
                    uid: node.uid.clone(),
                    ..Target::default()
                }
            };
            group.nodes.iter().map(of).collect()
        };
        let reshape = Reshape {
            targets,
            from: group.from.to_owned(),
            to,
            allocatable,
            direction: chosen.direction,
            nodes,
            pods: u32::try_from(chosen.load.movable).unwrap_or(u32::MAX),
            review,
        };
        (found, reshape)
    }
}
