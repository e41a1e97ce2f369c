//! Many rows through all trees.
//!
//! A tile is `N` rows whose ranks lie column by column, so that one instruction compares a split
//! with all of them. A tree is evaluated whole: each split hands the mask of the rows that came to
//! it on to its two children, and each leaf writes its number into the rows that came to it. That
//! has no branch and no dependent load, whatever the shape of the tree. Written without intrinsics:
//! the compiler makes vector instructions of whatever width it is allowed to use.

use super::flat::{Flat, FlatTree};
use super::rank::{Leaf, Rank};

/// Masks of rows, one for each slot of a tree; kept between tiles.
pub(super) struct Scratch<R, const N: usize> {
    pub(super) columns: Vec<[R; N]>,
    pub(super) path: Vec<[R; N]>,
}

/// Adds the leaves of all trees to `sums[group][row]`, in the order of the trees.
#[inline(always)]
pub(super) fn add_leaves<R: Rank, L: Leaf, const N: usize>(
    flat: &Flat<R, L>,
    scratch: &mut Scratch<R, N>,
    sums: &mut [[L; N]],
) {
    for tree in &flat.trees {
        if tree.masked {
            let chosen = masked(flat, tree, &scratch.columns, &mut scratch.path);
            let leaves = &flat.leaves[tree.leaves as usize..][..tree.table as usize];
            match tree.group {
                Some(group) => {
                    let sums = &mut sums[group as usize];
                    // Tables of a known size need no check of bounds.
                    match tree.table {
                        16 => add_chosen::<R, L, N, 16>(leaves, &chosen, sums),
                        32 => add_chosen::<R, L, N, 32>(leaves, &chosen, sums),
                        64 => add_chosen::<R, L, N, 64>(leaves, &chosen, sums),
                        128 => add_chosen::<R, L, N, 128>(leaves, &chosen, sums),
                        _ => add_chosen::<R, L, N, 256>(leaves, &chosen, sums),
                    }
                }
                None => {
                    let width = sums.len();
                    for row in 0..N {
                        let leaf = &leaves[chosen[row].index() * width..][..width];
                        for (sum, value) in sums.iter_mut().zip(leaf) {
                            sum[row] = sum[row] + *value;
                        }
                    }
                }
            }
        } else {
            walk(flat, tree, &scratch.columns, sums);
        }
    }
}

/// Which leaf of a tree each row comes to.
#[inline(always)]
fn masked<R: Rank, L: Leaf, const N: usize>(
    flat: &Flat<R, L>,
    tree: &FlatTree,
    columns: &[[R; N]],
    path: &mut [[R; N]],
) -> [R; N] {
    let splits = &flat.splits[tree.splits as usize..][..tree.split_count as usize];
    let slots = 2 * splits.len() + 1;
    let path = &mut path[..slots];
    path[0] = [R::of(R::HIGHEST); N];
    for (at, split) in splits.iter().enumerate() {
        let ranks = &columns[R::column_index(split.column)];
        let here = path[at];
        let mut when_true = [R::default(); N];
        let mut when_false = [R::default(); N];
        for row in 0..N {
            let less = ranks[row].less(split.rank);
            when_true[row] = here[row].and(less);
            when_false[row] = here[row].and(less.not());
        }
        path[split.when_true as usize] = when_true;
        path[split.when_false as usize] = when_false;
    }
    let mut chosen = [R::default(); N];
    for (number, mask) in path[splits.len()..].iter().enumerate() {
        let number = R::of(number);
        for row in 0..N {
            chosen[row] = chosen[row].or(mask[row].and(number));
        }
    }
    chosen
}

#[inline(always)]
fn add_chosen<R: Rank, L: Leaf, const N: usize, const SIZE: usize>(
    leaves: &[L],
    chosen: &[R; N],
    sums: &mut [L; N],
) {
    let Some(table) = leaves.first_chunk::<SIZE>() else { return };
    for row in 0..N {
        sums[row] = sums[row] + table[chosen[row].index() % SIZE];
    }
}

/// Walks a tree with eight rows at once, so that their loads overlap.
#[inline(always)]
fn walk<R: Rank, L: Leaf, const N: usize>(
    flat: &Flat<R, L>,
    tree: &FlatTree,
    columns: &[[R; N]],
    sums: &mut [[L; N]],
) {
    const TOGETHER: usize = 8;
    for first in (0..N).step_by(TOGETHER) {
        let mut at = [tree.root; TOGETHER];
        let mut left = tree.depth;
        while left > 0 {
            // A deep tree is rarely deep everywhere: now and then it is asked whether all arrived.
            let steps = left.min(4);
            let before = at;
            for _ in 0..steps {
                for (row, at) in at.iter_mut().enumerate() {
                    let place = &flat.places[*at as usize];
                    let rank = columns[R::column_index(place.column)][(first + row) % N];
                    *at = place.left + u32::from(rank >= place.rank);
                }
            }
            left -= steps;
            if at == before {
                break;
            }
        }
        for (row, at) in at.iter().enumerate().take(N - first) {
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
    const TOGETHER: usize = 12;
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
                let rank = ranks[R::column_index(place.column)][0];
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
