//! Asking an engine as a caller does, and letting the plan checker look at the answer.

use engines::engine::Sources;
use engines::prepared::{AnyEngine, ErasedDecision, Run};
use engines::request::DecisionRequest;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

/// The instant of every law.
pub(crate) fn now() -> Timestamp {
    "2026-08-01T12:00:00Z".parse().unwrap()
}

/// What an engine says of a snapshot, and what the checker objects to.
pub(crate) fn asked(
    engine: &dyn AnyEngine,
    state: &Value,
    requirements: Option<&Value>,
    constraints: Option<&Value>,
    sources: &Sources<'_>,
) -> (ErasedDecision, Vec<checker::Violation>) {
    let raw = |value: &Value| RawValue::from_string(value.to_string()).unwrap();
    let (input, policy, limits) = (raw(state), requirements.map(raw), constraints.map(raw));
    let request = DecisionRequest {
        request_id: None,
        cluster_id: None,
        decision_type: None,
        current_state: &input,
        requirements: policy.as_deref(),
        constraints: limits.as_deref(),
    };
    let prepared = engine.prepare(&request).unwrap_or_else(|error| panic!("{error}"));
    let evidence = prepared.gather(now(), sources);
    let run = Run {
        now: now(),
        build: "law",
        request_id: None,
        cluster_id: None,
        input_digest: blake3::hash(b"the same for every order"),
        stop_after: None,
        cancelled: None,
    };
    let decision = prepared.decide(&evidence, &run).unwrap();
    let violations = checker::check(prepared.state(), &decision);
    (decision, violations)
}
