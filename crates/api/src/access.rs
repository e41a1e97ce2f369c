//! The door: who calls, and whether the route is theirs.

use std::net::IpAddr;
use std::sync::Arc;

use app::App;
use app::access::{Pass, Refusal, Right};
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// Names the customer whose cluster a call is about, for keys that speak for several.
const CUSTOMER: &str = "x-customer-id";

/// What stands before a route.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) app: Arc<App>,
    pub(crate) right: Right,
}

/// Lets a call through with its [`app::access::Caller`] and [`Pass`] beside it, or refuses it and notes that.
pub(crate) async fn guard(
    State(Door { app, right }): State<Door>,
    mut request: Request,
    next: Next,
) -> Response {
    let sent = key_of(request.headers());
    if sent.is_none() && right != Right::Anybody && is_foreign(request.headers()) {
        let detail = "without a key only this machine's own names may call this server, such as \
                      localhost, and no page of another site"
            .to_owned();
        return Problem::new(StatusCode::FORBIDDEN, "cross_site", detail).into_response();
    }
    let refusal = match app.admit(sent, right).await {
        Ok(Ok(caller)) => {
            let caller = match customer_of(request.headers()) {
                None => caller,
                Some(customer) => match caller.speaking_for(customer) {
                    Ok(caller) => caller,
                    Err(error) => return Problem::from(error).into_response(),
                },
            };
            let pass = Pass::of(sent, right);
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(pass);
            return next.run(request).await;
        }
        Ok(Err(refusal)) => refusal,
        Err(error) => return Problem::from(error).into_response(),
    };
    let what = format!("{} {}", request.method(), request.uri().path());
    app.note_refusal(&what, sent, &refusal).await;
    refused(&refusal, right)
}

/// Whether a page of another site makes the call, as far as can be told. Without keys such a page could
/// otherwise do whatever everybody on this machine can: a browser says so itself, or, where the name
/// of the page's site was made to lead here, calls this machine by that name.
fn is_foreign(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let elsewhere = site.is_some_and(|site| site != b"same-origin" && site != b"none");
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    elsewhere || host.is_some_and(|host| !names_this_machine(host))
}

fn names_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_loopback || name.eq_ignore_ascii_case("localhost") || name.ends_with(".localhost")
}

/// The key of a call: `Authorization: Bearer …`, else `X-API-Key`.
fn key_of(headers: &HeaderMap) -> Option<&str> {
    // A header that is no text, or of another scheme, is a key all the same, though no good one.
    let bearer = headers.get(header::AUTHORIZATION).map(|value| {
        let value = value.to_str().unwrap_or_default();
        let (scheme, key) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("bearer") { key.trim() } else { "" }
    });
    bearer.or_else(|| headers.get("x-api-key").map(|value| value.to_str().unwrap_or_default()))
}

/// The customer that the call says it is about.
fn customer_of(headers: &HeaderMap) -> Option<&str> {
    // What is no text names nobody, and is refused as such.
    headers.get(CUSTOMER).map(|value| value.to_str().unwrap_or_default())
}

fn refused(refusal: &Refusal, right: Right) -> Response {
    let (status, code, detail) = match refusal {
        Refusal::NoKey => (
            StatusCode::UNAUTHORIZED,
            "key_required",
            "send a key as `Authorization: Bearer …` or `X-API-Key: …`; \
             `cloudoptim keys create` makes one"
                .to_owned(),
        ),
        Refusal::BadKey => (
            StatusCode::UNAUTHORIZED,
            "key_invalid",
            "the key is unknown, has ended or was revoked".to_owned(),
        ),
        Refusal::Role(role) => {
            let roles: Vec<&str> = right.roles().map(app::access::Role::name).collect();
            let detail = format!(
                "the key's role is {}; this needs one of {}",
                role.name(),
                roles.join(", ")
            );
            (StatusCode::FORBIDDEN, "forbidden", detail)
        }
    };
    let mut response = Problem::new(status, code, detail).into_response();
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"cloudoptim\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_need_no_key() {
        for (host, expected) in [
            ("localhost:8001", true),
            ("127.0.0.1:8001", true),
            ("[::1]:8001", true),
            ("ui.localhost", true),
            ("evil.example:8001", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("10.0.0.1", false),
            ("a b", false),
        ] {
            assert_eq!(names_this_machine(host), expected, "{host}");
        }
    }

    #[test]
    fn keys_come_in_either_header() {
        let check = |name: &'static str, value: &'static [u8], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_bytes(value).unwrap());
            assert_eq!(key_of(&headers), expected, "{name}");
        };
        check("authorization", b"Bearer cok_a", Some("cok_a"));
        check("authorization", b"bearer  cok_a ", Some("cok_a"));
        check("authorization", b"Basic cok_a", Some(""));
        check("authorization", b"Bearer", Some(""));
        check("x-api-key", b"cok_a", Some("cok_a"));
        check("x-api-key", b"\xff", Some(""));
        check("cookie", b"cok_a", None);
    }
}
