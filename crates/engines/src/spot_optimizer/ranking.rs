//! The ranked set: the best pools that pass, wide over types, and why the others do not.

use std::collections::{BTreeMap, BTreeSet};

use facts::cluster::{ClusterState, well_known};
use facts::decision::{Savings, Verdict};
use facts::names::Zone;

use super::candidates::{Judge, Judged};
use super::policy::SpotPolicy;
use super::recommendation::{SpotRecommendation, recommend};
use super::{Scene, capacity, remarks};

/// Ranks, and explains what is refused.
pub(super) fn decide(scene: &Scene<'_>) -> (Verdict<SpotRecommendation>, Judged) {
    let judge = Judge {
        slice: scene.slice,
        table: &scene.evidence.offered_scores,
        policy: scene.policy,
        zones: zones(scene.state, scene.policy),
        smallest: capacity::smallest_need(scene.state),
    };
    let judged = judge.judge();
    let recommendations = best(scene, &judged.eligible);
    let listed = match scene.policy.rejected_limit {
        0 => usize::MAX,
        limit => limit as usize,
    };
    let rejected = judged
        .refused
        .iter()
        .take(listed)
        .filter_map(|(row, code)| judge.explain(*row, *code))
        .collect();
    let warnings = remarks::of_ranking(scene, &judged, &recommendations);
    let verdict = Verdict {
        confidence_score: remarks::confidence(scene, &recommendations),
        recommendations,
        rejected,
        warnings,
        sources: scene.evidence.sources.clone(),
        profile: Some(scene.profile.spelled_out()),
        savings: Savings {
            formula:
                "pools were ranked and nothing was allocated, so nothing is saved as a whole; \
                      each pool states what one instance saves"
                    .to_owned(),
            ..Savings::default()
        },
        ..Verdict::default()
    };
    (verdict, judged)
}

/// The best pools, at most so many zones of one type.
fn best(scene: &Scene<'_>, eligible: &[u32]) -> Vec<SpotRecommendation> {
    let most = match scene.policy.top {
        0 => usize::MAX,
        top => top as usize,
    };
    let mut of_type: BTreeMap<u32, u32> = BTreeMap::new();
    let mut found = Vec::new();
    for &row in eligible {
        if found.len() >= most {
            break;
        }
        let Some(type_row) = scene.slice.pools.type_row.get(row as usize) else { continue };
        let count = of_type.entry(*type_row).or_default();
        *count += 1;
        if scene.policy.pools_per_type != 0 && *count > scene.policy.pools_per_type {
            continue;
        }
        let row = row as usize;
        let score = scene.evidence.offered_scores.score(row);
        let described = score
            .and_then(|score| recommend(scene.slice, row, score, scene.profile, scene.evidence));
        if let Some(mut one) = described {
            one.rank = u32::try_from(found.len()).unwrap_or(u32::MAX).saturating_add(1);
            found.push(one);
        }
    }
    found
}

/// Zones that may be used: those of the policy, else those of the cluster where they are enough
/// for layer 2, else all (an empty set).
fn zones(state: &ClusterState, policy: &SpotPolicy) -> BTreeSet<Zone> {
    if !policy.instance_types.zones.is_empty() {
        return policy.instance_types.zones.clone();
    }
    let own = cluster_zones(state);
    if own.len() >= policy.layers.min_zones.max(1) as usize { own } else { BTreeSet::new() }
}

/// Zones that the cluster has nodes in.
pub(super) fn cluster_zones(state: &ClusterState) -> BTreeSet<Zone> {
    let nodes = state.node_items().iter();
    // Few zones and many nodes: the names are compared before they are taken over.
    let names: BTreeSet<&str> = nodes
        .filter_map(|node| node.zone.as_deref().or_else(|| node.label(well_known::ZONE)))
        .collect();
    names.into_iter().filter_map(|name| name.parse().ok()).collect()
}
