//! `cloudoptim completions`.

use clap::CommandFactory;

use crate::cli::{Cli, Completions};
use crate::exit::{Exit, Failure};

pub(crate) fn run(arguments: &Completions) -> Result<Exit, Failure> {
    let mut command = Cli::command();
    clap_complete::generate(arguments.shell, &mut command, "cloudoptim", &mut std::io::stdout());
    Ok(Exit::Success)
}
