//! The work of `dlq-purge`: archives messages, and deletes exactly those that it has archived.
//!
//! Promises: a message is deleted only after its line is on disk; after an error, a full disk or a
//! signal what was not deleted is put back; while a move or an investigation of the queue runs,
//! nothing is deleted. A move of ours is recorded in `redrives.json` before it begins. The decisions
//! are in `rules/redrive/`.

mod confirm;
mod expiry;
mod filter;
mod hard;
mod messages;

use std::time::Duration;

use crate::clock;
use crate::config::{Settings, Switches};
use crate::document::Keys;
use crate::edge::archive::Archives;
use crate::edge::aws::Sqs;
use crate::edge::move_record::{refuse_task, running_move};
use crate::edge::peek::{PeekTarget, Peeker};
use crate::edge::session_folder::{self, session_folder};
use crate::edge::stop_signals::StopSignals;
use crate::edge::supervisor::files;
use crate::error::Error;
use crate::event::{Event, Payload};
use crate::journal::Journal;
use crate::log;
use crate::rules::evidence::decode::decode;
use crate::rules::evidence::message::Message;
use crate::rules::evidence::redact::Redactor;
use crate::rules::evidence::sample;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::session::SessionStatus;
use crate::rules::queue::reading::{Attributes, Counts, ReadError};
use crate::rules::redrive::document::Redrives;
use crate::rules::redrive::purge;
use crate::rules::redrive::selection::Selection;
use crate::store::{Lock, Store};
use crate::wire::Output;

/// The longest archiving of one queue in a pipe, whose other stages wait for it.
const FILTER_MAX: Duration = Duration::from_secs(10 * 60);

/// Queues and options of a command line.
#[derive(Debug, Clone, Default)]
pub struct PurgeRequest {
    pub queues: Vec<String>,
    /// The account to look in.
    pub account: Option<String>,
    pub selection: Selection,
    /// The text that confirms the purge; None asks on the terminal.
    pub confirmation: Option<String>,
    pub reason: Option<String>,
    /// The options of the command line that tell where to ask, for the command that undoes a purge.
    pub place: String,
    /// Whether SQS deletes everything, without an archive.
    pub hard: bool,
    /// Whether messages are archived and not deleted.
    pub archive_only: bool,
}

/// Archives and purges queues.
pub struct Purger {
    /// Finds queues, and has the connection.
    peeker: Peeker,
    store: Store,
    journal: Journal,
    archives: Archives,
    redactor: Redactor,
    switches: Switches,
    dry_run: bool,
    /// Whether a part of the work of the filter has failed.
    failed: bool,
}

impl Purger {
    /// Opens the state; sends no request.
    pub fn open(sqs: Sqs, settings: Settings, store: Store, dry_run: bool) -> Result<Self, Error> {
        let evidence = &settings.evidence;
        let redactor = Redactor::new(&evidence.redact, &evidence.redact_allow);
        // A corrupt file fails before a message is deleted.
        store.read::<Redrives>(&Keys::none())?;
        Ok(Purger {
            redactor: redactor.map_err(Error::wrong)?,
            journal: Journal::new(&store, settings.state.rotation()),
            archives: Archives::new(&store, &settings.state),
            switches: Switches::new(&settings),
            peeker: Peeker::open(sqs, settings, store.clone(), dry_run)?,
            store,
            dry_run,
            failed: false,
        })
    }

    /// Does what a command line asks for, queue after queue. Returns whether a part of it failed.
    pub fn by_hand(&self, request: &PurgeRequest, out: &mut Output) -> Result<bool, Error> {
        let signals = StopSignals::default();
        if request.archive_only {
            signals.listen()?;
        }
        let mut failed = false;
        for queue in &request.queues {
            let target = self.peeker.find(queue, request.account.as_deref());
            let about = target.as_ref().ok().and_then(|target| target.incident.as_deref());
            log::set_incident(about);
            let done = target.and_then(|target| match (request.archive_only, request.hard) {
                (true, _) => {
                    self.archive(&target, None, &signals, None, out).map(|(failed, _)| failed)
                }
                (false, true) => self.purge_hard(&target, request, out),
                (false, false) => self.purge(&target, request, &signals, out),
            });
            match done {
                Ok(part) => failed |= part,
                Err(error @ (Error::Pipe | Error::Wrong(_) | Error::Usage(_))) => {
                    return Err(error);
                }
                Err(error) => {
                    log::warn(&error.to_string());
                    failed = true;
                }
            }
            if signals.is_ending() {
                break;
            }
        }
        out.flush()?;
        signals.end();
        Ok(failed)
    }

    fn sqs(&self) -> &Sqs {
        self.peeker.sqs()
    }

    /// Reads the attributes of a queue, and refuses one whose messages a receive may move on.
    fn attributes(&self, target: &PeekTarget) -> Result<Attributes, Error> {
        let name = &target.queue.name;
        let failed = |error: &ReadError| Error::failed("read queue", name, error);
        let reading = self.sqs().read(&[(target.scope, target.queue.url.clone())]).pop();
        let reading = reading.ok_or_else(|| failed(&ReadError::Other("no answer".into())))?;
        let attributes = reading.result.map_err(|error| failed(&error))?;
        match purge::refuse_onward(attributes.redrive.as_ref()) {
            Some(why) => Err(Error::failed("receive from queue", name, why)),
            None => Ok(attributes),
        }
    }

    /// Reads the counts at the end of a sweep, when others had messages at its begin. None: they need
    /// not be known, or cannot be read.
    fn counts_after(&self, target: &PeekTarget, before: Counts) -> Option<Counts> {
        if before.in_flight + before.delayed == 0 {
            return None;
        }
        self.attributes(target).ok().map(|now| now.counts)
    }

    /// Takes the lock of a queue for a move.
    fn lock(&self, target: &PeekTarget, doing: &str) -> Result<Lock, Error> {
        let queue = &target.queue;
        let running = || Error::failed(doing, &queue.name, running_move(&self.store, &queue.arn));
        let lock = self.archives.lock(&queue.arn)?.ok_or_else(running)?;
        refuse_task(self.sqs(), target.scope, queue, doing)?;
        Ok(lock)
    }

    /// Refuses to delete messages that an investigation is about.
    fn refuse_investigated(&self, target: &PeekTarget) -> Result<(), Error> {
        let all: Sessions = self.store.read(&Keys::none().with_all(Sessions::SESSION))?;
        let of_queue = all.sessions.iter().filter(|one| one.queue.arn == target.queue.arn);
        for session in of_queue.filter(|one| one.status == SessionStatus::Running) {
            let lock = session_folder(self.store.dir(), &session.id).join(files::LOCK);
            // One whose state is unknown counts as running.
            if session_folder::is_supervised(&lock, session.lock).unwrap_or(true) {
                let why = format!(
                    "session {} is investigating it; wait for its end, or stop it with \
                     'dlq-investigate --stop {}'",
                    session.id, session.id
                );
                return Err(Error::failed("purge queue", &target.queue.name, why));
            }
        }
        Ok(())
    }

    /// Returns the id of the cause of a message.
    fn fingerprint(&self, message: &Message) -> String {
        sample::fingerprint_of(&decode(message), &self.redactor).id
    }

    /// Appends an event to the journal, and prints it; None: a person has its sentence. In a dry run it is printed
    /// only.
    fn emit<D: Payload>(
        &self,
        id: &str,
        target: &PeekTarget,
        data: D,
        out: Option<&mut Output>,
    ) -> Result<(), Error> {
        let parts = [id, D::TYPE.as_str()];
        let event = Event::derived(&parts, &target.queue.name, clock::now(), data);
        let line = event.of_incident(target.incident.clone()).line();
        if !self.dry_run {
            self.journal.append(&line)?;
        }
        let Some(out) = out else { return Ok(()) };
        out.line(&line)?;
        out.flush()
    }
}
