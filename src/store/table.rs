//! The requests of the store to a table that machines share: single items, conditional writes, transactions.
//!
//! `edge/aws/table.rs` asks DynamoDB so; the tests have a table in memory, with faults. Requests are
//! repeated in there when they are throttled, within a bound. An error is final; whether a write was
//! carried out is said apart, because a server that answers nothing may have done it.

use std::fmt;

use crate::error::Error;
use crate::rules::lease::{LeaseAnswer, LeaseItem, LeaseWrite, TableMoment};

/// The records of a key, as the table has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRecord {
    pub kind: String,
    pub key: String,
    /// A JSON array of records.
    pub json: String,
    /// The fencing number of the lock under which it was written.
    pub rev: u64,
    /// The place among all records of the document.
    pub place: u64,
    /// The version of the document that it was written for.
    pub version: u64,
}

/// The item of a lock or a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockItem {
    pub lease: LeaseItem,
    /// The machine of its last holder, for people.
    pub host: String,
    /// The version of the document that was written last; that of the first holder before.
    pub version: u64,
}

/// The answer to a conditional write of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockWritten {
    Done(LockItem),
    Refused(LockItem),
    /// The write may have been carried out, or will be; the cause.
    Unknown(String),
}

impl LockWritten {
    /// Returns the answer as decisions take it.
    pub fn answer(&self) -> LeaseAnswer {
        match self {
            LockWritten::Done(_) => LeaseAnswer::Done,
            LockWritten::Refused(item) => LeaseAnswer::Refused(item.lease),
            LockWritten::Unknown(_) => LeaseAnswer::Unknown,
        }
    }
}

/// A change of a record, on the condition that it is as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordChange {
    /// `was` is the `rev` that was read; None for a new record.
    Put {
        record: TableRecord,
        was: Option<u64>,
    },
    Delete {
        kind: String,
        key: String,
        was: u64,
    },
}

impl RecordChange {
    /// Returns kind and key.
    pub fn id(&self) -> (&str, &str) {
        match self {
            RecordChange::Put { record, .. } => (&record.kind, &record.key),
            RecordChange::Delete { kind, key, .. } => (kind, key),
        }
    }

    /// Returns the bytes that the change has in a request, about.
    pub fn size(&self) -> usize {
        let (kind, key) = self.id();
        let json = match self {
            RecordChange::Put { record, .. } => record.json.len(),
            RecordChange::Delete { .. } => 0,
        };
        kind.len() + key.len() + json + 256
    }
}

/// Changes that are made together, or not at all, under a lock.
#[derive(Debug, Clone, Copy)]
pub struct Transaction<'a> {
    pub document: &'a str,
    pub version: u64,
    pub changes: &'a [RecordChange],
    /// The condition on the lock; and its change with the last transaction of an update.
    pub lock: &'a LeaseWrite,
    pub ends_lock: bool,
}

/// The answer to a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    Done,
    /// A condition did not hold; the cause.
    Refused(String),
    /// The cause for which it is not known whether it was carried out, or will be.
    Unknown(String),
}

/// A table that machines share.
pub trait RecordTable: fmt::Debug + Send + Sync {
    /// Returns the table's present time, as far as its answers tell.
    fn now(&self) -> Option<TableMoment>;
    /// Names the table in messages.
    fn name(&self) -> &str;
    /// Reads the lock of a document, or what was written to it last by anyone.
    fn lock(&self, document: &str) -> Result<Option<LockItem>, Error>;
    /// Writes the lock of a document. A new item gets this version.
    fn write_lock(
        &self,
        document: &str,
        write: &LeaseWrite,
        version: u64,
    ) -> Result<LockWritten, Error>;
    /// Reads single records, at most 100 in a request; those that are missing are left out.
    fn records(&self, document: &str, ids: &[(&str, &str)]) -> Result<Vec<TableRecord>, Error>;
    /// Reads all records of a document, or those of a kind, page by page.
    fn all(&self, document: &str, kind: Option<&str>) -> Result<Vec<TableRecord>, Error>;
    /// Carries a transaction out; it has at most 100 actions.
    fn commit(&self, transaction: &Transaction<'_>) -> Result<Committed, Error>;
}
