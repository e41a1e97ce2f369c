//! Predictions and decisions as they come: the same frames over WebSocket and as server-sent events.
//!
//! A reader that has a sequence number takes up behind it (`after`, or `Last-Event-ID`). One that is
//! too slow is told which numbers it missed, and can ask for them by the same means. A stream ends with
//! the key that it was asked for with.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use app::App;
use app::access::{Caller, Pass};
use app::live::{LiveEvent, Watched};
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket};
use axum::extract::{Query, State, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use crate::body;
use crate::problem::Problem;

/// How often a quiet stream says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a reader may take for one frame.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where to take up.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiveQuery {
    /// The sequence number of the last prediction that was seen; without one the stream begins now.
    after: Option<u64>,
}

/// What one reader gets next.
struct Frames {
    app: Arc<App>,
    pass: Pass,
    watched: Watched,
    receiver: Receiver<LiveEvent>,
    ended: watch::Receiver<bool>,
    /// Up to where everything was sent or passed over.
    seen: u64,
    /// Up to where the store is read before the live events count.
    replay_until: u64,
    ready: VecDeque<(Option<u64>, Arc<str>)>,
}

/// `GET /predictions/live` and `GET /stream`.
pub(crate) async fn live(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(pass): Extension<Pass>,
    query: Result<Query<LiveQuery>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|rejection| body::wrong_query(&rejection))?;
    stream(app, pass, Watched::predictions(&caller), query.after, &headers, upgrade).await
}

/// A stream of what is watched, from behind a place on that the query or the header names.
pub(super) async fn stream(
    app: Arc<App>,
    pass: Pass,
    watched: Watched,
    after: Option<u64>,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let last_seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let frames = Frames::new(app, pass, watched, after.or(last_seen)).await?;
    match upgrade {
        Ok(upgrade) => Ok(upgrade.on_upgrade(|socket| over_socket(socket, frames))),
        Err(_) => Ok(as_events(frames)),
    }
}

impl Frames {
    async fn new(
        app: Arc<App>,
        pass: Pass,
        watched: Watched,
        after: Option<u64>,
    ) -> Result<Frames, Problem> {
        let (receiver, newest) = app.listen(&watched).await?;
        let seen = after.unwrap_or(newest).min(newest);
        let hello = json!({
            "type": "hello", "sequence": seen, "newest": newest,
            "heartbeat_seconds": HEARTBEAT.as_secs(),
        });
        let ready = VecDeque::from([(None, Arc::from(hello.to_string()))]);
        let ended = app.streams_end();
        Ok(Frames { ended, app, pass, watched, receiver, seen, replay_until: newest, ready })
    }

    /// The next frame with its number; `None` when the server stops, or when whoever reads may no more.
    async fn next(&mut self) -> Option<(Option<u64>, Arc<str>)> {
        loop {
            // Before a frame is taken: who is cut off here has lost none.
            if !matches!(self.app.still_admits(&self.pass).await, Ok(true)) {
                return None;
            }
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            if self.seen < self.replay_until {
                self.replay().await;
                continue;
            }
            let received = tokio::select! {
                received = tokio::time::timeout(HEARTBEAT, self.receiver.recv()) => received,
                _ = self.ended.wait_for(|ended| *ended) => return None,
            };
            match received {
                Err(_) => {
                    let beat = json!({ "type": "heartbeat", "sequence": self.seen });
                    self.ready.push_back((None, Arc::from(beat.to_string())));
                }
                Ok(Ok(event)) => self.take(event),
                // What was missed is told when the next event shows how much it was.
                Ok(Err(RecvError::Lagged(_))) => {}
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
    }

    async fn replay(&mut self) {
        match self.app.events_between(self.seen, self.replay_until, &self.watched).await {
            Ok(events) if events.is_empty() => self.seen = self.replay_until,
            Ok(events) => {
                for event in events {
                    self.seen = event.sequence;
                    if self.watched.holds(&event) {
                        self.ready.push_back((Some(event.sequence), event.json));
                    }
                }
            }
            Err(_) => self.missed(self.replay_until + 1),
        }
    }

    fn take(&mut self, event: LiveEvent) {
        if event.sequence <= self.seen {
            return;
        }
        if event.sequence > self.seen + 1 {
            self.missed(event.sequence);
        }
        self.seen = event.sequence;
        if self.watched.holds(&event) {
            self.ready.push_back((Some(event.sequence), event.json));
        }
    }

    /// Says that everything before a number was missed.
    fn missed(&mut self, before: u64) {
        let missed = json!({
            "type": "missed", "from": self.seen + 1, "to": before - 1,
            "detail": "the reader was too slow; `after` takes up where it was",
        });
        self.ready.push_back((None, Arc::from(missed.to_string())));
        self.seen = before - 1;
    }
}

async fn over_socket(mut socket: WebSocket, mut frames: Frames) {
    loop {
        let frame = tokio::select! {
            frame = frames.next() => frame,
            // Whoever reads says nothing but that it goes.
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        let Some((_, text)) = frame else { break };
        let sent = socket.send(Message::Text((&*text).into()));
        match tokio::time::timeout(PATIENCE, sent).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
    let _ = socket.send(Message::Close(None)).await;
}

fn as_events(frames: Frames) -> Response {
    let events = unfold(frames, |mut frames| async move {
        let (sequence, text) = frames.next().await?;
        let mut event = Event::default().data(&*text);
        if let Some(sequence) = sequence {
            event = event.id(sequence.to_string());
        }
        Some((Ok::<_, Infallible>(event), frames))
    });
    Sse::new(events).into_response()
}
