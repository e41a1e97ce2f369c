//! Tables with a header: columns are found by name, rows arrive one at a time, and a row that is
//! not text is that row's fault alone.

use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::error::shown;
use crate::report::{Rejected, check_size};
use crate::{ImportError, Limits};

/// A table that is being read.
pub(crate) struct Table<'a> {
    reader: Reader<&'a [u8]>,
    record: ByteRecord,
    header: Vec<String>,
}

/// One row of a table.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    record: &'a ByteRecord,
}

impl<'a> Table<'a> {
    /// Reads the header. Lines that start with `#` are remarks.
    pub(crate) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Table<'a>, ImportError> {
        check_size(bytes, limits)?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .from_reader(bytes);
        let mut table = Table { reader, record: ByteRecord::new(), header: Vec::new() };
        if table.advance()? {
            table.header = table
                .record
                .iter()
                .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
                .collect();
        }
        Ok(table)
    }

    /// The column names, in lower case.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// The position of the first of these names that the header has.
    pub(crate) fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.header.iter().position(|column| column == name))
    }

    /// As [`Table::column`], for a column that every row needs.
    pub(crate) fn need(
        &self,
        names: &[&str],
        expected: &'static str,
    ) -> Result<usize, ImportError> {
        self.column(names).ok_or_else(|| ImportError::MissingColumn {
            expected,
            found: shown(&self.header.join(",")),
        })
    }

    /// The next row and its line number.
    pub(crate) fn next_row(&mut self) -> Result<Option<(u64, Row<'_>)>, ImportError> {
        if !self.advance()? {
            return Ok(None);
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        Ok(Some((line, Row { record: &self.record })))
    }

    fn advance(&mut self) -> Result<bool, ImportError> {
        self.reader.read_byte_record(&mut self.record).map_err(|error| ImportError::Csv {
            line: error.position().map_or(0, csv::Position::line),
            detail: shown(&error.to_string()),
        })
    }
}

impl<'a> Row<'a> {
    /// The trimmed text of a column; empty when the row is too short or lacks the column.
    pub(crate) fn text(self, column: Option<usize>) -> Result<&'a str, Rejected> {
        let Some(field) = column.and_then(|column| self.record.get(column)) else {
            return Ok("");
        };
        std::str::from_utf8(field)
            .map(str::trim)
            .map_err(|_| Rejected::Bad("a field is not UTF-8 text".to_owned()))
    }

    /// The text of a column that must not be empty.
    pub(crate) fn need(self, column: usize, name: &str) -> Result<&'a str, Rejected> {
        match self.text(Some(column))? {
            "" => Err(Rejected::Bad(format!("{name} is missing"))),
            text => Ok(text),
        }
    }
}
