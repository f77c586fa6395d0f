//! Issues for causes that have no fix to offer: when one is opened, and when it is closed.
//!
//! Promises: one issue a cause and repository; one that a person has closed stays closed. Pure.

use std::time::Duration;

use super::document::{FixState, FixStep, IssueState, PullRequests};
use super::opening::{AGE_MAX, FixFacts, next_try};
use super::watch::PullRequestEnd;
use crate::time::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);

/// The decision about an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueVerdict {
    /// An opening. `is_begun`: a run was interrupted, which may have opened it.
    Open { is_begun: bool },
    /// Silence, now or for ever.
    No,
}

/// Returns whether an issue is opened for what a session has found. `has_cause`: its verdict names a
/// cause that is worth acting on.
pub fn judge_issue(
    fix: &FixFacts,
    has_cause: bool,
    prs: &PullRequests,
    max_per_day: u32,
    now: Timestamp,
) -> IssueVerdict {
    let Some(repo) = fix.repo.as_deref() else { return IssueVerdict::No };
    // A manipulated agent would have its text published.
    if !fix.needs_person.is_empty() {
        return IssueVerdict::No;
    }
    if !has_cause || now >= fix.ended_at.plus(AGE_MAX) {
        return IssueVerdict::No;
    }
    let is_here = |other: &str| other.eq_ignore_ascii_case(repo);
    let of_cause = |one: &&FixState| is_here(&one.repo) && one.fingerprint == fix.fingerprint;
    if prs.sessions.iter().filter(of_cause).any(|one| answers(one, fix, prs)) {
        return IssueVerdict::No;
    }
    if let Some(own) = prs.issues.iter().find(|one| one.id == fix.session) {
        let is_begun = own.number.is_none() && own.closed_at.is_none() && is_due(own, now);
        return if is_begun { IssueVerdict::Open { is_begun } } else { IssueVerdict::No };
    }
    let mut of_same =
        prs.issues.iter().filter(|one| is_here(&one.repo) && one.fingerprint == fix.fingerprint);
    // One that was closed from here belongs to an incident that is over; one that was begun and never
    // opened is found by its marker, should it be there.
    if of_same.any(|one| !one.is_closed_by_us && one.number.is_some()) {
        return IssueVerdict::No;
    }
    let is_today = |at: Timestamp| at.plus(DAY) > now;
    let opened = prs
        .sessions
        .iter()
        .filter(|one| is_here(&one.repo) && one.step == FixStep::Opened && is_today(one.at));
    let issues = prs.issues.iter().filter(|one| is_here(&one.repo) && is_today(one.at));
    if opened.count() + issues.count() >= max_per_day as usize {
        return IssueVerdict::No;
    }
    IssueVerdict::Open { is_begun: false }
}

/// Whether the fix of a session makes an issue for the findings of `fix` needless: it is on its way, its
/// pull request is open, or a person has decided about it. A merge answers what was found before it.
fn answers(one: &FixState, fix: &FixFacts, prs: &PullRequests) -> bool {
    if one.step == FixStep::Refused {
        return false;
    }
    match prs.end_of(one) {
        _ if one.id == fix.session => true,
        None | Some(PullRequestEnd::Closed { .. }) => true,
        Some(PullRequestEnd::Merged { at, .. }) => fix.ended_at <= *at,
    }
}

/// Returns the issues whose incident is over, by `is_over`; also those that were begun, and may be there.
pub fn to_close<'a>(
    issues: &'a [IssueState],
    is_over: &dyn Fn(&IssueState) -> bool,
    now: Timestamp,
) -> Vec<&'a IssueState> {
    let is_open = |one: &&IssueState| one.closed_at.is_none() && is_due(one, now);
    issues.iter().filter(is_open).filter(|one| is_over(one)).collect()
}

/// Whether no pause after a failure is in force.
fn is_due(issue: &IssueState, now: Timestamp) -> bool {
    issue.retry_at.is_none_or(|at| at <= now)
}

/// Returns the state of an issue after a failure, which is tried again with growing pauses. After the last
/// one it is given up: left as it is on GitHub, and free for another session when it was never opened.
pub fn after_failure(
    issue: IssueState,
    limited_until: Option<Timestamp>,
    now: Timestamp,
) -> IssueState {
    if limited_until.is_some() {
        return IssueState { retry_at: limited_until, ..issue };
    }
    let tries = issue.tries + 1;
    match next_try(issue.tries, now) {
        Some(at) => IssueState { tries, retry_at: Some(at), ..issue },
        None => {
            let is_closed_by_us = issue.number.is_none();
            IssueState { tries, closed_at: Some(now), is_closed_by_us, ..issue }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::OpenedPullRequest;
    use super::super::opening::ProofGrade;
    use super::super::origin::PullRequestOrigin;
    use super::super::watch::{WatchedPullRequest, fixtures, judge_reading};
    use super::*;

    fn at(hours: u32) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000).plus(Duration::from_secs(3600) * hours)
    }

    fn fix() -> FixFacts {
        FixFacts {
            session: "new".into(),
            fingerprint: "f1".into(),
            causes: Vec::new(),
            category: None,
            files: Vec::new(),
            repo: Some("acme/orders".into()),
            grade: ProofGrade::Unknown,
            base: String::new(),
            ended_at: at(0),
            needs_person: Vec::new(),
        }
    }

    fn issue(id: &str) -> IssueState {
        IssueState {
            id: id.into(),
            fingerprint: "f1".into(),
            repo: "Acme/orders".into(),
            number: Some(3),
            at: at(0),
            ..IssueState::default()
        }
    }

    fn state(step: FixStep, pull_request: bool) -> FixState {
        let pull_request =
            pull_request.then(|| OpenedPullRequest { number: 9, ..Default::default() });
        FixState {
            id: "s".into(),
            step,
            fingerprint: "f1".into(),
            repo: "acme/orders".into(),
            pull_request,
            ..FixState::default()
        }
    }

    #[test]
    fn cause_has_one_issue_and_that_of_a_person_stays_closed() {
        let open = IssueVerdict::Open { is_begun: false };
        let with = |issues: Vec<IssueState>| PullRequests { issues, ..PullRequests::default() };
        let fixes = |sessions: Vec<FixState>| PullRequests { sessions, ..PullRequests::default() };
        let closed =
            |is_closed_by_us| IssueState { closed_at: Some(at(1)), is_closed_by_us, ..issue("a") };
        let begun = IssueState { number: None, ..issue("new") };
        // The session that is judged ended an hour after the beginning of time.
        let merged_end = |hours| PullRequestEnd::Merged { at: at(hours), commit: None };
        let closed_end = PullRequestEnd::Closed { at: at(0) };
        let ended = |end: PullRequestEnd, id: &str| {
            let state = FixState { id: id.into(), ..state(FixStep::Opened, true) };
            let mut prs = fixes(vec![state]);
            let ours = PullRequestOrigin::Ours;
            let (record, _) = judge_reading(None, &fixtures::reading(), ours, true, at(0)).unwrap();
            let record = WatchedPullRequest { end: Some(end), number: 9, ..record };
            prs.watched
                .insert("N9".into(), WatchedPullRequest { repo: "acme/orders".into(), ..record });
            prs
        };
        let paused = |hours| IssueState { retry_at: Some(at(hours)), ..begun.clone() };
        let given_up =
            IssueState { closed_at: Some(at(1)), is_closed_by_us: true, ..begun.clone() };
        let begun_elsewhere = IssueState { number: None, ..issue("a") };
        let other = IssueState { fingerprint: "f2".into(), ..issue("b") };
        let elsewhere = IssueState { repo: "acme/web".into(), ..issue("c") };
        let rows = [
            ("first", with(vec![]), open.clone()),
            ("open", with(vec![issue("a")]), IssueVerdict::No),
            ("own", with(vec![issue("new")]), IssueVerdict::No),
            ("interrupted", with(vec![begun.clone()]), IssueVerdict::Open { is_begun: true }),
            ("a pause", with(vec![paused(3)]), IssueVerdict::No),
            ("after the pause", with(vec![paused(2)]), IssueVerdict::Open { is_begun: true }),
            ("given up", with(vec![given_up]), IssueVerdict::No),
            ("begun by another session", with(vec![begun_elsewhere]), open.clone()),
            ("closed by a person", with(vec![closed(false)]), IssueVerdict::No),
            ("closed with its incident", with(vec![closed(true)]), open.clone()),
            ("another cause, another repository", with(vec![other, elsewhere]), open.clone()),
            ("pull request is open", fixes(vec![state(FixStep::Opened, true)]), IssueVerdict::No),
            (
                "pull request is on its way",
                fixes(vec![state(FixStep::Pushed, false)]),
                IssueVerdict::No,
            ),
            (
                "pull request in another repository",
                fixes(vec![FixState { repo: "acme/web".into(), ..state(FixStep::Opened, true) }]),
                open.clone(),
            ),
            (
                "pull request for another cause",
                fixes(vec![FixState { fingerprint: "f2".into(), ..state(FixStep::Opened, true) }]),
                open.clone(),
            ),
            ("refused", fixes(vec![state(FixStep::Refused, false)]), open.clone()),
            ("pull request was closed", ended(closed_end.clone(), "s"), IssueVerdict::No),
            ("its own was merged", ended(merged_end(1), "new"), IssueVerdict::No),
            ("its own was closed", ended(closed_end, "new"), IssueVerdict::No),
            ("merged since", ended(merged_end(1), "s"), IssueVerdict::No),
            ("back after a merge", ended(merged_end(0), "s"), open),
        ];
        for (rule, prs, expected) in rows {
            let fix = FixFacts { ended_at: at(1), ..fix() };
            assert_eq!(judge_issue(&fix, true, &prs, 5, at(2)), expected, "{rule}");
        }
    }

    #[test]
    fn issue_needs_a_cause_a_repository_and_room_today() {
        let empty = PullRequests::default();
        let judge = |fix: &FixFacts, has_cause, prs: &PullRequests, hours| {
            judge_issue(fix, has_cause, prs, 1, at(hours)) != IssueVerdict::No
        };
        assert!(judge(&fix(), true, &empty, 1));
        assert!(!judge(&fix(), false, &empty, 1), "no cause");
        assert!(!judge(&FixFacts { repo: None, ..fix() }, true, &empty, 1));
        let marked = FixFacts { needs_person: vec!["marked".into()], ..fix() };
        assert!(!judge(&marked, true, &empty, 1), "a person has to look first");
        assert!(!judge(&fix(), true, &empty, 72), "too old");
        let other = IssueState { fingerprint: "f2".into(), ..issue("b") };
        let full = PullRequests { issues: vec![other], ..PullRequests::default() };
        assert!(!judge(&fix(), true, &full, 23), "one today");
        assert!(judge(&fix(), true, &full, 24));
        let elsewhere = IssueState { repo: "acme/web".into(), ..full.issues[0].clone() };
        let full = PullRequests { issues: vec![elsewhere], ..PullRequests::default() };
        assert!(judge(&fix(), true, &full, 23), "one today in another repository");
        // A pull request of the day, of another cause.
        let today = |change: fn(&mut FixState)| {
            let mut state =
                FixState { fingerprint: "f2".into(), at: at(0), ..state(FixStep::Opened, true) };
            change(&mut state);
            let prs = PullRequests { sessions: vec![state], ..PullRequests::default() };
            judge(&fix(), true, &prs, 23)
        };
        assert!(!today(|_| {}), "a pull request today");
        assert!(today(|one| one.at = at(0).minus(Duration::from_secs(3600))), "one of yesterday");
        assert!(today(|one| one.repo = "acme/web".into()), "one of another repository");
        assert!(today(|one| one.step = FixStep::Commented), "a comment");
        assert!(today(|one| one.step = FixStep::Planned), "another cause is on its way");
    }

    #[test]
    fn issue_is_closed_when_its_incident_is_over() {
        let of = |id: &str, incident: &str| IssueState { incident: incident.into(), ..issue(id) };
        let closed = IssueState { closed_at: Some(at(1)), ..of("c", "over") };
        let begun = IssueState { number: None, ..of("d", "over") };
        let paused = IssueState { retry_at: Some(at(3)), ..of("e", "over") };
        let issues = [of("a", "over"), of("b", "open"), closed, begun, paused];
        let found = to_close(&issues, &|issue| issue.incident == "over", at(2));
        assert_eq!(found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["a", "d"]);
    }

    #[test]
    fn failure_is_tried_again_with_growing_pauses_and_given_up() {
        let minutes = |n: u32| Some(at(2).plus(Duration::from_secs(60) * n));
        // (rule, number, tries, limit, tries then, next try, given up, free for another session)
        let rows = [
            ("first", Some(3), 0, None, 1, minutes(1), false, false),
            ("third", Some(3), 2, None, 3, minutes(4), false, false),
            ("a limit is no failure", Some(3), 2, minutes(9), 2, minutes(9), false, false),
            ("given up", Some(3), 12, None, 13, None, true, false),
            ("given up before it was opened", None, 12, None, 13, None, true, true),
        ];
        for (rule, number, tries, limit, then, retry_at, is_over, is_free) in rows {
            let before = IssueState { number, tries, ..issue("a") };
            let after = after_failure(before, limit, at(2));
            assert_eq!((after.tries, after.retry_at), (then, retry_at), "{rule}");
            assert_eq!(
                (after.closed_at.is_some(), after.is_closed_by_us),
                (is_over, is_free),
                "{rule}"
            );
        }
    }
}
