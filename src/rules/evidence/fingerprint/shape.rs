//! The shape of a JSON value: paths of keys with the types of their values. Values themselves count
//! only for the keys by which consumers distinguish messages.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::mask;

/// Limits on depth, on the number of values, and on the items of a list.
const DEPTH_MAX: usize = 32;
const VALUES_MAX: usize = 10_000;
const ITEMS_MAX: usize = 100;
/// Longest key of a shape; a longer one counts as data.
const KEY_MAX: usize = 64;
/// Limits on the length of a discriminator, and on the keys in a title.
const WORD_MAX: usize = 64;
const KEYS_SHOWN: usize = 6;

/// Keys whose value, if a word, names the type of a message. Two commands can have the same fields
/// and run different code, so this word is part of the shape.
const DISCRIMINATORS: [&str; 16] = [
    "source",
    "detail-type",
    "eventSource",
    "eventName",
    "eventType",
    "event_type",
    "event-type",
    "event",
    "Event",
    "type",
    "@type",
    "messageType",
    "message_type",
    "action",
    "command",
    "kind",
];

pub(super) struct JsonShape {
    /// Every path with its type once, sorted.
    pub canonical: String,
    pub paths: u64,
    /// Discriminators by key.
    pub words: Vec<(&'static str, String)>,
    /// `with customer, items[], total`.
    pub outline: String,
}

pub(super) fn json_shape(value: &Value) -> JsonShape {
    let mut walk = Walk::default();
    walk.visit(value, &mut String::with_capacity(128), 0);
    let canonical = walk.paths.iter().flat_map(|path| [path, "\n"]).collect();
    let objects = ["", "/Records/0", "/detail"].into_iter();
    let objects = objects.filter_map(|path| value.pointer(path)?.as_object());
    let words = objects.flat_map(discriminators).collect();
    JsonShape { canonical, paths: walk.paths.len() as u64, words, outline: outline(value) }
}

/// Paths with their types, and the number of values visited.
#[derive(Default)]
struct Walk {
    paths: BTreeSet<String>,
    values: usize,
}

impl Walk {
    fn visit(&mut self, value: &Value, path: &mut String, depth: usize) {
        self.values += 1;
        if self.values > VALUES_MAX {
            return;
        }
        let len = path.len();
        path.push_str(match value {
            Value::Null => ":null",
            Value::Bool(_) => ":bool",
            Value::Number(_) => ":number",
            Value::String(_) => ":string",
            Value::Array(_) => ":array",
            Value::Object(_) => ":object",
        });
        if !self.paths.contains(path) {
            self.paths.insert(path.clone());
        }
        path.truncate(len);
        if depth >= DEPTH_MAX {
            return;
        }
        match value {
            Value::Array(items) => {
                path.push_str("[]");
                // A list of scalars has the same shape as an empty one.
                let is_part = |item: &&Value| item.is_array() || item.is_object() || item.is_null();
                for item in items.iter().take(ITEMS_MAX).filter(is_part) {
                    self.visit(item, path, depth + 1);
                }
            }
            Value::Object(object) => {
                for (key, value) in object {
                    path.push('.');
                    path.push_str(key_or_wildcard(key));
                    self.visit(value, path, depth + 1);
                    path.truncate(len);
                }
            }
            _ => {}
        }
        path.truncate(len);
    }
}

/// Returns the key, or `*` for a key that is data: an id, a date, an address.
fn key_or_wildcard(key: &str) -> &str {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    let is_data = key.len() > KEY_MAX
        || (digits >= 3 && key.len() >= 8)
        || (digits > 0 && digits * 2 >= key.len())
        || key.contains('@')
        || mask::is_id(key);
    if is_data { "*" } else { key }
}

/// Returns the discriminators of an object by their keys.
fn discriminators(object: &Map<String, Value>) -> impl Iterator<Item = (&'static str, String)> {
    DISCRIMINATORS.into_iter().filter_map(|key| {
        let word = object.get(key)?.as_str()?;
        // Consumers treat `ObjectCreated:Put` and `ObjectCreated:CompleteMultipartUpload` alike.
        let word = if key == "eventName" { word.split(':').next()? } else { word };
        is_program_word(word).then(|| (key, word.to_owned()))
    })
}

/// Returns whether a value is an identifier of a program rather than text of a person: letters and
/// separators, with one digit at most, for a version.
fn is_program_word(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    (2..=WORD_MAX).contains(&word.len())
        && !mask::is_id(word)
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:/ ".contains(&b))
        && digits <= 1
        && word.bytes().filter(|b| *b == b' ').count() <= 6
}

fn outline(value: &Value) -> String {
    let (object, list) = match value {
        Value::Object(object) => (object, ""),
        Value::Array(items) => match items.first() {
            Some(Value::Object(object)) => (object, "a list "),
            Some(_) => return "a list".into(),
            None => return "an empty list".into(),
        },
        _ => return String::new(),
    };
    let inner = object.get("detail").and_then(Value::as_object).unwrap_or(object);
    if inner.is_empty() {
        return format!("{list}without keys");
    }
    let mut keys: Vec<(&String, &Value)> = inner.iter().collect();
    keys.sort_unstable_by_key(|(key, _)| *key);
    let mut shown: Vec<String> =
        keys.iter().take(KEYS_SHOWN).map(|(key, value)| outline_key(key, value)).collect();
    if keys.len() > KEYS_SHOWN {
        shown.push(format!("{} more", keys.len() - KEYS_SHOWN));
    }
    format!("{list}with {}", shown.join(", "))
}

fn outline_key(key: &str, value: &Value) -> String {
    let name = key_or_wildcard(key);
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-$@:".contains(&b));
    let name = if plain && name.len() <= 32 { name } else { "*" };
    if value.is_array() { format!("{name}[]") } else { name.to_owned() }
}
