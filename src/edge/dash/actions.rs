//! Actions of the screen: opens an address, copies text, runs a program of the family.
//!
//! Promises: no shell; an address is https and nothing else; a program is one beside this one. Each
//! runs in a thread of its own, and its result becomes a note.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::Sender;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::guard::TerminalGuard;
use super::input::ScreenMessage;
use crate::config::{Env, Settings};
use crate::edge::{command, process};
use crate::error::io_cause;
use crate::store;
use crate::text::safe;

/// The longest address.
const ADDRESS_MAX: usize = 2048;
/// The longest text that is copied, in bytes: terminals take about 100,000 bytes of base64.
const COPY_MAX: usize = 74_000;
/// The time for a program of the family.
const DEADLINE: Duration = Duration::from_secs(60);
/// The time for tmux to take a text.
const COPY_DEADLINE: Duration = Duration::from_secs(5);

/// The surroundings of the actions.
#[derive(Debug, Clone)]
pub struct Actions {
    path: Option<String>,
    /// Whether a browser can show something.
    has_desktop: bool,
    /// Whether the terminal is one of tmux, which drops what programs copy by its default settings.
    is_in_tmux: bool,
    /// The configuration that programs of the family are given: one that was found in the current
    /// folder is found again, and stays untrusted.
    config: Option<PathBuf>,
    to: Sender<ScreenMessage>,
}

impl Actions {
    pub fn new(settings: &Settings, env: &Env, to: Sender<ScreenMessage>) -> Self {
        let is_set = |name: &str| env.real(name).is_some();
        Actions {
            path: env.real("PATH").map(str::to_owned),
            has_desktop: cfg!(target_os = "macos")
                || ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"].into_iter().any(is_set),
            is_in_tmux: is_set("TMUX"),
            config: settings.origin.path.clone().filter(|_| settings.origin.trusted),
            to,
        }
    }

    fn note(&self, text: String) {
        // The receiver ends with the program.
        let _ = self.to.send(ScreenMessage::Note(text));
    }

    /// Opens an address in the browser of the desktop.
    pub fn open(&self, address: &str) {
        let name = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        let program = process::find(name, self.path.as_deref());
        let program = match program {
            _ if !is_web_address(address) => {
                return self.note("not opened: the address is not a plain https one".into());
            }
            _ if !self.has_desktop => {
                return self.note(format!("no desktop here to open {address}"));
            }
            None => return self.note(format!("'{name}' is not installed to open {address}")),
            Some(program) => program,
        };
        let mut command = Command::new(program);
        // In a group of its own it goes on when the pipeline stops or ends.
        command.arg(address).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (actions, address) = (self.clone(), address.to_owned());
        std::thread::spawn(move || {
            // A browser that was not running may run on as this child.
            let ended = command.spawn().and_then(|mut child| store::wait_for_end(&mut child));
            match ended {
                Ok(status) if status.success() => actions.note(format!("opened {address}")),
                Ok(status) => actions.note(format!("'{name}' failed: {status}")),
                Err(error) => actions.note(format!("cannot run '{name}': {}", io_cause(&error))),
            }
        });
    }

    /// Copies text into the clipboard of the terminal: by OSC 52, inside tmux by tmux.
    pub fn copy(&self, text: &str, guard: &TerminalGuard) {
        let lines: Vec<_> = text.lines().map(safe).collect();
        let text = lines.join("\n");
        if text.len() > COPY_MAX {
            return self.note(format!("not copied: longer than {COPY_MAX} bytes"));
        }
        if self.is_in_tmux && process::find("tmux", self.path.as_deref()).is_some() {
            let actions = self.clone();
            std::thread::spawn(move || actions.note(copy_by_tmux(text)));
            return;
        }
        match guard.write(&clipboard_sequence(&text)) {
            Ok(()) => self.note("copied, if the terminal allows it".into()),
            Err(error) => self.note(format!("not copied: {}", io_cause(&error))),
        }
    }

    /// Runs a program of the family with its arguments.
    pub fn run(&self, argv: Vec<String>) {
        let actions = self.clone();
        std::thread::spawn(move || {
            let name = argv.first().cloned().unwrap_or_default();
            let note = match actions.result(argv.clone()) {
                Ok(()) => format!("{}: done", argv.join(" ")),
                Err(cause) => format!("failed: {name}: {cause}"),
            };
            // The receiver ends with the program.
            let _ = actions.to.send(ScreenMessage::ActionEnd(argv, note));
        });
    }

    /// Runs a program of the family. The error is a sentence.
    fn result(&self, mut argv: Vec<String>) -> Result<(), String> {
        let name = argv.first_mut().ok_or("the command is empty")?;
        let path = beside(name).ok_or("it is not installed beside dlq-dash")?;
        *name = path.display().to_string();
        if let Some(config) = &self.config {
            argv.extend(["--config".to_owned(), config.display().to_string()]);
        }
        let (status, errors) = command::run_for_status(&argv, DEADLINE)?;
        match status {
            None => Err(format!("ended after {} s without an end of its own", DEADLINE.as_secs())),
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(last_line(&errors).unwrap_or_else(|| status.to_string())),
        }
    }
}

/// Returns the path of a program of the family that is beside this one.
pub fn beside(name: &str) -> Option<PathBuf> {
    let is_ours = name.starts_with("dlq-") && !name.contains('/');
    let path = std::env::current_exe().ok().filter(|_| is_ours)?.with_file_name(name);
    process::find(path.to_str()?, None)
}

/// Returns the last line of what a program said, without its name and the level.
fn last_line(errors: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(errors);
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    let cause = line.split_once(": ").map_or(line, |(_, rest)| rest);
    let levels = ["fatal: ", "error: "];
    Some(levels.iter().find_map(|level| cause.strip_prefix(level)).unwrap_or(cause).to_owned())
}

/// Whether an address is https, to a host, and of characters that no program takes for others.
fn is_web_address(address: &str) -> bool {
    let Some(rest) = address.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let in_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    let allowed = |c: char| c.is_ascii_graphic() && !"\"'<>\\^`{|}$;".contains(c);
    address.len() <= ADDRESS_MAX
        && host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.chars().all(in_host)
        && rest.chars().all(allowed)
}

/// Returns the sequence by which a terminal copies a text.
fn clipboard_sequence(text: &str) -> Vec<u8> {
    format!("\x1b]52;c;{}\x07", STANDARD.encode(text)).into_bytes()
}

/// Copies by tmux, which passes it on to the clipboard of its own terminal.
fn copy_by_tmux(text: String) -> String {
    let argv = ["tmux", "load-buffer", "-w", "-"].map(str::to_owned);
    match command::run_notifier(&argv, &[], text.into_bytes(), COPY_DEADLINE) {
        Ok(ran) if ran.status.is_some_and(|status| status.success()) => {
            "copied: tmux has it as its newest buffer".into()
        }
        Ok(ran) => {
            let cause = String::from_utf8_lossy(&ran.errors).trim().to_owned();
            format!("not copied: tmux: {cause}")
        }
        Err(error) => format!("not copied: cannot run 'tmux': {}", io_cause(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_address_is_https_without_tricks() {
        let long = format!("https://github.com/{}", "a".repeat(ADDRESS_MAX));
        let rows = [
            ("https://github.com/acme/orders/pull/12", true),
            ("https://eu-west-1.console.aws.amazon.com/sqs/v3/home?region=eu-west-1#/queues", true),
            ("https://localhost:8443/x%20y?a=b&c=(d)", true),
            ("http://github.com/", false),
            ("file:///etc/passwd", false),
            ("javascript:alert(1)", false),
            ("--help", false),
            ("https://", false),
            ("https:///path", false),
            ("https://-x/", false),
            ("https://github.com@evil.example/", false),
            ("https://a b/", false),
            ("https://a/\"$(reboot)", false),
            ("https://a/;reboot", false),
            ("https://a/\u{1b}[2J", false),
            ("https://gith\u{fc}b.com/", false),
            (&long, false),
        ];
        for (address, expected) in rows {
            assert_eq!(is_web_address(address), expected, "{address}");
        }
    }

    #[test]
    fn copied_text_reaches_terminal_as_base64() {
        assert_eq!(clipboard_sequence("a\x1b[2J"), b"\x1b]52;c;YRtbMko=\x07");
    }

    #[test]
    fn program_outside_of_the_family_is_not_found() {
        for name in ["sh", "/bin/sh", "dlq-x/../../../bin/sh", "dlq-missing", ""] {
            assert_eq!(beside(name), None, "{name}");
        }
    }

    #[test]
    fn cause_is_the_last_line_without_its_program() {
        let rows = [
            ("dlq-status: fatal: no such incident\n\n", Some("no such incident")),
            ("dlq-status: no such incident: x\n", Some("no such incident: x")),
            ("a\nb\n", Some("b")),
            ("\n", None),
        ];
        for (errors, expected) in rows {
            assert_eq!(last_line(errors.as_bytes()).as_deref(), expected, "{errors:?}");
        }
    }
}
