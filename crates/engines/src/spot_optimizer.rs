//! Which spot pools are worth using, and how much capacity each should hold.
//!
//! Scores every pool of the region by published facts, ranks those that pass, and shares the
//! cluster's capacity out at the least expected cost under five safety layers; where no spot
//! allocation keeps them, the answer is On-Demand and says why.
//! It refuses to know placement scores, to relax a layer, and to launch or stop anything.

mod blocked;
mod candidates;
mod capacity;
mod current;
mod evidence;
mod outcome;
mod plan;
mod policy;
mod proposal;
mod ranking;
mod recommendation;
mod remarks;
mod shares;

pub use evidence::{ScoringChoice, SpotEvidence, SpotNeed};
pub use policy::{CapacityBasis, SpotChoice, SpotConstraints, SpotPolicy, Vcpu};
pub use recommendation::{
    AdvisorEvidence, FullCost, LearnedEvidence, ScoreComponent, SpotRecommendation,
};

use facts::cluster::ClusterState;
use facts::decision::{Savings, Verdict, Warning};
use facts::reason::ReasonCode;
use jiff::Timestamp;
use market::MarketSlice;

use crate::engine::{Engine, Given, Sources};
use crate::scheduling::eviction::protections_end;
use crate::scoring::Profile;

/// The spot optimizer.
#[derive(Clone, Copy, Debug)]
pub struct SpotOptimizer;

impl Engine for SpotOptimizer {
    const NAME: &'static str = "spot_optimizer";
    const DECISION: &'static str = "spot_optimize";
    const VERSION: &'static str = "2";
    const SUMMARY: &'static str =
        "Ranks spot pools by safety and shares capacity out under five safety layers.";

    type Policy = SpotPolicy;
    type Constraints = SpotConstraints;
    type Recommendation = SpotRecommendation;
    type Need = SpotNeed;
    type Evidence = SpotEvidence;

    fn tighten(policy: &mut SpotPolicy, constraints: SpotConstraints) {
        policy.tighten(constraints);
    }

    fn work_budget(_: &SpotPolicy) -> u64 {
        100_000
    }

    fn is_steady(state: &ClusterState, _policy: &SpotPolicy, _now: Timestamp) -> bool {
        !protections_end(state)
    }

    fn asks_learned() -> bool {
        true
    }

    fn need(state: &ClusterState, policy: &SpotPolicy, now: Timestamp) -> SpotNeed {
        evidence::need(state, policy, now)
    }

    fn gather(need: &SpotNeed, sources: &Sources<'_>) -> SpotEvidence {
        evidence::gather(need, sources)
    }

    fn decide(
        state: &ClusterState,
        policy: &SpotPolicy,
        given: &Given<'_, SpotEvidence>,
    ) -> Verdict<SpotRecommendation> {
        let evidence = given.evidence;
        let unanswered = |code, message: String| Verdict {
            warnings: vec![Warning { code, message, subject: None }],
            sources: evidence.sources.clone(),
            savings: Savings {
                formula: "unknown: nothing was ranked and nothing allocated".to_owned(),
                ..Savings::default()
            },
            ..Verdict::default()
        };
        let profile = match &evidence.profile {
            Some(Ok(profile)) => profile,
            Some(Err(error)) => {
                return unanswered(ReasonCode::ProfileNeedsModel, error.to_string());
            }
            None => return unanswered(ReasonCode::RegionUnknown, remarks::NO_REGION.to_owned()),
        };
        let Some(slice) = evidence.offered.as_ref() else {
            return unanswered(ReasonCode::RegionUnknown, remarks::NO_REGION.to_owned());
        };
        if slice.is_empty() {
            return unanswered(ReasonCode::RegionUnknown, remarks::nothing_offered(slice));
        }
        let scene = Scene { state, policy, evidence, profile, slice };
        let (mut verdict, judged) = ranking::decide(&scene);
        if policy.allocate {
            outcome::allocate(&scene, &judged, given.work, &mut verdict);
        }
        if let Some(word) = &evidence.word {
            verdict.model_digest = Some(word.model.digest.clone());
        }
        verdict
    }
}

/// Everything that a decision looks at.
struct Scene<'a> {
    state: &'a ClusterState,
    policy: &'a SpotPolicy,
    evidence: &'a SpotEvidence,
    profile: &'a Profile,
    slice: &'a MarketSlice,
}

impl Scene<'_> {
    /// Whether reports of interruptions are kept, so that the live status of pools is known.
    fn watched(&self) -> bool {
        self.evidence.learned.is_some()
    }
}
