//! The rule by recurrence: one error that recurs at every receive of a message, and not between.
//!
//! Where every invocation at the receives ended with one error, that of the message did, too, whatever
//! happened between: after a bad deployment nothing succeeds.
//!
//! A function logs where an invocation starts. The log of another consumer, a task of ECS for
//! example, shows only when an error was logged: that proves less, so letters of several moments
//! have to agree.

use std::collections::{BTreeMap, BTreeSet};

use super::by_id::signature;
use super::invocation;
use super::line::{self, LineError};
use super::windows::{RecurrenceWindows, Window};
use super::{CitedLine, LogEvent, fingerprint_of};
use crate::rules::evidence::fingerprint::Fingerprint;
use crate::time::Timestamp;

/// The outcome for one moment of first receive.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Recurrence {
    Found(Box<Fingerprint>, Vec<CitedLine>),
    /// An error that recurs by its times alone, without invocations.
    FoundByTime(Box<Fingerprint>, Vec<CitedLine>),
    /// No error, several errors, or one that occurs at control moments as well.
    Nothing,
    /// No invocation started at any receive.
    NeverStarted,
}

/// Errors by signature.
type Errors = BTreeMap<String, Seen>;

/// An error that was seen.
struct Seen {
    fingerprint: Fingerprint,
    event: LogEvent,
    /// Whether it says what went wrong: it has a class, or ended the invocation.
    is_specific: bool,
}

/// Finds the recurring error. `ask` returns the lines of the invocations that start in a span.
pub(super) fn cause<E>(
    windows: &RecurrenceWindows,
    mut ask: impl FnMut(Window) -> Result<Vec<LogEvent>, E>,
) -> Result<Recurrence, E> {
    let (mut started, mut logged) = (Recurring::default(), Recurring::default());
    let mut has_started = false;
    let mut of_all = BTreeSet::new();
    for (receive, window) in &windows.receives {
        let mut events = ask(*window)?;
        let Started { errors, ends } = errors_of(&mut events, *window);
        has_started |= !ends.is_empty();
        // A receive without an invocation is not known to have failed.
        let ends = if ends.is_empty() { BTreeSet::from([None]) } else { ends };
        of_all.extend(ends);
        started.add(*receive, errors);
        if let Some(delay) = windows.error_delay {
            logged.add(*receive, errors_within(&events, window.extended(delay)));
        }
        let is_lost = started.is_lost() && (has_started || logged.is_lost());
        if is_lost && (has_started || windows.error_delay.is_some()) {
            return Ok(Recurrence::Nothing);
        }
    }
    let by_time = windows.error_delay.filter(|_| !has_started);
    if !has_started && by_time.is_none() {
        return Ok(Recurrence::NeverStarted);
    }
    let Recurring { errors, mut lines } = if has_started { started } else { logged };
    let mut recurring = errors.unwrap_or_default();
    if let Some(Some(key)) = of_all.pop_first().filter(|_| of_all.is_empty())
        && let Some(seen) = recurring.remove(&key)
    {
        let lines = lines.remove(&key).unwrap_or_default();
        return Ok(Recurrence::Found(Box::new(seen.fingerprint), lines));
    }
    for control in &windows.controls {
        let mut events = ask(*control)?;
        let errors = match by_time {
            None => errors_of(&mut events, *control).errors,
            Some(delay) => errors_within(&events, control.extended(delay)),
        };
        recurring.retain(|signature, _| !errors.contains_key(signature));
        if recurring.is_empty() {
            return Ok(Recurrence::Nothing);
        }
    }
    // A handler that logs 'failed' beside its exception writes two errors of one cause.
    if recurring.values().any(|seen| seen.is_specific) {
        recurring.retain(|_, seen| seen.is_specific);
    }
    let first = recurring.pop_first().filter(|_| recurring.is_empty());
    Ok(match first {
        Some((key, seen)) => {
            let (print, lines) = (Box::new(seen.fingerprint), lines.remove(&key));
            let lines = lines.unwrap_or_default();
            match by_time {
                None => Recurrence::Found(print, lines),
                Some(_) => Recurrence::FoundByTime(print, lines),
            }
        }
        None => Recurrence::Nothing,
    })
}

/// The errors that occurred at every receive so far.
#[derive(Default)]
struct Recurring {
    /// `None` before the first receive.
    errors: Option<Errors>,
    lines: BTreeMap<String, Vec<CitedLine>>,
}

impl Recurring {
    fn add(&mut self, receive: u64, errors: Errors) {
        for (signature, seen) in &errors {
            let cited = CitedLine { event: seen.event.clone(), receive: Some(receive) };
            self.lines.entry(signature.clone()).or_default().push(cited);
        }
        self.errors = Some(match self.errors.take() {
            None => errors,
            Some(known) => known.into_iter().filter(|(key, _)| errors.contains_key(key)).collect(),
        });
    }

    /// Whether no error can recur any more.
    fn is_lost(&self) -> bool {
        self.errors.as_ref().is_none_or(BTreeMap::is_empty)
    }
}

/// Returns the errors that lines of a span report.
fn errors_within(events: &[LogEvent], window: Window) -> Errors {
    let mut errors = Errors::new();
    for event in events.iter().filter(|event| window.holds(event.at)) {
        if let Some(error) = line::error_of(&event.text) {
            add_error(&mut errors, event, &error);
        }
    }
    errors
}

fn add_error(errors: &mut Errors, event: &LogEvent, error: &LineError) {
    if let Some(fingerprint) = fingerprint_of(&error.text) {
        let key = signature(&fingerprint);
        let is_specific = error.terminal || fingerprint.exception.is_some();
        let event = event.clone();
        errors.entry(key).or_insert(Seen { fingerprint, event, is_specific });
    }
}

/// The invocations that start in a span.
#[derive(Default)]
struct Started {
    errors: Errors,
    /// Signatures of the errors that ended them; none for one that no error, or several, ended.
    ends: BTreeSet<Option<String>>,
}

/// Returns what is known of the invocations that start in a span.
fn errors_of(events: &mut [LogEvent], window: Window) -> Started {
    invocation::sort(events);
    let mut all = Started::default();
    for one in invocation::group(events) {
        if !one.started.is_some_and(|at| window.holds(at)) {
            continue;
        }
        let mut found: Vec<_> = one.errors().collect();
        // What ended an invocation failed all of its messages, whatever was handled before.
        let is_ended = found.iter().any(|(_, error)| error.terminal);
        if is_ended {
            found.retain(|(_, error)| error.terminal);
        }
        let mut errors = Errors::new();
        for (event, error) in found {
            add_error(&mut errors, event, &error);
        }
        all.ends.insert(errors.keys().next().filter(|_| is_ended && errors.len() == 1).cloned());
        for (key, seen) in errors {
            all.errors.entry(key).or_insert(seen);
        }
    }
    all
}

/// Returns the moments of first receive, each with the letters that share it: those within a second.
/// The moment of most letters comes first.
pub(super) fn moments<T: Copy>(firsts: &[(T, Timestamp)]) -> Vec<(Timestamp, Vec<T>)> {
    let mut sorted: Vec<_> = firsts.to_vec();
    sorted.sort_by_key(|(_, at)| *at);
    let mut moments: Vec<(Timestamp, Vec<T>)> = Vec::new();
    for (letter, at) in sorted {
        match moments.last_mut() {
            Some((first, letters)) if at.since(*first).as_millis() <= 1000 => letters.push(letter),
            _ => moments.push((at, vec![letter])),
        }
    }
    moments.sort_by_key(|(_, letters)| std::cmp::Reverse(letters.len()));
    moments
}
