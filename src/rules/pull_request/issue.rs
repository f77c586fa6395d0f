//! Issues for causes that have no fix to offer: when one is opened, and when it is closed.
//!
//! Promises: one issue a cause and repository; one that a person has closed stays closed. Pure.

use std::time::Duration;

use super::document::{FixState, FixStep, IssueState, PullRequests};
use super::opening::{AGE_MAX, FixFacts};
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
    if !has_cause || now >= fix.ended_at.plus(AGE_MAX) {
        return IssueVerdict::No;
    }
    let is_here = |other: &str| other.eq_ignore_ascii_case(repo);
    let of_cause = |one: &&FixState| is_here(&one.repo) && one.fingerprint == fix.fingerprint;
    if prs.sessions.iter().filter(of_cause).any(|one| answers(one, fix, prs)) {
        return IssueVerdict::No;
    }
    if let Some(own) = prs.issues.iter().find(|one| one.id == fix.session) {
        let is_begun = own.number.is_none() && own.closed_at.is_none();
        return if is_begun { IssueVerdict::Open { is_begun } } else { IssueVerdict::No };
    }
    let mut of_same =
        prs.issues.iter().filter(|one| is_here(&one.repo) && one.fingerprint == fix.fingerprint);
    // One that was closed from here belongs to an incident that is over.
    if of_same.any(|one| !one.is_closed_by_us) {
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

/// Returns the issues whose incident is over, by `is_over`.
pub fn to_close<'a>(
    issues: &'a [IssueState],
    is_over: &dyn Fn(&str) -> bool,
) -> Vec<&'a IssueState> {
    let is_open = |one: &&IssueState| one.number.is_some() && one.closed_at.is_none();
    issues.iter().filter(is_open).filter(|one| is_over(&one.incident)).collect()
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
        let other = IssueState { fingerprint: "f2".into(), ..issue("b") };
        let elsewhere = IssueState { repo: "acme/web".into(), ..issue("c") };
        let rows = [
            ("first", with(vec![]), open.clone()),
            ("open", with(vec![issue("a")]), IssueVerdict::No),
            ("own", with(vec![issue("new")]), IssueVerdict::No),
            ("interrupted", with(vec![begun]), IssueVerdict::Open { is_begun: true }),
            ("closed by a person", with(vec![closed(false)]), IssueVerdict::No),
            ("closed with its incident", with(vec![closed(true)]), open.clone()),
            ("another cause, another repository", with(vec![other, elsewhere]), open.clone()),
            ("pull request is open", fixes(vec![state(FixStep::Opened, true)]), IssueVerdict::No),
            (
                "pull request is on its way",
                fixes(vec![state(FixStep::Pushed, false)]),
                IssueVerdict::No,
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
        assert!(!judge(&fix(), true, &empty, 72), "too old");
        let other = IssueState { fingerprint: "f2".into(), ..issue("b") };
        let full = PullRequests { issues: vec![other], ..PullRequests::default() };
        assert!(!judge(&fix(), true, &full, 23), "one today");
        assert!(judge(&fix(), true, &full, 24));
    }

    #[test]
    fn issue_is_closed_when_its_incident_is_over() {
        let of = |id: &str, incident: &str| IssueState { incident: incident.into(), ..issue(id) };
        let closed = IssueState { closed_at: Some(at(1)), ..of("c", "over") };
        let begun = IssueState { number: None, ..of("d", "over") };
        let issues = [of("a", "over"), of("b", "open"), closed, begun];
        let found = to_close(&issues, &|incident| incident == "over");
        assert_eq!(found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["a"]);
    }
}
