//! What an answer of AWS means for whoever asked: success, try again, or give up, and why.
//!
//! Pure: status, headers and body in, a verdict out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::Error;
use crate::redact::redact;

/// Below this difference of clocks AWS accepts signatures (its limit is five minutes).
const SKEW_ACCEPTED: SignedDuration = SignedDuration::from_secs(240);

/// Why one attempt gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Asked too fast.
    Throttled { code: String, after: Option<Duration> },
    /// Failed on AWS's side.
    Unavailable { detail: String, after: Option<Duration> },
    /// No connection, or it broke.
    Unreachable { detail: String },
    /// Stopped in the middle.
    Cut { detail: String },
    /// Credentials that were valid once.
    Expired { code: String },
    /// Trying again is of no use.
    Final(Error),
}

/// The head of an answer, without the types of any HTTP library.
#[derive(Debug, Default, Clone)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) date: Option<Timestamp>,
    pub(crate) retry_after: Option<String>,
    /// `x-amzn-errortype` of JSON services.
    pub(crate) error_type: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) gzip: bool,
}

/// What the verdict depends on beside the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) operation: &'static str,
    /// Our clock when the answer came.
    pub(crate) now: Timestamp,
    /// Whether the request carried a page token.
    pub(crate) with_token: bool,
}

impl Fault {
    /// The error to report when no attempt is left.
    pub(crate) fn after(self, attempts: u32, operation: &'static str) -> Error {
        match self {
            Fault::Throttled { code, after } => {
                Error::Throttled { operation, code, attempts, retry_after: after }
            }
            Fault::Unavailable { detail, after } => {
                Error::Unavailable { operation, detail, attempts, retry_after: after }
            }
            Fault::Unreachable { detail } => Error::Unreachable { operation, detail, attempts },
            Fault::Cut { detail } => Error::Cut { operation, detail, attempts },
            Fault::Expired { code } => Error::ExpiredCredentials { operation, code },
            Fault::Final(error) => error,
        }
    }
}

/// The fault of an answer whose status is no success.
pub(crate) fn fault_of(head: &Head, body: &[u8], asked: Asked) -> Fault {
    let text = String::from_utf8_lossy(body.get(..16 << 10).unwrap_or(body));
    let code = code_of(head, &text);
    let named = if code.is_empty() { format!("status {}", head.status) } else { code.clone() };
    let message = redact(&message_of(&text));
    let operation = asked.operation;
    let after = head.retry_after.as_deref().and_then(|text| wait_of(text, asked.now));
    if head.status == 429 || is_throttling(&code) {
        return Fault::Throttled { code: named, after };
    }
    if matches!(code.as_str(), "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired") {
        return Fault::Expired { code };
    }
    let about_time = matches!(
        code.as_str(),
        "RequestTimeTooSkewed"
            | "RequestExpired"
            | "RequestInTheFuture"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "AuthFailure"
    );
    if about_time {
        let skew = head.date.map(|date| date.duration_since(asked.now));
        if skew.is_some_and(|skew| skew.abs() >= SKEW_ACCEPTED) {
            return Fault::Final(Error::ClockSkew { operation, code, skew });
        }
        match code.as_str() {
            "RequestTimeTooSkewed" | "RequestInTheFuture" => {
                return Fault::Final(Error::ClockSkew { operation, code, skew: None });
            }
            // EC2 says so of expired session tokens too.
            "RequestExpired" => return Fault::Expired { code },
            _ => {}
        }
    }
    let about_token = code.contains("NextToken") || code.contains("PaginationToken");
    let named_parameter = code.starts_with("InvalidParameter") && message.contains("oken");
    if asked.with_token && (about_token || named_parameter) {
        return Fault::Final(Error::StaleCursor { operation, code });
    }
    if head.status >= 500
        || head.status == 408
        || matches!(code.as_str(), "RequestTimeout" | "InternalError" | "InternalFailure")
    {
        let detail = if code.is_empty() { named } else { format!("{}, {code}", head.status) };
        return Fault::Unavailable { detail, after };
    }
    if matches!(head.status, 401 | 403) || is_denial(&code) {
        return Fault::Final(Error::Denied { operation, code: named, message });
    }
    Fault::Final(Error::Refused { operation, code: named, message })
}

/// Names by which AWS asks to be asked more slowly (the list of its own SDKs, and EC2's).
fn is_throttling(code: &str) -> bool {
    code.contains("Throttl")
        || matches!(
            code,
            "RequestLimitExceeded"
                | "TooManyRequestsException"
                | "SlowDown"
                | "PriorRequestNotComplete"
                | "BandwidthLimitExceeded"
                | "LimitExceededException"
                | "ProvisionedThroughputExceededException"
                | "TransactionInProgressException"
        )
}

fn is_denial(code: &str) -> bool {
    code.starts_with("AccessDenied")
        || code.starts_with("Unauthorized")
        || matches!(
            code,
            "AuthFailure"
                | "Blocked"
                | "IncompleteSignature"
                | "InvalidClientTokenId"
                | "InvalidSignatureException"
                | "MissingAuthenticationToken"
                | "OptInRequired"
                | "SignatureDoesNotMatch"
                | "UnrecognizedClientException"
        )
}

/// The code of an error: a header, `<Code>` of XML, or `__type` of JSON without its namespace.
fn code_of(head: &Head, text: &str) -> String {
    let found = head
        .error_type
        .clone()
        .or_else(|| between(text, "<Code>", "</Code>").map(str::to_owned))
        .or_else(|| json_text(text, &["__type", "code"]));
    let found = found.unwrap_or_default();
    let bare = found.split(':').next().unwrap_or_default();
    let bare = bare.rsplit('#').next().unwrap_or_default().trim();
    bare.chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '.')
        .take(80)
        .collect()
}

fn message_of(text: &str) -> String {
    between(text, "<Message>", "</Message>")
        .map(str::to_owned)
        .or_else(|| json_text(text, &["message", "Message"]))
        .unwrap_or_else(|| text.chars().take(120).collect())
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

fn json_text(text: &str, names: &[&str]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    names.iter().find_map(|name| value.get(name)?.as_str().map(str::to_owned))
}

/// `Retry-After`: seconds, or a date.
fn wait_of(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = http_date(text)?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// The instant of a `Date` header (RFC 9110, section 5.6.7).
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim());
    parsed.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-08-01T12:00:00Z";

    fn judge(status: u16, body: &str, date: Option<&str>, retry_after: Option<&str>) -> Fault {
        let head = Head {
            status,
            date: date.map(|text| http_date(text).unwrap()),
            retry_after: retry_after.map(str::to_owned),
            ..Head::default()
        };
        let asked = Asked { operation: "Describe", now: NOW.parse().unwrap(), with_token: true };
        fault_of(&head, body.as_bytes(), asked)
    }

    fn xml(code: &str) -> String {
        format!("<Response><Errors><Error><Code>{code}</Code><Message>m</Message>")
    }

    #[test]
    fn codes_decide_before_status() {
        let check = |status: u16, body: &str, part: &str| {
            let fault = format!("{:?}", judge(status, body, None, None));
            assert!(fault.contains(part), "{status} {body}: {fault}");
        };
        check(503, &xml("RequestLimitExceeded"), "Throttled { code: \"RequestLimitExceeded\"");
        check(400, "{\"__type\":\"com.amazon#ThrottlingException\"}", "Throttled");
        check(429, "", "Throttled { code: \"status 429\"");
        check(503, "<html>busy</html>", "Unavailable { detail: \"status 503\"");
        check(500, &xml("InternalError"), "Unavailable { detail: \"500, InternalError\"");
        check(400, &xml("ExpiredToken"), "Expired");
        check(400, &xml("RequestExpired"), "Expired");
        check(403, &xml("UnauthorizedOperation"), "Denied");
        check(401, &xml("AuthFailure"), "Denied");
        check(400, "{\"__type\":\"InvalidNextTokenException\"}", "StaleCursor");
        check(400, &xml("InvalidParameterValue"), "Refused");
        check(404, "gone", "Refused { operation: \"Describe\", code: \"status 404\"");
    }

    #[test]
    fn a_wrong_clock_is_measured() {
        let check = |code: &str, date: &str, text: &str| {
            let fault = judge(403, &xml(code), Some(date), None);
            assert!(fault.clone().after(1, "Describe").to_string().contains(text), "{fault:?}");
        };
        let (hour_later, hour_earlier) =
            ("Sat, 01 Aug 2026 13:00:05 GMT", "Sat, 01 Aug 2026 11:00:00 GMT");
        check("RequestTimeTooSkewed", hour_later, "60 min 5 s behind AWS");
        check("SignatureDoesNotMatch", hour_earlier, "60 min 0 s ahead of AWS");
        check("AuthFailure", hour_earlier, "60 min 0 s ahead of AWS");
        check("SignatureDoesNotMatch", "Sat, 01 Aug 2026 12:00:10 GMT", "not allowed");
        check("RequestTimeTooSkewed", "Sat, 01 Aug 2026 12:00:10 GMT", "unknown amount");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |text: &str, expected: Option<u64>| {
            let Fault::Throttled { after, .. } = judge(429, "", None, Some(text)) else {
                unreachable!("429 is throttling");
            };
            assert_eq!(after, expected.map(Duration::from_secs), "{text}");
        };
        check("7", Some(7));
        check("Sat, 01 Aug 2026 12:00:30 GMT", Some(30));
        check("Sat, 01 Aug 2026 11:00:00 GMT", Some(0));
        check("soon", None);
        check("-3", None);
    }
}
