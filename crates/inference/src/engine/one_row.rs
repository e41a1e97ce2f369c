//! One row through all trees, in AVX-512 with VBMI: the ranks of the row lie in registers, a block's
//! 63 splits look theirs up and compare at once, and eight trees at a time find their way through
//! the bits. The bits of the answer are those of the other kernels: leaves are added in the order of
//! the trees.
#![allow(unsafe_code, reason = "instructions that the compiler does not choose by itself")]

use std::arch::x86_64::*;

use super::blocks::{Block, Blocks, EXITS, LEVELS, TO_BLOCK};
use super::instructions::One;
use super::rank::Leaf;

/// Trees that are on their way together.
const TOGETHER: usize = 64;

/// Adds the leaves of all trees for one row.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
pub(super) fn add_leaves<L: Leaf>(blocks: &Blocks, row: &One<'_, L>, sums: &mut [[L; 1]]) {
    let parts = row.ranks.0.as_flattened().as_chunks::<64>().0;
    // SAFETY: 64 bytes.
    let part = |at: usize| unsafe { _mm512_loadu_si512(parts[at].as_ptr().cast()) };
    let [first, second, third, fourth] = [part(0), part(1), part(2), part(3)];
    match row.columns {
        ..=64 => run(blocks, row, sums, |columns| _mm512_permutexvar_epi8(columns, first)),
        65..=128 => {
            run(blocks, row, sums, |columns| _mm512_permutex2var_epi8(first, columns, second));
        }
        _ => run(blocks, row, sums, |columns| {
            let low = _mm512_permutex2var_epi8(first, columns, second);
            let high = _mm512_permutex2var_epi8(third, columns, fourth);
            _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(columns), high)
        }),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn run<L: Leaf>(
    blocks: &Blocks,
    row: &One<'_, L>,
    sums: &mut [[L; 1]],
    look_up: impl Fn(__m512i) -> __m512i,
) {
    let mut decided = [0_u64; TOGETHER];
    let mut ways = [0_u64; TOGETHER];
    let mut exits = [0_u32; TOGETHER];
    for (trees, roots) in row.trees.chunks(TOGETHER).zip(blocks.roots.chunks(TOGETHER)) {
        for (decided, root) in decided.iter_mut().zip(roots) {
            *decided = decide(&blocks.blocks[*root as usize], &look_up);
        }
        find_ways(&decided, &mut ways, roots.len());
        let mut left = 0;
        for ((exit, root), way) in exits.iter_mut().zip(roots).zip(&ways) {
            *exit = blocks.exits[*root as usize][*way as usize % EXITS];
            left |= *exit;
        }
        // Deep trees go on, one after the other: most have arrived.
        if left & TO_BLOCK != 0 {
            go_on(blocks, &mut exits[..roots.len()], &look_up);
        }
        // One sum stays in a register.
        if let [[sum]] = &mut *sums {
            let mut total = *sum;
            for exit in &exits[..trees.len()] {
                total = total + row.leaves[*exit as usize];
            }
            *sum = total;
            continue;
        }
        for (exit, tree) in exits.iter().zip(trees) {
            let leaf = *exit as usize;
            match tree.group {
                Some(group) => {
                    let sum = &mut sums[group as usize][0];
                    *sum = *sum + row.leaves[leaf];
                }
                None => {
                    for (sum, value) in sums.iter_mut().zip(&row.leaves[leaf..]) {
                        sum[0] = sum[0] + *value;
                    }
                }
            }
        }
    }
}

/// Takes the trees that came to another block through it, again and again.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn go_on(blocks: &Blocks, exits: &mut [u32], look_up: &impl Fn(__m512i) -> __m512i) {
    let mut decided = [0_u64; TOGETHER];
    let mut ways = [0_u64; TOGETHER];
    let mut going = [0_u8; TOGETHER];
    loop {
        let mut count = 0;
        for (at, exit) in exits.iter().enumerate() {
            going[count % TOGETHER] = at as u8;
            count += usize::from(exit & TO_BLOCK != 0);
        }
        if count == 0 {
            return;
        }
        let going = &going[..count];
        for (decided, at) in decided.iter_mut().zip(going) {
            let block = exits[usize::from(*at)] & !TO_BLOCK;
            *decided = decide(&blocks.blocks[block as usize], look_up);
        }
        find_ways(&decided, &mut ways, count);
        for (at, way) in going.iter().zip(&ways) {
            let exit = &mut exits[usize::from(*at)];
            *exit = blocks.exits[(*exit & !TO_BLOCK) as usize][*way as usize % EXITS];
        }
    }
}

/// For each split of a block whether the second way is taken.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn decide(block: &Block, look_up: &impl Fn(__m512i) -> __m512i) -> u64 {
    // SAFETY: 64 bytes each.
    let load = |bytes: &[u8; EXITS]| unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
    _mm512_cmpge_epu8_mask(look_up(load(&block.columns)), load(&block.ranks))
}

/// The exits that the bits lead to, for the first `count`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
fn find_ways(decided: &[u64; TOGETHER], ways: &mut [u64; TOGETHER], count: usize) {
    const OR_OF_AND: i32 = 0b1111_1000;
    let one = _mm512_set1_epi64(1);
    let eights = decided.as_chunks::<8>().0.iter().zip(ways.as_chunks_mut::<8>().0);
    for (decided, ways) in eights.take(count.div_ceil(8)) {
        // SAFETY: eight words.
        let decided = unsafe { _mm512_loadu_si512(decided.as_ptr().cast()) };
        let mut at = one;
        for _ in 0..LEVELS {
            let bit = _mm512_srlv_epi64(decided, at);
            let twice = _mm512_add_epi64(at, at);
            at = _mm512_ternarylogic_epi64::<OR_OF_AND>(twice, bit, one);
        }
        // SAFETY: eight words.
        unsafe { _mm512_storeu_si512(ways.as_mut_ptr().cast(), at) };
    }
}
