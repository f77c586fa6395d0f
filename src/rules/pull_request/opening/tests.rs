use super::super::document::{OpenedPullRequest, RequestPause};
use super::super::watch::{WatchedPullRequest, fixtures, judge_reading};
use super::*;
use crate::rules::pull_request::origin::PullRequestOrigin;

type Change = fn(&mut FixFacts);

const HOUR: Duration = Duration::from_secs(3600);

fn at(hours: u32) -> Timestamp {
    Timestamp::from_millis(1_000_000_000_000).plus(HOUR * hours)
}

fn fix() -> FixFacts {
    FixFacts {
        session: "new".into(),
        fingerprint: "f1".into(),
        causes: vec!["f1".into(), "f2".into()],
        category: Some("code".into()),
        files: vec!["src/a.py".into()],
        repo: Some("acme/orders".into()),
        grade: ProofGrade::Proven,
        base: "b1".into(),
        ended_at: at(0),
        needs_person: Vec::new(),
    }
}

fn policy() -> OpeningPolicy {
    OpeningPolicy { unproven: false, max_open: 5, max_per_day: 5, is_asked_for: false }
}

/// Returns the state of an earlier fix of the same cause, whose pull request has this number.
fn opened(id: &str, number: u64) -> FixState {
    FixState {
        id: id.into(),
        step: FixStep::Opened,
        fingerprint: "f1".into(),
        causes: vec!["f1".into(), "f2".into()],
        category: Some("code".into()),
        files: vec!["src/a.py".into()],
        repo: "Acme/Orders".into(),
        pull_request: Some(OpenedPullRequest { id: format!("N{number}"), number, url: "u".into() }),
        at: at(0),
        ..FixState::default()
    }
}

fn watched(number: u64, end: Option<PullRequestEnd>) -> WatchedPullRequest {
    let ours = PullRequestOrigin::Ours;
    let (record, _) = judge_reading(None, &fixtures::reading(), ours, true, at(0)).unwrap();
    WatchedPullRequest {
        id: format!("N{number}"),
        number,
        repo: "acme/orders".into(),
        end,
        ..record
    }
}

/// Returns the document with earlier fixes and the ends of their pull requests.
fn prs(states: &[(FixState, Option<PullRequestEnd>)]) -> PullRequests {
    let mut prs = PullRequests::default();
    for (state, end) in states {
        if let Some(pr) = &state.pull_request {
            prs.watched.insert(pr.id.clone(), watched(pr.number, end.clone()));
        }
        prs.sessions.push(state.clone());
    }
    prs
}

fn merged(hours: u32) -> Option<PullRequestEnd> {
    Some(PullRequestEnd::Merged { at: at(hours), commit: None })
}

fn closed(hours: u32) -> Option<PullRequestEnd> {
    Some(PullRequestEnd::Closed { at: at(hours) })
}

fn open(attempt: u32, regression_of: Option<&str>) -> OpeningVerdict {
    OpeningVerdict::Open { attempt, regression_of: regression_of.map(str::to_owned) }
}

fn comment_on(number: u64) -> OpeningVerdict {
    let on = OpenedPullRequest { id: format!("N{number}"), number, url: "u".into() };
    OpeningVerdict::Comment { on }
}

fn rejected(number: u64) -> OpeningVerdict {
    OpeningVerdict::Refuse(OpeningRefusal::Rejected { number })
}

#[test]
fn cause_has_one_open_pull_request_and_a_closed_one_is_a_no() {
    let other_cause = || FixState { fingerprint: "f9".into(), ..opened("x", 9) };
    let other_repo = || FixState { repo: "acme/web".into(), ..opened("y", 8) };
    let unread = PullRequests { sessions: vec![opened("a", 7)], ..PullRequests::default() };
    let rows = [
        ("first", prs(&[]), open(1, None)),
        ("open", prs(&[(opened("a", 7), None)]), comment_on(7)),
        ("open, not read yet", unread, comment_on(7)),
        ("closed", prs(&[(opened("a", 7), closed(1))]), rejected(7)),
        ("merged", prs(&[(opened("a", 7), merged(1))]), open(2, Some("acme/orders#7"))),
        (
            "merged, later closed",
            prs(&[(opened("a", 7), merged(1)), (opened("b", 8), closed(2))]),
            rejected(8),
        ),
        (
            "closed, later merged",
            prs(&[(opened("a", 7), closed(1)), (opened("b", 8), merged(2))]),
            open(3, Some("acme/orders#8")),
        ),
        (
            "merged, later closed, in another order",
            prs(&[(opened("b", 8), closed(2)), (opened("a", 7), merged(1))]),
            rejected(8),
        ),
        (
            "merged twice, in another order",
            prs(&[(opened("b", 8), merged(2)), (opened("a", 7), merged(1))]),
            open(3, Some("acme/orders#8")),
        ),
        ("two are open", prs(&[(opened("a", 7), None), (opened("b", 8), None)]), comment_on(8)),
        (
            "another cause, another repository",
            prs(&[(other_cause(), None), (other_repo(), closed(1))]),
            open(1, None),
        ),
    ];
    for (rule, prs, expected) in rows {
        assert_eq!(judge_opening(&fix(), &prs, &policy(), at(3)), expected, "{rule}");
    }
}

#[test]
fn rejected_cause_is_opened_again_for_new_evidence_or_on_request() {
    let refused = prs(&[(opened("a", 7), closed(1))]);
    let again = open(2, None);
    let rows: [(&str, Change, bool); 6] = [
        ("same evidence", |_| {}, false),
        ("fewer causes", |fix| fix.causes.truncate(1), false),
        ("another cause", |fix| fix.causes.push("f3".into()), true),
        ("another file", |fix| fix.files.push("src/b.py".into()), true),
        ("another category", |fix| fix.category = Some("schema".into()), true),
        ("no category", |fix| fix.category = None, false),
    ];
    for (rule, change, is_again) in rows {
        let mut fix = fix();
        change(&mut fix);
        let expected = if is_again { again.clone() } else { rejected(7) };
        assert_eq!(judge_opening(&fix, &refused, &policy(), at(3)), expected, "{rule}");
    }
    let asked = OpeningPolicy { is_asked_for: true, ..policy() };
    assert_eq!(judge_opening(&fix(), &refused, &asked, at(3)), again);
    // A merged one had the third cause, and none of the refused ones.
    let more = FixState { causes: vec!["f3".into()], ..opened("b", 6) };
    let after_merge = prs(&[(more, merged(1)), (opened("a", 7), closed(2))]);
    let third = FixFacts { causes: vec!["f3".into()], ..fix() };
    let found = judge_opening(&third, &after_merge, &policy(), at(3));
    assert_eq!(found, open(3, Some("acme/orders#6")));
    // The first refused session had this category, and the last one another.
    let other = FixState { category: Some("schema".into()), ..opened("b", 8) };
    let twice = prs(&[(opened("a", 7), closed(1)), (other, closed(2))]);
    assert_eq!(judge_opening(&fix(), &twice, &policy(), at(3)), rejected(8));
}

#[test]
fn fix_needs_a_repository_a_proof_and_no_suspicion() {
    use OpeningRefusal::{NoRepository, Suspicious, TooOld, Unproven};
    let why = || "it rests on messages alone".to_owned();
    let rows: [(&str, Change, OpeningRefusal); 4] = [
        ("no repository", |fix| fix.repo = None, NoRepository),
        (
            "suspicious, also when proven",
            |fix| fix.needs_person = vec!["it rests on messages alone".into()],
            Suspicious { why: why() },
        ),
        (
            "not proven",
            |fix| fix.grade = ProofGrade::Unproven,
            Unproven { grade: ProofGrade::Unproven },
        ),
        (
            "not known",
            |fix| fix.grade = ProofGrade::Unknown,
            Unproven { grade: ProofGrade::Unknown },
        ),
    ];
    for (rule, change, expected) in rows {
        let mut fix = fix();
        change(&mut fix);
        let found = judge_opening(&fix, &prs(&[]), &policy(), at(1));
        assert_eq!(found, OpeningVerdict::Refuse(expected), "{rule}");
    }
    let unproven = FixFacts { grade: ProofGrade::Unproven, ..fix() };
    let allowed = OpeningPolicy { unproven: true, ..policy() };
    assert_eq!(judge_opening(&unproven, &prs(&[]), &allowed, at(1)), open(1, None));
    let suspicious = FixFacts { needs_person: vec![why()], ..fix() };
    let asked = OpeningPolicy { is_asked_for: true, unproven: true, ..policy() };
    let found = judge_opening(&suspicious, &prs(&[]), &asked, at(1));
    assert!(matches!(found, OpeningVerdict::Refuse(Suspicious { .. })), "{found:?}");
    let old = judge_opening(&fix(), &prs(&[]), &policy(), at(72));
    assert_eq!(old, OpeningVerdict::Refuse(TooOld));
    let asked = OpeningPolicy { is_asked_for: true, ..policy() };
    assert_eq!(judge_opening(&fix(), &prs(&[]), &asked, at(72)), open(1, None), "a person asks");
    let found = judge_opening(&fix(), &prs(&[(own(FixStep::Planned), None)]), &policy(), at(72));
    assert_eq!(found, OpeningVerdict::Refuse(TooOld), "nothing of it is on the server");
    let begun = FixState { branch: "dlq/f1-1".into(), attempt: 1, ..own(FixStep::Planned) };
    let found = judge_opening(&fix(), &prs(&[(begun, None)]), &policy(), at(72));
    assert_eq!(found, open(1, None), "what was begun is finished");
}

fn own(step: FixStep) -> FixState {
    FixState {
        id: "new".into(),
        step,
        fingerprint: "f1".into(),
        repo: "acme/orders".into(),
        ..FixState::default()
    }
}

#[test]
fn fix_is_decided_once_and_a_try_is_repeated_later() {
    let refused = |word: &str, base: &str| FixState {
        refused: Some(word.into()),
        base: base.into(),
        ..own(FixStep::Refused)
    };
    let on_the_way =
        |attempt| FixState { branch: format!("dlq/f1-{attempt}"), attempt, ..own(FixStep::Pushed) };
    let retry = |hours| FixState { retry_at: Some(at(hours)), ..own(FixStep::Planned) };
    let wait = |hours| OpeningVerdict::Wait { until: at(hours), why: OpeningWait::TryAgain };
    // (rule, own state, decision, decision when a person asks)
    let rows = [
        ("opened", own(FixStep::Opened), OpeningVerdict::Done, OpeningVerdict::Done),
        ("commented", own(FixStep::Commented), OpeningVerdict::Done, OpeningVerdict::Done),
        ("refused", refused("secret", "b1"), OpeningVerdict::Done, open(1, None)),
        ("base moved", refused(BASE_MOVED, "b1"), OpeningVerdict::Done, open(1, None)),
        ("base moved, proven there", refused(BASE_MOVED, "b0"), open(1, None), open(1, None)),
        (
            "another reason, proven anew",
            refused("secret", "b0"),
            OpeningVerdict::Done,
            open(1, None),
        ),
        ("try later", retry(9), wait(9), open(1, None)),
        ("try now", retry(3), open(1, None), open(1, None)),
        ("killed on the way", own(FixStep::Pushed), open(1, None), open(1, None)),
        ("killed on the way of a later attempt", on_the_way(4), open(4, None), open(4, None)),
    ];
    for (rule, own, expected, asked) in rows {
        let prs = prs(&[(own, None)]);
        assert_eq!(judge_opening(&fix(), &prs, &policy(), at(3)), expected, "{rule}");
        let policy = OpeningPolicy { is_asked_for: true, ..policy() };
        assert_eq!(judge_opening(&fix(), &prs, &policy, at(3)), asked, "{rule}, asked for");
    }
}

#[test]
fn repository_has_a_limit_of_open_ones_and_of_those_of_a_day() {
    let of = |n: u64, hours, end| {
        let state =
            FixState { fingerprint: format!("c{n}"), at: at(hours), ..opened(&format!("s{n}"), n) };
        (state, end)
    };
    let limit = OpeningPolicy { max_open: 2, max_per_day: 3, ..policy() };
    let judge = |prs: PullRequests| judge_opening(&fix(), &prs, &limit, at(30));
    let day = |until| OpeningVerdict::Wait { until, why: OpeningWait::MaxPerDay(3) };
    assert_eq!(judge(prs(&[of(1, 1, None)])), open(1, None));
    assert!(matches!(
        judge(prs(&[of(1, 1, None), of(2, 1, None)])),
        OpeningVerdict::Wait { why: OpeningWait::MaxOpen(2), .. }
    ));
    assert_eq!(judge(prs(&[of(1, 1, None), of(2, 1, merged(2))])), open(1, None));
    let three = [of(1, 10, merged(11)), of(2, 12, merged(13)), of(3, 14, merged(15))];
    assert_eq!(judge(prs(&three)), day(at(34)), "until the first of three is a day old");
    let old = [of(1, 1, merged(2)), of(2, 12, merged(13)), of(3, 14, merged(15))];
    assert_eq!(judge(prs(&old)), open(1, None));
    let elsewhere: Vec<_> = three
        .iter()
        .map(|(state, end)| (FixState { repo: "acme/web".into(), ..state.clone() }, end.clone()))
        .collect();
    assert_eq!(judge(prs(&elsewhere)), open(1, None), "in another repository");
    let still_open: Vec<_> = elsewhere.iter().map(|(state, _)| (state.clone(), None)).collect();
    assert_eq!(judge(prs(&still_open)), open(1, None), "open in another repository");
    let commented: Vec<_> = three
        .iter()
        .map(|(state, _)| (FixState { step: FixStep::Commented, ..state.clone() }, None))
        .collect();
    assert_eq!(judge(prs(&commented)), open(1, None), "a comment opens nothing");
    let four = [three.to_vec(), vec![of(4, 15, merged(16))]].concat();
    assert_eq!(judge(prs(&four)), day(at(36)), "until two of four are a day old");
}

#[test]
fn open_pull_request_has_one_comment_a_day() {
    let comment = comment_on(7);
    let by = OpenedPullRequest { id: "N7".into(), number: 7, url: "u".into() };
    let covered = OpeningVerdict::Covered { by };
    let said = |change: fn(&mut FixState)| {
        let mut state = FixState { step: FixStep::Commented, at: at(10), ..opened("c", 7) };
        change(&mut state);
        prs(&[(opened("a", 7), None), (state, None)])
    };
    let rows = [
        ("first", prs(&[(opened("a", 7), None)]), 10, comment.clone()),
        ("on the same day", said(|_| {}), 33, covered.clone()),
        ("on the next", said(|_| {}), 34, comment.clone()),
        ("behind a rename", said(|one| one.repo = "acme/web".into()), 11, covered),
        (
            "on another one",
            said(|one| one.pull_request.as_mut().unwrap().id = "N8".into()),
            11,
            comment.clone(),
        ),
        ("refused, not said", said(|one| one.step = FixStep::Refused), 11, comment),
    ];
    for (rule, prs, hours, expected) in rows {
        assert_eq!(judge_opening(&fix(), &prs, &policy(), at(hours)), expected, "{rule}");
    }
}

#[test]
fn failure_is_tried_again_after_longer_pauses_until_it_is_given_up() {
    let pauses: Vec<_> =
        (0..12).map(|tries| next_try(tries, at(0)).unwrap().since(at(0))).collect();
    assert_eq!(pauses[0], Duration::from_secs(60));
    assert_eq!(pauses[3], Duration::from_secs(480));
    assert_eq!(*pauses.last().unwrap(), 6 * HOUR);
    assert!(pauses.is_sorted());
    assert_eq!(next_try(12, at(0)), None);
}

#[test]
fn person_may_ask_again_after_a_no() {
    let own = |step| FixState { step, branch: "dlq/f1-1".into(), attempt: 1, ..opened("new", 7) };
    let asked = OpeningPolicy { is_asked_for: true, ..policy() };
    let rows = [
        ("closed, asked for", FixStep::Opened, closed(1), asked, open(1, None)),
        ("closed, not asked for", FixStep::Opened, closed(1), policy(), OpeningVerdict::Done),
        ("open, asked for", FixStep::Opened, None, asked, OpeningVerdict::Done),
        ("merged, asked for", FixStep::Opened, merged(1), asked, OpeningVerdict::Done),
        ("comment, closed, asked for", FixStep::Commented, closed(1), asked, open(1, None)),
        ("comment, open, asked for", FixStep::Commented, None, asked, OpeningVerdict::Done),
    ];
    for (rule, step, end, policy, expected) in rows {
        let prs = prs(&[(own(step), end)]);
        assert_eq!(judge_opening(&fix(), &prs, &policy, at(2)), expected, "{rule}");
    }
}

#[test]
fn renamed_repository_keeps_what_is_known_of_ours() {
    let mut all = prs(&[(opened("a", 7), None), (opened("b", 8), merged(1))]);
    let elsewhere = FixState { repo: "acme/web".into(), ..opened("c", 9) };
    all.sessions.push(elsewhere);
    all.take_renames([("N7", "acme/sales"), ("N99", "acme/other")].into_iter());
    let names: Vec<&str> = all.sessions.iter().map(|one| one.repo.as_str()).collect();
    assert_eq!(names, ["acme/sales", "acme/sales", "acme/web"]);
    assert!(all.watched.values().all(|one| one.repo == "acme/sales"));
    assert_eq!(all.opener("N8", "acme/sales", 8).map(|one| one.id.as_str()), Some("b"));
    let before = all.clone();
    all.take_renames([("N7", "Acme/Sales")].into_iter());
    assert_eq!(all, before, "another spelling is no other name");
}

#[test]
fn most_fixes_are_decided_by_their_record() {
    let state = |step, refused: Option<&str>| {
        Some(FixState { step, refused: refused.map(str::to_owned), ..opened("new", 7) })
    };
    let rows = [
        ("new", None, at(71), true),
        ("old", None, at(72), false),
        ("on its way", state(FixStep::Planned, None), at(999), true),
        ("pushed", state(FixStep::Pushed, None), at(999), true),
        ("opened", state(FixStep::Opened, None), at(1), false),
        ("commented", state(FixStep::Commented, None), at(1), false),
        ("refused", state(FixStep::Refused, Some("suspicious")), at(1), false),
        ("base moved", state(FixStep::Refused, Some(BASE_MOVED)), at(999), true),
    ];
    for (rule, own, now, expected) in rows {
        assert_eq!(may_be_open(own.as_ref(), Some(at(0)), now), expected, "{rule}");
        // What is left out is decided in the same way by the whole judgement.
        if !expected {
            let prs =
                PullRequests { sessions: own.into_iter().collect(), ..PullRequests::default() };
            let verdict = judge_opening(&fix(), &prs, &policy(), now);
            let silent = OpeningVerdict::Refuse(OpeningRefusal::TooOld);
            assert!(verdict == OpeningVerdict::Done || verdict == silent, "{rule}: {verdict:?}");
        }
    }
}

#[test]
fn clock_that_was_ahead_stops_nothing() {
    let pause = |hours| RequestPause { until: at(hours), count: 1 };
    let state = FixState { at: at(9000), retry_at: Some(at(9000)), ..opened("a", 7) };
    let soon = FixState { retry_at: Some(at(6)), ..opened("b", 8) };
    let mut all = prs(&[(state, None), (soon, None)]);
    all.pauses = [("rest".to_owned(), pause(9000)), ("graphql".to_owned(), pause(1))].into();
    for one in all.watched.values_mut() {
        (one.turn_since, one.reminded_at) = (at(9000), Some(at(9000)));
    }
    let now = all.as_of(at(0));
    assert_eq!(now.pauses.keys().collect::<Vec<_>>(), ["graphql"]);
    assert_eq!((now.sessions[0].at, now.sessions[0].retry_at), (at(0), None));
    assert_eq!(now.sessions[1].retry_at, Some(at(6)));
    let turns = now.watched.values().map(|one| (one.turn_since, one.reminded_at));
    assert!(turns.into_iter().all(|turn| turn == (at(0), Some(at(0)))));
}
