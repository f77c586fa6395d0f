//! Discovery of dead-letter queues, and the lint of their settings.

use serde_json::{Value, json};

use crate::support::poll::{bench, poll};
use crate::support::sqs_api::{Behavior, FakeSqs, arn};

#[test]
fn dlq_name_patterns_exclude_distribution_list() {
    let yes = [
        "a-dlq",
        "A-DLQ",
        "b-DLQ-prod",
        "c_dlq",
        "d-dl",
        "e-dead-letter-x",
        "f-deadletter",
        "g.fifo-dead_letter",
        "h-dlq.fifo",
        "StackJobsDLQ1A2B3C4D",
        "fm-digitalguru-api-update-dlq-prod",
    ];
    let no = ["user-dlist-prod", "orders", "mydlqs", "idle", "handle-dla"];
    let sqs = FakeSqs::start();
    for name in yes.iter().chain(&no) {
        sqs.state().queue(name);
    }
    sqs.state().queue("orders").redrives_to("idle", 3);
    let bench = bench("names", &sqs.url);
    let mut found = poll(&bench, &["--list"]).subjects("queue.found");
    let mut expected: Vec<String> = yes.map(str::to_owned).to_vec();
    expected.push("idle".into());
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let output = poll(&bench, &["--list"]);
    let idle = output.events.iter().find(|event| event["subject"] == "idle").unwrap();
    assert_eq!(idle["data"]["queue"]["arn"], json!(arn("idle")));
    assert_eq!(idle["data"]["queue"]["sources"], json!(["orders"]));
}

#[test]
fn listing_reads_all_pages() {
    let sqs = FakeSqs::start().with_job_queues(2100, 0);
    let bench = bench("pages", &sqs.url);
    let output = poll(&bench, &["--list", "--discover", "name"]);
    assert_eq!(output.events_of("queue.found").len(), 2100);
    assert_eq!(sqs.state().count("ListQueues"), 3);
}

#[test]
fn lint_reports_settings_that_lose_messages() {
    let sqs = FakeSqs::start();
    let queues = [
        ("good", Some(("good-dlq", 5)), 345_600),
        ("good-dlq", None, 1_209_600),
        ("same", Some(("same-dlq", 5)), 345_600),
        ("same-dlq", None, 345_600),
        ("long", Some(("less-dlq", 4)), 345_601),
        ("less-dlq", Some(("good-dlq", 10)), 345_600),
        ("astray", Some(("nowhere-dlq", 5)), 345_600),
        ("hasty", Some(("good-dlq", 1)), 345_600),
        ("lone-dlq", None, 345_600),
    ];
    for (name, target, retention) in queues {
        let mut world = sqs.state();
        let queue = world.queue(name).set("MessageRetentionPeriod", retention);
        if let Some((target, count)) = target {
            queue.redrives_to(target, count);
        }
    }
    let bench = bench("lint", &sqs.url);
    let output = poll(&bench, &["--lint"]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let found: Vec<String> = output
        .events
        .iter()
        .flat_map(|event| {
            let findings = event["data"]["findings"].as_array().unwrap().iter();
            findings.map(move |one| {
                let word = |value: &Value| value.as_str().unwrap().to_owned();
                format!(
                    "{} {} {}",
                    word(&event["subject"]),
                    word(&one["level"]),
                    word(&one["rule"])
                )
            })
        })
        .collect();
    let expected = [
        "astray error dangling-target",
        "hasty warning max-receive-count",
        "less-dlq error retention-not-longer",
        "less-dlq warning chained",
        "lone-dlq advice orphan",
        "long advice max-receive-count",
        "same-dlq warning retention-not-longer",
    ];
    assert_eq!(found, expected);
    assert_eq!(output.events_of("queue.linted").len(), output.events.len());
    assert!(!bench.state("").exists(), "a look remembers nothing");
    // Settings that cannot be read are not reported.
    sqs.state().queue("good").behavior = Behavior::Refuse(403, "AccessDenied");
    let partial = poll(&bench, &["--lint", "--match", "lone*"]);
    assert_eq!(partial.events.len(), 0, "{partial:?}");
}
