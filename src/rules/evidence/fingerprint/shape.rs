//! The shape of a JSON value: paths of keys with the types of their values.

use std::collections::BTreeSet;

use std::mem::discriminant;

use serde_json::{Map, Value};

use super::mask;

/// Limits on depth, on the number of values, and on the items of a list.
const DEPTH_MAX: usize = 32;
const VALUES_MAX: usize = 10_000;
const ITEMS_MAX: usize = 100;
/// Longest key of a shape; a longer one counts as data.
const KEY_MAX: usize = 64;
/// Fewest values of a map without digits in its keys.
const MAP_MIN: usize = 3;
/// Limit on the keys in a title.
const KEYS_SHOWN: usize = 6;

/// Returns every path of a value with its type once, sorted. A null says nothing: it has no path.
pub(super) fn paths(value: &Value) -> Vec<String> {
    let mut walk = Walk::default();
    walk.visit(value, &mut String::with_capacity(128), 0);
    walk.paths.into_iter().collect()
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
            Value::Null => return,
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
                let is_part = |item: &&Value| item.is_array() || item.is_object();
                for item in items.iter().take(ITEMS_MAX).filter(is_part) {
                    self.visit(item, path, depth + 1);
                }
            }
            Value::Object(object) => {
                let is_map = is_map_by_ids(object);
                for (key, value) in object {
                    path.push('.');
                    path.push_str(if is_map { "*" } else { key_or_wildcard(key) });
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
        || key.get(1..).is_some_and(|rest| rest.contains('@'))
        || mask::is_id(key);
    if is_data { "*" } else { key }
}

/// Returns whether the keys of an object are ids: values of one kind under codes, or several objects
/// with the same keys.
fn is_map_by_ids(object: &Map<String, Value>) -> bool {
    let has_digit = |key: &String| key.bytes().any(|b| b.is_ascii_digit());
    let has_small = |key: &String| key.bytes().any(|b| b.is_ascii_lowercase());
    let mut values = object.values();
    let Some(first) = values.next() else { return false };
    if values.any(|value| discriminant(value) != discriminant(first)) {
        return false;
    }
    let mut keys = object.keys();
    let are_codes = || !object.keys().any(|key| has_small(key) || key.len() < 2);
    match first {
        _ if keys.all(has_digit) => object.len() > 1 || are_codes(),
        // A row of a database has names in capitals as well, and texts.
        Value::Number(_) => object.len() >= MAP_MIN && are_codes(),
        Value::Object(inner) => {
            let is_same =
                |value: &Value| value.as_object().is_some_and(|it| it.keys().eq(inner.keys()));
            object.len() >= MAP_MIN && !inner.is_empty() && object.values().all(is_same)
        }
        _ => false,
    }
}

/// Returns the keys of a value for a title: `with customer, items[], total`.
pub(super) fn outline(value: &Value) -> String {
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
