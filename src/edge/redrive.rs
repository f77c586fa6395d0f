//! The work of `dlq-redrive`: plans, redrives, verification, move tasks of SQS, restores.
//!
//! A move of a queue runs exactly while the lock of its queue is held (`edge/archive.rs`), and is
//! recorded before a message moves. The decisions are in `rules/redrive/`.

mod apply;
mod auto;
mod begin;
mod blocked;
mod command_line;
mod cost;
mod end;
mod gone;
mod interrupted;
mod look;
mod look_up;
mod mover;
mod native;
mod not_found;
mod other_moves;
mod plan;
mod plan_file;
mod progress_bar;
mod record;
mod remedy;
mod restore;
mod route;
mod send_retry;
mod stop;
mod take;
mod verify;
mod watch;

pub use auto::AutoRedrive;
pub use command_line::{ApplyInput, RedriveCommand};

use std::time::Duration;

use crate::config::{QueueRule, Settings};
use crate::document::Keys;
use crate::edge::archive::Archives;
use crate::edge::aws::Sqs;
use crate::edge::peek::Peeker;
use crate::error::Error;
use crate::journal::Journal;
use crate::rules::redrive::document::{Move, Ramp, Redrives};
use crate::rules::redrive::options::{self, PaceOptions};
use crate::rules::redrive::selection::{Selection, SelectionWords};
use crate::store::Store;

/// The messages and the pace that a command line asks for.
#[derive(Debug, Clone, Default)]
pub struct RedriveRequest {
    pub selection: Selection,
    /// The selection as it was given, for people and for a resumed move.
    pub selection_words: Vec<String>,
    pub limit: Option<u64>,
    /// The destination of all messages: a name, URL or ARN.
    pub to: Option<String>,
    /// Whether causes that a verdict advises against are moved, too.
    pub force: bool,
    /// The options of the pace as they were given, for a later run.
    pub options: Vec<String>,
    pub ramp: Ramp,
    /// Whether the command line gives a canary.
    pub has_canary: bool,
    pub rate: Option<u64>,
    pub hold: Option<Duration>,
    /// The time for returns after each step, instead of that of the destination.
    pub wait: Option<Duration>,
    pub batch_window: Option<Duration>,
    pub verifies: bool,
    pub reason: Option<String>,
    /// The incident of the fix, which may be over by now.
    pub incident: Option<String>,
    /// The session and the pull request whose fix is the reason.
    pub session: Option<String>,
    pub pull_request: Option<String>,
}

impl RedriveRequest {
    /// Sets what the words of a selection say.
    pub fn set_words(&mut self, words: Vec<String>) -> Result<(), String> {
        let read = SelectionWords::read(words.iter().map(String::as_str))?;
        (self.selection, self.limit, self.to) = (read.selection, read.limit, read.to);
        self.selection_words = words;
        Ok(())
    }

    /// Sets what the words of the pace say, and of other options those that an earlier run has recorded.
    pub fn set_pace(&mut self, recorded: &[String], given: &[String]) -> Result<(), String> {
        let words = options::merge(recorded, given);
        let read = PaceOptions::read(words.iter().map(String::as_str))?;
        self.ramp = read.steps();
        (self.force, self.verifies) = (read.force, !read.no_verify);
        (self.rate, self.hold) = (read.rate, read.hold);
        (self.wait, self.batch_window) = (read.wait, read.batch_window);
        self.options = words;
        Ok(())
    }

    /// Returns the request of a later run of a redrive, which goes on at the pace that it was begun with.
    pub(super) fn going_on(&self, state: &Move) -> Result<Self, String> {
        let mut request = self.clone();
        request.set_pace(&state.options, &self.options)?;
        Ok(request)
    }
}

/// Moves messages out of dead-letter queues.
pub struct Redriver {
    /// Finds queues, and has the connection.
    peeker: Peeker,
    store: Store,
    journal: Journal,
    archives: Archives,
    /// The rules that name the repository of each queue.
    code: Vec<QueueRule>,
    /// Whether the fixes of the pipe are redriven without a person.
    is_auto: bool,
    dry_run: bool,
}

impl Redriver {
    /// Opens the state; sends no request.
    pub fn open(sqs: Sqs, settings: Settings, store: Store, dry_run: bool) -> Result<Self, Error> {
        // A corrupt file fails before a message moves.
        store.read::<Redrives>(&Keys::none())?;
        let is_auto = settings.features.auto_redrive;
        Ok(Redriver {
            is_auto,
            journal: Journal::new(&store, settings.state.rotation()),
            archives: Archives::new(&store, &settings.state),
            code: settings.auto_investigation.queues.clone(),
            peeker: Peeker::open(sqs, settings, store.clone(), dry_run)?,
            store,
            dry_run,
        })
    }

    fn sqs(&self) -> &Sqs {
        self.peeker.sqs()
    }
}
