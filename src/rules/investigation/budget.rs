//! The budget of investigations and the document `budget.json`.
//!
//! The worst-case cost of a run is reserved before it starts and settled when it has ended, so that
//! concurrent runs cannot spend the same money. An open reservation and an unknown cost count in
//! full. Sums are of micro-dollars, so that 0.1 and 0.2 are 0.3. Where the time since the start of the
//! machine is known, a run is no older by the clock than by that: a clock that steps forward frees
//! nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::eligibility::SkipReason;
use crate::document::{Document, RecordKind, SetOperation};
use crate::money::Usd;
use crate::time::{BootTime, ClockReading, Timestamp, show_span};

/// A day is the 24 hours before a given time, not a calendar day: midnight frees no budget.
pub const DAY: Duration = Duration::from_secs(86_400);
/// The time for which the spend on a cause counts.
pub const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// The longest run, because `timeout_minutes` has this limit. A reservation that is still open then
/// counts as settled in full.
const RUN_MAX: Duration = DAY;
/// The cost of a run beyond its limit. An agent checks its limit after a response, not before: one
/// with a limit of $0.50 was measured to end at $1.20.
const OVERSHOOT: Usd = Usd::from_micros(750_000);
/// The overshoot as a share of the limit; the larger of the two counts, because more expensive runs
/// have longer responses.
const OVERSHOOT_SHARE: f64 = 0.2;

/// A cost of more than this many times its worst case is not believed.
const BELIEVED_TIMES: u64 = 10;

/// The remaining time from which a loss is near.
pub const NEAR_LOSS: Duration = Duration::from_secs(6 * 3600);

/// The limits of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BudgetLimits {
    /// The limit that the agent gets, in US dollars.
    pub per_run: Usd,
    /// The limit of the answer that a run without a verdict is asked for, within its reservation.
    #[serde(default)]
    pub last_answer: Usd,
    /// The limit of all runs in 24 hours.
    pub per_day: Usd,
    /// The limit of all runs about one cause in 30 days; None: no limit.
    pub per_fingerprint: Option<Usd>,
    /// The share of the day, 0 to 1, that only runs near the loss of messages may use.
    pub reserve_for_expiry: f64,
    /// A loss is near when at most this time remains.
    pub near: Duration,
}

/// The document `budget.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// The runs, the oldest first.
    pub spends: Vec<Spend>,
}

impl Document for Budget {
    const NAME: &str = "budget";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> = Some("which forgets what was spent until now");
    const SHARED: bool = true;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation
            .list(Self::SPEND, &mut self.spends, &mut rest.spends, |spend| spend.session.clone());
    }
}

/// The reservation and the cost of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spend {
    pub session: String,
    pub queue: String,
    /// The fingerprint of the cause, when it is known.
    pub fingerprint: Option<String>,
    /// The time of the reservation.
    pub at: Timestamp,
    /// The worst-case cost, in US dollars.
    pub reserved_usd: Usd,
    /// Null while the run is open, and when the cost is unknown.
    pub cost_usd: Option<Usd>,
    /// Null while the run is open.
    pub settled_at: Option<Timestamp>,
    /// The time at which its last time was first seen in the future; null while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_ahead_at: Option<Timestamp>,
    /// The time since the start of the machine at the reservation or, later, at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<BootTime>,
}

/// The spend of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DaySpend {
    pub spent: Usd,
    /// Reservations of runs that may still spend.
    pub reserved: Usd,
}

/// Returns the worst-case cost of a run in US dollars, which is more than its limit.
pub fn worst_case(limits: &BudgetLimits) -> Usd {
    limits.per_run.plus(OVERSHOOT.max(limits.per_run.share(OVERSHOOT_SHARE)))
}

/// Whether a run can have cost this much.
pub fn is_believable(limits: &BudgetLimits, cost: Usd) -> bool {
    cost <= worst_case(limits).times(BELIEVED_TIMES)
}

/// Decides whether a run may start, and returns the amount to reserve in US dollars. The limit of
/// the cause is checked first, because it ends later. `loss` is the time from which a message may be
/// lost; an unknown loss is not near.
pub fn judge(
    limits: &BudgetLimits,
    budget: &Budget,
    cause: Option<&str>,
    loss: Option<Timestamp>,
    now: impl Into<ClockReading>,
) -> Result<Usd, SkipReason> {
    let now = now.into();
    let wants = worst_case(limits);
    if let (Some(limit), Some(_)) = (limits.per_fingerprint, cause) {
        let same = |spend: &&Spend| spend.fingerprint.as_deref() == cause;
        let counted = budget.spends.iter().filter(same);
        let scope = "on this cause in 30 days";
        check_limit(scope, "per_fingerprint", limit, wants, counted, KEPT, now)?;
    }
    let near = loss.is_some_and(|loss| loss.since(now.wall) <= limits.near);
    let kept = if near { Usd::NONE } else { limits.per_day.share(limits.reserve_for_expiry) };
    let scope = match kept {
        Usd::NONE => "in 24 hours".to_owned(),
        kept => format!("in 24 hours when no loss is near ({kept} more when one is)"),
    };
    let (limit, counted) = (limits.per_day.less(kept), budget.spends.iter());
    check_limit(&scope, "per_day", limit, wants, counted, DAY, now)?;
    Ok(wants)
}

/// Checks that another amount stays within a limit over a period. The end of the reason is the time
/// from which the budget suffices if nothing else is reserved; settled runs can free budget
/// earlier.
fn check_limit<'a>(
    scope: &str,
    key: &str,
    limit: Usd,
    wants: Usd,
    spends: impl Iterator<Item = &'a Spend>,
    over: Duration,
    now: ClockReading,
) -> Result<(), SkipReason> {
    let counted = spends.map(|spend| (spend.last(now).plus(over), spend.counts()));
    let mut counted: Vec<(Timestamp, Usd)> =
        counted.filter(|(until, _)| *until > now.wall).collect();
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
    let remedy = match until {
        Some(until) => {
            format!("available at {until} (in {}), or ", show_span(until.since(now.wall)))
        }
        None => String::new(),
    };
    let detail = format!(
        "a run can cost {wants}; {taken} is spent or reserved of the {limit} allowed {scope}; \
         {remedy}raise auto_investigation.budget_usd_{key}"
    );
    Err(SkipReason { word: "budget", detail, until })
}

impl Spend {
    /// Returns the amount that counts: the cost, or the reservation while the cost is unknown.
    pub fn counts(&self) -> Usd {
        self.settled_at.and(self.cost_usd).unwrap_or(self.reserved_usd)
    }

    /// Returns the last time at which the run can have spent; its age counts from there. A time more
    /// than a day in the future counts as when it was first seen there: a clock that was years ahead
    /// for a moment would otherwise use up the budget of every day until then. A nearer one counts as
    /// it is: it was right before a clock stepped back.
    fn last(&self, now: ClockReading) -> Timestamp {
        let written = self.settled_at.unwrap_or(self.at);
        let at = match written > now.wall.plus(DAY) {
            true => self.seen_ahead_at.unwrap_or(now.wall).min(now.wall),
            false => written,
        };
        let age = self.boot.and_then(|boot| now.boot?.since(boot));
        let at = age.map_or(at, |age| at.max(now.wall.minus(age)));
        if self.settled_at.is_some() { at } else { at.plus(RUN_MAX) }
    }

    /// Whether the run may still spend.
    pub fn is_open(&self, now: impl Into<ClockReading>) -> bool {
        let now = now.into();
        self.settled_at.is_none() && self.last(now) > now.wall
    }
}

impl Budget {
    /// The kind of record of a run, by the id of its session.
    pub const SPEND: RecordKind = "spend";

    /// Reserves the worst-case cost of a run and returns it. A session with an open reservation
    /// gets the same amount. A refusal forgets nothing and moves no time: a clock that was wrong for
    /// a moment frees nothing that counts when it is right again.
    pub fn reserve(
        &mut self,
        limits: &BudgetLimits,
        session: &str,
        queue: &str,
        cause: Option<&str>,
        loss: Option<Timestamp>,
        now: impl Into<ClockReading>,
    ) -> Result<Usd, SkipReason> {
        let now = now.into();
        self.note_future_times(now.wall);
        let mut own = self.spends.iter().filter(|spend| spend.session == session);
        if let Some(spend) = own.find(|spend| spend.is_open(now)) {
            return Ok(spend.reserved_usd);
        }
        let amount = judge(limits, self, cause, loss, now)?;
        self.forget(now);
        self.spends.push(Spend {
            session: session.to_owned(),
            queue: queue.to_owned(),
            fingerprint: cause.map(str::to_owned),
            at: now.wall,
            reserved_usd: amount,
            cost_usd: None,
            settled_at: None,
            seen_ahead_at: None,
            boot: now.boot,
        });
        Ok(amount)
    }

    /// Settles the open reservation of a session at its cost; None, and any invalid amount, is an
    /// unknown cost. Settled runs do not change.
    pub fn settle(&mut self, session: &str, cost: Option<Usd>, now: impl Into<ClockReading>) {
        let now = now.into();
        let mut own = self.spends.iter_mut().filter(|spend| spend.session == session);
        if let Some(spend) = own.rfind(|spend| spend.settled_at.is_none()) {
            spend.cost_usd = cost;
            spend.settled_at = Some(now.wall);
            spend.boot = now.boot;
        }
    }

    /// Notes since when times lie in the future. The times stay: when the clock is there again, they
    /// count.
    fn note_future_times(&mut self, now: Timestamp) {
        for spend in &mut self.spends {
            let is_ahead = spend.settled_at.unwrap_or(spend.at) > now;
            let seen = spend.seen_ahead_at.unwrap_or(now).min(now);
            spend.seen_ahead_at = is_ahead.then_some(seen);
        }
    }

    /// Removes runs that no limit counts any more.
    fn forget(&mut self, now: ClockReading) {
        self.spends.retain(|spend| spend.last(now).plus(KEPT) > now.wall);
    }

    /// Whether a session has reserved at any time.
    pub fn has_spend_of(&self, session: &str) -> bool {
        self.spends.iter().any(|spend| spend.session == session)
    }

    /// Returns the spend of the last 24 hours.
    pub fn day(&self, now: impl Into<ClockReading>) -> DaySpend {
        let now = now.into();
        let mut day = DaySpend::default();
        for spend in self.spends.iter().filter(|spend| spend.last(now).plus(DAY) > now.wall) {
            let sum = if spend.is_open(now) { &mut day.reserved } else { &mut day.spent };
            *sum = sum.plus(spend.counts());
        }
        day
    }

    /// Returns the spend on each cause, the most expensive first.
    pub fn causes(&self, now: impl Into<ClockReading>) -> Vec<(&str, Usd)> {
        let now = now.into();
        let mut sums = std::collections::BTreeMap::<&str, Usd>::new();
        for spend in self.spends.iter().filter(|spend| spend.last(now).plus(KEPT) > now.wall) {
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
