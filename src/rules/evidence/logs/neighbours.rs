//! Lines around those that a search cites: what the consumer did before and after, and with messages
//! that it handled. Where no line shows a cause, the lines at the first receive of a message.

use std::time::Duration;

use super::answer::AnswerKind;
use super::query::{self, LogQuery};
use super::search::{Ask, SearchResult, is_of};
use super::windows::{self, Window};
use super::{Consumer, Letter, LogEvent, invocation};
use crate::rules::evidence::redact::Redactor;
use crate::time::Timestamp;

/// Places whose neighbours are asked for: one for each cause.
const PLACES_MAX: usize = 3;
/// Time before and after a cited line.
const BEFORE: Duration = Duration::from_secs(60);
const AFTER: Duration = Duration::from_secs(10);
/// Time around a cited line when a log has too many lines for one answer.
const CLOSE: Duration = Duration::from_secs(2);
/// Time around the first receive.
const RECEIVE_BEFORE: Duration = Duration::from_millis(200);
const RECEIVE_AFTER: Duration = Duration::from_secs(5);
/// Lines that are kept before and after a place.
const LINES_BEFORE: usize = 120;
const LINES_AFTER: usize = 40;
/// Characters of a line, and bytes of all lines.
const TEXT_MAX: usize = 8000;
const BYTES_MAX: usize = 256 << 10;

/// Returns the lines around those that a search has found, in the order of time. A failure to get
/// them changes nothing of the search.
pub fn neighbours(
    found: &SearchResult,
    letters: &[Letter],
    consumer: &Consumer,
    seen: Timestamp,
    ask: Ask<'_>,
) -> Vec<LogEvent> {
    let mut all: Vec<LogEvent> = Vec::new();
    for place in places(found, letters, consumer, seen) {
        let Ok(lines) = around(&place, consumer, ask) else { break };
        let from = lines.partition_point(|event| event.at < place.at);
        let (before, after) = lines.split_at(from);
        all.extend(before.iter().rev().take(LINES_BEFORE).cloned());
        all.extend(after.iter().take(LINES_AFTER).cloned());
    }
    invocation::sort(&mut all);
    all.dedup();
    all
}

/// Returns lines redacted and within the limits of a file.
pub fn redacted(events: &[LogEvent], redactor: &Redactor) -> Vec<LogEvent> {
    let mut bytes = 0;
    let mut all = Vec::new();
    for LogEvent { at, stream, id, text } in events {
        let text = super::redacted_text(text, TEXT_MAX, redactor);
        bytes += text.len();
        if bytes > BYTES_MAX {
            break;
        }
        let [stream, id] = [stream, id].map(|text| redactor.redact_text(text).into_owned());
        all.push(LogEvent { at: *at, stream, id, text });
    }
    all
}

/// A place in a log: a stream, or all streams, and a time.
struct LogPlace {
    at: Timestamp,
    stream: Option<String>,
    window: Window,
}

fn places(
    found: &SearchResult,
    letters: &[Letter],
    consumer: &Consumer,
    seen: Timestamp,
) -> Vec<LogPlace> {
    let mut known = Vec::new();
    let mut all = Vec::new();
    for cause in &found.causes {
        let Some(line) = cause.lines.first() else { continue };
        if known.contains(&&cause.fingerprint.id) || !query::is_stream(&line.event.stream) {
            continue;
        }
        known.push(&cause.fingerprint.id);
        let at = line.event.at;
        let window = Window { from: at.minus(BEFORE), to: at.plus(AFTER) };
        all.push(LogPlace { at, stream: Some(line.event.stream.clone()), window });
    }
    let is_silent = !matches!(found.answer.kind, AnswerKind::NoCause | AnswerKind::NotYet);
    if all.is_empty() && !is_silent {
        let first = letters.iter().find_map(|one| windows::trusted_first_receive(one, seen));
        all.extend(first.map(|at| {
            let to = at.plus(consumer.timeout + RECEIVE_AFTER);
            LogPlace { at, stream: None, window: Window { from: at.minus(RECEIVE_BEFORE), to } }
        }));
    }
    all.truncate(PLACES_MAX);
    all
}

/// Asks for the lines around a place.
fn around(
    place: &LogPlace,
    consumer: &Consumer,
    ask: Ask<'_>,
) -> Result<Vec<LogEvent>, super::answer::LogAnswer> {
    let mut lines = |window: Window| {
        let mut page = ask(&LogQuery {
            group: consumer.group.clone(),
            window,
            pattern: None,
            stream: place.stream.clone(),
            pages: 1,
        })?;
        let function = consumer.function.as_deref();
        page.events.retain(|event| {
            window.holds(event.at)
                && place.stream.as_ref().is_none_or(|stream| event.stream == *stream)
                && is_of(function, &event.stream)
        });
        Ok(page)
    };
    let mut page = lines(place.window)?;
    if !page.complete && place.stream.is_some() {
        // The answer ends before the place.
        let close = Window { from: place.at.minus(CLOSE), to: place.at.plus(CLOSE) };
        page.events.extend(lines(close)?.events);
    }
    invocation::sort(&mut page.events);
    page.events.dedup();
    Ok(page.events)
}
