//! A look at the pull requests, recorded and told.
//!
//! Promises: GitHub is asked without a lock. Then one update of `prs.json` applies what was read and
//! appends the news to the journal; a look that began before another one was recorded changes nothing.
//! The caller prints the lines only after both are on disk.

use std::collections::BTreeSet;

use super::Prs;
use super::deployed::DeploymentLook;

use crate::clock;
use crate::config::Github;
use crate::document::Keys;
use crate::edge::github::client::{GithubClient, GithubError};
use crate::edge::github::look::{LIMITED, PullRequestLook, look};
use crate::error::Error;
use crate::event::{Event, PrUnreadable};
use crate::log;
use crate::rules::investigation::document::Sessions;
use crate::rules::notification::ack::Acks;
use crate::rules::pull_request::document::{LookResult, PullRequests, SeenLimits, baseline_key};
use crate::rules::pull_request::news::{self, Readings, ReminderContext};
use crate::rules::pull_request::origin::PullRequestOrigin;
use crate::rules::pull_request::query::{WatchScope, searches};
use crate::rules::pull_request::reading::PullRequestReading;
use crate::rules::pull_request::reminder::ReminderPolicy;
use crate::rules::pull_request::round::{RoundOutcome, RoundReading, judge_round};
use crate::time::Timestamp;

/// The reason of a look that does not show what a pull request is, where the server gives none.
const IN_PART: &str = "some pull requests could only be read in part";

/// The result of a look.
#[derive(Debug, Default)]
pub(super) struct RoundResult {
    /// The lines to print, each with its LF.
    pub(super) lines: Vec<Vec<u8>>,
    /// The reason why a part could not be read.
    pub(super) failure: Option<String>,
}

impl Prs<'_> {
    /// Returns whether there is anything to watch.
    pub(super) fn has_scope(&self) -> Result<bool, Error> {
        let prs = self.pull_requests(&Keys::all())?;
        Ok(!searches(&self.scope(&prs)).is_empty()
            || prs.watched.values().any(|one| one.end.is_none()))
    }

    /// Makes one look, and records it.
    pub(super) fn look_once(&self) -> Result<RoundResult, Error> {
        let began = clock::now();
        let prs = self.pull_requests(&Keys::all())?;
        let github = &self.settings.github;
        let client = GithubClient::open(github, self.env, prs.pauses.clone())?;
        let searches = searches(&self.scope(&prs));
        let server = client.server.rest.clone();
        let seen = look(&client, &searches, &prs.watched);
        let seen = match seen {
            Ok(seen) => seen,
            // What a limit or a fault has cut off is read by the next look.
            Err(error) => PullRequestLook {
                reading: RoundReading::default(),
                failure: Some(sentence(&error)),
            },
        };
        let now = clock::now();
        let sessions: Sessions = self.store.read(&Keys::all())?;
        let acks: Acks = self.store.read(&Keys::all())?;
        let deployed = self.deployed(&client, &prs, &sessions);
        let judged = Judged { seen, server, began, now, limits: client.limits(), deployed };
        let told_before = prs.look.as_ref().and_then(|last| last.failure.clone());
        let change = |prs: &mut PullRequests| {
            let result = self.apply(prs, &judged, &sessions, &acks)?;
            Ok((result, news::resolved(prs, &sessions)))
        };
        let (mut result, resolved) = match self.is_dry {
            true => change(&mut prs.clone())?,
            false => self.store.update(&Keys::all(), change)?,
        };
        if let Some(why) = &result.failure {
            let message = format!("pull requests could not all be read: {why}");
            // What stays unreadable is a warning once.
            if told_before.as_ref() == Some(why) {
                log::info(&message)
            } else {
                log::warn(&message)
            }
        }
        // The lines are recorded, and are printed whatever happens here. The next look repeats it.
        if !self.is_dry
            && let Err(error) = self.resolve(&resolved)
        {
            log::warn(&error.to_string());
            result.failure.get_or_insert(error.to_string());
        }
        Ok(result)
    }

    fn scope(&self, prs: &PullRequests) -> WatchScope {
        let github = &self.settings.github;
        let rules = self.settings.auto_investigation.queues.iter();
        let mut repos: BTreeSet<String> = github.repos.iter().cloned().collect();
        repos.extend(rules.filter_map(|rule| rule.github.clone()));
        let opened = prs.sessions.iter().filter(|one| one.pull_request.is_some());
        repos.extend(opened.map(|one| one.repo.clone()));
        // An organisation contains its repositories.
        let is_of_org = |repo: &String| {
            let owner = repo.split('/').next().unwrap_or_default();
            github.orgs.iter().any(|org| org.eq_ignore_ascii_case(owner))
        };
        repos.retain(|repo| !is_of_org(repo));
        WatchScope {
            repos: repos.into_iter().collect(),
            orgs: github.orgs.clone(),
            is_mine_wanted: github.mine,
            is_review_wanted: github.review_requested,
        }
    }

    /// Applies a look to the document. Returns the lines.
    fn apply(
        &self,
        prs: &mut PullRequests,
        judged: &Judged,
        sessions: &Sessions,
        acks: &Acks,
    ) -> Result<RoundResult, Error> {
        let Judged { seen, server, began, now, limits, deployed } = judged;
        prs.merge_limits(limits, *now);
        if prs.look.as_ref().is_some_and(|last| last.at > *began && last.at <= *now) {
            log::info("another look was recorded meanwhile; this one changes nothing");
            return Ok(RoundResult::default());
        }
        *prs = std::mem::take(prs).as_of(*now);
        prs.take_renames(seen.reading.read.iter().map(|one| (&*one.id, &*one.repo)));
        let is_baseline = |one: &PullRequestReading| {
            let found_in = seen.reading.found_in.get(&one.id);
            let mut places = found_in.into_iter().flatten();
            !places.any(|place| prs.baselines.contains_key(&baseline_key(server, place)))
        };
        let is_ours =
            |one: &PullRequestReading| prs.opener(&one.id, &one.repo, one.number).is_some();
        let mut outcome = judge_round(&prs.watched, &seen.reading, &is_ours, &is_baseline, *now);
        if outcome.left_out > 0 {
            log::warn(&format!(
                "{} pull requests are not watched: there are too many",
                outcome.left_out
            ));
        }
        let in_part = outcome.is_in_part.then(|| seen.reading.error.as_deref().unwrap_or(IN_PART));
        let failure = seen.failure.as_deref().or(in_part).map(str::to_owned);
        let readings: Readings<'_> =
            seen.reading.read.iter().map(|one| (one.id.as_str(), one)).collect();
        let mut lines = news::lines(&outcome, &readings, prs, *now);
        lines.extend(self.reminders(&mut outcome, &readings, prs, sessions, acks, *now));
        lines.extend(failure_line(prs.look.as_ref(), failure.as_deref(), *now));
        prs.watched.append(&mut outcome.records);
        outcome.dropped.iter().for_each(|id| drop(prs.watched.remove(id)));
        prs.forget_old(*now);
        for (id, search) in &deployed.asked {
            if let Some(record) = prs.watched.get_mut(id) {
                record.deployment = Some(search.clone());
            }
        }
        for (id, by) in &deployed.live {
            let record = prs.watched.get(id).filter(|one| one.deployed_at.is_none()).cloned();
            let Some(mut record) = record else { continue };
            let fix = prs.opener_of(&record);
            lines.push(news::tell_deployed(&mut record, fix, by.word(), *now));
            prs.watched.insert(id.clone(), record);
        }
        for place in &seen.reading.whole {
            prs.baselines.entry(baseline_key(server, place)).or_insert(*now);
        }
        prs.look = Some(LookResult { at: *now, failure: failure.clone() });
        if !self.is_dry {
            self.journal.append(&lines.concat())?;
        }
        Ok(RoundResult { lines, failure })
    }

    /// Returns the reminders that are due.
    fn reminders(
        &self,
        outcome: &mut RoundOutcome,
        readings: &Readings<'_>,
        prs: &PullRequests,
        sessions: &Sessions,
        acks: &Acks,
        now: Timestamp,
    ) -> Vec<Vec<u8>> {
        let Github { remind, remind_ours, working_hours, .. } = &self.settings.github;
        let policy = |steps: &Vec<_>| ReminderPolicy {
            steps: steps.clone(),
            working_hours: working_hours.clone(),
        };
        let loss_of = |incident: &str| {
            let open = sessions.incidents.iter().find(|one| one.id == incident);
            open.filter(|one| one.closed_at.is_none()).and_then(|one| one.window().first())
        };
        let (ours, others) = (policy(remind_ours), policy(remind));
        let is_over = |incident: &str| {
            let known = sessions.incidents.iter().find(|one| one.id == incident);
            known.is_some_and(|one| one.closed_at.is_some())
        };
        let context = ReminderContext {
            ours: &ours,
            others: &others,
            loss_of: &loss_of,
            is_over: &is_over,
            acks,
        };
        let due = outcome.records.values_mut().filter_map(|record| {
            let reading = readings.get(&*record.id)?;
            // What has left the scope is nobody's concern here.
            let is_found = record.origin == PullRequestOrigin::Ours || record.found_at == now;
            if !is_found {
                return None;
            }
            let fix = prs.opener_of(record);
            news::remind(record, reading, fix, &context, now)
        });
        due.collect()
    }

    /// Closes the records of the sessions whose fix was merged.
    fn resolve(&self, resolved: &[(String, String)]) -> Result<(), Error> {
        for (session, by) in resolved {
            let keys = Keys::one(Sessions::SESSION, session.as_str());
            self.store.update(&keys, |sessions: &mut Sessions| {
                if let Some(session) = sessions.session_mut(session) {
                    session.resolved_by = Some(by.clone());
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// The content of a look, and its moments.
struct Judged {
    seen: PullRequestLook,
    /// The address of the server.
    server: String,
    began: Timestamp,
    now: Timestamp,
    limits: SeenLimits,
    deployed: DeploymentLook,
}

/// Returns the event of a look that was not whole: once for each reason in a row.
fn failure_line(
    last: Option<&LookResult>,
    failure: Option<&str>,
    now: Timestamp,
) -> Option<Vec<u8>> {
    let reason = failure?;
    if last.and_then(|last| last.failure.as_deref()) == Some(reason) {
        return None;
    }
    let data = PrUnreadable { pr: None, reason: reason.to_owned() };
    Some(Event::derived(&["look", &now.to_string()], "", now, data).line())
}

/// Returns the reason why a look has failed. A limit is named without its end, which differs each time.
fn sentence(error: &GithubError) -> String {
    match error {
        GithubError::Limited { .. } => LIMITED.to_owned(),
        other => other.to_string(),
    }
}
