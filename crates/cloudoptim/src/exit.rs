//! How a command ends: the code for scripts, the words for people.

use std::process::ExitCode;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Success,
    /// Something failed that is not the caller's input.
    Failure,
    /// The command line or an input is wrong.
    Usage,
    /// Done in part: some of the input could not be used.
    Partial,
    /// What was asked for does not exist.
    NotFound,
    /// Done, and what was found is over a limit: a plan with violations, a replay that differs.
    Threshold,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Partial => 3,
            Exit::NotFound => 4,
            Exit::Threshold => 10,
        })
    }
}

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// An input cannot be used.
    #[error("{path}{pointer}: {message}")]
    Input {
        /// The file.
        path: String,
        /// JSON Pointer into it.
        pointer: String,
        /// What is wrong.
        message: String,
    },
    /// A model or a table for one is not taken.
    #[error("{path}: {message}")]
    Refused {
        /// The file.
        path: String,
        /// The place in it, and what stands against it.
        message: String,
    },
    /// There is no such decision.
    #[error("there is no decision `{0}`")]
    UnknownDecision(String),
    /// The server cannot start or had to stop.
    #[error("{0}")]
    Serve(String),
    /// The database cannot be opened or does not answer.
    #[error("{0}")]
    Database(String),
    /// A simulated server does not answer as it should.
    #[error("{0}")]
    Simulation(String),
    /// What was named does not exist.
    #[error("{0}")]
    NotFound(String),
    /// A field of what was asked for is wrong.
    #[error("{field}: {message}")]
    Argument {
        /// Which.
        field: String,
        /// What is wrong and what was expected.
        message: String,
    },
    /// It is done or begun already, or contradicts what is.
    #[error("{0}")]
    Taken(String),
    /// What is to be fetched cannot be asked for.
    #[error("{0}")]
    Fetch(String),
    /// Writing the answer failed.
    #[error("the answer cannot be written: {0}")]
    Output(String),
}

impl Failure {
    /// A stable word for scripts.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Failure::File { .. } => "file",
            Failure::Input { .. } => "invalid_input",
            Failure::Refused { .. } => "refused",
            Failure::UnknownDecision(_) => "unknown_decision",
            Failure::Serve(_) => "serve",
            Failure::Database(_) => "database",
            Failure::Simulation(_) => "simulation",
            Failure::NotFound(_) => "not_found",
            Failure::Argument { .. } => "invalid_argument",
            Failure::Taken(_) => "conflict",
            Failure::Fetch(_) => "invalid_request",
            Failure::Output(_) => "output",
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Failure::UnknownDecision(_) => {
                let known: Vec<String> =
                    engines::registry::BUILT_IN.iter().map(|engine| engine.route()).collect();
                Some(format!("known decisions: {}", known.join(", ")))
            }
            Failure::Input { .. } => Some(
                "`cloudoptim snapshot` turns kubectl and aws output into a snapshot".to_owned(),
            ),
            _ => None,
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Exit::NotFound
            }
            Failure::File { .. }
            | Failure::Serve(_)
            | Failure::Database(_)
            | Failure::Simulation(_)
            | Failure::Taken(_)
            | Failure::Output(_) => Exit::Failure,
            Failure::NotFound(_) => Exit::NotFound,
            Failure::Input { .. }
            | Failure::Argument { .. }
            | Failure::Refused { .. }
            | Failure::UnknownDecision(_)
            | Failure::Fetch(_) => Exit::Usage,
        }
    }
}

/// What is wrong in one line, down to every field.
pub(crate) fn words(error: &app::Error) -> String {
    match error {
        app::Error::Invalid(fields) => {
            let each = |field: &app::FieldError| {
                format!("{}: {}", field.pointer.trim_start_matches('/'), field.detail)
            };
            fields.iter().map(each).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

impl From<app::Error> for Failure {
    fn from(error: app::Error) -> Failure {
        use app::Error;
        match error {
            Error::NotFound(what) => Failure::NotFound(what),
            Error::Invalid(errors) => match errors.into_iter().next() {
                Some(first) => Failure::Argument {
                    field: first.pointer.trim_start_matches('/').replace('/', "."),
                    message: first.detail,
                },
                None => Failure::Database("the request cannot be used".to_owned()),
            },
            Error::Conflict(why) | Error::Taken(why) | Error::Outdated(why) => Failure::Taken(why),
            Error::Unavailable(why) | Error::Internal(why) => Failure::Database(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_every_field() {
        let wrong = |pointer: &str, detail: &str| app::FieldError {
            pointer: pointer.to_owned(),
            code: "invalid",
            detail: detail.to_owned(),
        };
        let error = app::Error::Invalid(vec![
            wrong("/regions/0", "no region"),
            wrong("/start_date", "expected a day"),
        ]);
        assert_eq!(words(&error), "regions/0: no region; start_date: expected a day");
        assert_eq!(words(&app::Error::Taken("it is there".to_owned())), "it is there");
    }
}
