//! What is told, before it has the form of any target.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How much something matters.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    #[default]
    Info,
    /// Somebody should look soon.
    Warning,
    /// Somebody should look now.
    Critical,
}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];

    /// As it is stored and written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }

    /// The severity of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

/// A short word and what it is, such as `cluster` and `shop-production`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The word.
    pub name: String,
    /// What it is.
    pub value: String,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its name; the same wherever it is told.
    pub event_id: String,
    /// What kind of thing, in words with dots between, such as `finding.opened`.
    pub event_type: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence.
    pub title: String,
    /// What people want to see beside it.
    pub facts: Vec<Fact>,
    /// What programs want to know.
    pub data: Value,
    /// How often the same happened and was not told since it was last told.
    pub repeats: u64,
    /// Where more about it is; a path of this server, or an address where it knows its own.
    pub link: Option<String>,
}

/// What goes to a target at once: one notice, or a digest of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its name: whoever gets it twice knows by this.
    pub message_id: String,
    /// When it was put together.
    pub created_at: Timestamp,
    /// What is told, the most severe first; not empty.
    pub notices: Vec<Notice>,
    /// Notices that found no place.
    pub left_out: u64,
}

impl Message {
    /// The kind of the message: that of its one notice, or `digest`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        match self.notices.as_slice() {
            [one] if self.left_out == 0 => &one.event_type,
            _ => "digest",
        }
    }

    /// How many things it tells.
    #[must_use]
    pub fn count(&self) -> u64 {
        (self.notices.len() as u64).saturating_add(self.left_out)
    }

    /// The most severe of what it tells.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.notices.iter().map(|notice| notice.severity).max().unwrap_or(Severity::Info)
    }

    /// One line.
    #[must_use]
    pub fn headline(&self) -> String {
        match self.notices.as_slice() {
            [one] if self.left_out == 0 => one.title.clone(),
            notices => {
                let first = notices.first().map_or("", |notice| notice.title.as_str());
                format!("{} notices, first: {first}", self.count())
            }
        }
    }
}

impl Notice {
    /// What is said of repeats; nothing where there were none.
    pub(crate) fn repeated(&self) -> Option<String> {
        match self.repeats {
            0 => None,
            1 => Some("changed once more since it was last told".to_owned()),
            count => Some(format!("changed {count} more times since it was last told")),
        }
    }
}

/// At most so many characters, with a sign where some were cut off.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
pub(crate) mod example {
    use super::*;

    pub(crate) fn notice(number: u64, severity: Severity) -> Notice {
        Notice {
            event_id: format!("event-{number}"),
            event_type: "finding.opened".to_owned(),
            occurred_at: "2026-03-01T10:00:00Z".parse().unwrap(),
            severity,
            title: format!("volume vol-{number} is attached to nothing"),
            facts: vec![Fact { name: "cluster".to_owned(), value: "shop <&> *prod*".to_owned() }],
            data: serde_json::json!({"finding_id": format!("finding-{number}")}),
            repeats: 0,
            link: Some("https://cloudoptim.example/findings/1".to_owned()),
        }
    }

    pub(crate) fn message(count: u64) -> Message {
        Message {
            message_id: "0198c0de-0000-7000-8000-000000000001".to_owned(),
            created_at: "2026-03-01T10:00:05Z".parse().unwrap(),
            notices: (1..=count).map(|number| notice(number, Severity::Warning)).collect(),
            left_out: 0,
        }
    }
}
