//! File locks, and the bounded wait for one that another process holds.
//!
//! fs2 is called by its full name, because std has methods of the same names.

#![allow(clippy::disallowed_methods)] // The one place for them; see clippy.toml.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::files::append_private;
use crate::error::{Error, if_found};
use crate::time::show_span;
use crate::{clock, log, regular_file};

/// The wait for a lock after which a warning names the file and its holder. Updates take
/// milliseconds; the longest one waits up to 5 seconds for each supervisor that it starts.
const WARN_AFTER: Duration = Duration::from_secs(10);
/// The longest wait for a lock.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// The longest wait after this process has given up once, so that a filter that goes on passes
/// lines.
const WAIT_AGAIN_MAX: Duration = Duration::from_secs(1);
/// The shortest and the longest pause between two attempts.
const PAUSE: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// Whether this process has given up waiting for a lock.
static HAS_GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Returns the longest wait for a lock of a document.
pub(super) fn wait_max() -> Duration {
    if HAS_GIVEN_UP.load(Ordering::Relaxed) { WAIT_AGAIN_MAX } else { WAIT_MAX }
}

/// Notes that this process has waited for a lock in vain.
pub(super) fn give_up() {
    HAS_GIVEN_UP.store(true, Ordering::Relaxed);
}

/// A lock, held for as long as this value, or a child that was given its file, lives.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Waits for the lock, for at most 60 seconds.
    pub fn wait(path: &Path) -> Result<Self, Error> {
        // A file that cannot be opened was not waited for.
        let file = append_private(path).map_err(|error| Error::file("open", path, &error))?;
        Self::wait_with(file, path, WARN_AFTER, wait_max()).inspect_err(|_| give_up())
    }

    /// Waits for the lock for a reader, who may have no permission to write; None where nobody but the
    /// writers can hold the lock.
    pub fn wait_to_read(path: &Path) -> Result<Option<Self>, Error> {
        match append_private(path) {
            Err(error) if is_refused(error.kind()) => match regular_file::open(path) {
                Ok(file) => Lock::wait_with(file, path, WARN_AFTER, WAIT_MAX).map(Some),
                Err(error) if is_refused(error.kind()) => Ok(None),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Error::file("open", path, &error)),
            },
            _ => Lock::wait(path).map(Some),
        }
    }

    /// Waits for the lock for at most `most`, and warns after `warn_after`.
    pub(super) fn wait_with(
        file: File,
        path: &Path,
        warn_after: Duration,
        most: Duration,
    ) -> Result<Self, Error> {
        let (begun, [mut pause, longest_pause]) = (clock::tick(), PAUSE);
        let mut has_warned = false;
        while !try_exclusive(&file, path)? {
            let waited = begun.elapsed();
            if waited >= most {
                let cause = format!(
                    "{} has held it for {}; end that process, or run again later",
                    holder(&file),
                    show_span(most)
                );
                return Err(Error::failed("lock", path.display(), cause));
            }
            if waited >= warn_after && !has_warned {
                has_warned = true;
                let (path, holder) = (path.display(), holder(&file));
                log::warn(&format!("waiting for the lock '{path}', which {holder} holds"));
            }
            // Not `store::sleep`: the journal is locked under the lock of a document.
            std::thread::sleep(pause.min(most.saturating_sub(waited)));
            pause = (pause * 2).min(longest_pause);
        }
        Ok(Lock { file })
    }

    /// Takes the lock if it is free.
    pub fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        let file = append_private(path).map_err(|error| Error::file("open", path, &error))?;
        Ok(try_exclusive(&file, path)?.then_some(Lock { file }))
    }

    /// Returns the file, to be given to a child: the lock is then held until both have closed it.
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// Whether any process holds the lock. Probes with a shared lock, which is released at once, so
/// that two probes do not see each other.
pub fn is_locked(path: &Path) -> Result<bool, Error> {
    let opened = if_found(regular_file::open(path));
    let opened = opened.map_err(|error| Error::file("open", path, &error))?;
    let Some(file) = opened else { return Ok(false) };
    match fs2::FileExt::try_lock_shared(&file) {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(Error::file("probe the lock", path, &error)),
    }
}

/// Whether a file cannot be opened for want of a permission, or because nothing can be written there.
fn is_refused(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

fn try_exclusive(file: &File, path: &Path) -> Result<bool, Error> {
    match fs2::FileExt::try_lock_exclusive(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(Error::file("lock", path, &error)),
    }
}

/// Names the holder of the lock of this path, as far as the system tells.
pub fn lock_holder(path: &Path) -> String {
    regular_file::open(path).map_or_else(|_| "another process".to_owned(), |file| holder(&file))
}

/// Names the holder of a lock, as far as the system tells.
fn holder(file: &File) -> String {
    let unknown = || "another process".to_owned();
    let (Ok(meta), Ok(locks)) = (file.metadata(), std::fs::read_to_string("/proc/locks")) else {
        return unknown();
    };
    let Some(pid) = holder_pid(&locks, meta.dev(), meta.ino()) else { return unknown() };
    match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(program) => format!("process {pid} ('{}')", program.trim_end()),
        Err(_) => format!("process {pid}"),
    }
}

/// Finds the process that holds the lock of a file in the text of Linux's `/proc/locks`:
/// `1: FLOCK  ADVISORY  WRITE 16723 fe:00:5866920 0 EOF`. Lines with `->` wait for one.
fn holder_pid(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    locks.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        [_, "FLOCK", _, _, pid, locked, ..] if *locked == file => {
            // A process of another namespace has no number here.
            pid.parse().ok().filter(|pid| *pid > 0)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_holder_is_found_in_list_of_the_system() {
        let locks = "1: FLOCK  ADVISORY  WRITE 16723 fe:00:5866920 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 16704 fe:00:42 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 28307 fe:01:42 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 32302 fe:01:42 0 EOF\n\
                     4: FLOCK  ADVISORY  READ -1 fe:00:43 0 EOF\n\
                     half a line\n";
        let device = |minor| rustix::fs::makedev(0xfe, minor);
        let cases = [
            ("held", device(0), 5_866_920, Some(16_723)),
            ("held, and waited for", device(1), 42, Some(28_307)),
            ("another kind of lock", device(0), 42, None),
            ("a process of another namespace", device(0), 43, None),
            ("free", device(0), 44, None),
        ];
        for (rule, device, inode, expected) in cases {
            assert_eq!(holder_pid(locks, device, inode), expected, "{rule}");
        }
    }
}
