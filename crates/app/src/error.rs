//! Why an operation was not done, in variants that a caller can act on.

use facts::cluster::DecodeError;
use serde::Serialize;

/// Why an operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for does not exist.
    #[error("{0}")]
    NotFound(String),
    /// Fields of the request are wrong.
    #[error("the request cannot be used")]
    Invalid(Vec<FieldError>),
    /// The request contradicts an earlier one.
    #[error("{0}")]
    Conflict(String),
    /// What is asked for would be the second one where only one may be.
    #[error("{0}")]
    Taken(String),
    /// What the caller goes by is not what is there any more.
    #[error("{0}")]
    Outdated(String),
    /// Something that is needed does not answer now; trying again may help.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of ours.
    #[error("{0}")]
    Internal(String),
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON Pointer into the body.
    pub pointer: String,
    /// A stable word.
    pub code: &'static str,
    /// What is wrong and what was expected.
    pub detail: String,
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Error {
        Error::Invalid(vec![FieldError {
            pointer: error.pointer,
            code: "invalid",
            detail: error.message,
        }])
    }
}

impl From<store::StoreError> for Error {
    fn from(error: store::StoreError) -> Error {
        match error {
            store::StoreError::Database(_) | store::StoreError::Closed => {
                Error::Unavailable(error.to_string())
            }
            store::StoreError::LeaseLost => Error::Conflict(error.to_string()),
            store::StoreError::Migration(_) | store::StoreError::Damaged { .. } => {
                Error::Internal(error.to_string())
            }
        }
    }
}
