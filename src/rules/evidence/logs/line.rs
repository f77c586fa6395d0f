//! Lines of a log: what they say about an invocation, and the error that they report.
//!
//! Knows the text and the JSON form of Lambda's platform and of its runtimes, and the common forms
//! of other loggers (`text_line.rs`). A line that names no level and no exception reports no error.

use serde_json::{Map, Value};

pub use super::text_line::LineError;
use super::text_line::text_error;
use crate::time::Timestamp;

/// A line's place in an invocation of Lambda.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// The invocation of this request starts.
    Start(String),
    /// The invocation of this request has ended.
    Report(String),
    /// A line of this request.
    Request(String),
}

/// Returns what a line says about its invocation.
pub fn mark(line: &str) -> Option<Mark> {
    if let Some(object) = json_object(line) {
        let record = object.get("record");
        let id = |object: Option<&Value>| Some(object?.get("requestId")?.as_str()?.to_owned());
        return match object.get("type").and_then(Value::as_str) {
            Some("platform.start") => id(record).map(Mark::Start),
            Some("platform.report") => id(record).map(Mark::Report),
            Some(kind) if kind.starts_with("platform.") => id(record).map(Mark::Request),
            _ => request_in(&object).map(Mark::Request),
        };
    }
    let second = |line: &str| line.split_whitespace().nth(2).map(str::to_owned);
    if line.starts_with("START RequestId: ") {
        return second(line).map(Mark::Start);
    }
    if line.starts_with("REPORT RequestId: ") {
        return second(line).map(Mark::Report);
    }
    if line.starts_with("END RequestId: ") {
        return second(line).map(Mark::Request);
    }
    if let Some(rest) = line.strip_prefix("RequestId: ") {
        return uuid_at(rest).map(|id| Mark::Request(id.to_owned()));
    }
    // `[LEVEL]\tTIME\tREQUEST\t…`, `TIME\tREQUEST\tLEVEL\t…` and `TIME REQUEST Task timed out …`.
    let mut fields = line.splitn(4, ['\t', ' ']);
    let first = fields.next()?;
    let id = match first.starts_with('[') {
        true => fields.nth(1)?,
        false => fields.next().filter(|_| Timestamp::parse(first).is_some())?,
    };
    is_uuid(id).then(|| Mark::Request(id.to_owned()))
}

fn request_in(object: &Map<String, Value>) -> Option<String> {
    let keys = ["requestId", "function_request_id", "AWSRequestId", "awsRequestId"];
    keys.iter().find_map(|key| Some(object.get(*key)?.as_str()?.to_owned()))
}

/// Returns the error that a line reports.
pub fn error_of(line: &str) -> Option<LineError> {
    // Lambda indents the frames of Python with no-break spaces.
    let line = line.trim_end().replace('\u{a0}', " ");
    match json_object(&line) {
        Some(object) => json_error(&object),
        None => {
            platform_error(&line).or_else(|| runtime_error(&line)).or_else(|| text_error(&line))
        }
    }
}

fn json_object(line: &str) -> Option<Map<String, Value>> {
    let value = line.trim_start().starts_with('{').then(|| serde_json::from_str(line))?;
    if let Ok(Value::Object(object)) = value { Some(object) } else { None }
}

fn json_error(object: &Map<String, Value>) -> Option<LineError> {
    if let Some(kind) = object.get("type").and_then(Value::as_str)
        && kind.starts_with("platform.")
    {
        return platform_json_error(object.get("record")?);
    }
    const LEVELS: [&str; 5] = ["error", "fatal", "critical", "severe", "panic"];
    let levels = ["level", "log_level", "severity", "levelname", "@l"];
    let level = levels.iter().find_map(|key| object.get(*key));
    let is_error = level.map(|level| match level {
        Value::String(text) => LEVELS.iter().any(|word| word.eq_ignore_ascii_case(text)),
        // Levels of pino and bunyan.
        Value::Number(number) => matches!(number.as_u64(), Some(50 | 60)),
        _ => false,
    });
    let inner = object.get("message").filter(|inner| inner.get("errorType").is_some());
    // The level of a line decides; a sender may have written the rest.
    if !is_error.unwrap_or(inner.is_some() || object.contains_key("errorType")) {
        return None;
    }
    let is_bare = match object.get("message") {
        None => object.contains_key("errorType"),
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => inner.is_some(),
    };
    let text = inner.map_or_else(|| Value::Object(object.clone()).to_string(), Value::to_string);
    Some(LineError { text, terminal: is_bare })
}

/// Returns the error of a record of Lambda's platform. An exception that the function did not
/// handle has a line of its own.
fn platform_json_error(record: &Value) -> Option<LineError> {
    let word = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default();
    let text = match (word("status"), word("errorType")) {
        ("timeout", _) => "Task timed out".to_owned(),
        ("error" | "failure", kind @ ("Runtime.ExitError" | "Runtime.OutOfMemory")) => {
            format!("{kind}: Runtime exited with an error")
        }
        _ => return None,
    };
    Some(LineError { text, terminal: true })
}

/// Parses what Lambda itself writes about an invocation, in its text form.
fn platform_error(line: &str) -> Option<LineError> {
    let terminal = |text: String| Some(LineError { text, terminal: true });
    if let Some(rest) = line.strip_prefix("RequestId: ") {
        let (id, text) = rest.split_once(" Error: ")?;
        let mut lines = text.lines();
        let (first, kind) = (lines.next()?, lines.next());
        return match (is_uuid(id), kind) {
            (false, _) => None,
            (true, Some(kind)) => terminal(format!("{kind}: {first}")),
            (true, None) => terminal(first.to_owned()),
        };
    }
    let (_, rest) = line.split_once(' ')?;
    let (id, text) = rest.split_once(' ')?;
    let timed_out = is_uuid(id) && text.starts_with("Task timed out after ");
    if timed_out { terminal(text.to_owned()) } else { None }
}

/// Parses what the runtimes of Python and Node write, in their text form.
fn runtime_error(line: &str) -> Option<LineError> {
    // An exception of Python that nothing handled: its class and text stand before the trace.
    if let Some(rest) = line.strip_prefix("[ERROR] ") {
        let (head, trace) = rest.split_once("\nTraceback ").unwrap_or((rest, ""));
        let text = match trace {
            "" => head.to_owned(),
            trace => format!("Traceback {trace}\n{head}"),
        };
        return Some(LineError { text, terminal: true });
    }
    let mut fields = line.splitn(4, '\t');
    let (one, two, three, rest) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let handled = |text: &str| Some(LineError { text: text.to_owned(), terminal: false });
    if ["[ERROR]", "[CRITICAL]"].contains(&one) && is_uuid(three) {
        return handled(rest);
    }
    if is_uuid(two) && ["ERROR", "FATAL"].contains(&three) {
        let ends = ["Invoke Error", "Uncaught Exception", "Unhandled Promise Rejection"];
        let unhandled = ends.iter().find_map(|end| rest.strip_prefix(end));
        return match unhandled {
            Some(text) => Some(LineError { text: text.trim().to_owned(), terminal: true }),
            None => handled(rest),
        };
    }
    None
}

/// Returns the UUIDs in a text, which stand apart from other hex digits.
pub fn uuids(text: &str) -> impl Iterator<Item = &str> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at + UUID_LEN <= text.len() {
            let start = at;
            let is_first = start == 0 || !text.as_bytes()[start - 1].is_ascii_hexdigit();
            if let Some(id) = text.get(start..).filter(|_| is_first).and_then(uuid_at) {
                at = start + UUID_LEN;
                return Some(id);
            }
            at += 1;
        }
        None
    })
}

const UUID_LEN: usize = 36;

/// Returns the UUID at the start of a text.
fn uuid_at(text: &str) -> Option<&str> {
    let (id, rest) = (text.get(..UUID_LEN)?, text.as_bytes().get(UUID_LEN));
    (is_uuid(id) && !rest.is_some_and(u8::is_ascii_hexdigit)).then_some(id)
}

pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == UUID_LEN
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
