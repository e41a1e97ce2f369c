//! A digest of everything that a replay reads: equal worlds and settings have equal ones.

use blake3::Hasher;

use crate::Settings;
use crate::world::World;

/// The digest of a world under settings: 64 hexadecimal digits.
#[must_use]
pub fn of_world(world: &World, settings: &Settings) -> String {
    hash(world, settings).to_hex().to_string()
}

/// The seed of the intervals that come from it.
pub(crate) fn seed(digest: &str) -> u64 {
    let head = digest.get(..16).unwrap_or("0");
    u64::from_str_radix(head, 16).unwrap_or(0)
}

fn hash(world: &World, settings: &Settings) -> blake3::Hash {
    let mut hasher = Hasher::new_derive_key("cloudoptim 2026 back-test");
    text(&mut hasher, &serde_json::to_string(settings).unwrap_or_default());
    text(&mut hasher, &world.name);
    text(&mut hasher, &world.start.to_string());
    hasher.update(&world.step_seconds.to_le_bytes());
    hasher.update(&(world.pools.len() as u64).to_le_bytes());
    for pool in &world.pools {
        text(&mut hasher, pool.key.instance_type.as_str());
        text(&mut hasher, pool.key.zone.as_str());
        hasher.update(&pool.asked.to_le_bytes());
        for held in &pool.held {
            hasher.update(&held.to_le_bytes());
        }
        for price in &pool.spot {
            hasher.update(&price.nanos().to_le_bytes());
        }
    }
    for price in world.on_demand.iter().chain(&world.unavailable) {
        hasher.update(&price.nanos().to_le_bytes());
    }
    for (slice, _) in &world.slices {
        text(&mut hasher, &slice.digest());
    }
    hasher.finalize()
}

fn text(hasher: &mut Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
}
