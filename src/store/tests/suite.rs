//! The suite of every store of documents, wherever they are. `src/store/tests.rs` runs it on files and on a
//! table in memory, `tests/it/store/` on DynamoDB.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Document, Error, Keys, RecordKind, SetOperation, Store};

/// A document of all forms of sets.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    pub counts: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub visits: Vec<(String, u64)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub total: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde wants a reference.
fn is_zero(total: &u64) -> bool {
    *total == 0
}

pub const COUNT: RecordKind = "count";
pub const VISIT: RecordKind = "visit";
pub const TOTAL: RecordKind = "total";

impl Document for Counts {
    const NAME: &str = "count";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> = Some("then count again");
    const SHARED: bool = true;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation.map(COUNT, &mut self.counts, &mut rest.counts);
        operation.list(VISIT, &mut self.visits, &mut rest.visits, |visit| visit.0.clone());
        operation.value(TOTAL, &mut self.total, &mut rest.total);
    }
}

/// Adds to a record, and returns what it is then.
pub fn add(store: &Store, key: &str, more: u64) -> Result<u64, Error> {
    store.update(&Keys::one(COUNT, key), |d: &mut Counts| {
        let count = d.counts.entry(key.to_owned()).or_default();
        *count += more;
        Ok(*count)
    })
}

pub fn count(store: &Store, key: &str) -> u64 {
    let counts: Counts = store.read(&Keys::one(COUNT, key)).unwrap();
    counts.counts.get(key).copied().unwrap_or(0)
}

/// Checks a kind of store. `make` makes an empty one.
pub fn check(make: &dyn Fn(&str) -> Store) {
    missing_document_is_empty_and_an_update_stays(&make("fresh"));
    failed_change_leaves_the_document_as_it_was(&make("failed"));
    update_sees_requested_records_and_keeps_the_others(&make("asked"));
    change_of_a_record_that_was_not_asked_for_is_refused(&make("foreign"));
    records_keep_their_places_and_new_ones_come_last(&make("places"));
    many_records_are_read_and_written(&make("many"));
    threads_that_contend_lose_no_update(&make("contend"));
}

fn missing_document_is_empty_and_an_update_stays(store: &Store) {
    assert_eq!(count(store, "a"), 0);
    assert_eq!(add(store, "a", 1), Ok(1));
    assert_eq!(add(store, "a", 0), Ok(1));
    assert_eq!(count(store, "a"), 1);
    let none: Counts = store.read(&Keys::none()).unwrap();
    assert_eq!(none, Counts::default());
}

fn failed_change_leaves_the_document_as_it_was(store: &Store) {
    let result: Result<(), Error> = store.update(&Keys::all(), |d: &mut Counts| {
        d.counts.insert("a".into(), 7);
        Err(Error::Pipe)
    });
    assert_eq!(result, Err(Error::Pipe));
    assert_eq!(count(store, "a"), 0);
    assert_eq!(add(store, "a", 1), Ok(1));
}

fn update_sees_requested_records_and_keeps_the_others(store: &Store) {
    for key in ["a", "b", "c"] {
        add(store, key, 1).unwrap();
    }
    let keys = Keys::none().with(COUNT, ["a", "b", "new"]);
    let seen = store.update(&keys, |d: &mut Counts| {
        let seen: Vec<String> = d.counts.keys().cloned().collect();
        d.counts.remove("a");
        d.counts.insert("new".into(), 9);
        Ok(seen)
    });
    assert_eq!(seen.unwrap(), ["a", "b"]);
    assert_eq!(["a", "b", "c", "new"].map(|key| count(store, key)), [0, 1, 1, 9]);
}

fn change_of_a_record_that_was_not_asked_for_is_refused(store: &Store) {
    add(store, "b", 1).unwrap();
    for foreign in ["b", "other"] {
        let result = store.update(&Keys::one(COUNT, "a"), |d: &mut Counts| {
            d.counts.insert("a".into(), 5);
            d.counts.insert(foreign.into(), 5);
            Ok(())
        });
        let error = result.unwrap_err().to_string();
        let expected = format!("the count '{foreign}' was changed and not asked for");
        assert!(error.ends_with(&expected), "{error}");
        assert_eq!(["a", "b", "other"].map(|key| count(store, key)), [0, 1, 0]);
    }
}

fn records_keep_their_places_and_new_ones_come_last(store: &Store) {
    let visit = |name: &str, n| (name.to_owned(), n);
    store
        .update(&Keys::all(), |d: &mut Counts| {
            d.visits = vec![visit("z", 1), visit("b", 2), visit("b", 3), visit("k", 4)];
            d.total = 4;
            Ok(())
        })
        .unwrap();
    let keys = Keys::none().with(VISIT, ["b", "a"]).with(TOTAL, [""]);
    store
        .update(&keys, |d: &mut Counts| {
            assert_eq!((d.visits.len(), d.total), (2, 4));
            d.visits[0].1 = 7;
            d.visits.push(visit("a", 5));
            d.total = 5;
            Ok(())
        })
        .unwrap();
    let all: Counts = store.read(&Keys::all()).unwrap();
    let expected = [visit("z", 1), visit("b", 7), visit("b", 3), visit("k", 4), visit("a", 5)];
    assert_eq!(all.visits, expected);
    let visits: Counts = store.read(&Keys::none().with_all(VISIT)).unwrap();
    assert_eq!((visits.visits.len(), visits.total, all.total), (5, 0, 5));
    store
        .update(&Keys::none().with(TOTAL, [""]), |d: &mut Counts| {
            d.total = 0;
            Ok(())
        })
        .unwrap();
    let all: Counts = store.read(&Keys::all()).unwrap();
    assert_eq!((all.visits.len(), all.total), (5, 0));
}

/// More than fit into one request or transaction of a table.
fn many_records_are_read_and_written(store: &Store) {
    let name = |n: u64| format!("{n:03}");
    let keys = |most: u64| Keys::none().with(COUNT, (0..most).map(name));
    store
        .update(&keys(250), |d: &mut Counts| {
            d.counts.extend((0..250).map(|n| (name(n), n)));
            Ok(())
        })
        .unwrap();
    for most in [99, 101, 250] {
        let found: Counts = store.read(&keys(most)).unwrap();
        assert_eq!(found.counts, (0..most).map(|n| (name(n), n)).collect());
    }
    store
        .update(&Keys::all(), |d: &mut Counts| {
            d.counts.retain(|_, n| *n % 2 == 0);
            Ok(())
        })
        .unwrap();
    let left: Counts = store.read(&Keys::all()).unwrap();
    assert_eq!(left.counts.len(), 125);
}

fn threads_that_contend_lose_no_update(store: &Store) {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for _ in 0..5 {
                    add(store, "all", 1).unwrap();
                    add(store, &thread.to_string(), 1).unwrap();
                }
            });
        }
    });
    assert_eq!(["all", "0", "3"].map(|key| count(store, key)), [20, 5, 5]);
}
