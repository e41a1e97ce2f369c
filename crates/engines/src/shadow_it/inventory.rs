//! Taking the inventory: one function for each kind of thing.

use std::collections::{BTreeMap, BTreeSet};

use facts::action::Target;
use facts::cluster::{Account, ClusterState, Instance, Labels, LoadBalancer};
use facts::finding::{CostCategory, Finding};
use facts::names::Region;
use facts::reason::ReasonCode;
use jiff::Timestamp;
use units::{Confidence, Fraction, Usd};

use super::{ShadowFinding, ShadowPolicy};
use crate::account_view::{OwnNames, Trail, accounts, days, memberships, node_instances, of_tags};
use crate::bin_packing::region_of;
use crate::engine::Given;
use crate::findings::{Collected, cloud_target, excluding_tag, owner_of};
use crate::machine_prices::{Machine, MachinePrices};
use crate::price_book::{VolumeCost, rate, times};

/// What stands beside the cluster.
pub(super) fn take(
    state: &ClusterState,
    policy: &ShadowPolicy,
    given: &Given<'_, MachinePrices>,
) -> Collected<ShadowFinding> {
    let nodes = node_instances(state);
    let mut scene = Scene {
        own_names: OwnNames::of(state, &nodes, &policy.cluster_names),
        served: crate::ipv4_cost::served_by(state),
        trail: Trail::of(state),
        region: region_of(state),
        collected: Collected::default(),
        policy,
        given,
        nodes,
    };
    for account in accounts(state) {
        for instance in &account.instances {
            scene.instance(instance);
        }
        for balancer in account.load_balancers.iter().flatten() {
            scene.balancer(balancer);
        }
        scene.databases(account);
        scene.gateways(account);
        scene.snapshots(state, account);
        scene.interfaces(account);
    }
    scene.volumes(state);
    if !scene.trail.supplied {
        scene.collected.warn(
            ReasonCode::SectionNotSupplied,
            "no CloudTrail events were supplied, so owners come from tags alone".to_owned(),
        );
    }
    scene.collected
}

struct Scene<'a> {
    policy: &'a ShadowPolicy,
    given: &'a Given<'a, MachinePrices>,
    nodes: BTreeSet<&'a str>,
    own_names: OwnNames,
    served: BTreeMap<&'a str, String>,
    trail: Trail<'a>,
    region: Option<Region>,
    collected: Collected<ShadowFinding>,
}

/// A thing as every kind describes it.
struct Thing<'t> {
    resource: &'t str,
    subject: Target,
    category: CostCategory,
    summary: String,
    created_at: Option<Timestamp>,
    tags: &'t Labels,
    cost: Option<Usd>,
    formula: String,
    idle: bool,
    because: Vec<String>,
}

impl Scene<'_> {
    fn note(&mut self, thing: Thing<'_>) {
        self.collected.look_at(thing.cost);
        let Thing { subject, tags, .. } = &thing;
        if let Some(rule) = excluding_tag(tags, &self.policy.excluded_tags) {
            let detail = format!("its tag {rule} asks to leave it alone");
            return self.collected.refuse(subject, ReasonCode::ExcludedByTag, detail);
        }
        let age = thing.created_at.map(|at| days(at, self.given.now));
        let limit = self.policy.min_age_days;
        if let Some(age) = age.filter(|age| *age < limit) {
            let detail = format!("it was made {age:.1} days ago");
            let numbers = [("age_days", age), ("limit_days", limit)];
            return self.collected.refuse_with(subject, ReasonCode::TooYoung, detail, &numbers);
        }
        let created_by = self.trail.creator(&subject.name);
        let owner = created_by.clone().or_else(|| owner_of(tags));
        self.collected.found.push(ShadowFinding {
            finding: Finding {
                finding: format!("{}:{}", thing.resource, subject.name),
                cost_category: thing.category,
                summary: thing.summary,
                cost_usd_per_month: thing.cost,
                savings_usd_per_month: if thing.idle { thing.cost } else { Some(Usd::ZERO) },
                formula: thing.formula,
                confidence: Confidence::new(Fraction::clamped(if thing.idle { 0.8 } else { 0.5 })),
                requires_review: true,
                review_reason: Some(
                    if thing.idle {
                        "somebody may still count on it; ask its owner"
                    } else {
                        "it is outside of Kubernetes, which is no fault; look whether it is wanted"
                    }
                    .to_owned(),
                ),
                owner,
                because: thing.because,
                subject: thing.subject,
            },
            resource: thing.resource.to_owned(),
            idle: thing.idle,
            created_at: thing.created_at,
            age_days: age.map(|days| (days * 10.0).round() / 10.0),
            created_by,
        });
    }

    fn instance(&mut self, instance: &Instance) {
        let is_node = self.nodes.contains(instance.id.as_str());
        if is_node || matches!(instance.state.as_str(), "terminated" | "shutting-down") {
            return;
        }
        let subject = cloud_target("Instance", &instance.id, None);
        if !memberships(instance).is_empty() {
            let detail = "it claims to be a node; the ghost probe looks at it".to_owned();
            return self.collected.refuse(&subject, ReasonCode::InUse, detail);
        }
        let machine = Machine::of_instance(instance, self.region.as_ref());
        let price = machine.as_ref().and_then(|one| self.given.evidence.price(one)).cloned();
        let stopped = instance.state == "stopped";
        if let Some(price) = price.as_ref().filter(|_| !stopped) {
            self.collected.prices.insert(price.item.clone(), price.clone());
        }
        let name = instance.tags.get("Name").map(|name| format!(" \"{name}\"")).unwrap_or_default();
        self.note(Thing {
            resource: if stopped { "stopped_instance" } else { "instance" },
            category: CostCategory::Compute,
            summary: format!(
                "{}{name} ({}) is {} and in no Kubernetes cluster",
                instance.id, instance.instance_type, instance.state
            ),
            created_at: instance.launched_at,
            tags: &instance.tags,
            cost: if stopped {
                Some(Usd::ZERO)
            } else {
                price.as_ref().map(|price| price.usd_per_hour.per_month())
            },
            formula: match &price {
                _ if stopped => "a stopped machine costs only its volumes and addresses".to_owned(),
                Some(price) => format!("${} an hour × 730", price.usd_per_hour.per_hour()),
                None => format!("unknown: no price of {} is known", instance.instance_type),
            },
            idle: false,
            because: vec!["no tag and no profile ties it to a cluster".to_owned()],
            subject,
        });
    }

    fn balancer(&mut self, balancer: &LoadBalancer) {
        let subject = cloud_target("LoadBalancer", &balancer.name, balancer.arn.as_deref());
        if let Some(serves) = self.served.get(balancer.dns.as_str()) {
            let detail = format!("it serves {serves}");
            return self.collected.refuse(&subject, ReasonCode::InUse, detail);
        }
        let claims = of_tags(&balancer.tags);
        let foreign = claims.iter().filter_map(|one| one.cluster.as_ref());
        let foreign = foreign.into_iter().find(|name| self.own_names.excludes(name)).cloned();
        if let Some(name) = foreign {
            let detail = format!("it belongs to cluster {name}");
            return self.collected.refuse(&subject, ReasonCode::OtherCluster, detail);
        }
        let book = &self.policy.price_book;
        let (item, hourly) = if balancer.kind == "classic" {
            ("classic load balancer", book.classic_load_balancer_usd_per_hour)
        } else {
            ("load balancer", book.load_balancer_usd_per_hour)
        };
        let page = "https://aws.amazon.com/elasticloadbalancing/pricing/";
        let line = rate(item, hourly.per_hour(), "hour", page);
        self.collected.rates.insert(line.item.clone(), line);
        let idle = balancer.targets == Some(0);
        let behind = match balancer.targets {
            Some(0) if balancer.kind == "application" => {
                "no target group is for it (it may still redirect)".to_owned()
            }
            Some(0) => "nothing stands behind it".to_owned(),
            Some(count) => format!("{count} targets stand behind it"),
            None => "nobody looked what stands behind it".to_owned(),
        };
        self.note(Thing {
            resource: if idle { "idle_load_balancer" } else { "load_balancer" },
            category: CostCategory::NetworkDevices,
            summary: format!(
                "{} load balancer {} is no Service's and no Ingress's, and {behind}",
                balancer.kind, balancer.name
            ),
            created_at: balancer.created_at,
            tags: &balancer.tags,
            cost: Some(hourly.per_month()),
            formula: format!("${} an hour × 730, without capacity units", hourly.per_hour()),
            idle,
            because: vec![behind],
            subject,
        });
    }

    fn databases(&mut self, account: &Account) {
        for database in account.databases.iter().flatten() {
            let zones = if database.multi_zone { ", in two zones" } else { "" };
            self.note(Thing {
                resource: "database",
                subject: cloud_target("Database", &database.id, database.arn.as_deref()),
                category: CostCategory::Databases,
                summary: format!(
                    "database {} ({} on {}{zones}, {} GiB) is {}",
                    database.id, database.engine, database.class, database.size_gib, database.state
                ),
                created_at: database.created_at,
                tags: &database.tags,
                cost: None,
                formula: "unknown: prices of databases are not part of the market".to_owned(),
                idle: false,
                because: Vec::new(),
            });
        }
    }

    fn gateways(&mut self, account: &Account) {
        let hourly = self.policy.price_book.nat_gateway_usd_per_hour;
        for gateway in account.nat_gateways.iter().flatten() {
            if gateway.state != "available" || !of_tags(&gateway.tags).is_empty() {
                continue;
            }
            self.note(Thing {
                resource: "nat_gateway",
                subject: cloud_target("NatGateway", &gateway.id, None),
                category: CostCategory::NetworkDevices,
                summary: format!("NAT gateway {} is no cluster's by its tags", gateway.id),
                created_at: gateway.created_at,
                tags: &gateway.tags,
                cost: Some(hourly.per_month()),
                formula: format!("${} an hour × 730, without bytes", hourly.per_hour()),
                idle: false,
                because: Vec::new(),
            });
        }
    }

    /// Snapshots whose volume is in a list of volumes no more. An image may still be made of them.
    fn snapshots(&mut self, state: &ClusterState, account: &Account) {
        let volumes = state.volumes.as_ref().map_or(&[][..], |part| &part.items.ebs_volumes);
        if volumes.is_empty() {
            return;
        }
        let known: BTreeSet<&str> = volumes.iter().map(|volume| volume.id.as_str()).collect();
        for snapshot in account.snapshots.iter().flatten() {
            let gone = snapshot.volume.as_deref().is_none_or(|volume| !known.contains(volume));
            let for_image = snapshot.description.contains("ami-");
            if !gone || for_image || snapshot.state != "completed" {
                continue;
            }
            let tier = snapshot.storage_tier.as_deref().unwrap_or("standard");
            let price = self.policy.price_book.snapshot_usd_per_gib_month.get(tier).copied();
            self.note(Thing {
                resource: "snapshot",
                subject: cloud_target("Snapshot", &snapshot.id, None),
                category: CostCategory::Storage,
                summary: format!(
                    "snapshot {} is of a volume that is there no more ({} GiB)",
                    snapshot.id, snapshot.size_gib
                ),
                created_at: snapshot.started_at,
                tags: &snapshot.tags,
                cost: price.map(|price| times(price, snapshot.size_gib)),
                formula: price.map_or_else(
                    || format!("unknown: no price of tier {tier} is known"),
                    |price| {
                        format!(
                            "at most {} GiB × ${price}; blocks are billed once",
                            snapshot.size_gib
                        )
                    },
                ),
                idle: false,
                because: vec![
                    "its volume is not in the list, and it does not say that an image is made of it"
                        .to_owned(),
                ],
            });
        }
    }

    /// Interfaces that nothing uses cost nothing, but they hold security groups and subnets.
    fn interfaces(&mut self, account: &Account) {
        for interface in account.network_interfaces.iter().flatten() {
            // Branch interfaces are pods' (security groups for pods), and come and go with them.
            let of_pod = interface.kind.as_deref() == Some("branch");
            if interface.status != "available" || interface.requester_managed || of_pod {
                continue;
            }
            self.note(Thing {
                resource: "network_interface",
                subject: cloud_target("NetworkInterface", &interface.id, None),
                category: CostCategory::NetworkDevices,
                summary: format!("interface {} is attached to nothing", interface.id),
                created_at: None,
                tags: &interface.tags,
                cost: Some(Usd::ZERO),
                formula: "an interface costs nothing by itself".to_owned(),
                idle: true,
                because: vec!["its status is `available`".to_owned()],
            });
        }
    }

    /// Volumes of machines that are no nodes.
    fn volumes(&mut self, state: &ClusterState) {
        let volumes = state.volumes.as_ref().map_or(&[][..], |part| &part.items.ebs_volumes);
        let states: BTreeMap<&str, &str> = accounts(state)
            .iter()
            .flat_map(|account| &account.instances)
            .map(|one| (one.id.as_str(), one.state.as_str()))
            .collect();
        for volume in volumes.iter().filter(|volume| !volume.attached_to.is_empty()) {
            let of_node = volume.attached_to.iter().any(|id| self.nodes.contains(id.as_str()));
            if of_node || !of_tags(&volume.tags).is_empty() {
                continue;
            }
            let cost = self.policy.price_book.volume_month(volume);
            let holder = &volume.attached_to[0];
            let holder_state = states.get(holder.as_str()).copied().unwrap_or("not in the list");
            self.note(Thing {
                resource: "volume",
                subject: cloud_target("Volume", &volume.id, None),
                category: CostCategory::Storage,
                summary: format!(
                    "{} ({} GiB {}) belongs to {holder} ({holder_state}), which is no node",
                    volume.id, volume.size_gib, volume.kind
                ),
                created_at: volume.created_at,
                tags: &volume.tags,
                cost: cost.map(VolumeCost::total),
                formula: cost.map_or_else(
                    || format!("unknown: no price of {} is known", volume.kind),
                    |cost| {
                        format!("{} GiB × ${} + ${}", volume.size_gib, cost.rate, cost.performance)
                    },
                ),
                idle: false,
                because: vec![format!(
                    "it is attached to {holder}, which is no node of the cluster"
                )],
            });
        }
    }
}
