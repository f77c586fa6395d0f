//! Outcome of an agent that exited, from its results and its exit.
//!
//! The exit status alone proves nothing: it is 0 after SIGINT, after a prompt that was read as a
//! command, and without the requested structured output. The word `success` proves nothing either:
//! results of API errors hold it.

use super::fields::JsonMembers;
use super::{Transcript, sentence};
use crate::rules::agent::last_line::{Exit, Failure, exit_status};
use crate::rules::investigation::wait::API_UNAVAILABLE;

/// Whether an HTTP status of the API is no fault of the request.
fn is_passing(status: u64) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// Returns whether a result is good. One without work is neither good nor a failure. `retrying` says
/// that calls of the API failed until the end.
pub(super) fn is_good(fields: &JsonMembers, retrying: bool) -> Result<bool, Failure> {
    let subtype = fields.word("subtype").unwrap_or_default();
    let terminal = fields.word("terminal_reason").unwrap_or_default();
    let is_error = fields.get::<bool>("is_error");
    if subtype == "success" && is_error == Some(false) {
        return Ok(terminal == "completed");
    }
    let status = fields.get::<u64>("api_error_status");
    let errors = fields.get::<Vec<String>>("errors").unwrap_or_default().join("; ");
    let words = fields.get::<String>("result").unwrap_or_default();
    let words = sentence(if words.trim().is_empty() { &errors } else { &words });
    let at_start = fields.word("startup_failure_reason").is_some()
        || terminal.is_empty() && fields.get::<u64>("num_turns") == Some(0);
    let (reason, what) = match (subtype.as_str(), terminal.as_str()) {
        ("error_max_turns", _) | (_, "max_turns") => ("max_turns", "has used all its turns"),
        ("error_max_budget_usd", _) | (_, "budget_exhausted") => {
            ("budget", "has used its whole budget")
        }
        ("error_max_structured_output_retries", _) | (_, "structured_output_retry_exhausted") => {
            ("structured_output_invalid", "could not give its answer the requested form")
        }
        (_, "aborted_streaming" | "aborted_tools") => ("interrupted", "was interrupted"),
        _ if status == Some(401) => ("unauthorized", "was refused by the API"),
        _ if status.is_some_and(is_passing) => (API_UNAVAILABLE, "found the API not available"),
        (_, "api_error") if status.is_none() && retrying => {
            (API_UNAVAILABLE, "could not reach the API")
        }
        (_, "api_error" | "prompt_too_long") => ("api_error", "received an API error"),
        _ if status.is_some() => ("api_error", "received an API error"),
        _ if at_start => ("could_not_start", "could not start its work"),
        // Releases without `terminal_reason` report an API error as a success with `is_error`.
        ("success", "") => ("api_error", "received an API error"),
        _ => ("error_result", "ended with an error"),
    };
    let code = status.map(|status| format!(" ({status})")).unwrap_or_default();
    let suffix = if words.is_empty() { words } else { format!(": {words}") };
    Err((reason, format!("the agent {what}{code}{suffix}")))
}

/// Judges the end of the process. A success needs a good result, with a structured output if one is
/// required, and the status 0. Anything else is no reliable answer.
pub fn outcome(exit: Exit, transcript: &Transcript, schema_wanted: bool) -> Result<(), Failure> {
    let is_structured = matches!(transcript.structured, Some((true, _)));
    let enough = if schema_wanted { is_structured } else { transcript.good };
    if enough && exit == Exit::Status(0) {
        Ok(())
    } else if transcript.unauthorized && !enough {
        // This tool may have ended the agent for this reason, which counts more than its exit.
        Err(refused(transcript))
    } else {
        Err(failure(exit, transcript))
    }
}

fn refused(transcript: &Transcript) -> Failure {
    let detail = transcript.failed.as_ref().map(|(_, detail)| detail.clone());
    let refused = || "the agent was refused by the API: its key is not valid".to_owned();
    ("unauthorized", detail.unwrap_or_else(refused))
}

/// Returns why an agent failed that was not refused.
fn failure(exit: Exit, transcript: &Transcript) -> Failure {
    let silent = transcript.lines == 0;
    // The CLI catches signals, cleans up, and exits with the status that a shell would report.
    let exit = match exit {
        Exit::Status(status @ 129..160) => Exit::Signal(status - 128),
        exit => exit,
    };
    let status = match exit_status(exit, silent) {
        Ok(status) => status,
        Err(failure) => return failure,
    };
    if let Some(failure) = &transcript.failed {
        return failure.clone();
    }
    let ended = format!("the agent ended with status {status}");
    match status {
        0 if transcript.good => {
            let detail = format!("{ended}, but without the requested structured output");
            ("no_structured_output", detail)
        }
        _ if transcript.good => ("exit_status", format!("{ended} after a result")),
        _ if transcript.idle => {
            ("no_result", format!("{ended}, but has not done the work: its result is incomplete"))
        }
        0 => ("no_result", format!("{ended}, but without a result")),
        1 if silent => {
            ("bad_usage", format!("{ended} and wrote nothing: its options may be wrong"))
        }
        _ if silent => ("exit_status", format!("{ended} and wrote nothing")),
        _ => ("no_result", format!("{ended}, without a result")),
    }
}
