//! Extraction of the error: from the producer's attributes or record, else from the keys and texts
//! of the payload.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::error_fields::ErrorFields;
use super::{Content, ErrorReport, Producer, SourcedText, TEXT_MAX, trace, truncated};
use crate::rules::evidence::message::Message;

/// Limits on the search: values visited, depth of the payload, and depth of errors within errors.
const VALUES_MAX: usize = 2_000;
const DEPTH_MAX: usize = 10;
const NEST_MAX: usize = 4;

pub(super) fn extract(message: &Message, producer: Producer, content: &Content) -> ErrorReport {
    let mut reported = match producer {
        Producer::LambdaAsync | Producer::Sns => {
            attribute_error(message, "ErrorMessage", "ErrorCode")
        }
        Producer::EventbridgeRule | Producer::Scheduler => ErrorReport {
            target: target_service(message),
            ..attribute_error(message, "ERROR_MESSAGE", "ERROR_CODE")
        },
        Producer::LambdaDestination => destination_error(content),
        Producer::Sqs | Producer::Unknown => ErrorReport::default(),
    };
    if !reported.is_none() {
        reported.by_producer = true;
        return reported;
    }
    if !message.attributes.is_empty()
        && let Some(error) = error_in_attributes(message)
    {
        return error;
    }
    match content {
        Content::Json(value) => first_error(value),
        Content::Text(text) => error_in_text(text, "body", true),
        Content::Binary { .. } => ErrorReport::default(),
    }
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

fn target_service(message: &Message) -> Option<String> {
    let service = text_attribute(message, "TARGET_ARN")?.split(':').nth(2)?;
    Some(truncated(service, 32).to_owned())
}

fn destination_error(content: &Content) -> ErrorReport {
    let Content::Json(record) = content else {
        return ErrorReport::default();
    };
    let mut error = match record.get("responsePayload") {
        Some(Value::Object(object)) => error_in_object(object, true, 0).unwrap_or_default(),
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

/// Returns the error that a consumer attached to the message: `errorMessage`, `x-exception-fqcn` …
fn error_in_attributes(message: &Message) -> Option<ErrorReport> {
    let texts = message.attributes.iter().filter_map(|(name, value)| {
        Some((name.clone(), Value::String(truncated(value.text()?, TEXT_MAX).into())))
    });
    error_in_object(&texts.collect(), false, 0)
}

/// Parses a text that is, or may be, an error. Free text counts only if it looks like one.
pub(super) fn error_in_text(text: &str, source: &str, free_text: bool) -> ErrorReport {
    let trimmed = truncated(text, TEXT_MAX).trim();
    if trimmed.starts_with('{')
        && let Ok(Value::Object(object)) = serde_json::from_str(trimmed)
        && let Some(error) = error_in_object(&object, true, 0)
    {
        return error;
    }
    let error = trace::parse(trimmed, source);
    let is_certain = error.exception.is_some() || error.function.is_some();
    if free_text && !is_certain && !has_error_word(trimmed) {
        return ErrorReport::default();
    }
    error
}

/// Returns whether the first part of a text contains a word of errors.
fn has_error_word(text: &str) -> bool {
    const WORDS: [&str; 17] = [
        "error",
        "erro",
        "falha",
        "falhou",
        "exception",
        "failed",
        "failure",
        "fatal",
        "panic",
        "timeout",
        "refused",
        "denied",
        "timed",
        "unable",
        "invalid",
        "unauthorized",
        "throttled",
    ];
    truncated(text, 512)
        .split(|c: char| !c.is_ascii_alphabetic())
        .any(|word| WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// Returns the error of the shallowest object that describes one.
fn first_error(value: &Value) -> ErrorReport {
    let mut waiting = VecDeque::from([(value, 0)]);
    let mut seen = 0;
    while let Some((value, depth)) = waiting.pop_front() {
        let object = value.as_object();
        seen += 1 + object.map_or(0, Map::len);
        if seen > VALUES_MAX {
            break;
        }
        if let Some(error) = object.and_then(|object| error_in_object(object, false, 0)) {
            return error;
        }
        if depth < DEPTH_MAX {
            let items = value.as_array().into_iter().flatten();
            let inner = items.chain(object.into_iter().flat_map(Map::values));
            let inner = inner.filter(|value| is_container(value)).take(VALUES_MAX);
            waiting.extend(inner.map(|value| (value, depth + 1)));
        }
    }
    ErrorReport::default()
}

fn is_container(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// Returns the error that an object is or contains. Weak keys count if the object is `in_error`,
/// the value of an error key.
fn error_in_object(
    object: &Map<String, Value>,
    in_error: bool,
    nest: usize,
) -> Option<ErrorReport> {
    let fields = ErrorFields::collect(object);
    let nested = fields.nested.filter(|_| nest < NEST_MAX);
    let nested = nested.and_then(|inner| error_in_object(inner, true, nest + 1));
    let strong = fields.class.is_some() || fields.message.is_some() || fields.stack.is_some();
    let is_error = in_error || strong || fields.error.is_some() || fields.marks_error;
    let mut error = ErrorReport::default();
    let mut message = fields.message;
    let mut class = fields.class;
    if is_error {
        class = class.or(fields.weak_class.filter(|(_, text)| in_error || trace::is_class(text)));
        message = message.or(fields.weak_message);
    }
    let mut code = fields.code;
    if let Some((key, text)) = fields.error {
        let beside = message.or(fields.cause);
        if class.is_none() && trace::is_class(text) {
            class = Some((key, text));
            message = beside;
        } else if let Some(beside) = beside.filter(|_| !text.contains(char::is_whitespace)) {
            // `invalid_grant`, `States.TaskFailed`: a code, with its description beside it.
            error.code = Some(SourcedText::new(text, key));
            message = Some(beside);
        } else {
            message = fields.message.or(Some((key, text)));
        }
    }
    if is_error {
        message = message.or(fields.cause);
        code = code.or(fields.weak_code.filter(|(_, value)| is_error_code(value)));
    }
    error.code = error.code.or_else(|| {
        code.map(|(key, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            SourcedText::new(&text, key)
        })
    });
    error.exception = class.map(|(key, text)| SourcedText::new(text.trim(), key));
    let frame = fields.stack.map(|stack| trace::own_frame(&stack_text(stack))).unwrap_or_default();
    (error.function, error.place) = (frame.function, frame.place);
    if let Some((key, text)) = message {
        fill_missing(&mut error, error_in_text(text, key, false));
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
    (known || (error.code.is_some() && (in_error || fields.code.is_some()))).then_some(error)
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
}

/// Returns whether a status is neither informational, success nor redirection.
fn is_error_code(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.as_f64().is_some_and(|n| n != 0.0 && !(100.0..400.0).contains(&n))
        }
        Value::String(text) => text.parse::<u32>().map_or(true, |n| !(100..400).contains(&n)),
        _ => false,
    }
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
