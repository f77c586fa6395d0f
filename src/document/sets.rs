//! Sets of records, split by keys and joined again.

use std::collections::BTreeMap;
use std::mem::take;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::{Keys, RecordKind};
#[cfg(any(test, feature = "dynamodb"))]
use super::records::{Export, Import};

/// An operation on each set of records of a document, and on the same set of its rest: the records
/// that a decision did not ask for.
pub enum SetOperation<'a> {
    /// Moves the records that the keys do not name to the rest.
    Split(&'a Keys<'a>),
    /// Puts the records of the rest back.
    Join(&'a Keys<'a>),
    /// Calls the function with the key of each record.
    EachKey(&'a mut dyn FnMut(RecordKind, &str)),
    /// Writes each record as JSON.
    #[cfg(any(test, feature = "dynamodb"))]
    Export(&'a mut Export),
    /// Adds the records that were written as JSON.
    #[cfg(any(test, feature = "dynamodb"))]
    Import(&'a mut Import),
}

impl SetOperation<'_> {
    /// Applies the operation to a list. Records that were asked for are put back in their old
    /// places, new ones at the end.
    pub fn list<T: Clone + Serialize + DeserializeOwned>(
        &mut self,
        kind: RecordKind,
        list: &mut Vec<T>,
        rest: &mut Vec<T>,
        key_of: impl Fn(&T) -> String,
    ) {
        match self {
            SetOperation::EachKey(see) => list.iter().for_each(|record| see(kind, &key_of(record))),
            SetOperation::Split(keys) | SetOperation::Join(keys) if keys.contains_all(kind) => {}
            SetOperation::Split(keys) => {
                // The rest keeps a copy of each record that is asked for, which marks its place.
                *rest = take(list);
                let asked = rest.iter().filter(|record| keys.contains(kind, &key_of(record)));
                list.extend(asked.cloned());
            }
            SetOperation::Join(keys) => {
                let mut changed = take(list);
                for record in take(rest) {
                    let key = key_of(&record);
                    if !keys.contains(kind, &key) {
                        list.push(record);
                    } else if let Some(at) = changed.iter().position(|one| key_of(one) == key) {
                        list.push(changed.remove(at));
                    }
                }
                list.append(&mut changed);
            }
            #[cfg(any(test, feature = "dynamodb"))]
            SetOperation::Export(export) => {
                list.iter().for_each(|record| export.add(kind, &key_of(record), record));
            }
            #[cfg(any(test, feature = "dynamodb"))]
            SetOperation::Import(import) => {
                list.extend(import.take(kind).into_iter().map(|(_, record)| record));
            }
        }
    }

    /// Applies the operation to a map, whose keys are those of the records.
    pub fn map<V: Serialize + DeserializeOwned>(
        &mut self,
        kind: RecordKind,
        map: &mut BTreeMap<String, V>,
        rest: &mut BTreeMap<String, V>,
    ) {
        match self {
            SetOperation::EachKey(see) => map.keys().for_each(|key| see(kind, key)),
            SetOperation::Split(keys) if keys.contains_all(kind) => {}
            SetOperation::Split(keys) => {
                *rest = map.extract_if(.., |id, _| !keys.contains(kind, id)).collect();
            }
            SetOperation::Join(_) => map.append(rest),
            #[cfg(any(test, feature = "dynamodb"))]
            SetOperation::Export(export) => {
                map.iter().for_each(|(key, record)| export.add(kind, key, record));
            }
            #[cfg(any(test, feature = "dynamodb"))]
            SetOperation::Import(import) => map.extend(import.take(kind)),
        }
    }

    /// Applies the operation to the only record of a kind, whose key is empty. The default value is
    /// no record.
    pub fn value<T: Default + PartialEq + Serialize + DeserializeOwned>(
        &mut self,
        kind: RecordKind,
        value: &mut T,
        rest: &mut T,
    ) {
        match self {
            SetOperation::EachKey(see) if *value != T::default() => see(kind, ""),
            SetOperation::Split(keys) if !keys.contains(kind, "") => *rest = take(value),
            SetOperation::Join(keys) if !keys.contains(kind, "") => *value = take(rest),
            #[cfg(any(test, feature = "dynamodb"))]
            SetOperation::Export(export) if *value != T::default() => export.add(kind, "", value),
            #[cfg(any(test, feature = "dynamodb"))]
            SetOperation::Import(import) => {
                if let Some((_, record)) = import.take(kind).pop() {
                    *value = record;
                }
            }
            _ => {}
        }
    }
}
