//! Which pools may be used, and why the others may not.
//!
//! Staleness is looked at last, so that a pool refused for it would have passed everything else.

use std::collections::{BTreeMap, BTreeSet};

use facts::action::Target;
use facts::decision::Rejection;
use facts::names::{Zone, ZoneId};
use facts::reason::ReasonCode;
use market::{MarketSlice, PoolView, UnknownReason};

use super::capacity;
use super::evidence::{Gate, KnownPrice, ScoreTable};
use super::policy::SpotPolicy;
use crate::scoring::PoolScore;

/// The pools of a region, judged.
pub(super) struct Judged {
    /// Rows that may be used, best first.
    pub eligible: Vec<u32>,
    /// Rows that may not, best first, with the reason.
    pub refused: Vec<(u32, ReasonCode)>,
    /// How many were refused for which reason.
    pub counts: BTreeMap<ReasonCode, u64>,
}

/// What pools are judged by.
pub(super) struct Judge<'a> {
    pub slice: &'a MarketSlice,
    pub table: &'a ScoreTable,
    pub policy: &'a SpotPolicy,
    /// Zones that may be used; empty for all.
    pub zones: BTreeSet<Zone>,
    /// What the smallest pod needs: thousandths of a processor and bytes.
    pub smallest: Option<(i64, i64)>,
}

impl Judge<'_> {
    /// Judges every pool, in the order of the scores.
    pub(super) fn judge(&self) -> Judged {
        // What depends on the type or the zone alone is looked at once for all of their pools.
        let types: Vec<Option<ReasonCode>> = (0..self.slice.types.instance_type.len())
            .map(|of_type| self.type_refused(of_type))
            .collect();
        let zones: Vec<bool> =
            self.table.zones.iter().map(|zone| self.zone_allowed(zone)).collect();
        let mut judged =
            Judged { eligible: Vec::new(), refused: Vec::new(), counts: BTreeMap::new() };
        for &row in &self.table.order {
            let Some(gate) = self.table.gates.get(row as usize) else { continue };
            let by_type = types.get(gate.of_type as usize).copied().flatten();
            let by_zone = zones.get(gate.zone as usize) == Some(&false);
            let by_place = by_zone.then_some(ReasonCode::ExcludedByPolicy);
            match by_type.or(by_place).or_else(|| self.pool_refused(gate)) {
                None => judged.eligible.push(row),
                Some(code) => {
                    judged.refused.push((row, code));
                    *judged.counts.entry(code).or_default() += 1;
                }
            }
        }
        judged
    }

    fn zone_allowed(&self, zone: &Zone) -> bool {
        (self.zones.is_empty() || self.zones.contains(zone))
            && !self.policy.instance_types.blocked_zones.contains(zone)
    }

    /// The first property that the policy excludes a pool for.
    fn excluded_by(&self, view: &PoolView<'_>) -> &'static str {
        let choice = &self.policy.instance_types;
        let (name, family) = (view.instance_type, view.instance_type.family());
        if choice.blocked_instance_types.contains(name)
            || !(choice.allowed_instance_types.is_empty()
                || choice.allowed_instance_types.contains(name))
        {
            "type"
        } else if choice.blocked_families.contains(family)
            || !(choice.families.is_empty() || choice.families.contains(family))
        {
            "family"
        } else if !(choice.categories.is_empty() || choice.categories.contains(category(family))) {
            "category"
        } else if choice.min_vcpu.is_some_and(|least| view.vcpu < least)
            || choice.max_vcpu.is_some_and(|most| view.vcpu > most)
        {
            "number of processors"
        } else if choice.min_memory.is_some_and(|least| view.memory < least) {
            "memory"
        } else {
            "zone"
        }
    }

    fn type_refused(&self, of_type: usize) -> Option<ReasonCode> {
        let types = &self.slice.types;
        let name = types.instance_type.get(of_type)?;
        let (vcpu, memory) = (*types.vcpu.get(of_type)?, *types.memory.get(of_type)?);
        let choice = &self.policy.instance_types;
        let family = name.family();
        let allowed = (choice.families.is_empty() || choice.families.contains(family))
            && (choice.categories.is_empty() || choice.categories.contains(category(family)))
            && (choice.allowed_instance_types.is_empty()
                || choice.allowed_instance_types.contains(name))
            && !choice.blocked_families.contains(family)
            && !choice.blocked_instance_types.contains(name)
            && choice.min_vcpu.is_none_or(|least| vcpu >= least)
            && choice.max_vcpu.is_none_or(|most| vcpu <= most)
            && choice.min_memory.is_none_or(|least| memory >= least);
        if !allowed {
            return Some(ReasonCode::ExcludedByPolicy);
        }
        let (cpu, bytes) = self.smallest?;
        let small = i64::from(vcpu).saturating_mul(1000) < cpu || memory.0 < bytes;
        small.then_some(ReasonCode::TooSmall)
    }

    fn pool_refused(&self, gate: &Gate) -> Option<ReasonCode> {
        let policy = self.policy;
        let unusable = match gate.price {
            KnownPrice::Own => None,
            KnownPrice::Average if policy.accept_average_prices => None,
            KnownPrice::Average => Some(ReasonCode::PriceAveraged),
            KnownPrice::Nothing => Some(ReasonCode::PriceUnknown),
        };
        if unusable.is_some() && !gate.went_stale {
            return unusable;
        }
        let Some(safety) = gate.safety else { return Some(ReasonCode::InterruptionUnknown) };
        if gate.not_cheaper {
            return Some(ReasonCode::SpotNotCheaper);
        }
        if gate.unrest.is_some() {
            return gate.unrest;
        }
        if safety < policy.layers.min_safety_score.value() {
            return Some(ReasonCode::SafetyBelowMinimum);
        }
        // Written so that an age limit that is no number lets nothing through.
        let fresh = gate.class_days <= policy.max_advisor_age_days;
        (unusable.is_some() || !fresh).then_some(ReasonCode::MarketStale)
    }

    /// A refusal as answers show it.
    pub(super) fn explain(&self, row: u32, code: ReasonCode) -> Option<Rejection> {
        let view = self.slice.pool(row as usize)?;
        let score = self.table.score(row as usize);
        let (detail, numbers) = self.detail(&view, score, code);
        Some(Rejection {
            subject: pool_target(&view, self.slice),
            code,
            blocking: None,
            detail,
            numbers: numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        })
    }

    fn detail(
        &self,
        view: &PoolView<'_>,
        score: Option<&PoolScore>,
        code: ReasonCode,
    ) -> (String, Vec<(&'static str, f64)>) {
        let dollars =
            |price: Option<units::UsdPerHour>| price.map(|price| price.per_hour().dollars());
        match code {
            ReasonCode::SafetyBelowMinimum => {
                let safety = score.map_or(0.0, |score| score.safety.value());
                let least = self.policy.layers.min_safety_score.value();
                (
                    format!("its safety score {safety} is below {least}"),
                    vec![("safety_score", safety), ("min_safety_score", least)],
                )
            }
            ReasonCode::PoolConfirmedRisky
            | ReasonCode::PoolUncertain
            | ReasonCode::InterruptionLoop => unrest(score, code),
            ReasonCode::SpotNotCheaper => {
                let (spot, list) = (dollars(view.price), dollars(view.on_demand));
                let (spot, list) = (spot.unwrap_or(0.0), list.unwrap_or(0.0));
                (
                    format!("spot costs {spot} dollars an hour, On-Demand {list}"),
                    vec![("spot_usd_per_hour", spot), ("on_demand_usd_per_hour", list)],
                )
            }
            ReasonCode::TooSmall => {
                let (cpu, bytes) = self.smallest.unwrap_or((0, 0));
                (
                    format!(
                        "{} processors and {:.1} GiB; the smallest pod with the daemon sets beside \
                         it needs {} and {:.1}",
                        view.vcpu,
                        view.memory.gib(),
                        cpu as f64 / 1000.0,
                        units::Bytes(bytes).gib(),
                    ),
                    vec![("vcpu", f64::from(view.vcpu)), ("needed_vcpu", cpu as f64 / 1000.0)],
                )
            }
            ReasonCode::MarketStale => {
                let limit = self.policy.max_advisor_age_days;
                let age = view.advisor_age.map_or(0.0, |age| age.0 / 24.0);
                let hours = self.policy.max_price_age_hours.0;
                let detail = if age > limit {
                    format!("its interruption class is {age:.0} days old, more than {limit}")
                } else {
                    format!("its spot price was not seen for more than {hours} hours")
                };
                (detail, vec![("advisor_age_days", age), ("max_advisor_age_days", limit)])
            }
            ReasonCode::ExcludedByPolicy => {
                (format!("its {} is excluded", self.excluded_by(view)), Vec::new())
            }
            ReasonCode::PriceUnknown => {
                let unknown = self.slice.pools.unknown.get(view.row).copied().flatten();
                let average = match unknown {
                    Some(UnknownReason::NoOnDemandPrice) => "no On-Demand price is known",
                    Some(UnknownReason::NoSavings) => "the advisor states no saving",
                    None => "it may not be used",
                };
                (format!("no spot price of it was seen, and for an average {average}"), Vec::new())
            }
            ReasonCode::PriceAveraged => (
                "only the mean of 30 days and all zones is known, which accept_average_prices \
                 forbids"
                    .to_owned(),
                Vec::new(),
            ),
            ReasonCode::InterruptionUnknown => (
                "the advisor has no class for it, so nothing is known of its interruptions"
                    .to_owned(),
                Vec::new(),
            ),
            other => (other.meaning().to_owned(), Vec::new()),
        }
    }
}

/// What was reported of a pool that nothing new goes to.
fn unrest(score: Option<&PoolScore>, code: ReasonCode) -> (String, Vec<(&'static str, f64)>) {
    let learned = score.and_then(|score| score.learned);
    let hazard = learned.map_or(0.0, |learned| learned.events_per_1000h);
    let numbers = vec![("interruptions_per_1000_hours", hazard)];
    let detail = match (code, learned.and_then(|learned| learned.calm_hours)) {
        (ReasonCode::PoolConfirmedRisky, _) => {
            "several customers are losing capacity in it now, more than chance explains; nothing may \
             be held there"
                .to_owned()
        }
        (ReasonCode::InterruptionLoop, _) => {
            "more of your instances were lost in it within six hours than you have there, so that \
             replacements were lost too; it is left alone until six hours pass without that"
                .to_owned()
        }
        (_, Some(hours)) => format!(
            "it was not normal until {hours:.1} hours ago; nothing new goes there for an hour"
        ),
        _ => "several customers lost capacity in it within the hour; nothing new goes there".to_owned(),
    };
    (detail, numbers)
}

/// A pool as the subject of a remark.
pub(super) fn pool_target(view: &PoolView<'_>, slice: &MarketSlice) -> Target {
    let place = view.zone.map(Zone::as_str).or_else(|| view.zone_id.map(ZoneId::as_str));
    let place = place.unwrap_or(slice.region.as_str());
    Target {
        kind: "SpotPool".to_owned(),
        name: format!("{}/{place}", view.instance_type),
        ..Target::default()
    }
}

/// The letters before the generation digit of a family.
fn category(family: &str) -> &str {
    family.split(|letter: char| letter.is_ascii_digit()).next().unwrap_or("")
}

/// The price of one useful processor for an hour in dollars.
pub(super) fn dollars_per_vcpu(view: &PoolView<'_>, gib_per_vcpu: f64) -> Option<f64> {
    let useful = capacity::useful_vcpu(view.vcpu, view.memory, gib_per_vcpu);
    Some(view.price?.per_hour().dollars() / useful)
}
