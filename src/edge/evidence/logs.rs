//! What consumers wrote about the messages, asked for by the configured commands.
//!
//! The commands are the user's; what is put into them comes from outside, and rules/template.rs
//! sees to it that it stays a word. Promises: no shell, a minute, and half a MiB for each, three minutes for all; what
//! they write is redacted and harmless on a terminal before it is filed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::clock;
use crate::edge::command;
use crate::error::Error;
use crate::event::Queue;
use crate::log;
use crate::rules::evidence::bundle::{Log, Logs};
use crate::rules::evidence::log_command;
use crate::rules::evidence::log_command::LogCommandValues;
use crate::rules::evidence::redact::Redactor;
use crate::store;
use crate::text;
use crate::time::Timestamp;

/// For one command.
const DEADLINE: Duration = Duration::from_secs(60);
/// Of the output of one command.
const OUTPUT_MAX: u64 = 512 << 10;
/// Commands for one queue.
const COMMANDS_MAX: usize = 8;
/// For all commands of one queue.
const ALL: Duration = Duration::from_secs(3 * 60);
/// No id is longer.
const ID_MAX: usize = 128;
/// Clocks differ, and consumers write before and after.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// What the messages say about where they have been.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    messages: BTreeSet<String>,
    requests: BTreeSet<String>,
    traces: BTreeSet<String>,
    first_sent: Option<Timestamp>,
}

impl Sources {
    /// What looks like a secret is no id.
    pub(crate) fn add(
        &mut self,
        message: &str,
        request: Option<&str>,
        trace: Option<&str>,
        redactor: &Redactor,
    ) {
        let known = |id: Option<&str>| {
            id.filter(|id| id.len() <= ID_MAX && redactor.redact_text(id) == **id)
                .map(str::to_owned)
        };
        self.messages.insert(message.to_owned());
        self.requests.extend(known(request));
        self.traces.extend(known(trace));
    }

    pub(crate) fn sent(&mut self, at: Option<Timestamp>) {
        self.first_sent = [self.first_sent, at].into_iter().flatten().min();
    }

    /// Runs the commands one after the other.
    pub(crate) fn run(
        &self,
        commands: &[Vec<String>],
        queue: &Queue,
        redactor: &Redactor,
        folder: &Path,
    ) -> Result<Logs, Error> {
        let now = clock::now();
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect();
        let values = LogCommandValues {
            queue: queue.name.clone(),
            start: self.first_sent.unwrap_or(now).minus(MARGIN),
            end: now.plus(MARGIN),
            message_ids: list(&self.messages),
            request_ids: list(&self.requests),
            trace_ids: list(&self.traces),
        };
        let mut logs = Logs::default();
        let until = clock::tick() + ALL;
        for (at, argv) in commands.iter().take(COMMANDS_MAX).enumerate() {
            let mut log = Log { id: format!("log:{}", at + 1), ..Log::default() };
            match log_command::fill(argv, &values) {
                Some(filled) => {
                    let left = until.saturating_duration_since(clock::tick());
                    run(&mut log, &filled, left.min(DEADLINE), redactor, folder)?;
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
                queue.name
            ));
        }
        Ok(logs)
    }
}

fn run(
    log: &mut Log,
    argv: &[String],
    deadline: Duration,
    redactor: &Redactor,
    folder: &Path,
) -> Result<(), Error> {
    log.command = argv.iter().map(|word| redactor.redact_text(word).into_owned()).collect();
    let ran = match command::run(argv, None, deadline, OUTPUT_MAX, Stdio::null()) {
        Ok(ran) => ran,
        Err(cause) => {
            log.detail = Some(format!("it could not be started: {cause}"));
            return Ok(());
        }
    };
    log.status = ran.status.and_then(|status| status.code());
    log.truncated = ran.more;
    if ran.status.is_none() && !ran.more {
        log.detail = Some(format!("stopped after {}s", deadline.as_secs()));
    }
    let output = String::from_utf8_lossy(&ran.output);
    let output = redactor.redact_text(&output);
    let lines: Vec<String> =
        output.lines().map(|line| text::safe(line) + "\n").map(Into::into).collect();
    let name = format!("{}.txt", log.id.replace(':', "-"));
    store::replace(&folder.join(&name), lines.concat().as_bytes())?;
    log.file = Some(name);
    Ok(())
}
