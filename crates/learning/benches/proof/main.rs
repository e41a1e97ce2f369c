//! What learning is worth, as the tables of `docs/proofs/learning.md`.
//!
//! Seeded simulations, and public traces of spot capacity where `CLOUDOPTIM_REFERENCE` names the
//! folder of the public data.

mod backtest;
mod backtest_table;
mod bursts;
mod draws;
mod measures;
mod ranking;
mod traces;

fn main() -> Result<(), std::fmt::Error> {
    if let Some(reference) = std::env::var_os("CLOUDOPTIM_REFERENCE") {
        println!("{}", backtest_table::table(std::path::Path::new(&reference))?);
    }
    println!("{}", ranking::table()?);
    println!("{}", bursts::table());
    Ok(())
}
