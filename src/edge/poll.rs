//! One round of polling: who is there, how deep they are, what to tell.
//!
//! Queues are sampled without a lock. Then ONE update of `queues.json` takes the samples in and
//! adds what is to be told to the journal, so that overlapping runs tell each edge once; only when
//! that is on disk does the caller print it. The decisions are in rules/.

mod find;
mod round_lines;
mod scopes;
mod show;

pub use round_lines::RoundLines;
pub use scopes::{limits, narrow, scopes};
pub use show::show;

use find::target;

use std::cell::RefCell;
use std::time::Duration;

use crate::clock;
use crate::document::Keys;
use crate::edge::aws::{Sqs, Want};
use crate::error::Error;
use crate::event::{self, Event, PollFinished};
use crate::glob::GlobList;
use crate::journal::Journal;
use crate::log;
use crate::rules::queue::discovery_cache::DiscoveryDoc;
use crate::rules::queue::document;
use crate::rules::queue::document::{Failure, Polled, SOURCE, Say, Target, Watched};
use crate::rules::queue::loss::MoveTask;
use crate::rules::queue::monitor::Policy;
use crate::rules::queue::reading::{Miss, Reading};
use crate::rules::queue::redrive_graph;
use crate::rules::queue::redrive_graph::{Discover, Known, Selection};
use crate::store::Store;
use crate::text;
use crate::time::Timestamp;

/// What is polled, and how.
#[derive(Debug, Clone)]
pub struct Wants {
    /// Queues that were named: no others then, and no discovery.
    pub given: Vec<String>,
    /// Which of those that are found.
    pub selection: Selection,
    /// By which signs they are found.
    pub discover: Discover,
    /// Name patterns instead of the built-in ones.
    pub patterns: Option<GlobList>,
    /// How long what was found is taken for granted.
    pub ttl: Duration,
    /// Look first, whatever the cache says.
    pub refresh: bool,
    /// How often rounds are made: for the price of a month.
    pub interval: Duration,
    /// Whether rounds follow: a survey may then be made between them.
    pub follow: bool,
    /// Nothing is written.
    pub dry_run: bool,
}

/// What a round has brought.
#[derive(Debug, Default)]
pub struct Round {
    /// The lines to print about queues that were found, then those of the round.
    pub lines: [RoundLines; 2],
    /// Something could not be read; it has been said.
    pub missed: bool,
    /// So many of the queues have an open incident.
    pub raised: u64,
}

/// Polls, round after round.
pub struct Poller {
    sqs: Sqs,
    wants: Wants,
    policy: Policy,
    store: Store,
    journal: Journal,
    /// What tells this selection of queues from others.
    key: String,
    /// In a dry run: the documents as they would be.
    dry: Option<RefCell<(Watched, DiscoveryDoc)>>,
    targets: Vec<Target>,
    /// When the targets were found; the oldest, of several scopes.
    looked_at: Option<Timestamp>,
    /// The requests that looking for queues took, when it was last done.
    look_calls: u64,
    round: u64,
}

/// What discovery has brought, when it was made.
#[derive(Default)]
struct Found {
    lines: RoundLines,
    failures: Vec<Failure>,
    /// No longer listed, or no longer a DLQ: read one last time.
    leaving: Vec<Known>,
}

impl Poller {
    /// Opens the state; nothing is asked yet.
    pub fn open(
        sqs: Sqs,
        wants: Wants,
        policy: Policy,
        store: &Store,
        journal: Journal,
    ) -> Result<Self, Error> {
        // Read also when nothing is needed, so that a corrupt file fails before any call of AWS.
        let keys = if wants.dry_run { Keys::all() } else { Keys::none() };
        let documents = (store.read(&keys)?, store.read(&keys)?);
        let dry = wants.dry_run.then(|| RefCell::new(documents));
        let mut parts: Vec<String> = wants.given.clone();
        for list in [&wants.selection.matching, &wants.selection.exclude] {
            parts.push(list.patterns().join(","));
        }
        for scope in 0..sqs.scopes() {
            let key = sqs.key(scope, wants.discover, wants.patterns.as_ref());
            parts.push(serde_json::to_string(&key).unwrap_or_default());
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let key = event::derived_id(&parts);
        Ok(Poller {
            sqs,
            wants,
            policy,
            store: store.clone(),
            journal,
            key,
            dry,
            targets: Vec::new(),
            looked_at: None,
            look_calls: 0,
            round: 0,
        })
    }

    /// Waits, while a survey in the background goes on.
    pub fn wait_until(&self, moment: std::time::Instant) {
        self.sqs.wait_until(moment);
    }

    /// Makes a round.
    pub fn round(&mut self) -> Result<Round, Error> {
        let (begun, started, calls) = (clock::now(), clock::tick(), self.sqs.api_calls());
        self.round += 1;
        let mut missed = false;
        let found = if self.wants.given.is_empty() { self.discover()? } else { Found::default() };
        if self.wants.given.is_empty() {
            missed |= found.failures.iter().any(|failure| failure.reason.is_some());
        } else {
            missed |= !self.resolve(begun);
        }
        let looked = self.sqs.api_calls() - calls;
        self.look_calls = if looked > 0 { looked } else { self.look_calls };
        let mut targets = std::mem::take(&mut self.targets);
        let stay = targets.len();
        targets.extend(found.leaving.iter().map(target));
        self.add_unquiet(&mut targets)?;
        if targets.is_empty() && !missed && self.round == 1 {
            let regions: Vec<&str> = (0..self.sqs.scopes()).map(|at| self.sqs.region(at)).collect();
            log::warn(&format!("no dead-letter queue was found in '{}'", regions.join("', '")));
        }
        // After looking, so that what was found just now counts as read in this round.
        let sampled = clock::now();
        let polled = self.poll(&targets)?;
        let finished = PollFinished {
            round: self.round,
            queues: targets.len() as u64,
            unreadable: polled
                .iter()
                .filter(|one| one.reading.result.is_err() && !one.unlisted)
                .count() as u64,
            unlisted: found.failures.iter().filter(|failure| failure.reason.is_some()).count()
                as u64,
            raised: 0,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            api_calls: self.sqs.api_calls() - calls,
            usd_month: self.usd_month(self.sqs.api_calls() - calls - looked),
        };
        missed |= finished.unreadable > 0;
        log::info(&format!(
            "round {}: {} in {}ms, {}",
            self.round,
            text::count(finished.queues, "queue"),
            finished.duration_ms,
            text::count(finished.api_calls, "request"),
        ));
        let (lines, raised) = self.take(found, &polled, finished, sampled)?;
        drop(polled);
        targets.truncate(stay);
        self.targets = targets;
        Ok(Round { lines, missed, raised })
    }

    /// What a month costs: rounds as often as configured, and looking for queues now and then.
    fn usd_month(&self, round_calls: u64) -> Option<f64> {
        let rounds = document::usd_month(round_calls, self.wants.interval)?;
        let looks = document::usd_month(self.look_calls, self.wants.ttl)?;
        Some(((rounds + looks) * 1e4).round() / 1e4)
    }

    /// Takes the round in, and tells it to the journal, in one update.
    fn take(
        &self,
        found: Found,
        polled: &[Polled<'_>],
        mut finished: PollFinished,
        sampled: Timestamp,
    ) -> Result<([RoundLines; 2], u64), Error> {
        let keys = Watched::keys_of_round(polled.iter().map(|one| one.target.queue.arn.as_str()));
        let change = |doc: &mut Watched| {
            let mut lines = RoundLines::default();
            for say in doc.take_failures(&found.failures, sampled) {
                lines.push(&say.line, say.news);
            }
            let mut say = |say: Say| lines.push(&say.line, say.news);
            doc.take(&self.policy, &self.key, sampled, polled, &mut say);
            finished.raised = doc.raised(polled.iter().map(|one| one.target.queue.arn.as_str()));
            let raised = finished.raised;
            let now = clock::now();
            let id = event::fresh_id(now, &format!("{} {}", std::process::id(), self.round));
            lines.push(&Event::new(SOURCE, id, "", now, finished).line(), true);
            if !self.wants.dry_run {
                self.journal.append_with(|out| lines.write_news(out))?;
            }
            for sentence in document::complaints(polled, doc, self.wants.follow) {
                log::warn(&sentence);
            }
            // The lines about queues that were found are in the journal already.
            Ok(([found.lines, lines], raised))
        };
        match &self.dry {
            Some(dry) => change(&mut dry.borrow_mut().0),
            None => self.store.update(&keys, change),
        }
    }

    /// Reads every target; asks again where an answer is missing that the rules need.
    fn poll<'a>(&self, targets: &'a [Target]) -> Result<Vec<Polled<'a>>, Error> {
        let readings = {
            let asked: Vec<_> = targets.iter().map(|t| (t.scope, t.queue.url.clone())).collect();
            self.sqs.read(&asked, Want::Counts)
        };
        let missing = |at: usize| readings[at].result == Err(Miss::Missing);
        let mut scopes: Vec<usize> =
            (0..targets.len()).filter(|at| missing(*at)).map(|at| targets[at].scope).collect();
        scopes.sort_unstable();
        scopes.dedup();
        let listed: Vec<(usize, Result<Vec<String>, Miss>)> =
            scopes.into_iter().map(|scope| (scope, self.sqs.list(scope, None))).collect();
        let unlisted = |target: &Target| {
            let list = listed.iter().find(|(scope, _)| *scope == target.scope);
            let Some((scope, Ok(urls))) = list else { return false };
            redrive_graph::is_unlisted(
                &target.queue,
                target.found_at.is_none(),
                urls,
                self.sqs.region(*scope),
            )
        };
        let keys = Watched::keys_of_round(targets.iter().map(|one| one.queue.arn.as_str()));
        self.with_watched(&keys, |doc| {
            let polled = targets.iter().zip(readings).map(|(target, reading)| Polled {
                unlisted: reading.result == Err(Miss::Missing)
                    && (target.found_at.is_some() || doc.knows(&target.queue.arn))
                    && unlisted(target),
                tasks: self.tasks(doc, target, &reading),
                target,
                reading,
            });
            polled.collect()
        })
    }

    fn tasks(
        &self,
        doc: &Watched,
        target: &Target,
        reading: &Reading,
    ) -> Option<Result<Vec<MoveTask>, Miss>> {
        if !doc.asks_for_tasks(&self.policy, &target.queue.arn, reading) {
            return None;
        }
        Some(self.sqs.move_tasks(target.scope, &target.queue.arn))
    }

    /// Reads the records that `keys` names; in a dry run `see` gets all of them.
    fn with_watched<R>(
        &self,
        keys: &Keys<'_>,
        see: impl FnOnce(&Watched) -> R,
    ) -> Result<R, Error> {
        match &self.dry {
            Some(dry) => Ok(see(&dry.borrow().0)),
            None => self.store.read(keys).map(|doc| see(&doc)),
        }
    }
}
