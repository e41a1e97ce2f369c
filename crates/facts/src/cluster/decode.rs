//! From JSON text to a cluster: what is unknown is counted, what is wrong is named by pointer.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{CLUSTER_STATE_SCHEMA, ClusterState};

/// How many different unknown fields are told apart before the rest is counted together.
const MAX_UNKNOWN_NAMES: usize = 64;

/// Fields of the input that this version does not know: path with `*` for list positions, and how
/// often it occurred. They are counted and never kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct UnknownFields(pub BTreeMap<String, u64>);

impl UnknownFields {
    /// How many fields were passed over.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    fn count(&mut self, path: String) {
        let known = self.0.len() < MAX_UNKNOWN_NAMES || self.0.contains_key(&path);
        let name = if known { path } else { "(others)".to_owned() };
        *self.0.entry(name).or_default() += 1;
    }
}

/// What was read, and what was passed over.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded<T> {
    /// What was read.
    pub value: T,
    /// What was passed over.
    pub unknown: UnknownFields,
}

/// Why a document could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct DecodeError {
    /// JSON Pointer (RFC 6901) to the place, empty for the document itself.
    pub pointer: String,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl DecodeError {
    /// The same error inside of a larger document.
    #[must_use]
    pub fn below(self, parent: &str) -> DecodeError {
        DecodeError { pointer: format!("{parent}{}", self.pointer), message: self.message }
    }
}

/// Reads any of our documents.
///
/// # Errors
/// Text that is no JSON, that nests deeper than the reader's 128 levels, or whose fields have the wrong type; the place is
/// named by pointer and the expectation by words.
pub fn decode<T: DeserializeOwned>(text: &[u8]) -> Result<Decoded<T>, DecodeError> {
    let mut unknown = UnknownFields::default();
    // One look at the whole text is cheaper than one at every string in it.
    let Ok(whole) = std::str::from_utf8(text) else {
        return Err(locate::<T>(text, "the text is not UTF-8"));
    };
    let mut reader = serde_json::Deserializer::from_str(whole);
    let value = serde_ignored::deserialize(&mut reader, |path| unknown.count(starred(&path)))
        .and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(value) => Ok(Decoded { value, unknown }),
        // The quick pass does not track where it is; a second one finds the place.
        Err(error) => Err(locate::<T>(text, &error.to_string())),
    }
}

impl ClusterState {
    /// Reads a snapshot in the full or in the short form.
    ///
    /// # Errors
    /// As [`decode`], and a `schema` that this version does not know.
    pub fn from_json(text: &[u8]) -> Result<Decoded<ClusterState>, DecodeError> {
        // A struct may also be read from a list of its fields, which nobody means here.
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err(DecodeError {
                pointer: String::new(),
                message: "expected a JSON object: a cluster state".to_owned(),
            });
        }
        let decoded = decode::<ClusterState>(text)?;
        if decoded.value.schema != CLUSTER_STATE_SCHEMA {
            let shown: String = decoded.value.schema.chars().take(80).collect();
            return Err(DecodeError {
                pointer: "/schema".to_owned(),
                message: format!("`{shown}` is not known; expected `{CLUSTER_STATE_SCHEMA}`"),
            });
        }
        Ok(decoded)
    }
}

fn locate<T: DeserializeOwned>(text: &[u8], quick: &str) -> DecodeError {
    let mut reader = serde_json::Deserializer::from_slice(text);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) => {
            let pointer = pointer(error.path());
            DecodeError { pointer, message: error.into_inner().to_string() }
        }
        Ok(_) => DecodeError { pointer: String::new(), message: quick.to_owned() },
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { variant } => pointer.push_str(&format!("/{variant}")),
            Segment::Unknown => {}
        }
    }
    pointer
}

fn starred(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, .. } => format!("{}/*", starred(parent)),
        Path::Map { parent, key } => {
            let shown: String = key.chars().take(60).collect();
            format!("{}/{shown}", starred(parent))
        }
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => starred(parent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::SectionName;

    fn read(text: &str) -> Decoded<ClusterState> {
        ClusterState::from_json(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_short_form_and_the_full_form_are_the_same_cluster() {
        let short = read(
            r#"{"nodes":[{"name":"a","cpu":4,"memory":"8Gi"}],
                "pods":[{"name":"p","node":"a","cpu":"500m","memory":"1Gi"}]}"#,
        );
        let full = read(
            r#"{"schema":"cloudoptim/cluster-state/v1",
                "nodes":{"source":"request","complete":true,"items":[{"name":"a","cpu":"4","memory":"8Gi"}]},
                "pods":{"items":[{"name":"p","node":"a","cpu":0.5,"memory":1073741824}]}}"#,
        );
        assert_eq!(short.value, full.value);
        assert_eq!(short.unknown.total(), 0);
    }

    #[test]
    fn a_missing_section_differs_from_an_empty_one() {
        let state = read(r#"{"nodes":[]}"#).value;
        let supplied: Vec<SectionName> = state
            .sections()
            .into_iter()
            .filter_map(|(name, summary)| summary.map(|_| name))
            .collect();
        assert_eq!(supplied, [SectionName::Nodes]);
    }

    #[test]
    fn unknown_fields_are_counted_and_not_kept() {
        let decoded =
            read(r#"{"pods":[{"name":"a","colour":"red"},{"name":"b","colour":1}],"x":{"y":[1]}}"#);
        let counted: Vec<(String, u64)> = decoded.unknown.0.into_iter().collect();
        assert_eq!(counted, [("/pods/*/colour".to_owned(), 2), ("/x".to_owned(), 1)]);
        let written = serde_json::to_string(&decoded.value).unwrap();
        assert!(!written.contains("colour"), "{written}");
    }

    #[test]
    fn what_is_wrong_is_named_by_pointer() {
        let check = |text: &str, pointer: &str, part: &str| {
            let error = ClusterState::from_json(text.as_bytes()).unwrap_err();
            assert_eq!(error.pointer, pointer, "{error}");
            assert!(error.message.contains(part), "{error}");
        };
        check(r#"{"pods":[{"name":"a"},{"name":7}]}"#, "/pods/1/name", "expected a string");
        check(r#"{"pods":[{"cpu":"-1"}]}"#, "/pods/0/cpu", "negative");
        check(r#"{"pods":[{"cpu":"many"}]}"#, "/pods/0/cpu", "250m");
        check(r#"{"schema":"v7"}"#, "/schema", "expected `cloudoptim");
        check(r#"{"nodes":{"source":"x"}}"#, "/nodes", "items");
        check(r#"{"nodes":[{"name":"a""#, "/nodes/0", "EOF");
        check(r#"{} trailing"#, "", "trailing");
        check(&"[".repeat(100_000), "", "expected a JSON object");
        // What is unknown is passed over without recursion, however deep it is.
        let deep = format!("{}1{}", r#"{"x":["#.repeat(500), "]}".repeat(500));
        assert_eq!(read(&deep).unknown.total(), 1);
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let state = read(
            r#"{"region":"eu-west-1","nodes":[{"name":"a","allocatable":{"cpu":"1930m","memory":"1471840Ki","pods":"11","nvidia.com/gpu":1}}],
            "policies":{"items":{"disruption_budgets":[{"name":"b","namespace":"n","min_available":"50%"}]}}}"#,
        )
        .value;
        let written = serde_json::to_vec(&state).unwrap();
        assert_eq!(ClusterState::from_json(&written).unwrap().value, state);
    }
}
