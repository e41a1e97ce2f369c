//! Finding things by two names, quickly and in no order that anybody could depend on.

/// Places of things by a pair of names, such as namespace and pod.
///
/// A table with open addressing over FNV-1a hashes. It is only ever asked for one key, so nothing
/// that comes out depends on where keys lie.
pub struct NameIndex<'a> {
    slots: Vec<Option<(&'a str, &'a str, u32)>>,
    mask: usize,
}

impl<'a> NameIndex<'a> {
    /// An index of pairs; of equal ones the first counts.
    #[must_use]
    pub fn of(pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> NameIndex<'a> {
        let size = (pairs.len() * 2).next_power_of_two().max(2);
        let mut index = NameIndex { slots: vec![None; size], mask: size - 1 };
        for (place, (first, second)) in pairs.enumerate() {
            let mut slot = hash(first, second) & index.mask;
            loop {
                match index.slots[slot] {
                    None => {
                        index.slots[slot] = Some((first, second, place as u32));
                        break;
                    }
                    Some((a, b, _)) if a == first && b == second => break,
                    Some(_) => slot = (slot + 1) & index.mask,
                }
            }
        }
        index
    }

    /// The place of a pair.
    #[must_use]
    pub fn get(&self, first: &str, second: &str) -> Option<usize> {
        let mut slot = hash(first, second) & self.mask;
        loop {
            match self.slots[slot] {
                None => return None,
                Some((a, b, place)) if a == first && b == second => return Some(place as usize),
                Some(_) => slot = (slot + 1) & self.mask,
            }
        }
    }
}

/// FNV-1a (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>), eight bytes at a time.
fn hash(first: &str, second: &str) -> usize {
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
    (hash ^ (hash >> 32)) as usize
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
