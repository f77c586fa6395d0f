//! Deliveries beside what goes wrong: damaged files, clocks that were ahead, a poller or a command that
//! hangs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::outbox::entries;
use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::http::{HttpRequest, HttpServer};
use crate::support::workbench::{Bench, arguments_of, event, processes_of, wait_for};

fn error(id: &str) -> String {
    event("queue.odd", id, "ERROR", "")
}

/// Returns the paths of the entries of a channel.
fn files(bench: &Bench, channel: &str) -> Vec<std::path::PathBuf> {
    let listed = std::fs::read_dir(bench.state("outbox").join(channel)).unwrap();
    let paths = listed.map(|file| file.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect()
}

/// Starts a server that answers with a status.
fn answering(status: &Arc<AtomicU64>) -> HttpServer {
    let status = status.clone();
    HttpServer::start(move |_, reply| {
        reply.send(u16::try_from(status.load(Ordering::SeqCst)).unwrap(), "text/plain", "")
    })
}

#[test]
fn console_as_the_fallback_prints_at_once() {
    let server = HttpServer::start(|_, reply| reply.send(404, "text/plain", ""));
    let mut bench = Bench::new("console-fallback");
    bench.configure(&format!(
        "notifications:\n  channels:\n    hook: {{type: webhook, url: '{}/x'}}\n    \
         console: {{type: console, min_severity: FATAL}}\n  \
         routes: [{{channels: [hook], fallback: console}}]\n",
        server.url
    ));
    let output = bench.run("dlq-notify", &[], error("a") + &error("b"));
    assert_eq!(output.code(), 1, "{}", output.stderr);
    assert_eq!(output.stderr.matches("ERROR orders-dlq: ").count(), 2, "{}", output.stderr);
    assert!(!output.stderr.contains("in the outbox"), "{}", output.stderr);
    assert_eq!(entries(&bench, "hook") + entries(&bench, "console"), 0);
    assert_eq!(bench.run("dlq-notify", &[], "").stderr, "");
}

#[test]
fn entry_of_a_channel_that_has_become_a_console_is_printed() {
    let mut bench = Bench::new("console-became");
    let configured = |channel: &str| format!("notifications: {{channels: {{c: {{{channel}}}}}}}");
    bench.configure(&configured("type: webhook, url: 'http://127.0.0.1:1/x'"));
    bench.run("dlq-notify", &["--drain", "0s"], error("a"));
    assert_eq!(entries(&bench, "c"), 1);
    bench.configure(&configured("type: console"));
    let output = bench.run("dlq-notify", &[], "");
    assert_eq!(output.stderr.matches("ERROR orders-dlq: ").count(), 1, "{}", output.stderr);
    assert_eq!((output.code(), entries(&bench, "c")), (0, 0), "{}", output.stderr);
    assert_eq!(bench.run("dlq-notify", &[], "").stderr, "");
}

#[test]
fn damaged_draft_of_a_console_is_named_and_stops_nothing() {
    let mut bench = Bench::new("console-damaged");
    bench.configure("notifications: {channels: {console: {type: console}}}");
    bench.run("dlq-notify", &[], error("a"));
    let id = "0000000a-0000-8000-8000-00000000000a";
    let path = bench.state("notices.json");
    let mut notices: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    notices["queue"][id] = serde_json::json!({"channel": "console", "topics": []});
    std::fs::write(&path, notices.to_string()).unwrap();
    let draft = bench.write(&format!("state/outbox/console/000000000009-{id}.draft"), "{");
    let output = bench.run("dlq-notify", &[], error("b"));
    assert_eq!(output.code(), 1, "{}", output.stderr);
    assert!(output.stderr.contains(&draft.display().to_string()), "{}", output.stderr);
    assert!(output.stderr.contains("move it away to go on"), "{}", output.stderr);
    assert!(output.stderr.contains("ERROR orders-dlq: "), "{}", output.stderr);
    assert_eq!(std::fs::read(&draft).unwrap(), b"{");
    std::fs::remove_file(&draft).unwrap();
    let output = bench.run("dlq-notify", &[], "");
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
}

#[test]
fn statements_that_cannot_be_read_hold_nothing_back() {
    for name in ["acks", "silences"] {
        let (server, seen) = HttpServer::recording(|_, reply| reply.send(200, "text/plain", ""));
        let mut bench = Bench::new("damaged-statements");
        let url = &server.url;
        bench.configure(&format!(
            "notifications: {{channels: {{c: {{type: webhook, url: '{url}/hook'}}}}}}"
        ));
        bench.write(&format!("state/{name}.json"), "{");
        let output = bench.run("dlq-notify", &[], error("a"));
        assert_eq!(output.code(), 1, "{name}: {}", output.stderr);
        assert_eq!(output.stderr.lines().count(), 1, "{name}: {}", output.stderr);
        assert!(output.stderr.contains(&format!("{name}.json")), "{name}: {}", output.stderr);
        assert_eq!((seen.lock().unwrap().len(), entries(&bench, "c")), (1, 0), "{name}");
    }
}

#[test]
fn pause_of_a_clock_that_was_ahead_is_over() {
    let state = Arc::new(AtomicU64::new(503));
    let server = answering(&state);
    let mut bench = Bench::new("pause-ahead");
    let channel = format!("{{type: webhook, url: '{}/hook'}}", server.url);
    bench.configure(&format!("notifications: {{channels: {{c: {channel}}}}}"));
    bench.run("dlq-notify", &["--drain", "1s"], error("a"));
    let path = files(&bench, "c").remove(0);
    let mut entry: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    entry["not_before"] =
        dlq::clock::now().plus(Duration::from_secs(30 * 86_400)).to_string().into();
    std::fs::write(&path, entry.to_string()).unwrap();
    state.store(200, Ordering::SeqCst);
    let output = bench.run("dlq-notify", &["--drain", "5s"], "");
    assert_eq!((output.code(), entries(&bench, "c")), (0, 0), "{}", output.stderr);
}

#[test]
fn live_stream_goes_on_while_the_poller_hangs() {
    let told = Arc::new(Mutex::new(0));
    let server = HttpServer::start({
        let told = told.clone();
        move |_, reply| {
            *told.lock().unwrap() += 1;
            reply.send(200, "text/plain", "")
        }
    });
    let mut bench = Bench::new("poller-hangs");
    let url = &server.url;
    bench.configure(&format!(
        "notifications:\n  heartbeat_rounds: 0\n  channels: {{c: {{type: webhook, url: \
         '{url}/hook'}}}}\n  routes: [{{channels: [c], group_wait: 3s}}]\n"
    ));
    let mut running = bench.start("dlq-notify", &["--json"]);
    let now = dlq::clock::now();
    running.write(raised("a-dlq", "a", now, None) + &heartbeat(now));
    wait_for("the end of the group wait", || *told.lock().unwrap() == 1);
    assert_eq!(running.finish().code(), 0);
}

#[test]
fn recorded_stream_waits_for_its_own_time() {
    let (server, seen) = HttpServer::recording(|_, reply| reply.send(200, "text/plain", ""));
    let mut bench = Bench::new("recorded-waits");
    let url = &server.url;
    bench.configure(&format!(
        "notifications:\n  heartbeat_rounds: 0\n  channels: {{c: {{type: webhook, url: \
         '{url}/hook'}}}}\n  routes: [{{channels: [c], group_wait: 10ms}}]\n"
    ));
    let mut running = bench.start("dlq-notify", &["--json"]);
    let at = seconds_ago(3600);
    running.write(raised("a-dlq", "a", at, None) + &heartbeat(at));
    running.line();
    // The stream is silent for longer than the wait before another event is planned.
    let told = |number: usize| seen.lock().unwrap().get(number).map(HttpRequest::text);
    for (number, id) in ["b", "c"].into_iter().enumerate() {
        running.write(error(id));
        wait_for("a result is told", || told(number).is_some());
        assert!(
            told(number).unwrap().contains("queue.odd"),
            "time has gone on: {:?}",
            told(number)
        );
    }
    assert_eq!(running.finish().code(), 0);
    assert!(told(2).unwrap().contains("a-dlq"), "{:?}", told(2));
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[test]
fn hung_command_does_not_outlive_the_program() {
    let mut bench = Bench::new("hung-command");
    let script = "#!/bin/sh\necho x >> \"${0%/*}/../told\"\nsleep 321 &\nsleep 321\n";
    let program = bench.stub("hang", script).display().to_string();
    bench.configure(&format!(
        "notifications: {{channels: {{c: {{type: exec, command: [{program}]}}}}}}"
    ));
    assert_ends_with_the_program(&bench);
}

/// Lets a notice be delivered by what hangs, and looks for what is left.
fn assert_ends_with_the_program(bench: &Bench) {
    let output = bench.run("dlq-notify", &["--drain", "500ms"], error("a"));
    assert_eq!(output.code(), 0, "{}", output.stderr);
    assert!(bench.path("told").exists(), "{}", output.stderr);
    let left: Vec<String> = processes_of(bench).into_iter().map(arguments_of).collect();
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(entries(bench, "c"), 1, "another attempt comes later");
}

#[test]
fn hung_voice_does_not_outlive_the_program() {
    let mut bench = Bench::new("hung-voice");
    bench.set("XDG_CACHE_HOME", bench.path("cache"));
    let script = "#!/bin/sh\necho x >> \"${0%/*}/../told\"\nsleep 321 &\nsleep 321\n";
    bench.stub("espeak-ng", script);
    bench.configure("notifications: {channels: {c: {type: speech, engine: local}}}");
    assert_ends_with_the_program(&bench);
}

#[test]
fn entry_that_was_silenced_for_days_is_delivered() {
    let state = Arc::new(AtomicU64::new(503));
    let server = answering(&state);
    let mut bench = Bench::new("silenced-for-days");
    let channel = format!("{{type: webhook, url: '{}/hook'}}", server.url);
    bench.configure(&format!("notifications: {{heartbeat_rounds: 0, channels: {{c: {channel}}}}}"));
    bench.run("dlq-notify", &["--drain", "0s"], error("a"));
    state.store(200, Ordering::SeqCst);
    let path = files(&bench, "c").remove(0);
    let mut entry: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    entry["not_before"] = serde_json::Value::Null;
    entry["queued_at"] = serde_json::json!(seconds_ago(10 * 86_400));
    std::fs::write(&path, entry.to_string()).unwrap();
    let silence = serde_json::json!({
        "id": "s", "glob": "orders-*", "from": seconds_ago(9 * 86_400),
        "until": dlq::clock::now().plus(Duration::from_secs(3600)), "reason": null,
    });
    bench.write(
        "state/silences.json",
        serde_json::json!({"version": 1, "silences": [silence]}).to_string(),
    );
    let output = bench.run("dlq-notify", &[], "");
    assert!(output.stderr.contains("1 notice waits in the outbox"), "{}", output.stderr);
    bench.run("dlq-status", &["--unsilence", "orders-*"], "");
    let output = bench.run("dlq-notify", &["--json"], "");
    assert_eq!((output.code(), entries(&bench, "c")), (0, 0), "{}", output.stderr);
    assert!(output.text().contains("\"notice.sent\""), "{}", output.text());
}

#[test]
fn live_stream_delivers_at_the_rate_of_the_channel() {
    let took = || {
        let (server, seen) = HttpServer::recording(|_, reply| reply.send(200, "text/plain", ""));
        let mut bench = Bench::new("live-rate");
        let channel = format!("{{type: webhook, url: '{}/hook', rate: 1000/s}}", server.url);
        bench.configure(&format!("notifications: {{channels: {{c: {channel}}}}}"));
        let mut running = bench.start("dlq-notify", &["--json"]);
        let now = dlq::clock::now();
        let count = 600;
        let events: String = (0..count).map(|number| error(&format!("e{number}"))).collect();
        running.write(heartbeat(now) + &events);
        let begun = std::time::Instant::now();
        wait_for("all are told", || seen.lock().unwrap().len() == count);
        let took = begun.elapsed();
        assert_eq!(running.finish().code(), 0);
        took
    };
    // A look every 20 ms would need 12 s each time; a busy machine needs as long now and then.
    assert!((0..5).any(|_| took() < Duration::from_secs(11)));
}
