//! The stream through `dlq-redrive --auto`: lines pass at once, and a redrive is a child, whose lines
//! are printed when they come.
//!
//! A line is a hint only: what is redriven is decided from `prs.json` (`rules/redrive/due.rs`). A
//! canary takes minutes, so that a redrive is a child (`edge/filter_child.rs`).

use std::path::Path;
use std::time::Duration;

use super::interrupted::whole_archive;
use super::stop::MoveStop;
use super::{RedriveRequest, Redriver};
use crate::args::Given;
use crate::clock;
use crate::config::{QueueRule, Settings, Switches};
use crate::document::Keys;
use crate::edge::archive::is_move_running;
use crate::edge::filter_child::{self, ChildCommand, FilterChild, TICK};
use crate::error::Error;
use crate::event::{Event, Head, Queue, RedriveAborted, Type};
use crate::log;
use crate::rules::investigation::document::Sessions;
use crate::rules::pull_request::document::PullRequests;
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome, Redrives};
use crate::rules::redrive::due::{self, DueRedrive, QueueOfCause};
use crate::rules::redrive::options;
use crate::rules::redrive::progress::ArchiveState;
use crate::rules::redrive::reverify;
use crate::store::Store;
use crate::text;
use crate::wire::{Output, StreamFilter, failed_in_part};

/// The most heartbeats from a try that has failed to the next one, which is twice as far each time.
const PAUSE_MAX: u32 = 64;
/// The options that the child gets, besides those of every program.
pub(super) const OPTIONS: &[&str] = &[
    "config",
    "log-format",
    "profile",
    "region",
    "endpoint-url",
    "canary",
    "ramp",
    "rate",
    "wait",
    "batch-window",
    "hold",
];

/// The state of one run.
pub struct AutoRedrive {
    command: ChildCommand,
    switches: Switches,
    /// The rules that name the repository of each queue.
    code: Vec<QueueRule>,
    store: Store,
    child: Option<FilterChild>,
    is_due: bool,
    /// The heartbeats between the last try and the next, and those that are left; None: nothing failed.
    pause: u32,
    left: Option<u32>,
    failed: bool,
}

impl AutoRedrive {
    /// Creates a filter that starts the program which runs, with the options that it was given.
    pub fn new(given: &Given, settings: &Settings, store: Store) -> Result<Self, Error> {
        let command =
            ChildCommand::of_this_program(given, OPTIONS, &["verbose", "quiet", "dry-run"])?;
        // What an earlier run has left is due, too.
        let (child, is_due, failed) = (None, true, false);
        let (switches, code) =
            (Switches::new(settings), settings.auto_investigation.queues.clone());
        Ok(AutoRedrive {
            command,
            switches,
            code,
            store,
            child,
            is_due,
            pause: 0,
            left: None,
            failed,
        })
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
        if let Some(status) = filter_child::collect(&mut self.child, out)? {
            match status.success() {
                true => (self.pause, self.left) = (0, None),
                false => {
                    self.fail();
                    // It was killed: the next one tells what has become of its redrive.
                    self.is_due |= status.code().is_none();
                }
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
        let started = match Findings::read(&self.store, &self.code) {
            Ok(found) if found.due.is_empty() && found.killed.is_empty() => return,
            Ok(_) => self.command.spawn("--due", "a redrive"),
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
        self.start();
        let is_busy = filter_child::drain(|| {
            self.collect(out)?;
            out.flush()?;
            self.start();
            Ok(self.child.is_some())
        })?;
        if is_busy {
            log::warn("a redrive is still running; that goes on");
        }
        Ok(self.failed)
    }
}

/// The work that the records name.
struct Findings {
    due: Vec<DueRedrive>,
    /// The redrives that a kill has interrupted.
    killed: Vec<Move>,
    /// The redrives that have stopped before their end.
    stopped: Vec<Move>,
}

impl Findings {
    fn read(store: &Store, code: &[QueueRule]) -> Result<Self, Error> {
        let all = Keys::none().with_all(PullRequests::SESSION).with_all(PullRequests::WATCHED);
        let prs: PullRequests = store.read(&all)?;
        let all = Keys::none().with_all(Sessions::SESSION).with_all(Sessions::INCIDENT);
        let sessions: Sessions = store.read(&all)?;
        let redrives: Redrives = store.read(&Keys::none().with_all(Redrives::MOVE))?;
        // What cannot be asked may be running.
        let is_running = |arn: &str| is_move_running(store, arn).unwrap_or(true);
        Ok(Findings {
            due: due::due(&prs, &sessions, &redrives, &|queue| {
                code.iter().find(|rule| rule.matching.matches(queue))?.github.as_deref()
            }),
            killed: due::interrupted(&redrives, is_running),
            stopped: due::stopped(&prs, &redrives).cloned().collect(),
        })
    }
}

/// Warns of redrives that have stopped, when nothing else is due: a person decides. Returns whether there
/// are any.
fn tell_stopped(stopped: &[Move]) -> bool {
    for one in stopped {
        log::warn(&format!(
            "the redrive of queue '{}' for '{}' has not come to its end, and what has the same cause waits: {}",
            text::safe(&one.queue.name),
            text::safe(one.pull_request.as_deref().unwrap_or_default()),
            reverify::go_on(one),
        ));
    }
    !stopped.is_empty()
}

fn quoted_names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("'{}'", text::safe(name))).collect::<Vec<_>>().join(", ")
}

impl Redriver {
    /// Redrives the messages of the fixes that are live, each queue once, and tells of redrives that were
    /// killed. Returns whether a part failed.
    pub fn redrive_due(&self, request: &RedriveRequest, out: &mut Output) -> Result<bool, Error> {
        let found = Findings::read(&self.store, &self.code)?;
        if found.due.is_empty() && found.killed.is_empty() {
            return Ok(tell_stopped(&found.stopped));
        }
        let mut failed = false;
        for killed in found.killed.iter().filter(|_| !self.dry_run) {
            failed |= self.tell_killed(killed, out)?;
        }
        for due in found.due {
            failed |= self.redrive_fix(&due, request, out)?;
        }
        Ok(failed)
    }

    /// Redrives the queues of a fix, one after the other, until one has not come to its end. Returns
    /// whether a part failed.
    fn redrive_fix(
        &self,
        due: &DueRedrive,
        request: &RedriveRequest,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let mut request = request.clone();
        let words = vec![format!("fingerprint={}", due.fingerprint)];
        request.set_words(words).map_err(Error::Failed)?;
        request.session = Some(due.session.clone());
        request.pull_request = Some(due.pull_request.clone());
        request.reason = Some(format!("{} is deployed", due.pull_request));
        request.verifies = true;
        log::info(&format!("the fix '{}' is deployed", due.pull_request));
        if !due.elsewhere.is_empty() {
            // Their incidents stay open, and people were told of these.
            log::info(&format!(
                "{} with the cause that '{}' has fixed: {}; auto_investigation.queues[].github says that \
                 their code is elsewhere or does not say where it is: they are not redriven",
                text::count(due.elsewhere.len() as u64, "other queue"),
                due.pull_request,
                quoted_names(due.elsewhere.iter().map(String::as_str)),
            ));
        }
        let mut failed = false;
        for (at, QueueOfCause { queue, incident }) in due.queues.iter().enumerate() {
            request.incident = Some(incident.clone()).filter(|id| !id.is_empty());
            let input = super::ApplyInput::Queue(queue.url.clone());
            failed |= failed_in_part(self.apply(&input, &request, out))?;
            if self.has_stopped(&due.session, queue)? {
                self.tell_waiting(due, at, &request.options);
                return Ok(true);
            }
        }
        Ok(failed)
    }

    /// Whether the redrive of a queue for a fix has begun and has not come to its end.
    fn has_stopped(&self, session: &str, queue: &Queue) -> Result<bool, Error> {
        let moves: Redrives = self.store.read(&Keys::one(Redrives::MOVE, &queue.arn))?;
        let last = moves
            .of_queue(&queue.arn)
            .rev()
            .find(|one| one.kind == MoveKind::Redrive && one.session.as_deref() == Some(session));
        Ok(last.is_some_and(|one| one.outcome != Some(MoveOutcome::Completed)))
    }

    /// Warns of the queues with the same cause behind one whose redrive has stopped.
    fn tell_waiting(&self, due: &DueRedrive, stopped: usize, options: &[String]) {
        let (name, rest) = (&due.queues[stopped].queue.name, &due.queues[stopped + 1..]);
        if rest.is_empty() {
            return;
        }
        let names = quoted_names(rest.iter().map(|one| one.queue.name.as_str()));
        log::warn(&format!(
            "{} with the same cause {} not redriven, because the redrive of queue '{}' has not come to its end: \
             {}; they follow when '--resume' has completed it, or 'dlq-redrive apply{} --fingerprint {} QUEUE' \
             moves one of them",
            text::count(rest.len() as u64, "queue"),
            if rest.len() == 1 { "is" } else { "are" },
            text::safe(name),
            names,
            options::place(options),
            text::safe(&due.fingerprint),
        ));
    }

    /// Tells of a redrive that was killed, once, and records its end. Returns whether it was told.
    fn tell_killed(&self, killed: &Move, out: &mut Output) -> Result<bool, Error> {
        let Some(_lock) = self.archives.lock(&killed.queue.arn)? else { return Ok(false) };
        let archive = killed.archive.as_deref().map(Path::new);
        let (state, is_read) = match archive.map(|path| whole_archive(killed, path)) {
            Some(Ok(state)) => (state, true),
            Some(Err(_)) => (ArchiveState::default(), false),
            None => (ArchiveState::default(), true),
        };
        let moved = killed.moved.max(state.count(|one| one.is_sent && one.is_deleted));
        let unsettled = state.unsettled();
        let remedy = MoveStop::Interrupted.remedy(killed);
        let detail = format!(
            "its process was killed, {} not known; {remedy}",
            match unsettled {
                _ if !is_read =>
                    "its archive cannot be read, and the end of its messages is".to_owned(),
                1 => "and the end of 1 message is".to_owned(),
                more => format!("and the end of {more} messages is"),
            }
        );
        let data = RedriveAborted {
            queue: killed.queue.clone(),
            redrive: killed.id.clone(),
            reason: MoveStop::Interrupted.word().to_owned(),
            detail: detail.clone(),
            moved,
            returned: killed.returned,
            left: None,
            archive: killed.archive.clone(),
            regression: false,
            pull_request: killed.pull_request.clone(),
            fingerprint: killed.only_fingerprint(),
        };
        let parts = [killed.id.as_str(), "killed", &killed.updated_at.to_string()];
        let event = Event::derived(&parts, &killed.queue.name, clock::now(), data);
        let line = event.of_incident(killed.incident.clone()).line();
        let keys = Keys::one(Redrives::MOVE, killed.queue.arn.as_str());
        let is_told = self.store.update(&keys, |all: &mut Redrives| {
            let known = all.moves.iter_mut().find(|one| one.id == killed.id);
            let Some(known) = known.filter(|one| one.finished_at.is_none()) else {
                return Ok(false);
            };
            // What may have left the queue is the most that it had: the record may be a second old.
            known.deleted = known.deleted_at_most(false);
            known.moved = moved;
            known.finished_at = Some(known.updated_at);
            known.outcome = Some(MoveOutcome::Aborted);
            self.journal.append(&line).map(|()| true)
        })?;
        if is_told {
            let name = text::safe(&killed.queue.name);
            log::warn(&format!("the redrive of queue '{name}' has stopped: {detail}"));
            out.line(&line)?;
            out.flush()?;
        }
        Ok(is_told)
    }
}
