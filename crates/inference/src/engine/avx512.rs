//! The kernels once more, in AVX-512: masks live in mask registers, and tables are looked up by
//! permutations. The bits are those of the portable kernels.
#![allow(
    unsafe_code,
    reason = "instructions and loads that the compiler does not choose by itself"
)]

use std::arch::x86_64::*;

use super::blocks::{EXITS, Heap, HeapSplit};
use super::columns::{LANES, Lanes, Search};
use super::rank::{Leaf, Number};
use super::tile::{HeapPath, Masks, Portable, Vectors};

/// That this processor has AVX-512 F, BW, VL and DQ.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The processor has all four.
    pub(super) unsafe fn new() -> Avx512 {
        Avx512(())
    }
}

impl Search for Avx512 {
    #[inline(always)]
    fn positions<T: Number + PartialOrd, const N: usize>(
        self,
        cuts: &[T],
        steps: u32,
        values: &[T; N],
    ) -> [u32; N] {
        // The kernels gather without a check: all positions stay below 2^steps.
        if N.is_multiple_of(16) && cuts.len() + 1 == 1 << steps {
            let mut positions = [0; N];
            if let (Some(cuts), Some(values)) = (T::narrow_slice(cuts), T::narrow_slice(values)) {
                // SAFETY: an `Avx512` is proof of the instructions; lengths were looked at.
                unsafe { positions32(cuts, steps, values, &mut positions) };
                return positions;
            }
            if let (Some(cuts), Some(values)) = (T::wide_slice(cuts), T::wide_slice(values)) {
                // SAFETY: as above.
                unsafe { positions64(cuts, steps, values, &mut positions) };
                return positions;
            }
        }
        Portable.positions(cuts, steps, values)
    }
}

/// # Safety
/// `cuts` has `2^steps - 1` entries.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn positions32(cuts: &[f32], steps: u32, values: &[f32], into: &mut [u32]) {
    for (values, into) in values.as_chunks::<16>().0.iter().zip(into.as_chunks_mut::<16>().0) {
        // SAFETY: sixteen numbers.
        let value = unsafe { _mm512_loadu_ps(values.as_ptr()) };
        let mut position = _mm512_setzero_si512();
        for step in (0..steps).rev() {
            let half = 1_i32 << step;
            let at = _mm512_add_epi32(position, _mm512_set1_epi32(half - 1));
            // SAFETY: before a step of `half`, positions are multiples of 2·half below 2^steps, so
            // `position + half - 1` is at most 2^steps - 2.
            let cut = unsafe { _mm512_i32gather_ps::<4>(at, cuts.as_ptr()) };
            let below = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(cut, value);
            position = _mm512_mask_add_epi32(position, below, position, _mm512_set1_epi32(half));
        }
        // SAFETY: sixteen places.
        unsafe { _mm512_storeu_si512(into.as_mut_ptr().cast(), position) };
    }
}

/// # Safety
/// `cuts` has `2^steps - 1` entries.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn positions64(cuts: &[f64], steps: u32, values: &[f64], into: &mut [u32]) {
    for (values, into) in values.as_chunks::<8>().0.iter().zip(into.as_chunks_mut::<8>().0) {
        // SAFETY: eight numbers.
        let value = unsafe { _mm512_loadu_pd(values.as_ptr()) };
        let mut position = _mm256_setzero_si256();
        for step in (0..steps).rev() {
            let half = 1_i32 << step;
            let at = _mm256_add_epi32(position, _mm256_set1_epi32(half - 1));
            // SAFETY: as in `positions32`.
            let cut = unsafe { _mm512_i32gather_pd::<8>(at, cuts.as_ptr()) };
            let below = _mm512_cmp_pd_mask::<_CMP_LE_OQ>(cut, value);
            position = _mm256_mask_add_epi32(position, below, position, _mm256_set1_epi32(half));
        }
        // SAFETY: eight places.
        unsafe { _mm256_storeu_si256(into.as_mut_ptr().cast(), position) };
    }
}

impl Vectors for Avx512 {
    #[inline(always)]
    fn choose(self, tree: &Masks<'_>, columns: &[Lanes], path: &mut [Lanes]) -> Lanes {
        // SAFETY: an `Avx512` is proof of the instructions.
        unsafe { choose(tree, columns, path) }
    }

    #[inline(always)]
    fn choose_in_heap(
        self,
        tree: &Heap,
        splits: &[HeapSplit],
        columns: &[Lanes],
        path: &mut HeapPath,
    ) -> Option<Lanes> {
        // SAFETY: as above.
        Some(unsafe { choose_in_heap(tree, splits, columns, path) })
    }

    #[inline(always)]
    fn add<L: Leaf>(self, leaves: &[L], chosen: &Lanes, sums: &mut [L; LANES]) {
        let small = leaves.len() <= 64;
        match L::narrow_slices(leaves, sums) {
            // SAFETY: an `Avx512` is proof of the instructions.
            Some((leaves, sums)) if small => unsafe { add32(leaves, chosen, sums) },
            _ => Portable.add(leaves, chosen, sums),
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn load(Lanes(lanes): &Lanes) -> __m512i {
    // SAFETY: 64 bytes, aligned to as many.
    unsafe { _mm512_load_si512(lanes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn store(Lanes(lanes): &mut Lanes, value: __m512i) {
    // SAFETY: 64 bytes, aligned to as many.
    unsafe { _mm512_store_si512(lanes.as_mut_ptr().cast(), value) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn choose(tree: &Masks<'_>, columns: &[Lanes], path: &mut [Lanes]) -> Lanes {
    let slots = tree.inner.len() + tree.twigs.len() + tree.alone;
    let path = &mut path[..slots];
    store(&mut path[0], _mm512_set1_epi8(-1));
    for (at, split) in tree.inner.iter().enumerate() {
        let ranks = load(&columns[split.column as usize]);
        let less = _mm512_cmplt_epu8_mask(ranks, _mm512_set1_epi32(split.rank as i32));
        let here = load(&path[at]);
        store(&mut path[split.when_true as usize], _mm512_maskz_mov_epi8(less, here));
        store(&mut path[split.when_false as usize], _mm512_maskz_mov_epi8(!less, here));
    }
    // Bits of `chosen`: OR over all leaves of (came here AND number).
    const OR_OF_AND: i32 = 0b1111_1000;
    let (of_twigs, alone) = path[tree.inner.len()..].split_at(tree.twigs.len());
    let mut chosen = _mm512_setzero_si512();
    let one = _mm512_set1_epi8(1);
    let two = _mm512_set1_epi8(2);
    let mut odd = one;
    for (twig, here) in tree.twigs.iter().zip(of_twigs) {
        let ranks = load(&columns[twig.column as usize]);
        let less = _mm512_cmplt_epu8_mask(ranks, _mm512_set1_epi32(twig.rank as i32));
        let leaf = _mm512_mask_sub_epi8(odd, less, odd, one);
        chosen = _mm512_ternarylogic_epi32::<OR_OF_AND>(chosen, load(here), leaf);
        odd = _mm512_add_epi8(odd, two);
    }
    let mut leaf = _mm512_sub_epi8(odd, one);
    for here in alone {
        chosen = _mm512_ternarylogic_epi32::<OR_OF_AND>(chosen, load(here), leaf);
        leaf = _mm512_add_epi8(leaf, one);
    }
    let mut lanes = Lanes([0; LANES]);
    store(&mut lanes, chosen);
    lanes
}

/// The rows that came to a split are the bits of one word, and so are those that take the second
/// way anywhere on a level: bits of the number of their leaf.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn choose_in_heap(
    tree: &Heap,
    splits: &[HeapSplit],
    columns: &[Lanes],
    path: &mut HeapPath,
) -> Lanes {
    const PLACES: usize = 2 * EXITS;
    path[1] = u64::MAX;
    let mut splits = &splits[tree.splits as usize..];
    let mut chosen = _mm512_setzero_si512();
    for (level, count) in tree.levels.iter().take(tree.depth as usize).enumerate() {
        let Some((of_level, others)) = splits.split_at_checked(usize::from(*count)) else { break };
        splits = others;
        let mut second = 0;
        for split in of_level {
            let ranks = load(&columns[split.column as usize]);
            let less = _mm512_cmplt_epu8_mask(ranks, _mm512_set1_epi32(split.rank as i32));
            let at = split.at as usize;
            let here = path[at % PLACES];
            path[2 * at % PLACES] = here & less;
            path[(2 * at + 1) % PLACES] = here & !less;
            second |= here & !less;
        }
        let bit = _mm512_set1_epi8(1 << (tree.depth as usize - 1 - level));
        chosen = _mm512_mask_add_epi8(chosen, second, chosen, bit);
    }
    let mut lanes = Lanes([0; LANES]);
    store(&mut lanes, chosen);
    lanes
}

/// Adds the leaves of a table of 16, 32 or 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn add32(leaves: &[f32], Lanes(chosen): &Lanes, sums: &mut [f32; LANES]) {
    // SAFETY: sixteen numbers.
    let load = |part: &[f32; 16]| unsafe { _mm512_loadu_ps(part.as_ptr()) };
    let parts = leaves.as_chunks::<16>().0;
    let part = |at: usize| parts.get(at).map_or(_mm512_setzero_ps(), load);
    let (first, second, third, fourth) = (part(0), part(1), part(2), part(3));
    let large = parts.len() > 2;
    let chosen = chosen.as_chunks::<16>().0;
    for (chosen, sums) in chosen.iter().zip(sums.as_chunks_mut::<16>().0) {
        // SAFETY: sixteen bytes.
        let leaf = _mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128(chosen.as_ptr().cast()) });
        let mut value = _mm512_permutex2var_ps(first, leaf, second);
        if large {
            let upper = _mm512_permutex2var_ps(third, leaf, fourth);
            let is_upper = _mm512_test_epi32_mask(leaf, _mm512_set1_epi32(32));
            value = _mm512_mask_mov_ps(value, is_upper, upper);
        }
        let sum = _mm512_add_ps(load(sums), value);
        // SAFETY: sixteen places.
        unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), sum) };
    }
}
