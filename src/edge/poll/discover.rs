//! The queues of discovery, from the cache or from a survey, and those with an open incident.
//!
//! What a survey could not see keeps its last known state and makes every round partial, until a
//! later survey sees it. The decisions are in [`survey_gap`] and [`redrive_graph`].

use std::collections::HashSet;

use super::Poller;
use super::round_lines::RoundLines;
use crate::clock;
use crate::document::Keys;
use crate::error::Error;
use crate::event::{Event, QueueFound};
use crate::rules::queue::discovery_cache::{CacheEntry, CacheKey, DiscoveryDoc};
use crate::rules::queue::document::{
    FailedPart, ScopeFailure, Watched, WatchedQueue, ten_minute_bucket,
};
use crate::rules::queue::reading::ReadError;
use crate::rules::queue::redrive_graph;
use crate::rules::queue::redrive_graph::{DeadLetterQueue, ListedQueue, Survey};
use crate::rules::queue::shard;
use crate::rules::queue::survey_gap::{self, SurveyGap, SurveyPace};
use crate::time::Timestamp;

/// The news of a survey; empty when none was made.
#[derive(Default)]
pub(super) struct Discovered {
    pub(super) lines: RoundLines,
    /// Queues that are no longer listed or no longer DLQs. They are read one last time.
    pub(super) leaving: Vec<DeadLetterQueue>,
}

impl Poller {
    /// Adds recorded queues that discovery no longer finds, so that an incident is followed to its
    /// end; also those of other shards that nobody polls.
    pub(super) fn add_recorded_queues(
        &self,
        targets: &mut Vec<DeadLetterQueue>,
    ) -> Result<(), Error> {
        if !self.given.is_empty() {
            return Ok(());
        }
        let known: HashSet<&str> = targets.iter().map(|target| target.queue.arn.as_str()).collect();
        let now = clock::now();
        let recorded = |entry: &WatchedQueue| {
            let queue = &entry.queue;
            if known.contains(queue.arn.as_str()) || !self.monitoring.selects(&queue.name) {
                return None;
            }
            let (shard, interval) = (self.monitoring.shard, self.monitoring.check_interval);
            let attempted_at = entry.record.attempted_at;
            if !shard::polls_recorded(shard, &queue.arn, attempted_at, interval, now) {
                return None;
            }
            let scope = (0..self.sqs.scopes()).find(|scope| self.sqs.has(*scope, queue))?;
            Some(DeadLetterQueue::given(scope, queue.clone(), now))
        };
        // Discovery does not name these queues, so their keys are unknown.
        let keys = Keys::none().with_all(Watched::QUEUE);
        let more: Vec<DeadLetterQueue> =
            self.with_watched(&keys, |doc| doc.entries().filter_map(recorded).collect())?;
        targets.extend(more);
        Ok(())
    }

    /// Brings `targets` up to date: from the cache while it is fresh, else by a survey of the scopes
    /// that are due. In a run of several rounds, a survey of scopes that were listed before runs in
    /// the background.
    pub(super) fn discover(&mut self) -> Result<Discovered, Error> {
        if let Some(survey) = self.sqs.take_survey() {
            return self.apply_survey(survey);
        }
        let refresh = std::mem::take(&mut self.run.refresh);
        let is_first = self.entries.is_empty();
        if self.sqs.is_surveying() || !(is_first || refresh || self.due(false).next().is_some()) {
            return Ok(Discovered::default());
        }
        // Another run may have renewed the cache.
        (self.targets, self.entries) = self.cached(&self.now_discovered()?);
        let due: Vec<usize> = self.due(refresh).collect();
        let read = self.monitoring.discover.reads_attributes();
        let never_listed =
            |scope: &usize| self.entries[*scope].as_ref().is_none_or(|e| e.at.is_none());
        let never_listed: Vec<usize> = due.iter().copied().filter(never_listed).collect();
        match (self.run.is_repeated() && !refresh, never_listed.is_empty()) {
            _ if due.is_empty() => Ok(Discovered::default()),
            (true, true) => {
                self.sqs.start_survey(due, read);
                Ok(Discovered::default())
            }
            (true, false) => self.apply_survey(self.sqs.survey(&never_listed, read)),
            (false, _) => self.apply_survey(self.sqs.survey(&due, read)),
        }
    }

    /// Returns the scopes to survey now; with `refresh` all of them.
    fn due(&self, refresh: bool) -> impl Iterator<Item = usize> {
        let pace = SurveyPace {
            interval: self.monitoring.discovery_interval,
            round: self.monitoring.check_interval,
            repeated: self.run.is_repeated(),
        };
        let now = clock::now();
        let is_due = move |entry: &Option<CacheEntry>| match entry {
            Some(entry) => survey_gap::is_due(entry.at, entry.gap.as_ref(), &pace, now),
            None => true,
        };
        let entries = self.entries.iter().enumerate();
        entries.filter(move |(_, entry)| refresh || is_due(entry)).map(|(scope, _)| scope)
    }

    /// Returns the selected queues of all scopes in the cache, and the entries without their queues.
    fn cached(&self, doc: &DiscoveryDoc) -> (Vec<DeadLetterQueue>, Vec<Option<CacheEntry>>) {
        let (mut targets, mut entries) = (Vec::new(), Vec::new());
        for scope in 0..self.sqs.scopes() {
            let entry = doc.entry(&self.cache_key(scope));
            let known = entry.map(|entry| entry.queues_in(scope, self.sqs.account(scope)));
            let selected = known.into_iter().flatten();
            let selected = selected.filter(|known| self.monitoring.selects_queue(&known.queue));
            targets.extend(selected.map(|mut known| {
                self.sqs.set_scope(scope, &mut known.queue);
                known
            }));
            entries.push(entry.map(CacheEntry::without_queues));
        }
        redrive_graph::keep_first_of_each(&mut targets);
        (targets, entries)
    }

    fn cache_key(&self, scope: usize) -> CacheKey {
        self.sqs.cache_key(scope, &self.monitoring)
    }

    pub(super) fn now_discovered(&self) -> Result<DiscoveryDoc, Error> {
        match &self.dry {
            Some(dry) => Ok(dry.borrow().1.clone()),
            None => {
                let ids = (0..self.sqs.scopes()).map(|scope| self.cache_key(scope).id());
                self.store.read(&Keys::none().with(DiscoveryDoc::ENTRY, ids))
            }
        }
    }

    /// Adds to a survey the known queues that a list lacks and that do not answer that they do not
    /// exist: such a list is behind, and the queue may fill.
    fn add_unlisted(&self, survey: &mut Survey) -> Result<(), Error> {
        let doc = self.now_discovered()?;
        for seen in &mut survey.scopes {
            let Some(entry) = doc.entry(&self.cache_key(seen.scope)) else { continue };
            let unlisted = redrive_graph::unlisted(&entry.queues, seen).into_iter();
            let asked: Vec<_> = unlisted.map(|url| (seen.scope, url.to_owned())).collect();
            let readings = self.sqs.read(&asked).into_iter().map(|reading| reading.result);
            let answers = asked.into_iter().zip(readings).map(|((_, url), result)| (url, result));
            let exists = |(_, result): &(_, _)| *result != Err(ReadError::Missing);
            let more = answers
                .filter(exists)
                .map(|(url, result)| ListedQueue { url, attributes: Some(result) });
            if let Ok(listed) = &mut seen.queues {
                listed.extend(more);
            }
        }
        Ok(())
    }

    /// Records the result of a survey. Returns what is new and what is leaving.
    fn apply_survey(&mut self, mut survey: Survey) -> Result<Discovered, Error> {
        self.add_unlisted(&mut survey)?;
        let survey = &survey;
        let mut found = Discovered::default();
        // The present, not the time of the survey, which may have started several rounds ago.
        let now = clock::now();
        let mut put = |doc: &mut DiscoveryDoc| {
            let (earlier, _) = self.cached(doc);
            for seen in &survey.scopes {
                let patterns = self.monitoring.patterns.as_ref();
                doc.record(self.cache_key(seen.scope), seen, patterns, survey.at, now);
            }
            let (targets, entries) = self.cached(doc);
            for known in only_in(&targets, &earlier) {
                found.lines.push(&found_line(known, survey.at), true);
            }
            found.leaving = only_in(&earlier, &targets).cloned().collect();
            // Journal first: after a crash in between, a new queue is reported again, not lost.
            if !self.run.dry_run && !found.lines.is_empty() {
                self.journal.append_with(|out| found.lines.write_journaled(out))?;
            }
            Ok((targets, entries))
        };
        let recorded = match &self.dry {
            Some(dry) => put(&mut dry.borrow_mut().1)?,
            // Also drops old entries of other scopes.
            None => self.store.update(&Keys::all(), put)?,
        };
        (self.targets, self.entries) = recorded;
        Ok(found)
    }

    /// Returns what the newest survey of each scope could not see, and sentences about it.
    pub(super) fn unseen_parts(&self) -> Unseen {
        let mut unseen = Unseen::default();
        for (scope, entry) in self.entries.iter().enumerate() {
            let gap = entry.as_ref().and_then(|entry| entry.gap.as_ref());
            let unlisted = gap.and_then(|gap| gap.unlisted.clone());
            unseen.unlisted_scopes += u64::from(unlisted.is_some());
            unseen.unsurveyed_queues += gap.map_or(0, SurveyGap::unread_queues);
            for sentence in gap.into_iter().flat_map(|gap| gap.sentences(&self.sqs.place(scope))) {
                unseen.sentences.push(sentence);
            }
            let reads = self.monitoring.discover.reads_attributes() && unlisted.is_none();
            unseen.failures.push(self.failure(scope, FailedPart::List, unlisted));
            match gap.filter(|gap| gap.is_partial()).map(SurveyGap::lasting_reason) {
                // The next survey decides.
                Some(None) => {}
                reason if reads => {
                    let part = FailedPart::RedrivePolicies;
                    unseen.failures.push(self.failure(scope, part, reason.flatten()));
                }
                _ => {}
            }
        }
        unseen
    }

    pub(super) fn failure(
        &self,
        scope: usize,
        part: FailedPart,
        reason: Option<String>,
    ) -> ScopeFailure {
        let account = Some(self.sqs.account(scope).to_owned()).filter(|label| !label.is_empty());
        ScopeFailure { account, region: Some(self.sqs.region(scope).to_owned()), part, reason }
    }
}

/// The parts that a round cannot see, beside queues that it cannot read.
#[derive(Default)]
pub(super) struct Unseen {
    /// Each part of a scope that was asked, with its failure or its recovery.
    pub(super) failures: Vec<ScopeFailure>,
    pub(super) sentences: Vec<String>,
    pub(super) unlisted_scopes: u64,
    pub(super) unsurveyed_queues: u64,
    /// The number of queues that were named and not found.
    pub(super) unfound_queues: u64,
}

impl Unseen {
    pub(super) fn is_empty(&self) -> bool {
        self.unlisted_scopes + self.unsurveyed_queues + self.unfound_queues == 0
    }
}

/// Returns the queues of `list` that `others` lacks.
fn only_in<'a>(
    list: &'a [DeadLetterQueue],
    others: &[DeadLetterQueue],
) -> impl Iterator<Item = &'a DeadLetterQueue> + use<'a> {
    let others: HashSet<String> = others.iter().map(|known| known.queue.arn.clone()).collect();
    list.iter().filter(move |known| !others.contains(&known.queue.arn))
}

/// Returns the event line of a discovered queue.
pub fn found_line(known: &DeadLetterQueue, at: Timestamp) -> Vec<u8> {
    let queue = &known.queue;
    let parts = [&*queue.arn, "found", &ten_minute_bucket(known.found_at)];
    let data = QueueFound { queue: queue.clone(), found_by: known.found_by.as_str().into() };
    Event::derived(&parts, &queue.name, at, data).line()
}
