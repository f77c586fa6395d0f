//! The move of a batch: archive, send, delete, each with its result for every message.
//!
//! Promises: a message is in the archive, on disk, before it is sent; it is deleted only when SQS has
//! confirmed its send with an id that is new, and that is on disk; what is not certain is listed.

mod choosing;
mod returns;
mod sending;

use std::collections::{BTreeMap, HashSet};

use super::route::{self, MoveRoutes};
use super::stop::MoveStop;
use crate::clock;
use crate::edge::archive::ArchiveWriter;
use crate::edge::aws::{Received, Sqs};
use crate::edge::sweep::{BatchFate, Fate};
use crate::event::Queue;
use crate::log;
use crate::rules::evidence::message::Message;
use crate::rules::redrive::archive::{ArchiveLine, MoveResult};
use crate::rules::redrive::copies::SentContents;
use crate::rules::redrive::destination::Destinations;
use crate::rules::redrive::document::Ramp;
use crate::rules::redrive::gone_returns::OtherMoves;
use crate::rules::redrive::id_set::{IdHash, id_hash};
use crate::rules::redrive::parking::SentChains;
use crate::rules::redrive::progress::ArchiveState;
use crate::rules::redrive::selection::Selection;
use crate::time::Timestamp;

/// The messages of a plan: the destination of each, as an index.
#[derive(Debug, Default)]
pub(super) struct PlannedIds {
    pub(super) ids: std::collections::HashMap<IdHash, u32>,
    pub(super) arns: Vec<String>,
    /// The moment at which the plan was made.
    pub(super) at: Timestamp,
}

/// The numbers of a move.
#[derive(Debug, Clone, Default)]
pub(super) struct MoveCounts {
    /// The messages that were sent, in all runs of the move.
    pub(super) sent: u64,
    /// The messages that were sent and deleted.
    pub(super) moved: u64,
    /// The messages that were deleted, parked ones included.
    pub(super) deleted: u64,
    pub(super) parked: u64,
    /// The messages of an earlier run, not known to be sent, that were not found again.
    pub(super) lost: u64,
    /// The messages that were sent and could not be deleted.
    pub(super) undeleted: HashSet<IdHash>,
    /// The messages that were left in the queue for another reason than the selection, by reason.
    pub(super) left_out: BTreeMap<&'static str, HashSet<IdHash>>,
}

/// A move between its batches.
pub(super) struct Mover<'a> {
    pub(super) sqs: &'a Sqs,
    pub(super) scope: usize,
    pub(super) queue: &'a Queue,
    pub(super) id: &'a str,
    pub(super) archive: ArchiveWriter,
    pub(super) state: ArchiveState,
    pub(super) plan: Option<PlannedIds>,
    pub(super) selection: Selection,
    /// The moment at which the ages of messages are judged, the same in all runs of the move.
    pub(super) chosen_at: Timestamp,
    /// The messages that this pass has left because they are not chosen.
    pub(super) unchosen: u64,
    pub(super) destinations: Destinations,
    pub(super) routes: MoveRoutes,
    pub(super) chains: SentChains,
    /// The receives after which the queue's own redrive policy moves a message on.
    pub(super) own_receives_max: Option<u64>,
    pub(super) counts: MoveCounts,
    /// The steps, which bound what a destination may get.
    pub(super) ramp: Ramp,
    /// The messages that were left in this pass because their destination has a step to prove first.
    pub(super) deferred: u64,
    /// The contents that were sent, in all runs of the move.
    pub(super) contents: SentContents,
    /// The traces of other moves.
    pub(super) others: OtherMoves,
    /// Messages whose send has failed in this run, and their groups.
    failed: HashSet<IdHash>,
    failed_groups: HashSet<String>,
    /// The groups whose later messages wait, because an earlier one is left.
    waiting_groups: HashSet<String>,
    refused_in_a_row: u32,
    /// Whether a message has shown how others of its cause look: those seen before it are looked at again.
    pub(super) has_learned: bool,
    /// The messages that an earlier run has archived: their send may have taken place.
    interrupted: HashSet<IdHash>,
    /// The messages of an earlier run that are not deleted, and were not seen in this run.
    unseen: HashSet<IdHash>,
}

/// A message on its way: its place in the batch, and its destination.
struct Choice {
    at: usize,
    to: String,
    fingerprint: String,
}

/// The parts of a batch.
#[derive(Default)]
pub(super) struct Sorted {
    send: Vec<Choice>,
    /// Messages that were sent earlier, and are still here.
    delete: Vec<usize>,
    park: Vec<Choice>,
}

impl Sorted {
    /// Takes the first messages that are to be sent, and all others.
    pub(super) fn split_off_first(&mut self, sends: u64) -> Sorted {
        let count = usize::try_from(sends).unwrap_or(usize::MAX).min(self.send.len());
        let rest = self.send.split_off(count);
        Sorted {
            send: std::mem::replace(&mut self.send, rest),
            delete: std::mem::take(&mut self.delete),
            park: std::mem::take(&mut self.park),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.send.is_empty()
    }
}

impl<'a> Mover<'a> {
    pub(super) fn new(
        (sqs, scope, queue, id): (&'a Sqs, usize, &'a Queue, &'a str),
        (archive, state): (ArchiveWriter, ArchiveState),
        (destinations, routes): (Destinations, MoveRoutes),
    ) -> Self {
        let unsettled = state.undeleted().filter(|(_, one)| !one.is_sent && !one.is_parked);
        let interrupted = unsettled.map(|(id, _)| id).collect();
        let unseen = state.undeleted().map(|(id, _)| id).collect();
        let counts = MoveCounts {
            sent: state.count(|one| one.is_sent),
            moved: state.count(|one| one.is_sent && one.is_deleted),
            deleted: state.deleted(),
            parked: state.count(|one| one.is_parked),
            ..MoveCounts::default()
        };
        Mover {
            sqs,
            scope,
            queue,
            id,
            archive,
            state,
            plan: None,
            selection: Selection::default(),
            chosen_at: Timestamp::default(),
            unchosen: 0,
            destinations,
            routes,
            chains: SentChains::default(),
            own_receives_max: None,
            counts,
            ramp: Ramp { canary: 0, ramp: 0 },
            deferred: 0,
            contents: SentContents::default(),
            others: OtherMoves::default(),
            failed: HashSet::new(),
            failed_groups: HashSet::new(),
            waiting_groups: HashSet::new(),
            refused_in_a_row: 0,
            has_learned: false,
            interrupted,
            unseen,
        }
    }

    /// Returns whether messages of an earlier run have not been seen again.
    pub(super) fn has_unseen(&self) -> bool {
        !self.unseen.is_empty()
    }

    /// Counts the messages of an earlier run that were sent and are gone from the queue, of which every
    /// message was seen: the record of their deletion was cut off. The others that are gone are lost.
    pub(super) fn settle_gone(&mut self) {
        for id in std::mem::take(&mut self.unseen) {
            let one = self.state.get(&id).unwrap_or_default();
            match one.is_sent || one.is_parked {
                true => {
                    self.state.change(id, |one| one.is_deleted = true);
                    self.counts.deleted += 1;
                    self.counts.moved += u64::from(one.is_sent);
                }
                false => self.counts.lost += 1,
            }
        }
    }

    /// Returns what must be left of the `depth` before the first message by what all runs of this move have put
    /// back, and deleted: of what was sent, all but those that were seen `undeleted`.
    pub(super) fn left_of(&self, depth: u64, undeleted: u64) -> u64 {
        let restored = self.state.count(|one| one.is_restored);
        let gone = self.state.count(|one| one.is_sent || one.is_deleted);
        depth.saturating_add(restored).saturating_sub(gone.saturating_sub(undeleted))
    }

    /// Returns how many messages may be in both queues.
    pub(super) fn possible_duplicates(&self) -> u64 {
        self.state.count(|one| one.is_listed)
    }

    /// Returns the depth of the queue after a stop: of the messages that were to move, purges and others may have
    /// taken some. The largest number where it cannot be read.
    pub(super) fn depth_after(&self, stop: &MoveStop) -> u64 {
        if matches!(stop, MoveStop::Queue(_) | MoveStop::Receive(_)) {
            return u64::MAX;
        }
        let own = route::read(self.sqs, self.scope, &self.queue.url);
        own.map_or(u64::MAX, |own| own.counts.depth())
    }

    /// Returns how many planned messages were neither sent nor parked.
    pub(super) fn missing(&self) -> u64 {
        let Some(plan) = &self.plan else { return 0 };
        let is_settled =
            |id: &&IdHash| self.state.get(id).is_some_and(|one| one.is_sent || one.is_parked);
        plan.ids.keys().filter(|id| !is_settled(id)).count() as u64
    }

    /// Returns how many planned messages were neither moved nor seen and left.
    pub(super) fn not_found(&self) -> u64 {
        let Some(plan) = &self.plan else { return 0 };
        let left = &self.counts.left_out;
        let is_left = |id: &IdHash| left.values().any(|ids| ids.contains(id));
        let is_left = plan.ids.keys().filter(|id| {
            let moved = self.state.get(id).is_some_and(|one| one.is_sent || one.is_parked);
            !moved && is_left(id)
        });
        self.missing() - is_left.count() as u64
    }

    /// Moves the chosen messages of a batch. What `fate` does not name as taken is still in the queue,
    /// also after it has stopped.
    pub(super) fn take(
        &mut self,
        batch: &[Received],
        sorted: Sorted,
        fate: &mut BatchFate,
    ) -> Result<(), MoveStop> {
        self.archive(batch, sorted.send.iter().chain(&sorted.park))?;
        let parked: Vec<MoveResult> = sorted
            .park
            .iter()
            .map(|one| {
                let id = batch[one.at].message.id.clone();
                let deaths = u64::from(self.chains.deaths(&id));
                MoveResult::Parked { id, deaths }
            })
            .collect();
        self.counts.parked += parked.len() as u64;
        self.record(parked)?;
        let mut deletable = sorted.delete;
        deletable.extend(sorted.park.iter().map(|one| one.at));
        let sent = self.send(batch, &sorted.send, &mut deletable);
        // What was sent is deleted, also when the rest could not be.
        let deleted = self.delete(batch, &deletable, fate);
        sent.and(deleted)
    }

    /// Archives the messages that no earlier run has archived.
    fn archive<'b>(
        &mut self,
        batch: &[Received],
        choices: impl Iterator<Item = &'b Choice>,
    ) -> Result<(), MoveStop> {
        let new: Vec<(&Message, Option<&str>)> = choices
            .map(|one| (&batch[one.at].message, Some(one.fingerprint.as_str())))
            .filter(|(message, _)| self.state.progress(&message.id).is_none())
            .collect();
        if !new.is_empty() {
            self.archive.messages(&new, clock::now())?;
        }
        for (message, _) in new {
            self.state.add_message(id_hash(&message.id));
        }
        Ok(())
    }

    /// Records results, on disk and in memory. Deletions alone do not wait for the disk.
    fn record(&mut self, results: Vec<MoveResult>) -> Result<(), MoveStop> {
        let now = clock::now();
        match results.iter().all(|one| matches!(one, MoveResult::Deleted { .. })) {
            true => self.archive.late_results(&results, now)?,
            false => self.archive.results(&results, now)?,
        }
        for result in results {
            self.state.add(ArchiveLine::Result(result, now));
        }
        Ok(())
    }

    /// Deletes messages whose send is on disk.
    fn delete(
        &mut self,
        batch: &[Received],
        deletable: &[usize],
        fate: &mut BatchFate,
    ) -> Result<(), MoveStop> {
        if deletable.is_empty() {
            return Ok(());
        }
        let handles: Vec<&str> = deletable.iter().map(|at| batch[*at].handle.as_str()).collect();
        let results = self.sqs.delete(self.scope, &self.queue.url, &handles);
        let mut lines = Vec::new();
        let (mut refused, mut deleted) = (None, 0);
        for (at, result) in deletable.iter().zip(results) {
            let id = batch[*at].message.id.clone();
            let progress = self.state.progress(&id).unwrap_or_default();
            match result {
                Ok(()) => {
                    deleted += 1;
                    self.counts.undeleted.remove(&id_hash(&id));
                    fate.fates[*at] = match progress.is_deleted {
                        true => Fate::TakenAgain,
                        false => Fate::Taken,
                    };
                    if !progress.is_deleted {
                        self.counts.deleted += 1;
                        self.counts.moved += u64::from(progress.is_sent);
                    }
                    lines.push(MoveResult::Deleted { id });
                }
                Err(error) => {
                    log::warn(&format!("message '{id}' was sent and cannot be deleted: {error}"));
                    self.counts.undeleted.insert(id_hash(&id));
                    refused = Some(error.to_string());
                    let why = format!("it was sent, and could not be deleted: {error}");
                    lines.push(MoveResult::PossibleDuplicate { id, new: None, why });
                }
            }
        }
        self.record(lines)?;
        match refused {
            // Further messages would only be in both queues as well.
            Some(error) if deleted == 0 => self.undeleted(error),
            _ => Ok(()),
        }
    }

    /// Stops when messages that were sent are still in the dead-letter queue.
    pub(super) fn undeleted(&self, error: String) -> Result<(), MoveStop> {
        match self.counts.undeleted.len() as u64 {
            0 => Ok(()),
            messages => Err(MoveStop::NotDeleted { messages, error }),
        }
    }
}
