//! A set of dense small indices: node kinds, bin shapes.

/// A set of indices chosen by the caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IndexSet {
    /// Every index.
    #[default]
    All,
    /// Bit `i % 64` of word `i / 64` says whether `i` is in the set; indices
    /// past the end are not.
    Bits(Vec<u64>),
}

impl IndexSet {
    /// The set of exactly the listed indices.
    #[must_use]
    pub fn of(indices: &[u32]) -> Self {
        let words = indices.iter().max().map_or(0, |&k| k as usize / 64 + 1);
        let mut bits = vec![0_u64; words];
        for &index in indices {
            bits[index as usize / 64] |= 1 << (index % 64);
        }
        Self::Bits(bits)
    }

    /// Whether `index` is in the set.
    #[inline]
    #[must_use]
    pub fn contains(&self, index: u32) -> bool {
        match self {
            Self::All => true,
            Self::Bits(bits) => {
                bits.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
            }
        }
    }
}
