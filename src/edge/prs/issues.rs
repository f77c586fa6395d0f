//! The issues for causes without a fix to offer.
//!
//! Promises: one issue a cause; an interrupted opening is found by its marker among the issues of the
//! own account before another one is opened.

use serde_json::{Value, json};

use super::Prs;
use super::open::OpenableFix;
use super::opened::RepositoryFacts;
use crate::clock;
use crate::document::Keys;
use crate::edge::github::client::{GithubClient, GithubError, in_words};
use crate::edge::http::Method;
use crate::error::Error;
use crate::event::{Event, IssueClosed, IssueFacts, IssueOpened, Payload};
use crate::log;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::pull_request::answer::GithubAnswer;
use crate::rules::pull_request::document::{IssueState, PullRequests};
use crate::rules::pull_request::issue::{IssueVerdict, judge_issue, to_close};
use crate::rules::pull_request::news::subject;
use crate::rules::pull_request::published::{self, INCIDENT_OVER};
use crate::text::safe;
use crate::time::Timestamp;
use crate::wire::Output;

/// The verdicts that are worth an issue.
const STATUSES: [&str; 2] = ["confirmed", "likely"];

impl Prs<'_> {
    /// Opens the issues that are due, and closes those whose incident is over. Returns whether a
    /// part failed.
    pub(super) fn issues_due(&self, out: &mut Output) -> Result<bool, Error> {
        let sessions: Sessions = self.store.read(&Keys::all())?;
        let mut failed = false;
        let is_over = |incident: &str| {
            let known = sessions.incidents.iter().find(|one| one.id == incident);
            known.is_some_and(|one| one.closed_at.is_some())
        };
        if self.settings.github.issues {
            // An issue of an incident that is over would be closed at once.
            let due = |one: &&Session| is_candidate(one) && !is_over(&one.incident);
            for session in sessions.sessions.iter().filter(due) {
                failed |= self.open_issue(session, out)?;
            }
        }
        let prs: PullRequests = self.store.read(&Keys::all())?;
        for issue in to_close(&prs.issues, &is_over) {
            failed |= self.report(issue, self.close_issue(issue, &prs, out)?);
        }
        Ok(failed)
    }

    /// Opens the issue of a session, when it is due. Returns whether that failed.
    fn open_issue(&self, session: &Session, out: &mut Output) -> Result<bool, Error> {
        let mut fix = self.fix(session)?;
        let github = &self.settings.github;
        let prs: PullRequests = self.store.read(&Keys::all())?;
        let has_cause = STATUSES.contains(&session.verdict.as_deref().unwrap_or_default());
        let judge = |fix: &OpenableFix<'_>| {
            judge_issue(&fix.facts, has_cause, &prs, github.max_per_day, clock::now())
        };
        if judge(&fix) == IssueVerdict::No {
            return Ok(false);
        }
        let state = |fix: &OpenableFix<'_>| IssueState {
            id: session.id.clone(),
            incident: session.incident.clone(),
            fingerprint: fix.facts.fingerprint.clone(),
            repo: fix.facts.repo.clone().unwrap_or_default(),
            at: clock::now(),
            ..IssueState::default()
        };
        let client = match GithubClient::open(github, self.env, prs.pauses.clone()) {
            Ok(client) => client,
            Err(error) => return Ok(self.report(&state(&fix), Some(error.to_string()))),
        };
        let repo = match self.repository(&client, &mut fix) {
            Ok(repo) => repo,
            Err(stop) => return Ok(self.report(&state(&fix), Some(stop.to_string()))),
        };
        let IssueVerdict::Open { is_begun } = judge(&fix) else { return Ok(false) };
        let begun = state(&fix);
        let opening = self.post_issue(&client, &fix, &repo, begun.clone(), is_begun, out)?;
        self.record_pauses(&client)?;
        Ok(self.report(&begun, opening))
    }

    /// Opens an issue. Returns why it failed.
    fn post_issue(
        &self,
        client: &GithubClient<'_>,
        fix: &OpenableFix<'_>,
        repo: &RepositoryFacts,
        begun: IssueState,
        is_begun: bool,
        out: &mut Output,
    ) -> Result<Option<String>, Error> {
        if repo.has_issues == Some(false) {
            log::info(&format!("repository '{}' has no issues", safe(&repo.full_name)));
            return Ok(None);
        }
        let summary = self.summary(fix, None, &fix.facts.base);
        let audience = repo.audience(self.settings.github.public_evidence);
        let title = published::title(&summary, audience);
        let body = published::issue_body(&summary, audience);
        if self.is_dry {
            out.put_text(&format!("issue in {}: {title}\n\n{body}\n", repo.full_name))?;
            return out.flush().map(|()| None);
        }
        self.record_issue(begun.clone(), None, out)?;
        let found = if is_begun { find(client, &repo.full_name, &begun.id) } else { Ok(None) };
        let answer = match found {
            Ok(Some(found)) => found,
            Ok(None) => {
                let path = format!("/repos/{}/issues", repo.full_name);
                let labels = &self.settings.github.labels;
                let body = json!({"title": title, "body": body, "labels": labels});
                match ask(client, Method::Post, &path, &body) {
                    Ok(answer) => answer,
                    Err(why) => return Ok(Some(why)),
                }
            }
            Err(why) => return Ok(Some(why)),
        };
        let state = IssueState {
            number: answer["number"].as_u64(),
            title,
            url: answer["html_url"].as_str().unwrap_or_default().to_owned(),
            ..begun
        };
        let data = IssueOpened {
            issue: facts(&state),
            session: state.id.clone(),
            fingerprint: state.fingerprint.clone(),
        };
        let line = line(&state, clock::now(), data);
        self.record_issue(state, Some(line), out)?;
        Ok(None)
    }

    /// Closes an issue with a comment, unless a person has. Returns why it failed.
    fn close_issue(
        &self,
        issue: &IssueState,
        prs: &PullRequests,
        out: &mut Output,
    ) -> Result<Option<String>, Error> {
        if self.is_dry {
            return Ok(None);
        }
        let client = match GithubClient::open(&self.settings.github, self.env, prs.pauses.clone()) {
            Ok(client) => client,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let now = clock::now();
        let path = format!("/repos/{}/issues/{}", issue.repo, issue.number.unwrap_or_default());
        let known = match client.get(&path) {
            Ok(Some(known)) => known,
            Ok(None) => return Ok(Some("it is not there, or the token may not see it".into())),
            Err(error) => return Ok(Some(error.to_string())),
        };
        let closed = IssueState { closed_at: Some(now), ..issue.clone() };
        if known["state"] == "closed" {
            self.record_issue(closed, None, out)?;
            return Ok(None);
        }
        let comment = json!({ "body": INCIDENT_OVER });
        let done =
            ask(&client, Method::Post, &format!("{path}/comments"), &comment).and_then(|_| {
                let body = json!({"state": "closed", "state_reason": "completed"});
                ask(&client, Method::Patch, &path, &body)
            });
        if let Err(why) = done {
            return Ok(Some(why));
        }
        let closed = IssueState { is_closed_by_us: true, ..closed };
        let data = IssueClosed {
            issue: facts(&closed),
            session: closed.id.clone(),
            fingerprint: closed.fingerprint.clone(),
        };
        let line = line(&closed, now, data);
        self.record_issue(closed, Some(line), out)?;
        Ok(None)
    }

    fn record_issue(
        &self,
        state: IssueState,
        line: Option<Vec<u8>>,
        out: &mut Output,
    ) -> Result<(), Error> {
        let keys = Keys::one(PullRequests::ISSUE, state.id.clone());
        self.store.update(&keys, |prs: &mut PullRequests| {
            prs.put_issue(state);
            line.as_ref().map_or(Ok(()), |line| self.journal.append(line))
        })?;
        line.map_or(Ok(()), |line| out.line(&line))
    }

    /// Warns of a failure. Returns whether there was one.
    fn report(&self, issue: &IssueState, why: Option<String>) -> bool {
        if let Some(why) = &why {
            log::warn(&format!("the issue of session {} cannot be changed: {why}", issue.id));
        }
        why.is_some()
    }
}

/// Whether a session has a cause and no patch to offer.
fn is_candidate(session: &Session) -> bool {
    session.status == SessionStatus::Completed && session.has_found_cause()
}

fn facts(state: &IssueState) -> IssueFacts {
    IssueFacts {
        repo: state.repo.clone(),
        number: state.number.unwrap_or_default(),
        title: state.title.clone(),
        url: state.url.clone(),
    }
}

fn line<D: Payload>(state: &IssueState, now: Timestamp, data: D) -> Vec<u8> {
    let subject = subject(&state.repo, state.number.unwrap_or_default());
    let incident = Some(state.incident.clone()).filter(|id| !id.is_empty());
    let parts = [state.id.as_str(), D::TYPE.as_str()];
    Event::derived(&parts, &subject, now, data).of_incident(incident).line()
}

/// Sends a request that changes something. Returns the answer, or why there is none.
fn ask(
    client: &GithubClient<'_>,
    method: Method,
    path: &str,
    body: &Value,
) -> Result<Value, String> {
    let (answer, raw) = client.rest(method, path, Some(body)).map_err(|error| error.to_string())?;
    match answer {
        GithubAnswer::Success => Ok(serde_json::from_slice(&raw.body).unwrap_or_default()),
        other => Err(in_words(&other)),
    }
}

/// Returns the issue of a session that an interrupted run has opened.
fn find(client: &GithubClient<'_>, repo: &str, session: &str) -> Result<Option<Value>, String> {
    let said = |error: GithubError| error.to_string();
    let own = client.get("/user").map_err(said)?;
    let login = own.as_ref().and_then(|own| own["login"].as_str()).unwrap_or_default();
    let path = format!("/repos/{repo}/issues?state=all&creator={login}&per_page=50");
    let found = client.get(&path).map_err(said)?.unwrap_or_default();
    let marker = published::issue_marker(session);
    let is_it = |one: &&Value| {
        one["body"].as_str().is_some_and(|body| body.contains(&marker))
            && one["user"]["login"] == login
            && one.get("pull_request").is_none()
    };
    Ok(found.as_array().into_iter().flatten().find(is_it).cloned())
}
