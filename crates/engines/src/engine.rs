//! The contract of an engine, and its erased form that the rest of the server works with.

use jiff::Timestamp;
use market::Market;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use facts::cluster::ClusterState;
use facts::decision::Verdict;

use crate::learned::LearnedPools;
use crate::spot_model::SpotModel;

/// A pure function from a cluster and declared evidence to a verdict.
///
/// It never fails: missing evidence becomes a warning and less confidence, and what was considered
/// and refused becomes a rejection. The same arguments give the same verdict on every machine.
pub trait Engine: Copy + Send + Sync + 'static {
    /// The engine's own name, also its file: `spot_optimizer`.
    const NAME: &'static str;
    /// What is asked for, also the route: `spot_optimize`.
    const DECISION: &'static str;
    /// Changes whenever the same input may be answered differently.
    const VERSION: &'static str;
    /// What it does, in one sentence for people.
    const SUMMARY: &'static str;

    /// Thresholds and choices, all with defaults.
    type Policy: DeserializeOwned + Serialize + JsonSchema + Default + Send + Sync;
    /// Limits that a caller may set and that only ever tighten the policy.
    type Constraints: DeserializeOwned + JsonSchema + Default + Send + Sync;
    /// What it recommends.
    type Recommendation: Serialize + JsonSchema;
    /// The question that it asks of the world before it decides. Equal questions have equal
    /// answers as long as the sources stay the same, so its JSON form is a cache key.
    type Need: Serialize;
    /// The answer to that question: recorded with the decision, and all that a replay gets.
    type Evidence: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Applies the caller's limits.
    fn tighten(policy: &mut Self::Policy, constraints: Self::Constraints);

    /// The most work units that a search may spend under a policy.
    fn work_budget(policy: &Self::Policy) -> u64;

    /// Whether it answers within a few milliseconds under a policy, however large the cluster, so
    /// that handing it to another thread would cost more than it helps.
    fn is_quick(_policy: &Self::Policy) -> bool {
        false
    }

    /// Whether everything that it asks and says is the same at every instant of the hour (UTC) that
    /// `now` lies in. An answer that holds so long may be given again without being reckoned again.
    fn is_steady(_state: &ClusterState, _policy: &Self::Policy, _now: Timestamp) -> bool {
        false
    }

    /// Whether it asks for the records of earlier snapshots, which differ between clusters.
    fn asks_records() -> bool {
        false
    }

    /// Whether it asks what reported interruptions say, which differs between customers.
    fn asks_learned() -> bool {
        false
    }

    /// What it asks of the world for this cluster at this instant.
    fn need(state: &ClusterState, policy: &Self::Policy, now: Timestamp) -> Self::Need;

    /// Draws the answer from the sources.
    fn gather(need: &Self::Need, sources: &Sources<'_>) -> Self::Evidence;

    /// Decides.
    fn decide(
        state: &ClusterState,
        policy: &Self::Policy,
        given: &Given<'_, Self::Evidence>,
    ) -> Verdict<Self::Recommendation>;
}

/// The world, as far as engines may ask of it.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Prices and interruption rates.
    pub market: &'a Market,
    /// The model that says how likely capacity is taken back, where one is active.
    pub spot_model: Option<SpotModel<'a>>,
    /// What reported interruptions say of pools, where somebody keeps reports.
    pub learned: Option<LearnedPools<'a>>,
    /// Since when things have been in the state they are in, where somebody kept records.
    pub sightings: Option<Sightings<'a>>,
}

/// Records of earlier snapshots of the same cluster and account.
#[derive(Clone, Copy)]
pub struct Sightings<'a> {
    /// When an object was first seen in a state that lasts since, by state (such as
    /// `unattached_volume`) and identifier.
    pub first_seen: &'a (dyn Fn(&str, &str) -> Option<Timestamp> + Sync),
}

impl std::fmt::Debug for Sightings<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Sightings")
    }
}

impl<'a> Sources<'a> {
    /// A market, no model, no reports and no records.
    #[must_use]
    pub fn of(market: &'a Market) -> Sources<'a> {
        Sources { market, spot_model: None, learned: None, sightings: None }
    }
}

/// Everything outside of the cluster and the policy that a verdict may depend on.
pub struct Given<'a, Evidence> {
    /// The instant that every age and window refers to.
    pub now: Timestamp,
    /// Where pseudo-random searches start: a digest of request, policy and market.
    pub seed: u64,
    /// The answer to what the engine asked for.
    pub evidence: &'a Evidence,
    /// How far a search may go.
    pub work: WorkLimit<'a>,
}

/// How far a search may go, in counted work units and never by a clock.
#[derive(Clone, Copy)]
pub struct WorkLimit<'a> {
    /// The most work units.
    pub budget: u64,
    /// Asked now and then by long searches; `true` ends them. The count at that moment is recorded
    /// and becomes the budget of a replay.
    pub cancelled: Option<&'a dyn Fn() -> bool>,
    /// Whether the budget is the count at which an earlier search was cut short, so that the
    /// answer says so again.
    pub replays_a_cut: bool,
}
