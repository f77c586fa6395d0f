//! The pace of a redrive: how many messages travel at once, and within a second. Pure.

use std::collections::VecDeque;
use std::time::Duration;

/// The messages of one answer, at most.
const BATCH: u64 = 10;
/// The messages after which a redrive receives several batches at once. A fault is more often seen
/// early, and then fewer messages have travelled.
const SEVERAL_AFTER: u64 = 500;
/// The batches at once from then on.
const BATCHES: u64 = 4;
const SECOND: Duration = Duration::from_secs(1);

/// The size of a step between two looks at the dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepSize {
    /// The batches that are received at once.
    pub receives: usize,
    /// The most messages that are sent at once.
    pub sends: u64,
    /// The messages after which the size changes.
    pub until: Option<u64>,
}

/// Decides the size of a step after `moved` messages, of which at most `rate` may travel a second. A FIFO
/// queue keeps its order with one batch at once.
pub fn step_size(rate: Option<u64>, moved: u64, fifo: bool) -> StepSize {
    let rate = rate.map_or(u64::MAX, |rate| rate.max(1));
    let is_early = moved < SEVERAL_AFTER;
    let receives = if fifo || is_early || rate < BATCH * BATCHES { 1 } else { BATCHES };
    StepSize {
        receives: receives as usize,
        sends: rate.min(BATCH * receives),
        until: (is_early && !fifo).then(|| SEVERAL_AFTER - moved),
    }
}

/// The sends of the last second, at a rate. No second has more messages than the rate allows, wherever
/// it begins. Moments are spans since the begin of the redrive.
#[derive(Debug, Clone)]
pub struct RateWindow {
    rate: u64,
    /// The ends of the sends, with the messages of each.
    recent: VecDeque<(Duration, u64)>,
}

impl RateWindow {
    pub fn new(rate: u64) -> Self {
        RateWindow { rate: rate.max(1), recent: VecDeque::new() }
    }

    /// Adds a send that has ended at `now`.
    pub fn add(&mut self, now: Duration, messages: u64) {
        self.forget(now);
        self.recent.extend((messages > 0).then_some((now, messages)));
    }

    /// Returns how many messages may travel now; when none may, the moment at which some may again.
    pub fn judge(&mut self, now: Duration) -> Result<u64, Duration> {
        self.forget(now);
        let sent: u64 = self.recent.iter().map(|(_, messages)| messages).sum();
        match (self.rate.saturating_sub(sent), self.recent.front()) {
            (0, Some((first, _))) => Err(*first + SECOND),
            (free, _) => Ok(free),
        }
    }

    fn forget(&mut self, now: Duration) {
        while self.recent.front().is_some_and(|(at, _)| *at + SECOND <= now) {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow_late_and_never_beyond_the_rate() {
        let rows = [
            ("begin", None, 0, false, (1, 10, Some(500))),
            ("early", None, 499, false, (1, 10, Some(1))),
            ("late", None, 500, false, (4, 40, None)),
            ("FIFO, early", None, 0, true, (1, 10, None)),
            ("FIFO, late", None, 500, true, (1, 10, None)),
            ("one a second", Some(1), 0, false, (1, 1, Some(500))),
            ("one a second, late", Some(1), 500, false, (1, 1, None)),
            ("none a second is one", Some(0), 500, true, (1, 1, None)),
            ("below a batch", Some(9), 500, false, (1, 9, None)),
            ("a batch", Some(10), 500, false, (1, 10, None)),
            ("between", Some(39), 500, false, (1, 10, None)),
            ("all batches", Some(40), 500, false, (4, 40, None)),
            ("all batches, early", Some(40), 10, false, (1, 10, Some(490))),
            ("fast", Some(10_000), 500, false, (4, 40, None)),
        ];
        for (rule, rate, moved, fifo, (receives, sends, until)) in rows {
            let expected = StepSize { receives, sends, until };
            assert_eq!(step_size(rate, moved, fifo), expected, "{rule}");
        }
    }

    #[test]
    fn rate_is_kept_in_every_second() {
        for (rate, most, latency_ms) in [(1, 10, 5), (7, 10, 30), (15, 10, 90), (100, 40, 20)] {
            let begun = Duration::ZERO;
            let (mut now, mut window, mut sends) = (begun, RateWindow::new(rate), Vec::new());
            while now < begun + SECOND * 10 {
                match window.judge(now) {
                    Ok(free) => {
                        let messages = free.min(most);
                        // Each travels somewhere between the begin and the end of its send.
                        sends.push((now, messages));
                        now += Duration::from_millis(latency_ms);
                        window.add(now, messages);
                    }
                    Err(until) => {
                        assert!(until > now && until <= now + SECOND, "{rate}");
                        now = until;
                    }
                }
            }
            for (first, _) in &sends {
                let within = sends.iter().filter(|(at, _)| at >= first && *at < *first + SECOND);
                let messages: u64 = within.map(|(_, messages)| messages).sum();
                assert!(messages <= rate, "{rate}: {messages}");
            }
            let all: u64 = sends.iter().map(|(_, messages)| messages).sum();
            assert!(all >= rate * 10 * 9 / 10 - most, "{rate}: {all} is too slow");
        }
    }
}
