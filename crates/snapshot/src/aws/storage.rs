//! Answers of `describe-volumes` and `describe-snapshots`.

use facts::cluster::{EbsSnapshot, EbsVolume};
use jiff::Timestamp;
use serde::Deserialize;

use super::{Tag, filled, tags};
use crate::lenient;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct VolumeAnswer {
    volume_id: String,
    volume_type: String,
    size: i64,
    #[serde(deserialize_with = "lenient::or_default")]
    state: String,
    availability_zone: Option<String>,
    #[serde(deserialize_with = "lenient::time")]
    create_time: Option<Timestamp>,
    snapshot_id: Option<String>,
    iops: Option<i64>,
    throughput: Option<i64>,
    #[serde(deserialize_with = "lenient::or_default")]
    attachments: Vec<Attachment>,
    #[serde(deserialize_with = "lenient::or_default")]
    tags: Vec<Tag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Attachment {
    instance_id: Option<String>,
}

impl VolumeAnswer {
    pub(crate) fn into_fact(self) -> EbsVolume {
        EbsVolume {
            id: self.volume_id,
            kind: self.volume_type,
            size_gib: self.size,
            state: self.state,
            zone: filled(self.availability_zone),
            created_at: self.create_time,
            from_snapshot: filled(self.snapshot_id),
            iops: self.iops,
            throughput: self.throughput,
            attached_to: self.attachments.into_iter().filter_map(|one| one.instance_id).collect(),
            tags: tags(self.tags),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct SnapshotAnswer {
    snapshot_id: String,
    volume_id: Option<String>,
    volume_size: i64,
    #[serde(deserialize_with = "lenient::or_default")]
    state: String,
    #[serde(deserialize_with = "lenient::time")]
    start_time: Option<Timestamp>,
    storage_tier: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    description: String,
    #[serde(deserialize_with = "lenient::or_default")]
    tags: Vec<Tag>,
}

impl SnapshotAnswer {
    pub(crate) fn into_fact(self) -> EbsSnapshot {
        EbsSnapshot {
            id: self.snapshot_id,
            // AWS writes this where the volume is not known, as for copies.
            volume: filled(self.volume_id).filter(|id| id != "vol-ffffffff"),
            size_gib: self.volume_size,
            state: self.state,
            started_at: self.start_time,
            storage_tier: filled(self.storage_tier),
            description: self.description,
            tags: tags(self.tags),
        }
    }
}
