//! The dispatcher's deliveries: attempts, their results, and the records of them.
//!
//! Promises: the event of a result is in the journal before the entry leaves the outbox. What only has to
//! be struck off the list in `notices.json` is recorded together, so that a long backlog does not rewrite a
//! document of many MiB for each delivery; an entry whose end changes more leaves the outbox after that.

use std::time::{Duration, Instant};

use super::Dispatcher;
use crate::clock;
use crate::edge::command;
use crate::edge::notify::console;
use crate::edge::notify::drain::{Completion, Drain, DrainResult};
use crate::edge::notify::lines::{failed_line, sent_line};
use crate::edge::notify::records::Finished;
use crate::error::Error;
use crate::log;
use crate::text::count;
use crate::wire::Output;

/// The intervals at which attempts under way are looked at: the shortest after a result, then longer.
const POLL_MIN: Duration = Duration::from_millis(1);
const POLL_MAX: Duration = Duration::from_millis(20);
/// The longest time without a look at a channel that pauses.
const PAUSED_POLL: Duration = Duration::from_millis(500);
/// The results that are journaled together: so many at most, and none of them later than this.
const TOGETHER_MAX: usize = 256;
const TOGETHER_TIME: Duration = Duration::from_millis(50);
/// The part of the time that records of deliveries take at most: one in so many.
const RECORD_SHARE: u32 = 10;
/// The time for attempts under way when the time for deliveries is over.
const LAST_ATTEMPTS: Duration = Duration::from_secs(2);
/// The further time for a sentence: cut off, it would be said again.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// The time for the end of commands that are killed then.
const KILLED_WITHIN: Duration = Duration::from_secs(1);

/// Deliveries that have ended, until everything about them is on record.
pub(super) struct EndedDeliveries {
    /// Deliveries that are in no record yet, with the events of their results.
    fresh: Vec<Finished>,
    pub(super) lines: Vec<Vec<u8>>,
    /// The time of the first of them.
    since: Option<Instant>,
    /// Deliveries whose end changes a record.
    unrecorded: Vec<Finished>,
    /// The ids of those that have left the outbox.
    gone: Vec<String>,
    /// No record is made before this.
    record_at: Instant,
    /// The last look at the attempts; None before the first.
    polled_at: Option<Instant>,
    poll_pause: Duration,
}

impl EndedDeliveries {
    pub(super) fn new() -> Self {
        let now = clock::tick();
        EndedDeliveries {
            fresh: Vec::new(),
            lines: Vec::new(),
            since: None,
            unrecorded: Vec::new(),
            gone: Vec::new(),
            record_at: now,
            polled_at: None,
            poll_pause: POLL_MIN,
        }
    }

    pub(super) fn push(&mut self, finished: Finished) {
        self.since.get_or_insert_with(clock::tick);
        self.fresh.push(finished);
    }

    /// Returns whether the last look has found a result.
    fn is_quick(&self) -> bool {
        self.poll_pause == POLL_MIN
    }

    fn is_due(&self) -> bool {
        self.fresh.len() >= TOGETHER_MAX
            || self.since.is_some_and(|since| since.elapsed() >= TOGETHER_TIME)
    }

    /// Returns the time until something is to be done here.
    fn next_look(&self) -> Option<Duration> {
        if self.since.is_some() {
            return Some(POLL_MAX);
        }
        let is_empty = self.unrecorded.is_empty() && self.gone.is_empty();
        let until = self.record_at.saturating_duration_since(clock::tick());
        (!is_empty).then_some(until.max(POLL_MAX))
    }
}

impl Dispatcher {
    /// Returns whether the attempts are to be looked at between two lines of the stream. Before the first
    /// look, the events that have come are planned: they may go before what waits.
    pub(super) fn is_poll_due(&self) -> bool {
        let is_due = match self.ended.polled_at {
            Some(at) => at.elapsed() >= self.ended.poll_pause,
            None => self.arrived.is_empty(),
        };
        is_due && self.is_busy()
    }

    /// Returns the time until a delivery needs to be looked at.
    pub(super) fn next_look(&self) -> Option<Duration> {
        let drain = self.drain.as_ref();
        let pause = if self.ended.is_quick() { Duration::ZERO } else { self.ended.poll_pause };
        let attempting = drain.filter(|drain| drain.is_attempting()).map(|_| pause);
        let due = drain.and_then(Drain::due_in).map(|due| due.clamp(POLL_MIN, PAUSED_POLL));
        [attempting, due, self.ended.next_look()].into_iter().flatten().min()
    }

    /// Looks at the attempts between two looks at the stream. While results come quickly, it waits for
    /// the next one: an attempt that follows at once keeps a fast channel at its rate.
    pub(super) fn poll_idle(&mut self, out: &mut Output) -> Result<(), Error> {
        let is_attempting = self.drain.as_ref().is_some_and(Drain::is_attempting);
        let waits = is_attempting && self.ended.is_quick();
        if self.is_plan_due {
            return self.flush(false, out);
        }
        self.poll(if waits { POLL_MIN } else { Duration::ZERO }, out)
    }

    /// Takes the results of attempts, and begins further ones.
    pub(super) fn poll(&mut self, wait: Duration, out: &mut Output) -> Result<(), Error> {
        self.look_for_gone(out)?;
        let Some(drain) = &mut self.drain else { return Ok(()) };
        let results = drain.tick(wait);
        self.ended.polled_at = Some(clock::tick());
        self.ended.poll_pause = match results.is_empty() {
            true => (self.ended.poll_pause * 2).min(POLL_MAX),
            false => POLL_MIN,
        };
        for result in results {
            match result {
                Ok(result) => self.complete(result),
                Err(error) => self.report_error(Err(error)),
            }
        }
        if self.ended.is_due() {
            self.settle(out)?;
        }
        self.record(false);
        Ok(())
    }

    /// Takes the result of an attempt.
    fn complete(&mut self, result: DrainResult) {
        let (now, number) = (clock::now(), result.channel);
        let name = self.notifications.channels[number].name.clone();
        let only = match result.entries.as_slice() {
            [one] => one.delivery.incident.clone(),
            _ => None,
        };
        let _scope = log::about(only.as_deref());
        match result.completion {
            Completion::Sent { handle } => {
                // A digest stays as it is: it would lose the others to an update of one.
                let handle = handle.filter(|_| result.entries.len() == 1);
                for entry in result.entries {
                    self.ended.lines.push(sent_line(&entry, now));
                    self.ended.push(Finished::told(number, entry, handle.clone()));
                }
            }
            Completion::Withdrawn(why) => {
                for entry in result.entries {
                    let title = entry.delivery.notice.title();
                    log::info(&format!("'{title}' is not sent to '{name}': {why}"));
                    self.ended.push(Finished::withdrawn(number, entry, why));
                }
            }
            Completion::Held => {}
            Completion::Postponed { cause } => {
                self.warn_once(&format!(
                    "cannot notify channel '{name}', will be tried again: {cause}"
                ));
            }
            Completion::Failed { cause } => {
                self.failed = true;
                self.warn_once(&format!("cannot notify channel '{name}': {cause}"));
                for entry in result.entries {
                    self.ended.lines.push(failed_line(&entry, &cause, now));
                    self.ended.push(Finished::refused(number, entry));
                }
            }
        }
    }

    /// Journals and prints the events of results, and removes the entries that no record needs.
    pub(super) fn settle(&mut self, out: &mut Output) -> Result<(), Error> {
        self.ended.since = None;
        let lines = std::mem::take(&mut self.ended.lines);
        self.put(&lines, out)?;
        let fresh = std::mem::take(&mut self.ended.fresh);
        let mut removed = Ok(());
        for finished in fresh {
            let Some(drain) = &mut self.drain else { continue };
            if finished.changes_records() {
                self.ended.unrecorded.push(finished);
                continue;
            }
            removed = removed.and(finished.remove(drain));
            self.ended.gone.push(finished.into_id());
        }
        self.report_error(removed);
        Ok(())
    }

    /// Records the deliveries that have ended, unless the last record was too long and too near.
    pub(super) fn record(&mut self, is_urgent: bool) {
        let Some((state, drain)) = self.state.as_ref().zip(self.drain.as_mut()) else { return };
        let ended = &mut self.ended;
        let began = clock::tick();
        let is_empty = ended.unrecorded.is_empty() && ended.gone.is_empty();
        if is_empty || (!is_urgent && began < ended.record_at) {
            return;
        }
        let recorded = state.record(&self.notifications, &ended.unrecorded, &ended.gone, drain);
        if recorded.is_ok() {
            ended.unrecorded.clear();
            ended.gone.clear();
        }
        ended.record_at = clock::tick() + began.elapsed() * RECORD_SHARE;
        let recorded = recorded.map(|recorded| {
            self.is_plan_due |= recorded.is_plan_due;
            recorded.unremoved.into_iter().for_each(|error| self.report_error(Err(error)));
            recorded.unwritten.iter().for_each(|one| self.report_unwritten(one, clock::now()));
            for (number, entry) in recorded.for_console {
                console::show(&entry.delivery.notice, self.style);
                self.ended.push(Finished::told(number, entry, None));
            }
        });
        self.report_error(recorded);
    }

    fn is_busy(&self) -> bool {
        self.drain.as_ref().is_some_and(Drain::is_busy)
    }

    /// Waits for the end of attempts.
    fn wait_while(
        &mut self,
        goes_on: fn(&Drain) -> bool,
        span: Duration,
        out: &mut Output,
    ) -> Result<(), Error> {
        let until = clock::tick() + span;
        while self.drain.as_ref().is_some_and(goes_on) && clock::tick() < until {
            self.poll(POLL_MAX / 4, out)?;
        }
        Ok(())
    }

    /// Delivers until everything is delivered, or the time for it is over.
    pub(super) fn drain(&mut self, out: &mut Output) -> Result<(), Error> {
        self.look_for_gone(out)?;
        let until = clock::tick() + self.drain_for;
        let wall = clock::now().plus(self.drain_for);
        while clock::tick() < until {
            if !self.is_busy() {
                // A record can queue what a channel refused for its fallback.
                self.settle(out)?;
                self.record(true);
                if self.is_plan_due {
                    self.flush(true, out)?;
                }
                if !self.is_busy() {
                    break;
                }
            }
            self.poll(POLL_MAX / 4, out)?;
            if self.drain.as_ref().is_some_and(|drain| drain.is_pausing_until(wall)) {
                break;
            }
        }
        // What is under way would be sent again if its end were not seen.
        self.drain.iter_mut().for_each(Drain::begin_no_more);
        self.wait_while(Drain::is_attempting, LAST_ATTEMPTS, out)?;
        self.wait_while(Drain::is_speaking, LAST_WORDS, out)?;
        if self.drain.as_ref().is_some_and(Drain::is_attempting) {
            command::end_all();
            self.wait_while(Drain::is_attempting, KILLED_WITHIN, out)?;
        }
        // The first record can hand refused notices to a console.
        for _ in 0..2 {
            self.settle(out)?;
            self.record(true);
        }
        // What another process queues meanwhile, it also delivers.
        let leaves = self.drain.as_ref().is_some_and(Drain::leaves_entries);
        let state = self.state.as_ref().filter(|_| leaves);
        let rest = state.map_or(0, |state| state.waiting(&self.notifications));
        if rest > 0 {
            let waiting = waits(rest);
            log::warn(&format!("{waiting} in the outbox; the next run sends {}", them(rest)));
        }
        Ok(())
    }
}

pub(super) fn them(count_of: usize) -> &'static str {
    if count_of == 1 { "it" } else { "them" }
}

pub(super) fn waits(count_of: usize) -> String {
    let verb = if count_of == 1 { "waits" } else { "wait" };
    format!("{} {verb}", count(count_of as u64, "notice"))
}
