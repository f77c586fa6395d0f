//! The branch of a fix: fetched, checked, pushed.

use std::path::PathBuf;

use super::Opening;
use super::request::ATTEMPTS_MAX;
use super::stop::{Halt, Stop};
use crate::clock;
use crate::config::SecretValue;
use crate::document::Keys;
use crate::edge::git::askpass;
use crate::edge::git::remote::{
    PushOutcome, REMOTE_DEADLINE, RemoteAccess, RemoteRepository, RemoteUrl, UrlScheme,
};
use crate::edge::prs::opened::PullRequestAnswer;
use crate::edge::prs::print_dry;
use crate::error::Error;
use crate::event::PrOpened;
use crate::log;
use crate::rules::pull_request::document::{FixState, FixStep, OpenedPullRequest, PullRequests};
use crate::rules::pull_request::news::subject;
use crate::rules::pull_request::published::{self, FixSummary};
use crate::wire::Output;

/// The folder of the bare repository.
pub(super) const WORK: &str = "prs-work";
/// The tries after which the branch of another machine is waited for no longer: an hour.
const WAITS_MAX: u32 = 6;
/// The address of the author of the commits.
pub(super) const MAIL: &str = "dlq-tools@localhost.invalid";

/// The addresses of git for one fix.
pub(super) struct OpeningGit {
    pub(super) bare: RemoteRepository,
    /// The repository, and the one that the branch is pushed to.
    pub(super) from: RemoteUrl,
    to: RemoteUrl,
    askpass: PathBuf,
}

/// The branch of a fix after its push.
enum PushedBranch {
    /// A branch that has the commit.
    Ours(Box<FixState>),
    /// A branch with an open pull request, to which nothing is pushed.
    Met(MetPullRequest),
    /// Commits of somebody else, without a pull request.
    OfOther { whose: &'static str },
}

/// An open pull request for the cause.
enum MetPullRequest {
    /// This session's, which no record has.
    Own { known: Box<FixState>, answer: Box<PullRequestAnswer> },
    /// Another session's, which has a comment now.
    Commented,
}

/// The branch that a fix has got.
enum FreeBranch {
    Ours { pushed: Box<FixState>, regression_of: Option<String> },
    Opened { pushed: Box<FixState>, answer: Box<PullRequestAnswer> },
    Commented,
}

impl From<MetPullRequest> for FreeBranch {
    fn from(met: MetPullRequest) -> Self {
        match met {
            MetPullRequest::Own { known, answer } => FreeBranch::Opened { pushed: known, answer },
            MetPullRequest::Commented => FreeBranch::Commented,
        }
    }
}

impl OpeningGit {
    /// Returns the access to a repository with the token as it is now: a request may have fetched another one.
    pub(super) fn access<'a>(
        &'a self,
        url: &'a RemoteUrl,
        token: &'a SecretValue,
    ) -> RemoteAccess<'a> {
        let (token, askpass) = (Some(token), self.askpass.as_path());
        RemoteAccess { url, token, askpass, deadline: REMOTE_DEADLINE }
    }
}

impl Opening<'_> {
    /// Opens a pull request. Returns why it stopped. A token that ends on the way is fetched anew, once, and
    /// all steps are repeated.
    pub(super) fn open(
        &self,
        mut known: Option<FixState>,
        attempt: u32,
        regression_of: Option<String>,
        out: &mut Output,
    ) -> Result<Option<Stop>, Error> {
        loop {
            match self.try_open(known, attempt, regression_of.clone(), out) {
                Ok(()) => return Ok(None),
                Err(Halt::Stop(Stop::Unauthorized(_))) if self.client.renew()? => {
                    let session = self.fix.session.id.as_str();
                    let keys = Keys::one(PullRequests::SESSION, session);
                    known = self.prs.pull_requests(&keys)?.session(session).cloned();
                }
                Err(Halt::Stop(stop)) => return Ok(Some(stop)),
                Err(Halt::Error(error)) => return Err(error),
            }
        }
    }

    fn try_open(
        &self,
        known: Option<FixState>,
        attempt: u32,
        regression_of: Option<String>,
        out: &mut Output,
    ) -> Result<(), Halt> {
        let facts = &self.fix.facts;
        if let Some((state, answer)) = self.opened_before(known.as_ref())? {
            let base = answer.base_commit().unwrap_or(&facts.base).to_owned();
            let opened = self.opened(state, &answer, &base, regression_of, out)?;
            self.prs.add_extras(self.client, self.fix, opened, answer.draft, out)?;
            return Ok(());
        }
        let (attempt, regression_of) = self.free_attempt(attempt, regression_of)?;
        let branch = published::branch(&facts.fingerprint, attempt);
        let base = self.base();
        let patch = self.patch(&self.prs.folder(&facts.session)).map_err(Halt::of_this_fix)?;
        let audience = self.audience;
        if self.prs.is_dry {
            let fix = self.summary(regression_of, &facts.base);
            let title = published::title(&fix, audience);
            let (repo, body) = (&self.repo.full_name, published::body(&fix, audience));
            let shown = format!(
                "repository: {repo}\nbranch: {branch}, into {base}\ntitle: {title}\n\n{body}\n"
            );
            return Ok(print_dry(&shown, out)?);
        }
        let git = self.git().map_err(Halt::of_this_fix)?;
        let (commit, tip) = self.candidate(&git, &base, &patch).map_err(Halt::of_this_fix)?;
        let planned = FixState {
            refused: None,
            step: FixStep::Planned,
            ..self.prs.state(self.fix, known, clock::now())
        };
        // Of any number, and also on the own branch: what is open is never pushed to.
        let pushed = match self.open_of_cause()? {
            Some(other) => self.met(planned, other, out)?.into(),
            None => self.push_free(&git, planned, attempt, &commit, regression_of, out)?,
        };
        let (pushed, answer, regression_of) = match pushed {
            FreeBranch::Ours { pushed, regression_of } => {
                let fix = self.summary(regression_of.clone(), &tip);
                let answer = self.pull_request(&fix, audience, &pushed.branch, &base)?;
                (pushed, answer, regression_of)
            }
            FreeBranch::Opened { pushed, answer } => (pushed, *answer, None),
            FreeBranch::Commented => return Ok(()),
        };
        let opened = self.opened(*pushed, &answer, &tip, regression_of, out)?;
        // What is left of it is recorded.
        self.prs.add_extras(self.client, self.fix, opened, answer.draft, out)?;
        Ok(())
    }

    /// Pushes the commit to the first branch that is free, or ours.
    fn push_free(
        &self,
        git: &OpeningGit,
        planned: FixState,
        mut attempt: u32,
        commit: &str,
        mut regression_of: Option<String>,
        out: &mut Output,
    ) -> Result<FreeBranch, Halt> {
        for _ in 0..ATTEMPTS_MAX {
            let branch = published::branch(&self.fix.facts.fingerprint, attempt);
            let planned = FixState { attempt, branch: branch.clone(), ..planned.clone() };
            match self.push(git, planned, commit, out)? {
                PushedBranch::Ours(pushed) => {
                    return Ok(FreeBranch::Ours { pushed, regression_of });
                }
                PushedBranch::Met(met) => return Ok(met.into()),
                PushedBranch::OfOther { whose } => {
                    log::warn(&format!(
                        "branch '{branch}' of {} has commits of {whose} and no pull request; it stays, \
                         and the fix of session {} gets the next number",
                        self.target(),
                        self.fix.session.id
                    ));
                    (attempt, regression_of) = self.free_attempt(attempt + 1, regression_of)?;
                }
            }
        }
        let why = format!("{ATTEMPTS_MAX} branches of the cause have commits of somebody else");
        Err(Stop::Refused("branch_taken", why).into())
    }

    /// Prepares git: an empty repository, and the addresses.
    fn git(&self) -> Result<OpeningGit, Halt> {
        let scheme = match self.client.server.web.starts_with("http:") {
            true => UrlScheme::HttpsOrLoopback,
            false => UrlScheme::Https,
        };
        let url =
            |repo: &str| RemoteUrl::new(&format!("{}/{repo}.git", self.client.server.web), scheme);
        Ok(OpeningGit {
            bare: RemoteRepository::create(&self.prs.store.dir().join(WORK))?,
            from: url(&self.repo.full_name)?,
            to: url(self.target())?,
            askpass: askpass::program("dlq-prs")?,
        })
    }

    /// Pushes the commit to a branch, unless somebody else has made it.
    fn push(
        &self,
        git: &OpeningGit,
        planned: FixState,
        commit: &str,
        out: &mut Output,
    ) -> Result<PushedBranch, Halt> {
        let token = self.client.token();
        let (to, branch) = (git.access(&git.to, &token), planned.branch.clone());
        let there = git.bare.ls_remote(&to, &format!("refs/heads/{branch}"))?;
        // Its commits are reviewed, whoever has made them.
        if there.is_some()
            && let Some(open) = self.find(&branch)?
        {
            return self.met(planned, open, out).map(PushedBranch::Met);
        }
        let keys = Keys::none().with_all(PullRequests::SESSION);
        let prs: PullRequests = self.prs.store.read(&keys)?;
        // Also what an earlier session of the cause has left.
        let is_own = |there: &String| commit == *there || prs.has_made(there);
        if let Some(there) = there.as_ref().filter(|there| !is_own(there)) {
            return self.taken(planned, there, out);
        }
        // Recorded first: a run that is killed behind the push finds its own commit there.
        let planned = planned.with_commit(commit);
        self.prs.record(planned.clone(), None, out)?;
        let token = self.client.token();
        let to = git.access(&git.to, &token);
        let mut outcome = git.bare.push(&to, commit, &branch, there.as_deref())?;
        if outcome == PushOutcome::LacksHistory {
            // A fork that is behind its upstream gets the commits between them, too.
            git.bare.fetch_history(&git.access(&git.from, &token), &self.base())?;
            outcome = git.bare.push(&to, commit, &branch, there.as_deref())?;
        }
        let stop = match outcome {
            PushOutcome::Pushed | PushOutcome::AlreadyThere => {
                let pushed = FixState { step: FixStep::Pushed, ..planned };
                self.prs.record(pushed.clone(), None, out)?;
                return Ok(PushedBranch::Ours(Box::new(pushed)));
            }
            PushOutcome::LeaseLost { actual: Some(there) } => {
                return match self.find(&branch)? {
                    Some(open) => self.met(planned, open, out).map(PushedBranch::Met),
                    None => self.taken(planned, &there, out),
                };
            }
            // It was removed meanwhile.
            PushOutcome::LeaseLost { actual: None } => {
                Stop::Failed(format!("branch '{branch}' has changed meanwhile"))
            }
            PushOutcome::WorkflowScope { sentence } => Stop::Refused("workflow_scope", sentence),
            PushOutcome::Protected { sentence } => Stop::Refused("protected", sentence),
            PushOutcome::Denied { sentence } => Stop::Failed(sentence),
            PushOutcome::LacksHistory => Stop::Failed(format!(
                "'{}' lacks commits of the base branch; synchronise the fork",
                self.target()
            )),
        };
        Err(stop.into())
    }

    /// Returns the branch that the fix goes to.
    fn base(&self) -> String {
        let base = self.fix.rule.and_then(|rule| rule.base.clone());
        base.unwrap_or_else(|| self.repo.default_branch.clone())
    }

    /// Returns the pull request that an earlier run has opened and not recorded, whatever has become of
    /// its branch and of the base since.
    fn opened_before(
        &self,
        known: Option<&FixState>,
    ) -> Result<Option<(FixState, PullRequestAnswer)>, Halt> {
        let Some(known) = known.filter(|known| known.step == FixStep::Pushed) else {
            return Ok(None);
        };
        let Some(answer) = self.find(&known.branch)? else { return Ok(None) };
        Ok(self.is_ours(&answer)?.then(|| (known.clone(), answer)))
    }

    /// Whether a pull request was opened for the cause by the account of the token.
    fn is_ours(&self, answer: &PullRequestAnswer) -> Result<bool, Stop> {
        let marker = published::marker(&self.fix.facts.fingerprint);
        Ok(answer.is_by(self.client.login()?.as_deref(), &marker))
    }

    /// Returns the repository that the branch is pushed to.
    pub(super) fn target(&self) -> &str {
        self.prs.settings.github.push_to.as_deref().unwrap_or(&self.repo.full_name)
    }

    /// Returns the branch as GitHub names it in a request.
    pub(super) fn head(&self, branch: &str) -> String {
        let owner = self.target().split('/').next().unwrap_or_default();
        format!("{owner}:{branch}")
    }

    /// Decides about an open pull request for the cause: that of this session is its own, also when the
    /// record is lost; another one gets a comment.
    fn met(
        &self,
        known: FixState,
        open: PullRequestAnswer,
        out: &mut Output,
    ) -> Result<MetPullRequest, Halt> {
        if open.has(&self.fix.session.id) && self.is_ours(&open)? {
            let known = FixState { branch: open.branch().to_owned(), ..known };
            return Ok(MetPullRequest::Own { known: Box::new(known), answer: Box::new(open) });
        }
        self.comment_on(&open, known, out).map(|()| MetPullRequest::Commented)
    }

    /// Decides about a branch without a pull request, at a commit that is not from here: one that another
    /// machine has made is waited for, and one of a person stays theirs.
    fn taken(&self, known: FixState, there: &str, out: &mut Output) -> Result<PushedBranch, Halt> {
        let is_by_machine = self.is_by_machine(there)?;
        // Nothing of this machine is there.
        let (branch, tries) = (known.branch.clone(), known.tries);
        self.prs.record(FixState { branch: String::new(), commit: None, ..known }, None, out)?;
        match is_by_machine {
            true if tries < WAITS_MAX => Err(Stop::BranchTaken { branch }.into()),
            true => {
                Ok(PushedBranch::OfOther { whose: "another machine, which has not come back," })
            }
            false => Ok(PushedBranch::OfOther { whose: "somebody else" }),
        }
    }

    /// Whether a commit is one that dlq-tools makes. Anybody can make one like it, and is waited for.
    fn is_by_machine(&self, commit: &str) -> Result<bool, Stop> {
        let path = format!("/repos/{}/git/commits/{commit}", self.target());
        let found = self.client.get(&path)?;
        let found = found.ok_or_else(|| Stop::Failed(format!("commit {commit} cannot be read")))?;
        Ok(found["author"]["email"] == MAIL)
    }

    /// Records and tells the opening.
    pub(super) fn opened(
        &self,
        known: FixState,
        answer: &PullRequestAnswer,
        tip: &str,
        regression_of: Option<String>,
        out: &mut Output,
    ) -> Result<FixState, Error> {
        let now = clock::now();
        let (id, number, url) = (answer.node_id.clone(), answer.number, answer.html_url.clone());
        let state = FixState {
            step: FixStep::Opened,
            into: self.base(),
            repo: self.repo.full_name.clone(),
            pull_request: Some(OpenedPullRequest { id, number, url }),
            at: now,
            tries: 0,
            retry_at: None,
            detail: None,
            extras: self.prs.extras_of(self.fix, answer.draft),
            ..known
        };
        let data = PrOpened {
            pr: answer.facts(&self.repo.full_name, state.owner.as_deref()),
            session: state.id.clone(),
            fingerprint: state.fingerprint.clone(),
            base: tip.to_owned(),
            grade: self.fix.facts.grade.as_str().to_owned(),
            regression_of,
        };
        let subject = subject(&self.repo.full_name, number);
        let line = self.prs.line(self.fix, &[&subject], &subject, now, data);
        let opened = answer.record(&self.repo.full_name, now);
        self.prs.record_opened(state.clone(), Some(opened), Some(line), out)?;
        Ok(state)
    }

    /// Collects what is published.
    pub(super) fn summary(&self, regression_of: Option<String>, tip: &str) -> FixSummary {
        self.prs.summary(self.fix, regression_of, tip)
    }
}
