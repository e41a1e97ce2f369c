//! One message to one target, once.

use std::error::Error as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use crate::guard::{Refused, Rules, Vetted};
use crate::mail::{MailServer, Recipients};
use crate::message::Message;
use crate::secret::Secret;
use crate::{slack, teams, webhook};

const CONNECT: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(10);
/// Of an answer so much is read, so that the connection ends well, and nothing of it is kept.
const LARGEST_ANSWER: usize = 64 * 1024;
/// The longest that a receiver may ask to be left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// Where a message goes.
#[derive(Clone, Debug)]
pub enum Target {
    /// A program that checks signatures.
    Webhook {
        /// Its address.
        url: String,
        /// What it may know: one secret, and the one before while both count.
        secrets: Vec<Secret>,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// Its address; whoever has it can write there.
        url: String,
    },
    /// A webhook of a workflow of Teams.
    Teams {
        /// Its address; the same.
        url: String,
    },
    /// People.
    Mail(Recipients),
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there.
    Delivered {
        /// What the receiver said, where it speaks HTTP.
        status: Option<u16>,
    },
    /// Trying again may help.
    Again {
        /// What the receiver said.
        status: Option<u16>,
        /// In words.
        why: String,
        /// Not sooner than this, where the receiver asked for it.
        pause: Option<Duration>,
    },
    /// Trying again does not help.
    Never {
        /// What the receiver said.
        status: Option<u16>,
        /// In words.
        why: String,
        /// Whether the receiver wants no more messages at all.
        is_gone: bool,
    },
}

impl Outcome {
    pub(crate) fn again(why: String) -> Outcome {
        Outcome::Again { status: None, why, pause: None }
    }

    pub(crate) fn never(why: String) -> Outcome {
        Outcome::Never { status: None, why, is_gone: false }
    }
}

/// Sends messages.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    rules: Rules,
    mail: Option<MailServer>,
}

impl Sender {
    /// Under rules about addresses, with a server for mail where there is one.
    #[must_use]
    pub fn new(rules: Rules, mail: Option<MailServer>) -> Sender {
        Sender { rules, mail }
    }

    /// The rules about addresses.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether there is a server for mail.
    #[must_use]
    pub fn has_mail(&self) -> bool {
        self.mail.is_some()
    }

    /// Sends a message, at the instant `now` that its signature tells.
    pub async fn send(&self, target: &Target, message: &Message, now: Timestamp) -> Outcome {
        match target {
            Target::Webhook { url, secrets } => {
                let body = webhook::body_of(message);
                let signature = webhook::signature(secrets, &message.message_id, now, &body);
                let headers = vec![
                    ("webhook-id", message.message_id.clone()),
                    ("webhook-timestamp", now.as_second().to_string()),
                    ("webhook-signature", signature),
                ];
                self.post(url, headers, body, now).await
            }
            Target::Slack { url } => {
                self.post(url, Vec::new(), slack::body(message).to_string(), now).await
            }
            Target::Teams { url } => {
                self.post(url, Vec::new(), teams::body(message).to_string(), now).await
            }
            Target::Mail(recipients) => match &self.mail {
                Some(server) => server.send(recipients, message).await,
                None => Outcome::again(
                    "this server sends no mail: SMTP_URL and SMTP_FROM name none".to_owned(),
                ),
            },
        }
    }

    async fn post(
        &self,
        url: &str,
        headers: Vec<(&'static str, String)>,
        body: String,
        now: Timestamp,
    ) -> Outcome {
        let vetted = match tokio::time::timeout(CONNECT, self.rules.vet(url)).await {
            Ok(Ok(vetted)) => vetted,
            Ok(Err(Refused::Never(why))) => return Outcome::never(why),
            Ok(Err(Refused::Unresolved(why))) => return Outcome::again(why),
            Err(_) => return Outcome::again("its name was not resolved in time".to_owned()),
        };
        let client = match client(&vetted) {
            Ok(client) => client,
            Err(error) => return Outcome::again(format!("no client: {}", without_address(&error))),
        };
        let mut request =
            client.post(vetted.url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(response) => judged(response, now).await,
            Err(error) => Outcome::again(without_address(&error)),
        }
    }
}

/// A client that connects to what was let pass and to nothing else, and follows nobody.
fn client(vetted: &Vetted) -> Result<Client, reqwest::Error> {
    // Whoever was first has chosen; ring is the only provider that is compiled in.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .resolve_to_addrs(&vetted.host, &vetted.addresses)
        .connect_timeout(CONNECT)
        .timeout(PATIENCE)
        .user_agent("cloudoptim")
        .build()
}

async fn judged(response: Response, now: Timestamp) -> Outcome {
    let status = response.status().as_u16();
    let asked = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let pause = asked.and_then(|asked| pause(asked, now));
    read_off(response).await;
    match status {
        200..=299 => Outcome::Delivered { status: Some(status) },
        410 => Outcome::Never {
            status: Some(status),
            why: "the receiver answers 410: it is gone".to_owned(),
            is_gone: true,
        },
        300..=399 => Outcome::Again {
            status: Some(status),
            why: format!("the receiver answers {status} and points elsewhere; nobody follows"),
            pause,
        },
        _ => Outcome::Again {
            status: Some(status),
            why: format!("the receiver answers {status}"),
            pause,
        },
    }
}

/// How long a receiver wants to be left alone: seconds, or until an instant (RFC 9110, 10.2.3).
fn pause(asked: &str, now: Timestamp) -> Option<Duration> {
    let asked = asked.trim();
    let seconds = asked.parse().ok().map(Duration::from_secs);
    let until = || {
        let until = rfc2822::DateTimeParser::new().parse_timestamp(asked).ok()?;
        Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
    };
    Some(seconds.or_else(until)?.min(LONGEST_PAUSE))
}

async fn read_off(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > LARGEST_ANSWER {
            return;
        }
    }
}

/// What went wrong, down to its cause, without the address: it may be a secret.
fn without_address(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    let what = if error.is_connect() { "no connection" } else { "no answer" };
    match error.source() {
        Some(_) => format!("{what}: {deepest}"),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_until_an_instant() {
        let now: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let check = |asked: &str, expected: Option<u64>| {
            assert_eq!(pause(asked, now), expected.map(Duration::from_secs), "{asked}");
        };
        check("120", Some(120));
        check(" 5 ", Some(5));
        check("Sun, 01 Mar 2026 10:02:00 GMT", Some(120));
        check("Sun, 01 Mar 2026 09:00:00 GMT", Some(0));
        check("Tue, 01 Mar 2033 10:00:00 GMT", Some(24 * 3600));
        check("99999999999", Some(24 * 3600));
        check("-5", None);
        check("soon", None);
    }
}
