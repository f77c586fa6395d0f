//! The store on a table with faults.

mod memory;

use super::*;
use crate::store::Store;
use crate::store::tests::suite::{COUNT, Counts, add, check, count};
use memory::{Fault, MemoryTable};

fn store(table: &MemoryTable) -> Store {
    let shared = SharedRecords::new(Box::new(table.clone()), lock_rules(Duration::from_secs(5)));
    Store::at("/nonexistent".as_ref()).with_shared(shared)
}

/// Returns what an update of another machine returns.
fn add_elsewhere(table: &MemoryTable, key: &'static str) -> Result<u64, Error> {
    let store = store(table);
    std::thread::spawn(move || add(&store, key, 1)).join().unwrap()
}

#[test]
fn table_is_a_store() {
    check(&|_| store(&MemoryTable::new()));
}

#[test]
fn requests_of_an_update_are_bounded() {
    let table = MemoryTable::new();
    let store = store(&table);
    let requests = |act: &dyn Fn()| {
        table.content.lock().unwrap().requests.clear();
        act();
        table.content.lock().unwrap().requests.clone()
    };
    add(&store, "a", 1).unwrap();
    assert_eq!(table.content.lock().unwrap().requests, ["lock", "write_lock", "records", "commit"]);
    // The table tells its time only after a request; this one was told it before.
    let _ = table.lock("count");
    let change = |n: u64| {
        let keys = Keys::none().with(COUNT, (0..n).map(|n| n.to_string()));
        let update = store.update(&keys, |d: &mut Counts| {
            d.counts.extend((0..n).map(|n| (n.to_string(), n + 1)));
            Ok(())
        });
        update.unwrap();
    };
    let found = requests(&|| change(250));
    assert_eq!(found, ["lock", "write_lock", "all", "commit", "commit", "commit"]);
    // What changes nothing writes nothing but the release.
    let found = requests(&|| change(250));
    assert_eq!(found, ["lock", "write_lock", "all", "write_lock"]);
    let found = requests(&|| assert_eq!(count(&store, "a"), 1));
    assert_eq!(found, ["records", "lock"]);
}

#[test]
fn lost_and_repeated_answers_are_decided_by_reading() {
    use Fault::{AnswerLost, Repeated, RequestLost};
    let rows: [&[Fault]; 6] = [
        &[AnswerLost],
        &[RequestLost],
        &[Repeated],
        &[RequestLost, AnswerLost],
        &[RequestLost, RequestLost, Repeated],
        &[AnswerLost, AnswerLost],
    ];
    for faults in rows {
        let table = MemoryTable::new();
        let store = store(&table);
        table.content.lock().unwrap().commit_faults.extend(faults);
        assert_eq!(add(&store, "a", 1), Ok(1), "{faults:?}");
        table.content.lock().unwrap().commit_faults.clear();
        assert_eq!(add_elsewhere(&table, "a"), Ok(2), "{faults:?}");
        table.content.lock().unwrap().lock_faults.extend(faults);
        assert_eq!(add(&store, "a", 1), Ok(3), "{faults:?}");
    }
    // A table that answers no transaction: nothing is claimed.
    let table = MemoryTable::new();
    let store = store(&table);
    table.content.lock().unwrap().commit_faults.extend([RequestLost; 9]);
    let error = add(&store, "a", 1).unwrap_err().to_string();
    assert!(error.contains("whether it was written is not known: no answer"), "{error}");
    table.content.lock().unwrap().commit_faults.clear();
    assert_eq!(add(&store, "a", 1), Ok(1), "the lock was released");
}

/// An answer that is lost in the middle of several transactions.
#[test]
fn lost_answer_within_a_long_update_is_decided_by_reading() {
    for fault in [Fault::AnswerLost, Fault::RequestLost, Fault::Repeated] {
        let table = MemoryTable::new();
        let store = store(&table);
        table.content.lock().unwrap().commit_faults.push_back(fault);
        let update = store.update(&Keys::all(), |d: &mut Counts| {
            d.counts.extend((0..250).map(|n| (n.to_string(), n)));
            Ok(())
        });
        assert_eq!(update, Ok(()), "{fault:?}");
        let all: Counts = store.read(&Keys::all()).unwrap();
        assert_eq!(all.counts.len(), 250, "{fault:?}");
    }
}

#[test]
fn holder_that_stands_still_for_longer_than_its_lock_writes_nothing() {
    let stands_still = |table: &MemoryTable| {
        table.pass(Duration::from_secs(36));
        assert_eq!(add_elsewhere(table, "b"), Ok(1));
    };
    // Within the change, which the check before writing sees.
    let table = MemoryTable::new();
    let result = store(&table).update(&Keys::one(COUNT, "a"), |d: &mut Counts| {
        d.counts.insert("a".into(), 5);
        stands_still(&table);
        Ok(())
    });
    let error = result.unwrap_err().to_string();
    assert!(error.contains("the lock was lost, because this process has stood still"), "{error}");
    let commits = |table: &MemoryTable| {
        let content = table.content.lock().unwrap();
        content.requests.iter().filter(|name| **name == "commit").count()
    };
    assert_eq!(commits(&table), 1, "that of the other");
    assert_eq!(["a", "b"].map(|key| count(&store(&table), key)), [0, 1]);
    // Between that check and the request, which the table sees.
    let table = MemoryTable::new();
    add(&store(&table), "a", 0).unwrap();
    let other = table.clone();
    *table.hook.lock().unwrap() = Some(Box::new(move || stands_still(&other)));
    let error = add(&store(&table), "a", 1).unwrap_err().to_string();
    assert!(error.contains("the lock was lost") && !error.contains("not known"), "{error}");
    assert_eq!(["a", "b"].map(|key| count(&store(&table), key)), [0, 1]);
}

#[test]
fn lock_of_a_dead_holder_is_taken_after_its_end_and_the_skew() {
    let table = MemoryTable::new();
    let (lease, _) = dead_holder(&table);
    let waiting = {
        let table = table.clone();
        std::thread::spawn(move || add_elsewhere(&table, "a"))
    };
    let asked = || {
        let content = table.content.lock().unwrap();
        content.requests.iter().filter(|name| **name == "write_lock").count()
    };
    let deadline = clock::tick() + Duration::from_secs(60);
    while asked() < 4 && clock::tick() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(table.content.lock().unwrap().locks["count"].lease.fence, lease.fence());
    table.pass(Duration::from_secs(37));
    assert_eq!(waiting.join().unwrap(), Ok(1));
}

fn dead_holder(table: &MemoryTable) -> (Lease, u64) {
    let shared = SharedRecords::new(Box::new(table.clone()), lock_rules(Duration::from_secs(5)));
    shared.take_lock("count", 1).unwrap()
}

#[test]
fn later_version_is_refused_and_the_lock_released() {
    let table = MemoryTable::new();
    let store = store(&table);
    add(&store, "a", 1).unwrap();
    table.content.lock().unwrap().locks.get_mut("count").unwrap().version = 2;
    for _ in 0..2 {
        let read = store.read::<Counts>(&Keys::none()).unwrap_err();
        let update = add(&store, "a", 1).unwrap_err();
        for error in [read.to_string(), update.to_string()] {
            let refusal =
                "its version is 2, this program knows 1; install the dlq-tools that wrote it";
            assert!(error.ends_with(refusal), "{error}");
        }
    }
}

#[test]
fn record_that_the_table_would_refuse_is_named_before() {
    let table = MemoryTable::new();
    let store = store(&table);
    let long = "k".repeat(1001);
    let error = add(&store, &long, 1).unwrap_err().to_string();
    assert!(error.contains("the key of a count has 1001 bytes"), "{error}");
    let many: Vec<_> = (0..40_000).map(|n| ("v".to_owned(), n)).collect();
    let update = store.update(&Keys::all(), |d: &mut Counts| {
        d.visits = many;
        Ok(())
    });
    let error = update.unwrap_err().to_string();
    assert!(error.contains("the visit 'v' has") && error.contains("400 KB"), "{error}");
    assert_eq!(add(&store, "a", 1), Ok(1), "the lock was released");
}
