//! Grouping of log lines into invocations.
//!
//! A line with a request id belongs to that request; another one to the invocation that last started
//! in its stream. Lines between the end of an invocation and the next start in their stream belong
//! to the latter: the runtime writes errors of the start there. Some runtimes write them right behind
//! the line of the start instead.

use std::collections::{BTreeMap, HashMap};

use super::LogEvent;
use super::line::{self, LineError, Mark};
use crate::time::Timestamp;

/// Errors of the start of a runtime, which stand before the invocation that they fail.
const START_ERRORS: [&str; 4] = [
    "Runtime.ImportModuleError",
    "Runtime.HandlerNotFound",
    "Runtime.UserCodeSyntaxError",
    "Runtime.MalformedHandlerName",
];

/// The lines of one invocation, in the order of time.
#[derive(Debug, Default)]
pub(super) struct LoggedRun<'e> {
    pub(super) request: Option<String>,
    /// Time of its start; none when that is not among the lines.
    pub(super) started: Option<Timestamp>,
    pub(super) lines: Vec<&'e LogEvent>,
}

impl<'e> LoggedRun<'e> {
    fn has_just_started(&self) -> bool {
        self.started.is_some() && self.lines.is_empty()
    }

    pub(super) fn errors(&self) -> impl Iterator<Item = (&'e LogEvent, LineError)> {
        self.lines.iter().filter_map(|event| Some((*event, line::error_of(&event.text)?)))
    }
}

/// Sorts lines by time, and lines of one millisecond by their ids: AWS counts them in order.
pub(super) fn sort(events: &mut [LogEvent]) {
    events.sort_by(|a, b| (a.at, a.id.len(), &a.id).cmp(&(b.at, b.id.len(), &b.id)));
}

/// The state of a stream while its lines are read.
#[derive(Default)]
struct Stream<'e> {
    /// The invocation under way, by its place in the list.
    current: Option<usize>,
    /// Lines that belong to the next invocation.
    pending: Vec<&'e LogEvent>,
    /// Whether an invocation has ended, and no other has started.
    between: bool,
}

/// Groups lines, which are in the order of time.
pub(super) fn group(events: &[LogEvent]) -> Vec<LoggedRun<'_>> {
    let mut all: Vec<LoggedRun<'_>> = Vec::new();
    let mut by_request: HashMap<(&str, String), usize> = HashMap::new();
    let mut streams: BTreeMap<&str, Stream<'_>> = BTreeMap::new();
    for event in events {
        let stream = streams.entry(event.stream.as_str()).or_default();
        let mut named = |all: &mut Vec<LoggedRun<'_>>, id: String| {
            *by_request.entry((event.stream.as_str(), id.clone())).or_insert_with(|| {
                all.push(LoggedRun { request: Some(id), ..LoggedRun::default() });
                all.len() - 1
            })
        };
        match line::mark(&event.text) {
            Some(Mark::Start(id)) => {
                let at = named(&mut all, id);
                all[at].started = Some(event.at);
                let pending = std::mem::take(&mut stream.pending);
                all[at].lines.splice(0..0, pending);
                (stream.current, stream.between) = (Some(at), false);
            }
            Some(Mark::Report(id)) => {
                let at = named(&mut all, id);
                all[at].lines.push(event);
                (stream.current, stream.between) = (None, true);
            }
            Some(Mark::Request(id)) => {
                let at = named(&mut all, id);
                all[at].lines.push(event);
                (stream.current, stream.between) = (Some(at), false);
            }
            None if stream.between => stream.pending.push(event),
            None if is_start_error(&event.text)
                && stream.current.is_none_or(|at| !all[at].has_just_started()) =>
            {
                stream.pending.push(event);
            }
            None => {
                let at = *stream.current.get_or_insert_with(|| {
                    all.push(LoggedRun::default());
                    all.len() - 1
                });
                all[at].lines.push(event);
            }
        }
    }
    all
}

fn is_start_error(text: &str) -> bool {
    START_ERRORS.iter().any(|kind| text.contains(kind))
}
