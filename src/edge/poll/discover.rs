//! The queues of a round: those given by name, or those of discovery (from the cache while it is
//! fresh), and those with an open incident.

use std::collections::HashSet;

use super::Poller;
use super::round_lines::RoundLines;
use crate::clock;
use crate::config::Monitoring;
use crate::document::Keys;
use crate::error::Error;
use crate::event::{Event, QueueFound};
use crate::log;
use crate::rules::queue::discovery_cache::{CacheEntry, CacheKey, DiscoveryDoc, fresh};
use crate::rules::queue::document::{ScopeFailure, Watched, WatchedQueue, ten_minute_bucket};
use crate::rules::queue::redrive_graph;
use crate::rules::queue::redrive_graph::{DeadLetterQueue, ScopeSurvey, Survey};
use crate::time::Timestamp;

/// The result of a discovery; empty when none was made.
#[derive(Default)]
pub(super) struct Discovered {
    pub(super) lines: RoundLines,
    pub(super) failures: Vec<ScopeFailure>,
    /// Queues that are no longer listed or no longer DLQs. They are read one last time.
    pub(super) leaving: Vec<DeadLetterQueue>,
}

impl Discovered {
    pub(super) fn unlisted_scopes(&self) -> u64 {
        self.failures.iter().filter(|failure| failure.reason.is_some()).count() as u64
    }
}

impl Poller {
    /// Adds recorded queues that discovery no longer finds, so that an incident is followed to its
    /// end.
    pub(super) fn add_recorded_queues(
        &self,
        targets: &mut Vec<DeadLetterQueue>,
    ) -> Result<(), Error> {
        if !self.run.queues.is_empty() {
            return Ok(());
        }
        let known: HashSet<&str> = targets.iter().map(|target| target.queue.arn.as_str()).collect();
        let now = clock::now();
        let recorded = |entry: &WatchedQueue| {
            let queue = &entry.queue;
            if known.contains(queue.arn.as_str()) {
                return None;
            }
            let here = (0..self.sqs.scopes()).find(|scope| self.sqs.has(*scope, queue));
            let scope = here.filter(|_| self.monitoring.selects(&queue.name))?;
            Some(DeadLetterQueue::given(scope, queue.clone(), now))
        };
        // Discovery does not name these queues, so their keys are unknown.
        let keys = Keys::none().with_all(Watched::QUEUE);
        let more: Vec<DeadLetterQueue> =
            self.with_watched(&keys, |doc| doc.entries().filter_map(recorded).collect())?;
        targets.extend(more);
        Ok(())
    }

    /// Finds the queues given by name or URL. Returns whether all were found.
    pub(super) fn find_given(&mut self) -> bool {
        let scopes: Vec<usize> = (0..self.sqs.scopes()).collect();
        let mut all = true;
        for name in &self.run.queues {
            let is_it =
                |target: &DeadLetterQueue| target.queue.name == *name || target.queue.url == *name;
            if self.targets.iter().any(is_it) {
                continue;
            }
            match self.sqs.find_queue(name, &scopes) {
                Ok(found) => self.targets.extend(found),
                Err(error) => {
                    log::warn(&format!("cannot find queue '{name}': {error}"));
                    all = false;
                }
            }
        }
        all
    }

    /// Brings `targets` up to date: from the cache while it is fresh, else by a survey. With
    /// `follow`, a survey that only refreshes the cache runs in the background.
    pub(super) fn discover(&mut self) -> Result<Discovered, Error> {
        let now = clock::now();
        if let Some(survey) = self.sqs.take_survey() {
            return self.apply_survey(survey);
        }
        if self.discovered_at.is_some_and(|at| now.since(at) < self.monitoring.discovery_interval) {
            return Ok(Discovered::default());
        }
        let read = self.monitoring.discover.reads_attributes();
        if std::mem::take(&mut self.run.refresh) {
            return self.apply_survey(self.sqs.survey(read));
        }
        let cached = self.now_discovered()?;
        let is_fresh =
            self.all_cached(&cached, |entry| fresh(entry, now, self.monitoring.discovery_interval));
        if is_fresh || (self.run.is_repeated() && self.all_cached(&cached, |_| true)) {
            (self.targets, self.discovered_at) = self.cached_targets(&cached);
            if !is_fresh {
                self.sqs.start_survey(read);
            }
            return Ok(Discovered::default());
        }
        self.apply_survey(self.sqs.survey(read))
    }

    /// Returns the targets in the cache, and when they were discovered; with several scopes, the
    /// oldest time.
    fn cached_targets(&self, doc: &DiscoveryDoc) -> (Vec<DeadLetterQueue>, Option<Timestamp>) {
        let (mut targets, mut discovered_at) = (Vec::new(), None);
        for scope in 0..self.sqs.scopes() {
            let Some(entry) = doc.entry(&self.cache_key(scope)) else { continue };
            discovered_at = Some(discovered_at.map_or(entry.at, |at: Timestamp| at.min(entry.at)));
            let known = entry.queues_in(scope, self.sqs.account(scope));
            targets.extend(known.filter(|known| self.monitoring.selects(&known.queue.name)));
        }
        (targets, discovered_at)
    }

    fn cache_key(&self, scope: usize) -> CacheKey {
        self.sqs.cache_key(scope, &self.monitoring)
    }

    fn now_discovered(&self) -> Result<DiscoveryDoc, Error> {
        match &self.dry {
            Some(dry) => Ok(dry.borrow().1.clone()),
            None => {
                let ids = (0..self.sqs.scopes()).map(|scope| self.cache_key(scope).id());
                self.store.read(&Keys::none().with(DiscoveryDoc::ENTRY, ids))
            }
        }
    }

    fn all_cached(&self, doc: &DiscoveryDoc, good: impl Fn(&CacheEntry) -> bool) -> bool {
        (0..self.sqs.scopes()).all(|scope| doc.entry(&self.cache_key(scope)).is_some_and(&good))
    }

    /// Records the result of a survey. Returns what is new and what is leaving.
    fn apply_survey(&mut self, survey: Survey) -> Result<Discovered, Error> {
        let cached = self.now_discovered()?;
        let Monitoring { discover, patterns, .. } = &self.monitoring;
        let mut known = redrive_graph::find(&survey, *discover, patterns.as_ref());
        let failures = survey.scopes.iter().map(failure).collect();
        let mut found = Discovered { failures, ..Discovered::default() };
        let at = survey.at;
        drop(survey);
        // The present, not the time of the survey, which may have started several rounds ago.
        let now = clock::now();
        for known in &mut known {
            known.found_at = now;
            self.sqs.set_scope(known.scope, &mut known.queue);
        }
        let mut listed = Vec::new();
        for (scope, _) in found.failures.iter().enumerate().filter(|(_, one)| one.reason.is_none())
        {
            let here: Vec<DeadLetterQueue> =
                known.extract_if(.., |known| known.scope == scope).collect();
            let earlier = cached.entry(&self.cache_key(scope));
            let label = self.sqs.account(scope);
            let earlier: Vec<DeadLetterQueue> =
                earlier.map_or(Vec::new(), |entry| entry.queues_in(scope, label).collect());
            let new = self.only_in(&here, &earlier);
            new.for_each(|known| found.lines.push(&found_line(known, at), true));
            found.leaving.extend(self.only_in(&earlier, &here).cloned());
            listed.push((scope, here));
        }
        drop(cached);
        // Journal first: after a crash in between, a new queue is reported again, not lost.
        let put = |doc: &mut DiscoveryDoc| {
            if !self.run.dry_run && !found.lines.is_empty() {
                self.journal.append_with(|out| found.lines.write_journaled(out))?;
            }
            for (scope, here) in listed {
                doc.put(self.cache_key(scope), at, here);
            }
            Ok(self.cached_targets(doc))
        };
        (self.targets, self.discovered_at) = match &self.dry {
            Some(dry) => put(&mut dry.borrow_mut().1)?,
            // Also drops old entries of other scopes.
            None => self.store.update(&Keys::all(), put)?,
        };
        Ok(found)
    }

    /// Returns the selected queues of `list` that `others` lacks.
    fn only_in<'a>(
        &self,
        list: &'a [DeadLetterQueue],
        others: &[DeadLetterQueue],
    ) -> impl Iterator<Item = &'a DeadLetterQueue> + use<'_, 'a> {
        let others: HashSet<String> = others.iter().map(|known| known.queue.arn.clone()).collect();
        let wanted = |known: &&DeadLetterQueue| self.monitoring.selects(&known.queue.name);
        list.iter().filter(wanted).filter(move |known| !others.contains(&known.queue.arn))
    }
}

/// Converts the result of a scope's survey, and warns when it could not be listed.
pub(super) fn failure(seen: &ScopeSurvey) -> ScopeFailure {
    let reason = seen.queues.as_ref().err().map(ToString::to_string);
    let account = Some(seen.account.clone()).filter(|account| !account.is_empty());
    if let Some(reason) = &reason {
        let whose = account.as_ref().map(|account| format!(" of '{account}'")).unwrap_or_default();
        log::warn(&format!("cannot list the queues{whose} in '{}': {reason}", seen.region));
    }
    ScopeFailure { account, region: seen.region.clone(), reason }
}

/// Returns the event line of a discovered queue.
pub fn found_line(known: &DeadLetterQueue, at: Timestamp) -> Vec<u8> {
    let queue = &known.queue;
    let parts = [&*queue.arn, "found", &ten_minute_bucket(known.found_at)];
    let data = QueueFound { queue: queue.clone(), found_by: known.found_by.as_str().into() };
    Event::derived(&parts, &queue.name, at, data).line()
}
