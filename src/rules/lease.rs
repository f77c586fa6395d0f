//! Leases: which process alone may act under a name, by an item of a table that machines share. Pure.
//!
//! One protocol serves both uses: the lock of a document during an update, and the lease of work that
//! lasts. A claim is one conditional write ([`LeaseClaim`]). The holder renews it ([`Lease::renewal`]),
//! asks [`Lease::may_act`] before each act that cannot be undone, and ends it, in the same transaction as
//! what it writes ([`Lease::ending`]). Times are the table's ([`TableClock`]), never those of a machine.
//!
//! Promises, while what two machines believe of the table's time is wrong by `max_skew` together at most:
//! no two processes may act at once; a lease whose holder is gone is free `max_skew` after its end. In any
//! case, however wrong clocks are: of two writes that a lease guards, the one of the older lease takes no
//! effect after the other; the fencing numbers of leases that are held grow, also when the table has
//! deleted the item ([`gc`]). A request may be carried out twice, late, or without an answer, as long as
//! it is not carried out later than [`KEEP`].

mod table_clock;

pub use table_clock::{TableClock, TableMoment};

use std::time::Duration;

use crate::time::Timestamp;

/// The time for which the table keeps an item after its lease has ended. A request of that lease that is
/// carried out later would find no trace of it; AWS refuses one 15 minutes after it was signed.
pub const KEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// The times of a kind of lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseRules {
    /// The time from a claim, or a renewal, to the end of the lease.
    pub span: Duration,
    /// The time for which others wait after that end; also the most that the table's time may be in doubt.
    pub max_skew: Duration,
    /// The time before the end in which the holder acts no more.
    pub margin: Duration,
}

/// The name of one claim: random, and used for no other. Zero is nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nonce(pub u128);

impl Nonce {
    /// The nonce of an item that nobody holds.
    pub const NOBODY: Nonce = Nonce(0);
}

/// The state of a lease in the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseItem {
    /// The claim that holds it; [`Nonce::NOBODY`] after its end.
    pub nonce: Nonce,
    /// The fencing number: that of a later claim is higher.
    pub fence: u64,
    /// The end, in the table's time; the beginning of time when nobody holds it.
    pub until: Timestamp,
    /// The number of renewals.
    pub beat: u64,
    /// A fencing number: that of the last lease that its holder has ended, or one below the first of
    /// this item.
    pub done: u64,
}

/// The condition of a write, as the table checks it. `edge/aws/table/items.rs` has it in the words of
/// DynamoDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeaseCondition {
    /// There is no item, or its end is before a moment and its fencing number below another.
    Free { before: Timestamp, below: u64 },
    /// A claim holds it, after so many renewals where that is given.
    Held { nonce: Nonce, fence: u64, beat: Option<u64> },
}

/// The change that a write makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeaseChange {
    Take { nonce: Nonce, fence: u64, until: Timestamp },
    Renew { beat: u64, until: Timestamp },
    End { fence: u64 },
}

/// A conditional write of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseWrite {
    pub condition: LeaseCondition,
    pub change: LeaseChange,
}

impl LeaseCondition {
    /// Whether an item meets the condition.
    pub fn holds(&self, item: Option<&LeaseItem>) -> bool {
        match (self, item) {
            (LeaseCondition::Free { .. }, None) => true,
            (LeaseCondition::Free { before, below }, Some(item)) => {
                item.until < *before && item.fence < *below
            }
            (LeaseCondition::Held { .. }, None) => false,
            (LeaseCondition::Held { nonce, fence, beat }, Some(item)) => {
                item.nonce == *nonce
                    && item.fence == *fence
                    && beat.is_none_or(|beat| item.beat == beat)
            }
        }
    }
}

impl LeaseChange {
    /// Returns the item after the change.
    pub fn applied(&self, item: Option<&LeaseItem>) -> LeaseItem {
        match (*self, item) {
            (LeaseChange::Renew { beat, until }, Some(item)) => LeaseItem { beat, until, ..*item },
            (LeaseChange::End { fence }, Some(item)) => {
                let (nonce, until) = (Nonce::NOBODY, Timestamp::from_millis(0));
                LeaseItem { nonce, until, done: fence, ..*item }
            }
            (LeaseChange::Take { nonce, fence, until }, _) => {
                // Of an item that the table has deleted, nobody knows what was ended.
                let done = item.map_or(fence - 1, |item| item.done);
                LeaseItem { nonce, fence, until, beat: 0, done }
            }
            // Their condition wants an item.
            (LeaseChange::Renew { .. } | LeaseChange::End { .. }, None) => LeaseItem::default(),
        }
    }
}

/// Returns the moment from which the table may delete an item whose lease ends at `until`. That is no
/// part of the protocol: a table deletes days later, or never.
pub fn gc(until: Timestamp, keep: Duration) -> Timestamp {
    until.plus(keep)
}

/// The doubt about the table's time that forbids to claim and to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeDoubt {
    /// No answer has told it yet.
    Unknown,
    /// A span to which it is known, which is more than the greatest skew.
    Wide(Duration),
}

/// Returns the table's time when it is known well enough.
fn known(rules: &LeaseRules, now: Option<TableMoment>) -> Result<TableMoment, TimeDoubt> {
    let now = now.ok_or(TimeDoubt::Unknown)?;
    let width = now.latest.since(now.earliest);
    if width > rules.max_skew { Err(TimeDoubt::Wide(width)) } else { Ok(now) }
}

/// The answer of the table to a write of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeaseAnswer {
    Done,
    /// The condition did not hold, for this item.
    Refused(LeaseItem),
    /// No answer, or one of a failing server: the write may have been carried out, or will be.
    Unknown,
}

/// A claim: an attempt to get a lease under one nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseClaim {
    nonce: Nonce,
    fence: u64,
    until: Timestamp,
    before: Timestamp,
}

/// The meaning of the answer to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimVerdict {
    Held(Lease),
    /// Another claim holds it.
    Busy(LeaseItem),
    /// Free: to be claimed again, with a fencing number above this one.
    Again {
        seen: u64,
    },
    /// The item tells it: read it.
    Look,
}

impl LeaseClaim {
    /// Returns a claim by what is known just before its request is sent, so that its holder never
    /// believes in it for longer than others do. `seen` is the highest fencing number seen of this name.
    pub fn new(
        rules: &LeaseRules,
        nonce: Nonce,
        seen: u64,
        now: Option<TableMoment>,
    ) -> Result<Self, TimeDoubt> {
        let earliest = known(rules, now)?.earliest;
        // The time makes the number grow also where the table has deleted the item.
        let by_time = u64::try_from(earliest.millis()).unwrap_or(0);
        Ok(LeaseClaim {
            nonce,
            fence: by_time.max(seen.saturating_add(1)),
            until: earliest.plus(rules.span),
            before: earliest.minus(rules.max_skew),
        })
    }

    /// Returns the write to send.
    pub fn write(&self) -> LeaseWrite {
        let LeaseClaim { nonce, fence, until, before } = *self;
        LeaseWrite {
            condition: LeaseCondition::Free { before, below: fence },
            change: LeaseChange::Take { nonce, fence, until },
        }
    }

    /// Judges the answer to the write.
    pub fn judge(&self, answer: &LeaseAnswer) -> ClaimVerdict {
        match answer {
            LeaseAnswer::Done => {
                let LeaseClaim { nonce, fence, until, .. } = *self;
                ClaimVerdict::Held(Lease { nonce, fence, until, beat: 0 })
            }
            LeaseAnswer::Refused(item) => self.judge_item(Some(item)),
            LeaseAnswer::Unknown => ClaimVerdict::Look,
        }
    }

    /// Judges the item: the write may have been carried out without an answer, or before its repetition.
    pub fn judge_item(&self, item: Option<&LeaseItem>) -> ClaimVerdict {
        match item {
            Some(item) if item.nonce == self.nonce => ClaimVerdict::Held(Lease::held(item)),
            Some(item) if item.until >= self.before => ClaimVerdict::Busy(*item),
            Some(item) => ClaimVerdict::Again { seen: item.fence },
            None => ClaimVerdict::Again { seen: 0 },
        }
    }
}

/// A lease that this process holds, as far as it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lease {
    nonce: Nonce,
    fence: u64,
    until: Timestamp,
    beat: u64,
}

/// The meaning of the answer to a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewalVerdict {
    Held(Lease),
    /// Another claim has it, or had it: what was begun must stop.
    Lost,
    /// The item tells it: read it. The lease holds until its known end.
    Look,
}

/// The meaning of an item after an ending whose answer is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndVerdict {
    /// Carried out, with all that was in its transaction.
    Ended,
    /// Not carried out yet; it may be sent again.
    Held,
    /// Not carried out, for good: another claim came first.
    Lost,
    /// The item does not tell it.
    Unclear,
}

impl Lease {
    fn held(item: &LeaseItem) -> Self {
        Lease { nonce: item.nonce, fence: item.fence, until: item.until, beat: item.beat }
    }

    /// Returns the fencing number.
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// Whether the holder may begin an act that cannot be undone.
    pub fn may_act(&self, rules: &LeaseRules, now: Option<TableMoment>) -> bool {
        known(rules, now).is_ok_and(|now| now.latest.plus(rules.margin) < self.until)
    }

    /// Returns the condition of everything that is written under the lease.
    pub fn condition(&self) -> LeaseCondition {
        LeaseCondition::Held { nonce: self.nonce, fence: self.fence, beat: None }
    }

    /// Returns the write that lengthens the lease. It names the renewals that it knows: an earlier one
    /// that is carried out late would otherwise shorten what a later one has given. A lease that has
    /// ended, and that nobody has claimed since, goes on.
    pub fn renewal(
        &self,
        rules: &LeaseRules,
        now: Option<TableMoment>,
    ) -> Result<LeaseWrite, TimeDoubt> {
        let until = known(rules, now)?.earliest.plus(rules.span).max(self.until);
        let Lease { nonce, fence, beat, .. } = *self;
        Ok(LeaseWrite {
            condition: LeaseCondition::Held { nonce, fence, beat: Some(beat) },
            change: LeaseChange::Renew { beat: beat + 1, until },
        })
    }

    /// Judges the answer to a renewal.
    pub fn judge_renewal(&self, sent: &LeaseWrite, answer: &LeaseAnswer) -> RenewalVerdict {
        match (answer, sent.change) {
            (LeaseAnswer::Done, LeaseChange::Renew { beat, until }) => {
                RenewalVerdict::Held(Lease { beat, until, ..*self })
            }
            (LeaseAnswer::Refused(item), _) => self.judge_item(Some(item)),
            _ => RenewalVerdict::Look,
        }
    }

    /// Judges the item, as read after a renewal without an answer, or by a holder that has slept.
    pub fn judge_item(&self, item: Option<&LeaseItem>) -> RenewalVerdict {
        match item {
            Some(item) if self.condition().holds(Some(item)) => {
                RenewalVerdict::Held(Lease::held(item))
            }
            _ => RenewalVerdict::Lost,
        }
    }

    /// Returns the write that ends the lease. It belongs into the transaction of what was written last,
    /// so that a repetition of the transaction finds the lease ended.
    pub fn ending(&self) -> LeaseWrite {
        LeaseWrite { condition: self.condition(), change: LeaseChange::End { fence: self.fence } }
    }

    /// Judges the item after an ending without an answer, or one that was refused.
    pub fn judge_end(&self, item: Option<&LeaseItem>) -> EndVerdict {
        match item {
            Some(item) if item.done == self.fence => EndVerdict::Ended,
            Some(item) if self.condition().holds(Some(item)) => EndVerdict::Held,
            Some(item) if item.fence > self.fence && item.done < self.fence => EndVerdict::Lost,
            _ => EndVerdict::Unclear,
        }
    }
}

#[cfg(test)]
mod tests;
