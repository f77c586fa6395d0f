use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::rules::evidence::decode::decode;
use crate::rules::evidence::message::Message;
use crate::rules::evidence::tests::{body, gzip, with_attributes};
use crate::text::hidden;
use crate::time::Timestamp;

mod causes;
mod corpus;
mod hostile;

fn found(message: &Message) -> Fingerprint {
    compute(&decode(message))
}

fn found_in(text: &str) -> Fingerprint {
    found(&body(text))
}

/// Label, text, expected template.
const MASKED: [(&str, &str, &str); 72] = [
    ("words stay", "Connection refused", "Connection refused"),
    ("a number", "order 4711 failed", "order <num> failed"),
    ("a list of numbers", "rows 1, 2, 3 failed", "rows <num> failed"),
    ("a duration", "after 30.03 seconds", "after <num> seconds"),
    ("a duration with its unit", "took 1500ms", "took <num>"),
    ("a percentage", "at 93%", "at <num>"),
    ("an amount", "of $12.50 due", "of <num> due"),
    ("a UUID", "job 8f14e45f-ceea-4672-9c6a-1c2d3e4f5a6b", "job <id>"),
    ("hex", "at 0x7f3a2b", "at <hex>"),
    ("a time", "2026-09-14T10:11:12.345Z lost", "<time> lost"),
    ("a time in two words", "2026-09-14 10:11:12,345 lost", "<time> lost"),
    ("an IP address with a port", "dial 10.0.3.7:5432 refused", "dial <host>:5432 refused"),
    ("an IPv6 address", "dial fe80::1:2:3 refused", "dial <host> refused"),
    ("a host", "to db-7.internal refused", "to db-<*>.internal refused"),
    (
        "a URL",
        "GET https://api.example.com/v2/orders/4711?x=1",
        "GET https://api.example.com/v2/orders/<*>?<*>",
    ),
    ("a path", "/var/task/index.js:12:5", "/var/task/index.js:<num>"),
    ("the folder of a person", "/home/bob/app.py", "/home/<*>/app.py"),
    ("an address", "to bob@example.com", "to <email>"),
    ("a numbered thing", "worker7 died", "worker<num> died"),
    ("a value in quotes", "no plan 'Gold'", "no plan '<*>'"),
    ("the path of a class", "(psycopg2.OperationalError) no", "(psycopg2.OperationalError) no"),
    ("a value with a hump", "input_value='xgSl'", "input_value='<*>'"),
    ("a value after its word", "Truncated value: 'wDjM'.", "Truncated value: '<*>'."),
    ("a token", "token 'fooBar': was expecting JSON", "token '<*>': was expecting JSON"),
    ("a number in quotes", "'12' is none", "'<*>' is none"),
    ("a column in quotes", "column 'total' is null", "column 'total' is null"),
    ("a name with a hump in quotes", "'customerId' is null", "'customerId' is null"),
    ("a call in quotes", "\"a.b.Order.id()\" is null", "'a.b.Order.id()' is null"),
    ("a person in quotes", "user 'bob' is unknown", "user '<*>' is unknown"),
    (
        "a sentence in quotes is read",
        "'no route to host 7 today'",
        "'no route to host <num> today'",
    ),
    ("an apostrophe", "can't open 7", "can't open <num>"),
    ("a status", "status code 404", "status code 404"),
    ("an exit status", "exit status 137", "exit status 137"),
    ("a code of Oracle", "ORA-00001: unique", "ORA-00001: unique"),
    ("a code of SQL", "SQLSTATE 23505", "SQLSTATE 23505"),
    ("a known word with a digit", "no utf-8 in s3", "no utf-8 in s3"),
    ("an ARN keeps its resource", "arn:aws:sqs:eu-west-1:1:crm", "arn:sqs:crm"),
    ("an ARN without a resource", "arn:aws:sqs", "arn:sqs:<*>"),
    ("an object in a bucket", "arn:aws:s3:::photos/bob/7.png", "arn:s3:photos"),
    ("a user", "arn:aws:iam::111122223333:user/bob", "arn:iam:user/<*>"),
    (
        "a session of a role",
        "arn:aws:sts::1:assumed-role/worker/i-0abc",
        "arn:sts:assumed-role/worker",
    ),
    ("a version of a function", "arn:aws:lambda:r:1:function:bill:7", "arn:lambda:function:bill"),
    ("an execution", "arn:aws:states:r:1:execution:pay:8f14", "arn:states:execution:pay"),
    (
        "a name with a hash",
        "arn:aws:dynamodb:r:1:table/Orders-1QX8",
        "arn:dynamodb:table/Orders-<*>",
    ),
    ("a port of a host", "to db.internal:5432", "to db.internal:5432"),
    ("a port that the system chose", "to db.internal:51512", "to db.internal:<num>"),
    ("a region in a host", "to sqs.eu-west-1.amazonaws.com", "to sqs.<*>.amazonaws.com"),
    ("a pod", "to web-7f9c8d6b5-xkcdq.svc", "to web-<*>.svc"),
    ("a user of a URL", "amqps://bob:x@mq.example.com:5671/v", "amqps://mq.example.com:5671/v"),
    (
        "a hook of Teams",
        "https://a.webhook.office.com/webhookb2/8f14e45f-ceea-4672-9c6a-1c2d3e4f5a6b@8f14e45f-ceea-4672-9c6a-1c2d3e4f5a6b/IncomingWebhook/0f4d1e2c3b4a59687f6e5d4c3b2a1908/8f14e45f-ceea-4672-9c6a-1c2d3e4f5a6b",
        "https://a.webhook.office.com/<*>/IncomingWebhook/<*>",
    ),
    (
        "a key of letters in a URL",
        "https://a.example/x/abababababababab",
        "https://a.example/x/<*>",
    ),
    ("a secret for a host", "https://AbCd/x", "https://<host>/x"),
    ("an address of a URL", "http://10.0.0.1:8080/x", "http://<host>:8080/x"),
    ("a host in quotes", "host 'db.internal' is unknown", "host 'db.internal' is unknown"),
    ("a person's host in quotes", "user 'bob.example.com'", "user '<*>'"),
    ("a file of a deployment", "open '/etc/app/a.pem'", "open '/etc/app/a.pem'"),
    ("a file of a person", "open '/tmp/bob.pem'", "open '<*>'"),
    ("a database names the value", "Key (name)=(Bob) exists", "Key (name)=(<*>) exists"),
    ("a value of several columns", "Key (a, b)=(Bob, 7) exists", "Key (a, b)=(<*>, <num>) exists"),
    (
        "a statement with its values",
        "insert into u (name) values (Bob, 7) now",
        "insert into u (name) values (<*>) now",
    ),
    ("a country", "no tax in country DE", "no tax in country <*>"),
    ("a currency", "unknown currency: EUR", "unknown currency: <*>"),
    ("a secret after its name", "password=hunter2 refused", "password=<secret> refused"),
    ("a token after its name", "token: abcdef7", "token: <secret>"),
    ("a word after a token", "token: expired", "token: expired"),
    ("a web token", "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIi", "got <secret>"),
    ("letters in no order", "key XkcdQwrtZbnmLpsdFghj", "key <id>"),
    ("a colour of a terminal", "\u{1b}[31mred\u{1b}[0m", "red"),
    ("a title for a terminal", "\u{1b}]0;evil\u{7}x", "x"),
    ("what turns text around", "a\u{202e}b\u{200b}c", "abc"),
    ("lines", "a\r\n\tb", "a b"),
    ("nothing", "  ", ""),
];

#[test]
fn varying_parts_are_masked() {
    let mut wrong = Vec::new();
    for (what, text, expected) in MASKED {
        let masked = mask::template(text, TEMPLATE_MAX, false);
        if masked != expected {
            wrong.push(format!("{what}: {masked}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn template_is_cut_between_words_and_never_in_a_mask() {
    let text = "word 12 ".repeat(200);
    for max in 1..80 {
        let cut = mask::template(&text, max, false);
        assert!(cut.len() <= max.max(4) && !cut.ends_with('<'), "{max}: {cut}");
        assert_eq!(cut.matches('<').count(), cut.matches('>').count(), "{max}: {cut}");
    }
}

#[test]
fn case_matters_only_in_quotes() {
    let rows = [
        ("ERROR Refused", "error refused"),
        ("no 'userId' HERE", "no 'userId' here"),
        ("can't find 'A' or 'B' NOW", "can't find 'A' or 'B' now"),
        ("'Open", "'Open"),
    ];
    for (text, expected) in rows {
        assert_eq!(mask::case_folded(text), expected, "{text}");
    }
}

/// Two messages, and whether the same fix would repair both.
#[test]
fn fingerprint_separates_causes_and_joins_repeats() {
    let lambda = |error: &str| {
        with_attributes("{}", &[("RequestID", "r"), ("ErrorCode", "200"), ("ErrorMessage", error)])
    };
    let rule = |code: &str, target: &str| {
        let target = format!("arn:aws:{target}:eu-west-1:1:x");
        with_attributes(
            "{}",
            &[("RULE_ARN", "arn:r"), ("ERROR_CODE", code), ("TARGET_ARN", &target)],
        )
    };
    let rows = [
        ("another number", body("order 1 failed"), body("order 22 failed"), true),
        ("another text", body("order 1 failed"), body("refund 1 failed"), false),
        ("another case of the level", body("ERROR disk full"), body("error disk full"), true),
        ("another key that is missing", lambda("'sku'"), lambda("'price'"), false),
        ("the same key that is missing", lambda("'sku'"), lambda("'sku'"), true),
        ("a key that is data", lambda("'ORD-1234'"), lambda("'ORD-5678'"), true),
        ("another code", rule("THROTTLING", "sqs"), rule("NO_PERMISSIONS", "sqs"), false),
        ("another service", rule("THROTTLING", "sqs"), rule("THROTTLING", "lambda"), false),
        ("keys in another order", body(r#"{"a":1,"b":"x"}"#), body(r#"{"b":"y","a":2}"#), true),
        ("another type of a value", body(r#"{"a":1}"#), body(r#"{"a":"1"}"#), false),
        ("a value that is null", body(r#"{"a":1,"b":null}"#), body(r#"{"a":1}"#), true),
        ("another number of items", body(r#"[{"a":1}]"#), body(r#"[{"a":1},{"a":2}]"#), true),
        ("a list of words without any", body(r#"{"a":["x"]}"#), body(r#"{"a":[]}"#), true),
        ("a list of objects without any", body(r#"{"a":[{}]}"#), body(r#"{"a":[]}"#), false),
        ("another type of message", body(r#"{"type":"a.b"}"#), body(r#"{"type":"a.c"}"#), false),
        ("a type that is an id", body(r#"{"type":"12345"}"#), body(r#"{"type":"67890"}"#), true),
        ("keys that are data", body(r#"{"4711":1}"#), body(r#"{"815":2}"#), true),
        ("elements, more of them", body("<a><b>1</b></a>"), body("<a><b>2</b><b/></a>"), true),
        ("other elements", body("<a><b>1</b></a>"), body("<a><c>1</c></a>"), false),
        ("rows, more of them", body("id,n\n1,2"), body("id,n\n1,2\n3,4"), true),
        ("other columns", body("id,n\n1,2"), body("id,m\n1,2"), false),
        ("nothing and blank", body(""), body(" \n"), true),
    ];
    for (what, a, b, expected) in rows {
        let (a, b) = (found(&a), found(&b));
        assert_eq!(a.id == b.id, expected, "{what}: {:?} and {:?}", a.why, b.why);
    }
}

/// Messages of one cause occur in many queues and are delivered more than once.
#[test]
fn fingerprint_ignores_sqs_attributes() {
    let again = |message: &Message, number: usize| {
        let mut message = message.clone();
        message.id = format!("m{number}");
        if let Some(queue) = message.system.get_mut("DeadLetterQueueSourceArn") {
            *queue = format!("arn:aws:sqs:sa-east-1:{number}:queue-{number}");
        }
        message.system.insert("SentTimestamp".into(), number.to_string());
        message.system.insert("ApproximateReceiveCount".into(), number.to_string());
        message.system.insert("SenderId".into(), format!("sender-{number}"));
        message
    };
    for letter in corpus::letters() {
        for number in [1, 77] {
            let id = found(&again(&letter.message, number)).id;
            assert_eq!(id, letter.found.id, "{} in queue {number}", letter.file);
        }
    }
}

fn grouped<'a>(letters: impl Iterator<Item = &'a corpus::Letter>) -> Value {
    let mut grouper = Grouper::default();
    for letter in letters {
        let content = decode(&letter.message).content.digest();
        let sent = letter.message.system.get("SentTimestamp").and_then(|sent| sent.parse().ok());
        grouper.add(&letter.file, sent.map(Timestamp::from_millis), content, letter.found.clone());
    }
    let mut written = serde_json::to_value(grouper.finish()).unwrap();
    // The messages of a group keep the order of arrival.
    for group in written["fingerprints"].as_array_mut().unwrap() {
        let messages = group["messages"].as_array_mut().unwrap();
        messages.sort_by_key(|id| id.as_str().unwrap().to_owned());
    }
    written
}

#[test]
fn grouping_ignores_the_order_of_messages() {
    let letters = corpus::letters();
    let expected = grouped(letters.iter());
    assert_eq!(grouped(letters.iter().rev()), expected, "from the end");
    for step in [7, 11, 101] {
        // 628 is 4 times 157: a step coprime to both visits every message once.
        let order = (0..letters.len()).map(|index| &letters[index * step % letters.len()]);
        assert_eq!(grouped(order), expected, "every {step}th");
    }
}

#[test]
fn group_counts_repeats() {
    let mut grouper = Grouper::default();
    for (item, sent, text) in
        [("m1", 5, "order 1 failed"), ("m2", 3, "order 2 failed"), ("m3", 4, "order 2 failed")]
    {
        let decoded = decode(&body(text));
        let sent = Some(Timestamp::from_millis(sent));
        grouper.add(item, sent, decoded.content.digest(), compute(&decoded));
    }
    let groups = grouper.finish().fingerprints;
    assert_eq!(groups.len(), 1);
    assert_eq!((groups[0].count, groups[0].distinct, groups[0].item.as_str()), (3, 2, "f1"));
    assert_eq!(groups[0].first_sent_at, Some(Timestamp::from_millis(3)));
    assert_eq!(groups[0].last_sent_at, Some(Timestamp::from_millis(5)));
}

/// Evidence on disk contains ids, and people remember them. A change that breaks one of these must
/// raise `VERSION`; then put the new ids here.
#[test]
fn ids_change_with_the_version_alone() {
    let text = "java.lang.NullPointerException: Cannot invoke \"A.b()\" because \"a\" is null\n\
                \tat com.acme.Orders.take(Orders.java:7)";
    let rows = [
        ("an exception", body(text), "a1c1a9cd9c68ef01"),
        ("a line of a log", body("2026-01-02 ERROR order 7 failed"), "ce45a39692d936b3"),
        (
            "a function",
            with_attributes(
                "{}",
                &[("RequestID", "r"), ("ErrorCode", "200"), ("ErrorMessage", "'sku'")],
            ),
            "0af4fb9325c232f0",
        ),
        (
            "a rule",
            with_attributes(
                "{}",
                &[
                    ("RULE_ARN", "arn:r"),
                    ("ERROR_CODE", "NO_PERMISSIONS"),
                    ("ERROR_MESSAGE", "not authorized"),
                    ("TARGET_ARN", "arn:aws:sqs:eu-west-1:1:crm"),
                ],
            ),
            "177a60ac525e22ab",
        ),
        (
            "a shape",
            body(r#"{"type":"order.placed","lines":[{"sku":"a","n":1}]}"#),
            "10c162bfdf7b1e75",
        ),
        ("XML", body("<a><b>1</b></a>"), "d942e6e1fe250f64"),
        ("a table", body("id,n\n1,2"), "c7cd420b63350ac6"),
        ("a text", body("resend invoice 7"), "80bdeed10530b63b"),
        ("nothing", body(""), "ab5c483c0480f25d"),
    ];
    let mut wrong = Vec::new();
    for (what, message, expected) in rows {
        let id = found(&message).id;
        if id != expected {
            wrong.push(format!("{what}: {id}"));
        }
    }
    assert!(VERSION == 1 && wrong.is_empty(), "version {VERSION}\n{}", wrong.join("\n"));
}

#[test]
fn why_lists_the_parts_of_the_fingerprint() {
    let rows: [(&str, Message, Kind, &[&str]); 8] = [
        (
            "a rule",
            with_attributes(
                "{}",
                &[
                    ("RULE_ARN", "arn:r"),
                    ("ERROR_CODE", "NO_PERMISSIONS"),
                    ("ERROR_MESSAGE", "not authorized for 7"),
                    ("TARGET_ARN", "arn:aws:sqs:eu-west-1:1:crm"),
                ],
            ),
            Kind::ProducerError,
            &[
                "error code 'NO_PERMISSIONS' (EventBridge, ERROR_CODE)",
                "text 'not authorized for <num>' (EventBridge, ERROR_MESSAGE)",
                "target 'sqs:crm'",
            ],
        ),
        (
            "an object of an error",
            body(
                r#"{"error":{"type":"QuotaExceeded","message":"quota of 5 is used up","code":"E7"}}"#,
            ),
            Kind::ErrorText,
            &[
                "error code 'E7' (code)",
                "exception 'QuotaExceeded' (type)",
                "text 'quota of <num> is used up' (message)",
            ],
        ),
        (
            "an error that is made at a place",
            body("TypeError: x is not a function\n    at priceOf (/var/task/price.js:3:4)"),
            Kind::ErrorText,
            &[
                "exception 'TypeError' (body)",
                "text 'x is not a function' (body)",
                "in 'priceOf' of 'price.js' (stack)",
            ],
        ),
        (
            "an error of the world has no place",
            body("java.net.ConnectException: Connection refused\n\tat com.acme.Db.open(Db.java:7)"),
            Kind::ErrorText,
            &["exception 'ConnectException' (body)", "text 'Connection refused' (body)"],
        ),
        (
            "a shape with a type",
            body(r#"{"type":"order.placed","n":1}"#),
            Kind::Shape,
            &["type 'order.placed'"],
        ),
        ("XML", body("<a><b>1</b></a>"), Kind::Opaque, &["its elements: a, b"]),
        ("a table", body("id,n\n1,2"), Kind::Opaque, &["its columns: id, n"]),
        ("nothing", body(""), Kind::Opaque, &["no text"]),
    ];
    for (what, message, kind, why) in rows {
        let found = found(&message);
        assert_eq!(
            (found.kind, found.why),
            (kind, why.iter().map(|s| (*s).to_owned()).collect()),
            "{what}"
        );
    }
}

#[test]
fn title_summarises_the_cause() {
    let rows = [
        (r#"{"b":[1],"a":2}"#, "JSON with a, b[]"),
        (r#"{"type":"order.placed","n":1}"#, "type 'order.placed'"),
        (r#"{"type":"email","n":1}"#, "JSON 'email' with n, type"),
        ("a=1&b=2", "form with a, b"),
        ("[]", "JSON an empty list"),
        ("{}", "JSON without keys"),
        ("resend invoice 7", "text: resend invoice <num>"),
        ("<a><b>1</b></a>", "XML with a, b"),
        ("id,n\n1,2", "table with id, n"),
        ("", "empty body"),
        ("TypeError: x is not a function", "TypeError: x is not a function"),
    ];
    for (text, expected) in rows {
        assert_eq!(found_in(text).title, expected, "{text}");
    }
}

/// Returns all texts of a fingerprint that are shown or stored.
fn shown(found: &Fingerprint) -> String {
    let parts = [&found.code, &found.exception, &found.message].into_iter().flatten();
    let all: Vec<&str> =
        parts.chain(&found.why).chain([&found.title]).map(String::as_str).collect();
    all.join("\n")
}

#[test]
fn fingerprint_contains_no_secret_or_person() {
    let secrets = [
        "bob.smith@example.com",
        "4111111111111111",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.dBjftJeZ4CVPmB92K27u",
        "+55 11 99876-5432",
        "123.456.789-09",
    ];
    let texts = [
        ("text", "Cannot write to {} again"),
        ("an exception", "ValueError: no account {}"),
        ("in quotes", "KeyError: '{}'"),
        ("in double quotes", "no customer \"{}\" here: failed"),
        ("a URL", "failed: GET https://{}@api.example.com/u/{}?k={}"),
        ("a key", r#"{"{}":{"x":1}}"#),
        ("a value", r#"{"type":"{}","kind":"{}","action":"{}"}"#),
        ("a code", r#"{"error":"x failed","errorCode":"{}"}"#),
        ("a class", r#"{"errorType":"{}","errorMessage":"no"}"#),
        ("a database's value", "duplicate key error\nDETAIL: Key (email)=({}) already exists."),
        ("a statement", "failed: insert into users (a) values ({}, x)"),
        ("an element", "<a><b c='{}'>{}</b></a>"),
        ("a row", "name,n\n{},1"),
    ];
    for secret in secrets {
        for (what, text) in texts {
            let found = found_in(&text.replace("{}", secret));
            assert!(!shown(&found).contains(secret), "{what}: {}", shown(&found));
        }
    }
    let named = [
        ("a user in quotes", "user 'Bob' not found: failed"),
        ("a value in quotes", "invalid value 'Bob'"),
        ("the value of a column", "duplicate key error: Key (name)=(Bob) already exists"),
        ("a statement", "failed: insert into users (name) values (Bob)"),
        ("a folder", "error: cannot read /home/Bob/x"),
        ("JSON", r#"{"name":"Bob","type":"Bob 1234","city":"Bob"}"#),
        ("an element", "<a><name>Bob</name></a>"),
        ("a row", "name,n\nBob,1"),
    ];
    for (what, text) in named {
        let found = found_in(text);
        assert!(!shown(&found).contains("Bob"), "{what}: {}", shown(&found));
    }
}

fn gzipped(bytes: &[u8]) -> String {
    STANDARD.encode(gzip(bytes))
}

#[track_caller]
fn is_printable(what: &str, found: &Fingerprint) {
    assert!(found.id.len() == 16 && found.id.bytes().all(|b| b.is_ascii_hexdigit()), "{what}");
    assert!((1..=TITLE_MAX).contains(&found.title.chars().count()), "{what}: {}", found.title);
    let all = shown(found).replace('\n', "");
    assert!(!all.chars().any(hidden), "{what}: {all:?}");
}

#[test]
fn title_of_hostile_messages_is_printable() {
    const MIB: usize = 1024 * 1024;
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    let many: Value = (0..50_000)
        .map(|n| (format!("key_{n}_x"), json!(n)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let mut wrapped = "x".to_owned();
    for _ in 0..9 {
        wrapped = json!(wrapped).to_string();
    }
    let rows = [
        ("lists in lists", deep("[", "]")),
        ("objects in objects", deep(r#"{"a":"#, "}")),
        ("elements in elements", deep("<a>", "</a>")),
        ("a mebibyte of a letter", "a".repeat(MIB)),
        ("a mebibyte of quotes", "'".repeat(MIB)),
        ("a mebibyte of brackets", "(".repeat(MIB)),
        ("a mebibyte of elements", "<".repeat(MIB)),
        ("a mebibyte of separators", ",".repeat(MIB)),
        ("a mebibyte of lines", "\n".repeat(MIB)),
        ("a mebibyte of statements", "values (".repeat(MIB / 8)),
        ("a mebibyte of causes", "Caused by: ".repeat(MIB / 11)),
        ("a mebibyte in a string", json!({ "error": "é".repeat(MIB / 2) }).to_string()),
        ("many keys", many.to_string()),
        ("a key of a mebibyte", json!({ "k".repeat(MIB): 1 }).to_string()),
        ("half of an object", r#"{"a":"#.into()),
        ("no JSON", "{'a': None}".into()),
        ("a bomb", gzipped(&vec![b' '; 64 * MIB])),
        ("a bomb of JSON", gzipped(format!("[{}1]", "1,".repeat(4 * MIB)).as_bytes())),
        ("a gzip file cut off", gzipped(b"order failed")[..20].into()),
        ("strings in strings", wrapped),
        ("escapes", "\u{1b}[2J\u{1b}]0;evil\u{7} failed \u{9b}31m".into()),
        (
            "escapes in a class",
            "{\"errorType\":\"\\u001b[31mBoomError\",\"errorMessage\":\"\\u0007\"}".into(),
        ),
        ("escapes in a key", "{\"\\u001b[31m\":1,\"\\u202ea\":2}".into()),
        ("escapes in a type", "{\"type\":\"a\\u001b[31m\"}".into()),
        ("what turns text around", "\u{202e}failed\u{2066} at \u{200b}x".into()),
        ("an element that turns text around", "<a\u{202e}b><\u{202e}c/></a>".into()),
        ("a column that turns text around", "a\u{202e},b\n1,2".into()),
        ("NUL", "failed\0at\0x".into()),
        ("no letters", "💥💥💥".into()),
        ("a letter that is cut", format!("{}é", "a".repeat(TEMPLATE_MAX - 1))),
    ];
    for (what, text) in rows {
        let found = found_in(&text);
        is_printable(what, &found);
        assert_eq!(found_in(&text), found, "{what}");
    }
    let noise = "\u{1b}[31m\u{202e}x\0";
    let attributes = ["ERROR_CODE", "ERROR_MESSAGE", "RULE_ARN", "TARGET_ARN", "errorType"];
    is_printable(
        "attributes",
        &found(&with_attributes("{}", &attributes.map(|name| (name, noise)))),
    );
}

#[test]
fn title_of_every_corpus_message_is_printable() {
    for letter in corpus::letters() {
        is_printable(&letter.file, &letter.found);
        let people = ["ana.lima", "r.schmidt", "wei@", "Ana ", "Ito", "15112345678"];
        let named = people.iter().find(|name| shown(&letter.found).contains(**name));
        assert_eq!(named, None, "{}: {}", letter.file, shown(&letter.found));
    }
}

/// Generates JSON without error keys or discriminators.
fn payload() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|n| json!(n)),
        "[a-z ]{0,12}".prop_map(|text| json!(text)),
        any::<bool>().prop_map(|bit| json!(bit)),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("k[a-z]{1,6}", inner, 0..5)
                .prop_map(|map| Value::from(map.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    })
}

/// Returns the value with other words and numbers in it.
fn changed(value: &Value, by: i32) -> Value {
    match value {
        Value::Number(_) => json!(by),
        Value::String(text) => json!(format!("{text} {by}")),
        Value::Bool(bit) => json!(!bit),
        Value::Array(items) => items.iter().map(|item| changed(item, by)).collect(),
        Value::Object(object) => {
            let inner = object.iter().map(|(key, value)| (key.clone(), changed(value, by)));
            Value::from(inner.collect::<serde_json::Map<_, _>>())
        }
        Value::Null => Value::Null,
    }
}

proptest! {
    #[test]
    fn shape_ignores_values(value in payload(), by in any::<i32>()) {
        let other = changed(&value, by);
        prop_assert_eq!(shape::paths(&value), shape::paths(&other));
        prop_assert_eq!(shape::outline(&value), shape::outline(&other));
    }

    #[test]
    fn title_of_any_text_is_printable(text in any::<String>()) {
        is_printable("any", &found_in(&text));
    }

    #[test]
    fn template_ignores_numbers(
        words in prop::collection::vec("[a-z]{2,9}", 1..6),
        a in prop::collection::vec(0u32..1_000_000, 6),
        b in prop::collection::vec(0u32..1_000_000, 6),
    ) {
        let text = |numbers: &[u32]| {
            let pairs = words.iter().zip(numbers).map(|(word, number)| format!("{word} #{number}"));
            pairs.collect::<Vec<_>>().join(" and ")
        };
        prop_assert_eq!(found_in(&text(&a)).id, found_in(&text(&b)).id);
    }
}

#[test]
fn id_parts_are_hashed_with_their_length() {
    let id = |parts: &[(&str, &str)]| {
        let mut all = Parts::new(Kind::ErrorText);
        for (name, text) in parts {
            all.add(name, text);
        }
        first_eight_bytes(all.hash)
    };
    let ids: BTreeSet<u64> = [
        id(&[("code", "a"), ("message", "b")]),
        id(&[("code", "ab"), ("message", "")]),
        id(&[("code", ""), ("message", "ab")]),
        id(&[("message", "b"), ("code", "a")]),
        id(&[("code", "a")]),
    ]
    .into();
    assert_eq!(ids.len(), 5);
}

/// Found by fuzzing: all errors whose text masks to nothing had one fingerprint, without a reason.
#[test]
fn fingerprint_of_an_empty_error_uses_the_payload() {
    for text in ["", " ", "\u{200b}"] {
        let mut decoded = decode(&with_attributes(r#"{"order": 1}"#, &[]));
        decoded.error.message = Some(SourcedText { text: text.into(), source: "body".into() });
        let found = compute(&decoded);
        assert_eq!((found.kind, found.why.len()), (Kind::Shape, 1), "{text:?}: {:?}", found.why);
    }
}
