//! State documents as sets of keyed records. No I/O.
//!
//! A decision names the records that it needs by [`Keys`], and gets a document that holds those and
//! no others: a record that was not named looks absent, so a decision has to name all that it
//! reads. A store may keep all records of a document in one file, or each record by itself.
//! Promises: a document that is split and joined again is the same document, in the same order; the
//! format on disk is the body's own fields behind a `version`.

mod keys;
#[cfg(any(test, feature = "dynamodb"))]
mod records;
mod sets;
mod versioned;

pub use keys::{Keys, RecordKind};
#[cfg(any(test, feature = "dynamodb"))]
pub use records::{Export, Import, KeyedRecord, export, import};
pub use sets::SetOperation;
pub use versioned::Versioned;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A set of keyed records; empty when nothing was written yet.
pub trait Document: Serialize + DeserializeOwned + Default {
    /// The name of the document; the file store adds `.json`.
    const NAME: &str;
    /// The version that this program writes and the newest that it reads.
    const VERSION: u64;
    /// The consequence of moving a damaged file away, and the command that restores most of it.
    /// `None` for a cache: one that cannot be read counts as empty, and is overwritten.
    const WITHOUT: Option<&str>;
    /// Whether machines that share a table have the document in common. Otherwise each has its own, in
    /// its state folder: a cache, or what is about this machine.
    const SHARED: bool;

    /// Applies an operation to each set of records and to the same set of the rest. Several records
    /// may share a key: they are asked for together.
    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>);

    /// Takes the records out that `keys` does not name, and returns them.
    fn split(&mut self, keys: &Keys<'_>) -> Self {
        let mut rest = Self::default();
        self.each_set(&mut rest, &mut SetOperation::Split(keys));
        rest
    }

    /// Puts the records back that [`Document::split`] has taken out for the same keys.
    fn join(&mut self, mut rest: Self, keys: &Keys<'_>) {
        self.each_set(&mut rest, &mut SetOperation::Join(keys));
    }

    /// Calls `see` with the key of every record.
    fn each_key(&mut self, see: &mut dyn FnMut(RecordKind, &str)) {
        self.each_set(&mut Self::default(), &mut SetOperation::EachKey(see));
    }
}

/// Returns the first record of a document that `keys` does not name.
pub fn foreign_record<D: Document>(
    document: &mut D,
    keys: &Keys<'_>,
) -> Option<(RecordKind, String)> {
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
