//! The text of a notice: what happened, and what to do next.
//!
//! Promises: every known type has its own sentence, any other a general one; an unknown number is
//! shown as unknown, never as zero; text from events is made safe and short; a suggested command
//! exists, and no shell reads more than a word into the text in it. Pure: `now` is an argument.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;

use crate::event::{self, Head, Payload, Severity, Type};
use crate::text::{count, safe, shorten};
use crate::time::{Timestamp, show_span};

/// The longest title of a notice, in characters.
pub const TITLE_MAX: usize = 120;
/// The longest body of a notice, and the longest line on a console after its subject.
pub const BODY_MAX: usize = 600;
const SUBJECT_MAX: usize = 100;
const TEXT_MAX: usize = 200;
/// The causes of a sample that are named, and the characters of the title of each.
const CAUSES_MAX: usize = 3;
const CAUSE_MAX: usize = 80;
/// The age from which an event is shown with its date.
const SAME_DAY: Duration = Duration::from_secs(12 * 3600);

/// The text of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The time of the event, with the date of another day.
    pub when: String,
    pub severity: Severity,
    /// The queue or pull request, or the program that wrote the event.
    pub subject: String,
    pub what: String,
    rest: Details,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Details {
    detail: Option<String>,
    next: Option<String>,
}

impl Notice {
    /// Returns a notice without an event: a test, or a summary.
    pub fn plain(
        severity: Severity,
        subject: &str,
        what: &str,
        next: &str,
        now: Timestamp,
    ) -> Self {
        let rest = Details { detail: None, next: Some(next.to_owned()) };
        Notice { when: now.clock(), severity, subject: subject.into(), what: what.into(), rest }
    }

    /// Returns one line for a terminal or a log.
    pub fn line(&self) -> String {
        format!("{} {} {}", self.when, self.severity.as_str(), self.text())
    }

    /// Returns the line without its time and severity.
    pub fn text(&self) -> String {
        let mut text = self.what.clone();
        if let Some(detail) = &self.rest.detail {
            text.push_str("; ");
            text.push_str(detail);
        }
        if let Some(next) = &self.rest.next {
            text.push_str(": ");
            text.push_str(next);
        }
        format!("{}: {}", self.subject, shorten(&text, BODY_MAX))
    }

    pub fn title(&self) -> String {
        shorten(&format!("{}: {}", self.subject, self.what), TITLE_MAX).into_owned()
    }

    /// Returns the body, which is never empty.
    pub fn body(&self) -> String {
        let first = format!("{} {}", self.severity.as_str(), self.when);
        let parts = [Some(&first), self.rest.detail.as_ref(), self.rest.next.as_ref()];
        let lines: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        shorten(&lines.join("\n"), BODY_MAX).into_owned()
    }
}

/// Renders the notice of an event.
pub fn render(head: &Head, line: &[u8], now: Timestamp) -> Notice {
    let incident = head.incident.as_deref();
    let (what, rest) =
        head.known.and_then(|known| describe(known, line, incident, now)).unwrap_or_else(|| {
            let what = match head.known {
                None => cap(&head.kind).into_owned(),
                Some(known) => format!("{}, with a payload that is not understood", known.as_str()),
            };
            (what, Details { detail: None, next: look(incident) })
        });
    let subject = head.subject.as_deref().filter(|subject| !subject.trim().is_empty());
    let mut subject = shorten(&safe(subject.unwrap_or(&head.source)), SUBJECT_MAX).into_owned();
    if let Some(place) = place(line) {
        subject.push_str(&format!(" ({place})"));
    }
    let when = head.time().map_or("at an unknown time".into(), |at| {
        let day = if now.since(at).max(at.since(now)) > SAME_DAY {
            at.to_string()
        } else {
            String::new()
        };
        format!("{}{}", day.get(..11).unwrap_or_default().replace('T', " "), at.clock())
    });
    Notice { when, severity: head.severity(), subject, what, rest }
}

/// Returns the region and account of the queue: its name may exist in several.
fn place(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        queue: Queue,
    }
    #[derive(Deserialize)]
    struct Queue {
        #[serde(default)]
        region: String,
        #[serde(default)]
        account: String,
    }
    let queue = serde_json::from_slice::<Event>(line).ok()?.data.queue;
    let parts = [queue.region, queue.account];
    let parts: Vec<_> =
        parts.iter().filter(|part| !part.is_empty()).map(|part| cap(part)).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Describes the payload; None when it is not of the type.
fn describe(
    known: Type,
    line: &[u8],
    incident: Option<&str>,
    now: Timestamp,
) -> Option<(String, Details)> {
    let look = || look(incident);
    let quiet = |what: String| (what, Details::default());
    Some(match known {
        Type::QueueRaised => {
            let data = read::<event::QueueRaised>(line)?;
            let what =
                format!("{} died (threshold {})", count(data.depth, "message"), data.threshold);
            (what, rest(expiry(data.expires_after, data.expires_before, now), look()))
        }
        Type::QueueGrew => {
            let data = read::<event::QueueGrew>(line)?;
            let what = format!("grew to {}", count(data.depth, "dead message"));
            (what, rest(format!("{} when it was raised", data.raised_depth), look()))
        }
        Type::QueueExpiring => {
            let data = read::<event::QueueExpiring>(line)?;
            let unread = || "an unknown number of messages".to_owned();
            let depth = data.depth.map_or_else(unread, |depth| count(depth, "message"));
            let first = if data.certain { data.expires_after } else { data.expires_before };
            let what = match first {
                Some(first) if first <= now => format!("{depth} may have been lost already"),
                _ if data.certain => format!("{depth} may be lost within {}", cap(&data.tier)),
                _ => format!(
                    "{} will be lost within {} at the latest",
                    oldest(data.depth),
                    cap(&data.tier)
                ),
            };
            let region = Some(&data.queue.region).filter(|region| is_plain(region));
            let region = region.map_or(String::new(), |region| format!("--region {region} "));
            let save = format!("aws sqs start-message-move-task {region}--source-arn ");
            let save =
                command("once the cause is fixed, run", &save, &data.queue.arn).or_else(look);
            (what, rest(expiry(data.expires_after, data.expires_before, now), save))
        }
        Type::QueueLossSuspected => {
            let data = read::<event::QueueLossSuspected>(line)?;
            let what = format!("{} may have been lost", count(data.missing, "message"));
            let left = format!("{}; {} left", cap(&data.detail), data.depth);
            (what, rest(left, look()))
        }
        Type::QueueCleared => {
            let data = read::<event::QueueCleared>(line)?;
            let lasted = lasted(data.duration_s);
            let cause = match data.cause.as_str() {
                "unknown" => "cause unknown".into(),
                cause => cap(cause),
            };
            quiet(format!("empty again after {lasted} ({cause})"))
        }
        Type::QueueUnreadable => {
            let data = read::<event::QueueUnreadable>(line)?;
            let what = format!("cannot be read: {}", cap(&data.reason));
            let detail =
                format!("{} in a row; its depth is unknown", count(data.misses, "failure"));
            (what, rest(detail, poll(&data.queue.name)))
        }
        Type::QueueReadable => {
            let data = read::<event::QueueReadable>(line)?;
            let failures = count(data.misses, "failure");
            quiet(format!("can be read again after {failures}; {}", count(data.depth, "message")))
        }
        Type::QueueFound => quiet("a dead-letter queue was found".into()),
        Type::QueueGone => {
            let data = read::<event::QueueGone>(line)?;
            let depth = data.last_depth.map_or("unknown".into(), |depth| depth.to_string());
            ("no longer exists".into(), rest(format!("its last depth was {depth}"), look()))
        }
        Type::QueuePolled => {
            let data = read::<event::QueuePolled>(line)?;
            quiet(match (data.depth, data.reason) {
                (Some(depth), _) => count(depth, "message"),
                (None, Some(reason)) => format!("depth unknown: {}", cap(&reason)),
                (None, None) => "depth unknown".into(),
            })
        }
        Type::QueueLinted => linted(&read(line)?),
        Type::QueueSampled => sampled(&read(line)?, incident),
        Type::PollFinished | Type::PollFailed => return polled(known, line),
        Type::NoticeSent => {
            let data = read::<event::NoticeSent>(line)?;
            quiet(format!("a notice was sent to channel '{}'", cap(&data.channel)))
        }
        Type::NoticeFailed => {
            let data = read::<event::NoticeFailed>(line)?;
            let (channel, error) = (cap(&data.channel), cap(&data.error));
            quiet(format!("a notice to channel '{channel}' failed: {error}"))
        }
        _ => return investigated(known, line, incident, now),
    })
}

fn linted(data: &event::QueueLinted) -> (String, Details) {
    let what = count(data.findings.len() as u64, "finding");
    let first = data.findings.first().map(|finding| cap(&finding.detail).into_owned());
    (
        what,
        Details {
            detail: first,
            next: command("see all with", "dlq-poll --lint --queue ", &data.queue.name),
        },
    )
}

fn sampled(data: &event::QueueSampled, incident: Option<&str>) -> (String, Details) {
    if let Some(word) = &data.refused {
        let why = data.detail.as_deref().filter(|detail| !detail.trim().is_empty());
        let what = format!("not looked at: {}", cap(why.unwrap_or(word)));
        return (what, Details { detail: None, next: look(incident) });
    }
    let Some(taken) = data.taken else {
        let there =
            data.depth.map_or("an unknown number of messages".into(), |n| count(n, "message"));
        return (format!("would be looked at; {there}"), Details::default());
    };
    // The depth is approximate. A depth below the number received is not shown.
    let mut what = match data.depth.filter(|depth| *depth >= taken) {
        Some(depth) => format!("looked at {taken} of {}", count(depth, "message")),
        None => format!("looked at {}", count(taken, "message")),
    };
    let (first, more) = data.fingerprints.split_at(data.fingerprints.len().min(CAUSES_MAX));
    let title = |cause: &event::Cause| {
        format!("{} '{}'", cause.count, shorten(&cap(&cause.title), CAUSE_MAX))
    };
    let mut causes: Vec<String> = first.iter().map(title).collect();
    if !more.is_empty() {
        causes.push(count(more.len() as u64, "more cause"));
    }
    if !causes.is_empty() {
        what = format!("{what}: {}", causes.join(", "));
    }
    let detail = (data.overseen > 0)
        .then(|| format!("{} received more often than allowed", count(data.overseen, "message")));
    let see = data.bundle.as_deref().and_then(|bundle| command("see", "", bundle));
    (what, Details { detail, next: see.or_else(|| look(incident)) })
}

fn polled(known: Type, line: &[u8]) -> Option<(String, Details)> {
    if known == Type::PollFinished {
        let data = read::<event::PollFinished>(line)?;
        let took = show_span(Duration::from_millis(data.duration_ms));
        let queues = count(data.queues, "queue");
        let what = format!("round {} over {queues} took {took}", data.round);
        let detail = format!("{} raised, {} unreadable", data.raised, data.unreadable);
        return Some((what, rest(detail, None)));
    }
    let data = read::<event::PollFailed>(line)?;
    let place = |what: &str, name: &Option<String>| {
        name.as_ref().map_or(String::new(), |name| format!(" in {what} '{}'", cap(name)))
    };
    let (account, region) = (place("account", &data.account), place("region", &data.region));
    let what = format!("cannot poll{account}{region}: {}", cap(&data.reason));
    let next = data
        .region
        .as_deref()
        .and_then(|region| command("try", "aws sqs list-queues --region ", region));
    Some((what, rest("nothing is known about the queues there".into(), next)))
}

fn investigated(
    known: Type,
    line: &[u8],
    incident: Option<&str>,
    now: Timestamp,
) -> Option<(String, Details)> {
    Some(match known {
        Type::InvestigationSkipped => {
            let data = read::<event::InvestigationSkipped>(line)?;
            let until = data.until.map(|until| format!("until {}", moment(until, now)));
            (
                format!("not investigated: {}", cap(&data.detail)),
                Details { detail: until, next: None },
            )
        }
        Type::InvestigationStarted => {
            let data = read::<event::InvestigationStarted>(line)?;
            let what = format!("investigation by '{}' has started", cap(&data.agent));
            (what, rest(format!("it is stopped at {}", moment(data.timeout_at, now)), None))
        }
        Type::InvestigationCompleted => {
            let data = read::<event::InvestigationCompleted>(line)?;
            let found = data.verdict.title.as_deref().unwrap_or("a result without a title");
            let mut weight = cap(&data.verdict.status).into_owned();
            if let Some(confidence) = data.verdict.confidence {
                weight
                    .push_str(&format!(", confidence {:.0} %", confidence.clamp(0.0, 1.0) * 100.0));
            }
            let what = format!("investigation completed: {} ({weight})", cap(found));
            let took = lasted(data.duration_s);
            let read_it = command("read", "", &data.report);
            (
                what,
                rest(
                    format!("took {took}, {}", cost(data.cost_usd)),
                    read_it.or_else(|| look(incident)),
                ),
            )
        }
        Type::InvestigationFailed => {
            let data = read::<event::InvestigationFailed>(line)?;
            let took = data.duration_s.map_or("after an unknown time".into(), |seconds| {
                format!("after {}", lasted(seconds))
            });
            let what = format!("investigation failed: {}", cap(&data.detail));
            (what, rest(format!("{took}, {}", cost(data.cost_usd)), look(incident)))
        }
        Type::InvestigationTimedOut => {
            let data = read::<event::InvestigationTimedOut>(line)?;
            let took = lasted(data.duration_s);
            let what = format!("investigation stopped at its deadline: {}", cap(&data.detail));
            (what, rest(format!("after {took}, {}", cost(data.cost_usd)), look(incident)))
        }
        Type::InvestigationProgressed => {
            let data = read::<event::InvestigationProgressed>(line)?;
            let who = data.subagent.as_deref().map(|who| format!("{}: ", cap(who)));
            let tool = data.tool.as_deref().map(|tool| format!(" with {}", cap(tool)));
            let what = [who.unwrap_or_default(), cap(&data.step).into(), tool.unwrap_or_default()];
            (
                what.concat(),
                Details { detail: data.cost_usd.map(|usd| cost(Some(usd))), next: None },
            )
        }
        Type::InvestigationStopped => {
            let data = read::<event::InvestigationStopped>(line)?;
            let took = lasted(data.duration_s);
            let what = format!("investigation stopped: {}", cap(&data.detail));
            (what, rest(format!("after {took}, {}", cost(data.cost_usd)), look(incident)))
        }
        _ => return None,
    })
}

fn read<D: Payload>(line: &[u8]) -> Option<D> {
    event::read::<D>(line).map(|event| event.data)
}

fn rest(detail: String, next: Option<String>) -> Details {
    Details { detail: Some(detail), next }
}

/// Returns text of an event, made safe and short.
fn cap(text: &str) -> Cow<'_, str> {
    let safe = safe(text.trim());
    match shorten(&safe, TEXT_MAX) {
        Cow::Borrowed(same) if same.len() == safe.len() => safe,
        shortened => Cow::Owned(shortened.into_owned()),
    }
}

fn oldest(depth: Option<u64>) -> String {
    match depth {
        Some(1) => "the message".into(),
        Some(depth) => format!("the oldest of {}", count(depth, "message")),
        None => "the oldest messages".into(),
    }
}

/// Formats a duration that was measured in whole seconds.
fn lasted(seconds: u64) -> String {
    match seconds {
        0 => "under a second".into(),
        seconds => show_span(Duration::from_secs(seconds)),
    }
}

/// Describes the moments at which messages are lost. Without `after` their age is unknown.
fn expiry(after: Option<Timestamp>, before: Option<Timestamp>, now: Timestamp) -> String {
    match (after, before) {
        (Some(after), _) if after <= now => {
            format!("some may have been lost since {}", moment(after, now))
        }
        (Some(after), _) => format!("the first may be lost after {}", moment(after, now)),
        (None, Some(before)) if before <= now => {
            format!("all that was there may have been lost by {}", moment(before, now))
        }
        (None, Some(before)) => {
            format!("their age is unknown, the last is lost by {}", moment(before, now))
        }
        (None, None) => "expiry unknown".into(),
    }
}

/// Formats an instant: `2026-11-24 10:00Z (in 1d 14h)`.
fn moment(at: Timestamp, now: Timestamp) -> String {
    let text = at.to_string();
    let minute = text.get(..16).map_or(text.clone(), |minute| minute.replace('T', " ") + "Z");
    if at > now {
        format!("{minute} (in {})", show_span(at.since(now)))
    } else {
        format!("{minute} ({} ago)", show_span(now.since(at)))
    }
}

fn cost(usd: Option<f64>) -> String {
    usd.map_or("cost unknown".into(), |usd| format!("cost ${usd:.2}"))
}

/// Suggests the command that prints the events of an incident.
fn look(incident: Option<&str>) -> Option<String> {
    // A part of the id is unique, and fits a narrow terminal.
    let incident = incident?;
    command("look with", "dlq-log --incident ", incident.get(..13).unwrap_or(incident))
}

fn poll(queue: &str) -> Option<String> {
    // A dry run, because a real one would use up the event of the next round.
    command("try", "dlq-poll --dry-run --queue ", queue)
}

/// Returns `LEAD 'COMMAND WORD'`; None when the word is not safe in a shell.
fn command(lead: &str, command: &str, word: &str) -> Option<String> {
    is_plain(word).then(|| format!("{lead} '{command}{word}'"))
}

/// Returns whether a word can be pasted into a shell unquoted.
fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@".contains(c);
    let fits = !word.is_empty() && word.len() <= 256 && !word.starts_with('-');
    fits && word.chars().all(plain)
}

#[cfg(test)]
mod tests;
