//! A rate limiter: a token bucket that serves its users in turn.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// A bucket holds the tokens of this time at most.
const BURST: Duration = Duration::from_millis(100);

/// A token bucket, stored as the moment at which the next token is due.
#[derive(Debug)]
pub(super) struct RateLimiter {
    gap: Duration,
    due: Mutex<Option<Instant>>,
}

impl RateLimiter {
    /// Allows `rate` tokens a second; zero counts as one.
    pub(super) fn per_second(rate: u32) -> Self {
        RateLimiter { gap: Duration::from_secs(1) / rate.max(1), due: Mutex::new(None) }
    }

    /// Waits for the next token.
    pub(super) async fn acquire(&self) {
        let now = clock::tick();
        let due = self.reserve(now);
        if due > now {
            tokio::time::sleep_until(due.into()).await;
        }
    }

    /// Takes the next token, and returns the moment at which it may be used.
    fn reserve(&self, now: Instant) -> Instant {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        // An idle bucket fills up to one burst, not further.
        let full = now.checked_sub(BURST).unwrap_or(now);
        let mine = due.map_or(full, |due| due.max(full));
        *due = Some(mine + self.gap);
        mine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_free_and_then_the_rate_holds() {
        let limiter = RateLimiter::per_second(1000);
        let start = clock::tick() + Duration::from_secs(10);
        let waits: Vec<Duration> =
            (0..1100).map(|_| limiter.reserve(start).saturating_duration_since(start)).collect();
        assert_eq!(waits[100], Duration::ZERO);
        assert_eq!(waits[101], Duration::from_millis(1));
        assert_eq!(waits[1099], Duration::from_millis(999));
        // After a pause there is one burst, however long the pause was.
        let later = start + Duration::from_secs(3600);
        let free = (0..1000).filter(|_| limiter.reserve(later) <= later).count();
        assert_eq!(free, 101);
    }

    #[test]
    fn rate_zero_is_one_a_second() {
        let limiter = RateLimiter::per_second(0);
        let now = clock::tick();
        limiter.reserve(now);
        assert!(limiter.reserve(now) > now);
    }
}
