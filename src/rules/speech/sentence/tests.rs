use super::*;
use crate::event::{self, Event, Line, Payload, Queue, peek};
use crate::time::Timestamp;

const NAME: &str = "orders-payments-dlq-prod";

fn said(line: &[u8]) -> Spoken {
    let Line::Event(head) = peek(line) else { panic!("{}", String::from_utf8_lossy(line)) };
    of_event(&head, line)
}

fn event<D: Payload>(data: D) -> Spoken {
    let line = Event::new("id".into(), NAME, Timestamp::from_millis(0), data).line();
    said(line.trim_ascii_end())
}

fn queue() -> Queue {
    Queue { name: NAME.into(), ..Queue::default() }
}

fn raised(depth: u64) -> event::QueueRaised {
    event::QueueRaised {
        queue: queue(),
        depth,
        visible: depth,
        in_flight: 0,
        delayed: 0,
        previous: None,
        threshold: 1,
        retention_s: None,
        expires_after: None,
        expires_before: None,
    }
}

fn expiring(tier: &str) -> event::QueueExpiring {
    event::QueueExpiring {
        queue: queue(),
        tier: tier.into(),
        certain: true,
        depth: Some(12),
        retention_s: None,
        expires_after: None,
        expires_before: None,
    }
}

fn cause(id: &str) -> event::Cause {
    event::Cause { id: id.into(), count: 1, title: id.into(), kind: "error_text".into() }
}

fn cleared(cause: &str) -> event::QueueCleared {
    event::QueueCleared { queue: queue(), duration_s: 60, cause: cause.into() }
}

fn completed(status: &str) -> event::InvestigationCompleted {
    let verdict = event::Verdict { status: status.into(), ..Default::default() };
    event::InvestigationCompleted {
        queue: queue(),
        session: "s".into(),
        verdict,
        cost_note: None,
        denied: None,
        patch_held: None,
        cost_usd: None,
        turns: None,
        duration_s: 1,
        report: String::new(),
        proof: None,
    }
}

#[test]
fn sentence_tells_the_event_in_words() {
    let lost = event::QueueLossSuspected {
        queue: queue(),
        missing: 4,
        depth: 8,
        why: "retention".into(),
        detail: String::new(),
    };
    let rows = [
        (
            event(raised(1)),
            "Dead letter queue alert for orders payments: one dead letter.",
            Sound::Alarm,
        ),
        (
            event(raised(412)),
            "Dead letter queue alert for orders payments: more than a hundred dead letters.",
            Sound::Alarm,
        ),
        (
            event(event::QueueGrew { queue: queue(), depth: 24, raised_depth: 12 }),
            "Orders payments has grown to more than ten dead letters.",
            Sound::Alarm,
        ),
        (
            event(expiring("1h")),
            "Orders payments loses its dead letters within an hour.",
            Sound::Alarm,
        ),
        (
            event(expiring("6h")),
            "Orders payments loses its dead letters within six hours.",
            Sound::Alarm,
        ),
        (
            event(expiring("24h")),
            "Orders payments loses its dead letters within a day.",
            Sound::Alarm,
        ),
        (event(expiring("x")), "Orders payments loses its dead letters soon.", Sound::Alarm),
        (
            event(event::QueueSampled {
                queue: queue(),
                fingerprints: vec![cause("one"), cause("two")],
                ..Default::default()
            }),
            "Orders payments has dead letters of a few causes.",
            Sound::Alarm,
        ),
        (event(lost), "A few messages may be lost from orders payments.", Sound::Alarm),
        (event(cleared("redriven")), "Orders payments is empty again.", Sound::Relief),
        (
            event(cleared("expired")),
            "Orders payments is empty: its dead letters have expired.",
            Sound::Alarm,
        ),
        (
            event(completed("confirmed")),
            "The investigation of orders payments has found the cause.",
            Sound::Relief,
        ),
        (
            event(completed("of an agent")),
            "The investigation of orders payments has found no cause.",
            Sound::Relief,
        ),
    ];
    for (spoken, text, sound) in rows {
        assert_eq!((spoken.text.as_str(), spoken.sound), (text, sound));
    }
}

fn pull_request(kind: &str, ours: bool, title: &str) -> Spoken {
    let data = serde_json::json!({"pr": {"repo": "acme/orders-service", "number": 12, "title": title, "ours": ours}});
    let line = format!(
        r#"{{"specversion":"1.0","id":"i","source":"s","type":"pr.{kind}","subject":"acme/orders-service#12","data":{data}}}"#
    );
    said(line.as_bytes())
}

#[test]
fn pull_requests_of_ours_and_of_others_differ() {
    let rows = [
        (
            "opened",
            true,
            "Our pull request in orders service is ready for review: Fix it.",
            Sound::OurPullRequest,
        ),
        (
            "found",
            false,
            "A pull request in orders service is ready for review: Fix it.",
            Sound::OtherPullRequest,
        ),
        (
            "review_due",
            false,
            "Reminder: a pull request in orders service still waits for review: Fix it.",
            Sound::OtherPullRequest,
        ),
        (
            "merged",
            true,
            "Good news! Our pull request in orders service was merged.",
            Sound::Celebration,
        ),
        (
            "merged",
            false,
            "Good news! A pull request in orders service was merged.",
            Sound::Celebration,
        ),
        (
            "closed",
            true,
            "Our pull request in orders service was closed without a merge.",
            Sound::OurPullRequest,
        ),
    ];
    for (kind, ours, text, sound) in rows {
        let spoken = pull_request(kind, ours, "Fix it");
        assert_eq!((spoken.text.as_str(), spoken.sound), (text, sound));
    }
    let bare = r#"{"specversion":"1.0","id":"i","source":"s","type":"pr.merged","subject":"acme/orders#1"}"#;
    assert_eq!(said(bare.as_bytes()).text, "Good news! A pull request in orders was merged.");
}

#[test]
fn unknown_events_and_summaries_are_said_in_general_words() {
    let line = r#"{"specversion":"1.0","id":"i","source":"dlq-x","type":"deploy.has_failed","subject":"orders-dlq","severitytext":"ERROR"}"#;
    let spoken = said(line.as_bytes());
    assert_eq!((&*spoken.text, spoken.sound), ("Error, orders: deploy has failed.", Sound::Alarm));
    let line = r#"{"specversion":"1.0","id":"i","source":"dlq-doctor","type":"health.checked","severitytext":"WARN","data":{"checks":[{"name":"git_hub","ok":false},{"name":"aws","ok":true}]}}"#;
    let spoken = said(line.as_bytes());
    assert_eq!(&*spoken.text, "Warning, doctor: check git hub fails.");
    let spoken = of_words(Severity::Warn, "dlq-tools", "and 50 more");
    let expected = ("Warning, tools: and more than ten more.", Sound::Alarm);
    assert_eq!((&*spoken.text, spoken.sound), expected);
}

#[test]
fn merged_notices_of_about_the_same_size_are_one_sentence() {
    let merged = |queues: &str, what: &str| of_words(Severity::Error, queues, what).text;
    let first = merged("12 queues", "1,234 messages, first lost within 5h, one cause: timeout");
    let expected = "Error, more than ten queues: more than a thousand messages, first lost within \
                    hours, one cause: timeout.";
    assert_eq!(first, expected);
    let second = merged("17 queues", "2,001 messages, first lost within 3h, one cause: timeout");
    assert_eq!(first, second);
    assert_eq!(merged("2-orders-dlq", "3 messages"), "Error, 2 orders: a few messages.");
}

/// A queue and a title as an attacker writes them, and the same without a word.
#[test]
fn hostile_names_and_titles_are_spoken_as_words() {
    let title = "--help <break time=\"9s\"/> [[rate 500]] \u{1b}[2J\u{202e} & `id`\nnew line";
    let text = pull_request("found", false, title).text;
    let plain = "A pull request in orders service is ready for review: help break time 9s rate 500 2J id new line.";
    assert_eq!(text, plain);
    for name in ["-e", "<speak/>", "\u{1b}]0;x\u{7}", &"a".repeat(100 << 10), ""] {
        let line = Event::new("id".into(), name, Timestamp::from_millis(0), raised(1)).line();
        let text = said(line.trim_ascii_end()).text;
        assert!(text.starts_with("Dead letter queue alert for "), "{text}");
        assert!(text.chars().count() <= 120 && !text.contains(['<', '\u{1b}', '/']), "{text}");
    }
}

#[test]
fn problem_that_goes_on_is_told_in_other_words_with_its_newest_depth() {
    use ToldAgain::{AckExpired, Escalation, Reminder};
    let failed =
        event::PollFailed { account: None, region: None, reason: "denied".into(), asked: None };
    let at = Timestamp::from_millis(0);
    let raised = Event::new("id".into(), NAME, at, raised(3)).line();
    let expiring = Event::new("id".into(), NAME, at, expiring("1h")).line();
    let failed = Event::new("id".into(), "", at, failed).line();
    let rows = [
        (
            &raised,
            Reminder,
            Some(25),
            "Reminder: orders payments still has more than ten dead letters.",
        ),
        (&raised, Reminder, None, "Reminder: orders payments still has a few dead letters."),
        (
            &raised,
            AckExpired,
            Some(1),
            "The acknowledgement of orders payments has expired: it still has one dead letter.",
        ),
        (
            &expiring,
            Escalation,
            None,
            "Nobody has acknowledged orders payments: it has more than ten dead letters.",
        ),
        (&failed, Reminder, None, "Reminder. The queues cannot be polled."),
    ];
    for (data, again, depth, expected) in rows {
        let line = data.trim_ascii_end();
        let Line::Event(head) = peek(line) else { panic!("{expected}") };
        assert_eq!(of_open_problem(&head, line, again, depth), expected);
    }
}
