//! The news that a merge is live: by the deployments that GitHub knows, or by a command.

use std::time::Duration;

use super::Prs;
use crate::clock;
use crate::edge::command;
use crate::edge::github::client::GithubClient;
use crate::log;
use crate::rules::investigation::document::Sessions;
use crate::rules::pull_request::document::PullRequests;
use crate::rules::pull_request::watch::{PullRequestEnd, WatchedPullRequest};
use crate::text::safe;
use crate::time::show_span;

/// The time after a merge for which its deployment is looked for.
const WATCHED: Duration = Duration::from_secs(30 * 86_400);
/// The merges that one look asks about, and the deployments of each.
const MERGES_MAX: usize = 10;
const DEPLOYMENTS_MAX: usize = 4;
/// The time for a command. One that does not end in time is the last that a look runs.
const DEADLINE: Duration = Duration::from_secs(10);

/// The source of the news that a merge is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeployedBy {
    Deployment,
    Command,
}

impl DeployedBy {
    pub(super) const fn word(self) -> &'static str {
        match self {
            DeployedBy::Deployment => "deployment",
            DeployedBy::Command => "command",
        }
    }
}

impl Prs<'_> {
    /// Returns the merges of ours that are live now, by the id of the node.
    pub(super) fn deployed(
        &self,
        client: &GithubClient<'_>,
        prs: &PullRequests,
        sessions: &Sessions,
    ) -> Vec<(String, DeployedBy)> {
        let now = clock::now();
        let waits = |one: &&WatchedPullRequest| {
            one.deployed_at.is_none()
                && one.end.as_ref().is_some_and(|end| now < end.at().plus(WATCHED))
                && prs.opener(&one.repo, one.number).is_some()
        };
        let mut found = Vec::new();
        for one in prs.watched.values().filter(waits).take(MERGES_MAX) {
            let Some(PullRequestEnd::Merged { commit: Some(commit), .. }) = &one.end else {
                continue;
            };
            let by = match self.command_of(one, prs, sessions) {
                Some(command) => match succeeds(command, commit) {
                    Some(is_live) => is_live.then_some(DeployedBy::Command),
                    None => break,
                },
                None => is_deployed(client, &one.repo, commit).then_some(DeployedBy::Deployment),
            };
            found.extend(by.map(|by| (one.id.clone(), by)));
        }
        found
    }

    /// Returns the command that is configured for the queue of a pull request of ours.
    fn command_of(
        &self,
        one: &WatchedPullRequest,
        prs: &PullRequests,
        sessions: &Sessions,
    ) -> Option<&Vec<String>> {
        let fix = prs.opener(&one.repo, one.number)?;
        let queue = &sessions.session(&fix.id)?.queue_name;
        let rules = &self.settings.auto_investigation.queues;
        rules.iter().find(|rule| rule.matching.matches(queue))?.deployed.as_ref()
    }
}

/// Whether a command says that a commit is live. None: it did not end in time.
fn succeeds(command: &[String], commit: &str) -> Option<bool> {
    let argv = [command, &[commit.to_owned()]].concat();
    let name = safe(&command.join(" ")).into_owned();
    match command::run_for_status(&argv, DEADLINE) {
        Ok((Some(status), _)) => Some(status.success()),
        Ok((None, _)) => {
            log::warn(&format!("'{name}' did not end within {}", show_span(DEADLINE)));
            None
        }
        Err(why) => {
            log::warn(&format!("cannot run '{name}': {why}"));
            Some(false)
        }
    }
}

/// Whether a deployment to production that contains a commit has succeeded. What cannot be read is no
/// deployment.
fn is_deployed(client: &GithubClient<'_>, repo: &str, commit: &str) -> bool {
    let get = |path: String| client.get(&path).ok().flatten();
    let list = get(format!("/repos/{repo}/deployments?per_page={DEPLOYMENTS_MAX}"));
    let list = list.unwrap_or_default();
    let deployments = list.as_array().map(Vec::as_slice).unwrap_or_default();
    deployments.iter().take(DEPLOYMENTS_MAX).any(|one| {
        let environment = one["environment"].as_str().unwrap_or_default().to_lowercase();
        let is_production =
            one["production_environment"] == true || environment.starts_with("prod");
        let (Some(id), Some(sha)) = (one["id"].as_u64(), one["sha"].as_str()) else { return false };
        let succeeded = || {
            let statuses = get(format!("/repos/{repo}/deployments/{id}/statuses?per_page=1"));
            statuses.is_some_and(|all| all[0]["state"] == "success")
        };
        let contains = || {
            sha == commit || {
                let compared = get(format!("/repos/{repo}/compare/{commit}...{sha}?per_page=1"));
                compared.is_some_and(|one| one["status"] == "ahead" || one["status"] == "identical")
            }
        };
        is_production && succeeded() && contains()
    })
}
