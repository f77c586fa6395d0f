//! The outbox on disk: a folder for each channel, a file for each delivery.
//!
//! Promises: a file is synced before its delivery is attempted, and removed after it was recorded;
//! names sort in the order of decisions; of all processes one at a time delivers to a channel. A file
//! is first a draft: it belongs to an update of `notices.json` that may not come to its end, and is
//! released after that.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

use crate::document::Keys;
use crate::error::{Error, if_found, io_cause};
use crate::event::derived_id;
use crate::rules::notification::notices::Notices;
use crate::rules::notification::outbox::{OutboxEntry, Withdrawal};
use crate::rules::notification::topic::SendReason;
use crate::store::{self, Lock, Store};

/// The folder of all channels, in the state folder.
const FOLDER: &str = "outbox";
/// The ending of an entry that is ready, and of one that is not.
const ENTRY: &str = "json";
const DRAFT: &str = "draft";
/// The number of processes that have a slot at once.
const SLOTS_MAX: u32 = 64;
/// The drafts that are synced at once: 4 took half of the time of 1, and of 16.
const SYNCED_AT_ONCE: usize = 4;
/// The drafts from which on the file system is synced as a whole: 50 took 10 ms in place of 160 to 390, and
/// 5,000 took 0.2 s in place of 1 to 11.
pub const SYNCED_TOGETHER_FROM: usize = 16;
/// The remedy where a file in the folder of a channel cannot be made or removed.
pub const MAKE_WRITABLE: &str = "make that folder writable";
/// The characters of a channel's name in the name of its folder.
const NAME_MAX: usize = 32;

/// Returns that an entry is an escalation of what has ended since.
pub fn ended_escalation(store: &Store, entry: &OutboxEntry) -> Result<Option<Withdrawal>, Error> {
    if entry.reason != SendReason::Escalated {
        return Ok(None);
    }
    let id = entry.delivery.id.as_str();
    let queued: Notices = store.read(&Keys::one(Notices::DELIVERY, id))?;
    let topics = queued.queue.values().flat_map(|one| &one.topics).map(String::as_str);
    let notices: Notices =
        store.read(&Keys::one(Notices::DELIVERY, id).with(Notices::TOPIC, topics))?;
    Ok(notices.is_over(id).then_some(Withdrawal::Over))
}

/// The outbox of a channel.
#[derive(Debug, Clone)]
pub struct ChannelOutbox {
    folder: PathBuf,
}

impl ChannelOutbox {
    pub fn new(store: &Store, channel: &str) -> Self {
        ChannelOutbox { folder: store.dir().join(FOLDER).join(folder_name(channel)) }
    }

    /// Writes an entry as a draft, which is not synced yet.
    pub fn draft(&self, entry: &OutboxEntry) -> Result<(), Error> {
        use io::ErrorKind::{NotADirectory, NotFound};
        let path = self.path(entry, DRAFT);
        let created = match store::create_private(&path) {
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => {
                store::make_dir(&self.folder)?;
                store::create_private(&path)
            }
            created => created,
        };
        let written = created.and_then(|mut file| file.write_all(&encode(entry)?));
        written.map_err(|error| Error::file("write", &path, &error))
    }

    /// Replaces a draft.
    pub fn redraft(&self, entry: &OutboxEntry) -> Result<(), Error> {
        store::replace_with(&self.path(entry, DRAFT), |file| file.write_all(&encode(entry)?))
    }

    /// Syncs drafts: of many in all channels the file system as a whole, else several at once because the
    /// file system commits those together, then the folder.
    pub fn sync(&self, drafts: &[&OutboxEntry], are_many: bool) -> Result<(), Error> {
        if are_many && store::sync_file_system(&self.folder)? {
            return Ok(());
        }
        let sync = |entry: &&OutboxEntry| {
            let path = self.path(entry, DRAFT);
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.map_err(|error| Error::file("sync", &path, &error))
        };
        let part = drafts.len().div_ceil(SYNCED_AT_ONCE).max(1);
        std::thread::scope(|scope| {
            let sync_part = |part: &'_ [&OutboxEntry]| part.iter().try_for_each(sync);
            let parts: Vec<_> =
                drafts.chunks(part).map(|part| scope.spawn(move || sync_part(part))).collect();
            let ended = parts.into_iter().map(|one| one.join());
            ended.into_iter().try_for_each(|one| one.unwrap_or_else(|panic| resume_unwind(panic)))
        })?;
        store::sync_parent(&self.folder.join(DRAFT))
    }

    /// Makes a draft an entry; another process may have done so.
    pub fn release(&self, entry: &OutboxEntry) -> Result<(), Error> {
        let (draft, path) = (self.path(entry, DRAFT), self.path(entry, ENTRY));
        let renamed = if_found(std::fs::rename(&draft, &path));
        renamed.map(|_| ()).map_err(|error| Error::file("rename", &draft, &error))
    }

    /// Replaces an entry, to record an attempt.
    pub fn rewrite(&self, entry: &OutboxEntry) -> Result<(), Error> {
        store::replace_with(&self.path(entry, ENTRY), |file| file.write_all(&encode(entry)?))
    }

    /// Returns the drafts that a crash may have left. Their content may be incomplete.
    pub fn drafts(&self) -> Result<Vec<OsString>, Error> {
        self.list(DRAFT)
    }

    /// Makes a draft that is recorded an entry, and removes any other.
    pub fn settle_draft(&self, name: &OsStr, is_recorded: bool) -> Result<(), Error> {
        let draft = self.folder.join(name);
        let settled = match is_recorded {
            true => std::fs::rename(&draft, draft.with_extension(ENTRY)),
            false => return self.remove_file(name),
        };
        let settled = if_found(settled).map(|_| ());
        settled.map_err(|error| Error::file("settle the draft", &draft, &error))
    }

    /// Returns the names of the entries, the oldest decision first.
    pub fn names(&self) -> Result<Vec<OsString>, Error> {
        self.list(ENTRY)
    }

    /// Removes the ids of the entries and drafts from a set.
    pub fn remove_listed(&self, ids: &mut HashSet<String>) -> Result<(), Error> {
        for name in self.drafts()?.iter().chain(&self.names()?) {
            id_of(name).map(|id| ids.remove(id));
        }
        Ok(())
    }

    fn list(&self, wanted: &str) -> Result<Vec<OsString>, Error> {
        let failed = |error: &io::Error| {
            let remedy = "make that folder readable, or move it away";
            let cause =
                format!("{}; {remedy}: its channel delivers nothing before", io_cause(error));
            Error::failed("read", self.folder.display(), cause)
        };
        let listed = match std::fs::read_dir(&self.folder) {
            // A file in the place of the folder keeps what is written away, and holds up no other channel.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(Vec::new()),
            listed => if_found(listed).map_err(|error| failed(&error))?,
        };
        let Some(listed) = listed else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for file in listed {
            let name = file.map_err(|error| failed(&error))?.file_name();
            if Path::new(&name).extension().is_some_and(|ending| ending == wanted) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Reads an entry; None when another process has removed it.
    pub fn read(&self, name: &OsString) -> Result<Option<OutboxEntry>, Error> {
        let path = self.folder.join(name);
        let bytes = if_found(std::fs::read(&path));
        let Some(bytes) = bytes.map_err(|error| Error::file("read", &path, &error))? else {
            return Ok(None);
        };
        let entry = serde_json::from_slice(&bytes);
        entry.map(Some).map_err(|error| {
            Error::failed("read", path.display(), format!("{error}; move it away to go on"))
        })
    }

    /// Removes an entry that was delivered, and is recorded as such.
    pub fn remove(&self, entry: &OutboxEntry) -> Result<(), Error> {
        for ending in [DRAFT, ENTRY] {
            let path = self.path(entry, ending);
            remove_in_folder(&path)?;
        }
        Ok(())
    }

    pub fn remove_file(&self, name: &OsStr) -> Result<(), Error> {
        remove_in_folder(&self.folder.join(name))
    }

    /// Takes the right to deliver to the channel, unless another process has it.
    pub fn lock(&self) -> Result<Option<Lock>, Error> {
        store::make_dir(&self.folder)?;
        let locked = Lock::try_take(&self.folder.join("channel.lock"));
        locked.map_err(|error| Error::Failed(format!("{error}; {MAKE_WRITABLE}")))
    }

    fn path(&self, entry: &OutboxEntry, ending: &str) -> PathBuf {
        self.folder.join(format!("{:012}-{}.{ending}", entry.sequence, entry.delivery.id))
    }
}

/// The slot of a process that prints to a console. Its lock is held as long as the process lives, so
/// that another process sees which notices nobody will print.
#[derive(Debug)]
pub struct ConsoleSlot {
    pub number: u32,
    _lock: Lock,
}

impl ConsoleSlot {
    /// Takes the first free slot; None when all are taken.
    pub fn take(store: &Store) -> Result<Option<Self>, Error> {
        store::make_dir(&store.dir().join(FOLDER))?;
        for number in 0..SLOTS_MAX {
            if let Some(lock) = Lock::try_take(&slot_path(store, number))? {
                return Ok(Some(ConsoleSlot { number, _lock: lock }));
            }
        }
        Ok(None)
    }
}

/// Returns whether the process of a slot lives.
pub fn is_slot_taken(store: &Store, number: u32) -> Result<bool, Error> {
    store::is_locked(&slot_path(store, number))
}

fn slot_path(store: &Store, number: u32) -> PathBuf {
    store.dir().join(FOLDER).join(format!("console-{number}.lock"))
}

fn remove_in_folder(path: &Path) -> Result<(), Error> {
    store::remove(path).map_err(|error| {
        Error::failed("remove", path.display(), format!("{}; {MAKE_WRITABLE}", io_cause(&error)))
    })
}

/// Returns the number of the delivery in the name of a file.
pub fn sequence_of(name: &OsStr) -> Option<u64> {
    name.to_str()?.split_once('-')?.0.parse().ok()
}

/// Returns the id of the delivery in the name of a file.
pub fn id_of(name: &OsStr) -> Option<&str> {
    let (_, rest) = name.to_str()?.split_once('-')?;
    rest.rsplit_once('.').map(|(id, _)| id)
}

fn encode(entry: &OutboxEntry) -> io::Result<Vec<u8>> {
    serde_json::to_vec(entry).map_err(io::Error::from)
}

/// Returns a name that can be read and is that of no other channel.
fn folder_name(channel: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !channel.is_empty() && channel.len() <= NAME_MAX && channel.chars().all(is_plain) {
        return channel.to_owned();
    }
    let plain: String = channel.chars().filter(|c| is_plain(*c)).take(NAME_MAX).collect();
    let hash = derived_id(&[channel]);
    format!("{plain}.{}", hash.get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_has_the_name_of_its_channel_as_far_as_a_file_can() {
        assert_eq!(folder_name("slack-ops_1"), "slack-ops_1");
        let odd = ["../../etc", "a/b", "a b", ".", "..", &"x".repeat(64), "Ä", "a.b"];
        let names: Vec<String> = odd.iter().map(|name| folder_name(name)).collect();
        for (name, folder) in odd.iter().zip(&names) {
            assert!(!folder.contains('/') && !folder.starts_with(".."), "{name}: {folder}");
            assert_eq!(names.iter().filter(|one| *one == folder).count(), 1, "{name}");
        }
    }
}
