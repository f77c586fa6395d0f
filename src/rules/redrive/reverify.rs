//! A verification after the end of a redrive: what it may settle. Pure.
//!
//! A verification moves nothing. A redrive that was stopped or killed keeps its open end, so that it can
//! go on: the messages whose end is not known would be sent a second time by a new one.

use super::document::{Move, MoveKind, MoveOutcome};
use super::options::place;

/// The effect of a later verification on the record of its redrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateVerification {
    /// The redrive has ended: its record says whether its messages stay gone.
    Settles,
    /// The redrive is open: the result is told, and its end stays open.
    Tells,
    /// The redrive is open, and was stopped because its messages have died again: that is no news.
    Repeats,
}

/// Decides what a verification of a redrive may settle that has sent `sent` messages; an error when there
/// is nothing to look for.
pub fn judge(state: &Move, sent: u64) -> Result<LateVerification, String> {
    let is_ended = matches!(state.outcome, Some(MoveOutcome::Completed | MoveOutcome::Unverified));
    match (state.kind, sent, is_ended) {
        (MoveKind::Native, _, _) => {
            Err("SQS has moved its messages, and no id of them is known".into())
        }
        (_, 0, true) => Err("it has sent no message".into()),
        (_, 0, false) => Err(format!("it is not known to have sent a message; {}", go_on(state))),
        (_, _, true) => Ok(LateVerification::Settles),
        (_, _, false) if state.returned > 0 && state.outcome.is_some() => {
            Ok(LateVerification::Repeats)
        }
        (_, _, false) => Ok(LateVerification::Tells),
    }
}

/// Returns the command that goes on with a redrive, at the place where it was begun.
pub fn resume_command(state: &Move) -> String {
    format!("dlq-redrive apply --resume {}{}", state.id, place(&state.options))
}

/// Returns the command that watches a redrive once more.
pub fn verify_command(state: &Move) -> String {
    format!("dlq-redrive verify{} {}", place(&state.options), state.id)
}

/// Returns how an open redrive goes on, as a clause.
pub fn go_on(state: &Move) -> String {
    match (&state.remedy, state.returned) {
        (Some(remedy), _) => remedy.clone(),
        (None, 0) => format!("'{}' goes on with it", resume_command(state)),
        (None, _) => "look for the cause before another redrive".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_redrive_is_never_settled() {
        use LateVerification::{Repeats, Settles, Tells};
        let returned = Move { returned: 1, ..Move::default() };
        let rows = [
            ("stopped by a return", Some(MoveOutcome::Aborted), Repeats),
            ("killed when it saw one", None, Tells),
            ("ended", Some(MoveOutcome::Unverified), Settles),
        ];
        for (rule, outcome, expected) in rows {
            assert_eq!(judge(&Move { outcome, ..returned.clone() }, 3), Ok(expected), "{rule}");
        }
        let redrive = MoveKind::Redrive;
        let rows = [
            ("completed", redrive, Some(MoveOutcome::Completed), 3, Ok(Settles)),
            ("unverified", redrive, Some(MoveOutcome::Unverified), 3, Ok(Settles)),
            ("stopped", redrive, Some(MoveOutcome::Aborted), 3, Ok(Tells)),
            ("killed", redrive, None, 3, Ok(Tells)),
            (
                "nothing sent",
                redrive,
                Some(MoveOutcome::Completed),
                0,
                Err("it has sent no message"),
            ),
            ("killed at its first send", redrive, None, 0, Err("it is not known to have sent")),
            ("stopped before", redrive, Some(MoveOutcome::Aborted), 0, Err("it is not known to")),
            ("by SQS", MoveKind::Native, Some(MoveOutcome::Completed), 0, Err("SQS has moved")),
        ];
        for (rule, kind, outcome, sent, expected) in rows {
            let found = judge(&Move { kind, outcome, ..Move::default() }, sent);
            match (found, expected) {
                (Err(found), Err(begin)) => assert!(found.starts_with(begin), "{rule}: {found}"),
                (found, expected) => assert_eq!(found, expected.map_err(str::to_owned), "{rule}"),
            }
        }
    }

    #[test]
    fn open_redrive_goes_on_unless_its_messages_have_died_again() {
        let state = Move { id: "m".into(), ..Move::default() };
        assert_eq!(go_on(&state), "'dlq-redrive apply --resume m' goes on with it");
        let elsewhere = Move { options: vec!["profile=prod".into()], ..state.clone() };
        let expected = "'dlq-redrive apply --resume m --profile prod' goes on with it";
        assert_eq!(go_on(&elsewhere), expected);
        assert_eq!(verify_command(&elsewhere), "dlq-redrive verify --profile prod m");
        let returned = Move { returned: 1, ..state.clone() };
        assert_eq!(go_on(&returned), "look for the cause before another redrive");
        let refused = Move { remedy: Some("begin anew, with --to".into()), ..state };
        assert_eq!(go_on(&refused), "begin anew, with --to");
    }
}
