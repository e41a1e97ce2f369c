//! Why a model was not taken.

/// Why a model was not taken: what was met, where, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More than the limit.
    #[error("{what}: {found} is more than the limit of {limit}")]
    TooLarge {
        /// What was counted: `bytes`, `nodes` …
        what: &'static str,
        /// The limit that was passed.
        limit: usize,
        /// What the file has, as far as it was counted.
        found: usize,
    },
    /// The bytes are not of the format.
    #[error("{format}, {at}: {detail}")]
    Syntax {
        /// The format that was being read.
        format: &'static str,
        /// Where: `byte 17`, `line 3`.
        at: String,
        /// What was met and what was expected.
        detail: String,
    },
    /// A field is missing, or holds what the format does not allow.
    #[error("{path}: found {found}; expected {expected}")]
    Field {
        /// The path of the field in the file.
        path: String,
        /// What was met.
        found: String,
        /// What the format has there.
        expected: String,
    },
    /// Something that the format allows and that is not computed here, by its name.
    #[error("{what} `{name}` is not supported; {instead}")]
    Unsupported {
        /// What kind of thing: `objective`, `operator`, `booster` …
        what: &'static str,
        /// Its name in the file.
        name: String,
        /// What is supported, or what to do.
        instead: String,
    },
    /// A tree is none.
    #[error("tree {tree}, node {node}: found {found}; expected {expected}")]
    Tree {
        /// Which tree, from 0.
        tree: usize,
        /// Which node of it, from 0.
        node: usize,
        /// What was met.
        found: String,
        /// What a tree has there.
        expected: String,
    },
}

impl Refusal {
    /// A field that does not hold what it should.
    pub fn field(
        path: impl Into<String>,
        found: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Refusal {
        Refusal::Field { path: path.into(), found: shown(&found), expected: expected.into() }
    }

    /// Something by its name that is not computed here.
    pub fn unsupported(
        what: &'static str,
        name: impl std::fmt::Display,
        instead: impl Into<String>,
    ) -> Refusal {
        Refusal::Unsupported { what, name: shown(&name), instead: instead.into() }
    }

    /// Checks a count against a limit.
    pub fn check(what: &'static str, found: usize, limit: usize) -> Result<(), Refusal> {
        if found > limit { Err(Refusal::TooLarge { what, limit, found }) } else { Ok(()) }
    }
}

/// Foreign content made fit for a message: at most 80 characters, control characters replaced.
pub(crate) fn shown(content: &dyn std::fmt::Display) -> String {
    content.to_string().chars().take(80).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
