//! Why a whole file was refused. A single bad row is no error; see [`crate::ImportReport`].

/// Why a file cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The content is larger than allowed.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// What was counted: `file bytes`, `rows`, `decompressed bytes` …
        what: &'static str,
        /// The limit that was passed.
        limit: u64,
    },
    /// The compressed content is damaged, truncated, or expands beyond belief.
    #[error("gzip: {0}")]
    Gzip(String),
    /// The content is none of the formats that this crate reads.
    #[error(
        "format not recognised (starts with `{starts_with}`); expected a Spot Advisor file, spot \
         price history (JSON or CSV), On-Demand prices (CSV or price list JSON) or an instance \
         catalogue"
    )]
    UnknownFormat {
        /// The first characters, cleaned for display.
        starts_with: String,
    },
    /// The JSON is broken, or has another shape than the format.
    #[error("line {line} column {column}: {detail}; expected {expected}")]
    Json {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// What the reader met.
        detail: String,
        /// What the format has there.
        expected: &'static str,
    },
    /// The XML is broken, or has another shape than the format.
    #[error("byte {position}: {detail}; expected {expected}")]
    Xml {
        /// How many bytes were read before the fault.
        position: u64,
        /// What the reader met.
        detail: String,
        /// What the format has there.
        expected: &'static str,
    },
    /// The content stops in the middle; what was read so far was well-formed.
    #[error("the content is cut off ({detail}); expected {expected}")]
    Cut {
        /// Where the reader stopped.
        detail: String,
        /// What the format has there.
        expected: &'static str,
    },
    /// The source of the bytes failed while they were read.
    #[error("reading failed: {0}")]
    Read(String),
    /// The table cannot be split into rows.
    #[error("line {line}: {detail}")]
    Csv {
        /// Line of the fault, from 1.
        line: u64,
        /// What the reader met.
        detail: String,
    },
    /// The header lacks a column without which no row can be read.
    #[error("header lacks {expected}; it has {found}")]
    MissingColumn {
        /// The column, with the names it may have.
        expected: &'static str,
        /// The header as found, cut for display.
        found: String,
    },
}

impl ImportError {
    /// Whether the content stops in the middle, so that reading it again may help.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        matches!(self, ImportError::Cut { .. })
    }

    /// A JSON fault at the place where the reader stopped.
    pub(crate) fn json(error: &serde_json::Error, expected: &'static str) -> ImportError {
        let text = error.to_string();
        if error.is_eof() {
            return ImportError::Cut { detail: shown(&text), expected };
        }
        if error.is_io() {
            return ImportError::Read(shown(&text));
        }
        // The reader appends its position, which is carried apart here.
        let detail = text.rsplit_once(" at line ").map_or(text.as_str(), |(detail, _)| detail);
        ImportError::Json {
            line: error.line(),
            column: error.column(),
            detail: shown(detail),
            expected,
        }
    }
}

/// Foreign text made fit for a message: at most 80 characters, control characters replaced.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
