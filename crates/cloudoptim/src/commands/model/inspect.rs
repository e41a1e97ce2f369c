//! `cloudoptim model inspect`: what a file is, without running a byte of it.

use std::path::Path;

use app::models::inspection::{Inspection, inspect};
use serde_json::Value;

use super::bundle::offered;
use super::refused;
use crate::cli::Format;
use crate::exit::{Exit, Failure};
use crate::output;

/// Features that a table for people shows; the other formats have them all.
const SHOWN: usize = 40;

/// Letters of a line where no terminal says how many it has.
const WIDTH: u16 = 110;

pub(super) fn run(file: &Path, format: Format) -> Result<Exit, Failure> {
    let offered = offered(file)?;
    let found = inspect(&offered.bytes).map_err(|error| refused(&offered.shown, error))?;
    match format {
        Format::Json => output::print_json(&found)?,
        Format::Yaml => output::print_yaml(&found)?,
        Format::Csv => output::print_csv(&["what", "value"], &facts(&found, usize::MAX))?,
        Format::Table => {
            let mut lines = output::table(&["what", "value"]);
            if !lines.is_tty() {
                // Lists of features would make one line of thousands of letters.
                lines.set_width(WIDTH);
            }
            for row in facts(&found, SHOWN) {
                lines.add_row(row);
            }
            output::print(&lines.to_string())?;
        }
    }
    Ok(Exit::Success)
}

fn facts(found: &Inspection, most: usize) -> Vec<Vec<String>> {
    let about = &found.description;
    let mut rows = Vec::new();
    let mut say = |what: &str, value: String| rows.push(vec![what.to_owned(), value]);
    for (what, key) in [
        ("format", "format"),
        ("library version", "library_version"),
        ("objective", "objective"),
        ("answers", "answers"),
        ("numbers an answer", "outputs"),
    ] {
        say(what, text(&about[key]));
    }
    say("classes", list(&about["classes"], most));
    let names = if about["features_named"] == true { "" } else { ", without names" };
    let count = about["features"].as_array().map_or(0, Vec::len);
    say("features", format!("{count}{names}"));
    if about["features_named"] == true {
        say("names of features", list(&about["features"], most));
    }
    say("trees", text(&about["trees"]));
    say("nodes", text(&about["nodes"]));
    say("layout", text(&about["layout"]));
    say("bytes", found.bytes.to_string());
    say("SHA-256", found.sha256.clone());
    for usable in &found.usable_as {
        let how = match (usable.features_from, &usable.reason) {
            (Some("server"), _) => "yes; the server knows its features".to_owned(),
            (Some(_), _) => "yes; its features come with each request".to_owned(),
            (None, reason) => format!("no: {}", reason.as_deref().unwrap_or_default()),
        };
        say(&format!("as {}", usable.model_type), how);
    }
    for file in about["files"].as_array().into_iter().flatten() {
        let role = file["used_as"].as_str().filter(|role| !role.is_empty());
        say(&format!("file {}", text(&file["name"])), role.unwrap_or("not used").to_owned());
    }
    for note in about["notes"].as_array().into_iter().flatten() {
        say("note", text(note));
    }
    rows
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "—".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(value: &Value, most: usize) -> String {
    let all: Vec<String> = value.as_array().into_iter().flatten().map(text).collect();
    match all.len() {
        0 => "—".to_owned(),
        count if count > most => format!("{} … and {} more", all[..most].join(", "), count - most),
        _ => all.join(", "),
    }
}
