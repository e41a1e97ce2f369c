//! What should become of each volume.

use std::collections::{BTreeMap, BTreeSet};

use facts::cluster::{ClusterState, EbsSnapshot, EbsVolume, PersistentVolume};
use facts::finding::{CostCategory, Finding};
use facts::reason::ReasonCode;
use jiff::{SignedDuration, Timestamp};
use units::{Confidence, Fraction, Usd};

use super::{Conversion, MIN_WAIT_DAYS, VolumeEvidence, VolumeFinding, VolumePolicy, VolumeStage};
use crate::account_view::{OwnNames, Trail, accounts, days, node_instances, of_tags};
use crate::engine::Given;
use crate::findings::{Collected, cloud_target, excluding_tag, owner_of};
use crate::price_book::VolumeCost;

/// Whether nothing is attached to a volume and nothing is about to be.
pub(super) fn is_unattached(volume: &EbsVolume) -> bool {
    volume.state == "available" && volume.attached_to.is_empty()
}

/// Judges every volume of a snapshot.
pub(super) fn judge(
    state: &ClusterState,
    policy: &VolumePolicy,
    given: &Given<'_, VolumeEvidence>,
) -> Collected<VolumeFinding> {
    let Some(section) = &state.volumes else { return Collected::default() };
    let persistent: BTreeMap<&str, &PersistentVolume> = section
        .items
        .volumes
        .iter()
        .filter_map(|volume| Some((volume.handle.as_deref()?.rsplit('/').next()?, volume)))
        .collect();
    let mut scene = Scene {
        policy,
        given,
        persistent,
        snapshots: newest_snapshots(state),
        own_names: OwnNames::of(state, &node_instances(state), &policy.cluster_names),
        trail: Trail::of(state),
        collected: Collected::default(),
    };
    let mut seen = BTreeSet::new();
    for volume in &section.items.ebs_volumes {
        if !seen.insert(volume.id.as_str()) {
            let subject = cloud_target("Volume", &volume.id, None);
            let detail = "it occurs twice; the first one was used".to_owned();
            scene.collected.refuse(&subject, ReasonCode::DuplicateObject, detail);
            continue;
        }
        scene.volume(volume);
    }
    let mut collected = scene.collected;
    let later: Usd = collected.found.iter().filter_map(|one| one.later_savings_usd_per_month).sum();
    if later > Usd::ZERO {
        let message = format!(
            "${later} a month are not saved yet: a volume is deleted only after it was seen \
             unattached for {} days",
            policy.delete_after_days.max(MIN_WAIT_DAYS)
        );
        collected.warn(ReasonCode::StillWatched, message);
    }
    if section.items.volumes.is_empty() && !collected.found.is_empty() {
        let message = "no persistent volume was among the input, so a volume that a claim of the \
                       cluster waits for cannot be told from one that nobody needs"
            .to_owned();
        collected.warn(ReasonCode::SectionIncomplete, message);
    }
    collected.formula = "sum over volumes that may be deleted now of their price for a gibibyte × \
                         size + provisioned performance, and of what a change of type saves"
        .to_owned();
    collected
}

struct Scene<'a> {
    policy: &'a VolumePolicy,
    given: &'a Given<'a, VolumeEvidence>,
    persistent: BTreeMap<&'a str, &'a PersistentVolume>,
    snapshots: BTreeMap<&'a str, &'a EbsSnapshot>,
    own_names: OwnNames,
    trail: Trail<'a>,
    collected: Collected<VolumeFinding>,
}

impl Scene<'_> {
    fn volume(&mut self, volume: &EbsVolume) {
        let cost = self.policy.price_book.volume_month(volume);
        self.collected.look_at(cost.map(VolumeCost::total));
        if let Some(rate) = self.policy.price_book.volume_rate(&volume.kind) {
            self.collected.rates.insert(rate.item.clone(), rate);
        }
        if is_unattached(volume) {
            self.unattached(volume);
        } else {
            self.attached(volume);
        }
    }

    /// What keeps an unattached volume from being touched.
    fn objection(&self, volume: &EbsVolume) -> Option<(ReasonCode, String)> {
        if let Some(rule) = excluding_tag(&volume.tags, &self.policy.excluded_tags) {
            return Some((
                ReasonCode::ExcludedByTag,
                format!("its tag {rule} asks to leave it alone"),
            ));
        }
        if let Some(persistent) = self.persistent.get(volume.id.as_str()) {
            let phase = persistent.phase.as_deref().unwrap_or("in an unknown phase");
            let name = &persistent.name;
            let detail = match (phase, &persistent.claim) {
                ("Bound", Some(claim)) => format!(
                    "claim {claim} is bound to it; a workload scaled to zero will want it again"
                ),
                ("Released", _) => format!(
                    "persistent volume {name} was released and kept on purpose; decide on that first"
                ),
                _ => format!("persistent volume {name} ({phase}) stands for it"),
            };
            return Some((ReasonCode::VolumeClaimed, detail));
        }
        let foreign = of_tags(&volume.tags).into_iter().find_map(|one| one.cluster);
        let foreign = foreign.filter(|name| self.own_names.excludes(name))?;
        let detail =
            format!("it belongs to cluster {foreign}, whose claims are not in the snapshot");
        Some((ReasonCode::OtherCluster, detail))
    }

    fn unattached(&mut self, volume: &EbsVolume) {
        let subject = cloud_target("Volume", &volume.id, None);
        if let Some((code, detail)) = self.objection(volume) {
            return self.collected.refuse(&subject, code, detail);
        }
        let now = self.given.now;
        if let Some(age) =
            volume.created_at.map(|at| days(at, now)).filter(|age| *age < MIN_WAIT_DAYS)
        {
            let detail = format!("it was made {age:.1} days ago");
            let numbers = [("age_days", age), ("limit_days", MIN_WAIT_DAYS)];
            return self.collected.refuse_with(&subject, ReasonCode::TooYoung, detail, &numbers);
        }
        let (since, by) = self.since(volume);
        let waited = since.map(|since| days(since, now));
        let wait = self.policy.delete_after_days.max(MIN_WAIT_DAYS);
        let snapshot = self.snapshots.get(volume.id.as_str()).copied();
        let stage = match waited {
            None => VolumeStage::Mark,
            Some(waited) if waited < wait => VolumeStage::Wait,
            Some(_) if self.is_recent(snapshot, since) => VolumeStage::Delete,
            Some(_) => VolumeStage::SnapshotThenDelete,
        };
        let may_go_at = since.and_then(|at| {
            at.checked_add(SignedDuration::from_secs((wait * 86_400.0) as i64)).ok()
        });
        let cost = self.policy.price_book.volume_month(volume).map(VolumeCost::total);
        let deletes = matches!(stage, VolumeStage::Delete | VolumeStage::SnapshotThenDelete);
        let summary = match stage {
            VolumeStage::Mark => format!(
                "{} ({} GiB {}) is attached to nothing; mark it and look again",
                volume.id, volume.size_gib, volume.kind
            ),
            VolumeStage::Wait => format!(
                "{} ({} GiB {}) has been attached to nothing for {:.0} of {wait:.0} days; wait",
                volume.id,
                volume.size_gib,
                volume.kind,
                waited.unwrap_or(0.0)
            ),
            _ => format!(
                "{} ({} GiB {}) has been attached to nothing for {:.0} days; {}delete it",
                volume.id,
                volume.size_gib,
                volume.kind,
                waited.unwrap_or(0.0),
                if stage == VolumeStage::Delete { "" } else { "take a snapshot and " }
            ),
        };
        let finding = Finding {
            finding: format!("unattached_volume:{}", volume.id),
            cost_category: CostCategory::Storage,
            summary,
            cost_usd_per_month: cost,
            savings_usd_per_month: if deletes { cost } else { Some(Usd::ZERO) },
            formula: self.formula(volume),
            confidence: Confidence::new(Fraction::clamped(match stage {
                VolumeStage::Mark => 0.5,
                VolumeStage::Wait => 0.7,
                _ => 0.9,
            })),
            requires_review: deletes,
            review_reason: deletes.then(|| "a deleted volume is gone".to_owned()),
            owner: self.trail.creator(&volume.id).or_else(|| owner_of(&volume.tags)),
            because: vec!["its state is `available` and it has no attachment".to_owned()],
            subject,
        };
        self.collected.found.push(VolumeFinding {
            finding,
            stage,
            volume_type: volume.kind.clone(),
            size_gib: volume.size_gib,
            zone: volume.zone.clone(),
            unattached_since: since,
            since_by: by.map(str::to_owned),
            unattached_days: waited.map(|days| (days * 10.0).round() / 10.0),
            may_go_at: if deletes { None } else { may_go_at },
            snapshot: snapshot.map(|one| one.id.clone()),
            snapshot_at: snapshot.and_then(|one| one.started_at),
            later_savings_usd_per_month: cost.filter(|_| !deletes),
            convert_to: None,
        });
    }

    /// Since when a volume is known to be unattached. Our own records and CloudTrail each prove that
    /// it was at an instant and since; the later of CloudTrail's detachment counts, since it may
    /// have been attached between two of our snapshots.
    fn since(&self, volume: &EbsVolume) -> (Option<Timestamp>, Option<&'static str>) {
        let recorded = self.given.evidence.first_seen.get(&volume.id).copied();
        let detached = self.trail.last(&volume.id, "DetachVolume", "AttachVolume");
        match (recorded, detached) {
            (_, Some(at)) => (Some(at), Some("cloudtrail")),
            (Some(at), None) => (Some(at), Some("records")),
            (None, None) => (None, None),
        }
    }

    fn is_recent(&self, snapshot: Option<&EbsSnapshot>, since: Option<Timestamp>) -> bool {
        let Some(at) = snapshot.and_then(|one| one.started_at) else { return false };
        // Nothing was written to it since it was detached.
        since.is_some_and(|since| at >= since)
            || days(at, self.given.now) <= self.policy.recent_snapshot_days
    }

    fn formula(&self, volume: &EbsVolume) -> String {
        match self.policy.price_book.volume_month(volume) {
            None => format!("unknown: no price of {} is known", volume.kind),
            Some(cost) if cost.performance == Usd::ZERO => {
                format!("{} GiB × ${}", volume.size_gib, cost.rate)
            }
            Some(cost) => format!(
                "{} GiB × ${} + ${} for provisioned performance",
                volume.size_gib, cost.rate, cost.performance
            ),
        }
    }

    /// A `gp2` volume as `gp3` with the performance that it has now.
    fn attached(&mut self, volume: &EbsVolume) {
        let subject = cloud_target("Volume", &volume.id, None);
        if volume.kind != "gp2" || !self.policy.convert || volume.state != "in-use" {
            return;
        }
        if let Some(rule) = excluding_tag(&volume.tags, &self.policy.excluded_tags) {
            let detail = format!("its tag {rule} asks to leave it alone");
            return self.collected.refuse(&subject, ReasonCode::ExcludedByTag, detail);
        }
        // gp2 has 3 operations a second for each GiB, 100 at least and 16,000 at most, and up to
        // 250 MiB/s from 170 GiB on (https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html).
        let iops = volume.size_gib.saturating_mul(3).clamp(3_000, 16_000);
        let throughput = if volume.size_gib >= 170 { 250 } else { 128 };
        let as_gp3 = EbsVolume {
            kind: "gp3".to_owned(),
            iops: Some(iops),
            throughput: Some(throughput),
            ..volume.clone()
        };
        let book = &self.policy.price_book;
        let (Some(now), Some(then)) = (book.volume_month(volume), book.volume_month(&as_gp3))
        else {
            return;
        };
        let saved = now.total() - then.total();
        if saved <= Usd::ZERO {
            let detail = format!(
                "as gp3 with {iops} operations and {throughput} MiB a second it would cost ${} \
                 instead of ${}",
                then.total(),
                now.total()
            );
            return self.collected.refuse(&subject, ReasonCode::NotWorthIt, detail);
        }
        self.collected.found.push(VolumeFinding {
            finding: Finding {
                finding: format!("gp2_volume:{}", volume.id),
                cost_category: CostCategory::Storage,
                summary: format!(
                    "{} ({} GiB gp2) does the same as gp3 for less; change its type while it is in use",
                    volume.id, volume.size_gib
                ),
                cost_usd_per_month: Some(now.total()),
                savings_usd_per_month: Some(saved),
                formula: format!(
                    "{} GiB × (${} − ${}) − ${} for {iops} operations and {throughput} MiB a second",
                    volume.size_gib, now.rate, then.rate, then.performance
                ),
                confidence: Confidence::new(Fraction::clamped(0.95)),
                requires_review: false,
                review_reason: None,
                owner: self.trail.creator(&volume.id).or_else(|| owner_of(&volume.tags)),
                because: vec![format!(
                    "gp3 is given the {iops} operations and {throughput} MiB a second that gp2 reaches at this size"
                )],
                subject,
            },
            stage: VolumeStage::Convert,
            volume_type: volume.kind.clone(),
            size_gib: volume.size_gib,
            zone: volume.zone.clone(),
            unattached_since: None,
            since_by: None,
            unattached_days: None,
            may_go_at: None,
            snapshot: None,
            snapshot_at: None,
            later_savings_usd_per_month: None,
            convert_to: Some(Conversion { volume_type: as_gp3.kind, iops, throughput }),
        });
    }
}

fn newest_snapshots(state: &ClusterState) -> BTreeMap<&str, &EbsSnapshot> {
    let mut newest: BTreeMap<&str, &EbsSnapshot> = BTreeMap::new();
    let all = accounts(state).iter().flat_map(|account| account.snapshots.iter().flatten());
    for snapshot in all.filter(|one| one.state == "completed") {
        let Some(volume) = snapshot.volume.as_deref() else { continue };
        let entry = newest.entry(volume).or_insert(snapshot);
        if (snapshot.started_at, &snapshot.id) > (entry.started_at, &entry.id) {
            *entry = snapshot;
        }
    }
    newest
}
