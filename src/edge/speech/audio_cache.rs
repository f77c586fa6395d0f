//! The folder of audio: one file a sentence and voice, the memory of fallbacks, and the lock of the
//! voice.
//!
//! Promises: folder and files are the user's alone; a file appears whole or not at all; the lock is
//! held while something is said, so that no two processes speak at once. Never: keeps a file over
//! the limit, but for the one that is about to be played.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};

use crate::error::{Error, if_found};
use crate::rules::speech::audio::AudioFormat;
use crate::rules::speech::cache::{CachedFile, evicted};
use crate::rules::speech::fallback::FallbackLog;
use crate::store::{self, Lock};
use crate::time::Timestamp;

/// The memory of fallbacks.
const FALLBACKS: &str = "fallbacks.json";
/// The characters of a key, which is a SHA-256 in hexadecimal.
const KEY: usize = 64;

/// The open cache, with the lock of the voice.
#[derive(Debug)]
pub(super) struct AudioCache {
    dir: PathBuf,
    _voice: Lock,
}

/// The reason for which a cache is not opened.
#[derive(Debug)]
pub(super) enum CacheError {
    /// Another process has spoken for too long.
    Busy(Error),
    /// The folder or the lock cannot be made.
    Unusable(Error),
}

impl AudioCache {
    /// Opens the cache, and waits until no other process speaks, for at most 60 seconds.
    pub(super) fn open(dir: &Path) -> Result<Self, CacheError> {
        let path = dir.join("voice.lock");
        let voice = match prepare(dir).and_then(|()| Lock::try_take(&path)) {
            Ok(Some(voice)) => voice,
            Ok(None) => Lock::wait(&path).map_err(CacheError::Busy)?,
            Err(error) => return Err(CacheError::Unusable(error)),
        };
        Ok(AudioCache { dir: dir.to_owned(), _voice: voice })
    }

    /// Returns the audio of a key, in whatever format it came, and marks it as used.
    pub(super) fn find(&self, key: &str) -> Option<PathBuf> {
        let (path, bytes) = find_in(&self.dir, key)?;
        // A file that was cut or changed is made again.
        AudioFormat::detect(&bytes)?;
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        // Without it the file is deleted earlier.
        let _ = utimensat(CWD, &path, &times, AtFlags::empty());
        Some(path)
    }

    /// Files audio, deletes what has become too much, and returns the path.
    pub(super) fn keep(
        &self,
        key: &str,
        format: AudioFormat,
        bytes: &[u8],
        max: u64,
    ) -> Result<PathBuf, Error> {
        let path = self.write(&format!("{key}.{format}"), bytes)?;
        for name in evicted(self.files(), max, &format!("{key}.{format}")) {
            let old = self.dir.join(name);
            store::remove(&old).map_err(|error| Error::file("delete", &old, &error))?;
        }
        Ok(path)
    }

    /// Writes a file that is no entry of the cache.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
        let path = self.dir.join(name);
        store::replace(&path, bytes)?;
        Ok(path)
    }

    /// Returns the entries.
    fn files(&self) -> Vec<CachedFile> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let files = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let meta = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            let used = Timestamp::from_millis(meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000);
            is_entry(&name).then_some(CachedFile { name, bytes: meta.len(), used })
        });
        files.collect()
    }

    /// Returns the memory of fallbacks; an empty one when there is none that can be read.
    pub(super) fn fallbacks(&self) -> FallbackLog {
        store::read_json(&self.dir.join(FALLBACKS)).unwrap_or_default()
    }

    /// Writes the memory of fallbacks.
    pub(super) fn keep_fallbacks(&self, log: &FallbackLog) -> Result<(), Error> {
        let path = self.dir.join(FALLBACKS);
        let text =
            serde_json::to_vec(log).map_err(|e| Error::failed("encode", path.display(), e))?;
        store::replace(&path, &text)
    }
}

/// Makes the folder the user's alone.
fn prepare(dir: &Path) -> Result<(), Error> {
    store::make_dir(dir)?;
    // Another program, or an earlier umask, may have made the folder.
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(dir, private).map_err(|error| Error::file("open", dir, &error))
}

/// Returns whether the folder has audio of a key.
pub(super) fn has(dir: &Path, key: &str) -> bool {
    find_in(dir, key).is_some()
}

fn find_in(dir: &Path, key: &str) -> Option<(PathBuf, Vec<u8>)> {
    AudioFormat::ALL.into_iter().find_map(|format| {
        let path = dir.join(format!("{key}.{format}"));
        let read: io::Result<Vec<u8>> = std::fs::read(&path);
        Some((path, if_found(read).ok()??))
    })
}

fn is_entry(name: &str) -> bool {
    let is_audio = |extension: &str| AudioFormat::parse(extension).is_some();
    name.split_once('.').is_some_and(|(key, extension)| key.len() == KEY && is_audio(extension))
}
