//! Snapshots of clusters that callers ask to keep.
//!
//! A snapshot is read before it is kept, so that whoever works on it later finds nothing that cannot be
//! read.

use std::collections::BTreeMap;
use std::sync::Arc;

use facts::cluster::{ClusterState, SectionName};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use store::{ClusterRow, SnapshotRow, Uuid};

use crate::access::Caller;
use crate::gaps::field;
use crate::ids::timed_id;
use crate::learning::{Between, shown_exposure};
use crate::records::seen;
use crate::{App, Error};

/// How snapshots are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// A newest snapshot that is older says little of the cluster as it is.
    pub stale_after: SignedDuration,
    /// How many snapshots of a cluster are kept, at least 1.
    pub most_snapshots: u64,
}

impl Default for ClusterSettings {
    fn default() -> ClusterSettings {
        ClusterSettings { stale_after: SignedDuration::from_hours(48), most_snapshots: 60 }
    }
}

/// Clocks differ by so much; a snapshot from further ahead has a wrong instant.
pub(crate) const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// The longest name of a cluster, in bytes.
const LONGEST_NAME: usize = 253;

/// A snapshot that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SnapshotItem {
    /// Its name.
    pub snapshot_id: String,
    /// The cluster.
    pub cluster_id: String,
    /// The customer whose key sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// When it came.
    pub received_at: Timestamp,
    /// BLAKE3 of its bytes, in hexadecimal digits.
    pub digest: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// How many objects each section holds; a section that was not supplied is not here.
    pub sections: BTreeMap<SectionName, u64>,
    /// Whether it was kept before.
    #[serde(skip)]
    pub known: bool,
}

/// A cluster of which snapshots are kept.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ClusterItem {
    /// Its name.
    pub cluster_id: String,
    /// The customer that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// The newest snapshot.
    pub snapshot_id: String,
    /// When that was taken.
    pub taken_at: Timestamp,
    /// When that came.
    pub received_at: Timestamp,
    /// Seconds since it was taken.
    pub age_seconds: i64,
    /// Whether that is longer than it should be.
    pub is_stale: bool,
    /// After how many seconds it is too long.
    pub stale_after_seconds: i64,
    /// How many objects each of its sections holds.
    pub sections: BTreeMap<SectionName, u64>,
    /// How many snapshots are kept.
    pub snapshots: u64,
}

impl App {
    /// The same, keeping snapshots as these say.
    #[must_use]
    pub fn with_cluster_settings(self, cluster_settings: ClusterSettings) -> App {
        App { cluster_settings, ..self }
    }

    /// Keeps a snapshot of a cluster. The same one again is known.
    ///
    /// # Errors
    /// A snapshot that cannot be read or is of another cluster, or a store that does not answer.
    pub async fn keep_snapshot(
        self: &Arc<Self>,
        cluster_id: &str,
        body: impl AsRef<[u8]> + Clone + Send + 'static,
        caller: &Caller,
    ) -> Result<SnapshotItem, Error> {
        let now = self.clock.now();
        let name = cluster_id.to_owned();
        if name.trim().is_empty() || name.len() > LONGEST_NAME || name.contains('\0') {
            let detail = format!("expected the name of a cluster, 1 to {LONGEST_NAME} bytes");
            return Err(field("/cluster_id", "invalid", &detail));
        }
        let permit = self.compute.acquire().await;
        let _permit = permit.map_err(|_| Error::Unavailable("shutting down".to_owned()))?;
        let content = body.clone();
        let read = tokio::task::spawn_blocking(move || read(&name, content.as_ref(), now));
        let (taken_at, sections, shown, state) =
            read.await.map_err(|_| Error::Internal("reading a snapshot failed".to_owned()))??;
        let content = body.as_ref();
        let digest = *blake3::hash(content).as_bytes();
        let customer = caller.customer_id.as_deref().unwrap_or_default();
        let own = [cluster_id.as_bytes(), &[0], customer.as_bytes(), &[0], &digest].concat();
        let row = SnapshotRow {
            cluster_id: cluster_id.to_owned(),
            customer_id: caller.customer_id.clone(),
            snapshot_id: timed_id(taken_at, &own),
            digest,
            length: content.len() as u64,
            taken_at,
            received_at: now,
            sections: serde_json::to_value(&sections)
                .map_err(|error| Error::Internal(error.to_string()))?,
        };
        let most = self.cluster_settings.most_snapshots;
        let before = self.store.newest_snapshot(cluster_id, customer).await?;
        if let Some(before) = before {
            let between = Between {
                cluster_id,
                customer_id: caller.customer_id.as_deref(),
                from: before,
                until: taken_at,
            };
            // Before the snapshot is kept: where that fails, the same snapshot shows the same again.
            self.store.add_exposures(&shown_exposure(&state, &between, now)).await?;
        }
        let added = self.store.add_snapshot(&row, content, &shown, most).await?;
        Ok(SnapshotItem { known: !added, ..snapshot_item(row) })
    }

    /// Clusters that the caller may see, by name, and how many there are.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn clusters(
        &self,
        caller: &Caller,
        limit: u64,
        offset: u64,
    ) -> Result<(Vec<ClusterItem>, u64), Error> {
        let (rows, total) = self.store.clusters(caller.asks_for(), limit, offset).await?;
        let now = self.clock.now();
        let item = |row| cluster_item(row, self.cluster_settings.stale_after, now);
        Ok((rows.into_iter().map(item).collect(), total))
    }

    /// Snapshots of a cluster that the caller may see, the newest first, and how many there are.
    ///
    /// # Errors
    /// No such cluster, or a store that does not answer.
    pub async fn snapshots(
        &self,
        cluster_id: &str,
        caller: &Caller,
        limit: u64,
        offset: u64,
    ) -> Result<(Vec<SnapshotItem>, u64), Error> {
        let (rows, total) =
            self.store.snapshots(cluster_id, caller.asks_for(), limit, offset).await?;
        if total == 0 {
            return Err(Error::NotFound(format!("there is no snapshot of `{cluster_id}`")));
        }
        Ok((rows.into_iter().map(snapshot_item).collect(), total))
    }

    /// A snapshot, byte for byte as it was sent.
    ///
    /// # Errors
    /// There is none of this name that the caller may see, or the store does not answer.
    pub async fn snapshot(
        &self,
        cluster_id: &str,
        snapshot_id: &str,
        caller: &Caller,
    ) -> Result<Vec<u8>, Error> {
        let shown: String = snapshot_id.chars().take(60).collect();
        let unknown = || {
            Error::NotFound(format!(
                "there is no snapshot `{shown}` of `{cluster_id}`; old ones go"
            ))
        };
        let id: Uuid = snapshot_id.parse().map_err(|_| unknown())?;
        let found = self.store.snapshot_content(cluster_id, caller.asks_for(), id).await?;
        found.ok_or_else(unknown)
    }
}

type Read = (Timestamp, BTreeMap<SectionName, u64>, Vec<store::Seen>, ClusterState);

fn read(cluster_id: &str, content: &[u8], now: Timestamp) -> Result<Read, Error> {
    let state = ClusterState::from_json(content)?.value;
    if let Some(said) = state.cluster_id.as_deref().filter(|said| *said != cluster_id) {
        let detail = format!("says `{said}`, but the path names `{cluster_id}`");
        return Err(field("/cluster_id", "mismatch", &detail));
    }
    let taken_at = state.taken_at.unwrap_or(now);
    if taken_at > now.saturating_add(AHEAD).unwrap_or(now) {
        let detail = format!("{taken_at} lies ahead; it is {now} here");
        return Err(field("/taken_at", "out_of_range", &detail));
    }
    // As exact as it is stored.
    let taken_at = Timestamp::from_microsecond(taken_at.min(now).as_microsecond()).unwrap_or(now);
    let sections = state.sections().into_iter();
    let sections =
        sections.filter_map(|(name, summary)| Some((name, summary?.items as u64))).collect();
    Ok((taken_at, sections, seen(&state, taken_at), state))
}

fn counted(sections: serde_json::Value) -> BTreeMap<SectionName, u64> {
    serde_json::from_value(sections).unwrap_or_default()
}

fn snapshot_item(row: SnapshotRow) -> SnapshotItem {
    SnapshotItem {
        snapshot_id: row.snapshot_id.to_string(),
        cluster_id: row.cluster_id,
        customer_id: row.customer_id,
        taken_at: row.taken_at,
        received_at: row.received_at,
        digest: blake3::Hash::from_bytes(row.digest).to_hex().to_string(),
        bytes: row.length,
        sections: counted(row.sections),
        known: false,
    }
}

fn cluster_item(row: ClusterRow, stale_after: SignedDuration, now: Timestamp) -> ClusterItem {
    let age = now.duration_since(row.taken_at);
    ClusterItem {
        snapshot_id: row.newest_id.to_string(),
        cluster_id: row.cluster_id,
        customer_id: row.customer_id,
        taken_at: row.taken_at,
        received_at: row.received_at,
        age_seconds: age.as_secs().max(0),
        is_stale: age > stale_after,
        stale_after_seconds: stale_after.as_secs(),
        sections: counted(row.sections),
        snapshots: row.snapshots,
    }
}
