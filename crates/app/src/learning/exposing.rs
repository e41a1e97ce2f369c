//! Exposure from kept snapshots: spot nodes that a snapshot shows were at risk since the one before, or
//! since they were made. Nodes that are gone show nothing.

use std::collections::BTreeMap;

use facts::cluster::ClusterState;
use facts::names::CapacityType;
use jiff::{SignedDuration, Timestamp};
use store::{ExposureRow, ExposureSource, Uuid};

use super::exposure::named;

/// What a snapshot was before it is looked at.
pub(crate) struct Between<'a> {
    pub(crate) cluster_id: &'a str,
    pub(crate) customer_id: Option<&'a str>,
    /// When the one before was taken.
    pub(crate) from: Timestamp,
    /// When this one was.
    pub(crate) until: Timestamp,
}

/// Type, zone, its id, and since when.
type Key = (String, String, Option<String>, Timestamp);

/// Between snapshots that lie further apart nobody knows what happened.
const LONGEST: SignedDuration = SignedDuration::from_hours(48);

/// The exposure that a snapshot shows.
pub(crate) fn shown(
    state: &ClusterState,
    between: &Between<'_>,
    now: Timestamp,
) -> Vec<ExposureRow> {
    if between.until <= between.from || between.until.duration_since(between.from) > LONGEST {
        return Vec::new();
    }
    let mut pools: BTreeMap<Key, u32> = BTreeMap::new();
    let spot = |node: &&facts::cluster::Node| node.capacity_type == Some(CapacityType::Spot);
    for node in state.node_items().iter().filter(spot) {
        let (Some(kind), Some(zone)) = (&node.instance_type, &node.zone) else { continue };
        let from = node.created_at.map_or(between.from, |made| made.max(between.from));
        if from < between.until {
            let key = (kind.clone(), zone.clone(), node.zone_id.clone(), from);
            *pools.entry(key).or_default() += 1;
        }
    }
    let row = |((instance_type, zone, zone_id, from), instances): (Key, u32)| {
        let of_zone: facts::names::Zone = zone.parse().ok()?;
        let region = of_zone.region()?.to_string();
        let _: facts::names::InstanceType = instance_type.parse().ok()?;
        Some(named(ExposureRow {
            customer_id: between.customer_id.map(str::to_owned),
            exposure_id: Uuid::nil(),
            sequence: 0,
            cluster_id: between.cluster_id.to_owned(),
            instance_type,
            availability_zone: zone,
            region,
            zone_id,
            workload_type: String::new(),
            instances,
            from,
            until: between.until,
            source: ExposureSource::Snapshot,
            reported_by: crate::access::ITSELF.to_owned(),
            received_at: now,
        }))
    };
    pools.into_iter().filter_map(row).collect()
}
