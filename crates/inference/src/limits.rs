//! How much a reader may take from a file.

/// Hard limits of a reader; what is beyond is refused before memory is taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file.
    pub bytes: usize,
    /// Trees of an ensemble.
    pub trees: usize,
    /// Nodes of all trees together.
    pub nodes: usize,
    /// Splits on a path, and nesting of a file.
    pub depth: usize,
    /// Columns of a row, at any place of a pipeline.
    pub features: usize,
    /// Classes or outputs.
    pub groups: usize,
    /// Steps and predictors of a pipeline together.
    pub parts: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bytes: 500 << 20,
            trees: 200_000,
            nodes: 50_000_000,
            depth: 1_024,
            features: 65_536,
            groups: 4_096,
            parts: 1_024,
        }
    }
}
