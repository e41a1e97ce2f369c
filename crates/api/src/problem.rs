//! Every answer that is not what was asked for, in one shape (RFC 9457).

use std::any::Any;

use app::{Error, FieldError};
use axum::body::Body;
use axum::extract::rejection::BytesRejection;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

/// A problem.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// A stable name of the kind of problem.
    r#type: String,
    /// The kind in words.
    title: &'static str,
    /// The status code.
    status: u16,
    /// A stable word for programs.
    code: &'static str,
    /// What happened this time, and what to do.
    detail: String,
    /// What was wrong with fields of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<FieldProblem>")]
    errors: Vec<FieldError>,
}

/// What is wrong with one field.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct FieldProblem {
    /// JSON Pointer into the body.
    pointer: String,
    /// A stable word.
    code: String,
    /// What is wrong and what was expected.
    detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: String) -> Problem {
        Problem {
            r#type: format!("urn:cloudoptim:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Problem"),
            status: status.as_u16(),
            code,
            detail,
            errors: Vec::new(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, kind, body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = header::HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, soon);
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        match error {
            Error::NotFound(detail) => Problem::new(StatusCode::NOT_FOUND, "not_found", detail),
            Error::Conflict(detail) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "request_id_reused", detail)
            }
            Error::Taken(detail) => Problem::new(StatusCode::CONFLICT, "conflict", detail),
            Error::Outdated(detail) => {
                Problem::new(StatusCode::PRECONDITION_FAILED, "outdated", detail)
            }
            Error::Unavailable(detail) => {
                tracing::warn!(%detail, "unavailable");
                let detail = "something that is needed does not answer; try again".to_owned();
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            }
            Error::Internal(detail) => {
                tracing::error!(%detail, "internal error");
                let detail = "a fault of the server; it was logged".to_owned();
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
            }
            Error::Invalid(errors) => {
                let first = errors.first();
                let detail = first.map_or_else(
                    || "the request cannot be used".to_owned(),
                    |field| format!("{}: {}", field.pointer, field.detail),
                );
                let problem = Problem::new(StatusCode::BAD_REQUEST, "invalid_request", detail);
                Problem { errors, ..problem }
            }
        }
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Problem {
        let status = rejection.status();
        let code = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
            _ => "body_unreadable",
        };
        Problem::new(status, code, rejection.body_text())
    }
}

/// No such path.
pub(crate) async fn no_route(uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}; see /api/v1/openapi.json", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "no_such_route", detail)
}

/// The path exists, the method does not.
pub(crate) async fn no_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

/// A handler panicked. The decision is lost, the server is not.
pub(crate) fn of_panic(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    tracing::error!("a handler panicked");
    let detail = "a fault of the server; it was logged".to_owned();
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "panic", detail).into_response()
}
