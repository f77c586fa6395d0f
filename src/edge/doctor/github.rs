//! The checks of GitHub: the token, its limits, and the repositories that get pull requests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::DoctorContext;
use super::run::CheckGroup;
use crate::clock;
use crate::config::SecretValue;
use crate::edge::github::token;
use crate::edge::http::{Client, Method, Request};
use crate::rules::health::Diagnosis;
use crate::rules::health::github::{self as judge, TokenKind};
use crate::rules::http::HttpAnswer;
use crate::rules::pull_request::server::{GithubServer, server};

/// The time for one answer.
const ANSWER: Duration = Duration::from_secs(3);
const ANSWER_MAX: u64 = 1 << 20;
/// Repositories that are asked for.
const REPOSITORIES_MAX: usize = 8;

/// Returns the groups.
pub fn groups(context: &Arc<DoctorContext>) -> Vec<CheckGroup> {
    let github = &context.settings.github;
    let repositories = repositories(context);
    let opens = context.settings.features.pull_requests && !repositories.is_empty();
    let watches = !github.repos.is_empty()
        || !github.orgs.is_empty()
        || github.mine
        || github.review_requested;
    if !opens && !watches {
        let why = "no repository is configured, or features.pull_requests is off";
        return vec![CheckGroup::known("github.token", Diagnosis::skipped(why))];
    }
    let own = context.clone();
    let mut groups = vec![CheckGroup::one("github.token", move || check_token(&own, opens))];
    if opens {
        for name in repositories.into_iter().take(REPOSITORIES_MAX) {
            let own = context.clone();
            groups.push(CheckGroup::one(format!("github {name}"), move || {
                check_repository(&own, &name)
            }));
        }
    }
    groups
}

fn repositories(context: &DoctorContext) -> BTreeSet<String> {
    let rules = context.settings.auto_investigation.queues.iter();
    rules.filter_map(|rule| rule.github.clone()).collect()
}

/// A token, the server that it is for, and a client.
struct Access {
    server: GithubServer,
    token: SecretValue,
    client: Client,
}

fn access(context: &DoctorContext) -> Result<Access, Diagnosis> {
    let github = &context.settings.github;
    let server = server(github.host.as_deref(), github.endpoint.as_deref());
    let failed = |error: crate::error::Error| {
        Diagnosis::failed(error.to_string(), "see TOKEN in dlq-prs(1)")
    };
    let token = token::fetch(github, &server, &context.env).map_err(failed)?;
    let client = Client::new(&context.env).map_err(failed)?;
    Ok(Access { server, token, client })
}

impl Access {
    fn get(&self, path: &str) -> Result<HttpAnswer, Diagnosis> {
        let url = format!("{}{path}", self.server.rest);
        let authorization = format!("Bearer {}", self.token.expose());
        let headers = [
            ("authorization", authorization.as_str()),
            ("accept", "application/vnd.github+json"),
            ("x-github-api-version", "2022-11-28"),
        ];
        let request = Request {
            method: Method::Get,
            url: &url,
            headers: &headers,
            body: &[],
            deadline: ANSWER,
            answer_max: ANSWER_MAX,
        };
        self.client.send(&request).map_err(|error| {
            let remedy = "check network, proxy variables, github.host and github.endpoint";
            Diagnosis::failed(self.token.hidden_in(&error.to_string(), ""), remedy)
        })
    }
}

fn check_token(context: &DoctorContext, opens: bool) -> Diagnosis {
    let access = match access(context) {
        Ok(access) => access,
        Err(diagnosis) => return diagnosis,
    };
    let in_workflow = context.env.get("GITHUB_ACTIONS") == Some("true");
    let kind = TokenKind::read(access.token.expose(), in_workflow);
    let answer = access.get("/rate_limit");
    let diagnosis = answer.map(|answer| judge::token(kind, &answer, opens, clock::now()));
    hidden(diagnosis.unwrap_or_else(|failed| failed), &access.token)
}

fn check_repository(context: &DoctorContext, name: &str) -> Diagnosis {
    let access = match access(context) {
        Ok(access) => access,
        // The check of the token tells why.
        Err(_) => return Diagnosis::skipped("not tried: there is no token"),
    };
    let answer = access.get(&format!("/repos/{name}"));
    answer.map_or_else(|failed| failed, |answer| judge::repository(&answer))
}

/// Returns a diagnosis without the token, which a hostile server may repeat.
fn hidden(diagnosis: Diagnosis, token: &SecretValue) -> Diagnosis {
    let hide = |text: &str| token.hidden_in(text, "");
    Diagnosis { detail: hide(&diagnosis.detail), remedy: hide(&diagnosis.remedy), ..diagnosis }
}
