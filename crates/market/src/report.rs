//! What became of the rows of a file: used, skipped on purpose, or quarantined with a reason.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::shown;
use crate::{ImportError, Limits};

/// What a parser did with every row. `rows_read` = used + skipped + quarantined.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImportReport {
    /// Rows met in the file.
    pub rows_read: u64,
    /// Rows that became facts.
    pub rows_used: u64,
    /// Well-formed rows that say nothing this product uses, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Rows that contradict the format.
    pub quarantined: u64,
    /// The first quarantined rows, each with its place and reason.
    pub quarantine: Vec<Quarantined>,
}

/// One row that could not be believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Line number, or path of keys.
    pub place: String,
    /// What is wrong, and what was expected.
    pub reason: String,
}

/// One page of a paged answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Every believable row, in the order of the answer.
    pub rows: Vec<T>,
    /// What became of the rows.
    pub report: ImportReport,
    /// What asks for the next page; `None` on the last one.
    pub next_token: Option<String>,
}

/// Why one row is not used; built by parsers, kept by [`Tally`].
#[derive(Debug)]
pub(crate) enum Rejected {
    /// Well-formed and of no interest.
    Skip(&'static str),
    /// Not to be believed.
    Bad(String),
}

/// Counts rows while a file is read, and refuses a file with too many.
#[derive(Debug)]
pub(crate) struct Tally {
    report: ImportReport,
    limits: Limits,
}

impl Tally {
    pub(crate) fn new(limits: &Limits) -> Tally {
        Tally { report: ImportReport::default(), limits: *limits }
    }

    /// Counts one row; hands its value on when it is of use.
    pub(crate) fn row<T>(
        &mut self,
        row: Result<T, Rejected>,
        place: impl FnOnce() -> String,
    ) -> Result<Option<T>, ImportError> {
        self.report.rows_read += 1;
        if self.report.rows_read > self.limits.rows {
            return Err(ImportError::TooLarge { what: "rows", limit: self.limits.rows });
        }
        match row {
            Ok(value) => {
                self.report.rows_used += 1;
                Ok(Some(value))
            }
            Err(Rejected::Skip(reason)) => {
                *self.report.skipped.entry(reason.to_owned()).or_default() += 1;
                Ok(None)
            }
            Err(Rejected::Bad(reason)) => {
                self.report.quarantined += 1;
                if self.report.quarantine.len() < self.limits.shown {
                    self.report.quarantine.push(Quarantined { place: shown(&place()), reason });
                }
                Ok(None)
            }
        }
    }

    pub(crate) fn finish(self) -> ImportReport {
        self.report
    }
}

/// Refuses a file that is larger than allowed before a byte of it is read.
pub(crate) fn check_size(bytes: &[u8], limits: &Limits) -> Result<(), ImportError> {
    if bytes.len() > limits.bytes {
        return Err(ImportError::TooLarge { what: "file bytes", limit: limits.bytes as u64 });
    }
    Ok(())
}
