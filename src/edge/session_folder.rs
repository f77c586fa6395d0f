//! The folder of a session: its path, and whether its supervisor runs.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::store;

/// Returns the folder of a session below the state folder. The folder need not exist.
pub fn session_folder(state: &Path, session: &str) -> PathBuf {
    state.join("sessions").join(session)
}

/// Returns the number of the file that is the lock of a session; none where it cannot be known.
pub fn lock_number(lock: &Path) -> Option<u64> {
    lock.symlink_metadata().ok().map(|found| found.ino())
}

/// Whether the supervisor of a session that has begun holds its lock. A lock that is gone, or another file
/// than the one with the recorded number, is an error: an agent that removed or replaced it would free its
/// slot, and run on.
pub fn is_supervised(lock: &Path, recorded: Option<u64>) -> Result<bool, Error> {
    if store::is_locked(lock)? {
        return Ok(true);
    }
    let found = lock.symlink_metadata().map_err(|error| Error::file("open", lock, &error))?;
    match recorded.is_some_and(|number| number != found.ino()) {
        true => {
            Err(Error::failed("probe the lock", lock.display(), "another file is in its place"))
        }
        false => Ok(false),
    }
}
