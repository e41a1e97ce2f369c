//! Webhooks as Standard Webhooks 1.0 has them: one JSON body, three headers, signatures by secrets.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;

use crate::message::{Fact, Message, Notice, cut};
use crate::secret::Secret;

/// The largest body, in bytes: the specification advises to stay under 20 kB.
pub const LARGEST_BODY: usize = 20_000;

/// The longest title and value in a body, in characters.
const LONGEST_TEXT: usize = 500;

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    One(One<'a>),
    Digest { count: u64, left_out: u64, events: Vec<One<'a>> },
}

#[derive(Serialize)]
struct One<'a> {
    event_id: &'a str,
    event_type: &'a str,
    occurred_at: Timestamp,
    severity: &'static str,
    title: String,
    facts: Vec<Fact>,
    repeats: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    details: &'a Value,
}

fn one(notice: &Notice) -> One<'_> {
    let short = |fact: &Fact| Fact {
        name: cut(&fact.name, LONGEST_TEXT),
        value: cut(&fact.value, LONGEST_TEXT),
    };
    One {
        event_id: &notice.event_id,
        event_type: &notice.event_type,
        occurred_at: notice.occurred_at,
        severity: notice.severity.name(),
        title: cut(&notice.title, LONGEST_TEXT),
        facts: notice.facts.iter().map(short).collect(),
        repeats: notice.repeats,
        link: notice.link.as_deref(),
        details: &notice.data,
    }
}

/// The body of a message, at most [`LARGEST_BODY`] bytes: what finds no place is counted in `left_out`.
#[must_use]
pub fn body_of(message: &Message) -> String {
    let is_digest = message.event_type() == "digest";
    let mut shown = message.notices.len();
    loop {
        let left_out = message.count().saturating_sub(shown as u64);
        let data = match message.notices.first() {
            Some(notice) if !is_digest => Data::One(one(notice)),
            _ => Data::Digest {
                count: message.count(),
                left_out,
                events: message.notices.iter().take(shown).map(one).collect(),
            },
        };
        let body = Body { r#type: message.event_type(), timestamp: message.created_at, data };
        let text = serde_json::to_string(&body).unwrap_or_default();
        if text.len() <= LARGEST_BODY {
            return text;
        }
        if shown == 0 || !is_digest {
            return without_details(message);
        }
        shown /= 2;
    }
}

/// The smallest body: what a single notice is about, without its details.
fn without_details(message: &Message) -> String {
    let Some(notice) = message.notices.first() else { return String::new() };
    let bare = One { facts: Vec::new(), details: &Value::Null, ..one(notice) };
    let body =
        Body { r#type: message.event_type(), timestamp: message.created_at, data: Data::One(bare) };
    serde_json::to_string(&body).unwrap_or_default()
}

/// The value of `webhook-signature`: one signature for each secret, `v1,` and base64.
#[must_use]
pub fn signature(secrets: &[Secret], message_id: &str, at: Timestamp, body: &str) -> String {
    let one = |secret: &Secret| {
        // A key of any length is taken.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).ok()?;
        mac.update(message_id.as_bytes());
        mac.update(format!(".{}.", at.as_second()).as_bytes());
        mac.update(body.as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    secrets.iter().filter_map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::example;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // The example of the reference implementations.
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let body = r#"{"test": 2432232314}"#;
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(
            signature(std::slice::from_ref(&secret), id, at, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        let other = Secret::of_bytes(&[1; 24]).unwrap();
        let both = signature(&[secret, other], id, at, body);
        assert_eq!(both.split(' ').count(), 2);
    }

    #[test]
    fn one_notice_is_itself_and_several_are_a_digest() {
        let body: Value = serde_json::from_str(&body_of(&example::message(1))).unwrap();
        assert_eq!(body["type"], "finding.opened");
        assert_eq!(body["data"]["details"]["finding_id"], "finding-1");
        let body: Value = serde_json::from_str(&body_of(&example::message(3))).unwrap();
        assert_eq!(body["type"], "digest");
        assert_eq!(body["data"]["events"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn no_body_is_too_large_and_what_is_left_out_is_counted() {
        let mut message = example::message(400);
        let text = body_of(&message);
        assert!(text.len() <= LARGEST_BODY);
        let body: Value = serde_json::from_str(&text).unwrap();
        let shown = body["data"]["events"].as_array().unwrap().len() as u64;
        assert!(shown > 10);
        assert_eq!(body["data"]["left_out"], 400 - shown);
        message.notices.truncate(1);
        message.notices[0].data = Value::String("x".repeat(30_000));
        message.notices[0].title = "t".repeat(30_000);
        let text = body_of(&message);
        assert!(text.len() <= LARGEST_BODY);
        assert!(text.contains("\"details\":null"));
    }
}
