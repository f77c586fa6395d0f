//! Recorded runs in tests/fixtures/claude, compared with their index. The expectations come from
//! the index alone, or from a plain search in the file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::rules::agent::last_line::Exit;
use crate::rules::investigation::wait::API_UNAVAILABLE;

pub(super) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/claude")
}

fn index() -> Vec<Value> {
    let bytes = std::fs::read(folder().join("index.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

pub(super) fn read(file: &str) -> Vec<u8> {
    std::fs::read(folder().join(file)).unwrap()
}

pub(super) fn parsed(file: &str) -> Transcript {
    let bytes = read(file);
    if file.ends_with(".json") {
        return Transcript::from_json(&bytes);
    }
    let mut transcript = Transcript::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        transcript.read_line(line);
    }
    transcript
}

/// Returns the first start values of a recorded run.
pub(super) fn init_of(file: &str) -> Option<Init> {
    let bytes = read(file);
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    if let Some(messages) = fields::list(&bytes) {
        lines = messages.iter().map(|message| message.get().as_bytes()).collect();
    }
    first_init(&lines)
}

/// Returns the outcome that the index implies by exit, signal and results.
fn expected(entry: &Value) -> &'static str {
    let results = entry["results"].as_array().unwrap();
    let exit = entry["exit"].as_i64().unwrap();
    let argv = entry["argv"].as_array().unwrap();
    let schema = argv.iter().any(|word| word == "--json-schema");
    let last = results.last();
    let says = |key: &str, word: &str| results.iter().any(|result| result[key] == word);
    let complete = |result: &Value| {
        result["subtype"] == "success"
            && result["is_error"] == false
            && result["terminal_reason"] == "completed"
    };
    if results.iter().any(|result| result["api_error_status"] == 401) {
        return "unauthorized";
    }
    // The index does not say that there was no key: only the file's name does.
    if entry["file"] == "no-key.ndjson" {
        return "unauthorized";
    }
    if entry["harness_killed"] == true || !entry["signal"].is_null() {
        // After SIGINT the CLI reports a result and ends with 0.
        return if exit == 0 { "interrupted" } else { "signal" };
    }
    if says("subtype", "error_max_turns") {
        return "max_turns";
    }
    if says("subtype", "error_max_budget_usd") {
        return "budget";
    }
    if says("subtype", "error_max_structured_output_retries") {
        return "structured_output_invalid";
    }
    if says("subtype", "error_during_execution") {
        return "could_not_start";
    }
    if last.is_some_and(|result| result["is_error"] == true) {
        // A call that timed out or found no server has no status.
        let passing = ["error-429", "error-500", "error-529", "no-server", "stall-timeout"];
        let file = entry["file"].as_str().unwrap();
        let is_passing = passing.iter().any(|name| file.starts_with(name));
        return if is_passing { API_UNAVAILABLE } else { "api_error" };
    }
    if exit == 1 {
        return "bad_usage";
    }
    assert_eq!(exit, 0, "no rule for {entry}");
    // The recorder did not look into this format.
    if results.is_empty() && !entry["file"].as_str().unwrap().ends_with(".ndjson") {
        return "success";
    }
    match results.iter().find(|result| complete(result)) {
        None => "no_result",
        Some(_) if schema && !results.iter().any(|r| r["structured_output"] == true) => {
            "no_structured_output"
        }
        Some(_) => "success",
    }
}

#[test]
fn recorded_runs_match_their_index() {
    let index = index();
    assert_eq!(index.len(), 59, "all of them");
    // The last line of an agent with the format `text` is its result, so no transcript reads it.
    let read = |entry: &&Value| !entry["file"].as_str().unwrap().ends_with(".txt");
    for entry in index.iter().filter(read) {
        let file = entry["file"].as_str().unwrap();
        let transcript = parsed(file);
        let code = entry["exit"].as_i64().unwrap() as i32;
        let exit = if code < 0 { Exit::Signal(-code) } else { Exit::Status(code) };
        let schema = entry["argv"].as_array().unwrap().iter().any(|word| word == "--json-schema");
        let found = match outcome(exit, &transcript, schema) {
            Ok(()) => "success",
            Err((reason, detail)) => {
                assert_eq!(safe(&detail), detail, "{file}: a raw control character");
                reason
            }
        };
        assert_eq!(found, expected(entry), "{file}: outcome");

        let results = entry["results"].as_array().unwrap();
        let costs = results.iter().filter_map(|result| result["total_cost_usd"].as_f64());
        let cost = costs.reduce(f64::max).and_then(Usd::from_dollars);
        if file != "out-json-verbose.json" {
            assert_eq!(transcript.cost_usd(), cost, "{file}: cost");
            let turns: u64 =
                results.iter().map(|result| result["num_turns"].as_u64().unwrap()).sum();
            assert_eq!(transcript.turns().unwrap_or(0), turns, "{file}: turns");
        }
        let denied: u64 = results.iter().map(|r| r["permission_denials"].as_u64().unwrap()).sum();
        let absent = String::from_utf8_lossy(&super::recorded::read(file))
            .matches("\"<tool_use_error>Error: No such tool available")
            .count();
        let denied = denied + absent as u64;
        assert_eq!(transcript.denied_tools().count() as u64, denied, "{file}: denials");
        let structured = results.iter().any(|result| result["structured_output"] == true);
        assert_eq!(transcript.structured().is_some(), structured, "{file}: structured output");
        assert_eq!(transcript.skipped(), 0, "{file}: skipped");
        assert_eq!(transcript.unknown(), 0, "{file}: unknown");

        let types = entry["types"].as_array().unwrap();
        let begun =
            types.iter().any(|kind| kind == "system:init") || file == "out-json-verbose.json";
        let init = init_of(file);
        assert_eq!(init.is_some(), begun, "{file}: init");
        if let Some(init) = init {
            assert_eq!(init.version, entry["cli_version"].as_str().unwrap(), "{file}: version");
            assert!(!init.session_id.is_empty(), "{file}: session");
        }
    }
}

#[test]
fn recorded_files_have_an_entry() {
    let known: BTreeSet<String> =
        index().iter().map(|entry| entry["file"].as_str().unwrap().to_owned()).collect();
    let files = std::fs::read_dir(folder()).unwrap();
    let found = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let found = found.filter(|file| file != "index.json" && !file.ends_with(".stderr"));
    assert_eq!(found.collect::<BTreeSet<_>>(), known);
}

#[test]
fn format_json_matches_stream_json() {
    let (streamed, all) = (parsed("tool-use.ndjson"), parsed("out-json-verbose.json"));
    assert_eq!((all.cost_usd(), all.turns()), (streamed.cost_usd(), streamed.turns()));
    assert_eq!(all.text(), streamed.text());
    let one = parsed("out-json.json");
    assert!(one.text().is_some_and(|text| text.starts_with("The DLQ holds 3 messages.")));
}

/// The first retry reports it, not the last of the ten that the CLI makes.
#[test]
fn refused_key_is_reported_at_once() {
    for (file, at) in
        [("error-401-default.ndjson", 1), ("error-401.ndjson", 1), ("no-key.ndjson", 1)]
    {
        let (bytes, mut transcript) = (read(file), Transcript::default());
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let found = lines
            .position(|line| transcript.read_line(line) == Some(TranscriptEvent::Unauthorized));
        assert_eq!(found, Some(at), "{file}");
        let (reason, _) = outcome(Exit::Status(0), &transcript, true).unwrap_err();
        assert_eq!(reason, "unauthorized", "{file}: the exit does not hide why");
    }
}

#[test]
fn subagent_steps_have_names() {
    for file in ["subagent-nobg.ndjson", "subagent.ndjson", "golden.ndjson", "final-golden.ndjson"]
    {
        let (bytes, mut transcript) = (read(file), Transcript::default());
        let mut seen: BTreeSet<(String, Option<String>)> = BTreeSet::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            if let Some(TranscriptEvent::Progress(progress)) = transcript.read_line(line)
                && progress.step.starts_with("subagent")
            {
                seen.insert((progress.step, progress.subagent));
            }
        }
        for step in ["subagent started", "subagent finished"] {
            for name in ["dlq-analyzer", "log-analyzer", "code-reviewer"] {
                let wanted = (step.to_owned(), Some(name.to_owned()));
                assert!(seen.contains(&wanted), "{file}: {wanted:?} in {seen:?}");
            }
        }
        assert!(seen.iter().all(|(_, name)| name.is_some()), "{file}: {seen:?}");
    }
}
