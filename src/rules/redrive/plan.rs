//! The file format of a plan: a head, a line for each message, and an end that tells a whole plan from
//! one that was cut. Pure.
//!
//! A plan is a list of ids and hints. It holds no message, and nothing in it is believed: where a
//! message goes is decided from the message (`destination`).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::Queue;
use crate::time::Timestamp;

/// The version of the format.
pub const VERSION: u32 = 1;
/// The longest line, and the most messages, of a plan.
pub const LINE_MAX: usize = 64 << 10;
pub const MESSAGES_MAX: usize = 1_000_000;

/// The first line of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanHead {
    /// The version of the format.
    pub plan: u32,
    pub queue: Queue,
    pub at: Timestamp,
    /// The incident that is open in the queue.
    #[serde(default)]
    pub incident: Option<String>,
    /// The selection as it was given, for people.
    #[serde(default)]
    pub selection: String,
}

/// A message of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedMessage {
    /// The message id.
    pub id: String,
    /// The ARN of the destination.
    pub to: String,
    pub fingerprint: String,
    pub sent_at: Option<Timestamp>,
    /// The group in a FIFO queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// The last line of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanEnd {
    /// The number of messages.
    pub messages: u64,
    /// The number of messages that were looked at.
    pub seen: u64,
}

/// A line after the head.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum PlanLine {
    Message(PlannedMessage),
    End(PlanEnd),
}

/// A fault of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanFault {
    /// The file has no line.
    Empty,
    /// A line that is not one of a plan, by its number.
    Foreign(u64),
    /// A first line without a queue.
    NoQueue,
    /// A plan of another version.
    Version(u32),
    /// The end is missing, or says another number.
    Cut {
        read: u64,
        said: Option<u64>,
    },
    /// A message stands twice, by the number of the line.
    Twice(u64),
    TooMany,
}

impl fmt::Display for PlanFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanFault::Empty => f.write_str("it is empty"),
            PlanFault::Foreign(line) => write!(f, "line {line} is not one of a plan"),
            PlanFault::NoQueue => f.write_str("line 1 has neither ARN nor URL of a queue"),
            PlanFault::Version(version) => {
                write!(f, "it has version {version}, and this program reads version {VERSION}")
            }
            PlanFault::Cut { read, said: None } => {
                write!(f, "it has no end after {read} messages: it was cut")
            }
            PlanFault::Cut { read, said: Some(said) } => {
                write!(f, "it has {read} messages, and its end says {said}: it was cut or edited")
            }
            PlanFault::Twice(line) => write!(f, "line {line} repeats a message"),
            PlanFault::TooMany => write!(f, "it has more than {MESSAGES_MAX} messages"),
        }
    }
}

/// Reads plans line by line.
#[derive(Debug, Default)]
pub struct PlanReader {
    line: u64,
    head: Option<PlanHead>,
    messages: u64,
    end: Option<PlanEnd>,
}

impl PlanReader {
    /// Reads the next line. Returns its message; None for the head, the end and a blank line.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<PlannedMessage>, PlanFault> {
        self.line += 1;
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let foreign = PlanFault::Foreign(self.line);
        if line.len() > LINE_MAX || self.end.is_some() {
            return Err(foreign);
        }
        if self.head.is_none() {
            let head: PlanHead = serde_json::from_slice(line).map_err(|_| foreign)?;
            if head.plan != VERSION {
                return Err(PlanFault::Version(head.plan));
            }
            if head.queue.arn.is_empty() && head.queue.url.is_empty() {
                return Err(PlanFault::NoQueue);
            }
            self.head = Some(head);
            return Ok(None);
        }
        match serde_json::from_slice(line).map_err(|_| foreign)? {
            PlanLine::End(end) => {
                self.end = Some(end);
                Ok(None)
            }
            PlanLine::Message(message) => {
                self.messages += 1;
                match self.messages > MESSAGES_MAX as u64 {
                    true => Err(PlanFault::TooMany),
                    false => Ok(Some(message)),
                }
            }
        }
    }

    /// Returns the number of the last line.
    pub fn number(&self) -> u64 {
        self.line
    }

    /// Checks that the plan is whole, and returns its head.
    pub fn finish(self) -> Result<PlanHead, PlanFault> {
        let head = self.head.ok_or(PlanFault::Empty)?;
        let said = self.end.map(|end| end.messages);
        match said == Some(self.messages) {
            true => Ok(head),
            false => Err(PlanFault::Cut { read: self.messages, said }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> String {
        let head = PlanHead {
            plan: VERSION,
            queue: Queue { arn: "arn:aws:sqs:r:1:orders-dlq".into(), ..Queue::default() },
            at: Timestamp::from_millis(0),
            incident: None,
            selection: "all".into(),
        };
        serde_json::to_string(&head).unwrap()
    }

    fn message(id: &str) -> String {
        format!(r#"{{"id":"{id}","to":"arn","fingerprint":"f","sent_at":null}}"#)
    }

    fn read(lines: &[String]) -> Result<(PlanHead, Vec<String>), PlanFault> {
        let (mut reader, mut ids) = (PlanReader::default(), Vec::new());
        for line in lines {
            ids.extend(reader.line(line.as_bytes())?.map(|one| one.id));
        }
        Ok((reader.finish()?, ids))
    }

    #[test]
    fn plan_is_read_whole_or_refused() {
        let end = |n: u64| format!(r#"{{"messages":{n},"seen":9}}"#);
        let other = head().replace("\"plan\":1", "\"plan\":2");
        let rows: [(&str, Vec<String>, Result<usize, PlanFault>); 13] = [
            ("whole", vec![head(), message("a"), message("b"), end(2)], Ok(2)),
            ("of nothing", vec![head(), end(0)], Ok(0)),
            ("blank lines", vec![head(), String::new(), message("a"), end(1), "".into()], Ok(1)),
            ("empty", vec![], Err(PlanFault::Empty)),
            ("no head", vec![message("a"), end(1)], Err(PlanFault::Foreign(1))),
            (
                "no queue",
                vec![head().replace("arn:aws:sqs:r:1:orders-dlq", ""), end(0)],
                Err(PlanFault::NoQueue),
            ),
            ("no JSON", vec![head(), "a".into()], Err(PlanFault::Foreign(2))),
            ("another object", vec![head(), r#"{"id":"a"}"#.into()], Err(PlanFault::Foreign(2))),
            ("another version", vec![other], Err(PlanFault::Version(2))),
            ("cut", vec![head(), message("a")], Err(PlanFault::Cut { read: 1, said: None })),
            (
                "a line removed",
                vec![head(), message("a"), end(2)],
                Err(PlanFault::Cut { read: 1, said: Some(2) }),
            ),
            ("after the end", vec![head(), end(0), message("a")], Err(PlanFault::Foreign(3))),
            ("too long", vec![head(), message(&"a".repeat(LINE_MAX))], Err(PlanFault::Foreign(2))),
        ];
        for (rule, lines, expected) in rows {
            assert_eq!(read(&lines).map(|(_, ids)| ids.len()), expected, "{rule}");
        }
    }

    #[test]
    fn lines_read_back_as_they_were_written() {
        let planned = PlannedMessage {
            id: "a".into(),
            to: "arn:aws:sqs:eu-west-1:000000000000:orders".into(),
            fingerprint: "0123456789abcdef".into(),
            sent_at: Some(Timestamp::from_millis(1000)),
            group: Some("customer 7".into()),
        };
        let line = serde_json::to_string(&planned).unwrap();
        let mut reader = PlanReader::default();
        reader.line(head().as_bytes()).unwrap();
        assert_eq!(reader.line(line.as_bytes()), Ok(Some(planned)));
        assert!(reader.line(b"{\"messages\":1,\"seen\":1}").unwrap().is_none());
        assert_eq!(reader.finish().unwrap().selection, "all");
    }
}
