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
}

#[test]
fn list_and_lint_name_what_they_could_not_read() {
    let sqs = FakeSqs::start().with_queues(&[("good", 0), ("good-dlq", 1), ("lone-dlq", 0)]);
    sqs.state().queue("good").redrives_to("good-dlq", 1);
    let bench = bench("unjudged", &sqs.url);
    let run = |option: &str| {
        let output = poll(&bench, &[option]);
        (output.code, output.events.len(), output.stderr)
    };
    assert_eq!(run("--list"), (0, 2, String::new()));
    assert_eq!(run("--lint"), (0, 3, String::new()));
    let denied = Behavior::Refuse(403, "AccessDenied");
    sqs.state().queue("good").behavior = denied.clone();
    let begin = "dlq-poll: warning: cannot read queue 'good' in 'us-east-1': access denied; ";
    let begin = begin.to_owned();
    let list = "dead-letter queues that only they name may be missing\n";
    assert_eq!(run("--list"), (1, 2, begin.clone() + list));
    let lint = "their settings are not judged, nor whether a dead-letter queue is an orphan\n";
    assert_eq!(run("--lint"), (1, 0, begin + lint));
    for (name, _) in [("good-dlq", 0), ("lone-dlq", 0)] {
        sqs.state().queue(name).behavior = denied.clone();
    }
    let all = "dlq-poll: warning: cannot read 3 queues ('good', 'good-dlq', 'lone-dlq') in \
               'us-east-1': access denied; "
        .to_owned();
    assert_eq!(run("--list"), (1, 2, all.clone() + list));
    assert_eq!(run("--lint"), (1, 0, all + lint));
    sqs.state().list = denied;
    let unlisted = "dlq-poll: warning: cannot list the queues in 'us-east-1': access denied\n";
    assert_eq!(run("--list"), (1, 0, unlisted.to_owned()));
    assert_eq!(run("--lint"), (1, 0, unlisted.to_owned()));
    assert!(!bench.state("").exists(), "a look remembers nothing");
}

#[test]
fn lint_judges_the_selection_only() {
    let queues = [("good", 0), ("good-dlq", 0), ("other", 0), ("lone-dlq", 0)];
    let sqs = FakeSqs::start().with_queues(&queues);
    sqs.state().queue("good").redrives_to("good-dlq", 5);
    sqs.state().queue("other").behavior = Behavior::Refuse(403, "AccessDenied");
    let bench = bench("lint-selection", &sqs.url);
    let run = |glob: &str| {
        let output = poll(&bench, &["--lint", "--match", glob]);
        (output.code, output.stderr)
    };
    assert_eq!(run("good*"), (0, String::new()), "'other' is outside of the selection");
    let undecided = "dlq-poll: warning: cannot tell whether queue 'lone-dlq' in 'us-east-1' has a \
                     source: queues outside of the selection cannot be read\n";
    assert_eq!(run("lone*"), (1, undecided.to_owned()));
    let (code, stderr) = run("*o*");
    assert_eq!((code, stderr.lines().count()), (1, 1), "{stderr}");
    assert!(stderr.contains("cannot read queue 'other'"), "{stderr}");
}

/// A depth that could not be read is not 0, whichever way the queues were found.
#[test]
#[cfg(target_os = "linux")] // elsewhere `script` has other options
fn list_on_terminal_shows_depth_and_whole_names() {
    let long = format!("{}-dlq", "n".repeat(76));
    let sqs = FakeSqs::start().with_queues(&[("a-dlq", 7), ("b-dlq", 0), ("c-dlq", 1), (&long, 2)]);
    sqs.state().queue("b-dlq").behavior = Behavior::Refuse(403, "AccessDenied");
    let bench = bench("table", &sqs.url);
    for how in ["both", "name"] {
        let command = format!("dlq-poll --list --discover {how} 2>/dev/null; echo \"status $?\"");
        let shown = bench.shell(&format!("stty cols 80; script -qec '{command}' /dev/null")).text();
        let rows: Vec<Vec<&str>> =
            shown.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
        let expected = [
            &["QUEUE", "DEPTH"][..],
            &["a-dlq", "7"],
            &["b-dlq", "?"],
            &["c-dlq", "1"],
            &[&long],
            &["2", "name"],
            &["status", "1"],
        ];
        assert_eq!(rows, expected, "{how}: {shown}");
        let broken = shown.lines().any(|line| line != long && line.chars().count() > 80);
        assert!(!broken, "{how}: {shown}");
    }
}
