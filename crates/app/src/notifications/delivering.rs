//! Sending messages until they are there, and the log of that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use notify::{Message, Notice, Outcome, Target};
use serde_json::json;
use store::{AttemptEnd, AttemptRow, DeliveryFilter, DeliveryRow, DeliveryState, Uuid};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::channel::target;
use super::item::{DeliveryDetails, DeliveryItem};
use super::{TEST, severity_of};
use crate::access::Caller;
use crate::{App, Error};

/// How often a server looks for something to tell.
const LOOK: Duration = Duration::from_secs(1);
/// Messages that are sent at once: a slow receiver holds up nobody else.
const SENT_AT_ONCE: u64 = 16;
/// A try takes no longer than this, and nobody else tries the same message for twice as long.
const PATIENCE: Duration = Duration::from_secs(30);
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// Seconds before the next try, by how many have failed. Together they are more than a day.
const PAUSES: [i64; 10] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200];

impl App {
    /// Tells whoever wants to hear it what happens, until the server stops: what is on its way then ends,
    /// what waits is told by the next server.
    pub async fn deliver_notices(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            let stopped = stop.clone();
            if let Err(error) = self.deliver_until(|| *stopped.borrow()).await {
                tracing::warn!(%error, "notices are not delivered");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Tells everything whose time has come, once; how many messages were tried.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn deliver_due_notices(self: &Arc<Self>) -> Result<u64, Error> {
        self.deliver_until(|| false).await
    }

    async fn deliver_until(self: &Arc<Self>, is_over: impl Fn() -> bool) -> Result<u64, Error> {
        self.offer_events().await?;
        self.make_deliveries().await?;
        let mut tried = 0;
        while !is_over() {
            let now = self.clock.now();
            let until = now.checked_add(LEASE).unwrap_or(now);
            let claimed = self.store.claim_deliveries(now, until, SENT_AT_ONCE).await?;
            if claimed.is_empty() {
                return Ok(tried);
            }
            tried += claimed.len() as u64;
            let mut sending = JoinSet::new();
            for delivery in claimed {
                let app = Arc::clone(self);
                sending.spawn(async move { app.send(&delivery).await });
            }
            while let Some(sent) = sending.join_next().await {
                sent.map_err(|error| Error::Internal(error.to_string()))??;
            }
        }
        Ok(tried)
    }

    async fn send(&self, delivery: &DeliveryRow) -> Result<(), Error> {
        let (outcome, attempt) = self.tried(delivery).await;
        let now = self.clock.now();
        let end = match &outcome {
            Outcome::Delivered { .. } => AttemptEnd::Delivered,
            Outcome::Again { pause, .. } => match next_try(delivery, *pause, now) {
                Some(at) => AttemptEnd::Again(at),
                None => AttemptEnd::GivenUp(None),
            },
            Outcome::Never { why, is_gone, .. } => {
                AttemptEnd::GivenUp(is_gone.then(|| why.clone()))
            }
        };
        Ok(self.store.end_attempt(&attempt, &end, now).await?)
    }

    /// Tries a message, and says what is written into its log.
    async fn tried(&self, delivery: &DeliveryRow) -> (Outcome, AttemptRow) {
        let tried_at = self.clock.now();
        let begun = Instant::now();
        let outcome = match self.addressed(delivery, tried_at).await {
            Ok((target, message)) => {
                let sent = self.sender.send(&target, &message, tried_at);
                tokio::time::timeout(PATIENCE, sent).await.unwrap_or_else(|_| Outcome::Again {
                    status: None,
                    why: "no answer in time".to_owned(),
                    pause: None,
                })
            }
            Err(error) => Outcome::Again { status: None, why: error.to_string(), pause: None },
        };
        let (status, error) = match &outcome {
            Outcome::Delivered { status } => (*status, None),
            Outcome::Again { status, why, .. } | Outcome::Never { status, why, .. } => {
                (*status, Some(why.clone()))
            }
        };
        let attempt = AttemptRow {
            delivery_id: delivery.delivery_id,
            attempt: delivery.attempts,
            tried_at,
            milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            status,
            error,
        };
        (outcome, attempt)
    }

    async fn addressed(
        &self,
        delivery: &DeliveryRow,
        now: Timestamp,
    ) -> Result<(Target, Message), Error> {
        let message: Message = serde_json::from_value(delivery.message.clone())
            .map_err(|error| Error::Internal(format!("the message is damaged: {error}")))?;
        let channel = self.channel_row(&delivery.channel_id.to_string()).await?;
        Ok((target(&channel, now)?, message))
    }

    /// Tries a channel here and now, also one that is switched off. What came of it is in the log like
    /// everything else, and is not tried again.
    ///
    /// # Errors
    /// No such channel, or a store that does not answer.
    pub async fn test_channel(
        &self,
        channel: &str,
        caller: &Caller,
    ) -> Result<DeliveryItem, Error> {
        let row = self.channel_row(channel).await?;
        let now = self.clock.now();
        let notice = Notice {
            event_id: format!("test-{}", now.as_microsecond()),
            event_type: TEST.to_owned(),
            occurred_at: now,
            severity: severity_of(TEST),
            title: format!("this is a test of the channel `{}`", row.name),
            facts: vec![super::telling::fact("asked for by", &caller.name)],
            data: json!({}),
            repeats: 0,
            link: None,
        };
        let delivery = self.delivery(&row, vec![notice], 0, now)?;
        let delivery = DeliveryRow { attempts: 1, ..delivery };
        let (outcome, attempt) = self.tried(&delivery).await;
        let delivered = matches!(outcome, Outcome::Delivered { .. });
        let delivery = DeliveryRow {
            state: if delivered { DeliveryState::Delivered } else { DeliveryState::GivenUp },
            ended_at: Some(self.clock.now()),
            status: attempt.status,
            error: attempt.error.clone(),
            ..delivery
        };
        let detail = json!({ "name": row.name, "delivered": delivered });
        let note = self.note(caller, "channel.test", row.channel_id.to_string(), detail);
        self.store.add_delivery(&delivery, Some(&attempt), &note).await?;
        Ok(DeliveryItem::of(delivery, Some(&row.name)))
    }

    /// Messages and what became of them, the newest first.
    ///
    /// # Errors
    /// No such channel, or a store that does not answer.
    pub async fn deliveries(
        &self,
        channel: Option<&str>,
        state: Option<DeliveryState>,
        (limit, offset): (u64, u64),
    ) -> Result<Vec<DeliveryItem>, Error> {
        let channels = self.store.channels().await?;
        let name_of = |id: Uuid| channels.iter().find(|row| row.channel_id == id);
        let channel_id = match channel {
            None => None,
            // The log of a channel that was removed is still there.
            Some(channel) => match channel.parse() {
                Ok(id) => Some(id),
                Err(_) => Some(self.channel_row(channel).await?.channel_id),
            },
        };
        let filter = DeliveryFilter { channel_id, state, offset, limit };
        let rows = self.store.deliveries(&filter).await?;
        let item = |row: DeliveryRow| {
            let name = name_of(row.channel_id).map(|channel| channel.name.as_str());
            DeliveryItem::of(row, name)
        };
        Ok(rows.into_iter().map(item).collect())
    }

    /// One message with every try.
    ///
    /// # Errors
    /// There is none of this name, or the store does not answer.
    pub async fn delivery_details(&self, delivery_id: &str) -> Result<DeliveryDetails, Error> {
        let (row, attempts) = self.delivery_row(delivery_id).await?;
        let channels = self.store.channels().await?;
        let channel = channels.iter().find(|channel| channel.channel_id == row.channel_id);
        Ok(DeliveryDetails::of(row, attempts, channel.map(|channel| channel.name.as_str())))
    }

    /// Sends a message again, under its own name, so that a receiver that has it knows it.
    ///
    /// # Errors
    /// There is none of this name, its channel is gone or switched off, or the store does not answer.
    pub async fn deliver_again(
        &self,
        delivery_id: &str,
        caller: &Caller,
    ) -> Result<DeliveryItem, Error> {
        let (old, _) = self.delivery_row(delivery_id).await?;
        let channel = self.channel_row(&old.channel_id.to_string()).await?;
        if !channel.enabled {
            return Err(Error::Taken(format!("channel `{}` is switched off", channel.name)));
        }
        let now = self.clock.now();
        let new = DeliveryRow {
            delivery_id: crate::ids::timed_id(now, old.delivery_id.as_bytes()),
            state: DeliveryState::Waiting,
            attempts: 0,
            created_at: now,
            next_try_at: now,
            ended_at: None,
            status: None,
            error: None,
            ..old
        };
        let detail = json!({ "of": delivery_id, "name": channel.name });
        let note = self.note(caller, "delivery.repeat", new.delivery_id.to_string(), detail);
        self.store.add_delivery(&new, None, &note).await?;
        Ok(DeliveryItem::of(new, Some(&channel.name)))
    }

    async fn delivery_row(
        &self,
        delivery_id: &str,
    ) -> Result<(DeliveryRow, Vec<AttemptRow>), Error> {
        let shown: String = delivery_id.chars().take(60).collect();
        let unknown = || Error::NotFound(format!("there is no delivery `{shown}`"));
        let id: Uuid = delivery_id.parse().map_err(|_| unknown())?;
        self.store.delivery(id).await?.ok_or_else(unknown)
    }
}

/// When a message is tried next: later each time, at an instant that differs between messages, and not
/// before the receiver wants to be asked again. `None` when it was tried often enough.
fn next_try(delivery: &DeliveryRow, pause: Option<Duration>, now: Timestamp) -> Option<Timestamp> {
    let failed = usize::try_from(delivery.attempts).ok()?.checked_sub(1)?;
    let seconds = *PAUSES.get(failed)?;
    let own =
        [delivery.delivery_id.as_bytes().as_slice(), &delivery.attempts.to_le_bytes()].concat();
    let spread = i64::from(blake3::hash(&own).as_bytes()[0]);
    let millis = seconds * 1000 + seconds * 1000 * spread / (5 * 255);
    let asked = pause.and_then(|pause| i64::try_from(pause.as_millis()).ok()).unwrap_or(0);
    now.checked_add(SignedDuration::from_millis(millis.max(asked))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_go_on_for_more_than_a_day() {
        let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let mut delivery = DeliveryRow {
            delivery_id: Uuid::from_u128(7),
            channel_id: Uuid::nil(),
            message: json!({}),
            headline: String::new(),
            events: 1,
            state: DeliveryState::Waiting,
            attempts: 1,
            created_at: start,
            next_try_at: start,
            ended_at: None,
            status: None,
            error: None,
        };
        let mut now = start;
        while let Some(next) = next_try(&delivery, None, now) {
            assert!(next > now);
            now = next;
            delivery.attempts += 1;
        }
        assert!(now.duration_since(start) > SignedDuration::from_hours(24));
        assert_eq!(delivery.attempts as usize, PAUSES.len() + 1);
        delivery.attempts = 1;
        let asked = next_try(&delivery, Some(Duration::from_secs(900)), start).unwrap();
        assert_eq!(asked.duration_since(start), SignedDuration::from_secs(900));
    }
}
