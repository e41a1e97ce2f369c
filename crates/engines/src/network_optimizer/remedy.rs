//! The gentlest remedy for a pair of workloads.

use std::collections::{BTreeMap, BTreeSet};

use facts::action::{
    Action, BlastRadius, PatchType, Precondition, Reversibility, Step, Target, Verification,
};
use facts::cluster::{ClusterState, Pod, PodPhase, Service, Unsatisfiable, well_known};
use facts::finding::{CostCategory, Finding};
use facts::reason::ReasonCode;
use serde_json::json;
use units::{Confidence, Fraction};

use super::pairs::Pair;
use super::{NetworkFinding, NetworkPolicy, NetworkRemedy};
use crate::findings::Collected;
use crate::traffic_view::{TrafficView, WorkloadKey};

/// Notes a pair that is not worth a look.
pub(super) fn little(
    policy: &NetworkPolicy,
    view: &TrafficView<'_>,
    pair: &Pair,
    collected: &mut Collected<NetworkFinding>,
) {
    let from = &view.workloads.keys[pair.from as usize];
    let daily = view.a_day(pair.crossing) / 1e9;
    let detail = format!("{daily:.3} GB a day cross zones from {from}");
    let numbers = [("gb_per_day", daily), ("limit_gb_per_day", policy.min_gb_per_day)];
    let subject = view.workloads.target(pair.to);
    collected.refuse_with(&subject, ReasonCode::LittleTraffic, detail, &numbers);
}

/// Judges a pair: a remedy, or the reason for none.
pub(super) fn judge(
    state: &ClusterState,
    policy: &NetworkPolicy,
    view: &TrafficView<'_>,
    pair: &Pair,
    collected: &mut Collected<NetworkFinding>,
) {
    let keys = &view.workloads.keys;
    let (from, to) = (&keys[pair.from as usize], &keys[pair.to as usize]);
    let subject = view.workloads.target(pair.to);
    let daily = view.a_day(pair.crossing) / 1e9;
    let scene = Scene { state, policy, view, pair, from, to };
    let mut passed_over = Vec::new();
    let proposals: [Propose; 4] = [route_within_zone, zone_aware_client, spread_replicas, move_pod];
    for propose in proposals {
        match propose(&scene) {
            Ok(proposal) => {
                return collected.found.push(found(&scene, proposal, passed_over));
            }
            Err(refused) => passed_over.push(refused),
        }
    }
    // The last look says most: it is about where the pods could run at all.
    let code = passed_over.last().map_or(ReasonCode::NotWorthIt, |one| one.code);
    let all: Vec<&str> = passed_over.iter().map(|one| one.detail.as_str()).collect();
    let detail = format!("{daily:.1} GB a day cross zones from {from}: {}", all.join("; "));
    collected.refuse_with(&subject, code, detail, &[("gb_per_day", daily)]);
}

/// Looks whether a remedy does, and says why where it does not.
type Propose = fn(&Scene<'_>) -> Result<Proposal, Refused>;

struct Scene<'a> {
    state: &'a ClusterState,
    policy: &'a NetworkPolicy,
    view: &'a TrafficView<'a>,
    pair: &'a Pair,
    from: &'a WorkloadKey,
    to: &'a WorkloadKey,
}

struct Proposal {
    remedy: NetworkRemedy,
    subject: Target,
    summary: String,
    avoided: u64,
    patch: Option<serde_json::Value>,
    because: Vec<String>,
    confidence: f64,
}

struct Refused {
    code: ReasonCode,
    detail: String,
}

fn refuse(code: ReasonCode, detail: impl Into<String>) -> Refused {
    Refused { code, detail: detail.into() }
}

impl Scene<'_> {
    /// Running pods of a workload with their zones.
    fn pods(&self, workload: u32) -> Vec<(&Pod, Option<u32>)> {
        let pods = self.state.pod_items();
        self.view.workloads.pods[workload as usize]
            .iter()
            .map(|place| (&pods[*place as usize], self.view.zone_of_pod[*place as usize]))
            .filter(|(pod, _)| pod.phase == PodPhase::Running && pod.deleted_at.is_none())
            .collect()
    }

    /// Replicas by zone.
    fn replicas(&self, workload: u32) -> BTreeMap<u32, u64> {
        let mut replicas = BTreeMap::new();
        for (_, zone) in self.pods(workload) {
            if let Some(zone) = zone {
                *replicas.entry(zone).or_default() += 1;
            }
        }
        replicas
    }

    /// The Service by which the receiver is reached: the one that flows name, else the only one that
    /// selects its pods.
    fn service(&self) -> Option<&Service> {
        let services = &self.state.network.as_ref()?.items.services;
        let named = self
            .pair
            .through
            .iter()
            .max_by_key(|(name, bytes)| (**bytes, std::cmp::Reverse(name.as_str())));
        if let Some((name, _)) = named {
            let (namespace, name) = name.split_once('/')?;
            return services.iter().find(|one| one.namespace == namespace && one.name == name);
        }
        let (pod, _) = *self.pods(self.pair.to).first()?;
        let mut selecting = services.iter().filter(|one| {
            one.namespace == pod.namespace()
                && !one.selector.is_empty()
                && one.selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
        });
        let first = selecting.next()?;
        selecting.next().is_none().then_some(first)
    }

    fn zone(&self, zone: u32) -> &str {
        self.view.zones[zone as usize]
    }
}

/// Bytes that stay at home when senders reach receivers of their own zone wherever there are some.
fn stays_home(pair: &Pair, replicas: &BTreeMap<u32, u64>) -> u64 {
    let home = pair.between.iter().filter(|((from, _), _)| replicas.contains_key(from));
    home.map(|(_, bytes)| *bytes).sum()
}

/// How much more than an even share the replicas of the busiest zone would get.
fn heaviest_load(pair: &Pair, replicas: &BTreeMap<u32, u64>) -> f64 {
    let total: u64 = pair.by_zone.values().sum();
    let count: u64 = replicas.values().sum();
    let even = total as f64 / count.max(1) as f64;
    // Zones without replicas fall back to all of them alike.
    let homeless: u64 = pair
        .by_zone
        .iter()
        .filter(|(zone, _)| !replicas.contains_key(*zone))
        .map(|(_, bytes)| *bytes)
        .sum();
    let spread = homeless as f64 / count.max(1) as f64;
    let loads = replicas.iter().map(|(zone, pods)| {
        let own = pair.by_zone.get(zone).copied().unwrap_or(0) as f64 / *pods as f64;
        (own + spread) / even.max(f64::MIN_POSITIVE)
    });
    loads.fold(0.0, f64::max)
}

fn route_within_zone(scene: &Scene<'_>) -> Result<Proposal, Refused> {
    let Some(service) = scene.service() else {
        return Err(refuse(
            ReasonCode::NotWorthIt,
            "no single Service is known by which it is reached, so routing cannot help",
        ));
    };
    let name = format!("{}/{}", service.namespace, service.name);
    let prefers = ["PreferSameZone", "PreferClose", "PreferSameNode"];
    if service.traffic_distribution.as_deref().is_some_and(|word| prefers.contains(&word)) {
        let detail = format!("Service {name} prefers receivers of the same zone already");
        return Err(refuse(ReasonCode::WithinTolerance, detail));
    }
    let replicas = scene.replicas(scene.pair.to);
    let avoided = stays_home(scene.pair, &replicas);
    if avoided == 0 {
        let detail = "no zone that sends has a replica of the receiver, so routing cannot help";
        return Err(refuse(ReasonCode::UnevenLoad, detail));
    }
    let load = heaviest_load(scene.pair, &replicas);
    if load > scene.policy.max_zone_load {
        let detail = format!(
            "routing within zones would give some replicas {load:.1} times an even share (at most \
             {:.1})",
            scene.policy.max_zone_load
        );
        return Err(refuse(ReasonCode::UnevenLoad, detail));
    }
    Ok(Proposal {
        remedy: NetworkRemedy::RouteWithinZone,
        subject: Target {
            kind: "Service".to_owned(),
            namespace: Some(service.namespace.clone()),
            name: service.name.clone(),
            uid: service.uid.clone(),
            arn: None,
        },
        summary: format!("let Service {name} prefer receivers in the sender's zone"),
        avoided,
        // `PreferClose` is its older name; both mean the same from Kubernetes 1.34 on.
        patch: Some(json!({"spec": {"trafficDistribution": "PreferSameZone"}})),
        because: vec![format!("no replica would get more than {load:.2} times an even share")],
        confidence: 0.8,
    })
}

fn zone_aware_client(scene: &Scene<'_>) -> Result<Proposal, Refused> {
    if scene.to.kind != "StatefulSet" {
        return Err(refuse(
            ReasonCode::NotWorthIt,
            "its replicas have no identity, so clients cannot choose among them",
        ));
    }
    let replicas = scene.replicas(scene.pair.to);
    let avoided = stays_home(scene.pair, &replicas);
    if avoided == 0 || replicas.len() < 2 {
        return Err(refuse(
            ReasonCode::UnevenLoad,
            "no sender has a replica in its own zone to choose",
        ));
    }
    Ok(Proposal {
        remedy: NetworkRemedy::ZoneAwareClient,
        subject: scene.view.workloads.target(scene.pair.from),
        summary: format!(
            "tell {} its zone and let it read from the replica of {} there (for Kafka: \
             `client.rack` and a rack-aware replica selector)",
            scene.from, scene.to
        ),
        avoided,
        patch: None,
        because: vec!["replicas with identity stand in several zones".to_owned()],
        confidence: 0.5,
    })
}

fn spread_replicas(scene: &Scene<'_>) -> Result<Proposal, Refused> {
    if !scene.policy.move_pods {
        return Err(refuse(ReasonCode::ExcludedByPolicy, "the policy moves no pods"));
    }
    let pods = scene.pods(scene.pair.to);
    if scene.to.kind != "Deployment" || pods.len() < 2 {
        return Err(refuse(
            ReasonCode::NotWorthIt,
            "it has not several replicas that could stand in every zone that sends",
        ));
    }
    if let Some(claim) = pods.iter().find_map(|(pod, _)| zonal_claim(scene.state, pod)) {
        let detail = format!("its volume claim {claim} lies in a zone");
        return Err(refuse(ReasonCode::VolumeZone, detail));
    }
    let senders: BTreeSet<u32> = scene.pair.by_zone.keys().copied().collect();
    if senders.len() > pods.len() {
        let detail = format!("{} zones send and it has {} replicas", senders.len(), pods.len());
        return Err(refuse(ReasonCode::TooFewZones, detail));
    }
    let has = scene.replicas(scene.pair.to);
    let covered = senders.iter().all(|zone| has.contains_key(zone));
    let spread = pods.iter().any(|(pod, _)| {
        pod.topology_spread.iter().any(|rule| rule.topology_key == well_known::ZONE)
    });
    if covered && spread {
        return Err(refuse(
            ReasonCode::WithinTolerance,
            "its replicas are spread over the zones that send already",
        ));
    }
    let (pod, _) = pods[0];
    let labels: serde_json::Map<String, serde_json::Value> = pod
        .labels
        .iter()
        .filter(|(key, _)| *key != "pod-template-hash")
        .map(|(key, value)| (key.clone(), json!(value)))
        .collect();
    let names: Vec<&str> = senders.iter().map(|zone| scene.zone(*zone)).collect();
    Ok(Proposal {
        remedy: NetworkRemedy::SpreadReplicas,
        subject: scene.view.workloads.target(scene.pair.to),
        summary: format!(
            "give {} a replica in each of {} and let its Service prefer the sender's zone",
            scene.to,
            names.join(", ")
        ),
        avoided: scene.pair.crossing,
        patch: Some(json!({"spec": {"template": {"spec": {"topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": well_known::ZONE,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels},
        }]}}}})),
        because: vec!["no claim of it lies in a zone".to_owned()],
        confidence: 0.6,
    })
}

fn move_pod(scene: &Scene<'_>) -> Result<Proposal, Refused> {
    if !scene.policy.move_pods {
        return Err(refuse(ReasonCode::ExcludedByPolicy, "the policy moves no pods"));
    }
    // The receiver first, as it is what senders gather around; the sender where that cannot go.
    let ends =
        [(scene.pair.to, scene.to, scene.pair.from), (scene.pair.from, scene.from, scene.pair.to)];
    let mut refused: Vec<Refused> = Vec::new();
    for (moved, key, other) in ends {
        match may_move(scene, moved, key) {
            Ok(()) => {
                let beside = scene.replicas(other);
                let home =
                    beside.iter().max_by_key(|(zone, pods)| (**pods, std::cmp::Reverse(**zone)));
                let Some((home, _)) = home else { continue };
                let zone = scene.zone(*home).to_owned();
                let avoided = scene
                    .pair
                    .between
                    .iter()
                    .filter(
                        |((from, to), _)| {
                            if moved == scene.pair.to { from == home } else { to == home }
                        },
                    )
                    .map(|(_, bytes)| *bytes)
                    .sum();
                return Ok(Proposal {
                    remedy: NetworkRemedy::MovePod,
                    subject: scene.view.workloads.target(moved),
                    summary: format!(
                        "let the pod of {key} prefer zone {zone}, where its partner is"
                    ),
                    avoided,
                    patch: Some(prefer_zone(&zone)),
                    because: vec![
                        "it has one replica, no volume that lies in a zone, and no rule about zones"
                            .to_owned(),
                    ],
                    confidence: 0.6,
                });
            }
            Err(reason) => refused.push(reason),
        }
    }
    let Some(first) = refused.first() else {
        return Err(refuse(ReasonCode::ZoneUnknown, "no zone is known of its partner"));
    };
    let all: Vec<&str> = refused.iter().map(|one| one.detail.as_str()).collect();
    Err(refuse(first.code, all.join(", and ")))
}

fn may_move(scene: &Scene<'_>, workload: u32, key: &WorkloadKey) -> Result<(), Refused> {
    let pods = scene.pods(workload);
    if pods.len() != 1 {
        let detail = format!("{key} has {} pods, which stay spread", pods.len());
        return Err(refuse(ReasonCode::TopologySpread, detail));
    }
    let (pod, _) = pods[0];
    if let Some(claim) = zonal_claim(scene.state, pod) {
        let detail = format!("volume claim {claim} of {key} lies in a zone and cannot follow");
        return Err(refuse(ReasonCode::VolumeZone, detail));
    }
    let spread = pod.topology_spread.iter().any(|rule| {
        rule.topology_key == well_known::ZONE
            && rule.when_unsatisfiable == Unsatisfiable::DoNotSchedule
    });
    if spread || pod.node_selector.contains_key(well_known::ZONE) {
        let detail = format!("{key} is bound to its zone by a rule of its own");
        return Err(refuse(ReasonCode::TopologySpread, detail));
    }
    if !["Deployment", "StatefulSet"].contains(&key.kind.as_str()) {
        return Err(refuse(ReasonCode::NoWorkload, format!("{key} has no template to change")));
    }
    Ok(())
}

fn prefer_zone(zone: &str) -> serde_json::Value {
    json!({"spec": {"template": {"spec": {"affinity": {"nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [{
            "weight": 100,
            "preference": {"matchExpressions": [
                {"key": well_known::ZONE, "operator": "In", "values": [zone]}
            ]}
        }]
    }}}}}})
}

/// A claim of the pod that lies in a zone, or of which nobody said where it lies.
fn zonal_claim<'a>(state: &ClusterState, pod: &'a Pod) -> Option<&'a str> {
    let storage = state.volumes.as_ref().map(|section| &section.items);
    pod.volume_claims.iter().map(String::as_str).find(|name| {
        let claim = storage.and_then(|all| {
            all.claims.iter().find(|one| one.name == *name && one.namespace == pod.namespace())
        });
        let volume = claim.and_then(|claim| {
            let bound = claim.volume.as_ref()?;
            storage?.volumes.iter().find(|one| one.name == *bound)
        });
        // A volume without rules about nodes can be reached from anywhere, such as EFS.
        volume.is_none_or(|volume| !volume.node_affinity.is_empty())
    })
}

fn found(scene: &Scene<'_>, proposal: Proposal, passed_over: Vec<Refused>) -> NetworkFinding {
    let Scene { policy, view, pair, from, to, .. } = scene;
    let book = &policy.price_book;
    let (daily, avoided) = (view.a_day(pair.crossing) / 1e9, view.a_day(proposal.avoided) / 1e9);
    let saved = book.cross_zone_month(view.a_month(proposal.avoided));
    let rounded = |value: f64| (value * 1_000.0).round() / 1_000.0;
    let moves = matches!(proposal.remedy, NetworkRemedy::SpreadReplicas | NetworkRemedy::MovePod);
    NetworkFinding {
        finding: Finding {
            finding: format!("cross_zone:{from}>{to}"),
            subject: proposal.subject,
            cost_category: CostCategory::Transfer,
            summary: format!(
                "{daily:.1} GB a day cross zones from {from} to {to}: {}",
                proposal.summary
            ),
            cost_usd_per_month: book.cross_zone_month(view.a_month(pair.crossing)),
            savings_usd_per_month: saved,
            formula: format!(
                "{:.3} GB a month × 2 × ${}",
                view.a_month(proposal.avoided) / 1e9,
                book.cross_zone_usd_per_gb
            ),
            confidence: Confidence::new(Fraction::clamped(proposal.confidence)),
            requires_review: moves,
            review_reason: moves.then(|| "it changes where pods run".to_owned()),
            owner: None,
            because: proposal.because,
        },
        remedy: proposal.remedy,
        from: from.to_string(),
        to: to.to_string(),
        gb_per_day: rounded(daily),
        avoided_gb_per_day: rounded(avoided),
        passed_over: passed_over.into_iter().map(|one| one.detail).collect(),
        patch: proposal.patch,
    }
}

/// The step that carries a finding out, where a change of an object or an endpoint does.
pub(super) fn step(state: &ClusterState, one: &NetworkFinding, number: u32) -> Option<Step> {
    let subject = &one.finding.subject;
    let step = |action, field: &str, how: &str, pods| Step {
        step: number,
        action,
        target: subject.clone(),
        preconditions: {
            let mut all = vec![Precondition::TargetUnchanged];
            if !field.is_empty() {
                all.push(Precondition::FieldEquals {
                    field: field.to_owned(),
                    value: serde_json::Value::Null,
                });
            }
            all
        },
        reversibility: Reversibility { reversible: true, how: how.to_owned() },
        verification: Verification {
            expect: "bytes between zones fall, and errors and latencies stay as they are"
                .to_owned(),
            within_seconds: 86_400,
        },
        blast_radius: BlastRadius { pods, ..BlastRadius::default() },
        expected_seconds: 60,
    };
    match one.remedy {
        NetworkRemedy::GatewayEndpoint | NetworkRemedy::InterfaceEndpoint => {
            let gateway = one.remedy == NetworkRemedy::GatewayEndpoint;
            let endpoint_type = if gateway { "gateway" } else { "interface" };
            let action = Action::CreateEndpoint {
                service: one.to.clone(),
                endpoint_type: endpoint_type.to_owned(),
            };
            Some(step(action, "", "delete the endpoint", 0))
        }
        NetworkRemedy::ZoneAwareClient => None,
        NetworkRemedy::RouteWithinZone => {
            let patch = one.patch.clone()?;
            let action = Action::PatchObject { patch_type: PatchType::Merge, patch };
            let services = &state.network.as_ref()?.items.services;
            let now = services.iter().find(|service| {
                service.name == subject.name
                    && Some(&service.namespace) == subject.namespace.as_ref()
            })?;
            let field =
                if now.traffic_distribution.is_none() { "/spec/trafficDistribution" } else { "" };
            Some(step(action, field, "take the field away again", 0))
        }
        NetworkRemedy::SpreadReplicas | NetworkRemedy::MovePod => {
            let patch = one.patch.clone()?;
            let action = Action::PatchObject { patch_type: PatchType::StrategicMerge, patch };
            Some(step(action, "", "take the field away again; pods are made anew each time", 1))
        }
    }
}
