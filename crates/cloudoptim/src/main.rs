//! The `cloudoptim` command.
//!
//! Standard output carries data and nothing else; everything said to people goes to standard error.

mod cli;
mod commands;
mod database;
mod demo;
mod exit;
mod input;
mod market_files;
mod output;
mod progress;
mod simulate;
mod worker;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Decide(arguments) => commands::decide::run(arguments),
        Command::Analyze(arguments) => commands::analyze::run(arguments),
        Command::Costs(arguments) => commands::costs::run(arguments),
        Command::Backtest(arguments) => commands::backtest::run(arguments),
        Command::Check(arguments) => commands::check::run(arguments),
        Command::Replay(arguments) => commands::replay::run(arguments),
        Command::Snapshot(arguments) => commands::snapshot::run(arguments),
        Command::Market(arguments) => commands::market::run(arguments),
        Command::Pricing(arguments) => commands::pricing::run(arguments),
        Command::Gap(arguments) => commands::gap::run(arguments),
        Command::Refresh(arguments) => commands::refresh::run(arguments),
        Command::Keys(arguments) => commands::keys::run(arguments),
        Command::Model(arguments) => commands::model::run(arguments),
        Command::Migrate(arguments) => commands::migrate::run(arguments),
        Command::Serve(arguments) => commands::serve::run(arguments),
        Command::Simulate(arguments) => commands::simulate::run(arguments),
        Command::Completions(arguments) => commands::completions::run(arguments),
    };
    match done {
        Ok(code) => code.into(),
        Err(failure) => {
            eprintln!("error[{}]: {failure}", failure.code());
            if let Some(hint) = failure.hint() {
                eprintln!("  {hint}");
            }
            failure.exit().into()
        }
    }
}
