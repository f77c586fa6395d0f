//! The steps behind an opening: labels, reviewers, and the owner as assignee.
//!
//! Promises: each is a step by itself, and none of them is worth the pull request. What is left of them
//! is recorded with the opening, so that the next run finishes what a kill, a limit or a fault has cut
//! off. What GitHub refuses is a warning, and is not tried again.

use serde_json::{Value, json};

use super::OpenableFix;
use crate::edge::github::client::{GithubClient, GithubError, in_words};
use crate::edge::http::Method;
use crate::edge::prs::Prs;
use crate::edge::prs::opened::PullRequestAnswer;
use crate::error::Error;
use crate::log;
use crate::rules::investigation::session::Session;
use crate::rules::pull_request::answer::GithubAnswer;
use crate::rules::pull_request::document::{ExtraStep, FixState, PullRequests};
use crate::rules::pull_request::news::subject;
use crate::wire::Output;

impl Prs<'_> {
    /// Returns the steps behind the opening of a pull request. Where the repository has no drafts, a
    /// label says that it is one.
    pub(super) fn extras_of(&self, fix: &OpenableFix<'_>, is_draft: bool) -> Vec<ExtraStep> {
        let github = &self.settings.github;
        let has_owner = fix.rule.is_some_and(|rule| rule.owner.is_some());
        let all = [
            (ExtraStep::Labels, !is_draft || !github.labels.is_empty()),
            (ExtraStep::Reviewers, !github.reviewers.is_empty()),
            (ExtraStep::Assignee, has_owner),
        ];
        all.into_iter().filter(|(_, is_wanted)| *is_wanted).map(|(step, _)| step).collect()
    }

    /// Finishes the steps that an earlier run has left. Returns whether one failed.
    pub(super) fn finish_extras(
        &self,
        session: &Session,
        known: &FixState,
        prs: &PullRequests,
        out: &mut Output,
    ) -> Result<bool, Error> {
        if self.is_dry {
            return Ok(false);
        }
        let fix = self.fix(session)?;
        let number = known.pull_request.as_ref().map_or(0, |pr| pr.number);
        let failed = |why: &str| {
            let subject = subject(&known.repo, number);
            log::warn(&format!("labels and reviewers of pull request {subject} wait: {why}"));
            Ok(true)
        };
        let github = &self.settings.github;
        let client = match GithubClient::open(github, self.env, prs.pauses.clone()) {
            Ok(client) => client,
            Err(error) => return failed(&error.to_string()),
        };
        let found = client.get(&format!("/repos/{}/pulls/{number}", known.repo));
        let found = found.map(|found| {
            found.and_then(|found| serde_json::from_value::<PullRequestAnswer>(found).ok())
        });
        let opened = known.pull_request.as_ref();
        let is_it = |answer: &PullRequestAnswer| {
            opened.is_some_and(|pr| pr.is_it(&answer.node_id, answer.number, true))
        };
        let done = match found {
            // The end of a limit is waited for, and is no failure.
            Err(GithubError::Limited { .. }) => Ok(false),
            Ok(Some(answer)) if !is_it(&answer) => {
                self.record(FixState { extras: Vec::new(), ..known.clone() }, None, out)?;
                failed("another pull request has its number now")
            }
            Ok(Some(answer)) => self.add_extras(&client, &fix, known.clone(), answer.draft, out),
            Ok(None) => failed("it cannot be read"),
            Err(error) => failed(&error.to_string()),
        };
        self.record_limits(&client)?;
        done
    }

    /// Adds labels, reviewers and the owner, and records what is left. Returns whether something is.
    pub(super) fn add_extras(
        &self,
        client: &GithubClient<'_>,
        fix: &OpenableFix<'_>,
        state: FixState,
        is_draft: bool,
        out: &mut Output,
    ) -> Result<bool, Error> {
        if state.extras.is_empty() {
            return Ok(false);
        }
        let number = state.pull_request.as_ref().map_or(0, |pr| pr.number);
        let mut left = Vec::new();
        let subject = subject(&state.repo, number);
        for step in &state.extras {
            let (path, bodies) = self.request_of(*step, fix, is_draft);
            let path = format!("/repos/{}/{}", state.repo, path.replace("{}", &number.to_string()));
            for body in bodies {
                let (why, may_pass) = match client.rest(Method::Post, &path, Some(&body)) {
                    Ok((GithubAnswer::Success, _)) => continue,
                    Ok((answer, _)) => {
                        (in_words(&answer), matches!(answer, GithubAnswer::ServerFault { .. }))
                    }
                    Err(error) => (error.to_string(), error != GithubError::Unauthorized),
                };
                log::warn(&format!("pull request {subject} has no {}: {why}", step.as_str()));
                if may_pass && !left.contains(step) {
                    left.push(*step);
                }
            }
        }
        let is_left = !left.is_empty();
        self.record(FixState { extras: left, ..state }, None, out)?;
        Ok(is_left)
    }

    /// Returns the path below the repository, with `{}` for the number, and the bodies of a step. Each
    /// reviewer is asked alone: GitHub refuses all when one of them cannot review.
    fn request_of(
        &self,
        step: ExtraStep,
        fix: &OpenableFix<'_>,
        is_draft: bool,
    ) -> (&'static str, Vec<Value>) {
        let github = &self.settings.github;
        match step {
            ExtraStep::Labels => {
                let draft = (!is_draft).then_some("draft");
                let labels = github.labels.iter().map(String::as_str).chain(draft);
                ("issues/{}/labels", vec![json!({ "labels": labels.collect::<Vec<_>>() })])
            }
            ExtraStep::Reviewers => {
                let body = |name: &String| match name.split_once('/') {
                    Some((_, team)) => json!({"reviewers": [], "team_reviewers": [team]}),
                    None => json!({"reviewers": [name], "team_reviewers": []}),
                };
                let bodies = github.reviewers.iter().map(body).collect();
                ("pulls/{}/requested_reviewers", bodies)
            }
            ExtraStep::Assignee => {
                let owner = fix.rule.and_then(|rule| rule.owner.as_deref());
                ("issues/{}/assignees", vec![json!({"assignees": [owner.unwrap_or_default()]})])
            }
        }
    }
}
