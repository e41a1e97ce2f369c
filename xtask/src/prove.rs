//! `cargo xtask prove [NAME] [--minutes N]`: measurements that take longer than a check may.
//!
//! Each proof runs the released program as a user would, and writes a table under `docs/proofs`.

mod backtest;
mod fake_aws;
mod fuzzing;
mod learning;
mod models;
mod packing;
mod price_list;
mod pricing;
mod product;
mod rightsizing;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A proof.
struct Proof {
    name: &'static str,
    run: fn(&Setting) -> Result<String, String>,
    /// Whether it runs the released program.
    program: bool,
    /// Whether it reads the public data.
    public_data: bool,
}

/// Every proof.
const PROOFS: &[Proof] = &[
    Proof { name: "packing", run: packing::run, program: true, public_data: true },
    Proof { name: "pricing", run: pricing::run, program: true, public_data: false },
    Proof { name: "rightsizing", run: rightsizing::run, program: false, public_data: true },
    Proof { name: "learning", run: learning::run, program: false, public_data: true },
    Proof { name: "backtest", run: backtest::run, program: true, public_data: true },
    Proof { name: "models", run: models::run, program: false, public_data: false },
];

/// What a proof works with.
struct Setting {
    /// The public data.
    reference: PathBuf,
    /// The released program.
    program: PathBuf,
    /// A folder of its own.
    scratch: PathBuf,
    /// How long each reader is fuzzed.
    minutes: u64,
}

/// Runs the proofs whose names the command line gives, or all.
pub(crate) fn run() -> Result<(), String> {
    let mut wanted: Vec<String> = std::env::args().skip(2).collect();
    let mut minutes = 10;
    if let Some(at) = wanted.iter().position(|word| word == "--minutes") {
        let given = wanted.get(at + 1).and_then(|text| text.parse().ok());
        minutes = given.ok_or("--minutes takes a whole number")?;
        wanted.drain(at..at + 2);
    }
    let proofs: Vec<&Proof> = PROOFS
        .iter()
        .filter(|proof| wanted.is_empty() || wanted.iter().any(|name| name == proof.name))
        .collect();
    let reference = std::env::var_os("CLOUDOPTIM_REFERENCE")
        .map_or_else(|| crate::root().join("../shared/reference"), PathBuf::from);
    if proofs.iter().any(|proof| proof.public_data) && !reference.join("packing").is_dir() {
        return Err(format!(
            "the public data is not at {}; CLOUDOPTIM_REFERENCE names its folder",
            reference.display()
        ));
    }
    if proofs.iter().any(|proof| proof.program) {
        crate::check::command("build", &["build", "--release", "-p", "cloudoptim"], &[])?;
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| crate::root().join("target"), PathBuf::from);
    let scratch = std::env::temp_dir().join(format!("cloudoptim-prove-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).map_err(|error| error.to_string())?;
    let program = target.join("release/cloudoptim");
    let setting = Setting { reference, program, scratch, minutes };
    let mut done = Ok(());
    for proof in proofs {
        let table = match (proof.run)(&setting) {
            Ok(table) => table,
            Err(error) => {
                done = Err(format!("{}: {error}", proof.name));
                break;
            }
        };
        let folder = crate::root().join("docs/proofs");
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let file = folder.join(format!("{}.md", proof.name));
        std::fs::write(&file, table).map_err(|error| format!("{}: {error}", file.display()))?;
        eprintln!("== wrote {}", file.display());
    }
    let _ = std::fs::remove_dir_all(&setting.scratch);
    done
}

/// What cargo's program says on its standard output.
fn printed(arguments: &[&str], environment: &[(&str, &OsStr)]) -> Result<String, String> {
    eprintln!("== cargo {}", arguments.join(" "));
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(crate::root())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("cargo {} ended with {}:\n{text}", arguments.join(" "), output.status))
}
