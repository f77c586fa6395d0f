//! Bodies of all services from usual and hostile notices.

use serde_json::Value;

use super::webhook::SigningKey;
use super::*;
use crate::event::Severity;
use crate::rules::notification::delivery::{Action, ProblemKeys};
use crate::text::hidden;
use crate::time::Timestamp;

fn delivery(subject: &str, what: &str, next: &str) -> Delivery {
    let at = Timestamp::parse("2026-11-29T10:00:00Z").unwrap();
    Delivery {
        id: "0195c7a4-id".into(),
        action: Action::Trigger,
        key: "1f2e3d4c".into(),
        problems: ProblemKeys { open: vec!["1f2e3d4c".into()], ended: Vec::new() },
        incident: Some("1f2e3d4c".into()),
        event: Some(r#"{"specversion":"1.0","id":"i","source":"s","type":"t"}"#.into()),
        notice: Notice::plain(Severity::Error, subject, what, next, at),
        handle: None,
        at,
    }
}

/// Names that try to be something else than text.
fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        "<!channel> <@U1> <https://evil.example|click> & *bold* _it_ `code`",
        "\" & do shell script \"id\" & \"",
        "-e",
        "--help",
        "a\nb\r\nc\0d",
        "\u{202e}gnp.exe\u{200b}\u{2066}",
        "</b><script>alert(1)</script>&amp;",
        "$(id) `id` ; id",
        "",
        " ",
    ]
    .map(str::to_owned)
    .into();
    names.extend(["x", "<", "&", "\u{202e}", "🚚", "\n"].map(|one| one.repeat(100 << 10)));
    names
}

/// Returns all texts of a document.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(strings).collect(),
        Value::Object(map) => map.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

#[track_caller]
fn assert_visible(text: &str) {
    let found = text.lines().flat_map(str::chars).find(|c| hidden(*c));
    assert!(found.is_none(), "{found:?} in {text}");
}

#[test]
fn slack_message_is_as_documented() {
    let usual = delivery("orders-dlq", "12 messages", "dlq-log --incident 1f2e3d4c");
    let body = slack::post_body(&usual, "#ops");
    let expected = r##"{"blocks":[{"text":{"emoji":false,"text":"orders-dlq: 12 messages","type":"plain_text"},"type":"header"},{"text":{"emoji":false,"text":"dlq-log --incident 1f2e3d4c","type":"plain_text"},"type":"section"},{"elements":[{"emoji":false,"text":"ERROR 10:00Z · incident 1f2e3d4c","type":"plain_text"}],"type":"context"}],"channel":"#ops","text":"ERROR orders-dlq: 12 messages\ndlq-log --incident 1f2e3d4c","unfurl_links":false,"unfurl_media":false}"##;
    assert_eq!(body, serde_json::from_str::<Value>(expected).unwrap());
    let update = slack::update_body(&usual, "C01/1503.0002").unwrap();
    assert_eq!((&update["channel"], &update["ts"]), (&"C01".into(), &"1503.0002".into()));
    assert_eq!(update["blocks"], body["blocks"]);
    assert!(slack::update_body(&usual, "42").is_none());
    assert!(slack::webhook_body(&usual).get("channel").is_none());
}

#[test]
fn slack_message_stays_within_its_limits_and_is_text() {
    for name in hostile() {
        for delivery in [
            delivery(&name, "12 messages", "look"),
            delivery("orders-dlq", &name, "look"),
            delivery("orders-dlq", "12 messages", &name),
            delivery(&name, &name, &name),
        ] {
            let body = slack::webhook_body(&delivery);
            let blocks = body["blocks"].as_array().unwrap();
            assert!((2..=50).contains(&blocks.len()));
            let mut sum = body["text"].as_str().unwrap().chars().count();
            for block in blocks {
                let objects = match block["elements"].as_array() {
                    Some(elements) => elements.iter().collect(),
                    None => vec![&block["text"]],
                };
                for object in objects {
                    assert_eq!(object["type"], "plain_text");
                    let length = object["text"].as_str().unwrap().encode_utf16().count();
                    let max = if block["type"] == "header" { 150 } else { 3000 };
                    assert!((1..=max).contains(&length), "{}: {length}", block["type"]);
                    sum += length;
                }
            }
            assert!(sum <= slack::MESSAGE_MAX, "{sum}");
            for text in strings(&body) {
                assert_visible(text);
                assert!(!text.contains(['<', '>']), "{text}");
                let escapes = ["&amp;", "&lt;", "&gt;"].map(|one| text.matches(one).count());
                let ampersands = text.matches('&').count();
                assert_eq!(ampersands, escapes.iter().sum::<usize>(), "{text}");
            }
        }
    }
}

/// The rules of PagerDuty's documentation for events.
#[test]
fn pagerduty_event_keeps_the_documented_rules() {
    for name in hostile().into_iter().chain(["orders-dlq".to_owned()]) {
        for action in Action::ALL {
            let mut delivery = delivery(&name, &name, &name);
            delivery.action = action;
            delivery.key = name.clone();
            delivery.id = if name.trim().is_empty() { "id".into() } else { name.clone() };
            let body = pagerduty::body(&delivery, "R0");
            let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap();
            assert_eq!(text("/routing_key"), "R0");
            let expected = if action == Action::Resolve { "resolve" } else { "trigger" };
            assert_eq!(text("/event_action"), expected);
            for (pointer, max) in
                [("/dedup_key", 255), ("/payload/summary", 1024), ("/payload/source", 255)]
            {
                assert!((1..=max).contains(&text(pointer).chars().count()), "{pointer} {name:.20}");
            }
            assert!(["critical", "error", "warning", "info"].contains(&text("/payload/severity")));
            assert_eq!(text("/payload/timestamp"), "2026-11-29T10:00:00.000Z");
            assert!(serde_json::to_vec(&body).unwrap().len() <= 512 << 10);
            strings(&body).into_iter().for_each(assert_visible);
        }
    }
}

#[test]
fn pagerduty_alert_of_an_incident_is_one_and_severities_are_its_own() {
    let mut one = delivery("orders-dlq", "12 messages", "look");
    let key = |delivery: &Delivery| pagerduty::body(delivery, "R0")["dedup_key"].clone();
    let first = key(&one);
    one.id = "another".into();
    one.action = Action::Resolve;
    assert_eq!((key(&one), first), ("1f2e3d4c".into(), "1f2e3d4c".into()));
    one.key = "of unreadable".into();
    assert_eq!(key(&one), "of unreadable", "another problem of the incident");
    one.key = String::new();
    assert_eq!(key(&one), "another");
    let rows = [
        ("DEBUG", "info"),
        ("INFO", "info"),
        ("WARN", "warning"),
        ("ERROR", "error"),
        ("FATAL", "critical"),
    ];
    for (ours, theirs) in rows {
        one.notice.severity = Severity::parse(ours).unwrap();
        assert_eq!(pagerduty::body(&one, "R0")["payload"]["severity"], theirs, "{ours}");
    }
}

/// Returns the texts of a channel that are to name all queues of a notice, with their limits.
fn texts_of_every_channel(delivery: &Delivery) -> Vec<(&'static str, String, usize)> {
    let slack = slack::webhook_body(delivery);
    let blocks = slack["blocks"].as_array().unwrap();
    let shown: Vec<&str> = blocks.iter().filter_map(|one| one["text"]["text"].as_str()).collect();
    let variables = exec::variables(delivery);
    let body = variables.into_iter().find(|(name, _)| *name == "DLQ_NOTICE_BODY").unwrap().1;
    let hook: Value = serde_json::from_slice(&webhook::body(delivery)).unwrap();
    let desktop =
        desktop::command(desktop::Platform::MacOs, desktop::Replacing::Impossible, delivery);
    let pager = pagerduty::body(delivery, "R0");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    vec![
        ("blocks of Slack", shown.join("\n"), 5500),
        ("text of Slack", text(&slack["text"]), 3000),
        ("webhook", text(&hook["data"]["text"]), 11_000),
        ("command", body, 11_000),
        ("desktop", desktop.last().unwrap().clone(), 1300),
        ("PagerDuty", text(&pager["payload"]["custom_details"]["what to do"]), 1200),
    ]
}

#[test]
fn notice_about_many_queues_names_or_counts_them_on_every_channel() {
    let many = |count: usize, name: &str| {
        let mut one = delivery("queues", "many messages", "dlq-status");
        one.notice.names = (0..count).map(|n| format!("{name}{n:04}-dlq")).collect();
        one
    };
    for (channel, text, _) in texts_of_every_channel(&many(12, "queue-number-")) {
        for n in 0..12 {
            assert!(text.contains(&format!("queue-number-{n:04}-dlq")), "{channel}: {text}");
        }
        assert!(!text.contains(" more"), "{channel}: {text}");
    }
    for name in ["queue-number-", "<&>", "🚚 \n", &"<".repeat(300)] {
        let all = many(5000, name);
        for (channel, text, max) in texts_of_every_channel(&all) {
            let length = match channel.contains("Slack") {
                true => text.encode_utf16().count(),
                false => text.chars().count(),
            };
            assert!(length <= max, "{channel}: {length}");
            let more = text.strip_suffix(" more").and_then(|text| text.rsplit_once(" and "));
            let names = text.strip_suffix(" names").and_then(|text| text.rsplit_once('\n'));
            let (before, number) = more.or(names).unwrap_or_else(|| panic!("{channel}: {text}"));
            let named = before.matches("-dlq").count() + before.matches('…').count();
            assert_eq!(number.parse::<usize>().unwrap() + named, 5000, "{channel}: {text}");
        }
    }
}

#[test]
fn webhook_body_holds_notice_and_event() {
    let usual = delivery("orders-dlq", "12 messages", "look");
    let expected = r#"{"type":"dlq.notice","timestamp":"2026-11-29T10:00:00.000Z","data":{"id":"0195c7a4-id","action":"trigger","key":"1f2e3d4c","open":["1f2e3d4c"],"ended":[],"incident":"1f2e3d4c","severity":"ERROR","subject":"orders-dlq","title":"orders-dlq: 12 messages","text":"orders-dlq: 12 messages\nlook","event":{"specversion":"1.0","id":"i","source":"s","type":"t"}}}"#;
    assert_eq!(String::from_utf8(webhook::body(&usual)).unwrap(), expected);
    for (event, is_sent) in [
        (None, false),
        (Some("not JSON".to_owned()), false),
        (Some(format!("\"{}\"", "x".repeat(EVENT_MAX))), false),
        (Some("{}".to_owned()), true),
    ] {
        let event = event.map(String::into);
        let body = webhook::body(&Delivery { event, ..usual.clone() });
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(!body["data"]["event"].is_null(), is_sent);
    }
}

#[test]
fn webhook_is_signed_as_the_standard_says() {
    let secret = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let mut one = delivery("orders-dlq", "12 messages", "look");
    one.id = "msg_p5jXN8AQM9LWM0D4loKWxJek".into();
    let at = Timestamp::from_millis(1_614_265_330_999);
    let headers = webhook::headers(&one, b"{\"test\": 2432232314}", secret.as_ref(), at);
    // The example of the standard's own libraries.
    let expected = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name, value.to_owned())));
    assert_eq!(webhook::headers(&one, b"", None, at).len(), 2);
    for hostile in hostile() {
        one.id = hostile;
        let [(_, id), ..] = &webhook::headers(&one, b"", None, at)[..] else { panic!() };
        assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{id}");
        assert_eq!(webhook::headers(&one, b"", None, at)[0].1, *id, "the same for every attempt");
    }
}

#[test]
fn body_of_every_channel_shows_hostile_names_as_text() {
    for name in hostile() {
        let delivery = Delivery {
            incident: Some(name.clone()),
            key: name.clone(),
            problems: ProblemKeys::default(),
            ..delivery(&name, &name, &name)
        };
        let body = webhook::body(&delivery);
        assert!(body.len() < 64 << 10, "{}", body.len());
        let body: Value = serde_json::from_slice(&body).unwrap();
        strings(&body["data"]).into_iter().for_each(assert_visible);
        assert!(!body["data"]["title"].as_str().unwrap().contains('\n'));
        for (variable, value) in exec::variables(&delivery) {
            assert_visible(&value);
            assert!(!value.contains('\0') && value.len() < 16 << 10, "{variable}");
            assert!(!value.contains('\n') || variable == "DLQ_NOTICE_BODY", "{variable}");
        }
    }
}

#[test]
fn command_gets_the_notice_in_variables_and_the_event_on_its_input() {
    let one = delivery("orders-dlq", "12 messages", "look");
    let found: Vec<String> =
        exec::variables(&one).iter().map(|(n, v)| format!("{n}={v}")).collect();
    let expected = [
        "DLQ_NOTICE_ID=0195c7a4-id",
        "DLQ_NOTICE_ACTION=trigger",
        "DLQ_NOTICE_KEY=1f2e3d4c",
        "DLQ_NOTICE_OPEN=1f2e3d4c",
        "DLQ_NOTICE_ENDED=",
        "DLQ_NOTICE_SEVERITY=ERROR",
        "DLQ_NOTICE_TIME=2026-11-29T10:00:00.000Z",
        "DLQ_NOTICE_SUBJECT=orders-dlq",
        "DLQ_NOTICE_INCIDENT=1f2e3d4c",
        "DLQ_NOTICE_BODY=orders-dlq: 12 messages\nlook",
        "DLQ_NOTICE_TITLE=orders-dlq: 12 messages",
    ];
    assert_eq!(found, expected);
    assert_eq!(exec::input(&Delivery { event: Some("{}".into()), ..one.clone() }), b"{}\n");
    assert_eq!(exec::input(&Delivery { event: None, ..one }), b"");
}

#[test]
fn keys_of_problems_are_a_list_and_lines_in_a_variable() {
    let mut one = delivery("4000 queues", "they broke", "look");
    one.problems.open = (0..4000).map(|n| format!("{n:036}")).collect();
    one.problems.ended = vec!["a b".into(), "c\nd".into()];
    let body: serde_json::Value = serde_json::from_slice(&webhook::body(&one)).unwrap();
    assert_eq!(body["data"]["open"].as_array().unwrap().len(), 4000);
    assert_eq!(body["data"]["ended"][0], "a b");
    let variables = exec::variables(&one);
    let value = |name: &str| &variables.iter().find(|(known, _)| *known == name).unwrap().1;
    assert_eq!(value("DLQ_NOTICE_ENDED"), "a b\nc\\nd");
    assert!((2500..3000).contains(&value("DLQ_NOTICE_OPEN").lines().count()));
}
