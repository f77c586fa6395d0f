//! Inhibition: growth is not sent again while work on the incident goes on. Pure.

use super::notices::Problem;
use super::topic::Told;
use crate::event::Severity;

/// The factor by which a problem has to grow before it is sent again.
const FACTOR: u64 = 10;

/// The treatment of growth of a problem that people know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// Sent again, because the severity has risen.
    Worse,
    /// Sent again, because it is tenfold.
    Tenfold,
    /// An update of the notice where the channel can do that.
    Update,
    /// An update only, because work on the incident goes on.
    Inhibited,
}

/// Judges growth to `depth`.
pub fn judge_growth(told: &Told, problem: &Problem, depth: u64, severity: Severity) -> Growth {
    if severity > told.severity {
        return Growth::Worse;
    }
    let is_tenfold =
        told.depth.is_some_and(|known| depth >= known.saturating_mul(FACTOR).max(FACTOR));
    match (is_tenfold, problem.working) {
        (true, true) => Growth::Inhibited,
        (true, false) => Growth::Tenfold,
        (false, _) => Growth::Update,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn growth_is_sent_again_when_worse_or_tenfold_without_work() {
        let told = |depth| Told {
            first_at: Timestamp::from_millis(0),
            unacked_since: Timestamp::from_millis(0),
            at: Timestamp::from_millis(0),
            severity: Severity::Error,
            depth,
            tiers: Vec::new(),
            line: String::new(),
            repeats: 0,
        };
        let rows = [
            (Some(3), 29, Severity::Error, false, Growth::Update),
            (Some(3), 30, Severity::Error, false, Growth::Tenfold),
            (Some(3), 30, Severity::Error, true, Growth::Inhibited),
            (Some(3), 4, Severity::Fatal, true, Growth::Worse),
            (Some(0), 9, Severity::Error, false, Growth::Update),
            (None, 30, Severity::Error, false, Growth::Update),
        ];
        for (known, depth, severity, working, expected) in rows {
            let problem = Problem { working, ..Problem::default() };
            let found = judge_growth(&told(known), &problem, depth, severity);
            assert_eq!(found, expected, "{known:?} to {depth}, working: {working}");
        }
    }
}
