//! Secrets in dead letters: every kind in every place of a message, and none of them in any output,
//! file, notice or prompt.

use serde_json::json;

use crate::support::encoding::{base64, gzip, hex, percent, php, protobuf_field};
use crate::support::poll::bench;
use crate::support::sqs_server::{Client, SqsServer};
use crate::support::workbench::Bench;

/// Kinds of secrets as a producer could write them. `#` stands for digits that are unique to the
/// message, and the text between `«` and `»` must be found nowhere.
pub(super) const KINDS: [(&str, &str); 35] = [
    ("mail", "«ada.lovelace.#@example.org»"),
    ("card", "card"),
    ("IBAN", "iban"),
    ("aws", "AKIA«IOSFODNN7EX#XY»"),
    ("aws secret key", "aws_secret_access_key=«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEX#AbC»"),
    ("github", "ghp_«16C7e42F292c6912E7710c838347Ae17#»"),
    ("slack", "xoxb-«123456789012-1234567890123-AbCdEfGh#»"),
    ("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.«dozjgNryP4J3jVmNHl0w5N_#»"),
    ("bearer", "Bearer «abcdef0123456789abcdef#»"),
    ("stripe", "sk_live_«4eC39HqLyjWDarjtT1zd#»"),
    ("phone", "+44 20 «794#0 0958»"),
    ("user", "https://admin:«hunter2hunter#»@db.example.org/x"),
    ("query", "https://s3.example.org/b?X-Amz-Signature=«fe5f80f77d5fa3beca03#»"),
    ("basic", "Authorization: Basic «dXNlcjpwYXNzd29yZDEyMzQ#»"),
    ("pem", "-----BEGIN PRIVATE KEY-----\n«MIIEvQIBADANBgkqhkiG9w0B#»\n-----END PRIVATE KEY-----"),
    ("password", "password=«correct-horse-battery-#»"),
    ("anthropic", "sk-ant-api03-«AAAAAAAAAAAAAAAAAAAAAA#»"),
    ("ours", "«CUST-12345#»"),
    ("Slack command", "https://hooks.slack.com/commands/T0001/«1234567890/AbCdEf#»"),
    ("Slack hook", "https://hooks.slack.com/services/T0001/«B0001/XyZabc#»"),
    ("curl", "curl -u bob:«staple-battery-#» https://x.example.org"),
    ("webhook signature", "Stripe-Signature: t=1764300000,v1=«5257a869e7ecebeda32affa6#»"),
    ("hub signature", "X-Hub-Signature-256: sha256=«d57c68ca6f92289e6987#»"),
    ("cookie", "Set-Cookie: sid=«AbCdEfGh#»; Path=/"),
    ("Postgres", "postgres://app:«Tr0ub4dor#»@db.internal:5432/orders"),
    ("ADO.NET", "Server=tcp:db,1433;Uid=sa;Pwd=«Tr0ub4dor-#»;Encrypt=True"),
    ("SAS", "https://a.blob.core.windows.net/c?sv=2022&sig=«AbCdEfGhIj#»%3D&se=2"),
    ("SQL", "ALTER USER bob IDENTIFIED BY '«tiger-tiger-#»'"),
    ("Python", "{'user': 'bob', 'password': '«tiger-lily-#»'}"),
    ("Telegram", "bot123456789:«AAHdqTcvCH1vGWJxfSeofSAs0K5PALDs#»"),
    ("npm", "//registry.npmjs.org/:_authToken=«0a1b2c3d-#»"),
    ("Teams", "https://a.webhook.office.com/webhookb2/a@b/IncomingWebhook/«deadbeefcafefeed#»/c"),
    ("SQL values", "INSERT INTO t (user, pwd) VALUES ('bob', '«tiger-lily-#»')"),
    ("hash", "$2b$12$«R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0#»"),
    ("header", "curl -H 'X-Auth: «quiet-river-#»' https://x.example.org"),
];

/// Places of a secret in a message.
const PLACES: [&str; 20] = [
    "text",
    "JSON",
    "JSON in a string",
    "API Gateway",
    "base64",
    "gzip",
    "gzip in JSON",
    "form",
    "protobuf",
    "Laravel",
    "Symfony",
    "attributes",
    "binary attribute",
    "SNS",
    "Celery",
    "NServiceBus",
    "error",
    "UTF-16",
    "XML",
    "hexadecimal",
];

/// Returns digits with the check digit of a card number.
fn card(number: usize) -> String {
    let head = format!("42424242{number:04}424");
    let doubled = |(at, digit): (usize, u32)| match at % 2 {
        0 => (digit * 2) / 10 + (digit * 2) % 10,
        _ => digit,
    };
    let digits = head.bytes().rev().map(|byte| u32::from(byte - b'0'));
    let sum: u32 = digits.enumerate().map(doubled).sum();
    format!("{head}{}", (10 - sum % 10) % 10)
}

/// Returns a German bank account number with its check digits.
fn iban(number: usize) -> String {
    let account = format!("37040044053201{number:04}");
    // DE is 1314.
    let digits = format!("{account}131400");
    let rest = digits.bytes().fold(0, |rest, byte| (rest * 10 + u32::from(byte - b'0')) % 97);
    format!("DE{:02}{account}", 98 - rest)
}

/// Returns a secret of this kind, and the part of it that must be found nowhere.
pub(super) fn secret(kind: usize, place: usize) -> (String, String) {
    let number = 1000 + kind * 100 + place;
    let text = match KINDS[kind].1 {
        "card" => format!("«{}»", card(number)),
        "iban" => format!("«{}»", iban(number)),
        form => form.replace('#', &number.to_string()),
    };
    let core = text.split(['«', '»']).nth(1).unwrap().to_owned();
    (text.replace(['«', '»'], ""), core)
}

/// Sends a message with a secret in this place.
fn send(sqs: &mut Client, dlq: &str, place: &str, secret: &str) {
    let note = json!({"note": secret, "order": {"items": [secret]}}).to_string();
    let sentence = format!("failed for {secret} today");
    let mut attributes = Vec::new();
    let body = match place {
        "text" => sentence,
        "JSON" => note,
        "JSON in a string" => json!({"detail": json!({"payload": note}).to_string()}).to_string(),
        "API Gateway" => json!({"resource": "/x", "httpMethod": "POST", "isBase64Encoded": true,
            "headers": {"X-Note": secret}, "body": base64(&note)})
        .to_string(),
        "base64" => base64(&note),
        "gzip" => base64(gzip(&note)),
        "gzip in JSON" => json!({"awslogs": {"data": base64(gzip(&note))}}).to_string(),
        "form" => format!("command=%2Fx&payload={}&text=y", percent(&note)),
        "protobuf" => {
            let bytes = [protobuf_field(1, "orders.v1.Placed"), protobuf_field(2, &sentence)];
            json!({"type": "orders.v1.Placed", "data": base64(bytes.concat())}).to_string()
        }
        "Laravel" => json!({"displayName": "App\\Jobs\\Send", "job": "Q@call", "data": {"command":
            format!("O:13:\"App\\Jobs\\Send\":1:{{s:4:\"note\";{}}}", php(&sentence))}})
        .to_string(),
        "Symfony" => json!({"headers": {"type": "App\\Send"}, "body": format!(
            "O:36:\\\"Symfony\\Component\\Messenger\\Envelope\\\":1:{{{}}}",
            php(&sentence).replace('"', "\\\""))})
        .to_string(),
        "attributes" => {
            attributes.extend([("ErrorMessage", secret), ("RequestID", secret), ("X-Own", secret)]);
            "{}".into()
        }
        "binary attribute" => {
            let attribute = json!({"DataType": "Binary", "BinaryValue": base64(&sentence)});
            let message = json!({"QueueUrl": dlq, "MessageBody": "{}",
                "MessageAttributes": {"payload": attribute}});
            sqs.call("SendMessage", &message);
            return;
        }
        "SNS" => json!({"Type": "Notification", "MessageId": "m", "Subject": secret,
            "TopicArn": "arn:aws:sns:us-east-1:000000000000:t", "Message": note,
            "Timestamp": "2026-11-29T07:00:00.000Z",
            "MessageAttributes": {"own": {"Type": "String", "Value": secret}}})
        .to_string(),
        "Celery" => json!({"body": base64(json!([[secret], {"note": sentence}, {}]).to_string()),
            "content-encoding": "utf-8", "content-type": "application/json",
            "headers": {"task": "app.send", "argsrepr": format!("('{secret}',)")},
            "properties": {"body_encoding": "base64"}})
        .to_string(),
        "NServiceBus" => json!({"Headers": {"NServiceBus.ExceptionInfo.Message": sentence,
            "NServiceBus.EnclosedMessageTypes": "Acme.Send"}, "Body": base64(&note)})
        .to_string(),
        "error" => json!({"errorMessage": format!("ValueError: bad value {secret}")}).to_string(),
        "UTF-16" => base64(note.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
        "XML" => format!("<order><note>{}</note></order>", secret.replace('&', "&amp;")),
        _ => hex(&note),
    };
    sqs.send_with(dlq, &body, &attributes);
}

/// Returns the forms in which a secret could be written.
pub(super) fn forms(core: &str) -> Vec<String> {
    let escaped =
        |unit: &str| core.chars().map(|c| format!("{unit}{:04x}", u32::from(c))).collect();
    let mut forms = vec![core.to_owned(), hex(core), percent(core), escaped("\\u")];
    // The digits of whole groups of three bytes, for each offset of the secret in its group.
    for offset in 0..3 {
        let text = base64(format!("{}{core}", "x".repeat(offset)));
        let from = if offset == 0 { 0 } else { 4 };
        forms.push(text[from..text.len() / 4 * 4 - 4].to_owned());
    }
    forms
}

pub(super) fn configure(bench: &mut Bench) {
    let agent =
        bench.stub("agent", "#!/bin/sh\ncat >>\"$0.prompts\"\necho '{\"status\":\"likely\"}'\n");
    bench.configure(&format!(
        "evidence: {{redact: {{customer: 'CUST-[0-9]+'}}}}\n\
         auto_investigation: {{enabled: true, target_queues: ['*'], agent: ['{}'], max_concurrent: 8}}\n\
         notifications: {{channels: {{console: {{type: console, min_severity: DEBUG}}}}}}\n",
        agent.display()
    ));
}

/// Returns what was printed with the content of all files, and the names of the files.
pub(super) fn everything_written(bench: &Bench, printed: String) -> (String, String) {
    let mut everything = printed;
    let files = bench.shell("find . -type f ! -name '*.gz' ! -name '*.sock'").text();
    for file in files.lines() {
        everything += &String::from_utf8_lossy(&std::fs::read(bench.path(file)).unwrap());
    }
    (everything, files)
}

#[test]
fn planted_secrets_are_in_no_output_file_or_prompt() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    for (place, name) in PLACES.iter().enumerate() {
        let dlq = sqs.create(&format!("place-{place}-dlq"), &json!({}));
        for kind in 0..KINDS.len() {
            send(&mut sqs, &dlq, name, &secret(kind, place).0);
        }
    }
    let mut bench = bench("secrets", &server.url);
    configure(&mut bench);
    bench.set("DLQ_EVIDENCE_MAX_MESSAGES", "100");
    let line = "dlq-poll --all | dlq-peek | dlq-investigate | dlq-notify; \
                dlq-peek --messages place-1-dlq; dlq-log --json; dlq-log | cat; dlq-status; \
                dlq-status --json; dlq-log --json | \
                dlq-investigate --agent triage | dlq-notify";
    let output = bench.shell(line);
    let printed = output.text() + &output.stderr;
    for place in 0..PLACES.len() {
        let sampled = format!("place-{place}-dlq\"");
        assert!(printed.contains(&sampled), "{sampled}: {printed}");
    }
    let (everything, files) = everything_written(&bench, printed);
    for needed in ["prompts", "report.md", "messages.ndjson", "journal.ndjson"] {
        assert!(files.contains(needed), "{needed}: {files}");
    }
    let messages = everything.matches("\"untrusted\":true").count();
    assert!(messages > PLACES.len() * KINDS.len(), "{messages} messages");
    let mut found = Vec::new();
    for (place, place_name) in PLACES.iter().enumerate() {
        for (kind, (kind_name, _)) in KINDS.iter().enumerate() {
            let (_, core) = secret(kind, place);
            let seen =
                forms(&core).into_iter().find_map(|form| Some((everything.find(&form)?, form)));
            if let Some((at, form)) = seen {
                let near = everything[..at].chars().rev().take(60).collect::<String>();
                let near: String = near.chars().rev().collect();
                found.push(format!("{kind_name} in {place_name}: {form} after {near}"));
            }
        }
    }
    assert!(found.is_empty(), "{}\n{}", found.len(), found.join("\n"));
    // Raw output proves that the search can find the secrets.
    let raw = bench.shell("dlq-peek --messages --raw --incident 1 place-1-dlq");
    assert!(raw.stderr.contains("without redaction"), "{}", raw.stderr);
    let (mail, ours) = (secret(0, 1).1, secret(17, 1).1);
    assert!(raw.text().contains(&mail) && raw.text().contains(&ours));
}
