//! What an investigator's ending means.
//!
//! A result is an exit status of 0 **and** a last line on standard output that is a JSON object
//! with a `status`. Anything else is a failure, whatever the exit status says.

use serde_json::Value;

use crate::event::Verdict;

/// How the agent's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

/// What it means.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A result, what it cost and how many turns it took, as far as the agent says.
    Completed(Verdict, Option<f64>, Option<u64>),
    /// None, and why: a word, and a sentence.
    Failed(&'static str, String),
}

/// Judges an ending by its exit and the last line on standard output that is not blank.
pub fn judge(exit: Exit, last_line: Option<&[u8]>) -> Outcome {
    match exit {
        Exit::Status(0) => {}
        // What the shim, a shell and env(1) say when a program cannot be run. One that has written
        // something did run.
        Exit::Status(126 | 127) if last_line.is_none() => {
            return Outcome::Failed("could_not_start", "the agent could not be started".into());
        }
        Exit::Status(status) => {
            return Outcome::Failed("exit_status", format!("the agent ended with status {status}"));
        }
        Exit::Signal(signal) => {
            return Outcome::Failed("signal", format!("the agent was ended by signal {signal}"));
        }
    }
    let Some(line) = last_line else {
        return Outcome::Failed(
            "no_result",
            "the agent ended with status 0 and wrote nothing".into(),
        );
    };
    // The agent's words come from outside: what has another form than expected is unknown.
    let said: Value = serde_json::from_slice(line).unwrap_or_default();
    let text = |key: &str| said.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| said.get(key).and_then(Value::as_f64);
    match text("status").filter(|status| !status.is_empty()) {
        Some(status) => {
            let verdict = Verdict {
                status,
                title: text("title"),
                category: text("category"),
                confidence: number("confidence"),
                redrive: text("redrive"),
            };
            let turns = said.get("turns").and_then(Value::as_u64);
            Outcome::Completed(verdict, number("cost_usd"), turns)
        }
        None => Outcome::Failed(
            "no_result",
            "the agent ended with status 0, but its last line is not a JSON object with a status"
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_result_is_a_result() {
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
            let found = match judge(exit, line) {
                Outcome::Completed(..) => "completed",
                Outcome::Failed(reason, _) => reason,
            };
            assert_eq!(found, word, "{rule}");
        }
        let Outcome::Completed(verdict, cost, turns) = judge(Exit::Status(0), Some(full)) else {
            panic!("a full result")
        };
        assert_eq!((verdict.confidence, cost, turns), (Some(0.5), Some(1.25), Some(3)));
        assert_eq!(verdict.redrive, None, "what is not said is unknown");
    }
}
