//! Lists in the format that the caller takes: JSON, CSV for spreadsheets, JSON Lines for programs.
//! What a row means is not known here; its columns are those of its schema.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use csv::{Terminator, WriterBuilder};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::problem::Problem;

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListFormat {
    Json,
    Csv,
    Jsonl,
}

/// In which format.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FormatQuery {
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    pub(crate) format: Option<ListFormat>,
}

/// A list as a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// The name of its files, without their ends.
    pub(crate) name: &'static str,
    /// The columns that come first; all others follow by name.
    pub(crate) first: &'static [&'static str],
}

impl Table {
    /// The rows in a format.
    pub(crate) fn written<T: Serialize + JsonSchema>(
        self,
        format: ListFormat,
        rows: &[T],
    ) -> Result<Vec<u8>, Problem> {
        match format {
            ListFormat::Json => serde_json::to_vec(rows).map_err(|error| unwritten(&error)),
            ListFormat::Jsonl => {
                let mut body = Vec::new();
                for row in rows {
                    serde_json::to_writer(&mut body, row).map_err(|error| unwritten(&error))?;
                    body.push(b'\n');
                }
                Ok(body)
            }
            ListFormat::Csv => self.csv(rows),
        }
    }

    /// Rows that were written, as an answer.
    pub(crate) fn answered(self, format: ListFormat, body: Vec<u8>) -> Response {
        let (kind, end) = match format {
            ListFormat::Json => ("application/json", None),
            ListFormat::Csv => ("text/csv; charset=utf-8", Some("csv")),
            ListFormat::Jsonl => ("application/x-ndjson", Some("jsonl")),
        };
        let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        let file = end.map(|end| format!("attachment; filename=\"{}.{end}\"", self.name));
        if let Some(Ok(file)) = file.map(|file| HeaderValue::from_str(&file)) {
            headers.insert(header::CONTENT_DISPOSITION, file);
        }
        response
    }

    /// RFC 4180, with a header even where no row follows.
    fn csv<T: Serialize + JsonSchema>(self, rows: &[T]) -> Result<Vec<u8>, Problem> {
        let columns = self.columns::<T>();
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(&columns).map_err(|error| unwritten(&error))?;
        for row in rows {
            let row = serde_json::to_value(row).map_err(|error| unwritten(&error))?;
            let cells = columns.iter().map(|column| cell(found(&row, column)));
            writer.write_record(cells).map_err(|error| unwritten(&error))?;
        }
        writer.into_inner().map_err(|error| unwritten(&error))
    }

    fn columns<T: JsonSchema>(self) -> Vec<String> {
        let settings =
            SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let schema: Value = settings.into_generator().into_root_schema_for::<T>().into();
        let mut columns = Vec::new();
        add_columns(&schema, "", &mut columns);
        columns.sort();
        columns.dedup();
        // Columns that come first keep the order in which they are named.
        let place = |column: &String| {
            self.first.iter().position(|first| first == column).unwrap_or(self.first.len())
        };
        columns.sort_by_key(place);
        columns
    }
}

/// The columns of an object: its fields, and those of objects in it with a dot between.
fn add_columns(schema: &Value, before: &str, columns: &mut Vec<String>) {
    for fields in fields_of(schema) {
        for (name, field) in fields {
            let path = format!("{before}{name}");
            match object_of(field) {
                Some(object) => add_columns(object, &format!("{path}."), columns),
                None => columns.push(path),
            }
        }
    }
}

/// The fields of an object, those of each of its variants among them.
fn fields_of(schema: &Value) -> impl Iterator<Item = &serde_json::Map<String, Value>> {
    let variants = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|of| schema[of].as_array());
    let all = std::iter::once(schema).chain(variants.flatten());
    all.filter_map(|one| one["properties"].as_object())
}

/// The object that a field is, perhaps absent. A choice of several objects is none: it stays JSON.
fn object_of(schema: &Value) -> Option<&Value> {
    if schema["properties"].is_object() && schema["oneOf"].is_null() && schema["anyOf"].is_null() {
        return Some(schema);
    }
    match schema["anyOf"].as_array()?.as_slice() {
        [object, null] | [null, object] if null["type"] == "null" => object_of(object),
        _ => None,
    }
}

fn found<'a>(row: &'a Value, column: &str) -> Option<&'a Value> {
    column.split('.').try_fold(row, |value, name| value.get(name))
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => harmless(text),
        Some(other) => other.to_string(),
    }
}

/// A text that a spreadsheet does not take for a formula.
fn harmless(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
    if !is_number && text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

fn unwritten(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "a list could not be written");
    let detail = "a fault of the server; it was logged".to_owned();
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula_and_unknown_is_empty() {
        let check = |value: Value, expected: &str| assert_eq!(cell(Some(&value)), expected);
        check("=1+1".into(), "'=1+1");
        check("@sum".into(), "'@sum");
        check("+x".into(), "'+x");
        check("-x".into(), "'-x");
        check("\tx".into(), "'\tx");
        check("\rx".into(), "'\rx");
        check("-inf".into(), "'-inf");
        check("-1.5".into(), "-1.5");
        check((-2).into(), "-2");
        check("a=b".into(), "a=b");
        check(Value::Null, "");
        check(serde_json::json!(["=1"]), "[\"=1\"]");
        assert_eq!(cell(None), "");
    }
}
