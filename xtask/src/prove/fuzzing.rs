//! libFuzzer over every reader of models, one after the other.
//!
//! The targets are built as `cargo fuzz` builds them, but for the address sanitizer, which needs
//! another compiler: all but the vector kernels is safe code, whose checks are on.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Setting;

/// Each reader: its target, and which files of the tests it begins with.
const TARGETS: &[(&str, &[&str])] = &[
    ("pickle", &[".pkl", ".joblib"]),
    ("xgboost_json", &[".model.json"]),
    ("xgboost_ubj", &[".model.ubj"]),
    ("lightgbm", &[".txt"]),
    ("onnx", &[".onnx"]),
    ("bundle", &[]),
];

/// What `cargo fuzz` has the compiler do: count edges, and tell what is compared.
const INSTRUMENTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing";

pub(super) fn run(setting: &Setting) -> Result<String, String> {
    let folder = build()?;
    let mut text = format!(
        "\n## Fuzzing\n\nlibFuzzer, {} minutes for each reader on one core, from the files of the \
         tests; what a reader accepts is asked with one row and with 70, by two kernels that have \
         to agree.\nA finding is kept under `crates/inference/tests/hostile`, which the tests read \
         again.\n\n| reader | runs | a second | edges | features | inputs kept | peak MiB | findings |\n\
         |---|---|---|---|---|---|---|---|\n",
        setting.minutes
    );
    let mut found = Vec::new();
    for (target, endings) in TARGETS {
        let ran = fuzz(setting, &folder, target, endings)?;
        let _ = writeln!(
            text,
            "| {target} | {} | {} | {} | {} | {} | {} | {} |",
            ran.runs,
            ran.runs / (60 * setting.minutes).max(1),
            ran.edges,
            ran.features,
            ran.kept,
            ran.peak_mib,
            ran.findings.len()
        );
        eprintln!("{}", text.lines().last().unwrap_or_default());
        found.extend(ran.findings);
    }
    if found.is_empty() {
        return Ok(text);
    }
    let list: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
    Err(format!("{text}\nfindings:\n{}", list.join("\n")))
}

/// Builds the targets; their folder.
fn build() -> Result<PathBuf, String> {
    let said = Command::new("rustc").arg("-vV").current_dir(crate::root()).output();
    let said = said.map_err(|error| format!("rustc: {error}"))?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("no host")?;
    let folder = crate::root().join("fuzz/target");
    let manifest = crate::root().join("fuzz/Cargo.toml").display().to_string();
    let mut arguments = vec!["build", "--release", "--manifest-path", &manifest];
    // A target that is named keeps the flags from programs that run while building.
    arguments.extend(["--target", host]);
    arguments.extend(TARGETS.iter().flat_map(|(target, _)| ["--bin", target]));
    let target = folder.display().to_string();
    let variables = [("RUSTFLAGS", INSTRUMENTED), ("CARGO_TARGET_DIR", &target)];
    crate::check::command("fuzz targets", &arguments, &variables)?;
    Ok(folder.join(host).join("release"))
}

/// What a run of a target came to.
#[derive(Default)]
struct Ran {
    runs: u64,
    edges: u64,
    features: u64,
    kept: u64,
    peak_mib: u64,
    findings: Vec<PathBuf>,
}

fn fuzz(setting: &Setting, folder: &Path, target: &str, endings: &[&str]) -> Result<Ran, String> {
    let failed = |error: std::io::Error| format!("{target}: {error}");
    let tests = crate::root().join("crates/inference/tests");
    let hostile = tests.join("hostile").join(target);
    let [corpus, seeds, artifacts] = ["corpus", "seeds", "found"].map(|kind| {
        if kind == "corpus" {
            return crate::root().join("fuzz/corpus").join(target);
        }
        setting.scratch.join(kind).join(target)
    });
    for folder in [&corpus, &seeds, &artifacts, &hostile] {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    copy_seeds(&tests.join("golden"), endings, &seeds).map_err(failed)?;
    let seconds = (60 * setting.minutes).to_string();
    let output = Command::new(folder.join(target))
        .args([&corpus, &seeds, &hostile])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-print_final_stats=1", "-rss_limit_mb=2048", "-timeout=10"])
        .output()
        .map_err(failed)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut ran = Ran::default();
    for line in said.lines() {
        let number = |name: &str| -> Option<u64> {
            let rest = line.split_once(name)?.1.trim_start();
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        ran.runs = number("stat::number_of_executed_units:").unwrap_or(ran.runs);
        ran.peak_mib = number("stat::peak_rss_mb:").unwrap_or(ran.peak_mib);
        ran.edges = number(" cov:").unwrap_or(ran.edges);
        ran.features = number(" ft:").unwrap_or(ran.features);
        ran.kept = number(" corp:").unwrap_or(ran.kept);
    }
    for entry in std::fs::read_dir(&artifacts).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default();
        // What was slow and nothing else is no finding.
        if name.to_string_lossy().starts_with("slow-unit") {
            continue;
        }
        let kept = hostile.join(name);
        std::fs::copy(&path, &kept).map_err(failed)?;
        ran.findings.push(kept);
    }
    if !output.status.success() && ran.findings.is_empty() {
        let end: Vec<&str> = said.lines().rev().take(30).collect();
        let end: Vec<&str> = end.into_iter().rev().collect();
        return Err(format!("{target} ended with {}:\n{}", output.status, end.join("\n")));
    }
    Ok(ran)
}

/// Files of a folder and those below it with one of the endings, under names of their own.
fn copy_seeds(from: &Path, endings: &[&str], into: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        if path.is_dir() {
            copy_seeds(&path, endings, into)?;
            continue;
        }
        let text = path.display().to_string();
        if endings.iter().any(|ending| text.ends_with(ending)) {
            let parent = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            std::fs::copy(&path, into.join(format!("{parent}-{name}")))?;
        }
    }
    Ok(())
}
