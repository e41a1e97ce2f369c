//! Replay bundles: one file from which the same build gives the same bytes.

use engines::prepared::{AnyEngine, Run};
use engines::registry;
use facts::decision::{EngineName, WorkSpent};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::BUILD;
use crate::decide::{Outcome, finish};

/// The value of `schema` that this version writes and reads.
pub const BUNDLE_SCHEMA: &str = "cloudoptim/replay-bundle/v1";

/// Everything that a decision depended on, and the digest of the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bundle {
    /// Which shape this document has.
    pub schema: String,
    /// The decision's name.
    pub decision_id: String,
    /// What was asked for.
    pub decision_type: String,
    /// Who answered.
    pub engine: EngineName,
    /// The build that answered.
    pub build: String,
    /// The instant of the decision.
    pub now: Timestamp,
    /// Where searches started: hexadecimal.
    pub seed: String,
    /// How long the search was.
    pub work: WorkSpent,
    /// The caller's name for the request.
    #[serde(default)]
    pub request_id: Option<String>,
    /// The cluster's name in the answer.
    #[serde(default)]
    pub cluster_id: Option<String>,
    /// Digest of the answer's bytes: BLAKE3.
    pub answer_digest: String,
    /// The policy in effect.
    pub policy: Box<RawValue>,
    /// The slice of the market and of everything else that the engine declared.
    pub evidence: Box<RawValue>,
    /// The cluster exactly as it was sent: its digest is part of the decision.
    pub input: Box<RawValue>,
}

/// Why a bundle cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The bundle is of another shape.
    #[error("this is no replay bundle: expected schema `{BUNDLE_SCHEMA}`, found `{0}`")]
    Schema(String),
    /// There is no such engine here.
    #[error("no engine answers `{0}` here")]
    Engine(String),
    /// A part cannot be read.
    #[error("{0}")]
    Part(#[from] facts::cluster::DecodeError),
}

/// What a replay gave.
pub struct Replay {
    /// The decision made again.
    pub outcome: Outcome,
    /// Whether its bytes are those of the recorded answer.
    pub identical: bool,
    /// Whether the build is the one that recorded.
    pub same_build: bool,
}

impl Bundle {
    pub(crate) fn of(outcome: &Outcome) -> Bundle {
        let decision = &outcome.decision;
        let raw = |text: &str| {
            RawValue::from_string(text.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
        };
        Bundle {
            schema: BUNDLE_SCHEMA.to_owned(),
            decision_id: decision.decision_id.clone(),
            decision_type: decision.decision_type.clone(),
            engine: decision.engine.clone(),
            build: decision.evidence.build.clone(),
            now: decision.decided_at,
            seed: decision.evidence.seed.clone(),
            work: decision.evidence.work.clone(),
            request_id: decision.request_id.clone(),
            cluster_id: decision.cluster_id.clone(),
            answer_digest: blake3::hash(&outcome.json).to_hex().to_string(),
            policy: raw(&outcome.policy),
            evidence: raw(&outcome.evidence.json),
            input: raw(&outcome.input),
        }
    }

    /// Makes the recorded decision again.
    ///
    /// # Errors
    /// A bundle of another shape, of an engine that is not here, or with parts that cannot be read.
    pub fn replay(&self) -> Result<Replay, ReplayError> {
        if self.schema != BUNDLE_SCHEMA {
            return Err(ReplayError::Schema(self.schema.chars().take(80).collect()));
        }
        let engine: &dyn AnyEngine = registry::for_decision(&self.decision_type)
            .ok_or_else(|| ReplayError::Engine(self.decision_type.clone()))?;
        let prepared = engine.prepare_recorded(self.input.get(), self.policy.get())?;
        let evidence = engine.read_evidence(self.evidence.get())?;
        let run = Run {
            now: self.now,
            build: BUILD,
            request_id: self.request_id.as_deref(),
            cluster_id: self.cluster_id.as_deref(),
            input_digest: blake3::hash(self.input.get().as_bytes()),
            stop_after: self.work.stopped_at,
            cancelled: None,
        };
        let outcome = finish(prepared.as_ref(), evidence, &run, &self.input.get().into())?;
        let digest = blake3::hash(&outcome.json).to_hex().to_string();
        Ok(Replay {
            identical: digest == self.answer_digest,
            same_build: self.build == BUILD,
            outcome,
        })
    }
}
