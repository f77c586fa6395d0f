use std::io::Write;

use base64::Engine;
use serde_json::json;

use super::*;
use crate::rules::message::Attribute;

fn body(text: impl Into<String>) -> Message {
    Message { id: "m".into(), body: text.into(), ..Message::default() }
}

fn with(text: impl Into<String>, attributes: &[(&str, &str)]) -> Message {
    let attribute =
        |(name, text): &(&str, &str)| ((*name).to_owned(), Attribute::Text((*text).to_owned()));
    Message { attributes: attributes.iter().map(attribute).collect(), ..body(text) }
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

fn notification(message: &str) -> String {
    json!({"Type": "Notification", "MessageId": "n-1", "TopicArn": "arn:aws:sns:x:1:t",
        "Message": message, "Timestamp": "2026-11-20T00:00:00Z"})
    .to_string()
}

fn record(payload: Value) -> String {
    json!({"requestContext": {"requestId": "r-1", "condition": "RetriesExhausted",
        "functionArn": "arn:aws:lambda:x:1:function:f"}, "requestPayload": {"a": 1},
        "responseContext": {"functionError": "Unhandled"}, "responsePayload": payload})
    .to_string()
}

#[test]
fn who_put_it_there() {
    let from_sqs = Message {
        system: [("DeadLetterQueueSourceArn".to_owned(), "arn:q".to_owned())].into(),
        ..body("{}")
    };
    let rows = [
        ("a redrive policy", from_sqs, Producer::Sqs),
        ("nobody known", body("{}"), Producer::Unknown),
        (
            "Lambda, by attributes",
            with("{}", &[("RequestID", "r"), ("ErrorCode", "200"), ("ErrorMessage", "x")]),
            Producer::LambdaAsync,
        ),
        ("Lambda, by a record", body(record(json!({}))), Producer::LambdaDestination),
        (
            "a rule",
            with("{}", &[("RULE_ARN", "arn:r"), ("ERROR_CODE", "X")]),
            Producer::EventbridgeRule,
        ),
        (
            "a schedule",
            with("{}", &[("SCHEDULE_ARN", "arn:s"), ("EXECUTION_ID", "1")]),
            Producer::Scheduler,
        ),
        ("a subscription", body(notification("x")), Producer::Sns),
    ];
    for (rule, message, producer) in rows {
        assert_eq!(decode(&message).producer, producer, "{rule}");
    }
}

#[test]
fn what_it_carries() {
    let rows = [
        (json!({"Records": [{"eventSource": "aws:s3"}]}).to_string(), Payload::S3Event),
        (json!({"Records": [{"eventSource": "aws:sqs"}]}).to_string(), Payload::SqsRecords),
        (json!({"Records": [{"eventSource": "aws:kinesis"}]}).to_string(), Payload::KinesisRecords),
        (
            json!({"Records": [{"eventSource": "aws:dynamodb"}]}).to_string(),
            Payload::DynamodbStream,
        ),
        (json!({"Records": [{"EventSource": "aws:sns"}]}).to_string(), Payload::SnsNotification),
        (
            json!({"detail-type": "A", "source": "acme", "detail": {}}).to_string(),
            Payload::EventbridgeEvent,
        ),
        (
            json!({"detail-type": "A", "source": "aws.states", "detail": {}}).to_string(),
            Payload::StepFunctions,
        ),
        (json!({"taskToken": "t", "input": {}}).to_string(), Payload::StepFunctions),
        (json!({"AlarmName": "a", "NewStateValue": "ALARM"}).to_string(), Payload::CloudwatchAlarm),
        (
            json!(["com.amazon.sqs.javamessaging.MessageS3Pointer", {"s3BucketName": "b"}])
                .to_string(),
            Payload::ExtendedClient,
        ),
        ("{}".into(), Payload::Json),
        ("hello".into(), Payload::Text),
        (" ".into(), Payload::Empty),
        (base64(&gzip(&[0xff, 0xfe, 0, 1].repeat(20))), Payload::Binary),
    ];
    for (text, payload) in rows {
        assert_eq!(decode(&body(text.as_str())).payload, payload, "{text}");
    }
}

#[test]
fn wrappings_come_off_one_by_one() {
    let plain = r#"{"order":17,"error":"boom"}"#;
    let rows: [(&str, String, &[&str]); 7] = [
        ("none", plain.into(), &[]),
        ("base64", base64(plain.as_bytes()), &["base64"]),
        ("gzip in base64", base64(&gzip(plain.as_bytes())), &["base64", "gzip"]),
        ("an SNS envelope", notification(plain), &["sns"]),
        ("a string in JSON", json!(plain).to_string(), &["json_string"]),
        ("base64 in SNS", notification(&base64(plain.as_bytes())), &["sns", "base64"]),
        (
            "all of it",
            notification(&base64(&gzip(json!(plain).to_string().as_bytes()))),
            &["sns", "base64", "gzip", "json_string"],
        ),
    ];
    for (rule, text, wrapped) in rows {
        let decoded = decode(&body(text));
        assert_eq!(decoded.wrapped, wrapped, "{rule}");
        assert_eq!(decoded.content, Content::Json(serde_json::from_str(plain).unwrap()), "{rule}");
        assert_eq!(decoded.failure.message.unwrap().text, "boom", "{rule}");
    }
}

/// A name, a body, and what is read of it: class, text and place.
type Row = (&'static str, String, Option<&'static str>, Option<&'static str>, Option<&'static str>);

#[test]
fn what_failed_in_the_words_of_many_languages() {
    let rows: [Row; 11] = [
        (
            "Python's traceback",
            "Traceback (most recent call last):\n  File \"/var/task/app.py\", line 3, in run\n    \
             x[0]\nIndexError: list index out of range"
                .into(),
            Some("IndexError"),
            Some("list index out of range"),
            Some("run"),
        ),
        (
            "Node's stack",
            "TypeError: x is not a function\n    at total (/app/a.js:1:2)\n    at node:internal/x:1"
                .into(),
            Some("TypeError"),
            Some("x is not a function"),
            Some("total"),
        ),
        (
            "Java's stack",
            "java.lang.IllegalStateException: closed\n\tat com.acme.A.run(A.java:3)".into(),
            Some("java.lang.IllegalStateException"),
            Some("closed"),
            Some("A.run"),
        ),
        (
            ".NET's stack",
            "System.ArgumentException: bad\n   at Acme.Tax.Rate(Int32 x) in C:\\T.cs:line 3".into(),
            Some("System.ArgumentException"),
            Some("bad"),
            Some("Tax.Rate"),
        ),
        (
            "an object of keys",
            json!({"errorType": "KeyError", "errorMessage": "'sku'"}).to_string(),
            Some("KeyError"),
            Some("'sku'"),
            None,
        ),
        (
            "an object in an object",
            json!({"id": 1, "meta": {"error": {"name": "E", "message": "deep"}}}).to_string(),
            Some("E"),
            Some("deep"),
            None,
        ),
        (
            "a trace under a name that says nothing",
            json!({"id": 1, "log": "TypeError: x is not a function\n    at total (/app/a.js:1:2)"})
                .to_string(),
            Some("TypeError"),
            Some("x is not a function"),
            Some("total"),
        ),
        (
            "lines that are no trace",
            json!({"id": 1, "note": "first line\nsecond line"}).to_string(),
            None,
            None,
            None,
        ),
        ("no error", json!({"error": null, "status": "ok"}).to_string(), None, None, None),
        ("a word of daily life", json!({"message": "hello"}).to_string(), None, None, None),
        (
            "a record of Lambda's",
            record(json!({"errorType": "E", "errorMessage": "gone"})),
            Some("E"),
            Some("gone"),
            None,
        ),
    ];
    for (rule, text, exception, message, place) in rows {
        let failure = decode(&body(text)).failure;
        let text = |said: &Option<Said>| said.as_ref().map(|said| said.text.clone());
        assert_eq!(text(&failure.exception).as_deref(), exception, "{rule}");
        assert_eq!(text(&failure.message).as_deref(), message, "{rule}");
        assert_eq!(failure.place.as_deref(), place, "{rule}");
    }
}

#[test]
fn a_producers_word_comes_before_the_payloads() {
    let attributes = [
        ("RULE_ARN", "arn:aws:events:x:1:rule/r"),
        ("TARGET_ARN", "arn:aws:lambda:x:1:function:f"),
        ("ERROR_CODE", "NO_PERMISSIONS"),
        ("ERROR_MESSAGE", "not authorized"),
    ];
    let failure = decode(&with(r#"{"error":"of the payload"}"#, &attributes)).failure;
    assert!(failure.by_producer);
    assert_eq!(failure.code.unwrap(), Said::new("NO_PERMISSIONS", "ERROR_CODE"));
    assert_eq!(failure.message.unwrap().text, "not authorized");
    assert_eq!(failure.target.as_deref(), Some("lambda"));
    // A call that succeeded says 200; the function is what failed.
    let attributes = [("RequestID", "r-9"), ("ErrorCode", "200"), ("ErrorMessage", "E: x")];
    let decoded = decode(&with("{}", &attributes));
    assert_eq!(decoded.failure.code, None);
    assert_eq!(decoded.request_id.as_deref(), Some("r-9"));
}

#[test]
fn what_ties_it_to_other_records() {
    let traced = Message {
        system: [(
            "AWSTraceHeader".to_owned(),
            "Root=1-67891233-abcdef012345678912345678;Sampled=1".to_owned(),
        )]
        .into(),
        ..body(r#"{"requestId":"7f3c1f0e-5f1b-4c5e-9c1e-0a1b2c3d4e5f"}"#)
    };
    let decoded = decode(&traced);
    assert!(decoded.trace_id.unwrap().contains("1-67891233-abcdef012345678912345678"));
    assert_eq!(decode(&body(record(json!({})))).request_id.as_deref(), Some("r-1"));
}

#[test]
fn there_is_an_end_to_everything() {
    let mut nested = "x".to_owned();
    for _ in 0..200 {
        nested = base64(nested.as_bytes());
        if nested.len() > 1 << 20 {
            break;
        }
    }
    assert!(decode(&body(nested)).wrapped.len() < 20);
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let decoded = decode(&body(deep));
    assert_eq!(decoded.content.form(), "text");
    assert!(decoded.notes.iter().any(|note| note.contains("nested too deeply")), "{decoded:?}");
    let bomb = base64(&gzip(&vec![b'0'; 64 << 20]));
    let decoded = decode(&body(bomb));
    let len = match decoded.content {
        Content::Text(text) => text.len(),
        Content::Binary { len } => len,
        Content::Json(value) => value.to_string().len(),
    };
    assert!(len <= 16 << 20, "{len}");
}

proptest::proptest! {
    #[test]
    fn any_body_is_read(text in "(?s).{0,300}", name in "[A-Za-z_]{0,20}", value in "(?s).{0,80}") {
        let decoded = decode(&with(text, &[(name.as_str(), value.as_str())]));
        proptest::prop_assert!(decoded.wrapped.len() < 20);
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(0u8.., 0..200)) {
        decode(&body(base64(&bytes)));
        decode(&body(base64(&gzip(&bytes))));
    }
}
