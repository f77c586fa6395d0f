//! The text of a notice: what happened, and what to do next.
//!
//! Promises: every known type has its own sentence, any other a general one; an unknown number is
//! shown as unknown, never as zero; text from events is made safe and short; a suggested command
//! exists, asks the account of the queue, and no shell reads more than a word into the text in it.
//! With names of usual length the first line of a notice has at most [`COLUMNS`] columns, and holds
//! the next command where both fit; a further line has one instruction or one command, which can be
//! copied whole. Pure: `now` is an argument.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{self, AnyPayload, Head, HealthReport, Severity};
use crate::rules::loss_text;
use crate::rules::queue::expiry::ExpiryWindow;
use crate::shell;
use crate::text::{safe, shorten, wrap};
use crate::time::Timestamp;

mod health;
mod kinds;
pub mod merged;
mod moves;
mod pull_requests;
mod sentences;

/// The columns of the first line, when names have usual lengths.
pub const COLUMNS: usize = 100;
/// The longest title of a notice, in characters.
pub const TITLE_MAX: usize = 120;
/// The longest body of a notice, and the longest text on a console after its subject, in
/// characters.
pub const BODY_MAX: usize = 1200;
const SUBJECT_MAX: usize = 100;
const INDENTED: &str = "\n    ";
const TEXT_MAX: usize = 200;
/// The beginning of the line with the path of a report.
const REPORT: &str = "report: ";
/// The age from which an event is shown with its date.
const SAME_DAY: Duration = Duration::from_secs(12 * 3600);
/// The characters of an incident's id in a command: unique in practice, and short.
const INCIDENT: usize = 8;

/// The characters of all names of a notice.
pub const NAMES_MAX: usize = 8000;
/// The characters of the sentences about several things, which fit in every form of a notice.
const SENTENCES_ROOM: usize = 800;

/// The text of a notice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The time of the event, with the date of another day.
    pub when: String,
    pub severity: Severity,
    /// The severity of the problem that goes on, as the channel was told: an alert is not less than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_severity: Option<Severity>,
    /// Subject of the event, else the program that wrote it.
    pub subject: String,
    pub what: String,
    /// The command that shows more, or a hint.
    pub next: Option<String>,
    /// Further lines: an instruction or a command each.
    pub below: Vec<String>,
    /// The queues that the notice is about, when they are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The sentence of a voice, where it is not that of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spoken: Option<String>,
}

/// Input of the sentences of any event.
struct Context {
    /// The command that tells the story of the incident.
    look: Option<String>,
    /// The subject of the event.
    subject: String,
    now: Timestamp,
    /// The columns that are left in the first line.
    room: usize,
}

/// Sentences of a notice, by their place.
#[derive(Debug, Default)]
struct Sentences {
    what: String,
    next: Option<String>,
    below: Vec<String>,
}

impl Sentences {
    fn of_what(what: impl Into<String>) -> Self {
        Sentences { what: what.into(), ..Sentences::default() }
    }

    fn with_next(self, next: Option<String>) -> Self {
        Sentences { next, ..self }
    }

    fn with_lines(self, below: impl IntoIterator<Item = String>) -> Self {
        Sentences { below: below.into_iter().collect(), ..self }
    }
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
        let (subject, what, next) = (subject.into(), what.into(), Some(next.to_owned()));
        Notice { when: time_of_day(now), severity, subject, what, next, ..Notice::default() }
    }

    /// Returns the text for a terminal or a log: one line, and an indented one for each further
    /// instruction, or command that does not fit.
    pub fn line(&self) -> String {
        format!("{} {} {}", self.when, self.severity.as_str(), self.text())
    }

    /// Returns the text without its time and severity.
    pub fn text(&self) -> String {
        let text = format!("{}: {}", self.subject, self.what);
        let Some(next) = &self.next else {
            return self.with_names(with_lines(text, &self.below, INDENTED));
        };
        let line = format!("{text}: {next}");
        let before = [&self.when, self.severity.as_str(), &line].map(|part| part.chars().count());
        if before.iter().sum::<usize>() + " ".len() * 2 <= COLUMNS {
            return self.with_names(with_lines(line, &self.below, INDENTED));
        }
        let text = with_lines(text, std::slice::from_ref(next), INDENTED);
        self.with_names(with_lines(text, &self.below, INDENTED))
    }

    /// Tells of several things: a sentence each as long as there is room, then the names of the others.
    pub fn tell_of(&mut self, parts: impl IntoIterator<Item = (String, Vec<String>)>) {
        let (mut room, mut has_room) = (SENTENCES_ROOM, true);
        for (sentence, names) in parts {
            let length = sentence.chars().count() + INDENTED.len();
            has_room = has_room && length <= room;
            if has_room {
                room -= length;
                self.below.push(sentence);
            } else {
                self.names.extend(names);
            }
        }
        if !self.names.is_empty() && !self.below.is_empty() {
            self.below.push(format!("and {} more:", self.names.len()));
        }
    }

    /// Returns the further lines for which there is room in [`BODY_MAX`]: the same in every form.
    pub fn below_within_limit(&self) -> &[String] {
        let parts = [Some(&self.subject), Some(&self.what), self.next.as_ref()];
        let used: usize = parts.into_iter().flatten().map(|part| part.chars().count()).sum();
        within_limit(used, &self.below, INDENTED)
    }

    /// Returns the names as far as there is room; None without any.
    pub fn names_within_limit(&self) -> Option<String> {
        (!self.names.is_empty())
            .then(|| name_list(&self.names, NAMES_MAX, |name| name.chars().count()))
    }

    /// Adds the names in lines of [`COLUMNS`], and counts those without room.
    fn with_names(&self, mut text: String) -> String {
        let names = self.names_within_limit();
        let lines = names.map(|names| wrap(&names, COLUMNS - INDENTED.len() + 1));
        for line in lines.into_iter().flatten() {
            text.push_str(INDENTED);
            text.push_str(&line);
        }
        text
    }

    pub fn title(&self) -> String {
        shorten(&format!("{}: {}", self.subject, self.what), TITLE_MAX).into_owned()
    }
}

/// Returns names as one text of about `max` in their length, and the number of the others.
pub fn name_list(names: &[String], max: usize, length: impl Fn(&str) -> usize) -> String {
    let mut used = 0;
    let mut fits = |name: &&String| {
        used += length(name) + ", ".len();
        used <= max
    };
    let shown: Vec<&str> = names.iter().take_while(|name| fits(name)).map(String::as_str).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more if shown.is_empty() => format!("{more} names"),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Adds lines as long as there is room in [`BODY_MAX`]. None is cut: a part of a command must not be run.
fn with_lines(mut text: String, lines: &[String], before: &str) -> String {
    for line in within_limit(text.chars().count(), lines, before) {
        text.push_str(before);
        text.push_str(line);
    }
    text
}

/// Returns the lines for which there is room in [`BODY_MAX`], after `used` characters.
fn within_limit<'a>(mut used: usize, lines: &'a [String], before: &str) -> &'a [String] {
    let mut fits = |line: &String| {
        used += before.len() + line.chars().count();
        used <= BODY_MAX
    };
    let end = lines.iter().position(|line| !fits(line)).unwrap_or(lines.len());
    &lines[..end]
}

/// Renders the notice of an event; for one that is told again, with the depth that is known by now.
pub fn render(head: &Head, line: &[u8], depth: Option<u64>, now: Timestamp) -> Notice {
    render_within(COLUMNS, head, line, depth, now)
}

/// Renders the notice of an event for a reader that breaks lines itself: no title is shortened to fit.
pub fn render_whole(head: &Head, line: &[u8], now: Timestamp) -> Notice {
    render_within(usize::MAX, head, line, None, now)
}

fn render_within(
    columns: usize,
    head: &Head,
    line: &[u8],
    depth: Option<u64>,
    now: Timestamp,
) -> Notice {
    let subject = head.subject.as_deref().filter(|subject| !subject.trim().is_empty());
    let subject = shorten(&safe(subject.unwrap_or(&head.source)), SUBJECT_MAX).into_owned();
    let severity = head.severity();
    let when = head.time().map_or("at an unknown time".into(), |at| moment(at, now));
    let look = look(head.incident.as_deref());
    let used = [&when, severity.as_str(), &subject].map(|part| part.chars().count());
    let context = Context {
        look: look.clone(),
        subject: head.subject.as_deref().unwrap_or_default().to_owned(),
        now,
        room: columns.saturating_sub(used.iter().sum::<usize>() + " ".len() * 2 + ": ".len()),
    };
    let report = HealthReport::read(head, line);
    let Sentences { what, next, below } = match (head.known, report) {
        (_, Some(report)) => health::describe(&report),
        (None, None) => Sentences::of_what(cap(&head.kind)).with_next(look),
        (Some(known), None) => match AnyPayload::read(known, line) {
            Some(data) => sentences::describe(with_depth(data, depth), &context),
            None => {
                let what = format!("{}, with a payload that is not understood", known.as_str());
                Sentences::of_what(what).with_next(look)
            }
        },
    };
    Notice { when, severity, subject, what, next, below, ..Notice::default() }
}

/// Returns a payload with a newer depth.
fn with_depth(data: AnyPayload, depth: Option<u64>) -> AnyPayload {
    match (data, depth) {
        (AnyPayload::QueueRaised(data), Some(depth)) => {
            AnyPayload::QueueRaised(event::QueueRaised { depth, ..data })
        }
        (AnyPayload::QueueGrew(data), Some(depth)) => {
            AnyPayload::QueueGrew(event::QueueGrew { depth, ..data })
        }
        (AnyPayload::QueueExpiring(data), Some(_)) => {
            AnyPayload::QueueExpiring(event::QueueExpiring { depth, ..data })
        }
        (data, _) => data,
    }
}

/// Returns when messages that are about to expire are lost. The gravest notice does not end with the word
/// "safe".
fn near_loss(window: ExpiryWindow, depth: Option<u64>, now: Timestamp) -> String {
    match window.after.filter(|after| *after > now) {
        Some(after) => format!("lost in {} or later", loss_text::span(after.since(now))),
        None => loss_text::phrase(window, depth, now),
    }
}

/// Formats a time to the minute, with the date of another day.
fn moment(at: Timestamp, now: Timestamp) -> String {
    if now.since(at).max(at.since(now)) <= SAME_DAY {
        return time_of_day(at);
    }
    format!("{} {}", at.to_string().split('T').next().unwrap_or(""), time_of_day(at))
}

/// Formats the time of day to the minute: `19:57Z`.
fn time_of_day(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(11..16).map_or(text.clone(), |time| format!("{time}Z"))
}

/// Returns text of an event, made safe and short.
fn cap(text: &str) -> Cow<'_, str> {
    let safe = safe(text.trim());
    match shorten(&safe, TEXT_MAX) {
        Cow::Borrowed(same) if same.len() == safe.len() => safe,
        shortened => Cow::Owned(shortened.into_owned()),
    }
}

/// Puts the first sentence of a detail between two texts, and the others below; all of them below
/// when the first does not fit.
fn in_one_line(before: &str, detail: &str, after: &str, context: &Context) -> Sentences {
    let mut parts: Vec<String> = detail.split("; ").map(|part| cap(part).into_owned()).collect();
    let line = format!("{before}: {}{after}", parts[0]);
    if line.chars().count() > context.room {
        return Sentences::of_what(format!("{before}{after}")).with_lines(parts);
    }
    parts.remove(0);
    Sentences::of_what(line).with_lines(parts)
}

/// Returns the command that tells the story of an incident.
fn look(incident: Option<&str>) -> Option<String> {
    let incident = incident?;
    command("dlq-log --incident ", incident.get(..INCIDENT).unwrap_or(incident))
}

/// Returns a command with a word; None when the word is not safe in a shell.
fn command(command: &str, word: &str) -> Option<String> {
    is_operand(word).then(|| format!("{command}{word}"))
}

/// Returns whether a word can be pasted into a shell unquoted: it is no option and no assignment.
fn is_operand(word: &str) -> bool {
    let fits = word.len() <= 256 && !word.starts_with('-') && !word.contains('=');
    fits && shell::is_bare(word)
}

#[cfg(test)]
mod tests;
