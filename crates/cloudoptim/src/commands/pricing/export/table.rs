//! A table that is written row by row, compressed where its file's name says so.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::cli::{ExportFormat, Exported};
use crate::exit::Failure;
use crate::input;

/// A table that is being written.
pub(super) struct Table {
    lines: Lines,
    rows: u64,
}

enum Lines {
    Csv(Box<csv::Writer<Sink>>),
    Jsonl(Sink),
}

impl Table {
    /// Opens the file, or standard output.
    pub(super) fn open(wanted: &Exported) -> Result<Table, Failure> {
        let name = wanted.to.as_ref().map_or_else(String::new, |path| path.display().to_string());
        let (plain, packed) = match name.strip_suffix(".gz") {
            Some(plain) => (plain, true),
            None => (name.as_str(), false),
        };
        let target: Box<dyn Write> = match &wanted.to {
            Some(path) => Box::new(
                File::create(path)
                    .map_err(|source| Failure::File { path: input::shown(path), source })?,
            ),
            None => Box::new(io::stdout()),
        };
        let target = BufWriter::with_capacity(1 << 16, target);
        let sink = if packed {
            Sink::Packed(GzEncoder::new(target, Compression::default()))
        } else {
            Sink::Plain(target)
        };
        let by_name =
            if plain.ends_with(".jsonl") { ExportFormat::Jsonl } else { ExportFormat::Csv };
        let lines = match wanted.format.unwrap_or(by_name) {
            ExportFormat::Csv => Lines::Csv(Box::new(csv::Writer::from_writer(sink))),
            ExportFormat::Jsonl => Lines::Jsonl(sink),
        };
        Ok(Table { lines, rows: 0 })
    }

    /// Adds a row.
    pub(super) fn write(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        self.rows += 1;
        match &mut self.lines {
            Lines::Csv(writer) => writer.serialize(line).map_err(unwritten),
            Lines::Jsonl(sink) => {
                serde_json::to_writer(&mut *sink, line).map_err(unwritten)?;
                sink.write_all(b"\n").map_err(unwritten)
            }
        }
    }

    /// Writes what is left; how many rows there are.
    pub(super) fn close(self) -> Result<u64, Failure> {
        let sink = match self.lines {
            Lines::Csv(writer) => writer.into_inner().map_err(unwritten)?,
            Lines::Jsonl(sink) => sink,
        };
        match sink {
            Sink::Plain(mut sink) => sink.flush().map_err(unwritten)?,
            Sink::Packed(sink) => {
                sink.finish().and_then(|mut sink| sink.flush()).map_err(unwritten)?;
            }
        }
        Ok(self.rows)
    }
}

/// Where bytes go in the end.
enum Sink {
    Plain(BufWriter<Box<dyn Write>>),
    Packed(GzEncoder<BufWriter<Box<dyn Write>>>),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Plain(sink) => sink.write(bytes),
            Sink::Packed(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Plain(sink) => sink.flush(),
            Sink::Packed(sink) => sink.flush(),
        }
    }
}

fn unwritten(error: impl std::fmt::Display) -> Failure {
    Failure::Output(error.to_string())
}
