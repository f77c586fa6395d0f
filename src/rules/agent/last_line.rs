//! Result of a custom agent, from its exit and its last line.
//!
//! A result needs an exit status of 0 **and** a last line on standard output that is a JSON object
//! with a `status`. Anything else is a failure.

use serde_json::Value;

use crate::event::Verdict;
use crate::money::Usd;

/// Exit of the agent's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Status(i32),
    Signal(i32),
}

/// Result as the agent states it.
#[derive(Debug, Clone, PartialEq)]
pub struct StatedResult {
    pub verdict: Verdict,
    /// US dollars.
    pub cost_usd: Option<Usd>,
    pub turns: Option<u64>,
}

/// Reason of a failure as a word, and as a sentence.
pub type Failure = (&'static str, String);

/// Judges an exit and the last line on standard output that is not blank.
pub fn judge(exit: Exit, last_line: Option<&[u8]>) -> Result<StatedResult, Failure> {
    match exit_status(exit, last_line.is_none())? {
        0 => stated(last_line),
        status => Err(("exit_status", format!("the agent ended with status {status}"))),
    }
}

/// Reads the result of an agent that ended with status 0 from its last line.
pub fn stated(last_line: Option<&[u8]>) -> Result<StatedResult, Failure> {
    let no_result = |why: &str| ("no_result", format!("the agent ended with status 0{why}"));
    let line = last_line.ok_or_else(|| no_result(" and wrote nothing"))?;
    stated_result(line)
        .ok_or_else(|| no_result(", but its last line is not a JSON object with a status"))
}

/// Returns the status of an agent that ran to an end of its own.
pub(super) fn exit_status(exit: Exit, silent: bool) -> Result<i32, Failure> {
    match exit {
        Exit::Signal(signal) => Err(("signal", format!("the agent was ended by signal {signal}"))),
        // The shim, a shell and env(1) exit so when a program cannot be run. A program with output
        // did run.
        Exit::Status(126 | 127) if silent => {
            Err(("could_not_start", "the agent could not be started".into()))
        }
        Exit::Status(status) => Ok(status),
    }
}

/// Parses a line. The line is external: a member of an unexpected form is unknown.
fn stated_result(line: &[u8]) -> Option<StatedResult> {
    let members: Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| members.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| members.get(key).and_then(Value::as_f64);
    let verdict = Verdict {
        status: text("status").filter(|status| !status.is_empty())?,
        title: text("title"),
        category: text("category"),
        confidence: number("confidence"),
        redrive: text("redrive"),
        needs_person: None,
    };
    let turns = members.get("turns").and_then(Value::as_u64);
    Some(StatedResult { verdict, cost_usd: number("cost_usd").and_then(Usd::from_dollars), turns })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_needs_status_0_and_a_json_line() {
        let full = br#"{"status":"likely","title":"t","confidence":0.5,"cost_usd":1.25,"turns":3,"more":[1]}"#;
        let rows: [(&str, Exit, Option<&[u8]>, &str); 11] = [
            (
                "an odd confidence",
                Exit::Status(0),
                Some(br#"{"status":"x","confidence":"high"}"#),
                "completed",
            ),
            ("a full result", Exit::Status(0), Some(full), "completed"),
            ("the least", Exit::Status(0), Some(br#"{"status":"x"}"#), "completed"),
            (
                "a claim without a result",
                Exit::Status(0),
                Some(b"I need Bash permissions"),
                "no_result",
            ),
            ("nothing at all", Exit::Status(0), None, "no_result"),
            ("no status", Exit::Status(0), Some(b"{}"), "no_result"),
            ("a status that is no text", Exit::Status(0), Some(br#"{"status":1}"#), "no_result"),
            ("a result, but a failure", Exit::Status(1), Some(full), "exit_status"),
            ("not found", Exit::Status(127), None, "could_not_start"),
            ("its last command was not found", Exit::Status(127), Some(b"x"), "exit_status"),
            ("killed", Exit::Signal(9), Some(full), "signal"),
        ];
        for (rule, exit, line, word) in rows {
            let found = judge(exit, line).map_or_else(|(reason, _)| reason, |_| "completed");
            assert_eq!(found, word, "{rule}");
        }
        let stated = judge(Exit::Status(0), Some(full)).unwrap();
        let verdict = stated.verdict;
        let found = (verdict.confidence, stated.cost_usd, stated.turns);
        assert_eq!(found, (Some(0.5), Usd::from_dollars(1.25), Some(3)));
        assert_eq!(verdict.redrive, None, "a missing member is unknown");
    }
}
