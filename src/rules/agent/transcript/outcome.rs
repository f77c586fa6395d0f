//! How the agent has ended: what a result says, and what result, exit and our own signals come to.
//!
//! The exit status alone proves nothing: it is 0 after SIGINT, after a prompt that was taken for a
//! command, and without the structured output that was asked for. Nor does the word `success`
//! alone: it stands in the results of API errors.

use super::fields::Fields;
use super::{Transcript, sentence};
use crate::rules::agent::last_line::Exit;

/// What a result says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// The work is done.
    Good,
    /// Neither done nor failed: nothing was worked on.
    Idle,
    /// An error: a word, and a sentence.
    Failed(&'static str, String),
}

impl Ending {
    pub fn of(fields: &Fields) -> Ending {
        let subtype = fields.word("subtype").unwrap_or_default();
        let terminal = fields.word("terminal_reason").unwrap_or_default();
        let is_error = fields.get::<bool>("is_error");
        if subtype == "success" && is_error == Some(false) {
            return if terminal == "completed" { Ending::Good } else { Ending::Idle };
        }
        let status = fields.get::<u64>("api_error_status");
        let errors = fields.get::<Vec<String>>("errors").unwrap_or_default().join("; ");
        let words = fields.get::<String>("result").unwrap_or_default();
        let words = sentence(if words.trim().is_empty() { &errors } else { &words });
        let at_start = fields.word("startup_failure_reason").is_some()
            || terminal.is_empty() && fields.get::<u64>("num_turns") == Some(0);
        let (reason, what) = match (subtype.as_str(), terminal.as_str()) {
            ("error_max_turns", _) | (_, "max_turns") => ("max_turns", "has used up its turns"),
            ("error_max_budget_usd", _) | (_, "budget_exhausted") => {
                ("budget", "has used up its budget")
            }
            ("error_max_structured_output_retries", _)
            | (_, "structured_output_retry_exhausted") => (
                "structured_output_invalid",
                "has tried in vain to give its answer the form that was asked for",
            ),
            (_, "aborted_streaming" | "aborted_tools") => ("interrupted", "was interrupted"),
            _ if status == Some(401) => ("unauthorized", "was not let in by the API"),
            (_, "api_error" | "prompt_too_long") => ("api_error", "met an error of the API"),
            _ if status.is_some() => ("api_error", "met an error of the API"),
            _ if at_start => ("could_not_start", "could not start its work"),
            // Releases before `terminal_reason` said an API error so: a success that is an error.
            ("success", "") => ("api_error", "met an error of the API"),
            _ => ("error_result", "ended with an error"),
        };
        let code = status.map(|status| format!(" ({status})")).unwrap_or_default();
        let said = if words.is_empty() { words } else { format!(": {words}") };
        Ending::Failed(reason, format!("the agent {what}{code}{said}"))
    }
}

/// What it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There is an answer.
    Success,
    /// There is none, or none to rely on.
    Failed {
        /// A word for programs.
        reason: &'static str,
        /// A sentence for people, safe to show.
        detail: String,
    },
}

/// Judges the end of the process. A success has a good result, which has a structured output if
/// one is wanted, and the status 0; and we have not asked it to end.
pub fn outcome(
    exit: Exit,
    signalled_by_us: bool,
    transcript: &Transcript,
    schema_wanted: bool,
) -> Outcome {
    let enough = if schema_wanted { transcript.answered } else { transcript.good };
    if enough && exit == Exit::Status(0) && !signalled_by_us {
        return Outcome::Success;
    }
    let (reason, detail) = if transcript.unauthorized && !enough {
        // We may have ended it for this very reason: it counts more than our signal.
        refused(transcript)
    } else if signalled_by_us {
        stopped(exit)
    } else {
        by_itself(exit, transcript)
    };
    Outcome::Failed { reason, detail }
}

fn refused(transcript: &Transcript) -> (&'static str, String) {
    let detail = match &transcript.failed {
        Some(Ending::Failed(_, detail)) => detail.clone(),
        _ => "the agent was not let in by the API: its key was not taken".to_owned(),
    };
    ("unauthorized", detail)
}

fn stopped(exit: Exit) -> (&'static str, String) {
    match exit {
        Exit::Signal(9) => ("killed", "the agent was stopped by force".to_owned()),
        Exit::Signal(signal) => {
            ("interrupted", format!("the agent was stopped, by signal {signal}"))
        }
        Exit::Status(status) => {
            ("interrupted", format!("the agent was stopped, and ended with status {status}"))
        }
    }
}

/// Why it has failed when nobody of us has signalled it.
fn by_itself(exit: Exit, transcript: &Transcript) -> (&'static str, String) {
    let silent = transcript.lines == 0;
    let status = match exit {
        Exit::Signal(signal) => {
            return ("signal", format!("the agent was ended by signal {signal}"));
        }
        // What the shim, a shell and env(1) say when a program cannot be run.
        Exit::Status(126 | 127) if silent => {
            return ("could_not_start", "the agent could not be started".to_owned());
        }
        // The CLI catches signals, cleans up, and ends with what a shell would say of them.
        Exit::Status(status @ 129..160) => {
            return ("signal", format!("the agent was ended by signal {}", status - 128));
        }
        Exit::Status(status) => status,
    };
    if let Some(Ending::Failed(reason, detail)) = &transcript.failed {
        return (reason, detail.clone());
    }
    let ended = format!("the agent ended with status {status}");
    match status {
        0 if transcript.good => {
            let detail = format!("{ended}, but without the structured output that was asked for");
            ("no_structured_output", detail)
        }
        _ if transcript.good => ("exit_status", format!("{ended} after a result")),
        _ if transcript.idle => {
            ("no_result", format!("{ended}, but has not done the work: its result is incomplete"))
        }
        0 => ("no_result", format!("{ended}, but without a result")),
        1 if silent => {
            ("bad_usage", format!("{ended} and wrote nothing: it was not called as it wants"))
        }
        _ if silent => ("exit_status", format!("{ended} and wrote nothing")),
        _ => ("no_result", format!("{ended}, without a result")),
    }
}
