//! The commands that notices and reports tell people to run, run by the real AWS command line
//! against a real SQS server, in the environment of a person: without the variables of the programs.

use std::time::Duration;

use dlq::event::{Event, Queue, QueueExpiring};
use dlq::time::Timestamp;
use serde_json::json;

use crate::support::aws_logs::aws_v1;
use crate::support::consumer::{Consumer, Mode};
use crate::support::poll::{bench, journal};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{Bench, Output, wait_for};

/// A profile whose name needs quotes in a shell, as far as the SDK accepts such names.
const PROFILE: &str = "prod+eu%1";

/// Runs a suggested line, as a person pastes it.
fn run(bench: &Bench, line: &str) -> Output {
    let output = bench.shell(&format!("unset AWS_ENDPOINT_URL AWS_REGION AWS_PROFILE\n{line}"));
    // What a sweep costs is told before it begins.
    let mut messages = output.stderr.lines().filter(|line| !line.contains(": to look at "));
    assert_eq!((output.code(), messages.next()), (0, None), "{line}");
    output
}

#[test]
fn suggested_commands_run_as_they_stand() {
    let Some(server) = SqsServer::start() else { return };
    let Some(aws) = aws_v1() else { return };
    let mut sqs = server.client();
    let dlq = sqs.create("orders-dlq", &json!({"MessageRetentionPeriod": "7200"}));
    let source = sqs.create_source("orders", "orders-dlq");
    let error = "TypeError: x is undefined\n    at pay (/app/src/pay.js:12:5)";
    sqs.dead_letter(&source, &dlq, &[error, error]);
    let mut bench = bench("suggested", &server.url);
    bench.stub("aws", &format!("#!/bin/sh\nexec '{}/aws' \"$@\"\n", aws.display()));
    bench.write("aws-config", format!("[profile \"{PROFILE}\"]\nregion = us-east-1\n"));
    let keys = "aws_access_key_id = test\naws_secret_access_key = test\n";
    bench.write("aws-credentials", format!("[{PROFILE}]\n{keys}"));
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"] {
        bench.unset(name);
    }
    bench.configure(&format!(
        "aws: {{profile: \"{PROFILE}\", region: us-east-1, endpoint_url: \"{}\"}}\n\
         auto_investigation: {{enabled: true, target_queues: ['*'], agent: triage}}",
        server.url
    ));
    let output = bench.shell("dlq-poll | dlq-investigate | dlq-notify > /dev/null");
    let notices: Vec<&str> = output.stderr.lines().collect();
    let first = notices.iter().find(|line| line.contains(" FATAL ") || line.contains(" ERROR "));
    assert!(first.is_some_and(|line| line.chars().count() <= 100), "{}", output.stderr);
    let raise = notices.iter().find(|line| line.contains("set-queue-attributes"));
    run(&bench, raise.unwrap_or_else(|| panic!("{}", output.stderr)));
    let name = "MessageRetentionPeriod";
    let asked = json!({"QueueUrl": dlq, "AttributeNames": [name]});
    assert_eq!(sqs.call("GetQueueAttributes", &asked)["Attributes"][name], "1209600");

    let done = journal(&bench).into_iter().find(|one| one["type"] == "investigation.completed");
    let report = done.unwrap()["data"]["report"].as_str().unwrap().to_owned();
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("- Place: `pay.js line 12`"), "{report}");
    let in_span = |start: &str| {
        let at = report.find(start).unwrap_or_else(|| panic!("no {start}: {report}"));
        report[at..].split('`').next().unwrap()
    };
    run(&bench, in_span("aws sqs set-queue-attributes"));
    // The commands of a cause ask other services of AWS as well, which this server has not.
    let sqs_lines = report.lines().filter(|line| line.starts_with("aws sqs "));
    let asked: Vec<String> = sqs_lines.map(|line| run(&bench, line).text()).collect();
    assert!(asked.concat().contains("1209600") && asked.len() >= 2, "{report}");
    let quick = json!({"VisibilityTimeout": "1"});
    sqs.call("SetQueueAttributes", &json!({"QueueUrl": source, "Attributes": quick}));
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    run(&bench, in_span("dlq-redrive apply"));
    wait_for("the messages are back", || consumer.consumed().len() == 2);
}

/// The line of a stream is a hint: it may name any profile.
#[test]
fn hostile_profile_is_one_word_of_the_command() {
    const HOSTILE: &str = "o'brien; touch injected; $(touch injected) `touch injected` \" \\";
    let mut bench = Bench::new("hostile-profile");
    bench.stub("aws", "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
    let at = Timestamp::parse("2026-11-22T19:57:32Z").unwrap();
    let queue = |profile: &str| Queue {
        name: "orders-dlq".into(),
        url: "https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq".into(),
        region: "eu-west-1".into(),
        profile: Some(profile.into()),
        ..Queue::default()
    };
    let line = |profile: &str| {
        let data = QueueExpiring {
            queue: queue(profile),
            tier: "1h".into(),
            certain: false,
            depth: Some(1),
            retention_s: Some(60),
            expires_after: None,
            expires_before: Some(at.plus(Duration::from_secs(60))),
        };
        Event::new("id".into(), "orders-dlq", at, data).line()
    };
    let notice = bench.run("dlq-notify", &["-n"], line(HOSTILE)).stderr;
    let command = notice.lines().find(|line| line.starts_with("    aws ")).unwrap();
    let output = bench.shell(command);
    assert!(!bench.path("injected").exists(), "{command}");
    let profile = format!("--profile={HOSTILE}");
    let expected = [
        "sqs",
        "set-queue-attributes",
        "--queue-url=https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq",
        "--attributes=MessageRetentionPeriod=1209600",
        &profile,
        "--region=eu-west-1",
    ];
    assert!(output.text().lines().eq(expected), "{}", output.text());
    let notice = bench.run("dlq-notify", &["-n"], line("two\nlines")).stderr;
    assert!(!notice.contains("aws ") && notice.contains("lost within"), "{notice}");
}
