//! The speech channel: one `dlq-say` a notice, with the sentence on its standard input.
//!
//! Promises: text of others is never an argument; a child is killed with its player at the deadline.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::config::{Channel, Origin};
use crate::edge::command::stop;
use crate::error::{Error, io_cause};
use crate::event::{Line, peek};
use crate::rules::notification::delivery::{Delivery, Outcome};
use crate::rules::speech::sentence::{Spoken, of_event, of_words};
use crate::store::{self, BlockingWait};
use crate::{clock, log};

const PROGRAM: &str = "dlq-say";
/// The time for a notice: others that speak, two requests, and the audio.
pub const DEADLINE: Duration = Duration::from_secs(150);
/// The bytes of standard error that are read.
const ERRORS_MAX: u64 = 4096;
/// The exit status of wrong usage or configuration.
const WRONG: i32 = 2;

/// A channel that speaks.
#[derive(Debug, Clone)]
pub struct Speech {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Speech {
    /// Finds `dlq-say` beside the running program, else in `PATH`. A configuration that was named, or
    /// found where only the user writes, is passed on; one of the current folder is found again, so
    /// that it stays untrusted.
    pub fn new(channel: &Channel, origin: &Origin) -> Result<Self, Error> {
        let own = std::env::current_exe().map_err(|error| Error::failed("find", PROGRAM, error))?;
        let beside = Some(own.with_file_name(PROGRAM)).filter(|path| path.is_file());
        let mut arguments = vec!["--channel".to_owned(), channel.name.clone()];
        if let Some(path) = origin.path.as_ref().filter(|_| origin.trusted) {
            arguments.extend(["--config".to_owned(), path.display().to_string()]);
        }
        Ok(Speech { program: beside.unwrap_or_else(|| PROGRAM.into()), arguments })
    }

    /// Says a notice. A notice of several events is said in the words of its title.
    pub fn deliver(&self, delivery: &Delivery, deadline: Duration) -> Outcome {
        let spoken = spoken(delivery);
        match self.start(&spoken) {
            Ok(child) => outcome(child, deadline),
            Err(cause) => Outcome::Refused { cause },
        }
    }

    fn start(&self, spoken: &Spoken) -> Result<Child, String> {
        let failed = |error: std::io::Error| {
            format!("cannot start '{}': {}", self.program.display(), io_cause(&error))
        };
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .args(["--sound", spoken.sound.as_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        if let Some(mut input) = child.stdin.take() {
            // A sentence fits into a pipe; a child that has ended tells why by its status.
            let _ = input.write_all(spoken.text.as_bytes());
        }
        Ok(child)
    }
}

/// Returns what is said of a notice.
fn spoken(delivery: &Delivery) -> Spoken {
    let line = delivery.event.as_deref().unwrap_or_default().as_bytes();
    match peek(line) {
        Line::Event(head) => of_event(&head, line),
        _ => of_words(delivery.notice.severity, &delivery.notice.subject, &delivery.notice.what),
    }
}

/// Waits for the end of `dlq-say`. Its warnings are passed on.
fn outcome(mut child: Child, deadline: Duration) -> Outcome {
    let until = clock::tick() + deadline;
    let errors = child.stderr.take().map(|pipe| {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = pipe.take(ERRORS_MAX).read_to_end(&mut text);
            // The receiver is gone after the deadline.
            let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
        });
        receiver
    });
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if clock::tick() < until => {}
            Ok(None) | Err(_) => {
                stop(&mut child);
                let cause = format!("no end within {} s", deadline.as_secs());
                return Outcome::Later { cause, after: None, unknown: true };
            }
        }
        store::sleep(BlockingWait::ProcessEnd, Duration::from_millis(10));
    };
    let errors = errors.and_then(|errors| store::receive(&errors, Duration::from_secs(1)).ok());
    let errors = errors.unwrap_or_default();
    let lines = errors.lines().map(|line| line.strip_prefix("dlq-say: ").unwrap_or(line));
    let mut lines: Vec<&str> = lines.collect();
    let cause = match status.code() {
        Some(0) => None,
        _ => Some(lines.pop().map_or_else(|| status.to_string(), str::to_owned)),
    };
    for line in lines {
        log::warn(&format!("{PROGRAM}: {}", line.trim_start_matches("warning: ")));
    }
    match (cause, status.code()) {
        (None, _) => Outcome::Delivered { handle: None },
        (Some(cause), Some(WRONG)) => Outcome::Refused { cause: fatal_cause(&cause) },
        (Some(cause), _) => {
            Outcome::Later { cause: fatal_cause(&cause), after: None, unknown: false }
        }
    }
}

fn fatal_cause(line: &str) -> String {
    line.trim_start_matches("fatal: ").to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::event::Severity;
    use crate::rules::notification::delivery::Action;
    use crate::rules::notification::message::Notice;
    use crate::time::Timestamp;

    fn delivery(event: Option<&str>) -> Delivery {
        let at = Timestamp::from_millis(0);
        let what = "5 queues <break/> raised";
        Delivery {
            id: "id".into(),
            action: Action::Trigger,
            incident: None,
            event: event.map(str::to_owned),
            notice: Notice::plain(Severity::Error, "-e orders-dlq", what, "", at),
            handle: None,
            at,
        }
    }

    /// Runs the channel with a script in the place of `dlq-say`.
    fn deliver(name: &str, script: &str, delivery: &Delivery) -> (Outcome, String) {
        let dir = std::env::temp_dir().join(format!("dlq-speech-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let program = dir.join("dlq-say");
        let out = dir.join("out");
        let text = format!("#!/bin/sh\n{{ echo \"$*\"; cat; }} > '{}'\n{script}\n", out.display());
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let arguments = vec!["--channel".to_owned(), "voice".to_owned()];
        let outcome = Speech { program, arguments }.deliver(delivery, Duration::from_secs(2));
        let taken = std::fs::read_to_string(&out).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        (outcome, taken)
    }

    #[test]
    fn sentence_is_input_and_sound_an_argument() {
        let merged = r#"{"specversion":"1.0","id":"i","source":"s","type":"pr.merged","subject":"acme/orders#1","data":{"pr":{"ours":true}}}"#;
        let rows = [
            (
                Some(merged),
                "--channel voice --sound celebration\nGood news! Our pull request in orders was merged.",
            ),
            (None, "--channel voice --sound alarm\nError, e orders: 5 queues break raised."),
            (
                Some("no event"),
                "--channel voice --sound alarm\nError, e orders: 5 queues break raised.",
            ),
        ];
        for (at, (event, expected)) in rows.into_iter().enumerate() {
            let (outcome, taken) = deliver(&format!("input{at}"), "exit 0", &delivery(event));
            assert_eq!((outcome, taken.as_str()), (Outcome::Delivered { handle: None }, expected));
        }
    }

    #[test]
    fn exit_status_is_the_outcome() {
        let later =
            |cause: &str, unknown| Outcome::Later { cause: cause.into(), after: None, unknown };
        let rows = [
            (
                "failed",
                "echo 'dlq-say: fatal: cannot play' >&2; exit 1",
                later("cannot play", false),
            ),
            ("silent", "exit 1", later("exit status: 1", false)),
            (
                "wrong",
                "echo 'dlq-say: warning: x' >&2; echo 'dlq-say: fatal: no channel' >&2; exit 2",
                Outcome::Refused { cause: "no channel".into() },
            ),
            ("hanging", "sleep 600 & wait", later("no end within 2 s", true)),
        ];
        for (name, script, expected) in rows {
            assert_eq!(deliver(name, script, &delivery(None)).0, expected, "{name}");
        }
    }
}
