//! The reports of a move: the journal, and the lines on standard output.
//!
//! An event is in the journal before it is printed.

use std::time::{Duration, Instant};

use super::progress_bar;
use crate::clock;
use crate::edge::move_record::{MoveRecord, is_for_a_person, tell_person};
use crate::error::Error;
use crate::event::{Event, Payload, RedriveProgressed};
use crate::journal::Journal;
use crate::rules::redrive::document::{Move, MoveOutcome, MoveStep};
use crate::store::Store;
use crate::wire::Output;

/// The time between two reports.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// A move that is recorded and reported as it goes on.
pub(super) struct RedriveRecord<'a> {
    pub(super) document: MoveRecord<'a>,
    journal: &'a Journal,
    out: &'a mut Output,
    /// The number of events so far, from which their ids are derived.
    events: u64,
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
        Ok(RedriveRecord {
            document: MoveRecord::begin(store, state)?,
            journal,
            out,
            // A resumed move has ids of its own for its events.
            events: 0,
            reported_at: clock::tick(),
            is_reader_gone: false,
        })
    }

    /// Writes and reports what is due.
    pub(super) fn update(&mut self) -> Result<(), Error> {
        self.document.update()?;
        progress_bar::show(&self.document.state);
        if self.reported_at.elapsed() >= REPORT_EVERY {
            self.report()?;
        }
        Ok(())
    }

    /// Records for how long messages are about to be hidden.
    pub(super) fn hold_for(&mut self, hold: Duration) -> Result<(), Error> {
        let hold_s = hold.as_secs_f64().ceil() as u64;
        if self.document.state.hold_s.is_some_and(|recorded| recorded >= hold_s) {
            return Ok(());
        }
        self.document.state.hold_s = Some(hold_s);
        self.document.write()
    }

    /// Begins a step.
    pub(super) fn enter(&mut self, step: MoveStep) -> Result<(), Error> {
        if self.document.state.step == Some(step) {
            return Ok(());
        }
        self.document.state.step = Some(step);
        self.document.write()?;
        progress_bar::show(&self.document.state);
        self.report()
    }

    /// Reports the progress.
    pub(super) fn report(&mut self) -> Result<(), Error> {
        self.reported_at = clock::tick();
        let state = &self.document.state;
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
        let state = &self.document.state;
        let parts = [state.id.as_str(), D::TYPE.as_str(), count.as_str(), at.as_str()];
        let event = Event::derived(&parts, &state.queue.name, now, data);
        let line = event.of_incident(state.incident.clone()).line();
        self.journal.append(&line)?;
        // A person sees the bar, and a sentence at the end.
        if self.is_reader_gone || is_for_a_person() {
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
        self.document.finish(outcome);
        self.emit(data)?;
        if is_for_a_person() {
            tell_person(&progress_bar::summary(&self.document.state));
        }
        Ok(())
    }
}
