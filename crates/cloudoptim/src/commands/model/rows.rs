//! Rows for a model out of a CSV.

use std::path::Path;

use crate::exit::Failure;
use crate::input;

/// A table of texts.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// The path for people.
    pub(super) shown: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Rows {
    /// Reads a CSV. A first line of numbers alone is a row and no header, as numpy writes tables.
    pub(super) fn read(path: &Path) -> Result<Rows, Failure> {
        let shown = input::shown(path);
        let bytes = input::read(path)?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| Failure::Refused {
                path: shown.clone(),
                message: format!("no table: {error}"),
            })?;
            rows.push(record.iter().map(str::to_owned).collect::<Vec<_>>());
        }
        let is_row = |row: &Vec<String>| row.iter().all(|cell| cell.trim().parse::<f64>().is_ok());
        let header = match rows.first() {
            Some(first) if is_row(first) => (0..first.len()).map(|at| at.to_string()).collect(),
            Some(_) => rows.remove(0),
            None => Vec::new(),
        };
        if rows.is_empty() {
            let message = "expected a header and at least one row".to_owned();
            return Err(Failure::Refused { path: shown, message });
        }
        let header = header.iter().map(|name| name.trim().to_owned()).collect();
        Ok(Rows { shown, header, rows })
    }

    /// Takes columns out by name; `None`, and the table as it was, where one is not there.
    pub(super) fn take(&mut self, names: &[String]) -> Option<Vec<Vec<String>>> {
        let places: Vec<usize> = names
            .iter()
            .map(|name| self.header.iter().position(|column| column == name))
            .collect::<Option<_>>()?;
        let taken = self
            .rows
            .iter()
            .map(|row| places.iter().map(|at| row.get(*at).cloned().unwrap_or_default()).collect())
            .collect();
        let kept = |row: &Vec<String>| -> Vec<String> {
            let others = row.iter().enumerate().filter(|(at, _)| !places.contains(at));
            others.map(|(_, cell)| cell.clone()).collect()
        };
        self.rows = self.rows.iter().map(kept).collect();
        self.header = kept(&self.header);
        Some(taken)
    }
}
