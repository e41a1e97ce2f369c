//! Fewer or cheaper nodes for the same pods.
//!
//! Empties nodes whose pods fit elsewhere, or plans the whole cluster anew, under every rule that
//! the scheduler and the eviction API enforce, and proves how far from the cheapest plan the answer
//! can be.
//! It refuses to know how steps are carried out, and never decides by a threshold of utilisation.

mod certificate;
mod committed;
mod consolidate;
mod evidence;
mod gates;
mod offers;
mod order;
mod policy;
mod prices;
mod recommendation;
mod refused;
mod replacement;
mod reprovision;
mod scope;
mod steps;

pub(crate) use evidence::sources;
pub use evidence::{PackingEvidence, PackingNeed, PricedType, SpotPrice, region_of, to_the_hour};
pub use policy::{
    EffortLevel, Mode, NewNodes, NodePrice, PackingConstraints, PackingPolicy, TypeChoice,
};
pub use recommendation::{NodeShare, PackingRecommendation};

use std::collections::BTreeMap;

use facts::cluster::{ClusterState, Node, SectionName};
use facts::decision::{Verdict, Warning};
use facts::reason::ReasonCode;
use jiff::Timestamp;
use packing::placement::ModelError;
use units::{Confidence, Fraction};

use crate::engine::{Engine, Given, Sources};
use crate::scheduling::eviction::{EvictionRules, Refusal, protections_end};
use crate::scheduling::{Compiled, NodeTerms, compile};
use prices::NodeCosts;

/// The packing engine.
#[derive(Clone, Copy, Debug)]
pub struct BinPacking;

impl Engine for BinPacking {
    const NAME: &'static str = "bin_packing";
    const DECISION: &'static str = "bin_pack";
    const VERSION: &'static str = "1";
    const SUMMARY: &'static str =
        "Empties nodes whose pods fit elsewhere, or plans the cluster anew, with a proven bound.";

    type Policy = PackingPolicy;
    type Constraints = PackingConstraints;
    type Recommendation = PackingRecommendation;
    type Need = PackingNeed;
    type Evidence = PackingEvidence;

    fn tighten(policy: &mut PackingPolicy, constraints: PackingConstraints) {
        policy.tighten(constraints);
    }

    fn work_budget(policy: &PackingPolicy) -> u64 {
        let effort = policy.effort.effort();
        match policy.mode {
            Mode::Consolidate => packing::consolidate::budget(effort),
            Mode::Reprovision => packing::reprovision::budget(effort),
        }
    }

    fn is_quick(policy: &PackingPolicy) -> bool {
        policy.mode == Mode::Consolidate && policy.effort == EffortLevel::Fast
    }

    fn is_steady(state: &ClusterState, policy: &PackingPolicy, now: Timestamp) -> bool {
        !protections_end(state) && gates::are_steady(state, policy, now)
    }

    fn need(state: &ClusterState, policy: &PackingPolicy, now: Timestamp) -> PackingNeed {
        evidence::need(state, policy, now)
    }

    fn gather(need: &PackingNeed, sources: &Sources<'_>) -> PackingEvidence {
        evidence::gather(need, sources.market)
    }

    fn decide(
        state: &ClusterState,
        policy: &PackingPolicy,
        given: &Given<'_, PackingEvidence>,
    ) -> Verdict<PackingRecommendation> {
        let costs = NodeCosts::of(state, policy, given.evidence);
        let refused = gates::refusals(state, policy, given.now);
        let compiled = match model_of(state, policy, given, (&costs, &refused), &[]) {
            Ok(compiled) => compiled,
            Err(error) => return unusable(&error),
        };
        let mut scene = Scene { state, policy, given, compiled, costs, refused };
        let zones = if may_buy(&scene) { scope::zones(&scene) } else { Vec::new() };
        let offers = if may_buy(&scene) { offers::offers(&scene, &zones) } else { Vec::new() };
        if !offers.is_empty() {
            let joining: Vec<Node> = offers.iter().map(|offer| offer.node.clone()).collect();
            let terms = (&scene.costs, &scene.refused);
            match model_of(state, policy, given, terms, &joining) {
                Ok(compiled) => scene.compiled = compiled,
                Err(error) => return unusable(&error),
            }
        }
        let mut verdict = match policy.mode {
            Mode::Consolidate => consolidate::decide(&scene, &offers),
            Mode::Reprovision => reprovision::decide(&scene, &zones, &offers),
        };
        verdict.rejected.extend(scene.compiled.rejected.iter().cloned());
        verdict.warnings.extend(scene.compiled.warnings.iter().cloned());
        verdict.warnings.extend(input_warnings(state, &scene));
        verdict.sources.clone_from(&given.evidence.sources);
        verdict.confidence_score = confidence(state, &scene);
        verdict
    }
}

/// Whether a plan may contain new nodes. The quick answer never does.
fn may_buy(scene: &Scene<'_>) -> bool {
    match scene.policy.mode {
        Mode::Reprovision => true,
        Mode::Consolidate => {
            let quick = scene.policy.effort == EffortLevel::Fast;
            scene.policy.replace && !quick && scene.compiled.pods.iter().all(|pod| !pod.pending)
        }
    }
}

type Refusals<'a> = BTreeMap<&'a str, Refusal>;

fn model_of<'a>(
    state: &'a ClusterState,
    policy: &PackingPolicy,
    given: &Given<'_, PackingEvidence>,
    (costs, refused): (&NodeCosts<'_>, &Refusals<'_>),
    joining: &[Node],
) -> Result<Compiled<'a>, ModelError> {
    let terms = NodeTerms {
        cost: &|node| costs.nanos(node),
        capacity: &|node| {
            let listed = &prices::type_of(node, given.evidence)?.instance;
            let pods = listed.max_pods.map_or(110, i64::from);
            Some((listed.allocatable_cpu?.0, listed.allocatable_memory?.0, pods))
        },
        removable: &|node| !refused.contains_key(node.name.as_str()),
        joining,
    };
    let rules = EvictionRules {
        unowned_pods: policy.evict_unowned_pods,
        local_storage: policy.evict_local_storage,
        protected_namespaces: &policy.protected_namespaces,
    };
    compile(state, &terms, rules, given.now)
}

/// Everything that the two modes look at.
struct Scene<'a> {
    state: &'a ClusterState,
    policy: &'a PackingPolicy,
    given: &'a Given<'a, PackingEvidence>,
    compiled: Compiled<'a>,
    costs: NodeCosts<'a>,
    refused: Refusals<'a>,
}

fn unusable(error: &ModelError) -> Verdict<PackingRecommendation> {
    Verdict {
        warnings: vec![Warning {
            code: ReasonCode::InvalidObject,
            message: format!("the cluster cannot be reckoned with: {error}"),
            subject: None,
        }],
        ..Verdict::default()
    }
}

fn input_warnings(state: &ClusterState, scene: &Scene<'_>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code, message: String| warnings.push(Warning { code, message, subject: None });
    for (name, summary) in state.sections() {
        let needed = matches!(name, SectionName::Nodes | SectionName::Pods | SectionName::Policies);
        match summary {
            None if needed => {
                let what = match name {
                    SectionName::Policies => "; disruption budgets and node pools are not known",
                    _ => "",
                };
                warn(ReasonCode::SectionNotSupplied, format!("{name} were not supplied{what}"));
            }
            Some(known) if needed && !known.complete => {
                warn(ReasonCode::SectionIncomplete, format!("{name} are not complete"));
            }
            _ => {}
        }
    }
    let nameless = state.node_items().iter().filter(|node| node.uid.is_none()).count();
    if nameless > 0 {
        warn(
            ReasonCode::IdentityUnknown,
            format!(
                "{nameless} nodes are known by name only; steps cannot tell a node that was replaced"
            ),
        );
    }
    let pending = scene.compiled.pods.iter().filter(|pod| pod.pending).count();
    if pending > 0 && scene.policy.mode == Mode::Consolidate {
        warn(
            ReasonCode::PendingPod,
            format!("{pending} pods wait for a node; room that they could use is left to them"),
        );
    }
    warnings
}

/// How sure the answer is: the share of nodes whose price is known, less a tenth for each section
/// that could forbid a move and was not supplied or not complete.
fn confidence(state: &ClusterState, scene: &Scene<'_>) -> Confidence {
    let nodes = state.node_items().len().max(1) as f64;
    let priced = 1.0 - scene.costs.unknown() as f64 / nodes;
    let sections = state.sections();
    let whole = |name: SectionName| {
        let found = sections.iter().find(|(known, _)| *known == name);
        found.is_some_and(|(_, summary)| summary.is_some_and(|known| known.complete))
    };
    let missing = [SectionName::Pods, SectionName::Policies, SectionName::Volumes]
        .into_iter()
        .filter(|name| !whole(*name))
        .count() as f64;
    Confidence::new(Fraction::clamped(priced * (1.0 - 0.1 * missing)))
}
