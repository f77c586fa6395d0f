//! Moments at which a dead letter was received, and the spans of time that are searched.

use std::time::Duration;

use super::{Consumer, Letter};
use crate::time::Timestamp;

/// Time before a receive in which its invocation may seem to start: clocks differ.
const BEFORE_FIRST: Duration = Duration::from_millis(200);
const BEFORE: Duration = Duration::from_millis(500);
/// Time after a receive within which its invocation starts, and what each earlier receive adds.
const AFTER: Duration = Duration::from_millis(1500);
/// Receives that recurrence needs at least: a single one proves nothing.
const RECEIVES_MIN: u64 = 2;

/// The part of the retry interval, and the longest time, that a consumer without a known time limit
/// takes until it logs its error.
const ERROR_DELAY_PART: u32 = 5;
const ERROR_DELAY_MAX: Duration = Duration::from_secs(30);

/// A span of time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Window {
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }

    pub(super) fn covers(&self, other: Window) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// Returns the window, with later lines.
    pub(super) fn extended(&self, by: Duration) -> Window {
        Window { from: self.from, to: self.to.plus(by) }
    }

    fn shifted(&self, by: Duration) -> Window {
        Window { from: self.from.plus(by), to: self.to.plus(by) }
    }
}

/// Spans in which the invocations of a letter start, with the number of each receive, and control
/// spans of the same widths half a retry interval later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecurrenceWindows {
    pub(super) receives: Vec<(u64, Window)>,
    pub(super) controls: Vec<Window>,
    /// Time after the start of a consumer without invocations within which its error is expected;
    /// none for a function, and when the spans would overlap with their controls.
    pub(super) error_delay: Option<Duration>,
}

impl RecurrenceWindows {
    /// Returns the span that holds all receives and controls.
    pub(super) fn span(&self) -> Option<Window> {
        let (from, to) = (self.receives.first()?.1.from, self.controls.last()?.to);
        Some(Window { from, to })
    }

    /// Leaves at most `max` receives, evenly spread, the first and the last among them, and as many
    /// controls.
    pub(super) fn thin_out(&mut self, max: usize) {
        let (n, last) = (self.receives.len(), max.saturating_sub(1).max(1));
        if n <= max {
            return;
        }
        let kept: Vec<usize> = (0..max).map(|at| (at * (n - 1) + last / 2) / last).collect();
        self.receives = kept.iter().map(|at| self.receives[*at]).collect();
        self.controls = kept.iter().map(|at| self.controls[*at]).collect();
    }
}

/// Returns the spans for a letter that was first received at `first`; none when the receives are
/// too few or too close to be told from their controls.
pub(super) fn recurrence(first: Timestamp, consumer: &Consumer) -> Option<RecurrenceWindows> {
    let (n, interval) = (consumer.receives, consumer.retry_interval());
    if n < RECEIVES_MIN {
        return None;
    }
    let window = |k: u64| {
        let times = u32::try_from(k).unwrap_or(u32::MAX);
        let at = first.plus(interval.saturating_mul(times));
        let before = if k == 0 { BEFORE_FIRST } else { BEFORE };
        Window {
            from: at.minus(before),
            to: at.plus(AFTER.saturating_mul(times.saturating_add(1))),
        }
    };
    let receives: Vec<(u64, Window)> = (0..n).map(|k| (k + 1, window(k))).collect();
    let widest = receives.iter().map(|(_, window)| window.to.since(window.from)).max()?;
    let controls = receives.iter().map(|(_, window)| window.shifted(interval / 2)).collect();
    let delay = (interval / ERROR_DELAY_PART).min(ERROR_DELAY_MAX);
    let has_room = consumer.function.is_none() && interval > (widest + delay) * 2;
    let error_delay = has_room.then_some(delay);
    (interval > widest * 2).then_some(RecurrenceWindows { receives, controls, error_delay })
}

/// Returns a letter's first receive, unless it cannot be that of its consumer: it lies before the
/// message was sent, or not before the dead-letter queue was seen to hold the message. Some servers
/// reset it when the message moves.
pub fn trusted_first_receive(letter: &Letter, seen: Timestamp) -> Option<Timestamp> {
    let first = letter.first_received_at?;
    (letter.sent_at.is_none_or(|sent| sent <= first) && first < seen).then_some(first)
}

/// Returns the number of the receive that a line belongs to.
pub(super) fn receive_at(first: Timestamp, at: Timestamp, consumer: &Consumer) -> Option<u64> {
    let interval = u64::try_from(consumer.retry_interval().as_millis()).ok()?.max(1);
    let since = u64::try_from(at.plus(BEFORE).since(first).as_millis()).ok()?;
    let receive = since / interval + 1;
    (at >= first.minus(Duration::from_secs(1))).then_some(receive.min(consumer.receives.max(1)))
}

/// Returns the time by which SQS has moved a letter, when its consumer leaves the visibility timeout
/// alone.
pub(super) fn moved_by(first: Timestamp, consumer: &Consumer) -> Timestamp {
    let times = u32::try_from(consumer.receives).unwrap_or(u32::MAX);
    first.plus(consumer.retry_interval().saturating_mul(times))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer(receives: u64, visibility: u64) -> Consumer {
        Consumer {
            group: "/aws/lambda/orders".into(),
            function: Some("orders".into()),
            timeout: Duration::from_secs(6),
            batching: Duration::ZERO,
            visibility: Duration::from_secs(visibility),
            receives,
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn receives_are_counted_from_max_receive_count() {
        let found = recurrence(at(100_000), &consumer(3, 36)).unwrap();
        let spans: Vec<(u64, i64, i64)> =
            found.receives.iter().map(|(k, w)| (*k, w.from.millis(), w.to.millis())).collect();
        assert_eq!(
            spans,
            [(1, 99_800, 101_500), (2, 135_500, 139_000), (3, 171_500, 176_500)],
            "FR + k × visibility for every k below maxReceiveCount"
        );
        let controls: Vec<i64> = found.controls.iter().map(|w| w.from.millis()).collect();
        assert_eq!(controls, [117_800, 153_500, 189_500], "half a visibility timeout later");
    }

    #[test]
    fn windows_need_several_receives_and_room_for_controls() {
        let rows =
            [(1, 36, 0), (2, 36, 2), (3, 11, 3), (3, 10, 0), (6, 36, 6), (9, 300, 9), (50, 100, 0)];
        for (receives, visibility, count) in rows {
            let found = recurrence(at(0), &consumer(receives, visibility));
            let found = found.map_or(0, |windows| windows.receives.len());
            assert_eq!(found, count, "{receives} receives, visibility timeout {visibility}");
        }
    }

    #[test]
    fn thinned_windows_are_spread_evenly_with_their_controls() {
        let rows: [(u64, usize, &[u64]); 6] = [
            (3, 6, &[1, 2, 3]),
            (6, 6, &[1, 2, 3, 4, 5, 6]),
            (7, 6, &[1, 2, 3, 5, 6, 7]),
            (10, 6, &[1, 3, 5, 6, 8, 10]),
            (100, 6, &[1, 21, 41, 60, 80, 100]),
            (9, 2, &[1, 9]),
        ];
        for (receives, max, expected) in rows {
            let mut found = recurrence(at(0), &consumer(receives, 900)).unwrap();
            found.thin_out(max);
            let numbers: Vec<u64> = found.receives.iter().map(|(k, _)| *k).collect();
            assert_eq!(numbers, expected, "{receives} {max}");
            let half = Duration::from_secs(450);
            let belong = found.receives.iter().zip(&found.controls);
            assert!(belong.into_iter().all(|((_, own), control)| own.shifted(half) == *control));
        }
    }

    #[test]
    fn span_holds_first_receive_and_last_control() {
        let found = recurrence(at(100_000), &consumer(3, 36)).unwrap().span().unwrap();
        assert_eq!((found.from.millis(), found.to.millis()), (99_800, 176_500 + 18_000));
    }

    #[test]
    fn batching_window_can_replace_visibility_timeout() {
        let batches = |batching, visibility| {
            let batching = Duration::from_secs(batching);
            Consumer { batching, ..consumer(3, visibility) }.retry_interval().as_secs()
        };
        assert_eq!((batches(0, 5), batches(10, 30), batches(20, 25)), (5, 30, 56));
    }

    #[test]
    fn first_receive_is_trusted_between_sending_and_sight() {
        let rows = [
            (Some(10), Some(20), 30, Some(20)),
            (Some(10), Some(30), 30, None),
            (Some(10), Some(5), 30, None),
            (None, Some(5), 30, Some(5)),
            (Some(10), None, 30, None),
        ];
        for (sent, first, seen, trusted) in rows {
            let letter = Letter {
                item: "m1".into(),
                message_id: "id".into(),
                sent_at: sent.map(at),
                first_received_at: first.map(at),
            };
            let found = trusted_first_receive(&letter, at(seen));
            assert_eq!(found, trusted.map(at), "{sent:?} {first:?}");
        }
    }

    #[test]
    fn line_belongs_to_receive() {
        let receive = |at_ms| receive_at(at(100_000), at(at_ms), &consumer(3, 36));
        assert_eq!(
            [receive(99_900), receive(135_400), receive(135_600)],
            [Some(1), Some(1), Some(2)]
        );
        assert_eq!([receive(90_000), receive(900_000)], [None, Some(3)]);
    }
}
