//! The document `queues.json`, and the application of one round to it.
//!
//! The document has a record for each queue that is not quiet. For quiet queues it has only the
//! time of the last whole round of each selection: a queue that was polled then and has no record
//! was empty.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::adaptive::{self, QuietFacts, Turn};
use super::asked::TELL_AGAIN;
use super::monitor;
use super::monitor::{Emit, Policy, Polled, Record};
use super::redrive_graph::DeadLetterQueue;
use super::survey_gap::{self, UnreadQueues, name_queues};
use crate::document::{Document, Keys, RecordKind, SetOperation};
use crate::event::stream_time::DRIFT;
use crate::event::{Event, Payload, PollFailed, Queue};
use crate::time::Timestamp;

/// Failures, selections and gone queues that were not seen for this long are dropped.
const KEEP: Duration = Duration::from_secs(30 * 86_400);
/// The most failures that are kept: beyond it the oldest are dropped, and reported once more when
/// they occur again.
const FAILURES_MAX: usize = 1000;

/// The document `queues.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// The first sequence number of a queue without a record; above those of all removed records.
    floor: u64,
    /// The last time each selection of queues was polled as a whole, and with a turn the last time that
    /// each part of its quiet queues was.
    rounds: BTreeMap<String, Timestamp>,
    /// The scopes, parts of scopes and named queues that could not be polled, with the reason; each
    /// is reported once.
    #[serde(default)]
    failures: BTreeMap<String, KnownFailure>,
    /// The time at which a gone queue was reported: once, even while the cache still has it.
    #[serde(default)]
    gone: BTreeMap<String, Timestamp>,
    /// The queues that are not quiet, by ARN. Boxed, because the nodes of a map are half empty.
    queues: BTreeMap<String, Box<WatchedQueue>>,
}

/// A failure that was reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredFailure")]
struct KnownFailure {
    reason: String,
    /// The time of the last round that had it.
    at: Timestamp,
    /// The time at which it was reported; None in records of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_at: Option<Timestamp>,
}

/// The forms of a failure in the file. Before failures had a time, they were texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredFailure {
    Reason(String),
    Known {
        reason: String,
        at: Timestamp,
        #[serde(default)]
        told_at: Option<Timestamp>,
    },
}

impl From<StoredFailure> for KnownFailure {
    fn from(stored: StoredFailure) -> Self {
        match stored {
            StoredFailure::Reason(reason) => {
                KnownFailure { reason, at: Timestamp::from_millis(0), told_at: None }
            }
            StoredFailure::Known { reason, at, told_at } => KnownFailure { reason, at, told_at },
        }
    }
}

/// A queue that is not quiet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchedQueue {
    pub queue: Queue,
    pub record: Record,
}

impl Watched {
    /// The kind of record of a queue that is not quiet, by ARN.
    pub const QUEUE: RecordKind = "queue";
    /// The kind of record of a queue that has gone, by ARN.
    pub const GONE: RecordKind = "gone queue";
    /// The kind of record of a whole round, by selection.
    pub const ROUND: RecordKind = "round";
    /// The kind of record of a scope that could not be polled, by account and region.
    pub const FAILURE: RecordKind = "failure";
    /// The kind of the one record of sequences, whose key is empty.
    pub const FLOOR: RecordKind = "floor";

    /// Returns the records that a round over these queues needs. Rounds, failures and queues that
    /// have gone are few, and the round also drops the old ones.
    pub fn keys_of_round<'a>(arns: impl Iterator<Item = &'a str>) -> Keys<'a> {
        Keys::one(Self::FLOOR, "")
            .with(Self::QUEUE, arns)
            .with_all(Self::GONE)
            .with_all(Self::ROUND)
            .with_all(Self::FAILURE)
    }
}

impl Document for Watched {
    const NAME: &str = "queues";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> =
        Some("then run 'dlq-poll', which raises each queue that is not empty as a new incident");
    const SHARED: bool = true;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation.value(Self::FLOOR, &mut self.floor, &mut rest.floor);
        operation.map(Self::ROUND, &mut self.rounds, &mut rest.rounds);
        operation.map(Self::FAILURE, &mut self.failures, &mut rest.failures);
        operation.map(Self::GONE, &mut self.gone, &mut rest.gone);
        operation.map(Self::QUEUE, &mut self.queues, &mut rest.queues);
    }
}

/// An account and region, or a part of it, that could not be polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeFailure {
    /// The account, if it has a name.
    pub account: Option<String>,
    /// The region; `None` when several were asked.
    pub region: Option<String>,
    pub part: FailedPart,
    /// The reason; `None` when the part could be polled.
    pub reason: Option<String>,
}

/// The part of a scope that a failure is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailedPart {
    /// The list of queues.
    List,
    /// The redrive policies of some queues.
    RedrivePolicies,
    /// A queue that was named and not found.
    Queue(String),
}

/// The beginning of the reason for a queue that could not be found.
pub const QUEUE_NOT_FOUND: &str = "cannot find queue";

impl ScopeFailure {
    /// Returns the key of the record.
    fn key(&self) -> String {
        let (account, region) = (self.account.as_deref(), self.region.as_deref());
        let scope = format!("{} {}", account.unwrap_or(""), region.unwrap_or(""));
        match &self.part {
            FailedPart::List => scope,
            FailedPart::RedrivePolicies => format!("{scope} redrive policies"),
            FailedPart::Queue(name) => format!("{scope} queue {name}"),
        }
    }
}

impl Watched {
    /// Returns the queues that are not quiet.
    pub fn entries(&self) -> impl Iterator<Item = &WatchedQueue> {
        self.queues.values().map(|entry| &**entry)
    }

    /// Counts the queues that have an open incident.
    pub fn raised<'a>(&self, arns: impl Iterator<Item = &'a str>) -> u64 {
        let open = |arn: &&str| self.record(arn).is_some_and(|record| record.incident.is_some());
        arns.filter(open).count() as u64
    }

    /// Returns a queue with its record.
    pub fn entry(&self, arn: &str) -> Option<&WatchedQueue> {
        self.queues.get(arn).map(|entry| &**entry)
    }

    /// Returns the record of a queue.
    pub fn record(&self, arn: &str) -> Option<&Record> {
        self.queues.get(arn).map(|entry| &entry.record)
    }

    /// Records the first sending of the oldest message that a sample has received. A quiet queue has
    /// no record; in a FIFO queue the age of a message counts from its arrival.
    pub fn add_sample(&mut self, arn: &str, oldest_sent_at: Timestamp) {
        if let Some(entry) = self.queues.get_mut(arn).filter(|entry| !entry.queue.fifo) {
            entry.record.add_sample(oldest_sent_at);
        }
    }

    /// Returns the begin of the newest round of any selection; None before the first.
    pub fn newest_round(&self) -> Option<Timestamp> {
        self.rounds.values().max().copied()
    }

    /// Whether the queue has a record, or has gone.
    pub fn is_known(&self, arn: &str) -> bool {
        self.queues.contains_key(arn) || self.gone.contains_key(arn)
    }

    /// Returns the number of scopes, parts of scopes and named queues that cannot be polled.
    pub fn failures(&self) -> u64 {
        self.failures.len() as u64
    }

    /// Returns the last time a queue without a record was empty: the last round of this selection that
    /// has read its part, if the queue was known when that began to read.
    fn empty_at(
        &self,
        selection: &str,
        turn: &Turn,
        target: &DeadLetterQueue,
    ) -> Option<Timestamp> {
        let round = self.part_read_at(selection, turn.part(&target.queue.arn), turn.parts())?;
        (target.is_given() || target.found_at <= round).then_some(round)
    }

    /// Returns the last round that has read this part of the quiet queues of a selection.
    fn part_read_at(&self, selection: &str, part: usize, parts: u32) -> Option<Timestamp> {
        let whole = self.rounds.get(selection).copied();
        if parts == 1 {
            return whole;
        }
        whole.max(self.rounds.get(&part_key(selection, part, parts)).copied())
    }

    /// Returns the parts of the quiet queues that the next round reads.
    pub fn turn(&self, selection: &str, interval: Duration, now: Timestamp) -> Turn {
        Turn::next(interval, |part, parts| self.part_read_at(selection, part, parts), now)
    }

    /// Whether a queue may wait for the turn of its part.
    pub fn is_quiet(
        &self,
        selection: &str,
        turn: &Turn,
        target: &DeadLetterQueue,
        now: Timestamp,
    ) -> bool {
        let facts = QuietFacts {
            has_record: self.queues.contains_key(&target.queue.arn),
            is_given: target.is_given(),
            found_at: target.found_at,
            empty_at: self.empty_at(selection, turn, target),
        };
        adaptive::is_quiet(facts, now)
    }

    /// Applies a round of a selection whose first request was made at `begun`, and passes its lines to
    /// `emit` one by one: a large round has too many to hold. A queue that the round has left to a later
    /// one is not in `polled`, and stays as it is.
    pub fn apply_round(
        &mut self,
        policy: &Policy,
        (selection, turn): (&str, &Turn),
        begun: Timestamp,
        polled: &[Polled<'_>],
        emit: Emit<'_>,
    ) {
        if self.floor == 0 {
            self.floor = first_floor(begun);
        }
        // Records that this update removes do not raise the floor within it. After a crash between
        // journal and document the next run may remove other records, and must make the same ids.
        let floor = self.floor;
        // A clock that was far ahead wrote these times, so they prove nothing.
        self.rounds.retain(|_, at| *at <= begun.plus(DRIFT));
        for one in polled {
            let queue = &one.target.queue;
            let arn = queue.arn.as_str();
            let past = self.queues.get(arn).map(|entry| &entry.record);
            if !one.unlisted {
                self.gone.remove(arn);
            } else if past.is_none() && self.gone.contains_key(arn) {
                continue;
            } else {
                self.gone.insert(arn.into(), one.reading.at);
            }
            let empty_at = self.empty_at(selection, turn, one.target);
            let (record, keep) = monitor::judge(policy, past, one, empty_at, floor, emit);
            if keep {
                self.keep(queue, record);
            } else {
                self.queues.remove(arn);
                self.floor = self.floor.max(record.seq);
            }
        }
        let parts = turn.due_parts().map(|part| part_key(selection, part, turn.parts()));
        let read = if turn.is_whole() { vec![selection.to_owned()] } else { parts.collect() };
        for key in read {
            let round = self.rounds.entry(key).or_insert(begun);
            *round = (*round).max(begun);
        }
        self.rounds.retain(|_, at| begun.since(*at) < KEEP);
        self.gone.retain(|_, at| begun.since(*at) < KEEP);
    }

    fn keep(&mut self, queue: &Queue, record: Record) {
        match self.queues.get_mut(&queue.arn) {
            Some(entry) if entry.queue == *queue => entry.record = record,
            _ => {
                let entry = WatchedQueue { queue: queue.clone(), record };
                self.queues.insert(queue.arn.clone(), Box::new(entry));
            }
        }
    }

    /// Records which scopes and parts of them could not be polled by a round that was to ask `asked`.
    /// Emits a line for each new reason, and for one that lasts every 12 hours.
    pub fn apply_failures(
        &mut self,
        failures: &[ScopeFailure],
        asked: &str,
        at: Timestamp,
        emit: Emit<'_>,
    ) {
        for failure in failures {
            let scope = failure.key();
            let Some(reason) = &failure.reason else {
                self.failures.remove(&scope);
                continue;
            };
            let past = self.failures.get(&scope).filter(|past| past.reason == *reason);
            let told_at = past.map(|past| past.told_at.unwrap_or(at).min(at));
            let is_told = told_at.is_some_and(|told_at| at.since(told_at) < TELL_AGAIN);
            let told_at = told_at.filter(|_| is_told).or(Some(at));
            let known = KnownFailure { reason: reason.clone(), at, told_at };
            self.failures.insert(scope.clone(), known);
            if is_told {
                continue;
            }
            let data = PollFailed {
                account: failure.account.clone(),
                region: failure.region.clone(),
                reason: reason.clone(),
                asked: Some(asked.to_owned()),
            };
            let bucket = ten_minute_bucket(at);
            let parts = [PollFailed::TYPE.as_str(), &scope, reason, asked, &bucket];
            emit(&Event::derived(&parts, "", at, data).line(), true);
        }
        self.forget_old_failures(at);
    }

    /// Drops failures that are no longer seen: of a scope that left the configuration, or of a
    /// queue that nobody names any more.
    fn forget_old_failures(&mut self, now: Timestamp) {
        self.failures.retain(|_, known| now.since(known.at) < KEEP);
        while self.failures.len() > FAILURES_MAX {
            let oldest = self.failures.iter().min_by_key(|(_, known)| known.at);
            let Some(oldest) = oldest.map(|(scope, _)| scope.clone()) else { return };
            self.failures.remove(&oldest);
        }
    }
}

/// Returns the key of the rounds that have read a part of the quiet queues of a selection.
fn part_key(selection: &str, part: usize, parts: u32) -> String {
    format!("{selection} {}/{parts}", part + 1)
}

/// Returns the number of a period of ten minutes. It is part of ids that have no sequence, so that
/// a run that crashes before it records its events repeats their ids.
pub fn ten_minute_bucket(at: Timestamp) -> String {
    (at.millis() / 600_000).to_string()
}

/// Returns the first sequence number of a new document. It is above all those of an earlier
/// document that was moved away, because consumers would take repeated ids for old events. It is
/// the same for ten minutes, so that a first run that crashes repeats its ids.
fn first_floor(begun: Timestamp) -> u64 {
    u64::try_from(begun.millis()).unwrap_or(0) / 600_000 * 1000
}

/// Returns a sentence for each reason for which queues could not be read. With `only_new`, queues
/// that were reported as unreadable before are left out.
pub fn read_warnings(polled: &[Polled<'_>], doc: &Watched, only_new: bool) -> Vec<String> {
    let is_new = |one: &Polled<'_>| {
        let record = doc.record(&one.target.queue.arn);
        !only_new || record.is_none_or(|record| record.misses <= monitor::MISSES)
    };
    let unread = polled.iter().filter(|one| !one.unlisted && is_new(one)).filter_map(|one| {
        let error = one.reading.result.as_ref().err()?;
        Some((one.target.queue.name.clone(), error.to_string()))
    });
    let sentence = |group: UnreadQueues| {
        format!("cannot read {}: {}", name_queues(group.count, &group.names), group.reason)
    };
    survey_gap::by_reason(unread).into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::event::{Line, Type, peek};
    use crate::rules::queue::reading::{Backlog, Counts, ReadError, Reading};
    use crate::rules::queue::redrive_graph::FoundBy;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn policy() -> Policy {
        let (tiers, settling) = (Vec::new(), Duration::ZERO);
        Policy { threshold: 1, clear_after: 2, growth_factor: 2, tiers, all: false, settling }
    }

    fn target(name: &str, found: i64) -> DeadLetterQueue {
        let queue = Queue { name: name.into(), arn: format!("arn:{name}"), ..Queue::default() };
        DeadLetterQueue {
            found_by: FoundBy::Name,
            source_retention_s: Some(0),
            ..DeadLetterQueue::given(0, queue, at(found))
        }
    }

    fn polled(target: &DeadLetterQueue, second: i64, depth: Result<u64, ReadError>) -> Polled<'_> {
        let result = depth.map(|visible| Backlog {
            counts: Counts { visible, ..Counts::default() },
            retention_s: Some(86_400),
        });
        let reading = Reading { at: at(second), result };
        Polled { target, reading, unlisted: false, tasks: None, moves: Vec::new() }
    }

    /// A named queue that was not found.
    fn failure(name: &str) -> ScopeFailure {
        ScopeFailure {
            account: None,
            region: Some("r".into()),
            part: FailedPart::Queue(name.into()),
            reason: Some("it does not exist".into()),
        }
    }

    fn round_lines(
        doc: &mut Watched,
        policy: &Policy,
        selection: &str,
        begun: Timestamp,
        polled: &[Polled<'_>],
    ) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        let selection = (selection, &Turn::whole());
        doc.apply_round(policy, selection, begun, polled, &mut |line, _| lines.push(line.to_vec()));
        lines
    }

    /// The types and ids of the events of a round.
    fn round(doc: &mut Watched, second: i64, polled: &[Polled<'_>]) -> Vec<(Type, String)> {
        let lines = round_lines(doc, &policy(), "all", at(second), polled);
        let heads = lines.iter().map(|line| match peek(line.trim_ascii_end()) {
            Line::Event(head) => (head.known.unwrap(), head.id.into_owned()),
            other => panic!("{other:?}"),
        });
        heads.filter(|(kind, _)| *kind != Type::QueuePolled).collect()
    }

    /// A document with an incident, a queue that cannot be read, one that has gone and a quiet one.
    fn one_of_each() -> Watched {
        let mut doc = Watched::default();
        let all = ["raised", "unread", "gone", "quiet"].map(|name| target(name, -1000));
        let [raised, unread, gone, quiet] = &all;
        let polled = [
            polled(raised, 0, Ok(3)),
            polled(unread, 0, Err(ReadError::Denied)),
            Polled { unlisted: true, ..polled(gone, 0, Err(ReadError::Missing)) },
            polled(quiet, 0, Ok(0)),
        ];
        round(&mut doc, 0, &polled);
        doc
    }

    #[test]
    fn document_knows_the_queues_that_are_not_quiet() {
        let doc = one_of_each();
        let rows = [
            ("arn:raised", true, true, 1),
            ("arn:unread", true, true, 0),
            ("arn:gone", false, true, 0),
            ("arn:quiet", false, false, 0),
        ];
        for (arn, has_entry, is_known, raised) in rows {
            let entry = doc.entry(arn).map(|entry| entry.queue.arn.as_str());
            assert_eq!(entry, has_entry.then_some(arn));
            assert_eq!(
                (doc.is_known(arn), doc.raised([arn].into_iter())),
                (is_known, raised),
                "{arn}"
            );
        }
        assert_eq!(doc.raised(rows.iter().map(|row| row.0)), 1);
        assert_eq!((doc.newest_round(), Watched::default().newest_round()), (Some(at(0)), None));
    }

    /// A round gets its own queues, and all that is old, to drop it; the rest is put back.
    #[test]
    fn round_needs_its_queues_and_all_that_it_may_drop() {
        let mut doc = one_of_each();
        doc.apply_failures(&[failure("typo")], "r", at(0), &mut |_, _| {});
        let whole = doc.clone();
        let asked = Watched::keys_of_round(["arn:raised", "arn:quiet"].into_iter());
        let rest = doc.split(&asked);
        assert_eq!(doc.queues.keys().collect::<Vec<_>>(), ["arn:raised"]);
        assert_eq!(rest.queues.keys().collect::<Vec<_>>(), ["arn:unread"]);
        let without_queues = |doc: &Watched| Watched { queues: BTreeMap::new(), ..doc.clone() };
        assert_eq!(without_queues(&doc), without_queues(&whole));
        doc.join(rest, &asked);
        assert_eq!(doc, whole);
    }

    #[test]
    fn rounds_and_gone_queues_are_kept_for_30_days() {
        let mut doc = one_of_each();
        let end = 30 * 86_400;
        for (second, is_kept) in [(end - 1, true), (end, false)] {
            round_lines(&mut doc, &policy(), "other", at(second), &[]);
            let kept = (doc.is_known("arn:gone"), doc.rounds.contains_key("all"));
            assert_eq!(kept, (is_kept, is_kept), "{second}");
        }
    }

    #[test]
    fn record_shows_its_queue_as_the_newest_survey_knows_it() {
        let (mut doc, before) = (Watched::default(), target("a", -1000));
        let mut after = before.clone();
        after.queue.sources = vec!["orders".into()];
        round(&mut doc, 0, &[polled(&before, 0, Ok(1))]);
        round(&mut doc, 30, &[polled(&after, 30, Ok(1))]);
        assert_eq!(doc.entry("arn:a").unwrap().queue.sources, ["orders"]);
    }

    #[test]
    fn sample_narrows_the_loss_in_standard_queues_only() {
        let standard = target("a", 0);
        let fifo = Queue { fifo: true, ..target("b.fifo", 0).queue };
        let fifo = DeadLetterQueue { queue: fifo, ..target("b.fifo", 0) };
        let mut doc = Watched::default();
        let readings = [polled(&standard, 10, Ok(2)), polled(&fifo, 10, Ok(2))];
        round(&mut doc, 10, &readings);
        for (name, sent_at) in [("arn:a", Some(at(-50))), ("arn:b.fifo", None), ("arn:quiet", None)]
        {
            doc.add_sample(name, at(-50));
            let record = doc.record(name);
            assert_eq!(record.and_then(|record| record.oldest_sent_at), sent_at, "{name}");
        }
    }

    #[test]
    fn ids_repeat_after_crash_between_journal_and_state() {
        let (mut doc, a) = (Watched::default(), target("a", -1000));
        round(&mut doc, 0, &[polled(&a, 0, Ok(0))]);
        let before = doc.clone();
        let first = round(&mut doc, 30, &[polled(&a, 30, Ok(3))]);
        let again = round(&mut before.clone(), 60, &[polled(&a, 60, Ok(4))]);
        assert_eq!(first, again);
        assert_eq!(first.len(), 1);
    }

    #[test]
    fn ids_of_next_incident_differ() {
        let (mut doc, a) = (Watched::default(), target("a", -1000));
        let mut ids = Vec::new();
        for (second, depth) in [(0, 3), (30, 0), (120, 0), (150, 2), (180, 0), (300, 0), (330, 1)] {
            ids.extend(round(&mut doc, second, &[polled(&a, second, Ok(depth))]));
        }
        let raises: Vec<_> = ids.iter().filter(|(kind, _)| *kind == Type::QueueRaised).collect();
        assert_eq!(raises.len(), 3);
        let mut unique: Vec<_> = ids.iter().map(|(_, id)| id).collect();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), ids.len());
    }

    #[test]
    fn ids_repeat_after_crash_whatever_else_was_polled() {
        let (quiet, dead) = (target("a", -1000), target("b", -1000));
        let all = Policy { all: true, ..policy() };
        let mut doc = Watched::default();
        round_lines(
            &mut doc,
            &all,
            "all",
            at(0),
            &[polled(&quiet, 0, Ok(0)), polled(&dead, 0, Ok(0))],
        );
        let raise = |rest: &[Polled<'_>]| {
            let polled = [rest, &[polled(&dead, 30, Ok(1))]].concat();
            let lines = round_lines(&mut doc.clone(), &all, "all", at(30), &polled);
            let raise = |line: &Vec<u8>| match peek(line.trim_ascii_end()) {
                Line::Event(head) if head.known == Some(Type::QueueRaised) => {
                    Some(head.id.into_owned())
                }
                _ => None,
            };
            lines.iter().find_map(raise)
        };
        assert_eq!(raise(&[]), raise(&[polled(&quiet, 30, Ok(0))]));
    }

    #[test]
    fn ids_do_not_repeat_after_document_was_moved_away() {
        let a = target("a", -1000);
        let raise = |second| round(&mut Watched::default(), second, &[polled(&a, second, Ok(1))]);
        assert_eq!(raise(6000), raise(6001), "a first run that crashes repeats its ids");
        assert_ne!(raise(6000), raise(6600));
    }

    /// An earlier document may have had many edges in its first ten minutes.
    #[test]
    fn ids_of_moved_document_do_not_repeat_however_many_there_were() {
        let a = target("a", -1000);
        let ids = |first: i64, rounds: u64| {
            let mut doc = Watched::default();
            let mut ids = BTreeSet::new();
            for (second, depth) in (first..).zip(1..=rounds) {
                let polled = [polled(&a, second, Ok(depth))];
                for line in round_lines(&mut doc, &policy(), "all", at(second), &polled) {
                    let Line::Event(head) = peek(line.trim_ascii_end()) else { panic!() };
                    ids.insert(head.id.into_owned());
                }
            }
            ids
        };
        let (earlier, later) = (ids(6000, 300), ids(6600, 300));
        assert!(earlier.len() > 300 && later.len() == earlier.len());
        assert!(earlier.is_disjoint(&later));
    }

    #[test]
    fn empty_time_needs_a_reading_in_that_round() {
        let [a, b, c] = [target("a", -1000), target("b", -1000), target("c", 10)];
        let mut doc = Watched::default();
        round(&mut doc, 0, &[polled(&a, 0, Ok(0)), polled(&b, 0, Err(ReadError::Denied))]);
        assert_eq!(doc.entries().count(), 1, "the quiet one has no record");
        let both = [polled(&a, 30, Ok(2)), polled(&b, 30, Ok(2))];
        round_lines(&mut doc, &policy(), "all", at(30), &both);
        let cohort = |arn: &str| doc.queues[arn].record.cohorts[0].after;
        assert_eq!(cohort("arn:a"), Some(at(0)));
        assert_eq!(cohort("arn:b"), None, "it was not read then");
        let late = polled(&c, 60, Ok(1));
        let mut other = Watched::default();
        round_lines(&mut other, &policy(), "all", at(5), &[]);
        round_lines(&mut other, &policy(), "all", at(60), &[late]);
        assert_eq!(
            other.queues["arn:c"].record.cohorts[0].after, None,
            "it was found after the round"
        );
    }

    /// A queue may come into a shard of another number, which was never polled, or long ago.
    #[test]
    fn empty_time_of_a_moved_queue_is_that_of_its_new_selection() {
        let a = target("a", -1000);
        let mut doc = Watched::default();
        let mut poll = |selection: &str, second: i64, depth: u64| {
            let reading = [polled(&a, second, Ok(depth))];
            let lines = round_lines(&mut doc, &policy(), selection, at(second), &reading);
            let record = doc.record("arn:a");
            (lines.len(), record.and_then(|record| Some(record.cohorts.first()?.after)))
        };
        assert_eq!(poll("1/2", 0, 0), (0, None));
        assert_eq!(poll("1/3", 1000, 0), (0, None));
        // The queue went to a new selection with messages: nobody knows since when.
        assert_eq!(poll("1/4", 2000, 3), (2, Some(None)));
        assert_eq!(poll("1/2", 2030, 0).0, 1);
        assert_eq!(poll("1/2", 2130, 0), (1, None), "cleared by a shard that had not raised it");
        // The last round of that selection is older than the last emptiness, which is no error.
        assert_eq!(poll("1/3", 3000, 1), (2, Some(Some(at(1000)))));
    }

    /// A queue that was not read in a round was not seen empty in it.
    #[test]
    fn empty_time_is_that_of_the_last_round_that_read_the_part() {
        let all: Vec<_> = (0..40).map(|n| target(&format!("q{n}"), -7200)).collect();
        let interval = Duration::from_secs(30);
        let mut doc = Watched::default();
        round(&mut doc, 0, &all.iter().map(|one| polled(one, 0, Ok(0))).collect::<Vec<_>>());
        let mut read_at = BTreeMap::new();
        for second in (30..=240).step_by(30) {
            let turn = doc.turn("all", interval, at(second));
            assert_eq!(turn.due_parts().count(), 1, "{second}");
            let is_due = |one: &&DeadLetterQueue| {
                assert!(doc.is_quiet("all", &turn, one, at(second)));
                turn.is_due(&one.queue.arn)
            };
            let due: Vec<_> = all.iter().filter(is_due).collect();
            read_at.extend(due.iter().map(|one| (&one.queue.arn, at(second))));
            let read: Vec<_> = due.iter().map(|one| polled(one, second, Ok(0))).collect();
            let selection = ("all", &turn);
            doc.apply_round(&policy(), selection, at(second), &read, &mut |_, _| {});
        }
        let turn = doc.turn("all", interval, at(270));
        for one in &all {
            let last = read_at.get(&one.queue.arn).copied().unwrap_or(at(0));
            assert_eq!(doc.empty_at("all", &turn, one), Some(last), "{}", one.queue.arn);
        }
        assert!(read_at.len() > 20 && read_at.len() < 40, "{}", read_at.len());
        assert_eq!(doc.entries().count(), 0, "quiet queues have no record");
        let raised = [polled(&all[0], 270, Ok(1))];
        doc.apply_round(&policy(), ("all", &turn), at(270), &raised, &mut |_, _| {});
        assert!(!doc.is_quiet("all", &turn, &all[0], at(300)));
    }

    #[test]
    fn gone_queue_is_reported_once_until_it_returns() {
        let (mut doc, a) = (Watched::default(), target("a", -1000));
        let gone =
            |second| Polled { unlisted: true, ..polled(&a, second, Err(ReadError::Missing)) };
        let counts = [polled(&a, 0, Ok(1)), gone(30), gone(60), polled(&a, 90, Ok(0)), gone(120)]
            .map(|one| round(&mut doc, one.reading.at.millis() / 1000, &[one]).len());
        assert_eq!(counts, [1, 1, 0, 0, 1]);
    }

    #[test]
    fn queue_found_after_round_began_was_not_read_in_it() {
        let (early, late) = (target("a", 30), target("b", 31));
        let mut doc = Watched::default();
        round_lines(&mut doc, &policy(), "all", at(30), &[]);
        let whole = Turn::whole();
        assert_eq!(doc.empty_at("all", &whole, &early), Some(at(30)));
        assert_eq!(doc.empty_at("all", &whole, &late), None);
    }

    #[test]
    fn scope_failure_is_reported_once_for_each_reason() {
        let mut doc = Watched::default();
        let failure = |reason: Option<&str>| {
            let (region, part) = (Some("r".into()), FailedPart::List);
            [ScopeFailure { account: None, region, part, reason: reason.map(str::to_owned) }]
        };
        let counts = [Some("a"), Some("a"), Some("b"), None, Some("b")].map(|reason| {
            let mut lines = 0;
            doc.apply_failures(&failure(reason), "r", at(0), &mut |_, _| lines += 1);
            lines
        });
        assert_eq!(counts, [1, 0, 1, 0, 1]);
    }

    #[test]
    fn failure_that_lasts_is_reported_every_12_hours_with_another_id() {
        let (mut doc, half_a_day) = (Watched::default(), 12 * 3600);
        let (region, part) = (Some("r".to_owned()), FailedPart::List);
        let failure = [ScopeFailure { account: None, region, part, reason: Some("denied".into()) }];
        let mut ids = BTreeMap::new();
        let moments = [0, 30, half_a_day - 1, half_a_day, half_a_day + 30, 2 * half_a_day];
        let told = moments.map(|second| {
            let mut lines = 0;
            doc.apply_failures(&failure, "r", at(second), &mut |line, _| {
                let failed = crate::event::read::<PollFailed>(line).unwrap();
                assert_eq!(failed.data.asked.as_deref(), Some("r"));
                let crate::event::Line::Event(head) = crate::event::peek(line) else { panic!() };
                ids.insert(head.id.to_string(), ());
                lines += 1;
            });
            lines
        });
        assert_eq!(told, [1, 0, 0, 1, 0, 1]);
        assert_eq!(ids.len(), 3);
        // One of an earlier version counts from now, one of the future from now, too.
        doc.failures.values_mut().for_each(|known| known.told_at = None);
        let mut lines = 0;
        doc.apply_failures(&failure, "r", at(9 * half_a_day), &mut |_, _| lines += 1);
        doc.apply_failures(&failure, "r", at(0), &mut |_, _| lines += 1);
        doc.apply_failures(&failure, "r", at(half_a_day), &mut |_, _| lines += 1);
        assert_eq!(lines, 1);
    }

    /// A run that crashes before it records its failures tells them once more, with the same id.
    #[test]
    fn failures_of_one_selection_in_one_period_have_one_id() {
        let line = |asked: &str, second: i64| {
            let (region, part) = (Some("r".to_owned()), FailedPart::List);
            let failure =
                [ScopeFailure { account: None, region, part, reason: Some("denied".into()) }];
            let mut found = Vec::new();
            let mut doc = Watched::default();
            doc.apply_failures(&failure, asked, at(second), &mut |line, _| found = line.to_vec());
            let crate::event::Line::Event(head) = crate::event::peek(&found) else { panic!() };
            head.id.to_string()
        };
        assert_ne!(line("r", 0), line("r, s", 0));
        assert_eq!(line("r", 0), line("r", 599));
        assert_ne!(line("r", 0), line("r", 600));
    }

    #[test]
    fn failures_are_kept_for_30_days_and_at_most_1000() {
        let mut doc = Watched::default();
        let day = |days: i64| at(days * 86_400);
        let mut apply = |name: &str, now: Timestamp| {
            let mut lines = 0;
            doc.apply_failures(&[failure(name)], "r", now, &mut |_, _| lines += 1);
            (lines, doc.failures.len())
        };
        assert_eq!(apply("typo", day(0)), (1, 1));
        assert_eq!(apply("lasting", day(20)), (1, 2));
        assert_eq!(apply("lasting", day(30)), (1, 1), "the last round with a typo is long ago");
        for n in 0..2 * FAILURES_MAX {
            let (_, kept) = apply(&format!("job-{n}"), day(59));
            assert_eq!(kept, FAILURES_MAX.min(n + 2));
        }
        assert_eq!(doc.failures(), 1000);
        assert!(!doc.failures.contains_key(&failure("lasting").key()), "the oldest is dropped");
    }

    #[test]
    fn each_part_of_a_scope_fails_by_itself() {
        let list = ScopeFailure { part: FailedPart::List, ..failure("a") };
        let policies = ScopeFailure { part: FailedPart::RedrivePolicies, ..failure("a") };
        let account = ScopeFailure { account: Some("prod".into()), ..list.clone() };
        let region = ScopeFailure { region: Some("s".into()), ..list.clone() };
        let all = [list, policies, account, region, failure("a"), failure("b")];
        let mut doc = Watched::default();
        let mut lines = 0;
        doc.apply_failures(&all, "r", at(0), &mut |_, _| lines += 1);
        assert_eq!((lines, doc.failures()), (6, 6));
        let works = ScopeFailure { reason: None, ..failure("a") };
        doc.apply_failures(&[works], "r", at(30), &mut |_, _| lines += 1);
        assert_eq!((lines, doc.failures()), (6, 5));
    }

    #[test]
    fn failure_without_a_time_is_read() {
        let old = r#"{"floor":0,"rounds":{},"failures":{"x":"denied"},"queues":{}}"#;
        let read: Watched = serde_json::from_str(old).unwrap();
        assert_eq!(
            read.failures["x"],
            KnownFailure { reason: "denied".into(), at: at(0), told_at: None }
        );
    }

    #[test]
    fn failures_of_one_reason_are_one_warning() {
        let all: Vec<DeadLetterQueue> = (0..5).map(|n| target(&format!("q{n}"), 0)).collect();
        let mut misses: Vec<Polled<'_>> =
            all.iter().map(|t| polled(t, 1, Err(ReadError::TimedOut))).collect();
        misses.push(polled(&all[0], 1, Err(ReadError::Denied)));
        let warnings = read_warnings(&misses, &Watched::default(), true);
        let expected = [
            "cannot read queue 'q0': access denied",
            "cannot read 5 queues ('q0', 'q1', 'q2', …): no answer in time",
        ];
        assert_eq!(warnings, expected);
    }

    #[test]
    fn warning_of_a_queue_ends_once_an_event_has_told_it() {
        let a = target("a", -1000);
        let mut doc = Watched::default();
        let miss = |second| polled(&a, second, Err(ReadError::Denied));
        // The second miss is an event. Each run of cron says it; a run that repeats says no more.
        for (second, is_said) in [(0, true), (30, true), (60, false), (90, false)] {
            round(&mut doc, second, &[miss(second)]);
            let warnings = |only_new| read_warnings(&[miss(second)], &doc, only_new).len();
            assert_eq!((warnings(true) == 1, warnings(false)), (is_said, 1), "{second}");
        }
        let gone = Polled { unlisted: true, ..polled(&a, 120, Err(ReadError::Missing)) };
        assert_eq!(read_warnings(&[gone], &doc, false), Vec::<String>::new(), "an event tells it");
    }
}
