//! Answers of a search in logs, each with its reason.
//!
//! 'No cause' is said only by a search that could see everything it asked for, and not too early.

use std::fmt;
use std::time::Duration;

use crate::event::words;
use crate::time::Timestamp;

/// Time after a move within which lines may still be missing: AWS says that logs of Lambda can take
/// 5 to 10 minutes to show.
pub const DELAY: Duration = Duration::from_secs(10 * 60);

/// The shortest retention that a log group can have: one day.
const RETENTION_MIN: Duration = Duration::from_secs(24 * 3600);

words! {
    /// The kind of an answer.
    AnswerKind {
        /// The log shows the cause of every letter that was asked about.
        Found = "found",
        /// Some letters have a cause, and others do not.
        Partly = "partly",
        /// Some letters have a cause, and the lines of the others may not have arrived yet.
        PartlyNotYet = "partly_not_yet",
        NoCause = "no_cause",
        /// The lines may not have arrived yet.
        NotYet = "not_yet",
        /// A limit ended the search.
        Cut = "cut",
        Denied = "denied",
        /// The log group cannot be told.
        UnknownGroup = "unknown_group",
        NoCommand = "no_command",
        /// The queue is at another server than AWS's, and no server of logs is named.
        NoEndpoint = "no_endpoint",
        /// The messages were received, and no invocation started.
        NeverRun = "never_run",
        /// AWS could not be asked, or gave no usable answer.
        Failed = "failed",
    }
}

/// An answer and the reason for it, a clause for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogAnswer {
    pub kind: AnswerKind,
    pub reason: String,
}

impl LogAnswer {
    pub fn new(kind: AnswerKind, reason: impl Into<String>) -> Self {
        LogAnswer { kind, reason: reason.into() }
    }
}

impl AnswerKind {
    /// Whether lines may still be on their way that would change the answer.
    pub fn is_early(self) -> bool {
        matches!(self, AnswerKind::NotYet | AnswerKind::PartlyNotYet)
    }
}

impl fmt::Display for LogAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.kind {
            AnswerKind::Found => "from logs",
            AnswerKind::Partly | AnswerKind::PartlyNotYet => "from logs, in part",
            AnswerKind::NoCause => "no cause in the logs",
            AnswerKind::NotYet => "not yet",
            AnswerKind::Cut => "cut",
            AnswerKind::Denied => "denied",
            AnswerKind::UnknownGroup => "cannot tell the log group",
            AnswerKind::NoCommand => "no aws command",
            AnswerKind::NoEndpoint => "not asked",
            AnswerKind::NeverRun => "received but never run",
            AnswerKind::Failed => "not read",
        };
        write!(f, "{word}: {}", self.reason)
    }
}

/// The course of a search that asked everything it wanted to, for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Course {
    pub(super) letters: usize,
    pub(super) explained: usize,
    /// Whether a question was answered in part only.
    pub(super) is_partial: bool,
    /// Letters whose receives were examined, and those of them without any invocation.
    pub(super) examined: usize,
    pub(super) never_run: usize,
    /// The latest first receive of those.
    pub(super) received_at: Option<Timestamp>,
    /// Receives that recurrence examined of how many, when those were not all.
    pub(super) thinned: Option<(usize, u64)>,
    /// The latest moment at which a letter without a cause was moved.
    pub(super) moved_at: Option<Timestamp>,
}

/// Returns the answer of a search that ran to its end.
pub(super) fn conclude(course: &Course, now: Timestamp) -> LogAnswer {
    let Course { letters, explained, .. } = *course;
    let of = format!("{explained} of {}", crate::text::count(letters as u64, "message"));
    let spread = course
        .thinned
        .map(|(some, all)| format!("; recurrence was judged by {some} of {all} receives"));
    let spread = spread.unwrap_or_default();
    if explained > 0 && explained == letters {
        return LogAnswer::new(AnswerKind::Found, format!("the cause of {of}{spread}"));
    }
    let (kind, reason) = if course.is_partial {
        (AnswerKind::Cut, "the log has more lines than a search reads".to_owned())
    } else if course.moved_at.is_some_and(|at| now < at.plus(DELAY)) {
        let reason = "the messages died less than 10 minutes ago, and their lines may still be on \
                      their way; an investigation looks once more by itself, and 'dlq-peek' does \
                      when it is run again after that time";
        (AnswerKind::NotYet, reason.to_owned())
    } else if course.examined > 0 && course.never_run == course.examined {
        none_started(course.received_at, now)
    } else {
        let recurs = match course.examined {
            0 => "the receives could not be compared",
            _ => "no error recurs at every receive",
        };
        let reason = format!("no line with the id of a message reports an error, and {recurs}");
        (AnswerKind::NoCause, reason)
    };
    let reason = reason + &spread;
    let rest = LogAnswer { kind, reason };
    if explained == 0 {
        return rest;
    }
    let kind = if kind.is_early() { AnswerKind::PartlyNotYet } else { AnswerKind::Partly };
    LogAnswer::new(kind, format!("the cause of {of}; of the others: {rest}"))
}

/// Returns the answer when the log has no invocation at the receives. After the shortest retention of
/// a log group, that proves nothing.
fn none_started(received_at: Option<Timestamp>, now: Timestamp) -> (AnswerKind, String) {
    const NONE: &str = "the log shows no invocation when the messages were received";
    match received_at.is_some_and(|at| now.since(at) < RETENTION_MIN) {
        true => {
            let why = "the function was throttled, or another consumer received them";
            (AnswerKind::NeverRun, format!("{NONE}: {why}"))
        }
        false => {
            let why = "more than a day ago: the log of that time may have expired";
            (AnswerKind::NoCause, format!("{NONE}, {why}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::evidence::bundle::{Log, Logs};

    #[test]
    fn answer_no_cause_is_given_by_complete_and_late_searches_only() {
        let at = |minutes: i64| Timestamp::from_millis(minutes * 60_000);
        let quiet = Course {
            letters: 3,
            explained: 0,
            is_partial: false,
            examined: 3,
            never_run: 0,
            received_at: Some(at(-1)),
            thinned: None,
            moved_at: Some(at(0)),
        };
        let rows = [
            (Course { explained: 3, is_partial: true, ..quiet }, 1, AnswerKind::Found),
            (Course { explained: 1, ..quiet }, 60, AnswerKind::Partly),
            (Course { explained: 1, ..quiet }, 10, AnswerKind::Partly),
            (Course { explained: 1, ..quiet }, 9, AnswerKind::PartlyNotYet),
            (Course { explained: 1, is_partial: true, ..quiet }, 9, AnswerKind::Partly),
            (quiet, 9, AnswerKind::NotYet),
            (quiet, 10, AnswerKind::NoCause),
            (Course { moved_at: None, ..quiet }, 0, AnswerKind::NoCause),
            (Course { is_partial: true, ..quiet }, 9, AnswerKind::Cut),
            (Course { never_run: 3, ..quiet }, 60, AnswerKind::NeverRun),
            (Course { never_run: 3, ..quiet }, 24 * 60 - 2, AnswerKind::NeverRun),
            (Course { never_run: 3, ..quiet }, 24 * 60 - 1, AnswerKind::NoCause),
            (Course { never_run: 3, received_at: None, ..quiet }, 60, AnswerKind::NoCause),
            (Course { never_run: 2, ..quiet }, 60, AnswerKind::NoCause),
            (Course { examined: 0, ..quiet }, 60, AnswerKind::NoCause),
        ];
        for (course, minutes, kind) in rows {
            assert_eq!(conclude(&course, at(minutes)).kind, kind, "{course:?}");
        }
        let text = conclude(&Course { examined: 0, ..quiet }, at(60)).to_string();
        assert!(text.ends_with("could not be compared"), "{text}");
        let found = Course { explained: 3, thinned: Some((6, 10)), ..quiet };
        let text = conclude(&found, at(5)).to_string();
        let expected = "the cause of 3 of 3 messages; recurrence was judged by 6 of 10 receives";
        assert_eq!(text, format!("from logs: {expected}"));
        let partly = conclude(&Course { explained: 1, ..quiet }, at(5));
        let text = partly.to_string();
        assert!(text.starts_with("from logs, in part: the cause of 1 of 3 messages"), "{text}");
        assert!(text.contains("not yet: "), "{text}");
    }

    #[test]
    fn answers_that_time_changes_are_early() {
        let kinds = AnswerKind::ALL.iter().copied();
        let early: Vec<AnswerKind> = kinds.filter(|kind| kind.is_early()).collect();
        assert_eq!(early, [AnswerKind::PartlyNotYet, AnswerKind::NotYet]);
        let with = |answer| Logs { logs: vec![Log { answer, ..Log::default() }, Log::default()] };
        assert!(early.into_iter().all(|kind| with(Some(kind)).is_early()));
        assert!(![None, Some(AnswerKind::Partly)].into_iter().any(|one| with(one).is_early()));
    }
}
