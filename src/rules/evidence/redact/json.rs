//! Redaction of JSON: keys, strings, numbers, and JSON embedded in strings.
//!
//! Promises: every string is scanned without its escapes. A value under a secret name is redacted
//! whatever it is, except null, booleans and the empty string. A redacted number becomes a string.
//! No entry is lost: keys that become equal are numbered, `<email:32>#2`.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    DECODED_MAX, LEVELS_MAX, Nesting, Redactor, SECRET, command_line, phrase, placeholder,
    secret_name,
};

/// Keys of the name and of the value in a list of names and values.
/// An entry of a map in a Protocol Buffer has its name in field 1, and its value in field 2.
const NAME_KEYS: [&str; 7] = ["name", "key", "header", "field", "parametername", "parameter", "1"];
const VALUE_KEYS: [&str; 6] = ["value", "values", "stringvalue", "binaryvalue", "content", "2"];

impl Redactor {
    /// Redacts a value in place.
    pub fn redact_json(&self, value: &mut Value) {
        let bytes = Cell::new(DECODED_MAX);
        self.redact_nested(value, Nesting { levels: LEVELS_MAX, bytes: &bytes });
    }

    pub(super) fn redact_nested(&self, value: &mut Value, nesting: Nesting<'_>) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                if let Cow::Owned(redacted) = self.redact_text(&number.to_string()) {
                    *value = Value::String(redacted);
                }
            }
            Value::String(text) => self.redact_string(text, nesting),
            Value::Array(values) => self.redact_array(values, nesting),
            Value::Object(map) => self.redact_object(map, nesting),
        }
    }

    fn redact_array(&self, values: &mut [Value], nesting: Nesting<'_>) {
        let mut announced = false;
        if let [Value::String(name), Value::String(text)] = values
            && secret_name::is_secret_name(name)
            && !phrase::looks_named(text.as_bytes())
        {
            return self.redact_leaves(&mut values[1]);
        }
        for at in 0..values.len() {
            let announces = announces_secret(&values[at], values.get(at + 1));
            if announced {
                self.redact_leaves(&mut values[at]);
            } else {
                self.redact_nested(&mut values[at], nesting);
            }
            announced = announces && !announced;
        }
    }

    fn redact_object(&self, map: &mut Map<String, Value>, nesting: Nesting<'_>) {
        let mut renamed = Vec::new();
        let named = names_secret(map);
        let is_manifest = map.get("kind").is_some_and(|kind| kind == "Secret");
        for (name, value) in map.iter_mut() {
            let shown = self.redact_text(name);
            // Also check the redacted name, so that redacting the result again changes nothing.
            let counts = value.is_number() && secret_name::is_count(name);
            if secret_name::is_secret_name(name) && !counts
                || shown != *name && secret_name::is_secret_name(&shown)
                || named && is_one_of(name, &VALUE_KEYS)
                || is_manifest && matches!(name.as_str(), "data" | "stringData")
                || secret_name::is_often_secret(name)
                    && value.as_str().is_some_and(|text| secret_name::is_random(text.as_bytes()))
            {
                self.redact_leaves(value);
            } else {
                self.redact_nested(value, nesting);
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
                // `{"Type": "String", "Value": "…"}`: the type says nothing of the value.
                let is_type = |key: &str| matches!(key, "Type" | "DataType");
                let values = map.iter_mut().filter(|(key, _)| !is_type(key));
                values.for_each(|(_, value)| self.redact_leaves(value));
                let bytes = Cell::new(0);
                return self.redact_object(map, Nesting { levels: 0, bytes: &bytes });
            }
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
        };
        let is_placeholder = self.placeholder_end(&text) == Some(text.len());
        if !(text.is_empty() || is_placeholder || self.allow.matches(&text)) {
            *value = Value::String(placeholder(SECRET, &text));
        }
    }

    pub(super) fn redact_string(&self, text: &mut String, nesting: Nesting<'_>) {
        if self.redact_embedded(text, nesting) {
            return;
        }
        let Cow::Owned(redacted) = self.redact_text_within(text, nesting) else { return };
        *text = redacted;
        // With the match replaced, the text may be valid JSON.
        self.redact_embedded(text, nesting);
    }

    /// Redacts JSON embedded in a string; returns whether the string is JSON.
    fn redact_embedded(&self, text: &mut String, nesting: Nesting<'_>) -> bool {
        let Some(inner) = nesting.inner() else { return false };
        let trimmed = text.trim_start_matches('\u{feff}');
        if !trimmed.trim_start().starts_with(['{', '[', '"']) {
            return false;
        }
        let Ok(read) = serde_json::from_str::<Value>(trimmed) else {
            return false;
        };
        let mut redacted = read.clone();
        self.redact_nested(&mut redacted, inner);
        // The parser keeps one of two entries with the same name, and the dropped one was not
        // scanned.
        if redacted != read || count_members(&read) != count_colons(text) {
            *text = redacted.to_string();
        }
        true
    }
}

/// Returns whether the object is a pair of a secret name and its value: `{"name": "DB_PASSWORD",
/// "value": "…"}`.
fn names_secret(map: &Map<String, Value>) -> bool {
    map.iter().any(|(key, name)| {
        let name = name.as_str().unwrap_or_default();
        is_one_of(key, &NAME_KEYS) && name.len() <= 64 && secret_name::is_secret_name(name)
    })
}

fn is_one_of(key: &str, keys: &[&str]) -> bool {
    keys.iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// Returns whether an element of a list says that the next one is a secret: raw headers, and the
/// words of a command line. `["password", "email"]` is a list of names.
fn announces_secret(value: &Value, next: Option<&Value>) -> bool {
    let (Value::String(name), Some(Value::String(next))) = (value, next) else { return false };
    command_line::takes_secret(name, next)
        || secret_name::is_header(name) && next.bytes().any(|byte| !byte.is_ascii_lowercase())
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
