//! Messages that a redrive was to move and that have left the queue without it: purged or moved by this machine
//! meanwhile, deleted by others, or by retention. Pure.

use super::document::{Move, MoveKind};
use crate::text::count;
use crate::time::Timestamp;

/// The messages that have left a queue without the redrive that was to move them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoneMessages {
    /// The messages that it was to move.
    pub all: u64,
    pub gone: u64,
    /// Whether a plan has named them; without one their number is a count of SQS.
    pub is_planned: bool,
}

impl GoneMessages {
    /// Returns where the messages went, as a sentence. `others` are the other moves of the queue since its
    /// messages were counted or planned.
    pub fn sentence<'a>(&self, queue: &str, others: impl Iterator<Item = &'a Move>) -> String {
        let GoneMessages { all, gone, is_planned } = *self;
        let mut begin = match is_planned {
            true => format!(
                "{} of the plan {} not found in queue '{queue}'",
                count(gone, "message"),
                was(gone)
            ),
            false => format!(
                "{gone} of the {} that queue '{queue}' had have left it without this redrive",
                count(all, "message")
            ),
        };
        let (mut known, mut saved) = (0_u64, None);
        for one in others {
            let deleted = one.deleted_at_most(false);
            known = known.saturating_add(deleted);
            match one.kind {
                MoveKind::Expiry => saved = one.archive.as_deref().or(saved),
                _ if deleted > 0 => begin += &format!("; {}", told(one, deleted)),
                _ => {}
            }
        }
        if known < gone {
            let by = if is_planned {
                "others or by retention"
            } else {
                "others or by retention, or the count was wrong"
            };
            let rest = gone - known;
            begin += &format!("; {rest} {} deleted by {by}", was(rest));
            if let Some(path) = saved {
                begin += &format!("; archive '{path}' has what was saved before it expired");
            }
        }
        begin
    }
}

/// Returns the moves that may have taken what a redrive with this id did not find, when its messages were counted
/// at `since`.
pub fn others_since<'a>(
    moves: impl Iterator<Item = &'a Move>,
    id: &str,
    since: Timestamp,
) -> impl Iterator<Item = &'a Move> {
    moves.filter(move |one| one.id != id && one.begun_at >= since)
}

fn told(one: &Move, deleted: u64) -> String {
    let (id, at) = (&one.id, one.begun_at);
    let few = count(deleted, "message");
    let archive = one.archive.as_deref().map(|path| format!(", archive '{path}'"));
    let archive = archive.unwrap_or_default();
    match one.kind {
        MoveKind::HardPurge => {
            format!("purge {id} of {at} has deleted all that were there, without an archive")
        }
        MoveKind::Purge => format!("purge {id} of {at} has deleted {few}{archive}"),
        _ => format!("redrive {id} of {at} has moved {few}{archive}"),
    }
}

fn was(messages: u64) -> &'static str {
    if messages == 1 { "was" } else { "were" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: &str, kind: MoveKind, minute: i64, deleted: u64) -> Move {
        let at = Timestamp::from_millis(minute * 60_000);
        let archive = Some(format!("/a/{id}"));
        Move {
            id: id.into(),
            kind,
            begun_at: at,
            finished_at: Some(at),
            deleted,
            archive,
            ..Move::default()
        }
    }

    #[test]
    fn messages_that_are_gone_are_told_with_what_has_taken_them() {
        let purge = one("p", MoveKind::Purge, 2, 330);
        let at = "1970-01-01T00:02:00.000Z";
        let left = "330 of the 400 messages that queue 'q' had have left it without this redrive";
        let purged = format!("purge p of {at} has deleted 330 messages, archive '/a/p'");
        let hard = Move { archive: None, ..one("h", MoveKind::HardPurge, 2, 0) };
        let rows = [
            ("purged", (330, false), vec![purge.clone()], format!("{left}; {purged}")),
            (
                "by nobody that is known",
                (330, false),
                vec![],
                format!("{left}; 330 were deleted by others or by retention, or the count was wrong"),
            ),
            (
                "in part",
                (331, true),
                vec![purge.clone()],
                format!(
                    "331 messages of the plan were not found in queue 'q'; {purged}; 1 was deleted by others or by \
                     retention"
                ),
            ),
            (
                "moved meanwhile",
                (1, true),
                vec![one("r", MoveKind::Redrive, 2, 1)],
                format!(
                    "1 message of the plan was not found in queue 'q'; redrive r of {at} has moved 1 message, archive \
                     '/a/r'"
                ),
            ),
            (
                "by SQS",
                (330, false),
                vec![hard],
                format!("{left}; purge h of {at} has deleted all that were there, without an archive"),
            ),
            (
                "expired, and saved",
                (330, false),
                vec![one("e", MoveKind::Expiry, 2, 0)],
                format!(
                    "{left}; 330 were deleted by others or by retention, or the count was wrong; archive '/a/e' \
                     has what was saved before it expired"
                ),
            ),
            ("a purge that found nothing", (1, true), vec![one("p", MoveKind::Purge, 2, 0)],
                "1 message of the plan was not found in queue 'q'; 1 was deleted by others or by retention".into()),
        ];
        for (rule, (gone, is_planned), others, expected) in rows {
            let found = GoneMessages { all: 400, gone, is_planned };
            assert_eq!(found.sentence("q", others.iter()), expected, "{rule}");
        }
    }

    #[test]
    fn older_moves_and_the_redrive_itself_took_none() {
        let all = [
            one("old", MoveKind::Purge, 1, 1),
            one("own", MoveKind::Redrive, 2, 1),
            one("new", MoveKind::Purge, 2, 1),
        ];
        let since = Timestamp::from_millis(120_000);
        let ids: Vec<_> =
            others_since(all.iter(), "own", since).map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["new"]);
    }
}
