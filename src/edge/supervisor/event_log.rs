//! Event log of a session: its own file, from which a filter prints, then the journal.
//!
//! Promises: the id of an event does not depend on its writer, so a repeat does no harm.

use std::cell::{Cell, RefCell};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::files;
use crate::clock;
use crate::error::Error;
use crate::event::{Event, Payload, Queue};
use crate::journal::Journal;
use crate::{ndjson, regular_file, store};

/// The lines that a supervisor has written to its file of events. An agent without a sandbox can
/// write to that file, too: it is compared with them.
#[derive(Debug)]
pub(super) struct WrittenEvents {
    path: PathBuf,
    bytes: RefCell<Vec<u8>>,
    /// The file when it was compared; `None` when it is to be compared again.
    stamp: Cell<Option<EventFileStamp>>,
    is_forged: Cell<bool>,
}

impl WrittenEvents {
    pub(super) fn new(folder: &Path) -> Self {
        WrittenEvents {
            path: folder.join(files::EVENTS),
            bytes: RefCell::default(),
            stamp: Cell::default(),
            is_forged: Cell::default(),
        }
    }

    /// Returns whether the file has ever held something else than what the supervisor wrote.
    pub(super) fn is_forged(&self) -> bool {
        // Before the file is read: what changes meanwhile is seen the next time.
        let now = self.stamp_now();
        if self.is_forged.get() || (now.is_some() && self.stamp.get() == now) {
            return self.is_forged.get();
        }
        let bytes = self.bytes.borrow();
        let is_same = match bytes.is_empty() && now.is_none() {
            true => true,
            false => regular_file::read(&self.path, bytes.len() as u64)
                .is_ok_and(|found| found == *bytes),
        };
        self.is_forged.set(!is_same);
        self.stamp.set(now);
        !is_same
    }

    /// Adds a line. A forged file is replaced by what the supervisor has written.
    fn append(&self, line: &[u8]) -> Result<(), Error> {
        let is_forged = self.is_forged();
        let mut bytes = self.bytes.borrow_mut();
        bytes.extend_from_slice(line);
        self.stamp.set(None);
        if is_forged {
            store::remove(&self.path).map_err(|error| Error::file("remove", &self.path, &error))?;
            return store::replace(&self.path, &bytes);
        }
        append_line(&self.path, line)
    }

    fn stamp_now(&self) -> Option<EventFileStamp> {
        let found = std::fs::symlink_metadata(&self.path).ok()?;
        Some((found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
    }
}

/// Number, size and time of the last change of a file.
type EventFileStamp = (u64, u64, i64, i64);

fn append_line(path: &Path, line: &[u8]) -> Result<(), Error> {
    let written = store::append_private(path).and_then(|mut file| {
        // A filter prints each line of this file: a full disk may have left half a line.
        ndjson::cut_torn_line(&mut file)?;
        ndjson::append_line(file, line)
    });
    written.map_err(|error| Error::file("write", path, &error))
}

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
    /// The lines that were written; `None` for a writer of another process.
    pub(super) written: Option<&'a WrittenEvents>,
}

impl<'a> EventWriter<'a> {
    /// Returns a writer for a session whose supervisor has ended.
    pub fn after_supervisor(
        folder: &'a Path,
        journal: &'a Journal,
        session: &'a str,
        incident: &'a str,
        queue: &'a Queue,
    ) -> Self {
        EventWriter { folder, journal, session, incident, queue, written: None }
    }

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
        match self.written {
            Some(written) => written.append(&line)?,
            None => append_line(&self.folder.join(files::EVENTS), &line)?,
        }
        self.journal.append(&line)
    }
}
