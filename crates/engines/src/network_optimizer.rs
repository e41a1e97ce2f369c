//! Bytes that are billed for crossing zones or gateways, and how to keep them at home.
//!
//! Remedies come in the order of what they disturb: routing of a Service within zones, a client that
//! knows its zone, an endpoint of the network, other places for replicas, and last another place for
//! a pod. A pod whose volume lies in a zone is never asked to leave it, and spread that somebody
//! asked for is kept.

mod endpoints;
mod pairs;
mod remedy;

use facts::action::Step;
use facts::cluster::{ClusterState, SectionName};
use facts::decision::Verdict;
use facts::finding::Finding;
use facts::reason::ReasonCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Given, Sources};
use crate::findings::{self, Collected, HasFinding};
use crate::price_book::{PriceBook, rate};
use crate::traffic_view::TrafficView;

/// The network engine.
#[derive(Clone, Copy, Debug)]
pub struct NetworkOptimizer;

/// What an operator may choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkPolicy {
    /// Pairs of workloads with less traffic between zones than this many gigabytes a day are left
    /// alone.
    pub min_gb_per_day: f64,
    /// Routing within zones is proposed only where no zone's replicas would get more than this
    /// multiple of an even share.
    pub max_zone_load: f64,
    /// Whether a change of where pods run may be proposed at all.
    pub move_pods: bool,
    /// Prices.
    pub price_book: PriceBook,
}

impl Default for NetworkPolicy {
    fn default() -> NetworkPolicy {
        NetworkPolicy {
            min_gb_per_day: 10.0,
            max_zone_load: 1.5,
            move_pods: true,
            price_book: PriceBook::default(),
        }
    }
}

/// Limits of a caller.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConstraints {
    /// At least so many gigabytes a day.
    pub min_gb_per_day: Option<f64>,
    /// `false` forbids to propose other places for pods.
    pub move_pods: Option<bool>,
}

/// What to do about traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkFinding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// What to do.
    pub remedy: NetworkRemedy,
    /// Who calls, as `Kind namespace/name`.
    pub from: String,
    /// Who is called.
    pub to: String,
    /// Gigabytes a day between them that are billed.
    pub gb_per_day: f64,
    /// Gigabytes a day that stay at home afterwards.
    pub avoided_gb_per_day: f64,
    /// Why each gentler remedy does not do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<String>,
    /// The change of an object that carries it out, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<serde_json::Value>,
}

/// What can be done, gentlest first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NetworkRemedy {
    /// The Service prefers receivers of the sender's zone.
    RouteWithinZone,
    /// The client is told its zone, as clients of replicated stores understand.
    ZoneAwareClient,
    /// A gateway endpoint, which costs nothing.
    GatewayEndpoint,
    /// An interface endpoint, which costs less than the NAT gateway's bytes.
    InterfaceEndpoint,
    /// Replicas of the receiver in every zone that sends.
    SpreadReplicas,
    /// Another zone for a workload of one pod.
    MovePod,
}

impl HasFinding for NetworkFinding {
    fn finding(&self) -> &Finding {
        &self.finding
    }
}

/// Pairs with little traffic that are named; the rest is counted.
const MOST_LITTLE: usize = 50;

impl Engine for NetworkOptimizer {
    const NAME: &'static str = "network_optimizer";
    const DECISION: &'static str = "network_optimize";
    const VERSION: &'static str = "1";
    const SUMMARY: &'static str =
        "Keeps traffic within zones and off gateways, by the remedy that disturbs least.";

    type Policy = NetworkPolicy;
    type Constraints = NetworkConstraints;
    type Recommendation = NetworkFinding;
    type Need = ();
    type Evidence = ();

    fn tighten(policy: &mut NetworkPolicy, constraints: NetworkConstraints) {
        if let Some(least) = constraints.min_gb_per_day {
            policy.min_gb_per_day = policy.min_gb_per_day.max(least);
        }
        policy.move_pods &= constraints.move_pods.unwrap_or(true);
    }

    fn work_budget(_: &NetworkPolicy) -> u64 {
        0
    }

    fn need(_: &ClusterState, _: &NetworkPolicy, _: Timestamp) {}

    fn gather((): &(), _: &Sources<'_>) {}

    fn decide(
        state: &ClusterState,
        policy: &NetworkPolicy,
        _: &Given<'_, ()>,
    ) -> Verdict<NetworkFinding> {
        let view = match TrafficView::of(state) {
            Ok(view) => view,
            Err(missing) => return findings::unanswered(SectionName::Traffic, missing),
        };
        let needed = [SectionName::Traffic, SectionName::Pods, SectionName::Nodes];
        let known = findings::known(state, &needed);
        let mut collected = Collected::default();
        let page = "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer";
        let line =
            rate("between zones, each side", policy.price_book.cross_zone_usd_per_gb, "GB", page);
        collected.rates.insert(line.item.clone(), line);
        let pairs = pairs::pairs(state, &view);
        let mut little = 0;
        for pair in pairs.of_workloads.iter().filter(|pair| pair.crossing > 0) {
            let month = view.a_month(pair.crossing);
            collected.look_at(policy.price_book.cross_zone_month(month));
            if view.a_day(pair.crossing) / 1e9 > policy.min_gb_per_day {
                remedy::judge(state, policy, &view, pair, &mut collected);
                continue;
            }
            little += 1;
            if little <= MOST_LITTLE {
                remedy::little(policy, &view, pair, &mut collected);
            }
        }
        if little > MOST_LITTLE {
            let message = format!(
                "{} further pairs of workloads have less than {} GB a day between zones",
                little - MOST_LITTLE,
                policy.min_gb_per_day
            );
            collected.warn(ReasonCode::CandidateSummary, message);
        }
        endpoints::judge(state, policy, &view, &mut collected);
        if pairs.unknown_bytes > 0 {
            let message = format!(
                "{:.1} GB a day went to or came from ends whose zone or workload is not known; they \
                 are in no figure",
                view.a_day(pairs.unknown_bytes) / 1e9
            );
            collected.warn(ReasonCode::ZoneUnknown, message);
        }
        collected.formula = format!(
            "gigabytes a month that stay within a zone × 2 × ${} (both sides are billed), and what \
             endpoints save of the NAT gateway's bytes; estimates from {:.1} hours of traffic",
            policy.price_book.cross_zone_usd_per_gb, view.hours
        );
        let mut verdict = collected.into_verdict(Vec::new(), known);
        verdict.execution_plan = steps(state, &verdict.recommendations);
        verdict
    }
}

fn steps(state: &ClusterState, found: &[NetworkFinding]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for one in found {
        if let Some(step) = remedy::step(state, one, steps.len() as u32 + 1) {
            steps.push(step);
        }
    }
    steps
}
