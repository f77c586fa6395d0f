//! The answer of `dlq-status` to a statement, for a person: what holds, until when, and how to take it
//! back.
//!
//! Promises: text from outside is safe for a terminal; the command to take it back can be copied.
//! Pure: the present and the time zone are arguments.

use jiff::tz::TimeZone;

use crate::rules::loss_text;
use crate::shell;
use crate::text::{count, safe, shorten};
use crate::time::Timestamp;

/// The characters of an incident's id that are shown, and that name it.
const ID: usize = 8;
/// The queues that are named.
const NAMED: usize = 5;
/// The longest text that is shown, in characters.
const TEXT_MAX: usize = 200;

/// A statement that is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedStatement {
    Acked {
        incident: String,
        queue: String,
        until: Timestamp,
    },
    Snoozed {
        pull_request: String,
        until: Timestamp,
    },
    /// The end of an acknowledgement. The queue is known while its incident is open.
    Unacked {
        key: String,
        queue: Option<String>,
    },
    Silenced {
        glob: String,
        until: Timestamp,
        watched: WatchedQueues,
    },
    Unsilenced {
        glob: String,
    },
}

/// The watched queues, as far as a pattern matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchedQueues {
    pub count: usize,
    pub matching: Vec<String>,
}

impl RecordedStatement {
    /// Returns the sentences, one a line.
    pub fn sentences(&self, now: Timestamp, zone: &TimeZone) -> Vec<String> {
        let span = |until: Timestamp| {
            let left = loss_text::lasting(until.since(now));
            format!("until {}, for {left}", local(until, now, zone))
        };
        match self {
            RecordedStatement::Acked { incident, queue, until } => {
                let id = incident.get(..ID).unwrap_or(incident);
                vec![
                    format!("{} is acknowledged {}", of_queue(queue, id), span(*until)),
                    "until then only its end is sent; if it still goes on then, that is sent"
                        .into(),
                    format!("take it back: dlq-status --unack {}", shell::quote(id)),
                ]
            }
            RecordedStatement::Snoozed { pull_request, until } => vec![
                format!("{} is snoozed {}", shown(pull_request), span(*until)),
                "until then nothing about it is sent".into(),
                format!("take it back: dlq-status --unack {}", shell::quote(pull_request)),
            ],
            RecordedStatement::Unacked { key, queue } => {
                let id = key.get(..ID).unwrap_or(key);
                let (what, and) = match queue {
                    _ if key.contains('#') => (shown(key), ""),
                    Some(queue) => (of_queue(queue, id), ": reminders and escalation go on"),
                    None => (format!("incident {}", shown(id)), ", and not open any more"),
                };
                vec![format!("{what} is no longer acknowledged{and}")]
            }
            RecordedStatement::Silenced { glob, until, watched } => vec![
                format!("queues '{}' are silenced {}", shown(glob), span(*until)),
                watched.sentence(),
                "a problem that goes on when the silence ends is sent then".into(),
                format!("take it back: dlq-status --unsilence {}", shell::quote(glob)),
            ],
            RecordedStatement::Unsilenced { glob } => vec![format!(
                "queues '{}' are no longer silenced: what has waited is sent by dlq-notify",
                shown(glob)
            )],
        }
    }
}

impl WatchedQueues {
    /// Returns what a pattern matches now.
    fn sentence(&self) -> String {
        let names: Vec<String> = self.matching.iter().take(NAMED).map(|name| shown(name)).collect();
        let more = match self.matching.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        match (self.count, self.matching.len()) {
            (0, _) => "no queue is watched yet".into(),
            (1, 0) => "the one watched queue does not match: check the pattern".into(),
            (all, 0) => format!("none of {all} watched queues matches: check the pattern"),
            (all, found) => {
                let all = count(all as u64, "watched queue");
                format!("{found} of {all} now: {}{more}", names.join(", "))
            }
        }
    }
}

fn of_queue(queue: &str, id: &str) -> String {
    format!("{} (incident {})", shown(queue), shown(id))
}

fn shown(text: &str) -> String {
    shorten(&safe(text), TEXT_MAX).into_owned()
}

/// Formats an instant in a time zone, to the minute: `17:05 CET` of the same day, else
/// `Mon 30 Nov 17:05 CET`.
fn local(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let zoned = |at: Timestamp| {
        jiff::Timestamp::from_millisecond(at.millis()).map(|at| at.to_zoned_datetime(zone.clone()))
    };
    let (Ok(at_zoned), Ok(now)) = (zoned(at), zoned(now)) else { return at.to_string() };
    let form = if at_zoned.date() == now.date() { "%H:%M %Z" } else { "%a %-d %b %H:%M %Z" };
    jiff::fmt::strtime::format(form, &at_zoned).unwrap_or_else(|_| at.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn statement_says_what_holds_until_when_and_how_to_take_it_back() {
        let now = at("2026-11-29T15:00:00Z");
        let until = |hours: u32| now.plus(Duration::from_secs(3600) * hours);
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let watched = |count, names: &[&str]| WatchedQueues {
            count,
            matching: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let silenced = |watched| RecordedStatement::Silenced {
            glob: "orders-*".into(),
            until: until(2),
            watched,
        };
        let goes_on = "a problem that goes on when the silence ends is sent then";
        let unsilence = "take it back: dlq-status --unsilence 'orders-*'";
        let first = "queues 'orders-*' are silenced until 18:00 CET, for 2h";
        let unacked = |key: &str, queue: Option<&str>| RecordedStatement::Unacked {
            key: key.into(),
            queue: queue.map(str::to_owned),
        };
        let id = "0195abcd-1234-8000-8000-000000000000";
        let rows: [(RecordedStatement, &[&str]); 11] = [
            (
                RecordedStatement::Acked {
                    incident: id.into(),
                    queue: "orders-dlq".into(),
                    until: until(24),
                },
                &[
                    "orders-dlq (incident 0195abcd) is acknowledged until Mon 30 Nov 16:00 CET, for 24h",
                    "until then only its end is sent; if it still goes on then, that is sent",
                    "take it back: dlq-status --unack 0195abcd",
                ],
            ),
            (
                RecordedStatement::Snoozed { pull_request: "acme/web#12".into(), until: until(48) },
                &[
                    "acme/web#12 is snoozed until Tue 1 Dec 16:00 CET, for 2d",
                    "until then nothing about it is sent",
                    "take it back: dlq-status --unack 'acme/web#12'",
                ],
            ),
            (
                unacked(id, Some("orders-dlq")),
                &["orders-dlq (incident 0195abcd) is no longer acknowledged: reminders and \
                   escalation go on"],
            ),
            (
                unacked(id, None),
                &["incident 0195abcd is no longer acknowledged, and not open any more"],
            ),
            (unacked("acme/web#12", None), &["acme/web#12 is no longer acknowledged"]),
            (silenced(watched(0, &[])), &[first, "no queue is watched yet", goes_on, unsilence]),
            (
                silenced(watched(1, &[])),
                &[
                    first,
                    "the one watched queue does not match: check the pattern",
                    goes_on,
                    unsilence,
                ],
            ),
            (
                silenced(watched(1, &["orders-dlq"])),
                &[first, "1 of 1 watched queue now: orders-dlq", goes_on, unsilence],
            ),
            (
                silenced(watched(9, &["a", "b", "c", "d", "e\u{1b}[2J", "f", "g"])),
                &[
                    first,
                    "7 of 9 watched queues now: a, b, c, d, e\\u{1b}[2J and 2 more",
                    goes_on,
                    unsilence,
                ],
            ),
            (
                RecordedStatement::Silenced {
                    glob: "it's".into(),
                    until: now.plus(Duration::from_secs(45)),
                    watched: watched(2, &["it's"]),
                },
                &[
                    "queues 'it's' are silenced until 16:00 CET, for 45s",
                    "1 of 2 watched queues now: it's",
                    goes_on,
                    r"take it back: dlq-status --unsilence 'it'\''s'",
                ],
            ),
            (
                RecordedStatement::Unsilenced { glob: "orders-*".into() },
                &[
                    "queues 'orders-*' are no longer silenced: what has waited is sent by dlq-notify",
                ],
            ),
        ];
        for (statement, expected) in rows {
            assert_eq!(statement.sentences(now, &berlin), expected, "{statement:?}");
        }
    }
}
