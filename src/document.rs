//! State documents as sets of keyed records. No I/O.
//!
//! A decision names the records that it needs by [`Keys`], and gets a document that holds those and
//! no others: a record that was not named looks absent, so a decision has to name all that it reads.
//! A store may keep all records of a document in one file, or each record by itself.
//! Promises: a document that is split and joined again is the same document, in the same order;
//! the format on disk is the body's own fields behind a `version`.

mod keys;
mod list;
mod versioned;

pub use keys::{Keys, RecordKind};
pub(crate) use list::list_document;
pub use list::{ListRest, join_list, join_map, split_list, split_map};
pub use versioned::Versioned;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A set of keyed records; empty when nothing was written yet.
pub trait Document: Serialize + DeserializeOwned + Default {
    /// The name of the document; the file store adds `.json`.
    const NAME: &str;
    /// The version that this program writes and the newest that it reads.
    const VERSION: u64;

    /// Holds the records that a decision did not ask for.
    type Rest;

    /// Takes the records out that `keys` does not name.
    fn split(&mut self, keys: &Keys<'_>) -> Self::Rest;

    /// Puts the records back that [`Document::split`] has taken out.
    fn join(&mut self, rest: Self::Rest);

    /// Calls `see` with the key of every record. Several records may share a key: they are asked
    /// for together.
    fn each_key(&self, see: &mut dyn FnMut(RecordKind, &str));
}

/// Returns the first record of a document that `keys` does not name.
pub fn foreign_record<D: Document>(document: &D, keys: &Keys<'_>) -> Option<(RecordKind, String)> {
    let mut foreign = None;
    document.each_key(&mut |kind, id| {
        if foreign.is_none() && !keys.contains(kind, id) {
            foreign = Some((kind, id.to_owned()));
        }
    });
    foreign
}

#[cfg(test)]
mod tests;
