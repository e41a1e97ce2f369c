//! `cloudoptim migrate`: the tables, made or brought up to date.

use crate::cli::Database;
use crate::database::with_app;
use crate::exit::{Exit, Failure};

pub(crate) fn run(arguments: &Database) -> Result<Exit, Failure> {
    with_app(arguments, async |_| Ok(()))?;
    eprintln!("{} is up to date", arguments.shown());
    Ok(Exit::Success)
}
