//! The steps of a redrive: a canary, a ramp, the rest. Pure.

use super::document::MoveStep;

/// The number of messages of the first steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ramp {
    /// Zero: no canary, and no ramp either.
    pub canary: u64,
    pub ramp: u64,
}

impl Default for Ramp {
    fn default() -> Self {
        Ramp { canary: 1, ramp: 10 }
    }
}

impl Ramp {
    /// Returns the step after `moved` messages, and how many it may still move; None: all.
    pub fn step(self, moved: u64) -> (MoveStep, Option<u64>) {
        let ramp_end = self.canary.saturating_add(self.ramp);
        match self.canary {
            0 => (MoveStep::Rest, None),
            canary if moved < canary => (MoveStep::Canary, Some(canary - moved)),
            _ if moved < ramp_end => (MoveStep::Ramp, Some(ramp_end - moved)),
            _ => (MoveStep::Rest, None),
        }
    }

    /// Returns whether a redrive that was interrupted after `moved` messages may have been waiting for
    /// the result of a step, which it then has to wait for again.
    pub fn waits_again(self, moved: u64) -> bool {
        self.canary > 0 && moved > 0 && moved <= self.canary.saturating_add(self.ramp)
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
        let rows = [
            ("begin", usual, 0, (Canary, Some(1)), false),
            ("after the canary", usual, 1, (MoveStep::Ramp, Some(10)), true),
            ("within the ramp", usual, 5, (MoveStep::Ramp, Some(6)), true),
            ("after the ramp", usual, 11, (Rest, None), true),
            ("within the rest", usual, 12, (Rest, None), false),
            ("no canary", without, 0, (Rest, None), false),
            ("no canary, later", without, 5, (Rest, None), false),
            ("canary of three", short, 2, (Canary, Some(1)), true),
            ("no ramp", short, 3, (Rest, None), true),
        ];
        for (rule, ramp, moved, expected, waits) in rows {
            assert_eq!(ramp.step(moved), expected, "{rule}");
            assert_eq!(ramp.waits_again(moved), waits, "{rule}");
        }
    }
}
