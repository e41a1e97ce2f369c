//! From findings to a verdict: order, sums, prices, confidence.

use std::collections::BTreeMap;

use facts::action::Target;
use facts::cluster::{ClusterState, Labels, SectionName};
use facts::decision::{DataSource, PriceUsed, RateUsed, Rejection, Savings, Verdict, Warning};
use facts::finding::Finding;
use facts::reason::ReasonCode;
use units::{Confidence, Fraction, Usd, UsdPerHour};

/// A recommendation that is a finding with details of its own.
pub trait HasFinding {
    /// The finding.
    fn finding(&self) -> &Finding;
}

/// Everything that a verdict on findings is made of.
pub struct Collected<R> {
    /// What was found.
    pub found: Vec<R>,
    /// What was looked at and left alone.
    pub rejected: Vec<Rejection>,
    /// Remarks.
    pub warnings: Vec<Warning>,
    /// What everything that was looked at costs a month, as far as it is known.
    pub looked_at: Usd,
    /// Things without a known price.
    pub unknown_prices: u64,
    /// Prices of machines that were used, by item.
    pub prices: BTreeMap<String, PriceUsed>,
    /// Other prices that were used, by item.
    pub rates: BTreeMap<String, RateUsed>,
    /// How the sum comes about, in one sentence.
    pub formula: String,
}

impl<R> Default for Collected<R> {
    fn default() -> Collected<R> {
        Collected {
            found: Vec::new(),
            rejected: Vec::new(),
            warnings: Vec::new(),
            looked_at: Usd::ZERO,
            unknown_prices: 0,
            prices: BTreeMap::new(),
            rates: BTreeMap::new(),
            formula: String::new(),
        }
    }
}

impl<R: HasFinding> Collected<R> {
    /// Adds what a thing costs to what was looked at.
    pub fn look_at(&mut self, cost: Option<Usd>) {
        match cost {
            Some(cost) => self.looked_at += cost,
            None => self.unknown_prices += 1,
        }
    }

    /// Notes a candidate that was refused.
    pub fn refuse(&mut self, subject: &Target, code: ReasonCode, detail: String) {
        self.refuse_with(subject, code, detail, &[]);
    }

    /// Notes a candidate that was refused, with the numbers behind it.
    pub fn refuse_with(
        &mut self,
        subject: &Target,
        code: ReasonCode,
        detail: String,
        numbers: &[(&str, f64)],
    ) {
        self.rejected.push(Rejection {
            subject: subject.clone(),
            code,
            blocking: None,
            detail,
            numbers: numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        });
    }

    /// Adds a remark.
    pub fn warn(&mut self, code: ReasonCode, message: String) {
        self.warnings.push(Warning { code, message, subject: None });
    }

    /// The verdict: most savings first, sums over everything that was found.
    #[must_use]
    pub fn into_verdict(mut self, sources: Vec<DataSource>, known: Fraction) -> Verdict<R> {
        self.found.sort_by(|a, b| {
            let key = |one: &R| std::cmp::Reverse(one.finding().savings_usd_per_month);
            key(a).cmp(&key(b)).then_with(|| a.finding().finding.cmp(&b.finding().finding))
        });
        self.rejected.sort_by(|a, b| (a.code, &a.subject).cmp(&(b.code, &b.subject)));
        let figures = self.found.iter().map(|one| one.finding().savings_usd_per_month);
        let saved: Usd = figures.clone().flatten().sum();
        let saved = saved.min(self.looked_at);
        // With no figure known at all, nothing is known of the sum either.
        let unknown = !self.found.is_empty() && figures.flatten().next().is_none();
        let sure = self
            .found
            .iter()
            .map(|one| one.finding().confidence.value())
            .fold(known.value(), f64::min);
        Verdict {
            recommendations: self.found,
            rejected: self.rejected,
            warnings: self.warnings,
            estimated_savings: (!unknown).then_some(saved),
            savings: Savings {
                before_usd_per_hour: (!unknown).then(|| UsdPerHour::of_month(self.looked_at)),
                after_usd_per_hour: (!unknown)
                    .then(|| UsdPerHour::of_month(self.looked_at - saved)),
                formula: self.formula,
                unknown_prices: self.unknown_prices,
                prices: self.prices.into_values().collect(),
                rates: self.rates.into_values().collect(),
                list_savings_usd_per_month: None,
            },
            confidence_score: Confidence::new(Fraction::clamped(sure)),
            sources,
            ..Verdict::default()
        }
    }
}

/// The verdict on a snapshot that lacks what the engine needs.
#[must_use]
pub fn unanswered<R>(section: SectionName, what: &str) -> Verdict<R> {
    let warning = without(section, what);
    Verdict {
        savings: Savings { formula: format!("unknown: {}", warning.message), ..Savings::default() },
        warnings: vec![warning],
        ..Verdict::default()
    }
}

/// A remark that a section is missing.
#[must_use]
pub fn without(section: SectionName, what: &str) -> Warning {
    Warning {
        code: ReasonCode::SectionNotSupplied,
        message: format!("`{section}` was not supplied, so {what}"),
        subject: None,
    }
}

/// How much of what an engine needs is there: 1 when every section is complete, halved for each
/// that says it is not, 0 when one is missing.
#[must_use]
pub fn known(state: &ClusterState, needed: &[SectionName]) -> Fraction {
    let mut share = 1.0;
    for (name, summary) in state.sections() {
        if needed.contains(&name) {
            share *= summary.map_or(0.0, |known| if known.complete { 1.0 } else { 0.5 });
        }
    }
    Fraction::clamped(share)
}

/// A target outside of the cluster.
#[must_use]
pub fn cloud_target(kind: &str, name: &str, arn: Option<&str>) -> Target {
    Target {
        kind: kind.to_owned(),
        name: name.to_owned(),
        arn: arn.map(str::to_owned),
        ..Target::default()
    }
}

/// Who answers for a thing, by the tags that people use for it.
#[must_use]
pub fn owner_of(tags: &Labels) -> Option<String> {
    const NAMES: [&str; 8] =
        ["owner", "ownercontact", "team", "created-by", "createdby", "creator", "contact", "user"];
    NAMES.iter().find_map(|name| {
        let tag = tags.iter().find(|(key, value)| {
            key.to_ascii_lowercase().replace('_', "-") == *name && !value.is_empty()
        });
        tag.map(|(_, value)| value.clone())
    })
}

/// Tags that keep a thing from being touched, as `key` or `key=value`.
#[must_use]
pub fn excluding_tag<'t>(
    tags: &Labels,
    excluded: impl IntoIterator<Item = &'t String>,
) -> Option<String> {
    excluded.into_iter().find_map(|rule| {
        let (key, value) =
            rule.split_once('=').map_or((rule.as_str(), None), |(k, v)| (k, Some(v)));
        let found = tags.get(key)?;
        // `cloudoptim:ignore=false` says the opposite of what its key alone would.
        let holds = match value {
            Some(value) => found.eq_ignore_ascii_case(value),
            None => !found.eq_ignore_ascii_case("false"),
        };
        holds.then(|| rule.clone())
    })
}
