use super::*;
use crate::event::{self, Event, Line, Payload, Queue, Type, peek, strict};
use crate::money::Usd;

use table::{MOVE, expiring, skipped, table};

mod moves;
mod pull_requests;
mod table;

const INCIDENT: &str = "1f2e3d4c-0000-8000-8000-000000000000";

fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T19:57:32Z").unwrap()
}

/// A queue name of usual length.
const NAME: &str = "payments-parking-lot";
const LOOK: &str = "dlq-log --incident 1f2e3d4c";

fn in_hours(hours: u64) -> Option<Timestamp> {
    Some(now().plus(Duration::from_secs(hours * 3600)))
}

fn queue() -> Queue {
    Queue {
        name: NAME.into(),
        url: format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{NAME}"),
        arn: format!("arn:aws:sqs:eu-west-1:123456789012:{NAME}"),
        region: "eu-west-1".into(),
        account: "123456789012".into(),
        sources: vec!["payments".into()],
        profile: Some("prod".into()),
        ..Queue::default()
    }
}

fn line_of<D: Payload>(data: D) -> Vec<u8> {
    let event = Event::new("id".into(), NAME, now(), data);
    let mut line = event.of_incident(INCIDENT.to_owned()).line();
    strict(D::TYPE, &line).unwrap();
    line.pop();
    line
}

fn notice(line: &[u8]) -> Notice {
    let Line::Event(head) = peek(line) else { panic!("{}", String::from_utf8_lossy(line)) };
    render(&head, line, None, now())
}

fn text<D: Payload>(data: D) -> String {
    notice(&line_of(data)).line()
}

#[test]
fn notice_states_the_event_and_what_to_do() {
    for (line, expected) in table().into_iter().chain(pull_requests::table()).chain(moves::table())
    {
        let (severity, text) = expected.split_once(": ").unwrap();
        assert_eq!(notice(&line).line(), format!("19:57Z {severity} {NAME}: {text}"));
    }
}

/// The beginnings of lines that hold a command or a path whole.
const WHOLE: [&str; 6] = [
    "aws ",
    "dlq-redrive apply ",
    "report: /",
    "archive: /",
    "to undo: dlq-redrive restore /",
    "harmless: purge by fingerprint: dlq-purge ",
];

/// With names of usual length the first line fits a terminal, and no further line is cut.
#[test]
fn first_line_has_at_most_100_columns() {
    let mut types = Type::ALL.to_vec();
    for (line, _) in table().into_iter().chain(pull_requests::table()).chain(moves::table()) {
        let Line::Event(head) = peek(&line) else { panic!("not an event") };
        types.retain(|kind| Some(*kind) != head.known);
        let text = notice(&line).line();
        let first = text.lines().next().unwrap();
        assert!(first.chars().count() <= COLUMNS, "{} columns: {first}", first.chars().count());
        for below in text.lines().skip(1) {
            let is_whole = WHOLE.iter().any(|start| below.trim_start().starts_with(start));
            assert!(is_whole || below.chars().count() <= COLUMNS, "{below}");
        }
    }
    assert_eq!(types, [], "types without a row");
}

#[test]
fn skip_that_needs_a_person_names_the_command() {
    for (reason, text) in [
        ("needs_person", "needs a person: nothing proves who states the cause"),
        ("unexplained", "not investigated: twice in vain"),
    ] {
        let notice = notice(&line_of(skipped(reason, "twice in vain", None)));
        let expected = format!("{NAME}: {text}\n    dlq-investigate --retry {NAME}");
        assert_eq!(notice.text(), expected, "{reason}");
        assert_eq!(notice.severity, Severity::Warn, "{reason}");
    }
    assert_eq!(notice(&line_of(skipped("no_evidence", "", None))).severity, Severity::Warn);
    assert_eq!(notice(&line_of(skipped("cooldown", "", None))).severity, Severity::Info);
}

#[test]
fn command_is_left_out_rather_than_cut() {
    let long = Queue {
        url: format!("https://sqs.eu-west-1.amazonaws.com/{}", "x".repeat(900)),
        ..queue()
    };
    let text = text(event::QueueExpiring { queue: long, ..expiring(5, true, Some(60)) });
    assert!(text.contains(MOVE) && !text.contains("set-queue") && !text.contains('…'), "{text}");
    let lines = ["a".repeat(1000), "aws sqs b".repeat(100)];
    let cut = with_lines("c".into(), &lines, INDENTED);
    assert_eq!(cut, format!("c\n    {}", lines[0]));
}

#[test]
fn event_text_is_safe_and_short() {
    let evil = "\u{1b}]52;c;aGk=\u{7}\u{202e}".to_owned() + &"x".repeat(5000);
    let failed = event::PollFailed {
        account: Some(evil.clone()),
        region: Some("eu-west-1'; reboot".into()),
        reason: evil.clone(),
        asked: None,
    };
    let mut event = Event::new("id".into(), &evil, now(), failed);
    event.incident = Some("$(reboot)".into());
    let line = event.line();
    let said = notice(&line[..line.len() - 1]);
    for text in [said.line(), said.title()].map(|text| text.replace('\n', " ")) {
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
        assert_eq!(command("dlq-poll --queue ", word).is_some(), fits, "{word}");
    }
}

#[test]
fn unknown_type_or_payload_has_a_general_text() {
    let rows = [
        (
            r#""type":"deploy.failed","severitytext":"ERROR","subject":"web","time":"2026-11-22T19:57:32Z""#,
            "19:57Z ERROR web: deploy.failed",
        ),
        (
            r#""type":"queue.raised","severitytext":"ERROR","subject":"q","time":"2026-11-20T01:02:03Z","data":{}"#,
            "2026-11-20 01:02Z ERROR q: queue.raised, with a payload that is not understood",
        ),
        (
            r#""type":"deploy.planned","incident":"1f2e3d4c","subject":"a/b#1","time":"2026-11-22T19:00:00Z""#,
            "19:00Z INFO a/b#1: deploy.planned: dlq-log --incident 1f2e3d4c",
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
        assert!(!said.title().is_empty());
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

#[test]
fn notice_of_checks_names_those_that_fail_and_what_they_have_found() {
    let rows = [
        (r#"{"name":"aws","ok":true,"detail":"3 queues","ms":1}"#, "all checks succeed"),
        (
            r#"{"name":"aws","ok":true},{"name":"github","ok":false,"detail":"token expires in 3 days"}"#,
            "check 'github' fails: token expires in 3 days",
        ),
        (
            r#"{"name":"github","ok":false,"detail":""},{"name":"disk\u001b","ok":false,"detail":"full"}"#,
            "2 of 2 checks fail\n    disk\\u{1b}: full\n    github",
        ),
        (r#"{"name":"aws","ok":true},{"name":"logs","ok":null}"#, "no check fails; 1 is not made"),
        (
            r#"{"name":"aws","ok":true},{"name":"disk","ok":true,"status":"warning","detail":"9% left"}"#,
            "no check fails; 1 warns\n    disk: 9% left",
        ),
        (r#"{"name":"github"}"#, "health.checked, with a payload that is not understood"),
    ];
    for (checks, expected) in rows {
        let line = format!(
            r#"{{"specversion":"1.0","id":"i","source":"dlq-doctor","type":"health.checked","time":"2026-11-22T19:57:32Z","severitytext":"WARN","data":{{"checks":[{checks}]}}}}"#
        );
        assert_eq!(notice(line.as_bytes()).line(), format!("19:57Z WARN dlq-doctor: {expected}"));
    }
}
