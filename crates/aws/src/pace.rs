//! The pace at which one service of one region is asked, shared by everybody who asks it.
//!
//! Additive patience would be too slow: a refusal doubles the gap between requests, a success takes
//! an eighth of it away.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The gap is never more than this many times the configured one.
const MOST: u32 = 20;

/// Gaps by service and region.
pub(crate) struct Paces {
    slowdown: Duration,
    by_place: Mutex<BTreeMap<String, Pace>>,
}

#[derive(Default)]
struct Pace {
    gap: Duration,
    next: Option<Instant>,
}

impl Paces {
    pub(crate) fn new(slowdown: Duration) -> Paces {
        Paces { slowdown, by_place: Mutex::new(BTreeMap::new()) }
    }

    /// Waits until a request may go; each caller takes a place of its own in the line.
    pub(crate) async fn turn(&self, place: &str) {
        let turn = self.with(place, |pace| {
            if pace.gap.is_zero() {
                return None;
            }
            let now = Instant::now();
            let turn = pace.next.map_or(now, |next| next.max(now));
            pace.next = Some(turn + pace.gap);
            Some(turn)
        });
        if let Some(turn) = turn {
            tokio::time::sleep_until(turn).await;
        }
    }

    /// A request was refused for being one too many.
    pub(crate) fn refused(&self, place: &str) {
        let (least, most) = (self.slowdown, self.slowdown.saturating_mul(MOST));
        self.with(place, |pace| {
            pace.gap = pace.gap.saturating_mul(2).max(least).min(most);
            pace.next = Some(Instant::now() + pace.gap);
        });
    }

    /// A request went well.
    pub(crate) fn went_well(&self, place: &str) {
        let least = self.slowdown;
        self.with(place, |pace| {
            pace.gap = pace.gap.mul_f64(0.875);
            if pace.gap < least / 8 {
                pace.gap = Duration::ZERO;
            }
        });
    }

    fn with<T>(&self, place: &str, change: impl FnOnce(&mut Pace) -> T) -> T {
        let mut by_place = self.by_place.lock().unwrap_or_else(PoisonError::into_inner);
        if !by_place.contains_key(place) {
            by_place.insert(place.to_owned(), Pace::default());
        }
        // Present since the line above.
        change(by_place.entry(place.to_owned()).or_default())
    }
}

/// A wait drawn evenly from zero to a limit that doubles with each attempt.
pub(crate) fn full_jitter(attempt: u32, first: Duration, most: Duration) -> Duration {
    let limit = first.saturating_mul(1_u32 << attempt.min(20)).min(most);
    limit.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_fills_the_whole_range_and_no_more() {
        let (first, most) = (Duration::from_millis(100), Duration::from_secs(1));
        let check = |attempt: u32, limit: Duration| {
            let drawn: Vec<Duration> =
                (0..2000).map(|_| full_jitter(attempt, first, most)).collect();
            assert!(drawn.iter().all(|wait| *wait <= limit), "{attempt}");
            assert!(drawn.iter().any(|wait| *wait > limit.mul_f64(0.9)), "{attempt}");
            assert!(drawn.iter().any(|wait| *wait < limit.mul_f64(0.1)), "{attempt}");
        };
        check(0, first);
        check(2, first * 4);
        check(31, most);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_space_requests_out_and_successes_bring_them_together() {
        let slowdown = Duration::from_millis(100);
        let paces = Paces::new(slowdown);
        let took = async |turns: u32| {
            let start = Instant::now();
            for _ in 0..turns {
                paces.turn("ec2/eu-west-1").await;
            }
            start.elapsed()
        };
        assert_eq!(took(100).await, Duration::ZERO);
        paces.refused("ec2/eu-west-1");
        paces.refused("ec2/eu-west-1");
        assert_eq!(took(3).await, slowdown * 6);
        // Another region is not slowed down.
        let start = Instant::now();
        paces.turn("ec2/us-east-1").await;
        paces.turn("ec2/us-east-1").await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..40 {
            paces.went_well("ec2/eu-west-1");
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(took(100).await, Duration::ZERO);
    }
}
