//! Files in, graphs or refusals out: genuine, hostile, and arbitrary ones.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails where it panics")]

mod arbitrary_bytes;
mod arrays;
mod bombs;
mod callables;
mod genuine;
mod joblib_files;
mod opcode_tricks;
mod written;

use pickle::{Limits, Refusal};

/// What reading says, with the root's description where it is read.
fn read(content: &[u8]) -> Result<String, Refusal> {
    pickle::read(content, &Limits::default()).map(|graph| graph.root().described())
}

/// Reads content that has to be refused, and returns what the refusal says.
fn refused(name: &str, content: &[u8]) -> String {
    match read(content) {
        Ok(found) => panic!("{name}: read as {found}"),
        Err(refusal) => refusal.to_string(),
    }
}
