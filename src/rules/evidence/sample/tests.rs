use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::rules::evidence::agent_copy;
use crate::rules::evidence::logs;
use crate::rules::evidence::redact::Pattern;
use crate::rules::evidence::tests::{body, with_attributes};

/// Texts that masking alone would leave in a title, and the part that must be gone.
const SECRETS: [(&str, &str); 8] = [
    (
        "https://acme.webhook.office.com/webhookb2/a@b/IncomingWebhook/deadbeefcafefeedface/c",
        "deadbeef",
    ),
    ("https://discord.com/api/webhooks/4242/Hunter-Of-Secrets", "Hunter-Of"),
    ("https://hooks.zapier.com/hooks/catch/hunter/hunting", "hunting"),
    ("https://api.telegram.org/botHunterhunting/send", "Hunterhunting"),
    ("curl -sSu bob:hunter-hunting https://x", "hunter-hunting"),
    ("sshpass -p hunterhunting ssh x", "hunterhunting"),
    ("api_key=hunterhunting", "hunterhunting"),
    ("ticket of Hunting", "Hunting"),
];

/// Every text of a fingerprint comes from the redacted message: masking hides the host by which
/// redaction knows a secret.
#[test]
fn titles_come_from_redacted_text() {
    let own = Pattern { name: "own".into(), regex: "ticket of [A-Z][a-z]+".into() };
    let redactor = Redactor::new::<&str>(&[own], &[]).unwrap();
    for (secret, gone) in SECRETS {
        let text = format!("cannot call {secret} today");
        let error = serde_json::json!({ "errorType": "CallError", "errorMessage": text });
        let messages = [
            body(&text),
            body(&error.to_string()),
            with_attributes("{}", &[("ErrorMessage", &text), ("ErrorCode", "Failed")]),
        ];
        for message in messages {
            let decoded = decode(&message);
            let shown = fingerprint_of(&decoded, &redactor);
            assert_eq!(shown.id, fingerprint::compute(&decoded).id);
            assert!(!format!("{shown:?}").contains(gone), "{shown:?}");
        }
        if !secret.starts_with("ticket") {
            let shown = logs::fingerprint_of(&format!("[ERROR] CallError: {text}")).unwrap();
            assert!(!format!("{shown:?}").contains(gone), "{shown:?}");
        }
    }
}

#[test]
fn title_without_secret_is_that_of_the_message() {
    for text in ["user 42 not found", "cannot reach https://x.io/a for bob@example.com"] {
        let decoded = decode(&body(text));
        let shown = fingerprint_of(&decoded, &Redactor::default());
        assert_eq!(shown, fingerprint::compute(&decoded), "{text}");
    }
}

fn filed(given: &str) -> Sampled {
    let message = body(given);
    let sampled =
        sampled_message("m1", &message, decode(&message), "f", Some(&Redactor::default()));
    let line = serde_json::to_vec(&sampled).unwrap();
    assert!(!line.contains(&b'\n'), "{given}");
    serde_json::from_slice(&crate::text::safe_json(&line)).unwrap()
}

/// Spellings that a consumer can fail on, and that a parser into numbers and maps loses.
const SPELLINGS: [&str; 6] = [
    r#"{"total":7.0310e+04,"net":7E4,"tax":-0,"rate":1.0,"n":1}"#,
    r#"{"id":9007199254740993,"big":18446744073709551616,"small":-9223372036854775809}"#,
    r#"{"b":1,"a":2,"b":3}"#,
    r#"{"z":[],"a":{},"m":{"y":1,"x":2}}"#,
    r#"["\u0000","\u00e9","\/","\ud83d\ude00"]"#,
    r#"{"inner":"{\"b\" : 1.50,\"a\":1e2,\"b\":0}"}"#,
];

#[test]
fn body_is_filed_as_it_was_spelled() {
    let envelope = |text: &str| serde_json::json!({"Type": "Notification", "TopicArn": "arn:aws:sns:r:1:t", "Message": text});
    for text in SPELLINGS {
        let spaced = format!(" {}\n", text.replacen("{\"", "{ \r\n\t\"", 1));
        let wrapped =
            [STANDARD.encode(text), envelope(text).to_string(), format!("\u{feff}{text}")];
        for given in [text.to_owned(), spaced].into_iter().chain(wrapped) {
            let sampled = filed(&given);
            assert_eq!(sampled.body.as_text(), text, "{given}");
            let copy = String::from_utf8(agent_copy::pretty(&sampled).unwrap()).unwrap();
            let copied: Sampled = serde_json::from_str(&copy).unwrap();
            assert_eq!(Json::parse(copied.body.as_text()).unwrap().to_string(), text, "{copy}");
        }
    }
}

#[test]
fn text_that_is_no_valid_json_is_filed_whole() {
    for text in
        ["{'a': NaN}", "{\"a\":1,}", "[\"\\ud800\"]", "{\"a\":1e999}", "\u{feff}a: 01", "x\u{0}y"]
    {
        let sampled = filed(text);
        assert_eq!((sampled.form.as_str(), sampled.body.shown()), ("text", Some(text.into())));
    }
    assert_eq!(filed("\u{feff}{}").wrapped, ["bom"]);
}

#[test]
fn redaction_leaves_the_spelling_of_the_rest() {
    let rows = [
        (
            r#"{"v":1.0,"password":"hunter2","password":5.0,"v":"\u00e9"}"#,
            r#"{"v":1.0,"password":"<secret:8>","password":"<secret:8>","v":"\u00e9"}"#,
        ),
        (r#"{"c":4.111111111111111e15,"d":1e3}"#, r#"{"c":"<card:16>","d":1e3}"#),
        (
            r#"{"s":"{\"mail\":\"a@example.com\",\"n\":1E5,\"mail\":\"b@example.com\"}"}"#,
            r#"{"s":"{\"mail\":\"<email:16>\",\"n\":1E5,\"mail\":\"<email:16>\"}"}"#,
        ),
    ];
    for (given, expected) in rows {
        assert_eq!(filed(given).body.as_text(), expected);
    }
}
