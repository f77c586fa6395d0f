//! The folder of a session: its path, and whether its supervisor runs.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::store;

/// Returns the folder of a session below the state folder. The folder need not exist.
pub fn session_folder(state: &Path, session: &str) -> PathBuf {
    state.join("sessions").join(session)
}

/// Whether the supervisor of a session that has begun holds its lock. A lock that is gone is an error:
/// an agent that removed it would free its slot, and run on.
pub fn is_supervised(lock: &Path) -> Result<bool, Error> {
    let is_held = store::is_locked(lock)?;
    match lock.symlink_metadata() {
        Err(error) if !is_held => Err(Error::file("open", lock, &error)),
        _ => Ok(is_held),
    }
}
