//! Trees as arrays that kernels run over.

use super::blocks::{Blocks, Heap, HeapSplit, MOST_COLUMNS, heap};
use super::columns::{Columns, RankSplit};
use super::instructions::Instructions;
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
    /// For masks: each tree's inner splits, parents first.
    pub(super) inner: Vec<Inner>,
    /// For masks: each tree's twigs.
    pub(super) twigs: Vec<Twig>,
    /// Values of leaves, weight included; each tree's count is padded to a power of two.
    pub(super) leaves: Vec<L>,
    pub(super) trees: Vec<FlatTree>,
    /// For one row, where the instructions are there and all trees fit.
    pub(super) blocks: Option<Blocks>,
    /// For many rows: the splits of the trees that are numbered as a heap.
    pub(super) heap: Vec<HeapSplit>,
    heaps: bool,
}

/// A node for walking: goes to `left` where the rank is below, and else to the one after it. A leaf
/// leads to itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<R: Rank> {
    pub(super) left: u32,
    pub(super) column: R::Column,
    pub(super) rank: R,
}

/// A split for masks that has at least one split below it. What its two ways lead to is named by
/// slots: first the inner splits of the tree, then its twigs, then leaves that hang alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inner {
    /// The rank in each of four bytes.
    pub(super) rank: u32,
    pub(super) column: u16,
    pub(super) when_true: u16,
    pub(super) when_false: u16,
}

/// A split for masks that has two leaves: numbers `2n` and `2n + 1` for the twig `n` of a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Twig {
    /// The rank in each of four bytes.
    pub(super) rank: u32,
    pub(super) column: u16,
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
    /// Where its inner splits begin, and how many.
    pub(super) inner: (u32, u32),
    /// Where its twigs begin, and how many.
    pub(super) twigs: (u32, u32),
    /// Leaves that hang alone: their numbers follow those of twigs.
    pub(super) alone: u32,
    /// Whether it is evaluated with masks where there are many rows.
    pub(super) masked: bool,
    /// The same in a better way, where the instructions are there.
    pub(super) heap: Option<Heap>,
    /// The sum that it goes into, or all.
    pub(super) group: Option<u32>,
}

/// What a node is for masks, with its number among its kind.
#[derive(Clone, Copy)]
enum Kind {
    Inner(u32),
    Twig(u32),
    Alone(u32),
    /// A leaf of a twig, by its number in the table.
    OfTwig(u32),
}

impl<R: Rank, L: Leaf> Flat<R, L> {
    pub(super) fn of(
        ensemble: &Ensemble,
        columns: &Columns,
        instructions: Instructions,
    ) -> Flat<R, L> {
        let nodes = ensemble.trees.iter().map(|tree| tree.nodes.len()).sum();
        let mut flat = Flat {
            places: Vec::with_capacity(nodes),
            leaf_of: Vec::with_capacity(nodes),
            inner: Vec::new(),
            twigs: Vec::new(),
            leaves: Vec::new(),
            trees: Vec::with_capacity(ensemble.trees.len()),
            blocks: (instructions.decide_blocks() && columns.byte_count <= MOST_COLUMNS)
                .then(Blocks::default),
            heap: Vec::new(),
            heaps: instructions.heaps(),
        };
        for tree in &ensemble.trees {
            flat.add(tree, ensemble, columns);
        }
        flat
    }

    fn add(&mut self, tree: &Tree, ensemble: &Ensemble, columns: &Columns) {
        let width = tree.leaf_width(ensemble.groups);
        let splits: Vec<Option<RankSplit>> =
            tree.nodes.iter().map(|node| columns.split(ensemble.comparison, node)).collect();
        let root = self.places.len();
        let (order, depth) = self.place(&splits);
        let kinds = kinds(&splits, &order);
        let count = |wanted: fn(&Kind) -> bool| kinds.iter().filter(|kind| wanted(kind)).count();
        let inner_count = count(|kind| matches!(kind, Kind::Inner(_)));
        let twig_count = count(|kind| matches!(kind, Kind::Twig(_)));
        let alone = count(|kind| matches!(kind, Kind::Alone(_)));
        let leaf_count = 2 * twig_count + alone;
        let masked = leaf_count <= MOST_MASKED_LEAVES && columns.byte_count <= u16::MAX.into();
        let number_of = |kind: Kind| match kind {
            Kind::OfTwig(number) => number as usize,
            Kind::Alone(number) => 2 * twig_count + number as usize,
            Kind::Inner(_) | Kind::Twig(_) => 0,
        };
        let first_leaf = self.leaves.len();
        let table = (leaf_count * width).next_power_of_two().max(16);
        self.leaves.resize(first_leaf + table, L::default());
        for (node, place) in &order {
            if let Node::Leaf { leaf } = tree.nodes[*node as usize] {
                let at = first_leaf + number_of(kinds[*node as usize]) * width;
                self.leaf_of[*place] = at as u32;
                let values = &tree.leaf_values[leaf as usize * width..][..width];
                for (into, value) in self.leaves[at..].iter_mut().zip(values) {
                    *into = L::of(*value) * L::of(tree.weight);
                }
            }
        }
        let (inner, twigs) = (self.inner.len() as u32, self.twigs.len() as u32);
        if masked {
            let slot = |node: u32| match kinds[node as usize] {
                Kind::Inner(number) => number as u16,
                Kind::Twig(number) => (inner_count + number as usize) as u16,
                Kind::Alone(number) => (inner_count + twig_count + number as usize) as u16,
                Kind::OfTwig(_) => 0,
            };
            for (node, _) in &order {
                let Some(split) = &splits[*node as usize] else { continue };
                let rank = u32::from_ne_bytes([split.byte_rank; 4]);
                let column = split.byte_column as u16;
                if let Kind::Twig(_) = kinds[*node as usize] {
                    self.twigs.push(Twig { rank, column });
                } else {
                    let (when_true, when_false) = (slot(split.when_true), slot(split.when_false));
                    self.inner.push(Inner { rank, column, when_true, when_false });
                }
            }
        }
        if let Some(blocks) = &mut self.blocks {
            let mut leaf_of = vec![0; splits.len()];
            for (node, place) in &order {
                leaf_of[*node as usize] = self.leaf_of[*place];
            }
            if blocks.add(&splits, &leaf_of, depth).is_none() {
                self.blocks = None;
            }
        }
        let heap = if self.heaps && masked && width == 1 { heap(&splits, depth) } else { None };
        let heap = heap.map(|(splits, levels, leaves)| {
            let start = self.leaves.len();
            self.leaves.resize(start + (1_usize << depth).max(16), L::default());
            for (number, node) in leaves {
                if let Node::Leaf { leaf } = tree.nodes[node as usize] {
                    let value = tree.leaf_values[leaf as usize];
                    self.leaves[start + number] = L::of(value) * L::of(tree.weight);
                }
            }
            let first = self.heap.len() as u32;
            self.heap.extend(splits);
            Heap { splits: first, levels, depth, leaves: start as u32 }
        });
        self.trees.push(FlatTree {
            root: root as u32,
            depth,
            leaves: first_leaf as u32,
            table: table as u32,
            inner: (inner, inner_count as u32),
            twigs: (twigs, twig_count as u32),
            alone: alone as u32,
            masked,
            heap,
            group: match tree.target {
                Target::Group(group) => Some(group),
                Target::All => None,
            },
        });
    }

    /// Lays a tree out for walking, level by level. Tells the nodes in that order with their places,
    /// and the depth.
    fn place(&mut self, splits: &[Option<RankSplit>]) -> (Vec<(u32, usize)>, u32) {
        let mut order = vec![(0_u32, self.places.len())];
        let mut depths = vec![0_u32];
        self.push_leaf();
        let mut next = 0;
        while let Some((node, place)) = order.get(next).copied() {
            if let Some(split) = &splits[node as usize] {
                let left = self.places.len();
                self.push_leaf();
                self.push_leaf();
                self.places[place] = Place {
                    left: left as u32,
                    column: R::column(split.column),
                    rank: R::of(split.rank.unwrap_or(R::HIGHEST)),
                };
                order.extend([(split.when_true, left), (split.when_false, left + 1)]);
                let below = depths[next] + 1;
                depths.extend([below, below]);
            }
            next += 1;
        }
        (order, depths.last().copied().unwrap_or(0))
    }

    /// A place that leads to itself: its comparison is true for every row, as column 0 is 0.
    fn push_leaf(&mut self) {
        let left = self.places.len() as u32;
        self.places.push(Place { left, column: R::column(0), rank: R::of(1) });
        self.leaf_of.push(0);
    }

    /// The most slots that a tree needs for masks; `None` where no tree is evaluated with masks.
    pub(super) fn most_slots(&self) -> Option<usize> {
        let masked = self.trees.iter().filter(|tree| tree.masked);
        masked.map(|tree| (tree.inner.1 + tree.twigs.1 + tree.alone) as usize).max()
    }

    /// Whether a tree has to be walked.
    pub(super) fn walks(&self) -> bool {
        self.trees.iter().any(|tree| !tree.masked)
    }
}

/// Numbers every node among its kind, in the order of the levels.
fn kinds(splits: &[Option<RankSplit>], order: &[(u32, usize)]) -> Vec<Kind> {
    let mut kinds = vec![Kind::Alone(0); splits.len()];
    let (mut inner, mut twigs, mut alone) = (0, 0, 0);
    for (node, _) in order {
        let Some(split) = &splits[*node as usize] else {
            if let Kind::Alone(number) = &mut kinds[*node as usize] {
                *number = alone;
                alone += 1;
            }
            continue;
        };
        let children = [split.when_true as usize, split.when_false as usize];
        if children.iter().all(|child| splits[*child].is_none()) {
            kinds[*node as usize] = Kind::Twig(twigs);
            kinds[children[0]] = Kind::OfTwig(2 * twigs);
            kinds[children[1]] = Kind::OfTwig(2 * twigs + 1);
            twigs += 1;
        } else {
            kinds[*node as usize] = Kind::Inner(inner);
            inner += 1;
        }
    }
    kinds
}
