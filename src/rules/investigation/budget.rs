//! What investigations may cost, and have: the document `budget.json`.
//!
//! Money is reserved before a run starts, for the worst that it can cost, and settled when it has
//! ended; so runs that start at once cannot share one rest of the budget. What is not known is
//! never zero: an open reservation, and one whose cost nobody can tell, count in full. Sums are
//! of micro-dollars, so that 0.1 and 0.2 are 0.3.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::money;
use super::money::Usd;
use crate::document::{Document, Keys, Kind, ListRest, join_list, split_list};
use crate::time::{Timestamp, show_span};

/// A day is the 24 hours before the moment that is asked about, not one of a calendar: at
/// midnight nothing is given back at once.
pub const DAY: Duration = Duration::from_secs(86_400);
/// What was spent on a cause counts for this long, and is then forgotten.
pub const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// No run lasts longer, for `timeout_minutes` has this limit: a reservation that nobody has settled
/// by then is taken as settled then, for all of it.
const RUN_MAX: Duration = DAY;
/// An agent looks at its own limit after a response, not before: one with a limit of $0.50 was
/// measured to end at $1.20. So a run may cost this much more than it is allowed to,
const OVERSHOOT_USD: f64 = 0.75;
/// or this share of what it is allowed to, whichever is more: dearer runs have longer responses.
const OVERSHOOT_SHARE: f64 = 0.2;

/// What the configuration allows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// What the agent is told to spend at most, in US dollars.
    pub per_run: f64,
    /// For all runs in 24 hours; None: no limit.
    pub per_day: Option<f64>,
    /// For all runs about one cause in 30 days; None: no limit.
    pub per_fingerprint: Option<f64>,
    /// The share of the day, 0 to 1, that only runs near the loss of messages may use.
    pub reserve_for_expiry: f64,
    /// A loss is near when it is at most so far away.
    pub near: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            per_run: 5.0,
            per_day: Some(25.0),
            per_fingerprint: None,
            reserve_for_expiry: 0.2,
            near: Duration::from_secs(6 * 3600),
        }
    }
}

/// The document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// The runs, the oldest first.
    pub spends: Vec<Spend>,
}

impl Document for Budget {
    const NAME: &str = "budget";
    const VERSION: u64 = 1;
    type Rest = ListRest<Spend>;

    fn split(&mut self, keys: &Keys<'_>) -> Self::Rest {
        split_list(&mut self.spends, Self::SPEND, keys, |spend| spend.session.clone())
    }

    fn join(&mut self, rest: Self::Rest) {
        join_list(&mut self.spends, rest, |spend| spend.session.clone());
    }

    fn each_key(&self, see: &mut dyn FnMut(Kind, &str)) {
        self.spends.iter().for_each(|spend| see(Self::SPEND, &spend.session));
    }
}

/// What a run has reserved, and has cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spend {
    /// The session.
    pub session: String,
    /// The queue's name, for people.
    pub queue: String,
    /// The cause that it is about, when it is known.
    pub fingerprint: Option<String>,
    /// When it was reserved.
    pub at: Timestamp,
    /// The worst that it can cost, in US dollars.
    #[serde(deserialize_with = "money::read")]
    pub reserved_usd: f64,
    /// What it has cost; null while it is open, and when nobody can tell.
    #[serde(deserialize_with = "money::or_null")]
    pub cost_usd: Option<f64>,
    /// When it was settled; null while it is open.
    pub settled_at: Option<Timestamp>,
}

/// A run that wants to start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Want {
    /// Its cause, when it is known.
    pub fingerprint: Option<String>,
    /// No message is lost before this; None when unknown, which is not near.
    pub expires_after: Option<Timestamp>,
}

/// What a day has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Day {
    /// Of runs that have ended.
    pub spent: Usd,
    /// Of runs that may go on.
    pub reserved: Usd,
}

/// Why no money is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    what: Limit,
    /// The worst that the run can cost.
    pub wants: Usd,
    /// What is spent and reserved.
    pub taken: Usd,
    /// What may be.
    pub limit: Usd,
    until: Option<Timestamp>,
    left: Duration,
}

/// The limit that says no.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Limit {
    /// All of the day.
    Day,
    /// The day without so much, which is kept for what is near its loss.
    Kept(Usd),
    /// That of one cause.
    Fingerprint,
}

impl Why {
    /// One word for programs.
    pub fn word(&self) -> &'static str {
        "budget"
    }

    /// From when on there is enough, if nothing else is reserved: the latest such moment, for a run
    /// that ends and has cost less gives back at once. None when there never is.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Why { what, wants, taken, limit, until, left } = self;
        let (whose, key) = match what {
            Limit::Day => ("in 24 hours", "per_day"),
            Limit::Kept(_) => ("in 24 hours when no loss is near", "per_day"),
            Limit::Fingerprint => ("on this cause in 30 days", "per_fingerprint"),
        };
        write!(f, "a run can cost {wants}, and of the {limit} that may be spent {whose}")?;
        if let Limit::Kept(kept) = what {
            write!(f, " ({kept} more when one is)")?;
        }
        write!(f, ", {taken} is spent or reserved; ")?;
        match until {
            Some(until) => {
                write!(f, "there is enough at {until} (in {}), or with", show_span(*left))?;
            }
            None => f.write_str("there is enough only with")?,
        }
        write!(f, " more in auto_investigation.budget_usd_{key}")
    }
}

/// The worst that a run can cost, in US dollars: what it is allowed to, and what it may go beyond
/// that before it notices.
pub fn worst_case(limits: &Limits) -> f64 {
    limits.per_run + OVERSHOOT_USD.max(limits.per_run * OVERSHOOT_SHARE)
}

/// Judges whether a run may start, and how much is to be reserved for it, in US dollars. What is
/// told apart is the cause first, whose limit ends later.
pub fn judge(limits: &Limits, budget: &Budget, want: &Want, now: Timestamp) -> Result<f64, Why> {
    let wants = Usd::limit(worst_case(limits));
    if let (Some(limit), Some(cause)) = (limits.per_fingerprint, &want.fingerprint) {
        let same = |spend: &&Spend| spend.fingerprint.as_ref() == Some(cause);
        let counted = budget.spends.iter().filter(same);
        fits(Limit::Fingerprint, Usd::limit(limit), wants, counted, KEPT, now)?;
    }
    if let Some(limit) = limits.per_day {
        let whole = Usd::limit(limit);
        let near = want.expires_after.is_some_and(|loss| loss.since(now) <= limits.near);
        let kept = if near { Usd::NONE } else { whole.share(limits.reserve_for_expiry) };
        let what = if kept == Usd::NONE { Limit::Day } else { Limit::Kept(kept) };
        fits(what, whole.less(kept), wants, budget.spends.iter(), DAY, now)?;
    }
    Ok(wants.dollars())
}

/// Whether so much more stays within a limit, counted over a time.
fn fits<'a>(
    what: Limit,
    limit: Usd,
    wants: Usd,
    spends: impl Iterator<Item = &'a Spend>,
    over: Duration,
    now: Timestamp,
) -> Result<(), Why> {
    let counted = spends.map(|spend| (spend.last().plus(over), spend.counts()));
    let mut counted: Vec<(Timestamp, Usd)> = counted.filter(|(until, _)| *until > now).collect();
    let taken: Usd = counted.iter().map(|(_, usd)| *usd).sum();
    if taken.plus(wants) <= limit {
        return Ok(());
    }
    counted.sort();
    let enough = |at: &Timestamp| {
        let rest = counted.iter().filter(|(until, _)| until > at).map(|(_, usd)| *usd);
        rest.sum::<Usd>().plus(wants) <= limit
    };
    let until = counted.iter().map(|(until, _)| *until).find(enough);
    let left = until.map_or(Duration::ZERO, |until| until.since(now));
    Err(Why { what, wants, taken, limit, until, left })
}

impl Spend {
    /// What counts: the cost, and where that is open or unknown the reservation.
    pub fn counts(&self) -> Usd {
        let amount = self.settled_at.and(self.cost_usd).unwrap_or(self.reserved_usd);
        // What is no amount cannot be read from the document; were it made otherwise, it is much.
        Usd::of(amount).unwrap_or(Usd::MOST)
    }

    /// The last moment at which some of it can have been spent: from there on it ages.
    fn last(&self) -> Timestamp {
        self.settled_at.unwrap_or_else(|| self.at.plus(RUN_MAX))
    }

    /// Whether it may still be spending.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.settled_at.is_none() && self.last() > now
    }
}

impl Budget {
    /// The kind of record of a run, by the id of its session.
    pub const SPEND: Kind = "spend";

    /// Reserves what the run can cost, if that is allowed, and returns how much that is. A session
    /// that has reserved already gets the same again.
    pub fn reserve(
        &mut self,
        limits: &Limits,
        session: &str,
        queue: &str,
        want: &Want,
        now: Timestamp,
    ) -> Result<f64, Why> {
        let mut own = self.spends.iter().filter(|spend| spend.session == session);
        if let Some(spend) = own.find(|spend| spend.is_open(now)) {
            return Ok(spend.reserved_usd);
        }
        let amount = judge(limits, self, want, now)?;
        self.spends.push(Spend {
            session: session.to_owned(),
            queue: queue.to_owned(),
            fingerprint: want.fingerprint.clone(),
            at: now,
            reserved_usd: amount,
            cost_usd: None,
            settled_at: None,
        });
        Ok(amount)
    }

    /// Writes down what a session has cost, or that nobody can tell, and gives back the rest. What
    /// is no amount of money is unknown. A session that has nothing open changes nothing: what was
    /// settled stays so.
    pub fn settle(&mut self, session: &str, cost: Option<f64>, now: Timestamp) {
        let mut own = self.spends.iter_mut().filter(|spend| spend.session == session);
        if let Some(spend) = own.rfind(|spend| spend.settled_at.is_none()) {
            spend.cost_usd = cost.and_then(Usd::of).map(Usd::dollars);
            spend.settled_at = Some(now);
        }
    }

    /// What was reserved or settled later than now was written down by a clock that has stepped back
    /// since, and counts from now. Otherwise a clock that was years ahead for a moment would take
    /// the money of every day until then.
    pub fn step_back(&mut self, now: Timestamp) {
        for spend in &mut self.spends {
            spend.at = spend.at.min(now);
            spend.settled_at = spend.settled_at.map(|at| at.min(now));
        }
    }

    /// Drops what counts nowhere any more.
    pub fn forget(&mut self, now: Timestamp) {
        self.spends.retain(|spend| spend.last().plus(KEPT) > now);
    }

    /// What the last 24 hours have seen.
    pub fn day(&self, now: Timestamp) -> Day {
        let mut day = Day::default();
        for spend in self.spends.iter().filter(|spend| spend.last().plus(DAY) > now) {
            let sum = if spend.is_open(now) { &mut day.reserved } else { &mut day.spent };
            *sum = sum.plus(spend.counts());
        }
        day
    }

    /// What counts for each cause, the dearest first.
    pub fn causes(&self, now: Timestamp) -> Vec<(&str, Usd)> {
        let mut sums = std::collections::BTreeMap::<&str, Usd>::new();
        for spend in self.spends.iter().filter(|spend| spend.last().plus(KEPT) > now) {
            if let Some(cause) = &spend.fingerprint {
                let sum = sums.entry(cause).or_default();
                *sum = sum.plus(spend.counts());
            }
        }
        let mut causes: Vec<(&str, Usd)> = sums.into_iter().collect();
        causes.sort_by_key(|(_, usd)| std::cmp::Reverse(*usd));
        causes
    }
}

#[cfg(test)]
mod tests;
