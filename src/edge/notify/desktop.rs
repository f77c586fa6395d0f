//! The desktop's notifications: `notify-send`, or `osascript` on macOS, one child a notice.
//!
//! Promises: never waits for a child; at most two at once, each with five seconds; at most a
//! hundred notices wait, beyond which the oldest become one "and N more". Text is an argument
//! after `--`: nothing in it can be an option, a script or markup.

use std::collections::VecDeque;
use std::fmt;
use std::io::{ErrorKind, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::clock;
use crate::error::io_cause;
use crate::event::Severity;
use crate::rules::notification::message::Sentence;

/// Children at once.
pub const AT_ONCE: usize = 2;
/// Notices that wait for a child.
pub const WAITING_MAX: usize = 100;
/// What a child has, before it is killed.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Where the notices are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    MacOs,
    Other,
}

const SYSTEM: System = if cfg!(target_os = "macos") { System::MacOs } else { System::Other };

/// Why a notice was not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is no such program here.
    Missing(&'static str),
    /// It ran and failed, or could not be started.
    Failed(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Missing(program) => write!(f, "there is no program '{program}' here"),
            Failure::Failed(cause) => f.write_str(cause),
        }
    }
}

/// What came of a notice.
#[derive(Debug)]
pub struct Done<T> {
    /// What it was about; several when they were summed up in one.
    pub about: Vec<T>,
    /// Whether it was shown.
    pub result: Result<(), Failure>,
}

/// A channel to the desktop; `T` is what its notices are about.
#[derive(Debug)]
pub struct Desktop<T> {
    waiting: VecDeque<(Sentence, T)>,
    running: Vec<Running<T>>,
    /// What is shown as "and N more" when its turn comes.
    more: Vec<T>,
}

#[derive(Debug)]
struct Running<T> {
    child: Child,
    until: Instant,
    about: Vec<T>,
}

impl<T> Default for Desktop<T> {
    fn default() -> Self {
        Desktop { waiting: VecDeque::new(), running: Vec::new(), more: Vec::new() }
    }
}

impl<T> Desktop<T> {
    /// Takes a notice; true when another had to make room for it and will be summed up.
    pub fn push(&mut self, sentence: Sentence, about: T) -> bool {
        self.waiting.push_back((sentence, about));
        if self.waiting.len() <= WAITING_MAX {
            return false;
        }
        self.more.extend(self.waiting.pop_front().map(|(_, about)| about));
        true
    }

    /// Whether anything is on its way.
    pub fn busy(&self) -> bool {
        !(self.waiting.is_empty() && self.running.is_empty() && self.more.is_empty())
    }

    /// What is on its way.
    pub fn pending(&self) -> impl Iterator<Item = &T> {
        let running = self.running.iter().flat_map(|running| &running.about);
        let waiting = self.waiting.iter().map(|(_, about)| about);
        running.chain(waiting).chain(&self.more)
    }

    /// Buries the dead, kills the late, starts the next. Never waits.
    pub fn turn(&mut self) -> Vec<Done<T>> {
        let now = clock::tick();
        let mut done = Vec::new();
        for mut running in std::mem::take(&mut self.running) {
            match running.ended(now) {
                Some(result) => done.push(Done { about: running.about, result }),
                None => self.running.push(running),
            }
        }
        while self.running.len() < AT_ONCE {
            let Some((sentence, about)) = self.next_notice() else {
                break;
            };
            match start(&sentence) {
                Ok(child) => {
                    self.running.push(Running { child, until: now + DEADLINE, about });
                }
                Err(failure) => done.push(Done { about, result: Err(failure) }),
            }
        }
        done
    }

    fn next_notice(&mut self) -> Option<(Sentence, Vec<T>)> {
        if let Some((sentence, about)) = self.waiting.pop_front() {
            return Some((sentence, vec![about]));
        }
        let about = std::mem::take(&mut self.more);
        let what = format!("and {} more", about.len());
        let next = "they were too many to show; see them with 'dlq-log --since 1h'";
        let sentence = Sentence::plain(Severity::Warn, "dlq-tools", &what, next, clock::now());
        (!about.is_empty()).then_some((sentence, about))
    }
}

impl<T> Running<T> {
    /// What came of it; None while it runs and has time left.
    fn ended(&mut self, now: Instant) -> Option<Result<(), Failure>> {
        match self.child.try_wait() {
            Ok(Some(status)) if status.success() => return Some(Ok(())),
            Ok(Some(status)) => {
                let said = self.said().unwrap_or_else(|| status.to_string());
                return Some(Err(Failure::Failed(said)));
            }
            Ok(None) if now < self.until => return None,
            Ok(None) => {}
            Err(error) => return Some(Err(Failure::Failed(io_cause(&error)))),
        }
        self.kill();
        let seconds = DEADLINE.as_secs();
        Some(Err(Failure::Failed(format!("no answer within {seconds} s"))))
    }

    fn kill(&mut self) {
        // It leads a group of its own: what it has started goes with it.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The first line that it has written to standard error. Its pipe may still be held open by
    /// what it started, so this reads only what is there.
    fn said(&mut self) -> Option<String> {
        let mut pipe = self.child.stderr.take()?;
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&pipe, PollFlags::IN)], Some(&now))
            .ok()
            .filter(|ready| *ready > 0)?;
        let mut bytes = [0; 512];
        let count = pipe.read(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes[..count]);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        Some(line.to_owned())
    }
}

fn start(sentence: &Sentence) -> Result<Child, Failure> {
    let (program, arguments) = command(SYSTEM, sentence);
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    child.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::Missing(program),
        _ => Failure::Failed(format!("cannot start '{program}': {}", io_cause(&error))),
    })
}

/// The program and its arguments: the text stands after `--`, and is data to all of them.
fn command(system: System, sentence: &Sentence) -> (&'static str, Vec<String>) {
    let (title, body) = (sentence.title(), sentence.body());
    match system {
        System::MacOs => {
            let script = [
                "on run argv",
                "display notification (item 2 of argv) with title (item 1 of argv)",
                "end run",
            ];
            let mut arguments: Vec<String> = Vec::new();
            arguments.extend(script.iter().flat_map(|line| ["-e".to_owned(), (*line).to_owned()]));
            arguments.extend(["--".to_owned(), title, body]);
            ("osascript", arguments)
        }
        System::Other => {
            let urgency = match sentence.severity {
                Severity::Debug | Severity::Info => "low",
                Severity::Warn => "normal",
                Severity::Error | Severity::Fatal => "critical",
            };
            let urgency = format!("--urgency={urgency}");
            let app = "--app-name=dlq-tools".to_owned();
            ("notify-send", vec![app, urgency, "--".to_owned(), title, unmarked(&body)])
        }
    }
}

/// A body is markup to most daemons; and before that notify-send takes a backslash in it for the
/// beginning of an escape, so that `\033` would arrive as ESC.
fn unmarked(text: &str) -> String {
    text.replace('\\', "\\\\").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn sentence(what: &str) -> Sentence {
        let next = "<b>bold</b> & \"quoted\" 'text' \\033";
        Sentence::plain(Severity::Error, "--help", what, next, Timestamp::from_millis(0))
    }

    #[test]
    fn text_is_data_on_every_system() {
        let (program, arguments) = command(System::Other, &sentence("-n"));
        assert_eq!(program, "notify-send");
        let body = "ERROR 00:00:00Z\n&lt;b&gt;bold&lt;/b&gt; &amp; \"quoted\" 'text' \\\\033";
        let expected = ["--app-name=dlq-tools", "--urgency=critical", "--", "--help: -n", body];
        assert_eq!(arguments, expected);

        let (program, arguments) = command(System::MacOs, &sentence("\" & do shell script \"x"));
        assert_eq!(program, "osascript");
        let dashes = arguments.iter().position(|argument| argument == "--").unwrap();
        assert_eq!(arguments[dashes + 1], "--help: \" & do shell script \"x");
        assert!(arguments[..dashes].iter().all(|argument| !argument.contains("do shell")));
        assert_eq!(arguments.len(), dashes + 3);
    }

    #[test]
    fn beyond_a_hundred_the_oldest_are_summed_up_and_none_is_forgotten() {
        let mut desktop = Desktop::default();
        let crowded = (0..150).filter(|n| desktop.push(sentence("x"), *n)).count();
        assert_eq!(crowded, 50);
        assert_eq!(desktop.pending().count(), 150);
        let mut shown = Vec::new();
        while let Some((sentence, about)) = desktop.next_notice() {
            shown.push((sentence.what, about.len()));
        }
        assert_eq!(shown.len(), 101);
        assert_eq!(shown.last(), Some(&("and 50 more".to_owned(), 50)));
        assert!(!desktop.busy());
    }
}
