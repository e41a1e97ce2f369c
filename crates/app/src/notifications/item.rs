//! Events, deliveries and standing conditions as callers see them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::{AlertRow, AttemptRow, DeliveryRow, DeliveryState, EventFilter, EventRow};

use super::wants::check_pattern;
use crate::access::Caller;
use crate::gaps::field;
use crate::{App, Error};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EventItem {
    /// Its name.
    pub event_id: String,
    /// What kind of thing, such as `finding.opened`.
    pub event_type: String,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// At which cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// One sentence.
    pub title: String,
    /// What programs want to know.
    pub details: Value,
    /// Where more about it is, as a path of this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it happened.
    pub occurred_at: Timestamp,
}

/// A message and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DeliveryItem {
    /// Its name in other calls.
    pub delivery_id: String,
    /// The channel.
    pub channel_id: String,
    /// Its name; absent where it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// What it says, in one line.
    pub headline: String,
    /// How many things it tells.
    pub events: u64,
    /// `waiting`, `delivered` or `given_up`.
    pub state: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is tried next; absent once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_try_at: Option<Timestamp>,
    /// When it was delivered or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What the receiver said last, where it speaks HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A message with what it says and every try.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DeliveryDetails {
    /// The message.
    #[serde(flatten)]
    pub item: DeliveryItem,
    /// What it says.
    pub message: Value,
    /// Every try, the first one first.
    pub tries: Vec<AttemptItem>,
}

/// A try of a message.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AttemptItem {
    /// Which one, from 1.
    pub attempt: u32,
    /// When.
    pub tried_at: Timestamp,
    /// How long it took.
    pub milliseconds: u64,
    /// What the receiver said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong; absent where it arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A condition that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AlertItem {
    /// What stands.
    pub alert_key: String,
    /// The kind of event with which it began, such as `snapshot.stale`.
    pub event_type: String,
    /// `warning` or `critical`.
    pub severity: String,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// At which cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// One sentence, as of when it began.
    pub title: String,
    /// Since when.
    pub since: Timestamp,
    /// When it was last seen to stand.
    pub seen_at: Timestamp,
}

/// The state of a word.
///
/// # Errors
/// A word that is none.
pub fn delivery_state_of(word: &str) -> Result<DeliveryState, Error> {
    DeliveryState::from_name(word)
        .ok_or_else(|| field("/state", "invalid", "expected one of waiting, delivered, given_up"))
}

impl App {
    /// What happened, of what the caller may see, the newest first; of a kind, or of a group such as
    /// `job.*`.
    ///
    /// # Errors
    /// A kind that is none, or a store that does not answer.
    pub async fn events(
        &self,
        filter: &EventFilter,
        caller: &Caller,
    ) -> Result<Vec<EventItem>, Error> {
        let confined = caller.confined_to().map(str::to_owned);
        let customer_id = confined.or_else(|| filter.customer_id.clone());
        if let Some(pattern) = &filter.event_type {
            check_pattern(pattern, "/event_type")?;
        }
        // For the store a group ends with its dot, and all of them are no group.
        let kind = filter.event_type.as_deref().map(|pattern| pattern.trim_end_matches('*'));
        let event_type = kind.filter(|kind| !kind.is_empty()).map(str::to_owned);
        let filter = EventFilter { customer_id, event_type, ..filter.clone() };
        Ok(self.store.events(&filter).await?.into_iter().map(event_item).collect())
    }

    /// Conditions that stand, of what the caller may see, the newest first.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn alerts(&self, caller: &Caller) -> Result<Vec<AlertItem>, Error> {
        let rows = self.store.alerts(caller.confined_to()).await?;
        let item = |row: AlertRow| AlertItem {
            alert_key: row.alert_key,
            event_type: row.event_type,
            severity: row.severity,
            customer_id: row.customer_id,
            cluster_id: row.cluster_id,
            title: row.title,
            since: row.since,
            seen_at: row.seen_at,
        };
        Ok(rows.into_iter().map(item).collect())
    }
}

fn event_item(row: EventRow) -> EventItem {
    EventItem {
        event_id: row.event_id.to_string(),
        event_type: row.event_type,
        severity: row.severity,
        customer_id: row.customer_id,
        cluster_id: row.cluster_id,
        title: row.title,
        details: row.detail,
        link: row.link,
        occurred_at: row.occurred_at,
    }
}

impl DeliveryItem {
    pub(super) fn of(row: DeliveryRow, channel: Option<&str>) -> DeliveryItem {
        DeliveryItem {
            delivery_id: row.delivery_id.to_string(),
            channel_id: row.channel_id.to_string(),
            channel: channel.map(str::to_owned),
            headline: row.headline,
            events: row.events,
            state: row.state.name().to_owned(),
            attempts: row.attempts,
            created_at: row.created_at,
            next_try_at: (row.state == DeliveryState::Waiting).then_some(row.next_try_at),
            ended_at: row.ended_at,
            status: row.status,
            error: row.error,
        }
    }
}

impl DeliveryDetails {
    pub(super) fn of(
        row: DeliveryRow,
        attempts: Vec<AttemptRow>,
        channel: Option<&str>,
    ) -> DeliveryDetails {
        let attempt = |row: AttemptRow| AttemptItem {
            attempt: row.attempt,
            tried_at: row.tried_at,
            milliseconds: row.milliseconds,
            status: row.status,
            error: row.error,
        };
        DeliveryDetails {
            message: row.message.clone(),
            item: DeliveryItem::of(row, channel),
            tries: attempts.into_iter().map(attempt).collect(),
        }
    }
}
