//! The queue of the desktop channel of `dlq-notify`: one child process a notice.
//!
//! Promises: no call waits for a child; at most two children run at once, for at most five seconds
//! each; at most a hundred notices wait, and beyond that the oldest become one "and N more".

use std::collections::VecDeque;
use std::fmt;
use std::io::{ErrorKind, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::desktop::PLATFORM;
use crate::clock;
use crate::edge::command::stop;
use crate::error::io_cause;
use crate::event::Severity;
use crate::rules::notification::delivery::{Action, Delivery};
use crate::rules::notification::message::Notice;
use crate::rules::notification::payload::desktop::{Replacing, command};

/// The number of children that run at once.
pub const AT_ONCE: usize = 2;
/// The number of notices that wait for a child.
pub const WAITING_MAX: usize = 100;
/// The time after which a child is killed.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// The reasons for which a notice was not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryError {
    /// The notifier program is not installed.
    Missing(String),
    /// The program failed, or could not be started.
    Failed(String),
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeliveryError::Missing(program) => write!(f, "there is no program '{program}' here"),
            DeliveryError::Failed(cause) => f.write_str(cause),
        }
    }
}

/// The result of one delivery.
#[derive(Debug)]
pub struct DeliveryResult<T> {
    /// The contexts of the notices that the delivery showed as one.
    pub about: Vec<T>,
    pub result: Result<(), DeliveryError>,
}

/// The notices for the desktop, waiting and being shown; `T` is the context of a notice.
#[derive(Debug)]
pub struct DesktopQueue<T> {
    waiting: VecDeque<(Notice, T)>,
    running: Vec<NotifierChild<T>>,
    /// The notices that are shown as "and N more", after those that wait.
    more: Vec<T>,
}

#[derive(Debug)]
struct NotifierChild<T> {
    child: Child,
    until: Instant,
    about: Vec<T>,
}

impl<T> Default for DesktopQueue<T> {
    fn default() -> Self {
        DesktopQueue { waiting: VecDeque::new(), running: Vec::new(), more: Vec::new() }
    }
}

impl<T> DesktopQueue<T> {
    /// Queues a notice. Returns true when the queue was full and the
    /// oldest notice was folded into "and N more".
    pub fn push(&mut self, notice: Notice, about: T) -> bool {
        self.waiting.push_back((notice, about));
        if self.waiting.len() <= WAITING_MAX {
            return false;
        }
        self.more.extend(self.waiting.pop_front().map(|(_, about)| about));
        true
    }

    /// Returns whether a notice waits or is being shown.
    pub fn is_busy(&self) -> bool {
        !(self.waiting.is_empty() && self.running.is_empty() && self.more.is_empty())
    }

    /// Returns the contexts of the notices that wait or are being shown.
    pub fn pending(&self) -> impl Iterator<Item = &T> {
        let running = self.running.iter().flat_map(|running| &running.about);
        let waiting = self.waiting.iter().map(|(_, about)| about);
        running.chain(waiting).chain(&self.more)
    }

    /// Collects ended children, kills late ones, and starts the next. Never waits.
    pub fn poll_children(&mut self) -> Vec<DeliveryResult<T>> {
        let now = clock::tick();
        let mut done = Vec::new();
        for mut running in std::mem::take(&mut self.running) {
            match running.ended(now) {
                Some(result) => done.push(DeliveryResult { about: running.about, result }),
                None => self.running.push(running),
            }
        }
        while self.running.len() < AT_ONCE {
            let Some((notice, about)) = self.next_notice() else {
                break;
            };
            match start(&notice) {
                Ok(child) => {
                    self.running.push(NotifierChild { child, until: now + DEADLINE, about });
                }
                Err(failure) => done.push(DeliveryResult { about, result: Err(failure) }),
            }
        }
        done
    }

    fn next_notice(&mut self) -> Option<(Notice, Vec<T>)> {
        if let Some((notice, about)) = self.waiting.pop_front() {
            return Some((notice, vec![about]));
        }
        let about = std::mem::take(&mut self.more);
        let what = format!("and {} more", about.len());
        let next = "they were too many to show; see them with 'dlq-log --since 1h'";
        let notice = Notice::plain(Severity::Warn, "dlq-tools", &what, next, clock::now());
        (!about.is_empty()).then_some((notice, about))
    }
}

impl<T> NotifierChild<T> {
    /// Returns the result; None while the child runs and has time left.
    fn ended(&mut self, now: Instant) -> Option<Result<(), DeliveryError>> {
        let cause = match self.child.try_wait() {
            Ok(Some(status)) if status.success() => return Some(Ok(())),
            Ok(Some(status)) => self.stderr_line().unwrap_or_else(|| status.to_string()),
            Ok(None) if now < self.until => return None,
            Ok(None) => {
                stop(&mut self.child);
                format!("no answer within {} s", DEADLINE.as_secs())
            }
            Err(error) => io_cause(&error),
        };
        Some(Err(DeliveryError::Failed(cause)))
    }

    /// Returns the first line that the child wrote to standard error. Reads only what is there: the
    /// child's own children may still hold the pipe open.
    fn stderr_line(&mut self) -> Option<String> {
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

fn start(notice: &Notice) -> Result<Child, DeliveryError> {
    let at = clock::now();
    let delivery = Delivery {
        id: String::new(),
        action: Action::Trigger,
        incident: None,
        event: None,
        notice: notice.clone(),
        handle: None,
        at,
    };
    let argv = command(PLATFORM, Replacing::Impossible, &delivery);
    let program = argv[0].clone();
    let child = Command::new(&program)
        .args(&argv[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    child.map_err(|error| match error.kind() {
        ErrorKind::NotFound => DeliveryError::Missing(program),
        _ => DeliveryError::Failed(format!("cannot start '{program}': {}", io_cause(&error))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn notice(what: &str) -> Notice {
        let next = "<b>bold</b> & \"quoted\" 'text' \\033";
        Notice::plain(Severity::Error, "--help", what, next, Timestamp::from_millis(0))
    }

    #[test]
    fn notices_over_100_join_the_oldest_and_lose_none() {
        let mut desktop = DesktopQueue::default();
        let crowded = (0..150).filter(|n| desktop.push(notice("x"), *n)).count();
        assert_eq!(crowded, 50);
        assert_eq!(desktop.pending().count(), 150);
        let mut shown = Vec::new();
        while let Some((notice, about)) = desktop.next_notice() {
            shown.push((notice.what, about.len()));
        }
        assert_eq!(shown.len(), 101);
        assert_eq!(shown.last(), Some(&("and 50 more".to_owned(), 50)));
        assert!(!desktop.is_busy());
    }
}
