//! Redaction of JSON: keys, strings, numbers, and JSON that is written in strings.
//!
//! Promises: every string is looked at as it reads, without escapes; what stands under a telling
//! name is redacted whatever it is, but null, booleans and the empty string stay. A redacted
//! number becomes a string. No entry is lost: keys that become equal are numbered, `<email:32>#2`.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Redactor, SECRET, placeholder, secret_name};

/// How deep JSON in a string in JSON is parsed; beyond, it is text.
const EMBEDDED_LEVELS_MAX: usize = 4;

impl Redactor {
    /// The value without secrets, in place.
    pub fn redact_json(&self, value: &mut Value) {
        self.redact_nested(value, EMBEDDED_LEVELS_MAX);
    }

    fn redact_nested(&self, value: &mut Value, levels: usize) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let text = number.to_string();
                let redacted = self.redact_text(&text);
                if redacted != text {
                    *value = Value::String(redacted.into_owned());
                }
            }
            Value::String(text) => self.redact_string(text, levels),
            Value::Array(values) => {
                values.iter_mut().for_each(|value| self.redact_nested(value, levels))
            }
            Value::Object(map) => self.redact_object(map, levels),
        }
    }

    fn redact_object(&self, map: &mut Map<String, Value>, levels: usize) {
        let mut renamed = Vec::new();
        for (name, value) in map.iter_mut() {
            let shown = self.redact_text(name);
            // By the new name too, so that the result is judged as it was.
            if secret_name::is_secret_name(name)
                || shown != *name && secret_name::is_secret_name(&shown)
            {
                self.redact_leaves(value);
            } else {
                self.redact_nested(value, levels);
            }
            if shown != *name {
                renamed.push((name.clone(), shown.into_owned()));
            }
        }
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for (name, shown) in renamed {
            let Some(value) = map.remove(&name) else { continue };
            let number = numbers.entry(shown.clone()).or_insert(0);
            let mut free = shown.clone();
            loop {
                *number += 1;
                if *number > 1 {
                    free = format!("{shown}#{number}");
                }
                if !map.contains_key(&free) {
                    break;
                }
            }
            map.insert(free, value);
        }
    }

    /// Everything under a telling name; names inside it are redacted as any.
    fn redact_leaves(&self, value: &mut Value) {
        let text = match value {
            Value::Null | Value::Bool(_) => return,
            Value::Array(values) => {
                return values.iter_mut().for_each(|value| self.redact_leaves(value));
            }
            Value::Object(map) => {
                map.values_mut().for_each(|value| self.redact_leaves(value));
                return self.redact_object(map, 0);
            }
            Value::Number(number) => number.to_string(),
            Value::String(text) => std::mem::take(text),
        };
        let stays = text.is_empty() || self.is_placeholder(&text) || self.allow.matches(&text);
        let kept = if stays { text } else { placeholder(SECRET, &text) };
        // A number that is allowed stays one.
        if !(stays && value.is_number()) {
            *value = Value::String(kept);
        }
    }

    fn redact_string(&self, text: &mut String, levels: usize) {
        if levels > 0 && self.redact_embedded(text, levels - 1) {
            return;
        }
        let redacted = self.redact_text(text);
        if redacted == *text {
            return;
        }
        *text = redacted.into_owned();
        // What was no JSON for something that is gone now may be some.
        if levels > 0 {
            self.redact_embedded(text, levels - 1);
        }
    }

    /// Redacts within JSON that is written in a string. Returns whether it is that.
    fn redact_embedded(&self, text: &mut String, levels: usize) -> bool {
        if !text.trim_start().starts_with(['{', '[', '"']) {
            return false;
        }
        let Ok(read) = serde_json::from_str::<Value>(text) else {
            return false;
        };
        let mut redacted = read.clone();
        self.redact_nested(&mut redacted, levels);
        // Of two entries with one name the reader keeps one: what it dropped was not looked at.
        if redacted != read || count_members(&read) != count_colons(text) {
            *text = redacted.to_string();
        }
        true
    }
}

/// How many entries all objects of the value have.
fn count_members(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(count_members).sum(),
        Value::Object(map) => map.len() + map.values().map(count_members).sum::<usize>(),
        _ => 0,
    }
}

/// The colons of a JSON text outside of its strings: one for each entry.
fn count_colons(text: &str) -> usize {
    let (mut count, mut quoted, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b':' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}
