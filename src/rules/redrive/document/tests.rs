use super::*;
use crate::document::Keys;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn of(id: &str, arn: &str, kind: MoveKind, finished: Option<i64>) -> Move {
    Move {
        id: id.into(),
        kind,
        queue: Queue { arn: arn.into(), ..Queue::default() },
        begun_at: at(1000),
        updated_at: at(1010),
        finished_at: finished.map(at),
        deleted: 3,
        ..Move::default()
    }
}

#[test]
fn deleted_messages_depend_on_kind_and_end() {
    let all = Some(10);
    let rows = [
        ("finished", MoveKind::Purge, Some(1), all, false, 3),
        ("running", MoveKind::Redrive, None, all, true, 3),
        ("interrupted", MoveKind::Redrive, None, all, false, 10),
        ("interrupted, chosen on the way", MoveKind::Purge, None, None, false, 20),
        ("by SQS", MoveKind::HardPurge, Some(1), None, false, u64::MAX),
        ("nothing is deleted", MoveKind::Expiry, None, all, false, 0),
        ("the other way", MoveKind::Restore, None, all, false, 0),
    ];
    for (rule, kind, finished, messages, running, expected) in rows {
        let one = Move { messages, depth: Some(20), ..of("m", "a", kind, finished) };
        assert_eq!(one.deleted_at_most(running), expected, "{rule}");
        assert_eq!(one.deletes(), expected > 0, "{rule}");
    }
}

#[test]
fn beginning_ends_what_was_interrupted_in_the_queue() {
    let mut all = Redrives::default();
    for (id, arn, kind) in [
        ("p", "a", MoveKind::Purge),
        ("r", "a", MoveKind::Redrive),
        ("other", "b", MoveKind::Purge),
    ] {
        all.moves.push(Move { messages: Some(9), ..of(id, arn, kind, None) });
    }
    all.begin(of("new", "a", MoveKind::Purge, None));
    let open: Vec<&str> =
        all.moves.iter().filter(|one| one.finished_at.is_none()).map(|one| &*one.id).collect();
    assert_eq!(open, ["r", "other", "new"]);
    let ended = all.get("p").unwrap();
    assert_eq!(
        (ended.finished_at, ended.outcome, ended.deleted),
        (Some(at(1010)), Some(MoveOutcome::Aborted), 9)
    );
}

#[test]
fn older_task_is_not_that_of_a_move() {
    let rows = [
        ("the one before", Some(900), 900, false),
        ("a newer one", Some(900), 901, true),
        ("there was none", Some(0), 1, true),
        ("unknown, and older than the move", None, 990, false),
        ("unknown, and of the move", None, 1000, true),
        ("unknown, by a clock that is behind", None, 999, true),
    ];
    for (rule, before, started, expected) in rows {
        let task_before = before.map(at);
        let one = Move { task_before, ..of("m", "a", MoveKind::Native, None) };
        assert_eq!(one.has_task(at(started)), expected, "{rule}");
    }
}

#[test]
fn old_finished_moves_are_forgotten() {
    let mut all = Redrives::default();
    all.moves.push(of("old", "a", MoveKind::Redrive, Some(1)));
    all.moves.push(of("open", "a", MoveKind::Redrive, None));
    let day = 100 * 86_400;
    for number in 0..KEEP_MAX + 5 {
        all.moves.push(of(&number.to_string(), "b", MoveKind::Redrive, Some(day)));
    }
    all.begin(Move { begun_at: at(day), ..of("new", "c", MoveKind::Purge, None) });
    let ids: Vec<&str> = all.moves.iter().map(|one| &*one.id).collect();
    assert_eq!((ids[0], ids[1], ids.last(), ids.len()), ("open", "5", Some(&"new"), KEEP_MAX + 2));
}

#[test]
fn moves_of_a_queue_are_asked_for_together() {
    let mut all = Redrives::default();
    for (id, arn) in [("1", "a"), ("2", "b"), ("3", "a")] {
        all.moves.push(of(id, arn, MoveKind::Purge, None));
    }
    let whole = all.clone();
    let keys = Keys::one(Redrives::MOVE, "a");
    let rest = all.split(&keys);
    assert_eq!(all.of_queue("a").map(|one| &*one.id).collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(all.moves.len(), 2);
    all.join(rest, &keys);
    assert_eq!(all, whole);
}

/// An older version has written fewer fields, and somebody may have edited the file.
#[test]
fn record_is_read_without_any_of_its_fields() {
    let whole = serde_json::to_value(of("m", "a", MoveKind::Redrive, None)).unwrap();
    for name in whole.as_object().unwrap().keys() {
        let mut part = whole.clone();
        part.as_object_mut().unwrap().remove(name);
        assert!(serde_json::from_value::<Move>(part).is_ok(), "{name}");
    }
}
