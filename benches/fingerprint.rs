//! Benchmark: messages decoded and fingerprinted per second on one core.
//!
//! Takes a file with a JSON object `{body, attributes, system}` per line, which `scripts/bench
//! fingerprint` makes, repeats it for about two seconds, and prints messages per second.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dlq::rules::evidence::decode::decode;
use dlq::rules::evidence::fingerprint;
use dlq::rules::evidence::message::{Attribute, Message};
use serde_json::Value;

/// Long enough to make start-up negligible.
const SPAN: Duration = Duration::from_secs(2);

fn parse_message(line: &str) -> Option<Message> {
    let line: Value = serde_json::from_str(line).ok()?;
    let texts = |key: &str| {
        let pairs = line.get(key).and_then(Value::as_object).into_iter().flatten();
        pairs.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned())))
    };
    Some(Message {
        id: "m".into(),
        body: line.get("body")?.as_str()?.to_owned(),
        attributes: texts("attributes").map(|(n, text)| (n, Attribute::Text(text))).collect(),
        system: texts("system").collect(),
        ..Message::default()
    })
}

// Only the library must not read the clock: it makes the decisions.
#[allow(clippy::disallowed_methods)]
fn main() -> ExitCode {
    // `cargo test` and clippy build or start the benchmark without a file.
    let Some(path) = std::env::args().skip(1).find(|word| !word.starts_with('-')) else {
        return ExitCode::SUCCESS;
    };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let messages: Vec<Message> = text.lines().filter_map(parse_message).collect();
    if messages.is_empty() {
        return ExitCode::FAILURE;
    }
    let (began, mut count, mut ids) = (Instant::now(), 0u64, 0usize);
    while began.elapsed() < SPAN {
        for message in &messages {
            ids ^= fingerprint::compute(&decode(message)).id.len();
            count += 1;
        }
    }
    let rate = count as f64 / began.elapsed().as_secs_f64();
    // Print `ids`, so that the compiler cannot remove the work.
    let written = writeln!(std::io::stdout(), "{rate:.0} {ids}");
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
