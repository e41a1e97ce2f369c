//! `cargo xtask check`: what CI runs, with the time that each step took.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
    command("tests", &tests, &[("TEST_POSTGRES", &postgres.url), ("TEST_REDIS", &port)])?;
    trained_models()
}

/// Two sets of versions of every library whose models are read.
const ENVIRONMENTS: [&str; 2] = ["new", "old"];

/// Compares models that are trained now with what their libraries answer, where Python and its
/// packages can be had.
fn trained_models() -> Result<(), String> {
    let started = Instant::now();
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| crate::root().join("target"), PathBuf::from);
    let folder = target.join("model-pythons");
    let made = environments(&folder);
    took("environments of Python", started);
    if let Err(why) = made {
        eprintln!("== models that are trained now were NOT compared: {why}");
        return Ok(());
    }
    let folder = folder.display().to_string();
    let arguments = ["test", "-p", "inference", "--test", "it", "trained_now", "--", "--nocapture"];
    command("trained models", &arguments, &[("MODEL_PYTHONS", &folder)])
}

/// Makes the environments that are not there, all at once.
fn environments(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let script = crate::root().join("crates/inference/tests/python/make_venvs.sh");
    let start = |name: &&str| {
        let mut shell = Command::new("sh");
        shell.arg(&script).arg(folder).arg(name).stdout(Stdio::null()).stderr(Stdio::piped());
        // Where nobody answers, that is to be known soon.
        shell.env("PIP_RETRIES", "1").env("PIP_DEFAULT_TIMEOUT", "20").spawn()
    };
    let all: Vec<_> = ENVIRONMENTS.iter().map(|name| (name, start(name))).collect();
    let mut wrong = Vec::new();
    for (name, started) in all {
        let ended = started.and_then(std::process::Child::wait_with_output);
        match ended {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                let last = said.lines().rev().find(|line| !line.trim().is_empty());
                wrong.push(format!("environment {name}: {}", last.unwrap_or("it was not made")));
            }
            Err(error) => wrong.push(format!("environment {name}: {error}")),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
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
