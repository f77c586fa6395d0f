//! Benchmark: messages decoded and fingerprinted for each second of processor time.
//!
//! Takes a file with a JSON object `{body, attributes, system}` per line, which `scripts/bench
//! fingerprint` makes, repeats it for two seconds of processor time, and prints the rate. It does
//! what `dlq-peek` does with each message, the redaction of titles included.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use dlq::rules::evidence::decode::decode;
use dlq::rules::evidence::message::{Attribute, Message};
use dlq::rules::evidence::redact::Redactor;
use dlq::rules::evidence::sample::fingerprint_of;
use rustix::time::{ClockId, clock_gettime};
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

/// Returns the processor time of this process, which does not depend on the load of the machine.
fn spent() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

// Only the library leaves standard output to wire.rs.
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
    let redactor = Redactor::default();
    let (began, mut count, mut ids) = (spent(), 0u64, 0usize);
    while spent() - began < SPAN {
        for message in &messages {
            ids ^= fingerprint_of(&decode(message), &redactor).id.len();
            count += 1;
        }
    }
    let rate = count as f64 / (spent() - began).as_secs_f64();
    // Print `ids`, so that the compiler cannot remove the work.
    let written = writeln!(std::io::stdout(), "{rate:.0} {ids}");
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
