//! The archives: one file for each move, in a folder that only its owner can read.
//!
//! Promises: a message is on disk before its line counts as written; a batch is written whole or not
//! at all, so that a full disk leaves no part of a line; the folder never has more than its limit by
//! messages; no archive with a message is deleted. A move of a queue runs exactly while its lock is held.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::clock;
use crate::config::State;
use crate::error::{Error, if_found};
use crate::log;
use crate::ndjson::cut_torn_line;
use crate::regular_file;
use crate::rules::evidence::message::Message;
use crate::rules::redrive::archive::{
    ArchiveHead, ArchiveLine, LINE_MAX, MoveResult, file_name, head_line, judge_size, message_line,
    read_line, result_line,
};
use crate::rules::redrive::id_set::{IdSet, id_hash};
use crate::rules::redrive::progress::ArchiveState;
use crate::store::{self, Lock, Store};
use crate::text;
use crate::time::Timestamp;

const FOLDER: &str = "archive";
const EXTENSION: &str = "ndjson";
/// The age of the sum of the other archives at which it is computed again.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// The time for which SQS keeps a message, at most, and a day for a clock that is wrong.
const LIFE_MAX: Duration = Duration::from_secs(15 * 86_400);

/// The folder of the archives.
#[derive(Debug, Clone)]
pub struct Archives {
    dir: PathBuf,
    /// The limit on the sum of the archives, in bytes.
    size_max: u64,
}

impl Archives {
    /// Names the folder without making it.
    pub fn new(store: &Store, settings: &State) -> Self {
        Archives { dir: store.dir().join(FOLDER), size_max: settings.archive_bytes_max() }
    }

    /// Takes the lock of a queue, which a move of it holds for its life. None: another one runs.
    pub fn lock(&self, arn: &str) -> Result<Option<Lock>, Error> {
        store::make_dir(&self.dir)?;
        Lock::try_take(&self.lock_path(arn))
    }

    /// Whether a move of a queue is running.
    pub fn is_running(&self, arn: &str) -> Result<bool, Error> {
        store::is_locked(&self.lock_path(arn))
    }

    fn lock_path(&self, arn: &str) -> PathBuf {
        let name: String = id_hash(arn).iter().map(|byte| format!("{byte:02x}")).collect();
        self.dir.join(format!("{name}.lock"))
    }

    /// Returns the sum of the archives, in bytes, but for one.
    fn used(&self, but_for: Option<&Path>) -> Result<u64, Error> {
        let paths = self.paths()?;
        let others = paths.iter().filter(|path| but_for != Some(path.as_path()));
        let sizes = others.filter_map(|path| Some(path.symlink_metadata().ok()?.len()));
        Ok(sizes.sum())
    }

    /// Returns the paths of all archives, in the order of their names.
    pub fn paths(&self) -> Result<Vec<PathBuf>, Error> {
        let failed = |error| Error::file("list", &self.dir, &error);
        let Some(entries) = if_found(std::fs::read_dir(&self.dir)).map_err(failed)? else {
            return Ok(Vec::new());
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|found| found == EXTENSION) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// Makes the archive of a move.
    pub fn create(&self, head: &ArchiveHead) -> Result<ArchiveWriter, Error> {
        store::make_dir(&self.dir)?;
        let path = self.dir.join(file_name(&head.queue.name, &head.id, head.at));
        judge_size(self.used(None)?, 0, self.size_max)
            .map_err(|why| Error::failed("make", path.display(), why))?;
        let mut writer = self.writer(path)?;
        if writer.size > 0 {
            return Err(Error::failed("make", writer.path.display(), "it exists"));
        }
        writer.append(&head_line(head))?;
        writer.is_bare = true;
        store::sync_parent(&writer.path)?;
        Ok(writer)
    }

    /// Opens the archive of an interrupted move, to go on with it.
    pub fn resume(&self, path: &Path) -> Result<ArchiveWriter, Error> {
        let mut writer = self.writer(path.to_owned())?;
        let cut = cut_torn_line(&mut writer.file).and_then(|()| writer.file.metadata());
        writer.size = cut.map_err(|error| Error::file("open", path, &error))?.len();
        Ok(writer)
    }

    fn writer(&self, path: PathBuf) -> Result<ArchiveWriter, Error> {
        let opened = store::append_private(&path).and_then(|file| Ok((file.metadata()?, file)));
        let (found, file) = opened.map_err(|error| Error::file("open", &path, &error))?;
        let others = self.used(Some(&path))?;
        let archives = self.clone();
        let counted_at = clock::tick();
        let size = found.len();
        Ok(ArchiveWriter { archives, path, file, size, is_bare: false, others, counted_at })
    }

    /// Returns the paths of the archives of queues that were changed since a moment. `is_meant` judges the ARN
    /// of a queue.
    pub fn changed_since(
        &self,
        moment: Timestamp,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<Vec<PathBuf>, Error> {
        let mut paths = self.paths()?;
        paths.retain(|path| {
            changed_at(path).is_some_and(|changed| changed >= moment)
                && ArchiveReader::head(path).is_some_and(|head| is_meant(&head.queue.arn))
        });
        Ok(paths)
    }

    /// Returns the hashes of the ids of messages of a queue that an archive has, as far as SQS can
    /// still have them.
    pub fn known_ids(&self, arn: &str) -> Result<IdSet, Error> {
        let mut all = IdSet::default();
        for path in self.changed_since(clock::now().minus(LIFE_MAX), |queue| queue == arn)? {
            // What cannot be read is archived once more, which is better than not at all.
            ArchiveReader::each_if_found(&path, |line| {
                if let ArchiveLine::Message(one, _) = line {
                    all.insert(id_hash(&one.message.id));
                }
            });
        }
        Ok(all)
    }
}

fn changed_at(path: &Path) -> Option<Timestamp> {
    let changed = path.symlink_metadata().ok()?.modified().ok()?;
    let since = changed.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?))
}

/// Whether a move of a queue is running, in the state folder of `store`.
pub fn is_move_running(store: &Store, arn: &str) -> Result<bool, Error> {
    Archives::new(store, &State::default()).is_running(arn)
}

/// The archive of a move that runs.
#[derive(Debug)]
pub struct ArchiveWriter {
    archives: Archives,
    path: PathBuf,
    file: File,
    size: u64,
    /// Whether this run has made it, and added no message.
    is_bare: bool,
    /// The sum of the other archives, and when it was computed.
    others: u64,
    counted_at: Instant,
}

impl ArchiveWriter {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds messages, each with its cause if that is known. They are on disk when this returns; after
    /// an error none of them is in the archive.
    pub fn messages(
        &mut self,
        messages: &[(&Message, Option<&str>)],
        at: Timestamp,
    ) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for (message, fingerprint) in messages {
            let line = message_line(message, *fingerprint, at);
            bytes.extend(line.map_err(|why| self.refused(&why))?);
        }
        self.limit(bytes.len() as u64)?;
        self.append(&bytes)?;
        self.is_bare &= messages.is_empty();
        Ok(())
    }

    /// Removes the archive of a move that this run has begun, unless it has a message. Returns whether
    /// it was removed.
    pub fn remove_without_messages(&self) -> bool {
        self.is_bare && std::fs::remove_file(&self.path).is_ok()
    }

    /// Adds results. They are on disk when this returns.
    pub fn results(&mut self, results: &[MoveResult], at: Timestamp) -> Result<(), Error> {
        let lines: Vec<u8> = results.iter().flat_map(|one| result_line(one, at)).collect();
        if lines.is_empty() { Ok(()) } else { self.append(&lines) }
    }

    /// Adds results that are on disk with the next lines, or at the end. It is for deletions: a message
    /// whose send is on disk and that is no longer in its queue was deleted, with or without its line.
    pub fn late_results(&mut self, results: &[MoveResult], at: Timestamp) -> Result<(), Error> {
        let lines: Vec<u8> = results.iter().flat_map(|one| result_line(one, at)).collect();
        let written = self.file.write_all(&lines);
        self.settle(written, lines.len())
    }

    fn limit(&mut self, batch: u64) -> Result<(), Error> {
        if self.counted_at.elapsed() >= COUNT_EVERY {
            self.others = self.archives.used(Some(&self.path))?;
            self.counted_at = clock::tick();
        }
        let used = self.others.saturating_add(self.size);
        judge_size(used, batch, self.archives.size_max).map_err(|why| self.refused(&why))
    }

    fn refused(&self, why: &str) -> Error {
        Error::failed("write", self.path.display(), why)
    }

    /// Adds lines at the end and waits for the disk. After an error the file is as long as before.
    fn append(&mut self, lines: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all(lines).and_then(|()| self.file.sync_data());
        self.settle(written, lines.len())
    }

    fn settle(&mut self, written: std::io::Result<()>, bytes: usize) -> Result<(), Error> {
        if let Err(error) = written {
            // A part of a line would make the lines behind it foreign.
            let _ = self.file.set_len(self.size).and_then(|()| self.file.sync_data());
            return Err(Error::file("write", &self.path, &error));
        }
        self.size += bytes as u64;
        Ok(())
    }
}

/// The lines of an archive, one in memory at a time. What a kill has left of a last line is skipped.
#[derive(Debug)]
pub struct ArchiveReader {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    number: u64,
    /// Whether the file can no longer be read.
    is_over: bool,
}

/// The lines of an archive that cannot be read, and are skipped.
#[derive(Debug, Default)]
pub struct ArchiveDamage {
    pub lines: u64,
    first: Option<Error>,
}

impl ArchiveDamage {
    /// Warns of the lines, if there are any.
    pub fn tell(&self) {
        let Some(first) = &self.first else { return };
        let lines = text::count(self.lines, "line");
        log::warn(&format!("an archive is damaged, {lines} skipped: {first}"));
    }
}

impl ArchiveReader {
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = regular_file::open(path).map_err(|error| Error::file("read", path, &error))?;
        let file = BufReader::with_capacity(64 * 1024, file);
        Ok(ArchiveReader {
            path: path.to_owned(),
            file,
            line: Vec::new(),
            number: 0,
            is_over: false,
        })
    }

    /// Gives the lines of an archive that can be read to `on_line`. Returns what cannot.
    pub fn each(
        path: &Path,
        mut on_line: impl FnMut(ArchiveLine) -> Result<(), Error>,
    ) -> Result<ArchiveDamage, Error> {
        let mut damage = ArchiveDamage::default();
        for line in ArchiveReader::open(path)? {
            match line {
                Ok(line) => on_line(line)?,
                Err(error) => {
                    damage.lines += 1;
                    damage.first.get_or_insert(error);
                }
            }
        }
        Ok(damage)
    }

    /// Gives the lines of an archive that can be read to `on_line`, and warns of what cannot: one file
    /// of the folder must not end the moves of all queues.
    pub fn each_if_found(path: &Path, mut on_line: impl FnMut(ArchiveLine)) {
        let read = ArchiveReader::each(path, |line| {
            on_line(line);
            Ok(())
        });
        match read {
            Ok(damage) => damage.tell(),
            Err(error) => log::warn(&error.to_string()),
        }
    }

    /// Returns the head of an archive. None, with a warning, for a file that is none or cannot be read.
    pub fn head(path: &Path) -> Option<ArchiveHead> {
        match ArchiveReader::open(path).map(|mut lines| lines.next()) {
            Ok(Some(Ok(ArchiveLine::Head(head)))) => Some(*head),
            Ok(Some(Err(error))) | Err(error) => {
                // It may have been moved away since the folder was listed.
                if path.symlink_metadata().is_ok() {
                    log::warn(&error.to_string());
                }
                None
            }
            Ok(_) => None,
        }
    }

    /// Reads a whole archive into its sum. Lines that cannot be read are skipped, with a warning.
    pub fn state(path: &Path) -> Result<ArchiveState, Error> {
        let mut state = ArchiveState::default();
        let damage = ArchiveReader::each(path, |line| {
            state.add(line);
            Ok(())
        })?;
        damage.tell();
        state.unreadable = damage.lines;
        Ok(state)
    }

    fn failed(&self, why: &str) -> Error {
        Error::failed("read", self.path.display(), format!("line {}: {why}", self.number))
    }
}

impl Iterator for ArchiveReader {
    type Item = Result<ArchiveLine, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        self.line.clear();
        self.number += 1;
        let limit = LINE_MAX as u64 + 1;
        if let Err(error) = (&mut self.file).take(limit).read_until(b'\n', &mut self.line) {
            self.is_over = true;
            return Some(Err(Error::file("read", &self.path, &error)));
        }
        let Some(line) = self.line.strip_suffix(b"\n") else {
            let is_long = self.line.len() > LINE_MAX;
            return is_long.then(|| Err(self.failed("it is too long")));
        };
        let read = read_line(line, self.number == 1);
        Some(read.map_err(|why| self.failed(&why)))
    }
}

#[cfg(test)]
mod tests;
