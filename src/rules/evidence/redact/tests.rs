use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::rules::evidence::json_text::{Json, JsonText};
use crate::rules::evidence::tests::grows_faster_than_its_text;

mod forms;
mod kinds;
mod places;

const JWT_OF_BOB: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.dBjftJeZ4CVPmB92K27uhbUJU1p1r";
const PEM_KEY: &str =
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow/+IBAAKC\n-----END RSA PRIVATE KEY-----";
const AWS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// Label, text, expected result.
const FOUND: [(&str, &str, &str); 66] = [
    ("an address", "to bob@example.com.", "to <email:16>."),
    ("a long address", "first.last+tag@mail.example.co.uk", "<email:64>"),
    ("an address of a far country", "josé@correios.рф", "<email:16>"),
    ("a quoted local part", "\"john doe\"@example.com", "<email:32>"),
    ("an address with a literal host", "a@[10.0.0.1]", "<email:16>"),
    ("a percent-encoded address", "u=bob%40example.com&x=1", "u=<email:32>&x=1"),
    ("an escaped address", r#"{"a":"bob\u0040example.com"#, r#"{"a":"<email:32>"#),
    ("a Visa", "card 4111111111111111!", "card <card:16>!"),
    ("a Visa in groups", "4111 1111 1111 1111", "<card:32>"),
    ("a Mastercard with dashes", "5500-0055-5555-5559", "<card:32>"),
    ("an American Express", "3782 822463 10005", "<card:32>"),
    ("a card after another number", "order 12 4111 1111 1111 1111", "order 12 <card:32>"),
    ("a card beside letters", "x4111111111111111y", "x<card:16>y"),
    ("a card as a float", "4111111111111111.0", "<card:16>.0"),
    ("a card in a form", "n=4111+1111+1111+1111", "n=<card:32>"),
    ("an access key id", "id AKIAIOSFODNN7EXAMPLE,", "id <token:32>,"),
    ("a temporary access key id", "ASIAIOSFODNN7EXAMPLE", "<token:32>"),
    (
        "a secret key by its name",
        "aws_secret_access_key = wJalr/+=",
        "aws_secret_access_key = <secret:8>",
    ),
    (
        "a secret key near the word",
        "the secret is wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "the secret is <secret:64>",
    ),
    (
        "a secret key near its id",
        "AKIAIOSFODNN7EXAMPLE,wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "<token:32>,<secret:64>",
    ),
    (
        "a presigned URL",
        "?X-Amz-Credential=a%2Fb&X-Amz-Date=1&X-Amz-Signature=0af",
        "?X-Amz-Credential=<secret:8>&X-Amz-Date=1&X-Amz-Signature=<secret:8>",
    ),
    ("a security token", "&X-Amz-Security-Token=IQo&x=1", "&X-Amz-Security-Token=<secret:8>&x=1"),
    ("GitHub", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "<token:64>"),
    ("GitHub, a server's", "xghs_16C7e42F292c6912E7710c838347Ae178B4a", "x<token:64>"),
    ("GitHub, fine-grained", "github_pat_11ABCDEFG0abcdefghijkl_mnopq", "<token:64>"),
    ("Slack", "xoxb-123456789012-abcdefABCDEF", "<token:32>"),
    ("Slack, a user's", "xoxp-123456789012-abcdefABCDEF", "<token:32>"),
    ("Slack, an app's", "xapp-1-A0123-abcdef", "<token:32>"),
    (
        "a web hook",
        "https://hooks.slack.com/services/T000/B000/XXXX end",
        "https://hooks.slack.com/services/<token:16> end",
    ),
    ("Stripe", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "<token:32>"),
    ("Stripe, restricted", "rk_live_4eC39HqLyjWDarjtT1zdp7dc", "<token:32>"),
    ("Google", "AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe", "<token:64>"),
    ("Anthropic", "sk-ant-api03-abcdef_GHIJKL", "<token:32>"),
    ("OpenAI", "(sk-abcdefghij1234567890ABCD)", "(<token:32>)"),
    ("npm", "npm_abcdefghijklmnopqrstuvwxyz0123456789", "<token:64>"),
    ("GitLab", "glpat-abcdefghij0123456789", "<token:32>"),
    ("a web token", JWT_OF_BOB, "<jwt:128>"),
    ("a web token cut off", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOi", "<jwt:32>"),
    ("a bearer", "sent Bearer abcdef123456, ok", "sent Bearer <token:16>, ok"),
    ("a basic credential", "basic dXNlcjpwYXNz", "basic <token:16>"),
    (
        "a header",
        "Authorization: Digest username=bob, x=y\nHost: a",
        "Authorization: <secret:32>\nHost: a",
    ),
    ("a cookie", "Set-Cookie: a=b; Path=/\nHost: a", "Set-Cookie: <secret:16>\nHost: a"),
    ("a PEM block", PEM_KEY, "<pem:128>"),
    (
        "a PEM block in one line",
        r"a-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----b",
        "a<pem:64>b",
    ),
    ("a PEM block cut off", "x -----BEGIN PRIVATE KEY-----\nMIIEow", "x <pem:64>"),
    ("a telephone number", "call +55 11 98765-4321.", "call <phone:32>."),
    ("a telephone number, bare", "+5511987654321", "<phone:16>"),
    ("a telephone number in a form", "p=%2B5511987654321", "p=<phone:16>"),
    ("an American number", "(415) 555-0132", "<phone:16>"),
    ("an American number, dashes", "415-555-0132", "<phone:16>"),
    ("a Brazilian number", "(11) 98765-4321", "<phone:16>"),
    ("a Brazilian number, no brackets", "11 98765-4321", "<phone:16>"),
    ("a French number", "01 23 45 67 89", "<phone:16>"),
    ("a CPF", "cliente 123.456.789-09", "cliente <id:16>"),
    ("a social security number", "123-45-6789", "<id:16>"),
    ("a password", "user=bob password=hunter2 x", "user=bob password=<secret:8> x"),
    (
        "a password in broken JSON",
        r#"{"dbPassword": "hun\"ter2", "a"#,
        r#"{"dbPassword": "<secret:16>", "a"#,
    ),
    (
        "a password in escaped JSON",
        r#"{\"pwd\":\"x\",\"a\":1"#,
        r#"{\"pwd\":\"<secret:8>\",\"a\":1"#,
    ),
    ("a password of Ruby", r#""password" => "hunter2""#, r#""password" => "<secret:8>""#),
    (
        "a password in XML",
        "<ns:Password>hunter2</ns:Password>",
        "<ns:Password><secret:8></ns:Password>",
    ),
    ("a pin", "pin: 1234", "pin: <secret:8>"),
    ("an unfinished quote", "secret='abc def", "secret='<secret:8>"),
    ("user and password in a URL", "https://user:p@ss@host/p@th", "https://<secret:16>@host/p@th"),
    ("a user in an escaped URL", r"https:\/\/bob:x@host\/", r"https:\/\/<secret:8>@host\/"),
    (
        "a query",
        "GET /a?token=abc&page=2&sig=d%3D HTTP",
        "GET /a?token=<secret:8>&page=2&sig=<secret:8> HTTP",
    ),
    ("a secret that is an address", "token=bob@example.com-x y", "token=<email:32> y"),
];

/// Texts that stay unchanged.
const KEPT: [&str; 40] = [
    "",
    "no sign of anything, pedidos-ação 注文",
    "at 2026-11-24T04:26:03.123+01:00",
    "2026-11-24 04:26:03",
    "1764044763123 1764044763123456 1764044763123456789",
    "550e8400-e29b-41d4-a716-446655440000 41111111-1111-4111-8111-111111111111",
    "arn:aws:sqs:sa-east-1:123456789012:orders-dlq",
    "10.0.0.1 192.168.100.200 v1.22.333 1.2.3-4",
    "5511987654321 4155550132",
    "4111111111111112",
    "0.4111111111111111",
    "0000000000000000",
    "order-415-555-0132",
    "100 200 300 400 500",
    "1-1-1-1-1-1-1-1",
    "1e+12345678 +0300 +123",
    "lodash@4.17.21 @types/node a@b user@",
    "tokenCount=3 author: Bob, authority: x",
    "token=\nnext, password: null, secret=",
    "https://example.com/a@b.c/d?page=2&key=orders/1",
    "a sig=abc without a query",
    "spin=1 shipping: 2 compass=3 obsession: 4",
    "Basic authentication, bearer certificate, Bearer Authentication",
    "task-force-of-the-year-and-more sk-learn-is-a-long-name-too",
    "eyJhbGciOi eyJ.eyJ eyJh.b",
    "AKIA and AKIASHORT",
    "-----BEGIN nothing -----BEGIN -----",
    "ghp_short npm_config_registry_is_a_name",
    "AIza",
    "xoxb- xoxb-123",
    "<email:16> <secret:8>",
    "password=<secret:8>",
    "12345-6789",
    "123.456.789",
    "https://hooks.slack.com/services/",
    "sk_live_ whsec_",
    "a < b > c",
    "http://host:8080/path",
    "%40 %4 % %2B %2B1",
    "\\u0040 \\u00 \\",
];

fn redacted(text: &str) -> String {
    Redactor::default().redact_text(text).into_owned()
}

fn in_json(value: Value) -> Value {
    redacted_by(&Redactor::default(), &value)
}

fn redacted_by(redactor: &Redactor, value: &Value) -> Value {
    let mut json = Json::from(value);
    redactor.redact_json(&mut json);
    JsonText::from(&json).value()
}

#[test]
fn secrets_and_personal_data_are_replaced() {
    let mut wrong = Vec::new();
    for (what, text, expected) in FOUND {
        if redacted(text) != expected || redacted(expected) != expected {
            wrong.push(format!("{what}: {} -> {}", redacted(text), redacted(expected)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn harmless_text_is_borrowed_unchanged() {
    let redactor = Redactor::default();
    let kept =
        |text: &str| matches!(redactor.redact_text(text), Cow::Borrowed(same) if same == text);
    let wrong: Vec<_> = KEPT.into_iter().filter(|text| !kept(text)).map(redacted).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn secret_names_are_recognised_by_their_end() {
    let rows = [
        ("password", true),
        ("DB_PASSWORD", true),
        ("dbpassword", true),
        ("passwd", true),
        ("pwd", true),
        ("clientSecret", true),
        ("userToken", true),
        ("tokens", true),
        ("token2", true),
        ("api_key", true),
        ("X-Api-Key", true),
        ("apikey", true),
        ("authorization", true),
        ("Proxy-Authorization", true),
        ("set-cookie", true),
        ("private_key", true),
        ("accessKeyId", true),
        ("session", true),
        ("credentials", true),
        ("customerSsn", true),
        ("cpf", true),
        ("CVV2", true),
        ("card_pin", true),
        ("spring.datasource.password", true),
        ("tokenCount", false),
        ("author", false),
        ("authorizationUrl", false),
        ("spin", false),
        ("obsession", false),
        ("compass", false),
        ("key", false),
        ("signature", false),
        ("", false),
        ("ação", false),
    ];
    for (name, expected) in rows {
        assert_eq!(secret_name::is_secret_name(name), expected, "{name}");
    }
}

#[test]
fn json_keys_strings_and_numbers_are_redacted() {
    let rows = [
        ("a string", json!({"a": "bob@example.com"}), json!({"a": "<email:16>"})),
        ("a number becomes a string", json!([4_111_111_111_111_111_u64]), json!(["<card:16>"])),
        ("other numbers stay", json!([1, -2.5, 1e300]), json!([1, -2.5, 1e300])),
        (
            "a telling name",
            json!({"pwd": "x", "pin": 12}),
            json!({"pwd": "<secret:8>", "pin": "<secret:8>"}),
        ),
        (
            "all leaves under it",
            json!({"credentials": {"a": ["x", {"b": 1}], "c": null}}),
            json!({"credentials": {"a": ["<secret:8>", {"b": "<secret:8>"}], "c": null}}),
        ),
        (
            "what says nothing stays",
            json!({"token": null, "secret": true, "password": ""}),
            json!({"token": null, "secret": true, "password": ""}),
        ),
        (
            "keys, none of them lost",
            json!({"a@b.com": 1, "c@d.com": 2, "<email:8>": 3}),
            json!({"<email:8>": 3, "<email:8>#2": 1, "<email:8>#3": 2}),
        ),
        (
            "JSON in a string",
            json!({"m": r#"{"a":"bob\u0040example.com","p\u0061ssword":1}"#}),
            json!({"m": r#"{"a":"<email:16>","p\u0061ssword":"<secret:8>"}"#}),
        ),
        (
            "an entry that another one hides",
            json!(r#"{"p\u0061ssword":"x","password":null}"#),
            json!(r#"{"p\u0061ssword":"<secret:8>","password":null}"#),
        ),
        (
            "JSON without secrets is left as it was",
            json!("{ \"a\" : 1.0 }"),
            json!("{ \"a\" : 1.0 }"),
        ),
    ];
    for (what, value, expected) in rows {
        let once = in_json(value);
        assert_eq!(once, expected, "{what}");
        assert_eq!(in_json(once.clone()), once, "again: {what}");
    }
}

#[test]
fn json_in_strings_is_redacted_at_any_depth() {
    let mut value = json!({"pass\u{77}ord": "hunter2", "m": "bob@example.com"});
    for _ in 0..8 {
        value = json!({ "in": value.to_string() });
    }
    let shown = in_json(value).to_string();
    assert!(!shown.contains("hunter2") && !shown.contains("bob@"), "{shown}");
}

#[test]
fn configured_patterns_and_allowed_texts_are_respected() {
    let order = Pattern { name: "order".into(), regex: r"ORD-\d{6}".into() };
    let allow = ["noreply@example.com", "*@internal.test"];
    let redactor = Redactor::new(&[order], &allow).unwrap();
    let text = "ORD-123456 noreply@example.com ops@internal.test bob@example.com";
    let expected = "<order:16> noreply@example.com ops@internal.test <email:16>";
    assert_eq!(redactor.redact_text(text), expected);
    assert_eq!(redactor.redact_text(expected), expected);
    let value = redacted_by(&redactor, &json!({"token": "noreply@example.com", "secret": "x"}));
    assert_eq!(value, json!({"token": "noreply@example.com", "secret": "<secret:8>"}));
}

#[test]
fn pattern_error_names_the_pattern_and_the_reason() {
    let rows = [
        ("Order", "x", "'Order' is not a name"),
        ("", "x", "'' is not a name"),
        ("a", "(", "the pattern 'a' is not a regular expression: "),
        ("a", "x*", "the pattern 'a' matches the empty text"),
    ];
    for (name, regex, expected) in rows {
        let pattern = Pattern { name: name.into(), regex: regex.into() };
        let error = Redactor::new::<&str>(&[pattern], &[]).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(Redactor::new(&[], &["[a-"]).is_err());
}

/// A text that still changes after the last round is replaced whole.
#[test]
fn pattern_that_always_matches_replaces_the_whole_text() {
    let first = Pattern { name: "first".into(), regex: "^.".into() };
    let redactor = Redactor::new::<&str>(&[first], &[]).unwrap();
    assert_eq!(redactor.redact_text("a long text to eat"), "<text:32>");
    assert_eq!(redactor.redact_text("<text:32>"), "<text:32>");
}

#[test]
fn redaction_of_hostile_text_is_linear() {
    let rows = [
        "a@",
        "1-",
        "1 ",
        "1",
        "eyJ",
        "eyJ.",
        "eyJa.b.",
        "-----BEGIN ",
        "-----BEGIN A-----",
        "sk-",
        "xoxb-",
        "ghp_",
        "AKIA",
        "AIza",
        "+1",
        "+",
        "(1)",
        "://",
        "://a",
        "password=",
        "password=[",
        "token:\"",
        "token=\\",
        "=\"",
        "%40",
        "a%40",
        "\\u0040",
        "secret ",
        "Bearer ",
        "<",
        "<email:",
        "a.",
        "@a.",
        "hooks.slack.com/services/",
        "[",
        "{\"",
        "\\\"",
        "a@b.c",
        "a@b.co",
        "sig=",
        "auth:1",
        "s:8:\"password\";",
        "s:8:\"password\";s:9999999:\"",
        "s:1:\"",
        " -u ",
        " --token ",
        "curl -u a:b ",
        " -u",
        "%22",
        "%25",
        "%22a",
        "&quot;",
        "password=&quot;",
        "\\u0022:",
        "<password",
        "<password>",
        "<password><![CDATA[",
        "name=password value=",
        "value=",
        "DE89",
        "DE89 ",
        "hooks.slack.com/",
        "api.telegram.org/bot",
        "H4sI",
        "a/eyJ",
        "eyJhIjoiYiJ9",
        "eyJhIjoiYiJ9 ",
        "AAAAAAAAAAAAAAAA ",
        "0123456789abcdef0123456789abcdef ",
        "a=b&",
        "Token ",
        "Basic a1",
        "the password is ",
        "IDENTIFIED BY '",
        "&lt;password&gt;",
        "('password', '",
        "(\"password\",'",
        "password={",
        "password:\n  ",
        "password: |\n  ",
        "password=Some(",
        "key-",
        "12345678:AA",
        "eyJa.\n",
        "1//0",
        "SK",
        "a:b@tcp(",
        "API key ",
        "user[0]",
        "; password=",
        "nexpected token:",
        "a,token\n",
        "a,token\na,b\n",
        "|token|\n",
        "VALUES (",
        "(pin) VALUES (",
        "(pin) VALUES ('",
        "kind: Secret\n",
        "kind: Secret\ndata:\n a: b\n",
        "<input value=",
        "https://a/reset/",
        "?a=b&reset",
        "$6$",
        "$6$a$",
        ".atlasv1.",
        "localhost:*:a:",
        "config set token ",
        "curl -H 'X-Auth:",
        "[\"token\",\"",
    ];
    let slow: Vec<_> = rows
        .into_iter()
        .filter(|unit| grows_faster_than_its_text(unit, 1 << 15, |text| redacted(&text)))
        .collect();
    assert!(slow.is_empty(), "{slow:?}");
    for unit in rows {
        let once = redacted(&unit.repeat((1 << 13) / unit.len()));
        assert_eq!(redacted(&once), once, "{unit}");
    }
    let shown = in_json(Value::String("[".repeat(1 << 18)));
    assert_eq!(shown, Value::String("[".repeat(1 << 18)));
}

/// A secret, and the part of it that must be gone.
const PLANTED: [(&str, &str); 20] = [
    ("bob.smith@example.com", "bob.smith"),
    ("4111111111111111", "4111111111111111"),
    ("5500-0055-5555-5559", "5500-0055"),
    ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
    ("secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", AWS_KEY),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42F"),
    ("github_pat_11ABCDEFG0abcdefghijkl_mnopq", "11ABCDEFG0"),
    ("xoxb-123456789012-abcdefABCDEF", "123456789012"),
    ("https://hooks.slack.com/services/T000/B000/XYZW", "XYZW"),
    ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "4eC39Hq"),
    ("AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe", "DaGmWKa4"),
    ("sk-ant-api03-abcdef_GHIJKL", "abcdef_GH"),
    ("sk-abcdefghij1234567890ABCD", "abcdefghij12"),
    ("npm_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghij"),
    ("glpat-abcdefghij0123456789", "abcdefghij"),
    (JWT_OF_BOB, "eyJzdWIi"),
    ("Bearer abcdef123456", "abcdef123456"),
    (PEM_KEY, "MIIEow"),
    ("+55 11 98765-4321", "98765"),
    ("https://bob:hunter2@db.internal/x", "hunter2"),
];

fn planted() -> impl Strategy<Value = (&'static str, &'static str)> {
    (0..PLANTED.len()).prop_map(|place| PLANTED[place])
}

/// Generates random text around a secret, with separators between.
fn around() -> impl Strategy<Value = (String, String)> {
    let any = "[ -~]{0,24}|[a-z0-9@.:=/_+-]{0,24}|\\PC{0,12}";
    (any, any).prop_map(|(before, after)| (format!("{before} "), format!(" {after}")))
}

proptest! {
    #[test]
    fn redaction_is_idempotent(text in any::<String>()) {
        let once = redacted(&text);
        prop_assert_eq!(&redacted(&once), &once);
    }

    #[test]
    fn redaction_near_secrets_is_idempotent(
        words in prop::collection::vec(prop::sample::select(vec![
            "a", "@", "b.co", "4111", "1111", "-", " ", "+", "token", "=", ":", "\"", "\\", "<",
            ">", "email:8", "eyJ", ".", "sk-", "AKIA", "-----BEGIN A-----", "%40", "://", "{", "}",
            "/", "1234567890", "x9", "Bearer ", "[", ",", "ghp_", "aaaaaaaaaaaaaaaaaaaa",
        ]), 0..24)
    ) {
        let text = words.concat();
        let once = redacted(&text);
        prop_assert_eq!(&redacted(&once), &once);
        let value = in_json(json!({ text.as_str(): [text.as_str()] }));
        prop_assert_eq!(&in_json(value.clone()), &value);
    }

    #[test]
    fn planted_secret_is_removed_from_text(
        (secret, gone) in planted(),
        (before, after) in around(),
    ) {
        let shown = redacted(&format!("{before}{secret}{after}"));
        prop_assert!(!shown.contains(gone), "{}", shown);
    }

    #[test]
    fn planted_secret_is_removed_from_json(
        (secret, gone) in planted(),
        (before, after) in around(),
        levels in 0..6usize,
    ) {
        let text = format!("{before}{secret}{after}");
        let mut value = json!({"n": 1, text.as_str(): [text.as_str(), {"text": text.as_str()}]});
        for _ in 0..levels {
            value = json!({"Message": value.to_string(), "k": ["v"]});
        }
        let shown = in_json(value);
        let written = shown.to_string();
        prop_assert!(!written.contains(gone), "{}", written);
        prop_assert_eq!(&in_json(shown.clone()), &shown);
    }
}
