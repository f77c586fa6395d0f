//! The news that a merge is live: by the deployments that GitHub knows, or by a command.

use std::time::Duration;

use super::Prs;
use serde_json::Value;

use crate::clock;
use crate::edge::command;
use crate::edge::github::client::{GithubClient, GithubError};
use crate::log;
use crate::rules::investigation::document::Sessions;
use crate::rules::pull_request::deployment;
use crate::rules::pull_request::document::PullRequests;
use crate::rules::pull_request::watch::{DeploymentSearch, WatchedPullRequest};
use crate::text::safe;
use crate::time::show_span;

/// The deployments of all environments that are listed, and those to production that are looked at.
const LISTED_MAX: usize = 50;
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

/// The findings of a look about merges.
#[derive(Debug, Default)]
pub(super) struct DeploymentLook {
    /// The merges that are live, by the id of the node.
    pub(super) live: Vec<(String, DeployedBy)>,
    /// The questions that were asked, by the id of the node.
    pub(super) asked: Vec<(String, DeploymentSearch)>,
}

impl Prs<'_> {
    /// Asks about the merges of ours whose turn it is.
    pub(super) fn deployed(
        &self,
        client: &GithubClient<'_>,
        prs: &PullRequests,
        sessions: &Sessions,
    ) -> DeploymentLook {
        let mut look = DeploymentLook::default();
        for (one, commit) in deployment::due(prs, clock::now()) {
            let mut search = one.deployment.clone().unwrap_or_default();
            search.asked_at = clock::now();
            let by = match self.command_of(one, prs, sessions) {
                Some(command) => match succeeds(command, commit) {
                    Some(is_live) => is_live.then_some(DeployedBy::Command),
                    None => {
                        look.asked.push((one.id.clone(), search));
                        break;
                    }
                },
                None => match is_deployed(client, &one.repo, commit, &mut search) {
                    Ok(is_live) => is_live.then_some(DeployedBy::Deployment),
                    Err(why) => {
                        let name = safe(&one.repo);
                        let message = format!("deployments of '{name}' cannot be read: {why}");
                        // Once for each merge: it is asked about for 30 days.
                        match one.deployment {
                            None => log::warn(&message),
                            Some(_) => log::info(&message),
                        }
                        None
                    }
                },
            };
            look.live.extend(by.map(|by| (one.id.clone(), by)));
            look.asked.push((one.id.clone(), search));
        }
        look
    }

    /// Returns the command that is configured for the queue of a pull request of ours.
    fn command_of(
        &self,
        one: &WatchedPullRequest,
        prs: &PullRequests,
        sessions: &Sessions,
    ) -> Option<&Vec<String>> {
        let fix = prs.opener_of(one)?;
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

/// Whether a deployment to production that contains a commit has succeeded. `search` remembers the
/// deployments that do not contain it.
fn is_deployed(
    client: &GithubClient<'_>,
    repo: &str,
    commit: &str,
    search: &mut DeploymentSearch,
) -> Result<bool, GithubError> {
    let list = client.get(&format!("/repos/{repo}/deployments?per_page={LISTED_MAX}"))?;
    let missing =
        || GithubError::Failed("they are not there, or the token may not see them".into());
    let list = list.ok_or_else(missing)?;
    let deployments = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_production = |one: &&Value| {
        let environment = one["environment"].as_str().unwrap_or_default();
        one["production_environment"] == true || deployment::is_production(environment)
    };
    for one in deployments.iter().filter(is_production).take(DEPLOYMENTS_MAX) {
        let (Some(id), Some(sha)) = (one["id"].as_u64(), one["sha"].as_str()) else { continue };
        if search.lacking.contains(&id) {
            continue;
        }
        if sha != commit {
            let path = format!("/repos/{repo}/compare/{commit}...{sha}?per_page=1");
            // One of the two commits is not there any more.
            let Some(compared) = client.get(&path)? else { continue };
            if compared["status"] != "ahead" && compared["status"] != "identical" {
                search.add_lacking(id);
                continue;
            }
        }
        let path = format!("/repos/{repo}/deployments/{id}/statuses?per_page=1");
        if client.get(&path)?.is_some_and(|all| all[0]["state"] == "success") {
            return Ok(true);
        }
    }
    Ok(false)
}
