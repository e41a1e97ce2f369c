//! How much a reader takes before it refuses. Everything is counted; nothing is timed.

/// The caps of one read. Each is checked before memory is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the content, after decompression.
    pub bytes: usize,
    /// Opcodes that are looked at, those of nested object arrays included.
    pub opcodes: u64,
    /// Nodes of the graph: every value that an opcode makes.
    pub nodes: usize,
    /// Entries of the memo, and with them the largest index that one may have.
    pub memo: usize,
    /// Values on the stack at one time, all marks together.
    pub stack: usize,
    /// How deep values may lie within one another.
    pub depth: usize,
    /// Bytes of all arrays together that are read with declared shapes.
    pub array_bytes: u64,
    /// Decompressed bytes for each compressed one, once the output exceeds a mebibyte.
    pub ratio: usize,
}

impl Default for Limits {
    /// 512 MiB, fifty million opcodes, two million nodes, a million memo entries and stack
    /// places, 256 deep, 512 MiB of arrays, 200 to 1: above what libraries write for models that
    /// people serve, and a quarter of a gibibyte of nodes at the most.
    fn default() -> Limits {
        Limits {
            bytes: 512 << 20,
            opcodes: 50_000_000,
            nodes: 2_000_000,
            memo: 1_000_000,
            stack: 1_000_000,
            depth: 256,
            array_bytes: 512 << 20,
            ratio: 200,
        }
    }
}
