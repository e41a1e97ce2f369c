//! Predictions and decisions as they are kept, for whoever watches: each in one order, without gaps that
//! are not told.

use std::sync::Arc;

use serde::Serialize;
use store::{
    DecisionFilter, DecisionSummary, News, OrderPart, PredictionFilter, PredictionRow, Uuid,
};
use tokio::sync::{broadcast, watch};

use crate::access::Caller;
use crate::history::{DecisionItem, confined};
use crate::{App, Error};

/// Events that a slow reader may be behind before it misses some.
const MOST_BEHIND: usize = 4096;

/// Events that are read from the store at once.
const AT_ONCE: u64 = 1000;

/// One prediction or decision, written once for every reader.
#[derive(Clone, Debug)]
pub struct LiveEvent {
    /// Its place in the order of all of its kind.
    pub sequence: u64,
    /// The event as JSON.
    pub json: Arc<str>,
    subject: Subject,
}

/// What an event is about, as far as readers are told apart by it.
#[derive(Clone, Debug)]
enum Subject {
    /// The customer whose key asked for a prediction; empty for others.
    Prediction(Arc<str>),
    /// What a shadow said: nobody watches it, but its place in the order is taken.
    Shadow,
    Decision(Arc<DecisionSummary>),
}

/// What a reader watches.
#[derive(Clone, Debug, PartialEq)]
pub enum Watched {
    /// Predictions, of one customer only where one is named.
    Predictions(Option<String>),
    /// Decisions that a filter holds.
    Decisions(Box<DecisionFilter>),
}

impl Watched {
    /// Predictions that a caller may see.
    #[must_use]
    pub fn predictions(caller: &Caller) -> Watched {
        Watched::Predictions(caller.confined_to().map(str::to_owned))
    }

    /// Decisions that a caller may see and asks for.
    #[must_use]
    pub fn decisions(filter: &DecisionFilter, caller: &Caller) -> Watched {
        Watched::Decisions(Box::new(confined(filter, caller)))
    }

    /// Whether an event is watched.
    #[must_use]
    pub fn holds(&self, event: &LiveEvent) -> bool {
        match (self, &event.subject) {
            (Watched::Predictions(wanted), Subject::Prediction(customer)) => {
                wanted.as_deref().is_none_or(|wanted| *wanted == **customer)
            }
            (Watched::Decisions(filter), Subject::Decision(one)) => filter.holds(one),
            _ => false,
        }
    }
}

/// What readers listen to.
#[derive(Debug)]
pub(crate) struct Live {
    predictions: broadcast::Sender<LiveEvent>,
    decisions: broadcast::Sender<LiveEvent>,
    ended: watch::Sender<bool>,
}

impl Default for Live {
    fn default() -> Live {
        let channel = || broadcast::channel(MOST_BEHIND).0;
        Live { predictions: channel(), decisions: channel(), ended: watch::channel(false).0 }
    }
}

impl Live {
    fn events(&self, watched: &Watched) -> &broadcast::Sender<LiveEvent> {
        match watched {
            Watched::Predictions(_) => &self.predictions,
            Watched::Decisions(_) => &self.decisions,
        }
    }
}

/// A decision as readers see it.
#[derive(Serialize)]
struct ShownDecision {
    r#type: &'static str,
    sequence: u64,
    #[serde(flatten)]
    item: DecisionItem,
}

/// A prediction as readers see it.
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
    pub async fn listen(
        &self,
        watched: &Watched,
    ) -> Result<(broadcast::Receiver<LiveEvent>, u64), Error> {
        // Listening begins before the place is read, so that nothing falls between.
        let receiver = self.live.events(watched).subscribe();
        Ok((receiver, self.newest(watched).await?))
    }

    /// What is kept behind a place, up to another one, as events.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn events_between(
        &self,
        after: u64,
        last: u64,
        watched: &Watched,
    ) -> Result<Vec<LiveEvent>, Error> {
        match watched {
            Watched::Predictions(customer_id) => {
                let filter = PredictionFilter {
                    after_sequence: Some(after),
                    customer_id: customer_id.clone(),
                    limit: AT_ONCE,
                    ..PredictionFilter::default()
                };
                let rows = self.store.predictions(&filter).await?;
                Ok(rows.iter().filter(|row| row.sequence <= last).map(prediction).collect())
            }
            Watched::Decisions(filter) => {
                let filter = DecisionFilter { limit: AT_ONCE, ..(**filter).clone() };
                let part = OrderPart::Between(after, last);
                let rows = self.store.decisions_in_order(&filter, part).await?;
                Ok(rows.into_iter().map(|row| self.decision_event(row)).collect())
            }
        }
    }

    fn decision_event(&self, row: store::OrderedDecision) -> LiveEvent {
        let shown = ShownDecision {
            r#type: "decision",
            sequence: row.sequence,
            item: self.decision_item(&row.summary),
        };
        LiveEvent {
            sequence: row.sequence,
            json: serde_json::to_string(&shown).unwrap_or_default().into(),
            subject: Subject::Decision(Arc::new(row.summary)),
        }
    }

    async fn newest(&self, watched: &Watched) -> Result<u64, Error> {
        Ok(match watched {
            Watched::Predictions(_) => self.store.last_prediction().await?,
            Watched::Decisions(_) => self.store.last_decision().await?,
        })
    }

    /// How many watch.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.live.predictions.receiver_count() + self.live.decisions.receiver_count()
    }

    /// Becomes true when the server stops, which ends every stream.
    #[must_use]
    pub fn streams_end(&self) -> watch::Receiver<bool> {
        self.live.ended.subscribe()
    }

    /// Tells listeners of what is kept, whoever keeps it, until the server stops.
    pub async fn follow_live(&self, stop: watch::Receiver<bool>) {
        let predictions = Watched::Predictions(None);
        let decisions = Watched::Decisions(Box::default());
        tokio::join!(
            self.follow(&predictions, self.store.news_of_predictions(), stop.clone()),
            self.follow(&decisions, self.store.news_of_decisions(), stop),
        );
        self.live.ended.send_replace(true);
    }

    async fn follow(&self, watched: &Watched, mut news: News, mut stop: watch::Receiver<bool>) {
        let readers = self.live.events(watched);
        let mut last = self.newest(watched).await.unwrap_or(0);
        loop {
            tokio::select! {
                () = news.next() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let Ok(newest) = self.newest(watched).await else { continue };
            // Whoever begins to listen after this look reads a place behind `newest`.
            if readers.receiver_count() == 0 {
                last = newest;
                continue;
            }
            while last < newest {
                match self.events_between(last, newest, watched).await {
                    Ok(events) if events.is_empty() => last = newest,
                    Ok(events) => {
                        for event in events {
                            last = event.sequence;
                            // Nobody listens any more: the next look will notice.
                            let _ = readers.send(event);
                        }
                    }
                    Err(_) => break,
                }
            }
        }
    }
}

fn prediction(row: &PredictionRow) -> LiveEvent {
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
        json: serde_json::to_string(&shown).unwrap_or_default().into(),
        subject: match row.shadow_of {
            Some(_) => Subject::Shadow,
            None => Subject::Prediction(Arc::clone(&row.customer_id)),
        },
    }
}
