//! Texts of notices of several events.

use super::*;
use crate::event::{Event, QueueRaised};
use crate::rules::notification::fixtures;

fn due(subject: &str, reason: SendReason, depth: Option<u64>, is_worked_on: bool) -> DueNotice {
    let at = Timestamp::from_millis(0);
    let raised = QueueRaised {
        queue: event::Queue { name: subject.into(), ..event::Queue::default() },
        depth: 3,
        visible: 3,
        in_flight: 0,
        delayed: 0,
        previous: None,
        threshold: 1,
        retention_s: None,
        expires_after: None,
        expires_before: None,
    };
    let line = String::from_utf8(Event::new("id".into(), subject, at, raised).line()).unwrap();
    let incident = Some("i".to_owned());
    let mut due = DueNotice { is_worked_on, depth, incident, ..fixtures::due(subject, reason) };
    due.events[0].line = line.into();
    due
}

#[test]
fn notice_of_a_new_cause_names_that_cause() {
    let cause = |id: &str, count| event::Cause {
        id: id.into(),
        count,
        title: format!("{id} is out of range"),
        kind: "error_text".into(),
    };
    let sampled = event::QueueSampled {
        queue: event::Queue { name: "q".into(), ..event::Queue::default() },
        taken: Some(10),
        depth: Some(40),
        fingerprints: vec![cause("old", 7), cause("new", 2), cause("newer", 1)],
        ..event::QueueSampled::default()
    };
    let at = Timestamp::from_millis(0);
    let event = Event::new("id".into(), "q", at, sampled).of_incident(Some("1f2e3d4c-x".into()));
    let with = |subject: &str, causes: &[&str]| {
        let mut one = due(subject, SendReason::NewCause, None, false);
        one.events[0].line = String::from_utf8(event.line()).unwrap().into();
        one.events[0].causes = causes.iter().map(|cause| (*cause).to_owned()).collect();
        one
    };
    let text =
        |set: &[DueNotice], title| compose(set, title, &mut SeenScopes::default(), at).line();
    assert_eq!(
        text(&[with("q", &["new"])], None),
        "00:00Z ERROR q: a new cause: sampled 10 of 40: 2 × new is out of range: \
         dlq-log --incident 1f2e3d4c"
    );
    assert_eq!(
        text(&[with("q", &["new", "newer"])], None).lines().next(),
        Some(
            "00:00Z ERROR q: a new cause: sampled 10 of 40: 2 × new is out of range, 1 more cause"
        )
    );
    assert_eq!(
        text(&[with("q", &["new"]), with("q", &["new"])], Some("new is out of range"))
            .lines()
            .next(),
        Some("00:00Z ERROR 2 queues: a new cause: new is out of range: dlq-status")
    );
}

#[test]
fn notice_states_the_newest_depth_and_the_work() {
    use SendReason::{AckExpired, Escalated, New, News, Repeat, Tier};
    let works = ", an investigation runs";
    let rows = [
        (New, Some(900), false, "q: 900 messages, loss time unknown", ""),
        (News, Some(900), false, "q: 3 messages, loss time unknown", ""),
        (New, None, true, "q: 3 messages, loss time unknown", works),
        (News, None, true, "q: 3 messages, loss time unknown", ""),
        (Tier, Some(900), true, "q: 900 messages, loss time unknown", works),
        (Repeat, None, false, "q: still open after 2h: 3 messages, loss time unknown", ""),
        (Repeat, Some(900), false, "q: still open after 2h: 900 messages, loss time unknown", ""),
        (
            AckExpired,
            Some(900),
            true,
            "q: the acknowledgement has expired: 900 messages, loss time unknown",
            works,
        ),
        (Escalated, Some(1), false, "q: not acknowledged for 2h: 1 message, loss time unknown", ""),
    ];
    let now = Timestamp::from_millis(2 * 3_600_000);
    for (reason, depth, is_worked_on, what, doing) in rows {
        let set = [due("q", reason, depth, is_worked_on)];
        let text = compose(&set, None, &mut SeenScopes::default(), now).text();
        assert_eq!(text, format!("{what}{doing}"), "{reason} {depth:?}");
    }
    let set = [due("a", Repeat, Some(900), false), due("b", Repeat, None, false)];
    let text = compose(&set, None, &mut SeenScopes::default(), now).text();
    assert!(text.starts_with("2 queues: still open: 903 messages"), "{text}");
}

fn ended(subject: &str, cause: &str, depth: Option<u64>) -> DueNotice {
    let mut one = due(subject, SendReason::Ended, depth, false);
    let queue = event::Queue { name: subject.into(), ..event::Queue::default() };
    let cleared = event::QueueCleared { queue, duration_s: 60, cause: cause.into() };
    let event = Event::new("id".into(), subject, Timestamp::from_millis(0), cleared);
    one.events[0].line = String::from_utf8(event.line()).unwrap().into();
    one
}

#[test]
fn merged_end_states_what_was_lost() {
    let mut readable = due("q", SendReason::Ended, Some(3), false);
    let queue = event::Queue { name: "q".into(), ..event::Queue::default() };
    let payload = event::QueueReadable { queue, depth: 3, misses: 2 };
    let event = Event::new("id".into(), "q", Timestamp::from_millis(0), payload);
    readable.events[0].line = String::from_utf8(event.line()).unwrap().into();
    let expired = |depth| ended("q", "expired", depth);
    let redriven = || ended("q", "redriven", Some(7));
    let rows = [
        ("nothing", vec![redriven(), redriven()], "empty again"),
        ("all", vec![expired(Some(3)); 12], "up to 36 messages lost, empty again"),
        (
            "one of two",
            vec![expired(Some(1)), redriven()],
            "up to 1 message lost in 1, empty again",
        ),
        ("depth unknown", vec![expired(None), expired(Some(3))], "messages lost, empty again"),
        ("readable", vec![readable.clone(), readable.clone()], "readable again"),
        ("two kinds", vec![readable, redriven()], "over"),
    ];
    for (rule, set, expected) in rows {
        assert_eq!(end(&set), expected, "{rule}");
    }
    let all = vec![expired(Some(3)); 12];
    let text = compose(&all, None, &mut SeenScopes::default(), Timestamp::default()).text();
    assert!(text.starts_with("12 queues: up to 36 messages lost, empty again"), "{text}");
}

#[test]
fn merged_notice_names_or_counts_every_queue() {
    let now = Timestamp::from_millis(0);
    for (count, was_quiet) in [(2, false), (8, false), (9, false), (9, true), (60, true)] {
        let of = |n: usize| DueNotice {
            was_quiet,
            ..due(&format!("queue-number-{n:02}-dlq"), SendReason::New, None, false)
        };
        let set: Vec<DueNotice> = (0..count).map(of).collect();
        let notice = compose(&set, None, &mut SeenScopes::default(), now);
        let text = notice.text();
        for due in &set {
            assert!(text.contains(&due.subject), "{} of {count} in {text}", due.subject);
        }
        let listed = notice.below.iter().any(|line| line.starts_with("and "));
        assert_eq!(listed, count == 60, "{text}");
        assert_eq!(notice.below_within_limit().len(), notice.below.len(), "{text}");
    }
}

#[test]
fn equal_names_of_two_accounts_stand_with_their_account() {
    let now = Timestamp::from_millis(0);
    for count in [2, 8, 9, 30] {
        let of = |n: usize| {
            let mut one = due(&format!("q{}-dlq", n / 2), SendReason::New, None, false);
            let account = if n.is_multiple_of(2) { "one" } else { "two" };
            let line = &mut one.events[0].line;
            *line = line.replace("\"account\":\"\"", &format!("\"account\":\"{account}\"")).into();
            assert!(line.contains(account), "{line}");
            one
        };
        let set: Vec<DueNotice> = (0..count).map(of).collect();
        let text = compose(&set, None, &mut SeenScopes::default(), now).text();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for n in 0..count / 2 {
            for account in ["one", "two"] {
                let name = format!("q{n}-dlq ({account})");
                assert!(text.contains(&name), "{name} of {count} in {text}");
            }
        }
    }
}

#[test]
fn late_result_says_which_problem_it_is_of() {
    let of = |key: &str, is_late| {
        let key_incident = Some(key.to_owned());
        DueNotice { key_incident, is_late, ..due("q", SendReason::News, None, false) }
    };
    let rows = [
        (of("i", false), "q: 3 messages"),
        (of("i", true), "q: after the end: 3 messages"),
        (of("j", true), "q: of an earlier incident: 3 messages"),
    ];
    let text = |set: &[DueNotice]| {
        compose(set, None, &mut SeenScopes::default(), Timestamp::from_millis(0)).text()
    };
    for (one, expected) in rows {
        let found = text(std::slice::from_ref(&one));
        assert_eq!(found, format!("{expected}, loss time unknown"));
        assert!(text(&vec![one; 4]).contains(&found), "each of several says so");
    }
}

#[test]
fn problem_that_cannot_be_acknowledged_is_still_open() {
    let now = Timestamp::from_millis(2 * 3_600_000);
    let text = |set: &[DueNotice]| compose(set, None, &mut SeenScopes::default(), now);
    let of = |incident: Option<&str>| {
        let incident = incident.map(str::to_owned);
        DueNotice { incident, ..due("q", SendReason::Escalated, None, false) }
    };
    let rows = [(of(None), "still open after 2h: "), (of(Some("i")), "not acknowledged for 2h: ")];
    for (one, before) in rows {
        let notice = text(std::slice::from_ref(&one));
        assert!(notice.what.starts_with(before), "{}", notice.what);
        assert_eq!(notice.when, "02:00Z", "the moment of the step");
        let before = before.split_once(' ').unwrap().0;
        let several = text(&[one.clone(), one]).what;
        assert!(several.starts_with(before), "{several}");
    }
}

#[test]
fn beginning_near_its_loss_has_said_so_and_an_end_of_findings_is_one() {
    let at = Timestamp::from_millis(0);
    let text = |due: DueNotice| compose(&[due], None, &mut SeenScopes::default(), at);
    let mut begins = due("q", SendReason::New, None, false);
    let tier = Pending { reason: SendReason::Tier, ..begins.events[0].clone() };
    begins.events.push(Pending { severity: event::Severity::Warn, ..tier.clone() });
    assert!(!text(begins).below.iter().any(|line| line.contains("3 messages")));
    let mut later = due("q", SendReason::Grew, None, false);
    later.events.push(Pending { severity: event::Severity::Warn, ..tier });
    assert!(text(later).below.iter().any(|line| line.contains("3 messages")));
    let linted = event::QueueLinted {
        queue: event::Queue { name: "q".into(), ..event::Queue::default() },
        findings: Vec::new(),
    };
    let line = String::from_utf8(Event::new("id".into(), "q", at, linted).line()).unwrap();
    let mut ended = due("q", SendReason::Ended, None, false);
    (ended.events[0].line, ended.events[0].severity) = (line.into(), event::Severity::Info);
    assert_eq!(text(ended).line(), "00:00Z INFO q: no findings any more");
}
