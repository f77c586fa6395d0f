//! Expansion of a message for analysis: JSON in strings and in base64, values with their types, and
//! lists of names and values become plain objects. Forms become objects too.
//!
//! Never: changes the content that is kept.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::unwrap::json_in_base64;

/// Limits on the depth that is searched, on strings in strings, and on the text that is parsed.
const DEPTH_MAX: usize = 12;
const LAYERS_MAX: usize = 4;
const PARSED_MAX: usize = 512 * 1024;
/// Limit on a list of names and values, and on the keys of a value with its type.
const PAIRS_MAX: usize = 64;
const TYPED_KEYS_MAX: usize = 6;
/// Limits on the fields and the text of a form.
const FIELDS_MAX: usize = 256;
const FORM_MAX: usize = 64 * 1024;

/// Returns the value with everything expanded; none if nothing in it can be.
pub(super) fn expanded(value: &Value) -> Option<Value> {
    is_expandable(value, 0).then(|| {
        let mut value = value.clone();
        expand(&mut value, 0, 0, &mut PARSED_MAX.clone());
        value
    })
}

fn is_expandable(value: &Value, depth: usize) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    match value {
        Value::String(text) => may_be_json(text),
        Value::Array(items) => {
            items.iter().any(|item| is_expandable(item, depth + 1)) || are_pairs(items)
        }
        Value::Object(object) => {
            object.values().any(|value| is_expandable(value, depth + 1))
                || typed_value(object).is_some()
        }
        _ => false,
    }
}

/// Returns whether a string may hold JSON: an object or a list, as it is or in base64.
fn may_be_json(text: &str) -> bool {
    // `{"`, `[{`, `["`, `[[` and the magic of gzip, in base64.
    const ENCODED: [&str; 8] = ["eyJ", "eyI", "ewo", "W3s", "Wyc", "WyI", "W1s", "H4sI"];
    match text.trim_start().as_bytes().first() {
        Some(b'{' | b'[') => text.trim_end().ends_with(['}', ']']),
        Some(b'e' | b'W' | b'H') => {
            text.len() >= 16 && (ENCODED.iter().any(|start| text.starts_with(start)))
        }
        _ => false,
    }
}

fn expand(value: &mut Value, depth: usize, layers: usize, budget: &mut usize) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::String(text) => {
            // Compressed text counts for what it may become.
            let cost = if text.starts_with("H4sI") { PARSED_MAX / 4 } else { text.len() };
            if layers < LAYERS_MAX && may_be_json(text) && cost <= *budget {
                *budget -= cost;
                if let Some(inner) = json_in(text) {
                    *value = inner;
                    expand(value, depth, layers + 1, budget);
                }
            }
        }
        Value::Array(items) => {
            if are_pairs(items) {
                *value = items.iter_mut().filter_map(pair).collect::<Map<_, _>>().into();
                return expand(value, depth, layers, budget);
            }
            items.iter_mut().for_each(|item| expand(item, depth + 1, layers, budget));
        }
        Value::Object(object) => {
            if let Some(inner) = typed_value(object).cloned() {
                *value = inner;
                return expand(value, depth, layers, budget);
            }
            object.values_mut().for_each(|value| expand(value, depth + 1, layers, budget));
        }
        _ => {}
    }
}

fn json_in(text: &str) -> Option<Value> {
    let inner = match text.trim_start().starts_with(['{', '[']) {
        true => serde_json::from_str(text).ok()?,
        false => json_in_base64(text)?,
    };
    Some(inner).filter(|value: &Value| value.is_object() || value.is_array())
}

/// Returns the value in `{"Type": "String", "Value": "…"}` of SNS, in `{"dataType": "String",
/// "stringValue": "…"}` of Lambda's SQS records, or in `{"NULL": true}` of DynamoDB.
fn typed_value(object: &Map<String, Value>) -> Option<&Value> {
    if object.len() == 1 {
        return object.get("NULL").filter(|value| value.is_boolean()).map(|_| &Value::Null);
    }
    if object.len() > TYPED_KEYS_MAX {
        return None;
    }
    let key = |names: [&str; 4]| names.into_iter().find_map(|name| object.get(name));
    let kind = key(["Type", "DataType", "dataType", "type"])?.as_str()?;
    let is_text = kind.starts_with("String") || kind.starts_with("Number") || kind == "string";
    key(["Value", "StringValue", "stringValue", "value"])
        .filter(|value| is_text && value.is_string())
}

/// Returns whether the items are pairs of a name and a value, as headers often are.
fn are_pairs(items: &[Value]) -> bool {
    let is_pair = |item: &Value| {
        let name = item.get("key").or_else(|| item.get("name")).or_else(|| item.get("Name"));
        let value = item.get("value").or_else(|| item.get("Value"));
        item.as_object().is_some_and(|object| object.len() == 2)
            && name.is_some_and(Value::is_string)
            && value.is_some_and(Value::is_string)
    };
    (1..=PAIRS_MAX).contains(&items.len()) && items.iter().all(is_pair)
}

fn pair(item: &mut Value) -> Option<(String, Value)> {
    let object = item.as_object_mut()?;
    let name = ["key", "name", "Name"].into_iter().find_map(|name| object.remove(name))?;
    let value = ["value", "Value"].into_iter().find_map(|name| object.remove(name))?;
    Some((name.as_str()?.to_owned(), value))
}

/// Returns the fields of a form: `token=…&user_name=…`.
pub(super) fn form(text: &str) -> Option<Value> {
    let text = text.trim();
    let is_plain = |b: u8| b.is_ascii_graphic() && !b"<>\"{}\\^`".contains(&b);
    if text.len() > FORM_MAX || !text.contains('=') || !text.bytes().all(is_plain) {
        return None;
    }
    let mut fields = Map::new();
    for field in text.split('&') {
        let (name, value) = field.split_once('=')?;
        let name = percent_decoded(name);
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.[]$:".contains(c);
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !begins || !name.chars().all(is_name) || fields.len() >= FIELDS_MAX {
            return None;
        }
        fields.insert(name.into_owned(), percent_decoded(value).into());
    }
    // One field is enough if it is JSON, as `payload` of Slack is.
    let is_json = |value: &Value| value.as_str().is_some_and(|text| text.starts_with(['{', '[']));
    (fields.len() > 1 || fields.values().any(is_json)).then_some(Value::Object(fields))
}

/// Decodes `%2F` and `+`; returns the text itself if it is malformed.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        out.push(match byte {
            b'+' => b' ',
            b'%' => match digit().zip(digit()).map(|(high, low)| u8::try_from(high * 16 + low)) {
                Some(Ok(byte)) => byte,
                _ => return Cow::Borrowed(text),
            },
            byte => byte,
        });
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_expanded_wherever_it_stands() {
        let inner = json!({"order": [1]});
        let packed = STANDARD.encode(crate::rules::evidence::tests::gzip(br#"{"order":[1]}"#));
        let rows = [
            ("a string", json!({"x": inner.to_string()}), json!({"x": inner})),
            (
                "a string in a string",
                json!({"x": json!({"y": inner.to_string()}).to_string()}),
                json!({"x": {"y": inner}}),
            ),
            ("base64", json!([STANDARD.encode(inner.to_string())]), json!([inner])),
            ("gzip", json!({"x": packed}), json!({"x": inner})),
            ("SNS", json!({"x": {"Type": "String", "Value": "v"}}), json!({"x": "v"})),
            ("SQS", json!({"x": {"stringValue": "v", "dataType": "String"}}), json!({"x": "v"})),
            ("DynamoDB", json!({"x": {"NULL": true}}), json!({"x": null})),
            ("pairs", json!({"x": [{"key": "k", "value": "v"}]}), json!({"x": {"k": "v"}})),
        ];
        for (what, given, expected) in rows {
            assert_eq!(expanded(&given), Some(expected), "{what}");
        }
        let plain = [json!({"x": "[not JSON"}), json!({"type": "email", "value": "v"}), json!([1])];
        for given in plain {
            assert_eq!(expanded(&given).filter(|value| *value != given), None, "{given}");
        }
    }

    #[test]
    fn form_is_an_object_of_its_fields() {
        let rows = [
            ("a=1&b=x+y%21", Some(json!({"a": "1", "b": "x y!"}))),
            ("payload=%7B%22a%22%3A1%7D", Some(json!({"payload": "{\"a\":1}"}))),
            ("a=1", None),
            ("a=1 b=2", None),
            ("1=2&3=4", None),
            ("https://example.com/?a=1&b=2", None),
            ("a=%zz&b=2", Some(json!({"a": "%zz", "b": "2"}))),
        ];
        for (text, expected) in rows {
            assert_eq!(form(text), expected, "{text}");
        }
    }

    #[test]
    fn expansion_is_bounded() {
        let mut deep = json!("x");
        for _ in 0..20 {
            deep = json!([deep.to_string()]);
        }
        assert!(expanded(&deep).is_some());
        let bomb = format!("[{}1]", "1,".repeat(1_000));
        let bomb = STANDARD.encode(crate::rules::evidence::tests::gzip(bomb.as_bytes()));
        let many: Vec<&str> = std::iter::repeat_n(bomb.as_str(), 40).collect();
        let found = expanded(&json!(many)).unwrap();
        // Each text that is unpacked costs time; their number is the same on every machine.
        let unpacked = found.as_array().unwrap().iter().filter(|item| item.is_array()).count();
        assert_eq!(unpacked, 4);
    }
}
