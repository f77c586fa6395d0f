//! The branch of a fix: fetched, checked, pushed.

use std::path::{Path, PathBuf};

use super::Opening;
use super::stop::{Halt, Stop};
use crate::clock;
use crate::config::{Evidence, SecretValue, Settings};
use crate::edge::git::remote::{
    Candidate, CommitIdentity, PushOutcome, REMOTE_DEADLINE, RemoteAccess, RemoteRepository,
    RemoteUrl, UrlScheme,
};
use crate::edge::git::{PATCH_MAX, askpass};
use crate::edge::prs::opened::PullRequestAnswer;
use crate::edge::supervisor::{files, patch_hash};
use crate::error::Error;
use crate::event::PrOpened;
use crate::regular_file;
use crate::rules::evidence::redact::Redactor;
use crate::rules::pull_request::document::{BASE_MOVED, FixState, FixStep, OpenedPullRequest};
use crate::rules::pull_request::news::subject;
use crate::rules::pull_request::published::{self, FixSummary};
use crate::rules::verdict::patch_gate::{self, Difference, FORBIDDEN, ForbiddenPaths, GatePolicy};
use crate::text::safe;
use crate::wire::Output;

/// The folder of the bare repository.
const WORK: &str = "prs-work";
/// The author of the commits.
const NAME: &str = "dlq-tools";
const MAIL: &str = "dlq-tools@localhost.invalid";

/// The addresses and the token of git for one fix.
struct OpeningGit {
    bare: RemoteRepository,
    /// The repository, and the one that the branch is pushed to.
    from: RemoteUrl,
    to: RemoteUrl,
    token: SecretValue,
    askpass: PathBuf,
}

impl OpeningGit {
    fn access<'a>(&'a self, url: &'a RemoteUrl) -> RemoteAccess<'a> {
        let (token, askpass) = (Some(&self.token), self.askpass.as_path());
        RemoteAccess { url, token, askpass, deadline: REMOTE_DEADLINE }
    }
}

impl Opening<'_> {
    /// Opens a pull request. Returns why it stopped.
    pub(super) fn open(
        &self,
        known: Option<FixState>,
        attempt: u32,
        regression_of: Option<String>,
        out: &mut Output,
    ) -> Result<Option<Stop>, Error> {
        match self.try_open(known, attempt, regression_of, out) {
            Ok(()) => Ok(None),
            Err(Halt::Stop(stop)) => Ok(Some(stop)),
            Err(Halt::Error(error)) => Err(error),
        }
    }

    fn try_open(
        &self,
        known: Option<FixState>,
        attempt: u32,
        regression_of: Option<String>,
        out: &mut Output,
    ) -> Result<(), Halt> {
        let github = &self.prs.settings.github;
        let facts = &self.fix.facts;
        let (attempt, regression_of) = self.free_attempt(attempt, regression_of)?;
        let branch = published::branch(&facts.fingerprint, attempt);
        let base = self.fix.rule.and_then(|rule| rule.base.clone());
        let base = base.unwrap_or_else(|| self.repo.default_branch.clone());
        let patch = self.patch(&self.prs.folder(&facts.session)).map_err(Halt::of_this_fix)?;
        let audience = self.repo.audience(github.public_evidence);
        if self.prs.is_dry {
            let fix = self.summary(regression_of, &facts.base);
            let title = published::title(&fix, audience);
            let (repo, body) = (&self.repo.full_name, published::body(&fix, audience));
            out.put_text(&format!(
                "repository: {repo}\nbranch: {branch}, into {base}\ntitle: {title}\n\n{body}\n"
            ))?;
            return Ok(out.flush()?);
        }
        let git = self.git().map_err(Halt::of_this_fix)?;
        let (commit, tip) = self.candidate(&git, &base, &patch).map_err(Halt::of_this_fix)?;
        let planned = FixState {
            attempt,
            branch: branch.clone(),
            refused: None,
            step: FixStep::Planned,
            ..self.prs.state(self.fix, known, clock::now())
        };
        let Some(pushed) = self.push(&git, planned, &commit, out)? else { return Ok(()) };
        let fix = self.summary(regression_of.clone(), &tip);
        let answer = self.pull_request(&fix, audience, &branch, &base)?;
        self.opened(pushed, &answer, &tip, regression_of, out)?;
        self.extras(&answer);
        Ok(())
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
            token: self.client.token(),
            askpass: askpass::program("dlq-prs")?,
        })
    }

    /// Makes the commit of the patch on the newest base, and checks it. Returns commit and base.
    fn candidate(
        &self,
        git: &OpeningGit,
        base: &str,
        patch: &[u8],
    ) -> Result<(String, String), Halt> {
        let facts = &self.fix.facts;
        let fetched = git.bare.fetch(&git.access(&git.from), base, &facts.base)?;
        let message = published::commit_message(&self.summary(None, &fetched.tip));
        // The same for each try, so that a repetition finds its own commit.
        let seconds = facts.ended_at.millis() / 1000;
        let who = CommitIdentity { name: NAME, mail: MAIL, seconds };
        let refused = |word, why: String| Err(Stop::Refused(word, why).into());
        match git.bare.candidate(&fetched, patch, &message, who)? {
            Candidate::Commit { commit, difference } => {
                gate(self.prs.settings, &difference)?;
                Ok((commit, fetched.tip))
            }
            Candidate::AlreadyApplied => {
                refused("already_fixed", format!("branch '{base}' has the change already"))
            }
            Candidate::FilesMoved { paths } => {
                let named: Vec<_> = paths.iter().take(5).map(|path| safe(path)).collect();
                let why = format!(
                    "branch '{base}' has changed in files of the fix since its proof: {}",
                    named.join(", ")
                );
                refused(BASE_MOVED, why)
            }
            Candidate::DoesNotApply { why } => {
                refused("does_not_apply", format!("the patch does not apply: {}", safe(&why)))
            }
        }
    }

    /// Pushes the commit to a branch of its own. None: the branch is somebody else's, and their pull
    /// request has a comment.
    fn push(
        &self,
        git: &OpeningGit,
        planned: FixState,
        commit: &str,
        out: &mut Output,
    ) -> Result<Option<FixState>, Halt> {
        let (to, branch) = (git.access(&git.to), planned.branch.clone());
        let there = git.bare.ls_remote(&to, &format!("refs/heads/{branch}"))?;
        let is_own = |there: &String| planned.commit.as_ref() == Some(there) || commit == *there;
        if there.as_ref().is_some_and(|there| !is_own(there)) {
            return self.taken(planned, out).map(|()| None);
        }
        // Recorded first: a run that is killed behind the push finds its own commit there.
        let planned = FixState { commit: Some(commit.to_owned()), ..planned };
        self.prs.record(planned.clone(), None, out)?;
        let stop = match git.bare.push(&to, commit, &branch, there.as_deref())? {
            PushOutcome::Pushed | PushOutcome::AlreadyThere => {
                let pushed = FixState { step: FixStep::Pushed, ..planned };
                self.prs.record(pushed.clone(), None, out)?;
                return Ok(Some(pushed));
            }
            PushOutcome::LeaseLost { .. } => return self.taken(planned, out).map(|()| None),
            PushOutcome::WorkflowScope { sentence } => Stop::Refused("workflow_scope", sentence),
            PushOutcome::Protected { sentence } => Stop::Refused("protected", sentence),
            PushOutcome::Denied { sentence } => Stop::Failed(sentence),
        };
        Err(stop.into())
    }

    /// Reads the patch, and compares it with the record of the session.
    fn patch(&self, folder: &Path) -> Result<Vec<u8>, Halt> {
        let path = folder.join(files::PATCH);
        let bytes = match regular_file::read(&path, PATCH_MAX) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let why = format!("'{}' is not there any more", path.display());
                return Err(Stop::Refused("patch_missing", why).into());
            }
            read => read.map_err(|error| Error::file("read", &path, &error))?,
        };
        if self.fix.session.patch != Some(patch_hash(&path)?) {
            let why =
                format!("'{}' is not the patch that the session has recorded", path.display());
            return Err(Stop::Refused("patch_changed", why).into());
        }
        Ok(bytes)
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

    /// Ends the way of a fix whose branch somebody else has made: their pull request gets a comment.
    fn taken(&self, known: FixState, out: &mut Output) -> Result<(), Halt> {
        match self.find(&known.branch)? {
            Some(other) => self.comment_on(&other, known, out),
            None => {
                // Nothing of this machine is there.
                self.prs.record(
                    FixState { branch: String::new(), commit: None, ..known },
                    None,
                    out,
                )?;
                Err(Stop::BranchTaken.into())
            }
        }
    }

    /// Records and tells the opening.
    pub(super) fn opened(
        &self,
        known: FixState,
        answer: &PullRequestAnswer,
        tip: &str,
        regression_of: Option<String>,
        out: &mut Output,
    ) -> Result<(), Error> {
        let now = clock::now();
        let (id, number, url) = (answer.node_id.clone(), answer.number, answer.html_url.clone());
        let state = FixState {
            step: FixStep::Opened,
            repo: self.repo.full_name.clone(),
            pull_request: Some(OpenedPullRequest { id, number, url }),
            at: now,
            tries: 0,
            retry_at: None,
            detail: None,
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
        self.prs.record_opened(state, Some(opened), Some(line), out)
    }

    /// Collects what is published.
    pub(super) fn summary(&self, regression_of: Option<String>, tip: &str) -> FixSummary {
        self.prs.summary(self.fix, regression_of, tip)
    }
}

/// Checks the difference that would be pushed. The first reason names the refusal, and all are told.
fn gate(settings: &Settings, difference: &Difference) -> Result<(), Halt> {
    let github = &settings.github;
    let forbidden =
        FORBIDDEN.iter().copied().chain(github.forbidden_paths.iter().map(String::as_str));
    let policy = GatePolicy {
        max_files: github.max_files as usize,
        max_lines: u64::from(github.max_lines),
        allow_build_files: github.allow_build_files,
        forbidden: ForbiddenPaths::new(&forbidden.collect::<Vec<_>>()).map_err(Error::wrong)?,
        ..GatePolicy::default()
    };
    let Evidence { redact, redact_allow, .. } = &settings.evidence;
    let redactor = Redactor::new(redact, redact_allow).map_err(Error::wrong)?;
    let refusals = patch_gate::judge(&policy, &redactor, difference);
    let Some(first) = refusals.first() else { return Ok(()) };
    let all: Vec<&str> = refusals.iter().map(|one| one.sentence.as_str()).collect();
    Err(Stop::Refused(first.reason.as_str(), all.join("; ")).into())
}
