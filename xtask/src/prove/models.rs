//! Model files: every reader fuzzed, changed files, large files, and thousands of readers of the
//! stream of predictions.

use super::{Setting, fuzzing, printed};

/// Changes of every file of the tests.
const MUTATIONS: &str = "400";

pub(super) fn run(setting: &Setting) -> Result<String, String> {
    let mut text = "# Models\n\nWritten by `cargo xtask prove models`.\n".to_owned();
    text += &fuzzing::run(setting)?;
    text += "\n## Changed files\n\nGenuine files of every format with a word, a byte or a part changed: refused, or answering with finite numbers.\n\n| format | changed | accepted | refused |\n|---|---|---|---|\n";
    let tests = ["test", "--release", "-p", "inference", "--test", "it", "--", "--nocapture"];
    let mutations = [("MODEL_MUTATIONS", MUTATIONS.as_ref())];
    let changed = printed(&[&tests[..], &["mutat", "changed_models"]].concat(), &mutations)?;
    text.extend(
        changed.lines().filter(|line| line.starts_with("| ")).map(|line| format!("{line}\n")),
    );
    text += "\n## Large files\n\n";
    text += &printed(&["bench", "-p", "inference", "--bench", "load"], &[])?;
    text += "\n## The stream\n\n";
    text += &printed(&["bench", "-p", "benches", "--bench", "stream"], &[])?;
    Ok(text)
}
