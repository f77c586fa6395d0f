//! The state folder, read again and again without a lock on a document.
//!
//! A document is read when its file has changed. A session that runs by its record is probed: the
//! lock of its supervisor, and the use of its processes.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc::{Sender, SyncSender};
use std::time::Duration;

use serde::Deserialize;

use super::input::ScreenMessage;
use crate::clock;
use crate::document::{Document, Keys};
use crate::edge::closed_folder::{self, ClosedFolders};
use crate::edge::session_folder::{self, session_folder};
use crate::edge::supervisor::files;
use crate::error::{Error, if_found};
use crate::regular_file;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::notification::ack::Acks;
use crate::rules::notification::silence::Silences;
use crate::rules::queue::document::Watched;
use crate::rules::view::dashboard::investigations::AgentUsage;
use crate::rules::view::dashboard::state_folder::{FolderReading, SessionReading};
use crate::store::{self, BlockingWait, Store};
use crate::time::Timestamp;

/// The interval of the readings.
const INTERVAL: Duration = Duration::from_secs(1);
/// The size of a sample of usage, in bytes; a larger file is none.
const USAGE_MAX: u64 = 4096;

/// The identity of a version of a file; None without a file.
type FileStamp = Option<(u64, u64, i64, i64)>;

/// A document as it was last read.
#[derive(Debug)]
struct WatchedDocument<D> {
    /// The file that was read; None before the first reading.
    stamp: Option<FileStamp>,
    read: Result<D, String>,
}

impl<D: Document> WatchedDocument<D> {
    fn new() -> Self {
        WatchedDocument { stamp: None, read: Ok(D::default()) }
    }

    /// Reads the document when its file is another one than before. Returns whether it was.
    fn renew(&mut self, store: &Store) -> bool {
        let path = store.dir().join(format!("{}.json", D::NAME));
        let stamp = stamp(&path);
        let is_new = self.stamp != Some(stamp);
        if is_new {
            let read = store.read::<D>(&Keys::all());
            self.read = read.map_err(|error| closed_folder::sentence(store.dir(), &error));
            self.stamp = Some(stamp);
        }
        is_new
    }

    /// Reads the document when its file is another one than before, and hands it over: nobody looks
    /// at a large one twice.
    fn take_new(&mut self, store: &Store) -> Option<D> {
        let read = self.renew(store).then_some(self.read.as_mut().ok()).flatten();
        read.map(std::mem::take)
    }
}

fn stamp(path: &Path) -> FileStamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}

/// A reader of the state folder.
#[derive(Debug)]
pub struct FolderReader {
    store: Store,
    queues: WatchedDocument<Watched>,
    sessions: WatchedDocument<Sessions>,
    acks: WatchedDocument<Acks>,
    silences: WatchedDocument<Silences>,
}

impl FolderReader {
    pub fn new(store: Store) -> Self {
        FolderReader {
            store,
            queues: WatchedDocument::new(),
            sessions: WatchedDocument::new(),
            acks: WatchedDocument::new(),
            silences: WatchedDocument::new(),
        }
    }

    /// Reads what has changed. Returns the whole.
    pub fn read(&mut self) -> FolderReading {
        let queues = self.queues.take_new(&self.store);
        self.acks.renew(&self.store);
        self.silences.renew(&self.store);
        self.sessions.renew(&self.store);
        let mut problems = Vec::new();
        let (mut sessions, mut probe_problems) = self.probe();
        if sessions.iter().any(|one| one.is_dead) {
            // A session that has ended since is recorded by now and did not crash.
            self.sessions.renew(&self.store);
            (sessions, probe_problems) = self.probe();
        }
        let reading = FolderReading {
            at: clock::now(),
            queues,
            sessions: known(&self.sessions, &mut problems).map(|_| sessions),
            acks: known(&self.acks, &mut problems).cloned(),
            silences: known(&self.silences, &mut problems).cloned(),
            problems: Vec::new(),
            is_queues_unread: self.queues.read.is_err(),
        };
        let others = self.queues.read.as_ref().err().cloned().into_iter().chain(probe_problems);
        others.for_each(|problem| closed_folder::add(&mut problems, problem));
        FolderReading { problems, ..reading }
    }

    /// Returns the sessions with what their folders show.
    fn probe(&self) -> (Vec<SessionReading>, Vec<String>) {
        let (mut problems, mut closed) = (Vec::new(), ClosedFolders::default());
        let all = self.sessions.read.as_ref().map_or(&[][..], |read| &read.sessions);
        let probed = all.iter().map(|session| {
            let mut one = SessionReading { session: session.clone(), ..SessionReading::default() };
            if session.status == SessionStatus::Running
                && let Err(error) = self.probe_running(session, &mut one)
                && !closed.take(&session_folder(self.store.dir(), &session.id))
            {
                problems.push(error.to_string());
            }
            one
        });
        let probed = probed.collect();
        problems.extend(closed.problem());
        (probed, problems)
    }

    fn probe_running(&self, session: &Session, into: &mut SessionReading) -> Result<(), Error> {
        let folder = session_folder(self.store.dir(), &session.id);
        into.is_dead = !session_folder::is_supervised(&folder.join(files::LOCK), session.lock)?;
        into.usage = usage(&folder.join(files::USAGE))?;
        Ok(())
    }
}

fn known<'a, D>(watched: &'a WatchedDocument<D>, problems: &mut Vec<String>) -> Option<&'a D> {
    let known = watched.read.as_ref();
    known.map_err(|problem| closed_folder::add(problems, problem.clone())).ok()
}

/// A sample as `usage.json` has it.
#[derive(Debug, Deserialize)]
struct StoredUsage {
    at: Timestamp,
    runtime_s: u64,
    processes: u64,
    rss_bytes: u64,
    cpu_ms: u64,
}

/// Reads the use of a session's processes; None when there is no sample yet.
pub fn usage(path: &Path) -> Result<Option<AgentUsage>, Error> {
    let failed = |error| Error::file("read", path, &error);
    let Some(meta) = if_found(std::fs::metadata(path)).map_err(failed)? else { return Ok(None) };
    if meta.len() > USAGE_MAX {
        return Err(Error::failed("read", path.display(), "it is larger than a sample"));
    }
    let Some(bytes) = if_found(regular_file::read(path, USAGE_MAX)).map_err(failed)? else {
        return Ok(None);
    };
    let stored: StoredUsage = serde_json::from_slice(&bytes)
        .map_err(|error| Error::failed("read", path.display(), error))?;
    let StoredUsage { at, runtime_s, processes, rss_bytes, cpu_ms } = stored;
    Ok(Some(AgentUsage { at, runtime_s, processes, rss_bytes, cpu_ms, cpu_percent: None }))
}

/// Starts the thread that reads the folder every second, and waits while a reading is not taken: a
/// terminal that stops reading for hours must not fill the memory.
pub fn watch(mut reader: FolderReader, to: Sender<ScreenMessage>, ahead: SyncSender<()>) {
    std::thread::spawn(move || {
        while ahead.send(()).is_ok() {
            if to.send(ScreenMessage::Folder(Box::new(reader.read()))).is_err() {
                return;
            }
            store::sleep(BlockingWait::ProcessEnd, INTERVAL);
        }
    });
}
