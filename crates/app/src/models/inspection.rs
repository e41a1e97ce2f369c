//! What a file of a model is and what it could be used for, without a server.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::ModelType;
use super::folder::hex;
use super::reading::{Input, ReadModel, input_of, read};
use crate::Error;

/// A model that was looked at and not kept.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Inspection {
    /// SHA-256 of the bytes, by which a server keeps them.
    pub sha256: String,
    /// How many bytes.
    pub bytes: u64,
    /// What was read out of them, as the server shows it once they are uploaded.
    #[serde(flatten)]
    pub description: Value,
    /// What its training wrote about it, where it came with that.
    pub metadata: Option<Map<String, Value>>,
    /// What it could be used for, type by type.
    pub usable_as: Vec<Usable>,
}

/// Whether a model can be of a type.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Usable {
    /// The type.
    pub model_type: &'static str,
    /// `server` where the server knows all of its features, `request` where callers have to send them;
    /// `null` for a model that cannot be of the type.
    pub features_from: Option<&'static str>,
    /// Why not.
    pub reason: Option<String>,
}

/// Looks at a model, or at a bundle as zip or tar.
///
/// # Errors
/// The stage that it did not reach, and why.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, Error> {
    let model = read(bytes)?;
    Ok(Inspection {
        sha256: hex(&Sha256::digest(bytes)),
        bytes: bytes.len() as u64,
        usable_as: ModelType::ALL.map(|kind| usable(&model, kind)).to_vec(),
        description: model.description,
        metadata: model.metadata,
    })
}

fn usable(model: &ReadModel, kind: ModelType) -> Usable {
    let input = input_of(model, kind);
    Usable {
        model_type: kind.name(),
        features_from: input.as_ref().ok().map(Input::from_where),
        reason: input.err().map(|error| match error {
            Error::Invalid(errors) => errors.into_iter().map(|one| one.detail).collect(),
            other => other.to_string(),
        }),
    }
}
