//! Inhibition: growth is not sent again while work on the incident goes on. Pure.

use super::topic::Told;
use crate::event::Severity;

/// The treatment of growth of a problem that people know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// Sent again, because the severity has risen.
    Worse,
    /// Sent again, because it is by the factor of the channel.
    Grown,
    /// An update of the notice where the channel can do that.
    Update,
    /// An update only, because work on the incident goes on. Its end sends it.
    Inhibited,
}

/// Judges growth to `depth`, which a channel is told of when it is by `factor`.
pub fn judge_growth(
    told: &Told,
    is_worked_on: bool,
    depth: u64,
    severity: Severity,
    factor: u64,
) -> Growth {
    if severity > told.severity {
        return Growth::Worse;
    }
    let has_grown =
        told.depth.is_some_and(|known| depth >= known.saturating_mul(factor).max(factor));
    match (has_grown, is_worked_on) {
        (true, true) => Growth::Inhibited,
        (true, false) => Growth::Grown,
        (false, _) => Growth::Update,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn growth_is_sent_again_when_worse_or_manifold_without_work() {
        let told = |depth| Told {
            first_at: Timestamp::from_millis(0),
            unacked_since: Timestamp::from_millis(0),
            at: Timestamp::from_millis(0),
            severity: Severity::Error,
            depth,
            tiers: Vec::new(),
            losses: std::collections::BTreeMap::new(),
            incident: None,
            line: "".into(),
            repeats: 0,
        };
        let rows = [
            (Some(3), 29, Severity::Error, false, 10, Growth::Update),
            (Some(3), 29, Severity::Error, true, 10, Growth::Update),
            (Some(3), 30, Severity::Error, false, 10, Growth::Grown),
            (Some(3), 30, Severity::Error, true, 10, Growth::Inhibited),
            (Some(3), 4, Severity::Fatal, true, 10, Growth::Worse),
            (Some(3), 4, Severity::Fatal, false, 10, Growth::Worse),
            (Some(3), 30, Severity::Warn, false, 10, Growth::Grown),
            (Some(0), 9, Severity::Error, false, 10, Growth::Update),
            (Some(0), 10, Severity::Error, false, 10, Growth::Grown),
            (Some(u64::MAX), u64::MAX, Severity::Error, false, 10, Growth::Grown),
            (None, 30, Severity::Error, false, 10, Growth::Update),
            (Some(3), 5, Severity::Error, false, 2, Growth::Update),
            (Some(3), 6, Severity::Error, false, 2, Growth::Grown),
            (Some(3), 6, Severity::Error, true, 2, Growth::Inhibited),
        ];
        for (known, depth, severity, working, factor, expected) in rows {
            let found = judge_growth(&told(known), working, depth, severity, factor);
            assert_eq!(found, expected, "{known:?} to {depth} by {factor}, working: {working}");
        }
    }
}
