//! Lines of events as `dlq-poll` writes them.

use std::time::Duration;

use dlq::clock;
use dlq::time::Timestamp;

/// Returns the time this many seconds ago.
pub fn seconds_ago(seconds: u64) -> Timestamp {
    clock::now().minus(Duration::from_secs(seconds))
}

/// Returns objects that are valid JSON and events in part at most.
pub fn unusual_lines() -> String {
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
        r#"{{"name":"{name}","url":"http://127.0.0.1:9/0/{name}","arn":"{arn}","region":"us-east-1","account":"0","fifo":false,"sources":[],"profile":null,"endpoint":null}}"#
    )
}

/// Returns a `queue.raised` line. `loss` is the time before which the oldest message expires.
pub fn raised(name: &str, incident: &str, at: Timestamp, loss: Option<Timestamp>) -> String {
    let loss = loss.map_or("null".to_owned(), |loss| format!("\"{loss}\""));
    let data = format!(
        r#"{{"queue":{},"depth":3,"visible":3,"in_flight":0,"delayed":0,"previous":0,"threshold":1,"retention_s":345600,"expires_after":null,"expires_before":{loss}}}"#,
        queue(name)
    );
    line("queue.raised", name, incident, at, &data)
}

/// Returns a `queue.grew` line.
pub fn grew(name: &str, incident: &str, at: Timestamp) -> String {
    let data = format!(r#"{{"queue":{},"depth":6,"raised_depth":3}}"#, queue(name));
    line("queue.grew", name, incident, at, &data)
}

/// Returns a `queue.sampled` line with a cause of each title.
pub fn sampled(name: &str, incident: &str, at: Timestamp, titles: &[&str]) -> String {
    let cause = |(n, title): (usize, &&str)| {
        format!(r#"{{"id":"f{n}","count":3,"title":"{title}","kind":"error_text"}}"#)
    };
    let causes: Vec<String> = titles.iter().enumerate().map(cause).collect();
    let data = format!(
        r#"{{"queue":{},"taken":5,"depth":5,"fingerprints":[{}],"refused":null,"detail":null,"overseen":0,"bundle":null}}"#,
        queue(name),
        causes.join(",")
    );
    line("queue.sampled", name, incident, at, &data)
}

/// Returns a `queue.cleared` line.
pub fn cleared(name: &str, incident: &str, at: Timestamp) -> String {
    let data = format!(r#"{{"queue":{},"duration_s":60,"cause":"unknown"}}"#, queue(name));
    line("queue.cleared", name, incident, at, &data)
}

/// Returns a `poll.finished` line.
pub fn heartbeat(at: Timestamp) -> String {
    let data = r#"{"round":1,"queues":6,"unreadable":0,"raised":1,"duration_ms":9,"api_calls":6,"usd_month":null}"#;
    line("poll.finished", "", "", at, data)
}
