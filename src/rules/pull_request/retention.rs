//! The records of fixes and issues that are forgotten. Pure.
//!
//! Promises: a pull request or an issue that a person has closed stays a no, and what is open stays known.

use std::time::Duration;

use super::document::{FixState, FixStep, IssueState, PullRequests};
use crate::time::Timestamp;

/// The time for which records are kept that decide nothing any more: their sessions are too old by then.
const KEPT: Duration = Duration::from_secs(90 * 86_400);

impl PullRequests {
    /// Drops the records of fixes without a pull request of their own, and of issues that were closed from
    /// here, when they are old.
    pub fn forget_old(&mut self, now: Timestamp) {
        let is_old = |at: Timestamp| now >= at.plus(KEPT);
        let is_kept = |one: &FixState| {
            let has_none = matches!(one.step, FixStep::Refused | FixStep::Commented);
            // One that another session's comment covers has no moment of its own.
            !has_none || one.at == Timestamp::default() || !is_old(one.at)
        };
        self.sessions.retain(is_kept);
        let is_open_or_no = |one: &IssueState| {
            !one.is_closed_by_us || one.closed_at.is_none_or(|closed| !is_old(closed))
        };
        self.issues.retain(is_open_or_no);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_records_that_decide_nothing_are_dropped() {
        let at = |days: u32| {
            Timestamp::from_millis(1_000_000_000_000).plus(Duration::from_secs(86_400) * days)
        };
        let fix = |step, at| FixState { step, at, ..FixState::default() };
        // (rule, record, day, kept)
        let rows = [
            ("refused", fix(FixStep::Refused, at(0)), 89, true),
            ("refused long ago", fix(FixStep::Refused, at(0)), 90, false),
            ("commented long ago", fix(FixStep::Commented, at(0)), 90, false),
            ("covered", fix(FixStep::Commented, Timestamp::default()), 90, true),
            ("opened", fix(FixStep::Opened, at(0)), 999, true),
            ("on its way", fix(FixStep::Pushed, at(0)), 999, true),
        ];
        for (rule, record, day, kept) in rows {
            let mut prs = PullRequests { sessions: vec![record], ..PullRequests::default() };
            prs.forget_old(at(day));
            assert_eq!(prs.sessions.len(), usize::from(kept), "{rule}");
        }
        let issue = |is_closed_by_us, closed_at| IssueState {
            is_closed_by_us,
            closed_at,
            ..IssueState::default()
        };
        let rows = [
            ("closed from here", issue(true, Some(at(0))), false),
            ("closed lately", issue(true, Some(at(50))), true),
            ("closed by a person", issue(false, Some(at(0))), true),
            ("open", issue(false, None), true),
        ];
        for (rule, record, kept) in rows {
            let mut prs = PullRequests { issues: vec![record], ..PullRequests::default() };
            prs.forget_old(at(100));
            assert_eq!(prs.issues.len(), usize::from(kept), "{rule}");
        }
    }
}
