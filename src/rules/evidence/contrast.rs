//! Differences between dead letters and handled messages of the same kind, as logs show them.
//!
//! A handled message is a JSON object on a line of a log that reports no error and names no dead letter,
//! with most of the members that the dead letters have: the object of the line, or one within it, such as
//! a body among `Records`. Promises: a difference is stated with its counts, and only where all dead
//! letters agree and at least [`HANDLED_MIN`] handled messages contradict. Of a single dead letter,
//! members that differ from message to message, such as ids, are left out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::python_literal;
use crate::text::shorten;

/// Fewest handled messages of which a difference is stated.
pub const HANDLED_MIN: usize = 3;
/// Most handled messages that are compared.
const HANDLED_MAX: usize = 500;
/// Most differences, and characters of a value.
const DIFFERENCES: usize = 10;
const VALUE: usize = 60;
/// Deepest object of a line, and most values of it, that are looked at.
const DEPTH_MAX: usize = 6;
const VALUES_MAX: usize = 500;

/// Members of an object by path, each with its value as text: `customer.id`.
type Members = BTreeMap<String, String>;

/// Returns sentences about the members that all `dead` bodies have alike, and no handled message has so.
/// `lines` are those of logs that report no error.
pub fn differences(dead: &[Value], lines: &[&str], dead_ids: &[String]) -> Vec<String> {
    let dead: Vec<Members> = dead.iter().filter(|body| body.is_object()).map(members).collect();
    let Some(first) = dead.first() else { return Vec::new() };
    let is_same_kind = |found: &Members| {
        let shared = first.keys().filter(|path| found.contains_key(*path)).count();
        shared * 2 > first.len()
    };
    // A receive of a dead letter can be logged without its id.
    let is_dead = |found: &Members| {
        let agrees = |one: &Members| {
            one.iter().all(|(path, value)| found.get(path).is_none_or(|found| found == value))
        };
        dead.iter().any(agrees)
    };
    let own = lines.iter().filter(|text| !dead_ids.iter().any(|id| text.contains(id.as_str())));
    let handled: Vec<Members> = own
        .flat_map(|text| messages(text, &is_same_kind))
        .filter(|found| !is_dead(found))
        .take(HANDLED_MAX)
        .collect();
    if handled.len() < HANDLED_MIN {
        return Vec::new();
    }
    let mut paths: Vec<&String> = dead.iter().chain(&handled).flat_map(Members::keys).collect();
    paths.sort_unstable();
    paths.dedup();
    let (n, m) = (dead.len(), handled.len());
    let sentence = |path: &String| {
        let value = dead[0].get(path);
        let alike = dead.iter().all(|one| one.get(path) == value);
        let contradicted = handled.iter().all(|one| one.get(path) != value);
        let others: BTreeSet<_> = handled.iter().map(|one| one.get(path)).collect();
        let is_random = n == 1 && others.len() * 2 > m;
        let said = |value: Option<&String>| match value {
            None => "absent".to_owned(),
            Some(value) => shorten(value, VALUE).into_owned(),
        };
        (alike && contradicted && !is_random).then(|| {
            let other = said(handled[0].get(path));
            format!(
                "{path}: {} in all {n} dead letters, and in none of {m} handled messages, such as \
                 {other}",
                said(value)
            )
        })
    };
    paths.into_iter().filter_map(sentence).take(DIFFERENCES).collect()
}

/// Returns the objects of one kind on a line: the outermost ones.
fn messages(text: &str, is_same_kind: &dyn Fn(&Members) -> bool) -> Vec<Members> {
    let Some(value) = text.find('{').and_then(|from| json_at(&text[from..])) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut rest = VALUES_MAX;
    search(&value, 0, &mut rest, is_same_kind, &mut found);
    found
}

/// Returns the value at the begin of a text, in JSON or as Python prints it.
fn json_at(text: &str) -> Option<Value> {
    let json = serde_json::Deserializer::from_str(text).into_iter::<Value>().next()?.ok();
    json.or_else(|| python_literal::json_value(text))
}

/// Adds the objects of one kind in a value, also those in its strings of JSON.
fn search(
    value: &Value,
    depth: usize,
    rest: &mut usize,
    is_same_kind: &dyn Fn(&Members) -> bool,
    found: &mut Vec<Members>,
) {
    if depth > DEPTH_MAX || *rest == 0 {
        return;
    }
    *rest -= 1;
    let mut each = |inner: &Value| search(inner, depth + 1, rest, is_same_kind, found);
    match value {
        Value::Object(inner) => {
            let own = members(value);
            if is_same_kind(&own) {
                found.push(own);
            } else {
                inner.values().for_each(each);
            }
        }
        Value::Array(all) => all.iter().for_each(each),
        Value::String(text) if text.starts_with(['{', '[']) => {
            if let Some(inner) = json_at(text) {
                each(&inner);
            }
        }
        _ => {}
    }
}

fn members(value: &Value) -> Members {
    let mut found = Members::new();
    collect("", value, &mut found);
    found
}

fn collect(path: &str, value: &Value, found: &mut Members) {
    match value {
        Value::Object(all) => {
            for (key, value) in all {
                let dot = if path.is_empty() { "" } else { "." };
                collect(&format!("{path}{dot}{key}"), value, found);
            }
        }
        value => drop(found.insert(path.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn difference_is_what_no_handled_message_shares() {
        let dead = [
            json!({"id": 1, "customer": null, "region": "eu", "v": 2}),
            json!({"id": 2, "customer": null, "region": "eu", "v": 2}),
        ];
        let body =
            |id: u64, v: u64| json!({"id": id, "customer": {"id": 7}, "region": "eu", "v": v});
        let plain: Vec<String> = (10..14).map(|id| format!("handled {}", body(id, 1))).collect();
        let records = |ids: std::ops::Range<u64>| {
            let all =
                ids.map(|id| json!({"messageId": id.to_string(), "body": body(id, 1).to_string()}));
            format!("event {}", json!({"Records": all.collect::<Vec<_>>()}))
        };
        let nested = (10..14).map(|id| json!({"level": "info", "message": {"order": body(id, 1)}}));
        let python = (10..14).map(|id| {
            format!("[INFO] {{'id': {id}, 'customer': {{'id': 7}}, 'region': 'eu', 'v': 1}}")
        });
        let noise = ["nothing", "{}", "{\"a\": 1}", "{broken"];
        // Of the dead letters themselves, without their ids.
        let again: Vec<String> = dead.iter().map(|body| format!("received {body}")).collect();
        let logs = [
            ("plain", plain.clone()),
            ("records", vec![records(10..12), records(12..14)]),
            ("as Python prints it", python.collect()),
            ("nested", nested.map(|line| line.to_string()).collect()),
            ("of dead letters", [again, plain.clone()].concat()),
        ];
        for (row, log) in logs {
            let lines: Vec<&str> =
                noise.into_iter().chain(log.iter().map(String::as_str)).collect();
            assert_eq!(
                differences(&dead, &lines, &[]),
                [
                    "customer: null in all 2 dead letters, and in none of 4 handled messages, such as absent",
                    "customer.id: absent in all 2 dead letters, and in none of 4 handled messages, such as 7",
                    "v: 2 in all 2 dead letters, and in none of 4 handled messages, such as 1",
                ],
                "{row}"
            );
        }
        let lines = |log: &[String]| log.to_vec();
        let named = plain.iter().map(|line| line.replace("handled", "handled m-1"));
        let mut mixed = lines(&plain);
        mixed.push(format!("handled {}", body(20, 2)));
        let rows = [
            ("few handled", lines(&plain[..2]), vec![], 0),
            ("of dead letters", named.collect(), vec!["m-1".to_owned()], 0),
            ("one has the member, too", mixed, vec![], 2),
            ("no log", Vec::new(), vec![], 0),
        ];
        for (row, log, ids, expected) in rows {
            let lines: Vec<&str> = log.iter().map(String::as_str).collect();
            let found = differences(&dead, &lines, &ids);
            assert_eq!(found.len(), expected, "{row}: {found:?}");
        }
        let lines: Vec<&str> = plain.iter().map(String::as_str).collect();
        assert_eq!(differences(&[json!("text")], &lines, &[]), [""; 0]);
        // Every id differs from that of one dead letter, and says nothing.
        let found = differences(&dead[..1], &lines, &[]);
        assert!(found.len() == 3 && !found.iter().any(|line| line.starts_with("id:")), "{found:?}");
    }
}
