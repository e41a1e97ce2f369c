//! What learning is worth, as the tables of `docs/proofs/learning.md`.
//!
//! Seeded simulations, and public traces of spot capacity where `CLOUDOPTIM_REFERENCE` names the
//! folder of the public data.

mod bursts;
mod random;

fn main() {
    // `cargo bench` hands over options that are of no use here.
    println!("{}", bursts::table());
}
