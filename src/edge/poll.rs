//! A round of polling: find the queues, read their depth, report changes.
//!
//! Queues are read without a lock. Then one update of `queues.json` applies the readings and
//! appends the events to the journal, so that overlapping runs report each edge once. The caller
//! prints the lines only after both are on disk. The decisions are in rules/.

mod discover;
mod given;
mod options;
mod own_moves;
mod quiet;
mod round_lines;
mod show;

pub use options::{RunOptions, named_patterns};
pub use show::show;

use discover::{Discovered, Unseen};
use given::GivenQueue;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::clock;
use crate::config::Monitoring;
use crate::document::Keys;
use crate::edge::aws::Sqs;
use crate::error::Error;
use crate::event::{self, Event, PollFinished};
use crate::journal::Journal;
use crate::log;
use crate::money::Usd;
use crate::rules::queue::adaptive::Turn;
use crate::rules::queue::asked;
use crate::rules::queue::cost;
use crate::rules::queue::discovery_cache::{CacheEntry, DiscoveryDoc};
use crate::rules::queue::document;
use crate::rules::queue::document::{ScopeFailure, Watched};
use crate::rules::queue::monitor::{Policy, Polled, asks_for_moves, asks_for_tasks};
use crate::rules::queue::reading::{Backlog, ReadError, Reading};
use crate::rules::queue::redrive_graph::{self, DeadLetterQueue};
use crate::rules::queue::schedule;
use crate::rules::queue::unmatched_pattern;
use crate::store::Store;
use crate::text;
use crate::time::Timestamp;
use crate::wire::Output;
use round_lines::RoundLines;

/// The result of one round.
#[derive(Debug, Default)]
struct Round {
    lines: RoundLines,
    /// Whether a queue or scope could not be read. A warning has named it.
    incomplete: bool,
    /// The number of polled queues that have an open incident.
    raised: u64,
}

/// Polls round after round.
pub struct Poller {
    sqs: Sqs,
    monitoring: Monitoring,
    run: RunOptions,
    policy: Policy,
    store: Store,
    journal: Journal,
    /// Identifies this selection of queues in `queues.json`.
    key: String,
    /// The accounts and regions, or the queues, that the rounds are to ask, in their events.
    asked: String,
    /// The documents as a dry run would leave them.
    dry: Option<RefCell<(Watched, DiscoveryDoc)>>,
    /// The queues that the run was given, instead of those of discovery.
    given: Vec<GivenQueue>,
    targets: Vec<DeadLetterQueue>,
    /// The cache entry of each scope without its queues; empty before the first round.
    entries: Vec<Option<CacheEntry>>,
    /// The lines of the last discovery, in the journal and not yet printed.
    found: RoundLines,
    /// The warnings of the last round about what it could not see.
    warned: BTreeSet<String>,
    /// The number of requests of the last discovery.
    discovery_calls: u64,
    round: u64,
}

impl Poller {
    /// Opens the state; sends no request.
    pub fn open(
        sqs: Sqs,
        mut monitoring: Monitoring,
        run: RunOptions,
        store: Store,
        journal: Journal,
    ) -> Result<Self, Error> {
        // Read the state even without a dry run, so that a corrupt file fails before any request.
        let keys = if run.dry_run { Keys::all() } else { Keys::none() };
        let documents = (store.read(&keys)?, store.read(&keys)?);
        let dry = run.dry_run.then(|| RefCell::new(documents));
        let scopes = (0..sqs.scopes()).map(|at| (sqs.account(at), sqs.region(at)));
        if !run.queues.is_empty() {
            // A queue that is named is polled, whatever its shard.
            monitoring.shard = None;
        }
        let asked = asked::text(scopes, &run.queues, monitoring.shard);
        let key = selection_key(&sqs, &monitoring, &run);
        let given = run.queues.iter().map(|text| GivenQueue::new(text, &sqs));
        Ok(Poller {
            given: given.collect::<Result<_, _>>()?,
            sqs,
            policy: run.policy(&monitoring),
            monitoring,
            run,
            store,
            journal,
            key,
            asked,
            dry,
            targets: Vec::new(),
            entries: Vec::new(),
            found: RoundLines::default(),
            warned: BTreeSet::new(),
            discovery_calls: 0,
            round: 0,
        })
    }

    /// Makes all rounds of the run and prints their lines. Returns whether the last one failed: a
    /// queue could not be read, or, with `check`, an incident is open.
    pub fn rounds(mut self) -> Result<bool, Error> {
        let (begun, salt) = (clock::tick(), u64::from(std::process::id()));
        let (mut out, mut tick) = (Output::new(), 0);
        let rounds = self.run.rounds.unwrap_or(if self.run.follow { u64::MAX } else { 1 });
        for number in 1..=rounds {
            let round = self.round();
            // Also when the round has failed: the cache holds what was found, so that no later run
            // reports it.
            let printed = std::mem::take(&mut self.found).each(&mut |line| out.line(line));
            let mut round = round?;
            printed?;
            round.lines.each(&mut |line| out.line(line))?;
            if number == rounds {
                return Ok(round.incomplete || (self.run.check && round.raised > 0));
            }
            let (next, moment) =
                schedule::next_tick(tick, self.monitoring.check_interval, begun.elapsed(), salt);
            tick = next;
            self.sqs.wait_until(begun + moment);
        }
        Ok(false)
    }

    fn round(&mut self) -> Result<Round, Error> {
        let (begun, earlier_calls) = (clock::tick(), self.sqs.api_calls());
        self.round += 1;
        let mut unseen = Unseen::default();
        let mut discovered = Discovered::default();
        if self.given.is_empty() {
            discovered = self.discover()?;
            self.found = std::mem::take(&mut discovered.lines);
            unseen = self.unseen_parts();
        } else {
            self.find_given(&mut unseen)?;
        }
        if self.round == 1 && self.given.is_empty() && unseen.unlisted_scopes == 0 {
            self.warn_of_unmatched_patterns()?;
        }
        self.warn_of(std::mem::take(&mut unseen.sentences));
        let discovery_calls = self.sqs.api_calls() - earlier_calls;
        if discovery_calls > 0 {
            self.discovery_calls = discovery_calls;
        }
        let mut targets = std::mem::take(&mut self.targets);
        let lasting = targets.len();
        targets.extend(discovered.leaving.iter().cloned());
        self.add_recorded_queues(&mut targets)?;
        // Records may come from another configuration, or from an earlier version.
        for target in &mut targets {
            self.sqs.set_scope(target.scope, &mut target.queue);
        }
        let sees_nothing = targets.is_empty() && unseen.is_empty();
        if sees_nothing && self.round == 1 {
            self.warn_of_no_queue()?;
        }
        // After discovery, so that a queue found just now counts as read in this round.
        let polled_at = clock::now();
        let due = self.due_queues(&targets, polled_at)?;
        let polled = self.poll(&due.targets)?;
        let api_calls = self.sqs.api_calls() - earlier_calls;
        let is_unreadable = |one: &&Polled<'_>| one.reading.result.is_err() && !one.unlisted;
        let finished = PollFinished {
            round: self.round,
            queues: polled.len() as u64,
            postponed: due.postponed,
            unreadable: polled.iter().filter(is_unreadable).count() as u64 + unseen.unfound_queues,
            unlisted: unseen.unlisted_scopes,
            unsurveyed: unseen.unsurveyed_queues,
            // Counted later, under the lock.
            raised: 0,
            duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            api_calls,
            usd_month: self.usd_month(due.average_calls(api_calls - discovery_calls)),
            asked: Some(self.asked.clone()),
            shard: self.monitoring.shard.map(|shard| shard.to_string()),
        };
        log::info(&format!(
            "round {}: {} in {}ms, {}",
            self.round,
            text::count(finished.queues, "queue"),
            finished.duration_ms,
            text::count(finished.api_calls, "request"),
        ));
        // A check of nothing is no check: a misspelt pattern would pass it for ever.
        let incomplete =
            !unseen.is_empty() || finished.unreadable > 0 || (sees_nothing && self.run.check);
        let (lines, raised) =
            self.apply(&unseen.failures, &due.turn, &polled, finished, polled_at)?;
        drop(polled);
        drop(due);
        targets.truncate(lasting);
        self.targets = targets;
        Ok(Round { lines, incomplete, raised })
    }

    /// Warns of what the round cannot see, unless the round before said the same.
    fn warn_of(&mut self, sentences: Vec<String>) {
        let sentences: BTreeSet<String> = sentences.into_iter().collect();
        sentences.difference(&self.warned).for_each(|sentence| log::warn(sentence));
        self.warned = sentences;
    }

    /// Warns that no queue is polled: there is none, or the patterns select none. A shard of few
    /// queues may well have none.
    fn warn_of_no_queue(&mut self) -> Result<(), Error> {
        let doc = self.now_discovered()?;
        let scopes = 0..self.sqs.scopes();
        let entries =
            scopes.clone().filter_map(|at| doc.entry(&self.sqs.cache_key(at, &self.monitoring)));
        let known: Vec<&str> =
            entries.flat_map(|entry| &entry.queues).map(|one| one.queue.name.as_str()).collect();
        let is_elsewhere = known.iter().any(|name| self.monitoring.selects(name));
        if self.monitoring.shard.is_some() && is_elsewhere && !self.run.check {
            return Ok(());
        }
        let regions: Vec<&str> = scopes.map(|at| self.sqs.region(at)).collect();
        log::warn(&unmatched_pattern::nothing_selected(known.len(), &regions));
        Ok(())
    }

    /// Warns of patterns that match no dead-letter queue. A run of cron has too little to say: it
    /// warns of those of its options only.
    fn warn_of_unmatched_patterns(&mut self) -> Result<(), Error> {
        let is_watched = self.run.is_repeated() || log::stderr_is_terminal();
        let mut patterns = std::mem::take(&mut self.run.patterns);
        patterns.retain(|list| is_watched || list.is_option());
        if patterns.is_empty() {
            return Ok(());
        }
        let doc = self.now_discovered()?;
        let scopes = 0..self.sqs.scopes();
        let entries = scopes.filter_map(|at| doc.entry(&self.sqs.cache_key(at, &self.monitoring)));
        let queues = entries.flat_map(|entry| entry.queues.iter().map(|known| &known.queue));
        unmatched_pattern::sentences(&patterns, queues).iter().for_each(|line| log::warn(line));
        Ok(())
    }

    /// Returns the price of a month of rounds and discovery at their intervals, in US dollars.
    fn usd_month(&self, round_calls: u64) -> Option<Usd> {
        let rounds = cost::usd_month(round_calls, self.monitoring.check_interval)?;
        let discovery = cost::usd_month(self.discovery_calls, self.monitoring.discovery_interval)?;
        Some(rounds.plus(discovery))
    }

    /// Applies the round to `queues.json` and appends its events to the journal, in one update.
    fn apply(
        &self,
        failures: &[ScopeFailure],
        turn: &Turn,
        polled: &[Polled<'_>],
        mut finished: PollFinished,
        polled_at: Timestamp,
    ) -> Result<(RoundLines, u64), Error> {
        let keys = Watched::keys_of_round(polled.iter().map(|one| one.target.queue.arn.as_str()));
        let change = |doc: &mut Watched| {
            let mut lines = RoundLines::default();
            let mut push = |line: &[u8], news| lines.push(line, news);
            doc.apply_failures(failures, &self.asked, polled_at, &mut push);
            let selection = (self.key.as_str(), turn);
            doc.apply_round(&self.policy, selection, polled_at, polled, &mut push);
            finished.raised = doc.raised(polled.iter().map(|one| one.target.queue.arn.as_str()));
            let raised = finished.raised;
            let now = clock::now();
            let id = event::fresh_id(now, &format!("{} {}", std::process::id(), self.round));
            lines.push(&Event::new(id, "", now, finished).line(), true);
            if !self.run.dry_run {
                self.journal.append_with(|out| lines.write_journaled(out))?;
            }
            for sentence in document::read_warnings(polled, doc, self.run.is_repeated()) {
                log::warn(&sentence);
            }
            Ok((lines, raised))
        };
        match &self.dry {
            Some(dry) => change(&mut dry.borrow_mut().0),
            None => self.store.update(&keys, change),
        }
    }

    /// Reads every target. Lists a scope again when a queue is missing there, and asks for move
    /// tasks where the rules need them.
    fn poll<'a>(&self, targets: &[&'a DeadLetterQueue]) -> Result<Vec<Polled<'a>>, Error> {
        let asked: Vec<_> = targets.iter().map(|t| (t.scope, t.queue.url.clone())).collect();
        let readings = self.sqs.read_backlogs(&asked);
        drop(asked);
        let is_missing = |reading: &Reading<Backlog>| reading.result == Err(ReadError::Missing);
        let missing = targets.iter().zip(&readings).filter(|(_, reading)| is_missing(reading));
        let scopes: BTreeSet<usize> = missing.map(|(target, _)| target.scope).collect();
        let list = |scope| Some((scope, self.sqs.list(scope).ok()?));
        let listed: BTreeMap<usize, Vec<String>> = scopes.into_iter().filter_map(list).collect();
        let is_unlisted = |target: &DeadLetterQueue| {
            let urls = listed.get(&target.scope);
            urls.is_some_and(|urls| redrive_graph::is_unlisted(target, urls))
        };
        let keys = Watched::keys_of_round(targets.iter().map(|one| one.queue.arn.as_str()));
        self.with_watched(&keys, |doc| {
            let asked = targets.iter().zip(&readings).filter(|(target, reading)| {
                asks_for_moves(&self.policy, doc.record(&target.queue.arn), reading)
            });
            let asked = asked.map(|(target, _)| target.queue.arn.as_str()).collect();
            let mut moves = own_moves::read(&self.store, asked);
            let polled = targets.iter().copied().zip(readings).map(|(target, reading)| Polled {
                unlisted: is_missing(&reading)
                    && (!target.is_given() || doc.is_known(&target.queue.arn))
                    && is_unlisted(target),
                tasks: asks_for_tasks(&self.policy, doc.record(&target.queue.arn), &reading)
                    .then(|| self.sqs.move_tasks(target.scope, &target.queue.arn)),
                moves: moves.remove(target.queue.arn.as_str()).unwrap_or_default(),
                target,
                reading,
            });
            polled.collect()
        })
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

/// Derives the key of a selection from the options and scopes that decide which queues it has.
fn selection_key(sqs: &Sqs, monitoring: &Monitoring, run: &RunOptions) -> String {
    let mut parts: Vec<String> = run.queues.clone();
    for list in [&monitoring.matching, &monitoring.exclude] {
        parts.push(list.patterns().join(","));
    }
    for scope in 0..sqs.scopes() {
        let key = sqs.cache_key(scope, monitoring);
        parts.push(serde_json::to_string(&key).unwrap_or_default());
    }
    parts.extend(monitoring.shard.map(|shard| format!("shard {shard}")));
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    event::derived_id(&parts)
}
