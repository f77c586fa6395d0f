//! The way of a fix to a pull request: judge, fetch, check, push, open, record.
//!
//! Promises: each step is recorded before the next, and each can be repeated: the same fix gives the
//! same commit, a branch is made only where none is, and a pull request is looked for before another
//! is opened. One process of a state folder opens at a time. Code of the repository is not run, and no
//! folder that an agent could write is worked in.

mod candidate;
mod disclosure;
mod extras;
mod request;
mod state;
mod stop;
mod summary;
mod way;

use std::path::PathBuf;

use super::Prs;
use super::opened::RepositoryFacts;
use crate::clock;
use crate::config::QueueRule;
use crate::document::Keys;
use crate::edge::github::client::GithubClient;
use crate::edge::session_folder::session_folder;
use crate::edge::supervisor::files;
use crate::error::Error;
use crate::log;
use crate::regular_file;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::lookup;
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::pull_request::document::{FixState, PullRequests};
use crate::rules::pull_request::finding::Finding;
use crate::rules::pull_request::opening::{
    FixFacts, OpeningPolicy, OpeningVerdict, ProofGrade, judge_opening, may_be_open,
};
use crate::rules::pull_request::published::Audience;
use crate::store::Lock;
use crate::text::safe;
use crate::wire::Output;
use candidate::redactor;
pub(super) use request::CLOCKS_DIFFER;
use request::CommentEnd;
pub(super) use stop::Stop;

/// The lock of whoever opens pull requests.
const LOCK: &str = "prs-opening.lock";
/// The bytes of a finding that are read.
const FINDING_MAX: u64 = 4 << 20;

/// The outcome for one fix.
enum Opened {
    /// The end of the work on it, for now.
    Settled,
    /// A failure that is tried again later.
    Failed,
}

/// A fix with all that is known of it.
pub(super) struct OpenableFix<'a> {
    pub(super) session: &'a Session,
    finding: Finding,
    rule: Option<&'a QueueRule>,
    pub(super) facts: FixFacts,
}

/// A fix on its way to a pull request.
struct Opening<'a> {
    prs: &'a Prs<'a>,
    client: &'a GithubClient<'a>,
    fix: &'a OpenableFix<'a>,
    repo: &'a RepositoryFacts,
    /// The readers of what is published.
    audience: Audience,
    /// Whether a person asks for it.
    is_asked_for: bool,
}

impl Prs<'_> {
    /// Opens all pull requests that are due. Returns whether one failed.
    pub fn open_due(&self, out: &mut Output) -> Result<bool, Error> {
        let Some(_lock) = self.opening_lock()? else {
            log::info("another process opens pull requests");
            return Ok(false);
        };
        let sessions: Sessions = self.store.read(&Keys::all())?;
        let prs = self.pull_requests(&Keys::all())?;
        let mut failed = false;
        let now = clock::now();
        for session in sessions.sessions.iter().filter(|one| offers(one)) {
            let known = prs.session(&session.id);
            if let Some(one) = known.filter(|one| one.has_extras(&prs, now)) {
                failed |= self.finish_extras(session, one, &prs, out)?;
            }
            // Most have been decided long ago, and need no look into their folder.
            if !may_be_open(known, session.ended_at, now) {
                continue;
            }
            failed |= matches!(self.open_fix(session, false, out)?, Opened::Failed);
        }
        failed |= self.redriven_due(&self.pull_requests(&Keys::all())?, out)?;
        Ok(failed | self.issues_due(out)?)
    }

    /// Opens the pull request of one session, for a person. Returns whether it failed.
    pub fn open(&self, id: &str, out: &mut Output) -> Result<bool, Error> {
        let refused = |why: &str| Error::failed("open the pull request of", safe(id).as_ref(), why);
        let Some(_lock) = self.opening_lock()? else {
            return Err(refused("another process opens pull requests; try again"));
        };
        let sessions: Sessions = self.store.read(&Keys::all())?;
        let session = lookup::session_by_prefix(sessions.sessions.iter(), id, "session");
        let session = session.map_err(|why| refused(&why))?;
        if session.status != SessionStatus::Completed || session.patch.is_none() {
            return Err(refused("it has no patch"));
        }
        if !session.offers_patch {
            return Err(refused("its patch is not offered: see its report"));
        }
        Ok(matches!(self.open_fix(session, true, out)?, Opened::Failed))
    }

    fn opening_lock(&self) -> Result<Option<Option<Lock>>, Error> {
        if self.is_dry {
            return Ok(Some(None));
        }
        Ok(Lock::try_take(&self.store.dir().join(LOCK))?.map(Some))
    }

    fn folder(&self, session: &str) -> PathBuf {
        session_folder(self.store.dir(), session)
    }

    /// Decides about one fix, and acts.
    fn open_fix(
        &self,
        session: &Session,
        is_asked_for: bool,
        out: &mut Output,
    ) -> Result<Opened, Error> {
        let _scope = log::about(Some(&session.incident));
        let mut fix = self.fix(session)?;
        let github = &self.settings.github;
        let policy = OpeningPolicy {
            unproven: github.unproven,
            max_open: github.max_open,
            max_per_day: github.max_per_day,
            is_asked_for,
        };
        let prs = self.pull_requests(&Keys::all())?;
        let known = prs.session(&session.id).cloned();
        let verdict = judge_opening(&fix.facts, &prs, &policy, clock::now());
        if !verdict.asks_github() {
            return self.settle(&fix, known, verdict, is_asked_for, out);
        }
        let client = match GithubClient::open(github, self.env, prs.pauses.clone()) {
            Ok(client) => client,
            Err(error) => {
                let stop = Stop::Failed(error.to_string());
                return self.failed(&fix, known, stop, is_asked_for, out);
            }
        };
        let opened = self.open_with(&client, &mut fix, known, &prs, &policy, out);
        self.record_limits(&client)?;
        opened
    }

    /// Decides about one fix, knowing its repository, and acts.
    fn open_with(
        &self,
        client: &GithubClient<'_>,
        fix: &mut OpenableFix<'_>,
        known: Option<FixState>,
        prs: &PullRequests,
        policy: &OpeningPolicy,
        out: &mut Output,
    ) -> Result<Opened, Error> {
        let is_asked_for = policy.is_asked_for;
        let facts = self.repository(client, fix);
        let facts = facts.and_then(|repo| Ok((self.audience(client, &repo)?, repo)));
        let (audience, repo) = match facts {
            Ok(facts) => facts,
            Err(stop) => return self.failed(fix, known, stop, is_asked_for, out),
        };
        let opening = Opening { prs: self, client, fix, repo: &repo, audience, is_asked_for };
        let mut prs = prs.clone();
        let stop = loop {
            // A renamed repository has its pull requests under the new name.
            match judge_opening(&fix.facts, &prs, policy, clock::now()) {
                OpeningVerdict::Open { attempt, regression_of } => {
                    break opening.open(known, attempt, regression_of, out)?;
                }
                OpeningVerdict::Comment { on } => match opening.comment(&known, &on, out)? {
                    CommentEnd::Stopped(stop) => break Some(stop),
                    CommentEnd::Made => break None,
                    // Its repository was deleted, or has another name: the cause has none here.
                    CommentEnd::Replaced => prs
                        .sessions
                        .retain(|one| one.pull_request.as_ref().is_none_or(|pr| pr.id != on.id)),
                },
                other => return self.settle(fix, known, other, is_asked_for, out),
            }
        };
        let Some(stop) = stop else { return Ok(Opened::Settled) };
        // Steps on the way were recorded.
        let keys = Keys::one(PullRequests::SESSION, fix.session.id.as_str());
        let known = self.pull_requests(&keys)?.session(&fix.session.id).cloned();
        self.failed(fix, known, stop, is_asked_for, out)
    }

    /// Collects what is known of a fix.
    pub(super) fn fix<'a>(&'a self, session: &'a Session) -> Result<OpenableFix<'a>, Error> {
        let path = self.folder(&session.id).join(files::FINDING);
        // A session of an earlier release has none.
        let finding = regular_file::read(&path, FINDING_MAX).ok();
        let finding: Option<Finding> =
            finding.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let rules = &self.settings.auto_investigation.queues;
        let rule = rules.iter().find(|rule| rule.matching.matches(&session.queue_name));
        let proof = session.proofs.iter().rev().find(|one| one.result.is_some());
        let grade = proof.and_then(|one| ProofGrade::parse(&one.result.as_ref()?.grade));
        let mut needs_person =
            finding.as_ref().map(|one| one.needs_person.clone()).unwrap_or_default();
        if finding.is_none() {
            needs_person.push("its folder has no checked verdict (finding.json)".into());
        }
        if session.forged > 0 {
            needs_person
                .push("its file of events has lines that its supervisor has not written".into());
        }
        let finding = finding.unwrap_or_default().redacted(&redactor(self.settings)?);
        let fingerprint = session.fingerprint.clone().unwrap_or_else(|| session.id.clone());
        let facts = FixFacts {
            session: session.id.clone(),
            causes: finding.causes.clone(),
            category: finding.category.clone(),
            files: finding.files.clone(),
            fingerprint,
            repo: rule.and_then(|rule| rule.github.clone()),
            grade: grade.unwrap_or(ProofGrade::Unknown),
            base: proof.map(|one| one.base.clone()).or(session.base.clone()).unwrap_or_default(),
            ended_at: session.ended_at.unwrap_or(session.start_time),
            needs_person,
        };
        Ok(OpenableFix { session, finding, rule, facts })
    }

    /// Asks for the repository, and takes over its present name.
    pub(super) fn repository(
        &self,
        client: &GithubClient<'_>,
        fix: &mut OpenableFix<'_>,
    ) -> Result<RepositoryFacts, Stop> {
        let name = fix.facts.repo.clone().unwrap_or_default();
        let missing = || {
            Stop::Failed(format!(
                "repository '{name}': it is not there, or the token may not see it"
            ))
        };
        let found = client.get(&format!("/repos/{name}"))?.ok_or_else(missing)?;
        let repo: RepositoryFacts = serde_json::from_value(found)
            .map_err(|_| Stop::Failed("the answer is not one of GitHub".into()))?;
        if let Some(why) = repo.closed() {
            return Err(Stop::Refused("closed_repository", why.to_owned()));
        }
        fix.facts.repo = Some(repo.full_name.clone());
        Ok(repo)
    }

    /// Returns who reads what is published: in the repository, and in the one that branches are pushed
    /// to.
    fn audience(
        &self,
        client: &GithubClient<'_>,
        repo: &RepositoryFacts,
    ) -> Result<Audience, Stop> {
        let github = &self.settings.github;
        let audience = repo.audience(github.public_evidence);
        let Some(name) = &github.push_to else { return Ok(audience) };
        let found = client.get(&format!("/repos/{name}"))?;
        let target: Option<RepositoryFacts> =
            found.and_then(|found| serde_json::from_value(found).ok());
        let Some(target) = target else {
            return Err(Stop::Failed(format!("repository '{name}' cannot be read")));
        };
        // The files of one repository must not reach another.
        if !target.is_fork_of(&repo.full_name) {
            let why = format!("'{name}' (github.push_to) is no fork of '{}'", repo.full_name);
            return Err(Stop::Refused("no_fork", why));
        }
        match target.audience(github.public_evidence) {
            Audience::Everybody => Ok(Audience::Everybody),
            Audience::Members => Ok(audience),
        }
    }
}

/// Whether a session has a fix that may become a pull request.
fn offers(session: &Session) -> bool {
    session.status == SessionStatus::Completed && session.offers_patch && session.patch.is_some()
}
