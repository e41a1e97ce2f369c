//! Why a file is not read, with the byte at which that was seen.

/// A refusal: where, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {reason}")]
pub struct Refusal {
    /// Offset in the content, counted from 0; of a compressed file in what it expands to.
    pub offset: usize,
    /// What was seen there.
    pub reason: Reason,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A global that is not on the list.
    #[error("the global `{0}` is none that models are made of; it was not imported")]
    Global(String),
    /// A listed global that may be named as a value, but is called here.
    #[error("the global `{0}` may be named but not called; nothing was called")]
    NotCalled(&'static str),
    /// An opcode that no model needs.
    #[error("the opcode {name} is refused: {why}")]
    Opcode {
        /// Its name in Python's `pickletools`.
        name: &'static str,
        /// What it would do.
        why: &'static str,
    },
    /// A byte that is no opcode of protocols 0 to 5.
    #[error("0x{0:02x} is no opcode of pickle protocols 0 to 5")]
    NoOpcode(u8),
    /// A known opcode whose operands are not what it needs.
    #[error("the opcode {name} {problem}")]
    Operand {
        /// Its name in Python's `pickletools`.
        name: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// More of something than the limits allow.
    #[error("more than {limit} {what}")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// The most that is read.
        limit: u64,
    },
    /// Bytes after the end of the pickle.
    #[error(
        "{0} bytes follow the end (STOP); one file holds one pickle, save the objects as one value"
    )]
    Trailing(usize),
    /// A value that contains itself.
    #[error("a value contains itself; no model needs that")]
    Cycle,
    /// A value is not what the model needs there.
    #[error("{what} is expected, {found} stands there")]
    Expected {
        /// What was looked for, the attribute included.
        what: String,
        /// What was found.
        found: String,
    },
    /// Compressed content that cannot be expanded.
    #[error("{0}")]
    Compressed(String),
}

impl Refusal {
    pub(crate) fn new(offset: usize, reason: Reason) -> Refusal {
        Refusal { offset, reason }
    }

    pub(crate) fn operand(
        offset: usize,
        name: &'static str,
        problem: impl Into<String>,
    ) -> Refusal {
        Refusal { offset, reason: Reason::Operand { name, problem: problem.into() } }
    }

    pub(crate) fn limit(offset: usize, what: &'static str, limit: u64) -> Refusal {
        Refusal { offset, reason: Reason::Limit { what, limit } }
    }
}

/// A name of the file for a message: control characters escaped, cut at 200 characters.
pub(crate) fn shown(name: &str) -> String {
    let escaped: String = name.escape_debug().take(201).collect();
    if escaped.chars().count() <= 200 {
        return escaped;
    }
    let cut: String = escaped.chars().take(200).collect();
    cut + "…"
}
