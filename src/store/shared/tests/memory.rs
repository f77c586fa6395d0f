//! A table in memory, for tests: with the conditions of the protocol, a time that tests move, and faults.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::clock;
use crate::error::Error;
use crate::rules::lease::{LeaseWrite, TableMoment};
use crate::store::table::{
    Committed, LockItem, LockWritten, RecordChange, RecordTable, TableRecord, Transaction,
};
use crate::time::Timestamp;

/// A fault of the next transaction, or of the next write of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Loss of the answer: the request is carried out.
    AnswerLost,
    /// Loss of the request.
    RequestLost,
    /// A doubled request, of which the second answer comes.
    Repeated,
}

#[derive(Debug, Default)]
pub struct Content {
    pub locks: HashMap<String, LockItem>,
    pub records: BTreeMap<(String, String, String), TableRecord>,
    pub commit_faults: VecDeque<Fault>,
    pub lock_faults: VecDeque<Fault>,
    /// The requests so far, by name.
    pub requests: Vec<&'static str>,
}

type Hook = Box<dyn FnOnce() + Send>;

/// A table, shared by its clones.
#[derive(Clone)]
pub struct MemoryTable {
    pub content: Arc<Mutex<Content>>,
    begun: Instant,
    /// Milliseconds by which the table's time was moved.
    moved: Arc<AtomicI64>,
    /// The event just before the next transaction.
    pub hook: Arc<Mutex<Option<Hook>>>,
}

impl std::fmt::Debug for MemoryTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryTable")
    }
}

impl MemoryTable {
    pub fn new() -> Self {
        MemoryTable {
            content: Arc::default(),
            begun: clock::tick(),
            moved: Arc::default(),
            hook: Arc::default(),
        }
    }

    /// Moves the table's time forward, as for processes that stand still meanwhile.
    pub fn pass(&self, span: Duration) {
        self.moved.fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn log(&self, name: &'static str) -> std::sync::MutexGuard<'_, Content> {
        let mut content = self.content.lock().unwrap();
        content.requests.push(name);
        content
    }
}

impl Content {
    fn write_lock(&mut self, document: &str, write: &LeaseWrite, version: u64) -> LockWritten {
        let known = self.locks.get(document);
        let lease = known.map(|known| known.lease);
        if !write.condition.holds(lease.as_ref()) {
            return match known {
                Some(known) => LockWritten::Refused(known.clone()),
                None => LockWritten::Unknown("there is no lock".into()),
            };
        }
        let version = known.map_or(version, |known| known.version);
        let lease = write.change.applied(lease.as_ref());
        let item = LockItem { lease, host: "elsewhere".into(), version };
        self.locks.insert(document.to_owned(), item.clone());
        LockWritten::Done(item)
    }

    fn commit(&mut self, transaction: &Transaction<'_>) -> Committed {
        let Transaction { document, version, changes, lock, ends_lock } = *transaction;
        assert!(changes.len() < 100, "{} actions", changes.len() + 1);
        let lease = self.locks.get(document).map(|item| item.lease);
        if !lock.condition.holds(lease.as_ref()) {
            return Committed::Refused("the lock".into());
        }
        let id = |change: &RecordChange| {
            let (kind, key) = change.id();
            (document.to_owned(), kind.to_owned(), key.to_owned())
        };
        for change in changes {
            let rev = self.records.get(&id(change)).map(|record| record.rev);
            let expected = match change {
                RecordChange::Put { was, .. } => *was,
                RecordChange::Delete { was, .. } => Some(*was),
            };
            if rev != expected {
                return Committed::Refused("a record".into());
            }
        }
        for change in changes {
            match change {
                RecordChange::Put { record, .. } => {
                    self.records.insert(id(change), record.clone());
                }
                RecordChange::Delete { .. } => drop(self.records.remove(&id(change))),
            }
        }
        if ends_lock {
            self.write_lock(document, lock, version);
            self.locks.get_mut(document).unwrap().version = version;
        }
        Committed::Done
    }
}

impl RecordTable for MemoryTable {
    fn now(&self) -> Option<TableMoment> {
        let is_known = !self.content.lock().unwrap().requests.is_empty();
        let passed = i64::try_from(self.begun.elapsed().as_millis()).unwrap();
        let now = 1_800_000_000_000 + passed + self.moved.load(Ordering::SeqCst);
        let at = Timestamp::from_millis;
        is_known.then(|| TableMoment { earliest: at(now - 500), latest: at(now + 500) })
    }

    fn name(&self) -> &str {
        "memory"
    }

    fn lock(&self, document: &str) -> Result<Option<LockItem>, Error> {
        Ok(self.log("lock").locks.get(document).cloned())
    }

    fn write_lock(
        &self,
        document: &str,
        write: &LeaseWrite,
        version: u64,
    ) -> Result<LockWritten, Error> {
        let mut content = self.log("write_lock");
        let lost = || LockWritten::Unknown("no answer".into());
        Ok(match content.lock_faults.pop_front() {
            None => content.write_lock(document, write, version),
            Some(Fault::RequestLost) => lost(),
            Some(Fault::AnswerLost) => {
                content.write_lock(document, write, version);
                lost()
            }
            Some(Fault::Repeated) => {
                content.write_lock(document, write, version);
                content.write_lock(document, write, version)
            }
        })
    }

    fn records(&self, document: &str, ids: &[(&str, &str)]) -> Result<Vec<TableRecord>, Error> {
        assert!(ids.len() <= 100, "{} keys", ids.len());
        let content = self.log("records");
        let id = |(kind, key): &(&str, &str)| {
            (document.to_owned(), (*kind).to_owned(), (*key).to_owned())
        };
        Ok(ids.iter().filter_map(|one| content.records.get(&id(one)).cloned()).collect())
    }

    fn all(&self, document: &str, kind: Option<&str>) -> Result<Vec<TableRecord>, Error> {
        let content = self.log("all");
        let meant = content
            .records
            .iter()
            .filter(|((of, found, _), _)| of == document && kind.is_none_or(|kind| kind == found));
        Ok(meant.map(|(_, record)| record.clone()).collect())
    }

    fn commit(&self, transaction: &Transaction<'_>) -> Result<Committed, Error> {
        let hook = self.hook.lock().unwrap().take();
        if let Some(hook) = hook {
            hook();
        }
        let mut content = self.log("commit");
        let lost = || Committed::Unknown("no answer".into());
        Ok(match content.commit_faults.pop_front() {
            None => content.commit(transaction),
            Some(Fault::RequestLost) => lost(),
            Some(Fault::AnswerLost) => {
                content.commit(transaction);
                lost()
            }
            Some(Fault::Repeated) => {
                content.commit(transaction);
                content.commit(transaction)
            }
        })
    }
}
