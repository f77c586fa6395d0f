use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::text::{hidden, safe};

mod checks;
mod citations;
mod suspicions;

/// A verdict as a model should write it.
pub(super) fn full() -> Value {
    json!({
        "status": "confirmed",
        "title": "A null customer stops every order",
        "category": "code_error",
        "root_cause": "orders.py reads customer.id without looking whether there is a customer.",
        "confidence": 0.9,
        "evidence": [
            {"id": "m1", "claim": "customer is null"},
            {"id": "src/orders.py:12", "claim": "it is read without a check"},
        ],
        "hypotheses": [{"hypothesis": "throttling", "verdict": "rejected", "why": "no 429"}],
        "fix": {"summary": "Checks for null.", "files": ["src/orders.py"], "tests": ["pytest"]},
        "prevention": null,
        "redrive": "after_fix",
        "next_steps": ["Review the pull request."],
    })
}

/// [`full`] with `key` changed, or gone.
fn with(key: &str, value: Option<Value>) -> Result<ModelVerdict, String> {
    let mut said = full();
    match value {
        Some(value) => said[key] = value,
        None => drop(said.as_object_mut().unwrap().remove(key)),
    }
    parse(&said)
}

#[test]
fn verdict_round_trips() {
    let found = parse(&full()).unwrap();
    assert_eq!(found.notes, Vec::<String>::new());
    assert_eq!(serde_json::to_value(&found).unwrap(), full());
    assert_eq!(serde_json::from_value::<ModelVerdict>(full()).unwrap(), found);
}

#[test]
fn status_outside_the_schema_is_refused() {
    let rows = [
        ("in capitals", json!("CONFIRMED"), "unknown variant `CONFIRMED`"),
        ("in words", json!("Not a bug"), "unknown variant `Not a bug`"),
        ("hidden characters", json!("fixed\u{1b}"), "unknown variant `fixed\\u{1b}`"),
        ("no text", json!(1), "does not match its schema"),
        ("null", json!(null), "does not match its schema"),
    ];
    for (rule, word, why) in rows {
        let refused = with("status", Some(word)).unwrap_err();
        assert!(refused.contains(why) && !refused.chars().any(hidden), "{rule}: {refused}");
    }
    assert!(with("status", None).unwrap_err().contains("missing field `status`"));
    assert!(with("status", Some(json!(" likely "))).is_err());
    for (field, word) in [("evidence", "n/a"), ("confidence", "null"), ("fix", "none")] {
        let refused = with(field, Some(json!(word))).unwrap_err();
        assert!(refused.contains("does not match its schema"), "{field}: {refused}");
    }
    assert_eq!(parse(&json!([])), Err("the verdict is not a JSON object".into()));
    let long = with("status", Some(json!("x".repeat(5000)))).unwrap_err();
    assert!(long.chars().count() < 300, "{long}");
}

#[test]
fn redrive_advice_that_is_unknown_becomes_do_not() {
    let missing = "the redrive advice null is unknown: taken as do_not";
    let odd = r#"the redrive advice "yes\u{202e}" is unknown: taken as do_not"#;
    let rows = [
        ("safe", Some(json!("safe")), RedriveAdvice::Safe, None),
        ("after the fix", Some(json!("after_fix")), RedriveAdvice::AfterFix, None),
        ("another", Some(json!("yes\u{202e}")), RedriveAdvice::DoNot, Some(odd)),
        ("null", Some(json!(null)), RedriveAdvice::DoNot, Some(missing)),
        ("missing", None, RedriveAdvice::DoNot, Some(missing)),
    ];
    for (rule, word, advice, note) in rows {
        let found = with("redrive", word).unwrap();
        assert_eq!(found.redrive, advice, "{rule}");
        assert_eq!(found.notes, note.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{rule}");
    }
}

#[test]
fn confidence_outside_of_0_to_1_is_unknown() {
    let rows = [
        ("a number", json!(0.5), Some(0.5), false),
        ("a whole number", json!(1), Some(1.0), false),
        ("percent", json!(85), None, true),
        ("negative", json!(-1), None, true),
        ("null", json!(null), None, false),
    ];
    for (rule, said, confidence, has_note) in rows {
        let found = with("confidence", Some(said)).unwrap();
        assert_eq!(found.confidence, confidence, "{rule}");
        assert_eq!(!found.notes.is_empty(), has_note, "{rule}: {:?}", found.notes);
    }
}

#[test]
fn members_that_are_missing_are_unknown() {
    let found = parse(&json!({"status": "likely", "notes": ["forged"]})).unwrap();
    assert_eq!(found.title, "A verdict without a title");
    assert_eq!((found.category, found.root_cause, found.prevention), (None, None, None));
    assert_eq!((found.fix, found.confidence), (None, None));
    assert!(
        found.evidence.is_empty() && found.hypotheses.is_empty() && found.next_steps.is_empty()
    );
    assert_eq!(found.notes.len(), 2, "title and redrive: {:?}", found.notes);
    let titled = with("title", None).unwrap();
    assert_eq!(Some(titled.title), titled.root_cause);
    assert_eq!(with("root_cause", Some(json!("N/A"))).unwrap().root_cause, None);
    assert_eq!(with("fix", Some(json!({"summary": "", "files": []}))).unwrap().fix, None);
}

#[test]
fn evidence_ids_are_trimmed_and_split() {
    let claim = |id: &str, claim: &str| Claim { id: id.into(), claim: claim.into() };
    let rows = [
        ("an item", json!([{"id": "m1", "claim": "a"}]), vec![claim("m1", "a")]),
        ("in brackets", json!([{"id": "[`m1`]:", "claim": "a"}]), vec![claim("m1", "a")]),
        ("two", json!([{"id": "m1, f1", "claim": "a"}]), vec![claim("m1", "a"), claim("f1", "a")]),
        (
            "and",
            json!([{"id": "m1 and f1", "claim": "a"}]),
            vec![claim("m1", "a"), claim("f1", "a")],
        ),
        (
            "a slash",
            json!([{"id": "m1/m2", "claim": "a"}]),
            vec![claim("m1", "a"), claim("m2", "a")],
        ),
        ("a path", json!([{"id": "m1/a.py", "claim": "a"}]), vec![claim("m1/a.py", "a")]),
        ("no list", json!([{"id": "/etc, m1", "claim": "a"}]), vec![claim("/etc, m1", "a")]),
        ("no id", json!([{"claim": "a"}]), vec![claim("", "a")]),
        ("no claim", json!([{"id": "src/a.rs:12"}]), vec![claim("src/a.rs:12", "")]),
        (
            "nothing",
            json!([{}, {"id": "null", "claim": " "}, {"id": "[]", "claim": "none"}]),
            vec![],
        ),
    ];
    for (rule, said, claims) in rows {
        assert_eq!(with("evidence", Some(said)).unwrap().evidence, claims, "{rule}");
    }
}

#[test]
fn hypotheses_without_a_text_are_left_out() {
    let said = json!([{"hypothesis": "b", "verdict": "N/A"}, {"verdict": "rejected"}]);
    let found = with("hypotheses", Some(said)).unwrap();
    let hypothesis = Hypothesis { hypothesis: "b".into(), ..Hypothesis::default() };
    assert_eq!(found.hypotheses, [hypothesis]);
}

#[test]
fn long_texts_and_lists_are_cut_with_a_note() {
    let long = "x".repeat(5000);
    let many = |n: usize| Value::from(vec![long.as_str(); n]);
    let rows = [
        ("title", json!(long), "1 text of 'title' cut to 200 characters"),
        ("root_cause", json!(long), "1 text of 'root_cause' cut to 4000 characters"),
        ("next_steps", many(2), "2 texts of 'next_steps' cut to 600 characters"),
        ("next_steps", json!(vec!["x"; 22]), "2 items of 'next_steps' over 20 were left out"),
        (
            "hypotheses",
            json!(vec![json!({"why": "x"}); 13]),
            "1 item of 'hypotheses' over 12 were left out",
        ),
        (
            "evidence",
            json!([{"id": long, "claim": "x"}]),
            "1 text of 'evidence.id' cut to 300 characters",
        ),
        (
            "evidence",
            json!(vec![json!({"id": "m1,m2", "claim": "x"}); 40]),
            "40 items of 'evidence' over 40 were left out",
        ),
        ("fix", json!({"files": many(1)}), "1 text of 'fix.files' cut to 300 characters"),
    ];
    for (key, said, note) in rows {
        let found = with(key, Some(said)).unwrap();
        assert_eq!(found.notes, [note], "{key}");
        let again = parse(&serde_json::to_value(&found).unwrap()).unwrap();
        assert_eq!(again, ModelVerdict { notes: Vec::new(), ..found }, "{key}");
    }
    let title = with("title", Some(json!(long))).unwrap().title;
    assert!(title.chars().count() == 200 && title.ends_with('…'), "{title}");
}

/// Every object of the schema, however deep.
fn objects<'a>(schema: &'a Value, found: &mut Vec<&'a Value>) {
    if schema["type"] == "object" {
        found.push(schema);
    }
    match schema {
        Value::Object(all) => all.values().for_each(|value| objects(value, found)),
        Value::Array(all) => all.iter().for_each(|value| objects(value, found)),
        _ => {}
    }
}

#[test]
fn schema_requires_every_key_and_allows_no_other() {
    let schema = schema();
    let mut all = Vec::new();
    objects(&schema, &mut all);
    assert_eq!(all.len(), 4);
    for object in all {
        assert_eq!(object["additionalProperties"], false);
        let keys: Vec<&String> = object["properties"].as_object().unwrap().keys().collect();
        assert_eq!(object["required"], json!(keys));
        for (key, property) in object["properties"].as_object().unwrap() {
            let kind = property["type"].to_string();
            assert!(
                !kind.contains("string")
                    || property["enum"].is_array()
                    || property["maxLength"].is_u64(),
                "{key}"
            );
            assert!(!kind.contains("array") || property["maxItems"].is_u64(), "{key}");
            assert!(property["description"].is_string(), "{key}");
        }
    }
    let full = full();
    let keys: Vec<&String> = full.as_object().unwrap().keys().collect();
    assert_eq!(schema["required"], json!(keys));
    assert_eq!(schema["properties"]["redrive"]["enum"], json!(["safe", "after_fix", "do_not"]));
}

/// Any JSON, with our own keys among it.
fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![any::<String>(), "[a-z`#<\\[\u{202e}\n:.,/%0-9]{0,20}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
        prop::sample::select(vec!["confirmed", "likely", "not_a_bug", "safe", "m1", "a.rs:1"])
            .prop_map(Value::from),
    ];
    let keys = vec![
        "status",
        "title",
        "category",
        "root_cause",
        "confidence",
        "evidence",
        "hypotheses",
        "fix",
        "prevention",
        "redrive",
        "next_steps",
        "id",
        "claim",
        "hypothesis",
        "verdict",
        "why",
        "summary",
        "files",
        "tests",
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        let key = prop::sample::select(keys.clone()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(key, inner, 0..12)
                .prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

/// Any text, with ids, paths, marks and hidden characters among it.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z`#<\\[\u{202e}\n:.,/%0-9 ]{0,20}",
        "([\\[(`'\" ]{0,2}(m1|f2|src/a.rs:12|none|null)[\\])`'\" :.]{0,3}[,;]?){0,4}",
        (295usize..305).prop_map(|length| "é".repeat(length)),
    ]
}

prop_compose! {
    fn any_verdict()(
        status in prop::sample::select(VerdictStatus::ALL.to_vec()),
        title in any_text(),
        texts in prop::collection::vec(prop::option::of(any_text()), 3),
        confidence in prop::option::of(any::<f64>()),
        claims in prop::collection::vec((any_text(), any_text()), 0..44),
        hypotheses in prop::collection::vec((any_text(), any_text(), any_text()), 0..14),
        fix in prop::option::of((any_text(), prop::collection::vec(any_text(), 0..44))),
        next_steps in prop::collection::vec(any_text(), 0..22),
        redrive in prop::sample::select(vec!["safe", "after_fix", "do_not", "yes"]),
    ) -> ModelVerdict {
        let claim = |(id, claim)| json!({"id": id, "claim": claim});
        let hypothesis = |(hypothesis, verdict, why)| {
            json!({"hypothesis": hypothesis, "verdict": verdict, "why": why})
        };
        let fix_json = |(summary, names)| json!({"summary": summary, "files": names, "tests": names});
        parse(&json!({
            "status": status,
            "title": title,
            "category": texts[0],
            "root_cause": texts[1],
            "prevention": texts[2],
            "confidence": confidence,
            "evidence": claims.into_iter().map(claim).collect::<Vec<_>>(),
            "hypotheses": hypotheses.into_iter().map(hypothesis).collect::<Vec<_>>(),
            "fix": fix.map(fix_json),
            "redrive": redrive,
            "next_steps": next_steps,
        })).unwrap()
    }
}

proptest! {
    #[test]
    fn parse_never_panics(value in any_json()) {
        let _ = parse(&value);
    }

    #[test]
    fn parse_is_safe_and_idempotent(found in any_verdict()) {
        let written = serde_json::to_value(&found).unwrap();
        prop_assert!(!written.to_string().chars().any(hidden), "{}", written);
        prop_assert!(found.notes.iter().all(|note| safe(note) == note.as_str()), "{:?}", found.notes);
        let again = parse(&written).unwrap();
        prop_assert_eq!(again, ModelVerdict { notes: Vec::new(), ..found });
    }
}
