//! Formats in, market out: every parser, merging, and slices.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it panics")]

mod advisor;
mod answers;
mod arbitrary_bytes;
mod bundled;
mod features;
mod history;
mod merging;
mod prices;
mod published_files;
mod renewing;
mod slices;

use jiff::Timestamp;
use market::{Limits, Origin};

/// Everything in these tests is read at this instant.
const NOW: &str = "2026-08-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn origin() -> Origin {
    Origin::new("test", at(NOW))
}

fn limits() -> Limits {
    Limits::default()
}
