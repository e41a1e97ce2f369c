//! The project's own commands: `cargo xtask <command>`.

mod regenerate;

use std::process::ExitCode;

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let done = match command.as_str() {
        "regenerate" => regenerate::run(),
        _ => Err(format!("unknown command `{command}`; there is: regenerate")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
