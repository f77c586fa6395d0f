//! The speech channel: one `dlq-say` a notice, with the sentence on its standard input.
//!
//! Promises: text of others is never an argument; a child is killed with its player at the deadline, or
//! when what it waits to say is withdrawn.

use std::collections::HashSet;
use std::process::ExitStatus;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::desktop::not_started;
use super::unanswered;
use crate::config::{Channel, Origin};
use crate::edge::command::{self, RunLimit};
use crate::error::Error;
use crate::event::{Line, peek};
use crate::log;
use crate::rules::notification::delivery::{Delivery, Outcome};
use crate::rules::speech::sentence::{Spoken, of_event, of_words};
use crate::rules::speech::sound::Sound;

const PROGRAM: &str = "dlq-say";
/// The time for a notice: others that speak, two requests, and the audio.
pub const DEADLINE: Duration = Duration::from_secs(150);
/// The number of different warnings that are passed on.
const WARNINGS_MAX: usize = 100;

/// A channel that speaks.
#[derive(Debug)]
pub struct Speech {
    argv: Vec<String>,
    /// Set to end an attempt under way.
    stop: Arc<AtomicBool>,
    /// The warnings of `dlq-say` that were passed on: without a folder for its memory it has one for each
    /// sentence.
    warned: Mutex<HashSet<String>>,
}

impl Speech {
    /// Finds `dlq-say` beside the running program, else in `PATH`. A configuration that was named, or
    /// found where only the user writes, is passed on; one of the current folder is found again, so
    /// that it stays untrusted.
    pub fn new(channel: &Channel, origin: &Origin) -> Result<Self, Error> {
        let own = std::env::current_exe().map_err(|error| Error::failed("find", PROGRAM, error))?;
        let beside = Some(own.with_file_name(PROGRAM)).filter(|path| path.is_file());
        let program = beside.map_or(PROGRAM.to_owned(), |path| path.display().to_string());
        let mut argv = vec![program, "--channel".to_owned(), channel.name.clone()];
        if let Some(path) = origin.path.as_ref().filter(|_| origin.trusted) {
            argv.extend(["--config".to_owned(), path.display().to_string()]);
        }
        Ok(Speech { argv, stop: Arc::default(), warned: Mutex::default() })
    }

    /// Lets a flag end the attempts: they may wait long for their turn.
    pub fn stopped_by(self, stop: &Arc<AtomicBool>) -> Self {
        Speech { stop: stop.clone(), ..self }
    }

    /// Says a notice. A notice of several events is said in the words of its title.
    pub fn deliver(&self, delivery: &Delivery, deadline: Duration) -> Outcome {
        let Spoken { text, sound } = spoken(delivery);
        let argv = [&self.argv[..], &["--sound".to_owned(), sound.to_string()]].concat();
        let limit = RunLimit { deadline, stop: Some(&self.stop) };
        match command::run_notifier(&argv, &[], text.into_bytes(), limit) {
            Err(error) => not_started(&argv[0], &error),
            Ok(ran) => match ran.status {
                None => unanswered(deadline),
                Some(status) => {
                    let (outcome, warnings) = outcome(status, &ran.errors);
                    warnings.iter().for_each(|warning| self.warn_once(warning));
                    outcome
                }
            },
        }
    }

    fn warn_once(&self, warning: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() < WARNINGS_MAX && warned.insert(warning.to_owned()) {
            log::warn(warning);
        }
    }
}

/// Returns what is said of a notice.
fn spoken(delivery: &Delivery) -> Spoken {
    if let Some(text) = &delivery.notice.spoken {
        return Spoken { text: text.clone(), sound: Sound::Alarm };
    }
    let line = delivery.event.as_deref().unwrap_or_default().as_bytes();
    match peek(line) {
        Line::Event(head) => of_event(&head, line),
        _ => of_words(delivery.notice.severity, &delivery.notice.subject, &delivery.notice.what),
    }
}

/// Judges the exit status of `dlq-say`, whose last line is then the cause. Returns its warnings, too.
fn outcome(status: ExitStatus, errors: &[u8]) -> (Outcome, Vec<String>) {
    let errors = String::from_utf8_lossy(errors);
    let lines = errors.lines().map(|line| line.strip_prefix("dlq-say: ").unwrap_or(line));
    let mut lines: Vec<&str> = lines.collect();
    let last = if status.success() { None } else { lines.pop() };
    let warning = |line: &&str| format!("{PROGRAM}: {}", line.trim_start_matches("warning: "));
    let warnings = lines.iter().map(warning).collect();
    if status.success() {
        return (Outcome::Delivered { handle: None }, warnings);
    }
    let cause = last.map_or(status.to_string(), |line| line.trim_start_matches("fatal: ").into());
    // A configuration that it refuses can be mended while the notice waits.
    (Outcome::Later { cause, after: None, unknown: false }, warnings)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::event::Severity;
    use crate::rules::notification::delivery::{Action, ProblemKeys};
    use crate::rules::notification::message::Notice;
    use crate::time::Timestamp;

    fn delivery(event: Option<&str>) -> Delivery {
        let at = Timestamp::from_millis(0);
        let what = "5 queues <break/> raised";
        Delivery {
            id: "id".into(),
            action: Action::Trigger,
            key: String::new(),
            problems: ProblemKeys::default(),
            incident: None,
            event: event.map(Arc::from),
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
        let argv = vec![program.display().to_string(), "--channel".into(), "voice".into()];
        let speech = Speech { argv, stop: Arc::default(), warned: Mutex::default() };
        let outcome = speech.deliver(delivery, Duration::from_secs(2));
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
            (None, "--channel voice --sound alarm\nError, e orders: a few queues break raised."),
            (
                Some("no event"),
                "--channel voice --sound alarm\nError, e orders: a few queues break raised.",
            ),
        ];
        for (at, (event, expected)) in rows.into_iter().enumerate() {
            let (outcome, taken) = deliver(&format!("input{at}"), "exit 0", &delivery(event));
            assert_eq!((outcome, taken.as_str()), (Outcome::Delivered { handle: None }, expected));
        }
    }

    #[test]
    fn notice_with_words_of_its_own_is_said_in_them() {
        let raised =
            r#"{"specversion":"1.0","id":"i","source":"s","type":"queue.raised","subject":"q"}"#;
        let mut delivery = delivery(Some(raised));
        delivery.notice.spoken = Some("Reminder: q still has one dead letter.".into());
        let (_, taken) = deliver("reminder", "exit 0", &delivery);
        let expected = "--channel voice --sound alarm\nReminder: q still has one dead letter.";
        assert_eq!(taken, expected);
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
                later("no channel", false),
            ),
            ("hanging", "sleep 600 & wait", later("no answer within 2s", true)),
        ];
        for (name, script, expected) in rows {
            assert_eq!(deliver(name, script, &delivery(None)).0, expected, "{name}");
        }
    }
}
