//! Which columns of ranks an ensemble needs, and how a row becomes them.

use std::collections::BTreeMap;

use super::rank::{Number, Rank};
use crate::{Absent, CategorySet, Comparison, Ensemble, Node};

/// From a row to its ranks.
///
/// Column 0 is always 0. Missing values have rank 0 in one column of their feature and the highest
/// rank in another, so that a split chooses their way by the column that it names.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) count: usize,
    pub(super) most_cuts: usize,
    numbers: Vec<NumberColumns>,
    members: Vec<MemberColumn>,
    narrow: bool,
    /// Which columns the splits name, by their key.
    places: BTreeMap<Key, usize>,
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
    /// The column where missing is lowest, and the one where it is highest; 0 is nowhere.
    low: usize,
    high: usize,
}

#[derive(Clone, Debug)]
struct MemberColumn {
    feature: usize,
    absent: Absent,
    set: CategorySet,
    missing_is_true: bool,
    column: usize,
}

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
    pub(super) when_true: u32,
    pub(super) when_false: u32,
}

impl Columns {
    /// Collects the cuts of an ensemble.
    pub(super) fn of(ensemble: &Ensemble) -> Columns {
        let mut cuts: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        let mut places: BTreeMap<Key, usize> = BTreeMap::new();
        for node in ensemble.trees.iter().flat_map(|tree| &tree.nodes) {
            let key = match *node {
                Node::Split { feature, threshold, missing_is_true, .. } => {
                    let of_feature = cuts.entry(feature).or_default();
                    if let Some(cut) = cut(ensemble.comparison, threshold) {
                        of_feature.push(cut);
                    }
                    Key::Number { feature, missing_is_true }
                }
                Node::Member { feature, set, missing_is_true, .. } => {
                    Key::Member { feature, set, missing_is_true }
                }
                Node::Leaf { .. } => continue,
            };
            let next = places.len() + 1;
            places.entry(key).or_insert(next);
        }
        let narrow = ensemble.comparison != Comparison::AtMost64;
        let column = |feature: u32, missing_is_true| {
            places.get(&Key::Number { feature, missing_is_true }).copied().unwrap_or(0)
        };
        let mut most_cuts = 1;
        let numbers = cuts
            .into_iter()
            .map(|(feature, mut cuts)| {
                cuts.sort_by(f64::total_cmp);
                cuts.dedup();
                most_cuts = most_cuts.max(cuts.len());
                let steps = usize::BITS - cuts.len().leading_zeros();
                cuts.resize((1 << steps) - 1, f64::NAN);
                NumberColumns {
                    feature: feature as usize,
                    absent: ensemble.absent[feature as usize],
                    narrow_cuts: if narrow {
                        cuts.iter().map(|cut| *cut as f32).collect()
                    } else {
                        Vec::new()
                    },
                    cuts,
                    steps,
                    low: column(feature, true),
                    high: column(feature, false),
                }
            })
            .collect();
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
        Columns { count: places.len() + 1, most_cuts, numbers, members, narrow, places }
    }

    /// A split by its column and rank; `None` for a leaf.
    pub(super) fn split(&self, comparison: Comparison, node: &Node) -> Option<RankSplit> {
        let column = |key: Key| self.places.get(&key).copied().unwrap_or(0);
        match *node {
            Node::Leaf { .. } => None,
            Node::Split { feature, threshold, missing_is_true, when_true, when_false } => {
                let rank = cut(comparison, threshold).map(|cut| {
                    let at = self.numbers.partition_point(|one| one.feature < feature as usize);
                    // NaN, which pads, is not below.
                    self.numbers[at].cuts.partition_point(|other| *other < cut) + 1
                });
                let column = column(Key::Number { feature, missing_is_true });
                Some(RankSplit { column, rank, when_true, when_false })
            }
            Node::Member { feature, set, missing_is_true, when_true, when_false } => {
                let column = column(Key::Member { feature, set, missing_is_true });
                Some(RankSplit { column, rank: Some(1), when_true, when_false })
            }
        }
    }

    /// The ranks of `N` rows: `into[column][row]`. The rows have `features` numbers each, one row
    /// after the other; where there are fewer than `N`, the last is repeated.
    #[inline(always)]
    pub(super) fn rank<V: Number, R: Rank, const N: usize>(
        &self,
        rows: &[V],
        features: usize,
        into: &mut [[R; N]],
    ) {
        let count = rows.len() / features.max(1);
        for one in &self.numbers {
            let mut values = [0.0_f64; N];
            for (at, value) in values.iter_mut().enumerate() {
                let row = at.min(count.saturating_sub(1));
                *value = rows.get(row * features + one.feature).map_or(f64::NAN, |v| v.wide());
            }
            let positions = if self.narrow {
                search(&one.narrow_cuts, one.steps, &values.map(|value| value as f32))
            } else {
                search(&one.cuts, one.steps, &values)
            };
            let missing = values.map(|value| one.absent.is_missing(value));
            for (column, when_missing) in [(one.low, 0), (one.high, R::HIGHEST)] {
                if column == 0 {
                    continue;
                }
                let ranks = &mut into[column];
                for at in 0..N {
                    let rank = if missing[at] { when_missing } else { positions[at] as usize };
                    ranks[at] = R::of(rank);
                }
            }
        }
        for one in &self.members {
            let ranks = &mut into[one.column];
            for (at, rank) in ranks.iter_mut().enumerate() {
                let row = at.min(count.saturating_sub(1));
                let value = rows.get(row * features + one.feature).map_or(f64::NAN, |v| v.wide());
                let value = if self.narrow { f64::from(value as f32) } else { value };
                let missing = one.absent.is_missing(value);
                let inside = if missing { None } else { one.set.contains(value) };
                *rank = R::of(usize::from(!inside.unwrap_or(one.missing_is_true)));
            }
        }
    }
}

/// How many cuts are at or below each value. `cuts` has `2^steps - 1` entries.
#[inline(always)]
fn search<T: Copy + PartialOrd, const N: usize>(
    cuts: &[T],
    steps: u32,
    values: &[T; N],
) -> [u32; N] {
    let mut positions = [0_u32; N];
    for step in (0..steps).rev() {
        let half = 1_u32 << step;
        for (position, value) in positions.iter_mut().zip(values) {
            // In range: positions end below 2^steps.
            let below = cuts.get((*position + half - 1) as usize).is_some_and(|cut| *cut <= *value);
            *position += if below { half } else { 0 };
        }
    }
    positions
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
