//! The time of a table, by the dates of its answers.
//!
//! A date is cut to its second, and its answer was under way for a while: so an answer bounds the time,
//! and several narrow the bounds. Between answers a clock counts that nobody sets, and that may be too
//! fast or too slow by [`DRIFT`]; the bounds widen by that.

use std::time::Duration;

use crate::time::Timestamp;

/// The part by which the clock of a machine may be wrong is one in this many: 1,000 in a million, twice
/// what NTP corrects at most.
const DRIFT: u32 = 1000;
/// The part of a second that a date leaves out.
const CUT: Duration = Duration::from_secs(1);

/// The bounds of a moment in the table's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TableMoment {
    pub earliest: Timestamp,
    pub latest: Timestamp,
}

/// The bounds of the table's time, at a moment of the clock that nobody sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableClock {
    known: Option<(TableMoment, Duration)>,
}

impl TableClock {
    /// Adds the date of an answer, whose request was sent and which was received at these moments.
    pub fn hear(&mut self, date: Timestamp, sent: Duration, received: Duration) {
        let way = received.saturating_sub(sent);
        let heard = TableMoment { earliest: date, latest: date.plus(CUT + way + way / DRIFT) };
        let bounds = match self.now(received) {
            None => heard,
            Some(known) => {
                let both = TableMoment {
                    earliest: known.earliest.max(heard.earliest),
                    latest: known.latest.min(heard.latest),
                };
                // Answers that contradict each other may both be right: of two servers, say.
                let either = TableMoment {
                    earliest: known.earliest.min(heard.earliest),
                    latest: known.latest.max(heard.latest),
                };
                if both.earliest <= both.latest { both } else { either }
            }
        };
        self.known = Some((bounds, received));
    }

    /// Returns the bounds of the present; None while no answer has told any.
    pub fn now(&self, at: Duration) -> Option<TableMoment> {
        let (known, then) = self.known?;
        let passed = at.saturating_sub(then);
        Some(TableMoment {
            earliest: known.earliest.plus(passed.saturating_sub(passed / DRIFT)),
            latest: known.latest.plus(passed + passed / DRIFT + Duration::from_millis(1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn answers_narrow_the_bounds_and_waiting_widens_them() {
        let mut clock = TableClock::default();
        assert_eq!(clock.now(ms(5)), None);
        let width = |clock: &TableClock, now| {
            let now = clock.now(ms(now)).unwrap();
            now.latest.since(now.earliest)
        };
        clock.hear(at(1000), ms(0), ms(400));
        assert!(width(&clock, 400) >= ms(1400) && width(&clock, 400) <= ms(1402));
        // 900 ms later the second has just changed.
        clock.hear(at(2000), ms(1290), ms(1300));
        assert!(width(&clock, 1300) <= ms(1012), "{:?}", clock.now(ms(1300)));
        let day = 24 * 3600 * 1000;
        assert!(width(&clock, day) >= ms(2 * 86_400), "a day of drift");
        // The server was set back: both may be right.
        clock.hear(at(2000), ms(61_300), ms(61_300));
        let now = clock.now(ms(61_300)).unwrap();
        assert!(now.earliest <= at(2000) && now.latest >= at(61_900), "{now:?}");
    }

    proptest! {
        /// Whatever the way takes, and however the clock drifts: the true time is within the bounds.
        #[test]
        fn true_time_is_within_the_bounds(
            offset in 0..4000i64,
            drift in -900..900i64,
            ways in proptest::collection::vec((0..3000u64, 0..3000u64, 0..20_000u64), 1..12),
        ) {
            // `local` counts `drift` millionths too fast.
            let local = |truth: i64| ms(u64::try_from(truth + truth * drift / 1_000_000).unwrap());
            let (mut clock, mut truth) = (TableClock::default(), 0);
            for (there, back, pause) in ways {
                let sent = local(truth);
                truth += i64::try_from(there).unwrap();
                let date = (truth + offset) / 1000 * 1000;
                truth += i64::try_from(back).unwrap();
                clock.hear(at(date), sent, local(truth));
                truth += i64::try_from(pause).unwrap();
                let now = clock.now(local(truth)).unwrap();
                // What is measured in whole milliseconds is off by one on either side.
                prop_assert!(now.earliest <= at(truth + offset + 2), "{now:?} {truth} {offset}");
                prop_assert!(now.latest >= at(truth + offset - 2), "{now:?} {truth} {offset}");
            }
        }
    }
}
