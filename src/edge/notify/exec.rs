//! The exec channel: a command of the user for each notice.
//!
//! Promises: no shell; the notice is in variables, never an argument; the command is killed at the
//! deadline with all that it has started.

use std::process::ExitStatus;
use std::time::Duration;

use super::desktop::not_started;
use super::{first_line, unanswered};
use crate::config::{Channel, Env};
use crate::edge::command;
use crate::error::Error;
use crate::rules::notification::delivery::{Delivery, Outcome};
use crate::rules::notification::payload::exec;

/// The command of a channel.
#[derive(Debug)]
pub struct Exec {
    argv: Vec<String>,
}

impl Exec {
    pub fn new(channel: &Channel, _env: &Env) -> Result<Self, Error> {
        Ok(Exec { argv: channel.connection.command.clone() })
    }

    /// Runs the command for a notice.
    pub fn deliver(&self, delivery: &Delivery, deadline: Duration) -> Outcome {
        let variables = exec::variables(delivery);
        match command::run_notifier(&self.argv, &variables, exec::input(delivery), deadline) {
            Err(error) => not_started(&self.argv[0], &error),
            Ok(ran) => match ran.status {
                None => unanswered(deadline),
                Some(status) => outcome(status, &ran.errors),
            },
        }
    }
}

/// Judges the exit status. Another run fails as well after 64 (usage), 65 (data), 77 (permission), 78
/// (configuration), and after 126 and 127, by which a shell says that it found no program.
fn outcome(status: ExitStatus, errors: &[u8]) -> Outcome {
    if status.success() {
        return Outcome::Delivered { handle: None };
    }
    let cause = match first_line(errors) {
        Some(line) => format!("{status}: {line}"),
        None => status.to_string(),
    };
    match status.code() {
        Some(64 | 65 | 77 | 78 | 126 | 127) => Outcome::Refused { cause },
        _ => Outcome::Later { cause, after: None, unknown: false },
    }
}
