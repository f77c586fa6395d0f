//! Redaction of JSON: keys, strings, numbers, and JSON embedded in strings.
//!
//! Promises: every string is scanned without its escapes. A value under a secret name is redacted
//! whatever it is, except null, booleans and the empty string. A redacted number becomes a string.
//! No entry is lost: keys that become equal are numbered, `<email:32>#2`.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use super::{
    DECODED_MAX, LEVELS_MAX, Nesting, Redactor, SECRET, command_line, phrase, placeholder,
    secret_name,
};
use crate::rules::evidence::json_text::{Json, JsonString};

/// Keys of the name and of the value in a list of names and values.
/// An entry of a map in a Protocol Buffer has its name in field 1, and its value in field 2.
const NAME_KEYS: [&str; 7] = ["name", "key", "header", "field", "parametername", "parameter", "1"];
const VALUE_KEYS: [&str; 6] = ["value", "values", "stringvalue", "binaryvalue", "content", "2"];

/// Numbers below this are also checked as digits without an exponent: a card has at most 19.
const DIGITS_MAX: f64 = 1e20;

impl Redactor {
    /// Redacts a value in place. What is not redacted keeps its spelling.
    pub fn redact_json(&self, value: &mut Json) {
        let bytes = Cell::new(DECODED_MAX);
        self.redact_nested(value, Nesting { levels: LEVELS_MAX, bytes: &bytes });
    }

    pub(super) fn redact_nested(&self, value: &mut Json, nesting: Nesting<'_>) {
        match value {
            Json::Word(_) => {}
            Json::Number(number) => {
                let texts = [Some(number.clone()), plain_digits(number)];
                let redacted = |text: String| match self.redact_text(&text) {
                    Cow::Owned(shown) => Some(shown),
                    Cow::Borrowed(_) => None,
                };
                if let Some(shown) = texts.into_iter().flatten().find_map(redacted) {
                    *value = Json::string(&shown);
                }
            }
            Json::String(text) => self.redact_json_string(text, nesting),
            Json::Array(values) => self.redact_array(values, nesting),
            Json::Object(members) => self.redact_object(members, nesting),
        }
    }

    fn redact_json_string(&self, string: &mut JsonString, nesting: Nesting<'_>) {
        let mut text = string.text().to_owned();
        self.redact_string(&mut text, nesting);
        if text != string.text() {
            *string = JsonString::new(&text);
        }
    }

    fn redact_array(&self, values: &mut [Json], nesting: Nesting<'_>) {
        let mut announced = false;
        if let [Json::String(name), Json::String(text)] = values
            && secret_name::is_secret_name(name.text())
            && !phrase::looks_named(text.text().as_bytes())
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

    fn redact_object(&self, members: &mut [(JsonString, Json)], nesting: Nesting<'_>) {
        let named = names_secret(members);
        let is_secret = |(key, value): &(JsonString, Json)| {
            key.text() == "kind" && value.as_str() == Some("Secret")
        };
        let is_manifest = members.iter().any(is_secret);
        for (key, value) in members.iter_mut() {
            let name = key.text();
            let shown = self.redact_text(name);
            // Also check the redacted name, so that redacting the result again changes nothing.
            let counts = matches!(value, Json::Number(_)) && secret_name::is_count(name);
            if secret_name::is_secret_name(name) && !counts
                || shown != name && secret_name::is_secret_name(&shown)
                || named && is_one_of(name, &VALUE_KEYS)
                || is_manifest && matches!(name, "data" | "stringData")
                || secret_name::is_often_secret(name)
                    && value.as_str().is_some_and(|text| secret_name::is_random(text.as_bytes()))
            {
                self.redact_leaves(value);
            } else {
                self.redact_nested(value, nesting);
            }
        }
        self.redact_keys(members);
    }

    fn redact_keys(&self, members: &mut [(JsonString, Json)]) {
        let shown = |(key, _): &(JsonString, Json)| match self.redact_text(key.text()) {
            Cow::Owned(shown) if shown != key.text() => Some(shown),
            _ => None,
        };
        let shown: Vec<Option<String>> = members.iter().map(shown).collect();
        if shown.iter().all(Option::is_none) {
            return;
        }
        let kept = members.iter().zip(&shown).filter(|(_, shown)| shown.is_none());
        let mut used: HashSet<String> = kept.map(|((key, _), _)| key.text().to_owned()).collect();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for ((key, _), shown) in members.iter_mut().zip(shown) {
            let Some(shown) = shown else { continue };
            let number = numbers.entry(shown.clone()).or_insert(0);
            let mut free = shown.clone();
            loop {
                *number += 1;
                if *number > 1 {
                    free = format!("{shown}#{number}");
                }
                if used.insert(free.clone()) {
                    break;
                }
            }
            *key = JsonString::new(&free);
        }
    }

    /// Redacts every leaf under a secret name.
    fn redact_leaves(&self, value: &mut Json) {
        let text = match value {
            Json::Word(_) => return,
            Json::Array(values) => {
                return values.iter_mut().for_each(|value| self.redact_leaves(value));
            }
            Json::Object(members) => {
                // `{"Type": "String", "Value": "…"}`: the type says nothing of the value.
                let is_type = |key: &JsonString| matches!(key.text(), "Type" | "DataType");
                let values = members.iter_mut().filter(|(key, _)| !is_type(key));
                values.for_each(|(_, value)| self.redact_leaves(value));
                let bytes = Cell::new(0);
                return self.redact_object(members, Nesting { levels: 0, bytes: &bytes });
            }
            Json::Number(number) => number.clone(),
            Json::String(text) => text.text().to_owned(),
        };
        let is_placeholder = self.placeholder_end(&text) == Some(text.len());
        if !(text.is_empty() || is_placeholder || self.allow.matches(&text)) {
            *value = Json::string(&placeholder(SECRET, &text));
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
        let Some(read) = Json::parse(trimmed) else { return false };
        let mut redacted = read.clone();
        self.redact_nested(&mut redacted, inner);
        if redacted != read {
            *text = redacted.to_string();
        }
        true
    }
}

/// Returns a number that is spelled with a fraction or an exponent as its digits: `4.1e15`.
fn plain_digits(number: &str) -> Option<String> {
    let value: f64 = number.contains(['.', 'e', 'E']).then(|| number.parse().ok())??;
    (value.abs() < DIGITS_MAX).then(|| value.to_string())
}

/// Returns whether the object is a pair of a secret name and its value: `{"name": "DB_PASSWORD",
/// "value": "…"}`.
fn names_secret(members: &[(JsonString, Json)]) -> bool {
    members.iter().any(|(key, name)| {
        let name = name.as_str().unwrap_or_default();
        is_one_of(key.text(), &NAME_KEYS) && name.len() <= 64 && secret_name::is_secret_name(name)
    })
}

fn is_one_of(key: &str, keys: &[&str]) -> bool {
    keys.iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// Returns whether an element of a list says that the next one is a secret: raw headers, and the
/// words of a command line. `["password", "email"]` is a list of names.
fn announces_secret(value: &Json, next: Option<&Json>) -> bool {
    let (Some(name), Some(next)) = (value.as_str(), next.and_then(Json::as_str)) else {
        return false;
    };
    command_line::takes_secret(name, next)
        || secret_name::is_header(name) && next.bytes().any(|byte| !byte.is_ascii_lowercase())
}
