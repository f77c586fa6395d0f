//! Stack traces that a log system divides into one event a line.
//!
//! Promises: events are joined only within one stream, only with the event right before them there,
//! and only when they come within a second of it.

use std::collections::HashMap;
use std::time::Duration;

use super::LogEvent;
use super::line;
use super::text_line::{starts_with_exception, worded_error};

/// Time between two lines of one trace.
const APART_MAX: Duration = Duration::from_secs(1);
/// Lines and bytes of one trace.
const LINES_MAX: usize = 200;
const BYTES_MAX: usize = 32 << 10;

/// Beginnings of a line that continues a trace, behind its indent.
const FRAMES: [&str; 5] = ["at ", "File \"", "... ", "Caused by: ", "Suppressed: "];
/// Beginnings of a line that opens a trace under the message of a logger.
const OPENINGS: [&str; 2] = ["Traceback (most recent call last)", "Exception in thread "];
/// Sentences of Python between the traces of two exceptions.
const CHAINS: [&str; 2] =
    ["During handling of the above exception", "The above exception was the direct"];

/// Joins events in the order of time. An event for which `begins` is true never becomes a part of
/// another one.
pub(super) fn join(events: Vec<LogEvent>, begins: impl Fn(&LogEvent) -> bool) -> Vec<LogEvent> {
    let mut all: Vec<LogEvent> = Vec::with_capacity(events.len());
    // By stream: place of the entry that may go on, time of its last line, and its lines.
    let mut open: HashMap<String, (usize, crate::time::Timestamp, usize)> = HashMap::new();
    for event in events {
        if let Some((at, last, lines)) = open.get_mut(&event.stream) {
            let entry = &mut all[*at];
            let is_near = event.at >= *last && event.at.since(*last) <= APART_MAX;
            let has_room = *lines < LINES_MAX && entry.text.len() + event.text.len() < BYTES_MAX;
            if is_near && has_room && !begins(&event) && continues(&entry.text, &event.text) {
                entry.text.truncate(entry.text.trim_end_matches(['\n', '\r']).len());
                entry.text.push('\n');
                entry.text.push_str(&event.text);
                (*last, *lines) = (event.at, *lines + 1);
                continue;
            }
        }
        open.insert(event.stream.clone(), (all.len(), event.at, 1));
        all.push(event);
    }
    all
}

/// Whether a line goes on where an entry ends.
fn continues(entry: &str, line: &str) -> bool {
    let last = entry.lines().next_back().unwrap_or_default();
    let first = entry.lines().next().unwrap_or_default();
    if first.starts_with("panic: ") || first.starts_with("fatal error: ") {
        return continues_panic(line);
    }
    let is_indented = is_indent(line);
    let is_deeper = is_indent(last) && entry.contains('\n');
    let inside = is_frame(last) || is_opening(last) || is_deeper;
    if is_frame(line) {
        let bare = line.trim_start();
        // `at noon` is no frame of anything.
        return is_indented || bare.starts_with("Caused by: ") || bare.starts_with("Suppressed: ");
    }
    if is_indented || line.trim().is_empty() || is_chain(line) {
        return inside || (is_chain(line) && entry.contains('\n'));
    }
    let fails = || line::error_of(first).is_some() || worded_error(first).is_some();
    if is_opening(line) {
        return is_chain(last) || fails();
    }
    // Only Python writes the class behind the frames; of Java it begins another trace.
    let ends = inside && entry.contains(OPENINGS[0]) && ends_python(line);
    ends || starts_with_exception(line) && is_bare(entry) && fails()
}

/// Whether an entry is the message of a logger alone, without a class or a trace.
fn is_bare(entry: &str) -> bool {
    entry.trim_end().lines().count() == 1 && !starts_with_exception(entry)
}

/// Whether a line is one of the end of Go's panics.
fn continues_panic(line: &str) -> bool {
    const STARTS: [&str; 5] = ["goroutine ", "[signal ", "created by ", "\t", "panic: "];
    let is_call = line.ends_with(')') && line.contains('(') && !line.contains(' ');
    line.trim().is_empty() || is_call || STARTS.iter().any(|start| line.starts_with(start))
}

/// Whether a line ends a trace of Python with a class of any name: `stripe.CardDeclined: no`.
fn ends_python(line: &str) -> bool {
    let head = line.split([':', ' ']).next().unwrap_or_default();
    let class = head.rsplit('.').next().unwrap_or_default();
    class.starts_with(|c: char| c.is_ascii_uppercase())
        && (line.len() == head.len() || line[head.len()..].starts_with(": "))
}

fn is_frame(line: &str) -> bool {
    let bare = line.trim_start();
    FRAMES.iter().any(|start| bare.starts_with(start))
}

fn is_indent(line: &str) -> bool {
    line.starts_with([' ', '\t', '\u{a0}'])
}

fn is_opening(line: &str) -> bool {
    OPENINGS.iter().any(|start| line.starts_with(start))
}

fn is_chain(line: &str) -> bool {
    CHAINS.iter().any(|start| line.starts_with(start))
}
