use super::*;
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
