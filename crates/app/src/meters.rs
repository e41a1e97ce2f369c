//! What the server did in the last minute.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::App;

const SECONDS: usize = 60;

/// What was counted in one second.
#[derive(Clone, Copy, Debug, Default)]
struct Second {
    at: i64,
    decisions: u64,
    /// Decisions that were given again, because nothing had changed.
    given_again: u64,
    predictions: u64,
    prediction_calls: u64,
    prediction_micros: u64,
}

/// Counts of the last minute.
#[derive(Debug)]
pub(crate) struct Meters(Mutex<[Second; SECONDS]>);

impl Default for Meters {
    fn default() -> Meters {
        Meters(Mutex::new([Second::default(); SECONDS]))
    }
}

/// The state of the server in numbers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Metrics {
    /// Predictions of the last minute, in pools and rows.
    pub predictions_per_minute: u64,
    /// Decisions of the last minute.
    pub decisions_per_minute: u64,
    /// Mean time that a call for predictions took in the last minute; `null` without any.
    pub avg_prediction_latency_ms: Option<f64>,
    /// Share of the last minute's decisions that were given again because nothing had changed; `null`
    /// without any.
    pub cache_hit_rate: Option<f64>,
    /// Connections to the database that are open.
    pub database_connections: u32,
    /// Models that answer.
    pub models_loaded: usize,
    /// Who watches predictions.
    pub stream_clients: usize,
    /// Predictions that were kept since the start.
    pub predictions_kept: u64,
    /// Predictions that found no room and were not kept, since the start.
    pub predictions_dropped: u64,
    /// Predictions of shadows that were kept since the start.
    pub shadow_predictions_made: u64,
    /// Answers about which a shadow was not asked because there was no room, since the start.
    pub shadow_predictions_dropped: u64,
}

impl Meters {
    fn count(&self, now: Timestamp, what: impl FnOnce(&mut Second)) {
        let at = now.as_second();
        let mut seconds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(at.rem_euclid(SECONDS as i64)).unwrap_or(0);
        if let Some(second) = seconds.get_mut(place) {
            if second.at != at {
                *second = Second { at, ..Second::default() };
            }
            what(second);
        }
    }

    pub(crate) fn decision(&self, now: Timestamp, given_again: bool) {
        self.count(now, |second| {
            second.decisions += 1;
            second.given_again += u64::from(given_again);
        });
    }

    pub(crate) fn predictions(&self, began: Timestamp, now: Timestamp, count: usize) {
        let took = now.duration_since(began).as_micros();
        self.count(now, |second| {
            second.predictions += count as u64;
            second.prediction_calls += 1;
            second.prediction_micros += u64::try_from(took).unwrap_or(0);
        });
    }

    fn last_minute(&self, now: Timestamp) -> Second {
        let since = now.as_second() - SECONDS as i64;
        let seconds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seconds.iter().filter(|second| second.at > since).fold(Second::default(), |sum, one| {
            Second {
                at: 0,
                decisions: sum.decisions + one.decisions,
                given_again: sum.given_again + one.given_again,
                predictions: sum.predictions + one.predictions,
                prediction_calls: sum.prediction_calls + one.prediction_calls,
                prediction_micros: sum.prediction_micros + one.prediction_micros,
            }
        })
    }
}

impl App {
    /// What the server did in the last minute, and what it holds.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let minute = self.meters.last_minute(self.clock.now());
        let share = |of: u64, among: u64| (among > 0).then(|| of as f64 / among as f64);
        Metrics {
            predictions_per_minute: minute.predictions,
            decisions_per_minute: minute.decisions,
            avg_prediction_latency_ms: share(minute.prediction_micros, minute.prediction_calls)
                .map(|micros| micros / 1e3),
            cache_hit_rate: share(minute.given_again, minute.decisions),
            database_connections: self.store.connections(),
            models_loaded: self.models_loaded(),
            stream_clients: self.listeners(),
            predictions_kept: self.keeper.as_ref().map_or(0, crate::predict::keeper::Keeper::kept),
            predictions_dropped: self
                .keeper
                .as_ref()
                .map_or(0, crate::predict::keeper::Keeper::dropped),
            shadow_predictions_made: self
                .shadows
                .as_ref()
                .map_or(0, crate::predict::shadow::Shadows::made),
            shadow_predictions_dropped: self
                .shadows
                .as_ref()
                .map_or(0, crate::predict::shadow::Shadows::dropped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_counted_and_then_forgotten() {
        let meters = Meters::default();
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        meters.decision(at(0), false);
        meters.decision(at(30), true);
        meters.predictions(at(30), at(31), 1000);
        let minute = meters.last_minute(at(40));
        assert_eq!((minute.decisions, minute.given_again), (2, 1));
        assert_eq!((minute.predictions, minute.prediction_micros), (1000, 1_000_000));
        assert_eq!(meters.last_minute(at(61)).decisions, 1);
        assert_eq!(meters.last_minute(at(120)).decisions, 0);
        meters.decision(at(60), false);
        assert_eq!(meters.last_minute(at(60)).decisions, 2, "the same place of the next minute");
    }
}
