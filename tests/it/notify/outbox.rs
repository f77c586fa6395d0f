//! Deliveries that outlive failures of channels, crashes, and other runs at the same time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::channels::{CHANNELS, accept, configuration, variables};
use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::http::HttpServer;
use crate::support::workbench::{Bench, event, wait_for};

/// A command that notes the id of each delivery and the event that it is about.
const NOTING: &str =
    "#!/bin/sh\nline=\"$DLQ_NOTICE_ID $(cat)\"\nprintf '%s\\n' \"$line\" >> \"${0%/*}/../told\"\n";

/// Configures one channel that runs the noting command.
pub fn noting(bench: &mut Bench) {
    let program = bench.stub("note", NOTING).display().to_string();
    bench.configure(&format!(
        "notifications: {{channels: {{c: {{type: exec, command: [{program}]}}}}}}"
    ));
}

/// Returns how often each event was told, and the ids of its deliveries.
pub fn told(bench: &Bench) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(bench.path("told")).unwrap_or_default();
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        let (id, event) = line.split_once(' ').unwrap();
        // A run that is killed can leave a command without its event.
        let Ok(event) = serde_json::from_str::<serde_json::Value>(event) else { continue };
        told.entry(event["id"].as_str().unwrap().to_owned()).or_default().push(id.to_owned());
    }
    told
}

fn errors(from: usize, count: usize) -> String {
    (from..from + count).map(|n| event("queue.odd", &format!("id-{n}"), "ERROR", "")).collect()
}

/// Returns the entries of a channel's outbox.
pub fn entries(bench: &Bench, channel: &str) -> usize {
    let listed = std::fs::read_dir(bench.state("outbox").join(channel));
    listed.map_or(0, |files| {
        let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with(".json") || name.ends_with(".draft")).count()
    })
}

#[test]
fn notices_follow_one_another_while_the_stream_is_quiet() {
    let mut bench = Bench::new("quiet-stream");
    noting(&mut bench);
    let mut running = bench.start("dlq-notify", &[]);
    let begun = Instant::now();
    running.write(errors(0, 40));
    wait_for("all are told", || told(&bench).len() == 40);
    // A look twice a second would need 20 s.
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    wait_for("the outbox is empty", || entries(&bench, "c") == 0);
    assert_eq!(running.finish().code(), 0);
}

#[test]
fn five_runs_at_once_send_each_notice_once() {
    let mut bench = Bench::new("five-runs");
    noting(&mut bench);
    bench.write("lines", errors(0, 20));
    let run = "dlq-notify < lines > /dev/null";
    let output = bench.shell(&format!("{}wait", format!("{run} & ").repeat(5)));
    assert_eq!(output.stderr, "");
    let told = told(&bench);
    assert_eq!(told.len(), 20);
    assert!(told.values().all(|ids| ids.len() == 1), "{told:?}");
    assert_eq!(entries(&bench, "c"), 0);
}

#[test]
fn notice_outlives_an_outage_under_its_id_and_in_order() {
    let (state, seen) = (Arc::new(AtomicU64::new(503)), Arc::new(Mutex::new(Vec::new())));
    let server = HttpServer::start({
        let (state, seen) = (state.clone(), seen.clone());
        move |request, reply| {
            let id = request.header("webhook-id").unwrap_or_default().to_owned();
            let event = request.json()["data"]["event"]["id"].as_str().unwrap_or("?").to_owned();
            let status = u16::try_from(state.load(Ordering::SeqCst)).unwrap();
            seen.lock().unwrap().push((status, id, event));
            reply.send(status, "text/plain", "")
        }
    });
    let mut bench = Bench::new("outage");
    let channel = format!("{{type: webhook, url: '{}/hook', rate: 1000/s}}", server.url);
    bench.configure(&format!("notifications: {{channels: {{c: {channel}}}}}"));
    let output = bench.run("dlq-notify", &["--drain", "1s"], errors(0, 3));
    assert_eq!(output.code(), 0, "they stand safely in the outbox: {}", output.stderr);
    assert!(output.stderr.contains("3 notices wait in the outbox"), "{}", output.stderr);
    assert_eq!(entries(&bench, "c"), 3);
    state.store(200, Ordering::SeqCst);
    wait_for("the outbox is empty", || {
        bench.run("dlq-notify", &["--drain", "1s"], errors(0, 3));
        entries(&bench, "c") == 0
    });
    let seen = seen.lock().unwrap();
    let failed = seen.iter().find(|(status, ..)| *status == 503).unwrap();
    let sent: Vec<_> = seen.iter().filter(|(status, ..)| *status == 200).collect();
    let events: Vec<&str> = sent.iter().map(|(_, _, event)| event.as_str()).collect();
    assert_eq!(events, ["id-0", "id-1", "id-2"]);
    assert_eq!(sent[0].1, failed.1, "one id for all attempts");
}

#[test]
fn backlog_is_sent_at_the_rate_of_its_channel_while_the_stream_is_open() {
    let sent = Arc::new(AtomicU64::new(0));
    let server = HttpServer::start({
        let sent = sent.clone();
        move |_, reply| {
            sent.fetch_add(1, Ordering::SeqCst);
            reply.send(202, "application/json", "{}")
        }
    });
    let mut bench = Bench::new("backlog");
    bench.set("PAGER_KEY", "k");
    let configured = |url: &str| {
        let channel = "{type: pagerduty, key: {env: PAGER_KEY}, rate: 1000/s";
        format!("notifications: {{channels: {{c: {channel}, endpoint: '{url}'}}}}}}")
    };
    bench.configure(&configured("http://127.0.0.1:1"));
    bench.run("dlq-notify", &["--drain", "0s"], errors(0, 200));
    assert_eq!(entries(&bench, "c"), 200);
    bench.configure(&configured(&server.url));
    let mut running = bench.start("dlq-notify", &["--json", "--drain", "0s"]);
    wait_for("the backlog is sent", || sent.load(Ordering::SeqCst) == 200);
    wait_for("it has left the outbox", || entries(&bench, "c") == 0);
    let output = running.finish();
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    assert_eq!(output.text().matches("\"notice.sent\"").count(), 200);
}

#[test]
fn fatal_overtakes_a_storm_of_alerts_and_no_notice_of_its_queue() {
    let (server, seen) =
        HttpServer::recording(|_, reply| reply.send(202, "application/json", "{}"));
    let mut bench = Bench::new("overtake");
    bench.set("PAGER_KEY", "k");
    bench.configure(&format!(
        "notifications: {{heartbeat_rounds: 0, channels: {{c: {{type: pagerduty, \
         key: {{env: PAGER_KEY}}, endpoint: '{}', rate: 2/s}}}}}}",
        server.url
    ));
    let (at, later) = (seconds_ago(100), seconds_ago(10));
    let storm = |n: usize| raised(&format!("q{n}-dlq"), &format!("i{n}"), at, None);
    let lines: String = (0..40).map(storm).collect();
    let fatal = |n: usize| raised(&format!("q{n}-dlq"), &format!("i{n}"), later, None);
    let fatal = |n: usize| fatal(n).replace("\"ERROR\"", "\"FATAL\"");
    let grown = raised("q30-dlq", "i30", later, None)
        .replace("queue.raised", "queue.grew")
        .replace("\"ERROR\"", "\"FATAL\"")
        .replace("\"threshold\"", "\"raised_depth\":1,\"threshold\"");
    bench.run("dlq-notify", &["--drain", "0s"], lines + &heartbeat(at));
    bench.run("dlq-notify", &["--drain", "3s"], fatal(70) + &grown + &heartbeat(later));
    let keys = seen.lock().unwrap().iter().map(|one| one.json()["dedup_key"].clone()).collect();
    let seen: Vec<serde_json::Value> = keys;
    let place = |key: &str| seen.iter().position(|one| one == key);
    let (other, own) = (place("i70"), place("i30"));
    assert!(other.is_some_and(|at| at < 4) && own.is_some_and(|at| at < 4), "{seen:?}");
    assert_eq!(seen.iter().filter(|one| *one == "i30").count(), 2, "in their order: {seen:?}");
}

#[test]
fn delivery_that_a_crash_left_unrecorded_is_struck_off() {
    let mut bench = Bench::new("unrecorded");
    noting(&mut bench);
    bench.run("dlq-notify", &[], errors(0, 1));
    let path = bench.state("notices.json");
    let read = || -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
    };
    let mut notices = read();
    // The state after a kill between the removal of the file and the record.
    notices["queue"] = serde_json::json!({
        "gone": {"channel": "c", "topics": []}, "elsewhere": {"channel": "unknown", "topics": []},
    });
    std::fs::write(&path, notices.to_string()).unwrap();
    bench.run("dlq-notify", &[], "");
    let queue = read()["queue"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(queue, ["elsewhere"], "a channel that is not configured keeps its deliveries");
}

#[test]
fn refused_notice_goes_to_the_fallback() {
    refuse(404);
    refuse(410);
}

fn refuse(status: u16) {
    let server = HttpServer::start(move |_, reply| reply.send(status, "text/plain", "gone away"));
    let mut bench = Bench::new("fallback");
    let program = bench.stub("note", NOTING).display().to_string();
    bench.configure(&format!(
        "notifications:\n  channels:\n    hook: {{type: webhook, url: '{}/x'}}\n    spare: {{type: exec, \
         command: [{program}]}}\n  routes:\n    - {{severity: WARN, channels: [hook], fallback: \
         spare}}\n    - {{type: none, channels: [spare]}}\n",
        server.url
    ));
    let output = bench.run("dlq-notify", &[], errors(0, 2));
    assert_eq!(output.code(), 1, "{}", output.stderr);
    assert!(
        output.stderr.contains(&format!("cannot notify channel 'hook': answer {status}")),
        "{}",
        output.stderr
    );
    assert_eq!(output.text().matches("\"notice.failed\"").count(), 2, "{}", output.text());
    assert_eq!(told(&bench).len(), 2, "{}", output.stderr);
    assert_eq!(entries(&bench, "hook") + entries(&bench, "spare"), 0);
}

#[test]
fn missing_secret_is_named_and_keeps_the_notice() {
    for (name, text) in CHANNELS {
        let (server, seen) = HttpServer::recording(accept);
        let mut bench = Bench::new("missing-secret");
        let variables = variables(&server.url);
        variables.iter().for_each(|(variable, _)| bench.unset(variable));
        bench.configure(&configuration(text, &server.url));
        let output = bench.run("dlq-notify", &["--drain", "500ms"], errors(0, 1));
        assert_eq!(output.code(), 0, "{name}: it stands in the outbox: {}", output.stderr);
        let warning = output.stderr.lines().next().unwrap_or_default();
        let named = "cannot notify channel 'c', will be tried again: channel 'c': ";
        assert!(warning.contains(named) && warning.contains("is not set"), "{name}: {warning}");
        assert_eq!((entries(&bench, "c"), seen.lock().unwrap().len()), (1, 0), "{name}");
        variables.iter().for_each(|(variable, value)| bench.set(variable, value));
        wait_for("the outbox is empty", || {
            bench.run("dlq-notify", &["--drain", "1s"], "");
            entries(&bench, "c") == 0
        });
        assert_eq!(seen.lock().unwrap().len(), 1, "{name}");
    }
}

#[test]
fn missing_rounds_are_told_once() {
    let mut bench = Bench::new("missing-rounds");
    bench.configure("notifications: {heartbeat_rounds: 2}\nmonitoring: {check_interval: 0.1}");
    let nothing = bench.run("dlq-notify", &["--check-heartbeat"], "");
    assert_eq!((nothing.code(), nothing.text()), (1, String::new()), "{}", nothing.stderr);
    let heart = |seconds: i64| {
        let at = dlq::clock::now().minus(Duration::from_secs(seconds.unsigned_abs()));
        format!(r#"{{"version":1,"last":"{at}","interval_s":1,"is_missing":false}}"#)
    };
    bench.write("state/heartbeat.json", heart(30));
    let fine = bench.run("dlq-notify", &["--check-heartbeat"], "");
    assert_eq!((fine.code(), fine.stderr.as_str()), (0, ""));
    bench.write("state/heartbeat.json", heart(90));
    let missing = bench.run("dlq-notify", &["--check-heartbeat"], "");
    assert!(missing.stderr.contains("no round has finished for 1m"), "{}", missing.stderr);
    assert!(missing.text().contains("\"poll.missing\""), "{}", missing.text());
    let again = bench.run("dlq-notify", &["--check-heartbeat"], "");
    assert_eq!((again.code(), again.stderr.as_str()), (0, ""));
}

#[test]
fn explanation_names_route_decision_and_silence() {
    let mut bench = Bench::new("explain");
    bench.configure(
        "notifications:\n  channels: {console: {type: console}, hook: {type: webhook, url: 'http://127.0.0.1:1/x'}}\n  \
         routes:\n    - {type: issue.closed, channels: [hook]}\n    - {type: queue.linted, channels: [console]}\n",
    );
    let line = event("queue.linted", "the-id", "ERROR", "");
    bench.write("state/journal.ndjson", &line);
    bench.run("dlq-notify", &[], &line);
    bench.run("dlq-status", &["--silence", "orders-*", "1h", "--reason", "migration"], "");
    let output = bench.run("dlq-notify", &["--explain", "the-id"], "");
    assert_eq!(output.code(), 0, "{}", output.stderr);
    let text = output.text();
    for expected in [
        "queue.linted about 'orders-dlq', ERROR, 2026-11-22T19:57:32.000Z\n",
        "silenced by 'orders-*' until ",
        ": migration\n",
        "channel 'console': by route 2, which names its type\n    due at ",
        ": it is news\n",
        "channel 'hook': no route sends it there\n",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let unknown = bench.run("dlq-notify", &["--explain", "another"], "");
    assert_eq!(unknown.code(), 2);
    assert!(unknown.stderr.contains("no event of the journal has the id 'another'"));
}

#[test]
fn console_prints_what_a_crash_kept_from_it() {
    let mut bench = Bench::new("console-crash");
    bench.configure("notifications: {channels: {console: {type: console}}}");
    bench.run("dlq-notify", &[], errors(0, 1));
    // The state after a kill between the record and the line.
    let id = "0195c7a4-0000-8000-8000-000000000000";
    let at = dlq::clock::now();
    let notice = serde_json::json!({
        "when": "19:57Z", "severity": "ERROR", "subject": "orders-dlq", "what": "kept back",
        "next": null, "below": [],
    });
    let entry = serde_json::json!({
        "sequence": 9, "channel": "console", "reason": "news", "subjects": ["orders-dlq"],
        "delivery": {"id": id, "action": "trigger", "incident": null, "event": null,
            "notice": notice, "handle": null, "at": at},
        "event": {"source": "test", "event": "e"}, "incidents": [""], "fallback": null,
        "queued_at": at, "attempts": 0, "not_before": null, "slot": 3,
    });
    bench.write(&format!("state/outbox/console/000000000009-{id}.draft"), entry.to_string());
    let path = bench.state("notices.json");
    let mut notices: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    notices["queue"][id] = serde_json::json!({"channel": "console", "topics": []});
    std::fs::write(&path, notices.to_string()).unwrap();
    let output = bench.run("dlq-notify", &[], "");
    assert_eq!(
        (output.code(), output.stderr.as_str()),
        (0, "19:57Z ERROR orders-dlq: kept back\n")
    );
    assert_eq!(bench.run("dlq-notify", &[], "").stderr, "");
    assert_eq!(entries(&bench, "console"), 0);
}

/// A damaged entry is named and stays; the others are delivered.
#[test]
fn damaged_entry_holds_up_no_other() {
    let state = Arc::new(AtomicU64::new(503));
    let server = HttpServer::start({
        let state = state.clone();
        move |_, reply| {
            reply.send(u16::try_from(state.load(Ordering::SeqCst)).unwrap(), "text/plain", "")
        }
    });
    let mut bench = Bench::new("damaged-entry");
    let channel = format!("{{type: webhook, url: '{}/hook', rate: 1000/s}}", server.url);
    bench.configure(&format!("notifications: {{channels: {{c: {channel}}}}}"));
    bench.run("dlq-notify", &["--drain", "1s"], errors(0, 3));
    let mut files: Vec<_> = std::fs::read_dir(bench.state("outbox").join("c"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    std::fs::write(&files[0], "{").unwrap();
    state.store(200, Ordering::SeqCst);
    wait_for("one entry is left", || {
        let output = bench.run("dlq-notify", &["--drain", "2s"], "");
        assert_eq!(output.code(), 1, "{}", output.stderr);
        assert!(output.stderr.contains(&files[0].display().to_string()), "{}", output.stderr);
        entries(&bench, "c") == 1
    });
    assert_eq!(std::fs::read(&files[0]).unwrap(), b"{");
}

/// Lets three notices wait for a command that does not succeed, then takes its channel out of the
/// configuration.
fn left_by_a_channel(name: &str, fallback: &str) -> Bench {
    let mut bench = Bench::new(name);
    let failing = bench.stub("fail", "#!/bin/sh\nexit 1\n").display().to_string();
    let noting = bench.stub("note", NOTING).display().to_string();
    let configure = |bench: &mut Bench, old: &str, routes: &str| {
        let console = "console: {type: console, min_severity: FATAL}";
        let spare = format!("spare: {{type: exec, command: [{noting}], min_severity: FATAL}}");
        bench.configure(&format!(
            "notifications:\n  channels: {{{console}, {spare}{old}}}\n  routes: [{routes}]\n"
        ));
    };
    let old = format!(", old: {{type: exec, command: [{failing}]}}");
    configure(&mut bench, &old, &format!("{{type: 'queue.*', channels: [old]{fallback}}}"));
    let output = bench.run("dlq-notify", &["--drain", "0s"], errors(0, 3));
    assert_eq!((output.code(), entries(&bench, "old")), (0, 3), "{}", output.stderr);
    configure(&mut bench, "", "");
    bench
}

#[test]
fn notices_of_a_channel_that_is_gone_wait_for_it_and_are_given_up() {
    let bench = left_by_a_channel("gone", "");
    let output = bench.run("dlq-notify", &["--drain", "1s"], "");
    assert_eq!(output.code(), 0, "{}", output.stderr);
    assert_eq!(
        output.stderr,
        "dlq-notify: warning: channel 'old' is not configured any more: 3 notices wait in the outbox \
         until 3 days old; configure the channel again to send them\n"
    );
    assert_eq!(entries(&bench, "old"), 3);
    let folder = bench.state("outbox").join("old");
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Ok(mut entry) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
        entry["queued_at"] = "2026-01-01T00:00:00.000Z".into();
        std::fs::write(&path, entry.to_string()).unwrap();
    }
    let output = bench.run("dlq-notify", &["--drain", "1s"], "");
    assert_eq!(output.code(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("3 notices are given up after 3 days"), "{}", output.stderr);
    assert_eq!(output.text().matches("\"notice.failed\"").count(), 3, "{}", output.text());
    assert_eq!(entries(&bench, "old"), 0);
    let output = bench.run("dlq-notify", &["--drain", "1s"], "");
    assert_eq!((output.code(), output.stderr.as_str(), output.text().as_str()), (0, "", ""));
}

#[test]
fn notices_of_a_channel_that_is_gone_go_to_its_fallback() {
    let bench = left_by_a_channel("gone-fallback", ", fallback: spare");
    let output = bench.run("dlq-notify", &["--drain", "5s"], "");
    assert_eq!(output.code(), 0, "{}", output.stderr);
    assert!(output.stderr.contains("its fallback 'spare' gets 3 notices"), "{}", output.stderr);
    assert_eq!((told(&bench).len(), entries(&bench, "old")), (3, 0));
}
