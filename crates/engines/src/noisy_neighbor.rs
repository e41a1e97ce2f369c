//! Pods whose traffic stands out: by a robust measure among their like, and by fixed amounts.
//!
//! The median and the median deviation do not move when one pod goes wild, so a pod is compared
//! with them and not with a mean that it is part of. A multiple of the mean of the *other* pods, and
//! fixed amounts between zones and to the internet, are looked at beside it.

mod impact;
mod measures;

use std::collections::BTreeMap;

use facts::cluster::{ClusterState, SectionName};
use facts::decision::{DataSource, Verdict};
use facts::finding::{CostCategory, Finding};
use facts::names::InstanceType;
use facts::reason::ReasonCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Confidence, Fraction, Usd};

use crate::engine::{Engine, Given, Sources};
use crate::findings::{self, Collected, HasFinding};
use crate::price_book::{PriceBook, rate};
use crate::traffic_view::TrafficView;
use impact::Impact;
use measures::{Measures, Spread};

/// The engine that finds noisy neighbours.
#[derive(Clone, Copy, Debug)]
pub struct NoisyNeighbor;

/// What an operator may choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoisyPolicy {
    /// A pod with more than this multiple of the mean traffic of the other pods stands out.
    pub bandwidth_outlier_multiplier: f64,
    /// A pod whose traffic lies this many robust deviations above the median stands out; 3.5 after
    /// Iglewicz and Hoaglin, *How to Detect and Handle Outliers* (1993).
    pub robust_deviations: f64,
    /// Gigabytes a month between zones from which on a pod stands out.
    pub cross_zone_gb_per_month: f64,
    /// Gigabytes a month to the internet from which on a pod stands out.
    pub internet_gb_per_month: f64,
    /// Gigabytes a month below which no pod stands out by comparison alone.
    pub least_gb_per_month: f64,
    /// Prices.
    pub price_book: PriceBook,
}

impl Default for NoisyPolicy {
    fn default() -> NoisyPolicy {
        NoisyPolicy {
            bandwidth_outlier_multiplier: 10.0,
            robust_deviations: 3.5,
            cross_zone_gb_per_month: 500.0,
            internet_gb_per_month: 2_000.0,
            least_gb_per_month: 100.0,
            price_book: PriceBook::default(),
        }
    }
}

/// Limits of a caller.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoisyConstraints {
    /// At least this multiple.
    pub min_outlier_multiplier: Option<f64>,
    /// At least so many gigabytes a month.
    pub least_gb_per_month: Option<f64>,
}

/// A pod that stands out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoisyFinding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// Where it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The workload that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// What its traffic is like.
    pub patterns: Vec<TrafficPattern>,
    /// Which rules it broke, each with what was measured and the limit.
    pub rules: Vec<BrokenRule>,
    /// Gigabytes a month, sent and received.
    pub gb_per_month: f64,
    /// Of these between zones.
    pub cross_zone_gb_per_month: f64,
    /// Sent to the internet.
    pub internet_gb_per_month: f64,
    /// To and from services of the cloud.
    pub cloud_service_gb_per_month: f64,
    /// What can be done, gentlest first.
    pub remedies: Vec<String>,
    /// What it means for the other pods of its node.
    pub impact: Impact,
}

/// What traffic is like.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TrafficPattern {
    /// Much goes to the internet or to services of the cloud.
    HighEgress,
    /// Much crosses zones.
    HighCrossAz,
    /// Much is moved altogether.
    HighBandwidth,
}

/// A rule that a pod broke.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BrokenRule {
    /// `robust_outlier`, `multiple_of_mean`, `cross_zone` or `internet`.
    pub rule: String,
    /// What was measured.
    pub measured: f64,
    /// The limit.
    pub limit: f64,
}

impl HasFinding for NoisyFinding {
    fn finding(&self) -> &Finding {
        &self.finding
    }
}

/// The question: how much can these types move?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BandwidthNeed {
    /// Types of nodes.
    pub types: std::collections::BTreeSet<InstanceType>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BandwidthEvidence {
    /// Baseline megabits a second, where AWS publishes one.
    pub network_mbps: BTreeMap<InstanceType, u32>,
    /// Where that comes from.
    pub sources: Vec<DataSource>,
}

impl Engine for NoisyNeighbor {
    const NAME: &'static str = "noisy_neighbor_detector";
    const DECISION: &'static str = "noisy_neighbor";
    const VERSION: &'static str = "1";
    const SUMMARY: &'static str = "Finds pods whose traffic stands out, what it costs, and what it means for their neighbours.";

    type Policy = NoisyPolicy;
    type Constraints = NoisyConstraints;
    type Recommendation = NoisyFinding;
    type Need = BandwidthNeed;
    type Evidence = BandwidthEvidence;

    fn tighten(policy: &mut NoisyPolicy, constraints: NoisyConstraints) {
        if let Some(least) = constraints.min_outlier_multiplier {
            policy.bandwidth_outlier_multiplier = policy.bandwidth_outlier_multiplier.max(least);
        }
        if let Some(least) = constraints.least_gb_per_month {
            policy.least_gb_per_month = policy.least_gb_per_month.max(least);
        }
    }

    fn work_budget(_: &NoisyPolicy) -> u64 {
        0
    }

    fn need(state: &ClusterState, _: &NoisyPolicy, _: Timestamp) -> BandwidthNeed {
        let types = state
            .node_items()
            .iter()
            .filter_map(|node| node.label(facts::cluster::well_known::INSTANCE_TYPE)?.parse().ok());
        BandwidthNeed { types: types.collect() }
    }

    fn gather(need: &BandwidthNeed, sources: &Sources<'_>) -> BandwidthEvidence {
        let known = need
            .types
            .iter()
            .filter_map(|name| Some((name.clone(), sources.market.instance(name)?.network_mbps?)));
        BandwidthEvidence { network_mbps: known.collect(), sources: Vec::new() }
    }

    fn decide(
        state: &ClusterState,
        policy: &NoisyPolicy,
        given: &Given<'_, BandwidthEvidence>,
    ) -> Verdict<NoisyFinding> {
        let view = match TrafficView::of(state) {
            Ok(view) => view,
            Err(missing) => return findings::unanswered(SectionName::Traffic, missing),
        };
        let known =
            findings::known(state, &[SectionName::Traffic, SectionName::Pods, SectionName::Nodes]);
        let measures = measures::measure(&view, state.pod_items().len());
        let mut collected = Collected::default();
        let book = &policy.price_book;
        let page = "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer";
        let line = rate("between zones, each side", book.cross_zone_usd_per_gb, "GB", page);
        collected.rates.insert(line.item.clone(), line);
        let spread = Spread::of(measures.iter().filter(|one| one.total > 0).map(|one| one.total));
        let loads = impact::loads(state, &view, &measures);
        let mut usual = 0_u64;
        for (place, measured) in measures.iter().enumerate().filter(|(_, one)| one.total > 0) {
            collected.look_at(cost(policy, &view, measured));
            match judge(policy, &view, measured, &spread) {
                rules if rules.is_empty() => usual += 1,
                rules => {
                    let effect = impact::of(state, place, &loads, given.evidence);
                    collected.found.push(found(
                        state,
                        policy,
                        &view,
                        (place, measured),
                        rules,
                        effect,
                    ));
                }
            }
        }
        if usual > 0 {
            let message = format!(
                "{usual} pods with traffic are as it is usual: the median is {:.3} GB a month, a \
                 robust deviation {:.3} GB",
                view.a_month(spread.median as u64) / 1e9,
                view.a_month(spread.deviation as u64) / 1e9
            );
            collected.warn(ReasonCode::NotAnOutlier, message);
        }
        collected.formula = format!(
            "sum over pods that stand out of gigabytes a month between zones × 2 × ${}; what goes to \
             the internet is shown and not counted as saved; estimates from {:.1} hours of traffic",
            book.cross_zone_usd_per_gb, view.hours
        );
        collected.into_verdict(given.evidence.sources.clone(), known)
    }
}

fn gb(view: &TrafficView<'_>, bytes: u64) -> f64 {
    (view.a_month(bytes) / 1e6).round() / 1e3
}

fn cost(policy: &NoisyPolicy, view: &TrafficView<'_>, measured: &Measures) -> Option<Usd> {
    let book = &policy.price_book;
    let zones = book.cross_zone_month(view.a_month(measured.cross_zone_sent))?;
    Some(zones + book.internet_month(view.a_month(measured.internet))?)
}

/// The rules that a pod breaks.
fn judge(
    policy: &NoisyPolicy,
    view: &TrafficView<'_>,
    measured: &Measures,
    spread: &Spread,
) -> Vec<BrokenRule> {
    let mut rules = Vec::new();
    let mut rule = |name: &str, measured: f64, limit: f64| {
        if measured > limit {
            let measured = (measured * 1_000.0).round() / 1_000.0;
            rules.push(BrokenRule { rule: name.to_owned(), measured, limit });
        }
    };
    if gb(view, measured.total) >= policy.least_gb_per_month {
        if let Some(deviations) = spread.deviations(measured.total) {
            rule("robust_outlier", deviations, policy.robust_deviations);
        }
        if let Some(multiple) = spread.multiple_of_others(measured.total) {
            rule("multiple_of_mean", multiple, policy.bandwidth_outlier_multiplier);
        }
    }
    rule("cross_zone", gb(view, measured.cross_zone), policy.cross_zone_gb_per_month);
    rule("internet", gb(view, measured.internet), policy.internet_gb_per_month);
    rules
}

fn found(
    state: &ClusterState,
    policy: &NoisyPolicy,
    view: &TrafficView<'_>,
    (place, measured): (usize, &Measures),
    rules: Vec<BrokenRule>,
    impact: Impact,
) -> NoisyFinding {
    let pod = &state.pod_items()[place];
    let workload = view.workloads.of_pod[place].map(|at| &view.workloads.keys[at as usize]);
    let broke = |name: &str| rules.iter().any(|one| one.rule == name);
    let mut patterns = Vec::new();
    let out = measured.internet + measured.cloud_service;
    if broke("internet") || out * 2 > measured.total {
        patterns.push(TrafficPattern::HighEgress);
    }
    if broke("cross_zone") || measured.cross_zone * 2 > measured.total {
        patterns.push(TrafficPattern::HighCrossAz);
    }
    if patterns.is_empty() || broke("robust_outlier") || broke("multiple_of_mean") {
        patterns.push(TrafficPattern::HighBandwidth);
    }
    let book = &policy.price_book;
    let saved = book.cross_zone_month(view.a_month(measured.cross_zone_sent));
    let total = gb(view, measured.total);
    NoisyFinding {
        finding: Finding {
            finding: format!("noisy_pod:{}/{}", pod.namespace(), pod.name),
            subject: facts::action::Target {
                kind: "Pod".to_owned(),
                namespace: Some(pod.namespace().to_owned()),
                name: pod.name.clone(),
                uid: pod.uid.clone(),
                arn: None,
            },
            cost_category: CostCategory::Transfer,
            summary: format!(
                "{}/{} moves {total:.1} GB a month ({})",
                pod.namespace(),
                pod.name,
                rules
                    .iter()
                    .map(|one| format!("{} {:.1} over {:.1}", one.rule, one.measured, one.limit))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            cost_usd_per_month: cost(policy, view, measured),
            savings_usd_per_month: saved,
            formula: format!(
                "{:.3} GB a month sent between zones × 2 × ${} if all of it stayed at home; {:.3} GB \
                 to the internet beside it",
                gb(view, measured.cross_zone_sent),
                book.cross_zone_usd_per_gb,
                gb(view, measured.internet)
            ),
            confidence: Confidence::new(Fraction::clamped(0.5)),
            requires_review: true,
            review_reason: Some("much traffic may be its job; look what it does".to_owned()),
            owner: None,
            because: Vec::new(),
        },
        node: pod.node.clone(),
        workload: workload.map(ToString::to_string),
        remedies: remedies(measured, &patterns),
        patterns,
        rules,
        gb_per_month: total,
        cross_zone_gb_per_month: gb(view, measured.cross_zone),
        internet_gb_per_month: gb(view, measured.internet),
        cloud_service_gb_per_month: gb(view, measured.cloud_service),
        impact,
    }
}

fn remedies(measured: &Measures, patterns: &[TrafficPattern]) -> Vec<String> {
    let mut all = Vec::new();
    if measured.cloud_service > 0 {
        all.push("a gateway endpoint for S3 and DynamoDB keeps that traffic off NAT gateways for nothing");
    }
    if patterns.contains(&TrafficPattern::HighCrossAz) {
        all.push("let the Services that it calls prefer receivers of its zone");
    }
    if patterns.contains(&TrafficPattern::HighEgress) {
        all.push("keep answers of foreign interfaces in a cache");
    }
    all.push("compress what is sent");
    if patterns.contains(&TrafficPattern::HighBandwidth) {
        all.push("give it a node of its own, or a type with more bandwidth");
    }
    all.into_iter().map(str::to_owned).collect()
}
