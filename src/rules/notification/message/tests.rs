use super::*;
use crate::event::{Event, Line, Payload, Queue, Type, peek, strict};

const INCIDENT: &str = "1f2e3d4c-0000-8000-8000-000000000000";

fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T19:57:32Z").unwrap()
}

fn in_hours(hours: u64) -> Option<Timestamp> {
    Some(now().plus(Duration::from_secs(hours * 3600)))
}

fn queue() -> Queue {
    let arn = "arn:aws:sqs:eu-west-1:123456789012:orders-dlq";
    Queue { name: "orders-dlq".into(), arn: arn.into(), ..Queue::default() }
}

fn line_of<D: Payload>(data: D) -> Vec<u8> {
    let event = Event::new("id".into(), "orders-dlq", now(), data);
    let mut line = event.of_incident(INCIDENT.to_owned()).line();
    strict(D::TYPE, &line).unwrap();
    line.pop();
    line
}

fn notice(line: &[u8]) -> Notice {
    let Line::Event(head) = peek(line) else { panic!("{}", String::from_utf8_lossy(line)) };
    render(&head, line, now())
}

fn text<D: Payload>(data: D) -> String {
    notice(&line_of(data)).line()
}

fn raised(after: Option<Timestamp>, before: Option<Timestamp>, depth: u64) -> event::QueueRaised {
    event::QueueRaised {
        queue: queue(),
        depth,
        visible: depth,
        in_flight: 0,
        delayed: 0,
        previous: None,
        threshold: 1,
        retention_s: None,
        expires_after: after,
        expires_before: before,
    }
}

#[test]
fn raise_shows_expiry_or_unknown() {
    let look = "look with 'dlq-log --incident 1f2e3d4c-0000'";
    let rows = [
        (
            in_hours(38),
            None,
            12,
            "12 messages died (threshold 1); the first may be lost after 2026-11-24 09:57Z (in 1d 14h)",
        ),
        (
            None,
            in_hours(24),
            1,
            "1 message died (threshold 1); their age is unknown, the last is lost by 2026-11-23 19:57Z (in 1d)",
        ),
        (None, None, 2, "2 messages died (threshold 1); expiry unknown"),
        (
            Some(now()),
            in_hours(1),
            2,
            "2 messages died (threshold 1); some may have been lost since 2026-11-22 19:57Z (0ms ago)",
        ),
    ];
    for (after, before, depth, expected) in rows {
        let expected = format!("19:57:32Z ERROR orders-dlq: {expected}: {look}");
        assert_eq!(text(raised(after, before, depth)), expected);
    }
}

#[test]
fn unknown_number_is_not_shown_as_zero() {
    let unreadable = text(event::QueueUnreadable {
        queue: queue(),
        depth: None,
        reason: "access denied".into(),
        misses: 2,
    });
    assert_eq!(
        unreadable,
        "19:57:32Z ERROR orders-dlq: cannot be read: access denied; 2 failures in a row; its depth is unknown: try 'dlq-poll --dry-run --queue orders-dlq'"
    );
    let gone = text(event::QueueGone { queue: queue(), last_depth: None });
    assert!(gone.contains("its last depth was unknown"), "{gone}");
    let completed = text(event::InvestigationCompleted {
        queue: queue(),
        session: "s".into(),
        verdict: event::Verdict {
            status: "likely".into(),
            confidence: Some(0.8),
            ..Default::default()
        },
        cost_usd: None,
        turns: None,
        duration_s: 90,
        report: "/state/sessions/s/report.md".into(),
    });
    assert_eq!(
        completed,
        "19:57:32Z INFO orders-dlq: investigation completed: a result without a title (likely, confidence 80 %); took 1m 30s, cost unknown: read '/state/sessions/s/report.md'"
    );
    let cleared =
        text(event::QueueCleared { queue: queue(), duration_s: 7380, cause: "unknown".into() });
    assert_eq!(cleared, "19:57:32Z INFO orders-dlq: empty again after 2h 3m (cause unknown)");
}

#[test]
fn sample_shows_causes_or_refusal() {
    let causes = |titles: &[(u64, &str)]| -> Vec<event::Cause> {
        let cause = |(count, title): &(u64, &str)| event::Cause {
            id: "0123456789abcdef".into(),
            count: *count,
            title: (*title).into(),
            kind: "error_text".into(),
        };
        titles.iter().map(cause).collect()
    };
    let sampled = |taken, depth, fingerprints| event::QueueSampled {
        queue: queue(),
        taken,
        depth,
        refused: None,
        detail: None,
        fingerprints,
        overseen: 0,
        bundle: Some("/state/evidence/i/1".into()),
    };
    let two = causes(&[(7, "TypeError: x is undefined"), (3, "timed out\u{1b}[2J")]);
    let five = causes(&[(4, "a"), (3, "b"), (1, "c"), (1, "d"), (1, "e")]);
    let refused = |word: &str, detail: Option<&str>| event::QueueSampled {
        refused: Some(word.into()),
        detail: detail.map(str::to_owned),
        bundle: None,
        ..sampled(Some(0), Some(4), Vec::new())
    };
    let see = ": see '/state/evidence/i/1'";
    let look = ": look with 'dlq-log --incident 1f2e3d4c-0000'";
    let would = event::QueueSampled { bundle: None, ..sampled(None, Some(4), Vec::new()) };
    let rows = [
        (
            sampled(Some(10), Some(47), two),
            "looked at 10 of 47 messages: 7 'TypeError: x is undefined', 3 'timed out\\u{1b}[2J'",
            see,
        ),
        (
            sampled(Some(10), Some(10), five),
            "looked at 10 of 10 messages: 4 'a', 3 'b', 1 'c', 2 more causes",
            see,
        ),
        (
            sampled(Some(1), None, causes(&[(1, &"x".repeat(100))])),
            &format!("looked at 1 message: 1 '{}…'", "x".repeat(79)),
            see,
        ),
        (sampled(Some(3), Some(2), Vec::new()), "looked at 3 messages", see),
        (sampled(Some(0), Some(2), Vec::new()), "looked at 0 of 2 messages", see),
        (
            event::QueueSampled { overseen: 2, ..sampled(Some(2), Some(2), Vec::new()) },
            "looked at 2 of 2 messages; 2 messages received more often than allowed",
            see,
        ),
        (refused("fifo", Some("it is a FIFO queue")), "not looked at: it is a FIFO queue", look),
        (refused("empty", None), "not looked at: empty", look),
        (would, "would be looked at; 4 messages", ""),
        (
            event::QueueSampled { bundle: None, ..sampled(None, None, Vec::new()) },
            "would be looked at; an unknown number of messages",
            "",
        ),
    ];
    for (data, expected, next) in rows {
        assert_eq!(text(data), format!("19:57:32Z INFO orders-dlq: {expected}{next}"));
    }
}

#[test]
fn expiry_shows_redrive_and_certainty() {
    let expiring = |certain| event::QueueExpiring {
        queue: queue(),
        tier: "6h".into(),
        certain,
        depth: Some(3),
        expires_after: None,
        expires_before: in_hours(5),
    };
    let save = "once the cause is fixed, run 'aws sqs start-message-move-task --source-arn arn:aws:sqs:eu-west-1:123456789012:orders-dlq'";
    let known = text(expiring(true));
    assert!(known.contains("3 messages may be lost within 6h") && known.ends_with(save), "{known}");
    assert!(text(expiring(false)).contains("the oldest of 3 messages will be lost within 6h"));
}

#[test]
fn event_text_is_safe_and_short() {
    let evil = "\u{1b}]52;c;aGk=\u{7}\u{202e}".to_owned() + &"x".repeat(5000);
    let failed = event::PollFailed {
        account: Some(evil.clone()),
        region: Some("eu-west-1'; reboot".into()),
        reason: evil.clone(),
    };
    let mut event = Event::new("id".into(), &evil, now(), failed);
    event.incident = Some("$(reboot)".into());
    let line = event.line();
    let said = notice(&line[..line.len() - 1]);
    for text in [said.line(), said.title(), said.body().replace('\n', " ")] {
        assert!(matches!(safe(&text), Cow::Borrowed(_)), "{text}");
        assert!(text.chars().count() < BODY_MAX + SUBJECT_MAX + 40, "{}", text.len());
    }
    assert!(!said.text().contains("aws sqs"), "{}", said.text());
    assert!(said.title().chars().count() <= TITLE_MAX);
    let generic =
        br#"{"specversion":"1.0","id":"i","source":"s","type":"\u001b[2J","incident":"a'b"}"#;
    assert_eq!(notice(generic).line(), "at an unknown time INFO s: \\u{1b}[2J");
}

#[test]
fn command_needs_a_word_safe_in_a_shell() {
    let rows = [
        ("orders-dlq", true),
        ("arn:aws:sqs:eu-west-1:1:q.fifo", true),
        ("--help", false),
        ("a=b", false),
        ("a b", false),
        ("a;b", false),
        ("a'b", false),
        ("$(a)", false),
        ("", false),
    ];
    for (word, fits) in rows {
        assert_eq!(command("try", "dlq-poll --queue ", word).is_some(), fits, "{word}");
    }
}

#[test]
fn unknown_type_or_payload_has_a_general_text() {
    let rows = [
        (
            r#""type":"deploy.failed","severitytext":"ERROR","subject":"web","time":"2026-11-22T19:57:32Z""#,
            "19:57:32Z ERROR web: deploy.failed",
        ),
        (
            r#""type":"queue.raised","severitytext":"ERROR","subject":"q","time":"2026-11-20T01:02:03Z","data":{}"#,
            "2026-11-20 01:02:03Z ERROR q: queue.raised, with a payload that is not understood",
        ),
        (
            r#""type":"pr.merged","incident":"1f2e3d4c","subject":"a/b#1","time":"2026-11-22T19:00:00Z""#,
            "19:00:00Z INFO a/b#1: pr.merged: look with 'dlq-log --incident 1f2e3d4c'",
        ),
    ];
    for (fields, expected) in rows {
        let line = format!(r#"{{"specversion":"1.0","id":"i","source":"s",{fields}}}"#);
        assert_eq!(notice(line.as_bytes()).line(), expected);
    }
}

#[test]
fn known_types_have_a_text() {
    let empty = |shape: &serde_json::Value| example(shape);
    for known in Type::ALL {
        let line = serde_json::json!({
            "specversion": "1.0", "id": "i", "source": "dlq-poll", "type": known.as_str(),
            "subject": "q", "time": now(), "severitytext": "INFO", "data": empty(&known.shape()),
        })
        .to_string();
        strict(*known, line.as_bytes()).unwrap();
        let said = notice(line.as_bytes());
        assert!(!said.what.contains(known.as_str()), "{known:?} is described in general: {said:?}");
        assert!(!said.title().is_empty() && !said.body().is_empty());
    }
}

/// Returns a value of a JSON Schema.
fn example(shape: &serde_json::Value) -> serde_json::Value {
    use serde_json::{Value, json};
    if shape.get("anyOf").is_some() {
        return Value::Null;
    }
    match (shape["type"].as_str().unwrap(), shape.get("format")) {
        ("object", _) => {
            let keys = shape["required"].as_array().unwrap();
            let value = |key: &str| example(&shape["properties"][key]);
            keys.iter()
                .map(|key| key.as_str().unwrap())
                .map(|key| (key.to_owned(), value(key)))
                .collect()
        }
        ("string", Some(_)) => json!(now()),
        ("string", None) => json!("word"),
        ("integer", _) => json!(3),
        ("boolean", _) => json!(true),
        ("array", _) => json!([]),
        other => panic!("{other:?}"),
    }
}
