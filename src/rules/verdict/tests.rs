use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::{Finding, Queue};
use crate::rules::evidence::bundle::{
    Fingerprints, Group, Log, Logs, Moment, QueueFacts, Timeline,
};
use crate::text::{hidden, safe};
use crate::time::Timestamp;

mod checks;

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
fn a_full_verdict_is_read_as_it_is_and_read_again() {
    let found = parse(&full()).unwrap();
    assert_eq!(found.notes, Vec::<String>::new());
    assert_eq!(serde_json::to_value(&found).unwrap(), full());
    assert_eq!(serde_json::from_value::<ModelVerdict>(full()).unwrap(), found);
}

#[test]
fn status_is_strict() {
    let rows = [
        ("as it is", json!("likely"), Ok(VerdictStatus::Likely)),
        ("in capitals", json!(" CONFIRMED "), Ok(VerdictStatus::Confirmed)),
        ("in words", json!("Not a bug"), Ok(VerdictStatus::NotABug)),
        ("another", json!("fixed\u{1b}"), Err("the verdict has the unknown status 'fixed\\u{1b}'")),
        ("no text", json!(1), Err("the verdict has the unknown status '1'")),
        ("null", json!(null), Err("the verdict has no status")),
    ];
    for (rule, word, status) in rows {
        let read = with("status", Some(word)).map(|found| found.status);
        assert_eq!(read, status.map_err(str::to_owned), "{rule}");
    }
    assert_eq!(with("status", None), Err("the verdict has no status".into()));
    assert_eq!(parse(&json!([])), Err("the verdict is no JSON object".into()));
}

#[test]
fn redrive_is_careful() {
    let missing = "the verdict does not say whether a redrive is safe: taken as do_not";
    let odd = "the verdict has the unknown redrive advice 'yes': taken as do_not";
    let rows = [
        ("safe", Some(json!("safe")), RedriveAdvice::Safe, None),
        ("in words", Some(json!("After fix")), RedriveAdvice::AfterFix, None),
        ("another", Some(json!("yes")), RedriveAdvice::DoNot, Some(odd)),
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
fn confidence_is_read_as_models_write_it() {
    let rows = [
        ("a number", json!(0.5), Some(0.5), false),
        ("a text", json!("0.85"), Some(0.85), false),
        ("a percentage", json!("85 %"), Some(0.85), false),
        ("percent", json!(85), Some(0.85), true),
        ("a word", json!("high"), None, true),
        ("negative", json!(-1), None, true),
        ("too much", json!("1e9"), None, true),
        ("no number", json!("NaN"), None, true),
        ("null", json!(null), None, false),
    ];
    for (rule, said, sure, is_told) in rows {
        let found = with("confidence", Some(said)).unwrap();
        assert_eq!(found.confidence, sure, "{rule}");
        assert_eq!(!found.notes.is_empty(), is_told, "{rule}: {:?}", found.notes);
    }
}

#[test]
fn what_is_missing_is_unknown_and_no_failure() {
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
fn evidence_is_read_as_models_write_it() {
    let claim = |id: &str, claim: &str| Claim { id: id.into(), claim: claim.into() };
    let rows = [
        ("an item", json!([{"id": "m1", "claim": "a"}]), vec![claim("m1", "a")]),
        ("alone", json!({"id": "m1", "claim": "a"}), vec![claim("m1", "a")]),
        ("in brackets", json!([{"id": "[`m1`]", "claim": "a"}]), vec![claim("m1", "a")]),
        ("two", json!([{"id": "m1, f1", "claim": "a"}]), vec![claim("m1", "a"), claim("f1", "a")]),
        ("a text", json!(["m1: it is null"]), vec![claim("m1", "it is null")]),
        ("a place", json!(["src/a.rs:12"]), vec![claim("src/a.rs:12", "")]),
        ("a sentence", json!(["It is null"]), vec![claim("", "It is null")]),
        ("a list in a list", json!([["null"], [[null]]]), vec![]),
        ("cites nothing", json!(["/etc is bad"]), vec![claim("", "/etc is bad")]),
        ("no id", json!([{"claim": "a"}]), vec![claim("", "a")]),
        ("nothing", json!([{}, null, ""]), vec![]),
    ];
    for (rule, said, claims) in rows {
        assert_eq!(with("evidence", Some(said)).unwrap().evidence, claims, "{rule}");
    }
}

#[test]
fn hypotheses_and_a_fix_may_be_texts() {
    let found = with("hypotheses", Some(json!(["a", {"hypothesis": "b", "why": 1}]))).unwrap();
    let part = |h: &Hypothesis| [h.hypothesis.clone(), h.verdict.clone(), h.why.clone()];
    let parts: Vec<_> = found.hypotheses.iter().map(part).collect();
    assert_eq!(parts, [["a", "", ""], ["b", "", "1"]]);
    let fix = with("fix", Some(json!("a check"))).unwrap().fix.unwrap();
    assert_eq!((fix.summary.as_str(), fix.files.len()), ("a check", 0));
}

#[test]
fn what_is_too_long_is_cut_and_said() {
    let long = "x".repeat(5000);
    let many = |n: usize| Value::from(vec![long.as_str(); n]);
    let rows = [
        ("title", json!(long), "1 text of 'title' cut to 200 characters"),
        ("root_cause", json!(long), "1 text of 'root_cause' cut to 4000 characters"),
        ("next_steps", many(2), "2 texts of 'next_steps' cut to 600 characters"),
        ("next_steps", json!(vec!["x"; 22]), "2 items of 'next_steps' over 20 were left out"),
        ("hypotheses", json!(vec!["x"; 13]), "1 item of 'hypotheses' over 12 were left out"),
        (
            "evidence",
            json!([{"id": long, "claim": "x"}]),
            "1 text of 'evidence' cut to 300 characters",
        ),
        (
            "evidence",
            json!(vec![json!({"id": "m1,m2", "claim": "x"}); 40]),
            "40 citations over 40 were left out",
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

#[test]
fn what_can_be_cited() {
    let item = |text: &str| Some(Citation::Item(text.into()));
    let place = |path: &str, line, to| Some(Citation::File { path: path.into(), line, to });
    let file = |path: &str, line| place(path, line, None);
    let commit = |text: &str| Some(Citation::Commit(text.into()));
    let rows = [
        ("m1", item("m1")),
        ("f12", item("f12")),
        ("t3", item("t3")),
        ("q.retention_s", item("q.retention_s")),
        ("lint.chained", item("lint.chained")),
        ("log:1", item("log:1")),
        ("m0", file("m0", None)),
        ("m1.body", file("m1.body", None)),
        ("f123456", commit("f123456")),
        ("4F2A91C", commit("4f2a91c")),
        ("commit 4f2a91c", commit("4f2a91c")),
        ("4f2a91", file("4f2a91", None)),
        ("src/a.rs", file("src/a.rs", None)),
        ("src/a.rs:12", file("src/a.rs", Some(12))),
        ("./src/a.rs:12-20", place("src/a.rs", Some(12), Some(20))),
        ("src/a.rs:12:5", file("src/a.rs", Some(12))),
        ("src/a.rs#L12-L20", place("src/a.rs", Some(12), Some(20))),
        ("src/a.rs:20,12", place("src/a.rs", Some(12), Some(20))),
        ("src/a.rs:12-12", file("src/a.rs", Some(12))),
        ("src/a.rs:12-x", None),
        ("src/my file.rs:3", file("src/my file.rs", Some(3))),
        ("Makefile", file("Makefile", None)),
        ("src/a.rs:0", None),
        ("src/a.rs:999999999999999999999", None),
        ("/etc/passwd", None),
        ("/etc/passwd:1", None),
        ("../a", None),
        ("src/../../a:1", None),
        ("src/..", None),
        ("src//a", None),
        ("src/./a", None),
        (".git/config", None),
        ("a/.GIT/config", None),
        ("-rf", None),
        (":/a", None),
        (":(top)a", None),
        ("~/a", None),
        ("C:/a", None),
        ("src\\a", None),
        ("https://x.y/z", None),
        ("a\u{202e}b", None),
        ("a\0b", None),
        ("", None),
        (":1", None),
    ];
    for (text, cited) in rows {
        assert_eq!(Citation::parse(text), cited, "{text:?}");
        if let Some(cited) = cited {
            assert_eq!(Citation::parse(&cited.to_string()), Some(cited), "{text:?}, written again");
        }
    }
}

#[test]
fn a_bundle_offers_its_items() {
    let finding = Finding { rule: "chained".into(), level: "error".into(), detail: "d".into() };
    let facts = QueueFacts {
        queue: Queue::default(),
        depth: Some(0),
        lint: vec![finding],
        ..QueueFacts::default()
    };
    let group = Group { item: "f1".into(), ..Group::default() };
    let moment = Moment {
        id: "t1".into(),
        at: Timestamp::from_millis(0),
        what: "w".into(),
        items: Vec::new(),
    };
    let all = citable_ids(
        &facts,
        &Fingerprints { fingerprints: vec![group] },
        &Timeline { timeline: vec![moment] },
        &Logs { logs: vec![Log { id: "log:1".into(), ..Log::default() }] },
        ["m1", "m2"].into_iter(),
    );
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let offered = ["f1", "lint.chained", "log:1", "m1", "m2", "q.depth", "q.lint", "q.queue", "t1"];
    assert_eq!(all, offered, "and nothing that is null");
    assert!(all.iter().all(|id| matches!(Citation::parse(id), Some(Citation::Item(_)))));
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
fn the_schema_asks_for_everything_and_nothing_else() {
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

fn any_verdict() -> impl Strategy<Value = ModelVerdict> {
    let status = prop::sample::select(VerdictStatus::ALL.to_vec());
    (status, any_json(), any_json(), any::<String>()).prop_map(|(status, a, b, title)| {
        let mut said = json!({"title": title});
        let keys = ["root_cause", "evidence", "hypotheses", "fix", "next_steps", "category"];
        for (n, key) in keys.into_iter().enumerate() {
            said[key] = if n % 2 == 0 { a.clone() } else { b.clone() };
        }
        if let Value::Object(more) = a {
            said.as_object_mut().unwrap().extend(more);
        }
        said["status"] = json!(status);
        parse(&said).unwrap()
    })
}

proptest! {
    #[test]
    fn reading_never_panics(value in any_json()) {
        let _ = parse(&value);
    }

    #[test]
    fn what_was_read_is_safe_and_the_same_when_read_again(found in any_verdict()) {
        let written = serde_json::to_value(&found).unwrap();
        prop_assert!(!written.to_string().chars().any(hidden), "{}", written);
        prop_assert!(found.notes.iter().all(|note| safe(note) == note.as_str()), "{:?}", found.notes);
        let again = parse(&written).unwrap();
        prop_assert_eq!(again, ModelVerdict { notes: Vec::new(), ..found });
    }

    #[test]
    fn citing_never_panics_and_never_leaves_the_repository(text in "[a-zL0-9./:#~\\\\-]{0,24}|\\PC*") {
        if let Some(cited) = Citation::parse(&text) {
            prop_assert_eq!(Citation::parse(&cited.to_string()), Some(cited.clone()));
            if let Citation::File { path, .. } = cited {
                prop_assert!(!path.starts_with(['/', '-', ':']), "{}", path);
                prop_assert!(!path.split('/').any(|part| matches!(part, ".." | ".git" | "")));
            }
        }
    }
}
