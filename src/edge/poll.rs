//! One round of polling: who is there, how deep they are, what to tell.
//!
//! Queues are sampled without a lock. Then ONE update of `queues.json` takes the samples in and
//! adds what is to be told to the journal, so that overlapping runs tell each edge once; only when
//! that is on disk does the caller print it. The decisions are in rules/.

mod show;

pub use show::show;

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Duration;

use crate::config::{Aws, Env, SecretValue, Settings};
use crate::edge::clock;
use crate::edge::sqs::{Keys, Limits, Plan, Scope, Sqs, Want};
use crate::error::Error;
use crate::event::{self, Event, PollFinished, QueueFound};
use crate::journal::Journal;
use crate::rules::discovery::{DiscoveryDoc, fresh};
use crate::rules::glob::GlobList;
use crate::rules::graph::{self, Discover, Known, ScopeSurvey, Selection, Survey};
use crate::rules::loss::MoveTask;
use crate::rules::reading::{Miss, Reading};
use crate::rules::watch::Policy;
use crate::rules::watched::{self, Failure, Polled, SOURCE, Say, Target, Watched};
use crate::store::{Doc, Store};
use crate::time::Timestamp;
use crate::tool;

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
    /// The lines to print, in their order.
    pub lines: Vec<Vec<u8>>,
    /// Something could not be read; it has been said.
    pub missed: bool,
    /// So many of the queues have an open incident.
    pub raised: u64,
}

/// The scopes of a configuration: every account in every region.
pub fn scopes(aws: &Aws, env: &Env) -> Vec<Scope> {
    let keys = keys(env);
    let spread =
        |account: &str, profile: Option<&String>, one: Option<&String>, many: &[String]| {
            let regions = if many.is_empty() { vec![one] } else { many.iter().map(Some).collect() };
            let scope = |region: Option<&String>| Scope {
                account: account.to_owned(),
                profile: profile.cloned(),
                region: region.cloned(),
                endpoint: aws.endpoint_url.clone(),
                keys: keys.clone(),
            };
            regions.into_iter().map(scope).collect::<Vec<_>>()
        };
    if aws.accounts.is_empty() {
        let account = aws.profile.as_deref().unwrap_or_default();
        return spread(account, aws.profile.as_ref(), aws.region.as_ref(), &aws.regions);
    }
    let accounts = aws.accounts.iter().flat_map(|account| {
        let name = account.name.as_ref().unwrap_or(&account.profile);
        let (one, many) = match (&account.region, account.regions.as_slice()) {
            (None, []) => (aws.region.as_ref(), aws.regions.as_slice()),
            (one, many) => (one.as_ref(), many),
        };
        spread(name, Some(&account.profile), one, many)
    });
    accounts.collect()
}

/// The access key of a `.env` file. One in the real environment is the SDK's business.
fn keys(env: &Env) -> Option<Keys> {
    if env.real("AWS_ACCESS_KEY_ID").is_some() {
        return None;
    }
    Some(Keys {
        id: env.get("AWS_ACCESS_KEY_ID")?.to_owned(),
        secret: SecretValue::new(env.get("AWS_SECRET_ACCESS_KEY")?),
        token: env.get("AWS_SESSION_TOKEN").map(SecretValue::new),
    })
}

/// What the configuration allows SQS to be asked.
pub fn limits(settings: &Settings) -> Limits {
    Limits {
        concurrency: settings.monitoring.concurrency,
        rate_per_s: settings.monitoring.rate_limit,
        timeout: settings.monitoring.timeout,
    }
}

/// Polls, round after round.
pub struct Poller {
    sqs: Sqs,
    wants: Wants,
    policy: Policy,
    watched: Doc<Watched>,
    discovered: Doc<DiscoveryDoc>,
    journal: Journal,
    /// What tells this selection of queues from others.
    key: String,
    /// In a dry run: the documents as they would be.
    dry: Option<RefCell<(Watched, DiscoveryDoc)>>,
    targets: Vec<Target>,
    /// When the targets were found; the oldest, of several scopes.
    looked_at: Option<Timestamp>,
    round: u64,
}

/// What discovery has brought, when it was made.
#[derive(Default)]
struct Found {
    lines: Vec<Vec<u8>>,
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
        let (watched, discovered) = (store.doc::<Watched>(), store.doc::<DiscoveryDoc>());
        let dry = match wants.dry_run {
            true => Some(RefCell::new((watched.read()?, discovered.read()?))),
            false => None,
        };
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
            watched,
            discovered,
            journal,
            key,
            dry,
            targets: Vec::new(),
            looked_at: None,
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
        let mut targets = std::mem::take(&mut self.targets);
        let stay = targets.len();
        targets.extend(found.leaving.iter().map(target));
        self.add_unquiet(&mut targets)?;
        let polled = self.poll(&targets)?;
        let finished = PollFinished {
            round: self.round,
            queues: targets.len() as u64,
            unreadable: polled
                .iter()
                .filter(|one| one.reading.result.is_err() && !one.unlisted)
                .count() as u64,
            raised: 0,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            api_calls: self.sqs.api_calls() - calls,
            usd_month: None,
        };
        missed |= finished.unreadable > 0;
        let (lines, raised) = self.take(&found, &polled, finished, begun)?;
        drop(polled);
        targets.truncate(stay);
        self.targets = targets;
        Ok(Round { lines, missed, raised })
    }

    /// Takes the round in, and tells it to the journal, in one update.
    fn take(
        &self,
        found: &Found,
        polled: &[Polled<'_>],
        mut finished: PollFinished,
        begun: Timestamp,
    ) -> Result<(Vec<Vec<u8>>, u64), Error> {
        let interval = self.wants.interval;
        let change = |doc: &mut Watched| {
            let mut lines: Vec<Say> = found.lines.iter().cloned().map(Say::news).collect();
            lines.extend(doc.take_failures(&found.failures, begun));
            lines.extend(doc.take(&self.policy, &self.key, begun, polled));
            finished.raised = doc.raised(polled.iter().map(|one| one.target.queue.arn.as_str()));
            finished.usd_month = watched::usd_month(finished.api_calls, interval);
            let raised = finished.raised;
            let now = clock::now();
            let id = event::fresh_id(now, &format!("{} {}", std::process::id(), self.round));
            lines.push(Say::news(Event::new(SOURCE, id, "", now, finished).line()));
            if !self.wants.dry_run {
                let news = lines.iter().filter(|say| say.news).flat_map(|say| &say.line);
                self.journal.append(&news.copied().collect::<Vec<u8>>())?;
            }
            for sentence in watched::complaints(polled, doc, self.wants.follow) {
                tool::warn(&sentence);
            }
            Ok((lines.into_iter().map(|say| say.line).collect(), raised))
        };
        match &self.dry {
            Some(dry) => change(&mut dry.borrow_mut().0),
            None => self.watched.update(change),
        }
    }

    /// Reads every target; asks again where an answer is missing that the rules need.
    fn poll<'a>(&self, targets: &'a [Target]) -> Result<Vec<Polled<'a>>, Error> {
        let asked: Vec<_> = targets.iter().map(|t| (t.scope, t.queue.url.clone())).collect();
        let readings = self.sqs.read(&asked, Want::Counts);
        let missing = |at: usize| readings[at].result == Err(Miss::Missing);
        let mut scopes: Vec<usize> =
            (0..targets.len()).filter(|at| missing(*at)).map(|at| targets[at].scope).collect();
        scopes.sort_unstable();
        scopes.dedup();
        let listed: Vec<(usize, Result<Vec<String>, Miss>)> =
            scopes.into_iter().map(|scope| (scope, self.sqs.list(scope, None))).collect();
        let unlisted = |target: &Target| {
            let list = listed.iter().find(|(scope, _)| *scope == target.scope);
            matches!(list, Some((_, Ok(urls))) if !urls.contains(&target.queue.url))
        };
        let doc = self.now_watched()?;
        let polled = targets.iter().zip(readings).map(|(target, reading)| Polled {
            unlisted: reading.result == Err(Miss::Missing) && unlisted(target),
            tasks: self.tasks(&doc, target, &reading),
            target,
            reading,
        });
        Ok(polled.collect())
    }

    fn tasks(
        &self,
        doc: &Watched,
        target: &Target,
        reading: &Reading,
    ) -> Option<Result<Vec<MoveTask>, Miss>> {
        if !doc.asks_for_tasks(&target.queue.arn, reading) {
            return None;
        }
        let tasks = self.sqs.move_tasks(target.scope, &target.queue.arn);
        Some(tasks.map(|tasks| {
            let task = |task: &crate::edge::sqs::MoveTask| MoveTask {
                running: task.status == "RUNNING",
                started_at: task.started_at,
            };
            tasks.iter().map(task).collect()
        }))
    }

    fn now_watched(&self) -> Result<Watched, Error> {
        match &self.dry {
            Some(dry) => Ok(dry.borrow().0.clone()),
            None => self.watched.read(),
        }
    }

    /// Adds the queues that are not quiet and that discovery no longer names: an incident is
    /// followed to its end.
    fn add_unquiet(&self, targets: &mut Vec<Target>) -> Result<(), Error> {
        if !self.wants.given.is_empty() {
            return Ok(());
        }
        let doc = self.now_watched()?;
        let known: HashSet<String> =
            targets.iter().map(|target| target.queue.arn.clone()).collect();
        for entry in doc.entries().filter(|entry| !known.contains(&entry.queue.arn)) {
            let queue = &entry.queue;
            let here = (0..self.sqs.scopes()).find(|scope| {
                let label = self.sqs.account(*scope);
                self.sqs.region(*scope) == queue.region
                    && (label.is_empty() || label == queue.account)
            });
            if let Some(scope) = here.filter(|_| self.wants.selection.wants(&queue.name)) {
                let (queue, fifo) = (queue.clone(), queue.fifo);
                targets.push(Target { scope, queue, found_at: None, age_max_s: fifo.then_some(0) });
            }
        }
        Ok(())
    }

    /// Finds the queues that were named. Tells whether all were.
    fn resolve(&mut self, at: Timestamp) -> bool {
        let mut all = true;
        for name in &self.wants.given {
            if self
                .targets
                .iter()
                .any(|target| target.queue.name == *name || target.queue.url == *name)
            {
                continue;
            }
            let mut miss = Miss::Missing;
            let mut any = false;
            for scope in 0..self.sqs.scopes() {
                let url = if name.contains("://") {
                    Ok(name.clone())
                } else {
                    self.sqs.url_of(scope, name)
                };
                match url {
                    Ok(url) => {
                        let (region, account) = (self.sqs.region(scope), self.sqs.account(scope));
                        let known = Known::given(scope, &url, region, account, at);
                        any |= known.is_some();
                        self.targets.extend(
                            known.iter().map(|known| Target { found_at: None, ..target(known) }),
                        );
                    }
                    Err(Miss::Missing) => {}
                    Err(other) => miss = other,
                }
                if any && name.contains("://") {
                    break;
                }
            }
            if !any {
                tool::warn(&format!("cannot find queue '{name}': {miss}"));
                all = false;
            }
        }
        all
    }

    /// Brings `targets` up to date: from the cache while that is fresh, else by looking. While
    /// rounds follow each other, looking again goes on beside them.
    fn discover(&mut self) -> Result<Found, Error> {
        let now = clock::now();
        if let Some(survey) = self.sqs.take_survey() {
            return self.take_survey(&survey);
        }
        if self.looked_at.is_some_and(|at| now.since(at) < self.wants.ttl) {
            return Ok(Found::default());
        }
        let cached = self.now_discovered()?;
        let plan = Plan::of(self.wants.discover);
        if std::mem::take(&mut self.wants.refresh) {
            let survey = self.sqs.survey(plan);
            return self.take_survey(&survey);
        }
        let is_fresh = self.all_cached(&cached, |entry| fresh(entry, now, self.wants.ttl));
        if is_fresh || (self.wants.follow && self.all_cached(&cached, |_| true)) {
            self.aim(&cached);
            if !is_fresh {
                self.sqs.start_survey(plan);
            }
            return Ok(Found::default());
        }
        let survey = self.sqs.survey(plan);
        self.take_survey(&survey)
    }

    /// Sets the targets to what the cache says.
    fn aim(&mut self, doc: &DiscoveryDoc) {
        self.targets.clear();
        self.looked_at = None;
        for scope in 0..self.sqs.scopes() {
            let key = self.sqs.key(scope, self.wants.discover, self.wants.patterns.as_ref());
            let Some(entry) = doc.entry(&key) else {
                continue;
            };
            let oldest = self.looked_at.map_or(entry.at, |at| at.min(entry.at));
            self.looked_at = Some(oldest);
            let known = entry.queues_in(scope, self.sqs.account(scope));
            let wanted = known.iter().filter(|known| self.wants.selection.wants(&known.name));
            self.targets.extend(wanted.map(target));
        }
    }

    fn now_discovered(&self) -> Result<DiscoveryDoc, Error> {
        match &self.dry {
            Some(dry) => Ok(dry.borrow().1.clone()),
            None => self.discovered.read(),
        }
    }

    fn all_cached(
        &self,
        doc: &DiscoveryDoc,
        good: impl Fn(&crate::rules::discovery::Entry) -> bool,
    ) -> bool {
        (0..self.sqs.scopes()).all(|scope| {
            let key = self.sqs.key(scope, self.wants.discover, self.wants.patterns.as_ref());
            doc.entry(&key).is_some_and(&good)
        })
    }

    /// Writes down what a survey has found, and tells what is new and what is leaving.
    fn take_survey(&mut self, survey: &Survey) -> Result<Found, Error> {
        let cached = self.now_discovered()?;
        let mut found = Found::default();
        let all = graph::find(survey, self.wants.discover, self.wants.patterns.as_ref());
        let mut entries = Vec::new();
        for (scope, seen) in survey.scopes.iter().enumerate() {
            found.failures.push(failure(seen));
            if seen.queues.is_err() {
                continue;
            }
            let key = self.sqs.key(scope, self.wants.discover, self.wants.patterns.as_ref());
            let here: Vec<Known> =
                all.iter().filter(|known| known.scope == scope).cloned().collect();
            let earlier = cached.entry(&key).map(|entry| entry.queues_in(scope, &seen.account));
            let earlier = earlier.unwrap_or_default();
            let wanted = |list: &[Known], others: &[Known]| -> Vec<Known> {
                let others: HashSet<&str> = others.iter().map(|known| known.arn.as_str()).collect();
                let alone = list.iter().filter(|known| !others.contains(known.arn.as_str()));
                alone.filter(|known| self.wants.selection.wants(&known.name)).cloned().collect()
            };
            let new = wanted(&here, &earlier);
            found.lines.extend(new.iter().map(|known| found_line(known, survey.at)));
            found.leaving.extend(wanted(&earlier, &here));
            entries.push((key, here));
        }
        let put = |doc: &mut DiscoveryDoc| {
            for (key, queues) in entries {
                doc.put(key, survey.at, queues);
            }
            Ok(doc.clone())
        };
        let doc = match &self.dry {
            Some(dry) => put(&mut dry.borrow_mut().1)?,
            None => self.discovered.update(put)?,
        };
        self.aim(&doc);
        Ok(found)
    }
}

fn failure(seen: &ScopeSurvey) -> Failure {
    let reason = seen.queues.as_ref().err().map(ToString::to_string);
    let account = Some(seen.account.clone()).filter(|account| !account.is_empty());
    if let Some(reason) = &reason {
        let whose = account.as_ref().map(|account| format!("'{account}' ")).unwrap_or_default();
        tool::warn(&format!("cannot list the queues of {whose}in '{}': {reason}", seen.region));
    }
    Failure { account, region: seen.region.clone(), reason }
}

/// The line that tells of a queue that was found.
pub fn found_line(known: &Known, at: Timestamp) -> Vec<u8> {
    let data = QueueFound { queue: known.queue(), found_by: known.found_by.as_str().into() };
    let id = event::derived_id(&[SOURCE, &known.arn, "found", &known.found_at.to_string()]);
    Event::new(SOURCE, id, &known.name, at, data).line()
}

fn target(known: &Known) -> Target {
    Target {
        scope: known.scope,
        queue: known.queue(),
        found_at: Some(known.found_at),
        age_max_s: known.source_retention_s,
    }
}
