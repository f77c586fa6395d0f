//! One group of dead letters, judged: what its error is a sign of, who says so, and how far that
//! can be believed. Never reads a body.

use std::time::Duration;

use super::{Advice, Bug, Category, Seen, Triage, commands, error_patterns, sentences};
use crate::rules::evidence::bundle::{Group, QueueFacts, SourceFacts};
use crate::time::Timestamp;

/// What the producer says twice, as a code and in words.
const SAID_TWICE: f64 = 0.9;
/// What the producer says as a code: the least that concludes anything.
const SAID: f64 = 0.8;
/// What stands in a text that others can write too, in several messages.
pub(super) const TEXT: f64 = 0.6;
/// The same in one or two messages, and what only counts and settings suggest.
const HINT: f64 = 0.4;

/// So many messages with the same words are several.
const SEVERAL: u64 = 3;
/// A sample this large may stand for a queue that is larger still: one full receive.
const SAMPLE_MIN: u64 = 10;
/// What spreads over more than this is no burst.
const BURST_MAX: Duration = Duration::from_secs(6 * 3600);
/// What has been quiet for less than this may only be pausing.
const QUIET_MIN: Duration = Duration::from_secs(3600);
/// A message that was received less often has not been tried in earnest.
const TRIES_MIN: u64 = 3;
/// No more messages than this are cited for a group.
const CITED: usize = 3;

/// What the cause of one group was judged from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    /// The producer's code, and its text agrees.
    CodeAndText,
    /// The producer's code.
    Code,
    /// What the producer hands on from the function.
    Handed,
    /// The producer's code and its text say different things.
    Disagree,
    /// The text of so many messages.
    Bodies(u64),
    /// Counts and settings.
    Counts,
    /// Nothing.
    Nothing,
}

/// A group, with what it is judged by.
pub(super) struct Case<'a> {
    pub(super) queue: &'a QueueFacts,
    pub(super) group: &'a Group,
    /// Its messages, as far as they are at hand.
    pub(super) own: Vec<&'a Seen>,
    /// How many messages were sampled, in all groups.
    pub(super) sampled: u64,
}

impl Case<'_> {
    pub(super) fn triage(&self) -> Triage {
        let (sign, ground) = self.sign();
        let (category, ground) = match sign {
            Some(Category::Dependency) if self.has_stopped() => (Category::ThirdPartyBurst, ground),
            // One message is no drift: the others of its kind may well be read.
            Some(Category::SchemaDrift) if self.group.distinct < 2 => {
                (Category::PoisonMessage, Ground::Bodies(1))
            }
            Some(category) => (category, ground),
            None => self.shape(),
        };
        let confidence = self.confidence(category, ground);
        let bug = match category {
            Category::Throttling
            | Category::Permission
            | Category::MissingTarget
            | Category::ThirdPartyBurst
                if confidence >= SAID =>
            {
                Bug::NotACodeBug
            }
            Category::CodeError if confidence >= TEXT => Bug::CodeBug,
            _ => Bug::Unknown,
        };
        let redrive = match category {
            Category::ThirdPartyBurst if bug == Bug::NotACodeBug => Advice::Safe,
            Category::ExpiredOrDuplicate | Category::Unknown => Advice::DoNot,
            _ => Advice::AfterFix,
        };
        let is_few = matches!(ground, Ground::Code | Ground::CodeAndText) && !self.stands_for_all();
        Triage {
            group: self.group.item.clone(),
            fingerprint: self.group.id.clone(),
            count: self.group.count,
            category,
            bug,
            confidence,
            title: sentences::title(category, confidence),
            reason: sentences::reason(category, ground, self.group.count, is_few),
            evidence: self.evidence(category),
            commands: commands::next(self, category),
            redrive,
            next: sentences::next(category, redrive, self.has_single_try()),
        }
    }

    /// What the words of the error are a sign of, and who says them.
    fn sign(&self) -> (Option<Category>, Ground) {
        let group = self.group;
        let text =
            || error_patterns::of_error(group.exception.as_deref(), group.message.as_deref());
        let bodies = Ground::Bodies(group.count);
        match group.kind.as_str() {
            "error_text" => (text(), bodies),
            "producer_error" => {
                let code = group.code.as_deref().and_then(error_patterns::of_code);
                let (sign, ground) = match (code, text()) {
                    (Some(code), Some(text)) if code == text => (Some(code), Ground::CodeAndText),
                    (Some(code), Some(Category::CodeError | Category::SchemaDrift)) => {
                        (Some(code), Ground::Disagree)
                    }
                    (Some(code), _) => (Some(code), Ground::Code),
                    (None, Some(Category::CodeError))
                        if group.code.as_deref().is_some_and(error_patterns::ran) =>
                    {
                        (Some(Category::CodeError), Ground::Code)
                    }
                    (None, Some(text)) => (Some(text), Ground::Handed),
                    (None, None) if self.are_too_old() => {
                        (Some(Category::ExpiredOrDuplicate), Ground::Handed)
                    }
                    (None, None) => (None, Ground::Nothing),
                };
                (sign, if self.is_producers_own() { ground } else { bodies })
            }
            _ => (None, Ground::Nothing),
        }
    }

    /// What counts and settings suggest where no error is told.
    fn shape(&self) -> (Category, Ground) {
        let Group { count, distinct, .. } = *self.group;
        let category = if count >= SEVERAL && distinct > 0 && distinct * 2 <= count {
            Category::ExpiredOrDuplicate
        } else if self.is_poison() {
            Category::PoisonMessage
        } else if self.has_single_try() {
            Category::MisconfiguredQueue
        } else {
            return (Category::Unknown, Ground::Nothing);
        };
        (category, Ground::Counts)
    }

    fn confidence(&self, category: Category, ground: Ground) -> f64 {
        let sure = match ground {
            Ground::CodeAndText => SAID_TWICE,
            Ground::Code => SAID,
            Ground::Handed | Ground::Bodies(SEVERAL..) => TEXT,
            Ground::Disagree | Ground::Bodies(_) | Ground::Counts => HINT,
            Ground::Nothing => 0.0,
        };
        // Who is to blame for a failure that goes on, or why a message grew old, no code tells.
        let is_open = matches!(category, Category::Dependency | Category::ExpiredOrDuplicate);
        if is_open || !self.stands_for_all() { sure.min(TEXT) } else { sure }
    }

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

    fn stands_for_all(&self) -> bool {
        self.is_covered() || self.sampled >= SAMPLE_MIN
    }

    fn are_too_old(&self) -> bool {
        let is_age =
            |word: &str| error_patterns::of_code(word) == Some(Category::ExpiredOrDuplicate);
        let too_old = |seen: &&Seen| seen.exhausted.as_deref().is_some_and(is_age);
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
    fn has_single_try(&self) -> bool {
        self.source().is_some_and(|source| source.max_receive_count == Some(1))
    }

    /// Whether one message died again and again while its source has been worked off.
    fn is_poison(&self) -> bool {
        let works = |source: &SourceFacts| source.depth == Some(0);
        self.group.count == 1
            && self.sampled == 1
            && self.is_covered()
            && self.own.iter().any(|seen| seen.receives >= Some(TRIES_MIN))
            && self.source().is_some_and(works)
    }

    /// Whether messages were sent in a short time and none has died since: all of them have been
    /// seen, and one that was sent later would have died by now.
    fn has_stopped(&self) -> bool {
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

    fn evidence(&self, category: Category) -> Vec<String> {
        let queue = self.queue;
        let mut cited = vec![self.group.item.clone()];
        cited.extend(self.own.iter().take(CITED).map(|seen| seen.id.clone()));
        let mut cite = |id: &str, is_known: bool| {
            if is_known {
                cited.push(id.to_owned());
            }
        };
        cite("q.depth", queue.depth.is_some());
        let is_timed = category == Category::ThirdPartyBurst;
        cite("q.asked_at", is_timed && queue.asked_at.is_some());
        cite("q.sources", self.source().is_some());
        let has = |rule: &str| queue.lint.iter().any(|finding| finding.rule == rule);
        cite("lint.max-receive-count", self.has_single_try() && has("max-receive-count"));
        cited
    }
}
