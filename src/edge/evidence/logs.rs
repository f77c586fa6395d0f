//! Log commands: fetch what consumers logged about the messages of a bundle.
//!
//! The commands are the user's. The values filled in are untrusted; rules/evidence/log_command.rs
//! keeps each of them one argument. Promises: no shell; a minute and half a MiB for a command,
//! three minutes for all; output is redacted and escaped for terminals before it is written.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::letters::Letters;
use crate::clock;
use crate::edge::command;
use crate::error::Error;
use crate::log;
use crate::rules::evidence::bundle::{Log, Logs};
use crate::rules::evidence::log_command;
use crate::rules::evidence::log_command::LogCommandValues;
use crate::rules::evidence::logs::command_output;
use crate::rules::evidence::redact::Redactor;
use crate::store;
use crate::text;

/// The time for one command.
const DEADLINE: Duration = Duration::from_secs(60);
/// The most output of one command, in bytes.
const OUTPUT_MAX: u64 = 512 << 10;
/// The most commands for one queue.
const COMMANDS_MAX: usize = 8;
/// The time for all commands of one queue.
const DEADLINE_ALL: Duration = Duration::from_secs(3 * 60);

/// Runs the commands one after another and writes their output into `folder`. Letters get the
/// causes that the output shows.
pub(super) fn run_all(
    commands: &[Vec<String>],
    values: &LogCommandValues,
    letters: &mut Letters,
    redactor: &Redactor,
    folder: &Path,
) -> Result<Logs, Error> {
    let mut logs = Logs::default();
    let until = clock::tick() + DEADLINE_ALL;
    for (at, argv) in commands.iter().take(COMMANDS_MAX).enumerate() {
        let mut log = Log { id: format!("log:{}", at + 1), ..Log::default() };
        match log_command::fill(argv, values) {
            Some(filled) => {
                let remaining = until.saturating_duration_since(clock::tick());
                let output = run(&mut log, &filled, remaining.min(DEADLINE), redactor, folder)?;
                let causes = command_output::causes(&output, &letters.unexplained());
                letters.explain(&mut log, causes, None, redactor);
            }
            None => {
                log.command.clone_from(argv);
                log.detail = Some("not run: the messages have no ids to put into it".into());
            }
        }
        if let (None, Some(detail)) = (log.status, &log.detail) {
            let program = argv.first().map_or("", String::as_str);
            log::info(&format!("evidence command '{program}': {detail}"));
        }
        logs.logs.push(log);
    }
    if commands.len() > COMMANDS_MAX {
        log::warn(&format!(
            "only the first {COMMANDS_MAX} evidence commands of queue '{}' are run",
            values.queue
        ));
    }
    Ok(logs)
}

/// Runs a command, writes its redacted output, and returns the output as it is.
fn run(
    log: &mut Log,
    argv: &[String],
    deadline: Duration,
    redactor: &Redactor,
    folder: &Path,
) -> Result<String, Error> {
    log.command = argv.iter().map(|word| redactor.redact_text(word).into_owned()).collect();
    let ran = match command::run(argv, None, deadline, OUTPUT_MAX, Stdio::null()) {
        Ok(ran) => ran,
        Err(cause) => {
            log.detail = Some(format!("could not be started: {cause}"));
            return Ok(String::new());
        }
    };
    log.status = ran.status.and_then(|status| status.code());
    log.truncated = ran.more;
    if ran.status.is_none() && !ran.more {
        log.detail = Some(format!("stopped after {}s", deadline.as_secs()));
    }
    let output = String::from_utf8_lossy(&ran.output);
    let redacted = redactor.redact_text(&output);
    let lines: Vec<String> =
        redacted.lines().map(|line| text::safe(line) + "\n").map(Into::into).collect();
    let name = format!("{}.txt", log.id.replace(':', "-"));
    store::replace(&folder.join(&name), lines.concat().as_bytes())?;
    log.file = Some(name);
    Ok(output.into_owned())
}
