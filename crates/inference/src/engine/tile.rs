//! Many rows through all trees.
//!
//! A tile is 64 rows whose ranks lie column by column, so that one instruction compares a split
//! with all of them. A tree is evaluated whole: each split hands the mask of the rows that came to
//! it on to its two children, and each leaf writes its number into the rows that came to it. That
//! has no branch and no dependent load, whatever the shape of the tree.

use super::blocks::{EXITS, Heap, HeapSplit};
use super::columns::{LANES, Lanes, Search};
use super::flat::{Flat, FlatTree, Inner, Twig};
use super::rank::{Leaf, Number, Rank};

/// What is kept between tiles.
pub(super) struct Scratch<R> {
    /// Ranks for walking; empty where no tree is walked.
    pub(super) wide: Vec<[R; LANES]>,
    /// Ranks for masks; empty where there are none.
    pub(super) bytes: Vec<Lanes>,
    /// The rows that came to each slot of a tree.
    pub(super) path: Vec<Lanes>,
    /// The same of a heap, a bit for each row.
    pub(super) heap_path: HeapPath,
}

/// The rows that came to each place of a heap.
pub(super) type HeapPath = [u64; 2 * EXITS];

/// The three things that are worth being written for wider vectors. All give the same bits.
pub(super) trait Vectors: Search + Copy {
    /// The number of the leaf that each row comes to.
    fn choose(self, tree: &Masks<'_>, columns: &[Lanes], path: &mut [Lanes]) -> Lanes;

    /// The same of a tree as a heap, where there is a kernel for that.
    #[inline(always)]
    fn choose_in_heap(
        self,
        _: &Heap,
        _: &[HeapSplit],
        _: &[Lanes],
        _: &mut HeapPath,
    ) -> Option<Lanes> {
        None
    }

    /// Adds to each row its leaf.
    fn add<L: Leaf>(self, leaves: &[L], chosen: &Lanes, sums: &mut [L; LANES]);
}

/// A tree for masks.
pub(super) struct Masks<'a> {
    pub(super) inner: &'a [Inner],
    pub(super) twigs: &'a [Twig],
    pub(super) alone: usize,
}

/// Whatever vectors the compiler may use.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Search for Portable {
    #[inline(always)]
    fn positions<T: Number + PartialOrd, const N: usize>(
        self,
        cuts: &[T],
        steps: u32,
        values: &[T; N],
    ) -> [u32; N] {
        let mut positions = [0_u32; N];
        for step in (0..steps).rev() {
            let half = 1_usize << step;
            for (position, value) in positions.iter_mut().zip(values) {
                // Added, not branched on: nobody can foresee it.
                let below = cuts[*position as usize + half - 1] <= *value;
                *position += u32::from(below) << step;
            }
        }
        positions
    }
}

impl Vectors for Portable {
    #[inline(always)]
    fn choose(self, tree: &Masks<'_>, columns: &[Lanes], path: &mut [Lanes]) -> Lanes {
        let slots = tree.inner.len() + tree.twigs.len() + tree.alone;
        let path = &mut path[..slots];
        path[0] = Lanes([u8::MAX; LANES]);
        for (at, split) in tree.inner.iter().enumerate() {
            let Lanes(ranks) = &columns[split.column as usize];
            let Lanes(here) = path[at];
            let rank = split.rank as u8;
            let (mut when_true, mut when_false) = ([0; LANES], [0; LANES]);
            for row in 0..LANES {
                let less = if ranks[row] < rank { u8::MAX } else { 0 };
                when_true[row] = here[row] & less;
                when_false[row] = here[row] & !less;
            }
            path[split.when_true as usize] = Lanes(when_true);
            path[split.when_false as usize] = Lanes(when_false);
        }
        let mut chosen = [0; LANES];
        let (of_twigs, alone) = path[tree.inner.len()..].split_at(tree.twigs.len());
        for (number, (twig, Lanes(here))) in tree.twigs.iter().zip(of_twigs).enumerate() {
            let Lanes(ranks) = &columns[twig.column as usize];
            let (rank, odd) = (twig.rank as u8, 2 * number as u8 + 1);
            for row in 0..LANES {
                let leaf = odd - u8::from(ranks[row] < rank);
                chosen[row] |= here[row] & leaf;
            }
        }
        for (number, Lanes(here)) in alone.iter().enumerate() {
            let leaf = (2 * tree.twigs.len() + number) as u8;
            for row in 0..LANES {
                chosen[row] |= here[row] & leaf;
            }
        }
        Lanes(chosen)
    }

    #[inline(always)]
    fn add<L: Leaf>(self, leaves: &[L], chosen: &Lanes, sums: &mut [L; LANES]) {
        // Tables of a known size need no check of bounds.
        match leaves.len() {
            16 => add_chosen::<L, 16>(leaves, chosen, sums),
            32 => add_chosen::<L, 32>(leaves, chosen, sums),
            64 => add_chosen::<L, 64>(leaves, chosen, sums),
            128 => add_chosen::<L, 128>(leaves, chosen, sums),
            _ => add_chosen::<L, 256>(leaves, chosen, sums),
        }
    }
}

#[inline(always)]
fn add_chosen<L: Leaf, const SIZE: usize>(
    leaves: &[L],
    Lanes(chosen): &Lanes,
    sums: &mut [L; LANES],
) {
    let Some(table) = leaves.first_chunk::<SIZE>() else { return };
    for row in 0..LANES {
        sums[row] = sums[row] + table[usize::from(chosen[row]) % SIZE];
    }
}

/// Adds the leaves of all trees to `sums[group][row]`, in the order of the trees.
#[inline(always)]
pub(super) fn add_leaves<X: Vectors, R: Rank, L: Leaf>(
    vectors: X,
    flat: &Flat<R, L>,
    scratch: &mut Scratch<R>,
    sums: &mut [[L; LANES]],
) {
    for tree in &flat.trees {
        if !tree.masked {
            walk(flat, tree, &scratch.wide, sums);
            continue;
        }
        if let (Some(heap), Some(group)) = (&tree.heap, tree.group)
            && let Some(chosen) =
                vectors.choose_in_heap(heap, &flat.heap, &scratch.bytes, &mut scratch.heap_path)
        {
            let leaves = &flat.leaves[heap.leaves as usize..][..(1 << heap.depth).max(16)];
            vectors.add(leaves, &chosen, &mut sums[group as usize]);
            continue;
        }
        let masks = Masks {
            inner: &flat.inner[tree.inner.0 as usize..][..tree.inner.1 as usize],
            twigs: &flat.twigs[tree.twigs.0 as usize..][..tree.twigs.1 as usize],
            alone: tree.alone as usize,
        };
        let chosen = vectors.choose(&masks, &scratch.bytes, &mut scratch.path);
        let leaves = &flat.leaves[tree.leaves as usize..][..tree.table as usize];
        match tree.group {
            Some(group) => vectors.add(leaves, &chosen, &mut sums[group as usize]),
            None => {
                let width = sums.len();
                for (row, leaf) in chosen.0.iter().enumerate() {
                    let leaf = &leaves[usize::from(*leaf) * width..][..width];
                    for (sum, value) in sums.iter_mut().zip(leaf) {
                        sum[row] = sum[row] + *value;
                    }
                }
            }
        }
    }
}

/// Walks a tree with several rows at once, so that their loads overlap.
#[inline(always)]
fn walk<R: Rank, L: Leaf>(
    flat: &Flat<R, L>,
    tree: &FlatTree,
    columns: &[[R; LANES]],
    sums: &mut [[L; LANES]],
) {
    const TOGETHER: usize = 16;
    for first in (0..LANES).step_by(TOGETHER) {
        let mut at = [tree.root; TOGETHER];
        let mut left = tree.depth;
        while left > 0 {
            // A deep tree is rarely deep everywhere: now and then it is asked whether all arrived.
            let steps = left.min(4);
            let before = at;
            for _ in 0..steps {
                for (row, at) in at.iter_mut().enumerate() {
                    let place = &flat.places[*at as usize];
                    let rank = columns[R::column_index(place.column)][(first + row) % LANES];
                    *at = place.left + u32::from(rank >= place.rank);
                }
            }
            left -= steps;
            if at == before {
                break;
            }
        }
        for (row, at) in at.iter().enumerate() {
            let leaf = flat.leaf_of[*at as usize] as usize;
            match tree.group {
                Some(group) => {
                    let sum = &mut sums[group as usize][first + row];
                    *sum = *sum + flat.leaves[leaf];
                }
                None => {
                    for (sum, value) in sums.iter_mut().zip(&flat.leaves[leaf..]) {
                        sum[first + row] = sum[first + row] + *value;
                    }
                }
            }
        }
    }
}

/// Adds the leaves of all trees for one row, walking several trees at once.
#[inline(always)]
pub(super) fn add_leaves_of_one<R: Rank, L: Leaf>(
    flat: &Flat<R, L>,
    ranks: &[[R; 1]],
    sums: &mut [[L; 1]],
) {
    // A table of a known size needs no check of bounds.
    match ranks.first_chunk::<KNOWN>() {
        Some(known) if ranks.len() == KNOWN => {
            walk_one(flat, |column| known[column % KNOWN][0], sums);
        }
        _ => walk_one(flat, |column| ranks[column][0], sums),
    }
}

/// Columns of a table whose size is known.
pub(super) const KNOWN: usize = 256;

#[inline(always)]
fn walk_one<R: Rank, L: Leaf>(
    flat: &Flat<R, L>,
    rank_of: impl Fn(usize) -> R,
    sums: &mut [[L; 1]],
) {
    const TOGETHER: usize = 16;
    for trees in flat.trees.chunks(TOGETHER) {
        let mut at = [0_u32; TOGETHER];
        let mut depth = 0;
        for (at, tree) in at.iter_mut().zip(trees) {
            *at = tree.root;
            depth = depth.max(tree.depth);
        }
        for step in 0..depth {
            let before = at;
            for at in &mut at[..] {
                let place = &flat.places[*at as usize];
                let rank = rank_of(R::column_index(place.column));
                *at = place.left + u32::from(rank >= place.rank);
            }
            if step >= 8 && at == before {
                break;
            }
        }
        for (at, tree) in at.iter().zip(trees) {
            let leaf = flat.leaf_of[*at as usize] as usize;
            match tree.group {
                Some(group) => {
                    let sum = &mut sums[group as usize][0];
                    *sum = *sum + flat.leaves[leaf];
                }
                None => {
                    for (sum, value) in sums.iter_mut().zip(&flat.leaves[leaf..]) {
                        sum[0] = sum[0] + *value;
                    }
                }
            }
        }
    }
}
