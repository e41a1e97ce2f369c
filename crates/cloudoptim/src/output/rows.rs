//! Lists of like things: a table or CSV of chosen columns, everything as JSON or YAML.

use serde::Serialize;
use serde_json::Value;

use super::{print, print_csv, print_json, print_yaml, table};
use crate::cli::Format;
use crate::exit::Failure;

/// Prints things; `columns` are names of their fields, nested ones with dots.
pub(crate) fn rows<T: Serialize>(
    columns: &[&str],
    things: &[T],
    format: Format,
) -> Result<(), Failure> {
    let cells = || -> Result<Vec<Vec<String>>, Failure> {
        things
            .iter()
            .map(|thing| {
                let value = serde_json::to_value(thing)
                    .map_err(|error| Failure::Output(error.to_string()))?;
                Ok(columns.iter().map(|column| cell(&value, column, format)).collect())
            })
            .collect()
    };
    match format {
        Format::Json => print_json(&things),
        Format::Yaml => print_yaml(&things),
        Format::Csv => print_csv(columns, &cells()?),
        Format::Table => {
            let mut lines = table(columns);
            for row in cells()? {
                lines.add_row(row);
            }
            print(&lines.to_string())
        }
    }
}

fn cell(thing: &Value, column: &str, format: Format) -> String {
    // A dot leads into an object; what JSON Pointer reads otherwise stands for itself.
    let escaped = column.replace('~', "~0").replace('/', "~1");
    let pointer = format!("/{}", escaped.replace('.', "/"));
    match thing.pointer(&pointer).unwrap_or(&Value::Null) {
        Value::Null if format == Format::Table => "—".to_owned(),
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let texts = items.iter().map(|item| match item {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            texts.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}
