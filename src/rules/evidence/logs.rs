//! Logs as evidence: the cause of a dead letter that carries no error, from the log of its consumer.
//!
//! Two rules find a cause. By id: the error on a line with the message's id, else in the invocation
//! of that line, else a failure that such a line states in words. By recurrence: the one error of the invocations that start when the message was
//! received, at every receive, and at none of as many control moments. Promises: text of a log is
//! data that senders can write; it never is the word of a service. A search that was cut, denied or
//! too early is never the answer 'no cause'. Pure: the caller asks for lines through a function.

pub mod answer;
pub mod aws_cli;
mod by_id;
mod by_recurrence;
pub mod command_output;
pub mod first_error;
pub mod handled;
mod invocation;
mod known_lines;
pub mod line;
pub mod lines_file;
pub mod neighbours;
pub mod query;
pub mod search;
mod servers;
mod text_line;
mod trace_lines;
mod windows;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::event::words;
use crate::rules::evidence::bundle::LogLine;
use crate::rules::evidence::decode::{PayloadKind, Producer, from_log};
use crate::rules::evidence::fingerprint::{self, Fingerprint};
use crate::rules::evidence::json_text::Json;
use crate::rules::evidence::redact::Redactor;
use crate::rules::evidence::sample;
use crate::text::shorten;
use crate::time::Timestamp;
pub use windows::Window;

/// Lines of one search that a bundle keeps.
const LINES_MAX: usize = 50;
/// Characters of a line that a bundle keeps.
const TEXT_MAX: usize = 2000;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogEvent {
    pub at: Timestamp,
    pub stream: String,
    /// The id that the log gives the line: 56 digits at AWS, opaque.
    pub id: String,
    pub text: String,
}

/// A dead letter whose cause is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// `m1`, `m2` …
    pub item: String,
    /// The message id that SQS assigned.
    pub message_id: String,
    pub sent_at: Option<Timestamp>,
    /// First receive by a consumer; none when it is not known, or was reset.
    pub first_received_at: Option<Timestamp>,
}

/// The consumer of a source queue, and how the queue retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    pub group: String,
    /// Name of the Lambda function; none for another kind of consumer.
    pub function: Option<String>,
    /// Time limit of one invocation.
    pub timeout: Duration,
    /// Time for which the mapping waits for a full batch.
    pub batching: Duration,
    /// Visibility timeout of the source queue.
    pub visibility: Duration,
    /// `maxReceiveCount` of the source queue. A dead letter's own count is one higher, and grows
    /// with every peek.
    pub receives: u64,
}

/// A configured place of the consumer's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSource {
    /// Name of a Lambda function.
    Lambda(String),
    /// Log group.
    Group(String),
}

words! {
    /// The rule that found a cause.
    FoundBy {
        MessageId = "message_id",
        Recurrence = "recurrence",
    }
}

/// A line that shows a cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CitedLine {
    pub event: LogEvent,
    /// The receive, from 1, to which the line belongs; none when that is not known.
    pub receive: Option<u64>,
}

/// The cause of a dead letter, as the log shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedCause {
    /// `m1`, `m2` …
    pub item: String,
    pub by: FoundBy,
    pub fingerprint: Fingerprint,
    pub lines: Vec<CitedLine>,
}

impl Consumer {
    /// Returns the time between two receives. A batching window and a time limit that exceed the
    /// visibility timeout together replace it.
    pub fn retry_interval(&self) -> Duration {
        let busy = self.batching + self.timeout;
        let batches = !self.batching.is_zero() && busy > self.visibility;
        if batches { busy + Duration::from_secs(30) } else { self.visibility }
    }
}

/// Returns the lines that show causes, redacted, each once with the messages that it explains.
pub fn cited_lines(
    causes: &[LoggedCause],
    receives: Option<u64>,
    redactor: &Redactor,
) -> Vec<LogLine> {
    let mut all: Vec<LogLine> = Vec::new();
    for cause in causes {
        for CitedLine { event, receive } in &cause.lines {
            let is_same = |line: &LogLine| {
                (line.event == event.id && line.stream == event.stream)
                    && (line.at == event.at && line.receive == *receive)
            };
            if let Some(line) = all.iter_mut().find(|line| is_same(line)) {
                line.messages.push(cause.item.clone());
            } else if all.len() < LINES_MAX {
                all.push(LogLine {
                    at: event.at,
                    stream: redactor.redact_text(&event.stream).into_owned(),
                    event: redactor.redact_text(&event.id).into_owned(),
                    messages: vec![cause.item.clone()],
                    found_by: cause.by,
                    receive: *receive,
                    receives: receives.filter(|_| receive.is_some()),
                    text: redacted_text(&event.text, TEXT_MAX, redactor),
                });
            }
        }
    }
    all
}

/// Returns the first `max` characters of a line, redacted. A line of JSON is redacted as JSON, by its
/// keys.
fn redacted_text(text: &str, max: usize, redactor: &Redactor) -> String {
    let text = text.trim_end();
    let redacted = match Json::parse(text) {
        Some(mut value @ Json::Object(_)) => {
            redactor.redact_json(&mut value);
            value.to_string()
        }
        _ => redactor.redact_text(text).into_owned(),
    };
    shorten(&redacted, max).into_owned()
}

/// Returns the fingerprint of an error text of a log, as if a message had carried the error. Matches
/// of configured patterns are redacted in the finished groups.
pub fn fingerprint_of(text: &str) -> Option<Fingerprint> {
    let decoded = from_log(text, Producer::Sqs, PayloadKind::Text);
    let found = sample::fingerprint_of(&decoded, &Redactor::default());
    (found.kind == fingerprint::Kind::ErrorText).then_some(found)
}
