use std::collections::BTreeMap;
use std::time::Duration;

use super::super::document::{FixStep, OpenedPullRequest};
use super::super::reading::{MergingItself, PullRequestAuthor, PullRequestState, ReviewDecision};
use super::super::reminder::ReminderStep;
use super::super::round::{RoundReading, judge_round};
use super::super::watch::{fixtures, judge_reading};
use super::*;
use crate::event::{Line, Type, peek, read, strict};
use crate::rules::investigation::session::Session;
use crate::rules::notification::ack::Ack;

fn at(minutes: u32) -> Timestamp {
    Timestamp::from_millis(1_000_000_000_000).plus(Duration::from_secs(60) * minutes)
}

fn fix() -> FixState {
    FixState {
        id: "session".into(),
        step: FixStep::Opened,
        incident: "incident".into(),
        repo: "acme/orders".into(),
        owner: Some("olga".into()),
        pull_request: Some(OpenedPullRequest { id: "PR_1".into(), number: 12, url: "u".into() }),
        ..FixState::default()
    }
}

fn ours() -> PullRequests {
    PullRequests { sessions: vec![fix()], ..PullRequests::default() }
}

/// Returns the lines of a look at one pull request, which is known or not.
fn look(reading: &PullRequestReading, is_known: bool, prs: &PullRequests) -> Vec<Vec<u8>> {
    let mut known = BTreeMap::new();
    if is_known {
        let origin = PullRequestOrigin::Person;
        let (record, _) = judge_reading(None, &fixtures::reading(), origin, true, at(0)).unwrap();
        known.insert(record.id.clone(), record);
    }
    let round = RoundReading { read: vec![reading.clone()], is_whole: true, ..Default::default() };
    let is_ours = |one: &PullRequestReading| prs.opener(&one.id, &one.repo, one.number).is_some();
    let outcome = judge_round(&known, &round, &is_ours, &|_| false, at(5));
    let readings: Readings<'_> = HashMap::from([(reading.id.as_str(), reading)]);
    lines(&outcome, &readings, prs, at(5))
}

#[test]
fn events_are_as_this_family_writes_them() {
    use super::super::reading::PullRequestState::{Closed, Merged};
    let merged = Merged { at: at(1), commit: Some("m1".into()) };
    let rows = [
        (Type::PrFound, false, fixtures::reading()),
        (Type::PrMerged, true, PullRequestReading { state: merged, ..fixtures::reading() }),
        (
            Type::PrClosed,
            true,
            PullRequestReading { state: Closed { at: at(1) }, ..fixtures::reading() },
        ),
        (
            Type::PrChecksFailed,
            true,
            PullRequestReading { checks: ChecksState::Failing, ..fixtures::reading() },
        ),
    ];
    for (kind, is_known, reading) in rows {
        let lines = look(&reading, is_known, &PullRequests::default());
        assert_eq!(lines.len(), 1, "{kind:?}");
        strict(kind, lines[0].trim_ascii_end()).unwrap();
        let Line::Event(head) = peek(lines[0].trim_ascii_end()) else { panic!("{kind:?}") };
        assert_eq!(head.subject.as_deref(), Some("acme/orders#12"));
        assert_eq!(lines, look(&reading, is_known, &PullRequests::default()), "the same id again");
    }
}

#[test]
fn opening_of_ours_is_told_once_and_later_news_have_its_incident() {
    assert_eq!(look(&fixtures::reading(), false, &ours()).len(), 0);
    let failing = PullRequestReading { checks: ChecksState::Failing, ..fixtures::reading() };
    let lines = look(&failing, true, &ours());
    let event = read::<PrChecksFailed>(&lines[0]).unwrap();
    assert_eq!(event.incident.as_deref(), Some("incident"));
    assert!(event.data.pr.ours);
    assert_eq!(event.data.pr.waiting_on.as_deref(), Some("olga"), "the owner acts for the program");
}

#[test]
fn fact_that_is_known_is_told() {
    let lines = look(&fixtures::reading(), false, &PullRequests::default());
    let pr = read::<PrFound>(&lines[0]).unwrap().data.pr;
    let words = [pr.author, pr.checks, pr.review, pr.turn, pr.waiting_on];
    let expected = ["ana", "passing", "required", "reviewer", "ben"];
    assert_eq!(words.map(Option::unwrap_or_default), expected);
    // A fix of a session that has no incident.
    let fix = FixState { incident: String::new(), ..fix() };
    let prs = PullRequests { sessions: vec![fix], ..PullRequests::default() };
    let failing = PullRequestReading { checks: ChecksState::Failing, ..fixtures::reading() };
    assert_eq!(read::<PrChecksFailed>(&look(&failing, true, &prs)[0]).unwrap().incident, None);
}

#[test]
fn unknown_is_null() {
    let reading = PullRequestReading {
        checks: ChecksState::Unavailable,
        review: Default::default(),
        ..fixtures::reading()
    };
    let lines = look(&reading, false, &PullRequests::default());
    let pr = read::<PrFound>(&lines[0]).unwrap().data.pr;
    assert_eq!((pr.checks, pr.review, pr.turn, pr.waiting_on), (None, None, None, None));
}

type Change = fn(&mut PullRequestReading);

/// Gives a pull request all reasons why its author has to act, but for checks that fail.
fn all(reading: &mut PullRequestReading) {
    reading.is_draft = true;
    reading.has_conflicts = Some(true);
    reading.review.decision = Some(ReviewDecision::ChangesRequested);
}

fn policy(minutes: u64) -> ReminderPolicy {
    let steps = vec![ReminderStep::Span(Duration::from_secs(60 * minutes))];
    ReminderPolicy { steps, working_hours: None }
}

/// Returns the reminder of a pull request after some minutes.
fn reminder(
    change: impl Fn(&mut PullRequestReading),
    fix: Option<&FixState>,
    acks: &Acks,
    minutes: u32,
) -> Option<PrReviewDue> {
    reminder_beside(change, fix, acks, false, minutes)
}

/// Returns the same, where the incident of the fix is over.
fn reminder_beside(
    change: impl Fn(&mut PullRequestReading),
    fix: Option<&FixState>,
    acks: &Acks,
    is_over: bool,
    minutes: u32,
) -> Option<PrReviewDue> {
    let mut reading = fixtures::reading();
    change(&mut reading);
    reading.created_at = at(0);
    let origin = if fix.is_some() { PullRequestOrigin::Ours } else { PullRequestOrigin::Person };
    let (mut record, _) = judge_reading(None, &reading, origin, true, at(0)).unwrap();
    let (ours, others) = (policy(10), policy(240));
    let is_over = |_: &str| is_over;
    let context = ReminderContext {
        ours: &ours,
        others: &others,
        loss_of: &|_| None,
        is_over: &is_over,
        acks,
    };
    let line = remind(&mut record, &reading, fix, &context, at(minutes))?;
    assert_eq!(record.reminded_at, Some(at(minutes)));
    assert_eq!(remind(&mut record, &reading, fix, &context, at(minutes)), None, "once");
    Some(read::<PrReviewDue>(&line).unwrap().data)
}

#[test]
fn reminder_follows_the_ladder_of_its_origin_and_names_what_to_do() {
    let none = Acks::default();
    let draft = |reading: &mut PullRequestReading| reading.is_draft = true;
    let fix = fix();
    let due = reminder(draft, Some(&fix), &none, 10).unwrap();
    assert_eq!(due.detail, "its checks pass: mark it ready for review");
    assert_eq!((due.pr.waiting_on.as_deref(), due.waiting_s), (Some("olga"), 600));
    assert_eq!(reminder(draft, Some(&fix), &none, 9), None);
    assert_eq!(reminder(|_| {}, None, &none, 239), None, "others have their own ladder");
    let due = reminder(|_| {}, None, &none, 240).unwrap();
    assert_eq!((due.detail.as_str(), due.pr.waiting_on.as_deref()), ("review it", Some("ben")));
    let changes = "changes are requested: make them";
    let rows: [(&str, Change); 10] = [
        ("it is approved: merge it", |one| one.review.decision = Some(ReviewDecision::Approved)),
        (changes, |one| one.review.decision = Some(ReviewDecision::ChangesRequested)),
        // Of several reasons, the one without which the others cannot be seen to comes first.
        ("its checks fail: look at them", |one| {
            all(one);
            one.checks = ChecksState::Failing;
        }),
        ("it has conflicts with its base: resolve them", all),
        (changes, |one| {
            all(one);
            one.has_conflicts = None;
        }),
        ("its checks pass: mark it ready for review", |one| {
            all(one);
            (one.has_conflicts, one.review.decision) = (None, None);
        }),
        ("its checks fail: look at them", |one| one.checks = ChecksState::Failing),
        ("it has conflicts with its base: resolve them", |one| one.has_conflicts = Some(true)),
        ("it is a draft: mark it ready for review, or close it", |one| {
            (one.is_draft, one.checks) = (true, ChecksState::NoChecks);
        }),
        ("nobody was asked for a review: ask somebody", |one| one.review.requested = 0),
    ];
    for (detail, change) in rows {
        assert_eq!(reminder(change, None, &none, 240).unwrap().detail, detail);
    }
}

#[test]
fn acknowledged_pull_request_and_one_that_waits_for_nobody_are_not_reminded_of() {
    let ack = |key: &str| Acks { acks: vec![Ack { key: key.into(), at: at(0), until: at(500) }] };
    let fix = fix();
    assert!(reminder(|_| {}, Some(&fix), &ack("acme/orders#13"), 60).is_some());
    for key in ["acme/orders#12", "incident"] {
        assert_eq!(reminder(|_| {}, Some(&fix), &ack(key), 60), None, "{key}");
    }
    let queued = |one: &mut PullRequestReading| one.merging = MergingItself::Queue;
    assert_eq!(reminder(queued, None, &Acks::default(), 9999), None);
    let reading = fixtures::reading();
    let (mut record, _) =
        judge_reading(None, &reading, PullRequestOrigin::Person, true, at(0)).unwrap();
    record.end = Some(PullRequestEnd::Closed { at: at(1) });
    let (policy, acks) = (policy(10), Acks::default());
    let context = ReminderContext {
        ours: &policy,
        others: &policy,
        loss_of: &|_| None,
        is_over: &|_| false,
        acks: &acks,
    };
    assert_eq!(remind(&mut record, &reading, None, &context, at(600)), None, "it has ended");
}

#[test]
fn fix_whose_dead_letters_are_gone_has_the_ladder_of_others() {
    let (none, fix) = (Acks::default(), fix());
    let due = |is_over, minutes| reminder_beside(|_| {}, Some(&fix), &none, is_over, minutes);
    assert!(due(false, 10).is_some());
    assert_eq!(due(true, 239), None);
    assert!(due(true, 240).is_some());
}

#[test]
fn checks_that_do_not_end_are_somebodys_turn() {
    let running = |one: &mut PullRequestReading| {
        (one.checks, one.is_draft) = (ChecksState::Pending, true);
    };
    let none = Acks::default();
    assert_eq!(reminder(running, None, &none, 359), None);
    let due = reminder(running, None, &none, 360).unwrap();
    assert_eq!(due.detail, "its checks do not end: look at them");
}

#[test]
fn merge_of_ours_resolves_its_session_until_its_record_says_so() {
    let (record, _) =
        judge_reading(None, &fixtures::reading(), PullRequestOrigin::Ours, true, at(0)).unwrap();
    let ended = |end: Option<PullRequestEnd>, of: PullRequests| {
        let record = WatchedPullRequest { end, ..record.clone() };
        PullRequests { watched: BTreeMap::from([(record.id.clone(), record)]), ..of }
    };
    let sessions = |resolved_by: Option<&str>| {
        let resolved_by = resolved_by.map(str::to_owned);
        let session = Session { id: "session".into(), resolved_by, ..Session::default() };
        Sessions { sessions: vec![session], ..Sessions::default() }
    };
    let merged = || Some(PullRequestEnd::Merged { at: at(1), commit: None });
    let closed = || Some(PullRequestEnd::Closed { at: at(1) });
    let by = || vec![("session".to_owned(), "acme/orders#12".to_owned())];
    let rows = [
        ("open", ended(None, ours()), sessions(None), vec![]),
        ("closed", ended(closed(), ours()), sessions(None), vec![]),
        ("merged", ended(merged(), ours()), sessions(None), by()),
        ("recorded", ended(merged(), ours()), sessions(Some("acme/orders#12")), vec![]),
        ("its session is forgotten", ended(merged(), ours()), Sessions::default(), vec![]),
        ("of a stranger", ended(merged(), PullRequests::default()), sessions(None), vec![]),
    ];
    for (rule, prs, sessions, expected) in rows {
        assert_eq!(resolved(&prs, &sessions), expected, "{rule}");
    }
}

#[test]
fn loss_is_told_when_it_is_near() {
    let reading = fixtures::reading();
    let fix = fix();
    // (hours until the loss, told)
    for (hours, expected) in [(23, true), (25, false)] {
        let (mut record, _) =
            judge_reading(None, &reading, PullRequestOrigin::Ours, true, at(0)).unwrap();
        let loss = at(60 * (hours + 10));
        let (ours, others, acks) = (policy(10), policy(240), Acks::default());
        let context = ReminderContext {
            ours: &ours,
            others: &others,
            loss_of: &|_| Some(loss),
            is_over: &|_| false,
            acks: &acks,
        };
        let line = remind(&mut record, &reading, Some(&fix), &context, at(600)).unwrap();
        let told = read::<PrReviewDue>(&line).unwrap().data.loss_at;
        assert_eq!(told, expected.then_some(loss), "{hours}");
    }
}

#[test]
fn pull_request_that_has_ended_waits_for_nobody() {
    let merged = PullRequestState::Merged { at: at(1), commit: Some("m1".into()) };
    let reading = PullRequestReading { state: merged, ..fixtures::reading() };
    let lines = look(&reading, true, &ours());
    let pr = read::<PrMerged>(&lines[0]).unwrap().data.pr;
    assert_eq!((pr.turn.as_deref(), pr.waiting_on), (Some("nobody"), None));
    assert_eq!((pr.ours, pr.automated), (true, false));
    let nobody = PullRequestAuthor { login: String::new(), is_app: true };
    let reading = PullRequestReading { author: nobody, ..fixtures::reading() };
    let lines = look(&reading, false, &PullRequests::default());
    let pr = read::<PrFound>(&lines[0]).unwrap().data.pr;
    assert_eq!((pr.author, pr.ours, pr.automated), (None, false, true));
}

#[test]
fn deployment_is_news_of_its_own() {
    let (mut record, _) =
        judge_reading(None, &fixtures::reading(), PullRequestOrigin::Ours, true, at(0)).unwrap();
    record.end = Some(PullRequestEnd::Merged { at: at(1), commit: Some("m1".into()) });
    let before = record.sequence;
    let line = tell_deployed(&mut record, Some(&fix()), "command", at(2));
    assert_eq!((record.sequence, record.deployed_at), (before + 1, Some(at(2))));
    let event = read::<PrDeployed>(&line).unwrap();
    assert_eq!(event.incident.as_deref(), Some("incident"));
    assert_eq!(
        (event.data.merge_commit.as_deref(), event.data.by.as_str()),
        (Some("m1"), "command")
    );
}
