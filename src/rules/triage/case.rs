//! One group of dead letters and the facts around it: the queue, the source, how much was sampled.

use std::time::Duration;

use super::{Category, MessageFacts, error_patterns};
use crate::rules::evidence::bundle::{Group, QueueFacts, SourceFacts};
use crate::time::Timestamp;

/// So many messages with the same words are several.
pub(super) const SEVERAL: u64 = 3;
/// A sample this large may stand for a queue that is larger still: one full receive.
const SAMPLE_MIN: u64 = 10;
/// What spreads over more than this is no burst.
const BURST_MAX: Duration = Duration::from_secs(6 * 3600);
/// What has been quiet for less than this may only be pausing.
const QUIET_MIN: Duration = Duration::from_secs(3600);
/// A message that was received less often has not been tried in earnest.
const TRIES_MIN: u64 = 3;

/// A group, with what it is judged by.
pub(super) struct GroupContext<'a> {
    pub(super) queue: &'a QueueFacts,
    pub(super) group: &'a Group,
    /// Its messages, as far as they are at hand.
    pub(super) own: Vec<&'a MessageFacts>,
    /// How many messages were sampled, in all groups.
    pub(super) sampled: u64,
}

impl GroupContext<'_> {
    /// Whether a service wrote what the group says of its error. What SQS moved there from another
    /// queue still has the attributes and the body of whoever sent it, and proves nothing.
    pub(super) fn is_producers_own(&self) -> bool {
        let known = ["lambda_async", "lambda_destination", "eventbridge_rule", "scheduler"];
        known.contains(&self.group.producer.as_str())
            && self.is_whole()
            && self.own.iter().all(|seen| seen.source_arn.is_none())
    }

    /// Whether all messages of the group are at hand.
    fn is_whole(&self) -> bool {
        !self.own.is_empty()
            && self.own.len() == self.group.messages.len()
            && self.own.len() as u64 == self.group.count
    }

    /// Whether every message of the queue is in the sample.
    fn is_covered(&self) -> bool {
        self.queue.depth.is_some_and(|depth| self.sampled >= depth)
    }

    pub(super) fn stands_for_all(&self) -> bool {
        self.is_covered() || self.sampled >= SAMPLE_MIN
    }

    pub(super) fn are_too_old(&self) -> bool {
        let is_age = |word: &str| {
            error_patterns::category_of_code(word) == Some(Category::ExpiredOrDuplicate)
        };
        let too_old = |seen: &&MessageFacts| seen.exhausted.as_deref().is_some_and(is_age);
        self.is_whole() && self.own.iter().all(too_old)
    }

    /// The queue that the messages died in; none when it is not one, or not known.
    pub(super) fn source(&self) -> Option<&SourceFacts> {
        let arn = self.own.first()?.source_arn.as_deref()?;
        let same = self.own.iter().all(|seen| seen.source_arn.as_deref() == Some(arn));
        let sources = self.queue.sources.as_deref().unwrap_or_default();
        sources.iter().find(|source| same && source.arn == arn)
    }

    /// Whether the first failure makes a dead letter.
    pub(super) fn has_single_try(&self) -> bool {
        self.source().is_some_and(|source| source.max_receive_count == Some(1))
    }

    /// Whether one message died again and again while its source has been worked off.
    pub(super) fn is_poison(&self) -> bool {
        let works = |source: &SourceFacts| source.depth == Some(0);
        self.group.count == 1
            && self.sampled == 1
            && self.is_covered()
            && self.own.iter().any(|seen| seen.receives >= Some(TRIES_MIN))
            && self.source().is_some_and(works)
    }

    /// Whether messages were sent in a short time and none has died since: all of them have been
    /// seen, and one that was sent later would have died by now.
    pub(super) fn has_stopped(&self) -> bool {
        let sent: Option<Vec<Timestamp>> = self.own.iter().map(|seen| seen.sent_at).collect();
        let Some((asked_at, sent)) = self.queue.asked_at.zip(sent) else {
            return false;
        };
        let (Some(first), Some(last)) = (sent.iter().min(), sent.iter().max()) else {
            return false;
        };
        let Some(quiet) = self.time_to_die() else {
            return false;
        };
        self.group.count >= SEVERAL
            && self.is_whole()
            && self.is_covered()
            && last.since(*first) <= BURST_MAX
            && asked_at.since(*last) >= quiet.max(QUIET_MIN)
    }

    /// How long after its sending a failing message arrives here at the latest, twice over; none
    /// when that cannot be told.
    fn time_to_die(&self) -> Option<Duration> {
        if self.own.iter().all(|seen| seen.source_arn.is_none()) {
            return Some(Duration::ZERO); // Its sender gave up before it sent it.
        }
        let source = self.source().filter(|source| source.depth == Some(0))?;
        let tries = source.max_receive_count?;
        Some(Duration::from_secs(source.visibility_s?.saturating_mul(tries).saturating_mul(2)))
    }
}
