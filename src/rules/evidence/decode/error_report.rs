//! Extraction of the error: from the producer's attributes or record, else from the keys and texts
//! of the payload.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::error_detail::{inner_reason, location_text};
use super::error_fields::{ErrorFields, Reach};
use super::free_text::{has_error_word, without_payload};
use super::{
    Content, ErrorReport, Producer, SourcedText, TEXT_MAX, fault, frame, owner, trace, truncated,
};
use crate::rules::evidence::message::Message;

/// Limits on the search: values visited, depth of the payload, and depth of errors within errors.
const VALUES_MAX: usize = 2_000;
const DEPTH_MAX: usize = 10;
const NEST_MAX: usize = 4;
/// Depth up to which keys of a payload count by their ends.
const OUTER_DEPTH: usize = 1;

pub(super) fn extract(
    message: &Message,
    producer: Producer,
    attributes: &Map<String, Value>,
    content: &Content,
    json: Option<&Value>,
) -> ErrorReport {
    let mut reported = match producer {
        Producer::LambdaAsync | Producer::Sns => {
            attribute_error(message, "ErrorMessage", "ErrorCode")
        }
        Producer::EventbridgeRule | Producer::Scheduler => {
            attribute_error(message, "ERROR_MESSAGE", "ERROR_CODE")
        }
        Producer::LambdaDestination => json.map(destination_error).unwrap_or_default(),
        Producer::Sqs | Producer::Unknown => ErrorReport::default(),
    };
    if !reported.is_none() {
        reported.by_producer = true;
        reported.owners = owners(message, producer, json);
        return reported;
    }
    if !attributes.is_empty()
        && let Some(error) = first_error(ErrorSearch::Attributes(attributes))
    {
        // `rejected` alone says less than the payload.
        let inner = json.filter(|_| error.is_word());
        return inner.and_then(|value| first_error(ErrorSearch::Payload(value))).unwrap_or(error);
    }
    if let Some(error) = json.and_then(pipe_error) {
        return error;
    }
    match (json, content) {
        (Some(value), _) => first_error(ErrorSearch::Payload(value)).unwrap_or_default(),
        (None, Content::Text(text)) => {
            fault::fault(text).unwrap_or_else(|| error_in_text(text, "body", true))
        }
        (None, _) => ErrorReport::default(),
    }
}

/// Returns the resources that a producer names beside its error.
fn owners(
    message: &Message,
    producer: Producer,
    json: Option<&Value>,
) -> Vec<(&'static str, String)> {
    if producer == Producer::LambdaDestination {
        return json.map(owner::of_record).unwrap_or_default();
    }
    let named = [
        ("rule", text_attribute(message, "RULE_ARN").and_then(owner::rule)),
        ("schedule", text_attribute(message, "SCHEDULE_ARN").and_then(owner::schedule)),
        ("target", text_attribute(message, "TARGET_ARN").and_then(owner::target)),
    ];
    named.into_iter().filter_map(|(kind, name)| Some((kind, name?))).collect()
}

fn text_attribute<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.attributes.get(name)?.text().filter(|text| !text.trim().is_empty())
}

/// Returns the error of the producer's attributes: a text and a code, by their names.
fn attribute_error(message: &Message, text_name: &str, code_name: &str) -> ErrorReport {
    let mut error = text_attribute(message, text_name)
        .map(|text| error_in_text(text, text_name, false))
        .unwrap_or_default();
    // Lambda's 200 means that the invocation succeeded and the function failed.
    let code = text_attribute(message, code_name)
        .filter(|code| (code_name, *code) != ("ErrorCode", "200"));
    error.code = code.map(|code| SourcedText::new(code, code_name)).or(error.code);
    error
}

/// Returns the error of the record that EventBridge Pipes leaves for a batch of a stream.
fn pipe_error(record: &Value) -> Option<ErrorReport> {
    let condition = record.pointer("/context/condition")?.as_str()?;
    let owners = owner::of_pipe(record);
    (!owners.is_empty()).then(|| ErrorReport {
        code: Some(SourcedText::new(condition, "condition")),
        owners,
        ..ErrorReport::default()
    })
}

fn destination_error(record: &Value) -> ErrorReport {
    let mut error = match record.get("responsePayload") {
        Some(Value::Object(object)) => error_in_object(object, Reach::Error, 0).unwrap_or_default(),
        Some(Value::String(text)) => error_in_text(text, "responsePayload", false),
        _ => ErrorReport::default(),
    };
    if error.is_none() {
        let condition = record.pointer("/requestContext/condition").and_then(Value::as_str);
        error.code = condition.map(|code| SourcedText::new(code, "condition"));
        let kind = record.pointer("/responseContext/functionError").and_then(Value::as_str);
        error.message = kind.map(|kind| SourcedText::new(kind, "functionError"));
    }
    error
}

/// Parses a text that is, or may be, an error. Free text counts only if it looks like one.
pub(super) fn error_in_text(text: &str, source: &str, free_text: bool) -> ErrorReport {
    let trimmed = without_payload(truncated(text, TEXT_MAX).trim());
    if let Some(error) = error_in_json(trimmed) {
        return error;
    }
    let mut error = trace::parse(trimmed, source);
    if let Some(message) = &mut error.message
        && let Some(at) = message.text.find("{\"").or_else(|| message.text.find("[{"))
        && let Some(inner) = error_in_json(&message.text[at..])
    {
        // What stands before says who answered so.
        message.text.truncate(at);
        message.text += inner.message.as_ref().map_or("", |inner| &inner.text);
        error.code = inner.code.or(error.code);
        error.exception = error.exception.or(inner.exception);
    }
    let is_certain = error.exception.is_some() || error.function.is_some();
    if free_text && !is_certain && !has_error_word(trimmed) {
        return ErrorReport::default();
    }
    error
}

/// Returns the error that a text in JSON describes, whatever stands behind it: an object, or the first
/// of a list.
fn error_in_json(text: &str) -> Option<ErrorReport> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let value = serde_json::Deserializer::from_str(text).into_iter::<Value>().next()?.ok()?;
    let object = value.as_object().or_else(|| value.get(0)?.as_object())?;
    error_in_object(object, Reach::Error, 0)
}

/// The start of a search for an error.
enum ErrorSearch<'a> {
    Attributes(&'a Map<String, Value>),
    Payload(&'a Value),
}

/// Returns the error of the shallowest object that describes one.
fn first_error(head: ErrorSearch) -> Option<ErrorReport> {
    let (outer, mut waiting) = match head {
        ErrorSearch::Payload(value) => (OUTER_DEPTH, VecDeque::from([(value, 0)])),
        ErrorSearch::Attributes(attributes) => {
            if let Some(error) = error_in_object(attributes, Reach::Outer, 0) {
                return Some(error);
            }
            let inner = attributes.values().filter(|value| is_container(value));
            (DEPTH_MAX, inner.map(|value| (value, 1)).collect())
        }
    };
    let mut seen = 0;
    while let Some((value, depth)) = waiting.pop_front() {
        let object = value.as_object();
        seen += 1 + object.map_or(0, Map::len);
        if seen > VALUES_MAX {
            break;
        }
        let scope = if depth <= outer { Reach::Outer } else { Reach::Payload };
        if let Some(error) = object.and_then(|object| error_in_object(object, scope, 0)) {
            return Some(error);
        }
        if depth < DEPTH_MAX {
            let items = value.as_array().into_iter().flatten();
            let inner = items.chain(object.into_iter().flat_map(Map::values));
            let inner = inner.filter(|value| is_container(value)).take(VALUES_MAX);
            waiting.extend(inner.map(|value| (value, depth + 1)));
        }
    }
    None
}

fn is_container(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// Returns the error that an object is or contains.
fn error_in_object(object: &Map<String, Value>, scope: Reach, nest: usize) -> Option<ErrorReport> {
    let in_error = scope == Reach::Error;
    let mut fields = ErrorFields::collect(object, scope);
    let nested = fields.nested.filter(|_| nest < NEST_MAX);
    let nested = nested.and_then(|inner| error_in_object(inner, Reach::Error, nest + 1));
    if (in_error || fields.is_stopped) && nested.is_none() {
        fields.reason = inner_reason(object).or(fields.reason);
    }
    let (mut error, message) = outer_error(&fields, in_error, nested.is_some());
    if let (Reach::Error, Some(task)) = (scope, fields.task) {
        error.owners.push(("task", truncated(task, 96).to_owned()));
    }
    if let Some((kind, arn)) = fields.target
        && let Some(name) = owner::target(arn)
    {
        error.owners.push((kind, name));
    }
    if let Some((key, text)) = message {
        // Spring appends what it wraps; its class and its text say most.
        let (wrapper, inner) = match text.rsplit_once("; nested exception is ") {
            Some((_, inner)) => (error.exception.take(), inner),
            None => (None, text),
        };
        fill_missing(&mut error, error_in_text(inner, key, false));
        error.exception = error.exception.or(wrapper);
        let place = fields.location.filter(|_| in_error).and_then(location_text);
        let place = place.or_else(|| location_text(&fields.field?.into()));
        if let (Some(message), Some(place)) = (&mut error.message, place) {
            message.text += &format!(" at field '{place}'");
        }
    } else if let (Some(stack), None) = (fields.stack, &error.exception) {
        let report = error_in_text(&stack_text(stack), "stack", false);
        // A list of plain words is no stack trace.
        if report.exception.is_some() || report.function.is_some() {
            fill_missing(&mut error, report);
        }
    }
    // A wrapper has the same text for every cause: root cause and nested error are more specific.
    for inner in [fields.stack.and_then(root_cause), nested].into_iter().flatten() {
        let outer = std::mem::replace(&mut error, inner);
        fill_missing(&mut error, outer);
    }
    if error.is_none()
        && let Some((key, text)) = fields.multiline
    {
        // Only text with both a class and a function is certainly a trace.
        let report = error_in_text(text, key, true);
        if report.exception.is_some() && report.function.is_some() {
            return Some(report);
        }
    }
    let known = error.exception.is_some() || error.message.is_some() || error.function.is_some();
    let is_code = in_error || fields.code.is_some() || fields.has_error_status;
    (known || (error.code.is_some() && is_code)).then_some(error)
}

/// Returns the class, the code and the function that the fields of an object name, and its text.
fn outer_error<'a>(
    fields: &ErrorFields<'a>,
    in_error: bool,
    has_nested: bool,
) -> (ErrorReport, Option<(&'a str, &'a str)>) {
    let strong = fields.class.is_some() || fields.message.is_some() || fields.stack.is_some();
    let names_class = |(_, text): (_, &str)| trace::begins_with_class(text);
    let is_error = in_error
        || strong
        || fields.error.is_some()
        || fields.marks_error
        || fields.weak_message.is_some_and(names_class);
    let (mut class, mut message) = (fields.class, fields.message);
    let mut code_word = None;
    if let Some((key, word)) = fields.word {
        // A class or a text beside it says more.
        if message.is_some() || fields.error.is_some() {
            code_word = Some((key, word));
        } else if trace::is_class(word) {
            class = class.or(Some((key, word)));
        } else {
            message = Some((key, word));
        }
    }
    if is_error {
        class = class.or(fields.weak_class.filter(|(_, text)| in_error || trace::is_class(text)));
        message = message.or(fields.weak_message).or(fields.reason);
    }
    if let Some((key, text)) = fields.error {
        let beside = message.or(fields.cause);
        let is_word = !text.contains(char::is_whitespace);
        if class.is_none() && trace::is_class(text) {
            class = Some((key, text));
            message = beside;
        } else if is_word && (beside.is_some() || has_nested) {
            // `invalid_grant`, `States.TaskFailed`: a code, with its description beside it.
            code_word = Some((key, text));
            message = beside;
        } else {
            message = fields.message.or(Some((key, text)));
        }
    }
    if is_error {
        message = message.or(fields.cause);
    }
    let weak = fields.weak_code.filter(|(_, value)| is_error && is_error_code(value));
    let code = fields.code.or(weak).map(|(key, value)| (key, scalar_text(value)));
    let code = code_word.map(|(key, word)| (key, word.to_owned())).or(code);
    let ends_container = message.is_some_and(|(_, text)| text.starts_with("Essential container"));
    let exit_code = fields.exit_code.filter(|_| ends_container);
    let code = code.or(exit_code.map(|(key, value)| (key, format!("{key} {value}"))));
    let frame = fields.stack.map(|stack| frame::own_frame(&stack_text(stack))).unwrap_or_default();
    let error = ErrorReport {
        code: code.map(|(key, text)| SourcedText::new(&text, key)),
        exception: class.map(|(key, text)| SourcedText::new(text.trim(), key)),
        function: frame.function,
        place: frame.place,
        ..ErrorReport::default()
    };
    (error, message)
}

fn scalar_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns the root cause that a stack trace names.
fn root_cause(stack: &Value) -> Option<ErrorReport> {
    let text = stack_text(stack);
    let report = text.contains("\nCaused by: ").then(|| error_in_text(&text, "stack", false))?;
    (report.exception.is_some() && report.message.is_some()).then_some(report)
}

/// Fills the missing fields from another report.
fn fill_missing(error: &mut ErrorReport, other: ErrorReport) {
    error.code = error.code.take().or(other.code);
    error.exception = error.exception.take().or(other.exception);
    error.message = error.message.take().or(other.message);
    // The place belongs to the function.
    if error.function.is_none() {
        (error.function, error.place) = (other.function, other.place);
    }
    if error.owners.is_empty() {
        error.owners = other.owners;
    }
}

/// Returns whether a status is neither informational, success nor redirection.
fn is_error_code(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.as_f64().is_some_and(|n| n != 0.0 && !(100.0..400.0).contains(&n))
        }
        Value::String(text) if says_only_failed(text) => false,
        Value::String(text) => text.parse::<u32>().map_or(true, |n| !(100..400).contains(&n)),
        _ => false,
    }
}

/// Returns whether a status says no more than that there is an error.
fn says_only_failed(text: &str) -> bool {
    ["failed", "failure", "error", "fail", "dead"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(text))
}

/// Returns a stack trace as text, joining a list of lines.
fn stack_text(stack: &Value) -> String {
    match stack {
        Value::String(text) => truncated(text, TEXT_MAX).to_owned(),
        Value::Array(lines) => {
            let lines = lines.iter().take(64).filter_map(Value::as_str);
            lines.fold(String::new(), |all, line| match all.len() > TEXT_MAX {
                true => all,
                false => all + truncated(line, 1024) + "\n",
            })
        }
        _ => String::new(),
    }
}
