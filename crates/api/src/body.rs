//! What comes with a request: bodies and queries, and what is wrong with them.

use app::{Error, FieldError};
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;
use crate::table::ListFormat;

/// The most rows of one answer; more are asked for with `offset`.
pub(crate) const LARGEST_PAGE: u64 = 500;

/// Which part of a list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// How many, 1 to 500; more than 500 is taken as 500.
    limit: Option<u64>,
    /// How many are passed over.
    offset: Option<u64>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    pub(crate) format: Option<ListFormat>,
}

impl PageQuery {
    /// How many at the most, `usual` when nothing was said.
    pub(crate) fn limit(&self, usual: u64) -> u64 {
        self.limit.unwrap_or(usual).clamp(1, LARGEST_PAGE)
    }

    /// How many are passed over.
    pub(crate) fn offset(&self) -> u64 {
        self.offset.unwrap_or(0)
    }
}

/// The most lines of one answer.
const MOST_LINES: u64 = 10_000;

/// Which lines of a log.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogQuery {
    /// Only lines behind this one.
    after: Option<u64>,
    /// How many, 1 to 10,000; 1,000 when absent.
    limit: Option<u64>,
    /// `json`, `csv` or `jsonl`; by `Accept` when absent.
    pub(crate) format: Option<ListFormat>,
}

impl LogQuery {
    /// Behind which line.
    pub(crate) fn after(&self) -> u64 {
        self.after.unwrap_or(0)
    }

    /// How many at the most.
    pub(crate) fn limit(&self) -> u64 {
        self.limit.unwrap_or(1000).clamp(1, MOST_LINES)
    }
}

/// The longest name that a caller may give to a request.
const LONGEST_KEY: usize = 255;

/// The caller's own name for a request.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    key.map(Some).ok_or_else(|| {
        let detail = format!("Idempotency-Key: expected 1 to {LONGEST_KEY} printable letters");
        Problem::new(StatusCode::BAD_REQUEST, "invalid_header", detail)
    })
}

/// A body in JSON. What is wrong with it is named by JSON Pointer.
pub(crate) fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    json_of_bytes(headers, body)
}

/// The same into a value that borrows its texts from the body. A body that is right is read once; one
/// that is wrong a second time, to name the place.
pub(crate) fn json_of_bytes<'a, T: Deserialize<'a>>(
    headers: &HeaderMap,
    body: &'a [u8],
) -> Result<T, Problem> {
    must_be_json(headers)?;
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let wrong = |pointer: String, detail: String| {
        Problem::from(Error::Invalid(vec![FieldError { pointer, code: "invalid", detail }]))
    };
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        wrong(pointer, error.into_inner().to_string())
    })?;
    reader.end().map_err(|error| wrong(String::new(), error.to_string()))?;
    Ok(value)
}

/// An answer that is JSON already.
pub(crate) fn written(json: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// Refuses a body that says of itself that it is not JSON.
pub(crate) fn must_be_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if kind.is_some_and(|kind| !is_json(kind)) {
        let detail = "send the request as application/json".to_owned();
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail));
    }
    Ok(())
}

/// A query that cannot be read.
pub(crate) fn wrong_query(rejection: &QueryRejection) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_query", rejection.body_text())
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json") || kind.to_ascii_lowercase().ends_with("+json")
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
    }
    pointer
}
