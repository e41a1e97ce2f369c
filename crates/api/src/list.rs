//! Answers that several routes have in common: a page of a list, a thing that was made, work that was
//! begun.

use std::convert::Infallible;

use app::fetch::LogLine;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::body::LogQuery;
use crate::problem::Problem;
use crate::table::{ListFormat, Table};

/// A call for a list: where it went, and which format the caller takes.
#[derive(Debug)]
pub(crate) struct Listing {
    uri: Uri,
    accepted: Option<ListFormat>,
}

impl<S: Sync> FromRequestParts<S> for Listing {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Listing, Infallible> {
        let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        Ok(Listing { uri: parts.uri.clone(), accepted: accept.and_then(wanted_most) })
    }
}

impl Listing {
    /// The format: what the query says goes before what the caller accepts.
    pub(crate) fn format(&self, named: Option<ListFormat>) -> ListFormat {
        named.or(self.accepted).unwrap_or(ListFormat::Json)
    }

    /// A list without pages.
    pub(crate) fn whole<T: Serialize + JsonSchema>(
        &self,
        table: Table,
        format: Option<ListFormat>,
        rows: &[T],
    ) -> Result<Response, Problem> {
        let format = self.format(format);
        Ok(table.answered(format, table.written(format, rows)?))
    }

    /// A page of a list whose length is known: the number of all and the way to the next page are in
    /// headers.
    pub(crate) fn page<T: Serialize + JsonSchema>(
        &self,
        table: Table,
        format: Option<ListFormat>,
        (rows, total): (&[T], u64),
        (limit, offset): (u64, u64),
    ) -> Result<Response, Problem> {
        let mut response = self.whole(table, format, rows)?;
        response.headers_mut().insert("x-total-count", HeaderValue::from(total));
        let next = offset.saturating_add(limit);
        if next < total {
            self.point_on(&mut response, &[("limit", limit), ("offset", next)]);
        }
        Ok(response)
    }

    /// A page of a list whose length nobody counts: behind a full page there may be another.
    pub(crate) fn part<T: Serialize + JsonSchema>(
        &self,
        table: Table,
        format: Option<ListFormat>,
        rows: &[T],
        (limit, offset): (u64, u64),
    ) -> Result<Response, Problem> {
        let mut response = self.whole(table, format, rows)?;
        self.follow(&mut response, rows.len(), (limit, offset));
        Ok(response)
    }

    /// Says where the next page is, if the one with so many rows is full.
    pub(crate) fn follow(&self, response: &mut Response, rows: usize, (limit, offset): (u64, u64)) {
        if rows as u64 >= limit {
            let next = offset.saturating_add(limit);
            self.point_on(response, &[("limit", limit), ("offset", next)]);
        }
    }

    /// A page of a list that grows at its front: behind a full page the next one begins at its last row.
    pub(crate) fn behind<T: Serialize + JsonSchema>(
        &self,
        table: Table,
        format: Option<ListFormat>,
        rows: &[T],
        (limit, last): (u64, Option<u64>),
    ) -> Result<Response, Problem> {
        let mut response = self.whole(table, format, rows)?;
        if let Some(last) = last.filter(|_| rows.len() as u64 >= limit) {
            self.point_on(&mut response, &[("limit", limit), ("cursor", last)]);
        }
        Ok(response)
    }

    /// Lines of a log, with the way to those behind them.
    pub(crate) fn log(&self, query: &LogQuery, lines: &[LogLine]) -> Result<Response, Problem> {
        let mut response = self.whole(LOG, query.format, lines)?;
        if let Some(last) = lines.last().filter(|_| lines.len() as u64 >= query.limit()) {
            self.point_on(&mut response, &[("limit", query.limit()), ("after", last.line)]);
        }
        Ok(response)
    }

    /// Says where the next page is: the same question with other places.
    fn point_on(&self, response: &mut Response, places: &[(&str, u64)]) {
        let is_place =
            |pair: &&str| places.iter().any(|(name, _)| pair.split('=').next() == Some(name));
        let asked = self.uri.query().unwrap_or_default().split('&');
        let mut query: Vec<String> =
            asked.filter(|pair| !pair.is_empty() && !is_place(pair)).map(str::to_owned).collect();
        query.extend(places.iter().map(|(name, value)| format!("{name}={value}")));
        let link = format!("<{}?{}>; rel=\"next\"", self.uri.path(), query.join("&"));
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
}

const LOG: Table = Table { name: "log", first: &["line", "logged_at", "message"] };

/// The format that is wanted most; of equals the first.
fn wanted_most(accept: &str) -> Option<ListFormat> {
    let wish = |part: &str| {
        let mut parts = part.split(';').map(str::trim);
        let format = match parts.next()?.to_ascii_lowercase().as_str() {
            "application/json" => ListFormat::Json,
            "text/csv" => ListFormat::Csv,
            "application/x-ndjson" | "application/jsonl" => ListFormat::Jsonl,
            _ => return None,
        };
        let weight = parts.find_map(|one| one.strip_prefix("q=")).map_or(Some(1.0), |weight| {
            weight.parse::<f64>().ok().filter(|weight| weight.is_finite())
        })?;
        (weight > 0.0).then_some((format, weight))
    };
    let mut best: Option<(ListFormat, f64)> = None;
    for (format, weight) in accept.split(',').filter_map(wish) {
        if best.is_none_or(|(_, most)| weight > most) {
            best = Some((format, weight));
        }
    }
    best.map(|(format, _)| format)
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
