//! What failed: by the producer's attributes or record, else by the keys and texts of the payload.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::error_fields::Signs;
use super::trace::{self, Trace};
use super::{Content, Failure, Producer, Said, TEXT_MAX, cut};
use crate::rules::evidence::message::{Attribute, Message};

/// Values that are looked at for an error, how deep, and how deep an error is within errors.
const VALUES_MAX: usize = 2_000;
const DEPTH_MAX: usize = 10;
const NEST_MAX: usize = 4;

pub(super) fn of(message: &Message, producer: Producer, content: &Content) -> Failure {
    let mut said = match producer {
        Producer::LambdaAsync => lambda(message),
        Producer::EventbridgeRule | Producer::Scheduler => eventbridge(message),
        Producer::LambdaDestination => destination(content),
        Producer::Sqs | Producer::Sns | Producer::Unknown => Failure::default(),
    };
    if !said.is_none() {
        said.by_producer = true;
        return said;
    }
    if !message.attributes.is_empty()
        && let Some(failure) = of_attributes(message)
    {
        return failure;
    }
    match content {
        Content::Json(value) => search(value),
        Content::Text(text) => of_text(text, "body", true),
        Content::Binary { .. } => Failure::default(),
    }
}

fn text<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.attributes.get(name)?.text().filter(|text| !text.trim().is_empty())
}

fn lambda(message: &Message) -> Failure {
    let mut failure = text(message, "ErrorMessage")
        .map(|text| of_text(text, "ErrorMessage", false))
        .unwrap_or_default();
    // 200 says that the call succeeded and the function failed.
    let code = text(message, "ErrorCode").filter(|code| *code != "200");
    failure.code = code.map(|code| Said::new(code, "ErrorCode")).or(failure.code);
    failure
}

fn eventbridge(message: &Message) -> Failure {
    let mut failure = text(message, "ERROR_MESSAGE")
        .map(|text| of_text(text, "ERROR_MESSAGE", false))
        .unwrap_or_default();
    let code = text(message, "ERROR_CODE").map(|code| Said::new(code, "ERROR_CODE"));
    failure.code = code.or(failure.code);
    let target = text(message, "TARGET_ARN").and_then(|arn| arn.split(':').nth(2));
    failure.target = target.map(|service| cut(service, 32).to_owned());
    failure
}

fn destination(content: &Content) -> Failure {
    let Content::Json(record) = content else {
        return Failure::default();
    };
    let mut failure = match record.get("responsePayload") {
        Some(Value::Object(object)) => look(object, true, 0).unwrap_or_default(),
        Some(Value::String(text)) => of_text(text, "responsePayload", false),
        _ => Failure::default(),
    };
    if failure.is_none() {
        let condition = record.pointer("/requestContext/condition").and_then(Value::as_str);
        failure.code = condition.map(|code| Said::new(code, "condition"));
        let error = record.pointer("/responseContext/functionError").and_then(Value::as_str);
        failure.message = error.map(|error| Said::new(error, "functionError"));
    }
    failure
}

/// What a consumer wrote beside the body when it gave up: `errorMessage`, `x-exception-fqcn` …
fn of_attributes(message: &Message) -> Option<Failure> {
    let texts = message.attributes.iter().filter_map(|(name, value)| match value {
        Attribute::Text(text) => Some((name.clone(), Value::String(cut(text, TEXT_MAX).into()))),
        Attribute::Binary(_) => None,
    });
    look(&texts.collect(), false, 0)
}

/// A text that is, or may be, an error's. `free` text is one only when it looks like one.
fn of_text(text: &str, from: &str, free: bool) -> Failure {
    let bare = cut(text, TEXT_MAX).trim();
    if bare.starts_with('{')
        && let Ok(Value::Object(object)) = serde_json::from_str(bare)
        && let Some(failure) = look(&object, true, 0)
    {
        return failure;
    }
    let Trace { class, code, message, place } = trace::read(bare);
    if free && class.is_none() && place.is_none() && !sounds_like_an_error(bare) {
        return Failure::default();
    }
    let said = |text: &str| (!text.is_empty()).then(|| Said::new(text, from));
    Failure {
        code: code.and_then(said),
        exception: class.and_then(said),
        message: said(message),
        place,
        ..Failure::default()
    }
}

/// Words of errors, in the first part of a text.
fn sounds_like_an_error(text: &str) -> bool {
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
    cut(text, 512)
        .split(|c: char| !c.is_ascii_alphabetic())
        .any(|word| WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// The first object that speaks of an error, the shallowest first.
fn search(value: &Value) -> Failure {
    let mut waiting = VecDeque::from([(value, 0)]);
    let mut seen = 0;
    while let Some((value, depth)) = waiting.pop_front() {
        let object = match value {
            Value::Object(object) => object,
            Value::Array(items) => {
                seen += 1;
                if depth < DEPTH_MAX && seen < VALUES_MAX {
                    let inner = items.iter().filter(|item| is_container(item)).take(VALUES_MAX);
                    waiting.extend(inner.map(|item| (item, depth + 1)));
                }
                continue;
            }
            _ => continue,
        };
        seen += object.len() + 1;
        if seen > VALUES_MAX {
            break;
        }
        if let Some(failure) = look(object, false, 0) {
            return failure;
        }
        if depth < DEPTH_MAX {
            let inner = object.values().filter(|value| is_container(value));
            waiting.extend(inner.map(|value| (value, depth + 1)));
        }
    }
    Failure::default()
}

fn is_container(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// The error that an object is or has. `inside` an error, the weak keys count.
fn look(object: &Map<String, Value>, inside: bool, nest: usize) -> Option<Failure> {
    let signs = Signs::read(object);
    let nested = match signs.nested {
        Some((_, inner)) if nest < NEST_MAX => look(inner, true, nest + 1),
        _ => None,
    };
    let strong = signs.class.is_some() || signs.message.is_some() || signs.stack.is_some();
    let is_error = inside || strong || signs.bare.is_some() || signs.is_bad;
    let mut failure = Failure::default();
    let mut message = signs.message;
    let mut class = signs.class;
    if is_error {
        class = class.or(signs.weak_class.filter(|(_, text)| inside || trace::is_class(text)));
        message = message.or(signs.weak_message);
    }
    let mut code = signs.code;
    if let Some((key, text)) = signs.bare {
        let beside = message.or(signs.cause);
        if class.is_none() && trace::is_class(text) {
            class = Some((key, text));
            message = beside;
        } else if let Some(beside) = beside.filter(|_| !text.contains(char::is_whitespace)) {
            // `invalid_grant`, `States.TaskFailed`: a code, and beside it what it means.
            failure.code = Some(Said::new(text, key));
            message = Some(beside);
        } else {
            message = signs.message.or(Some((key, text)));
        }
    }
    if is_error {
        message = message.or(signs.cause);
        code = code.or(signs.weak_code.filter(|(_, value)| is_bad_code(value)));
    }
    failure.code = failure.code.or_else(|| code.map(|(key, value)| Said::new(&shown(value), key)));
    failure.exception = class.map(|(key, text)| Said::new(text.trim(), key));
    failure.place = signs.stack.and_then(|stack| trace::place(&joined(stack)));
    if let Some((key, text)) = message {
        fill(&mut failure, of_text(text, key, false));
    } else if let (Some(stack), None) = (signs.stack, &failure.exception) {
        let said = of_text(&joined(stack), "stack", false);
        // A list of words is a stack, too; only one of functions is an error's.
        if said.exception.is_some() || said.place.is_some() {
            fill(&mut failure, said);
        }
    }
    if let Some(root) = signs.stack.and_then(root_cause) {
        // What wraps an exception says the same of every one.
        let outer = std::mem::replace(&mut failure, root);
        fill(&mut failure, outer);
    }
    if let Some(nested) = nested {
        // What is within knows better; what it does not say, the outside does.
        let outer = std::mem::replace(&mut failure, nested);
        fill(&mut failure, outer);
    }
    if failure.is_none()
        && let Some((key, text)) = signs.lines
    {
        // Only what has a class and a place is a trace for sure.
        let said = of_text(text, key, true);
        if said.exception.is_some() && said.place.is_some() {
            return Some(said);
        }
    }
    let known = failure.exception.is_some() || failure.message.is_some() || failure.place.is_some();
    (known || (failure.code.is_some() && (inside || signs.code.is_some()))).then_some(failure)
}

/// The exception that a stack names as the cause of the others.
fn root_cause(stack: &Value) -> Option<Failure> {
    let text = joined(stack);
    let said = text.contains("\nCaused by: ").then(|| of_text(&text, "stack", false))?;
    (said.exception.is_some() && said.message.is_some()).then_some(said)
}

/// Takes what is not yet known from another.
fn fill(failure: &mut Failure, other: Failure) {
    failure.code = failure.code.take().or(other.code);
    failure.exception = failure.exception.take().or(other.exception);
    failure.message = failure.message.take().or(other.message);
    failure.place = failure.place.take().or(other.place);
}

/// A status that says that something went wrong: no success, and no redirection.
fn is_bad_code(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.as_f64().is_some_and(|n| n != 0.0 && !(100.0..400.0).contains(&n))
        }
        Value::String(text) => text.parse::<u32>().map_or(true, |n| !(100..400).contains(&n)),
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A stack as a text: a text, or a list of its lines.
fn joined(stack: &Value) -> String {
    match stack {
        Value::String(text) => cut(text, TEXT_MAX).to_owned(),
        Value::Array(lines) => {
            let mut all = String::new();
            for line in lines.iter().take(64).filter_map(Value::as_str) {
                if all.len() > TEXT_MAX {
                    break;
                }
                all.push_str(cut(line, 1024));
                all.push('\n');
            }
            all
        }
        _ => String::new(),
    }
}
