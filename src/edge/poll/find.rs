//! Which queues a round asks: those that were named, or those that discovery has found, from the
//! cache while it is fresh, and those that are not quiet yet.

use std::collections::HashSet;

use super::{Found, Poller};
use crate::clock;
use crate::document::Keys;
use crate::edge::aws::Plan;
use crate::error::Error;
use crate::event::{self, Event, QueueFound};
use crate::log;
use crate::rules::queue::discovery_cache::{DiscoveryDoc, Entry, Key, fresh};
use crate::rules::queue::document::{Entry as Unquiet, Failure, SOURCE, Target, Watched, bucket};
use crate::rules::queue::reading::Miss;
use crate::rules::queue::redrive_graph;
use crate::rules::queue::redrive_graph::{Known, ScopeSurvey, Survey};
use crate::time::Timestamp;

impl Poller {
    /// Adds the queues that are not quiet and that discovery no longer names: an incident is
    /// followed to its end.
    pub(super) fn add_unquiet(&self, targets: &mut Vec<Target>) -> Result<(), Error> {
        if !self.wants.given.is_empty() {
            return Ok(());
        }
        let known: HashSet<&str> = targets.iter().map(|target| target.queue.arn.as_str()).collect();
        let unquiet = |entry: &Unquiet| {
            let queue = &entry.queue;
            if known.contains(queue.arn.as_str()) {
                return None;
            }
            let here = (0..self.sqs.scopes()).find(|scope| {
                let label = self.sqs.account(*scope);
                self.sqs.region(*scope) == queue.region
                    && (label.is_empty() || label == queue.account)
            });
            let scope = here.filter(|_| self.wants.selection.wants(&queue.name))?;
            let (queue, fifo) = (queue.clone(), queue.fifo);
            Some(Target { scope, queue, found_at: None, age_max_s: fifo.then_some(0) })
        };
        // Discovery does not name these queues, so nothing else can.
        let keys = Keys::none().with_all(Watched::QUEUE);
        let more: Vec<Target> =
            self.with_watched(&keys, |doc| doc.entries().filter_map(unquiet).collect())?;
        targets.extend(more);
        Ok(())
    }

    /// Finds the queues that were named. Tells whether all were.
    pub(super) fn resolve(&mut self, at: Timestamp) -> bool {
        let mut all = true;
        for name in &self.wants.given {
            let is_it = |target: &Target| target.queue.name == *name || target.queue.url == *name;
            if self.targets.iter().any(is_it) {
                continue;
            }
            let mut miss = Miss::Missing;
            let mut found = Vec::new();
            for scope in self.scopes_of(name) {
                let (region, account) = (self.sqs.region(scope), self.sqs.account(scope));
                let url = match name.contains("://") {
                    true => Ok(name.clone()),
                    false => self.sqs.url_of(scope, name),
                };
                match url {
                    Ok(url) => found.extend(Known::given(scope, &url, region, account, at)),
                    Err(Miss::Missing) => {}
                    Err(other) => miss = other,
                }
            }
            if found.is_empty() {
                log::warn(&format!("cannot find queue '{name}': {miss}"));
                all = false;
            }
            let given = |known: &Known| Target { found_at: None, ..target(known) };
            self.targets.extend(found.iter().map(given));
        }
        all
    }

    /// Where a queue that was named is looked for: a name everywhere, a URL in the first scope of
    /// the region that it names, or else in the first.
    fn scopes_of(&self, name: &str) -> Vec<usize> {
        let mut all = 0..self.sqs.scopes();
        if !name.contains("://") {
            return all.collect();
        }
        let named = all.find(|scope| name.contains(&format!(".{}.", self.sqs.region(*scope))));
        vec![named.unwrap_or(0)]
    }

    /// Brings `targets` up to date: from the cache while that is fresh, else by looking. While
    /// rounds follow each other, looking again goes on beside them.
    pub(super) fn discover(&mut self) -> Result<Found, Error> {
        let now = clock::now();
        if let Some(survey) = self.sqs.take_survey() {
            return self.take_survey(survey);
        }
        if self.looked_at.is_some_and(|at| now.since(at) < self.wants.ttl) {
            return Ok(Found::default());
        }
        let cached = self.now_discovered()?;
        let plan = Plan::of(self.wants.discover);
        if std::mem::take(&mut self.wants.refresh) {
            let survey = self.sqs.survey(plan);
            return self.take_survey(survey);
        }
        let is_fresh = self.all_cached(&cached, |entry| fresh(entry, now, self.wants.ttl));
        if is_fresh || (self.wants.follow && self.all_cached(&cached, |_| true)) {
            (self.targets, self.looked_at) = self.aimed(&cached);
            if !is_fresh {
                self.sqs.start_survey(plan);
            }
            return Ok(Found::default());
        }
        let survey = self.sqs.survey(plan);
        self.take_survey(survey)
    }

    /// The targets that the cache says, and when they were found; the oldest, of several scopes.
    fn aimed(&self, doc: &DiscoveryDoc) -> (Vec<Target>, Option<Timestamp>) {
        let (mut targets, mut looked_at) = (Vec::new(), None);
        for scope in 0..self.sqs.scopes() {
            let Some(entry) = doc.entry(&self.key_of(scope)) else { continue };
            looked_at = Some(looked_at.map_or(entry.at, |at: Timestamp| at.min(entry.at)));
            let known = entry.queues_in(scope, self.sqs.account(scope));
            let wanted = known.filter(|known| self.wants.selection.wants(&known.name));
            targets.extend(wanted.map(|known| target(&known)));
        }
        (targets, looked_at)
    }

    fn key_of(&self, scope: usize) -> Key {
        self.sqs.key(scope, self.wants.discover, self.wants.patterns.as_ref())
    }

    fn now_discovered(&self) -> Result<DiscoveryDoc, Error> {
        match &self.dry {
            Some(dry) => Ok(dry.borrow().1.clone()),
            None => {
                let ids = (0..self.sqs.scopes()).map(|scope| self.key_of(scope).id());
                self.store.read(&Keys::none().with(DiscoveryDoc::ENTRY, ids))
            }
        }
    }

    fn all_cached(&self, doc: &DiscoveryDoc, good: impl Fn(&Entry) -> bool) -> bool {
        (0..self.sqs.scopes()).all(|scope| doc.entry(&self.key_of(scope)).is_some_and(&good))
    }

    /// Writes down what a survey has found, and tells what is new and what is leaving.
    fn take_survey(&mut self, survey: Survey) -> Result<Found, Error> {
        let cached = self.now_discovered()?;
        let mut found = Found::default();
        let mut places: Vec<Vec<Known>> = survey.scopes.iter().map(|_| Vec::new()).collect();
        // From now on they are read; the survey may have begun rounds ago.
        let now = clock::now();
        for known in redrive_graph::find(&survey, self.wants.discover, self.wants.patterns.as_ref())
        {
            let scope = known.scope;
            places[scope].push(Known { found_at: now, ..known });
        }
        let at = survey.at;
        let listed = survey.scopes.iter().map(|seen| {
            found.failures.push(failure(seen));
            seen.queues.is_ok()
        });
        let listed: Vec<bool> = listed.collect();
        drop(survey);
        for (scope, here) in places.iter().enumerate().filter(|(scope, _)| listed[*scope]) {
            let earlier = cached.entry(&self.key_of(scope));
            let label = self.sqs.account(scope);
            let earlier: Vec<Known> =
                earlier.map_or(Vec::new(), |entry| entry.queues_in(scope, label).collect());
            let new = self.only_in(here, &earlier);
            new.for_each(|known| found.lines.push(&found_line(known, at), true));
            found.leaving.extend(self.only_in(&earlier, here).cloned());
        }
        drop(cached);
        // What is new is in the journal before the cache knows it: a crash in between tells it
        // again, and never not at all.
        let put = |doc: &mut DiscoveryDoc| {
            if !self.wants.dry_run && !found.lines.is_empty() {
                self.journal.append_with(|out| found.lines.write_news(out))?;
            }
            for (scope, here) in places.into_iter().enumerate().filter(|(scope, _)| listed[*scope])
            {
                doc.put(self.key_of(scope), at, here);
            }
            Ok(self.aimed(doc))
        };
        (self.targets, self.looked_at) = match &self.dry {
            Some(dry) => put(&mut dry.borrow_mut().1)?,
            // Also drops the entries of other scopes that nobody has renewed.
            None => self.store.update(&Keys::all(), put)?,
        };
        Ok(found)
    }

    /// The wanted queues of a list that another lacks.
    fn only_in<'a>(
        &self,
        list: &'a [Known],
        others: &[Known],
    ) -> impl Iterator<Item = &'a Known> + use<'_, 'a> {
        let others: HashSet<String> = others.iter().map(|known| known.arn.clone()).collect();
        let wanted = |known: &&Known| self.wants.selection.wants(&known.name);
        list.iter().filter(wanted).filter(move |known| !others.contains(&known.arn))
    }
}

pub(super) fn failure(seen: &ScopeSurvey) -> Failure {
    let reason = seen.queues.as_ref().err().map(ToString::to_string);
    let account = Some(seen.account.clone()).filter(|account| !account.is_empty());
    if let Some(reason) = &reason {
        let whose = account.as_ref().map(|account| format!(" of '{account}'")).unwrap_or_default();
        log::warn(&format!("cannot list the queues{whose} in '{}': {reason}", seen.region));
    }
    Failure { account, region: seen.region.clone(), reason }
}

/// The line that tells of a queue that was found.
pub fn found_line(known: &Known, at: Timestamp) -> Vec<u8> {
    let data = QueueFound { queue: known.queue(), found_by: known.found_by.as_str().into() };
    let id = event::derived_id(&[SOURCE, &known.arn, "found", &bucket(known.found_at)]);
    Event::new(SOURCE, id, &known.name, at, data).line()
}

pub(super) fn target(known: &Known) -> Target {
    Target {
        scope: known.scope,
        queue: known.queue(),
        found_at: Some(known.found_at),
        age_max_s: known.source_retention_s,
    }
}
