//! The keys of problems, and which of them a delivery ends. Pure.

use crate::event::derived_id;
use crate::rules::notification::delivery::ProblemKeys;
use crate::rules::notification::facts::{EventFacts, TopicChange, reread};
use crate::rules::notification::group::DueNotice;
use crate::rules::notification::plan::PlannedDelivery;
use crate::rules::notification::topic::{Pending, SendReason};

/// Returns whether a notice tells the end of a problem. A loss that another problem of the queue has
/// overtaken is one, too.
pub(super) fn tells_end(due: &DueNotice) -> bool {
    let ends = |event: &Pending| {
        let is_end = |facts: EventFacts| matches!(facts.change, TopicChange::Ends { .. });
        event.reason == SendReason::Ended
            || (event.reason == SendReason::News && reread(&event.line).is_some_and(is_end))
    };
    due.events.iter().any(ends)
}

/// Returns whether a problem is over by a notice. An end can be told together with a result.
pub(super) fn ends(due: &DueNotice) -> bool {
    due.events.iter().any(|event| event.reason == SendReason::Ended)
}

/// Returns the keys of the problems that a delivery tells of. A result after an end is of none.
pub(super) fn problem_keys(planned: &PlannedDelivery) -> ProblemKeys {
    let mut keys = ProblemKeys::default();
    for due in planned.notices.iter().filter(|due| !due.is_late) {
        let key = key_of(&due.problem, due.key_incident.as_deref());
        if ends(due) { &mut keys.ended } else { &mut keys.open }.push(key);
    }
    keys
}

/// Returns the key of what a delivery tells of.
pub(super) fn key(planned: &PlannedDelivery) -> String {
    match planned.notices.as_slice() {
        [due] if due.is_late => planned.id.clone(),
        [due] => key_of(&due.problem, due.key_incident.as_deref()),
        _ => planned.id.clone(),
    }
}

/// Returns the key of a problem. An incident is its queue's dead letters: another problem of the queue
/// meanwhile, such as one that cannot be read, has a key and an end of its own.
pub fn key_of(problem: &str, incident: Option<&str>) -> String {
    match incident {
        Some(incident) if problem.starts_with("queue\n") => incident.to_owned(),
        _ => derived_id(&[problem]),
    }
}
