use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::*;
use crate::event::strict;

/// The fields of the types that no program of this version writes.
const RECORDED: [&str; 1] = ["checks"];

/// Returns a value of a JSON Schema: each differs from all others.
fn example(shape: &Value, with_null: bool, count: &mut u64) -> Value {
    *count += 1;
    if let Some(forms) = shape["anyOf"].as_array() {
        return if with_null { Value::Null } else { example(&forms[0], with_null, count) };
    }
    let time = || Timestamp::from_millis(i64::try_from(*count).unwrap() * 1000);
    match (shape["type"].as_str().unwrap(), shape["format"].as_str()) {
        ("integer", _) => json!(*count),
        ("number", _) => json!(*count as f64 + 0.25),
        ("boolean", _) => json!(true),
        ("string", Some("date-time")) => json!(time()),
        // Each second text cannot be borrowed.
        ("string", _) if count.is_multiple_of(2) => json!(format!("\"text\" {count}\n")),
        ("string", _) => json!(format!("text {count} ação")),
        ("array", _) => {
            (0..2).map(|_| example(&shape["items"], with_null, count)).collect::<Vec<_>>().into()
        }
        ("object", _) => {
            let fields = shape["properties"].as_object().unwrap();
            let fields = fields.iter().filter(|(key, _)| *key != "truncated");
            let fields = fields.map(|(key, shape)| (key.clone(), example(shape, with_null, count)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        other => panic!("{other:?}"),
    }
}

fn line_of(kind: &str, data: &Value) -> Vec<u8> {
    let line = json!({
        "specversion": "1.0", "id": "i", "source": "s", "type": kind, "subject": "orders-dlq",
        "time": "2026-11-17T08:00:00.000Z", "incident": "x", "severitytext": "WARN", "data": data,
    });
    line.to_string().into_bytes()
}

/// Checks that all fields that both have are equal. Adds their names to `found`.
#[track_caller]
fn assert_equal(shown: &Value, given: &Value, at: &str, found: &mut BTreeSet<String>) {
    match (shown, given) {
        (Value::Object(shown), Value::Object(given)) => {
            for (key, value) in shown.iter().filter(|(key, _)| given.contains_key(*key)) {
                let at = format!("{at}.{key}");
                assert_equal(value, &given[key], &at, found);
                found.insert(at);
            }
        }
        (Value::Array(shown), Value::Array(given)) => {
            assert_eq!(shown.len(), given.len(), "{at}");
            for (one, other) in shown.iter().zip(given) {
                assert_equal(one, other, at, found);
            }
        }
        _ => assert_eq!(shown, given, "{at}"),
    }
}

fn names(value: &Value, at: &str, all: &mut BTreeSet<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        all.insert(format!("{at}.{key}"));
        names(value, &format!("{at}.{key}"), all);
    }
}

/// Returns the names of all fields, but for those of lists.
fn all_names() -> BTreeSet<String> {
    let data = ShownData {
        verdict: Some(Box::default()),
        pr: Some(Box::default()),
        issue: Some(Box::default()),
        proof: Some(Box::default()),
        ..ShownData::default()
    };
    let mut all = BTreeSet::new();
    names(&serde_json::to_value(data).unwrap(), "", &mut all);
    all
}

#[test]
fn shown_fields_are_those_of_the_payloads() {
    let mut found = BTreeSet::new();
    for kind in Type::ALL {
        for with_null in [false, true] {
            let data = example(&kind.shape(), with_null, &mut 0);
            let mut line = line_of(kind.as_str(), &data);
            strict(*kind, &line).unwrap();
            line.pop_if(|last| *last == b'\n');
            let shown = ShownEvent::read(&line).unwrap();
            assert_eq!(Line::Event(shown.head.clone()), peek(&line));
            assert_eq!(shown.head.known, Some(*kind));
            let shown = serde_json::to_value(&shown.data).unwrap();
            assert_equal(&shown, &data, "", &mut found);
        }
    }
    let all = all_names();
    let is_recorded =
        |name: &&String| RECORDED.iter().any(|one| name.split('.').nth(1) == Some(one));
    let unused: Vec<&String> = all.difference(&found).filter(|name| !is_recorded(name)).collect();
    assert_eq!(unused, [""; 0], "no payload has the fields");
}

#[test]
fn recorded_types_have_their_fields() {
    let data = json!({
        "pr": {"repo": "o/r", "number": 7, "title": "t", "url": "u", "author": "a", "draft": true,
               "checks": "passing", "review": "approved", "waiting_on": "w", "age_s": 9, "ours": true},
        "issue": {"repo": "o/r", "title": "t", "number": 8},
        "checks": [{"name": "aws", "ok": false}],
        "session": "s", "fingerprint": "f", "archive": "p", "messages": 4, "moved": 3, "returned": 1,
    });
    for kind in RecordedType::ALL {
        let line = line_of(kind.as_str(), &data);
        let shown = ShownEvent::read(&line).unwrap();
        assert_eq!((shown.head.known, shown.recorded), (Type::parse(kind.as_str()), Some(kind)));
        let mut found = BTreeSet::new();
        assert_equal(&serde_json::to_value(&shown.data).unwrap(), &data, "", &mut found);
        assert_eq!(found.len(), 8 + 11 + 1 + 2, "{found:?}");
    }
}

#[test]
fn fields_of_another_form_are_unknown() {
    let odd =
        ["null", "true", "-1", "1.5", "7", "\"text\"", "[[{\"a\":[1]}]]", "{\"a\":{\"b\":1}}"];
    let all = all_names();
    for value in odd {
        let fields = all.iter().filter(|name| name.matches('.').count() == 1);
        let fields: Vec<String> =
            fields.map(|name| format!("\"{}\":{value}", &name[1..])).collect();
        let line = line_of("thing.happened", &json!("DATA"));
        let line = String::from_utf8(line).unwrap();
        let line = line.replace("\"DATA\"", &format!("{{{}}}", fields.join(",")));
        let event = ShownEvent::read(line.as_bytes()).unwrap();
        assert_eq!(event.data.depth, (value == "7").then_some(7), "{value}");
        assert_eq!(event.data.reason.is_some(), value == "\"text\"", "{value}");
        assert_eq!(event.data.cost_usd.is_some(), ["7", "1.5"].contains(&value), "{value}");
        assert_eq!(event.data.until, None);
        // Data of another form is no data.
        let line = line_of("thing.happened", &json!("DATA"));
        let line = String::from_utf8(line).unwrap().replace("\"DATA\"", value);
        assert_eq!(ShownEvent::read(line.as_bytes()).unwrap().data, Box::default());
    }
}

#[test]
fn shown_events_are_those_of_peek() {
    let head = r#""specversion":"1.0","id":"i","source":"s","type":"queue.raised""#;
    let rest = [
        String::new(),
        r#","data":{"depth":1,"depth":2}"#.into(),
        r#","data":{"reason":"\ud800","queue":{"name":1,"name":2}}"#.into(),
        format!(",\"data\":{{\"depth\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000)),
        r#","subject":null"#.into(),
        r#","type":"queue.cleared""#.into(),
        r#","data":{}"#.into(),
        r#","data":{"#.into(),
        "}{".into(),
    ];
    let lines = rest.iter().map(|rest| format!("{{{head}{rest}}}"));
    let more = ["[]", "7", "{}", "", r#"["1.0","queue.raised","i","s"]"#].map(str::to_owned);
    for line in lines.chain(more) {
        let is_event = matches!(peek(line.as_bytes()), Line::Event(_));
        assert_eq!(ShownEvent::read(line.as_bytes()).is_some(), is_event, "{line}");
    }
    assert_eq!(ShownEvent::read(b"{\"a\":\"\xff\"}"), None);
}

#[test]
fn texts_are_borrowed_and_long_lists_are_cut() {
    let causes = vec![json!({"id": "f", "count": 1}); ITEMS_MAX + 5];
    let line = line_of("queue.sampled", &json!({"reason": "plain", "fingerprints": causes}));
    let event = ShownEvent::read(&line).unwrap();
    assert!(matches!(event.data.reason, Some(Cow::Borrowed("plain"))));
    assert!(matches!(event.head.id, Cow::Borrowed(_)));
    assert_eq!(event.data.fingerprints.len(), ITEMS_MAX);
}
