//! Moves of ours that explain why messages have left a queue.

use std::collections::BTreeMap;

use crate::document::Keys;
use crate::edge::archive::is_move_running;
use crate::log;
use crate::rules::queue::loss::OwnMove;
use crate::rules::redrive::document::{Move, MoveKind, Redrives};
use crate::store::Store;
use crate::time::Timestamp;

/// Reads the moves that have deleted messages of these queues, by ARN. Without any queue nothing is
/// read. A failure is a warning: then a move looks like a loss, which is better than no round.
pub(super) fn read<'a>(store: &Store, arns: Vec<&'a str>) -> BTreeMap<&'a str, Vec<OwnMove>> {
    if arns.is_empty() {
        return BTreeMap::new();
    }
    let keys = Keys::none().with(Redrives::MOVE, arns.iter().copied());
    let recorded: Redrives = match store.read(&keys) {
        Ok(recorded) => recorded,
        Err(error) => {
            log::warn(&error.to_string());
            return BTreeMap::new();
        }
    };
    let of_queue = |arn: &'a str| {
        // A lock that cannot be probed counts as held.
        let is_locked = is_move_running(store, arn).unwrap_or(true);
        let moves = recorded.of_queue(arn).filter(|one| one.deletes());
        (arn, moves.map(|one| own_move(one, is_locked)).collect())
    };
    arns.into_iter().map(of_queue).collect()
}

fn own_move(one: &Move, is_locked: bool) -> OwnMove {
    let is_running = is_locked && one.finished_at.is_none();
    let ended_at = match (one.finished_at, one.kind) {
        // SQS takes a minute for it, and a minute more until the count has settled.
        (Some(at), MoveKind::HardPurge) => at.plus(std::time::Duration::from_secs(60)),
        (Some(at), _) => at,
        (None, _) => one.updated_at,
    };
    OwnMove {
        id: one.id.clone(),
        cause: one.kind.cleared_cause(),
        deleted: one.deleted_at_most(is_running),
        is_running,
        ended_at: Timestamp::max(ended_at, one.begun_at),
    }
}
