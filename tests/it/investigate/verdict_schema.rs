//! Schema of a verdict: forms that the parser need not accept, because Claude Code refuses them.

use dlq::rules::verdict::{parse, schema};
use serde_json::{Value, json};

use crate::support::json_schema::validate;

fn full() -> Value {
    json!({
        "status": "confirmed",
        "title": "A null customer stops every order",
        "category": "code_error",
        "root_cause": "orders.py reads customer.id",
        "confidence": 0.9,
        "evidence": [{"id": "m1", "claim": "customer is null"}],
        "hypotheses": [{"hypothesis": "throttling", "verdict": "rejected", "why": "no 429"}],
        "fix": {"summary": "Checks for null.", "files": ["src/orders.py"], "tests": ["pytest"]},
        "prevention": null,
        "redrive": "after_fix",
        "next_steps": ["Review the pull request."],
    })
}

#[test]
fn verdict_schema_accepts_full_and_unknown_values() {
    validate(&schema(), &full()).unwrap();
    let unknown = json!({
        "status": "inconclusive", "title": "", "category": "unknown", "root_cause": null,
        "confidence": null, "evidence": [], "hypotheses": [], "fix": null, "prevention": null,
        "redrive": "do_not", "next_steps": [],
    });
    validate(&schema(), &unknown).unwrap();
    assert!(parse(&full()).is_ok() && parse(&unknown).is_ok());
}

#[test]
fn verdict_schema_refuses_other_forms() {
    let rows = [
        ("status", json!("CONFIRMED")),
        ("status", json!("Not a bug")),
        ("status", json!(1)),
        ("status", json!(null)),
        ("redrive", json!("After fix")),
        ("redrive", json!(null)),
        ("confidence", json!("0.85")),
        ("confidence", json!("85 %")),
        ("confidence", json!(85)),
        ("confidence", json!("high")),
        ("confidence", json!(-1)),
        ("evidence", json!({"id": "m1", "claim": "a"})),
        ("evidence", json!(["m1: it is null"])),
        ("evidence", json!([["null"], [[null]]])),
        ("evidence", json!([{"claim": "a"}])),
        ("evidence", json!([null])),
        ("evidence", json!([{"id": "x".repeat(301), "claim": "a"}])),
        ("hypotheses", json!(["a"])),
        ("hypotheses", json!([{"hypothesis": "b", "why": 1}])),
        (
            "hypotheses",
            json!(vec![json!({"hypothesis": "b", "verdict": "possible", "why": ""}); 13]),
        ),
        ("fix", json!("a check")),
        ("fix", json!({"summary": "", "files": []})),
        ("next_steps", json!("one")),
        ("notes", json!(["forged"])),
    ];
    for (key, value) in rows {
        let mut verdict = full();
        verdict[key] = value.clone();
        assert!(validate(&schema(), &verdict).is_err(), "{key}: {value}");
    }
    for key in full().as_object().unwrap().keys() {
        let mut verdict = full();
        verdict.as_object_mut().unwrap().remove(key);
        assert!(validate(&schema(), &verdict).is_err(), "without {key}");
    }
}
