//! Event log of a session: its own file, from which a filter prints, then the journal.
//!
//! Promises: the id of an event does not depend on its writer, so a repeat does no harm.

use std::cell::{Cell, RefCell};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::files;
use crate::clock;
use crate::error::Error;
use crate::event::{Event, Payload, Queue};
use crate::journal::Journal;
use crate::{ndjson, regular_file, store};

/// What a supervisor has written to its file of events. An agent without a sandbox can write to that
/// file, too: it is compared with this.
#[derive(Debug)]
pub(super) struct WrittenEvents {
    path: PathBuf,
    bytes: RefCell<Vec<u8>>,
    /// The file as the supervisor has left it; `None` when it is to be compared in full.
    stamp: Cell<Option<FileStamp>>,
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
        let is_untouched = self.stamp.get().is_some_and(|own| Some(own) == self.stamp_now());
        if self.is_forged.get() || is_untouched {
            return self.is_forged.get();
        }
        let bytes = self.bytes.borrow();
        let found = regular_file::read(&self.path, bytes.len() as u64);
        let is_absent = bytes.is_empty() && !self.path.exists();
        self.is_forged.set(!is_absent && !found.is_ok_and(|found| found == *bytes));
        self.is_forged.get()
    }

    /// Adds a line. A forged file is replaced by what the supervisor has written.
    fn append(&self, line: &[u8]) -> Result<(), Error> {
        let forged = self.is_forged();
        let mut bytes = self.bytes.borrow_mut();
        bytes.extend_from_slice(line);
        if forged {
            self.stamp.set(None);
            store::remove(&self.path).map_err(|error| Error::file("remove", &self.path, &error))?;
            return store::replace(&self.path, &bytes);
        }
        self.stamp.set(Some(append_line(&self.path, line)?));
        Ok(())
    }

    fn stamp_now(&self) -> Option<FileStamp> {
        std::fs::symlink_metadata(&self.path).ok().map(|found| stamp_of(&found))
    }
}

/// Number, size and time of the last change of a file.
type FileStamp = (u64, u64, i64, i64);

fn stamp_of(found: &Metadata) -> FileStamp {
    (found.ino(), found.size(), found.mtime(), found.mtime_nsec())
}

/// Adds a line, and returns the stamp of the file that has it, whatever has its name by now.
fn append_line(path: &Path, line: &[u8]) -> Result<FileStamp, Error> {
    let written = store::append_private(path).and_then(|mut file| {
        // A filter prints each line of this file: a full disk may have left half a line.
        ndjson::cut_torn_line(&mut file)?;
        let same = file.try_clone()?;
        ndjson::append_line(file, line)?;
        same.metadata()
    });
    written.map(|found| stamp_of(&found)).map_err(|error| Error::file("write", path, &error))
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
    /// What the supervisor has written; `None` for a writer of another process.
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
            None => drop(append_line(&self.folder.join(files::EVENTS), &line)?),
        }
        self.journal.append(&line)
    }
}
