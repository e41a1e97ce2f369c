//! Two pages that need nothing from anywhere else: recent decisions, and the API to try.

use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse, Response};

/// Scripts and styles are inside of the pages; nothing is loaded from elsewhere and nothing is
/// sent elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
     connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

fn page(text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (headers, Html(text)).into_response()
}

/// `GET /`.
pub(crate) async fn home() -> Response {
    page(include_str!("pages/home.html"))
}

/// `GET /api`.
pub(crate) async fn api() -> Response {
    page(include_str!("pages/api.html"))
}
