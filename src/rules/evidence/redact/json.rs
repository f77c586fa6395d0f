//! Redaction of JSON: keys, strings, numbers, and JSON embedded in strings.
//!
//! Promises: every string is scanned without its escapes. A value under a secret name is redacted
//! whatever it is, except null, booleans and the empty string. A redacted number becomes a string.
//! No entry is lost: keys that become equal are numbered, `<email:32>#2`.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Redactor, SECRET, placeholder, secret_name};

/// Levels of JSON embedded in strings that are parsed; deeper levels are scanned as text.
const EMBEDDED_LEVELS_MAX: usize = 4;

impl Redactor {
    /// Redacts a value in place.
    pub fn redact_json(&self, value: &mut Value) {
        self.redact_nested(value, EMBEDDED_LEVELS_MAX);
    }

    fn redact_nested(&self, value: &mut Value, levels: usize) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                if let Cow::Owned(redacted) = self.redact_text(&number.to_string()) {
                    *value = Value::String(redacted);
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
            // Also check the redacted name, so that redacting the result again changes nothing.
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

    /// Redacts every leaf under a secret name.
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
            Value::String(text) => text.clone(),
        };
        let is_placeholder = self.placeholder_end(&text) == Some(text.len());
        if !(text.is_empty() || is_placeholder || self.allow.matches(&text)) {
            *value = Value::String(placeholder(SECRET, &text));
        }
    }

    fn redact_string(&self, text: &mut String, levels: usize) {
        if self.redact_embedded(text, levels) {
            return;
        }
        let Cow::Owned(redacted) = self.redact_text(text) else { return };
        *text = redacted;
        // With the match replaced, the text may be valid JSON.
        self.redact_embedded(text, levels);
    }

    /// Redacts JSON embedded in a string; returns whether the string is JSON.
    fn redact_embedded(&self, text: &mut String, levels: usize) -> bool {
        if levels == 0 || !text.trim_start().starts_with(['{', '[', '"']) {
            return false;
        }
        let Ok(read) = serde_json::from_str::<Value>(text) else {
            return false;
        };
        let mut redacted = read.clone();
        self.redact_nested(&mut redacted, levels - 1);
        // The parser keeps one of two entries with the same name, and the dropped one was not
        // scanned.
        if redacted != read || count_members(&read) != count_colons(text) {
            *text = redacted.to_string();
        }
        true
    }
}

/// Returns the number of entries in all objects of the value.
fn count_members(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(count_members).sum(),
        Value::Object(map) => map.len() + map.values().map(count_members).sum::<usize>(),
        _ => 0,
    }
}

/// Returns the number of colons outside strings, which is the number of entries in the text.
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
