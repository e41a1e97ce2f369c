//! Finding things by two names, quickly and in no order that anybody could depend on.

/// Places of things by a pair of names, such as namespace and pod.
///
/// A table with open addressing over FNV-1a hashes. It is only ever asked for one key, so nothing
/// that comes out depends on where keys lie.
pub struct NameIndex<'a> {
    /// The upper half of a key's hash, and its place in `keys` from 1; 0 is empty. Kept apart from the
    /// keys, so that a table of all pods of a large cluster stays in the processor's cache.
    slots: Vec<(u32, u32)>,
    keys: Vec<(&'a str, &'a str)>,
    mask: usize,
}

impl<'a> NameIndex<'a> {
    /// An index of pairs; of equal ones the first counts.
    #[must_use]
    pub fn of(pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> NameIndex<'a> {
        let size = (pairs.len() * 2).next_power_of_two().max(2);
        let keys: Vec<(&str, &str)> = pairs.collect();
        let mut index = NameIndex { slots: vec![(0, 0); size], keys, mask: size - 1 };
        for place in 0..index.keys.len() {
            let (first, second) = index.keys[place];
            if let Err((slot, tag)) = index.look(first, second) {
                index.slots[slot] = (tag, place as u32 + 1);
            }
        }
        index
    }

    /// The place of a pair.
    #[must_use]
    pub fn get(&self, first: &str, second: &str) -> Option<usize> {
        self.look(first, second).ok()
    }

    /// The place of a pair, or the slot and the tag that it would have.
    fn look(&self, first: &str, second: &str) -> Result<usize, (usize, u32)> {
        let hash = hash(first, second);
        let tag = (hash >> 32) as u32;
        let mut slot = hash as usize & self.mask;
        loop {
            match self.slots[slot] {
                (_, 0) => return Err((slot, tag)),
                (other, place) if other == tag => {
                    let place = place as usize - 1;
                    if self.keys[place] == (first, second) {
                        return Ok(place);
                    }
                }
                _ => {}
            }
            slot = (slot + 1) & self.mask;
        }
    }
}

/// FNV-1a (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>), eight bytes at a time.
fn hash(first: &str, second: &str) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |text: &str| {
        let mut chunks = text.as_bytes().chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(PRIME);
            hash ^= hash >> 29;
        }
        for byte in chunks.remainder() {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
        hash = (hash ^ 0xff).wrapping_mul(PRIME);
    };
    take(first);
    take(second);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_and_others_are_not() {
        let names: Vec<(String, String)> =
            (0..3_000).map(|at| (format!("space-{}", at % 7), format!("pod-{at}"))).collect();
        let index = NameIndex::of(names.iter().map(|(a, b)| (a.as_str(), b.as_str())));
        for (place, (a, b)) in names.iter().enumerate() {
            assert_eq!(index.get(a, b), Some(place));
        }
        assert_eq!(index.get("space-1", "pod-0"), None);
        // The border between the names counts.
        let index = NameIndex::of([("ab", "c"), ("a", "bc"), ("ab", "c")].into_iter());
        assert_eq!((index.get("ab", "c"), index.get("a", "bc")), (Some(0), Some(1)));
        assert_eq!(NameIndex::of([].into_iter()).get("a", "b"), None);
    }
}
