//! Event log of a session: its own file, from which a filter prints, then the journal.
//!
//! Promises: an event has the same id whoever writes it, so that a repeat does no harm.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::{SOURCE, files};
use crate::clock;
use crate::error::Error;
use crate::event::{self, Event, Payload, Queue};
use crate::journal::Journal;
use crate::store;

/// Writer of a session's events.
pub struct EventWriter<'a> {
    /// The session's folder.
    pub folder: &'a Path,
    /// Second destination of each event.
    pub journal: &'a Journal,
    /// Id of the session.
    pub session: &'a str,
    /// Id of the incident.
    pub incident: &'a str,
    /// Subject of the events.
    pub queue: &'a Queue,
}

impl EventWriter<'_> {
    /// Appends the only event of its type in this session.
    pub fn emit<D: Payload>(&self, data: D) -> Result<(), Error> {
        self.append(&[SOURCE, self.session, D::TYPE.as_str()], data)
    }

    /// Appends an event of a type of which a session has many; `number` counts from 1.
    pub fn emit_numbered<D: Payload>(&self, number: u64, data: D) -> Result<(), Error> {
        self.append(&[SOURCE, self.session, D::TYPE.as_str(), &number.to_string()], data)
    }

    fn append<D: Payload>(&self, id: &[&str], data: D) -> Result<(), Error> {
        let id = event::derived_id(id);
        let event = Event::new(SOURCE, id, &self.queue.name, clock::now(), data);
        let line = event.of_incident(self.incident.to_owned()).line();
        let path = self.folder.join(files::EVENTS);
        let written = store::append_private(&path).and_then(|mut file| {
            cut_partial_line(&mut file)?;
            file.write_all(&line)?;
            file.sync_data()
        });
        written.map_err(|error| Error::file("write", &path, &error))?;
        self.journal.append(&line)
    }
}

/// Removes half a line at the end, as a full disk leaves it: text appended to it would be no
/// event, and a filter prints each line of this file.
fn cut_partial_line(file: &mut File) -> io::Result<()> {
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last == *b"\n" {
        return Ok(());
    }
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    file.set_len(whole as u64)
}
