//! The second look at an incident whose logs were asked too early.
//!
//! Lines of a log can take 10 minutes to show, and a search that finds nothing before proves nothing.
//! The incident then waits, and is looked at once more: once, however often it grows.

use super::incident::Incident;
use super::preflight_skip::LOGS_NOT_YET;
use super::wait::Wait;
use crate::rules::evidence::logs::answer::DELAY;
use crate::rules::triage::Triage;
use crate::time::Timestamp;

/// The sentence of a session that ends for this reason.
pub(super) const DETAIL: &str = "the messages died less than 10 minutes ago, and their lines may still \
     be on their way to the log; they are looked at once more by then";

/// Returns whether an incident is looked at once more. `is_early` says whether a search for the causes
/// was too early to be complete.
pub fn is_due(is_early: bool, causes: &[Triage], incident: &Incident) -> bool {
    let is_unknown = causes.first().is_some_and(|cause| !cause.states_error);
    is_early && is_unknown && !incident.second_look
}

/// Creates the wait for the lines.
pub fn wait(now: Timestamp) -> Wait {
    Wait::ending_at(LOGS_NOT_YET, now, now.plus(DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::triage::{Category, CodeFault, RedriveAdvice};

    fn cause(states_error: bool) -> Triage {
        Triage {
            group: "f1".into(),
            fingerprint: "0".repeat(16),
            states_error,
            error: None,
            place: None,
            unseen: None,
            count: 1,
            category: Category::Unknown,
            fault: CodeFault::Unknown,
            confidence: 0.0,
            title: "t".into(),
            reason: "r".into(),
            evidence: Vec::new(),
            commands: Vec::new(),
            redrive: RedriveAdvice::DoNot,
            next: Vec::new(),
        }
    }

    #[test]
    fn early_search_for_unknown_main_cause_is_repeated_once() {
        let (known, unknown) = (cause(true), cause(false));
        let rows = [
            ("early", true, vec![&unknown], false, true),
            ("early, of most messages", true, vec![&unknown, &known], false, true),
            ("late", false, vec![&unknown], false, false),
            ("the messages say it", true, vec![&known], false, false),
            ("most messages say it", true, vec![&known, &unknown], false, false),
            ("no messages", true, Vec::new(), false, false),
            ("early again", true, vec![&unknown], true, false),
        ];
        for (rule, is_early, causes, second_look, expected) in rows {
            let incident = Incident { second_look, ..Incident::default() };
            let causes: Vec<Triage> = causes.into_iter().cloned().collect();
            assert_eq!(is_due(is_early, &causes, &incident), expected, "{rule}");
        }
    }
}
