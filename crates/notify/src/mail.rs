//! Messages as plain mail.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message as Letter};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use crate::message::{Message, Notice, cut};
use crate::send::Outcome;

/// Notices that are written out.
const MOST_SHOWN: usize = 100;
const SUBJECT: usize = 150;
/// Addresses of one target.
const MOST_RECIPIENTS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(20);

/// The server that takes mail, as the operator has named it.
#[derive(Clone)]
pub struct MailServer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Who gets a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipients(Vec<Mailbox>);

impl fmt::Debug for MailServer {
    /// Without the password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MailServer from {}", self.from)
    }
}

impl MailServer {
    /// A server at an address such as `smtps://user:password@mail.example.com` or
    /// `smtp://user:password@mail.example.com:587?tls=required`, and who its mails are from.
    ///
    /// # Errors
    /// An address that is none.
    pub fn new(address: &str, from: &str) -> Result<MailServer, String> {
        let from: Mailbox = from.trim().parse().map_err(|_| {
            "SMTP_FROM: expected an address such as `CloudOptim <alerts@example.com>`".to_owned()
        })?;
        // The error is not shown: it may repeat the password.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(address.trim())
            .map_err(|_| {
                "SMTP_URL: expected an address such as smtps://user:password@mail.example.com \
                 or smtp://mail.example.com:587?tls=required"
                    .to_owned()
            })?
            .timeout(Some(PATIENCE))
            .build();
        Ok(MailServer { transport, from })
    }

    pub(crate) async fn send(&self, recipients: &Recipients, message: &Message) -> Outcome {
        let letter = match self.letter(recipients, message) {
            Ok(letter) => letter,
            Err(error) => return Outcome::never(format!("the mail cannot be written: {error}")),
        };
        match self.transport.send(letter).await {
            Ok(_) => Outcome::Delivered { status: None },
            Err(error) if error.is_permanent() => {
                Outcome::never(format!("the mail server refuses it: {}", plainly(&error)))
            }
            Err(error) => Outcome::again(format!("the mail server: {}", plainly(&error))),
        }
    }

    fn letter(
        &self,
        recipients: &Recipients,
        message: &Message,
    ) -> Result<Letter, lettre::error::Error> {
        let domain = self.from.email.domain();
        let subject = format!("[CloudOptim] {}", cut(&message.headline(), SUBJECT));
        // A line break would begin another header.
        let subject: String =
            subject.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let mut letter = Letter::builder()
            .from(self.from.clone())
            .subject(subject)
            // The same name for each try, so that a mail that came twice can be known.
            .message_id(Some(format!("<{}@{domain}>", message.message_id)));
        for recipient in &recipients.0 {
            letter = letter.to(recipient.clone());
        }
        letter.header(ContentType::TEXT_PLAIN).body(text(message))
    }
}

/// The words of an error without what the server said on several lines.
fn plainly(error: &lettre::transport::smtp::Error) -> String {
    cut(&error.to_string().replace(['\r', '\n'], " "), 200)
}

impl Recipients {
    /// One to 20 addresses.
    ///
    /// # Errors
    /// Which of them is none.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Recipients, String> {
        if texts.is_empty() || texts.len() > MOST_RECIPIENTS {
            return Err(format!("expected 1 to {MOST_RECIPIENTS} addresses"));
        }
        let read = |text: &S| {
            let text = text.as_ref().trim();
            text.parse::<Mailbox>().map_err(|_| format!("`{}` is no address", cut(text, 100)))
        };
        Ok(Recipients(texts.iter().map(read).collect::<Result<_, _>>()?))
    }
}

/// A mail's text.
fn text(message: &Message) -> String {
    let mut text = String::new();
    for notice in message.notices.iter().take(MOST_SHOWN) {
        of_notice(&mut text, notice);
    }
    let hidden = message.count().saturating_sub(MOST_SHOWN as u64);
    if hidden > 0 {
        let _ = writeln!(text, "… and {hidden} more.\n");
    }
    let _ = writeln!(text, "-- \nCloudOptim ML Server, {}", message.created_at);
    text
}

/// Writing into a string cannot fail.
fn of_notice(text: &mut String, notice: &Notice) {
    let _ = writeln!(text, "{}", notice.title);
    let _ = writeln!(
        text,
        "  {}, {}, {}",
        notice.event_type,
        notice.severity.name(),
        notice.occurred_at
    );
    for fact in &notice.facts {
        let _ = writeln!(text, "  {}: {}", fact.name, fact.value);
    }
    if let Some(repeated) = notice.repeated() {
        let _ = writeln!(text, "  {repeated}");
    }
    if let Some(link) = &notice.link {
        let _ = writeln!(text, "  {link}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::example;

    #[tokio::test]
    async fn a_letter_has_one_subject_and_the_name_of_its_message() {
        let server = MailServer::new("smtp://mail.example.com", "Cost <cost@example.com>").unwrap();
        let mut message = example::message(1);
        message.notices[0].title = "one\r\nBcc: all@example.com".to_owned();
        let to = Recipients::parse(&["Ana <ana@example.com>", "bo@example.com"]).unwrap();
        let letter = String::from_utf8(server.letter(&to, &message).unwrap().formatted()).unwrap();
        let (head, body) = letter.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("\r\nBcc"), "{head}");
        assert!(head.contains("Message-ID: <0198c0de-0000-7000-8000-000000000001@example.com>"));
        assert!(body.contains("finding.opened"), "{body}");
        assert!(!format!("{server:?}").contains("mail.example.com"));
    }

    #[test]
    fn addresses_are_read_or_refused() {
        assert!(Recipients::parse::<&str>(&[]).is_err());
        assert!(Recipients::parse(&["nobody"]).is_err());
        assert!(Recipients::parse(&["a@b.example\r\nBcc: c@d.example"]).is_err());
        let refused = MailServer::new("https://user:hunter2@x", "a@b.example").unwrap_err();
        assert!(!refused.contains("hunter2"));
        assert!(MailServer::new("smtp://x", "nobody").is_err());
    }
}
