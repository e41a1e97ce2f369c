//! Keeping predictions behind the answers: a queue of bounded size, one writer, and a count of what
//! found no room.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use store::{PredictionRow, Store};
use tokio::sync::{mpsc, watch};

/// Predictions that may wait at once.
const MOST_WAITING: u64 = 200_000;

/// The least predictions for which the writer does not wait for more.
const FULL_BATCH: usize = 5_000;

/// How long the writer lets predictions gather.
const GATHERING: Duration = Duration::from_millis(50);

/// How long it waits when the store does not answer.
const PAUSE: Duration = Duration::from_millis(500);

/// The way to the writer.
#[derive(Clone, Debug)]
pub struct Keeper {
    queue: mpsc::UnboundedSender<Vec<PredictionRow>>,
    waiting: Arc<AtomicU64>,
    kept: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
}

/// What the writer reads from.
pub struct Waiting {
    queue: mpsc::UnboundedReceiver<Vec<PredictionRow>>,
    keeper: Keeper,
}

impl Keeper {
    /// A queue and its other end.
    #[must_use]
    pub fn new() -> (Keeper, Waiting) {
        // The count of waiting rows is what bounds it.
        let (queue, waiting) = mpsc::unbounded_channel();
        let keeper = Keeper {
            queue,
            waiting: Arc::default(),
            kept: Arc::default(),
            dropped: Arc::default(),
        };
        (keeper.clone(), Waiting { queue: waiting, keeper })
    }

    /// Hands predictions over. Where too many wait already these are dropped, and counted.
    pub(crate) fn keep(&self, rows: Vec<PredictionRow>) {
        let count = rows.len() as u64;
        let before = self.waiting.fetch_add(count, Ordering::AcqRel);
        if before + count > MOST_WAITING || self.queue.send(rows).is_err() {
            self.waiting.fetch_sub(count, Ordering::AcqRel);
            self.dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Hands over predictions of which none is an answer: they take no room that answers may need.
    /// Whether there was room.
    pub(crate) fn keep_if_quiet(&self, rows: Vec<PredictionRow>) -> bool {
        let quiet = self.waiting.load(Ordering::Acquire) + rows.len() as u64 <= MOST_WAITING / 2;
        if quiet {
            self.keep(rows);
        }
        quiet
    }

    /// How many were kept.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    /// How many found no room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Waiting {
    /// Writes until the server stops, and then what is left. A store that is away is waited for; once
    /// the server stops it is tried a last time.
    pub async fn write(mut self, store: Store, mut stop: watch::Receiver<bool>) {
        // Call by call, as they came.
        let mut calls: Vec<Vec<PredictionRow>> = Vec::new();
        let mut count = 0;
        let mut stopping = false;
        let mut closed = false;
        loop {
            if stopping && !closed {
                // What comes later is refused and counted; what came before is still read.
                self.queue.close();
                closed = true;
            }
            if calls.is_empty() && !stopping {
                tokio::select! {
                    more = self.queue.recv() => match more {
                        Some(more) => {
                            count += more.len();
                            calls.push(more);
                        }
                        None => stopping = true,
                    },
                    _ = stop.wait_for(|stop| *stop) => stopping = true,
                }
                if count < FULL_BATCH && !stopping {
                    tokio::select! {
                        () = tokio::time::sleep(GATHERING) => {}
                        _ = stop.wait_for(|stop| *stop) => stopping = true,
                    }
                }
            }
            while count < FULL_BATCH
                && let Ok(more) = self.queue.try_recv()
            {
                count += more.len();
                calls.push(more);
            }
            if calls.is_empty() {
                if stopping && closed {
                    return;
                }
                continue;
            }
            match store.keep_predictions(calls.iter().flatten()).await {
                Ok(_) => {
                    self.keeper.kept.fetch_add(count as u64, Ordering::Relaxed);
                    self.keeper.waiting.fetch_sub(count as u64, Ordering::AcqRel);
                    calls.clear();
                    count = 0;
                }
                Err(error) if stopping => {
                    tracing::error!(%error, count, "predictions were not kept");
                    self.keeper.dropped.fetch_add(count as u64, Ordering::Relaxed);
                    calls.clear();
                    count = 0;
                }
                Err(error) => {
                    tracing::warn!(%error, count, "predictions wait for the store");
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        _ = stop.wait_for(|stop| *stop) => stopping = true,
                    }
                }
            }
        }
    }
}
