//! The project's own commands: `cargo xtask <command>`.

mod check;
mod layers;
mod regenerate;
mod tidy;

use std::process::ExitCode;

/// Every command with what it does.
const COMMANDS: &[(&str, &str, fn() -> Result<(), String>)] = &[
    ("check", "format, tidy, clippy and every test: what CI runs", check::run),
    ("tidy", "the rules that no compiler knows", tidy::run),
    ("regenerate", "write the bundled market tables and openapi.json anew", regenerate_all),
];

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let Some((_, _, run)) = COMMANDS.iter().find(|(name, _, _)| *name == wanted) else {
        eprintln!("usage: cargo xtask <command>\n");
        for (name, what, _) in COMMANDS {
            eprintln!("  {name:<12} {what}");
        }
        return ExitCode::from(2);
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn regenerate_all() -> Result<(), String> {
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
