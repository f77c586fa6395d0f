//! The progress of a move on a terminal, in one line of standard error.

use crate::log;
use crate::rules::redrive::document::{Move, MoveKind, MoveOutcome};
use crate::text;

/// The columns of the bar.
const COLUMNS: u64 = 24;

/// Returns the line of a move.
pub(super) fn line(state: &Move) -> String {
    let step = state.step.map(|step| format!("{step}: ")).unwrap_or_default();
    let returned = match state.returned {
        0 => String::new(),
        n => format!(", {n} returned"),
    };
    match state.messages.filter(|all| *all > 0) {
        None => format!("{step}{} moved{returned}", text::count(state.moved, "message")),
        Some(all) => {
            let done = state.moved.min(all) * COLUMNS / all;
            let bar: String = (0..COLUMNS).map(|at| if at < done { '#' } else { '.' }).collect();
            format!("{step}[{bar}] {}/{all} moved{returned}", state.moved)
        }
    }
}

/// Returns the sentence about the end of a move.
pub(super) fn summary(state: &Move) -> String {
    let (done, queue) = (text::count(state.moved, "message"), &state.queue.name);
    let what = match state.kind {
        MoveKind::Restore => return format!("{done} put back into queue '{queue}'"),
        _ if state.moved == 0 && state.depth == Some(0) => {
            return format!("queue '{queue}' has no message to move");
        }
        _ => format!("{done} of queue '{queue}' moved"),
    };
    let parked = match state.parked {
        0 => String::new(),
        n => format!(", {n} parked"),
    };
    let gone = match state.gone {
        0 => String::new(),
        n => format!(", {n} gone"),
    };
    let seen = match state.verified {
        Some(true) => ", all consumed, none returned".to_owned(),
        _ if state.returned > 0 => format!(", {} returned", state.returned),
        Some(false) => ", not verified".to_owned(),
        // The reason and the remedy have been told.
        None if state.outcome == Some(MoveOutcome::Aborted) => ", then stopped".to_owned(),
        None if state.moved == 0 => String::new(),
        None => ", not watched for returns".to_owned(),
    };
    let archive = state.archive.as_deref().map(|path| format!("; archive: {path}"));
    format!("{what}{parked}{gone}{seen}{}", archive.unwrap_or_default())
}

/// Shows the progress, when standard error is a terminal.
pub(super) fn show(state: &Move) {
    log::show_progress(&line(state));
}

/// Removes the line.
pub(super) fn clear() {
    log::show_progress("");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Queue;
    use crate::rules::redrive::document::MoveStep;

    #[test]
    fn summary_tells_what_became_of_the_messages() {
        let queue = Queue { name: "orders-dlq".into(), ..Queue::default() };
        let state = Move { queue, moved: 3, archive: Some("/a".into()), ..Move::default() };
        let begin = "3 messages of queue 'orders-dlq' moved";
        let rows = [
            (
                Move { verified: Some(true), ..state.clone() },
                format!("{begin}, all consumed, none returned; archive: /a"),
            ),
            (
                Move { verified: Some(false), parked: 2, gone: 4, ..state.clone() },
                format!("{begin}, 2 parked, 4 gone, not verified; archive: /a"),
            ),
            (Move { returned: 1, archive: None, ..state.clone() }, format!("{begin}, 1 returned")),
            (state.clone(), format!("{begin}, not watched for returns; archive: /a")),
            (
                Move { outcome: Some(MoveOutcome::Aborted), ..state.clone() },
                format!("{begin}, then stopped; archive: /a"),
            ),
            (
                Move { moved: 0, depth: Some(5), archive: None, ..state.clone() },
                "0 messages of queue 'orders-dlq' moved".to_owned(),
            ),
            (
                Move { moved: 0, depth: Some(0), archive: None, ..state.clone() },
                "queue 'orders-dlq' has no message to move".to_owned(),
            ),
            (
                Move { kind: MoveKind::Restore, ..state },
                "3 messages put back into queue 'orders-dlq'".to_owned(),
            ),
        ];
        for (one, expected) in rows {
            assert_eq!(summary(&one), expected);
        }
    }

    #[test]
    fn line_shows_step_and_numbers() {
        let state = Move { moved: 6, messages: Some(12), ..Move::default() };
        let rows = [
            ("half", state.clone(), "[############............] 6/12 moved"),
            (
                "more than planned",
                Move { messages: Some(3), ..state.clone() },
                "[########################] 6/3 moved",
            ),
            ("unknown", Move { messages: None, ..state.clone() }, "6 messages moved"),
            (
                "with a step and returns",
                Move { step: Some(MoveStep::Verify), returned: 2, messages: None, ..state },
                "verify: 6 messages moved, 2 returned",
            ),
        ];
        for (rule, state, expected) in rows {
            assert_eq!(line(&state), expected, "{rule}");
        }
    }
}
