//! What a reader of the answer should know: gaps in the evidence, and how sure the answer is.

use std::collections::BTreeMap;

use facts::cluster::SectionName;
use facts::decision::Warning;
use facts::reason::ReasonCode;
use market::{MarketSlice, PriceBasis};
use units::{Confidence, Fraction};

use super::Scene;
use super::candidates::Judged;
use super::recommendation::{SpotRecommendation, basis_name};
use crate::scoring::ProfileName;

/// Classes older than this are remarked upon.
const OLD_DAYS: f64 = 30.0;

pub(super) const NO_REGION: &str = "no region is known: state `region` in the snapshot, or give its \
                                    nodes zones of one region";

/// Nothing of the region can be used.
pub(super) fn nothing_offered(slice: &MarketSlice) -> String {
    format!(
        "the market has no pool in {} that can be looked at: {} types are of another kind than \
         asked for and {} are not in the catalogue",
        slice.region, slice.left_out.by_filter, slice.left_out.not_in_catalogue
    )
}

/// Remarks on the ranking.
pub(super) fn of_ranking(
    scene: &Scene<'_>,
    judged: &Judged,
    recommendations: &[SpotRecommendation],
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code, message: String| warnings.push(Warning { code, message, subject: None });
    warn(ReasonCode::CandidateSummary, summary(scene, judged, recommendations.len()));
    if let Some(message) = only_stale(scene, judged) {
        warn(ReasonCode::MarketStale, message);
    }
    let age = class_age_days(scene);
    if let Some(days) = age.filter(|days| *days > OLD_DAYS) {
        warn(
            ReasonCode::MarketAged,
            format!(
                "the interruption classes were observed {days:.0} days before the decision; ranks \
                 and expected costs count them as worth less, the safety layer takes them as \
                 published"
            ),
        );
    }
    let averaged = PriceBasis::Advisor30dAverage;
    let count =
        recommendations.iter().filter(|one| one.price_basis == basis_name(averaged)).count();
    if count > 0 {
        warn(
            ReasonCode::PriceAveraged,
            format!(
                "{count} of {} recommended pools are priced at the mean of 30 days and all zones, \
                 since no current spot price of theirs is known",
                recommendations.len()
            ),
        );
    }
    if scene.evidence.learned.is_none() && scene.profile.name == ProfileName::Calibrated {
        let message =
            "no interruptions were reported; the learned risk is that of the advisor's class";
        warn(ReasonCode::NoCustomerEvidence, message.to_owned());
    }
    if scene.evidence.learned.is_none() && scene.profile.name == ProfileName::Adaptive {
        warn(
            ReasonCode::NoCustomerEvidence,
            format!(
                "no interruptions of your own are known; the customer component (weight {}) takes \
                 the value of the advisor component",
                scene.profile.feedback_weight
            ),
        );
    }
    if recommendations.iter().any(|one| one.zone.is_some() && one.zone_id.is_none()) {
        warn(
            ReasonCode::ZoneNamesOnly,
            "zones are known by name only; a name means the same zone only within the account that \
             the prices were fetched with"
                .to_owned(),
        );
    }
    for (name, summary) in scene.state.sections() {
        if matches!(name, SectionName::Nodes | SectionName::Pods) && summary.is_none() {
            warn(ReasonCode::SectionNotSupplied, format!("{name} were not supplied"));
        }
    }
    warnings
}

/// How sure the answer is: how much the published classes are still worth, less a quarter of the
/// share of averaged prices, less a tenth for nodes and for pods that were not supplied. Nothing
/// when nothing is recommended.
pub(super) fn confidence(scene: &Scene<'_>, found: &[SpotRecommendation]) -> Confidence {
    let count = found.len() as f64;
    if found.is_empty() {
        return Confidence::new(Fraction::ZERO);
    }
    let kept = found.iter().map(|one| one.advisor.class_kept.value()).sum::<f64>() / count;
    let averaged = basis_name(PriceBasis::Advisor30dAverage);
    let averaged = found.iter().filter(|one| one.price_basis == averaged).count() as f64 / count;
    let missing = [scene.state.nodes.is_none(), scene.state.pods.is_none()];
    let missing = missing.into_iter().filter(|missing| *missing).count() as f64;
    let sure = kept * (1.0 - 0.25 * averaged) * (1.0 - 0.1 * missing);
    Confidence::new(Fraction::clamped((sure * 1e6).round() / 1e6))
}

fn summary(scene: &Scene<'_>, judged: &Judged, shown: usize) -> String {
    let listed = match scene.policy.rejected_limit {
        0 => judged.refused.len(),
        limit => judged.refused.len().min(limit as usize),
    };
    let refused = if judged.counts.is_empty() {
        String::new()
    } else {
        format!(" ({}; {listed} of them listed)", reasons(&judged.counts))
    };
    format!(
        "{} pools were looked at: {} pass, {shown} of them shown; {} are refused{refused}; {} types \
         are of another kind than asked for, {} are not in the catalogue",
        scene.slice.len(),
        judged.eligible.len(),
        judged.refused.len(),
        scene.slice.left_out.by_filter,
        scene.slice.left_out.not_in_catalogue,
    )
}

/// How many were refused for which reason, in words.
pub(super) fn reasons(counts: &BTreeMap<ReasonCode, u64>) -> String {
    let words: Vec<String> =
        counts.iter().map(|(code, count)| format!("{count} {}", code_name(*code))).collect();
    words.join(", ")
}

/// When pools pass everything but their age and no pool passes all.
fn only_stale(scene: &Scene<'_>, judged: &Judged) -> Option<String> {
    let stale = judged.counts.get(&ReasonCode::MarketStale).copied().unwrap_or(0);
    if stale == 0 || !judged.eligible.is_empty() {
        return None;
    }
    let newest = scene.slice.types.advisor_at.iter().flatten().max();
    let newest = newest.map_or_else(|| "never".to_owned(), |at| format!("at {at}"));
    Some(format!(
        "staleness alone empties the answer: {stale} pools pass every test but that of age. The \
         advisor was last observed {newest}, classes may be {} days old and spot prices {} hours; \
         import newer data, or raise max_advisor_age_days or max_price_age_hours",
        scene.policy.max_advisor_age_days, scene.policy.max_price_age_hours.0
    ))
}

/// The age of the newest observation of the advisor in days.
fn class_age_days(scene: &Scene<'_>) -> Option<f64> {
    let newest = scene.slice.types.advisor_at.iter().flatten().max()?;
    Some(scene.slice.as_of.duration_since(*newest).as_secs() as f64 / 86_400.0)
}

/// A code as it is written.
pub(super) fn code_name(code: ReasonCode) -> String {
    serde_json::to_value(code)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
