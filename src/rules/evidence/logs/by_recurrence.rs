//! The rule by recurrence: one error that recurs at every receive of a message, and not between.

use std::collections::{BTreeMap, BTreeSet};

use super::by_id::signature;
use super::invocation;
use super::windows::{RecurrenceWindows, Window};
use super::{CitedLine, LogEvent, fingerprint_of};
use crate::rules::evidence::fingerprint::Fingerprint;
use crate::time::Timestamp;

/// The outcome for one moment of first receive.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Recurrence {
    Found(Box<Fingerprint>, Vec<CitedLine>),
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
    let (mut recurring, mut lines): (Option<Errors>, BTreeMap<String, Vec<CitedLine>>) =
        (None, BTreeMap::new());
    let mut has_started = false;
    for (receive, window) in &windows.receives {
        let (errors, starts) = errors_of(&mut ask(*window)?, *window);
        has_started |= starts;
        for (signature, seen) in &errors {
            let cited = CitedLine { event: seen.event.clone(), receive: Some(*receive) };
            lines.entry(signature.clone()).or_default().push(cited);
        }
        let kept = match recurring.take() {
            None => errors,
            Some(known) => known.into_iter().filter(|(key, _)| errors.contains_key(key)).collect(),
        };
        if kept.is_empty() && has_started {
            return Ok(Recurrence::Nothing);
        }
        recurring = Some(kept);
    }
    if !has_started {
        return Ok(Recurrence::NeverStarted);
    }
    let mut recurring = recurring.unwrap_or_default();
    for control in &windows.controls {
        let (errors, _) = errors_of(&mut ask(*control)?, *control);
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
            Recurrence::Found(Box::new(seen.fingerprint), lines.remove(&key).unwrap_or_default())
        }
        None => Recurrence::Nothing,
    })
}

/// Returns the errors of the invocations that start in a span, and whether any starts there.
fn errors_of(events: &mut [LogEvent], window: Window) -> (Errors, bool) {
    invocation::sort(events);
    let mut errors = Errors::new();
    let mut starts = false;
    for one in invocation::group(events) {
        if !one.started.is_some_and(|at| window.holds(at)) {
            continue;
        }
        starts = true;
        let mut found: Vec<_> = one.errors().collect();
        // What ended an invocation failed all of its messages, whatever was handled before.
        if found.iter().any(|(_, error)| error.terminal) {
            found.retain(|(_, error)| error.terminal);
        }
        for (event, error) in found {
            if let Some(fingerprint) = fingerprint_of(&error.text) {
                let key = signature(&fingerprint);
                let is_specific = error.terminal || fingerprint.exception.is_some();
                let event = event.clone();
                errors.entry(key).or_insert(Seen { fingerprint, event, is_specific });
            }
        }
    }
    (errors, starts)
}

/// Returns the moments of first receive, at most `max`, each with the letters that share it: those
/// within a second.
pub(super) fn moments<T: Copy>(firsts: &[(T, Timestamp)], max: usize) -> Vec<(Timestamp, Vec<T>)> {
    let mut sorted: Vec<_> = firsts.to_vec();
    sorted.sort_by_key(|(_, at)| *at);
    let mut moments: Vec<(Timestamp, Vec<T>)> = Vec::new();
    for (letter, at) in sorted {
        match moments.last_mut() {
            Some((first, letters)) if at.since(*first).as_millis() <= 1000 => letters.push(letter),
            _ => moments.push((at, vec![letter])),
        }
    }
    // The best-filled moments explain the most letters.
    moments.sort_by_key(|(_, letters)| std::cmp::Reverse(letters.len()));
    let kept: BTreeSet<_> = moments.iter().take(max).map(|(at, _)| *at).collect();
    moments.retain(|(at, _)| kept.contains(at));
    moments
}
