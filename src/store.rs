//! The state folder: documents of keyed records, and file locks.
//!
//! `store.update(keys, |records| …)` locks `<name>.lock`, reads `<name>.json`, gives the records
//! that `keys` names to a function, and replaces the file when they have changed. Promises: readers
//! take no lock and see the old document or the new one; a document that does not parse is never
//! overwritten; a change to a record that was not asked for is refused. Never: locks a file that is
//! renamed, deletes a lock file, or lets a thread wait for the world while it holds the lock of a
//! document (see [`BlockingWait`]). No other module locks files.
//!
//! With the feature `dynamodb`, a table that machines share may have the documents in place of the folder
//! (`shared.rs`); callers do not see where they are.

mod document_file;
mod files;
mod lock;
#[cfg(any(test, feature = "dynamodb"))]
mod shared;
#[cfg(any(test, feature = "dynamodb"))]
mod table;
mod wait;

pub use files::{
    append_private, create_private, make_dir, read_json, remove, replace, replace_with,
    sync_file_system, sync_parent,
};
pub use lock::{Lock, is_locked, lock_holder};
#[cfg(any(test, feature = "dynamodb"))]
pub use shared::{SharedRecords, lock_rules};
#[cfg(any(test, feature = "dynamodb"))]
pub use table::{
    Committed, LockItem, LockWritten, RecordChange, RecordTable, TableRecord, Transaction,
};
pub use wait::{BlockingWait, assert_may_wait, output_of, receive, sleep, wait_for_end};

use std::path::{Path, PathBuf};

use wait::UpdateMark;

use crate::document::{Document, Keys, foreign_record};
use crate::error::Error;

/// The state folder.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    /// The table that has the shared documents in place of the folder.
    #[cfg(any(test, feature = "dynamodb"))]
    shared: Option<std::sync::Arc<SharedRecords>>,
}

impl Store {
    /// Opens the folder, and makes it (0700) when it is missing. The mode of one that exists stays: it
    /// may hold other files.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        make_dir(dir)?;
        files::warn_of_writable(dir);
        Ok(Store::at(dir))
    }

    /// Names the folder without making it, to read from it.
    pub fn at(dir: &Path) -> Self {
        Store {
            dir: dir.to_owned(),
            #[cfg(any(test, feature = "dynamodb"))]
            shared: None,
        }
    }

    /// Returns the store with its shared documents in a table.
    #[cfg(any(test, feature = "dynamodb"))]
    #[must_use]
    pub fn with_shared(self, shared: SharedRecords) -> Self {
        Store { shared: Some(std::sync::Arc::new(shared)), ..self }
    }

    /// Whether the shared documents are in a table.
    pub fn is_shared(&self) -> bool {
        #[cfg(any(test, feature = "dynamodb"))]
        {
            self.shared.is_some()
        }
        #[cfg(not(any(test, feature = "dynamodb")))]
        {
            false
        }
    }

    /// Returns the path of the folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn path<D: Document>(&self, extension: &str) -> PathBuf {
        self.dir.join(format!("{}.{extension}", D::NAME))
    }

    /// Returns the records that `keys` names; none when nothing was written yet.
    pub fn read<D: Document>(&self, keys: &Keys<'_>) -> Result<D, Error> {
        #[cfg(any(test, feature = "dynamodb"))]
        if let Some(shared) = self.shared.as_deref().filter(|_| D::SHARED) {
            return shared.read(keys);
        }
        let mut document: D = document_file::read(&self.path::<D>("json"))?;
        document.split(keys);
        Ok(document)
    }

    /// Changes the records that `keys` names, and returns the result of `change` when they are on
    /// disk. An error of `change` leaves all records as they were.
    ///
    /// Inside `change` only the journal may be locked, and nothing may wait for the network or for
    /// another process; a debug build panics when that happens on this thread.
    pub fn update<D: Document, R>(
        &self,
        keys: &Keys<'_>,
        change: impl FnOnce(&mut D) -> Result<R, Error>,
    ) -> Result<R, Error> {
        #[cfg(any(test, feature = "dynamodb"))]
        if let Some(shared) = self.shared.as_deref().filter(|_| D::SHARED) {
            return shared.update(keys, change);
        }
        let _mark = UpdateMark::set(D::NAME);
        let _lock = Lock::wait(&self.path::<D>("lock"))?;
        let path = self.path::<D>("json");
        let mut document: D = document_file::read(&path)?;
        let rest = document.split(keys);
        let result = change(&mut document)?;
        if let Some((kind, id)) = foreign_record(&mut document, keys) {
            let cause = format!("the {kind} '{id}' was changed and not asked for");
            return Err(Error::failed("update", D::NAME, cause));
        }
        document.join(rest, keys);
        document_file::write(&path, &document)?;
        Ok(result)
    }
}

#[cfg(test)]
mod tests;
