//! Predictions as they are kept, for whoever watches: in one order, without gaps that are not told.

use std::sync::Arc;

use serde::Serialize;
use store::{PredictionFilter, PredictionRow, Uuid};
use tokio::sync::{broadcast, watch};

use crate::{App, Error};

/// Events that a slow reader may be behind before it misses some.
const MOST_BEHIND: usize = 4096;

/// Predictions that are read from the store at once.
const AT_ONCE: u64 = 1000;

/// One prediction, written once for every reader.
#[derive(Clone, Debug)]
pub struct LiveEvent {
    /// Its place in the order of all predictions.
    pub sequence: u64,
    /// The customer whose key asked; empty for others.
    pub customer_id: Arc<str>,
    /// The event as JSON.
    pub json: Arc<str>,
}

/// What readers listen to.
#[derive(Debug)]
pub(crate) struct Live {
    events: broadcast::Sender<LiveEvent>,
    ended: watch::Sender<bool>,
}

impl Default for Live {
    fn default() -> Live {
        Live { events: broadcast::channel(MOST_BEHIND).0, ended: watch::channel(false).0 }
    }
}

/// An event as readers see it.
#[derive(Serialize)]
struct Shown<'a> {
    r#type: &'static str,
    sequence: u64,
    prediction_id: String,
    prediction_type: &'a str,
    model_id: Option<String>,
    instance_type: &'a str,
    region: &'a str,
    az: &'a str,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    horizon_hours: f64,
    confidence: f64,
    created_at: jiff::Timestamp,
}

impl App {
    /// Listens from now on. The place up to which everything lies before.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn listen(&self) -> Result<(broadcast::Receiver<LiveEvent>, u64), Error> {
        // Listening begins before the place is read, so that nothing falls between.
        let receiver = self.live.events.subscribe();
        Ok((receiver, self.store.last_prediction().await?))
    }

    /// Kept predictions behind a place, up to another one, as events.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn events_between(
        &self,
        after: u64,
        last: u64,
        customer_id: Option<&str>,
    ) -> Result<Vec<LiveEvent>, Error> {
        let filter = PredictionFilter {
            after_sequence: Some(after),
            customer_id: customer_id.map(str::to_owned),
            limit: AT_ONCE,
            ..PredictionFilter::default()
        };
        let rows = self.store.predictions(&filter).await?;
        Ok(rows.iter().filter(|row| row.sequence <= last).map(event).collect())
    }

    /// How many watch.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.live.events.receiver_count()
    }

    /// Becomes true when the server stops, which ends every stream.
    #[must_use]
    pub fn streams_end(&self) -> watch::Receiver<bool> {
        self.live.ended.subscribe()
    }

    /// Tells listeners of what is kept, whoever keeps it, until the server stops.
    pub async fn follow_predictions(&self, stop: watch::Receiver<bool>) {
        self.follow(stop).await;
        self.live.ended.send_replace(true);
    }

    async fn follow(&self, mut stop: watch::Receiver<bool>) {
        let mut news = self.store.news_of_predictions();
        let mut last = self.store.last_prediction().await.unwrap_or(0);
        loop {
            tokio::select! {
                () = news.next() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let Ok(newest) = self.store.last_prediction().await else { continue };
            // Whoever begins to listen after this look reads a place behind `newest`.
            if self.listeners() == 0 {
                last = newest;
                continue;
            }
            while last < newest {
                match self.events_between(last, newest, None).await {
                    Ok(events) if events.is_empty() => last = newest,
                    Ok(events) => {
                        for event in events {
                            last = event.sequence;
                            // Nobody listens any more: the next look will notice.
                            let _ = self.live.events.send(event);
                        }
                    }
                    Err(_) => break,
                }
            }
        }
    }
}

fn event(row: &PredictionRow) -> LiveEvent {
    let shown = Shown {
        r#type: "prediction",
        sequence: row.sequence,
        prediction_id: row.prediction_id.to_string(),
        prediction_type: &row.prediction_type,
        model_id: (row.model_id != Uuid::nil()).then(|| row.model_id.to_string()),
        instance_type: &row.pool.instance_type,
        region: &row.pool.region,
        az: &row.pool.zone,
        value: row.value,
        low: row.low,
        high: row.high,
        horizon_hours: row.horizon_seconds as f64 / 3600.0,
        confidence: row.confidence,
        created_at: row.created_at,
    };
    LiveEvent {
        sequence: row.sequence,
        customer_id: Arc::clone(&row.customer_id),
        json: serde_json::to_string(&shown).unwrap_or_default().into(),
    }
}
