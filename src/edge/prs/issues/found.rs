//! Issues on the server: looked for, closed.

use serde_json::{Value, json};

use crate::edge::github::client::{GithubClient, in_words};
use crate::edge::http::Method;
use crate::edge::prs::open::{CLOCKS_DIFFER, Stop};
use crate::log;
use crate::rules::pull_request::answer::GithubAnswer;
use crate::rules::pull_request::document::IssueState;
use crate::rules::pull_request::origin::is_same_account;
use crate::rules::pull_request::published::{self, INCIDENT_OVER};

/// The issues of a page, and the pages that are read.
const PAGE: usize = 100;
const PAGES_MAX: u32 = 10;
/// The closed issues of a cause that are asked who has closed them.
const CLOSED_MAX: usize = 10;

/// The state of an issue that was looked for.
pub(super) enum FoundIssue {
    None,
    /// The open issue with the lowest number. `is_of_session`: the session that is looked for has opened
    /// it; `duplicate`: it has opened this one, too.
    Open {
        issue: Value,
        is_of_session: bool,
        duplicate: Option<Value>,
    },
    ClosedByPerson {
        issue: Value,
    },
}

/// An issue that is closed. Without a number there is none.
#[derive(Default)]
pub(super) struct ClosedIssue {
    pub(super) number: Option<u64>,
    /// Whether it was closed from here.
    pub(super) is_by_us: bool,
}

/// Sends a request that changes something. Returns the answer.
fn ask(client: &GithubClient<'_>, method: Method, path: &str, body: &Value) -> Result<Value, Stop> {
    let (answer, raw) = client.rest(method, path, Some(body))?;
    match answer {
        // What was done is seen at the next try.
        GithubAnswer::Success => serde_json::from_slice(&raw.body)
            .ok()
            .filter(|answer: &Value| answer["id"].is_u64())
            .ok_or_else(|| Stop::Failed("the answer is not one of GitHub".into())),
        other => Err(Stop::Failed(in_words(&other))),
    }
}

/// Asks for what has to be there.
fn get(client: &GithubClient<'_>, path: &str) -> Result<Value, Stop> {
    let missing = || Stop::Failed("it is not there, or the token may not see it".to_owned());
    client.get(path)?.ok_or_else(missing)
}

/// Closes an issue that is open: with one comment, also when an interrupted run has made that.
pub(super) fn close(
    client: &GithubClient<'_>,
    issue: &IssueState,
    number: u64,
) -> Result<ClosedIssue, Stop> {
    let path = format!("/repos/{}/issues/{number}", issue.repo);
    let known = get(client, &path)?;
    let number = Some(number);
    // The name and the number belong to another one: that is left alone.
    if !issue.node_id.is_empty() && known["node_id"] != issue.node_id.as_str() {
        return Ok(ClosedIssue { number, is_by_us: false });
    }
    let since = issue.at.minus(CLOCKS_DIFFER);
    let comments = get(client, &format!("{path}/comments?per_page=100&since={since}"))?;
    let is_last = |one: &&Value| one["body"].as_str().map(str::trim) == Some(INCIDENT_OVER);
    let comment = comments.as_array().into_iter().flatten().find(is_last);
    if known["state"] == "closed" {
        let closer = known["closed_by"]["login"].as_str();
        let is_by_us = comment.is_some_and(|one| one["user"]["login"].as_str() == closer);
        return Ok(ClosedIssue { number, is_by_us });
    }
    if comment.is_none() {
        let body = json!({ "body": INCIDENT_OVER });
        ask(client, Method::Post, &format!("{path}/comments"), &body)?;
    }
    let body = json!({"state": "closed", "state_reason": "completed"});
    let closed = ask(client, Method::Patch, &path, &body)?;
    if closed["state"] != "closed" {
        return Err(Stop::Failed("GitHub has not closed it".into()));
    }
    Ok(ClosedIssue { number, is_by_us: true })
}

/// Closes an issue that this session has opened, in favour of another one for the cause.
fn close_duplicate(
    client: &GithubClient<'_>,
    issue: &IssueState,
    own: &Value,
    stays: &Value,
) -> Result<(), Stop> {
    let path = format!("/repos/{}/issues/{}", issue.repo, own["number"]);
    let body = json!({"state": "closed", "state_reason": "not_planned"});
    ask(client, Method::Patch, &path, &body)?;
    // Behind the act, so that no repetition makes a second comment.
    let body = json!({ "body": format!("Duplicate of #{}.", stays["number"]) });
    if let Err(stop) = ask(client, Method::Post, &format!("{path}/comments"), &body) {
        log::info(&format!("the duplicate {} has no comment: {stop}", own["number"]));
    }
    Ok(())
}

/// Finds the issue of a cause, or opens it. Of two that were opened at once, that of this session is
/// closed when its number is the higher one.
pub(super) fn find_or_post(
    client: &GithubClient<'_>,
    issue: &IssueState,
    body: &Value,
) -> Result<FoundIssue, Stop> {
    let found = match find(client, issue)? {
        FoundIssue::None => {
            let path = format!("/repos/{}/issues", issue.repo);
            let made = ask(client, Method::Post, &path, body)?;
            // Another machine may have done the same meanwhile.
            match find(client, issue)? {
                found @ FoundIssue::Open { .. } => found,
                _ => FoundIssue::Open { issue: made, is_of_session: true, duplicate: None },
            }
        }
        found => found,
    };
    if let FoundIssue::Open { issue: stays, duplicate: Some(own), .. } = &found {
        close_duplicate(client, issue, own, stays)?;
    }
    Ok(found)
}

/// Looks for the issue of a cause that the account of the token has opened: by an interrupted run, by
/// another machine, or before the state was lost. An open one comes first, then one that a person has
/// closed.
pub(super) fn find(client: &GithubClient<'_>, issue: &IssueState) -> Result<FoundIssue, Stop> {
    let unknown = || Stop::Failed("GitHub does not tell the account of the token".to_owned());
    let login = client.login()?.ok_or_else(unknown)?;
    let all = issues_of(client, &login, issue)?;
    let body = |one: &Value| one["body"].as_str().unwrap_or_default().to_owned();
    let is_of_session = |one: &Value| body(one).contains(&issue.id);
    let mut open: Vec<&Value> = all.iter().filter(|one| one["state"] == "open").collect();
    open.sort_by_key(|one| one["number"].as_u64());
    if let Some(first) = open.first() {
        let duplicate = open[1..].iter().find(|one| is_of_session(one)).copied();
        let (first, duplicate) = ((*first).clone(), duplicate.cloned());
        return Ok(FoundIssue::Open {
            is_of_session: is_of_session(&first),
            issue: first,
            duplicate,
        });
    }
    // The list, newest first, does not say who has closed them.
    for closed in all.iter().take(CLOSED_MAX) {
        let path = format!("/repos/{}/issues/{}", issue.repo, closed["number"]);
        let issue = get(client, &path)?;
        let closer = issue["closed_by"]["login"].as_str();
        if !closer.is_some_and(|closer| is_same_account(closer, &login)) {
            return Ok(FoundIssue::ClosedByPerson { issue });
        }
    }
    Ok(FoundIssue::None)
}

/// Returns the issues for a cause that an account has opened, the newest first.
fn issues_of(
    client: &GithubClient<'_>,
    login: &str,
    issue: &IssueState,
) -> Result<Vec<Value>, Stop> {
    let marker = published::issue_marker(&issue.fingerprint);
    let is_it = |one: &Value| {
        let author = one["user"]["login"].as_str().unwrap_or_default();
        is_same_account(author, login)
            && one.get("pull_request").is_none()
            && one["body"].as_str().is_some_and(|body| body.contains(&marker))
    };
    // GitHub's filter is for people.
    let creator = match login.ends_with("[bot]") {
        true => String::new(),
        false => format!("&creator={login}"),
    };
    let mut all = Vec::new();
    for page in 1..=PAGES_MAX {
        let repo = &issue.repo;
        let path = format!("/repos/{repo}/issues?state=all{creator}&per_page={PAGE}&page={page}");
        let found = get(client, &path)?;
        let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
        all.extend(found.iter().filter(|one| is_it(one)).cloned());
        if found.len() < PAGE {
            break;
        }
    }
    Ok(all)
}
