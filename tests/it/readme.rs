//! The output that the README shows: notices, the table of `dlq-status` and the beginning of a report
//! have the form of a run on a real SQS server. `DLQ_BLESS=1` writes the output of the run into the
//! README. What differs from run to run (times, ids, ports) is compared by its form.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde_json::json;

use crate::support::event_lines::seconds_ago;
use crate::support::poll::{bench, journal};
use crate::support::sqs_server::{Client, SqsServer};
use crate::support::terminal::run_on_terminal;
use crate::support::workbench::Bench;

const REGION: &str = "eu-west-1";
/// The number of lines of the report that the README shows.
const REPORT_LINES: usize = 14;

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// Returns the place of a block of the README: the lines behind its opening fence.
fn block(readme: &str, name: &str) -> std::ops::Range<usize> {
    let fence = format!("```text {name}\n");
    let start = readme.find(&fence).unwrap_or_else(|| panic!("no block '{name}'")) + fence.len();
    start..start + readme[start..].find("```").unwrap()
}

/// Creates dead letters of three causes.
fn create_dead_letters(sqs: &mut Client) {
    let orders = sqs.create("orders-dlq", &json!({"MessageRetentionPeriod": "345600"}));
    let source = sqs.create_source("orders", "orders-dlq");
    let order = |number: u64| {
        let trace = "Traceback (most recent call last):\n  File \"/srv/shop/worker.py\", line 12, in \
                     total\n    return sum(item.price for item in order[\"items\"])\nKeyError: \
                     'items'";
        json!({"order": number, "error": "KeyError: 'items'", "traceback": trace}).to_string()
    };
    let bodies = [order(1001), order(1002), order(1003)];
    sqs.dead_letter(&source, &orders, &bodies.each_ref().map(String::as_str));
    let text = |text: &str| json!({"DataType": "String", "StringValue": text});
    let emails = sqs.create("emails-dlq", &json!({}));
    sqs.create_source("emails", "emails-dlq");
    let stock = sqs.create("stock-dlq", &json!({}));
    sqs.create_source("stock", "stock-dlq");
    let services = [
        (&emails, json!({"ErrorCode": text("429"), "ErrorMessage": text("Rate Exceeded.")})),
        (
            &stock,
            json!({
                "RULE_ARN": text("arn:aws:events:eu-west-1:000000000000:rule/stock-changed"),
                "ERROR_CODE": text("NO_PERMISSIONS"),
                "ERROR_MESSAGE": text("not authorized to perform: lambda:InvokeFunction"),
            }),
        ),
    ];
    for (url, attributes) in services {
        let body = json!({"to": "customer", "template": "receipt"}).to_string();
        let message =
            json!({"QueueUrl": url, "MessageBody": body, "MessageAttributes": attributes});
        sqs.call("SendMessage", &message);
    }
}

/// Replaces the places of the test by those of a user.
fn as_of_a_user(text: &str, bench: &Bench, server: &str) -> String {
    let state = bench.path("state").display().to_string();
    text.replace(&format!(" --endpoint-url={server}"), "")
        .replace(
            &format!("{server}/queue/{REGION}/"),
            &format!("https://sqs.{REGION}.amazonaws.com/"),
        )
        .replace(&state, "/home/you/.local/state/dlq")
        .replace("000000000000", "123456789012")
}

/// Replaces times, ids and numbers by marks, and each run of blanks by one.
fn form(text: &str) -> Vec<String> {
    let marks = [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
        (r"\b[0-9a-f]{16}\b|\b[0-9a-f]{8}(-[0-9a-f]{4})?\b", "ID"),
        (r"\b([0-9]+(ms|[dhms])\b ?)+|under a second", "SPAN "),
        (r"[0-9]+", "N"),
        (r" +", " "),
    ];
    let marks = marks.map(|(pattern, mark)| (Regex::new(pattern).unwrap(), mark));
    let line = |line: &str| {
        let start = line.to_owned();
        marks.iter().fold(start, |line, (regex, mark)| regex.replace_all(&line, *mark).into_owned())
    };
    text.lines().map(|text| line(text).trim_end().to_owned()).collect()
}

/// Runs the pipeline over the dead letters, and returns the blocks by their names.
fn run(server: &SqsServer) -> BTreeMap<&'static str, String> {
    create_dead_letters(&mut server.client_in(REGION));
    let mut bench = bench("readme", &server.url);
    bench.set("AWS_REGION", REGION);
    bench.configure("auto_investigation: {enabled: true, target_queues: ['*'], agent: triage}");
    let pipeline = "dlq-poll | dlq-investigate | dlq-notify --color never >events";
    let notices = run_on_terminal(&bench, 100, "sh", &["-c", pipeline]);
    assert_eq!(notices.code, Some(0), "{notices:?}");
    let status = run_on_terminal(&bench, 100, "dlq-status", &["--color", "never"]);
    assert_eq!(status.code, Some(0), "{status:?}");
    let events = journal(&bench);
    let is_of_orders = |event: &&serde_json::Value| {
        event["type"] == "investigation.completed" && event["subject"] == "orders-dlq"
    };
    let report = events.iter().find(is_of_orders).unwrap()["data"]["report"].as_str().unwrap();
    let report = std::fs::read_to_string(report).unwrap();
    let beginning: String = report.split_inclusive('\n').take(REPORT_LINES).collect();
    let blocks = [("notices", notices.text), ("status", status.text), ("report", beginning)];
    blocks.map(|(name, text)| (name, as_of_a_user(&text, &bench, &server.url))).into()
}

#[test]
fn readme_shows_output_in_the_form_of_a_run() {
    let Some(server) = SqsServer::start() else { return };
    let blocks = run(&server);
    let mut text = std::fs::read_to_string(readme()).unwrap();
    if std::env::var("DLQ_BLESS").is_ok_and(|word| word == "1") {
        for (name, output) in &blocks {
            let range = block(&text, name);
            text.replace_range(range, &format!("{}\n", output.trim_end()));
        }
        std::fs::write(readme(), &text).unwrap();
    }
    for (name, output) in &blocks {
        let (mut shown, mut printed) = (form(&text[block(&text, name)]), form(output.trim_end()));
        // Investigations end in any order.
        shown.sort();
        printed.sort();
        assert_eq!(shown, printed, "block '{name}'; DLQ_BLESS=1 accepts an intended change");
    }
}

#[test]
fn form_of_output_depends_on_words_alone() {
    let now = seconds_ago(0);
    let one = format!("{now} orders-dlq: 3 messages, in 2d 3h  1f2e3d4c");
    let two = "2020-01-01T00:00:00.000Z orders-dlq: 12 messages, in 4h 1f2e3d4c-aaaa";
    assert_eq!(form(&one), form(two));
    assert_ne!(form("3 messages died"), form("3 messages died (threshold 1)"));
}
