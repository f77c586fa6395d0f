//! Choosing the messages of a batch: what is meant, where it goes, and what is left.

use super::{Choice, Mover, Sorted};
use crate::edge::aws::Received;
use crate::edge::redrive::stop::MoveStop;
use crate::log;
use crate::rules::evidence::message::Message;
use crate::rules::evidence::{decode, fingerprint};
use crate::rules::redrive::destination;
use crate::rules::redrive::id_set::id_hash;
use crate::rules::redrive::selection::LeftOut;
use crate::rules::redrive::{batch, dedup_id};

/// The receives that a message needs before it goes to a further dead-letter queue.
const RECEIVES_MIN: u64 = 2;

impl Mover<'_> {
    /// Decides about each message of a batch.
    pub(super) fn sort(&mut self, batch: &[Received], quota: u64) -> Result<Sorted, MoveStop> {
        let mut sorted = Sorted::default();
        for (at, received) in batch.iter().enumerate() {
            let message = &received.message;
            let key = id_hash(&message.id);
            self.unseen.remove(&key);
            let progress = self.state.get(&key).unwrap_or_default();
            if progress.is_sent || progress.is_parked {
                sorted.delete.push(at);
                continue;
            }
            if self.failed.contains(&key) {
                continue;
            }
            let fingerprint = fingerprint::compute(&decode::decode(message)).id;
            let planned = match self.select(message, &fingerprint) {
                Ok(planned) => planned,
                Err(LeftOut::NotSelected) => {
                    self.unchosen += 1;
                    continue;
                }
                Err(LeftOut::Blocked) => {
                    self.leave("do_not", message);
                    continue;
                }
            };
            if self.waits(message) {
                self.leave("waits", message);
                continue;
            }
            self.check_receives(message)?;
            if sorted.send.len() as u64 >= quota {
                continue;
            }
            if self.chains.is_parked(&message.id) {
                sorted.park.push(Choice { at, to: String::new(), fingerprint });
                continue;
            }
            if let Some(to) = self.destination(message, planned.as_deref())? {
                if self.is_over_allowance(&to, &sorted) {
                    self.deferred += 1;
                    continue;
                }
                sorted.send.push(Choice { at, to, fingerprint });
            }
        }
        Ok(sorted)
    }

    /// Whether a destination has a step to prove before it gets more than what was chosen for it.
    fn is_over_allowance(&self, to: &str, sorted: &Sorted) -> bool {
        let Some(route) = self.routes.0.get(to) else { return false };
        let Some(most) = self.ramp.allowance(route.progress()) else { return false };
        let chosen = sorted.send.iter().filter(|one| one.to == to).count() as u64;
        route.consumption.sent() + chosen >= most
    }

    /// Decides whether a message is meant: also one that an earlier run has archived, to send it. Returns the
    /// destination that the plan has for it.
    fn select(&mut self, message: &Message, fingerprint: &str) -> Result<Option<String>, LeftOut> {
        let Some(plan) = &self.plan else {
            let judged = match self.selection.judge(message, fingerprint, self.chosen_at) {
                Err(LeftOut::NotSelected) if self.interrupted.contains(&id_hash(&message.id)) => {
                    match self.selection.is_blocked(message, fingerprint) {
                        true => Err(LeftOut::Blocked),
                        false => Ok(()),
                    }
                }
                judged => judged,
            };
            if judged == Err(LeftOut::Blocked) {
                self.selection.learn_blocked(message, fingerprint);
            }
            judged?;
            self.has_learned |= self.selection.learn(message, fingerprint);
            return Ok(None);
        };
        let index = plan.ids.get(&id_hash(&message.id)).ok_or(LeftOut::NotSelected)?;
        // The verdict may be newer than the plan.
        match self.selection.is_blocked(message, fingerprint) {
            true => {
                self.selection.learn_blocked(message, fingerprint);
                Err(LeftOut::Blocked)
            }
            false => Ok(plan.arns.get(*index as usize).cloned()),
        }
    }

    /// Notes a message that is left. In a FIFO queue its group waits, or a later message would overtake
    /// it.
    pub(super) fn leave(&mut self, why: &'static str, message: &Message) {
        self.counts.left_out.entry(why).or_default().insert(id_hash(&message.id));
        if self.queue.fifo {
            self.waiting_groups.extend(dedup_id::group(message).map(str::to_owned));
        }
    }

    /// Whether a message waits because an earlier one of its group is left.
    fn waits(&self, message: &Message) -> bool {
        self.queue.fifo
            && dedup_id::group(message).is_some_and(|group| self.waiting_groups.contains(group))
    }

    /// Stops at a message that a further look would lose to another queue.
    fn check_receives(&self, message: &Message) -> Result<(), MoveStop> {
        let Some(most) = self.own_receives_max else { return Ok(()) };
        let received = message.system.get("ApproximateReceiveCount");
        let received = received.and_then(|count| count.parse::<u64>().ok()).unwrap_or(most);
        let left = most.saturating_sub(received);
        match left < RECEIVES_MIN {
            true => Err(MoveStop::FewReceives { id: message.id.clone(), left }),
            false => Ok(()),
        }
    }

    /// Returns where a message goes; None when it is left in its queue.
    fn destination(
        &mut self,
        message: &Message,
        planned: Option<&str>,
    ) -> Result<Option<String>, MoveStop> {
        let to = match self.destinations.judge(destination::origin(message), planned) {
            Ok(to) => to,
            Err(why) if why.is_of_one_message() => {
                if !self.counts.left_out.contains_key("no_destination") {
                    log::warn(&format!("message '{}' is left where it is: {why}", message.id));
                }
                self.leave("no_destination", message);
                return Ok(None);
            }
            Err(why) => return Err(MoveStop::Refused { id: message.id.clone(), why }),
        };
        let added = self.routes.add(self.sqs, self.scope, &to);
        added.map_err(|error| MoveStop::Destination { to: to.clone(), error })?;
        let size_max = self.routes.0.get(&to).map_or(0, |route| route.size_max);
        let size = batch::size(message);
        if size <= size_max {
            return Ok(Some(to));
        }
        log::warn(&format!(
            "message '{}' is left where it is: it has {size} bytes, and '{to}' takes {size_max}",
            message.id
        ));
        self.leave("too_large", message);
        Ok(None)
    }
}
