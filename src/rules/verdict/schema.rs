//! JSON Schema of a verdict, for the agent's command line.
//!
//! Every key is required, and null where its value is unknown, so that a model has to consider
//! each. The descriptions separate known facts from possible causes.

use serde_json::{Value, json};

use super::{VerdictStatus, limits};
use crate::rules::triage::{Category, RedriveAdvice};

pub fn schema() -> Value {
    let mut schema = object(
        "The result of the investigation of the dead letters of one queue. Plain sentences, no \
         Markdown. Known facts go into 'evidence' and 'root_cause'; whatever is only possible goes \
         into 'hypotheses'. Write null or an empty list for what is not known: never guess.",
        json!({
            "status": {
                "type": "string",
                "enum": VerdictStatus::ALL,
                "description": "confirmed: the root cause is proven by the cited evidence, and a \
                    fix, if there is one, by tests. likely: the evidence points to it, and it is not \
                    proven. inconclusive: the cause is not known. not_a_bug: the code is not to \
                    blame, and the evidence shows what is.",
            },
            "title": text(limits::TITLE, "One line for somebody who has just been woken: what is \
                broken and why."),
            "category": {
                "type": "string",
                "enum": Category::ALL,
                "description": "The kind of the known cause; unknown when it is not known.",
            },
            "root_cause": nullable(limits::TEXT, "The known cause, in a paragraph, stated only as \
                far as 'evidence' proves it. null when the cause is not known; a possible cause \
                belongs into 'hypotheses'."),
            "confidence": {
                "type": ["number", "null"],
                "minimum": 0,
                "maximum": 1,
                "description": "How likely it is that root_cause is right, from 0 to 1; null when \
                    you cannot tell.",
            },
            "evidence": list(limits::EVIDENCE, "Known facts only, each with where it can be looked \
                up. Every id is checked by a program: one that does not exist lowers the status.",
                object("A known fact.", json!({
                    "id": text(limits::NAME, "Exactly one of: an item of the evidence bundle as it \
                        is written there (m1, f1, t1, q.retention_s, lint.chained, log:1); a file \
                        and line of the repository (src/orders.py:42), relative, without ..; the \
                        hash of a commit."),
                    "claim": text(limits::LINE, "What that item shows, and nothing more."),
                }))),
            "hypotheses": list(limits::HYPOTHESES, "Possible causes, the rejected ones too.",
                object("A possible cause.", json!({
                    "hypothesis": text(limits::LINE, "The possible cause."),
                    "verdict": {
                        "type": "string",
                        "enum": ["supported", "possible", "rejected"],
                        "description": "What the known facts say to it.",
                    },
                    "why": text(limits::LINE, "The facts that speak for or against it."),
                }))),
            "fix": {
                "anyOf": [fix(), { "type": "null" }],
                "description": "The change that you have made in the repository; null when you have \
                    changed nothing.",
            },
            "prevention": nullable(limits::TEXT, "What would keep this from happening again; null \
                when nothing is known to."),
            "redrive": {
                "type": "string",
                "enum": [RedriveAdvice::Safe, RedriveAdvice::AfterFix, RedriveAdvice::DoNot],
                "description": "safe: the messages can be put back now and will succeed. after_fix: \
                    only when the fix is deployed. do_not: they would fail again or do harm, or it \
                    is not known.",
            },
            "next_steps": list(limits::STEPS, "What a person should do next, the first first.",
                text(limits::LINE, "One step.")),
        }),
    );
    schema["title"] = "InvestigationResult".into();
    schema
}

fn fix() -> Value {
    object(
        "A change that is in the repository now. It is compared with the real difference.",
        json!({
            "summary": text(limits::TEXT, "What was changed, and why that removes the root cause."),
            "files": list(limits::FILES, "Every file that was changed, and no other.",
                text(limits::NAME, "Relative to the repository.")),
            "tests": list(limits::TESTS, "The tests that fail without the change and pass with it, by \
                the names that the test run prints. All tests will be run without and with it.",
                text(limits::NAME, "A test.")),
        }),
    )
}

/// Returns the schema of an object that requires every key and allows no other.
fn object(description: &str, properties: Value) -> Value {
    let required: Vec<&String> =
        properties.as_object().map(|all| all.keys().collect()).unwrap_or_default();
    json!({
        "type": "object",
        "description": description,
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}

fn text(max: usize, description: &str) -> Value {
    json!({ "type": "string", "maxLength": max, "description": description })
}

fn nullable(max: usize, description: &str) -> Value {
    json!({ "type": ["string", "null"], "maxLength": max, "description": description })
}

fn list(max: usize, description: &str, items: Value) -> Value {
    json!({ "type": "array", "maxItems": max, "description": description, "items": items })
}
