//! Telling a session's events: to its own file, from which a filter prints them, then to the
//! journal. Whoever tells an event gives it the same id, so that telling it again does no harm.

use std::io::Write;
use std::path::Path;

use super::{SOURCE, files};
use crate::edge::clock;
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
            file.write_all(&line)?;
            file.sync_data()
        });
        written.map_err(|error| Error::file("write", &path, &error))?;
        self.journal.append(&line)
    }
}
