//! Documents in a table that machines share: the same two functions as on files.
//!
//! An update takes the lock of the document in the table, reads the records that it was asked for, calls
//! the change once, and writes what has changed. Every transaction has the condition that the lock is
//! still held under the same fencing number, and the last one releases it; so whoever has stood still for
//! too long writes nothing. An answer that does not come is decided by reading the lock again.
//!
//! Requests of a read: one for each 100 keys, of a kind with more than 100 keys or all of them one for
//! each MiB, and one for the lock. Of an update: one for the lock (two for the first of a process, which
//! knows no time yet), those of the read, and one for each 99 records that change, or one to release the
//! lock. Waiting for a lock takes a request each 20 to 500 ms.

mod changes;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use changes::{changes, check_size, chunk_len};

use super::lock::{give_up, wait_max};
use super::table::{Committed, LockWritten, RecordChange, RecordTable, TableRecord, Transaction};
use super::wait::{BlockingWait, UpdateMark, sleep};
use crate::document::{Document, KeyedRecord, Keys, export, foreign_record, import};
use crate::error::Error;
use crate::rules::lease::{
    ClaimVerdict, EndVerdict, Lease, LeaseClaim, LeaseRules, Nonce, TimeDoubt,
};
use crate::time::show_span;
use crate::{clock, log};

/// The times of a document's lock, with the greatest skew of the configuration. Updates take
/// milliseconds; the longest one waits 5 seconds for each supervisor that it starts.
pub fn lock_rules(max_skew: Duration) -> LeaseRules {
    LeaseRules { span: Duration::from_secs(30), max_skew, margin: Duration::from_secs(1) }
}

/// The keys of a request for single records. More of a kind are found among all of it.
const KEYS_MAX: usize = 100;
/// The times that a transaction without an answer is sent.
const COMMITS_MAX: u32 = 4;
/// Words for an update that may have been written.
const UNKNOWN: &str = "whether it was written is not known";
/// The readings of the time before it counts as in doubt.
const TIMES_MAX: u32 = 5;
/// The shortest and the longest pause between two attempts at a lock.
const PAUSE: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(500)];

/// The documents of a table.
#[derive(Debug)]
pub struct SharedRecords {
    table: Box<dyn RecordTable>,
    rules: LeaseRules,
    /// The highest fencing number seen of each lock.
    seen: Mutex<HashMap<&'static str, u64>>,
}

/// The changes of an update, and what a transaction needs to know.
struct PlannedWrite<'a> {
    document: &'static str,
    version: u64,
    lease: &'a Lease,
    changes: Vec<RecordChange>,
}

impl SharedRecords {
    /// Returns the documents of a table, whose locks have these times.
    pub fn new(table: Box<dyn RecordTable>, rules: LeaseRules) -> Self {
        SharedRecords { table, rules, seen: Mutex::default() }
    }

    pub(super) fn read<D: Document>(&self, keys: &Keys<'_>) -> Result<D, Error> {
        let records = self.records::<D>(keys)?;
        let newest = self.table.lock(D::NAME)?.map_or(0, |lock| lock.version);
        check_version::<D>(newest)?;
        self.document(&records)
    }

    pub(super) fn update<D: Document, R>(
        &self,
        keys: &Keys<'_>,
        change: impl FnOnce(&mut D) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let (lease, newest) = self.take_lock(D::NAME, D::VERSION)?;
        let changed = check_version::<D>(newest).and_then(|()| self.change(&lease, keys, change));
        let (result, changes) = match changed {
            Ok(changed) => changed,
            Err(error) => {
                self.release(D::NAME, &lease);
                return Err(error);
            }
        };
        let plan = PlannedWrite { document: D::NAME, version: D::VERSION, lease: &lease, changes };
        // Released, what is still under way can no longer be carried out.
        self.write(&plan).inspect_err(|_| self.release(D::NAME, &lease))?;
        Ok(result)
    }

    /// Reads, changes, and returns what is to be written.
    fn change<D: Document, R>(
        &self,
        lease: &Lease,
        keys: &Keys<'_>,
        change: impl FnOnce(&mut D) -> Result<R, Error>,
    ) -> Result<(R, Vec<RecordChange>), Error> {
        let known = self.records::<D>(keys)?;
        let mut document: D = self.document(&known)?;
        let result = {
            let _mark = UpdateMark::set(D::NAME);
            change(&mut document)?
        };
        if let Some((kind, id)) = foreign_record(&mut document, keys) {
            let cause = format!("the {kind} '{id}' was changed and not asked for");
            return Err(Error::failed("update", D::NAME, cause));
        }
        let failed = |cause: String| Error::failed("update", D::NAME, cause);
        let records = export(&mut document).map_err(failed)?;
        let changes = changes(known, records, lease.fence(), D::VERSION);
        changes.iter().try_for_each(|change| check_size(change).map_err(failed))?;
        Ok((result, changes))
    }

    /// Reads the records that the keys name, in the order of their places.
    fn records<D: Document>(&self, keys: &Keys<'_>) -> Result<Vec<TableRecord>, Error> {
        let mut found = Vec::new();
        let mut single: Vec<(&str, &str)> = Vec::new();
        match keys.kinds() {
            None => found = self.table.all(D::NAME, None)?,
            Some(kinds) => {
                for (kind, ids) in kinds {
                    match ids {
                        Some(ids) if ids.len() <= KEYS_MAX => {
                            single.extend(ids.into_iter().map(|id| (kind, id)));
                        }
                        _ => found.extend(self.table.all(D::NAME, Some(kind))?),
                    }
                }
            }
        }
        for ids in single.chunks(KEYS_MAX) {
            found.extend(self.table.records(D::NAME, ids)?);
        }
        for record in &found {
            check_version::<D>(record.version)?;
        }
        found.retain(|record| keys.contains(&record.kind, &record.key));
        found.sort_by(|a, b| (a.place, &a.kind, &a.key).cmp(&(b.place, &b.kind, &b.key)));
        Ok(found)
    }

    fn document<D: Document>(&self, records: &[TableRecord]) -> Result<D, Error> {
        let keyed = |one: &TableRecord| KeyedRecord {
            kind: one.kind.clone(),
            key: one.key.clone(),
            json: one.json.clone(),
        };
        let document = import(records.iter().map(keyed).collect());
        let place = format!("{}' of the table '{}", D::NAME, self.table.name());
        document.map_err(|cause| Error::failed("read", place, cause))
    }

    /// Waits for the lock of a document; returns it, and the version of what was written last.
    fn take_lock(&self, document: &'static str, version: u64) -> Result<(Lease, u64), Error> {
        let (begun, most, [mut pause, longest]) = (clock::tick(), wait_max(), PAUSE);
        let nonce = Nonce(uuid::Uuid::now_v7().as_u128());
        let failed = |cause| Err(Error::failed("lock", self.place(document), cause));
        let mut doubts = 0;
        loop {
            let seen = self.seen().get(document).copied().unwrap_or(0);
            let claim = match LeaseClaim::new(&self.rules, nonce, seen, self.table.now()) {
                Ok(claim) => claim,
                Err(doubt) if doubts == TIMES_MAX => return failed(self.in_words(doubt)),
                Err(_) => {
                    // Any answer tells the time; several narrow it.
                    doubts += 1;
                    self.table.lock(document)?;
                    continue;
                }
            };
            let written = self.table.write_lock(document, &claim.write(), version)?;
            let (verdict, item) = match (claim.judge(&written.answer()), written) {
                (ClaimVerdict::Look, _) => {
                    let item = self.table.lock(document)?;
                    (claim.judge_item(item.as_ref().map(|item| &item.lease)), item)
                }
                (verdict, LockWritten::Done(item) | LockWritten::Refused(item)) => {
                    (verdict, Some(item))
                }
                (verdict, LockWritten::Unknown(_)) => (verdict, None),
            };
            match verdict {
                ClaimVerdict::Held(lease) => {
                    self.seen().insert(document, lease.fence());
                    return Ok((lease, item.map_or(version, |item| item.version)));
                }
                ClaimVerdict::Again { seen } => {
                    let mut known = self.seen();
                    let known = known.entry(document).or_default();
                    *known = seen.max(*known);
                }
                ClaimVerdict::Busy(_) | ClaimVerdict::Look => {}
            }
            let waited = begun.elapsed();
            if waited >= most {
                give_up();
                let host = item.map_or_else(|| "another machine".to_owned(), |item| item.host);
                let cause = format!(
                    "a program on '{host}' has held it for {}; end it, or run again later",
                    show_span(most)
                );
                return failed(cause);
            }
            if !matches!(verdict, ClaimVerdict::Again { .. }) {
                sleep(BlockingWait::Network, jittered(pause).min(most.saturating_sub(waited)));
                pause = (pause * 2).min(longest);
            }
        }
    }

    /// Writes the changes, and releases the lock with the last of them.
    fn write(&self, plan: &PlannedWrite<'_>) -> Result<(), Error> {
        let mut rest = plan.changes.as_slice();
        if rest.is_empty() {
            self.release(plan.document, plan.lease);
            return Ok(());
        }
        while !rest.is_empty() {
            let (chunk, others) = rest.split_at(chunk_len(rest));
            rest = others;
            self.commit(plan, chunk, rest.is_empty())?;
        }
        Ok(())
    }

    /// Carries a transaction out, and finds out whether one without an answer was.
    fn commit(
        &self,
        plan: &PlannedWrite<'_>,
        changes: &[RecordChange],
        is_last: bool,
    ) -> Result<(), Error> {
        let PlannedWrite { document, version, lease, .. } = *plan;
        let failed = |cause: String| Error::failed("update", self.place(document), cause);
        let lock = &lease.ending();
        let mut cause = String::new();
        for _ in 0..COMMITS_MAX {
            if !lease.may_act(&self.rules, self.table.now()) {
                // What was sent before may still have been carried out.
                return Err(failed(if cause.is_empty() {
                    self.lost()
                } else {
                    self.unclear(&cause)
                }));
            }
            let transaction = Transaction { document, version, changes, lock, ends_lock: is_last };
            let has_refused = match self.table.commit(&transaction)? {
                Committed::Done => return Ok(()),
                Committed::Refused(why) => {
                    cause = why;
                    true
                }
                Committed::Unknown(why) => {
                    cause = why;
                    false
                }
            };
            let unknown = |error: Error| failed(format!("{UNKNOWN}: {error}"));
            let item = self.table.lock(document).map_err(unknown)?;
            let verdict = lease.judge_end(item.as_ref().map(|item| &item.lease));
            let has_written = match verdict {
                EndVerdict::Ended => Some(true),
                EndVerdict::Lost => Some(false),
                EndVerdict::Held | EndVerdict::Unclear => {
                    self.has_written(plan, changes).map_err(unknown)?
                }
            };
            match (verdict, has_written) {
                (_, Some(true)) => return Ok(()),
                (EndVerdict::Held, _) if has_refused => {
                    let other = "a record was changed by a program that does not hold its lock";
                    return Err(failed(format!("{other} ({cause})")));
                }
                (EndVerdict::Held, _) => sleep(BlockingWait::Network, jittered(PAUSE[1])),
                (_, Some(false)) => return Err(failed(self.lost())),
                (_, None) => return Err(failed(self.unclear(&cause))),
            }
        }
        Err(failed(format!("{UNKNOWN}: {cause}")))
    }

    /// Whether the first of the changes is in the table, and so all of its transaction; None when the
    /// record was changed again, or may have been.
    fn has_written(
        &self,
        plan: &PlannedWrite<'_>,
        changes: &[RecordChange],
    ) -> Result<Option<bool>, Error> {
        let Some(first) = changes.first() else { return Ok(None) };
        let found = self.table.records(plan.document, &[first.id()])?;
        let rev = found.first().map(|one| one.rev);
        Ok(match first {
            RecordChange::Put { .. } if rev == Some(plan.lease.fence()) => Some(true),
            RecordChange::Put { was, .. } if was.is_some() && rev == *was => Some(false),
            RecordChange::Delete { was, .. } if rev == Some(*was) => Some(false),
            RecordChange::Delete { .. } if rev.is_none() => Some(true),
            _ => None,
        })
    }

    /// Releases a lock. One that cannot be released ends by itself.
    fn release(&self, document: &'static str, lease: &Lease) {
        let write = lease.ending();
        for _ in 0..COMMITS_MAX {
            match self.table.write_lock(document, &write, 0) {
                Ok(LockWritten::Unknown(_)) => {}
                Ok(_) => return,
                Err(error) => {
                    log::warn(&format!("the lock of '{document}' stays for its time: {error}"));
                    return;
                }
            }
        }
    }

    fn place(&self, document: &str) -> String {
        format!("{document}' in the table '{}", self.table.name())
    }

    fn lost(&self) -> String {
        format!(
            "the lock was lost, because this process has stood still for more than {}",
            show_span(self.rules.span)
        )
    }

    fn unclear(&self, cause: &str) -> String {
        format!("{}; {UNKNOWN}: {cause}", self.lost())
    }

    fn in_words(&self, doubt: TimeDoubt) -> String {
        match doubt {
            TimeDoubt::Unknown => "no answer has told the time".to_owned(),
            TimeDoubt::Wide(width) => format!(
                "its time is known only to {}, which is more than state.shared.max_skew ({})",
                show_span(width),
                show_span(self.rules.max_skew)
            ),
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, u64>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses what a later version has written: that version still needs it.
fn check_version<D: Document>(found: u64) -> Result<(), Error> {
    let known = D::VERSION;
    if found <= known {
        return Ok(());
    }
    let cause = format!(
        "its version is {found}, this program knows {known}; install the dlq-tools that wrote it"
    );
    Err(Error::failed("read", D::NAME, cause))
}

/// Returns between half and all of a pause, so that waiting machines do not ask at once.
fn jittered(pause: Duration) -> Duration {
    let random = u32::try_from(uuid::Uuid::now_v7().as_u128() & 0xffff).unwrap_or(0);
    pause / 2 + pause / 2 * random / 0x1_0000
}

#[cfg(test)]
mod tests;
