//! A group of dead letters with the facts around it: queue, source queue and size of the sample.

use std::time::Duration;

use super::proof::{self, Authorship};
use super::{Category, MessageFacts, error_patterns};
use crate::rules::evidence::bundle::{Group, QueueFacts, SourceFacts};
use crate::time::Timestamp;

/// Messages with the same words that count as several.
pub(super) const SEVERAL: u64 = 3;
/// Sample size that may represent a larger queue: one full receive.
const SAMPLE_MIN: u64 = 10;
/// Longest span of a burst.
const BURST_MAX: Duration = Duration::from_secs(6 * 3600);
/// Shortest silence that counts as the end of a failure and not as a pause.
const QUIET_MIN: Duration = Duration::from_secs(3600);
/// Receives below which the retries of a message prove nothing.
const TRIES_MIN: u64 = 3;

/// Input of the judgement of one group.
pub(super) struct GroupContext<'a> {
    pub(super) queue: &'a QueueFacts,
    pub(super) group: &'a Group,
    /// Available messages of the group.
    pub(super) messages: Vec<&'a MessageFacts>,
    /// Sampled messages of all groups.
    pub(super) sampled: u64,
}

impl<'a> GroupContext<'a> {
    /// Returns the value that all messages have; none when they differ or it is unknown.
    pub(super) fn shared(
        &self,
        value: impl Fn(&'a MessageFacts) -> &'a Option<String>,
    ) -> Option<&'a str> {
        let first = value(self.messages.first()?);
        let same = self.messages.iter().all(|seen| value(seen) == first);
        first.as_deref().filter(|_| same)
    }

    /// Returns who wrote the group's error. Messages that are not at hand prove nothing.
    pub(super) fn authorship(&self) -> Authorship {
        match self.is_whole() {
            true => proof::authorship(&self.group.producer, &self.messages),
            false => Authorship::Anybody,
        }
    }

    /// Returns the category of the error code. That the retries have ended only says when the service
    /// gave up: its status, and an error in words, say why.
    pub(super) fn stated_category(&self, has_text: bool) -> Option<Category> {
        let code = self.group.code.as_deref().and_then(error_patterns::category_of_code)?;
        if code != Category::ExpiredOrDuplicate {
            return Some(code);
        }
        let producer = &self.group.producer;
        let own = |seen| error_patterns::category_of_code(proof::own_code(producer, seen)?);
        let first = self.messages.first().and_then(|seen| own(seen));
        let is_shared = self.messages.iter().all(|seen| own(seen) == first);
        let status = first.filter(|own| is_shared && *own != Category::ExpiredOrDuplicate);
        status.or_else(|| (!has_text).then_some(code))
    }

    /// Returns whether a field of the service itself has a code of this category in every message.
    /// The code of a group may be one that the service passes on from a function.
    pub(super) fn states(&self, category: Category) -> bool {
        let producer = &self.group.producer;
        let code = |seen| error_patterns::category_of_code(proof::own_code(producer, seen)?);
        self.messages.iter().all(|seen| code(seen) == Some(category))
    }

    /// Returns whether all messages of the group are available.
    fn is_whole(&self) -> bool {
        !self.messages.is_empty()
            && self.messages.len() == self.group.messages.len()
            && self.messages.len() as u64 == self.group.count
    }

    /// Returns whether the sample holds every message of the queue.
    fn is_covered(&self) -> bool {
        self.queue.depth.is_some_and(|depth| self.sampled >= depth)
    }

    pub(super) fn stands_for_all(&self) -> bool {
        self.is_covered() || self.sampled >= SAMPLE_MIN
    }

    /// Returns the numbers of sampled messages and of all, when the sample is a part.
    pub(super) fn unseen(&self) -> Option<(u64, u64)> {
        let depth = self.queue.depth.filter(|depth| self.sampled < *depth)?;
        Some((self.sampled, depth))
    }

    /// Returns the share of the queue's messages that the sample says something of, rounded down: all
    /// that were seen, and of the others the share that shows no other cause with a certainty of 95 %
    /// (the lower bound of Wilson's interval for n of n, n / (n + 1.96²)).
    pub(super) fn share_covered(&self) -> f64 {
        if self.is_covered() {
            return 1.0;
        }
        let seen = self.sampled as f64;
        let bound = seen / (seen + 1.96 * 1.96);
        let share = self.queue.depth.map_or(bound, |depth| {
            let depth = depth as f64;
            (seen + (depth - seen) * bound) / depth
        });
        (share * 100.0).floor() / 100.0
    }

    pub(super) fn are_too_old(&self) -> bool {
        let is_age = |word: &str| {
            error_patterns::category_of_code(word) == Some(Category::ExpiredOrDuplicate)
        };
        let too_old = |seen: &&MessageFacts| seen.exhausted.as_deref().is_some_and(is_age);
        self.is_whole() && self.messages.iter().all(too_old)
    }

    /// Returns the one source queue of all messages; none when there are several or it is unknown.
    pub(super) fn source(&self) -> Option<&SourceFacts> {
        let arn = self.shared(|seen| &seen.source_arn)?;
        self.queue.sources.as_ref()?.iter().find(|source| source.arn == arn)
    }

    /// Returns whether the first failure makes a dead letter.
    pub(super) fn has_single_try(&self) -> bool {
        self.source().is_some_and(|source| source.max_receive_count == Some(1))
    }

    /// Returns whether one message failed repeatedly while its source queue was processed.
    pub(super) fn is_poison(&self) -> bool {
        let works = |source: &SourceFacts| source.depth == Some(0);
        self.group.count == 1
            && self.sampled == 1
            && self.is_covered()
            && self.messages.iter().any(|seen| seen.receives >= Some(TRIES_MIN))
            && self.source().is_some_and(works)
    }

    /// Returns whether the messages were sent in a short span and none has died since. The sample
    /// holds all of them, and a message sent later would be here by now.
    pub(super) fn has_stopped(&self) -> bool {
        let sent: Option<Vec<Timestamp>> = self.messages.iter().map(|seen| seen.sent_at).collect();
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

    /// Returns twice the longest time from the sending of a failing message to its arrival here;
    /// none when it is unknown.
    fn time_to_die(&self) -> Option<Duration> {
        if self.messages.iter().all(|seen| seen.source_arn.is_none()) {
            return Some(Duration::ZERO); // The sender gave up before it sent the message.
        }
        let source = self.source().filter(|source| source.depth == Some(0))?;
        let tries = source.max_receive_count?;
        Some(Duration::from_secs(source.visibility_s?.saturating_mul(tries).saturating_mul(2)))
    }
}
