//! A rate limit: a token bucket that everybody who shares it draws from in turn.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// So many at once before the pace is felt: what a tenth of a second would bring.
const BURST: Duration = Duration::from_millis(100);

/// The bucket, as the time at which its next token is due.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    due: Mutex<Option<Instant>>,
}

impl Pace {
    /// At most so many a second; zero is taken for one.
    pub(super) fn per_second(rate: u32) -> Self {
        Pace { gap: Duration::from_secs(1) / rate.max(1), due: Mutex::new(None) }
    }

    /// Waits for a token.
    pub(super) async fn token(&self) {
        let now = clock::tick();
        let due = self.book(now);
        if due > now {
            tokio::time::sleep_until(due.into()).await;
        }
    }

    /// Takes the next token, and says when it may be used.
    fn book(&self, now: Instant) -> Instant {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        // A bucket that nobody drew from holds a burst, not more.
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
    fn a_burst_is_free_and_then_the_pace_holds() {
        let pace = Pace::per_second(1000);
        let start = clock::tick() + Duration::from_secs(10);
        let waits: Vec<Duration> =
            (0..1100).map(|_| pace.book(start).saturating_duration_since(start)).collect();
        assert_eq!(waits[100], Duration::ZERO);
        assert_eq!(waits[101], Duration::from_millis(1));
        assert_eq!(waits[1099], Duration::from_millis(999));
        // After a pause there is one burst, however long the pause was.
        let later = start + Duration::from_secs(3600);
        let free = (0..1000).filter(|_| pace.book(later) <= later).count();
        assert_eq!(free, 101);
    }

    #[test]
    fn no_rate_is_one_a_second() {
        let pace = Pace::per_second(0);
        let now = clock::tick();
        pace.book(now);
        assert!(pace.book(now) > now);
    }
}
