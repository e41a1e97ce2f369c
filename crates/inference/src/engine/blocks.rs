//! Trees cut into blocks of six levels: what is decided at once for a single row.
//!
//! A block has a place for each of 63 splits, in the order of a heap that counts from 1. One
//! comparison of bytes decides all of them, whether the row comes by or not, and the way through the
//! block is read out of the 63 bits. A tree of up to six levels is one block; a deeper one has
//! further blocks below.

use super::columns::RankSplit;

/// Levels of a block.
pub(super) const LEVELS: u32 = 6;

/// Ways out of a block.
pub(super) const EXITS: usize = 1 << LEVELS;

/// The most columns of bytes that a block can name.
pub(super) const MOST_COLUMNS: usize = 256;

/// An exit to a block, not to a leaf.
pub(super) const TO_BLOCK: u32 = 1 << 31;

/// The splits of a block. Where there is none, the first way is taken.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Block {
    pub(super) columns: [u8; EXITS],
    pub(super) ranks: [u8; EXITS],
}

/// All trees of an ensemble in blocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    pub(super) blocks: Vec<Block>,
    /// For each block and each way through it: the offset of a leaf, or a block with [`TO_BLOCK`].
    pub(super) exits: Vec<[u32; EXITS]>,
    /// The first block of each tree.
    pub(super) roots: Vec<u32>,
    nodes: usize,
}

impl Blocks {
    /// Adds a tree: its splits by node, the offset of each node's leaf, and its depth. `None` where
    /// it is not worth it: blocks with few splits each would take too much memory.
    pub(super) fn add(
        &mut self,
        splits: &[Option<RankSplit>],
        leaf_of: &[u32],
        depth: u32,
    ) -> Option<()> {
        // What is left over by whole blocks is cut off at the top, where there are the fewest nodes.
        let first = (depth + LEVELS - 1) % LEVELS + 1;
        self.nodes += splits.len();
        let most = self.nodes / 4 + 2 * self.roots.len() + 1_000;
        let root = self.push();
        self.roots.push(root);
        let mut open = vec![(0_u32, root as usize, first)];
        while let Some((root, block, levels)) = open.pop() {
            if self.blocks.len() > most || self.blocks.len() >= TO_BLOCK as usize {
                return None;
            }
            let mut level = vec![(root, 1_usize)];
            for done in 0..=levels {
                let mut below = Vec::new();
                for (node, at) in level {
                    let Some(split) = &splits[node as usize] else {
                        // From here on the first way is taken.
                        let exit = (at << (LEVELS - done)) % EXITS;
                        self.exits[block][exit] = leaf_of[node as usize];
                        continue;
                    };
                    if done == levels {
                        let next = self.push();
                        open.push((node, next as usize, LEVELS));
                        self.exits[block][(at << (LEVELS - done)) % EXITS] = next | TO_BLOCK;
                        continue;
                    }
                    self.blocks[block].columns[at] = split.byte_column as u8;
                    self.blocks[block].ranks[at] = split.byte_rank;
                    below.extend([(split.when_true, 2 * at), (split.when_false, 2 * at + 1)]);
                }
                level = below;
            }
        }
        Some(())
    }

    /// An empty block: column 0 is 0, which is below 1.
    fn push(&mut self) -> u32 {
        self.blocks.push(Block { columns: [0; EXITS], ranks: [1; EXITS] });
        self.exits.push([0; EXITS]);
        self.blocks.len() as u32 - 1
    }
}

/// A tree of up to six levels for many rows: its leaves are numbered by the way to them, a bit for
/// each level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heap {
    /// Where its splits begin, level by level.
    pub(super) splits: u32,
    /// Splits of each level.
    pub(super) levels: [u8; LEVELS as usize],
    pub(super) depth: u32,
    /// Where its table of leaves begins.
    pub(super) leaves: u32,
}

/// A split of such a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeapSplit {
    /// The rank in each of four bytes.
    pub(super) rank: u32,
    pub(super) column: u16,
    /// Its place in the heap, from 1.
    pub(super) at: u16,
}

/// The splits of a tree level by level; and its leaves by their numbers. `None` where it is deeper.
pub(super) type HeapParts = (Vec<HeapSplit>, [u8; LEVELS as usize], Vec<(usize, u32)>);

/// Numbers the leaves of a tree by the way to them.
pub(super) fn heap(splits: &[Option<RankSplit>], depth: u32) -> Option<HeapParts> {
    if depth > LEVELS || depth == 0 {
        return None;
    }
    let (mut placed, mut levels, mut leaves) = (Vec::new(), [0; LEVELS as usize], Vec::new());
    let mut level = vec![(0_u32, 1_usize)];
    for done in 0..=depth {
        let mut below = Vec::new();
        for (node, at) in level {
            let Some(split) = &splits[node as usize] else {
                leaves.push(((at << (depth - done)) % (1 << depth), node));
                continue;
            };
            placed.push(HeapSplit {
                rank: u32::from_ne_bytes([split.byte_rank; 4]),
                column: split.byte_column as u16,
                at: at as u16,
            });
            below.extend([(split.when_true, 2 * at), (split.when_false, 2 * at + 1)]);
            levels[done as usize] += 1;
        }
        level = below;
    }
    Some((placed, levels, leaves))
}
