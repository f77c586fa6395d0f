//! The path of a session's folder.

use std::path::{Path, PathBuf};

/// Returns the folder of a session below the state folder. The folder need not exist.
pub fn session_folder(state: &Path, session: &str) -> PathBuf {
    state.join("sessions").join(session)
}
