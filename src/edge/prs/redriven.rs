//! Comments on pull requests of ours, when a redrive of their cause has finished.
//!
//! Promises: one comment a move. The end of a redrive stands in `redrives.json`, which dlq-redrive
//! writes; no line of the stream causes a comment.

use serde_json::{Value, json};

use super::Prs;
use super::open::CLOCKS_DIFFER;
use super::opened::PullRequestAnswer;
use super::print_dry;
use crate::clock;
use crate::document::Keys;
use crate::edge::github::client::{GithubClient, GithubError, in_words};
use crate::edge::http::Method;
use crate::error::Error;
use crate::event::{Event, PrCommented};
use crate::log;
use crate::rules::pull_request::answer::GithubAnswer;
use crate::rules::pull_request::document::{FixState, OpenedPullRequest, PullRequests};
use crate::rules::pull_request::news::subject;
use crate::rules::pull_request::redriven::{comment, due, marker};
use crate::rules::redrive::document::{Move, Redrives};
use crate::wire::Output;

/// The end of a try to comment.
enum CommentTry {
    Made(Box<PullRequestAnswer>),
    /// A refusal, which another try would meet again.
    Refused(String),
    /// A failure that may pass.
    Failed(String),
}

impl Prs<'_> {
    /// Tells the pull requests of ours about redrives that have finished. Returns whether one failed.
    pub(super) fn redriven_due(&self, prs: &PullRequests, out: &mut Output) -> Result<bool, Error> {
        let all: Redrives = self.store.read(&Keys::none().with_all(Redrives::MOVE))?;
        let due = due(prs, &all.moves, clock::now());
        if due.is_empty() {
            return Ok(false);
        }
        let github = &self.settings.github;
        let client = match GithubClient::open(github, self.env, prs.pauses.clone()) {
            Ok(client) => client,
            Err(error) => {
                log::warn(&error.to_string());
                return Ok(true);
            }
        };
        let mut failed = false;
        for (fix, moved) in due {
            failed |= self.tell_redriven(&client, fix, moved, out)?;
        }
        self.record_limits(&client)?;
        Ok(failed)
    }

    /// Tells one pull request about a move. Returns whether that failed.
    fn tell_redriven(
        &self,
        client: &GithubClient<'_>,
        fix: &FixState,
        moved: &Move,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let number = fix.pull_request.as_ref().map_or(0, |pr| pr.number);
        let subject = subject(&fix.repo, number);
        if self.is_dry {
            let shown = format!("comment on {subject}:\n\n{}\n", comment(moved));
            return print_dry(&shown, out).map(|()| false);
        }
        let answer = match comment_once(client, fix, number, moved) {
            CommentTry::Made(answer) => Some(answer),
            CommentTry::Refused(why) => {
                log::warn(&format!("pull request {subject} is not told of a redrive: {why}"));
                None
            }
            CommentTry::Failed(why) => {
                log::warn(&format!("pull request {subject} is not told of a redrive yet: {why}"));
                return Ok(true);
            }
        };
        let line = answer.map(|answer| {
            let data = PrCommented {
                pr: answer.facts(&fix.repo, fix.owner.as_deref()),
                session: None,
                fingerprint: Some(fix.fingerprint.clone()),
                reason: "redriven".into(),
            };
            let parts = [moved.id.as_str(), "redriven"];
            let incident = Some(fix.incident.clone()).filter(|id| !id.is_empty());
            Event::derived(&parts, &subject, clock::now(), data).of_incident(incident).line()
        });
        let keys = Keys::one(Redrives::MOVE, moved.queue.arn.as_str());
        self.store.update(&keys, |all: &mut Redrives| {
            if let Some(known) = all.moves.iter_mut().find(|one| one.id == moved.id) {
                known.commented = true;
            }
            line.as_ref().map_or(Ok(()), |line| self.journal.append(line))
        })?;
        match line.map(|line| out.line(&line)) {
            Some(Err(Error::Pipe)) | None => Ok(false),
            Some(printed) => printed.map(|()| false),
        }
    }
}

/// Makes the comment about a move, unless it is there: an earlier try may have lost its answer.
fn comment_once(
    client: &GithubClient<'_>,
    fix: &FixState,
    number: u64,
    moved: &Move,
) -> CommentTry {
    let repo = &fix.repo;
    let failed = |error: GithubError| CommentTry::Failed(error.to_string());
    let answer = match client.get(&format!("/repos/{repo}/pulls/{number}")) {
        Ok(Some(found)) => match serde_json::from_value::<PullRequestAnswer>(found) {
            Ok(answer) => Box::new(answer),
            Err(_) => return CommentTry::Failed("the answer is not one of GitHub".into()),
        },
        Ok(None) => return CommentTry::Refused("it is not there, or may not be seen".into()),
        Err(error) => return failed(error),
    };
    let is_it = |pr: &OpenedPullRequest| pr.is_it(&answer.node_id, answer.number, true);
    if !fix.pull_request.as_ref().is_some_and(is_it) {
        return CommentTry::Refused("another pull request has its number now".into());
    }
    let path = format!("/repos/{repo}/issues/{number}/comments");
    // The clocks of this machine and of GitHub differ.
    let since = moved.finished_at.unwrap_or(moved.begun_at).minus(CLOCKS_DIFFER);
    let there = match client.get(&format!("{path}?per_page=100&since={since}")) {
        Ok(Some(found)) => found,
        Ok(None) => return CommentTry::Failed("its comments cannot be read".into()),
        Err(error) => return failed(error),
    };
    let marker = marker(moved);
    let mut bodies = there.as_array().into_iter().flatten().filter_map(|one| one["body"].as_str());
    if bodies.any(|body| body.contains(&marker)) {
        return CommentTry::Made(answer);
    }
    match client.rest(Method::Post, &path, Some(&json!({ "body": comment(moved) }))) {
        Ok((GithubAnswer::Success, raw)) => {
            // Whether it was made is seen at the next try.
            let made: Value = serde_json::from_slice(&raw.body).unwrap_or_default();
            match made["id"].is_u64() {
                true => CommentTry::Made(answer),
                false => CommentTry::Failed("the answer is not one of GitHub".into()),
            }
        }
        Ok((
            why @ (GithubAnswer::Forbidden { .. }
            | GithubAnswer::NotFound
            | GithubAnswer::Invalid(_)),
            _,
        )) => CommentTry::Refused(in_words(&why)),
        Ok((other, _)) => CommentTry::Failed(in_words(&other)),
        Err(error) => failed(error),
    }
}
