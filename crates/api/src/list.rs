//! Answers that several routes have in common: a page of a list, a thing that was made, work that was
//! begun.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A page of a list: the array as the body, the number of all and the way to the next page in headers.
/// `path` ends where `limit=` may follow.
pub(crate) fn page<T: Serialize>(
    rows: &[T],
    total: u64,
    path: &str,
    limit: u64,
    offset: u64,
) -> Response {
    let mut response = Json(rows).into_response();
    let headers = response.headers_mut();
    headers.insert("x-total-count", HeaderValue::from(total));
    let next = offset.saturating_add(limit);
    if next < total {
        let link = format!("<{path}limit={limit}&offset={next}>; rel=\"next\"");
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.insert(header::LINK, link);
        }
    }
    response
}

/// A text as it may stand in a query: everything but the unreserved letters of RFC 3986 by its bytes.
pub(crate) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

/// A thing that was made, with its place.
pub(crate) fn created<T: Serialize>(place: &str, made: &T) -> Response {
    placed(StatusCode::CREATED, place, made)
}

/// Work that was begun, with the place of its progress; `known` when it had been before.
pub(crate) fn accepted<T: Serialize>(place: &str, begun: &T, known: bool) -> Response {
    let mut response = placed(StatusCode::ACCEPTED, place, begun);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    if known {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

fn placed<T: Serialize>(status: StatusCode, place: &str, body: &T) -> Response {
    let mut response = (status, Json(body)).into_response();
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}
