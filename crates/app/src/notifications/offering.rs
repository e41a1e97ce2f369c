//! Asking every channel whether it wants what happened, and putting together what its time has come for.

use std::cmp::Reverse;

use jiff::Timestamp;
use notify::{Fact, Message, Notice, Severity};
use store::{ChannelRow, DeliveryRow, DeliveryState, EventRow, Offer, Pending};

use super::channel::wants;
use super::wants::savings_of;
use crate::ids::timed_id;
use crate::{App, Error};

/// Events that are offered in one transaction.
const OFFERED_AT_ONCE: u64 = 500;
/// What one message can tell of; more comes in the next one.
const MOST_EVENTS: u64 = 1000;
/// What one message writes out; the rest is counted.
const MOST_NOTICES: usize = 100;

impl App {
    /// Offers what has happened to every channel.
    pub(super) async fn offer_events(&self) -> Result<(), Error> {
        loop {
            let events = self.store.events_to_offer(OFFERED_AT_ONCE).await?;
            if events.is_empty() {
                return Ok(());
            }
            let now = self.clock.now();
            let channels = self.store.channels().await?;
            let mut asked = Vec::new();
            for row in channels.iter().filter(|row| row.enabled) {
                asked.push((row.channel_id, wants(row)?));
            }
            let offers: Vec<Offer> = events
                .iter()
                .map(|event| Offer {
                    event_id: event.event_id,
                    dedupe_key: event.dedupe_key.clone(),
                    wanted: asked
                        .iter()
                        .filter(|(_, wants)| wants.covers(event))
                        .map(|(channel, wants)| (*channel, wants.due_at(event, now)))
                        .collect(),
                })
                .collect();
            self.store.offer_events(&offers).await?;
        }
    }

    /// Makes messages of what is due. What a channel was told lately waits until it may be told again.
    pub(super) async fn make_deliveries(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let due = self.store.channels_due(now).await?;
        if due.is_empty() {
            return Ok(());
        }
        let channels = self.store.channels().await?;
        for row in channels.iter().filter(|row| row.enabled && due.contains(&row.channel_id)) {
            let wants = wants(row)?;
            loop {
                let pending = self.store.pending(row.channel_id, now, MOST_EVENTS).await?;
                let is_last = (pending.len() as u64) < MOST_EVENTS;
                let is_quiet =
                    |one: &Pending| one.told_at.is_some_and(|told| wants.quiet_until(told) > now);
                let (quiet, taken): (Vec<_>, Vec<_>) = pending.into_iter().partition(is_quiet);
                let later = |one: &Pending| {
                    let until = wants.quiet_until(one.told_at.unwrap_or(now));
                    (one.event.dedupe_key.clone(), until)
                };
                let later: Vec<_> = quiet.iter().map(later).collect();
                self.store.put_off(row.channel_id, &later).await?;
                if !taken.is_empty() {
                    let delivery = self.delivery_of(row, &taken, now)?;
                    // Where another server was quicker, the next round sees what is left.
                    self.store.make_delivery(&delivery, &taken).await?;
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(())
    }

    fn delivery_of(
        &self,
        channel: &ChannelRow,
        taken: &[Pending],
        now: Timestamp,
    ) -> Result<DeliveryRow, Error> {
        let mut sorted: Vec<&Pending> = taken.iter().collect();
        sorted.sort_by_key(|one| {
            let severity = Severity::from_name(&one.event.severity);
            (Reverse(severity), Reverse(savings_of(&one.event)), one.event.occurred_at)
        });
        let notices: Vec<Notice> = sorted
            .iter()
            .take(MOST_NOTICES)
            .map(|one| self.notice(&one.event, one.repeats))
            .collect();
        let left_out = (taken.len() - notices.len()) as u64;
        self.delivery(channel, notices, left_out, now)
    }

    /// A message on its way to a channel.
    pub(super) fn delivery(
        &self,
        channel: &ChannelRow,
        notices: Vec<Notice>,
        left_out: u64,
        now: Timestamp,
    ) -> Result<DeliveryRow, Error> {
        let own: Vec<u8> = notices
            .iter()
            .flat_map(|notice| notice.event_id.bytes())
            .chain(channel.name.bytes())
            .collect();
        let delivery_id = timed_id(now, &own);
        let message =
            Message { message_id: delivery_id.to_string(), created_at: now, notices, left_out };
        Ok(DeliveryRow {
            delivery_id,
            channel_id: channel.channel_id,
            headline: message.headline(),
            events: message.count(),
            message: serde_json::to_value(&message)
                .map_err(|error| Error::Internal(error.to_string()))?,
            state: DeliveryState::Waiting,
            attempts: 0,
            created_at: now,
            next_try_at: now,
            ended_at: None,
            status: None,
            error: None,
        })
    }

    pub(super) fn notice(&self, event: &EventRow, repeats: u64) -> Notice {
        let facts: Vec<Fact> = serde_json::from_value(event.facts.clone()).unwrap_or_default();
        Notice {
            event_id: event.event_id.to_string(),
            event_type: event.event_type.clone(),
            occurred_at: event.occurred_at,
            severity: Severity::from_name(&event.severity).unwrap_or(Severity::Info),
            title: event.title.clone(),
            facts,
            data: event.detail.clone(),
            repeats,
            link: event.link.as_deref().map(|path| self.reached_at(path)),
        }
    }
}
