use super::*;
use crate::money::Usd;

fn queue(sources: usize) -> Queue {
    Queue {
        name: "orders-dlq".into(),
        arn: "arn:aws:sqs:eu-west-1:123456789012:orders-dlq".into(),
        sources: (0..sources).map(|n| format!("orders-{n:04}")).collect(),
        ..Queue::default()
    }
}

fn raised(sources: usize) -> Event<QueueRaised> {
    let data = QueueRaised {
        queue: queue(sources),
        depth: 3,
        visible: 3,
        threshold: 1,
        in_flight: 0,
        delayed: 0,
        previous: None,
        retention_s: None,
        expires_after: None,
        expires_before: None,
    };
    Event::new(derived_id(&["a"]), "orders-dlq", Timestamp::from_millis(0), data)
        .of_incident(derived_id(&["b"]))
}

#[test]
fn event_reads_back_as_written() {
    let line = raised(2).line();
    assert_eq!(line.last(), Some(&b'\n'));
    strict(Type::QueueRaised, &line).unwrap();
    assert_eq!(read::<QueueRaised>(&line), Some(raised(2)));
    assert_eq!(read::<QueueGrew>(&line), None);
    let odd = String::from_utf8(line).unwrap().replace("\"depth\"", "\"new\":1,\"depth\"");
    assert!(strict(Type::QueueRaised, odd.as_bytes()).is_err());
}

#[test]
fn unknown_number_is_null() {
    let line = String::from_utf8(raised(0).line()).unwrap();
    assert!(line.contains("\"previous\":null"), "{line}");
}

#[test]
fn long_list_is_cut_and_marked() {
    let line = raised(1000).line();
    assert!(line.len() < LINE_MAX, "{}", line.len());
    let value: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(value["data"]["queue"]["truncated"], true);
    assert!(value["data"]["queue"]["sources"].as_array().unwrap().len() > 10);
    assert!(matches!(peek(&line[..line.len() - 1]), Line::Event(_)));
}

#[test]
fn long_text_is_cut_between_characters() {
    let failed = NoticeFailed {
        channel: "desktop".into(),
        event: derived_id(&[]),
        attempts: 1,
        error: "ação".repeat(5000),
    };
    let line = Event::new(derived_id(&[]), "", Timestamp::from_millis(0), failed).line();
    assert!(line.len() < LINE_MAX && std::str::from_utf8(&line).is_ok());
}

#[test]
fn derived_ids_are_equal_for_equal_parts() {
    assert_eq!(derived_id(&["ab", "c"]), derived_id(&["ab", "c"]));
    assert_ne!(derived_id(&["ab", "c"]), derived_id(&["a", "bc"]));
    assert_eq!(derived_id(&["x"]).as_bytes()[14], b'8');
    assert_eq!(fresh_id(Timestamp::from_millis(1), "x").as_bytes()[14], b'7');
}

#[test]
fn peek_distinguishes_events_objects_and_bad_lines() {
    let head = r#""specversion":"1.0","id":"i","source":"s","type":"queue.raised""#;
    let event = |extra: &str| format!("{{{head}{extra}}}");
    let events = [
        event(""),
        event(r#","data":{"a":1.0e2,"b":123456789012345678901234567890,"c":"\ud800"}"#),
        event(r#","unknown":1,"unknown":2"#),
        format!("  {{ \"\\u0074ime\":\"2026-01-01T00:00:00Z\", {head} }} "),
        event(&format!(",\"data\":{}{}", "[".repeat(10_000), "]".repeat(10_000))),
    ];
    for line in &events {
        assert!(matches!(peek(line.as_bytes()), Line::Event(_)), "{line}");
    }
    let objects = [
        "{}".to_owned(),
        event(r#","type":"queue.cleared""#),
        event(r#","subject":7"#),
        event(r#","subject":null"#),
        event(r#","time":"2026-01-01T00:00:00Z","time":"2026-01-01T00:00:00Z""#),
        event(r#","incident":"\ud800""#),
        r#"{"specversion":"2.0","id":"i","source":"s","type":"t"}"#.to_owned(),
        format!("{{\"type\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000)),
    ];
    for line in &objects {
        assert_eq!(peek(line.as_bytes()), Line::Object, "{line}");
    }
    let bad: [&[u8]; 10] = [
        b"[]",
        br#"["1.0","queue.raised","i","s"]"#,
        b"7",
        b"{",
        b"{\"a\":1,}",
        b"{\"a\":01}",
        b"{} {}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\n\"}",
        b"x",
    ];
    for line in bad {
        assert!(matches!(peek(line), Line::Bad(_)), "{line:?}");
    }
}

#[test]
fn schema_has_every_key_of_a_line() {
    let schema = line_schema(ToolName::Poll);
    let raised_type = serde_json::json!({"const": Type::QueueRaised.as_str()});
    let shapes = schema["oneOf"].as_array().unwrap();
    let is_raised = |shape: &&Value| shape["properties"]["type"] == raised_type;
    let shape = shapes.iter().find(is_raised).unwrap();
    let line: Value = serde_json::from_slice(&raised(1).line()).unwrap();
    for key in line.as_object().unwrap().keys() {
        assert!(shape["properties"].get(key).is_some(), "{key}");
    }
    for key in line["data"].as_object().unwrap().keys() {
        assert!(shape["properties"]["data"]["properties"].get(key).is_some(), "{key}");
    }
}

#[test]
fn event_types_have_one_emitter() {
    assert_eq!(ToolName::Peek.emits(), [Type::QueueSampled]);
    assert_eq!(ToolName::Log.emits(), []);
    let all: usize = ToolName::ALL.map(|tool| tool.emits().len()).iter().sum();
    assert_eq!(all, Type::ALL.len());
    assert_eq!(line_schema(ToolName::Log)["not"], serde_json::json!({}));
}

#[test]
fn invalid_cost_of_a_payload_is_unknown() {
    for (cost, read) in [("0.5", Usd::from_dollars(0.5)), ("-1", None), ("null", None)] {
        let data = r#"{"queue":QUEUE,"session":"s","detail":"d","cost_usd":COST,"duration_s":1}"#;
        let queue = serde_json::to_string(&queue(0)).unwrap();
        let data = data.replace("QUEUE", &queue).replace("COST", cost);
        let ended: InvestigationTimedOut = serde_json::from_str(&data).unwrap();
        assert_eq!(ended.cost_usd, read, "{cost}");
    }
}
