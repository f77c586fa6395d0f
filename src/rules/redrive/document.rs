//! The document `redrives.json`: every move of messages out of a dead-letter queue.
//!
//! A move is recorded before a message moves, so that dlq-poll takes no move of ours for a loss. Its
//! numbers are brought up to date at least once a second. A move is running exactly while the lock of
//! its queue is held, whatever stands here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{Document, RecordKind, SetOperation};
use crate::event::{Queue, words};
use crate::time::Timestamp;

/// The age from which a finished move is forgotten.
const KEEP: Duration = Duration::from_secs(90 * 86_400);
/// The time by which the clock of this machine may be ahead of that of SQS.
const TASK_SKEW: Duration = Duration::from_secs(2);
/// The most finished moves that are kept.
const KEEP_MAX: usize = 1000;

words! {
    /// The purpose of a move.
    #[derive(Default)]
    MoveKind {
        /// Back to the source queues, message by message.
        #[default]
        Redrive = "redrive",
        /// Back to the source queues, by a move task of SQS.
        Native = "native",
        /// Into the archive, and deleted.
        Purge = "purge",
        /// Deleted by SQS, without an archive.
        HardPurge = "hard_purge",
        /// Into the archive, before retention deletes them; nothing is deleted.
        Expiry = "expiry",
        /// Out of an archive, into the queue.
        Restore = "restore",
    }
}

words! {
    /// The end of a move.
    MoveOutcome {
        Completed = "completed",
        /// All was moved, and nothing shows that it was consumed and stayed gone.
        Unverified = "unverified",
        Aborted = "aborted",
    }
}

words! {
    /// The step of a redrive.
    MoveStep {
        Canary = "canary",
        Ramp = "ramp",
        Rest = "rest",
        Verify = "verify",
    }
}

/// The number of messages of the first steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ramp {
    /// Zero: no canary, and no ramp either.
    pub canary: u64,
    pub ramp: u64,
}

impl Default for Ramp {
    fn default() -> Self {
        Ramp { canary: 1, ramp: 10 }
    }
}

impl MoveKind {
    /// Returns the cause of a clear for which messages have left by such a move.
    pub fn cleared_cause(self) -> &'static str {
        match self {
            MoveKind::Purge | MoveKind::HardPurge => "purged",
            MoveKind::Redrive | MoveKind::Native | MoveKind::Expiry | MoveKind::Restore => {
                "redriven"
            }
        }
    }
}

/// The document `redrives.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Redrives {
    /// The moves of all queues, the oldest first.
    pub moves: Vec<Move>,
}

/// A move of messages out of a queue, or into it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Move {
    pub id: String,
    pub kind: MoveKind,
    pub queue: Queue,
    pub incident: Option<String>,
    /// The causes that were chosen; empty for all messages.
    pub fingerprints: Vec<String>,
    /// The session whose fix is the reason.
    pub session: Option<String>,
    /// The pull request of the fix, as `owner/name#12`.
    pub pull_request: Option<String>,
    pub begun_at: Timestamp,
    pub updated_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub outcome: Option<MoveOutcome>,
    /// The reason that a person gave.
    pub reason: Option<String>,
    /// The messages that are to move; null when they are chosen on the way.
    pub messages: Option<u64>,
    /// The depth of the queue before the move.
    pub depth: Option<u64>,
    /// The messages that were sent and deleted.
    pub moved: u64,
    /// The messages that were deleted from the dead-letter queue, for whatever reason.
    pub deleted: u64,
    pub returned: u64,
    pub parked: u64,
    /// The messages that were to move and have left the queue otherwise.
    pub gone: u64,
    /// The depth of each destination, by ARN, before the first message was sent to it.
    pub baselines: BTreeMap<String, u64>,
    /// The second lowest number of messages of each destination, by ARN, that were in flight at several readings
    /// before that.
    pub in_flight_before: BTreeMap<String, u64>,
    /// The moment before the first send, by the clock of SQS; null until then.
    pub sent_from: Option<Timestamp>,
    /// The messages of each destination, by ARN, that were seen to be consumed, and to stay gone, at the end of
    /// a step.
    pub proven: BTreeMap<String, u64>,
    /// The messages of each destination, by ARN, whose returns were not known when its steps began anew.
    pub bases: BTreeMap<String, u64>,
    /// The moment from which messages that were sent to a destination, by ARN, and not proven may have been
    /// deleted, by the retention at their send.
    pub kept_until: BTreeMap<String, Timestamp>,
    /// The last moment, by the clock of SQS, at which all that was sent was seen to be consumed, and to stay
    /// gone: what has its content and is newer is no return.
    pub proven_at: Option<Timestamp>,
    /// The seconds for which messages are hidden while they are looked at: after a kill for as long.
    pub hold_s: Option<u64>,
    /// The path of the archive.
    pub archive: Option<String>,
    /// The SHA-256 of the plan.
    pub plan: Option<String>,
    /// The words of the command line about the messages, so that an interrupted redrive can go on with them.
    pub selection: Vec<String>,
    /// The moment at which the ages of messages are judged, by the clock of SQS; null in the record of an older
    /// version.
    pub chosen_at: Option<Timestamp>,
    /// The other words of it that hold until they are given again.
    pub options: Vec<String>,
    /// The begin of the newest task by which SQS had moved messages out of the queue before this one.
    pub task_before: Option<Timestamp>,
    /// The process, for people.
    pub pid: u32,
    pub step: Option<MoveStep>,
    /// The end of the time in which returns are watched for.
    pub verify_until: Option<Timestamp>,
    /// Whether the messages were seen to be consumed and to stay gone; null when nobody has watched.
    pub verified: Option<bool>,
    /// The remedy after it has stopped, as a clause; null otherwise, and after a kill.
    pub remedy: Option<String>,
    /// Whether the pull request has a comment about the end.
    pub commented: bool,
}

impl Move {
    /// Returns its record when it goes on after it has stopped.
    pub fn reopened(self) -> Self {
        Move { finished_at: None, outcome: None, step: None, remedy: None, ..self }
    }

    /// Returns the moment at which the ages of its messages are judged, also when it goes on later.
    pub fn judges_at(&self) -> Timestamp {
        self.chosen_at.unwrap_or(self.begun_at)
    }

    /// Whether messages leave the queue by it.
    pub fn deletes(&self) -> bool {
        !matches!(self.kind, MoveKind::Expiry | MoveKind::Restore)
    }

    /// Whether a task of SQS that began at `started_at` can be the one of this move: not when it is older.
    pub fn has_task(&self, started_at: Timestamp) -> bool {
        match self.task_before {
            Some(before) => started_at > before,
            // The record of an older version, or a list that was refused.
            None => started_at >= self.begun_at.minus(TASK_SKEW),
        }
    }

    /// Returns the cause that was chosen; None when there are several or none.
    pub fn only_fingerprint(&self) -> Option<String> {
        match self.fingerprints.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        }
    }

    /// Returns the most messages that may have left the queue by it. While it is not finished, and its
    /// lock is free, a kill has stopped it, and the record may be a second old.
    pub fn deleted_at_most(&self, is_running: bool) -> u64 {
        let is_interrupted = self.finished_at.is_none() && !is_running;
        match self.kind {
            MoveKind::Expiry | MoveKind::Restore => 0,
            // SQS does not count, and deletes what arrives meanwhile.
            MoveKind::HardPurge => u64::MAX,
            _ if is_interrupted => {
                self.messages.or(self.depth).unwrap_or(u64::MAX).max(self.deleted)
            }
            _ => self.deleted,
        }
    }
}

impl Redrives {
    /// The kind of record of a move, by the ARN of its queue: the moves of a queue are one decision.
    pub const MOVE: RecordKind = "move";

    /// Returns the moves of a queue, the oldest first.
    pub fn of_queue<'a>(&'a self, arn: &'a str) -> impl DoubleEndedIterator<Item = &'a Move> {
        self.moves.iter().filter(move |one| one.queue.arn == arn)
    }

    /// Returns the last redrive of a queue when it has not come to its end.
    pub fn interrupted_redrive<'a>(&'a self, arn: &'a str) -> Option<&'a Move> {
        let last = self.of_queue(arn).rev().find(|one| one.kind == MoveKind::Redrive)?;
        matches!(last.outcome, None | Some(MoveOutcome::Aborted)).then_some(last)
    }

    pub fn get(&self, id: &str) -> Option<&Move> {
        self.moves.iter().find(|one| one.id == id)
    }

    /// Returns the moves whose id begins with a text.
    pub fn starting_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Move> {
        self.moves.iter().filter(move |one| one.id.starts_with(prefix))
    }

    /// Adds a move whose queue is locked by now, ends the purges that a kill has interrupted in this
    /// queue, and forgets what is old. An interrupted redrive stays open, because it can be resumed.
    pub fn begin(&mut self, new: Move) {
        let now = new.begun_at;
        for one in self.moves.iter_mut().filter(|one| one.queue.arn == new.queue.arn) {
            let is_over = matches!(
                one.kind,
                MoveKind::Purge | MoveKind::HardPurge | MoveKind::Expiry | MoveKind::Restore
            );
            if one.finished_at.is_none() && is_over {
                one.deleted = one.deleted_at_most(false);
                one.finished_at = Some(one.updated_at);
                one.outcome = Some(MoveOutcome::Aborted);
            }
        }
        self.forget_old(now);
        self.moves.push(new);
    }

    /// Replaces the record of a move.
    pub fn put(&mut self, state: Move) {
        match self.moves.iter_mut().find(|one| one.id == state.id) {
            Some(known) => *known = state,
            None => self.moves.push(state),
        }
    }

    fn forget_old(&mut self, now: Timestamp) {
        let oldest = now.minus(KEEP);
        self.moves.retain(|one| one.finished_at.is_none_or(|at| at >= oldest));
        let mut excess = self
            .moves
            .iter()
            .filter(|one| one.finished_at.is_some())
            .count()
            .saturating_sub(KEEP_MAX);
        self.moves.retain(|one| {
            let is_dropped = excess > 0 && one.finished_at.is_some();
            excess -= usize::from(is_dropped);
            !is_dropped
        });
    }
}

impl Document for Redrives {
    const NAME: &str = "redrives";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> = Some(
        "which forgets the moves of the last 90 days; the archives have their messages, and a drop that \
         a move has caused counts as a loss",
    );
    const SHARED: bool = true;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        let of = |one: &Move| one.queue.arn.clone();
        operation.list(Self::MOVE, &mut self.moves, &mut rest.moves, of);
    }
}

#[cfg(test)]
mod tests;
