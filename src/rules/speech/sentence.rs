//! The sentence of an event, and its sound.
//!
//! Promises: what was written by others is spoken as plain words; sentences are alike for alike
//! events, because numbers have few sizes and ids are left out. Pure.

use super::sound::Sound;
use super::spoken_text::{capitalized, in_sizes, name, quantity, sentence};
use crate::event::{AnyPayload, Head, HealthReport, PullRequest, PullRequestNews, Severity};
use crate::text::shorten;
use crate::time::parse_span;

/// The longest title of a pull request that is spoken, in characters.
const TITLE_MAX: usize = 80;

/// Something to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// Never empty.
    pub text: String,
    /// The sound before it.
    pub sound: Sound,
}

impl Spoken {
    fn new(text: &str, sound: Sound) -> Self {
        let text = match sentence(text) {
            empty if empty.is_empty() => "A notice without words.".to_owned(),
            text => text,
        };
        Spoken { text, sound }
    }
}

/// Returns what is said of an event.
pub fn of_event(head: &Head, line: &[u8]) -> Spoken {
    if let Some((news, request)) = PullRequestNews::read(head, line) {
        return of_pull_request(news, &request);
    }
    if let Some(report) = HealthReport::read(head, line) {
        return of_checks(head, &report);
    }
    let queue = name(head.subject.as_deref().unwrap_or_default());
    let payload = head.known.and_then(|known| AnyPayload::read(known, line));
    let Some((text, sound)) = payload.and_then(|data| of_payload(data, &queue)) else {
        let subject = head.subject.as_deref().filter(|subject| !subject.trim().is_empty());
        return of_words(head.severity(), subject.unwrap_or(&head.source), &head.kind);
    };
    Spoken::new(&capitalized(&text), sound)
}

/// Returns what is said of the checks of an installation.
fn of_checks(head: &Head, report: &HealthReport) -> Spoken {
    let failing = report.failing();
    let what = match failing.as_slice() {
        [] => "all checks succeed".to_owned(),
        [one] => format!("check {} fails", name(&one.name)),
        several => format!("{} checks fail", several.len()),
    };
    of_words(head.severity(), &head.source, &what)
}

/// The reason for which an event is told again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldAgain {
    Reminder,
    AckExpired,
    Escalation,
}

/// Returns what is said of a problem that goes on, with the newest depth of its queue.
pub fn of_open_problem(head: &Head, line: &[u8], again: ToldAgain, depth: Option<u64>) -> String {
    let payload = head.known.and_then(|known| AnyPayload::read(known, line));
    let known = match payload {
        Some(AnyPayload::QueueRaised(data)) => Some(data.depth),
        Some(AnyPayload::QueueGrew(data)) => Some(data.depth),
        Some(AnyPayload::QueueExpiring(data)) => data.depth,
        _ => {
            let before = match again {
                ToldAgain::Reminder => "Reminder",
                ToldAgain::AckExpired => "An acknowledgement has expired",
                ToldAgain::Escalation => "Nobody has acknowledged this",
            };
            return format!("{before}. {}", of_event(head, line).text);
        }
    };
    let dead = match depth.or(known) {
        None => "dead letters".to_owned(),
        number => quantity(number, "dead letter", "dead letters"),
    };
    let queue = name(head.subject.as_deref().unwrap_or_default());
    let text = match again {
        ToldAgain::Reminder => format!("reminder: {queue} still has {dead}."),
        ToldAgain::AckExpired => {
            format!("the acknowledgement of {queue} has expired: it still has {dead}.")
        }
        ToldAgain::Escalation => format!("nobody has acknowledged {queue}: it has {dead}."),
    };
    Spoken::new(&capitalized(&text), Sound::Alarm).text
}

/// Returns what is said of a notice that is about no single event, or about one without a sentence.
pub fn of_words(severity: Severity, subject: &str, what: &str) -> Spoken {
    let (degree, sound) = match severity {
        Severity::Debug | Severity::Info => ("Notice", Sound::None),
        Severity::Warn => ("Warning", Sound::Alarm),
        Severity::Error | Severity::Fatal => ("Error", Sound::Alarm),
    };
    let what = in_sizes(&what.replace(['.', '_'], " "));
    // The name of a queue has no blank; a number of queues has one.
    let is_count = subject.starts_with(|c: char| c.is_ascii_digit()) && subject.contains(' ');
    let subject = if is_count { in_sizes(subject) } else { name(subject) };
    Spoken::new(&format!("{degree}, {subject}: {what}."), sound)
}

fn of_payload(data: AnyPayload, queue: &str) -> Option<(String, Sound)> {
    let dead = |number| quantity(number, "dead letter", "dead letters");
    let (text, sound) = match data {
        AnyPayload::QueueRaised(data) => (
            format!("Dead letter queue alert for {queue}: {}.", dead(Some(data.depth))),
            Sound::Alarm,
        ),
        AnyPayload::QueueGrew(data) => {
            (format!("{queue} has grown to {}.", dead(Some(data.depth))), Sound::Alarm)
        }
        AnyPayload::QueueExpiring(data) => {
            let within = within(&data.tier);
            (format!("{queue} loses its dead letters {within}."), Sound::Alarm)
        }
        AnyPayload::QueueLossSuspected(data) => {
            let missing = quantity(Some(data.missing), "message", "messages");
            (format!("{missing} may be lost from {queue}."), Sound::Alarm)
        }
        AnyPayload::QueueCleared(data) if data.cause == "expired" => {
            (format!("{queue} is empty: its dead letters have expired."), Sound::Alarm)
        }
        AnyPayload::QueueCleared(_) => (format!("{queue} is empty again."), Sound::Relief),
        AnyPayload::QueueSampled(data) if !data.fingerprints.is_empty() => {
            let causes = quantity(Some(data.fingerprints.len() as u64), "cause", "causes");
            (format!("{queue} has dead letters of {causes}."), Sound::Alarm)
        }
        AnyPayload::QueueUnreadable(_) => (format!("{queue} cannot be read."), Sound::Alarm),
        AnyPayload::QueueReadable(_) => (format!("{queue} can be read again."), Sound::Relief),
        AnyPayload::QueueGone(_) => (format!("{queue} no longer exists."), Sound::Alarm),
        AnyPayload::PollFailed(data) if data.account.is_some() || data.region.is_some() => {
            ("some queues cannot be polled.".to_owned(), Sound::Alarm)
        }
        AnyPayload::PollFailed(_) => ("the queues cannot be polled.".to_owned(), Sound::Alarm),
        // Only the round that ends a failure is spoken of.
        AnyPayload::PollFinished(_) => {
            ("the queues can be polled again.".to_owned(), Sound::Relief)
        }
        AnyPayload::InvestigationStarted(_) => {
            (format!("the investigation of {queue} has started."), Sound::None)
        }
        AnyPayload::InvestigationCompleted(data) => {
            let result = match data.verdict.status.as_str() {
                "confirmed" => "has found the cause",
                "likely" => "has found a likely cause",
                "not_a_bug" => "says that the code is not at fault",
                _ => "has found no cause",
            };
            (format!("the investigation of {queue} {result}."), Sound::Relief)
        }
        AnyPayload::InvestigationFailed(_) => {
            (format!("the investigation of {queue} has failed."), Sound::Alarm)
        }
        AnyPayload::InvestigationTimedOut(_) => {
            (format!("the investigation of {queue} has taken too long."), Sound::Alarm)
        }
        _ => return None,
    };
    Some((text, sound))
}

/// Returns the words of a time that is left.
fn within(tier: &str) -> &'static str {
    match parse_span(tier).map(|span| span.as_secs()) {
        Some(0..=3600) => "within an hour",
        Some(3601..=21_600) => "within six hours",
        Some(21_601..=86_400) => "within a day",
        Some(_) => "within days",
        None => "soon",
    }
}

fn of_pull_request(news: PullRequestNews, request: &PullRequest) -> Spoken {
    let repository = request.repo.rsplit('/').next().unwrap_or_default();
    let which = match (request.ours == Some(true), repository.is_empty()) {
        (_, true) => "a pull request".to_owned(),
        (true, false) => format!("our pull request in {}", name(repository)),
        (false, false) => format!("a pull request in {}", name(repository)),
    };
    let title = sentence(&shorten(&request.title, TITLE_MAX).replace('…', ""));
    let title = if title.is_empty() { title } else { format!(": {title}") };
    let text = match news {
        PullRequestNews::Opened => format!("{which} is ready for review{title}."),
        PullRequestNews::ReviewDue => format!("reminder: {which} still waits for review{title}."),
        PullRequestNews::Approved => format!("{which} was approved."),
        PullRequestNews::ChangesRequested => format!("changes are requested in {which}."),
        PullRequestNews::ChecksFailed => format!("the checks of {which} have failed."),
        PullRequestNews::Merged => format!("good news! {} was merged.", capitalized(&which)),
        PullRequestNews::Deployed => format!("good news! {} is deployed.", capitalized(&which)),
        PullRequestNews::Closed => format!("{which} was closed without a merge."),
    };
    let sound = match news {
        PullRequestNews::Merged | PullRequestNews::Deployed => Sound::Celebration,
        _ if request.ours == Some(true) => Sound::OurPullRequest,
        _ => Sound::OtherPullRequest,
    };
    Spoken::new(&capitalized(&text), sound)
}

#[cfg(test)]
mod tests;
