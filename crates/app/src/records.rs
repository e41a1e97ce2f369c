//! What earlier snapshots of a cluster showed, for engines that ask since when things are as they are.

use std::collections::{BTreeMap, BTreeSet};

use engines::volume_cleanup::{UNATTACHED, is_unattached};
use facts::cluster::ClusterState;
use jiff::{SignedDuration, Timestamp};
use store::{Seen, Sighting};

use crate::notifications::spot_pools;
use crate::{App, Error};

/// Between snapshots that lie further apart a volume may have been in use: a week and a day, so that
/// whoever sends one a week is heard.
const LONGEST_SILENCE: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Since when things have been in the state they are in, of one cluster and customer.
#[derive(Clone, Debug, Default)]
pub struct Records {
    since: BTreeMap<String, BTreeMap<String, Timestamp>>,
}

impl Records {
    /// Records as they are kept.
    #[must_use]
    pub fn of(sightings: Vec<Sighting>) -> Records {
        let mut since: BTreeMap<String, BTreeMap<String, Timestamp>> = BTreeMap::new();
        for one in sightings {
            since.entry(one.state).or_default().insert(one.object_id, one.first_seen_at);
        }
        Records { since }
    }

    /// Since when a thing has been in a state, as far as that was recorded.
    #[must_use]
    pub fn since(&self, state: &str, object_id: &str) -> Option<Timestamp> {
        self.since.get(state)?.get(object_id).copied()
    }
}

/// What a snapshot shows of states that last. A section that is not there shows nothing.
pub(crate) fn seen(state: &ClusterState, taken_at: Timestamp) -> Vec<Seen> {
    unattached_volumes(state, taken_at).into_iter().chain(spot_pools(state, taken_at)).collect()
}

fn unattached_volumes(state: &ClusterState, taken_at: Timestamp) -> Option<Seen> {
    let section = state.volumes.as_ref()?;
    let volumes = &section.items.ebs_volumes;
    let (inside, outside): (Vec<_>, Vec<_>) =
        volumes.iter().partition(|volume| is_unattached(volume));
    let names = |volumes: Vec<&facts::cluster::EbsVolume>| -> BTreeSet<String> {
        volumes.into_iter().map(|volume| volume.id.clone()).collect()
    };
    Some(Seen {
        state: UNATTACHED.to_owned(),
        // Nothing was seen before it was looked at, nor after the snapshot as a whole was taken.
        at: section.observed_at.map_or(taken_at, |at| at.min(taken_at)),
        inside: names(inside),
        outside: names(outside),
        complete: section.complete,
        longest_silence: Some(LONGEST_SILENCE),
    })
}

impl App {
    /// What is recorded of a cluster of this customer; `None` where nobody names the cluster or nothing
    /// is recorded.
    pub(crate) async fn records(
        &self,
        cluster_id: Option<&str>,
        customer_id: Option<&str>,
    ) -> Result<Option<Records>, Error> {
        let Some(cluster_id) = cluster_id else { return Ok(None) };
        let mut sightings = self.store.sightings(cluster_id, customer_id).await?;
        // No engine asks for the others.
        sightings.retain(|one| one.state == UNATTACHED);
        Ok((!sightings.is_empty()).then(|| Records::of(sightings)))
    }
}
