//! Printing of the journal: the lines that pass a [`LogFilter`], and those that are added later, as
//! lines or in sentences.

use std::collections::BTreeSet;
use std::time::Duration;

use super::filter::LogFilter;
use super::{Journal, Tail};
use crate::clock;
use crate::error::Error;
use crate::event::{self, Head, Line};
use crate::log;
use crate::rules::view::story::{JournalText, Story};
use crate::wire::Output;

/// The interval at which a journal is polled for new lines.
pub const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The form in which the journal is printed.
#[derive(Debug)]
pub enum Form {
    /// The lines, byte for byte.
    Lines,
    Text(JournalText),
    Story(Box<Story>),
}

impl Form {
    fn put(&mut self, head: Option<&Head<'_>>, line: &[u8], out: &mut Output) -> Result<(), Error> {
        let now = clock::now();
        match (self, head) {
            (Form::Text(form), Some(head)) => out.put_text(&form.event(head, line, now)),
            (Form::Story(story), Some(head)) => out.put_text(&story.event(head, line, now)),
            _ => out.put(line),
        }
    }

    /// Prints what waits for further lines. `ends` says that there are none.
    fn put_rest(&mut self, ends: bool, out: &mut Output) -> Result<(), Error> {
        match self {
            Form::Text(form) if ends => out.put_text(&form.end()),
            Form::Story(story) if ends => out.put_text(&story.end()),
            Form::Story(story) => out.put_text(&story.take_scenes()),
            Form::Lines | Form::Text(_) => Ok(()),
        }
    }
}

/// Prints the lines that pass the filter; with `follow`, until the reader closes the pipe. Returns
/// whether a segment of the journal could not be read.
pub fn print(
    journal: Journal,
    filter: &mut LogFilter,
    form: &mut Form,
    out: &mut Output,
    follow: bool,
) -> Result<bool, Error> {
    let cut = journal.cut()?;
    let mut tail = Tail::open(journal)?;
    if let Some(sentence) = filter.deleted(cut) {
        log::warn(&sentence);
    }
    let (mut corrupt, mut failed) = (CorruptLines::default(), false);
    loop {
        loop {
            match tail.advance() {
                Ok(true) => print_line(&tail, filter, form, out, &mut corrupt)?,
                Ok(false) => break,
                Err(error) => {
                    log::warn(&error.to_string());
                    failed = true;
                }
            }
        }
        form.put_rest(!follow, out)?;
        out.flush()?;
        if let Some(sentence) = corrupt.take_sentence() {
            log::warn(&sentence);
        }
        if !follow {
            filter.unmet().iter().for_each(|sentence| log::warn(sentence));
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
    form: &mut Form,
    out: &mut Output,
    corrupt: &mut CorruptLines,
) -> Result<(), Error> {
    let line = tail.line();
    match event::peek(line) {
        Line::Event(head) if filter.accepts(Some(&head))? => form.put(Some(&head), line, out),
        Line::Object if filter.accepts(None)? => form.put(None, line, out),
        Line::Event(_) | Line::Object => Ok(()),
        Line::Bad(_) => {
            corrupt.add(tail);
            Ok(())
        }
    }
}

/// The most incidents that are remembered, to find the nearest one.
const OTHERS_MAX: usize = 10_000;

/// The incidents of a journal, as far as they matter to a filter.
#[derive(Debug, Default)]
pub struct JournalIncidents {
    /// Ids that begin as the filter's.
    pub found: BTreeSet<String>,
    /// Other ids with the names of their queues: the first ones, the oldest first.
    pub others: Vec<(String, String)>,
}

impl JournalIncidents {
    /// Reads the journal once.
    pub fn read(journal: &Journal, filter: &LogFilter) -> Result<Self, Error> {
        let mut tail = Tail::open(journal.clone())?;
        let (mut incidents, mut seen) = (JournalIncidents::default(), BTreeSet::new());
        // Read errors are reported when the lines are printed.
        while tail.advance().unwrap_or(true) {
            let Line::Event(Head { incident: Some(id), subject, .. }) = event::peek(tail.line())
            else {
                continue;
            };
            if filter.may_be_incident(&id) {
                incidents.found.insert(id.into_owned());
            } else if seen.len() < OTHERS_MAX && seen.insert(id.to_string()) {
                let queue = subject.unwrap_or_default().into_owned();
                incidents.others.push((id.into_owned(), queue));
            }
        }
        Ok(incidents)
    }
}

/// Counts lines that are no events, as a crash leaves them, and reports them in one sentence.
#[derive(Debug, Default)]
struct CorruptLines {
    count: u64,
    first: String,
}

impl CorruptLines {
    /// Counts the line at which `tail` stands.
    fn add(&mut self, tail: &Tail) {
        if self.count == 0 {
            let (path, number) = tail.position();
            self.first = format!("line {number} of '{}'", path.display());
        }
        self.count += 1;
    }

    /// Returns a sentence about the lines that were counted since the last call.
    fn take_sentence(&mut self) -> Option<String> {
        let (count, first) = (std::mem::take(&mut self.count), &self.first);
        let left_out = "not whole, as after a crash: left out";
        match count {
            0 => None,
            1 => Some(format!("{first} is {left_out}")),
            _ => Some(format!("{count} lines are {left_out}; the first is {first}")),
        }
    }
}
