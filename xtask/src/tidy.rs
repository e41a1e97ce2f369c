//! `cargo xtask tidy`: the rules that no compiler knows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::layers::{IMPURE, LAYERS, PURE_CRATES, PURE_EXCEPTIONS, WATCHED};
use crate::root;

/// No source file is longer.
const LONGEST_FILE: usize = 600;

/// Names that say nothing and invite everything.
const EMPTY_NAMES: &[&str] =
    &["utils", "util", "common", "helpers", "helper", "misc", "types", "manager", "service"];

/// Runs every rule and tells all that is wrong at once.
pub(crate) fn run() -> Result<(), String> {
    let mut wrong = Vec::new();
    layers(&mut wrong)?;
    let kept = std::fs::read_to_string(root().join("docs/database.md")).unwrap_or_default();
    match crate::database_page::page(&root()) {
        Ok(page) if kept == page => {}
        Ok(_) => wrong.push(
            "docs/database.md: differs from the migrations; `cargo xtask regenerate` writes it"
                .to_owned(),
        ),
        Err(error) => wrong.push(format!("docs/database.md: {error}")),
    }
    for path in files(&root())? {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("rs") => source(&name, &text, &mut wrong),
            Some("md") => links(&path, &name, &text, &mut wrong),
            _ => {}
        }
        empty_name(&path, &name, &mut wrong);
        paths_of_machines(&name, &text, &mut wrong);
    }
    if wrong.is_empty() {
        return Ok(());
    }
    wrong.sort();
    Err(format!("{}\n{} things are not tidy", wrong.join("\n"), wrong.len()))
}

/// Every dependency stands in the table of layers.
fn layers(wrong: &mut Vec<String>) -> Result<(), String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let ours: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    for package in &packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == name) else {
            wrong.push(format!("crate {name} has no line in the table of layers"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            // Tests may look further than what they test.
            if dependency["kind"] == "dev" {
                continue;
            }
            let on = dependency["name"].as_str().unwrap_or_default();
            let allowed = if ours.contains(&on) {
                layer.ours.contains(&on)
            } else {
                !WATCHED.contains(&on) || layer.heavy.contains(&on)
            };
            if !allowed {
                wrong.push(format!("crate {name} may not depend on {on}"));
            }
        }
    }
    Ok(())
}

fn source(name: &str, text: &str, wrong: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        wrong.push(format!("{name}: {lines} lines; {LONGEST_FILE} are the most"));
    }
    let is_root = name.ends_with("lib.rs") || name.ends_with("main.rs");
    if is_root && !text.starts_with("//!") {
        wrong.push(format!("{name}: says not what it is for (`//!`)"));
    }
    let todo = ["TO", "DO"].concat();
    let fixme = ["FIX", "ME"].concat();
    for (at, line) in text.lines().enumerate() {
        if line.contains(&todo) || line.contains(&fixme) {
            wrong.push(format!("{name}:{}: unfinished work belongs into an issue", at + 1));
        }
    }
    let pure = PURE_CRATES.iter().any(|pure| name.starts_with(&format!("crates/{pure}/src/")));
    if pure {
        for (at, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (word, why) in IMPURE {
                if code.contains(word) && !PURE_EXCEPTIONS.contains(&(name, *word)) {
                    wrong.push(format!("{name}:{}: `{word}`: {why}", at + 1));
                }
            }
        }
    }
}

/// Every link to a file of the checkout leads to one.
fn links(path: &Path, name: &str, text: &str, wrong: &mut Vec<String>) {
    for part in text.split("](").skip(1) {
        let target = part.split([')', '#', ' ']).next().unwrap_or_default();
        if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let from = path.parent().unwrap_or(path);
        if !from.join(target).exists() {
            wrong.push(format!("{name}: the link to {target} leads nowhere"));
        }
    }
}

fn empty_name(path: &Path, name: &str, wrong: &mut Vec<String>) {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let folders = name.split('/').rev().skip(1);
    for part in std::iter::once(stem).chain(folders) {
        if EMPTY_NAMES.contains(&part) {
            wrong.push(format!("{name}: `{part}` says nothing; name what it holds"));
        }
    }
}

/// Nothing that is committed names a path of somebody's machine.
fn paths_of_machines(name: &str, text: &str, wrong: &mut Vec<String>) {
    for start in ["/home/", "/Users/", "/root/"] {
        let quoted = format!("\"{start}");
        if name != "xtask/src/tidy.rs" && text.contains(start) && !text.contains(&quoted) {
            wrong.push(format!("{name}: names a path of a machine ({start})"));
        }
    }
}

/// Files that git keeps or would keep, in order.
fn files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("git ls-files: {error}"))?;
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for line in listed.lines() {
        let path = root.join(line);
        if path.is_file() {
            found.insert(line.to_owned(), path);
        }
    }
    Ok(found.into_values().collect())
}
