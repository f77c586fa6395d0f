//! Cost of a run, from what the agent reports: believed, or unknown for a reason.

use super::transcript::ReportedCost;
use crate::money::Usd;
use crate::rules::investigation::budget::{self, BudgetLimits};

/// Cost of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunCost {
    /// US dollars; none when it is unknown, and then counts as reserved.
    pub usd: Option<Usd>,
    /// Reason why a report is not believed, as a sentence.
    pub doubt: Option<String>,
}

impl RunCost {
    /// Cost of an agent that has not run.
    pub fn none() -> Self {
        RunCost { usd: Some(Usd::NONE), doubt: None }
    }
}

/// Judges the cost that an agent reports. `spent` is the cost of the earlier runs of a resumed
/// conversation, which the total includes.
pub fn judge(reported: ReportedCost, spent: Usd, limits: &BudgetLimits) -> RunCost {
    let ReportedCost { total, answered, cut, odd, refused } = reported;
    // Its end was not waited for, and no model has worked.
    if refused && !answered && total.is_none() && !odd {
        return RunCost::none();
    }
    let new = total.map(|total| total.less(spent));
    let why = if odd {
        "it reports a cost that is no amount of money".to_owned()
    } else if cut {
        "it was stopped in the middle of an answer, whose cost is not reported".to_owned()
    } else if answered && total.is_some_and(|total| total < spent) {
        "it reports less than its earlier runs have cost".to_owned()
    } else if let Some(cost) = new.filter(|cost| !budget::is_believable(limits, *cost)) {
        format!("it reports {cost}, which is not believed of a limit of {}", limits.per_run)
    } else {
        return RunCost { usd: new, doubt: None };
    };
    let reserved = budget::worst_case(limits);
    RunCost { usd: None, doubt: Some(format!("{why}; its cost counts as reserved, {reserved}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_is_believed_or_counts_as_reserved() {
        let usd = |dollars| Usd::from_dollars(dollars).unwrap();
        let limits = BudgetLimits { per_run: usd(1.0), ..BudgetLimits::default() };
        let of = |total: f64| ReportedCost {
            total: Usd::from_dollars(total),
            answered: true,
            ..ReportedCost::default()
        };
        let rows = [
            ("a cost", of(0.4), 0.0, Some(0.4), ""),
            ("a cost above its limit", of(1.9), 0.0, Some(1.9), ""),
            ("no report", ReportedCost::default(), 0.0, None, ""),
            (
                "refused",
                ReportedCost { refused: true, ..ReportedCost::default() },
                0.4,
                Some(0.0),
                "",
            ),
            (
                "refused after an answer",
                ReportedCost { refused: true, answered: true, ..ReportedCost::default() },
                0.0,
                None,
                "",
            ),
            ("of a resumed run", of(0.4), 0.3, Some(0.1), ""),
            ("that cost nothing", of(0.4), 0.4, Some(0.0), ""),
            ("that never began", ReportedCost { answered: false, ..of(0.0) }, 0.4, Some(0.0), ""),
            ("less than before", of(0.1), 0.4, None, "less than its earlier runs"),
            ("cut short", ReportedCost { cut: true, ..of(0.0) }, 0.0, None, "middle of an answer"),
            ("negative", ReportedCost { odd: true, ..of(-1.0) }, 0.0, None, "no amount of money"),
            ("absurd", of(17.6), 0.0, None, "$17.60"),
            ("ten times its worst case", of(17.5), 0.0, Some(17.5), ""),
        ];
        for (rule, reported, spent, cost, why) in rows {
            let found = judge(reported, usd(spent), &limits);
            assert_eq!(found.usd, cost.map(usd), "{rule}");
            let doubt = found.doubt.unwrap_or_default();
            assert_eq!(doubt.is_empty(), why.is_empty(), "{rule}: {doubt}");
            assert!(doubt.contains(why), "{rule}: {doubt}");
            assert!(why.is_empty() || doubt.ends_with("counts as reserved, $1.75"), "{doubt}");
        }
    }
}
