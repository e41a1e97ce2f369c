//! An active model changes what is said of pools, what is decided, and what the decision rests on; and
//! the decision is made again from its evidence alone.

use engines::engine::{Engine, Given, Sources, WorkLimit};
use engines::spot_model::{ModelIdentity, SpotModel};
use engines::spot_optimizer::{SpotEvidence, SpotOptimizer, SpotPolicy, SpotRecommendation};
use facts::cluster::ClusterState;
use facts::decision::Verdict;
use jiff::Timestamp;
use market::{Market, MarketSlice};

fn now() -> Timestamp {
    market::bundled().provenance().iter().map(|part| part.newest).max().unwrap()
        + jiff::SignedDuration::from_hours(2)
}

fn state() -> ClusterState {
    ClusterState::from_json(br#"{"region":"us-east-1","nodes":[],"pods":[]}"#).unwrap().value
}

fn policy() -> SpotPolicy {
    let policy = SpotPolicy { allocate: false, top: 0, ..SpotPolicy::default() };
    SpotPolicy { pools_per_type: 0, ..policy }
}

/// A model, as a function.
type Ask = dyn Fn(&Market, &MarketSlice) -> Vec<Option<f64>> + Sync;

fn gathered(policy: &SpotPolicy, ask: Option<&Ask>) -> SpotEvidence {
    let market = market::bundled();
    let identity = ModelIdentity {
        model_id: "0199".to_owned(),
        name: "spot".to_owned(),
        version: "3".to_owned(),
        digest: "ab".repeat(32),
        horizon_hours: 24.0,
    };
    let spot_model = ask.map(|ask| SpotModel { identity: &identity, ask });
    let need = SpotOptimizer::need(&state(), policy, now());
    SpotOptimizer::gather(&need, &Sources { spot_model, ..Sources::of(&market) })
}

fn decided(policy: &SpotPolicy, evidence: &SpotEvidence) -> Verdict<SpotRecommendation> {
    let work = WorkLimit { budget: 0, cancelled: None, replays_a_cut: false };
    SpotOptimizer::decide(&state(), policy, &Given { now: now(), seed: 0, evidence, work })
}

/// Three types that pass without a model.
fn three() -> [String; 3] {
    let policy = policy();
    let plain = decided(&policy, &gathered(&policy, None));
    let mut kinds: Vec<String> =
        plain.recommendations.iter().map(|one| one.instance_type.to_string()).collect();
    kinds.dedup();
    [kinds[0].clone(), kinds[1].clone(), kinds[2].clone()]
}

/// Half a chance within a day for the first type, silence on the second, hardly any for the others.
fn suspicious(_: &Market, slice: &MarketSlice) -> Vec<Option<f64>> {
    static KINDS: std::sync::LazyLock<[String; 3]> = std::sync::LazyLock::new(three);
    let [risky, unknown, _] = &*KINDS;
    slice
        .pools()
        .map(|pool| match pool.instance_type.as_str() {
            kind if kind == risky => Some(0.5),
            kind if kind == unknown => None,
            _ => Some(0.001),
        })
        .collect()
}

#[test]
fn a_model_supplies_the_probabilities_and_is_named() {
    let policy = policy();
    let (without, with) = (gathered(&policy, None), gathered(&policy, Some(&suspicious)));
    let (plain, modelled) = (decided(&policy, &without), decided(&policy, &with));
    assert_eq!((plain.model_digest, modelled.model_digest), (None, Some("ab".repeat(32))));
    let named: Vec<&str> = modelled.sources.iter().map(|one| one.dataset.as_str()).collect();
    assert!(named.contains(&"spot_predictor"), "{named:?}");
    let within_a_day = |verdict: &[SpotRecommendation], kind: &str| {
        let found = verdict.iter().find(|one| one.instance_type.as_str() == kind);
        let json = serde_json::to_value(found.unwrap()).unwrap();
        json["interruption_probability"]["24h"]["probability"].as_f64().unwrap()
    };
    let check = |kind: &str, expected: Option<f64>| {
        let (before, after) = (
            within_a_day(&plain.recommendations, kind),
            within_a_day(&modelled.recommendations, kind),
        );
        match expected {
            Some(expected) => assert!((after - expected).abs() < 1e-6, "{kind}: {after}"),
            None => assert_eq!(before, after, "{kind}: where the model is silent the class speaks"),
        }
    };
    let [risky, unknown, other] = three();
    check(&risky, Some(0.5));
    check(&unknown, None);
    check(&other, Some(0.001));
}

#[test]
fn on_request_the_model_is_the_advisor() {
    let policy = SpotPolicy { model_as_advisor: true, ..policy() };
    let with = gathered(&policy, Some(&suspicious));
    let verdict = decided(&policy, &with);
    // Half a chance a day is worse than the worst class, and layer 1 refuses it.
    let recommended =
        |kind: &str| verdict.recommendations.iter().any(|one| one.instance_type.as_str() == kind);
    let [risky, _, other] = three();
    assert!(!recommended(&risky));
    assert!(recommended(&other), "{} recommendations", verdict.recommendations.len());
    let refused = verdict.rejected.iter().any(|one| format!("{one:?}").contains(&risky));
    assert!(refused, "the refusal is explained");
}

#[test]
fn the_evidence_replays_without_the_model() {
    let policy = policy();
    let with = gathered(&policy, Some(&suspicious));
    let written = serde_json::to_string(&with).unwrap();
    let read: SpotEvidence = serde_json::from_str(&written).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), written);
    let answer = |evidence: &SpotEvidence| {
        serde_json::to_string(&decided(&policy, evidence).recommendations).unwrap()
    };
    assert_eq!(answer(&with), answer(&read));
    assert_ne!(answer(&with), answer(&gathered(&policy, None)));
}

#[test]
fn answers_that_are_no_probabilities_harm_nothing() {
    let policy = policy();
    let nonsense = |_: &Market, _: &MarketSlice| vec![Some(f64::NAN), Some(7.0), Some(-1.0), None];
    let with = gathered(&policy, Some(&nonsense));
    let word = with.word.as_ref().unwrap();
    assert_eq!(word.offered.len(), with.offered.as_ref().unwrap().len());
    assert!(word.offered.iter().flatten().all(|events| events.is_finite() && *events >= 0.0));
    let offered = with.offered.as_ref().unwrap();
    // The second pool was called certain beyond certainty: within a day that is all but one.
    assert!((word.offered[1].unwrap() * 24.0 / 1000.0 - 1e6_f64.ln()).abs() < 1e-6);
    assert_eq!((word.offered[0], word.offered[2]), (None, Some(0.0)));
    assert!(offered.len() > 4 && word.offered[3..].iter().all(Option::is_none));
    for one in &decided(&policy, &with).recommendations {
        let json = serde_json::to_value(one).unwrap();
        for horizon in ["1h", "6h", "24h", "30d"] {
            let said = json["interruption_probability"][horizon]["probability"].as_f64();
            assert!(said.is_some_and(|said| (0.0..=1.0).contains(&said)), "{json}");
        }
    }
}
