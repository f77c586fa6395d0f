//! Causes in the output of configured evidence commands, by message id.
//!
//! The output is the JSON of `aws logs filter-log-events`, or lines of text; a line that is indented
//! or continues a trace belongs to the line before it.

use std::convert::Infallible;
use std::time::Duration;

use super::{CitedLine, Consumer, FoundBy, Letter, LogEvent, LoggedCause, aws_cli, by_id, line};
use super::{text_line, trace_lines};
use crate::time::Timestamp;

/// Lines after a hit that are searched where the output shows invocations.
const BLOCK_MAX: usize = 200;

/// Returns the causes that the output shows.
pub fn causes(output: &str, letters: &[Letter]) -> Vec<LoggedCause> {
    let events = events_of(output);
    let of_lambda =
        events.iter().any(|event| matches!(line::mark(&event.text), Some(line::Mark::Start(_))));
    let consumer = Consumer {
        group: String::new(),
        function: of_lambda.then(String::new),
        timeout: Duration::from_secs(15 * 60),
        batching: Duration::ZERO,
        visibility: Duration::ZERO,
        receives: 1,
    };
    let block = |hit: &LogEvent, _: Duration| {
        let own = events.iter().filter(|event| event.stream == hit.stream);
        let rest = own.skip_while(|event| event.id != hit.id).take(BLOCK_MAX);
        Ok::<_, Infallible>(rest.cloned().collect())
    };
    let cause = |letter: &Letter| {
        let hits: Vec<&LogEvent> =
            events.iter().filter(|event| by_id::names(&event.text, &letter.message_id)).collect();
        let Ok(found) = by_id::cause(&letter.message_id, &hits, &consumer, block);
        let (fingerprint, event) = found?;
        let lines = vec![CitedLine { event, receive: None }];
        Some(LoggedCause { item: letter.item.clone(), by: FoundBy::MessageId, fingerprint, lines })
    };
    letters
        .iter()
        .filter(|letter| super::query::is_message_id(&letter.message_id))
        .filter_map(cause)
        .collect()
}

/// Returns the first entry that reports an error, with the frames of its trace, else the first that
/// states a failure in words. Its time is none where the output has none.
pub fn first_error(output: &str) -> Option<(Option<Timestamp>, String)> {
    let is_error = |event: &LogEvent| event.text.lines().any(|text| line::error_of(text).is_some());
    let events = events_of(output);
    let in_words = || events.iter().find(|event| text_line::worded_error(&event.text).is_some());
    let found = events.iter().find(|event| is_error(event)).or_else(in_words)?.clone();
    Some((Some(found.at).filter(|at| *at != Timestamp::default()), found.text))
}

/// Returns the entries of an output in the order of time, each error with its trace.
pub fn events_of(output: &str) -> Vec<LogEvent> {
    let page = aws_cli::read_events(output.as_bytes());
    let mut events = page.map_or_else(|| entries(output), |page| page.events);
    super::invocation::sort(&mut events);
    trace_lines::join(events, |_| false)
}

/// Splits text into entries: a line, and those that continue it. Their ids are the numbers of their
/// first lines.
fn entries(output: &str) -> Vec<LogEvent> {
    let mut all: Vec<LogEvent> = Vec::new();
    let mut after_frame = false;
    for (number, text) in (1..).zip(output.lines()) {
        let is_frame = text.starts_with([' ', '\t']);
        let continues = is_frame
            || text.starts_with("Traceback (most recent call last)")
            || text.starts_with("Caused by: ")
            || (after_frame && starts_with_class(text));
        after_frame = is_frame;
        match all.last_mut() {
            Some(last) if continues => {
                last.text.push('\n');
                last.text.push_str(text);
            }
            last => {
                let before = last.map_or(Timestamp::default(), |last| last.at);
                let (at, text) = without_time(text);
                let at = at.unwrap_or(before);
                all.push(LogEvent {
                    at,
                    stream: String::new(),
                    id: number.to_string(),
                    text: text.into(),
                });
            }
        }
    }
    all
}

/// Returns whether a line is the last one of a trace of Python: `KeyError: 'items'`.
fn starts_with_class(text: &str) -> bool {
    let head = text.split([':', ' ']).next().unwrap_or_default();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._".contains(&byte);
    !head.is_empty()
        && head.bytes().all(is_name)
        && (text.len() == head.len() || text[head.len()..].starts_with(':'))
}

/// Splits a line into its time and the rest. `aws logs tail` puts time and stream before the line.
fn without_time(text: &str) -> (Option<Timestamp>, &str) {
    let Some((head, rest)) = text.split_once(' ') else { return (None, text) };
    let Some(at) = Timestamp::parse(head) else { return (None, text) };
    match rest.split_once(' ') {
        Some((stream, line)) if stream.contains('/') => (Some(at), line),
        // The time may be part of a form that names the request next.
        _ => (Some(at), text),
    }
}
