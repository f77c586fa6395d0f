//! An invocation of AWS Lambda: what its answer says, how long its round may take, and how it has ended. Pure.

use std::time::Duration;

use serde_json::json;

use crate::rules::http::HttpAnswer;
use crate::time::Timestamp;

/// The time before the deadline of an invocation that is kept to end the programs and to answer. At the
/// deadline Lambda kills the sandbox, and nobody hears why.
pub const RESERVE: Duration = Duration::from_secs(3);

/// An event that this function is to handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaEvent {
    pub id: String,
    /// The moment at which Lambda ends it.
    pub deadline: Timestamp,
}

impl LambdaEvent {
    /// Reads the answer of the runtime to the question for the next event; an error says what is wrong with
    /// it.
    pub fn read(answer: &HttpAnswer) -> Result<Self, String> {
        if !answer.is_success() {
            return Err(format!("the runtime answered HTTP {}", answer.status));
        }
        let id = answer.header("lambda-runtime-aws-request-id").filter(|id| is_id(id));
        let id = id.ok_or("the answer of the runtime has no usable request id")?;
        let deadline = answer.header("lambda-runtime-deadline-ms");
        let deadline = deadline.and_then(|text| text.parse().ok());
        let deadline = deadline.ok_or("the answer of the runtime has no deadline")?;
        Ok(LambdaEvent { id: id.to_owned(), deadline: Timestamp::from_millis(deadline) })
    }

    /// Returns how long a round may take that begins now.
    pub fn time(&self, now: Timestamp) -> Duration {
        self.deadline.since(now).saturating_sub(RESERVE)
    }
}

/// Whether a text can stand in the path of a URL.
fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=128).contains(&text.len()) && text.bytes().all(is_plain)
}

/// The end of a program of the round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramEnd {
    Exited(i32),
    Killed(i32),
    /// Forced, because the invocation has a deadline.
    Overdue,
}

/// The failure of an invocation, as the runtime is told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvocationFault {
    /// The kind, by which alarms and retries can tell faults apart.
    pub kind: &'static str,
    pub message: String,
}

impl InvocationFault {
    /// Returns the body of the message to the runtime.
    pub fn body(&self) -> String {
        json!({"errorMessage": self.message, "errorType": self.kind, "stackTrace": []}).to_string()
    }
}

/// Judges the ends of the programs of a round, in the order of the pipe, and returns the answer. A program that
/// was ended by the deadline comes first: it is why the others were.
pub fn judge(ends: &[(&str, ProgramEnd)]) -> Result<String, InvocationFault> {
    let told = |(name, end): &(&str, ProgramEnd)| match end {
        ProgramEnd::Exited(0) => None,
        ProgramEnd::Exited(status) => Some(format!("{name} ended with status {status}")),
        ProgramEnd::Killed(signal) => Some(format!("{name} ended by signal {signal}")),
        ProgramEnd::Overdue => Some(format!("{name} had not ended before the deadline")),
    };
    let is_overdue = ends.iter().any(|(_, end)| *end == ProgramEnd::Overdue);
    let message: Vec<String> = ends.iter().filter_map(told).collect();
    if message.is_empty() {
        return Ok(json!({"ended": ends.len()}).to_string());
    }
    let kind = if is_overdue { "dlq.Overdue" } else { "dlq.ProgramFailed" };
    Err(InvocationFault { kind, message: message.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> HttpAnswer {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers = headers.iter().map(owned).collect();
        HttpAnswer { status, headers, body: Vec::new(), is_whole: true }
    }

    #[test]
    fn invocation_needs_an_id_and_a_deadline() {
        let id = ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
        let deadline = ("lambda-runtime-deadline-ms", "1542409706888");
        let read = |status, headers: &[_]| LambdaEvent::read(&answer(status, headers));
        let invocation = read(200, &[id, deadline]).unwrap();
        assert_eq!(
            (invocation.id.as_str(), invocation.deadline.millis()),
            (id.1, 1_542_409_706_888)
        );
        let rows = [
            (500, &[id, deadline][..], "HTTP 500"),
            (200, &[deadline], "request id"),
            (200, &[("lambda-runtime-aws-request-id", "../../2018"), deadline], "request id"),
            (200, &[("lambda-runtime-aws-request-id", ""), deadline], "request id"),
            (200, &[id], "no deadline"),
            (200, &[id, ("lambda-runtime-deadline-ms", "soon")], "no deadline"),
        ];
        for (status, headers, expected) in rows {
            let error = read(status, headers).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn round_ends_before_the_deadline() {
        let at = Timestamp::from_millis;
        let invocation = LambdaEvent { id: "a".into(), deadline: at(60_000) };
        let rows = [(0, 57), (57_000, 0), (59_000, 0), (90_000, 0)];
        for (now, seconds) in rows {
            assert_eq!(invocation.time(at(now)), Duration::from_secs(seconds), "{now}");
        }
    }

    #[test]
    fn failure_names_each_program_with_its_end() {
        use ProgramEnd::{Exited, Killed, Overdue};
        let judged = |ends: &[ProgramEnd]| {
            let names = ["dlq-log", "dlq-poll", "dlq-notify", "dlq-metrics"];
            judge(&names.into_iter().zip(ends.iter().copied()).collect::<Vec<_>>())
        };
        assert_eq!(judged(&[Exited(0); 4]).unwrap(), r#"{"ended":4}"#);
        let rows = [
            (
                [Exited(0), Exited(1), Exited(0), Exited(0)],
                "dlq.ProgramFailed",
                "dlq-poll ended with status 1",
            ),
            (
                [Exited(0), Exited(0), Killed(9), Exited(0)],
                "dlq.ProgramFailed",
                "dlq-notify ended by signal 9",
            ),
            (
                [Exited(0), Exited(0), Overdue, Killed(15)],
                "dlq.Overdue",
                "dlq-notify had not ended before the deadline, dlq-metrics ended by signal 15",
            ),
        ];
        for (ends, kind, message) in rows {
            let fault = judged(&ends).unwrap_err();
            assert_eq!((fault.kind, fault.message.as_str()), (kind, message));
            assert!(
                fault.body().contains(&format!("\"errorType\":\"{kind}\"")),
                "{}",
                fault.body()
            );
        }
    }
}
