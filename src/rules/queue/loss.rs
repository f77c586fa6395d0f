//! When messages have left without anybody known to have taken them.
//!
//! Counts are approximate and people do redrive: a fall is only suspected after the lower count
//! has held for two samples and a minute, with nothing in flight meanwhile and no move task that
//! explains it. Whether there was one is asked only then, because it costs a request.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::expiry::Window;
use super::reading::{Counts, ReadError};
use super::threshold::SETTLED;
use crate::time::Timestamp;

/// A task that has ended explains a fall when it began no longer than this before it.
const TASK_REACH: Duration = Duration::from_secs(15 * 60);

/// A fall of the depth that has not been explained yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fall {
    /// The depth before it.
    pub from: u64,
    /// When that was read.
    pub from_at: Timestamp,
    /// The highest depth since.
    pub to: u64,
    /// The first sample after it.
    pub since: Timestamp,
    /// How many samples have been at or below `to`.
    pub samples: u64,
    /// Whether somebody was reading the queue, before or since.
    pub read: bool,
    /// Whether the oldest messages may have reached the end of the retention by then.
    pub expired: bool,
    /// Whether they must have.
    #[serde(default)]
    pub over: bool,
}

/// A message move task, as ListMessageMoveTasks tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveTask {
    /// Whether it is still at work.
    pub running: bool,
    /// When it began.
    pub started_at: Timestamp,
}

/// Why messages are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// They may have reached the end of the retention.
    Retention,
    /// Nothing that we can see explains it.
    Unexplained,
    /// A move task might explain it, and could not be asked for.
    CannotTell(ReadError),
}

impl Why {
    /// One word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Why::Retention => "retention",
            Why::Unexplained => "unexplained",
            Why::CannotTell(_) => "cannot_tell",
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Why::Retention => f.write_str("they may have reached the end of the queue's retention"),
            Why::Unexplained => {
                f.write_str("no move task, nothing in flight and no act of ours explains it")
            }
            Why::CannotTell(miss) => {
                write!(
                    f,
                    "whether they were moved cannot be told: sqs:ListMessageMoveTasks: {miss}"
                )
            }
        }
    }
}

/// What became of a fall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody is known to have taken the messages.
    Moved,
    /// Nobody is.
    Lost(Why),
}

/// The fall after one more sample. `past` is the last reading before it, and `window` tells when
/// what was there then is lost.
pub fn follow(
    fall: Option<Fall>,
    past: Option<(Timestamp, Counts)>,
    counts: Counts,
    at: Timestamp,
    window: Window,
) -> Option<Fall> {
    let depth = counts.depth();
    if let Some(fall) = fall {
        let to = fall.to.max(depth);
        let read = fall.read || counts.in_flight > 0;
        // Back where it was: the count was only approximate.
        return (to < fall.from).then_some(Fall { to, samples: fall.samples + 1, read, ..fall });
    }
    let (from_at, before) = past?;
    (depth < before.depth()).then(|| Fall {
        from: before.depth(),
        from_at,
        to: depth,
        since: at,
        samples: 1,
        read: before.in_flight > 0 || counts.in_flight > 0,
        expired: [window.after, window.before].into_iter().flatten().any(|end| end <= at),
        over: window.before.is_some_and(|end| end <= at),
    })
}

/// What is left of a fall that has been judged down to `to`: messages that have left since are
/// followed on, so that what leaves one by one is told as a whole.
pub fn rest(judged: Fall, depth: u64, at: Timestamp) -> Option<Fall> {
    (depth < judged.to).then_some(Fall {
        from: judged.to,
        from_at: judged.since,
        to: depth,
        since: at,
        samples: 1,
        ..judged
    })
}

/// Whether a fall has held for long enough to ask for move tasks.
pub fn is_due(fall: Option<Fall>, at: Timestamp) -> bool {
    fall.is_some_and(|fall| fall.samples >= 2 && at.since(fall.since) >= SETTLED)
}

/// What became of a fall that is due, given the answer about move tasks.
pub fn judge(fall: Fall, tasks: &Result<Vec<MoveTask>, ReadError>) -> Verdict {
    if fall.read {
        return Verdict::Moved;
    }
    let explains =
        |task: &MoveTask| task.running || task.started_at >= fall.from_at.minus(TASK_REACH);
    match tasks {
        Ok(tasks) if tasks.iter().any(explains) => Verdict::Moved,
        Err(miss) => Verdict::Lost(Why::CannotTell(miss.clone())),
        Ok(_) if fall.expired => Verdict::Lost(Why::Retention),
        Ok(_) => Verdict::Lost(Why::Unexplained),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn counts(visible: u64, in_flight: u64) -> Counts {
        Counts { visible, in_flight, delayed: 0 }
    }

    /// Second, visible, in flight.
    type Samples = [(i64, u64, u64)];

    /// Feeds samples, and returns the fall at the end.
    fn story(samples: &Samples) -> Option<Fall> {
        let (mut fall, mut past) = (None, None);
        for &(second, visible, in_flight) in samples {
            let now = counts(visible, in_flight);
            fall = follow(fall, past, now, at(second), Window::default());
            past = Some((at(second), now));
        }
        fall
    }

    #[test]
    fn a_fall_is_due_after_two_samples_and_a_minute() {
        let rows: [(&str, &Samples, bool); 5] = [
            ("one lower sample", &[(0, 5, 0), (100, 2, 0)], false),
            ("two within a minute", &[(0, 5, 0), (30, 2, 0), (60, 2, 0)], false),
            ("two over a minute", &[(0, 5, 0), (30, 2, 0), (90, 2, 0)], true),
            ("back up again", &[(0, 5, 0), (30, 2, 0), (60, 5, 0), (120, 5, 0)], false),
            ("received is not gone", &[(0, 5, 0), (30, 2, 3), (90, 2, 3)], false),
        ];
        for (rule, samples, due) in rows {
            let last = samples[samples.len() - 1].0;
            assert_eq!(is_due(story(samples), at(last)), due, "{rule}");
        }
    }

    #[test]
    fn what_is_missing_is_counted_from_the_highest_depth_since() {
        let fall = story(&[(0, 5, 0), (30, 1, 0), (60, 3, 0), (90, 2, 0)]).unwrap();
        assert_eq!((fall.from, fall.to), (5, 3));
    }

    #[test]
    fn what_leaves_one_by_one_is_told_as_a_whole() {
        let (mut fall, mut past, mut told) = (None, None, 0);
        for (step, depth) in [10, 8, 6, 4, 2, 2, 2, 1, 1, 1, 1].into_iter().enumerate() {
            let now = at(i64::try_from(step).unwrap() * 40);
            fall = follow(fall, past, counts(depth, 0), now, Window::default());
            if is_due(fall, now) {
                let judged = fall.unwrap();
                told += judged.from - judged.to;
                fall = rest(judged, depth, now);
            }
            past = Some((now, counts(depth, 0)));
        }
        assert_eq!((told, fall), (9, None));
    }

    #[test]
    fn verdicts() {
        let quiet = story(&[(1000, 5, 0), (1030, 2, 0), (1090, 2, 0)]).unwrap();
        let read = story(&[(1000, 5, 1), (1030, 2, 0), (1090, 2, 0)]).unwrap();
        let expired = Fall { expired: true, ..quiet };
        let task = |running, second| Ok(vec![MoveTask { running, started_at: at(second) }]);
        let rows = [
            ("nobody", quiet, Ok(vec![]), Verdict::Lost(Why::Unexplained)),
            ("retention", expired, Ok(vec![]), Verdict::Lost(Why::Retention)),
            ("somebody reads", read, Ok(vec![]), Verdict::Moved),
            ("a running task", quiet, task(true, -90_000), Verdict::Moved),
            ("a task that began after the higher count", quiet, task(false, 1010), Verdict::Moved),
            ("a task of long ago", quiet, task(false, 0), Verdict::Lost(Why::Unexplained)),
            (
                "no permission",
                expired,
                Err(ReadError::Denied),
                Verdict::Lost(Why::CannotTell(ReadError::Denied)),
            ),
        ];
        for (rule, fall, tasks, verdict) in rows {
            assert_eq!(judge(fall, &tasks), verdict, "{rule}");
        }
    }
}
