//! Printing of the journal: the lines that pass a [`LogFilter`], and those that are added later.

use std::collections::BTreeSet;
use std::time::Duration;

use super::filter::LogFilter;
use super::{Journal, Tail, Torn};
use crate::error::Error;
use crate::event::{self, Line};
use crate::log;
use crate::wire::Output;

/// The interval at which a journal is polled for new lines.
pub const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Prints the lines that pass the filter; with `follow`, until the reader closes the pipe. Returns
/// whether a part of the journal could not be read.
pub fn print(
    journal: Journal,
    filter: &mut LogFilter,
    out: &mut Output,
    follow: bool,
) -> Result<bool, Error> {
    let mut tail = Tail::open(journal)?;
    let (mut torn, mut failed) = (Torn::default(), false);
    loop {
        loop {
            match tail.advance() {
                Ok(true) => print_line(&tail, filter, out, &mut torn)?,
                Ok(false) => break,
                Err(error) => {
                    log::warn(&error.to_string());
                    failed = true;
                }
            }
        }
        out.flush()?;
        if let Some(sentence) = torn.sentence() {
            log::warn(&sentence);
        }
        if !follow {
            return Ok(failed);
        }
        if !tail.renew()? {
            out.pause(POLL_INTERVAL)?;
        }
        if tail.take_gap() {
            log::warn("the journal was rotated away before it was read: lines are missing");
            failed = true;
        }
    }
}

fn print_line(
    tail: &Tail,
    filter: &mut LogFilter,
    out: &mut Output,
    torn: &mut Torn,
) -> Result<(), Error> {
    let line = tail.line();
    match event::peek(line) {
        Line::Event(head) if filter.accepts(Some(&head))? => out.put(line),
        Line::Object if filter.accepts(None)? => out.put(line),
        Line::Event(_) | Line::Object => Ok(()),
        Line::Bad(_) => {
            torn.add(tail);
            Ok(())
        }
    }
}

/// Returns the incidents of the journal whose ids begin as the filter's.
pub fn matching_incidents(
    journal: &Journal,
    filter: &LogFilter,
) -> Result<BTreeSet<String>, Error> {
    let mut tail = Tail::open(journal.clone())?;
    let mut found = BTreeSet::new();
    // Read errors are reported when the lines are printed.
    while tail.advance().unwrap_or(true) {
        if let Line::Event(head) = event::peek(tail.line())
            && let Some(incident) = head.incident.filter(|id| filter.may_be_incident(id))
        {
            found.insert(incident.into_owned());
        }
    }
    Ok(found)
}
