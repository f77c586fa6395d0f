//! Sets of records, split by keys and joined again.

use std::collections::BTreeMap;
use std::mem::take;

use super::keys::{Keys, RecordKind};

/// An operation on each set of records of a document, and on the same set of its rest: the records
/// that a decision did not ask for.
pub enum SetOperation<'a> {
    /// Moves the records that the keys do not name to the rest.
    Split(&'a Keys<'a>),
    /// Puts the records of the rest back.
    Join(&'a Keys<'a>),
    /// Calls the function with the key of each record.
    EachKey(&'a mut dyn FnMut(RecordKind, &str)),
}

impl SetOperation<'_> {
    /// Applies the operation to a list. Records that were asked for are put back in their old
    /// places, new ones at the end.
    pub fn list<T: Clone>(
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
        }
    }

    /// Applies the operation to a map, whose keys are those of the records.
    pub fn map<V>(
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
        }
    }

    /// Applies the operation to the only record of a kind, whose key is empty. The default value is
    /// no record.
    pub fn value<T: Default + PartialEq>(&mut self, kind: RecordKind, value: &mut T, rest: &mut T) {
        match self {
            SetOperation::EachKey(see) if *value != T::default() => see(kind, ""),
            SetOperation::Split(keys) if !keys.contains(kind, "") => *rest = take(value),
            SetOperation::Join(keys) if !keys.contains(kind, "") => *value = take(rest),
            _ => {}
        }
    }
}
