//! Volumes that nothing is attached to, and volumes that would cost less as another type.
//!
//! EC2 does not say when a volume was detached, so deleting takes two looks: a volume is marked
//! when it is first seen unattached and may be deleted once it has been so for as long as the
//! policy asks, by our own records of earlier snapshots or by CloudTrail. One snapshot never leads
//! to a deletion. Nothing is deleted without a snapshot of it.

mod judge;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use facts::cluster::{ClusterState, EbsVolume, SectionName};
use facts::decision::{DataSource, Verdict};
use facts::finding::Finding;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Usd;

use crate::engine::{Engine, Given, Sources};
use crate::findings::{self, HasFinding};
use crate::price_book::PriceBook;

/// The volume engine.
#[derive(Clone, Copy, Debug)]
pub struct VolumeCleanup;

/// What an operator may choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VolumePolicy {
    /// Days that a volume has to be unattached before it is proposed for deletion; at least 7 count.
    pub delete_after_days: f64,
    /// Tags that keep a volume from being touched, as `key` or `key=value`.
    pub excluded_tags: BTreeSet<String>,
    /// Further names of this cluster, as tags write them.
    pub cluster_names: BTreeSet<String>,
    /// Days for which an existing snapshot counts as recent enough to delete without another one;
    /// one that was made after the volume was detached always does.
    pub recent_snapshot_days: f64,
    /// Whether volumes in use are looked at for a cheaper type (`gp2` to `gp3`).
    pub convert: bool,
    /// Prices.
    pub price_book: PriceBook,
}

/// The state of a volume that nothing is attached to, as records of earlier snapshots name it.
pub const UNATTACHED: &str = "unattached_volume";

/// Whether nothing is attached to a volume and nothing is about to be.
#[must_use]
pub fn is_unattached(volume: &EbsVolume) -> bool {
    judge::is_unattached(volume)
}

/// No volume is deleted sooner, whatever a policy says.
pub const MIN_WAIT_DAYS: f64 = 7.0;

impl Default for VolumePolicy {
    fn default() -> VolumePolicy {
        VolumePolicy {
            delete_after_days: 30.0,
            excluded_tags: ["backup=true", "cloudoptim:ignore"].map(str::to_owned).into(),
            cluster_names: BTreeSet::new(),
            recent_snapshot_days: 7.0,
            convert: true,
            price_book: PriceBook::default(),
        }
    }
}

/// Limits of a caller.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VolumeConstraints {
    /// At least so many days.
    pub min_delete_after_days: Option<f64>,
    /// Further tags that exclude.
    pub excluded_tags: BTreeSet<String>,
}

/// What should become of a volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VolumeFinding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// What to do.
    pub stage: VolumeStage,
    /// Its type.
    pub volume_type: String,
    /// Its size.
    pub size_gib: i64,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Since when it is known to be unattached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unattached_since: Option<Timestamp>,
    /// How that is known: `records` of earlier snapshots or `cloudtrail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_by: Option<String>,
    /// Days since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unattached_days: Option<f64>,
    /// When it may be deleted, if it stays unattached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_go_at: Option<Timestamp>,
    /// The newest complete snapshot of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// When that was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_at: Option<Timestamp>,
    /// What will be saved a month once it is deleted, beyond `savings_usd_per_month`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub later_savings_usd_per_month: Option<Usd>,
    /// The cheaper type that does the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub convert_to: Option<Conversion>,
}

/// Another type for a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conversion {
    /// The type.
    pub volume_type: String,
    /// Operations per second.
    pub iops: i64,
    /// Mebibytes per second.
    pub throughput: i64,
}

/// What to do about a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VolumeStage {
    /// Tag it and look again: since when it is unattached is not known.
    Mark,
    /// Wait: it has not been unattached for long enough.
    Wait,
    /// Take a snapshot, then delete it.
    SnapshotThenDelete,
    /// Delete it: a snapshot that is recent enough exists.
    Delete,
    /// Change its type while it is in use.
    Convert,
}

impl HasFinding for VolumeFinding {
    fn finding(&self) -> &Finding {
        &self.finding
    }
}

/// The question: since when have these volumes been unattached?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeNeed {
    /// Identifiers of the volumes.
    pub unattached: BTreeSet<String>,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VolumeEvidence {
    /// When each was first seen unattached, as far as earlier snapshots recorded it.
    pub first_seen: BTreeMap<String, Timestamp>,
    /// Where that comes from.
    pub sources: Vec<DataSource>,
}

impl Engine for VolumeCleanup {
    const NAME: &'static str = "volume_cleanup";
    const DECISION: &'static str = "volume_cleanup";
    const VERSION: &'static str = "1";
    const SUMMARY: &'static str =
        "Marks volumes that nothing is attached to, and deletes them after a wait and a snapshot.";

    type Policy = VolumePolicy;
    type Constraints = VolumeConstraints;
    type Recommendation = VolumeFinding;
    type Need = VolumeNeed;
    type Evidence = VolumeEvidence;

    fn tighten(policy: &mut VolumePolicy, constraints: VolumeConstraints) {
        if let Some(days) = constraints.min_delete_after_days {
            policy.delete_after_days = policy.delete_after_days.max(days);
        }
        policy.excluded_tags.extend(constraints.excluded_tags);
    }

    fn work_budget(_: &VolumePolicy) -> u64 {
        0
    }

    fn is_quick(_: &VolumePolicy) -> bool {
        true
    }

    fn asks_records() -> bool {
        true
    }

    fn need(state: &ClusterState, _: &VolumePolicy, _: Timestamp) -> VolumeNeed {
        let volumes = state.volumes.as_ref().map_or(&[][..], |part| &part.items.ebs_volumes);
        let unattached = volumes.iter().filter(|volume| is_unattached(volume));
        VolumeNeed { unattached: unattached.map(|volume| volume.id.clone()).collect() }
    }

    fn gather(need: &VolumeNeed, sources: &Sources<'_>) -> VolumeEvidence {
        let Some(records) = sources.sightings else { return VolumeEvidence::default() };
        let seen = need
            .unattached
            .iter()
            .filter_map(|id| Some((id.clone(), (records.first_seen)(UNATTACHED, id)?)));
        VolumeEvidence { first_seen: seen.collect(), sources: Vec::new() }
    }

    fn decide(
        state: &ClusterState,
        policy: &VolumePolicy,
        given: &Given<'_, VolumeEvidence>,
    ) -> Verdict<VolumeFinding> {
        if state.volumes.is_none() {
            return findings::unanswered(SectionName::Volumes, "there are no volumes to look at");
        }
        let known = findings::known(state, &[SectionName::Volumes]);
        let collected = judge::judge(state, policy, given);
        let mut verdict = collected.into_verdict(given.evidence.sources.clone(), known);
        verdict.execution_plan = steps::plan(&verdict.recommendations);
        verdict
    }
}
