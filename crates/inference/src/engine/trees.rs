//! An ensemble ready to be evaluated.

use super::blocks::MOST_COLUMNS;
use super::columns::{Columns, LANES, Lanes};
use super::flat::Flat;
use super::instructions::{Instructions, One, Ranks, Work, one, tile};
use super::rank::{Leaf, Number, Rank};
use super::tile::{KNOWN, Portable, Scratch, add_leaves_of_one};
use crate::{Ensemble, Link, Sum, Vote};

/// From this many rows on, a tile that is not full is less work than one row after the other.
const WORTH_A_TILE: usize = 8;

/// An ensemble ready to be evaluated. Build it from an ensemble that was validated.
#[derive(Clone, Debug)]
pub(crate) struct Trees {
    columns: Columns,
    layout: Layout,
    features: usize,
    groups: usize,
    vote: Vote,
    link: Link,
    instructions: Instructions,
}

/// The narrowest ranks that hold the cuts, and the width of sums.
#[derive(Clone, Debug)]
enum Layout {
    Bytes32(Flat<u8, f32>),
    Bytes64(Flat<u8, f64>),
    Words32(Flat<u16, f32>),
    Words64(Flat<u16, f64>),
    Wide32(Flat<u32, f32>),
    Wide64(Flat<u32, f64>),
}

impl Trees {
    pub(crate) fn new(ensemble: &Ensemble, instructions: Instructions) -> Trees {
        let columns = Columns::of(ensemble);
        let narrow_sums = matches!(ensemble.vote.sum, Sum::F32FromBase | Sum::F32ThenBase);
        // A rank goes up to the number of cuts, and one more is kept for what is missing.
        let fits =
            |highest: usize, most: usize| columns.most_cuts < highest && columns.count <= most;
        let layout = match (
            fits(u8::HIGHEST, u8::MOST_COLUMNS),
            fits(u16::HIGHEST, u16::MOST_COLUMNS),
            narrow_sums,
        ) {
            (true, _, true) => Layout::Bytes32(Flat::of(ensemble, &columns, instructions)),
            (true, _, false) => Layout::Bytes64(Flat::of(ensemble, &columns, instructions)),
            (_, true, true) => Layout::Words32(Flat::of(ensemble, &columns, instructions)),
            (_, true, false) => Layout::Words64(Flat::of(ensemble, &columns, instructions)),
            (_, _, true) => Layout::Wide32(Flat::of(ensemble, &columns, instructions)),
            (_, _, false) => Layout::Wide64(Flat::of(ensemble, &columns, instructions)),
        };
        Trees {
            columns,
            layout,
            features: ensemble.features,
            groups: ensemble.groups,
            vote: ensemble.vote.clone(),
            link: ensemble.link,
            instructions,
        }
    }

    /// What the compiled layout is called: how wide ranks and sums are.
    pub(crate) fn layout(&self) -> &'static str {
        match self.layout {
            Layout::Bytes32(_) => "8-bit ranks, 32-bit sums",
            Layout::Bytes64(_) => "8-bit ranks, 64-bit sums",
            Layout::Words32(_) => "16-bit ranks, 32-bit sums",
            Layout::Words64(_) => "16-bit ranks, 64-bit sums",
            Layout::Wide32(_) => "32-bit ranks, 32-bit sums",
            Layout::Wide64(_) => "32-bit ranks, 64-bit sums",
        }
    }

    /// The answers for rows of `features` numbers: `groups` numbers each.
    pub(crate) fn predict<V: Number>(&self, rows: &[V], into: &mut [f64]) {
        match &self.layout {
            Layout::Bytes32(flat) => self.run(flat, rows, into),
            Layout::Bytes64(flat) => self.run(flat, rows, into),
            Layout::Words32(flat) => self.run(flat, rows, into),
            Layout::Words64(flat) => self.run(flat, rows, into),
            Layout::Wide32(flat) => self.run(flat, rows, into),
            Layout::Wide64(flat) => self.run(flat, rows, into),
        }
    }

    fn run<V: Number, R: Rank, L: Leaf>(&self, flat: &Flat<R, L>, rows: &[V], into: &mut [f64]) {
        // A model without features answers with its base; rows cannot be counted by their numbers.
        let features = self.features.max(1);
        let count = into.len() / self.groups;
        let small = count % LANES < WORTH_A_TILE;
        let in_tiles = if small { count - count % LANES } else { count };
        let (tiled_rows, single_rows) = rows.split_at((in_tiles * features).min(rows.len()));
        let (tiled, single) = into.split_at_mut(in_tiles * self.groups);
        if in_tiles > 0 {
            let work = Work { columns: &self.columns, flat, features };
            let wide = if flat.walks() { self.columns.count } else { 0 };
            let slots = flat.most_slots();
            let bytes = if slots.is_some() { self.columns.byte_count } else { 0 };
            let mut scratch = Scratch {
                wide: vec![[R::default(); LANES]; wide],
                bytes: vec![Lanes([0; LANES]); bytes],
                path: vec![Lanes([0; LANES]); slots.unwrap_or(0)],
                heap_path: [0; _],
            };
            let mut sums = vec![[L::default(); LANES]; self.groups];
            let tiles = tiled.chunks_mut(LANES * self.groups);
            for (into, rows) in tiles.zip(tiled_rows.chunks(LANES * features)) {
                self.begin(&mut sums);
                tile(self.instructions, &work, rows, &mut scratch, &mut sums);
                self.finish(&sums, into);
            }
        }
        for (into, row) in single.chunks_mut(self.groups).zip(single_rows.chunks(features)) {
            self.one(flat, row, into);
        }
    }

    fn one<V: Number, R: Rank, L: Leaf>(&self, flat: &Flat<R, L>, row: &[V], into: &mut [f64]) {
        let mut few = [[L::default(); 1]; 8];
        let mut many = Vec::new();
        let sums = if self.groups <= few.len() {
            &mut few[..self.groups]
        } else {
            many.resize(self.groups, [L::default(); 1]);
            &mut many[..]
        };
        self.begin(sums);
        if !self.one_in_blocks(flat, row, sums) {
            self.one_walked(flat, row, sums);
        }
        self.finish(sums, into);
    }

    fn one_in_blocks<V: Number, R: Rank, L: Leaf>(
        &self,
        flat: &Flat<R, L>,
        row: &[V],
        sums: &mut [[L; 1]],
    ) -> bool {
        let Some(blocks) = &flat.blocks else { return false };
        let mut ranks = Ranks([[0]; MOST_COLUMNS]);
        let none: &mut [[R; 1]] = &mut [];
        self.columns.rank(Portable, row, self.features, none, &mut ranks.0);
        let columns = self.columns.byte_count;
        let work = One { ranks: &ranks, columns, trees: &flat.trees, leaves: &flat.leaves };
        one(self.instructions, blocks, &work, sums)
    }

    fn one_walked<V: Number, R: Rank, L: Leaf>(
        &self,
        flat: &Flat<R, L>,
        row: &[V],
        sums: &mut [[L; 1]],
    ) {
        let mut on_stack = [[R::default(); 1]; KNOWN];
        let mut on_heap = Vec::new();
        let ranks = if self.columns.count <= KNOWN {
            &mut on_stack[..]
        } else {
            on_heap.resize(self.columns.count, [R::default(); 1]);
            &mut on_heap[..]
        };
        let none: &mut [Lanes] = &mut [];
        self.columns.rank(Portable, row, self.features, ranks, none);
        add_leaves_of_one(flat, ranks, sums);
    }

    #[inline(always)]
    fn begin<L: Leaf, const N: usize>(&self, sums: &mut [[L; N]]) {
        for (sum, base) in sums.iter_mut().zip(&self.vote.base) {
            *sum = match self.vote.sum {
                Sum::F32FromBase | Sum::F64FromBase => [L::of(*base); N],
                Sum::F32ThenBase | Sum::F64ThenBase => [L::default(); N],
            };
        }
    }

    #[inline(always)]
    fn finish<L: Leaf, const N: usize>(&self, sums: &[[L; N]], into: &mut [f64]) {
        for (row, into) in into.chunks_mut(self.groups).enumerate() {
            for ((into, sum), base) in into.iter_mut().zip(sums).zip(&self.vote.base) {
                let sum = sum[row];
                *into = match self.vote.sum {
                    Sum::F32FromBase | Sum::F64FromBase => sum.wide(),
                    Sum::F32ThenBase => f64::from(sum.narrow() + *base as f32),
                    Sum::F64ThenBase => sum.wide() / self.vote.divisor + base,
                };
            }
            self.link.apply(into);
        }
    }
}
