//! The changes of an update: which records, in how many transactions. Pure.

use std::collections::BTreeMap;

use crate::document::KeyedRecord;
use crate::store::table::{RecordChange, TableRecord};

/// The changes of a transaction, which has 100 actions with that on the lock.
const CHANGES_MAX: usize = 99;
/// The bytes of a transaction; DynamoDB allows 4 MB.
const TRANSACTION_MAX: usize = 3_500_000;
/// The bytes of an item, of which DynamoDB allows 400 KB.
const ITEM_MAX: usize = 400_000;
/// The bytes of kind and key, which DynamoDB limits to 1,024.
const KEY_MAX: usize = 1000;

/// Compares the records with those that were read. A record keeps its place; new ones come last.
pub(super) fn changes(
    known: Vec<TableRecord>,
    records: Vec<KeyedRecord>,
    rev: u64,
    version: u64,
) -> Vec<RecordChange> {
    let id = |one: &TableRecord| (one.kind.clone(), one.key.clone());
    let mut known: BTreeMap<_, _> = known.into_iter().map(|one| (id(&one), one)).collect();
    let mut changes = Vec::new();
    for (index, KeyedRecord { kind, key, json }) in (0..).zip(records) {
        let before = known.remove(&(kind.clone(), key.clone()));
        if before.as_ref().is_some_and(|before| before.json == json) {
            continue;
        }
        // The fencing number has 41 bits, as milliseconds; so that later records have higher places.
        let new_place = || rev.saturating_mul(1 << 20).saturating_add(index);
        let (was, place) = match &before {
            Some(before) => (Some(before.rev), before.place),
            None => (None, new_place()),
        };
        let record = TableRecord { kind, key, json, rev, place, version };
        changes.push(RecordChange::Put { record, was });
    }
    let removed = known.into_values();
    changes.extend(removed.map(|TableRecord { kind, key, rev: was, .. }| RecordChange::Delete {
        kind,
        key,
        was,
    }));
    changes
}

/// Refuses a record that DynamoDB would refuse.
pub(super) fn check_size(change: &RecordChange) -> Result<(), String> {
    let (kind, key) = change.id();
    if kind.len() + key.len() > KEY_MAX {
        return Err(format!(
            "the key of a {kind} has {} bytes, at most {KEY_MAX} are possible",
            key.len()
        ));
    }
    if change.size() > ITEM_MAX {
        let kib = change.size() / 1024;
        return Err(format!("the {kind} '{key}' has {kib} KiB, and DynamoDB keeps at most 400 KB"));
    }
    Ok(())
}

/// Returns how many of the changes fit into one transaction.
pub(super) fn chunk_len(changes: &[RecordChange]) -> usize {
    let mut bytes = 0;
    let fits = changes.iter().take(CHANGES_MAX).take_while(|change| {
        bytes += change.size();
        bytes <= TRANSACTION_MAX
    });
    fits.count().max(1)
}
