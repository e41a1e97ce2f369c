//! A second judge of every plan.
//!
//! It was written from Kubernetes' rules and from the contract alone, shares no code with the
//! engines, and walks a plan step by step: is every intermediate state feasible, is every pod that
//! is moved allowed to move, does every figure follow from its parts, does the certificate prove
//! the bound? What it does not know it refuses.
//!
//! It refuses to know how plans are found.

mod attachments;
mod certificate;
mod certificate_classes;
mod certificate_cover;
mod cloud;
mod figures;
mod knapsack;
mod layers;
mod machine_change;
mod matching;
mod need;
mod permission;
mod topology;
mod walk;
mod workload_change;
mod world;

use facts::action::Target;
use facts::cluster::ClusterState;
use facts::decision::Decision;
use facts::reason::ReasonCode;
use serde::{Deserialize, Serialize};

use world::World;

/// A rule that a decision breaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// Which rule.
    pub code: ReasonCode,
    /// The step that breaks it; absent for rules about the decision as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Target>,
    /// In words.
    pub detail: String,
    /// Whether it was broken before and the plan does not make it worse: a remark, no objection.
    pub already: bool,
}

impl Violation {
    pub(crate) fn of_step(
        code: ReasonCode,
        step: u32,
        subject: &Target,
        detail: String,
    ) -> Violation {
        Violation { code, step: Some(step), subject: Some(subject.clone()), detail, already: false }
    }

    pub(crate) fn overall(code: ReasonCode, detail: String) -> Violation {
        Violation { code, step: None, subject: None, detail, already: false }
    }
}

/// Everything that is wrong with a decision; empty when nothing is.
#[must_use]
pub fn check<R>(state: &ClusterState, decision: &Decision<R>) -> Vec<Violation> {
    let verdict = &decision.verdict;
    let mut violations = Vec::new();
    let world = World::of(state);
    // The proof is about the cluster as it is; walking the plan changes the world.
    let mut of_proof = Vec::new();
    if let Some(bound) = &decision.evidence.bound {
        certificate::check(&world, bound, verdict, &mut of_proof);
    }
    walk::walk(world, &verdict.execution_plan, decision.decided_at, &mut violations);
    figures::check(verdict, &mut violations);
    layers::check(verdict, &mut violations);
    violations.append(&mut of_proof);
    violations
}

/// Whether a plan must be withheld for what was found.
#[must_use]
pub fn objects(violations: &[Violation]) -> bool {
    violations.iter().any(|violation| !violation.already)
}
