//! Telling a session's events: to its own file, from which a filter prints them, then to the
//! journal. Whoever tells an event gives it the same id, so that telling it again does no harm.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::{SOURCE, files};
use crate::clock;
use crate::error::Error;
use crate::event::{self, Event, Payload, Queue};
use crate::journal::Journal;
use crate::store;

/// A session's events: its own file first, then the journal.
pub struct Teller<'a> {
    /// The session's folder.
    pub folder: &'a Path,
    /// The journal.
    pub journal: &'a Journal,
    /// The session.
    pub session: &'a str,
    /// The incident.
    pub incident: &'a str,
    /// The queue.
    pub queue: &'a Queue,
}

impl Teller<'_> {
    /// Adds an event. Its id is the same whoever tells it.
    pub fn tell<D: Payload>(&self, data: D) -> Result<(), Error> {
        self.tell_nth(0, data)
    }

    /// Adds an event of a type of which a session has many.
    pub fn tell_nth<D: Payload>(&self, number: u64, data: D) -> Result<(), Error> {
        let number = number.to_string();
        let parts = [SOURCE, self.session, D::TYPE.as_str(), &number];
        let id = event::derived_id(if number == "0" { &parts[..3] } else { &parts });
        let event = Event::new(SOURCE, id, &self.queue.name, clock::now(), data);
        let line = event.of_incident(self.incident.to_owned()).line();
        let path = self.folder.join(files::EVENTS);
        let written = store::append_private(&path).and_then(|mut file| {
            cut(&mut file)?;
            file.write_all(&line)?;
            file.sync_data()
        });
        written.map_err(|error| Error::file("write", &path, &error))?;
        self.journal.append(&line)
    }
}

/// Takes away half a line at the end, which a full disk has left: what comes after it would be no
/// event, and a filter prints every line of this file.
fn cut(file: &mut File) -> io::Result<()> {
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
