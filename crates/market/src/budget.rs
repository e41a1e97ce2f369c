//! What a parser is told beside the bytes: where they came from, and how much it may read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a file came from and when it was read; every fact taken from it keeps both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// A text for people: an address, a file name, a repository and commit.
    pub source: String,
    /// When the content was published or fetched. Facts that carry no instant of their own are
    /// known from this one on, and nothing in the file may lie after it.
    pub observed_at: Timestamp,
}

impl Origin {
    /// An origin; the source text is cut at 300 characters.
    #[must_use]
    pub fn new(source: &str, observed_at: Timestamp) -> Origin {
        Origin { source: source.chars().take(300).collect(), observed_at }
    }
}

/// How much a parser reads before it refuses. Counted in bytes and rows, never in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file, after decompression.
    pub bytes: usize,
    /// Rows of one file, used or not.
    pub rows: u64,
    /// Quarantined rows that a report shows; all of them are counted.
    pub shown: usize,
    /// Decompressed bytes for each compressed one, once the output exceeds a mebibyte.
    pub gzip_ratio: usize,
}

impl Default for Limits {
    /// 512 MiB, twenty million rows, twenty shown, 200 to 1: above every published file of one
    /// region, and below what would hurt a small machine.
    fn default() -> Limits {
        Limits { bytes: 512 << 20, rows: 20_000_000, shown: 20, gzip_ratio: 200 }
    }
}
