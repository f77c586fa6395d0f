//! Event log of a session: its own file, from which a filter prints, then the journal.
//!
//! Promises: the id of an event does not depend on its writer, so a repeat does no harm.

use std::path::Path;

use super::files;
use crate::clock;
use crate::error::Error;
use crate::event::{Event, Payload, Queue};
use crate::journal::Journal;
use crate::{ndjson, store};

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
        self.append(&[self.session, D::TYPE.as_str()], data)
    }

    /// Appends an event of a type of which a session has many; `number` counts from 1.
    pub fn emit_numbered<D: Payload>(&self, number: u64, data: D) -> Result<(), Error> {
        self.append(&[self.session, D::TYPE.as_str(), &number.to_string()], data)
    }

    fn append<D: Payload>(&self, parts: &[&str], data: D) -> Result<(), Error> {
        let event = Event::derived(parts, &self.queue.name, clock::now(), data);
        let line = event.of_incident(self.incident.to_owned()).line();
        let path = self.folder.join(files::EVENTS);
        let written = store::append_private(&path).and_then(|mut file| {
            // A filter prints each line of this file: a full disk may have left half a line.
            ndjson::cut_torn_line(&mut file)?;
            ndjson::append_line(file, &line)
        });
        written.map_err(|error| Error::file("write", &path, &error))?;
        self.journal.append(&line)
    }
}
