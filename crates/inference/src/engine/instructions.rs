//! Which vector instructions are used.
//!
//! Most of the kernels is safe code, which the compiler translates for each width. What is not safe is to call a function that was compiled for
//! instructions which the processor may not have; that is looked up before, here.
#![allow(unsafe_code, reason = "calling what was compiled for wider vectors, after looking")]

#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
use super::blocks::{Blocks, MOST_COLUMNS};
use super::columns::{Columns, LANES};
use super::flat::{Flat, FlatTree};
use super::rank::{Leaf, Number, Rank};
use super::tile::{Portable, Scratch, Vectors, add_leaves};

/// Which vector instructions the kernels may use. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instructions(Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX-512 with VBMI: bytes are looked up in registers.
    #[cfg(target_arch = "x86_64")]
    Avx512Vbmi,
}

impl Instructions {
    /// The widest that this processor has.
    #[must_use]
    pub fn best() -> Instructions {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
        {
            let vbmi = is_x86_feature_detected!("avx512vbmi");
            return Instructions(if vbmi { Level::Avx512Vbmi } else { Level::Avx512 });
        }
        Instructions::without_avx512()
    }

    /// The widest that this processor has, but for AVX-512: some processors lower their clock for it.
    #[must_use]
    pub fn without_avx512() -> Instructions {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            return Instructions(Level::Avx2);
        }
        Instructions::portable()
    }

    /// What every processor of the architecture has.
    #[must_use]
    pub fn portable() -> Instructions {
        Instructions(Level::Portable)
    }

    /// What they are called: `avx512`, `avx2`, `portable`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx512Vbmi => "avx512",
        }
    }

    /// Whether there is a kernel for blocks.
    pub(super) fn decide_blocks(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.0 == Level::Avx512Vbmi;
        #[cfg(not(target_arch = "x86_64"))]
        return false;
    }

    /// Whether there is a kernel for trees as heaps.
    pub(super) fn heaps(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return matches!(self.0, Level::Avx512 | Level::Avx512Vbmi);
        #[cfg(not(target_arch = "x86_64"))]
        return false;
    }
}

/// What a tile is computed with.
pub(super) struct Work<'a, R: Rank, L> {
    pub(super) columns: &'a Columns,
    pub(super) flat: &'a Flat<R, L>,
    pub(super) features: usize,
}

/// Ranks up to 64 rows and adds the leaves of all trees to their sums.
pub(super) fn tile<V: Number, R: Rank, L: Leaf>(
    instructions: Instructions,
    work: &Work<'_, R, L>,
    rows: &[V],
    scratch: &mut Scratch<R>,
    sums: &mut [[L; LANES]],
) {
    match instructions.0 {
        Level::Portable => body(Portable, work, rows, scratch, sums),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this level is made by `Instructions::without_avx512` alone, after it found AVX2.
        Level::Avx2 => unsafe { avx2(work, rows, scratch, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this level is made by `Instructions::best` alone, after it found all of these.
        Level::Avx512 | Level::Avx512Vbmi => unsafe { avx512(work, rows, scratch, sums) },
    }
}

/// Adds the leaves of all trees to the sums of one row, whose ranks are given; whether it did: not
/// without blocks, nor where the instructions are not there.
#[inline(always)]
pub(super) fn one<L: Leaf>(
    instructions: Instructions,
    blocks: &Blocks,
    work: &One<'_, L>,
    sums: &mut [[L; 1]],
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if instructions.0 == Level::Avx512Vbmi {
        // SAFETY: this level is made by `Instructions::best` alone, after it found all of these.
        unsafe { super::one_row::add_leaves(blocks, work, sums) };
        return true;
    }
    let _ = (instructions, blocks, work, sums);
    false
}

/// One row and what its leaves are looked up in.
pub(super) struct One<'a, L> {
    /// Its ranks by column of bytes.
    pub(super) ranks: &'a Ranks,
    pub(super) columns: usize,
    pub(super) trees: &'a [FlatTree],
    pub(super) leaves: &'a [L],
}

/// A rank for each column of bytes.
#[repr(align(64))]
pub(super) struct Ranks(pub(super) [[u8; 1]; MOST_COLUMNS]);

#[inline(always)]
fn body<X: Vectors, V: Number, R: Rank, L: Leaf>(
    vectors: X,
    work: &Work<'_, R, L>,
    rows: &[V],
    scratch: &mut Scratch<R>,
    sums: &mut [[L; LANES]],
) {
    let Scratch { wide, bytes, .. } = scratch;
    work.columns.rank(vectors, rows, work.features, wide, bytes);
    add_leaves(vectors, work.flat, scratch, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<V: Number, R: Rank, L: Leaf>(
    work: &Work<'_, R, L>,
    rows: &[V],
    scratch: &mut Scratch<R>,
    sums: &mut [[L; LANES]],
) {
    body(Portable, work, rows, scratch, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn avx512<V: Number, R: Rank, L: Leaf>(
    work: &Work<'_, R, L>,
    rows: &[V],
    scratch: &mut Scratch<R>,
    sums: &mut [[L; LANES]],
) {
    // SAFETY: this function needs the same instructions.
    body(unsafe { Avx512::new() }, work, rows, scratch, sums);
}
