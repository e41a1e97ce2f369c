//! What the spot optimizer asks of the market, and the scores that follow from the answer.
//!
//! Facts are recorded; scores are derived from them once, when evidence is gathered or read back,
//! so that every decision on the same evidence only filters and takes the best.

use std::collections::BTreeSet;

use facts::cluster::{ClusterState, Node, well_known};
use facts::decision::DataSource;
use facts::names::{Architecture, InstanceType, OperatingSystem, Region, Zone};
use facts::reason::ReasonCode;
use jiff::Timestamp;
use learning::cross_customer::Level;
use market::{InstanceFilter, MarketSlice, NoSpotPrice, PriceBasis, SliceRequest};
use serde::{Deserialize, Serialize};
use units::{Hours, Usd};

use super::capacity;
use super::policy::SpotPolicy;
use crate::bin_packing::{region_of, sources, to_the_hour};
use crate::engine::Sources;
use crate::learned::{LearnedRow, LearnedWord};
use crate::scoring::{PoolScore, Profile, ProfileError, ProfileName, RegionPrior, score_pool};
use crate::spot_model::ModelWord;

/// The question. Equal questions have equal answers on the same market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpotNeed {
    /// The region; without one nothing is known.
    pub region: Option<Region>,
    /// Which operating system is priced.
    pub operating_system: OperatingSystem,
    /// As of when, to the hour, so that answers can be shared.
    pub as_of: Timestamp,
    /// Which kinds of types; names, sizes and zones are chosen later, so that answers can be
    /// shared.
    pub filter: InstanceFilter,
    /// A spot price that was not seen for longer is no longer one.
    pub spot_max_age: Hours,
    /// How pools are scored.
    pub scoring: ScoringChoice,
    /// Types of nodes that exist, where their cost is wanted.
    pub existing: BTreeSet<InstanceType>,
}

/// Everything that scores and their order depend on beside the market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoringChoice {
    /// Which profile.
    pub profile: ProfileName,
    /// Instance-hours of the customer's own history.
    pub feedback_hours: u64,
    /// GiB of memory that the cluster needs beside each processor: 0 (not known), 2, 4, 8 or 16.
    pub gib_per_vcpu: u8,
    /// What it costs when spot capacity is taken back, per processor.
    pub interruption_cost_usd_per_vcpu: Usd,
    /// Whether the advisor component is read off the active model's probability.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub model_as_advisor: bool,
}

/// The answer, with the scores that follow from it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Recorded")]
pub struct SpotEvidence {
    /// How pools are scored.
    pub scoring: ScoringChoice,
    /// Every pool of the region that the filter lets through.
    pub offered: Option<MarketSlice>,
    /// Every pool of the types of existing nodes, whatever the filter says of them.
    pub existing: Option<MarketSlice>,
    /// Where the numbers come from.
    pub sources: Vec<DataSource>,
    /// What the active model said of the pools, where one is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<ModelWord>,
    /// What reported interruptions say of the pools, where reports are kept and say anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedWord>,
    /// The profile, or why there is none.
    #[serde(skip)]
    pub(super) profile: Option<Result<Profile, ProfileError>>,
    /// Scores of `offered`.
    #[serde(skip)]
    pub(super) offered_scores: ScoreTable,
    /// Scores of `existing`.
    #[serde(skip)]
    pub(super) existing_scores: ScoreTable,
}

/// Scores of the pools of a slice.
#[derive(Clone, Debug, Default)]
pub(super) struct ScoreTable {
    /// By row of the slice; `None` where the advisor has no class.
    pub scores: Vec<Option<PoolScore>>,
    /// Rows, safest first; among equally safe ones the cheapest in full cost first.
    pub order: Vec<u32>,
    /// By row, what pools are judged by.
    pub gates: Vec<Gate>,
    /// The zones of the slice, sorted.
    pub zones: Vec<Zone>,
}

/// What a pool is judged by, side by side in memory: every decision looks at every pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    /// Row of the type table.
    pub of_type: u32,
    /// Position in the list of zones; above it where the zone is not known.
    pub zone: u32,
    /// The safety score by the class as published; `None` where there is no class.
    pub safety: Option<f64>,
    /// Whether a price is known, and whether it is an average.
    pub price: KnownPrice,
    /// Whether a spot price was seen that is too old now.
    pub went_stale: bool,
    /// Whether spot costs as much as On-Demand or more.
    pub not_cheaper: bool,
    /// Why nothing new goes there now, by what was reported lately.
    pub unrest: Option<ReasonCode>,
    /// Age of the class in days.
    pub class_days: f64,
}

/// What is known of the price of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KnownPrice {
    /// Nothing.
    Nothing,
    /// The mean of 30 days and all zones.
    Average,
    /// Its own.
    Own,
}

/// What is written of the evidence.
#[derive(Deserialize)]
struct Recorded {
    scoring: ScoringChoice,
    offered: Option<MarketSlice>,
    existing: Option<MarketSlice>,
    sources: Vec<DataSource>,
    #[serde(default)]
    word: Option<ModelWord>,
    #[serde(default)]
    learned: Option<LearnedWord>,
}

impl From<Recorded> for SpotEvidence {
    fn from(recorded: Recorded) -> SpotEvidence {
        let Recorded { scoring, offered, existing, sources, word, learned } = recorded;
        let collective = learned.as_ref().map_or(0, |learned| learned.hours);
        let hours = scoring.feedback_hours.max(collective);
        let profile = Profile::new(scoring.profile, hours);
        let said = |of: fn(&ModelWord) -> &Vec<Option<f64>>| {
            word.as_ref().map_or(&[][..], |word| of(word).as_slice())
        };
        let taught = |of: fn(&LearnedWord) -> &Vec<LearnedRow>| {
            learned.as_ref().map_or(&[][..], |learned| of(learned).as_slice())
        };
        let table =
            |slice: Option<&MarketSlice>, said: &[Option<f64>], taught: &[LearnedRow]| match (
                slice, &profile,
            ) {
                (Some(slice), Ok(profile)) => {
                    ScoreTable::of(slice, profile, &scoring, said, taught)
                }
                _ => ScoreTable::default(),
            };
        SpotEvidence {
            offered_scores: table(
                offered.as_ref(),
                said(|word| &word.offered),
                taught(|learned| &learned.offered),
            ),
            existing_scores: table(
                existing.as_ref(),
                said(|word| &word.existing),
                taught(|learned| &learned.existing),
            ),
            word,
            learned,
            scoring,
            offered,
            existing,
            sources,
            profile: Some(profile),
        }
    }
}

/// What the optimizer asks for this cluster.
pub(super) fn need(state: &ClusterState, policy: &SpotPolicy, now: Timestamp) -> SpotNeed {
    let typed = |node: &Node| node.instance_type.as_deref()?.parse::<InstanceType>().ok();
    let choice = &policy.instance_types;
    let mut architectures = choice.architectures.clone();
    if architectures.is_empty() {
        architectures = state.node_items().iter().filter_map(architecture).collect();
    }
    if architectures.is_empty() {
        architectures.insert(Architecture::Amd64);
    }
    SpotNeed {
        region: region_of(state),
        operating_system: policy.operating_system,
        as_of: to_the_hour(now),
        filter: InstanceFilter {
            architectures,
            current_generation_only: !choice.previous_generations,
            burstable: choice.burstable,
            bare_metal: choice.bare_metal,
            accelerated: choice.accelerated,
            ..InstanceFilter::default()
        },
        spot_max_age: policy.max_price_age_hours,
        scoring: ScoringChoice {
            profile: policy.profile,
            feedback_hours: policy.feedback_hours,
            gib_per_vcpu: capacity::memory_class(state, policy),
            interruption_cost_usd_per_vcpu: policy.interruption_cost_usd_per_vcpu.max(Usd::ZERO),
            model_as_advisor: policy.model_as_advisor,
        },
        existing: if policy.allocate {
            state.node_items().iter().filter_map(typed).collect()
        } else {
            BTreeSet::new()
        },
    }
}

/// Answers from the market.
pub(super) fn gather(need: &SpotNeed, world: &Sources<'_>) -> SpotEvidence {
    let market = world.market;
    let slice = |filter: InstanceFilter| {
        Some(market.slice(&SliceRequest {
            region: need.region.clone()?,
            operating_system: need.operating_system,
            as_of: need.as_of,
            filter,
            spot_max_age: need.spot_max_age,
        }))
    };
    let existing =
        InstanceFilter { instance_types: need.existing.clone(), ..InstanceFilter::everything() };
    let offered = slice(need.filter.clone());
    // An empty list of names would let everything through.
    let existing = (!need.existing.is_empty()).then(|| slice(existing)).flatten();
    let mut sources = need.region.as_ref().map_or_else(Vec::new, |_| sources(market, need.as_of));
    let word = world.spot_model.filter(|_| offered.is_some()).map(|model| {
        let ask = |slice: &Option<MarketSlice>| {
            slice.as_ref().map_or_else(Vec::new, |slice| model.events_per_1000h(market, slice))
        };
        ModelWord {
            model: model.identity.clone(),
            offered: ask(&offered),
            existing: ask(&existing),
        }
    });
    sources.extend(word.as_ref().map(named));
    let learned = world.learned.filter(|_| offered.is_some()).map(|learned| {
        let ask = |slice: &Option<MarketSlice>| {
            slice.as_ref().map_or_else(Vec::new, |slice| (learned.ask)(market, slice))
        };
        LearnedWord { hours: learned.hours, offered: ask(&offered), existing: ask(&existing) }
    });
    let learned = learned.filter(|word| word.hours > 0 || word.knows());
    sources.extend(learned.as_ref().map(reported));
    let scoring = need.scoring;
    SpotEvidence::from(Recorded { scoring, offered, existing, sources, word, learned })
}

impl ScoreTable {
    /// `said` is what a model says of each row, in interruptions in a thousand hours.
    fn of(
        slice: &MarketSlice,
        profile: &Profile,
        choice: &ScoringChoice,
        said: &[Option<f64>],
        taught: &[LearnedRow],
    ) -> ScoreTable {
        let region = RegionPrior::of(slice.bucket_counts);
        // A pool of which nothing was reported keeps the prior of its class.
        let mut learned: Vec<Option<&LearnedRow>> = vec![None; slice.len()];
        for one in taught {
            if let Some(place) = learned.get_mut(one.row as usize) {
                *place = Some(one);
            }
        }
        let score = |row: usize| {
            let score = score_pool(slice, row, profile, &region, learned[row])?;
            Some(match said.get(row).copied().flatten() {
                Some(events) => score.by_model(events / 1000.0, choice.model_as_advisor, profile),
                None => score,
            })
        };
        let scores: Vec<Option<PoolScore>> = (0..slice.len()).map(score).collect();
        let key = |row: u32| {
            let score = scores.get(row as usize).and_then(Option::as_ref);
            let safety = score.map_or(-1.0, |score| score.aged_safety.value());
            let cost = score.zip(slice.pool(row as usize)).and_then(|(score, view)| {
                let gib = f64::from(choice.gib_per_vcpu);
                let share = capacity::useful_vcpu(view.vcpu, view.memory, gib);
                let lost = choice.interruption_cost_usd_per_vcpu.dollars();
                Some(view.price?.per_hour().dollars() / share + score.aged_hazard * lost)
            });
            (safety, cost.unwrap_or(f64::INFINITY))
        };
        let rows = u32::try_from(slice.len()).unwrap_or(u32::MAX);
        let mut keyed: Vec<((f64, f64), u32)> = (0..rows).map(|row| (key(row), row)).collect();
        keyed.sort_by(|((safety, cost), row), ((other_safety, other_cost), other_row)| {
            other_safety
                .total_cmp(safety)
                .then_with(|| cost.total_cmp(other_cost))
                .then_with(|| row.cmp(other_row))
        });
        let zones: BTreeSet<&Zone> = slice.pools.zone.iter().flatten().collect();
        let zones: Vec<Zone> = zones.into_iter().cloned().collect();
        let gates = (0..slice.len())
            .map(|row| Gate {
                unrest: learned[row].and_then(unrest),
                ..gate(slice, row, &scores, &zones)
            })
            .collect();
        let order = keyed.into_iter().map(|(_, row)| row).collect();
        ScoreTable { scores, order, gates, zones }
    }

    /// The score of a row.
    pub(super) fn score(&self, row: usize) -> Option<&PoolScore> {
        self.scores.get(row)?.as_ref()
    }
}

/// The model as one of the sources.
fn named(word: &ModelWord) -> DataSource {
    let model = &word.model;
    DataSource {
        dataset: "spot_predictor".to_owned(),
        source: format!("{} {} ({})", model.name, model.version, model.model_id),
        observed_from: None,
        observed_until: None,
        age_hours: None,
        rows: word.offered.iter().chain(&word.existing).flatten().count() as u64,
    }
}

/// Reports as one of the sources.
fn reported(word: &LearnedWord) -> DataSource {
    DataSource {
        dataset: "interruption_feedback".to_owned(),
        source: format!("reported interruptions in {} instance-hours", word.hours),
        observed_from: None,
        observed_until: None,
        age_hours: None,
        rows: word.offered.len().saturating_add(word.existing.len()) as u64,
    }
}

/// Hours without anything unusual before a pool is used anew.
const CALM_HOURS: f64 = 1.0;

/// Why nothing new goes to a pool now.
fn unrest(row: &LearnedRow) -> Option<ReasonCode> {
    match row.level {
        Level::ConfirmedRisky => return Some(ReasonCode::PoolConfirmedRisky),
        Level::Uncertain => return Some(ReasonCode::PoolUncertain),
        Level::Normal => {}
    }
    if row.loops {
        return Some(ReasonCode::InterruptionLoop);
    }
    let is_soon = |calm: f64| calm.is_nan() || calm < CALM_HOURS;
    row.calm_hours.is_some_and(is_soon).then_some(ReasonCode::PoolUncertain)
}

fn gate(slice: &MarketSlice, row: usize, scores: &[Option<PoolScore>], zones: &[Zone]) -> Gate {
    let view = slice.pool(row);
    let zone = view.and_then(|view| zones.binary_search(view.zone?).ok());
    let price = match view.map(|view| (view.price, view.price_basis)) {
        Some((Some(_), PriceBasis::SpotHistory)) => KnownPrice::Own,
        Some((Some(_), _)) => KnownPrice::Average,
        Some((None, _)) | None => KnownPrice::Nothing,
    };
    Gate {
        of_type: slice.pools.type_row.get(row).copied().unwrap_or(u32::MAX),
        zone: zone.and_then(|zone| u32::try_from(zone).ok()).unwrap_or(u32::MAX),
        safety: scores.get(row).and_then(Option::as_ref).map(|score| score.safety.value()),
        price,
        went_stale: slice.pools.no_spot_price.get(row) == Some(&Some(NoSpotPrice::Stale)),
        unrest: None,
        not_cheaper: view.is_some_and(|view| {
            view.price.zip(view.on_demand).is_some_and(|(spot, list)| spot >= list)
        }),
        class_days: view
            .and_then(|view| view.advisor_age)
            .map_or(f64::INFINITY, |age| age.0 / 24.0),
    }
}

fn architecture(node: &Node) -> Option<Architecture> {
    node.architecture.or_else(|| node.label(well_known::ARCHITECTURE)?.parse().ok())
}
