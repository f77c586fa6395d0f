//! The record of a move: `redrives.json`, the journal, the lines on standard output.
//!
//! The document is written before a message moves, and at least once a second while messages do. An
//! event is in the journal before it is printed.

use std::time::{Duration, Instant};

use super::progress_bar;
use crate::clock;
use crate::document::Keys;
use crate::error::Error;
use crate::event::{Event, Payload, RedriveProgressed};
use crate::journal::Journal;
use crate::log;
use crate::rules::redrive::document::{Move, MoveOutcome, MoveStep, Redrives};
use crate::store::Store;
use crate::wire::Output;

/// The age of the document at which it is written again, and the time between two reports.
const WRITE_EVERY: Duration = Duration::from_secs(1);
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// A move that is recorded as it goes on.
pub(super) struct RedriveRecord<'a> {
    store: &'a Store,
    journal: &'a Journal,
    out: &'a mut Output,
    pub(super) state: Move,
    /// The number of events so far, from which their ids are derived.
    events: u64,
    written_at: Instant,
    reported_at: Instant,
    is_reader_gone: bool,
}

impl<'a> RedriveRecord<'a> {
    /// Records that a move begins, before anything moves.
    pub(super) fn begin(
        store: &'a Store,
        journal: &'a Journal,
        out: &'a mut Output,
        state: Move,
    ) -> Result<Self, Error> {
        // Also forgets old moves, of any queue.
        store.update(&Keys::all(), |all: &mut Redrives| {
            match all.get(&state.id).is_some() {
                true => all.put(state.clone()),
                false => all.begin(state.clone()),
            }
            Ok(())
        })?;
        let now = clock::tick();
        Ok(RedriveRecord {
            store,
            journal,
            out,
            state,
            // A resumed move has ids of its own for its events.
            events: 0,
            written_at: now,
            reported_at: now,
            is_reader_gone: false,
        })
    }

    /// Writes the document.
    pub(super) fn write(&mut self) -> Result<(), Error> {
        self.state.updated_at = clock::now();
        let state = self.state.clone();
        let arn = state.queue.arn.clone();
        self.store.update(&Keys::one(Redrives::MOVE, arn.as_str()), |all: &mut Redrives| {
            all.put(state);
            Ok(())
        })?;
        self.written_at = clock::tick();
        Ok(())
    }

    /// Writes and reports what is due.
    pub(super) fn update(&mut self) -> Result<(), Error> {
        if self.written_at.elapsed() >= WRITE_EVERY {
            self.write()?;
        }
        progress_bar::show(&self.state);
        if self.reported_at.elapsed() >= REPORT_EVERY {
            self.report()?;
        }
        Ok(())
    }

    /// Begins a step.
    pub(super) fn enter(&mut self, step: MoveStep) -> Result<(), Error> {
        if self.state.step == Some(step) {
            return Ok(());
        }
        self.state.step = Some(step);
        self.write()?;
        self.report()
    }

    /// Reports the progress.
    pub(super) fn report(&mut self) -> Result<(), Error> {
        self.reported_at = clock::tick();
        let state = &self.state;
        let data = RedriveProgressed {
            queue: state.queue.clone(),
            redrive: state.id.clone(),
            step: state.step.unwrap_or(MoveStep::Rest).to_string(),
            messages: state.messages,
            moved: state.moved,
            returned: state.returned,
            parked: state.parked,
        };
        self.emit(data)
    }

    /// Appends an event to the journal, and prints it.
    pub(super) fn emit<D: Payload>(&mut self, data: D) -> Result<(), Error> {
        let now = clock::now();
        self.events += 1;
        // A resumed move counts anew, so that the time tells its events from the first ones.
        let (count, at) = (self.events.to_string(), now.to_string());
        let parts = [self.state.id.as_str(), D::TYPE.as_str(), count.as_str(), at.as_str()];
        let event = Event::derived(&parts, &self.state.queue.name, now, data);
        let line = event.of_incident(self.state.incident.clone()).line();
        self.journal.append(&line)?;
        if self.is_reader_gone {
            return Ok(());
        }
        match self.out.line(&line).and_then(|()| self.out.flush()) {
            // The messages on their way are more important than a reader.
            Err(Error::Pipe) => {
                self.is_reader_gone = true;
                Ok(())
            }
            other => other,
        }
    }

    /// Records the end, and reports it.
    pub(super) fn finish<D: Payload>(
        &mut self,
        outcome: MoveOutcome,
        data: D,
    ) -> Result<(), Error> {
        progress_bar::clear();
        self.state.outcome = Some(outcome);
        self.state.finished_at = Some(clock::now());
        let written = self.write();
        // The event is worth the same with a document that could not be written.
        log::warn_on_error(written);
        self.emit(data)
    }
}
