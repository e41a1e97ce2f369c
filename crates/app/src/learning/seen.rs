//! Where an instance is, by the kept snapshots: events of EventBridge name the instance and nothing else.

use facts::cluster::ClusterState;

use crate::{App, Error};

/// An instance as a snapshot shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenInstance {
    pub(super) cluster_id: String,
    pub(super) instance_type: String,
    pub(super) availability_zone: String,
    pub(super) zone_id: Option<String>,
}

/// Clusters of a customer that are looked through.
const MOST_CLUSTERS: u64 = 50;

impl App {
    /// Looks for an instance in the newest snapshot of each cluster of a customer.
    pub(super) async fn seen_instance(
        &self,
        customer: Option<&str>,
        instance_id: &str,
    ) -> Result<Option<SeenInstance>, Error> {
        let whose = customer.unwrap_or_default();
        let (clusters, _) = self.store.clusters(Some(whose), MOST_CLUSTERS, 0).await?;
        for cluster in clusters {
            let id = cluster.newest_id;
            let content = self.store.snapshot_content(&cluster.cluster_id, Some(whose), id).await?;
            let Some(content) = content else { continue };
            let wanted = instance_id.to_owned();
            let found = tokio::task::spawn_blocking(move || {
                let state = ClusterState::from_json(&content).ok()?.value;
                let node = state
                    .node_items()
                    .iter()
                    .find(|node| node.instance_id() == Some(wanted.as_str()))?;
                Some((node.instance_type.clone()?, node.zone.clone()?, node.zone_id.clone()))
            });
            let found = found.await.map_err(|_| Error::Internal("reading failed".to_owned()))?;
            if let Some((instance_type, availability_zone, zone_id)) = found {
                return Ok(Some(SeenInstance {
                    cluster_id: cluster.cluster_id,
                    instance_type,
                    availability_zone,
                    zone_id,
                }));
            }
        }
        Ok(None)
    }
}
