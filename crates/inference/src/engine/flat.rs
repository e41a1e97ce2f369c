//! Trees as arrays that kernels run over.

use super::columns::{Columns, RankSplit};
use super::rank::{Leaf, Rank};
use crate::{Ensemble, Node, Target, Tree};

/// The most leaves of a tree that is evaluated with masks: beyond, walking is less work.
const MOST_MASKED_LEAVES: usize = 256;

/// All trees of an ensemble.
#[derive(Clone, Debug)]
pub(super) struct Flat<R: Rank, L> {
    /// For walking: siblings stand side by side.
    pub(super) places: Vec<Place<R>>,
    /// For each place the offset of its leaf in `leaves`; 0 for splits.
    pub(super) leaf_of: Vec<u32>,
    /// For masks: each tree's splits, parents first.
    pub(super) splits: Vec<MaskSplit<R>>,
    /// Values of leaves, weight included; each tree's count is padded to a power of two.
    pub(super) leaves: Vec<L>,
    pub(super) trees: Vec<FlatTree>,
}

/// A node for walking: goes to `left` where the rank is below, and else to the one after it. A leaf
/// leads to itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<R: Rank> {
    pub(super) left: u32,
    pub(super) column: R::Column,
    pub(super) rank: R,
}

/// A split for masks. Slots below the number of splits are splits, the others leaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct MaskSplit<R: Rank> {
    pub(super) when_true: u16,
    pub(super) when_false: u16,
    pub(super) column: R::Column,
    pub(super) rank: R,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct FlatTree {
    /// Its place in `places`.
    pub(super) root: u32,
    /// Steps to its deepest leaf.
    pub(super) depth: u32,
    /// Where its leaves begin in `leaves`.
    pub(super) leaves: u32,
    /// Entries in `leaves`, padding included.
    pub(super) table: u32,
    /// Where its splits begin, and how many; none where it has to be walked.
    pub(super) splits: u32,
    pub(super) split_count: u32,
    pub(super) masked: bool,
    /// The sum that it goes into, or all.
    pub(super) group: Option<u32>,
}

impl<R: Rank, L: Leaf> Flat<R, L> {
    pub(super) fn of(ensemble: &Ensemble, columns: &Columns) -> Flat<R, L> {
        let nodes = ensemble.trees.iter().map(|tree| tree.nodes.len()).sum();
        let mut flat = Flat {
            places: Vec::with_capacity(nodes),
            leaf_of: Vec::with_capacity(nodes),
            splits: Vec::new(),
            leaves: Vec::new(),
            trees: Vec::with_capacity(ensemble.trees.len()),
        };
        for tree in &ensemble.trees {
            flat.add(tree, ensemble, columns);
        }
        flat
    }

    fn add(&mut self, tree: &Tree, ensemble: &Ensemble, columns: &Columns) {
        let width = tree.leaf_width(ensemble.groups);
        let root = self.places.len();
        let first_leaf = self.leaves.len();
        let first_split = self.splits.len();
        let leaf_count = tree.nodes.iter().filter(|node| matches!(node, Node::Leaf { .. })).count();
        let split_count = tree.nodes.len() - leaf_count;
        let masked = leaf_count <= MOST_MASKED_LEAVES;
        let rank = |split: &RankSplit| R::of(split.rank.unwrap_or(R::HIGHEST));
        // Level by level; what waits has its node, its depth and its place.
        let mut waiting = std::collections::VecDeque::from([(0_u32, 0_u32, root)]);
        self.push_empty();
        let mut slots: Vec<u16> = if masked { vec![0; tree.nodes.len()] } else { Vec::new() };
        let (mut depth, mut next_split, mut next_leaf) = (0, 0_usize, 0_usize);
        let mut order = Vec::with_capacity(if masked { split_count } else { 0 });
        while let Some((node, above, place)) = waiting.pop_front() {
            depth = depth.max(above);
            let Some(split) = columns.split(ensemble.comparison, &tree.nodes[node as usize]) else {
                let Node::Leaf { leaf } = tree.nodes[node as usize] else { continue };
                let values = &tree.leaf_values[leaf as usize * width..][..width];
                self.leaf_of[place] = self.leaves.len() as u32;
                self.places[place].left = place as u32;
                self.leaves.extend(values.iter().map(|value| L::of(*value) * L::of(tree.weight)));
                if masked {
                    slots[node as usize] = (split_count + next_leaf) as u16;
                }
                next_leaf += 1;
                continue;
            };
            let left = self.places.len();
            self.push_empty();
            self.push_empty();
            self.places[place] =
                Place { left: left as u32, column: R::column(split.column), rank: rank(&split) };
            waiting.push_back((split.when_true, above + 1, left));
            waiting.push_back((split.when_false, above + 1, left + 1));
            if masked {
                slots[node as usize] = next_split as u16;
                order.push(split);
            }
            next_split += 1;
        }
        self.splits.extend(order.iter().map(|split| MaskSplit {
            when_true: slots[split.when_true as usize],
            when_false: slots[split.when_false as usize],
            column: R::column(split.column),
            rank: rank(split),
        }));
        let used = self.leaves.len() - first_leaf;
        let table = used.next_power_of_two().max(16);
        self.leaves.resize(first_leaf + table, L::default());
        self.trees.push(FlatTree {
            root: root as u32,
            depth,
            leaves: first_leaf as u32,
            table: table as u32,
            splits: first_split as u32,
            split_count: next_split as u32,
            masked,
            group: match tree.target {
                Target::Group(group) => Some(group),
                Target::All => None,
            },
        });
    }

    /// A leaf that is still to be filled: its comparison is true for every row, as column 0 is 0.
    fn push_empty(&mut self) {
        self.places.push(Place { left: 0, column: R::column(0), rank: R::of(1) });
        self.leaf_of.push(0);
    }

    /// The most slots that a tree needs for masks.
    pub(super) fn most_slots(&self) -> usize {
        let masked = self.trees.iter().filter(|tree| tree.masked);
        masked.map(|tree| 2 * tree.split_count as usize + 1).max().unwrap_or(1)
    }
}
