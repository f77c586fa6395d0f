//! Secrets within encodings, serializations, command lines and URLs.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::*;

const INNER: &str = r#"{"email":"lou@example.com","password":"hunter2hunt3"}"#;
const SHOWN: &str = r#"{"email":"<email:16>","password":"<secret:16>"}"#;

fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns a field of a protocol buffer: a text or a message.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
}

fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let escape = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[test]
fn encoded_secrets_are_decoded_and_replaced() {
    let hex: String = INNER.bytes().map(|byte| format!("{byte:02x}")).collect();
    let wide: Vec<u8> = INNER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let rows = [
        ("base64", base64(INNER), format!("<base64:128>{SHOWN}")),
        ("without padding", URL_SAFE_NO_PAD.encode(INNER), format!("<base64:128>{SHOWN}")),
        ("in a form", format!("a=1&b={}&c", base64(INNER)), format!("a=1&b=<base64:128>{SHOWN}&c")),
        ("after a path", format!("s3/{}", base64(INNER)), format!("s3/<base64:128>{SHOWN}")),
        ("with a mark", base64(format!("\u{feff}{INNER}")), format!("<base64:128>{SHOWN}")),
        ("as UTF-16", base64(wide), format!("<base64:256>{SHOWN}")),
        ("twice", base64(base64(INNER)), format!("<base64:128><base64:128>{SHOWN}")),
        ("gzip", base64(gzip(INNER.as_bytes())), format!("<base64:128><compressed:64>{SHOWN}")),
        ("zlib", base64(zlib(INNER.as_bytes())), format!("<base64:128><compressed:64>{SHOWN}")),
        ("hexadecimal", hex, format!("<hex:128>{SHOWN}")),
        ("percent", percent(INNER), format!("<urlencoded:128>{SHOWN}")),
        (
            "percent twice",
            percent(&percent(INNER)),
            format!("<urlencoded:128><urlencoded:128>{SHOWN}"),
        ),
        (
            "a form that encodes spaces",
            format!("payload={}", percent(&INNER.replace(':', ": ")).replace("%20", "+")),
            format!("payload=<urlencoded:128>{SHOWN}"),
        ),
        (
            "credentials",
            format!("x {}", base64("username:hunter2hunt3")),
            "x <base64:32><secret:32>".into(),
        ),
    ];
    for (what, text, expected) in rows {
        assert_eq!(redacted(&text), expected, "{what}");
        assert_eq!(redacted(&expected), expected, "again: {what}");
        let value = in_json(json!({"body": text}));
        assert_eq!(value, json!({"body": expected}), "in JSON: {what}");
        assert_eq!(in_json(value.clone()), value, "again in JSON: {what}");
    }
}

#[test]
fn base64_in_lines_is_one_text() {
    let lines = |end: &str| {
        let text = base64(INNER.repeat(3));
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        lines.join(end)
    };
    for end in ["\n", "\r\n", "\\n"] {
        assert_eq!(redacted(&lines(end)), format!("<base64:256>{}", SHOWN.repeat(3)), "{end:?}");
    }
}

#[test]
fn protocol_buffer_is_shown_by_its_fields() {
    let inner = field(2, b"4242424242424242");
    let bytes = [field(1, b"lou@example.com"), vec![2 << 3, 7], field(3, &inner)].concat();
    let shown = r#"<base64:64><protobuf:64>{"1":"<email:16>","2":7,"3":{"2":"<card:16>"}}"#;
    assert_eq!(redacted(&base64(bytes)), shown);
    let entry = [field(1, b"api_token"), field(2, b"Zq1-hunter")].concat();
    let map = [field(1, b"orders.v1"), field(7, &entry), field(7, &field(1, b"city"))].concat();
    let shown = r#"<base64:64><protobuf:64>{"1":"orders.v1","7":[{"1":"api_token","2":"<secret:16>"},{"1":"city"}]}"#;
    assert_eq!(redacted(&base64(map)), shown, "a map");
}

#[test]
fn undecodable_text_is_shown_by_length_and_digest() {
    let noise: Vec<u8> = (0..90_u32).map(|n| ((n * n * 7919) >> 3) as u8 | 0x80).collect();
    let bomb = gzip(&vec![b'0'; 8 << 20]);
    let damaged = gzip(INNER.as_bytes())[..40].to_vec();
    let pickle = b"\x80\x04\x95\x20\0\0\0}\x94\x8c\x08password\x94\x8c\x0chunter2hunt3\x94s.";
    let mut deep = INNER.to_owned();
    for _ in 0..LEVELS_MAX + 1 {
        deep = base64(deep);
    }
    let many = vec![base64(gzip(&vec![b'x'; 250 << 10])); 40].join(" ");
    let rows = [
        ("bytes longer than a line", base64(&noise)),
        ("a bomb", base64(bomb)),
        ("damaged gzip", base64(damaged)),
        ("bytes that name a secret", base64(pickle)),
        ("too many levels", deep),
        ("more than can be decoded", many),
        ("many hexadecimal digits", "0123456789abcdef".repeat(9)),
    ];
    for (what, text) in rows {
        let shown = redacted(&text);
        assert!(shown.contains("<opaque:"), "{what}: {shown}");
        assert!(!shown.contains(&text[text.len() - 24..]), "{what}: {shown}");
        assert_eq!(redacted(&shown), shown, "again: {what}");
    }
    assert_eq!(redacted(&base64(&noise)), redacted(&base64(&noise)), "equal texts have one digest");
    assert_ne!(redacted(&base64(&noise)), redacted(&base64(&noise[1..])));
}

/// Label, text, expected result.
const FOUND_TOO: [(&str, &str, &str); 67] = [
    ("PHP", r#"s:8:"password";s:12:"hunter2hunt3";}"#, r#"s:8:"password";s:12:"<secret:16>";}"#),
    ("PHP, a number", r#"s:3:"pin";i:4711;"#, r#"s:3:"pin";i:<secret:8>;"#),
    ("PHP, escaped", r#"s:5:\"token\";s:3:\"abc\";"#, r#"s:5:\"token\";s:3:\"<secret:8>\";"#),
    (
        "PHP, private",
        "s:9:\"\0X\0apiKey\";s:3:\"a\"b\";",
        "s:9:\"\0X\0apiKey\";s:3:\"<secret:8>\";",
    ),
    ("PHP, cut off", r#"s:8:"password";s:12:"hunt"#, r#"s:8:"password";s:12:"<secret:8>"#),
    (
        "a Slack command",
        "token=gIku&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1%2F12%2Fabc",
        "token=<secret:8>&response_url=<urlencoded:64>https://hooks.slack.com/commands/<token:16>",
    ),
    (
        "a Slack hook in escaped JSON",
        r"https:\/\/hooks.slack.com\/services\/T1\/B1\/abcd",
        r"https:\/\/hooks.slack.com\/services\/<token:16>",
    ),
    ("Telegram", "api.telegram.org/bot123:AAabc-d/send", "api.telegram.org/bot<token:16>"),
    (
        "Teams",
        "acme.webhook.office.com/webhookb2/a@b/IncomingWebhook/c",
        "acme.webhook.office.com/webhookb2/<token:32>",
    ),
    ("curl", "curl -u bob:hunter2 https://x", "curl -u <secret:16> https://x"),
    ("curl, glued", "curl -sS -ubob:hunter2", "curl -sS -u<secret:16>"),
    ("curl, a group", "curl -sSu bob:hunter2 https://x", "curl -sSu <secret:16> https://x"),
    ("curl, proxy", "curl -U bob:hunter2 https://x", "curl -U <secret:16> https://x"),
    ("curl, spaces", "curl -ku 'ad min:a b!' https://x", "curl -ku '<secret:16>' https://x"),
    ("curl, two lines", "curl \\\n  -u bob:hunter2", "curl \\\n  -u <secret:16>"),
    ("curl, another line", "curl x\nsort -u bob:hunter2", "curl x\nsort -u bob:hunter2"),
    ("a registry", "docker login -u bob -p hunter2", "docker login -u bob -p <secret:8>"),
    ("HTTPie", "http -a bob:hunter2 x", "http -a <secret:16> x"),
    ("keytool", "keytool -storepass hunter2", "keytool -storepass <secret:8>"),
    ("curl, quoted", "--user 'bob:hunter2' x", "--user '<secret:16>' x"),
    ("an option", "x --db-password hunter2 --y", "x --db-password <secret:8> --y"),
    ("MySQL", "mysql -uroot -phunter2 db", "mysql -uroot -p<secret:8> db"),
    ("sshpass", "sshpass -p hunter2 ssh", "sshpass -p <secret:8> ssh"),
    ("a token of any scheme", "authorization: Token abc", "authorization: <secret:16>"),
    ("a scheme without a header", "Token abcdefgh12345678", "Token <token:16>"),
    ("an encoded space", "x Bearer%20hunter2hunt3", "x Bearer%20<token:16>"),
    ("a header in a map", "{Authorization=[Bearer hunter2]}", "{Authorization=[<secret:16>"),
    (
        "a digest",
        "Authorization: Digest username=\"bob\", response=\"6629f\"\nHost: a",
        "Authorization: <secret:64>\nHost: a",
    ),
    ("a bearer under a name", "token=Bearer hunter2hunt3", "token=<secret:8> <token:16>"),
    (
        "a signed request",
        "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=fe5f80f77d5fa3beca038a248ff027d04",
        "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=<secret:64>",
    ),
    (
        "a key in a variable",
        "k=1 private_key=-----BEGIN A KEY-----\nMII\n-----END A KEY----- x",
        "k=1 private_key=<pem:64> x",
    ),
    ("a public key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGq2rSoQ b", "ssh-ed25519 <token:32> b"),
    ("IBAN", "to DE89370400440532013000.", "to <iban:32>."),
    ("IBAN in groups", "DE89 3704 0044 0532 0130 00 x", "<iban:32> x"),
    ("IBAN with letters", "(GB29NWBK60161331926819)", "(<iban:32>)"),
    ("IBAN in a form", "i=FR14+2004+1010+0505+0001+3M02+606", "i=<iban:64>"),
    ("Stripe", "Stripe-Signature: t=1764300000,v1=5257a869e7", "Stripe-Signature: <secret:32>"),
    (
        "GitHub's hook",
        "X-Hub-Signature-256: sha256=d57c68ca6f9228",
        "X-Hub-Signature-256: <secret:32>",
    ),
    (
        "Twilio",
        "X-Twilio-Signature: RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        "X-Twilio-Signature: <secret:32>",
    ),
    (
        "Shopify's hook",
        "X-Shopify-Hmac-Sha256: XWmrwMey6OsLMeiZKwP4FppHH3cmAiiJJAweH5Jo4bM=",
        "X-Shopify-Hmac-Sha256: <secret:64>",
    ),
    (
        "a signed URL of S3",
        "?AWSAccessKeyId=x&Signature=vjbyPxybdZa%2BT2&Expires=1",
        "?AWSAccessKeyId=<secret:8>&Signature=<secret:16>&Expires=1",
    ),
    (
        "a signed URL of Google",
        "?X-Goog-Signature=247a2aa45f169edf4d1&x=1",
        "?X-Goog-Signature=<secret:32>&x=1",
    ),
    (
        "Oracle",
        "jdbc:oracle:thin:scott/tiger@//db:1521/x",
        "jdbc:oracle:thin:<secret:16>@//db:1521/x",
    ),
    ("Redis", "redis://:hunter2@host:6379/0", "redis://<secret:8>@host:6379/0"),
    (
        "SQL Server",
        "User Id=sa;Password=hunter2;Encrypt=1",
        "User Id=sa;Password=<secret:8>;Encrypt=1",
    ),
    ("Service Bus", "SharedAccessKey=aGVsbG9oZWxsbw==;x", "SharedAccessKey=<secret:16>;x"),
    (
        "HTML",
        "&quot;password&quot;:&quot;x y&quot;,",
        "&quot;password&quot;:&quot;<secret:8>&quot;,",
    ),
    (
        "escaped quotes",
        r"\u0022pwd\u0022:\u0022x y\u0022,",
        r"\u0022pwd\u0022:\u0022<secret:8>\u0022,",
    ),
    ("a nested parameter", "user[password]=x&a=1", "user[password]=<secret:8>&a=1"),
    ("a nested parameter, encoded", "user%5Bpassword%5D=x", "user%5Bpassword%5D=<secret:8>"),
    ("a parameter of Ruby", "params[\"token\"] = 'x'", "params[\"token\"] = '<secret:8>'"),
    ("XML with an attribute", "<pwd a=\"b\">x</pwd>", "<pwd a=\"b\"><secret:8></pwd>"),
    ("XML with CDATA", "<pwd><![CDATA[a<b]]></pwd>", "<pwd><![CDATA[<secret:8>]]></pwd>"),
    (
        "XML with a pair",
        r#"<p name="db.password" value="x"/>"#,
        r#"<p name="db.password" value="<secret:8>"/>"#,
    ),
    (
        "a pair of broken JSON",
        r#"{"name":"PIN","value":"x"} y"#,
        r#"{"name":"PIN","value":"<secret:8>"} y"#,
    ),
    (
        "a form in parts",
        "form-data; name=\"pwd\"\r\n\r\nx\r\n--b",
        "form-data; name=\"pwd\"\r\n\r\n<secret:8>\r\n--b",
    ),
    ("a registry", r#"{"auth":"dXNlcm5hbWU6cGFzc3dv"} x"#, r#"{"auth":"<secret:32>"} x"#),
    ("Shopify", "shpat_0123456789abcdef0123456789abcdef", "<token:64>"),
    ("DigitalOcean", "dop_v1_0123456789abcdef0123456789abcdef", "<token:64>"),
    ("Hugging Face", "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH", "<token:64>"),
    ("SendGrid", "SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz", "<token:64>"),
    ("Grafana", "glsa_0123456789abcdefABCDEF_0123", "<token:32>"),
    ("PyPI", "pypi-AgEIcHlwaS5vcmcCJGFiY2RlZg", "<token:32>"),
    ("Square", "sq0atp-0123456789abcdefABCD", "<token:32>"),
    ("a security code", "securityCode=123", "securityCode=<secret:8>"),
    ("a cookie in quotes", "'Cookie: a=b; c=d'", "'Cookie: <secret:16>"),
    ("a session", "session=s%3Aabc.sig;", "session=<secret:16>;"),
];

/// Texts that stay unchanged.
const KEPT_TOO: [&str; 24] = [
    "49601189658422359378836298521827638475320189012309704722",
    "d41d8cd98f00b204e9800998ecf8427e",
    "commit 0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "Root=1-67891233-abcdef012345678912345678",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "AROAEXAMPLEID:awslambda_123_20261128000000000",
    "8681964081858191804 4039119943687723725",
    "order 4411020000000000123",
    "DE88370400440532013000 XX89370400440532013000 AB12CD34EF56",
    "src/main/java/com/acme/orders/processing/infrastructure/messaging/consumer/OrderConsumer.java",
    "OrderCreatedEventHandlerFactoryBeanPostProcessorConfigurationPropertiesSupportV2Of",
    "zprG+2eH+fsZdSjb8tT91M4Y/jzXw6InsOTpVtdqxX3kTkxz1tfvI8Q4s3oK79kF",
    "urn:uuid:550e8400-e29b-41d4-a716-446655440000 gid://shop/Invoice/900",
    "auth: failed for user, signature: V4, bad signature: expected foo(a, b)",
    "docker run -u 1000:1000 img; sort -u a:b; tar -u x:y; mkdir -p /var/lib",
    "s:5:\"queue\";s:7:\"default\";s:8:\"password\";N;",
    "name=%C3%A9t%C3%A9&path=%2Fa%2Fb&q=a%26b",
    "token ring, Token authentication failed, basic authentication-scheme",
    "x^2 + y, x^ and z",
    "https://hooks.slack.com/ and https://discord.com/api",
    "<property name=\"user\" value=\"x\"/>",
    "form-data; name=\"file\"\r\n\r\nx",
    "arn:aws:states:us-east-1:111122223333:stateMachine:dunning",
];

#[test]
fn serialized_and_typed_secrets_are_replaced() {
    let mut wrong = Vec::new();
    for (what, text, expected) in FOUND_TOO {
        if redacted(text) != expected || redacted(expected) != expected {
            wrong.push(format!("{what}: {} -> {}", redacted(text), redacted(expected)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ids_hashes_and_paths_are_kept() {
    let shown = KEPT_TOO.into_iter().map(redacted).zip(KEPT_TOO);
    let wrong: Vec<_> = shown.filter(|(shown, text)| shown != text).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn secrets_named_by_another_entry_are_replaced() {
    let rows = [
        (
            json!({"name": "DB_PASSWORD", "value": "x"}),
            json!({"name": "DB_PASSWORD", "value": "<secret:8>"}),
        ),
        (
            json!({"Key": "token", "Value": {"S": "x"}}),
            json!({"Key": "token", "Value": {"S": "<secret:8>"}}),
        ),
        (json!({"name": "city", "value": "x"}), json!({"name": "city", "value": "x"})),
        (
            json!(["Host", "x", "Authorization", "Basic x", "X-Api-Key", "Zq1"]),
            json!(["Host", "x", "Authorization", "<secret:8>", "X-Api-Key", "<secret:8>"]),
        ),
        (json!(["password", "email"]), json!(["password", "email"])),
        (
            json!(["curl", "-u", "bob:x", "--token", "y"]),
            json!(["curl", "-u", "<secret:8>", "--token", "<secret:8>"]),
        ),
        (
            json!({"password": {"DataType": "String", "StringValue": "x"}}),
            json!({"password": {"DataType": "String", "StringValue": "<secret:8>"}}),
        ),
        (
            json!({"signature": "foo(a)", "stripe-signature": "t=1764300000,v1=52"}),
            json!({"signature": "foo(a)", "stripe-signature": "<secret:32>"}),
        ),
    ];
    for (value, expected) in rows {
        let once = in_json(value);
        assert_eq!(once, expected);
        assert_eq!(in_json(once.clone()), once);
    }
}

proptest! {
    #[test]
    fn planted_secret_is_removed_from_encodings(
        (secret, gone) in planted(),
        (before, after) in around(),
        encodings in prop::collection::vec(0..5_usize, 1..4),
    ) {
        let mut text = format!("{before}{secret}{after}");
        for encoding in encodings {
            text = match encoding {
                0 => base64(&text),
                1 => base64(gzip(text.as_bytes())),
                2 => percent(&json!({ "text": text }).to_string()),
                3 => json!({ "body": text }).to_string(),
                _ => URL_SAFE_NO_PAD.encode(&text),
            };
        }
        let shown = redacted(&text);
        prop_assert!(!shown.contains(gone), "{}", shown);
        prop_assert_eq!(&redacted(&shown), &shown);
        let value = in_json(json!({ "body": text }));
        prop_assert!(!value.to_string().contains(gone), "{}", value);
        prop_assert_eq!(&in_json(value.clone()), &value);
    }

    #[test]
    fn redaction_near_encodings_is_idempotent(
        words in prop::collection::vec(prop::sample::select(vec![
            "eyJhIjoiYkBjLmRlIn0=", "H4sIAAAAAAAA", "%7B%22", "%22", "a", "=", "&", ":", "\"", "\\",
            "s:8:\"password\";", "s:3:\"abc\";", "curl ", "-u ", "a:b", "--token ", "Bearer ", " ",
            "hooks.slack.com/services/", "DE89370400440532013000", "<opaque:9:0123456789abcdef>",
            "<base64:8>", "/", "name=", "value=", "<pwd>", "]", "sig=", "&quot;", "\\u0022",
            "-----BEGIN A-----", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo", "0123456789abcdef",
        ]), 0..16)
    ) {
        let text = words.concat();
        let once = redacted(&text);
        prop_assert_eq!(&redacted(&once), &once);
        let value = in_json(json!({ text.as_str(): [text.as_str()] }));
        prop_assert_eq!(&in_json(value.clone()), &value);
    }
}
