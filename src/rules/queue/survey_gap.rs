//! The gap of a survey: what it could not see, and when its scope is surveyed again.
//!
//! A survey that misses something is repeated at the next round, then at growing intervals. Until a
//! survey sees all, every round is partial.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::redrive_graph::{DeadLetterQueue, ScopeSurvey, queue_at};
use crate::time::Timestamp;

/// The longest wait before a scope that cannot be listed is listed again. A list is one request for
/// 1,000 queues, and new queues of the scope are unknown meanwhile.
const LIST_RETRY_MAX: Duration = Duration::from_secs(2 * 60);
/// The most names that a sentence has.
const NAMES_MAX: usize = 3;
/// The most reasons that are told apart: AWS may name the queue in each of ten thousand denials.
const REASONS_MAX: usize = 8;
/// The reason of the queues beyond.
const OTHER_REASONS: &str = "other reasons";

/// The parts of a scope that its newest survey could not see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyGap {
    /// The time of that survey.
    pub at: Timestamp,
    /// The number of surveys in a row that had a gap.
    pub surveys: u32,
    /// The error of the listing; `None` when the scope was listed.
    pub unlisted: Option<String>,
    /// The queues whose redrive policy could not be read. A queue that is itself polled is left
    /// out, because the round reports it.
    pub unread: Vec<UnreadQueues>,
}

/// Queues that could not be read for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadQueues {
    pub reason: String,
    pub count: u64,
    /// The first names.
    pub names: Vec<String>,
}

/// The intervals of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurveyPace {
    /// The time between two surveys.
    pub interval: Duration,
    /// The time between two rounds.
    pub round: Duration,
    /// Whether the run makes several rounds.
    pub repeated: bool,
}

impl SurveyGap {
    /// Returns the gap of a survey made at `at`, in which `found` are the DLQs and `past` is the
    /// gap of the survey before; `None` when it saw all.
    pub fn find(
        seen: &ScopeSurvey,
        found: &[DeadLetterQueue],
        past: Option<&SurveyGap>,
        at: Timestamp,
    ) -> Option<Self> {
        let surveys = past.map_or(0, |past| past.surveys).saturating_add(1);
        let unlisted = seen.queues.as_ref().err().map(ToString::to_string);
        let polled: HashSet<&str> = found.iter().map(|known| known.queue.url.as_str()).collect();
        let is_unread = unread(seen).next().is_some();
        let unread = unread(seen).filter(|(url, _)| !polled.contains(url));
        let unread = by_reason(named(seen, unread));
        (is_unread || unlisted.is_some()).then_some(SurveyGap { at, surveys, unlisted, unread })
    }

    /// Whether something is hidden that no reading of the round reports.
    pub fn is_partial(&self) -> bool {
        self.unlisted.is_some() || !self.unread.is_empty()
    }

    /// Returns the number of queues whose redrive policy is hidden.
    pub fn unread_queues(&self) -> u64 {
        self.unread.iter().map(|group| group.count).sum()
    }

    /// Returns a sentence for each reason. `place` names the scope: `of 'prod' in 'eu-west-1'`.
    pub fn sentences(&self, place: &str) -> Vec<String> {
        let unlisted = self.unlisted.iter();
        let unlisted = unlisted.map(|reason| format!("cannot list the queues {place}: {reason}"));
        let unread = self.unread.iter().map(|UnreadQueues { reason, count, names }| {
            let (policies, only) = match count {
                1 => ("policy", "a dead-letter queue that only it names"),
                _ => ("policies", "dead-letter queues that only they name"),
            };
            let queues = name_queues(*count, names);
            format!("cannot read the redrive {policies} of {queues} {place}: {reason}; {only} may be missing")
        });
        unlisted.chain(unread).collect()
    }

    /// Returns why policies are hidden, without names and numbers: equal for as long as the cause
    /// is. `None` when none are hidden, and for a single survey, because the next one may see all.
    pub fn lasting_reason(&self) -> Option<String> {
        let reasons: Vec<&str> = self.unread.iter().map(|group| group.reason.as_str()).collect();
        (self.surveys > 1 && !reasons.is_empty()).then(|| {
            format!("the redrive policies of some queues cannot be read: {}", reasons.join("; "))
        })
    }

    /// Returns the time from this survey to the next one; none after a first gap, and for the list
    /// of a run with a single round.
    fn wait(&self, pace: &SurveyPace) -> Duration {
        if self.surveys <= 1 || (self.unlisted.is_some() && !pace.repeated) {
            return Duration::ZERO;
        }
        let most = match self.unlisted {
            Some(_) => LIST_RETRY_MAX.min(pace.interval),
            None => pace.interval,
        };
        let doubled = 2u32.saturating_pow(self.surveys - 1);
        pace.round.saturating_mul(doubled).min(most)
    }
}

/// Whether a scope is to be surveyed: `at` is the time of its last list. A time in the future
/// counts for nothing: a clock was wrong, then or now.
pub fn is_due(
    at: Option<Timestamp>,
    gap: Option<&SurveyGap>,
    pace: &SurveyPace,
    now: Timestamp,
) -> bool {
    let passed = |since: Timestamp, wait: Duration| since > now || now.since(since) >= wait;
    match gap {
        Some(gap) => passed(gap.at, gap.wait(pace)),
        None => at.is_none_or(|at| passed(at, pace.interval)),
    }
}

/// Returns the queues of a survey that could not be read, by reason: those whose name is `asked`.
pub fn unread_queues(seen: &ScopeSurvey, asked: impl Fn(&str) -> bool) -> Vec<UnreadQueues> {
    by_reason(named(seen, unread(seen)).filter(|(name, _)| asked(name)))
}

/// Iterates over the URLs and errors of queues that could not be read.
fn unread(seen: &ScopeSurvey) -> impl Iterator<Item = (&str, String)> {
    seen.queues.iter().flatten().filter_map(|listed| match &listed.attributes {
        Some(Err(error)) => Some((listed.url.as_str(), error.to_string())),
        _ => None,
    })
}

/// Replaces URLs by names.
fn named<'a>(
    seen: &ScopeSurvey,
    unread: impl Iterator<Item = (&'a str, String)>,
) -> impl Iterator<Item = (String, String)> {
    unread.map(|(url, reason)| {
        let queue = queue_at(url, &seen.region, "");
        (queue.map_or_else(|| url.to_owned(), |queue| queue.name), reason)
    })
}

/// Groups names of queues by the reason for which they could not be read. Queues of the ninth
/// reason and more are one group.
pub fn by_reason(unread: impl Iterator<Item = (String, String)>) -> Vec<UnreadQueues> {
    let mut groups: BTreeMap<String, UnreadQueues> = BTreeMap::new();
    let mut others: Option<UnreadQueues> = None;
    for (name, reason) in unread {
        let new = |reason| UnreadQueues { reason, count: 0, names: Vec::new() };
        let is_full = groups.len() >= REASONS_MAX && !groups.contains_key(&reason);
        let group = match is_full {
            true => others.get_or_insert_with(|| new(OTHER_REASONS.to_owned())),
            false => groups.entry(reason.clone()).or_insert_with(|| new(reason)),
        };
        group.count += 1;
        if group.names.len() < NAMES_MAX {
            group.names.push(name);
        }
    }
    groups.into_values().chain(others).collect()
}

/// Names queues in a sentence: `queue 'a'`, or `5 queues ('a', 'b', 'c', …)`.
pub fn name_queues<S: AsRef<str>>(count: u64, names: &[S]) -> String {
    let shown: Vec<String> =
        names.iter().take(NAMES_MAX).map(|name| format!("'{}'", name.as_ref())).collect();
    match (count, shown.as_slice()) {
        (1, [name]) => format!("queue {name}"),
        _ => {
            let more = if count > shown.len() as u64 { ", …" } else { "" };
            format!("{count} queues ({}{more})", shown.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
