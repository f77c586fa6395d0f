//! The heartbeat to a service outside.

use std::time::{Duration, Instant};

use dlq::time::Timestamp;

use crate::support::event_lines::heartbeat;
use crate::support::http::{HttpServer, Reply};
use crate::support::workbench::{Bench, event, wait_for};

fn configured(name: &str, url: &str) -> Bench {
    let mut bench = Bench::new(name);
    bench.configure("notifications: {heartbeat_url: {env: HEARTBEAT_URL}}");
    bench.set("HEARTBEAT_URL", format!("{url}/hunter2"));
    bench
}

fn now() -> Timestamp {
    dlq::clock::now()
}

#[test]
fn heartbeat_is_sent_for_a_round_that_has_read_queues_and_no_other() {
    let blind = heartbeat(now()).replace("\"unreadable\":0", "\"unreadable\":6");
    let recorded = heartbeat(now().minus(Duration::from_secs(3600)));
    let rows = [
        ("a round", heartbeat(now()), "", 1),
        ("three rounds at once", heartbeat(now()).repeat(3), "", 1),
        ("a round that has read nothing", blind, "", 0),
        ("a recorded round", recorded, "", 0),
        ("another event", event("queue.odd", "i", "INFO", ""), "", 0),
        ("a dry run", heartbeat(now()), "-n", 0),
        ("notices are switched off", heartbeat(now()), "features: {notify: false}", 1),
    ];
    for (rule, lines, extra, expected) in rows {
        let (server, seen) = HttpServer::recording(|_, reply| reply.send(200, "text/plain", "OK"));
        let mut bench = configured("heartbeat", &server.url);
        let mut options = vec!["--json"];
        match extra {
            "-n" => options.push("-n"),
            yaml => bench.configure(&format!(
                "notifications: {{heartbeat_url: {{env: HEARTBEAT_URL}}}}\n{yaml}"
            )),
        }
        let output = bench.run("dlq-notify", &options, &lines);
        assert_eq!((output.code(), output.stderr.as_str()), (0, ""), "{rule}");
        assert_eq!(output.text(), lines, "{rule}");
        let seen = seen.lock().unwrap();
        let asked: Vec<_> =
            seen.iter().map(|one| format!("{} {}", one.method, one.target)).collect();
        assert_eq!(asked, vec!["GET /hunter2"; expected], "{rule}");
    }
}

#[test]
fn heartbeat_is_sent_only_while_notices_can_be_recorded() {
    let (server, seen) = HttpServer::recording(|_, reply| reply.send(200, "text/plain", "OK"));
    let bench = configured("heartbeat-full", &server.url);
    let mut running = bench.start("dlq-notify", &["--json"]);
    running.write(event("queue.odd", "i", "INFO", ""));
    running.line();
    bench.write("state/notices.json", "{");
    running.write(heartbeat(now()));
    running.line();
    let output = running.finish();
    assert_eq!((output.code(), seen.lock().unwrap().len()), (1, 0), "{}", output.stderr);
    assert!(output.stderr.contains("notices.json"), "{}", output.stderr);
}

#[test]
fn failed_heartbeat_is_a_warning_with_a_remedy_and_no_failure() {
    type Script = fn(&mut Reply<'_>) -> Result<(), crate::support::http::Closed>;
    let rows: [(&str, Script, &str); 3] = [
        ("not found", |reply| reply.send(404, "text/plain", "hunter2"), "answer 404"),
        ("cut off", |_| Err(crate::support::http::Closed), "the peer hung up"),
        ("hanging", |reply| reply.hang(), "no answer in time"),
    ];
    for (rule, script, cause) in rows {
        let server = HttpServer::start(move |_, reply| script(reply));
        let bench = configured("heartbeat-failed", &server.url);
        let mut running = bench.start("dlq-notify", &["--json"]);
        let began = Instant::now();
        for _ in 0..3 {
            running.write(heartbeat(now()));
            running.line();
        }
        assert!(began.elapsed() < Duration::from_secs(2), "{rule}: the stream waited");
        wait_for("a warning", || running.stderr().contains("cannot send the heartbeat"));
        let output = running.finish();
        assert_eq!(output.code(), 0, "{rule}: {}", output.stderr);
        assert_eq!(output.stderr.lines().count(), 1, "{rule}: {}", output.stderr);
        assert!(output.stderr.contains(cause), "{rule}: {}", output.stderr);
        assert!(output.stderr.contains("check the URL that 'notifications.heartbeat_url'"));
        assert!(!output.stderr.contains("hunter2"), "{rule}: {}", output.stderr);
    }
}

#[test]
fn heartbeat_url_is_a_secret_and_must_be_https() {
    let mut bench = Bench::new("heartbeat-url");
    bench.configure("notifications: {heartbeat_url: 'https://hc.example/hunter2'}");
    let output = bench.run("dlq-notify", &[], "");
    assert_eq!(output.code(), 2);
    assert!(output.stderr.contains("a secret cannot be in the file"), "{}", output.stderr);
    assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
    let bench = configured("heartbeat-http", "http://hc.example");
    let output = bench.run("dlq-notify", &[], heartbeat(now()));
    let expected = "'hc.example': only https is used, except on this machine";
    assert_eq!((output.code(), output.stderr.contains(expected)), (0, true), "{}", output.stderr);
}
