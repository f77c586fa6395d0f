//! Newer redrives of a queue, and what they show about an older one that is to go on. Pure.

use super::document::{Move, MoveKind, Redrives};

/// The newer redrives that have moved messages of the same causes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NewerRedrives<'a> {
    None,
    /// The newest one; nothing shows that its messages have died again.
    Begun(&'a Move),
    /// Redrive whose messages have died again, and behind which none was verified: the cause is not gone.
    Returned(&'a Move),
}

/// Judges the redrives of the same queue that were begun after one.
pub fn judge<'a>(all: &'a Redrives, older: &'a Move) -> NewerRedrives<'a> {
    let is_redrive = |one: &&Move| matches!(one.kind, MoveKind::Redrive | MoveKind::Native);
    let of_queue = all.of_queue(&older.queue.arn).skip_while(|one| one.id != older.id).skip(1);
    let newer: Vec<&Move> =
        of_queue.filter(is_redrive).filter(|one| shares_cause(one, older)).collect();
    let is_verified = |one: &&&Move| one.verified == Some(true);
    let mut unproven = newer.iter().rev().take_while(|one| !is_verified(one));
    match (unproven.find(|one| one.returned > 0), newer.last()) {
        (Some(one), _) => NewerRedrives::Returned(one),
        (None, Some(one)) => NewerRedrives::Begun(one),
        (None, None) => NewerRedrives::None,
    }
}

/// Whether two redrives may have moved messages of one cause.
fn shares_cause(one: &Move, other: &Move) -> bool {
    let is_any = one.fingerprints.is_empty() || other.fingerprints.is_empty();
    is_any || one.fingerprints.iter().any(|cause| other.fingerprints.contains(cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Queue;

    #[test]
    fn newer_return_counts_until_a_redrive_is_verified() {
        let redrive = |id: &str, returned, verified| {
            let queue = Queue { arn: "a".into(), ..Queue::default() };
            Move { id: id.into(), queue, returned, verified, ..Move::default() }
        };
        let older = redrive("m", 0, None);
        let (open, returned) = (redrive("open", 0, None), redrive("returned", 2, None));
        let verified = redrive("verified", 0, Some(true));
        let elsewhere =
            Move { queue: Queue { arn: "b".into(), ..Queue::default() }, ..returned.clone() };
        let restore = Move { kind: MoveKind::Restore, ..open.clone() };
        let cause =
            |name: &str, one: &Move| Move { fingerprints: vec![name.into()], ..one.clone() };
        let is_named = |found: NewerRedrives<'_>| match found {
            NewerRedrives::None => String::new(),
            NewerRedrives::Begun(one) => format!("begun {}", one.id),
            NewerRedrives::Returned(one) => format!("returned {}", one.id),
        };
        let rows: [(&str, &Move, Vec<&Move>, &str); 9] = [
            ("none", &older, vec![], ""),
            ("an older one", &open, vec![&returned, &open], ""),
            ("of another queue", &older, vec![&older, &elsewhere], ""),
            ("no redrive", &older, vec![&older, &restore], ""),
            ("an open one", &older, vec![&older, &open], "begun open"),
            ("a return", &older, vec![&older, &returned], "returned returned"),
            (
                "a return, then an open one",
                &older,
                vec![&older, &returned, &open],
                "returned returned",
            ),
            ("verified since", &older, vec![&older, &returned, &verified], "begun verified"),
            ("a return since", &older, vec![&older, &verified, &returned], "returned returned"),
        ];
        for (rule, state, moves, expected) in rows {
            let moves = moves.into_iter().cloned().collect();
            assert_eq!(is_named(judge(&Redrives { moves }, state)), expected, "{rule}");
        }
        let rows = [
            ("the same cause", cause("f", &older), cause("f", &returned), "returned returned"),
            ("another cause", cause("f", &older), cause("g", &returned), ""),
            ("all causes", cause("f", &older), returned.clone(), "returned returned"),
        ];
        for (rule, state, newer, expected) in rows {
            let moves = vec![state.clone(), newer];
            assert_eq!(is_named(judge(&Redrives { moves }, &state)), expected, "{rule}");
        }
    }
}
