//! The facts of an event that the stages of notification decide by.
//!
//! Promises: every type of event has a [`TopicChange`]; equal lines have equal facts. Pure.

use serde::{Deserialize, Serialize};

use super::notice_key::EventKey;
use crate::event::{
    self, AnyPayload, Cause, Head, HealthReport, PollFinished, Queue, Severity, Type,
};
use crate::time::Timestamp;

/// The beginning of the keys of events that are of no problem.
pub const OWN: &str = "event\n";
/// The beginning of the keys of problems that a whole round ends.
pub const POLL: &str = "poll\n";

/// The change of a problem that an event reports.
#[derive(Debug, Clone, PartialEq)]
pub enum TopicChange {
    /// The problem begins.
    Begins,
    /// The problem exists, and is reported again in every round.
    Persists,
    /// The depth has crossed a growth step.
    Grows(u64),
    /// An expiry tier was crossed.
    Nears(String),
    /// The problem has ended; `lost` when messages were lost by it.
    Ends { lost: bool },
    /// A result, or another event that is told once.
    News,
    /// A step of work that goes on.
    Progress,
}

/// The work on an incident that an event reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// An investigation begins, with its deadline.
    Begins {
        session: String,
        until: Timestamp,
    },
    Ends {
        session: String,
    },
}

/// The part of everything that a round has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundSight {
    /// An account or region could not be asked for its queues.
    Partial,
    /// All of them were asked, and a queue was not found or not read.
    Scopes,
    /// Everything.
    Whole,
}

impl RoundSight {
    fn seen_by(round: &PollFinished) -> Self {
        match round.unlisted + round.unsurveyed {
            0 if round.unreadable == 0 => RoundSight::Whole,
            0 => RoundSight::Scopes,
            _ => RoundSight::Partial,
        }
    }
}

/// The facts of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct EventFacts {
    pub key: EventKey,
    pub at: Timestamp,
    pub severity: Severity,
    /// The name of the queue, or the pull request.
    pub subject: String,
    pub incident: Option<String>,
    /// The key of the problem that the event is about.
    pub topic: String,
    pub change: TopicChange,
    /// The investigation that begins or ends with the event.
    pub work: Option<Work>,
    /// The most frequent cause, by its fingerprint, when the event names it.
    pub cause: Option<NamedCause>,
    /// The causes that are errors, and not only alike messages, when the event is of a sample; of checks
    /// the set of those that fail.
    pub sampled: Option<Vec<NamedCause>>,
    pub depth: Option<u64>,
    /// The part of everything that a round has seen.
    pub round: Option<RoundSight>,
    /// The part that the round was to ask, when it says so.
    pub asked: Option<String>,
    /// The time by which messages are lost, when a tier was crossed.
    pub loss: Option<Timestamp>,
}

/// A cause and its title.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedCause {
    pub id: String,
    pub title: String,
}

impl NamedCause {
    fn new(cause: &Cause) -> Self {
        NamedCause { id: cause.id.clone(), title: cause.title.clone() }
    }
}

/// Returns whether the fingerprint is that of an error, and not of alike messages.
fn names_error(cause: &Cause) -> bool {
    matches!(cause.kind.as_str(), "producer_error" | "error_text")
}

impl EventFacts {
    /// Reads the facts of a line. `now` stands for a time that is missing.
    pub fn read(head: &Head, line: &[u8], now: Timestamp) -> Self {
        let subject = head.subject.as_deref().unwrap_or_default().to_owned();
        let mut facts = EventFacts {
            key: EventKey::new(head),
            at: head.time().unwrap_or(now),
            severity: head.severity(),
            incident: head.incident.as_deref().map(str::to_owned),
            // An event whose payload names no topic is one of its own.
            topic: format!("{OWN}{}\n{}", head.source, head.id),
            subject,
            change: TopicChange::News,
            work: None,
            cause: None,
            sampled: None,
            depth: None,
            round: None,
            asked: None,
            loss: None,
        };
        if let Some(report) = HealthReport::read(head, line) {
            facts.fill_health(&head.source, &report);
        } else if let Some(data) = head.known.and_then(|known| AnyPayload::read(known, line)) {
            facts.fill(data);
        }
        facts
    }

    /// Takes the checks of an installation: those that fail are one problem, told again when they are
    /// others, or graver.
    fn fill_health(&mut self, source: &str, report: &HealthReport) {
        let failing: Vec<&str> = report.failing().iter().map(|check| check.name.as_str()).collect();
        self.topic = format!("health\n{source}");
        if failing.is_empty() {
            self.change = TopicChange::Ends { lost: false };
            return;
        }
        self.change = TopicChange::Begins;
        let title = failing.join(", ");
        let id = event::derived_id(&[&[self.severity.as_str()], failing.as_slice()].concat());
        self.sampled = Some(vec![NamedCause { id, title }]);
    }

    /// Takes the end of an investigation.
    fn ended(&mut self, queue: &Queue, session: String) -> (String, TopicChange) {
        self.work = Some(Work::Ends { session });
        (of_queue("queue", queue), TopicChange::News)
    }

    fn fill(&mut self, data: AnyPayload) {
        let (topic, change) = match data {
            AnyPayload::QueueRaised(data) => {
                self.depth = Some(data.depth);
                (of_queue("queue", &data.queue), TopicChange::Begins)
            }
            AnyPayload::QueueGrew(data) => {
                self.depth = Some(data.depth);
                (of_queue("queue", &data.queue), TopicChange::Grows(data.depth))
            }
            AnyPayload::QueueExpiring(data) => {
                (self.depth, self.loss) = (data.depth, data.expires_before);
                (of_queue("queue", &data.queue), TopicChange::Nears(data.tier))
            }
            AnyPayload::QueueCleared(data) => {
                let lost = data.cause == "expired";
                (of_queue("queue", &data.queue), TopicChange::Ends { lost })
            }
            AnyPayload::QueueGone(data) => {
                let lost = data.last_depth.is_none_or(|depth| depth > 0);
                (of_queue("queue", &data.queue), TopicChange::Ends { lost })
            }
            AnyPayload::QueueLossSuspected(data) => {
                (of_queue("queue", &data.queue), TopicChange::News)
            }
            AnyPayload::QueueSampled(data) => {
                let is_error = |cause: &&Cause| names_error(cause);
                let named = data.fingerprints.iter().filter(is_error).map(NamedCause::new);
                self.sampled = (!data.fingerprints.is_empty()).then(|| named.collect());
                self.cause = data.fingerprints.first().map(NamedCause::new);
                (of_queue("queue", &data.queue), TopicChange::Progress)
            }
            AnyPayload::QueueUnreadable(data) => {
                (of_queue("unreadable", &data.queue), TopicChange::Begins)
            }
            AnyPayload::QueueReadable(data) => {
                (of_queue("unreadable", &data.queue), TopicChange::Ends { lost: false })
            }
            AnyPayload::QueueLinted(data) => (of_queue("lint", &data.queue), TopicChange::Persists),
            AnyPayload::PollFailed(data) => {
                (failure(data.account, data.region, data.asked), TopicChange::Begins)
            }
            AnyPayload::PollMissing(data) => (missing(data.asked), TopicChange::Begins),
            AnyPayload::PollResumed(data) => {
                (missing(data.asked), TopicChange::Ends { lost: false })
            }
            AnyPayload::InvestigationStarted(data) => {
                self.work = Some(Work::Begins { session: data.session, until: data.timeout_at });
                (of_queue("queue", &data.queue), TopicChange::Progress)
            }
            AnyPayload::InvestigationProgressed(data) => {
                (of_queue("queue", &data.queue), TopicChange::Progress)
            }
            AnyPayload::InvestigationSkipped(data) => {
                let is_news = self.severity >= Severity::Warn;
                let change = if is_news { TopicChange::News } else { TopicChange::Progress };
                (of_queue("queue", &data.queue), change)
            }
            AnyPayload::InvestigationCompleted(data) => self.ended(&data.queue, data.session),
            AnyPayload::InvestigationFailed(data) => self.ended(&data.queue, data.session),
            AnyPayload::InvestigationTimedOut(data) => self.ended(&data.queue, data.session),
            AnyPayload::InvestigationStopped(data) => self.ended(&data.queue, data.session),
            AnyPayload::PollFinished(data) => {
                self.round = Some(RoundSight::seen_by(&data));
                self.asked = data.asked;
                return;
            }
            _ => return,
        };
        (self.topic, self.change) = (topic, change);
    }

    /// Returns whether the event is of a problem, and not one of its own.
    pub fn is_of_problem(&self) -> bool {
        !self.topic.starts_with(OWN)
    }

    /// Returns whether the event changes what is known of a problem, whoever it is routed to.
    pub fn concerns_all(&self) -> bool {
        self.work.is_some()
            || self.cause.is_some()
            || self.round.is_some_and(|round| round != RoundSight::Partial)
            || matches!(self.change, TopicChange::Begins | TopicChange::Ends { .. })
    }
}

/// Returns the topic of a failure to poll.
fn failure(account: Option<String>, region: Option<String>, asked: Option<String>) -> String {
    let scope = [account, region].map(Option::unwrap_or_default);
    let scope: Vec<String> = scope.into_iter().chain(asked).collect();
    format!("{POLL}{}", scope.join("\n"))
}

/// Returns what the round was to ask that has failed, by the key of the failure to poll; None when its event
/// did not say it.
pub fn asked_of_failure(problem: &str) -> Option<&str> {
    problem.strip_prefix(POLL)?.splitn(3, '\n').nth(2)
}

/// Returns the topic of missing rounds.
fn missing(asked: Option<String>) -> String {
    asked.map_or("missing".to_owned(), |asked| format!("missing\n{asked}"))
}

/// Returns the topic of a kind of problem of a queue.
fn of_queue(kind: &str, queue: &Queue) -> String {
    format!("{kind}\n{}", queue.arn)
}

/// Returns whether an event can concern all channels, by its type: see [`EventFacts::concerns_all`].
pub fn can_concern_all(head: &Head) -> bool {
    let Some(known) = head.known else { return HealthReport::is_of(head) };
    matches!(
        known,
        Type::QueueRaised
            | Type::QueueCleared
            | Type::QueueGone
            | Type::QueueSampled
            | Type::QueueUnreadable
            | Type::QueueReadable
            | Type::PollFailed
            | Type::PollFinished
            | Type::PollMissing
            | Type::PollResumed
            | Type::InvestigationStarted
            | Type::InvestigationCompleted
            | Type::InvestigationFailed
            | Type::InvestigationTimedOut
            | Type::InvestigationStopped
    )
}

/// Reads the facts of a line that was kept.
pub fn reread(line: &str) -> Option<EventFacts> {
    match event::peek(line.trim_end().as_bytes()) {
        event::Line::Event(head) => {
            Some(EventFacts::read(&head, line.as_bytes(), Timestamp::default()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, QueueCleared, QueueGone};

    fn change(line: &[u8]) -> TopicChange {
        reread(&String::from_utf8_lossy(line)).unwrap().change
    }

    #[test]
    fn end_is_a_loss_unless_it_is_known_that_nothing_was_lost() {
        let at = Timestamp::default();
        let queue = || Queue { arn: "a".into(), name: "q".into(), ..Queue::default() };
        for (last_depth, lost) in [(None, true), (Some(0), false), (Some(3), true)] {
            let gone = Event::new("i".into(), "q", at, QueueGone { queue: queue(), last_depth });
            assert_eq!(
                change(&gone.line()),
                TopicChange::Ends { lost },
                "gone with {last_depth:?}"
            );
        }
        for (cause, lost) in
            [("redriven", false), ("purged", false), ("unknown", false), ("expired", true)]
        {
            let cleared = QueueCleared { queue: queue(), duration_s: 60, cause: cause.into() };
            let cleared = Event::new("i".into(), "q", at, cleared);
            assert_eq!(change(&cleared.line()), TopicChange::Ends { lost }, "{cause}");
        }
    }
}
