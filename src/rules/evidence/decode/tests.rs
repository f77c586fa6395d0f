use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::rules::evidence::tests::{body, gzip, with_attributes};

fn with_system(text: &str, system: &[(&str, &str)]) -> Message {
    let system = system.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    Message { system, ..body(text) }
}

fn sns(message: &str) -> String {
    json!({
        "Type": "Notification",
        "MessageId": "22b80b92",
        "TopicArn": "arn:aws:sns:eu-west-1:1:t",
        "Message": message,
        "Timestamp": "2026-09-14T00:00:00.000Z",
    })
    .to_string()
}

fn record(more: &Value) -> String {
    let mut record = json!({
        "version": "1.0",
        "requestContext": {
            "requestId": "r-1",
            "functionArn": "arn:aws:lambda:eu-west-1:1:function:f:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"order": 7},
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
    });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    record.to_string()
}

#[test]
fn producer_is_detected_by_its_marks() {
    use Producer::*;
    let source = ("DeadLetterQueueSourceArn", "arn:aws:sqs:eu-west-1:1:q");
    let rows = [
        ("nobody", body("{}"), Unknown),
        ("a redrive policy", with_system("{}", &[source]), Sqs),
        (
            "Lambda",
            with_attributes("{}", &[("RequestID", "r"), ("ErrorCode", "200"), ("ErrorMessage", "x")]),
            LambdaAsync,
        ),
        ("Lambda without a text", with_attributes("{}", &[("RequestID", "r"), ("ErrorCode", "200")]), LambdaAsync),
        ("a code alone is anybody's", with_attributes("{}", &[("ErrorCode", "200")]), Unknown),
        ("a record of Lambda's", body(&record(&json!({"responsePayload": {}}))), LambdaDestination),
        (
            "a record of a stream",
            body(
                &json!({
                    "requestContext": {"functionArn": "arn:f", "condition": "RetryAttemptsExhausted"},
                    "DDBStreamBatchInfo": {"shardId": "s"},
                })
                .to_string(),
            ),
            LambdaDestination,
        ),
        ("half of a record", body(r#"{"requestContext":{"condition":"x"}}"#), Unknown),
        ("a rule", with_attributes("{}", &[("RULE_ARN", "a"), ("ERROR_CODE", "c")]), EventbridgeRule),
        ("a rule without an error", with_attributes("{}", &[("RULE_ARN", "a")]), Unknown),
        ("a schedule", with_attributes("{}", &[("SCHEDULE_ARN", "a"), ("ERROR_CODE", "c")]), Scheduler),
        ("a schedule by its run", with_attributes("{}", &[("SCHEDULE_ARN", "a"), ("EXECUTION_ID", "e")]), Scheduler),
        ("a subscription", body(&sns("x")), Sns),
        (
            "a subscription with an error",
            with_attributes(&sns("x"), &[("RequestID", "r"), ("ErrorCode", "503"), ("ErrorMessage", "x")]),
            Sns,
        ),
        (
            "a subscription without an envelope",
            with_attributes("{}", &[("RequestID", "r"), ("ErrorCode", "KMS.DisabledException")]),
            Sns,
        ),
        (
            "a consumer that writes its own code",
            with_attributes("{}", &[("RequestID", "r"), ("ErrorCode", "AccessDenied"), ("ErrorMessage", "x")]),
            Unknown,
        ),
        ("SNS in a queue that gave up", with_system(&sns("x"), &[source]), Sqs),
        ("a rule in a queue that gave up", {
            let rule = with_attributes("{}", &[("RULE_ARN", "a"), ("ERROR_CODE", "c")]);
            Message { system: with_system("", &[source]).system, ..rule }
        }, EventbridgeRule),
    ];
    for (what, message, expected) in rows {
        assert_eq!(decode(&message).producer, expected, "{what}");
    }
}

#[test]
fn payload_is_classified_by_its_keys() {
    use PayloadKind::*;
    let records = |source: &str| json!({"Records": [{"eventSource": source}]}).to_string();
    let rows = [
        ("S3", records("aws:s3"), S3Event),
        ("a test of S3", r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#.into(), S3TestEvent),
        ("DynamoDB", records("aws:dynamodb"), DynamodbStream),
        ("Kinesis", records("aws:kinesis"), KinesisRecords),
        ("SQS", records("aws:sqs"), SqsRecords),
        ("SNS to Lambda", r#"{"Records":[{"EventSource":"aws:sns"}]}"#.into(), SnsNotification),
        ("records of nobody", records("acme"), Json),
        ("EventBridge", r#"{"detail-type":"x","source":"shop","detail":{}}"#.into(), EventbridgeEvent),
        ("an execution", r#"{"detail-type":"x","source":"aws.states","detail":{}}"#.into(), StepFunctions),
        ("a task", r#"{"taskToken":"t","input":{}}"#.into(), StepFunctions),
        ("a failed state", r#"{"Error":"States.Timeout","Cause":""}"#.into(), StepFunctions),
        ("an alarm", r#"{"AlarmName":"a","NewStateValue":"ALARM"}"#.into(), CloudwatchAlarm),
        ("an alarm by way of SNS", sns(r#"{"AlarmName":"a","NewStateValue":"ALARM"}"#), CloudwatchAlarm),
        (
            "a pointer",
            r#"["software.amazon.payloadoffloading.PayloadS3Pointer",{"s3BucketName":"b","s3Key":"k"}]"#.into(),
            ExtendedClient,
        ),
        ("the payload of a record", record(&json!({"responsePayload": {}, "requestPayload": {"Records": [{"eventSource": "aws:s3"}]}})), S3Event),
        ("JSON", r#"{"a":1}"#.into(), Json),
        ("a list", "[1]".into(), Json),
        ("text by way of SNS", sns("hello"), SnsNotification),
        ("text", "hello".into(), Text),
        ("a number", "12".into(), Text),
        ("broken JSON", r#"{"a":"#.into(), Text),
        ("blank", " \n".into(), Empty),
        ("bytes", STANDARD.encode(gzip(&[0, 159, 146, 150])), Binary),
        ("bytes in base64", "AAECAwQFBgcICQoLDA0ODxAREhM=".into(), Binary),
        ("a form", "Body=hello+there&From=%2B1415".into(), Form),
        ("a pointer of another client", r#"{"s3BucketName":"b","s3Key":"k"}"#.into(), ExtendedClient),
    ];
    for (what, text, expected) in rows {
        assert_eq!(decode(&body(&text)).payload, expected, "{what}");
    }
}

#[test]
fn encodings_are_unwrapped() {
    let inner = r#"{"order":4711,"lines":[]}"#;
    let packed = STANDARD.encode(gzip(inner.as_bytes()));
    let logs = json!({"awslogs": {"data": packed}}).to_string();
    let broken: Vec<u8> = STANDARD.encode(inner).into_bytes();
    let lines: Vec<&[u8]> = broken.chunks(10).collect();
    let rows: [(&str, String, &[&str]); 15] = [
        ("none", inner.into(), &[]),
        ("a mark of byte order", format!("\u{feff}{inner}"), &["bom"]),
        ("a mark before SNS", format!("\u{feff}{}", sns(inner)), &["bom", "sns"]),
        ("a mark within base64", STANDARD.encode(format!("\u{feff}{inner}")), &["base64", "bom"]),
        ("base64", STANDARD.encode(inner), &["base64"]),
        ("base64 for URLs", URL_SAFE_NO_PAD.encode(inner), &["base64"]),
        (
            "base64 without padding",
            STANDARD.encode(inner).trim_end_matches('=').into(),
            &["base64"],
        ),
        ("base64 in lines", String::from_utf8(lines.join(&b"\r\n"[..])).unwrap(), &["base64"]),
        ("gzip", packed.clone(), &["base64", "gzip"]),
        ("gzip twice", STANDARD.encode(gzip(&gzip(inner.as_bytes()))), &["base64", "gzip", "gzip"]),
        ("a string of JSON", json!(inner).to_string(), &["json_string"]),
        ("SNS", sns(inner), &["sns"]),
        ("SNS, then gzip", sns(&packed), &["sns", "base64", "gzip"]),
        ("CloudWatch Logs", logs, &["awslogs", "base64", "gzip"]),
        ("a string of SNS", json!(sns(inner)).to_string(), &["json_string", "sns"]),
    ];
    for (what, text, expected) in rows {
        let decoded = decode(&body(&text));
        assert_eq!(decoded.wrapped, expected, "{what}");
        assert_eq!(decoded.content, Content::Json(serde_json::from_str(inner).unwrap()), "{what}");
    }
}

#[test]
fn unencoded_lookalikes_stay_unchanged() {
    let rows = [
        ("a word", "deadbeefcafe"),
        ("a long word", "internationalization"),
        ("an id", "8f14e45fceea46729c6a1c2d3e4f5a6b"),
        ("a path", "/usr/lib/python3/dist/pkg/core"),
        ("a number", "12345678901234567890"),
        ("an envelope without a type", r#"{"Message":"{}","MessageId":"m"}"#),
        ("logs that are none", r#"{"awslogs":{"data":"no base64!"}}"#),
    ];
    for (what, text) in rows {
        let decoded = decode(&body(text));
        assert!(decoded.wrapped.is_empty(), "{what}: {:?}", decoded.wrapped);
    }
}

#[test]
fn malformed_encodings_stay_as_they_are() {
    let texts = [
        ("too deep", "[".repeat(200) + &"]".repeat(200)),
        ("cut off", r#"{"a":[1,"#.into()),
        ("wrong", "{\n  'a': 1}".into()),
    ];
    for (what, text) in texts {
        assert_eq!(decode(&body(&text)).content, Content::Text(text), "{what}");
    }
    let bomb = gzip(&vec![b' '; 3 * 1024 * 1024]);
    let cut = &gzip(b"the order has failed")[..24];
    for (what, packed, least) in [("a bomb", &bomb[..], 1024 * 1024), ("gzip cut off", cut, 0)] {
        let content = decode(&body(&STANDARD.encode(packed))).content;
        assert!(
            matches!(content, Content::Binary { len, .. } if len >= least),
            "{what}: {content:?}"
        );
    }
}

#[test]
fn layers_and_sizes_are_limited() {
    const MIB: usize = 1024 * 1024;
    let mut text = "core of the thing".to_owned();
    for _ in 0..9 {
        text = json!(text).to_string();
    }
    let decoded = decode(&body(&text));
    assert_eq!(decoded.wrapped.len(), 6, "strings in strings");
    assert!(matches!(&decoded.content, Content::Text(text) if text.starts_with('"')));

    let decoded = decode(&body(&STANDARD.encode(gzip(&vec![b'x'; 64 * MIB]))));
    assert_eq!(decoded.content, Content::Binary { len: MIB, form: Vec::new() }, "a bomb");

    let mut packed = b"core of the thing".to_vec();
    for _ in 0..9 {
        packed = gzip(&packed);
    }
    let decoded = decode(&body(&STANDARD.encode(packed)));
    assert_eq!(decoded.wrapped.len(), 6, "gzip in gzip");

    let long = "é".repeat(MIB);
    let decoded = decode(&with_attributes(
        &json!({ "errorMessage": long, "errorType": long, "errorCode": long, "requestId": long })
            .to_string(),
        &[("traceparent", &format!("00-{long}"))],
    ));
    let error = decoded.error;
    for said in [&error.code, &error.exception, &error.message].into_iter().flatten() {
        assert!(said.text.len() <= FIELD_MAX, "{} bytes", said.text.len());
    }
    assert!([decoded.request_id, decoded.trace_id].into_iter().flatten().all(|id| id.len() <= 128));
}

/// Label, text, then the expected class, code, message and function.
type TextCase = (&'static str, &'static str, [Option<&'static str>; 4]);

const TEXTS: [TextCase; 24] = [
    (
        "Java",
        "java.net.ConnectException: Connection refused\n\tat java.base/sun.nio.ch.Net.connect(Net.java:1)\n\tat com.acme.orders.Store.save(Store.java:7)",
        [Some("java.net.ConnectException"), None, Some("Connection refused"), Some("Store.save")],
    ),
    (
        "Java, the cause that is named last",
        "a.b.OuterException: outer\n\tat com.acme.Outer.run(Outer.java:1)\nCaused by: a.b.InnerException: inner\n\tat com.acme.Inner.run(Inner.java:2)\n\t... 3 more",
        [Some("a.b.InnerException"), None, Some("inner"), Some("Inner.run")],
    ),
    (
        "Java in a thread",
        "Exception in thread \"main\" java.lang.NullPointerException\n\tat com.acme.Main.run(Main.java:3)",
        [Some("java.lang.NullPointerException"), None, None, Some("Main.run")],
    ),
    (
        "a line of a log before it",
        "2026-09-14 10:11:12 ERROR [main] c.a.Main - failed\njava.io.IOException: disk full\n\tat com.acme.Main.run(Main.java:3)",
        [Some("java.io.IOException"), None, Some("disk full"), Some("Main.run")],
    ),
    (
        "Python",
        "Traceback (most recent call last):\n  File \"/app/run.py\", line 3, in run\n    f()\n  File \"/usr/lib/python3.11/json/decoder.py\", line 9, in decode\nValueError: no digit in 'x'",
        [Some("ValueError"), None, Some("no digit in 'x'"), Some("run")],
    ),
    (
        "Python, the last of two",
        "Traceback (most recent call last):\n  File \"/app/a.py\", line 3, in a\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"/app/b.py\", line 3, in b\nacme.BadOrder: no x",
        [Some("acme.BadOrder"), None, Some("no x"), Some("b")],
    ),
    (
        "Python without a text",
        "Traceback (most recent call last):\n  File \"/app/a.py\", line 3, in a\nAssertionError",
        [Some("AssertionError"), None, None, Some("a")],
    ),
    (
        "Node",
        "TypeError: Cannot read properties of undefined (reading 'id')\n    at priceOf (/var/task/price.js:3:4)\n    at Array.map (<anonymous>)",
        [
            Some("TypeError"),
            None,
            Some("Cannot read properties of undefined (reading 'id')"),
            Some("priceOf"),
        ],
    ),
    (
        "Node with a code",
        "TypeError [ERR_INVALID_ARG_TYPE]: The \"path\" argument must be a string\n    at open (node:fs:1:2)\n    at Store.read (/app/store.js:3:4)",
        [
            Some("TypeError"),
            Some("ERR_INVALID_ARG_TYPE"),
            Some("The \"path\" argument must be a string"),
            Some("Store.read"),
        ],
    ),
    (
        "Node, a file without a function",
        "ReferenceError: x is not defined\n    at /var/task/index.js:3:4",
        [Some("ReferenceError"), None, Some("x is not defined"), Some("index.js")],
    ),
    (
        "Go",
        "panic: runtime error: index out of range [5] with length 5\n\ngoroutine 34 [running]:\nmain.(*Batch).Row(0xc0001, 0x5)\n\t/src/batch.go:73 +0x1",
        [
            Some("panic"),
            None,
            Some("runtime error: index out of range [5] with length 5"),
            Some("Batch.Row"),
        ],
    ),
    (
        ".NET",
        "System.InvalidOperationException: Sequence contains no elements\r\n   at System.Linq.ThrowHelper.ThrowNoElementsException()\r\n   at Acme.Claims.Assign.Pick(Claim claim) in /src/Assign.cs:line 52",
        [
            Some("System.InvalidOperationException"),
            None,
            Some("Sequence contains no elements"),
            Some("Assign.Pick"),
        ],
    ),
    (
        "PHP",
        "Illuminate\\Database\\QueryException: no such table in /app/Db.php:7\nStack trace:\n#0 /app/vendor/x.php(1): run()",
        [
            Some("Illuminate\\Database\\QueryException"),
            None,
            Some("no such table in /app/Db.php:7"),
            None,
        ],
    ),
    (
        "a class within a line",
        "job 7: acme.errors.QuotaError: used up",
        [Some("acme.errors.QuotaError"), None, Some("used up"), None],
    ),
    ("a sentence", "Connection refused", [None, None, Some("Connection refused"), None]),
    (
        "JSON in a text",
        r#"{"errorType":"Boom","errorMessage":"x","trace":["Boom: x","    at f (/app/a.js:1:2)"]}"#,
        [Some("Boom"), None, Some("x"), Some("f")],
    ),
    (
        "an object of an error",
        r#"{"error":{"type":"QuotaExceeded","code":"E7","message":"used up"}}"#,
        [Some("QuotaExceeded"), Some("E7"), Some("used up"), None],
    ),
    (
        "a code and what it means",
        r#"{"error":"invalid_grant","error_description":"expired"}"#,
        [None, Some("invalid_grant"), Some("expired"), None],
    ),
    (
        "a failed state",
        r#"{"Error":"States.TaskFailed","Cause":"{\"errorType\":\"KeyError\",\"errorMessage\":\"'x'\"}"}"#,
        [Some("KeyError"), Some("States.TaskFailed"), Some("'x'"), None],
    ),
    (
        "a log of pino's",
        r#"{"level":50,"msg":"could not bill","status":502}"#,
        [None, Some("502"), Some("could not bill"), None],
    ),
    (
        "no success",
        r#"{"sucesso":false,"codigo":422,"mensagem":"sem saldo"}"#,
        [None, Some("422"), Some("sem saldo"), None],
    ),
    (
        "Celery",
        r#"{"exc_type":"UniqueViolation","exc_message":"twice"}"#,
        [Some("UniqueViolation"), None, Some("twice"), None],
    ),
    (
        "a stack alone",
        r#"{"job":7,"stack":"TypeError: x\n    at f (/app/a.js:1:2)"}"#,
        [Some("TypeError"), None, Some("x"), Some("f")],
    ),
    (
        "deep within",
        r#"{"a":[{"b":{"lastError":"used up"}}]}"#,
        [None, None, Some("used up"), None],
    ),
];

#[test]
fn error_is_parsed_from_the_format_of_each_runtime() {
    let mut wrong = Vec::new();
    for (what, text, expected) in TEXTS {
        let mut message = with_attributes("{}", &[("errorMessage", text)]);
        if text.starts_with(['{', '[']) || text.contains('\n') || text.starts_with("job") {
            message = body(text);
        }
        let error = decode(&message).error;
        let said = |part: &Option<SourcedText>| part.as_ref().map(|said| said.text.clone());
        let found =
            [said(&error.exception), said(&error.code), said(&error.message), error.function];
        if found.each_ref().map(Option::as_deref) != expected {
            wrong.push(format!("{what}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn error_of_the_producer_is_extracted() {
    let lambda = |code: &str, text: &str| {
        with_attributes("{}", &[("RequestID", "r"), ("ErrorCode", code), ("ErrorMessage", text)])
    };
    let rule = with_attributes(
        "{}",
        &[
            ("RULE_ARN", "arn:r"),
            ("TARGET_ARN", "arn:aws:sqs:eu-west-1:1:crm"),
            ("ERROR_CODE", "NO_PERMISSIONS"),
            ("ERROR_MESSAGE", "not authorized"),
        ],
    );
    let thrown = record(&json!({"responsePayload": {
        "errorType": "KeyError", "errorMessage": "'x'", "stackTrace": ["  File \"/var/task/a.py\", line 7, in post\n"],
    }}));
    let rows = [
        ("a function", lambda("200", "used up"), [None, None, Some("used up")]),
        (
            "a call that failed",
            lambda("429", "Rate Exceeded."),
            [Some("429"), None, Some("Rate Exceeded.")],
        ),
        (
            "a class in the text",
            lambda("200", "ValueError: no"),
            [None, Some("ValueError"), Some("no")],
        ),
        ("a rule", rule, [Some("NO_PERMISSIONS"), None, Some("not authorized")]),
        ("a record", body(&thrown), [None, Some("KeyError"), Some("'x'")]),
        (
            "a record without a word",
            body(&record(&json!({}))),
            [Some("RetriesExhausted"), None, Some("Unhandled")],
        ),
    ];
    for (what, message, expected) in rows {
        let error = decode(&message).error;
        let parts = [&error.code, &error.exception, &error.message];
        let found = parts.map(|part| part.as_ref().map(|said| said.text.as_str()));
        assert_eq!(found, expected, "{what}");
        assert!(error.by_producer, "{what}");
        let owners: Vec<String> =
            error.owners.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
        let expected = match what {
            "a rule" => "target sqs:crm",
            "a record" | "a record without a word" => "function f",
            _ => "",
        };
        assert_eq!(owners.join(", "), expected, "{what}");
    }
}

#[test]
fn root_cause_replaces_its_wrapper() {
    let stack = "a.WrapException: see below\n\tat a.B.c(B.java:1)\nCaused by: a.RealException: used up\n\tat a.D.e(D.java:2)";
    let error = decode(&with_attributes(
        "{}",
        &[
            ("x-exception-fqcn", "a.WrapException"),
            ("x-exception-message", "see below"),
            ("x-exception-stacktrace", stack),
        ],
    ))
    .error;
    assert_eq!(error.exception.unwrap().text, "a.RealException");
    assert_eq!(error.message.unwrap().text, "used up");
    assert_eq!(error.function.as_deref(), Some("D.e"));
}

#[test]
fn error_is_absent_in_ordinary_messages() {
    let rows = [
        ("an order", r#"{"order":7,"status":"paid","code":"A1","message":"hello","type":"Order"}"#),
        ("an error that is null", r#"{"order":7,"error":null}"#),
        (
            "an error that is none",
            r#"{"order":7,"error":"none","exception":"","errorMessage":"-"}"#,
        ),
        ("a good end", r#"{"success":true,"message":"hello"}"#),
        ("a stack of words", r#"{"stack":["java","rust"],"name":"bob"}"#),
        ("a code of success", r#"{"errorCode":0}"#),
        ("a text", "resend invoice 7"),
        ("a word with an error in it", "terrors and errands"),
        ("nothing", ""),
    ];
    for (what, text) in rows {
        let error = decode(&body(text)).error;
        assert!(error.is_none(), "{what}: {error:?}");
    }
}

#[test]
fn ids_are_found_in_attributes_and_keys() {
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    let context = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let rows = [
        (
            "Lambda",
            with_attributes("{}", &[("RequestID", "r-1"), ("ErrorCode", "200")]),
            Some("r-1"),
            None,
        ),
        ("a record", body(&record(&json!({"responsePayload": {}}))), Some("r-1"), None),
        ("a key", body(r#"{"aws_request_id":"r-2"}"#), Some("r-2"), None),
        ("a header in the body", body(r#"{"headers":{"X-Request-Id":"r-3"}}"#), Some("r-3"), None),
        (
            "X-Ray",
            with_system("{}", &[("AWSTraceHeader", header)]),
            None,
            Some("1-5759e988-bd862e3fe1be46a994272793"),
        ),
        (
            "W3C",
            with_attributes("{}", &[("traceparent", context)]),
            None,
            Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        ),
        ("W3C without parts", with_attributes("{}", &[("traceparent", "x")]), None, None),
        ("a number is no id", body(r#"{"requestId":7,"traceId":8}"#), None, None),
        ("an empty one is none", body(r#"{"requestId":""}"#), None, None),
    ];
    for (what, message, request, trace) in rows {
        let decoded = decode(&message);
        assert_eq!(decoded.request_id.as_deref(), request, "{what}");
        assert_eq!(decoded.trace_id.as_deref(), trace, "{what}");
    }
}

#[test]
fn digest_covers_the_unwrapped_content() {
    let digest = |text: &str| decode(&body(text)).content.digest();
    let inner = r#"{"a":1,"b":2}"#;
    assert_eq!(digest(inner), digest(&STANDARD.encode(inner)), "wrapped");
    assert_eq!(digest(inner), digest(r#"{ "b": 2, "a": 1 }"#), "in another order");
    assert_ne!(digest(inner), digest(r#"{"a":1,"b":3}"#), "another value");
}

proptest! {
    #[test]
    fn decode_is_deterministic(
        text in any::<String>(),
        name in "ErrorCode|ERROR_CODE|RULE_ARN|errorMessage|stackTrace",
    ) {
        let message = with_attributes(&text, &[(&name, &text), ("RequestID", &text)]);
        prop_assert_eq!(decode(&message), decode(&message));
    }

    #[test]
    fn unwrapping_restores_the_original_text(text in "[ -~]{1,40} [ -~]{16,40}") {
        let plain = decode(&body(&text)).content;
        prop_assert_eq!(decode(&body(&STANDARD.encode(gzip(text.as_bytes())))).content, plain.clone());
        prop_assert_eq!(decode(&body(&sns(&text))).content, plain);
    }
}

#[test]
fn place_is_file_and_line_of_innermost_own_frame() {
    let rows = [
        (
            "Traceback (most recent call last):\n  File \"/var/task/worker.py\", line 12, in handle\n    \
             pay(order)\n  File \"/var/task/site-packages/x.py\", line 3, in y\n    z()\nKeyError: 'a'",
            Some("worker.py line 12"),
        ),
        (
            "Traceback (most recent call last):\n  File \"/var/task/worker.py\", line 26, in handle\n    \
             table.put_item(Item=item)\n  File \"/var/runtime/boto3/x.py\", line 3, in y\n    z()\n\
             TypeError: a",
            Some("worker.py line 26"),
        ),
        (
            "java.lang.NullPointerException: x\n\tat java.util.Map.get(Map.java:9)\n\t\
             at com.acme.Billing.pay(Billing.java:41)",
            Some("Billing.java line 41"),
        ),
        (
            "TypeError: x is undefined\n    at /app/node_modules/a/b.js:1:2\n    \
             at pay (/app/src/pay.js:12:5)",
            Some("pay.js line 12"),
        ),
        ("TypeError: x\n    at file:///app/main.mjs:7:1", Some("main.mjs line 7")),
        (
            "System.InvalidOperationException: x\n   at Acme.Pay.Run(Order o) in C:\\src\\Pay.cs:line 77",
            Some("Pay.cs line 77"),
        ),
        (
            "panic: boom\n\ngoroutine 1 [running]:\nmain.(*Batch).Row(0xc000)\n\t/app/batch.go:31 +0x1d",
            Some("batch.go line 31"),
        ),
        ("java.io.IOException: x\n\tat java.net.Socket.read(Socket.java:5)", None),
        ("TypeError: x\n    at pay (<anonymous>)", None),
        ("Error: x\n    at a (/app/`$(id)`.js:1:2)", None),
        ("connection refused", None),
    ];
    for (text, place) in rows {
        assert_eq!(trace::parse(text, "body").place.as_deref(), place, "{text}");
    }
}
