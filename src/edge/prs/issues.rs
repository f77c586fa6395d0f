//! The issues for causes without a fix to offer.
//!
//! Promises: one issue a cause, also of several machines with one account: it is looked for by its marker
//! among the issues of that account before one is opened, and again behind that: of two that were opened at
//! once, the lower number stays. A failure is tried again with growing pauses.

mod found;

use std::time::Duration;

use serde_json::{Value, json};

use super::Prs;
use super::open::{OpenableFix, Stop};
use super::opened::RepositoryFacts;
use super::print_dry;
use crate::clock;
use crate::document::Keys;
use crate::edge::github::client::GithubClient;
use crate::error::Error;
use crate::event::{Event, IssueClosed, IssueFacts, IssueOpened, Payload};
use crate::log;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::pull_request::document::{IssueState, PullRequests};
use crate::rules::pull_request::issue::{IssueVerdict, after_failure, judge_issue, to_close};
use crate::rules::pull_request::news::subject;
use crate::rules::pull_request::published;
use crate::text::safe;
use crate::time::Timestamp;
use crate::wire::Output;
use found::{ClosedIssue, FoundIssue, close, find, find_or_post};

/// The pause after which a session is judged again whose repository has another name.
const ASKED_AGAIN: Duration = Duration::from_secs(3600);
/// The verdicts that are worth an issue.
const STATUSES: [&str; 2] = ["confirmed", "likely"];

impl Prs<'_> {
    /// Opens the issues that are due, and closes those whose incident is over. Returns whether a
    /// part failed.
    pub(super) fn issues_due(&self, out: &mut Output) -> Result<bool, Error> {
        let sessions: Sessions = self.store.read(&Keys::all())?;
        let mut failed = false;
        let is_over = |incident: &str, session: &str| {
            let known = sessions.incidents.iter().find(|one| one.id == incident);
            // The record of an incident goes some days after its end, and that of its sessions later.
            let is_known = || sessions.sessions.iter().any(|one| one.id == session);
            known.map_or_else(is_known, |one| one.closed_at.is_some())
        };
        if self.settings.github.issues {
            // An issue of an incident that is over would be closed at once.
            let due = |one: &&Session| is_candidate(one) && !is_over(&one.incident, &one.id);
            for session in sessions.sessions.iter().filter(due) {
                failed |= self.open_issue(session, out)?;
            }
        }
        if self.is_dry {
            return Ok(failed);
        }
        let prs = self.pull_requests(&Keys::all())?;
        let is_over = |issue: &IssueState| is_over(&issue.incident, &issue.id);
        for issue in to_close(&prs.issues, &is_over, clock::now()) {
            let _scope = log::about(Some(&issue.incident));
            let closed = self.with_client(|client| self.close_issue(client, issue, out))?;
            failed |= self.after(issue, closed, out)?;
        }
        Ok(failed)
    }

    /// Opens the issue of a session, when it is due. Returns whether that failed.
    fn open_issue(&self, session: &Session, out: &mut Output) -> Result<bool, Error> {
        let _scope = log::about(Some(&session.incident));
        let mut fix = self.fix(session)?;
        let prs = self.pull_requests(&Keys::all())?;
        let has_cause = STATUSES.contains(&session.verdict.as_deref().unwrap_or_default());
        let max = self.settings.github.max_per_day;
        let judge =
            |fix: &OpenableFix<'_>| judge_issue(&fix.facts, has_cause, &prs, max, clock::now());
        if judge(&fix) == IssueVerdict::No {
            return Ok(false);
        }
        let known = prs.issues.iter().find(|one| one.id == session.id);
        let state = |fix: &OpenableFix<'_>| IssueState {
            id: session.id.clone(),
            incident: session.incident.clone(),
            fingerprint: fix.facts.fingerprint.clone(),
            repo: fix.facts.repo.clone().unwrap_or_default(),
            at: known.map_or_else(clock::now, |one| one.at),
            tries: known.map_or(0, |one| one.tries),
            ..IssueState::default()
        };
        let begun = state(&fix);
        let opened = self.with_client(|client| {
            let repo = match self.repository(client, &mut fix) {
                Ok(repo) => repo,
                Err(stop) => return Ok(Some(stop)),
            };
            // A renamed repository has its issues under the new name.
            if judge(&fix) == IssueVerdict::No {
                let waiting =
                    IssueState { retry_at: Some(clock::now().plus(ASKED_AGAIN)), ..state(&fix) };
                return self.set_aside(waiting, out);
            }
            self.post_issue(client, &fix, &repo, state(&fix), out)
        })?;
        self.after(&begun, opened, out)
    }

    /// Records that a session has no issue now, so that not each run asks for its repository.
    fn set_aside(&self, state: IssueState, out: &mut Output) -> Result<Option<Stop>, Error> {
        match self.is_dry {
            true => Ok(None),
            false => self.record_issue(state, None, out).map(|()| None),
        }
    }

    /// Acts with a client, and records the limits that it has met. Returns why the act failed.
    fn with_client(
        &self,
        act: impl FnOnce(&GithubClient<'_>) -> Result<Option<Stop>, Error>,
    ) -> Result<Option<Stop>, Error> {
        // Each knows the limits that the one before has met.
        let prs = self.pull_requests(&Keys::none().with_all(PullRequests::PAUSE))?;
        let client = match GithubClient::open(&self.settings.github, self.env, prs.pauses) {
            Ok(client) => client,
            Err(error) => return Ok(Some(Stop::Failed(error.to_string()))),
        };
        let done = act(&client);
        self.record_limits(&client)?;
        done
    }

    /// Opens an issue. Returns why it failed.
    fn post_issue(
        &self,
        client: &GithubClient<'_>,
        fix: &OpenableFix<'_>,
        repo: &RepositoryFacts,
        begun: IssueState,
        out: &mut Output,
    ) -> Result<Option<Stop>, Error> {
        if repo.has_issues == Some(false) {
            log::warn(&format!("repository '{}' has no issues", safe(&repo.full_name)));
            let closed_at = Some(clock::now());
            let none = IssueState { closed_at, is_closed_by_us: true, ..begun };
            return self.set_aside(none, out);
        }
        let summary = self.summary(fix, None, &fix.facts.base);
        let audience = repo.audience(self.settings.github.public_evidence);
        let title = published::title(&summary, audience);
        let body = published::issue_body(&summary, audience);
        if self.is_dry {
            let shown = format!("issue in {}: {title}\n\n{body}\n", repo.full_name);
            return print_dry(&shown, out).map(|()| None);
        }
        self.record_issue(begun.clone(), None, out)?;
        let state = |answer: &Value| IssueState {
            number: answer["number"].as_u64(),
            node_id: answer["node_id"].as_str().unwrap_or_default().to_owned(),
            title: answer["title"].as_str().unwrap_or_default().to_owned(),
            url: answer["html_url"].as_str().unwrap_or_default().to_owned(),
            retry_at: None,
            tries: 0,
            ..begun.clone()
        };
        let labels = &self.settings.github.labels;
        let body = json!({"title": title, "body": body, "labels": labels});
        let answer = match find_or_post(client, &begun, &body) {
            Ok(FoundIssue::Open { issue, is_of_session: true, .. }) => issue,
            // Another machine's, or of a state that is lost: it is closed with the incident here, too.
            Ok(FoundIssue::Open { issue, .. }) => {
                return self.record_issue(state(&issue), None, out).map(|()| None);
            }
            Ok(FoundIssue::ClosedByPerson { issue }) => {
                let closed = IssueState { closed_at: Some(clock::now()), ..state(&issue) };
                return self.record_issue(closed, None, out).map(|()| None);
            }
            Ok(FoundIssue::None) => return Ok(None),
            Err(stop) => return Ok(Some(stop)),
        };
        let state = state(&answer);
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
        client: &GithubClient<'_>,
        issue: &IssueState,
        out: &mut Output,
    ) -> Result<Option<Stop>, Error> {
        let closing = match issue.number {
            Some(number) => close(client, issue, number),
            // It was begun: what was opened there is found by its marker.
            None => find(client, issue).and_then(|found| match found {
                FoundIssue::Open { issue: there, is_of_session: true, .. } => {
                    close(client, issue, there["number"].as_u64().unwrap_or_default())
                }
                _ => Ok(ClosedIssue::default()),
            }),
        };
        let closing = match closing {
            Ok(closing) => closing,
            Err(stop) => return Ok(Some(stop)),
        };
        let now = clock::now();
        let is_closed_by_us = closing.is_by_us || closing.number.is_none();
        let closed = IssueState {
            number: closing.number,
            closed_at: Some(now),
            is_closed_by_us,
            ..issue.clone()
        };
        let data = IssueClosed {
            issue: facts(&closed),
            session: closed.id.clone(),
            fingerprint: closed.fingerprint.clone(),
        };
        let line = closing.is_by_us.then(|| line(&closed, now, data));
        self.record_issue(closed, line, out)?;
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
        match line.map(|line| out.line(&line)) {
            // The journal has the event. What was begun is finished without a reader.
            Some(Err(Error::Pipe)) | None => Ok(()),
            Some(printed) => printed,
        }
    }

    /// Records and warns of a failure. Returns whether there was one.
    fn after(
        &self,
        issue: &IssueState,
        stop: Option<Stop>,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let Some(stop) = stop else { return Ok(false) };
        let limited_until = match &stop {
            Stop::Limited(until) => Some(*until),
            _ => None,
        };
        let state = after_failure(issue.clone(), limited_until, clock::now());
        let next = match state.retry_at.filter(|_| state.closed_at.is_none()) {
            Some(at) => format!("next try at {at}"),
            None => "given up".to_owned(),
        };
        log::warn(&format!("the issue of session {} cannot be changed: {stop}; {next}", issue.id));
        if !self.is_dry {
            self.record_issue(state, None, out)?;
        }
        Ok(true)
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
