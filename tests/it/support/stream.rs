//! Lines as `dlq-poll` writes them, agents that are small scripts, and what was said of both.

use std::path::PathBuf;
use std::time::Duration;

use dlq::edge::clock;
use dlq::event::{LINE_MAX, Line, peek, strict};
use dlq::time::Timestamp;
use serde_json::Value;

use crate::support::workbench::{Bench, Output, at_work, wait_for};

/// The agent that has a result at once.
pub const QUICK: &str = r#"cat >/dev/null; echo '{"status":"likely"}'"#;

/// The moment so many seconds ago.
pub fn ago(seconds: u64) -> Timestamp {
    clock::now().minus(Duration::from_secs(seconds))
}

/// Objects that are read in part or not at all, and pass byte for byte.
pub fn odd() -> String {
    let objects = [
        "{}",
        r#"{"a":1.0e2,"a":1,"big":123456789012345678901234567890,"z":-0.0}"#,
        r#"{"specversion":"1.0","id":"i","source":"s","type":"of.tomorrow","new":{"x":[1,2]}}"#,
        r#"{ "specversion" : "1.0","id":"i","source":"s","type":"queue.raised","type":"queue.cleared" }"#,
        r#"{"specversion":"1.0","id":7,"source":"s","type":"queue.raised"}"#,
        r#"{"specversion":"1.0","id":"i","source":"s","type":"queue.raised","incident":"x","data":{"depth":"three"}}"#,
        r#"{"u":"\u001b[2J\ud800","v":"ação"}"#,
    ];
    objects.join("\n") + "\n"
}

fn line(kind: &str, name: &str, incident: &str, at: Timestamp, data: &str) -> String {
    let severity = if kind == "poll.finished" { "DEBUG" } else { "ERROR" };
    let of = match incident {
        "" => String::new(),
        id => format!(r#""incident":"{id}","#),
    };
    let id = format!("{kind}-{incident}-{}", at.millis());
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"dlq-poll\",\"type\":\"{kind}\",\
         \"subject\":\"{name}\",\"time\":\"{at}\",{of}\"severitytext\":\"{severity}\",\"data\":{data}}}\n"
    )
}

fn queue(name: &str) -> String {
    let arn = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    format!(
        r#"{{"name":"{name}","url":"http://127.0.0.1:9/0/{name}","arn":"{arn}","region":"us-east-1","account":"0","fifo":false,"sources":[]}}"#
    )
}

/// A raise. `loss` is by when the oldest message is lost.
pub fn raised(name: &str, incident: &str, at: Timestamp, loss: Option<Timestamp>) -> String {
    let loss = loss.map_or("null".to_owned(), |loss| format!("\"{loss}\""));
    let data = format!(
        r#"{{"queue":{},"depth":3,"visible":3,"in_flight":0,"delayed":0,"previous":0,"threshold":1,"retention_s":345600,"expires_after":null,"expires_before":{loss}}}"#,
        queue(name)
    );
    line("queue.raised", name, incident, at, &data)
}

/// A growth.
pub fn grew(name: &str, incident: &str, at: Timestamp) -> String {
    let data = format!(r#"{{"queue":{},"depth":6,"raised_depth":3}}"#, queue(name));
    line("queue.grew", name, incident, at, &data)
}

/// The end of an incident.
pub fn cleared(name: &str, incident: &str, at: Timestamp) -> String {
    let data = format!(r#"{{"queue":{},"duration_s":60,"cause":"unknown"}}"#, queue(name));
    line("queue.cleared", name, incident, at, &data)
}

/// The end of a round.
pub fn beat(at: Timestamp) -> String {
    let data = r#"{"round":1,"queues":6,"unreadable":0,"raised":1,"duration_ms":9,"api_calls":6,"usd_month":null}"#;
    line("poll.finished", "", "", at, data)
}

/// Writes an agent, `body` in sh, and a configuration that investigates every queue with it;
/// `more` is added to `auto_investigation`. `@` in the body stands for the bench's folder.
pub fn agent(bench: &mut Bench, body: &str, more: &str) -> PathBuf {
    let body = body.replace('@', &bench.dir().display().to_string());
    let path = bench.stub("agent", &format!("#!/bin/sh\n{body}\n"));
    bench.configure(&format!(
        "auto_investigation: {{enabled: true, target_queues: [\"*\"], agent: [\"{}\"], \
         require_evidence: false, stop_grace_seconds: 0.2, max_concurrent: 8{}{more}}}\n",
        path.display(),
        if more.is_empty() { "" } else { ", " },
    ));
    path
}

/// What `dlq-investigate` itself has said in these lines, each held to the promises that every
/// line of ours keeps.
#[track_caller]
pub fn own(text: &str) -> Vec<Value> {
    let lines = text.lines().filter(|line| {
        let said: Value = serde_json::from_str(line).unwrap();
        said["source"] == "dlq-investigate"
    });
    lines
        .map(|line| {
            assert!(line.len() + 1 < LINE_MAX, "{line}");
            let Line::Event(head) = peek(line.as_bytes()) else { panic!("no event: {line}") };
            strict(head.known.unwrap(), line.as_bytes()).unwrap();
            serde_json::from_str(line).unwrap()
        })
        .collect()
}

/// The same in short, such as `failed orders-dlq no_result`.
#[track_caller]
pub fn told(text: &str) -> Vec<String> {
    let word = |said: &Value| {
        let kind = said["type"].as_str().unwrap();
        let kind = kind.strip_prefix("investigation.").unwrap();
        let reason = said["data"]["reason"].as_str().map(|why| format!(" {why}"));
        let queue = said["data"]["queue"]["name"].as_str().unwrap();
        format!("{kind} {queue}{}", reason.unwrap_or_default())
    };
    own(text).iter().map(word).collect()
}

/// Runs `dlq-investigate` to its end.
#[track_caller]
pub fn investigate(bench: &Bench, args: &[&str], input: impl AsRef<[u8]>) -> Output {
    let output = bench.run("dlq-investigate", args, input);
    assert_eq!((output.code(), output.stderr.as_str()), (0, ""));
    output
}

/// A file in the bench's folder, or nothing.
pub fn noted(bench: &Bench, name: &str) -> String {
    std::fs::read_to_string(bench.path(name)).unwrap_or_default()
}

/// The document `sessions.json`.
pub fn sessions(bench: &Bench) -> Value {
    let bytes = std::fs::read(bench.state("sessions.json")).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Fails while a process that was started here is left.
#[track_caller]
pub fn nothing_is_left(bench: &Bench) {
    wait_for("no process is left", || at_work(bench).is_empty());
}
