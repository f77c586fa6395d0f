//! The heartbeat: whether rounds still finish, document `heartbeat.json`.
//!
//! Nothing in a stream says that nothing comes, so that this decision goes by the wall clock, which is
//! an argument. Pure.

use std::collections::BTreeMap;
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

/// The least time that a selection is polled side by side with others before its own rounds are missed:
/// what a person has run a few times by hand is missed by nobody.
const REGULAR_FROM: Duration = Duration::from_secs(3600);
/// The selections that are remembered; beyond it the one whose last round is the oldest is dropped.
const SELECTIONS_MAX: usize = 16;
/// A selection without a round for this long is forgotten.
const KEEP: Duration = Duration::from_secs(8 * 86_400);

/// The rounds of `dlq-poll`, of one selection or of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beats {
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

/// The rounds of one selection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectionBeats {
    /// The end of the first round that was seen.
    pub first: Timestamp,
    #[serde(flatten)]
    pub beats: Beats,
}

/// The document `heartbeat.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The rounds of all selections.
    #[serde(flatten)]
    pub all: Beats,
    /// The rounds of each selection, by what they ask.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selections: BTreeMap<String, SelectionBeats>,
}

impl Document for Heartbeat {
    const NAME: &str = "heartbeat";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> = None;
    const SHARED: bool = false;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation.value(Self::HEARTBEAT, self, rest);
    }
}

/// A change of the heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// The selection whose rounds are missing while others finish; None for all.
    pub asked: Option<String>,
    pub change: PulseChange,
}

/// The changes of the heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PulseChange {
    /// Rounds are missing: the end of the last one, and the usual interval.
    Missing(Timestamp, Duration),
    /// Rounds finish again; the end of the last one before the gap.
    Resumed(Timestamp),
}

/// The rule by which rounds are missing.
#[derive(Debug, Clone, Copy)]
pub struct MissingRule {
    /// The number of intervals without a round; 0 for never.
    pub rounds: u32,
    /// The configured interval, which counts where the usual one is shorter.
    pub interval: Duration,
    /// Whoever watches since a moment has to have missed them himself: before it perhaps nothing was to
    /// run.
    pub watched_since: Timestamp,
}

impl Beats {
    /// Records the end of a round. Returns that rounds finish again, when they were missing.
    fn beat(&mut self, at: Timestamp) -> Option<PulseChange> {
        let before = self.last.replace(at)?.min(at);
        let gap = at.since(before);
        let resumed = self.is_missing.then_some(PulseChange::Resumed(before));
        if !self.is_missing && !gap.is_zero() && gap <= LONGEST_INTERVAL {
            let gap = gap.as_secs().max(1);
            let gap_before = self.newest_gap_s.replace(gap).or(self.interval_s);
            self.interval_s = Some(gap_before.map_or(gap, |before| before.min(gap)));
        }
        self.is_missing = false;
        resumed
    }

    /// Returns that rounds are missing, once: none has finished for a number of intervals, of which
    /// the longer of the configured and the usual one counts.
    fn check(&mut self, rule: MissingRule, now: Timestamp) -> Option<PulseChange> {
        let last = self.last?;
        let MissingRule { rounds, interval, watched_since } = rule;
        let usual = self.interval_s.map_or(interval, Duration::from_secs).max(interval);
        let allowed = usual.saturating_mul(rounds).max(SHORTEST_GAP);
        if rounds == 0 || self.is_missing || now.since(last.max(watched_since)) <= allowed {
            return None;
        }
        self.is_missing = true;
        Some(PulseChange::Missing(last, usual))
    }
}

impl SelectionBeats {
    /// Returns whether this selection has taken the place of another one, which then is missed by nobody:
    /// its rounds have begun after the last one of the other, as after a change of the configuration, and
    /// go on.
    fn replaces(&self, other: &SelectionBeats) -> bool {
        let has_begun_after = other.beats.last.is_some_and(|last| self.first > last);
        has_begun_after && self.beats.interval_s.is_some() && !self.beats.is_missing
    }

    fn is_regular(&self) -> bool {
        self.beats.last.is_some_and(|last| last.since(self.first) >= REGULAR_FROM)
    }
}

impl Heartbeat {
    pub const HEARTBEAT: RecordKind = "heartbeat";

    /// Records the end of a round, and of what it was to ask. Returns the rounds that finish again. A time
    /// ahead of `now` counts as `now`: none would be missing until then.
    pub fn beat(&mut self, asked: Option<&str>, at: Timestamp, now: Timestamp) -> Vec<Pulse> {
        let at = at.min(now);
        let mut pulses = Vec::new();
        let all = self.all.beat(at);
        pulses.extend(all.map(|change| Pulse { asked: None, change }));
        let Some(asked) = asked else { return pulses };
        let new = SelectionBeats { first: at, ..SelectionBeats::default() };
        let one = self.selections.entry(asked.to_owned()).or_insert(new);
        let resumed = one.beats.beat(at);
        pulses.extend(resumed.map(|change| Pulse { asked: Some(asked.to_owned()), change }));
        pulses.extend(self.forget_replaced(asked));
        self.selections.retain(|_, one| one.beats.last.is_some_and(|last| now.since(last) < KEEP));
        if self.selections.len() > SELECTIONS_MAX {
            let oldest = self.selections.iter().min_by_key(|(_, one)| one.beats.last);
            let oldest = oldest.map(|(asked, _)| asked.clone());
            oldest.map(|asked| self.selections.remove(&asked));
        }
        pulses
    }

    /// Drops the selections that are late and that another one has replaced. Where people were told that
    /// they are missing, that is an end.
    fn forget_replaced(&mut self, by: &str) -> Vec<Pulse> {
        let Some(new) = self.selections.get(by).cloned() else { return Vec::new() };
        let is_late = |one: &SelectionBeats| {
            one.beats.last.zip(new.beats.last).is_some_and(|(last, now)| {
                now.since(last) > Duration::from_secs(one.beats.interval_s.unwrap_or(0)) * 5
                    && now.since(last) > REGULAR_FROM
            })
        };
        let is_over =
            |one: &SelectionBeats| new.replaces(one) && (one.beats.is_missing || is_late(one));
        let over = self.selections.extract_if(.., |_, one| is_over(one));
        let end = |(asked, one): (String, SelectionBeats)| {
            let change = PulseChange::Resumed(one.beats.last.filter(|_| one.beats.is_missing)?);
            Some(Pulse { asked: Some(asked), change })
        };
        over.filter_map(end).collect()
    }

    /// Returns the rounds that are missing, each once. While none finishes at all, that is said alone.
    pub fn check(&mut self, rule: MissingRule, now: Timestamp) -> Vec<Pulse> {
        if let Some(change) = self.all.check(rule, now) {
            return vec![Pulse { asked: None, change }];
        }
        if self.all.is_missing || self.selections.len() < 2 {
            return Vec::new();
        }
        let known = self.selections.clone();
        let mut missing = Vec::new();
        for (asked, one) in &mut self.selections {
            let is_replaced = known.values().any(|other| other.replaces(one));
            if is_replaced || !one.is_regular() {
                continue;
            }
            let change = one.beats.check(rule, now);
            missing.extend(change.map(|change| Pulse { asked: Some(asked.clone()), change }));
        }
        missing
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

    fn when(rounds: u32, interval: Duration, watched_since: Timestamp) -> MissingRule {
        MissingRule { rounds, interval, watched_since }
    }

    fn of_beats(all: Beats) -> Heartbeat {
        Heartbeat { all, ..Heartbeat::default() }
    }

    fn of_all(change: PulseChange) -> Vec<Pulse> {
        vec![Pulse { asked: None, change }]
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(Duration::from_secs(seconds))
    }

    #[test]
    fn missing_rounds_are_told_once_and_their_return_too() {
        let (rounds, interval) = (5, Duration::from_secs(30));
        let mut heart = Heartbeat::default();
        assert_eq!(heart.check(when(rounds, interval, at(0)), at(900)), [], "nothing is known");
        assert_eq!(heart.beat(None, at(0), at(0)), []);
        assert_eq!(heart.beat(None, at(30), at(30)), []);
        assert_eq!(heart.check(when(rounds, interval, at(0)), at(180)), []);
        let missing = of_all(PulseChange::Missing(at(30), interval));
        assert_eq!(heart.check(when(rounds, interval, at(0)), at(181)), missing);
        assert_eq!(heart.check(when(rounds, interval, at(0)), at(999)), [], "once");
        assert_eq!(heart.beat(None, at(1000), at(1000)), of_all(PulseChange::Resumed(at(30))));
        assert_eq!(heart.beat(None, at(1030), at(1030)), []);
        assert_eq!(heart.check(when(0, interval, at(0)), at(99_999)), [], "switched off");
    }

    #[test]
    fn rounds_are_missed_by_whoever_watches_since_before_the_first_of_them() {
        // The last round was an hour before the start of the process that watches.
        let (rounds, interval, start) = (5, Duration::from_secs(30), 3600);
        for (after, expected) in [(1, false), (150, false), (151, true)] {
            let mut heart = of_beats(Beats { last: Some(at(0)), ..Beats::default() });
            let found = heart.check(when(rounds, interval, at(start)), at(start + after));
            let missing = of_all(PulseChange::Missing(at(0), interval));
            assert_eq!(found, if expected { missing } else { vec![] }, "{after} s after the start");
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
            let mut heart = of_beats(Beats { last: Some(at(0)), ..Beats::default() });
            let found = heart.check(when(5, interval, watch.since()), at(now));
            assert_eq!(!found.is_empty(), expected, "{rule}");
        }
    }

    #[test]
    fn first_round_after_a_gap_is_no_interval() {
        let mut heart = Heartbeat::default();
        for end in [0, 30, 60] {
            heart.beat(None, at(end), at(end));
        }
        let interval = Duration::from_secs(30);
        assert!(!heart.check(when(5, interval, at(0)), at(400)).is_empty());
        heart.beat(None, at(1000), at(1000));
        heart.beat(None, at(2000), at(2000));
        // The gap of 940 seconds was missing rounds; one of 1000 is a pause.
        assert_eq!(heart.all.interval_s, Some(30));
        assert_eq!(heart.all.newest_gap_s, Some(1000));
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
            heart.beat(None, at(0), at(0));
            heart.beat(None, at(usual), at(usual));
            let interval = Duration::from_secs(configured);
            assert_eq!(heart.check(when(5, interval, at(0)), at(usual + allowed)), [], "{rule}");
            assert!(
                !heart.check(when(5, interval, at(0)), at(usual + allowed + 1)).is_empty(),
                "{rule}"
            );
        }
    }

    #[test]
    fn single_pause_is_no_usual_interval() {
        let (hour, interval) = (3600, Duration::from_secs(30));
        let usual = |ends: &[u64]| {
            let mut heart = Heartbeat::default();
            for end in ends {
                heart.beat(None, at(*end), at(*end));
            }
            heart.all.interval_s
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
        let old = of_beats(Beats { last: Some(at(0)), interval_s: Some(30), ..Beats::default() });
        let mut heart = old;
        heart.beat(None, at(8 * hour), at(8 * hour));
        let missing = of_all(PulseChange::Missing(at(8 * hour), interval));
        assert_eq!(heart.check(when(5, interval, at(0)), at(8 * hour + 151)), missing);
    }

    #[test]
    fn round_ahead_of_the_clock_counts_as_now() {
        let mut heart = Heartbeat::default();
        heart.beat(None, at(0), at(0));
        heart.beat(None, at(30_000_000), at(30));
        let interval = Duration::from_secs(30);
        assert!(!heart.check(when(5, interval, at(0)), at(181)).is_empty(), "{heart:?}");
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
                asked: None,
                postponed: 0,
                shard: None,
            };
            assert_eq!(is_sign_of_life(&round), expected, "{rule}");
        }
    }

    /// Lets selections finish rounds at seconds, in the order of time, and returns what is told at each
    /// beat, and at each minute in between.
    fn told(rounds: &[(&str, std::ops::RangeInclusive<u64>, usize)], until: u64) -> Vec<String> {
        let mut heart = Heartbeat::default();
        let mut told = Vec::new();
        for second in 0..=until {
            let mut pulses = Vec::new();
            for (asked, span, every) in rounds {
                if span.clone().step_by(*every).any(|end| end == second) {
                    pulses.extend(heart.beat(Some(asked), at(second), at(second)));
                }
            }
            if second % 60 == 59 {
                pulses.extend(heart.check(when(5, Duration::from_secs(30), at(0)), at(second)));
            }
            for Pulse { asked, change } in pulses {
                let asked = asked.unwrap_or_else(|| "all".into());
                let word = match change {
                    PulseChange::Missing(..) => "missing",
                    PulseChange::Resumed(_) => "resumed",
                };
                told.push(format!("{}m: {asked} {word}", second / 60));
            }
        }
        told
    }

    #[test]
    fn rounds_of_one_selection_are_missed_while_another_goes_on() {
        let hour = 3600;
        let day = 0..=4 * hour;
        type Row<'a> =
            (&'a str, &'a [(&'a str, std::ops::RangeInclusive<u64>, usize)], &'a [&'a str]);
        let rows: [Row<'_>; 10] = [
            ("both go on", &[("a", day.clone(), 30), ("b", day.clone(), 60)], &[]),
            ("one ends", &[("a", day.clone(), 30), ("b", 0..=2 * hour, 60)], &["125m: b missing"]),
            (
                "one ends and comes back",
                &[("a", day.clone(), 30), ("b", 0..=2 * hour, 60), ("b", 3 * hour..=4 * hour, 60)],
                &["125m: b missing", "180m: b resumed"],
            ),
            (
                "both end: said once, and one comes back alone",
                &[("a", 0..=2 * hour, 30), ("b", 0..=2 * hour, 30), ("a", 3 * hour..=4 * hour, 30)],
                &["122m: all missing", "180m: all resumed", "180m: b missing"],
            ),
            (
                "a changed configuration: the next one begins when the one before has ended",
                &[("a", 0..=2 * hour, 30), ("b", 2 * hour + 40..=4 * hour, 30)],
                &[],
            ),
            (
                "a changed configuration beside another poller, after a pause",
                &[
                    ("other", day.clone(), 30),
                    ("a", 0..=2 * hour, 30),
                    ("b", 3 * hour..=4 * hour, 30),
                ],
                &["122m: a missing", "180m: a resumed"],
            ),
            (
                "by hand, three times",
                &[("a", day.clone(), 30), ("queue b", hour..=hour + 60, 30)],
                &[],
            ),
            (
                "the usual poller ends, and one round is made by hand",
                &[
                    ("other", day.clone(), 30),
                    ("a", 0..=2 * hour, 30),
                    ("queue b", 2 * hour + 9..=2 * hour + 9, 30),
                ],
                &["122m: a missing"],
            ),
            ("every hour", &[("a", day.clone(), 30), ("b", 0..=2 * hour, 3600)], &[]),
            ("one alone", &[("a", 0..=2 * hour, 30)], &["122m: all missing"]),
        ];
        for (rule, rounds, expected) in rows {
            assert_eq!(told(rounds, 4 * hour), expected, "{rule}");
        }
    }

    #[test]
    fn selections_are_forgotten_after_8_days_and_beyond_16() {
        let mut heart = Heartbeat::default();
        for number in 0..40 {
            heart.beat(Some(&format!("s{number}")), at(number), at(number));
        }
        assert_eq!(heart.selections.len(), SELECTIONS_MAX);
        assert!(heart.selections.contains_key("s39") && !heart.selections.contains_key("s23"));
        let late = at(9 * 86_400);
        heart.beat(Some("s39"), late, late);
        assert_eq!(heart.selections.len(), 1);
    }

    #[test]
    fn document_of_an_earlier_version_is_read() {
        let old = r#"{"last":"1970-01-01T00:00:00.000Z","interval_s":30,"is_missing":false}"#;
        let heart: Heartbeat = serde_json::from_str(old).unwrap();
        let all = Beats { last: Some(at(0)), interval_s: Some(30), ..Beats::default() };
        assert_eq!(heart, of_beats(all));
        let mut both = heart;
        both.beat(Some("a"), at(30), at(30));
        let text = serde_json::to_string(&both).unwrap();
        assert_eq!(serde_json::from_str::<Heartbeat>(&text).unwrap(), both, "{text}");
    }
}
