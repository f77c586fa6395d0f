//! Checks of servers: all well, refusals by name, and servers that hang, break off or talk nonsense.

use std::net::TcpListener;
use std::time::SystemTime;

use serde_json::json;

use super::{Findings, doctor};
use crate::support::github_server::GithubServer;
use crate::support::http::{HttpServer, Reply};
use crate::support::poll::bench;
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::Bench;

#[test]
fn checks_of_a_real_sqs_server_succeed_without_an_effect() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = sqs.create("orders-dlq", &json!({}));
    sqs.create_source("orders", "orders-dlq");
    (0..3).for_each(|number| sqs.send(&dlq, &number.to_string()));
    let mut bench = bench("doctor-real", &server.url);
    bench.configure("features: {auto_redrive: true, archive_before_expiry: true}\n");
    let found = doctor(&bench, &[]);
    assert_eq!(found.names("failed"), Vec::<&str>::new(), "{found:#?}");
    assert_eq!(found.code, 0, "{found:#?}");
    assert_eq!(found.check("aws.attributes")[1], "'orders-dlq' has 3 messages");
    let allowed = "sqs:ListQueues, sqs:GetQueueAttributes, sqs:GetQueueUrl, \
                   sqs:ListMessageMoveTasks, sqs:ChangeMessageVisibility, sqs:DeleteMessage, \
                   sqs:ListDeadLetterSourceQueues";
    let untried = "sqs:ReceiveMessage, kms:Decrypt, sqs:SendMessage, kms:GenerateDataKey";
    let [_, detail, _] = found.check("aws.permissions");
    assert_eq!(detail, format!("allowed: {allowed}; not tried: {untried}"));
    assert_eq!((sqs.depth(&dlq), sqs.in_flight(&dlq)), (3, 0), "nothing was touched");
    let received = sqs.receive_counts(&dlq);
    assert!(received.values().all(|count| *count <= 1), "{received:?}");
}

#[test]
fn identity_and_missing_permissions_are_named() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 3)]);
    sqs.state().delete = Behavior::Refuse(403, "AccessDeniedException");
    sqs.state().tasks = Behavior::Refuse(403, "AccessDeniedException");
    let mut bench = bench("doctor-denied", &sqs.url);
    bench.configure("features: {auto_redrive: true}\n");
    let found = doctor(&bench, &[]);
    let arn = "arn:aws:iam::123456789012:user/tester";
    assert_eq!(found.check("aws.identity")[..2], ["ok", arn]);
    let missing =
        "missing: sqs:ListMessageMoveTasks (read), sqs:DeleteMessage (redrive); not tried";
    found.assert_failed("aws.permissions", missing);
    assert!(found.check("aws.permissions")[2].contains("dlq-doctor --policy"), "{found:#?}");
    // What only tells less is a warning.
    sqs.state().delete = Behavior::Normal;
    let found = doctor(&bench, &[]);
    assert_eq!((found.check("aws.permissions")[0], found.code), ("warning", 0), "{found:#?}");
    // Unknown is not allowed.
    sqs.state().tasks = Behavior::Body("<html>");
    doctor(&bench, &[]).assert_failed("aws.permissions", "unknown: sqs:ListMessageMoveTasks: ");
    sqs.state().tasks = Behavior::Normal;
    sqs.state().list = Behavior::Refuse(403, "AccessDeniedException");
    let found = doctor(&bench, &[]);
    found.assert_failed("aws.permissions", "missing: sqs:ListQueues (read)");
    assert_eq!(found.check("aws.attributes")[0], "skipped");
    let state = sqs.state();
    assert_eq!(state.count("ReceiveMessage") + state.count("SendMessageBatch"), 0);
}

/// A way in which a server does not answer.
type Fault = (&'static str, fn(&mut Reply<'_>) -> Result<(), crate::support::http::Closed>);

const FAULTS: [Fault; 6] = [
    ("hangs", |reply| reply.hang()),
    ("breaks off", |_| Err(crate::support::http::Closed)),
    ("sends a page", |reply| reply.send(200, "text/html", "<html>\u{1b}]0;x\u{7}sign in</html>")),
    ("sends nothing", |reply| reply.send(200, "application/json", "")),
    ("sends a gibibyte", |reply| reply.send_gibibyte()),
    ("sends half", |reply| {
        reply.begin_chunks("application/json")?;
        reply.send_chunk("{\"QueueUrls\": [\"")?;
        reply.hang()
    }),
];

/// Configures everything that asks a server, all of them this one.
fn with_servers(name: &str, url: &str) -> Bench {
    let mut bench = bench(name, url);
    bench.write("token", "ghp_0123456789");
    bench.set("HOOK", format!("{url}/services/T/B/x"));
    bench.set("TOKEN", "0123456789abcdef0123456789abcdef");
    bench.write("key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let secrets = "chmod 600 token key";
    assert_eq!(bench.shell(secrets).code(), 0);
    bench.shell("git init -q -b main repo && cd repo && git -c user.name=a -c user.email=a@b.c commit -q --allow-empty -m x");
    bench.configure(&format!(
        "github: {{endpoint: '{url}', token: {{file: {dir}/token}}}}\n\
         auto_investigation:\n  queues: [{{match: '*', repo: {dir}/repo, github: acme/web}}]\n\
         notifications:\n  channels:\n    hook: {{type: webhook, url: '{url}/hook', secret: {{file: {dir}/key}}}}\n\
         \x20   slow: {{type: exec, command: [/bin/true]}}\n\
         \x20   slackhook: {{type: slack, url: {{env: HOOK}}}}\n\
         \x20   slackbot: {{type: slack, token: {{env: TOKEN}}, channel: '#ops', endpoint: '{url}/api'}}\n\
         \x20   pagerduty: {{type: pagerduty, key: {{env: TOKEN}}, endpoint: '{url}'}}\n",
        dir = bench.dir().display(),
    ));
    bench
}

#[track_caller]
fn assert_each_failed(found: &Findings, fault: &str) {
    for name in ["aws.list", "github.token", "github acme/web", "channel hook"] {
        match (name, fault) {
            // SQS itself answers without a list when there is no queue.
            ("aws.list", "sends nothing") => assert_eq!(found.check(name)[0], "warning"),
            // Whatever answers 2xx has taken a notice.
            ("channel hook", _) if fault.starts_with("sends") => {}
            // The memory of this machine is not filled with it.
            ("aws.list", "sends a gibibyte") => found.assert_failed(name, "more than 64 MiB"),
            _ => found.assert_failed(name, ""),
        }
    }
    for name in ["channel slackhook", "channel slackbot", "channel pagerduty"] {
        match fault {
            "sends nothing" | "sends a gibibyte" | "sends half" if name != "channel slackbot" => {}
            _ => {
                found.assert_failed(name, "");
                let remedy = found.check(name)[2];
                assert!(remedy.contains("notifications.channels"), "{name} {fault}: {found:#?}");
            }
        }
    }
    assert_ne!(found.check("aws.identity")[0], "ok", "{fault}: {found:#?}");
    assert_ne!(found.check("clock")[0], "ok", "{fault}: {found:#?}");
    assert_eq!(found.check("aws.permissions")[0], "skipped", "{fault}: {found:#?}");
    let text = found.event.to_string();
    assert!(!text.contains("ghp_0123456789") && !text.contains("\\u001b"), "{fault}: {text}");
}

#[test]
fn checks_end_whatever_a_server_does() {
    for (fault, answer) in FAULTS {
        let server = HttpServer::start(move |_, reply| answer(reply));
        let bench = with_servers("doctor-faults", &server.url);
        let found = doctor(&bench, &["--send"]);
        assert_each_failed(&found, fault);
    }
}

#[test]
fn checks_end_when_nobody_listens_or_accepts() {
    // A port that was free a moment ago.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = with_servers("doctor-closed", &format!("http://{closed}"));
    let found = doctor(&bench, &["--send"]);
    found.assert_failed("aws.list", "connection refused");
    assert_each_failed(&found, "closed");
    // One that accepts connections and reads nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let bench = with_servers("doctor-mute", &url);
    assert_each_failed(&doctor(&bench, &["--send"]), "mute");
}

#[test]
fn token_of_github_is_judged_by_kind_scopes_and_access() {
    let Some(github) = GithubServer::with_repo() else { return };
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 0)]);
    let mut bench = bench("doctor-github", &sqs.url);
    bench.set("TOKEN", "token");
    bench.configure(&format!(
        "github: {{endpoint: '{}', token: {{env: TOKEN}}}}\n\
         auto_investigation:\n  queues: [{{match: '*', github: acme/web}}, {{match: b, github: acme/none}}]\n",
        github.url
    ));
    let found = doctor(&bench, &[]);
    assert_eq!(found.check("github acme/web")[..2], ["ok", "the token may push"]);
    found.assert_failed("github acme/none", "404");
    let [status, detail, _] = found.check("github.token");
    assert!(status == "ok" && detail.contains(" requests left"), "{found:#?}");
    bench.set("TOKEN", "wrong");
    let found = doctor(&bench, &[]);
    found.assert_failed("github.token", "401");
    assert!(!found.event.to_string().contains("wrong"), "{found:#?}");
    github.assert_allowed();
}

#[test]
fn clock_is_compared_with_the_server() {
    let ahead = |hours: u64| {
        let date = SystemTime::now() + std::time::Duration::from_secs(hours * 3600);
        let date = chrono::DateTime::<chrono::Utc>::from(date);
        date.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    for (hours, status) in [(0, "ok"), (3, "failed")] {
        let server = HttpServer::start(move |_, reply| {
            reply.send_with(404, "text/plain", &[("date", &ahead(hours))], "")
        });
        let bench = bench("doctor-clock", &server.url);
        let found = doctor(&bench, &[]);
        assert_eq!(found.check("clock")[0], status, "{found:#?}");
        if hours > 0 {
            found.assert_failed("clock", "behind; AWS refuses");
        }
    }
}

/// AWS refuses the signatures of a machine whose clock is wrong; the credentials are good.
#[test]
fn wrong_clock_is_no_fault_of_the_credentials() {
    let server = HttpServer::start(|_, reply| {
        let error = "<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code>\
                     <Message>Signature expired: 20260101T120000Z is now earlier than \
                     20260101T121500Z (20260101T123000Z - 15 min.)</Message></Error></ErrorResponse>";
        reply.send_with(403, "text/xml", &[("date", "Thu, 01 Jan 2026 12:30:00 GMT")], error)
    });
    let bench = bench("doctor-skew", &server.url);
    let found = doctor(&bench, &[]);
    found.assert_failed("aws.identity", "the clock of this machine is ");
    assert!(found.check("aws.identity")[2].contains("NTP"), "{found:#?}");
    let [_, list, _] = found.check("aws.list");
    assert_eq!(list, "not tried: the clock is wrong");
    assert!(!found.event.to_string().contains("sign in again"), "{found:#?}");
}

#[test]
fn logs_are_asked_by_the_aws_command() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 0)]);
    let mut bench = bench("doctor-logs", &sqs.url);
    bench.set("DLQ_EVIDENCE_LOGS", "auto");
    bench.configure(
        "auto_investigation:\n  enabled: true\n  agent: triage\n  \
         queues: [{match: '*', logs: {lambda: orders}}]\n",
    );
    let script = "#!/bin/sh\necho \"$*\" >> calls\ncase $2 in filter-log-events) \
                  echo 'An error occurred (AccessDeniedException) when calling the FilterLogEvents operation: no' >&2; \
                  exit 254;; esac\necho '{}'\n";
    bench.stub("aws", script);
    let found = doctor(&bench, &[]);
    let [status, detail, _] = found.check("aws.logs");
    assert_eq!((status, found.code), ("warning", 0), "{found:#?}");
    assert!(detail.starts_with("missing: logs:FilterLogEvents (logs)"), "{found:#?}");
    let calls = std::fs::read_to_string(bench.path("calls")).unwrap();
    assert_eq!(calls.lines().count(), 3, "{calls}");
    bench.stub("aws", "#!/bin/sh\necho '<html>sign in</html>'\n");
    doctor(&bench, &[]).assert_failed("aws.logs", "the answer of aws is not JSON");
    bench.stub("aws", "#!/bin/sh\nexec sleep 600\n");
    doctor(&bench, &[]).assert_failed("aws.logs", "");
}
