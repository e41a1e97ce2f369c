//! The query protocol of EC2: a form in, XML out, pages by token.

use facts::names::Region;
use reqwest::Method;

use crate::request::{Call, Requester};
use crate::{Cursor, Error};

/// The version of the API whose answers the parsers know.
const VERSION: &str = "2016-11-15";

/// The most values of one filter.
const MOST_VALUES: usize = 200;

/// The parameters of one request.
pub(crate) struct Form {
    operation: &'static str,
    pairs: Vec<(String, String)>,
    filters: usize,
    with_token: bool,
}

impl Form {
    pub(crate) fn new(operation: &'static str) -> Form {
        let mut form = Form { operation, pairs: Vec::new(), filters: 0, with_token: false };
        form.set("Action", operation);
        form.set("Version", VERSION);
        form
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.pairs.push((name.to_owned(), value.to_owned()));
    }

    /// Only entries that have one of these values; no values mean no filter. `*` and `?` stand for
    /// any letters and any letter.
    pub(crate) fn filter<'a>(
        &mut self,
        name: &str,
        values: impl Iterator<Item = &'a str>,
    ) -> Result<(), Error> {
        let mut values = values.peekable();
        if values.peek().is_none() {
            return Ok(());
        }
        self.filters += 1;
        let number = self.filters;
        self.set(&format!("Filter.{number}.Name"), name);
        for (position, value) in values.enumerate() {
            if position >= MOST_VALUES {
                let detail = format!("{name} has more than {MOST_VALUES} values; split the query");
                return Err(Error::Configuration { field: "filter", detail });
            }
            self.set(&format!("Filter.{number}.Value.{}", position + 1), value);
        }
        Ok(())
    }

    /// Which page, of how many entries at most.
    pub(crate) fn page(&mut self, cursor: &Cursor, most: u32) {
        self.set("MaxResults", &most.to_string());
        if let Some(token) = &cursor.token {
            self.with_token = true;
            self.set("NextToken", token);
        }
    }

    /// The request, for EC2 of a region.
    pub(crate) fn call(self, requester: &Requester, region: &Region) -> Call {
        let body: Vec<String> = self
            .pairs
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        Call {
            operation: self.operation,
            url: requester.config.ec2(region),
            method: Method::POST,
            headers: vec![(
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
            )],
            body: body.join("&").into_bytes(),
            signed_for: Some(("ec2", region.as_str().to_owned())),
            with_token: self.with_token,
            largest: None,
        }
    }
}

/// Percent-encoding of everything but RFC 3986's unreserved characters.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
