//! Making a plan: a sweep that takes nothing.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::look_up::MoveSource;
use super::plan_file::PlanFile;
use super::{RedriveRequest, Redriver, not_found, route};
use crate::clock;
use crate::edge::move_record::{is_for_a_person, tell_person};
use crate::edge::stop_signals::StopSignals;
use crate::edge::sweep::{BatchFate, Fate, SweepEnd, SweepLimits, SweepTarget, sweep};
use crate::error::Error;
use crate::event::{self, Destination, Event, RedrivePlanned};
use crate::log;
use crate::rules::evidence::message::Message;
use crate::rules::evidence::{decode, fingerprint};
use crate::rules::redrive::dedup_id;
use crate::rules::redrive::destination;
use crate::rules::redrive::plan::{PlanEnd, PlanHead, PlannedMessage, VERSION};
use crate::rules::redrive::purge::{self, SeenMessages};
use crate::rules::redrive::selection::{LeftOut, sent_at};
use crate::rules::redrive::sweep as sweep_cost;
use crate::text;
use crate::time::Timestamp;
use crate::wire::Output;

/// The time between two readings of a depth that lags.
const UNSEEN_PAUSE: Duration = Duration::from_millis(500);

/// A plan as it is printed.
struct PlanWriter<'a> {
    out: &'a mut Output,
    hash: Sha256,
    messages: u64,
    destinations: BTreeMap<String, u64>,
    /// The messages that are selected and cannot move, by reason.
    left_out: BTreeMap<String, u64>,
    /// The named messages that were seen.
    named: HashSet<String>,
}

impl PlanWriter<'_> {
    fn line(&mut self, value: &impl serde::Serialize) -> Result<(), Error> {
        let mut line = serde_json::to_vec(value).unwrap_or_default();
        line.push(b'\n');
        self.hash.update(&line);
        self.out.put(&line[..line.len() - 1])
    }
}

impl Redriver {
    /// Prints the plan of a redrive. All messages are put back. Returns whether a part failed.
    pub fn plan(
        &self,
        queue: &str,
        request: &RedriveRequest,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let mut request = request.clone();
        if !request.force {
            request.selection.blocked = self.blocked()?.into_iter().collect();
        }
        let mut source = self.source(queue, &request)?;
        source.refuse_live()?;
        self.add_sampled(&source, &mut request);
        if self.dry_run {
            return self.foresee(&source, None, &request, out);
        }
        let _lock = self.lock(&mut source)?;
        let now = clock::now();
        let mut writer = PlanWriter {
            out,
            hash: Sha256::new(),
            messages: 0,
            destinations: BTreeMap::new(),
            left_out: BTreeMap::new(),
            named: HashSet::new(),
        };
        writer.line(&PlanHead {
            plan: VERSION,
            queue: source.target.queue.clone(),
            at: now,
            incident: source.target.incident.clone(),
            selection: request.selection_words.join(" "),
        })?;
        let (receives, seen, duration, is_whole) =
            self.sweep_into(&source, &request, &mut writer)?;
        writer.line(&PlanEnd { messages: writer.messages, seen })?;
        writer.out.flush()?;
        for (why, count) in &writer.left_out {
            log::warn(&format!("{} not planned: {why}", text::count(*count, "message")));
        }
        let is_bounded = request.limit.is_some_and(|limit| writer.messages >= limit);
        let has_any = writer.messages > 0 || !writer.left_out.is_empty();
        let is_seen = |id: &str| writer.named.contains(id);
        let name = &source.target.queue.name;
        let is_short = !is_bounded && not_found::tell(name, &request.selection, has_any, is_seen);
        let failed = !writer.left_out.is_empty() || !is_whole || is_short;
        let hash: String =
            writer.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let data = RedrivePlanned {
            queue: source.target.queue.clone(),
            plan: Some(hash),
            messages: writer.messages,
            destinations: shown(writer.destinations),
            receives,
            duration_s: duration.as_secs(),
            reason: request.reason.clone(),
        };
        self.journal.append(&planned_line(&source, now, data))?;
        Ok(failed)
    }

    fn sweep_into(
        &self,
        source: &MoveSource,
        request: &RedriveRequest,
        writer: &mut PlanWriter<'_>,
    ) -> Result<(u64, u64, Duration, bool), Error> {
        let queue = &source.target.queue;
        let depth = source.attributes.counts.depth();
        let mut cost = sweep_cost::cost(depth, queue.fifo, 1);
        cost.hold = request.hold.unwrap_or(cost.hold);
        log::tell(&cost.sentence(&queue.name, depth));
        let signals = StopSignals::listening()?;
        let is_ending = || signals.is_ending();
        let limits = SweepLimits::of_cost(cost, &is_ending);
        let target = SweepTarget { scope: source.target.scope, url: &queue.url, name: &queue.name };
        let now = self.sqs().now(source.target.scope);
        let mut late = 0;
        let outcome = sweep(self.sqs(), target, &limits, &mut |batch| {
            for received in batch {
                late += u64::from(purge::has_come_after(&received.message, now));
                if request.limit.is_none_or(|limit| writer.messages < limit) {
                    self.plan_message(source, request, &received.message, now, writer)?;
                }
            }
            let is_enough = request.limit.is_some_and(|limit| writer.messages >= limit);
            Ok(BatchFate { fates: vec![Fate::Held; batch.len()], is_enough })
        })?;
        signals.end();
        let is_whole = match outcome.end {
            SweepEnd::Enough => true,
            SweepEnd::Empty => {
                let seen = SeenMessages { all: outcome.seen, late };
                self.tell_unseen(source, seen)?
            }
            SweepEnd::Failed(error) => {
                return Err(Error::failed("receive from queue", &queue.name, error));
            }
            SweepEnd::Deadline | SweepEnd::InFlight | SweepEnd::Stopped => {
                log::warn(&format!(
                    "not all messages of queue '{}' could be looked at: too many are held for too long",
                    queue.name
                ));
                false
            }
        };
        Ok((outcome.receives, outcome.seen, outcome.duration, is_whole))
    }

    /// Warns of messages that the sweep of a plan has not received. Returns whether there are none. Counts
    /// of SQS lag, so that a number is believed when it stays.
    fn tell_unseen(&self, source: &MoveSource, seen: SeenMessages) -> Result<bool, Error> {
        let (queue, before) = (&source.target.queue, source.attributes.counts);
        let mut why = String::new();
        for _ in 0..sweep_cost::UNSEEN_READINGS {
            let after = route::read(self.sqs(), source.target.scope, &queue.url);
            let after = after.map_err(|error| Error::failed("read queue", &queue.name, error))?;
            let Some((_, reason)) = purge::unseen(seen, before, Some(after.counts), queue.fifo)
            else {
                return Ok(true);
            };
            let (had, has) = (before.depth(), after.counts.depth());
            if sweep_cost::unseen(had, seen.all - seen.late, has, seen.all) == 0 {
                return Ok(true);
            }
            why = reason;
            self.sqs().wait_until(clock::tick() + UNSEEN_PAUSE);
        }
        log::warn(&format!("the plan of queue '{}' is not whole: {why}", queue.name));
        Ok(false)
    }

    fn plan_message(
        &self,
        source: &MoveSource,
        request: &RedriveRequest,
        message: &Message,
        now: Timestamp,
        writer: &mut PlanWriter<'_>,
    ) -> Result<(), Error> {
        let fingerprint = fingerprint::compute(&decode::decode(message)).id;
        if request.selection.ids.contains(&message.id) {
            writer.named.insert(message.id.clone());
        }
        let mut leave = |why: String| *writer.left_out.entry(why).or_default() += 1;
        match request.selection.judge(message, &fingerprint, now) {
            Ok(()) => {}
            Err(LeftOut::NotSelected) => return Ok(()),
            Err(LeftOut::Blocked) => {
                leave(format!(
                    "a verdict advises against the redrive of {fingerprint}, or cannot be read"
                ));
                return Ok(());
            }
        }
        let to = match source.destinations.judge(destination::origin(message), None) {
            Ok(to) => to,
            Err(why) => {
                leave(why.to_string());
                return Ok(());
            }
        };
        *writer.destinations.entry(to.clone()).or_default() += 1;
        writer.messages += 1;
        writer.line(&PlannedMessage {
            id: message.id.clone(),
            to,
            fingerprint,
            sent_at: sent_at(message),
            group: dedup_id::group(message).map(str::to_owned),
        })
    }

    /// Prints what a move would receive and how long that would take; receives nothing.
    pub(super) fn foresee(
        &self,
        source: &MoveSource,
        plan: Option<&PlanFile>,
        request: &RedriveRequest,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let depth = source.attributes.counts.depth();
        let cost = sweep_cost::cost(depth, source.target.queue.fifo, 1);
        let (mut destinations, mut refused) =
            (BTreeMap::<String, u64>::new(), BTreeMap::<String, u64>::new());
        for index in plan.iter().flat_map(|plan| plan.planned.ids.values()) {
            let planned = plan.and_then(|plan| plan.planned.arns.get(*index as usize));
            // The origin of a message is known when it is received; before that, where its queue has others.
            match source.destinations.foresee(planned.map(String::as_str)) {
                Ok(arn) => *destinations.entry(arn).or_default() += 1,
                Err(why) => *refused.entry(why.to_string()).or_default() += 1,
            }
        }
        for (why, count) in &refused {
            log::warn(&format!("{} of the plan refused: {why}", text::count(*count, "message")));
        }
        let refusals: u64 = refused.values().sum();
        let messages = plan.map_or(depth, |plan| plan.planned.ids.len() as u64 - refusals);
        let data = RedrivePlanned {
            queue: source.target.queue.clone(),
            plan: plan.map(|plan| plan.hash.clone()),
            messages: request.limit.map_or(messages, |limit| limit.min(messages)),
            destinations: shown(destinations),
            receives: cost.receives,
            duration_s: cost.duration.as_secs(),
            reason: request.reason.clone(),
        };
        if is_for_a_person() {
            let name = &source.target.queue.name;
            let most = text::count(data.messages, "message");
            tell_person(&format!("at most {most} would move; {}", cost.sentence(name, depth)));
            return Ok(refusals > 0);
        }
        out.line(&planned_line(source, clock::now(), data))?;
        Ok(refusals > 0)
    }
}

fn planned_line(source: &MoveSource, now: Timestamp, data: RedrivePlanned) -> Vec<u8> {
    let id = event::fresh_id(now, &source.target.queue.arn);
    let event = Event::new(id, &source.target.queue.name, now, data);
    event.of_incident(source.target.incident.clone()).line()
}

fn shown(destinations: BTreeMap<String, u64>) -> Vec<Destination> {
    destinations.into_iter().map(|(arn, count)| Destination { arn, count }).collect()
}
