//! Channels that send requests or run commands, against stand-ins for their services.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dlq::config::{Channel, Env, Origin, parse};
use dlq::edge::http::Client;
use dlq::edge::notify::ChannelSender;
use dlq::event::Severity;
use dlq::rules::notification::delivery::{Action, Delivery, Outcome, ProblemKeys};
use dlq::rules::notification::message::Notice;
use dlq::rules::view::notice::ConsoleStyle;
use dlq::time::Timestamp;

use crate::support::http::{Closed, HttpRequest, HttpServer, Reply};
use crate::support::workbench::{Bench, wait_for};

pub const POSTED: &str = r#"{"ok":true,"channel":"C01","ts":"1503435956.000247"}"#;
pub const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Configurations of one channel each; URL stands for the address of the server.
pub const CHANNELS: [(&str, &str); 4] = [
    ("slack webhook", "{type: slack, url: {env: HOOK}}"),
    ("slack bot", "{type: slack, token: {env: TOKEN}, channel: '#ops', endpoint: 'URL/api'}"),
    ("webhook", "{type: webhook, url: 'URL/hunter2', secret: {env: SIGNING}}"),
    ("pagerduty", "{type: pagerduty, key: {env: TOKEN}, endpoint: URL}"),
];

pub fn configuration(channel: &str, server: &str) -> String {
    format!("notifications: {{channels: {{c: {}}}}}", channel.replace("URL", server))
}

pub fn variables(server: &str) -> [(&'static str, String); 3] {
    [
        ("HOOK", format!("{server}/services/hunter2")),
        ("TOKEN", "xoxb-hunter2".to_owned()),
        ("SIGNING", SIGNING.to_owned()),
    ]
}

fn channel(text: &str, server: &str) -> Channel {
    let origin = Origin { trusted: true, ..Origin::default() };
    let settings = parse(&configuration(text, server), &origin).unwrap();
    settings.notifications.channels[0].clone()
}

pub fn sender(text: &str, server: &str) -> ChannelSender {
    let env = Env::from_pairs(variables(server));
    let http = Arc::new(Client::new(&env).unwrap());
    ChannelSender::new(
        &channel(text, server),
        &Origin::default(),
        &env,
        &http,
        ConsoleStyle::default(),
    )
    .unwrap()
}

pub fn delivery(action: Action, handle: Option<&str>) -> Delivery {
    let at = Timestamp::parse("2026-11-29T10:00:00Z").unwrap();
    let (what, next) = ("12 <b>messages</b> & more", "dlq-log --incident 1f2e3d4c");
    Delivery {
        id: "0195c7a4".into(),
        action,
        key: "1f2e3d4c".into(),
        problems: ProblemKeys::default(),
        incident: Some("1f2e3d4c".into()),
        event: Some(r#"{"specversion":"1.0","id":"i","source":"s","type":"t"}"#.into()),
        notice: Notice::plain(Severity::Error, "orders-dlq", what, next, at),
        handle: handle.map(str::to_owned),
        at,
    }
}

/// Answers as the service of the path does.
pub fn accept(request: &HttpRequest, reply: &mut Reply<'_>) -> Result<(), Closed> {
    match request.path() {
        "/api/chat.postMessage" | "/api/chat.update" => reply.send(200, "application/json", POSTED),
        "/v2/enqueue" => reply.send(202, "application/json", r#"{"status":"success"}"#),
        _ => reply.send(200, "text/plain", "ok"),
    }
}

#[test]
fn test_channel_option_reaches_each_service() {
    for (name, text) in CHANNELS {
        let (server, seen) = HttpServer::recording(accept);
        let mut bench = Bench::new("channels");
        bench.configure(&configuration(text, &server.url));
        variables(&server.url).iter().for_each(|(name, value)| bench.set(name, value));
        let output = bench.run("dlq-notify", &["--test-channel", "c"], "");
        assert_eq!((output.code(), output.stderr.as_str()), (0, ""), "{name}");
        let seen = seen.lock().unwrap();
        let first = &seen[0];
        assert_eq!(first.header("content-type"), Some("application/json; charset=utf-8"));
        let body = first.json();
        match name {
            "slack webhook" => {
                assert_eq!(first.path(), "/services/hunter2");
                assert_eq!(body["blocks"][0]["text"]["text"], "dlq-tools: a test notice");
            }
            "slack bot" => {
                assert_eq!(first.path(), "/api/chat.postMessage");
                assert_eq!(first.header("authorization"), Some("Bearer xoxb-hunter2"));
                assert_eq!(body["channel"], "#ops");
            }
            "webhook" => {
                assert_eq!((first.path(), &body["type"]), ("/hunter2", &"dlq.notice".into()));
                assert!(first.header("webhook-signature").unwrap().starts_with("v1,"));
                assert_eq!(body["data"]["id"], first.header("webhook-id").unwrap());
            }
            _ => {
                assert_eq!(first.path(), "/v2/enqueue");
                assert_eq!(
                    (&body["routing_key"], &body["event_action"]),
                    (&"xoxb-hunter2".into(), &"trigger".into())
                );
                // The alert of the test is closed again.
                assert_eq!(seen[1].json()["event_action"], "resolve");
                assert_eq!(seen[1].json()["dedup_key"], body["dedup_key"]);
            }
        }
        assert_eq!(seen.len(), if name == "pagerduty" { 2 } else { 1 }, "{name}");
    }
}

#[test]
fn failing_channel_is_named_without_its_secrets() {
    for (name, text) in CHANNELS {
        let server = HttpServer::start(|request, reply| {
            // A service may quote what it got.
            let quoted = format!("hunter2 {}", request.target);
            let sentence = serde_json::json!({"message": "xoxb-hunter2", "errors": [quoted]});
            reply.send(400, "text/plain", &sentence.to_string())
        });
        let mut bench = Bench::new("refused");
        bench.configure(&configuration(text, &server.url));
        variables(&server.url).iter().for_each(|(name, value)| bench.set(name, value));
        let output = bench.run("dlq-notify", &["--test-channel", "c"], "");
        assert_eq!(output.code(), 1, "{name}");
        assert!(
            output.stderr.contains("cannot notify channel 'c': answer 400"),
            "{}",
            output.stderr
        );
        let shown = output.stderr.replace("hunter2 /v2", "");
        assert!(!shown.contains("xoxb-hunter2") && !shown.contains("services"), "{shown}");
        bench.unset("TOKEN");
        bench.unset("HOOK");
        bench.unset("SIGNING");
        let output = bench.run("dlq-notify", &["--test-channel", "c"], "");
        assert_eq!(output.code(), 2, "{name}: {}", output.stderr);
        assert!(
            output.stderr.contains("channel 'c': ") && output.stderr.contains("is not set"),
            "{}",
            output.stderr
        );
    }
    let mut bench = Bench::new("unusable");
    bench.set("HOOK", "http://hooks.example.org/hunter2");
    bench.set("SIGNING", "hunter2");
    for (text, expected) in [
        (CHANNELS[0].1, "channel 'c' cannot be used: 'hooks.example.org': only https is used"),
        ("{type: webhook, url: 'http://localhost:1', secret: {env: SIGNING}}", "openssl rand"),
    ] {
        bench.configure(&configuration(text, ""));
        let output = bench.run("dlq-notify", &["--test-channel", "c"], "");
        assert_eq!(output.code(), 2, "{}", output.stderr);
        assert!(
            output.stderr.contains(expected) && !output.stderr.contains("hunter2"),
            "{}",
            output.stderr
        );
    }
}

/// Formats an outcome without the details of its cause.
fn kind(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivered { handle } => format!("delivered {}", handle.as_deref().unwrap_or("-")),
        Outcome::Later { after, unknown, .. } => {
            let after = after.map_or(0, |after| after.as_secs());
            format!("later {after}{}", if *unknown { " unknown" } else { "" })
        }
        Outcome::Refused { .. } => "refused".to_owned(),
        Outcome::Gone { .. } => "gone".to_owned(),
    }
}

type Fault = fn(&mut Reply<'_>) -> Result<(), Closed>;

#[test]
fn outcome_of_each_fault_is_as_documented() {
    let faults: [(&str, Fault, &str); 8] = [
        ("500", |reply| reply.send(500, "text/plain", ""), "later 0 unknown"),
        ("429", |reply| reply.send_with(429, "text/plain", &[("Retry-After", "7")], ""), "later 7"),
        ("404", |reply| reply.send(404, "text/plain", ""), "refused"),
        ("410", |reply| reply.send(410, "text/plain", ""), "gone"),
        (
            "a redirect",
            |reply| reply.send_with(307, "text/plain", &[("Location", "/x")], ""),
            "refused",
        ),
        ("a hanging server", |reply| reply.hang(), "later 0 unknown"),
        ("a reset", |_| Err(Closed), "later 0 unknown"),
        ("a huge answer", |reply| reply.send_gibibyte(), "delivered -"),
    ];
    for (name, text) in CHANNELS {
        for (fault, answer, expected) in faults {
            let (server, seen) = HttpServer::recording(move |_, reply| answer(reply));
            // Slack's API says in the body whether it has posted.
            let expected = match (name, fault) {
                ("slack bot", "a huge answer") => "later 0 unknown",
                _ => expected,
            };
            let deadline =
                if fault == "a hanging server" { Duration::from_millis(400) } else { DEADLINE };
            let begun = Instant::now();
            let outcome =
                sender(text, &server.url).deliver(&delivery(Action::Trigger, None), deadline);
            assert_eq!(kind(&outcome), expected, "{name}, {fault}: {outcome:?}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{name}, {fault}");
            assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
            assert_eq!(seen.lock().unwrap().len(), 1, "{name}, {fault}: one attempt");
        }
    }
    let nobody = "http://127.0.0.1:9";
    for (name, text) in CHANNELS {
        let outcome = sender(text, nobody).deliver(&delivery(Action::Trigger, None), DEADLINE);
        assert_eq!(kind(&outcome), "later 0", "{name}: {outcome:?}");
    }
}

/// The program may have less memory than the answer has bytes.
#[test]
fn huge_answer_takes_little_memory() {
    for (name, text) in CHANNELS {
        let server = HttpServer::start(|_, reply| reply.send_gibibyte());
        let mut bench = Bench::new("huge");
        bench.configure(&configuration(text, &server.url));
        variables(&server.url).iter().for_each(|(name, value)| bench.set(name, value));
        let output = bench.shell("ulimit -v 500000; dlq-notify --test-channel c");
        let (code, sentence) = match name {
            "slack bot" => (1, "it may have arrived"),
            _ => (0, ""),
        };
        assert_eq!(output.code(), code, "{name}: {}", output.stderr);
        assert!(output.stderr.contains(sentence), "{name}: {}", output.stderr);
    }
}

#[test]
fn slack_message_is_updated_in_place_and_posted_anew_when_it_is_gone() {
    let (server, seen) =
        HttpServer::recording(|request, reply| match request.json()["ts"].as_str() {
            Some("9.9") => {
                reply.send(200, "application/json", r#"{"ok":false,"error":"message_not_found"}"#)
            }
            _ => reply.send(200, "application/json", POSTED),
        });
    let bot = sender(CHANNELS[1].1, &server.url);
    let handle = "C01/1503435956.000247";
    let rows: [(Option<&str>, &[&str]); 4] = [
        (None, &["/api/chat.postMessage"]),
        (Some(handle), &["/api/chat.update"]),
        (Some("C01/9.9"), &["/api/chat.update", "/api/chat.postMessage"]),
        (Some("nonsense"), &["/api/chat.postMessage"]),
    ];
    for (given, paths) in rows {
        let outcome = bot.deliver(&delivery(Action::Update, given), DEADLINE);
        assert_eq!(outcome, Outcome::Delivered { handle: Some(handle.to_owned()) }, "{given:?}");
        let seen: Vec<HttpRequest> = std::mem::take(&mut *seen.lock().unwrap());
        let found: Vec<&str> = seen.iter().map(HttpRequest::path).collect();
        assert_eq!(found, paths, "{given:?}");
    }
}

#[test]
fn attempts_of_a_webhook_have_one_id() {
    let (server, seen) = HttpServer::recording(accept);
    let webhook = sender(CHANNELS[2].1, &server.url);
    for _ in 0..2 {
        webhook.deliver(&delivery(Action::Trigger, None), DEADLINE);
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].header("webhook-id"), Some("0195c7a4"));
    assert_eq!(
        (seen[0].header("webhook-id"), &seen[0].body),
        (seen[1].header("webhook-id"), &seen[1].body)
    );
}

/// Returns the sender of a command that is a line of shell.
fn exec(script: &str) -> ChannelSender {
    let text = format!("{{type: exec, command: [sh, -c, '{}']}}", script.replace('\'', "''"));
    sender(&text, "")
}

#[test]
fn command_outcome_follows_its_exit_status() {
    let rows = [
        ("exit 0", "delivered -", ""),
        (
            "cat >/dev/null; printf \"a\\033[2J\" >&2; exit 1",
            "later 0",
            "exit status: 1: a\\u{1b}[2J",
        ),
        ("exit 75", "later 0", "exit status: 75"),
        ("echo \"bad key\" >&2; exit 78", "refused", "exit status: 78: bad key"),
        ("no-such-program", "refused", "127"),
        ("kill -9 $$", "later 0", "signal: 9"),
        (
            "test \"$DLQ_NOTICE_TITLE\" = \"orders-dlq: 12 <b>messages</b> & more\"",
            "delivered -",
            "",
        ),
        ("test \"$DLQ_NOTICE_ACTION $DLQ_NOTICE_SEVERITY\" = \"resolve ERROR\"", "delivered -", ""),
        (
            "test \"$(cat)\" = \"{\\\"specversion\\\":\\\"1.0\\\",\\\"id\\\":\\\"i\\\",\\\"source\\\":\\\"s\\\",\\\"type\\\":\\\"t\\\"}\"",
            "delivered -",
            "",
        ),
    ];
    for (script, expected, cause) in rows {
        let outcome = exec(script).deliver(&delivery(Action::Resolve, None), DEADLINE);
        assert_eq!(kind(&outcome), expected, "{script}: {outcome:?}");
        assert!(
            format!("{outcome:?}").replace("\\\\", "\\").contains(cause),
            "{script}: {outcome:?}"
        );
    }
    let missing = sender("{type: exec, command: [/no/such/program]}", "");
    let outcome = missing.deliver(&delivery(Action::Trigger, None), DEADLINE);
    let cause = "there is no program '/no/such/program' here".to_owned();
    let later = Outcome::Later { cause, after: None, unknown: false };
    assert_eq!(outcome, later, "somebody may install it");
}

#[test]
fn hanging_command_is_killed_with_what_has_left_its_session() {
    let bench = Bench::new("exec-hangs");
    let pids = bench.path("pids");
    let note = |what: &str| format!("{what} & echo $! >> {}", pids.display());
    let script = format!(
        "echo $$ > {}; {}; {}; wait",
        pids.display(),
        note("setsid sleep 600"),
        note("sleep 600")
    );
    let outcome = exec(&script).deliver(&delivery(Action::Trigger, None), Duration::from_secs(1));
    let cause = "no answer within 1s".to_owned();
    assert_eq!(outcome, Outcome::Later { cause, after: None, unknown: true });
    let pids = std::fs::read_to_string(&pids).unwrap();
    assert_eq!(pids.lines().count(), 3);
    for pid in pids.lines() {
        let gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        if cfg!(target_os = "linux") {
            wait_for("the process is gone", gone);
        }
    }
}

/// The stubs print what they get; the commands are those of the manual.
#[test]
fn command_recipes_of_the_manual_pass_title_and_body_as_data() {
    let page = include_str!("../../../man/dlq-notify.1");
    let (_, recipes) = page.split_once(".\\\" recipes\n.Bd -literal\n").unwrap();
    let recipes = recipes.split("\n.Ed").next().unwrap().replace("\\e", "\\");
    let mut bench = Bench::new("recipes");
    bench.configure(&recipes);
    bench.set("TOPIC_ARN", "arn:t");
    let stub = "#!/bin/sh\n{ printf '%s\\n' \"${0##*/}\" \"$@\"; [ -t 0 ] || cat; } > \"${0%/*}/../got\"\n";
    for program in ["apprise", "curl", "aws", "mail"] {
        bench.stub(program, stub);
    }
    let (title, body) =
        ("dlq-tools: a test notice", "dlq-tools: a test notice\nchannel 'NAME' works");
    let rows: [(&str, &str, &[&str]); 4] = [
        ("apprise", "apprise", &["--title=TITLE\n", "--body=BODY\n"]),
        ("ntfy", "curl", &["Title: TITLE\n", "\n@-\n", "dlq\nBODY"]),
        ("sns", "aws", &["sns\npublish\n--topic-arn=arn:t\n", "--message=INFO BODY\n"]),
        ("mail", "mail", &["-s\nTITLE\n", "ops@example.org\nBODY\n"]),
    ];
    for (name, program, parts) in rows {
        let output = bench.run("dlq-notify", &["--test-channel", name], "");
        assert_eq!((output.code(), output.stderr.as_str()), (0, ""), "{name}");
        let got = std::fs::read_to_string(bench.path("got")).unwrap();
        assert!(got.starts_with(&format!("{program}\n")), "{got}");
        for part in parts {
            let part = part.replace("TITLE", title).replace("BODY", &body.replace("NAME", name));
            assert!(got.contains(&part), "{name}: {part} in {got}");
        }
    }
}
