//! The one way to ask what time it is.
//!
//! Everything else receives instants as arguments; clippy refuses `Timestamp::now` elsewhere.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A cloneable source of the present instant, truncated to microseconds as every store keeps it.
#[derive(Clone)]
pub struct Clock {
    read: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    pub fn system() -> Clock {
        Clock { read: Arc::new(|| to_microseconds(Timestamp::now())) }
    }

    /// A clock that always answers the same instant.
    #[must_use]
    pub fn fixed(instant: Timestamp) -> Clock {
        Clock { read: Arc::new(move || instant) }
    }

    /// A clock that stands still until its hand is moved.
    #[must_use]
    pub fn manual(start: Timestamp) -> (Clock, Hand) {
        let instant = Arc::new(Mutex::new(start));
        let shown = Arc::clone(&instant);
        let read = move || *shown.lock().unwrap_or_else(PoisonError::into_inner);
        (Clock { read: Arc::new(read) }, Hand { instant })
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.read)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

/// Moves a manual clock.
#[derive(Debug)]
pub struct Hand {
    instant: Arc<Mutex<Timestamp>>,
}

impl Hand {
    /// Moves the clock forward (or back, with a negative step).
    pub fn advance(&self, step: SignedDuration) {
        let mut instant = self.instant.lock().unwrap_or_else(PoisonError::into_inner);
        *instant = instant.saturating_add(step).unwrap_or(*instant);
    }
}

fn to_microseconds(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let (clock, hand) = Clock::manual(start);
        assert_eq!(clock.now(), start);
        hand.advance(SignedDuration::from_hours(2));
        assert_eq!(clock.now().to_string(), "2026-01-01T02:00:00Z");
    }

    #[test]
    fn the_system_clock_has_no_nanoseconds() {
        assert_eq!(Clock::system().now().subsec_nanosecond() % 1000, 0);
    }
}
