//! Folders that this user may not enter, such as those of another user: one sentence for the folder, in
//! place of one for each file in it.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::Error;

/// Returns why a folder cannot be entered; None where it can, and where there is none.
pub fn refusal(folder: &Path) -> Option<String> {
    let entered = std::fs::metadata(folder.join("."));
    entered.err().filter(|error| error.kind() == ErrorKind::PermissionDenied)?;
    let cause = match std::fs::metadata(folder) {
        Ok(meta) => {
            let mode = meta.mode() & 0o7777;
            format!("permission denied: it belongs to user {}, with mode {mode:04o}", meta.uid())
        }
        // A folder above it is closed.
        Err(_) => "permission denied".into(),
    };
    Some(Error::failed("open", folder.display(), cause).to_string())
}

/// Returns the sentence of an error at a file of a folder: that of the folder, where that is closed.
pub fn sentence(folder: &Path, error: &Error) -> String {
    refusal(folder).unwrap_or_else(|| error.to_string())
}

/// Adds a problem, unless it is known.
pub fn add(problems: &mut Vec<String>, problem: String) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

/// The closed folders among those of sessions.
#[derive(Debug, Default)]
pub struct ClosedFolders {
    sentences: Vec<String>,
}

impl ClosedFolders {
    /// Returns whether the folder of a session, or the one that it is in, is closed, and keeps that.
    pub fn take(&mut self, folder: &Path) -> bool {
        let above = folder.parent().and_then(refusal);
        let found = above.or_else(|| refusal(folder));
        let is_closed = found.is_some();
        found.into_iter().for_each(|sentence| add(&mut self.sentences, sentence));
        is_closed
    }

    /// Returns the sentence about all of them.
    pub fn problem(self) -> Option<String> {
        let first = self.sentences.first()?;
        Some(match self.sentences.len() - 1 {
            0 => first.clone(),
            1 => format!("{first}; so is 1 other folder of a session"),
            more => format!("{first}; so are {more} other folders of sessions"),
        })
    }
}
