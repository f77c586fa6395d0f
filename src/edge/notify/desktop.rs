//! The desktop channel: `notify-send`, or `osascript` on macOS, one child process a notice.
//!
//! Promises: the notifier is killed at the deadline with all that it has started. A notice of an
//! incident that is shown already is replaced, where `notify-send` can do that.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{first_line, unanswered};
use crate::clock;
use crate::edge::command;
use crate::error::io_cause;
use crate::rules::notification::delivery::{Delivery, Outcome};
use crate::rules::notification::payload::desktop::{self, Platform, Replacing};

pub(super) const PLATFORM: Platform =
    if cfg!(target_os = "macos") { Platform::MacOs } else { Platform::Other };

/// The notifier of this machine's desktop.
#[derive(Debug, Default)]
pub struct Desktop {
    /// Whether `notify-send` has turned out to be one that cannot replace.
    is_old: AtomicBool,
}

impl Desktop {
    /// Shows a notice. The handle is the id that the desktop gave to it.
    pub fn deliver(&self, delivery: &Delivery, deadline: Duration) -> Outcome {
        let until = clock::tick() + deadline;
        loop {
            let is_old = self.is_old.load(Ordering::Relaxed);
            let replacing = if is_old { Replacing::Impossible } else { Replacing::Possible };
            let argv = desktop::command(PLATFORM, replacing, delivery);
            let remaining = until.saturating_duration_since(clock::tick());
            let ran = match command::run_notifier(&argv, &[], Vec::new(), remaining) {
                Ok(ran) => ran,
                Err(error) => return not_started(&argv[0], &error),
            };
            let cause = match ran.status {
                None => return unanswered(deadline),
                Some(status) if status.success() => {
                    let id = desktop::id(&String::from_utf8_lossy(&ran.output));
                    return Outcome::Delivered { handle: id.map(|id| id.to_string()) };
                }
                Some(status) => {
                    with_remedy(first_line(&ran.errors).unwrap_or_else(|| status.to_string()))
                }
            };
            if is_old || !cause.contains("--print-id") {
                return Outcome::Later { cause, after: None, unknown: false };
            }
            self.is_old.store(true, Ordering::Relaxed);
        }
    }
}

/// Adds the remedy to the cause when the program finds no desktop, as under cron.
fn with_remedy(cause: String) -> String {
    if cause.contains("D-Bus") || cause.contains("DBus") {
        return format!(
            "{cause}; no desktop was found: set DBUS_SESSION_BUS_ADDRESS to that of yours"
        );
    }
    cause
}

/// Returns the outcome for a program that could not be started.
pub(super) fn not_started(program: &str, error: &std::io::Error) -> Outcome {
    let cause = match error.kind() {
        // Somebody may install it.
        ErrorKind::NotFound => format!("there is no program '{program}' here"),
        _ => format!("cannot start '{program}': {}", io_cause(error)),
    };
    Outcome::Later { cause, after: None, unknown: false }
}
