//! The requests for a fix: the pull request, comments, labels, reviewers.

use std::time::Duration;

use serde_json::{Value, json};

use super::Opening;
use super::stop::{Halt, Stop};
use crate::clock;
use crate::edge::github::client::{GithubError, in_words};
use crate::edge::http::Method;
use crate::edge::prs::opened::PullRequestAnswer;
use crate::edge::prs::print_dry;
use crate::error::Error;
use crate::event::PrCommented;
use crate::log;
use crate::rules::pull_request::answer::{GithubAnswer, InvalidRequest};
use crate::rules::pull_request::document::{FixState, FixStep, OpenedPullRequest};
use crate::rules::pull_request::news::subject;
use crate::rules::pull_request::published::{self, Audience, FixSummary};
use crate::text::safe;
use crate::wire::Output;

/// The attempts at a cause that are looked at for one that has not ended.
pub(super) const ATTEMPTS_MAX: u32 = 20;

/// The difference of clocks that is allowed for.
pub(in crate::edge::prs) const CLOCKS_DIFFER: Duration = Duration::from_secs(86_400);

/// The end of a comment on a recorded pull request.
pub(super) enum CommentEnd {
    Made,
    Stopped(Stop),
    /// The number belongs to another pull request, or to none.
    Replaced,
}

impl Opening<'_> {
    /// Returns the newest pull request of a branch that is open.
    pub(super) fn find(&self, branch: &str) -> Result<Option<PullRequestAnswer>, Stop> {
        self.newest(branch, "open")
    }

    /// Returns the first attempt, from `attempt` on, whose branch has no pull request that has ended, and
    /// what it is a regression of. Other machines, and a state folder that is lost, have opened those.
    /// A pull request that a person has closed there stops the way, unless a person asks for it.
    pub(super) fn free_attempt(
        &self,
        attempt: u32,
        mut regression_of: Option<String>,
    ) -> Result<(u32, Option<String>), Stop> {
        for attempt in attempt..attempt.saturating_add(ATTEMPTS_MAX) {
            let branch = published::branch(&self.fix.facts.fingerprint, attempt);
            let Some(last) = self.newest(&branch, "all")?.filter(PullRequestAnswer::is_over) else {
                return Ok((attempt, regression_of));
            };
            let name = subject(&self.repo.full_name, last.number);
            if last.is_merged() {
                regression_of = Some(name);
            } else if !self.is_asked_for {
                let why =
                    format!("pull request {name} for the same cause was closed without a merge");
                return Err(Stop::Refused("rejected", why));
            }
        }
        let why = format!("{ATTEMPTS_MAX} pull requests for the same cause have ended");
        Err(Stop::Refused("rejected", why))
    }

    /// Returns an open pull request for the cause, of any attempt: that of this session, else the newest.
    /// Of many, the newest 100 are looked at.
    ///
    /// Everybody may open one with the branch and the marker of a cause: it counts when its branch is
    /// where the token pushes to, or in the repository itself, or when the account of the token has
    /// opened it.
    pub(super) fn open_of_cause(&self) -> Result<Option<PullRequestAnswer>, Stop> {
        let repo = &self.repo.full_name;
        let found = self.pulls(&format!("/repos/{repo}/pulls?state=open&per_page=100"))?;
        let first = published::branch(&self.fix.facts.fingerprint, 1);
        let start = &first[..first.len() - 1];
        let marker = published::marker(&self.fix.facts.fingerprint);
        let mut ours = Vec::new();
        for one in found {
            let is_of_cause = one.branch().starts_with(start) && one.has(&marker);
            if is_of_cause
                && (one.is_in(repo) || one.is_in(self.target()) || self.is_by_account(&one)?)
            {
                ours.push(one);
            }
        }
        let own = ours.iter().position(|one| one.has(&self.fix.session.id)).unwrap_or(0);
        Ok(ours.into_iter().nth(own))
    }

    /// Whether the account of the token has opened a pull request. Of an unknown account, none is.
    fn is_by_account(&self, answer: &PullRequestAnswer) -> Result<bool, Stop> {
        let login = self.client.login()?;
        Ok(login.is_some() && answer.is_by(login.as_deref(), ""))
    }

    /// Returns the newest pull request of a branch in a state: `open` or `all`.
    fn newest(&self, branch: &str, state: &str) -> Result<Option<PullRequestAnswer>, Stop> {
        let repo = &self.repo.full_name;
        let head = self.head(branch);
        let path = format!("/repos/{repo}/pulls?state={state}&per_page=5&head={head}");
        // Forks of one owner share the name of a head.
        let own = self.pulls(&path)?.into_iter().filter(|one| one.is_from(self.target()));
        Ok(own.max_by_key(|one| one.number))
    }

    fn pulls(&self, path: &str) -> Result<Vec<PullRequestAnswer>, Stop> {
        let found = self.client.get(path)?;
        let found = found.ok_or_else(|| Stop::Failed("pull requests cannot be read".into()))?;
        serde_json::from_value(found)
            .map_err(|_| Stop::Failed("the answer is not one of GitHub".into()))
    }

    /// Opens the pull request, or finds the one that is there.
    pub(super) fn pull_request(
        &self,
        fix: &FixSummary,
        audience: Audience,
        branch: &str,
        base: &str,
    ) -> Result<PullRequestAnswer, Stop> {
        let path = format!("/repos/{}/pulls", self.repo.full_name);
        let head = match self.prs.settings.github.push_to {
            Some(_) => self.head(branch),
            None => branch.to_owned(),
        };
        let mut body = json!({
            "title": published::title(fix, audience), "body": published::body(fix, audience),
            "head": head, "base": base, "draft": true, "maintainer_can_modify": true,
        });
        if let Some(name) = self.name_of_fork() {
            body["head_repo"] = json!(name);
        }
        // What the repository or the fork does not allow is left out, one by one.
        for _ in 0..3 {
            let (answer, raw) = match self.client.rest(Method::Post, &path, Some(&body)) {
                Ok(answered) => answered,
                // Whether it was opened is seen there.
                Err(GithubError::Unknown(why)) => {
                    return self.find(branch)?.ok_or(Stop::Failed(why));
                }
                Err(error) => return Err(error.into()),
            };
            match answer {
                GithubAnswer::Success => {
                    return serde_json::from_slice(&raw.body).or_else(|_| {
                        self.find(branch)?.ok_or(Stop::Failed("the answer is cut".into()))
                    });
                }
                GithubAnswer::Invalid(InvalidRequest::DraftsUnsupported)
                    if body["draft"] == json!(true) =>
                {
                    body["draft"] = json!(false);
                }
                GithubAnswer::Invalid(InvalidRequest::ForkCollab)
                    if body["maintainer_can_modify"] == json!(true) =>
                {
                    body["maintainer_can_modify"] = json!(false);
                }
                GithubAnswer::Invalid(InvalidRequest::NoCommits) => {
                    return Err(Stop::Refused(
                        "already_fixed",
                        "the branch has no commit that its base lacks".into(),
                    ));
                }
                GithubAnswer::Invalid(InvalidRequest::Fields(why)) => {
                    return Err(Stop::Refused(
                        "invalid",
                        format!("GitHub refuses: {}", safe(&why)),
                    ));
                }
                other => {
                    return self.find(branch)?.ok_or_else(|| Stop::Failed(in_words(&other)));
                }
            }
        }
        Err(Stop::Failed("GitHub refuses drafts and others".into()))
    }

    /// Returns the name of the fork, which GitHub wants when its owner is that of the repository.
    fn name_of_fork(&self) -> Option<&str> {
        let (owner, name) = self.target().split_once('/')?;
        let (own, _) = self.repo.full_name.split_once('/')?;
        let is_fork = self.prs.settings.github.push_to.is_some();
        (is_fork && owner.eq_ignore_ascii_case(own)).then_some(name)
    }

    /// Comments on the pull request that is recorded as open for the same cause.
    pub(super) fn comment(
        &self,
        known: &Option<FixState>,
        on: &OpenedPullRequest,
        out: &mut Output,
    ) -> Result<CommentEnd, Error> {
        match self.try_comment(known, on, out) {
            Ok(end) => Ok(end),
            Err(Halt::Stop(stop)) => Ok(CommentEnd::Stopped(stop)),
            Err(Halt::Error(error)) => Err(error),
        }
    }

    fn try_comment(
        &self,
        known: &Option<FixState>,
        on: &OpenedPullRequest,
        out: &mut Output,
    ) -> Result<CommentEnd, Halt> {
        let path = format!("/repos/{}/pulls/{}", self.repo.full_name, on.number);
        let Some(found) = self.client.get(&path).map_err(Stop::from)? else {
            return Ok(CommentEnd::Replaced);
        };
        let found: PullRequestAnswer = serde_json::from_value(found)
            .map_err(|_| Stop::Failed("the answer is not one of GitHub".into()))?;
        if !on.is_it(&found.node_id, found.number, true) {
            return Ok(CommentEnd::Replaced);
        }
        let state = self.prs.state(self.fix, known.clone(), clock::now());
        self.comment_on(&found, state, out).map(|()| CommentEnd::Made)
    }

    pub(super) fn comment_on(
        &self,
        on: &PullRequestAnswer,
        known: FixState,
        out: &mut Output,
    ) -> Result<(), Halt> {
        let repo = &self.repo.full_name;
        if on.is_over() {
            let why = format!("pull request {} has ended, and no look has seen it yet", on.number);
            return Err(Stop::Failed(why).into());
        }
        let summary = self.summary(None, &self.fix.facts.base);
        let text = published::same_cause(&summary, self.audience);
        if self.prs.is_dry {
            let comment = format!("comment on {repo}#{}:\n\n{text}\n", on.number);
            return Ok(print_dry(&comment, out)?);
        }
        let path = format!("/repos/{repo}/issues/{}/comments", on.number);
        if !self.is_commented(&path)? {
            let body = json!({ "body": text });
            let (answer, raw) =
                self.client.rest(Method::Post, &path, Some(&body)).map_err(Stop::from)?;
            if is_locked(&answer) {
                // A person has ended the conversation; the pull request covers the cause all the same.
                log::warn(&format!("{repo}#{} is locked: it gets no comment", on.number));
                let (id, number, url) = (on.node_id.clone(), on.number, on.html_url.clone());
                let by = OpenedPullRequest { id, number, url };
                return Ok(self.prs.record_covered(known, by, out)?);
            }
            if answer != GithubAnswer::Success {
                return Err(Stop::Failed(in_words(&answer)).into());
            }
            // Whether it was made is seen at the next try.
            let made: Value = serde_json::from_slice(&raw.body).unwrap_or_default();
            if !made["id"].is_u64() {
                return Err(Stop::Failed("the answer is not one of GitHub".into()).into());
            }
        }
        let now = clock::now();
        let (id, number, url) = (on.node_id.clone(), on.number, on.html_url.clone());
        let state = FixState {
            step: FixStep::Commented,
            repo: repo.clone(),
            pull_request: Some(OpenedPullRequest { id, number, url }),
            at: now,
            retry_at: None,
            ..known
        };
        let data = PrCommented {
            pr: on.facts(repo, state.owner.as_deref()),
            session: Some(state.id.clone()),
            fingerprint: Some(state.fingerprint.clone()),
            reason: "same_cause".into(),
        };
        let subject = subject(repo, number);
        let line = self.prs.line(self.fix, &[&subject], &subject, now, data);
        Ok(self.prs.record(state, Some(line), out)?)
    }

    /// Returns whether the comment of this session is there: an earlier try was killed, or has lost its
    /// answer.
    fn is_commented(&self, path: &str) -> Result<bool, Stop> {
        let facts = &self.fix.facts;
        // The clocks of this machine and of GitHub differ.
        let since = facts.ended_at.minus(CLOCKS_DIFFER);
        let path = format!("{path}?per_page=100&since={since}");
        let found = self.client.get(&path)?;
        let found = found.ok_or_else(|| Stop::Failed("its comments cannot be read".into()))?;
        let mut bodies =
            found.as_array().into_iter().flatten().filter_map(|one| one["body"].as_str());
        Ok(bodies.any(|body| body.contains(&facts.session)))
    }
}

/// Whether a comment was refused because the conversation is locked.
fn is_locked(answer: &GithubAnswer) -> bool {
    matches!(answer, GithubAnswer::Forbidden { sentence, .. } if sentence.contains("is locked"))
}
