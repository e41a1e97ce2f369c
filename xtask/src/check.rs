//! `cargo xtask check`: what CI runs, with the time that each step took.

use std::process::Command;
use std::time::Instant;

use crate::servers::{Postgres, Redis};

/// Runs every check.
pub(crate) fn run() -> Result<(), String> {
    command("format", &["fmt", "--all", "--check"], &[])?;
    let started = Instant::now();
    crate::tidy::run()?;
    took("tidy", started);
    command(
        "clippy",
        &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
        &[],
    )?;
    let started = Instant::now();
    let postgres = Postgres::start()?;
    let redis = Redis::start()?;
    took("servers", started);
    let tests = ["test", "--workspace", "--quiet", "--no-fail-fast"];
    let port = redis.port.to_string();
    command("tests", &tests, &[("TEST_POSTGRES", &postgres.url), ("TEST_REDIS", &port)])
}

/// Runs cargo with arguments and says how long it took.
pub(crate) fn command(
    name: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Result<(), String> {
    let started = Instant::now();
    eprintln!("== {name}: cargo {}", arguments.join(" "));
    let status = Command::new(env!("CARGO"))
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(crate::root())
        .status()
        .map_err(|error| format!("{name}: cannot run cargo: {error}"))?;
    took(name, started);
    if status.success() { Ok(()) } else { Err(format!("{name} failed")) }
}

fn took(name: &str, started: Instant) {
    eprintln!("== {name}: {:.1} s", started.elapsed().as_secs_f64());
}
