//! The progress of a move on a terminal, in one line of standard error.

use crate::log;
use crate::rules::redrive::document::Move;
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
    use crate::rules::redrive::document::MoveStep;

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
