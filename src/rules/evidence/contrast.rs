//! Differences between dead letters and handled messages of the same kind, as logs show them.
//!
//! A handled message is a JSON object on a line of a log that names no error and no dead letter, with
//! most of the members that the dead letters have. Promises: a difference is stated with its counts,
//! and only where all dead letters agree and at least [`HANDLED_MIN`] handled messages contradict.

use std::collections::BTreeMap;

use serde_json::Value;

use super::logs::line;
use crate::text::shorten;

/// Fewest handled messages of which a difference is stated.
pub const HANDLED_MIN: usize = 3;
/// Most handled messages that are compared.
const HANDLED_MAX: usize = 500;
/// Most differences, and characters of a value.
const DIFFERENCES: usize = 10;
const VALUE: usize = 60;

/// Members of an object by path, each with its value as text: `customer.id`.
type Members = BTreeMap<String, String>;

/// Returns sentences about the members that all `dead` bodies have alike, and no handled message of
/// the `logs` has so.
pub fn differences(dead: &[Value], logs: &[String], dead_ids: &[String]) -> Vec<String> {
    let dead: Vec<Members> = dead.iter().filter(|body| body.is_object()).map(members).collect();
    let Some(first) = dead.first() else { return Vec::new() };
    let is_same_kind = |found: &Members| {
        let shared = first.keys().filter(|path| found.contains_key(*path)).count();
        shared * 2 > first.len()
    };
    let lines = logs.iter().flat_map(|log| log.lines());
    let fine = lines.filter(|text| {
        line::error_of(text).is_none() && !dead_ids.iter().any(|id| text.contains(id.as_str()))
    });
    let handled: Vec<Members> = fine
        .filter_map(object)
        .map(|value| members(&value))
        .filter(is_same_kind)
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
        let said = |value: Option<&String>| match value {
            None => "absent".to_owned(),
            Some(value) => shorten(value, VALUE).into_owned(),
        };
        (alike && contradicted).then(|| {
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

/// Returns the first JSON object on a line.
fn object(text: &str) -> Option<Value> {
    let from = text.find('{')?;
    let mut values = serde_json::Deserializer::from_str(&text[from..]).into_iter::<Value>();
    values.next()?.ok().filter(Value::is_object)
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
        let line = |id: u64, v: u64| {
            format!(
                "INFO handled {}\n",
                json!({"id": id, "customer": {"id": 7}, "region": "eu", "v": v})
            )
        };
        let handled: String = (10..14).map(|id| line(id, 1)).collect();
        let noise =
            "ERROR KeyError {\"id\": 3, \"region\": \"eu\", \"v\": 2}\nnothing\n{}\n{\"a\": 1}\n";
        let found = differences(&dead, &[noise.to_owned() + &handled], &[]);
        assert_eq!(
            found,
            [
                "customer: null in all 2 dead letters, and in none of 4 handled messages, such as absent",
                "customer.id: absent in all 2 dead letters, and in none of 4 handled messages, such as 7",
                "v: 2 in all 2 dead letters, and in none of 4 handled messages, such as 1",
            ]
        );
        let rows = [
            ("few handled", line(10, 1) + &line(11, 1), vec![]),
            ("of dead letters", handled.replace("handled", "handled m-1"), vec!["m-1".to_owned()]),
            ("no log", String::new(), vec![]),
        ];
        for (rule, log, ids) in rows {
            assert_eq!(differences(&dead, &[log], &ids), [""; 0], "{rule}");
        }
        assert_eq!(differences(&[json!("text")], &[handled], &[]), [""; 0]);
    }
}
