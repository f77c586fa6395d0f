//! The text of a notice: what happened, and what to do next.
//!
//! Promises: every known type has its own sentence, any other a general one; an unknown number is
//! shown as unknown, never as zero; text from events is made safe and short; a suggested command
//! exists, and no shell reads more than a word into the text in it. Pure: `now` is an argument.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;

use crate::event::{self, AnyPayload, Head, Severity};
use crate::money::Usd;
use crate::shell;
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
    /// Subject of the event, else the program that wrote it.
    pub subject: String,
    pub what: String,
    pub detail: Option<String>,
    pub next: Option<String>,
}

/// Sentences of a notice: the event, a detail, the next step.
type Sentences = (String, Option<String>, Option<String>);

impl Notice {
    /// Returns a notice without an event: a test, or a summary.
    pub fn plain(
        severity: Severity,
        subject: &str,
        what: &str,
        next: &str,
        now: Timestamp,
    ) -> Self {
        let (subject, what, next) = (subject.into(), what.into(), Some(next.to_owned()));
        Notice { when: now.clock(), severity, subject, what, detail: None, next }
    }

    /// Returns one line for a terminal or a log.
    pub fn line(&self) -> String {
        format!("{} {} {}", self.when, self.severity.as_str(), self.text())
    }

    /// Returns the line without its time and severity.
    pub fn text(&self) -> String {
        let part = |before: &str, part: &Option<String>| {
            part.as_ref().map_or(String::new(), |part| format!("{before} {part}"))
        };
        let text = [self.what.clone(), part(";", &self.detail), part(":", &self.next)].concat();
        format!("{}: {}", self.subject, shorten(&text, BODY_MAX))
    }

    pub fn title(&self) -> String {
        shorten(&format!("{}: {}", self.subject, self.what), TITLE_MAX).into_owned()
    }

    /// Returns the body, which is never empty.
    pub fn body(&self) -> String {
        let mut lines = vec![format!("{} {}", self.severity.as_str(), self.when)];
        lines.extend(self.detail.iter().chain(&self.next).cloned());
        shorten(&lines.join("\n"), BODY_MAX).into_owned()
    }
}

/// Renders the notice of an event.
pub fn render(head: &Head, line: &[u8], now: Timestamp) -> Notice {
    let incident = head.incident.as_deref();
    let data = head.known.map(|known| (known, AnyPayload::read(known, line)));
    let (what, detail, next) = match data {
        Some((_, Some(data))) => describe(data, incident, now),
        Some((known, None)) => {
            let what = format!("{}, with a payload that is not understood", known.as_str());
            (what, None, look(incident))
        }
        None => (cap(&head.kind).into_owned(), None, look(incident)),
    };
    let subject = head.subject.as_deref().filter(|subject| !subject.trim().is_empty());
    let mut subject = shorten(&safe(subject.unwrap_or(&head.source)), SUBJECT_MAX).into_owned();
    if let Some(scope) = scope_of(line) {
        subject.push_str(&format!(" ({scope})"));
    }
    let when = match head.time() {
        None => "at an unknown time".into(),
        Some(at) if now.since(at).max(at.since(now)) <= SAME_DAY => at.clock(),
        Some(at) => format!("{} {}", at.to_string().split('T').next().unwrap_or(""), at.clock()),
    };
    Notice { when, severity: head.severity(), subject, what, detail, next }
}

/// Returns the region and account of the queue: its name may exist in several.
fn scope_of(line: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(line).ok()?;
    let queue = event.pointer("/data/queue")?;
    let parts = ["region", "account"].map(|key| queue.get(key)?.as_str().map(cap));
    let parts: Vec<_> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn describe(data: AnyPayload, incident: Option<&str>, now: Timestamp) -> Sentences {
    let look = || look(incident);
    match data {
        AnyPayload::QueueRaised(data) => {
            let what =
                format!("{} died (threshold {})", count(data.depth, "message"), data.threshold);
            (what, Some(expiry(data.expires_after, data.expires_before, now)), look())
        }
        AnyPayload::QueueGrew(data) => {
            let what = format!("grew to {}", count(data.depth, "dead message"));
            (what, Some(format!("{} when it was raised", data.raised_depth)), look())
        }
        AnyPayload::QueueExpiring(data) => {
            let depth = messages(data.depth);
            let tier = cap(&data.tier);
            let first = if data.certain { data.expires_after } else { data.expires_before };
            let what = match (first, data.certain, data.depth) {
                (Some(first), ..) if first <= now => format!("{depth} may have been lost already"),
                (_, true, _) => format!("{depth} may be lost within {tier}"),
                (.., Some(1)) => format!("the message will be lost within {tier} at the latest"),
                (.., Some(_)) => {
                    format!("the oldest of {depth} will be lost within {tier} at the latest")
                }
                (.., None) => {
                    format!("the oldest messages will be lost within {tier} at the latest")
                }
            };
            let region = Some(&data.queue.region).filter(|region| is_operand(region));
            let region = region.map_or(String::new(), |region| format!("--region {region} "));
            let save = format!("aws sqs start-message-move-task {region}--source-arn ");
            let save =
                command("once the cause is fixed, run", &save, &data.queue.arn).or_else(look);
            (what, Some(expiry(data.expires_after, data.expires_before, now)), save)
        }
        AnyPayload::QueueLossSuspected(data) => {
            let what = format!("{} may have been lost", count(data.missing, "message"));
            (what, Some(format!("{}; {} left", cap(&data.detail), data.depth)), look())
        }
        AnyPayload::QueueCleared(data) => {
            let lasted = lasted(data.duration_s);
            let cause = match data.cause.as_str() {
                "unknown" => "cause unknown".into(),
                cause => cap(cause),
            };
            (format!("empty again after {lasted} ({cause})"), None, None)
        }
        AnyPayload::QueueUnreadable(data) => {
            let what = format!("cannot be read: {}", cap(&data.reason));
            let failures = count(data.misses, "failure");
            // A dry run, because a real one would use up the event of the next round.
            let next = command("try", "dlq-poll --dry-run --queue ", &data.queue.name);
            (what, Some(format!("{failures} in a row; its depth is unknown")), next)
        }
        AnyPayload::QueueReadable(data) => {
            let (failures, depth) = (count(data.misses, "failure"), messages(Some(data.depth)));
            (format!("can be read again after {failures}; {depth}"), None, None)
        }
        AnyPayload::QueueFound(_) => ("a dead-letter queue was found".into(), None, None),
        AnyPayload::QueueGone(data) => {
            let depth = data.last_depth.map_or("unknown".into(), |depth| depth.to_string());
            ("no longer exists".into(), Some(format!("its last depth was {depth}")), look())
        }
        AnyPayload::QueuePolled(data) => {
            let what = match (data.depth, data.reason) {
                (None, Some(reason)) => format!("depth unknown: {}", cap(&reason)),
                (None, None) => "depth unknown".into(),
                (depth, _) => messages(depth),
            };
            (what, None, None)
        }
        AnyPayload::QueueLinted(data) => {
            let what = count(data.findings.len() as u64, "finding");
            let first = data.findings.first().map(|finding| cap(&finding.detail).into_owned());
            (what, first, command("see all with", "dlq-poll --lint --queue ", &data.queue.name))
        }
        AnyPayload::QueueSampled(data) => sampled(&data, incident),
        AnyPayload::PollFinished(data) => {
            let took = show_span(Duration::from_millis(data.duration_ms));
            let queues = count(data.queues, "queue");
            let what = format!("round {} over {queues} took {took}", data.round);
            (what, Some(format!("{} raised, {} unreadable", data.raised, data.unreadable)), None)
        }
        AnyPayload::PollFailed(data) => poll_failed(&data),
        AnyPayload::NoticeSent(data) => {
            (format!("a notice was sent to channel '{}'", cap(&data.channel)), None, None)
        }
        AnyPayload::NoticeFailed(data) => {
            let (channel, error) = (cap(&data.channel), cap(&data.error));
            (format!("a notice to channel '{channel}' failed: {error}"), None, None)
        }
        AnyPayload::InvestigationSkipped(data) => {
            let until = data.until.map(|until| format!("until {}", moment(until, now)));
            (format!("not investigated: {}", cap(&data.detail)), until, None)
        }
        AnyPayload::InvestigationStarted(data) => {
            let what = format!("investigation by '{}' has started", cap(&data.agent));
            (what, Some(format!("it is stopped at {}", moment(data.timeout_at, now))), None)
        }
        AnyPayload::InvestigationProgressed(data) => {
            let who = data.subagent.map_or(String::new(), |who| format!("{}: ", cap(&who)));
            let tool = data.tool.map_or(String::new(), |tool| format!(" with {}", cap(&tool)));
            let what = format!("{who}{}{tool}", cap(&data.step));
            (what, data.cost_usd.map(|usd| cost(Some(usd))), None)
        }
        AnyPayload::InvestigationCompleted(data) => {
            let found = data.verdict.title.as_deref().unwrap_or("a result without a title");
            let sure = data.verdict.confidence.map_or(String::new(), |confidence| {
                format!(", confidence {:.0} %", confidence.clamp(0.0, 1.0) * 100.0)
            });
            let status = cap(&data.verdict.status);
            let what = format!("investigation completed: {} ({status}{sure})", cap(found));
            let detail = format!("took {}, {}", lasted(data.duration_s), cost(data.cost_usd));
            (what, Some(detail), command("read", "", &data.report).or_else(look))
        }
        AnyPayload::InvestigationFailed(data) => {
            ended("failed", &data.detail, data.duration_s, data.cost_usd, incident)
        }
        AnyPayload::InvestigationTimedOut(data) => {
            let how = "stopped at its deadline";
            ended(how, &data.detail, Some(data.duration_s), data.cost_usd, incident)
        }
        AnyPayload::InvestigationStopped(data) => {
            ended("stopped", &data.detail, Some(data.duration_s), data.cost_usd, incident)
        }
    }
}

fn sampled(data: &event::QueueSampled, incident: Option<&str>) -> Sentences {
    if let Some(word) = &data.refused {
        let why = data.detail.as_deref().filter(|detail| !detail.trim().is_empty());
        return (format!("not looked at: {}", cap(why.unwrap_or(word))), None, look(incident));
    }
    let Some(taken) = data.taken else {
        return (format!("would be looked at; {}", messages(data.depth)), None, None);
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
    (what, detail, see.or_else(|| look(incident)))
}

fn poll_failed(data: &event::PollFailed) -> Sentences {
    let named = |what: &str, name: &Option<String>| {
        name.as_ref().map_or(String::new(), |name| format!(" in {what} '{}'", cap(name)))
    };
    let (account, region) = (named("account", &data.account), named("region", &data.region));
    let what = format!("cannot poll{account}{region}: {}", cap(&data.reason));
    let region = data.region.as_deref().unwrap_or_default();
    let next = command("try", "aws sqs list-queues --region ", region);
    (what, Some("what is known about the queues there is not up to date".into()), next)
}

/// Describes an investigation that ended without a result.
fn ended(
    how: &str,
    detail: &str,
    seconds: Option<u64>,
    usd: Option<Usd>,
    incident: Option<&str>,
) -> Sentences {
    let took = seconds.map_or("an unknown time".into(), lasted);
    let what = format!("investigation {how}: {}", cap(detail));
    (what, Some(format!("after {took}, {}", cost(usd))), look(incident))
}

/// Returns text of an event, made safe and short.
fn cap(text: &str) -> Cow<'_, str> {
    let safe = safe(text.trim());
    match shorten(&safe, TEXT_MAX) {
        Cow::Borrowed(same) if same.len() == safe.len() => safe,
        shortened => Cow::Owned(shortened.into_owned()),
    }
}

fn messages(depth: Option<u64>) -> String {
    depth.map_or("an unknown number of messages".into(), |depth| count(depth, "message"))
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

fn cost(usd: Option<Usd>) -> String {
    usd.map_or("cost unknown".into(), |usd| format!("cost {usd}"))
}

/// Suggests the command that prints the events of an incident.
fn look(incident: Option<&str>) -> Option<String> {
    // A part of the id is unique, and fits a narrow terminal.
    let incident = incident?;
    command("look with", "dlq-log --incident ", incident.get(..13).unwrap_or(incident))
}

/// Returns `LEAD 'COMMAND WORD'`; None when the word is not safe in a shell.
fn command(lead: &str, command: &str, word: &str) -> Option<String> {
    is_operand(word).then(|| format!("{lead} '{command}{word}'"))
}

/// Returns whether a word can be pasted into a shell unquoted: it is no option and no assignment.
fn is_operand(word: &str) -> bool {
    let fits = word.len() <= 256 && !word.starts_with('-') && !word.contains('=');
    fits && shell::is_bare(word)
}

#[cfg(test)]
mod tests;
