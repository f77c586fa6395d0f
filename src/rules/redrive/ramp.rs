//! The steps of a redrive: a canary, a ramp, the rest. Pure.

use super::document::{MoveStep, Ramp};

/// A destination on the way through the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DestinationProgress {
    /// The messages that were sent to it.
    pub sent: u64,
    /// The messages of them that were seen to be consumed, and to stay gone.
    pub proven: u64,
    /// The messages of them whose returns are not known: its steps have begun anew behind them.
    pub base: u64,
}

impl Ramp {
    /// Returns how many messages a destination may have been sent; None: all.
    pub fn allowance(self, one: DestinationProgress) -> Option<u64> {
        let canary_end = one.base.saturating_add(self.canary);
        let ramp_end = canary_end.saturating_add(self.ramp);
        match self.canary {
            0 => None,
            _ if one.proven < canary_end => Some(canary_end),
            _ if one.proven < ramp_end => Some(ramp_end),
            _ => None,
        }
    }

    /// Returns the step of a redrive, and how many messages it may move; None: all. Each destination has
    /// steps of its own: the consumer of one shows nothing about that of another. `unknown` are the
    /// destinations that no message was seen for yet.
    pub fn step(self, known: &[DestinationProgress], unknown: u64) -> (MoveStep, Option<u64>) {
        let unknown = if known.is_empty() { unknown.max(1) } else { unknown };
        let mut quota = unknown.saturating_mul(self.canary);
        for one in known {
            match self.allowance(*one) {
                None => return (MoveStep::Rest, None),
                Some(most) => quota = quota.saturating_add(most.saturating_sub(one.sent)),
            }
        }
        let own = known.iter().map(|one| one.proven.saturating_sub(one.base));
        let proven = own.max().unwrap_or(0);
        match self.canary {
            0 => (MoveStep::Rest, None),
            canary if proven < canary => (MoveStep::Canary, Some(quota.max(1))),
            _ => (MoveStep::Ramp, Some(quota.max(1))),
        }
    }

    /// Whether a step of a destination waits for its result.
    pub fn is_unproven(self, one: DestinationProgress) -> bool {
        one.sent > one.proven && self.allowance(one).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MoveStep::{Canary, Rest};

    #[test]
    fn steps_grow_from_the_canary_to_the_rest() {
        let usual = Ramp::default();
        let without = Ramp { canary: 0, ramp: 10 };
        let short = Ramp { canary: 3, ramp: 0 };
        // destinations as (sent, proven), unknown ones
        type Row<'a> = (&'a str, Ramp, &'a [(u64, u64)], u64, (MoveStep, Option<u64>));
        let rows: [Row<'_>; 16] = [
            ("begin", usual, &[], 1, (Canary, Some(1))),
            ("of a destination that is known", usual, &[(0, 0)], 0, (Canary, Some(1))),
            ("without any source", usual, &[], 0, (Canary, Some(1))),
            ("after the canary", usual, &[(1, 1)], 0, (MoveStep::Ramp, Some(10))),
            ("within the ramp", usual, &[(5, 5)], 0, (MoveStep::Ramp, Some(6))),
            ("after the ramp", usual, &[(11, 11)], 0, (Rest, None)),
            ("no canary", without, &[], 1, (Rest, None)),
            ("no canary, later", without, &[(5, 0)], 0, (Rest, None)),
            ("canary of three", short, &[(2, 2)], 0, (Canary, Some(1))),
            ("no ramp", short, &[(3, 3)], 0, (Rest, None)),
            ("canary of three, without any source", short, &[], 0, (Canary, Some(3))),
            ("two sources", usual, &[], 2, (Canary, Some(2))),
            ("one of two is seen", usual, &[(1, 1)], 1, (MoveStep::Ramp, Some(11))),
            ("both are seen", usual, &[(1, 1), (1, 1)], 0, (MoveStep::Ramp, Some(20))),
            ("one is late", usual, &[(11, 11), (1, 1)], 0, (Rest, None)),
            ("one is done with its ramp", usual, &[(11, 1), (1, 1)], 0, (MoveStep::Ramp, Some(10))),
        ];
        for (rule, ramp, known, unknown, expected) in rows {
            let known: Vec<DestinationProgress> =
                known.iter().map(|&(sent, proven)| with(sent, proven, 0)).collect();
            assert_eq!(ramp.step(&known, unknown), expected, "{rule}");
        }
    }

    fn with(sent: u64, proven: u64, base: u64) -> DestinationProgress {
        DestinationProgress { sent, proven, base }
    }

    #[test]
    fn new_canary_follows_what_is_not_known() {
        let usual = Ramp::default();
        let three = Ramp { canary: 3, ramp: 10 };
        // Steps, destination, allowance, whether it waits
        let rows = [
            ("after a canary", usual, with(1, 0, 1), Some(2), true),
            ("that was consumed", usual, with(1, 1, 1), Some(2), false),
            ("after the ramp", usual, with(11, 1, 11), Some(12), true),
            ("after the rest", usual, with(500, 11, 500), Some(501), true),
            ("three of them", three, with(40, 40, 40), Some(43), false),
            ("the new canary is under way", usual, with(2, 1, 1), Some(2), true),
            ("proven", usual, with(2, 2, 1), Some(12), false),
            ("and its ramp", usual, with(12, 12, 1), None, false),
            ("nothing was sent to it", usual, with(0, 0, 0), Some(1), false),
        ];
        for (rule, ramp, one, allowance, waits) in rows {
            assert_eq!((ramp.allowance(one), ramp.is_unproven(one)), (allowance, waits), "{rule}");
        }
    }

    #[test]
    fn destinations_begin_anew_behind_their_own_messages() {
        let ramp = Ramp::default();
        let known = [with(30, 30, 30), with(1, 1, 1)];
        assert_eq!(ramp.step(&known, 0), (Canary, Some(2)), "not as many more as the largest");
        assert_eq!(ramp.step(&known, 1), (Canary, Some(3)), "one that is new has its own canary");
        let proven = [with(31, 31, 30), with(1, 1, 1)];
        assert_eq!(ramp.step(&proven, 0), (MoveStep::Ramp, Some(11)));
    }

    #[test]
    fn each_destination_may_get_what_its_own_messages_have_proven() {
        let (usual, without) = (Ramp::default(), Ramp { canary: 0, ramp: 10 });
        let large = Ramp { canary: 100, ramp: 10 };
        // sent, proven, allowance, whether it waits
        let rows = [
            ("none sent", usual, 0, 0, Some(1), false),
            ("canary under way", usual, 1, 0, Some(1), true),
            ("canary proven", usual, 1, 1, Some(11), false),
            ("ramp under way", usual, 11, 1, Some(11), true),
            ("ramp proven", usual, 11, 11, None, false),
            ("rest", usual, 12, 11, None, false),
            ("no canary", without, 5, 0, None, false),
            ("large canary under way", large, 100, 0, Some(100), true),
            ("another run has smaller steps", usual, 100, 0, Some(1), true),
        ];
        for (rule, ramp, sent, proven, allowance, waits) in rows {
            let one = with(sent, proven, 0);
            assert_eq!(ramp.allowance(one), allowance, "{rule}");
            assert_eq!(ramp.is_unproven(one), waits, "{rule}");
        }
    }
}
