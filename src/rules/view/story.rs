//! The journal in sentences for people, and the story of one incident: what happened, who was
//! notified, and what to do next.
//!
//! Promises: the sentences are those of notices; text from events is safe for a terminal; what is
//! left out is counted. Pure: `now` is an argument.

use std::collections::BTreeSet;

use serde_json::Value;

use super::notice::in_columns;
use super::page::{PageStyle, Shade};
use crate::event::{AnyPayload, Head, Queue, Severity, Type};
use crate::rules::investigation::preflight_skip::{KNOWN_CAUSE, NOT_A_CODE_BUG};
use crate::rules::notification::message::{Notice, render_whole};
use crate::rules::notification::notices::Notices;
use crate::rules::notification::scope::SeenScopes;
use crate::shell;
use crate::text::{self, count, safe, shorten, wrap};
use crate::time::Timestamp;

/// The number of scenes after which those that wait for their notices are printed.
const SCENES_MAX: usize = 1000;
/// The characters of an incident's id that are shown.
const ID: usize = 13;
/// The characters of a channel's name that are shown.
const CHANNEL: usize = 30;
/// The indent of the steps at the end of a story.
const STEP: usize = 2;
/// The indent of the further lines of a sentence.
const INDENT: usize = 4;

/// The journal in sentences, one paragraph an event.
#[derive(Debug)]
pub struct JournalText {
    pub style: PageStyle,
    /// Events below this severity are left out.
    pub least: Severity,
    left_out: u64,
    scopes: SeenScopes,
}

impl JournalText {
    /// Begins the text. `scopes` has the accounts and regions of the configuration.
    pub fn new(style: PageStyle, least: Severity, scopes: SeenScopes) -> Self {
        JournalText { style, least, left_out: 0, scopes }
    }

    /// Returns the paragraph of an event; empty when it is left out.
    pub fn event(&mut self, head: &Head<'_>, line: &[u8], now: Timestamp) -> String {
        if head.severity() < self.least {
            self.left_out += 1;
            return String::new();
        }
        let mut notice = notice_then(head, line, now);
        self.scopes.qualify(&mut notice, line);
        in_columns(&notice, self.style, false)
    }

    /// Returns the sentence about what was left out since the last call.
    pub fn end(&mut self) -> String {
        match std::mem::take(&mut self.left_out) {
            0 => String::new(),
            n => {
                let what = count(n, "event");
                let text = format!("{what} of severity DEBUG left out; -v shows them");
                format!("{}\n", self.style.paint(Shade::Faint, &text))
            }
        }
    }
}

/// Returns the region and account of the queue of an event, in parentheses.
fn place(line: &[u8]) -> String {
    let event: Value = serde_json::from_slice(line).unwrap_or_default();
    let part =
        |key: &str| event.pointer(key).and_then(Value::as_str).map(|part| safe(part).into_owned());
    let parts = ["/data/queue/region", "/data/queue/account"].map(part);
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// Returns the notice of an event as it read at that time: `in 2h` counts from the event. The date is
/// shown for events of another day than now.
fn notice_then(head: &Head<'_>, line: &[u8], now: Timestamp) -> Notice {
    let when = render_whole(head, line, now).when;
    Notice { when, ..render_whole(head, line, head.time().unwrap_or(now)) }
}

/// An event of the story.
#[derive(Debug)]
struct Scene {
    event: String,
    when: String,
    severity: Severity,
    text: String,
    /// Further sentences, but for the steps that the end of the story has.
    details: Vec<String>,
    /// The channels that have delivered a notice of it.
    channels: BTreeSet<String>,
}

/// The story of one incident.
#[derive(Debug)]
pub struct Story {
    style: PageStyle,
    sent: Notices,
    /// Whether a name of a queue may stand for several, so that commands have its ARN.
    has_scopes: bool,
    /// The scenes that are not printed yet.
    scenes: Vec<Scene>,
    has_heading: bool,
    state: StoryState,
}

/// The facts that decide what to do next.
#[derive(Debug, Default)]
struct StoryState {
    queue: String,
    arn: String,
    has_ended: bool,
    was_sampled: bool,
    /// The newest event of an investigation.
    investigation: Option<LastInvestigation>,
    /// The instructions and commands of the notices of the last raise and the last warning of a
    /// loss.
    steps: [Vec<String>; 2],
}

#[derive(Debug)]
enum LastInvestigation {
    /// The reason in one word.
    Skipped(String),
    Running(String),
    /// The instructions and commands of its notice.
    Completed(Vec<String>),
    WithoutResult,
}

impl Story {
    /// Begins a story. `sent` says which notices were delivered so far, and `has_scopes` whether more
    /// than one account or region is watched.
    pub fn new(style: PageStyle, sent: Notices, has_scopes: bool) -> Self {
        let state = StoryState::default();
        Story { style, sent, has_scopes, scenes: Vec::new(), has_heading: false, state }
    }

    /// Adds an event of the incident. Returns text that is due.
    pub fn event(&mut self, head: &Head<'_>, line: &[u8], now: Timestamp) -> String {
        let data = head.known.and_then(|known| AnyPayload::read(known, line));
        if let Some(AnyPayload::NoticeSent(sent)) = &data {
            let channel = channel_name(&sent.channel);
            if let Some(scene) = self.scenes.iter_mut().find(|scene| scene.event == sent.event) {
                scene.channels.insert(channel);
            }
            return String::new();
        }
        if let Some(data) = data {
            self.state.add(data, &render_whole(head, line, now));
        }
        let notice = notice_then(head, line, now);
        if notice.severity == Severity::Debug {
            return String::new();
        }
        let heading = self.heading(head, &notice, line);
        let is_at_end =
            matches!(head.known, Some(Type::QueueExpiring | Type::InvestigationCompleted));
        let details = if is_at_end { Vec::new() } else { instructions(&notice) };
        self.scenes.push(Scene {
            event: head.id.to_string(),
            when: notice.when,
            severity: notice.severity,
            text: notice.what,
            details,
            channels: self.sent.channels(head).into_iter().map(channel_name).collect(),
        });
        let due = if self.scenes.len() >= SCENES_MAX { self.take_scenes() } else { String::new() };
        heading + &due
    }

    fn heading(&mut self, head: &Head<'_>, notice: &Notice, line: &[u8]) -> String {
        if std::mem::replace(&mut self.has_heading, true) {
            return String::new();
        }
        let id = head.incident.as_deref().unwrap_or_default();
        let id = safe(id.get(..ID).unwrap_or(id)).into_owned();
        let text = format!("incident {id} of {}{}", notice.subject, place(line));
        wrap(&text, self.style.width)
            .iter()
            .map(|line| format!("{}\n", self.style.paint(Shade::Heading, line)))
            .collect()
    }

    /// Returns the scenes since the last call.
    pub fn take_scenes(&mut self) -> String {
        let scenes = std::mem::take(&mut self.scenes);
        let widest = scenes.iter().map(|scene| text::columns(&scene.when)).max().unwrap_or(0);
        let scene = |scene: &Scene| {
            let (word, length) =
                (self.style.severity(scene.severity), scene.severity.as_str().len());
            let gap = " ".repeat(5_usize.saturating_sub(length));
            let start = format!("  {}  {word}{gap}  ", text::padded(&scene.when, widest));
            let columns = widest + 6 + length + gap.len();
            // On a narrow terminal a hanging indent would leave no room for the text.
            let indent = if columns * 2 > self.style.width { INDENT } else { columns };
            let text = self.style.paragraph(&start, columns, &scene.text, indent);
            let details = scene.details.iter().map(|line| self.style.indented(indent, line));
            let text = text + &details.collect::<String>();
            match scene.channels.is_empty() {
                true => text,
                false => {
                    let names: Vec<&str> = scene.channels.iter().map(String::as_str).collect();
                    let sent = format!("notified: {}", names.join(", "));
                    format!(
                        "{text}{}{}\n",
                        text::spaces(indent),
                        self.style.paint(Shade::Faint, &sent)
                    )
                }
            }
        };
        scenes.iter().map(scene).collect()
    }

    /// Returns what to do next; empty without any event.
    pub fn end(&mut self) -> String {
        let scenes = self.take_scenes();
        if !self.has_heading {
            return scenes;
        }
        let mut text = scenes + &format!("{}\n", self.style.paint(Shade::Heading, "what next"));
        for step in self.state.next_steps(self.has_scopes) {
            text += &self.style.indented(STEP, &step);
        }
        text
    }
}

/// Returns the instructions and commands of a notice, without the one that prints the story.
fn instructions(notice: &Notice) -> Vec<String> {
    let lines = notice.below.iter().chain(&notice.next);
    lines.filter(|line| !line.contains("dlq-log ")).cloned().collect()
}

fn channel_name(name: &str) -> String {
    safe(&shorten(name, CHANNEL)).into_owned()
}

impl StoryState {
    fn add(&mut self, data: AnyPayload, notice: &Notice) {
        match data {
            AnyPayload::QueueRaised(data) => self.name(&data.queue, 0, notice),
            AnyPayload::QueueGrew(data) => self.name(&data.queue, 0, notice),
            AnyPayload::QueueExpiring(data) => self.name(&data.queue, 1, notice),
            AnyPayload::QueueCleared(_) | AnyPayload::QueueGone(_) => self.has_ended = true,
            AnyPayload::QueueSampled(data) => self.was_sampled |= data.bundle.is_some(),
            AnyPayload::InvestigationSkipped(data) => {
                self.investigation = Some(LastInvestigation::Skipped(data.reason));
            }
            AnyPayload::InvestigationStarted(data) => {
                self.investigation = Some(LastInvestigation::Running(data.session));
            }
            AnyPayload::InvestigationCompleted(_) => {
                self.investigation = Some(LastInvestigation::Completed(instructions(notice)));
            }
            AnyPayload::InvestigationFailed(_)
            | AnyPayload::InvestigationTimedOut(_)
            | AnyPayload::InvestigationStopped(_) => {
                self.investigation = Some(LastInvestigation::WithoutResult);
            }
            _ => {}
        }
    }

    fn name(&mut self, queue: &Queue, step: usize, notice: &Notice) {
        self.queue.clone_from(&queue.name);
        self.arn.clone_from(&queue.arn);
        self.steps[step] = instructions(notice);
    }

    /// Returns the steps, the most urgent first; never none. With `has_scopes` a command has the ARN of
    /// the queue.
    fn next_steps(&self, has_scopes: bool) -> Vec<String> {
        if self.has_ended {
            return vec!["nothing: the incident has ended".to_owned()];
        }
        let command = |before: &str, options: &str| {
            let name = if has_scopes && !self.arn.is_empty() { &self.arn } else { &self.queue };
            let queue = shell::quote(name);
            let is_shown = !self.queue.is_empty() && safe(&queue) == queue;
            is_shown.then(|| format!("{before}: '{options} {queue}'"))
        };
        let investigation = match &self.investigation {
            Some(LastInvestigation::Completed(_)) => None,
            Some(LastInvestigation::Running(session)) => {
                let id: String = safe(session).chars().take(ID).collect();
                Some(format!("wait for session {id}, which is investigating: 'dlq-status'"))
            }
            Some(LastInvestigation::WithoutResult) => {
                command("to investigate it again", "dlq-investigate --retry")
            }
            Some(LastInvestigation::Skipped(reason)) if reason == KNOWN_CAUSE => {
                Some("to find the report of the same cause: 'dlq-status'".to_owned())
            }
            Some(LastInvestigation::Skipped(reason)) if reason == NOT_A_CODE_BUG => {
                command("to investigate it all the same", "dlq-investigate --retry")
            }
            Some(LastInvestigation::Skipped(_)) if self.was_sampled => {
                command("to see which rule holds it back", "dlq-investigate --explain")
            }
            _ if self.was_sampled => None,
            _ => command("to see why the messages died", "dlq-peek"),
        };
        let mut steps: Vec<String> = self.steps.iter().rev().flatten().cloned().collect();
        if let Some(LastInvestigation::Completed(instructions)) = &self.investigation {
            steps.extend(instructions.iter().cloned());
        }
        steps.extend(investigation);
        if steps.is_empty() {
            steps.push("wait: nothing has to be done now".to_owned());
        }
        steps
    }
}

#[cfg(test)]
mod tests;
