//! Which vector instructions are used.
//!
//! Most of the kernels is safe code, which the compiler translates for each width. What is not safe is to call a function that was compiled for
//! instructions which the processor may not have; that is looked up before, here.
#![allow(unsafe_code, reason = "calling what was compiled for wider vectors, after looking")]

#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
use super::columns::{Columns, LANES};
use super::flat::Flat;
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
            return Instructions(Level::Avx512);
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
            Level::Avx512 => "avx512",
        }
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
        Level::Avx512 => unsafe { avx512(work, rows, scratch, sums) },
    }
}

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
