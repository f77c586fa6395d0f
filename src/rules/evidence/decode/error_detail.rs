//! Details deep in the description of an error: the reason of a failed job, the place that a
//! validator names.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::key::{KEY_MAX, normalized_key};

/// Limits on the search in the description of a failed job.
const REASON_VALUES_MAX: usize = 200;
const REASON_DEPTH_MAX: usize = 5;
/// Limit on the parts of the place of an error.
const LOCATION_PARTS_MAX: usize = 12;

/// Returns the reason deep in the description of a failed job: that of a container says more than
/// that of its task. What the job was given is not searched.
pub(super) fn inner_reason(object: &Map<String, Value>) -> Option<(&str, &str)> {
    const GIVEN: [&str; 6] = ["input", "param", "environment", "payload", "request", "overrides"];
    let mut waiting: VecDeque<(&Value, usize)> = VecDeque::new();
    let mut seen = 0;
    let mut object = Some(object);
    let mut depth = 0;
    loop {
        for (key, value) in object.into_iter().flatten() {
            let mut buffer = [0; KEY_MAX];
            let name = normalized_key(key, &mut buffer);
            if depth > 0
                && (name == "reason" || name == "errormessage")
                && let Some(text) = value.as_str().filter(|text| !text.is_empty())
            {
                return Some((key, text));
            }
            if (value.is_object() || value.is_array())
                && !GIVEN.iter().any(|given| name.contains(given))
            {
                waiting.push_back((value, depth + 1));
            }
        }
        let (value, at) = waiting.pop_front()?;
        seen += 1;
        if seen > REASON_VALUES_MAX {
            return None;
        }
        let items = value
            .as_array()
            .into_iter()
            .flatten()
            .filter(|item| item.is_object() || item.is_array());
        if at < REASON_DEPTH_MAX {
            waiting.extend(items.take(REASON_VALUES_MAX).map(|item| (item, at + 1)));
        }
        (object, depth) = (value.as_object(), at);
    }
}

/// Returns the place where a validator found an error, as a path without numbers.
pub(super) fn location_text(value: &Value) -> Option<String> {
    let joined = match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let parts = parts.iter().take(LOCATION_PARTS_MAX).filter_map(Value::as_str);
            parts.collect::<Vec<_>>().join(".")
        }
        _ => return None,
    };
    let is_path = |b: u8| b.is_ascii_alphanumeric() || b"._-/[]$".contains(&b);
    let is_plain = !joined.is_empty() && joined.len() <= 120 && joined.bytes().all(is_path);
    is_plain.then(|| joined.replace(|c: char| c.is_ascii_digit(), "#"))
}
