//! Lines of all kinds, one at a time, and outcomes.

use serde_json::json;

use super::*;
use crate::rules::agent::last_line::Exit;

const GOOD: &str = r#"{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","num_turns":2,"total_cost_usd":0.5,"result":"done"}"#;
const FILLED: &str = r#"{"total_cost_usd":0.25,"num_turns":1,"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","result":"","structured_output":{"status":"likely"}}"#;
const SLASH: &str = r#"{"type":"result","subtype":"success","is_error":false,"num_turns":0,"total_cost_usd":0,"result":""}"#;
const CUT: &str = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_tools","num_turns":3,"total_cost_usd":0.75,"errors":["x"]}"#;
const OVERLOADED: &str = r#"{"type":"result","subtype":"success","is_error":true,"terminal_reason":"api_error","api_error_status":529,"num_turns":1,"total_cost_usd":0,"result":"API Error: 529\u001b[2J"}"#;
const INIT: &str = r#"{"type":"system","subtype":"init","session_id":"s","tools":[]}"#;

#[test]
fn outcome_of_results_and_exits() {
    type Row = (&'static str, Exit, &'static [&'static str], bool, &'static str);
    let rows: &[Row] = &[
        ("an answer", Exit::Status(0), &[INIT, GOOD], false, "success"),
        ("an answer in its form", Exit::Status(0), &[FILLED], true, "success"),
        ("in the first of several", Exit::Status(0), &[FILLED, SLASH, GOOD], true, "success"),
        ("not in its form", Exit::Status(0), &[GOOD], true, "no_structured_output"),
        ("an answer, then a status", Exit::Status(1), &[GOOD], false, "exit_status"),
        (
            "an answer, then an API error",
            Exit::Status(1),
            &[GOOD, OVERLOADED],
            false,
            "api_unavailable",
        ),
        ("the form on an error", Exit::Status(0), &[CUT, GOOD], true, "interrupted"),
        ("the signal of a stranger", Exit::Signal(15), &[INIT], false, "signal"),
        ("one that the CLI caught", Exit::Status(143), &[INIT], false, "signal"),
        ("SIGINT of a stranger", Exit::Status(0), &[INIT, CUT], false, "interrupted"),
        ("an API error with status 0", Exit::Status(0), &[OVERLOADED], false, "api_unavailable"),
        ("a slash command", Exit::Status(0), &[INIT, SLASH], false, "no_result"),
        ("no result", Exit::Status(0), &[INIT], false, "no_result"),
        ("nothing", Exit::Status(0), &[], false, "no_result"),
        ("nothing, status 1", Exit::Status(1), &[], false, "bad_usage"),
        ("only blank lines, status 1", Exit::Status(1), &["", " \r"], false, "bad_usage"),
        ("nothing, another status", Exit::Status(3), &[], false, "exit_status"),
        ("no such program", Exit::Status(127), &[], false, "could_not_start"),
        ("no result, status 1", Exit::Status(1), &[INIT], false, "no_result"),
    ];
    for (rule, exit, lines, schema, wanted) in rows {
        let found = match outcome(*exit, &transcript_of(lines), *schema) {
            Ok(()) => "success",
            Err((reason, detail)) => {
                assert!(detail.starts_with("the agent "), "{rule}: {detail}");
                assert_eq!(safe(&detail), detail, "{rule}");
                reason
            }
        };
        assert_eq!(found, *wanted, "{rule}");
    }
}

#[test]
fn cost_is_cumulative_and_turns_add_up_over_results() {
    let transcript = transcript_of(&[FILLED, GOOD, SLASH]);
    assert_eq!(transcript.cost_usd(), Usd::from_dollars(0.5), "cumulative, so the greatest");
    assert_eq!(transcript.turns(), Some(3), "each counts its own");
    assert_eq!(transcript.text(), Some("done"), "the last that is not empty");
    assert_eq!(transcript.structured(), Some(&json!({"status": "likely"})));
    let silent = transcript_of(&[INIT]);
    assert_eq!((silent.cost_usd(), silent.turns()), (None, None), "unknown is not zero");
}

#[test]
fn unknown_lines_are_counted() {
    let long = format!(r#"{{"type":"result","x":"{}"}}"#, "x".repeat(LINE_MAX));
    let mut transcript = Transcript::default();
    let rows: [(&[u8], u64, u64); 11] = [
        (b"", 0, 0),
        (b"not JSON", 1, 0),
        (b"[1]", 2, 0),
        (b"3", 3, 0),
        (b"{\"type\":\"result\"", 4, 0),
        (b"{\"type\":\"x\xff\"}", 5, 0),
        (long.as_bytes(), 6, 0),
        (b"{}", 6, 1),
        (b"{\"type\":7}", 6, 2),
        (b"{\"type\":\"new\"}", 6, 3),
        (b"{\"type\":\"system\",\"subtype\":\"new\"}", 6, 4),
    ];
    for (line, skipped, unknown) in rows {
        assert_eq!(transcript.read_line(line), None);
        assert_eq!((transcript.skipped(), transcript.unknown()), (skipped, unknown));
    }
    // A result whose members have other forms than expected is still one, and says nothing.
    let odd = br#"{"type":"result","total_cost_usd":"1","num_turns":-1,"permission_denials":{},"result":[]}"#;
    assert_eq!(transcript.read_line(odd), Some(TranscriptEvent::Result));
    assert_eq!((transcript.cost_usd(), transcript.turns(), transcript.text()), (None, None, None));
}

/// JavaScript cuts text between the halves of a character, and serde_json refuses what is left.
#[test]
fn lone_surrogates_are_replaced() {
    let line = r#"{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","result":"\\ud83d a\ud83d b\uDE9a \ud83d\ude9a","structured_output":{"title":"x\ud83d"}}"#;
    let transcript = transcript_of(&[line]);
    assert_eq!(transcript.text(), Some("\\ud83d a\u{fffd} b\u{fffd} 🚚"));
    assert_eq!(transcript.structured(), Some(&json!({"title": "x\u{fffd}"})));
}

#[test]
fn denial_counts_once() {
    let line = r#"{"type":"system","subtype":"permission_denied","tool_name":"Bash","tool_use_id":"c1","message":"no\u001b[2J","agent_id":"a1"}"#;
    let unnamed = r#"{"type":"system","subtype":"permission_denied","tool_use_id":"c3"}"#;
    let result = r#"{"type":"result","permission_denials":[{"tool_name":"Bash","tool_use_id":"c1"},{"tool_name":"Read","tool_use_id":"c2"},{"tool_name":"Write","tool_input":{"a":1}},{"tool_name":"Write","tool_input":{"a":1}}]}"#;
    let transcript = transcript_of(&[line, unnamed, result, result]);
    let found: Vec<&str> = transcript.denied_tools().collect();
    assert_eq!(found, ["Write", "Bash", "Read", "unknown"]);
}

/// The CLI reports no denial of a call of what a session does not have.
#[test]
fn call_of_an_absent_tool_is_denied() {
    let answer = |id: &str, is_error: bool, text: &str| {
        json!({"type": "user", "message": {"role": "user", "content": [
            {"type": "text", "text": "No such tool available: Text"},
            {"type": "tool_result", "tool_use_id": id, "is_error": is_error, "content": text}]}})
        .to_string()
    };
    let lines = [
        answer(
            "c1",
            true,
            "<tool_use_error>Error: No such tool available: Bash. Bash is disabled</tool_use_error>",
        ),
        answer(
            "c2",
            true,
            "<tool_use_error>Error: No such tool available: mcp__x</tool_use_error>",
        ),
        answer("c3", true, "Agent type 'general-purpose' not found. Available agents: a"),
        answer("c4", false, "Error: No such tool available: Bash."),
        answer("c5", true, "grep: No such tool available: Bash"),
        answer("c6", true, "Agent type 'a' failed"),
        r#"{"type":"result","permission_denials":[{"tool_name":"Bash","tool_use_id":"c1"}]}"#
            .to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let transcript = transcript_of(&lines);
    let found: Vec<&str> = transcript.denied_tools().collect();
    assert_eq!(found, ["Bash", "mcp__x", "Agent"]);
}

#[test]
fn line_yields_its_event() {
    let rows = [
        (
            r#"{"type":"system","subtype":"api_retry","error":"rate_limit","error_status":429}"#,
            "retrying",
        ),
        (
            r#"{"type":"system","subtype":"api_retry","error":"unknown","error_status":401}"#,
            "unauthorized",
        ),
        (
            r#"{"type":"system","subtype":"api_retry","error":"authentication_failed","error_status":403}"#,
            "unauthorized",
        ),
        (
            r#"{"type":"assistant","message":{"model":"<synthetic>","content":[{"type":"text","text":"Failed. API Error: 401 {}"}]}}"#,
            "unauthorized",
        ),
        (
            r#"{"type":"assistant","message":{"model":"m","content":[{"type":"text","text":"API Error: 401 is in the log"}]}}"#,
            "writing",
        ),
        (
            r#"{"type":"assistant","message":{"content":[{"type":"thinking","thinking":""}]}}"#,
            "thinking",
        ),
        (
            r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Bash","id":"c"}]}}"#,
            "tool Bash",
        ),
        (
            r#"{"type":"system","subtype":"task_started","task_id":"b","task_type":"local_bash"}"#,
            "background",
        ),
        (
            r#"{"type":"system","subtype":"task_notification","task_id":"a","subagent_type":"x","status":"failed"}"#,
            "subagent failed",
        ),
        (r#"{"type":"user","message":{}}"#, ""),
        (GOOD, "result"),
        (INIT, "init"),
    ];
    for (line, wanted) in rows {
        let found = match Transcript::default().read_line(line.as_bytes()) {
            None => String::new(),
            Some(TranscriptEvent::Init(_)) => "init".into(),
            Some(TranscriptEvent::Result) => "result".into(),
            Some(TranscriptEvent::Unauthorized) => "unauthorized".into(),
            Some(TranscriptEvent::Progress(Progress { step, tool, .. })) => {
                format!("{step} {}", tool.unwrap_or_default()).trim_end().to_owned()
            }
        };
        assert_eq!(found, wanted, "{line}");
    }
}
