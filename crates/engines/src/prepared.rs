//! Engines with their types erased: text in, evidence by reference, a decision out.

use std::any::Any;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::Schema;
use serde_json::value::RawValue;

use facts::cluster::{ClusterState, DecodeError, UnknownFields};
use facts::decision::{
    Decision, EngineName, Evidence, SectionEvidence, Verdict, Warning, WorkSpent,
};
use facts::reason::ReasonCode;

use crate::engine::{Engine, Given, Sources, WorkLimit};
use crate::policy;
use crate::request::DecisionRequest;
use crate::undone;

/// An engine as the registry holds it.
pub trait AnyEngine: Send + Sync {
    /// The engine's own name: `spot_optimizer`.
    fn name(&self) -> &'static str;
    /// What it answers: `spot_optimize`.
    fn decision(&self) -> &'static str;
    /// The last part of its route: `spot-optimize`.
    fn route(&self) -> String;
    /// Changes whenever the same input may be answered differently.
    fn version(&self) -> &'static str;
    /// What it does, in one sentence.
    fn summary(&self) -> &'static str;
    /// Whether it asks for the records of earlier snapshots.
    fn asks_records(&self) -> bool;
    /// Whether it asks what reported interruptions say.
    fn asks_learned(&self) -> bool;
    /// The schema of its policy, with every default.
    fn policy_schema(&self, generator: &mut schemars::SchemaGenerator) -> Schema;
    /// The schema of its constraints.
    fn constraints_schema(&self, generator: &mut schemars::SchemaGenerator) -> Schema;
    /// The schema of its answers.
    fn decision_schema(&self, generator: &mut schemars::SchemaGenerator) -> Schema;
    /// The default policy as JSON.
    fn default_policy(&self) -> String;
    /// Reads a request as far as this engine needs it.
    ///
    /// # Errors
    /// The first part that cannot be read, named by pointer into the request.
    fn prepare(&self, request: &DecisionRequest<'_>) -> Result<Box<dyn Prepared>, DecodeError>;
    /// The same on a cluster that was read before, whatever cluster the request has.
    ///
    /// # Errors
    /// The first part that cannot be read, named by pointer into the request.
    fn prepare_on(
        &self,
        request: &DecisionRequest<'_>,
        cluster: &ReadCluster,
    ) -> Result<Box<dyn Prepared>, DecodeError>;
    /// Reads the parts of a recorded decision.
    ///
    /// # Errors
    /// The first part that cannot be read.
    fn prepare_recorded(&self, input: &str, policy: &str)
    -> Result<Box<dyn Prepared>, DecodeError>;
    /// Reads recorded evidence.
    ///
    /// # Errors
    /// Evidence that this version cannot read.
    fn read_evidence(&self, json: &str) -> Result<AnyEvidence, DecodeError>;
    /// The name of the decision that a run gives with a policy and evidence of these digests.
    fn decision_id(&self, run: &Run<'_>, policy: Digest, evidence: Digest) -> String;
}

/// A cluster that was read once, for every engine that is asked about it.
#[derive(Clone, Debug)]
pub struct ReadCluster {
    /// The cluster.
    pub state: Arc<ClusterState>,
    unknown: Arc<UnknownFields>,
}

impl ReadCluster {
    /// Reads a cluster.
    ///
    /// # Errors
    /// The first part that cannot be read, named by pointer into the cluster.
    pub fn read(json: &str) -> Result<ReadCluster, DecodeError> {
        let decoded = ClusterState::from_json(json.as_bytes())?;
        Ok(ReadCluster { state: Arc::new(decoded.value), unknown: Arc::new(decoded.unknown) })
    }

    /// Another cluster, with the same to say about what was not understood.
    #[must_use]
    pub fn changed(&self, state: ClusterState) -> ReadCluster {
        ReadCluster { state: Arc::new(state), unknown: Arc::clone(&self.unknown) }
    }
}

/// A request that has been read.
pub trait Prepared: Send + Sync {
    /// The cluster.
    fn state(&self) -> &ClusterState;
    /// The policy in effect, as canonical JSON.
    fn policy_json(&self) -> &str;
    /// Whether deciding takes a few milliseconds at the most.
    fn is_quick(&self) -> bool;
    /// Whether the answer is the same at every instant of the hour that `now` lies in.
    fn is_steady(&self, now: Timestamp) -> bool;
    /// The engine's question to the world as JSON: a cache key as long as the sources stay.
    fn need(&self, now: Timestamp) -> String;
    /// Draws the evidence from the sources.
    fn gather(&self, now: Timestamp, sources: &Sources<'_>) -> AnyEvidence;
    /// Decides. `None` when the evidence is another engine's.
    fn decide(&self, evidence: &AnyEvidence, run: &Run<'_>) -> Option<ErasedDecision>;
}

/// Evidence of some engine, shared between decisions that ask the same.
#[derive(Clone)]
pub struct AnyEvidence {
    value: Arc<dyn Any + Send + Sync>,
    /// As recorded.
    pub json: Arc<str>,
    /// Digest of `json`.
    pub digest: Digest,
}

/// A decision whose recommendations are already text.
pub type ErasedDecision = Decision<Box<RawValue>>;

/// A digest as it is written in evidence and bundles: BLAKE3, 64 hexadecimal digits.
pub type Digest = blake3::Hash;

/// What surrounds one run of an engine.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The instant of the decision.
    pub now: Timestamp,
    /// The build that decides.
    pub build: &'a str,
    /// The caller's name for the request.
    pub request_id: Option<&'a str>,
    /// The caller's name for the cluster.
    pub cluster_id: Option<&'a str>,
    /// Digest of the cluster as it was sent.
    pub input_digest: Digest,
    /// Where an earlier search was cut short; a replay stops there.
    pub stop_after: Option<u64>,
    /// Asked now and then by long searches.
    pub cancelled: Option<&'a dyn Fn() -> bool>,
}

impl<E: Engine> AnyEngine for E {
    fn name(&self) -> &'static str {
        E::NAME
    }
    fn decision(&self) -> &'static str {
        E::DECISION
    }
    fn route(&self) -> String {
        E::DECISION.replace('_', "-")
    }
    fn version(&self) -> &'static str {
        E::VERSION
    }
    fn summary(&self) -> &'static str {
        E::SUMMARY
    }
    fn asks_records(&self) -> bool {
        E::asks_records()
    }
    fn asks_learned(&self) -> bool {
        E::asks_learned()
    }
    fn policy_schema(&self, generator: &mut schemars::SchemaGenerator) -> Schema {
        generator.subschema_for::<E::Policy>()
    }
    fn constraints_schema(&self, generator: &mut schemars::SchemaGenerator) -> Schema {
        generator.subschema_for::<E::Constraints>()
    }
    fn decision_schema(&self, generator: &mut schemars::SchemaGenerator) -> Schema {
        generator.subschema_for::<Decision<E::Recommendation>>()
    }
    fn default_policy(&self) -> String {
        policy::canonical(&E::Policy::default())
    }

    fn prepare(&self, request: &DecisionRequest<'_>) -> Result<Box<dyn Prepared>, DecodeError> {
        let policy = effective::<E>(request)?;
        let cluster = ReadCluster::read(request.current_state.get())
            .map_err(|error| error.below("/current_state"))?;
        Ok(Box::new(Typed::<E>::of(&cluster, policy)))
    }

    fn prepare_on(
        &self,
        request: &DecisionRequest<'_>,
        cluster: &ReadCluster,
    ) -> Result<Box<dyn Prepared>, DecodeError> {
        Ok(Box::new(Typed::<E>::of(cluster, effective::<E>(request)?)))
    }

    fn prepare_recorded(
        &self,
        input: &str,
        policy: &str,
    ) -> Result<Box<dyn Prepared>, DecodeError> {
        let cluster = ReadCluster::read(input)?;
        let policy: E::Policy = policy::overlay("/policy", Some(policy))?;
        Ok(Box::new(Typed::<E>::of(&cluster, policy)))
    }

    fn read_evidence(&self, json: &str) -> Result<AnyEvidence, DecodeError> {
        let value: E::Evidence = serde_json::from_str(json).map_err(|error| DecodeError {
            pointer: "/evidence".to_owned(),
            message: error.to_string(),
        })?;
        Ok(AnyEvidence {
            value: Arc::new(value),
            json: json.into(),
            digest: blake3::hash(json.as_bytes()),
        })
    }

    fn decision_id(&self, run: &Run<'_>, policy: Digest, evidence: Digest) -> String {
        identity::<E>(run, policy, evidence)
    }
}

/// The policy in effect for a request.
fn effective<E: Engine>(request: &DecisionRequest<'_>) -> Result<E::Policy, DecodeError> {
    let text = |part: Option<&RawValue>| part.map(|raw| raw.get().to_owned());
    let requirements = text(request.requirements);
    let limits = text(request.constraints);
    let mut policy: E::Policy = policy::overlay("/requirements", requirements.as_deref())?;
    let limits: E::Constraints = policy::constraints("/constraints", limits.as_deref())?;
    E::tighten(&mut policy, limits);
    Ok(policy)
}

struct Typed<E: Engine> {
    cluster: ReadCluster,
    policy: E::Policy,
    policy_json: String,
}

impl<E: Engine> Typed<E> {
    fn of(cluster: &ReadCluster, policy: E::Policy) -> Typed<E> {
        let policy_json = policy::canonical(&policy);
        Typed { cluster: cluster.clone(), policy, policy_json }
    }
}

impl<E: Engine> Prepared for Typed<E> {
    fn state(&self) -> &ClusterState {
        &self.cluster.state
    }

    fn policy_json(&self) -> &str {
        &self.policy_json
    }

    fn is_quick(&self) -> bool {
        E::is_quick(&self.policy)
    }

    fn is_steady(&self, now: Timestamp) -> bool {
        E::is_steady(&self.cluster.state, &self.policy, now)
    }

    fn need(&self, now: Timestamp) -> String {
        policy::canonical(&E::need(&self.cluster.state, &self.policy, now))
    }

    fn gather(&self, now: Timestamp, sources: &Sources<'_>) -> AnyEvidence {
        let evidence = E::gather(&E::need(&self.cluster.state, &self.policy, now), sources);
        let json = policy::canonical(&evidence);
        let digest = blake3::hash(json.as_bytes());
        AnyEvidence { value: Arc::new(evidence), json: json.into(), digest }
    }

    fn decide(&self, evidence: &AnyEvidence, run: &Run<'_>) -> Option<ErasedDecision> {
        let typed = evidence.value.downcast_ref::<E::Evidence>()?;
        let policy_digest = blake3::hash(self.policy_json.as_bytes());
        let seed = seed(run.input_digest, policy_digest, evidence.digest);
        let budget = E::work_budget(&self.policy);
        let given = Given {
            now: run.now,
            seed,
            evidence: typed,
            work: WorkLimit {
                budget: run.stop_after.map_or(budget, |stop| stop.min(budget)),
                cancelled: run.cancelled,
                replays_a_cut: run.stop_after.is_some(),
            },
        };
        let mut verdict = E::decide(&self.cluster.state, &self.policy, &given);
        warn_of_input(&mut verdict, &self.cluster.unknown);
        let undone = undone::warnings(&self.cluster.state, &verdict.execution_plan);
        verdict.warnings.extend(undone);
        let cluster_id = run.cluster_id.or(self.cluster.state.cluster_id.as_deref());
        let run = Run { cluster_id, ..*run };
        let identity = identity::<E>(&run, policy_digest, evidence.digest);
        let record = Evidence {
            build: run.build.to_owned(),
            input_digest: run.input_digest.to_hex().to_string(),
            policy_digest: policy_digest.to_hex().to_string(),
            market_digest: Some(evidence.digest.to_hex().to_string()),
            model_digest: verdict.model_digest.take(),
            seed: format!("{seed:016x}"),
            work: WorkSpent {
                budget,
                used: verdict.work_used,
                // A replay gives the recorded count as the budget and is not cut short itself.
                stopped_at: run.stop_after.or(verdict.work_cut.then_some(verdict.work_used)),
            },
            sections: sections(&self.cluster.state),
            unknown_fields: (*self.cluster.unknown).clone(),
            data: std::mem::take(&mut verdict.sources),
            profile: verdict.profile.take(),
            bound: verdict.bound.take(),
        };
        Some(Decision {
            decision_id: identity,
            request_id: run.request_id.map(str::to_owned),
            cluster_id: cluster_id.map(str::to_owned),
            decision_type: E::DECISION.to_owned(),
            engine: EngineName { name: E::NAME.to_owned(), version: E::VERSION.to_owned() },
            decided_at: run.now,
            verdict: erase(verdict),
            evidence: record,
        })
    }
}

/// Turns the recommendations into text; everything else keeps its type.
fn erase<R: serde::Serialize>(verdict: Verdict<R>) -> Verdict<Box<RawValue>> {
    let recommendations = verdict
        .recommendations
        .iter()
        .filter_map(|recommendation| serde_json::value::to_raw_value(recommendation).ok())
        .collect();
    Verdict {
        recommendations,
        rejected: verdict.rejected,
        warnings: verdict.warnings,
        execution_plan: verdict.execution_plan,
        estimated_savings: verdict.estimated_savings,
        savings: verdict.savings,
        confidence_score: verdict.confidence_score,
        allocation: verdict.allocation,
        layers: verdict.layers,
        bound: verdict.bound,
        sources: verdict.sources,
        profile: verdict.profile,
        model_digest: verdict.model_digest,
        work_used: verdict.work_used,
        work_cut: verdict.work_cut,
    }
}

fn warn_of_input<R>(verdict: &mut Verdict<R>, unknown: &UnknownFields) {
    if unknown.total() > 0 {
        let names: Vec<&str> = unknown.0.keys().take(5).map(String::as_str).collect();
        verdict.warnings.push(Warning {
            code: ReasonCode::UnknownFields,
            message: format!(
                "{} fields of the input are not known here and were not used, among them {}",
                unknown.total(),
                names.join(", ")
            ),
            subject: None,
        });
    }
}

fn sections(state: &ClusterState) -> Vec<SectionEvidence> {
    state
        .sections()
        .into_iter()
        .map(|(section, summary)| SectionEvidence {
            section,
            supplied: summary.is_some(),
            source: summary.map(|known| known.source.to_owned()),
            observed_at: summary.and_then(|known| known.observed_at),
            complete: summary.map(|known| known.complete),
            items: summary.map_or(0, |known| known.items as u64),
        })
        .collect()
}

/// A digest of request, policy and market, never of an identifier: renaming a request changes
/// nothing about its answer.
fn seed(input: Digest, policy: Digest, evidence: Digest) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("cloudoptim 2026 search seed");
    hasher.update(input.as_bytes());
    hasher.update(policy.as_bytes());
    hasher.update(evidence.as_bytes());
    let mut bytes = [0_u8; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

/// A version 7 UUID (RFC 9562): the instant in front, so that identifiers sort by time, and a
/// digest of everything the answer depends on behind it, so that a replay gives the same one.
fn identity<E: Engine>(run: &Run<'_>, policy: Digest, evidence: Digest) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("cloudoptim 2026 decision id");
    for part in [E::NAME, E::VERSION, run.build] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    for part in [run.request_id, run.cluster_id] {
        let part = part.unwrap_or("");
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hasher.update(&run.now.as_microsecond().to_le_bytes());
    for digest in [run.input_digest, policy, evidence] {
        hasher.update(digest.as_bytes());
    }
    let digest = hasher.finalize();
    let random = digest.as_bytes();
    let millis = run.now.as_millisecond().clamp(0, (1 << 48) - 1) as u64;
    let high = (millis << 16) | 0x7000 | (u64::from(random[0] & 0x0f) << 8) | u64::from(random[1]);
    let mut low = [0_u8; 8];
    low.copy_from_slice(&random[2..10]);
    let low = (u64::from_be_bytes(low) & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
