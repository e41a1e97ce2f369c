//! Which columns of ranks an ensemble needs, and how a row becomes them.

use std::collections::{BTreeMap, BTreeSet};

use super::rank::{Number, Rank};
use crate::{Absent, CategorySet, Comparison, Ensemble, Node};

/// Rows whose ranks lie side by side in a tile.
pub(super) const LANES: usize = 64;

/// One column of a tile, in bytes.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Lanes(pub(super) [u8; LANES]);

impl AsMut<[u8]> for Lanes {
    #[inline(always)]
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// What splits ask of a feature.
#[derive(Clone, Default)]
struct OfFeature {
    cuts: Vec<f64>,
    /// Whether some split is true for every number.
    always: bool,
    /// Whether missing values go where a false and where a true comparison goes.
    used: [bool; 2],
}

/// From a row to its ranks.
///
/// Column 0 is always 0. Missing values have rank 0 in one column of their feature and the highest
/// rank in another, so that a split chooses their way by the column that it names.
///
/// There are two sets of columns. The wide one has a rank as it is, for walking. The narrow one has
/// bytes, whatever the number of cuts: every 255 cuts of a feature have a column of their own, in
/// which ranks below and above are cut to 0 and 255.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// Wide columns.
    pub(super) count: usize,
    /// Columns of bytes.
    pub(super) byte_count: usize,
    pub(super) most_cuts: usize,
    numbers: Vec<NumberColumns>,
    /// The place of each feature's columns among `numbers`.
    number_of: Vec<usize>,
    members: Vec<MemberColumn>,
    narrow: bool,
    /// Which columns the splits name, by their key: wide, and the first of bytes.
    places: BTreeMap<Key, (usize, usize)>,
}

#[derive(Clone, Debug)]
struct NumberColumns {
    feature: usize,
    absent: Absent,
    /// Ascending, padded with NaN (which is below nothing) to one less than a power of two.
    cuts: Vec<f64>,
    /// The same in 32 bits, where 32 bits are compared.
    narrow_cuts: Vec<f32>,
    steps: u32,
    /// How many columns of bytes hold the cuts; one more has 0 for every number, where a split is
    /// true for all of them.
    chunks: usize,
    /// The columns where missing is lowest, and those where it is highest; 0 is nowhere.
    low: (usize, usize),
    high: (usize, usize),
}

#[derive(Clone, Debug)]
struct MemberColumn {
    feature: usize,
    absent: Absent,
    set: CategorySet,
    missing_is_true: bool,
    column: (usize, usize),
}

/// Cuts in one column of bytes.
const CUTS_IN_A_BYTE: usize = 255;

/// What tells columns apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number { feature: u32, missing_is_true: bool },
    Member { feature: u32, set: u32, missing_is_true: bool },
}

/// A split as a kernel sees it: the first way where the column's rank is below `rank`.
pub(super) struct RankSplit {
    pub(super) column: usize,
    /// `None` where it is above every rank but the highest.
    pub(super) rank: Option<usize>,
    /// The same among the columns of bytes.
    pub(super) byte_column: usize,
    pub(super) byte_rank: u8,
    pub(super) when_true: u32,
    pub(super) when_false: u32,
}

/// Finds out how many cuts are at or below each of many values.
pub(super) trait Search {
    /// `cuts` has `2^steps - 1` entries.
    fn positions<T: Number + PartialOrd, const N: usize>(
        self,
        cuts: &[T],
        steps: u32,
        values: &[T; N],
    ) -> [u32; N];
}

impl Columns {
    /// Collects the cuts of an ensemble.
    pub(super) fn of(ensemble: &Ensemble) -> Columns {
        // By feature: a large model has millions of splits, and looking each one's feature up in a
        // tree took longer than all else.
        let mut of_features: Vec<OfFeature> = vec![OfFeature::default(); ensemble.features];
        let mut keys = BTreeSet::new();
        for node in ensemble.trees.iter().flat_map(|tree| &tree.nodes) {
            match *node {
                Node::Split { feature, threshold, missing_is_true, .. } => {
                    let of_feature = &mut of_features[feature as usize];
                    match cut(ensemble.comparison, threshold) {
                        Some(cut) => of_feature.cuts.push(cut),
                        None => of_feature.always = true,
                    }
                    of_feature.used[usize::from(missing_is_true)] = true;
                }
                Node::Member { feature, set, missing_is_true, .. } => {
                    keys.insert(Key::Member { feature, set, missing_is_true });
                }
                Node::Leaf { .. } => {}
            }
        }
        let mut cuts: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        let mut always = BTreeSet::new();
        for (mut one, feature) in of_features.into_iter().zip(0_u32..) {
            for missing_is_true in [false, true] {
                if one.used[usize::from(missing_is_true)] {
                    keys.insert(Key::Number { feature, missing_is_true });
                }
            }
            if one.used == [false; 2] {
                continue;
            }
            if one.always {
                always.insert(feature);
            }
            one.cuts.sort_unstable_by(f64::total_cmp);
            one.cuts.dedup();
            cuts.insert(feature, one.cuts);
        }
        let chunks = |feature: &u32, cuts: &[f64]| {
            cuts.len().div_ceil(CUTS_IN_A_BYTE) + usize::from(always.contains(feature))
        };
        let mut places = BTreeMap::new();
        let mut byte_count = 1;
        for key in keys {
            let columns = match &key {
                Key::Number { feature, .. } => {
                    cuts.get(feature).map_or(1, |cuts| chunks(feature, cuts))
                }
                Key::Member { .. } => 1,
            };
            places.insert(key, (places.len() + 1, byte_count));
            byte_count += columns;
        }
        let narrow = ensemble.comparison != Comparison::AtMost64;
        let column = |feature: u32, missing_is_true| {
            places.get(&Key::Number { feature, missing_is_true }).copied().unwrap_or((0, 0))
        };
        let most_cuts = cuts.values().map(Vec::len).max().unwrap_or(0);
        let numbers = cuts
            .into_iter()
            .map(|(feature, mut cuts)| {
                let chunks = chunks(&feature, &cuts);
                let steps = usize::BITS - cuts.len().leading_zeros();
                cuts.resize((1 << steps) - 1, f64::NAN);
                let narrow_cuts =
                    if narrow { cuts.iter().map(|cut| *cut as f32).collect() } else { Vec::new() };
                NumberColumns {
                    feature: feature as usize,
                    absent: ensemble.absent[feature as usize],
                    narrow_cuts,
                    cuts,
                    steps,
                    chunks,
                    low: column(feature, true),
                    high: column(feature, false),
                }
            })
            .collect();
        let numbers: Vec<NumberColumns> = numbers;
        let mut number_of = vec![0; ensemble.features];
        for (place, number) in numbers.iter().enumerate() {
            number_of[number.feature] = place;
        }
        let members = places
            .iter()
            .filter_map(|(key, column)| match *key {
                Key::Number { .. } => None,
                Key::Member { feature, set, missing_is_true } => Some(MemberColumn {
                    feature: feature as usize,
                    absent: ensemble.absent[feature as usize],
                    set: ensemble.category_sets[set as usize].clone(),
                    missing_is_true,
                    column: *column,
                }),
            })
            .collect();
        Columns {
            count: places.len() + 1,
            byte_count,
            most_cuts,
            numbers,
            number_of,
            members,
            narrow,
            places,
        }
    }

    /// A split by its column and rank; `None` for a leaf.
    pub(super) fn split(&self, comparison: Comparison, node: &Node) -> Option<RankSplit> {
        let place = |key: Key| self.places.get(&key).copied().unwrap_or((0, 0));
        match *node {
            Node::Leaf { .. } => None,
            Node::Split { feature, threshold, missing_is_true, when_true, when_false } => {
                let number = &self.numbers[self.number_of[feature as usize]];
                let (column, first) = if missing_is_true { number.low } else { number.high };
                // NaN, which pads, is not below.
                let before = cut(comparison, threshold)
                    .map(|cut| number.cuts.partition_point(|other| *other < cut));
                let (chunk, byte_rank) = match before {
                    Some(before) => (before / CUTS_IN_A_BYTE, before % CUTS_IN_A_BYTE + 1),
                    None => (number.chunks - 1, 1),
                };
                Some(RankSplit {
                    column,
                    rank: before.map(|before| before + 1),
                    byte_column: first + chunk,
                    byte_rank: byte_rank as u8,
                    when_true,
                    when_false,
                })
            }
            Node::Member { feature, set, missing_is_true, when_true, when_false } => {
                let (column, byte_column) = place(Key::Member { feature, set, missing_is_true });
                let rank = Some(1);
                Some(RankSplit { column, rank, byte_column, byte_rank: 1, when_true, when_false })
            }
        }
    }

    /// The ranks of `N` rows, `wide[column][row]` and `bytes[column][row]`; either may be empty,
    /// where it is not needed. The rows have `features` numbers each, one row after the other; where
    /// there are fewer than `N`, the last is repeated.
    #[inline(always)]
    pub(super) fn rank<S: Search + Copy, V: Number, R: Rank, B: AsMut<[u8]>, const N: usize>(
        &self,
        search: S,
        rows: &[V],
        features: usize,
        wide: &mut [[R; N]],
        bytes: &mut [B],
    ) {
        let count = rows.len() / features.max(1);
        let row_of = |at: usize| at.min(count.saturating_sub(1));
        let get = |at: usize, feature: usize| {
            rows.get(row_of(at) * features + feature).map_or(f64::NAN, |value| value.wide())
        };
        for one in &self.numbers {
            let mut missing = [false; N];
            let positions: [u32; N] = if self.narrow {
                let mut values = [0.0_f32; N];
                for (at, value) in values.iter_mut().enumerate() {
                    let index = row_of(at) * features + one.feature;
                    *value = rows.get(index).map_or(f32::NAN, |value| value.narrow());
                }
                for (missing, value) in missing.iter_mut().zip(&values) {
                    *missing = value.is_nan();
                }
                search.positions(&one.narrow_cuts, one.steps, &values)
            } else {
                let mut values = [0.0_f64; N];
                for (at, value) in values.iter_mut().enumerate() {
                    *value = get(at, one.feature);
                }
                for (missing, value) in missing.iter_mut().zip(&values) {
                    *missing = value.is_nan();
                }
                search.positions(&one.cuts, one.steps, &values)
            };
            if one.absent != Absent::Nan {
                for (at, missing) in missing.iter_mut().enumerate() {
                    *missing = one.absent.is_missing(get(at, one.feature));
                }
            }
            one.write(&positions, &missing, wide, bytes);
        }
        for one in &self.members {
            let mut outside = [0_u8; N];
            for (at, outside) in outside.iter_mut().enumerate() {
                let value = get(at, one.feature);
                let value = if self.narrow { f64::from(value as f32) } else { value };
                let missing = one.absent.is_missing(value);
                let inside = if missing { None } else { one.set.contains(value) };
                *outside = u8::from(!inside.unwrap_or(one.missing_is_true));
            }
            if let Some(ranks) = wide.get_mut(one.column.0) {
                *ranks = outside.map(|rank| R::of(usize::from(rank)));
            }
            if let Some(ranks) = bytes.get_mut(one.column.1) {
                for (rank, outside) in ranks.as_mut().iter_mut().zip(&outside) {
                    *rank = *outside;
                }
            }
        }
    }
}

impl NumberColumns {
    #[inline(always)]
    fn write<R: Rank, B: AsMut<[u8]>, const N: usize>(
        &self,
        positions: &[u32; N],
        missing: &[bool; N],
        wide: &mut [[R; N]],
        bytes: &mut [B],
    ) {
        for ((column, first), when_missing) in [(self.low, false), (self.high, true)] {
            if column == 0 {
                continue;
            }
            if let Some(ranks) = wide.get_mut(column) {
                let when_missing = if when_missing { R::HIGHEST } else { 0 };
                for at in 0..N {
                    let rank = if missing[at] { when_missing } else { positions[at] as usize };
                    ranks[at] = R::of(rank);
                }
            }
            let when_missing = if when_missing { u8::MAX } else { 0 };
            let Some(chunks) = bytes.get_mut(first..first + self.chunks) else { continue };
            for (chunk, ranks) in chunks.iter_mut().enumerate() {
                let below = (chunk * CUTS_IN_A_BYTE) as u32;
                for (at, rank) in ranks.as_mut().iter_mut().enumerate().take(N) {
                    let inside = positions[at].saturating_sub(below).min(255) as u8;
                    *rank = if missing[at] { when_missing } else { inside };
                }
            }
        }
    }
}

/// The cut for which "below the cut" is the split's comparison; `None` where it is always true.
fn cut(comparison: Comparison, threshold: f64) -> Option<f64> {
    match comparison {
        Comparison::Less32 => Some(threshold),
        Comparison::AtMost64 => (threshold != f64::INFINITY).then(|| threshold.next_up()),
        Comparison::AtMost32 => {
            if threshold == f64::INFINITY {
                return None;
            }
            // The smallest f32 above the threshold, which has 64 bits.
            let rounded = threshold as f32;
            let above = if f64::from(rounded) > threshold { rounded } else { rounded.next_up() };
            Some(f64::from(above))
        }
    }
    // Zeros of both signs are equal, and must be one cut.
    .map(|cut| cut + 0.0)
}
