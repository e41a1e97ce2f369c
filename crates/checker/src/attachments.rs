//! How many volumes a node can hold.

use std::collections::BTreeSet;

use facts::cluster::{ClusterState, PersistentVolume, Pod};
use facts::reason::ReasonCode;

use crate::world::World;

/// Why a pod's volumes cannot be attached where it would go.
pub(crate) fn objection(
    world: &World<'_>,
    index: usize,
    to: usize,
) -> Option<(ReasonCode, String)> {
    let pod = world.pods[index].pod;
    if pod.volume_claims.is_empty() {
        return None;
    }
    let limits = &world.state.volumes.as_ref()?.items.attach_limits;
    let node = &world.places[to].node.name;
    for limit in limits.iter().filter(|limit| limit.node == *node) {
        let Some(most) = limit.count else { continue };
        let driver = Some(limit.driver.as_str());
        let own = volumes(world.state, pod).filter(|one| one.driver.as_deref() == driver);
        let own: BTreeSet<&str> = own.map(|one| one.name.as_str()).collect();
        if own.is_empty() {
            continue;
        }
        // A volume that two pods of a node share is attached once.
        let here = world.pods.iter().enumerate();
        let here = here.filter(|(at, other)| *at != index && other.place == Some(to));
        let attached: BTreeSet<&str> = here
            .flat_map(|(_, other)| volumes(world.state, other.pod))
            .filter(|one| one.driver.as_deref() == driver)
            .map(|one| one.name.as_str())
            .chain(own)
            .collect();
        if attached.len() as i64 > most {
            let detail = format!("{} volumes of {}, at most {most}", attached.len(), limit.driver);
            return Some((ReasonCode::VolumeAttachLimit, detail));
        }
    }
    None
}

/// The volumes behind a pod's claims, as far as they are known.
fn volumes<'a>(
    state: &'a ClusterState,
    pod: &'a Pod,
) -> impl Iterator<Item = &'a PersistentVolume> {
    let storage = state.volumes.as_ref().map(|part| &part.items);
    pod.volume_claims.iter().filter_map(move |claim| {
        let storage = storage?;
        let known = storage
            .claims
            .iter()
            .find(|one| one.name == *claim && one.namespace == pod.namespace())?;
        storage.volumes.iter().find(|one| Some(&one.name) == known.volume.as_ref())
    })
}
