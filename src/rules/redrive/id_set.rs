//! Ids of messages where many are held: a hash of each, in sorted runs. Pure.
//!
//! A hash table doubles when it is full, and has the old and the new one in memory meanwhile. Sorted runs
//! have 12 bytes for each id, and as many spare ones at most while two of them are merged. That two of a
//! million ids have the same 12 bytes has a probability of 10 to the power of -17.

use sha2::{Digest, Sha256};

/// The first 16 bytes of the SHA-256 of a message's id: it stands for the id where many are held.
pub type IdHash = [u8; 16];

/// The part of a hash that a set holds.
type IdKey = [u8; 12];

/// The length of a run that still takes single ids.
const SHORT: usize = 64;

pub fn id_hash(id: &str) -> IdHash {
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(id)[..16]);
    hash
}

/// A set of ids that only grows.
#[derive(Debug, Clone, Default)]
pub struct IdSet {
    /// Sorted runs, each longer than the next one but for the last; no id is in two.
    runs: Vec<Vec<IdKey>>,
}

impl IdSet {
    /// Adds an id. Returns whether it is new.
    pub fn insert(&mut self, id: IdHash) -> bool {
        if self.contains(&id) {
            return false;
        }
        let id = key(&id);
        match self.runs.last_mut().filter(|last| last.len() < SHORT) {
            Some(last) => {
                let at = last.partition_point(|one| *one < id);
                last.insert(at, id);
            }
            None => {
                let mut run = Vec::with_capacity(SHORT);
                run.push(id);
                self.runs.push(run);
            }
        }
        if self.runs.last().is_some_and(|last| last.len() == SHORT) {
            self.merge_last();
        }
        true
    }

    /// Merges the last runs until each is longer than the next one.
    fn merge_last(&mut self) {
        while let Some(last) = self.runs.pop() {
            match self.runs.last_mut().filter(|before| before.len() <= last.len()) {
                Some(before) => merge(before, &last),
                None => {
                    self.runs.push(last);
                    return;
                }
            }
        }
    }

    pub fn contains(&self, id: &IdHash) -> bool {
        let id = key(id);
        self.runs.iter().any(|run| run.binary_search(&id).is_ok())
    }

    pub fn len(&self) -> usize {
        self.runs.iter().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

fn key(id: &IdHash) -> IdKey {
    let mut key = IdKey::default();
    key.copy_from_slice(&id[..size_of::<IdKey>()]);
    key
}

/// Merges a sorted run into another one, from the end, so that no third one is needed.
fn merge(into: &mut Vec<IdKey>, other: &[IdKey]) {
    let (mut left, mut right) = (into.len(), other.len());
    into.reserve_exact(right);
    into.resize(left + right, IdKey::default());
    while right > 0 {
        let at = left + right - 1;
        if left > 0 && into[left - 1] > other[right - 1] {
            left -= 1;
            into[at] = into[left];
        } else {
            right -= 1;
            into[at] = other[right];
        }
    }
}

impl FromIterator<IdHash> for IdSet {
    fn from_iter<I: IntoIterator<Item = IdHash>>(ids: I) -> Self {
        let mut all = IdSet::default();
        for id in ids {
            all.insert(id);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn set_has_what_was_added_in_any_order() {
        let number = |n: u32| id_hash(&(n % 3000).to_string());
        let in_order = |n: u32| (u128::from(n) << 32).to_be_bytes();
        let rows: [(&str, Vec<IdHash>); 5] = [
            ("nothing", vec![]),
            ("few", (0..10).map(number).collect()),
            ("many, some twice", (0..5000).map(number).collect()),
            ("sorted", (0..1000).map(in_order).collect()),
            ("the other way", (0..1000).rev().map(in_order).collect()),
        ];
        for (rule, ids) in rows {
            let (mut set, mut usual) = (IdSet::default(), HashSet::new());
            for id in ids {
                assert_eq!(set.insert(id), usual.insert(id), "{rule}");
            }
            assert_eq!((set.len(), set.is_empty()), (usual.len(), usual.is_empty()), "{rule}");
            assert!(usual.iter().all(|id| set.contains(id)), "{rule}");
            assert!(!set.contains(&id_hash("another")), "{rule}");
        }
    }

    #[test]
    fn ids_take_twelve_bytes_each_in_few_runs() {
        let set: IdSet = (0..100_000).map(|n: u32| id_hash(&n.to_string())).collect();
        let bytes: usize = set.runs.iter().map(|run| run.capacity() * size_of::<IdKey>()).sum();
        assert!(bytes <= 12 * (100_000 + SHORT), "{bytes} bytes");
        assert!(set.runs.len() <= 12, "{} runs", set.runs.len());
    }
}
