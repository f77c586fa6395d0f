//! The heartbeat: whether rounds still finish, document `heartbeat.json`.
//!
//! Nothing in a stream says that nothing comes, so that this decision goes by the wall clock, which is
//! an argument. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{Document, RecordKind, SetOperation};
use crate::event::PollFinished;
use crate::time::Timestamp;

/// The shortest gap that counts as missing rounds.
const SHORTEST_GAP: Duration = Duration::from_secs(60);
/// The longest time between two rounds that counts as their interval.
const LONGEST_INTERVAL: Duration = Duration::from_secs(86_400);
/// The time without a sign of a process after which it, and perhaps all of the machine, was suspended.
const SUSPENDED_FROM: Duration = Duration::from_secs(5);
/// The arrivals of two late rounds that are far enough apart to tell them from a replay.
const LATE_APART: Duration = Duration::from_secs(5);

/// The document `heartbeat.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The end of the newest round.
    pub last: Option<Timestamp>,
    /// The usual time between two rounds, in seconds: the shorter one of the last two, so that a single
    /// long pause is none.
    pub interval_s: Option<u64>,
    /// The time between the two newest rounds, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_gap_s: Option<u64>,
    /// Whether people were told that rounds are missing.
    pub is_missing: bool,
}

impl Document for Heartbeat {
    const NAME: &str = "heartbeat";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> = None;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation.value(Self::HEARTBEAT, self, rest);
    }
}

/// A change of the heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    /// Rounds are missing: the end of the last one, and the usual interval.
    Missing(Timestamp, Duration),
    /// Rounds finish again; the end of the last one before the gap.
    Resumed(Timestamp),
}

impl Heartbeat {
    pub const HEARTBEAT: RecordKind = "heartbeat";

    /// Records the end of a round. Returns that rounds finish again, when they were missing. A time
    /// ahead of `now` counts as `now`: none would be missing until then.
    pub fn beat(&mut self, at: Timestamp, now: Timestamp) -> Option<Pulse> {
        let at = at.min(now);
        let before = self.last.replace(at)?.min(at);
        let gap = at.since(before);
        let resumed = self.is_missing.then_some(Pulse::Resumed(before));
        if !self.is_missing && !gap.is_zero() && gap <= LONGEST_INTERVAL {
            let gap = gap.as_secs().max(1);
            let gap_before = self.newest_gap_s.replace(gap).or(self.interval_s);
            self.interval_s = Some(gap_before.map_or(gap, |before| before.min(gap)));
        }
        self.is_missing = false;
        resumed
    }

    /// Returns that rounds are missing, once: none has finished for a number of intervals, of which
    /// the longer of the configured and the usual one counts. Whoever watches since a moment has to
    /// have missed them himself: before it perhaps nothing was to run.
    pub fn check(
        &mut self,
        rounds: u32,
        interval: Duration,
        watched_since: Timestamp,
        now: Timestamp,
    ) -> Option<Pulse> {
        let last = self.last?;
        let usual = self.interval_s.map_or(interval, Duration::from_secs).max(interval);
        let allowed = usual.saturating_mul(rounds).max(SHORTEST_GAP);
        if rounds == 0 || self.is_missing || now.since(last.max(watched_since)) <= allowed {
            return None;
        }
        self.is_missing = true;
        Some(Pulse::Missing(last, usual))
    }
}

/// The time in which a process would have seen rounds.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    since: Timestamp,
    /// The last sign that the process runs.
    awake_at: Timestamp,
}

impl Watch {
    pub fn begin(now: Timestamp) -> Self {
        Watch { since: now, awake_at: now }
    }

    /// Notes that the process runs. After a suspension it has missed no round yet.
    pub fn stay_awake(&mut self, now: Timestamp) {
        if now.since(self.awake_at) > SUSPENDED_FROM {
            self.since = now;
        }
        self.awake_at = now;
    }

    /// Returns the moment from which on it would have seen them.
    pub fn since(&self) -> Timestamp {
        self.since
    }
}

/// Rounds that arrive long after their end.
#[derive(Debug, Clone, Copy, Default)]
pub struct LateRounds {
    /// The end and the arrival of a round before.
    known: Option<(Timestamp, Timestamp)>,
}

impl LateRounds {
    /// Takes a round that is too old to be live. Returns how late rounds arrive, when they arrive one by
    /// one as they finish: those of a replayed journal come much faster.
    pub fn arrive(&mut self, at: Timestamp, now: Timestamp) -> Option<Duration> {
        let (before, arrived) = *self.known.get_or_insert((at, now));
        let (progress, passed) = (at.since(before), now.since(arrived));
        if passed < LATE_APART && progress <= LATE_APART * 2 {
            return None;
        }
        self.known = Some((at, now));
        (!progress.is_zero() && progress <= passed * 2).then(|| now.since(at))
    }
}

/// Returns whether a round is a sign of life for a service outside: it has read a queue, or has seen
/// that there is none. What a part of a round could not read is told by its own events; a service that
/// misses heartbeats for it would be ignored when nothing is read any more.
pub fn is_sign_of_life(round: &PollFinished) -> bool {
    match round.queues {
        0 => round.unreadable == 0 && round.unlisted == 0 && round.unsurveyed == 0,
        queues => round.unreadable < queues,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(Duration::from_secs(seconds))
    }

    #[test]
    fn missing_rounds_are_told_once_and_their_return_too() {
        let (rounds, interval) = (5, Duration::from_secs(30));
        let mut heart = Heartbeat::default();
        assert_eq!(heart.check(rounds, interval, at(0), at(900)), None, "nothing is known");
        assert_eq!(heart.beat(at(0), at(0)), None);
        assert_eq!(heart.beat(at(30), at(30)), None);
        assert_eq!(heart.check(rounds, interval, at(0), at(180)), None);
        let missing = Pulse::Missing(at(30), interval);
        assert_eq!(heart.check(rounds, interval, at(0), at(181)), Some(missing));
        assert_eq!(heart.check(rounds, interval, at(0), at(999)), None, "once");
        assert_eq!(heart.beat(at(1000), at(1000)), Some(Pulse::Resumed(at(30))));
        assert_eq!(heart.beat(at(1030), at(1030)), None);
        assert_eq!(heart.check(0, interval, at(0), at(99_999)), None, "switched off");
    }

    #[test]
    fn rounds_are_missed_by_whoever_watches_since_before_the_first_of_them() {
        // The last round was an hour before the start of the process that watches.
        let (rounds, interval, start) = (5, Duration::from_secs(30), 3600);
        for (after, expected) in [(1, false), (150, false), (151, true)] {
            let mut heart = Heartbeat { last: Some(at(0)), ..Heartbeat::default() };
            let found = heart.check(rounds, interval, at(start), at(start + after));
            let missing = Pulse::Missing(at(0), interval);
            assert_eq!(found, expected.then_some(missing), "{after} s after the start");
        }
    }

    #[test]
    fn suspended_process_has_missed_no_round() {
        let interval = Duration::from_secs(30);
        type Row<'a> = (&'a str, &'a [u64], u64, bool);
        let rows: [Row<'_>; 5] = [
            ("a pause of more than 5 seconds", &[5, 11], 151, false),
            ("awake, looked at each second", &[], 151, true),
            ("a night without a sign", &[36_000], 36_001, false),
            ("and its rounds after that", &[36_000], 36_151, true),
            ("a clock that goes back", &[3, 1, 6], 151, true),
        ];
        for (rule, signs, now, expected) in rows {
            let mut watch = Watch::begin(at(0));
            signs.iter().for_each(|sign| watch.stay_awake(at(*sign)));
            let last_sign = signs.last().copied().unwrap_or_default();
            (last_sign..=now).for_each(|second| watch.stay_awake(at(second)));
            let mut heart = Heartbeat { last: Some(at(0)), ..Heartbeat::default() };
            let found = heart.check(5, interval, watch.since(), at(now));
            assert_eq!(found.is_some(), expected, "{rule}");
        }
    }

    #[test]
    fn first_round_after_a_gap_is_no_interval() {
        let mut heart = Heartbeat::default();
        for end in [0, 30, 60] {
            heart.beat(at(end), at(end));
        }
        let interval = Duration::from_secs(30);
        assert!(heart.check(5, interval, at(0), at(400)).is_some());
        heart.beat(at(1000), at(1000));
        heart.beat(at(2000), at(2000));
        // The gap of 940 seconds was missing rounds; one of 1000 is a pause.
        assert_eq!(heart.interval_s, Some(30));
        assert_eq!(heart.newest_gap_s, Some(1000));
    }

    #[test]
    fn interval_is_the_usual_one_where_that_is_longer() {
        let rows = [
            ("cron, every 5 minutes", 300, 30, 1500),
            ("configured for longer", 30, 60, 300),
            ("every second", 1, 1, 60),
        ];
        for (rule, usual, configured, allowed) in rows {
            let mut heart = Heartbeat::default();
            heart.beat(at(0), at(0));
            heart.beat(at(usual), at(usual));
            let interval = Duration::from_secs(configured);
            assert_eq!(heart.check(5, interval, at(0), at(usual + allowed)), None, "{rule}");
            assert!(heart.check(5, interval, at(0), at(usual + allowed + 1)).is_some(), "{rule}");
        }
    }

    #[test]
    fn single_pause_is_no_usual_interval() {
        let (hour, interval) = (3600, Duration::from_secs(30));
        let usual = |ends: &[u64]| {
            let mut heart = Heartbeat::default();
            for end in ends {
                heart.beat(at(*end), at(*end));
            }
            heart.interval_s
        };
        let rows: [(&str, &[u64], u64); 4] = [
            ("maintenance", &[0, 30, 60, 60 + 8 * hour], 30),
            ("after it", &[0, 30, 8 * hour, 8 * hour + 30], 30),
            ("a longer interval from now on", &[0, 30, 60, 360, 660], 300),
            ("the first two", &[0, 300], 300),
        ];
        for (rule, ends, expected) in rows {
            assert_eq!(usual(ends), Some(expected), "{rule}");
        }
        // An older version has recorded the interval alone.
        let old = Heartbeat { last: Some(at(0)), interval_s: Some(30), ..Heartbeat::default() };
        let mut heart = old;
        heart.beat(at(8 * hour), at(8 * hour));
        let missing = Pulse::Missing(at(8 * hour), interval);
        assert_eq!(heart.check(5, interval, at(0), at(8 * hour + 151)), Some(missing));
    }

    #[test]
    fn round_ahead_of_the_clock_counts_as_now() {
        let mut heart = Heartbeat::default();
        heart.beat(at(0), at(0));
        heart.beat(at(30_000_000), at(30));
        let interval = Duration::from_secs(30);
        assert!(heart.check(5, interval, at(0), at(181)).is_some(), "{heart:?}");
    }

    #[test]
    fn late_rounds_are_told_from_a_replay() {
        // The end and the arrival of each, in seconds; the lateness that is told of the last.
        type Row<'a> = (&'a str, &'a [(u64, u64)], Option<u64>);
        let rows: [Row<'_>; 7] = [
            ("the first", &[(0, 400)], None),
            ("every 10 seconds", &[(0, 400), (10, 410)], Some(400)),
            ("every second", &[(0, 400), (1, 401), (2, 402), (6, 406)], Some(400)),
            ("ever later", &[(0, 400), (10, 416)], Some(406)),
            ("a replay", &[(0, 9000), (30, 9000), (60, 9000), (90, 9001)], None),
            ("a slow replay", &[(0, 9000), (30, 9006), (60, 9012)], None),
            ("a round that comes twice", &[(0, 400), (0, 410)], None),
        ];
        for (rule, rounds, expected) in rows {
            let mut late = LateRounds::default();
            let told = rounds.iter().map(|(end, arrival)| late.arrive(at(*end), at(*arrival)));
            assert_eq!(told.last().unwrap(), expected.map(Duration::from_secs), "{rule}");
        }
    }

    #[test]
    fn round_that_has_read_nothing_is_no_sign_of_life() {
        let rows = [
            ("all read", (250, 0, 0, 0), true),
            ("a part unreadable", (250, 249, 0, 0), true),
            ("a part not listed", (10, 0, 3, 2), true),
            ("nothing readable: expired credentials", (250, 250, 0, 0), false),
            ("a named queue besides was not found", (1, 2, 0, 0), false),
            ("no queue exists", (0, 0, 0, 0), true),
            ("nothing listed", (0, 0, 1, 0), false),
            ("nothing surveyed", (0, 0, 0, 1), false),
            ("the named queue was not found", (0, 1, 0, 0), false),
        ];
        for (rule, (queues, unreadable, unlisted, unsurveyed), expected) in rows {
            let round = PollFinished {
                round: 1,
                queues,
                unreadable,
                unlisted,
                unsurveyed,
                raised: 0,
                duration_ms: 9,
                api_calls: 1,
                usd_month: None,
            };
            assert_eq!(is_sign_of_life(&round), expected, "{rule}");
        }
    }
}
