//! Copies of messages that a redrive has sent: a consumer that writes its failures into the dead-letter
//! queue itself gives them new ids. Pure.
//!
//! A copy has the body of a message that was sent, and was first sent after it. Both moments are on the clock
//! of SQS, and that of a send is known within bounds only: what lies between them counts as far as messages
//! have arrived. Of a body there are never more copies than messages that were sent. Once these are proven, to
//! be consumed and to stay gone, a later message with their body is of others.

use std::collections::HashMap;
use std::time::Duration;

use super::id_set::{IdHash, IdSet, id_hash};
use super::selection::sent_at;
use crate::rules::evidence::message::Message;
use crate::time::Timestamp;

/// The most bodies that are known: those that were sent first. A fault is seen early.
const BODIES_MAX: usize = 2000;

/// The time by which the begin may be later than is known: the dates of SQS are cut to seconds.
const BEGIN_SLACK: Duration = Duration::from_secs(2);

/// The bounds of the moment of a send, on the clock of SQS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SendMoment {
    /// Not later than the send.
    pub after: Timestamp,
    /// Not earlier than the send; None: unknown.
    pub by: Option<Timestamp>,
}

impl SendMoment {
    /// Returns whether something of a moment is later than the send.
    fn precedes(self, at: Timestamp) -> IsLater {
        match self.by {
            _ if at <= self.after => IsLater::No,
            Some(by) if at > by => IsLater::Yes,
            _ => IsLater::Perhaps,
        }
    }
}

/// The answer to whether a message is later than a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IsLater {
    No,
    /// Within the bounds of the send.
    Perhaps,
    Yes,
}

/// The sends of a body between two proofs.
#[derive(Debug, Clone, Copy)]
struct BodySends {
    count: u64,
    first: SendMoment,
    /// The moment at which they were proven.
    proven_at: Option<Timestamp>,
}

/// The contents that a redrive has sent, in all of its runs.
#[derive(Debug, Clone, Default)]
pub struct SentContents {
    /// The moment before the first send, on the clock of SQS.
    begun_at: Option<Timestamp>,
    bodies: HashMap<IdHash, Vec<BodySends>>,
    /// The bounds of the present send.
    moment: SendMoment,
    /// The newest moment at which a message was first sent that was received so far.
    newest_seen: Option<Timestamp>,
    /// The last moment at which everything that was sent before was proven.
    proven_at: Option<Timestamp>,
    /// The first send that is not proven: of earlier runs, and of this one.
    before: Option<SendMoment>,
    unproven: Option<SendMoment>,
    /// The messages that are no copies: others have put them into the queue.
    others: IdSet,
}

impl SentContents {
    /// Begins at a moment that no message is sent before, by the clock of SQS.
    pub fn begin(&mut self, at: Timestamp) {
        self.begun_at = Some(at);
    }

    /// Takes over what earlier runs have sent, each message with the bounds of its send, and when the last of
    /// it was proven.
    pub fn resume(
        &mut self,
        proven_at: Option<Timestamp>,
        sends: impl IntoIterator<Item = (IdHash, SendMoment)>,
    ) {
        self.proven_at = proven_at;
        for (body, moment) in sends {
            self.add_body(body, moment);
        }
        self.before = self.unproven.take();
    }

    /// Notes a message that was received: what is sent later is later than it.
    pub fn see(&mut self, message: &Message) {
        self.newest_seen = self.newest_seen.max(sent_at(message));
    }

    /// Notes a message that others have put into the queue.
    pub fn exclude(&mut self, id: &str) {
        self.others.insert(id_hash(id));
    }

    /// Begins a send, at a moment that is not earlier than `earliest`.
    pub fn begin_send(&mut self, earliest: Timestamp) {
        let after = self.newest_seen.map_or(earliest, |seen| seen.max(earliest));
        self.moment = SendMoment { after, by: None };
    }

    /// Ends a send, at a moment that is not later than `latest`. Returns its bounds.
    pub fn end_send(&mut self, latest: Timestamp) -> SendMoment {
        self.moment.by = Some(latest);
        self.moment
    }

    /// Returns the bounds of the present send.
    pub fn moment(&self) -> SendMoment {
        self.moment
    }

    /// Adds a message of the present send.
    pub fn add(&mut self, message: &Message) {
        self.add_body(id_hash(&message.body), self.moment);
    }

    fn add_body(&mut self, body: IdHash, moment: SendMoment) {
        let proven_at = self.proven_at.filter(|proven| moment.after < *proven);
        if proven_at.is_none() && self.unproven.is_none_or(|first| moment.after < first.after) {
            self.unproven = Some(moment);
        }
        if self.bodies.len() >= BODIES_MAX && !self.bodies.contains_key(&body) {
            return;
        }
        let all = self.bodies.entry(body).or_default();
        match all.last_mut().filter(|last| last.proven_at == proven_at) {
            Some(last) => {
                last.count += 1;
                if moment.after < last.first.after {
                    last.first = moment;
                }
            }
            None => all.push(BodySends { count: 1, first: moment, proven_at }),
        }
    }

    /// Notes that everything that was sent was proven at a moment. Returns whether something was not before.
    pub fn prove(&mut self, at: Timestamp) -> bool {
        let was_open = self.before.is_some() || self.unproven.is_some();
        if was_open {
            self.proven_at = Some(at);
            (self.before, self.unproven) = (None, None);
            for sends in self.bodies.values_mut().filter_map(|all| all.last_mut()) {
                sends.proven_at.get_or_insert(at);
            }
        }
        was_open
    }

    /// Returns the moment before the first send of earlier runs that was not proven.
    pub fn unproven_before(&self) -> Option<Timestamp> {
        self.before.map(|moment| moment.after)
    }

    /// Returns the moment before the first send of this run that is not proven.
    pub fn unproven_now(&self) -> Option<Timestamp> {
        self.unproven.map(|moment| moment.after)
    }

    /// Whether a message was certainly first sent after the redrive had begun to send.
    pub fn is_later(&self, message: &Message) -> bool {
        let begun = self.begun_at.map(|begun| begun.plus(BEGIN_SLACK));
        begun.is_some_and(|begun| sent_at(message).is_some_and(|at| at > begun))
    }

    /// Returns whether a message was first sent after the first send that is not proven.
    pub fn is_after_unproven(&self, message: &Message) -> IsLater {
        let (first, at) = (self.before.or(self.unproven), sent_at(message));
        first.zip(at).map_or(IsLater::No, |(first, at)| first.precedes(at))
    }

    /// Whether others have put a message into the queue.
    pub fn is_of_others(&self, id: &IdHash) -> bool {
        self.others.contains(id)
    }

    /// Returns whether a message, which is none of those that were sent, is a copy of one.
    pub fn is_copy(&self, message: &Message) -> IsLater {
        let Some(at) = sent_at(message) else { return IsLater::No };
        let Some(all) = self.bodies.get(&id_hash(&message.body)) else { return IsLater::No };
        let open = all.iter().filter(|sends| sends.proven_at.is_none_or(|proven| at <= proven));
        open.map(|sends| sends.first.precedes(at)).max().unwrap_or(IsLater::No)
    }

    fn sent(&self, body: &IdHash) -> u64 {
        self.bodies.get(body).map_or(0, |all| all.iter().map(|sends| sends.count).sum())
    }
}

/// The messages of a queue that show that others have died again, or may show it.
#[derive(Debug, Clone, Default)]
pub struct ReturnCount {
    /// The messages that are certainly returns, but for copies.
    returned: u64,
    /// The copies of each body: certain, and possible ones.
    copies: HashMap<IdHash, [u64; 2]>,
    /// The messages that no queue has moved there since the first unproven send: certainly, and perhaps.
    unattributed: [u64; 2],
    /// The messages that have certainly arrived meanwhile, and are of others.
    foreign: u64,
}

impl ReturnCount {
    pub fn add_return(&mut self) {
        self.returned += 1;
    }

    /// Adds a message of others that has certainly arrived meanwhile.
    pub fn add_foreign(&mut self) {
        self.foreign += 1;
    }

    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    /// Adds what has the body of a message that was sent.
    pub fn add_copy(&mut self, message: &Message, is_later: IsLater) {
        add(self.copies.entry(id_hash(&message.body)).or_default(), is_later);
    }

    /// Adds a message that no queue has moved to where it is.
    pub fn add_unattributed(&mut self, is_later: IsLater) {
        add(&mut self.unattributed, is_later);
    }

    /// Returns how many messages have died again, of a queue in which `arrivals` have arrived.
    pub fn returned(&self, contents: &SentContents, arrivals: u64) -> u64 {
        let (mut certain, mut possible) = (self.returned, 0);
        for (body, [sure, doubtful]) in &self.copies {
            let sent = contents.sent(body);
            certain += sent.min(*sure);
            possible += doubtful.min(&sent.saturating_sub(*sure));
        }
        certain + possible.min(arrivals.saturating_sub(self.foreign))
    }

    /// Returns how many messages may be failures that a consumer has written in another form, of a queue in
    /// which `arrivals` have arrived.
    pub fn unattributed(&self, arrivals: u64) -> u64 {
        self.unattributed[0] + self.unattributed[1].min(arrivals.saturating_sub(self.foreign))
    }
}

fn add([sure, doubtful]: &mut [u64; 2], is_later: IsLater) {
    match is_later {
        IsLater::No => {}
        IsLater::Perhaps => *doubtful += 1,
        IsLater::Yes => *sure += 1,
    }
}

/// The messages of those sent, at most, of which half have to come back in another form to be noticed. Of more
/// than these, one in [`FAILING_SHARE`] has to.
const FEW: u64 = 20;
const FAILING_SHARE: u64 = 20;

/// Whether messages that no queue has moved into the dead-letter queue hide the failure of those that were
/// `sent`: a consumer may write one for each that fails. The others that write there are few, or a small
/// canary would never be proven.
pub fn hides_failures(unattributed: u64, sent: u64) -> bool {
    let least = sent.min(FEW).div_ceil(2) + sent.saturating_sub(FEW) / FAILING_SHARE;
    unattributed > 0 && unattributed >= least
}

#[cfg(test)]
mod tests;
