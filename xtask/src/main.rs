//! The project's own commands: `cargo xtask <command>`.

mod check;
mod database_page;
mod layers;
mod prove;
mod regenerate;
mod servers;
mod tidy;

use std::process::ExitCode;

/// A command.
struct Command {
    name: &'static str,
    /// What it does, for people.
    what: &'static str,
    run: fn() -> Result<(), String>,
}

/// Every command.
const COMMANDS: &[Command] = &[
    Command {
        name: "check",
        what: "format, tidy, clippy and every test: what CI runs",
        run: check::run,
    },
    Command {
        name: "prove",
        what: "what takes too long for `check`, on public data; writes its tables under docs/proofs",
        run: prove::run,
    },
    Command { name: "tidy", what: "the rules that no compiler knows", run: tidy::run },
    Command {
        name: "regenerate",
        what: "write the bundled market tables, docs/database.md and openapi.json anew",
        run: regenerate_all,
    },
];

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let Some(command) = COMMANDS.iter().find(|command| command.name == wanted) else {
        eprintln!("usage: cargo xtask <command>\n");
        for Command { name, what, .. } in COMMANDS {
            eprintln!("  {name:<12} {what}");
        }
        return ExitCode::from(2);
    };
    match (command.run)() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn regenerate_all() -> Result<(), String> {
    database_page::write(&root())?;
    regenerate::run()?;
    check::command(
        "openapi.json",
        &["test", "-p", "api", "--test", "it", "--", "openapi"],
        &[("UPDATE_GOLDEN", "1")],
    )
}

/// The root of the checkout.
pub(crate) fn root() -> std::path::PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
