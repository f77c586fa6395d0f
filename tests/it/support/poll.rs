//! Runs of `dlq-poll` in an environment that reaches loopback only, with a check of every line.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use dlq::event::{LINE_MAX, Type, strict};
use dlq::time::Timestamp;
use serde_json::Value;

use super::json_schema::validate;
use super::workbench::{Bench, DEADLINE, Output, Running};

/// Creates a bench whose AWS endpoint is this URL, with worthless credentials.
pub fn bench(name: &str, url: &str) -> Bench {
    let mut bench = Bench::new(name);
    bench.set("AWS_ENDPOINT_URL", url);
    bench.set("AWS_ACCESS_KEY_ID", "test");
    bench.set("AWS_SECRET_ACCESS_KEY", "test");
    bench.set("AWS_REGION", "us-east-1");
    bench.set("AWS_EC2_METADATA_DISABLED", "true");
    bench.set("NO_PROXY", "127.0.0.1");
    let (config, secrets) = (bench.path("aws-config"), bench.path("aws-credentials"));
    bench.set("AWS_CONFIG_FILE", config);
    bench.set("AWS_SHARED_CREDENTIALS_FILE", secrets);
    bench
}

/// Output of a run of `dlq-poll`.
#[derive(Debug)]
pub struct PollOutput {
    pub code: i32,
    pub stderr: String,
    pub events: Vec<Value>,
}

impl PollOutput {
    /// Returns the events of a type.
    pub fn events_of(&self, kind: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["type"] == kind).collect()
    }

    /// Returns the subjects of the events of a type.
    pub fn subjects(&self, kind: &str) -> Vec<String> {
        let all = self.events_of(kind).into_iter();
        all.map(|event| event["subject"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns the only event of a type, and fails when there is another number of them.
    #[track_caller]
    pub fn single(&self, kind: &str) -> &Value {
        let all = self.events_of(kind);
        assert_eq!(all.len(), 1, "{kind} in {self:#?}");
        all[0]
    }

    /// Returns types and subjects of all edges, sorted.
    pub fn edges(&self) -> Vec<String> {
        let word = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let mut edges: Vec<String> = self
            .events
            .iter()
            .filter(|event| {
                !["queue.polled", "poll.finished", "queue.found"]
                    .map(Value::from)
                    .contains(&event["type"])
            })
            .map(|event| format!("{} {}", word(event, "type"), word(event, "subject")))
            .collect();
        edges.sort();
        edges
    }
}

/// Runs `dlq-poll` to its end.
#[track_caller]
pub fn poll(bench: &Bench, args: &[&str]) -> PollOutput {
    parse_output(bench.run("dlq-poll", args, ""))
}

/// Reads the events, after a check of each line against its schema, type and length.
#[track_caller]
pub fn parse_output(output: Output) -> PollOutput {
    let text = output.text();
    assert!(text.is_empty() || text.ends_with('\n'), "half a line: {text}");
    let events = text.lines().map(checked_event).collect();
    PollOutput { code: output.code(), stderr: output.stderr, events }
}

/// Reads lines of a running program until an event of this type.
#[track_caller]
pub fn read_until(running: &mut Running, kind: &str) -> Value {
    let begun = std::time::Instant::now();
    loop {
        let event: Value = serde_json::from_str(&running.line()).unwrap();
        if event["type"] == kind {
            return event;
        }
        assert!(begun.elapsed() < DEADLINE, "no {kind}");
    }
}

#[track_caller]
fn checked_event(line: &str) -> Value {
    assert!(line.len() + 1 < LINE_MAX, "{} bytes: {line}", line.len());
    let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let kind = event["type"].as_str().and_then(Type::parse);
    let kind = kind.unwrap_or_else(|| panic!("an unknown type: {line}"));
    if !line.contains("\"truncated\":true") {
        strict(kind, line.as_bytes()).unwrap();
    }
    let schema = schema(event["source"].as_str().unwrap());
    let fitting = schema["oneOf"].as_array().unwrap().iter();
    let refusals: Vec<String> = fitting.filter_map(|one| validate(one, &event).err()).collect();
    let kinds = schema["oneOf"].as_array().unwrap().len();
    assert_eq!(refusals.len(), kinds - 1, "{line}: {refusals:#?}");
    event
}

/// Returns the schema that a program prints.
fn schema(program: &str) -> Value {
    static SCHEMAS: Mutex<BTreeMap<String, Value>> = Mutex::new(BTreeMap::new());
    let mut schemas = SCHEMAS.lock().unwrap();
    let ask = || {
        let output = Bench::new("schema").run(program, &["--schema"], "");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    schemas.entry(program.to_owned()).or_insert_with(ask).clone()
}

/// Lets time pass for `dlq-poll`: moves every time in its documents back.
pub fn age_state(bench: &Bench, seconds: u64) {
    for name in ["queues.json", "discovery.json", "redrives.json"] {
        let path = bench.state(name);
        if !path.exists() {
            continue;
        }
        let mut doc: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        move_times_back(&mut doc, Duration::from_secs(seconds));
        std::fs::write(path, doc.to_string()).unwrap();
    }
}

fn move_times_back(value: &mut Value, span: Duration) {
    match value {
        Value::String(text) => {
            if let Some(at) = Timestamp::parse(text) {
                *text = at.minus(span).to_string();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| move_times_back(item, span)),
        Value::Object(map) => map.values_mut().for_each(|item| move_times_back(item, span)),
        _ => {}
    }
}

/// Returns the events of the journal.
pub fn journal(bench: &Bench) -> Vec<Value> {
    let text = std::fs::read_to_string(bench.state("journal.ndjson")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
