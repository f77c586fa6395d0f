//! The stream through `dlq-redrive --auto`: lines pass at once, and a redrive is a child, whose lines
//! are printed when they come.
//!
//! A line is a hint only: what is redriven is decided from `prs.json` (`rules/redrive/due.rs`). The
//! child is a process of its own, because a canary takes minutes. The end of this program ends no
//! redrive halfway.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::{RedriveRequest, Redriver, sampled};
use crate::args::Given;
use crate::config::Switches;
use crate::document::Keys;
use crate::error::Error;
use crate::event::{Head, Type};
use crate::log;
use crate::rules::investigation::document::Sessions;
use crate::rules::pull_request::document::PullRequests;
use crate::rules::redrive::document::Redrives;
use crate::rules::redrive::due::{self, DueRedrive};
use crate::store::{self, BlockingWait, Store};
use crate::wire::{Output, StreamFilter};

/// The interval at which the child is looked at while it runs.
const TICK: Duration = Duration::from_millis(100);
/// The time for the child after the end of the input.
const DRAIN: Duration = Duration::from_secs(120);
/// The most heartbeats from a try that has failed to the next one, which is twice as far each time.
const PAUSE_MAX: u32 = 64;
/// The longest line of a child.
const LINE_MAX: usize = 8192;

/// The child, and its lines.
struct RedriveChild {
    child: Child,
    lines: Receiver<Vec<u8>>,
}

/// The state of one run.
pub struct AutoRedrive {
    /// The program, and the options that the child gets.
    command: Vec<OsString>,
    switches: Switches,
    store: Store,
    child: Option<RedriveChild>,
    is_due: bool,
    /// The heartbeats between the last try and the next, and those that are left; None: nothing failed.
    pause: u32,
    left: Option<u32>,
    failed: bool,
}

impl AutoRedrive {
    /// Creates a filter that starts the program which runs, with the options that it was given.
    pub fn new(given: &Given, switches: Switches, store: Store) -> Result<Self, Error> {
        let own =
            std::env::current_exe().map_err(|error| Error::failed("find", "dlq-redrive", error))?;
        let mut command = vec![own.into_os_string(), "--due".into()];
        for option in [
            "config",
            "log-format",
            "profile",
            "region",
            "endpoint-url",
            "wait",
            "batch-window",
            "hold",
        ] {
            let value = given.text(option);
            command.extend(value.map(|value| format!("--{option}={value}").into()));
        }
        for flag in ["verbose", "dry-run"] {
            command.extend(given.has(flag).then(|| format!("--{flag}").into()));
        }
        // What an earlier run has left is due, too.
        let (child, is_due, failed) = (None, true, false);
        Ok(AutoRedrive { command, switches, store, child, is_due, pause: 0, left: None, failed })
    }

    /// Notes that a try has failed: a redrive that it could not record is due still.
    fn fail(&mut self) {
        self.failed = true;
        self.pause = (self.pause * 2).clamp(1, PAUSE_MAX);
        self.left = Some(self.pause);
    }

    /// Counts a heartbeat.
    fn pass_heartbeat(&mut self) {
        self.left = self.left.map(|left| left.saturating_sub(1));
        if self.left == Some(0) {
            (self.left, self.is_due) = (None, true);
        }
    }

    /// Prints the lines of the child, and notes its end.
    fn collect(&mut self, out: &mut Output) -> Result<(), Error> {
        let Some(running) = &mut self.child else { return Ok(()) };
        let ended = running.child.try_wait();
        let ended = ended.map_err(|error| Error::failed("wait for", "a redrive", error))?;
        // Read after the look at the process: nothing comes after its end.
        let lines: Vec<Vec<u8>> = match ended {
            Some(_) => running.lines.iter().collect(),
            None => running.lines.try_iter().collect(),
        };
        for line in &lines {
            out.line(line)?;
        }
        if let Some(status) = ended {
            self.child = None;
            if status.success() {
                (self.pause, self.left) = (0, None);
            } else {
                self.fail();
            }
        }
        Ok(())
    }

    /// Starts what is due.
    fn start(&mut self) {
        if self.child.is_some() || !self.is_due || !self.switches.now().auto_redrive {
            return;
        }
        self.is_due = false;
        let started = match find_due(&self.store) {
            Ok(due) if due.is_empty() => return,
            Ok(_) => self.spawn().map_err(|error| Error::failed("start", "a redrive", error)),
            Err(error) => Err(error),
        };
        match started {
            Ok(child) => self.child = Some(child),
            Err(error) => {
                log::warn(&error.to_string());
                self.fail();
            }
        }
    }

    fn spawn(&self) -> std::io::Result<RedriveChild> {
        let Some((program, options)) = self.command.split_first() else {
            return Err(std::io::ErrorKind::InvalidInput.into());
        };
        let mut child = Command::new(program)
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // A signal to the whole pipe, as `scripts/pipeline` and a terminal send it, is not for it.
            .process_group(0)
            .spawn()?;
        let (to, lines) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut from = BufReader::new(stdout);
                let mut line = Vec::new();
                while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                    if line.len() <= LINE_MAX && to.send(std::mem::take(&mut line)).is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
        Ok(RedriveChild { child, lines })
    }
}

impl StreamFilter for AutoRedrive {
    fn on_line(
        &mut self,
        head: Option<&Head<'_>>,
        _line: &[u8],
        out: &mut Output,
    ) -> Result<(), Error> {
        match head.and_then(|head| head.known) {
            Some(Type::PrDeployed) => self.is_due = true,
            Some(Type::PollFinished) => self.pass_heartbeat(),
            _ => {}
        }
        self.collect(out)?;
        self.start();
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.child.as_ref().map(|_| TICK)
    }

    fn on_idle(&mut self, out: &mut Output) -> Result<(), Error> {
        self.collect(out)?;
        out.flush()?;
        self.start();
        Ok(())
    }

    /// Makes what is due once more, and waits for it. What takes longer goes on by itself.
    fn finish(&mut self, out: &mut Output) -> Result<bool, Error> {
        let until = crate::clock::tick() + DRAIN;
        self.start();
        while self.child.is_some() && crate::clock::tick() < until {
            store::sleep(BlockingWait::ProcessEnd, TICK / 2);
            self.collect(out)?;
            out.flush()?;
            self.start();
        }
        if self.child.is_some() {
            log::warn("a redrive is still running; that goes on");
        }
        Ok(self.failed)
    }
}

/// Returns the redrives that the records say are due.
fn find_due(store: &Store) -> Result<Vec<DueRedrive>, Error> {
    let all = Keys::none().with_all(PullRequests::SESSION).with_all(PullRequests::WATCHED);
    let prs: PullRequests = store.read(&all)?;
    let sessions: Sessions = store.read(&Keys::none().with_all(Sessions::SESSION))?;
    let redrives: Redrives = store.read(&Keys::none().with_all(Redrives::MOVE))?;
    Ok(due::due(&prs, &sessions, &redrives))
}

impl Redriver {
    /// Redrives the messages of the fixes that are live, each once. Returns whether a part failed.
    pub fn redrive_due(&self, request: &RedriveRequest, out: &mut Output) -> Result<bool, Error> {
        let mut failed = false;
        for due in find_due(&self.store)? {
            let mut request = request.clone();
            let words = vec![format!("fingerprint={}", due.fingerprint)];
            request.set_words(words).map_err(Error::Failed)?;
            let evidence = sampled::read(self.store.dir(), &due.incident, &due.fingerprint);
            (request.selection.sampled, request.selection.learns) = evidence;
            request.session = Some(due.session);
            request.pull_request = Some(due.pull_request.clone());
            request.reason = Some(format!("{} is deployed", due.pull_request));
            request.verifies = true;
            log::info(&format!("the fix '{}' is deployed", due.pull_request));
            let queue = super::ApplyInput::Queue(due.queue.url);
            match self.apply(&queue, &request, out) {
                Ok(has_failed) => failed |= has_failed,
                Err(Error::Pipe) => return Err(Error::Pipe),
                Err(error) => {
                    log::warn(&error.to_string());
                    failed = true;
                }
            }
        }
        Ok(failed)
    }
}
