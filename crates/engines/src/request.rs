//! The body that asks for a decision, whichever engine answers it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;

use facts::cluster::DecodeError;

/// A request for a decision. Its parts stay text until the engine is known.
#[derive(Clone, Debug, Deserialize)]
pub struct DecisionRequest<'a> {
    /// The caller's name for the request; makes it idempotent.
    #[serde(default)]
    pub request_id: Option<String>,
    /// The caller's name for the cluster; else the snapshot's own.
    #[serde(default)]
    pub cluster_id: Option<String>,
    /// What is asked for; needed only on the dispatching route.
    #[serde(default)]
    pub decision_type: Option<String>,
    /// The cluster.
    #[serde(borrow)]
    pub current_state: &'a RawValue,
    /// Overrides of the policy.
    #[serde(default, borrow)]
    pub requirements: Option<&'a RawValue>,
    /// Limits that only tighten the policy.
    #[serde(default, borrow)]
    pub constraints: Option<&'a RawValue>,
}

impl<'a> DecisionRequest<'a> {
    /// Reads the envelope; the parts are read by the engine.
    ///
    /// # Errors
    /// Text that is no JSON object of this shape, named by pointer.
    pub fn from_json(body: &'a [u8]) -> Result<DecisionRequest<'a>, DecodeError> {
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(DecodeError {
                pointer: String::new(),
                message: "expected a JSON object with `current_state`".to_owned(),
            });
        }
        let mut reader = serde_json::Deserializer::from_slice(body);
        let request = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            // A text that ends too early has no place inside of it.
            let nowhere = matches!(path.as_str(), "." | "?");
            let pointer =
                if nowhere { String::new() } else { format!("/{}", path.replace('.', "/")) };
            DecodeError { pointer, message: error.into_inner().to_string() }
        })?;
        reader
            .end()
            .map_err(|error| DecodeError { pointer: String::new(), message: error.to_string() })?;
        Ok(request)
    }
}

/// The same body as the API document describes it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used; the reader above borrows raw text")]
#[schemars(rename = "DecisionRequest")]
pub struct DecisionRequestSchema {
    /// The caller's name for the request; makes it idempotent.
    request_id: Option<String>,
    /// The caller's name for the cluster; else the snapshot's own.
    cluster_id: Option<String>,
    /// What is asked for; needed only on the dispatching route.
    decision_type: Option<String>,
    /// The cluster, in the full or in the short form.
    current_state: facts::cluster::ClusterState,
    /// Overrides of the policy: any field of the engine's policy.
    requirements: Option<serde_json::Map<String, serde_json::Value>>,
    /// Limits that only tighten the policy.
    constraints: Option<serde_json::Map<String, serde_json::Value>>,
}
