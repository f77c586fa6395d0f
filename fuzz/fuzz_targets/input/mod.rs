//! A message from random bytes: a file of `tests/fixtures/messages`, or else a body.

use dlq::rules::evidence::message::{Attribute, Message};
use serde_json::Value;

pub fn message(data: &[u8]) -> Message {
    let text = String::from_utf8_lossy(data);
    let form: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    let Some(body) = form.get("body").and_then(Value::as_str) else {
        return Message { body: text.into_owned(), ..Message::default() };
    };
    let mut message = Message { id: "m".into(), body: body.into(), ..Message::default() };
    for (name, value) in form.get("attributes").and_then(Value::as_object).into_iter().flatten() {
        let attribute = match value {
            Value::String(text) => Attribute::Text(text.clone()),
            other => Attribute::Binary(other.to_string().into_bytes()),
        };
        message.attributes.insert(name.clone(), attribute);
    }
    for (name, value) in form.get("system").and_then(Value::as_object).into_iter().flatten() {
        message.system.insert(name.clone(), value.as_str().unwrap_or_default().into());
    }
    message
}
