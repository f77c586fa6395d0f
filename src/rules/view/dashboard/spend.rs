//! The results and costs of the investigations that ended, by day and by cause.
//!
//! They are sums of their own, because investigations that ended long ago are dropped.

use std::collections::{BTreeMap, HashMap};

use super::investigations::{Investigation, InvestigationStatus};
use super::limits;
use crate::money::Usd;
use crate::time::Timestamp;

/// The days that are kept.
pub const DAYS_MAX: usize = 62;
/// The causes that are kept: beyond it, the cheapest are dropped first.
pub const CAUSES_MAX: usize = 1000;
/// The cause of a session whose incident was not sampled before its end.
pub const UNKNOWN_CAUSE: &str = "unknown";
const DAY_MS: i64 = 86_400_000;

/// The results and costs of the investigations that ended.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct InvestigationSpend {
    /// The sums by the number of the day since 1970, in UTC.
    pub days: BTreeMap<i64, SpendSum>,
    /// The sums by fingerprint.
    pub causes: HashMap<Box<str>, SpendSum>,
    pub outcomes: Outcomes,
}

/// A sum of costs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct SpendSum {
    /// The known costs.
    pub usd: Usd,
    pub sessions: u64,
    /// Sessions whose cost is unknown, or known in part: `usd` lacks the rest.
    pub unknown: u64,
}

/// The investigations that ended, by their end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Outcomes {
    /// Investigations with a result that says something.
    pub explained: u64,
    /// Investigations with the result that nothing can be said.
    pub inconclusive: u64,
    pub failed: u64,
    pub timed_out: u64,
    pub stopped: u64,
    pub crashed: u64,
}

impl SpendSum {
    /// Adds an investigation.
    pub(super) fn add(&mut self, one: &Investigation) {
        self.sessions += 1;
        self.usd = self.usd.plus(one.cost.unwrap_or(Usd::NONE));
        self.unknown += u64::from(one.cost.is_none() || one.is_cost_least);
    }

    /// Returns the known costs; None when nothing is known of any.
    pub fn known(self) -> Option<Usd> {
        let is_unknown = self.unknown == self.sessions && self.sessions > 0;
        Some(self.usd).filter(|usd| !is_unknown || *usd != Usd::NONE)
    }
}

impl Outcomes {
    pub fn ended(&self) -> u64 {
        let Outcomes { explained, inconclusive, failed, timed_out, stopped, crashed } = self;
        explained + inconclusive + failed + timed_out + stopped + crashed
    }

    /// Returns the share of the investigations with a result that says something, from 0 to 1; None
    /// before the first end. Those that a person stopped do not count.
    pub fn success_rate(&self) -> Option<f64> {
        let judged = self.ended() - self.stopped;
        (judged > 0).then(|| self.explained as f64 / judged as f64)
    }
}

impl InvestigationSpend {
    /// Adds an investigation that ended now.
    pub(super) fn add(&mut self, one: &Investigation, cause: Option<&str>, at: Timestamp) {
        let day = at.millis().div_euclid(DAY_MS);
        self.days.entry(day).or_default().add(one);
        if self.days.len() > DAYS_MAX {
            self.days.pop_first();
        }
        let cause = limits::name(cause.unwrap_or(UNKNOWN_CAUSE));
        limits::entry(&mut self.causes, cause, CAUSES_MAX, |sum| sum.usd).add(one);
        let is_inconclusive =
            one.verdict.as_ref().is_none_or(|verdict| &*verdict.status == "inconclusive");
        let outcome = match one.status {
            InvestigationStatus::Completed if is_inconclusive => &mut self.outcomes.inconclusive,
            InvestigationStatus::Completed => &mut self.outcomes.explained,
            InvestigationStatus::TimedOut => &mut self.outcomes.timed_out,
            InvestigationStatus::Stopped => &mut self.outcomes.stopped,
            InvestigationStatus::Crashed => &mut self.outcomes.crashed,
            InvestigationStatus::Running | InvestigationStatus::Failed => &mut self.outcomes.failed,
        };
        *outcome += 1;
    }

    /// Returns the days with a cost, the newest first, by their begin.
    pub fn by_day(&self) -> Vec<(Timestamp, SpendSum)> {
        let day = |(day, sum): (&i64, &SpendSum)| (Timestamp::from_millis(day * DAY_MS), *sum);
        self.days.iter().rev().map(day).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::view::dashboard::investigations::ShownVerdict;

    #[test]
    fn sums_keep_unknown_costs_apart() {
        let mut spend = InvestigationSpend::default();
        let ended = |status, verdict: &str, cost: Option<u64>| Investigation {
            status,
            verdict: Some(ShownVerdict { status: verdict.into(), ..ShownVerdict::default() }),
            cost: cost.map(Usd::from_micros),
            ..Investigation::default()
        };
        let at = |day: i64| Timestamp::from_millis(day * DAY_MS + 5);
        assert_eq!(spend.outcomes.success_rate(), None);
        use InvestigationStatus::*;
        spend.add(&ended(Completed, "likely", Some(700)), Some("f"), at(10));
        spend.add(&ended(Completed, "inconclusive", Some(50)), None, at(10));
        spend.add(&ended(Failed, "", None), Some("f"), at(11));
        spend.add(&ended(Stopped, "", None), Some("f"), at(11));
        let sum =
            |usd, sessions, unknown| SpendSum { usd: Usd::from_micros(usd), sessions, unknown };
        let first = |day: i64| Timestamp::from_millis(day * DAY_MS);
        assert_eq!(spend.by_day(), [(first(11), sum(0, 2, 2)), (first(10), sum(750, 2, 0))]);
        assert_eq!((spend.causes["f"], spend.causes["unknown"]), (sum(700, 3, 2), sum(50, 1, 0)));
        assert_eq!(spend.outcomes.success_rate(), Some(1.0 / 3.0));
        for day in 0..200 {
            spend.add(&ended(Completed, "likely", Some(1)), Some(&format!("f{day}")), at(day));
        }
        assert_eq!(spend.days.len(), DAYS_MAX);
    }
}
