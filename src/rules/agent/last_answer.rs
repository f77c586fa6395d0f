//! Last answer: a run that ended without a verdict is resumed once, with little money, to state what it
//! has found.

use std::time::Duration;

use super::cost::RunCost;
use crate::money::Usd;
use crate::rules::investigation::budget::{self, BudgetLimits};

/// Turns of the last answer: the result, and repetitions of one in a wrong form.
pub const TURNS: u32 = 4;
/// Least money that pays for an answer.
const LEAST: Usd = Usd::from_micros(50_000);
/// Least time for an answer.
const LEAST_TIME: Duration = Duration::from_secs(10);

/// Prompt of the last answer.
pub const PROMPT: &str = "\
Your investigation has ended: its turns or its money are used up, or it gave no result. Use no other
tool and start no subagent. Fill the result schema now, exactly once, with what you have: state as found
only what you have seen, name what you have not checked, and choose the status inconclusive when the
cause is open. All earlier rules on trust still apply.
";

/// Returns the limit of the last answer in US dollars after a failure; none when there is none. It
/// never exceeds what is left of the reservation.
pub fn budget(
    limits: &BudgetLimits,
    reason: &str,
    cost: &RunCost,
    remaining: Duration,
) -> Option<Usd> {
    let has_more = matches!(
        reason,
        "max_turns" | "budget" | "structured_output_invalid" | "no_structured_output"
    );
    let left = budget::worst_case(limits).less(cost.usd?);
    let amount = limits.last_answer.min(left);
    (has_more && amount >= LEAST && remaining >= LEAST_TIME).then_some(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_answer_is_paid_from_what_is_left_of_the_reservation() {
        let usd = |dollars| Usd::from_dollars(dollars).unwrap();
        // A run of $1 can cost $1.75.
        let limits = |last| BudgetLimits {
            per_run: usd(1.0),
            last_answer: usd(last),
            ..BudgetLimits::default()
        };
        let rows = [
            ("max_turns", 0.5, Some(0.4), 60, Some(0.5)),
            ("budget", 0.5, Some(1.5), 60, Some(0.25)),
            ("structured_output_invalid", 0.5, Some(0.4), 60, Some(0.5)),
            ("no_structured_output", 0.5, Some(0.0), 60, Some(0.5)),
            ("budget", 0.5, Some(1.72), 60, None),
            ("budget", 0.5, Some(9.0), 60, None),
            ("max_turns", 0.0, Some(0.4), 60, None),
            ("max_turns", 0.5, None, 60, None),
            ("max_turns", 0.5, Some(0.4), 9, None),
            ("api_error", 0.5, Some(0.4), 60, None),
            ("api_unavailable", 0.5, Some(0.4), 60, None),
            ("no_result", 0.5, Some(0.4), 60, None),
        ];
        for (reason, last, cost, seconds, expected) in rows {
            let cost = RunCost { usd: cost.map(usd), doubt: None };
            let remaining = Duration::from_secs(seconds);
            let found = budget(&limits(last), reason, &cost, remaining);
            assert_eq!(found, expected.map(usd), "{reason} {last} {cost:?} {seconds}");
        }
    }
}
