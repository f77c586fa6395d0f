//! Sending the messages of a batch, and the results of each.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use super::{Choice, Mover};
use crate::clock;
use crate::edge::aws::{BatchError, EntryError, Outgoing, Received, SendResult};
use crate::edge::redrive::send_retry::send_all;
use crate::edge::redrive::stop::MoveStop;
use crate::log;
use crate::rules::evidence::message::Message;
use crate::rules::redrive::archive::MoveResult;
use crate::rules::redrive::id_set::id_hash;
use crate::rules::redrive::{batch, dedup_id};

/// The batches in a row whose every message is refused, after which the move stops.
const REFUSED_MAX: u32 = 3;

impl Mover<'_> {
    /// Sends messages, and adds those whose send is recorded to `deletable`.
    pub(super) fn send(
        &mut self,
        batch: &[Received],
        choices: &[Choice],
        deletable: &mut Vec<usize>,
    ) -> Result<(), MoveStop> {
        let mut by_queue: BTreeMap<&str, Vec<&Choice>> = BTreeMap::new();
        for one in choices {
            by_queue.entry(&one.to).or_default().push(one);
        }
        for (to, all) in by_queue {
            let Some(route) = self.routes.0.get(to) else { continue };
            let (scope, url, fifo) = (route.scope, route.url.clone(), route.fifo);
            let message = |one: &Choice| &batch[one.at].message;
            let sized: Vec<(u64, Option<&str>)> = all
                .iter()
                .map(|one| {
                    let group = fifo.then(|| dedup_id::group(message(one))).flatten();
                    (batch::size(message(one)), group)
                })
                .collect();
            let ids: Vec<Option<String>> = all
                .iter()
                .map(|one| fifo.then(|| dedup_id::dedup_id(self.id, &message(one).id)))
                .collect();
            let requests = batch::requests(&sized);
            let outgoing =
                |at: &usize| Outgoing { message: message(all[*at]), dedup_id: ids[*at].as_deref() };
            // In a FIFO queue the next request waits for the results of the last one.
            let at_once = if fifo { 1 } else { requests.len().max(1) };
            for requests in requests.chunks(at_once) {
                let has_failed = |one: &Message| {
                    dedup_id::group(one).is_some_and(|group| self.failed_groups.contains(group))
                };
                let open = |at: &&usize| !has_failed(message(all[**at]));
                let requests: Vec<Vec<usize>> = requests
                    .iter()
                    .map(|one| one.iter().filter(open).copied().collect())
                    .filter(|one: &Vec<usize>| !one.is_empty())
                    .collect();
                let batches: Vec<Vec<Outgoing<'_>>> =
                    requests.iter().map(|one| one.iter().map(outgoing).collect()).collect();
                let begun = clock::tick();
                self.contents.begin_send(self.sqs.earliest_now(self.scope));
                let results = send_all(self.sqs, scope, &url, &batches);
                self.contents.end_send(self.sqs.latest_now(self.scope));
                let indices: Vec<Vec<usize>> =
                    requests.iter().map(|one| one.iter().map(|at| all[*at].at).collect()).collect();
                self.settle(batch, (to, begun), &indices, results, deletable)?;
            }
        }
        Ok(())
    }

    /// Records the results of sends to one queue, which began at a moment.
    fn settle(
        &mut self,
        batch: &[Received],
        (to, begun): (&str, Instant),
        requests: &[Vec<usize>],
        results: Vec<SendResult>,
        deletable: &mut Vec<usize>,
    ) -> Result<(), MoveStop> {
        let (mut lines, mut stop) = (Vec::new(), None);
        let (mut sent, mut refused) = (0, None);
        let mut new_ids = HashSet::new();
        for (indices, result) in requests.iter().zip(results) {
            let entries = match result {
                Ok(entries) => entries,
                Err(BatchError { error, is_refused: true }) => {
                    stop.get_or_insert(MoveStop::NotSent { to: to.to_owned(), error });
                    continue;
                }
                Err(BatchError { error, is_refused: false }) => {
                    indices.iter().for_each(|at| self.contents.add(&batch[*at].message));
                    lines.extend(indices.iter().map(|at| MoveResult::PossibleDuplicate {
                        id: batch[*at].message.id.clone(),
                        new: None,
                        why: format!("its send had no answer: {error}"),
                    }));
                    let messages = indices.len() as u64;
                    stop = Some(MoveStop::Unanswered { to: to.to_owned(), messages, error });
                    continue;
                }
            };
            for (at, entry) in indices.iter().zip(entries) {
                let message = &batch[*at].message;
                match entry {
                    Ok(new) if self.is_known(&new) || !new_ids.insert(id_hash(&new)) => {
                        stop = Some(MoveStop::KnownId { id: message.id.clone(), new });
                    }
                    Ok(new) => {
                        self.contents.add(message);
                        lines.extend(self.sent_lines(message, new, to));
                        deletable.push(*at);
                        sent += 1;
                    }
                    Err(error) => {
                        if !error.is_permanent {
                            self.contents.add(message);
                            lines.push(MoveResult::PossibleDuplicate {
                                id: message.id.clone(),
                                new: None,
                                why: format!("its send is not confirmed: {error}"),
                            });
                        }
                        self.fail(message, error.is_permanent);
                        refused.get_or_insert_with(|| (message.id.clone(), error));
                    }
                }
            }
        }
        self.counts.sent += sent;
        if let Some(route) = self.routes.0.get_mut(to).filter(|_| sent > 0) {
            route.add_sent(sent, begun);
        }
        self.count_refusal(to, sent, refused, &mut stop);
        if let Err(error) = self.record(lines) {
            // Not on disk: nothing is deleted, and the next run lists each of them.
            deletable.clear();
            return Err(error);
        }
        stop.map_or(Ok(()), Err)
    }

    /// Counts batches of which no message was accepted.
    fn count_refusal(
        &mut self,
        to: &str,
        sent: u64,
        refused: Option<(String, EntryError)>,
        stop: &mut Option<MoveStop>,
    ) {
        let Some((id, why)) = refused else {
            self.refused_in_a_row = 0;
            return;
        };
        let verb = if why.is_permanent { "refuses" } else { "does not confirm" };
        log::warn(&format!("'{to}' {verb} message '{id}', which is left where it is: {why}"));
        let why = why.to_string();
        self.refused_in_a_row = if sent > 0 { 0 } else { self.refused_in_a_row + 1 };
        if self.refused_in_a_row >= REFUSED_MAX {
            stop.get_or_insert(MoveStop::AllRefused { to: to.to_owned(), why });
        }
    }

    /// Notes a message that could not be sent.
    fn fail(&mut self, message: &Message, is_refused: bool) {
        self.failed.insert(id_hash(&message.id));
        if self.queue.fifo {
            self.failed_groups.extend(dedup_id::group(message).map(str::to_owned));
        }
        self.leave(if is_refused { "not_sent" } else { "not_confirmed" }, message);
    }

    /// Whether an id is that of a message which was received or sent before.
    fn is_known(&self, id: &str) -> bool {
        let key = id_hash(id);
        self.state.sent.contains(&key) || self.state.get(&key).is_some()
    }

    fn sent_lines(&self, message: &Message, new: String, to: &str) -> Vec<MoveResult> {
        let fifo = to.ends_with(".fifo");
        let id = message.id.clone();
        let duplicate =
            self.interrupted.contains(&id_hash(&id)).then(|| MoveResult::PossibleDuplicate {
                id: id.clone(),
                new: Some(new.clone()),
                why: "an earlier run was interrupted at its send".into(),
            });
        let dedup = fifo.then(|| dedup_id::dedup_id(self.id, &id));
        let moment = self.contents.moment();
        let (to, after) = (to.to_owned(), Some(moment.after));
        let sent = MoveResult::Sent { id, new, to, dedup, after, by: moment.by };
        [Some(sent), duplicate].into_iter().flatten().collect()
    }
}
