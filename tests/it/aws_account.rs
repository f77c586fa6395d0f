//! `scripts/test-aws`, with the SQS server of the tests and moto's STS in the place of an account.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use serde_json::json;

use crate::support::aws_logs::aws_v1;
use crate::support::dice::is_long;
use crate::support::moto::Moto;
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{Bench, Running, bin, signal, wait_for};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/test-aws");
/// The account of both servers.
const ACCOUNT: &str = "--yes-use-account=000000000000";

/// Both servers, and a bench whose environment leads to them.
fn account(name: &str) -> Option<(Bench, Moto, SqsServer)> {
    let python = aws_v1()?.join("python");
    let server = SqsServer::start()?;
    let moto = Moto::start(&python);
    let mut bench = Bench::new(name);
    bench.set("AWS_ENDPOINT_URL_SQS", &server.url);
    bench.set("AWS_ENDPOINT_URL_STS", moto.url());
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_REGION", "us-east-1"),
    ] {
        bench.set(name, value);
    }
    bench.set("DLQ_BIN", bin("dlq-poll").parent().unwrap());
    Some((bench, moto, server))
}

/// Returns the names of all queues.
fn queues(server: &SqsServer) -> Vec<String> {
    let found = server.client().call("ListQueues", &json!({}));
    let urls = found["QueueUrls"].as_array().into_iter().flatten();
    urls.map(|url| url.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn another_account_and_a_machine_of_ci_are_refused_before_anything_is_made() {
    let Some((mut bench, _moto, server)) = account("account-refused") else { return };
    let cases: [(&[&str], &str); 3] = [
        (
            &["--yes-use-account", "123456789012"],
            "are of account 000000000000, and not of 123456789012",
        ),
        (&[], "option '--yes-use-account': expected the 12 digits of the account, found ''"),
        (&["--yes-use-account", "yes"], "expected the 12 digits of the account, found 'yes'"),
    ];
    for (args, message) in cases {
        let output = Running::spawn(&mut bench.command(SCRIPT, args)).finish();
        assert_eq!(output.code(), 2, "{args:?}: {output:?}");
        assert!(output.stderr.contains(message), "{args:?}: {output:?}");
    }
    bench.set("CI", "true");
    let output = Running::spawn(&mut bench.command(SCRIPT, &[ACCOUNT])).finish();
    assert_eq!(output.code(), 2, "{output:?}");
    assert!(output.stderr.contains("CI=true"), "{output:?}");
    assert_eq!(queues(&server), [""; 0]);
}

#[test]
fn interrupted_run_deletes_its_queues_and_no_others() {
    let Some((bench, _moto, server)) = account("account-stopped") else { return };
    // The name alone is not enough: somebody may have chosen it.
    server.client().create("dlq-tools-test-of-somebody", &json!({}));
    let mut running = Running::spawn(bench.command(SCRIPT, &[ACCOUNT]).stdin(Stdio::null()));
    let mut lines = String::new();
    while !lines.contains("dlq-poll raised the queue: ok") {
        lines += &running.line();
    }
    assert_eq!(queues(&server).len(), 3);
    signal("TERM", running.pid());
    let output = running.finish();
    assert_eq!(output.code(), 143, "{output:?}");
    let text = output.text();
    assert!(
        text.contains("deleted 2 queues\nat most ") && text.contains("\nat most $0.0000"),
        "{text}"
    );
    assert_eq!(queues(&server), ["dlq-tools-test-of-somebody"]);

    // A killed one leaves them to the next, or to --clean.
    let mut running = Running::spawn(bench.command(SCRIPT, &[ACCOUNT]).process_group(0));
    running.line();
    signal("KILL", -running.pid());
    running.finish();
    wait_for("its queues", || queues(&server).len() == 3);
    let output = Running::spawn(&mut bench.command(SCRIPT, &[ACCOUNT, "--clean"])).finish();
    assert_eq!(output.code(), 0, "{output:?}");
    assert!(output.text().starts_with("deleted 2 queues of earlier runs\n"), "{output:?}");
    assert_eq!(queues(&server), ["dlq-tools-test-of-somebody"]);
}

/// Whatever a program prints, and whoever has tagged a queue so.
#[test]
fn run_whose_programs_fail_deletes_its_queues() {
    let Some((mut bench, _moto, server)) = account("account-broken") else { return };
    let tagged = json!({"QueueName": "dlq-tools-test-tagged", "tags": {"dlq-tools-test": "yes"}});
    server.client().call("CreateQueue", &tagged);
    std::fs::create_dir(bench.path("broken")).unwrap();
    for name in ["dlq-poll", "dlq-peek", "dlq-redrive", "dlq-purge", "dlq-status"] {
        let path = bench.write(&format!("broken/{name}"), "#!/bin/sh\necho '{broken'\n");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    bench.set("DLQ_BIN", bench.path("broken"));
    let output = Running::spawn(&mut bench.command(SCRIPT, &[ACCOUNT])).finish();
    assert_eq!(output.code(), 1, "{output:?}");
    assert!(output.text().contains("deleted 2 queues\n"), "{output:?}");
    assert!(output.stderr.contains("dlq-tools-test-tagged is left: its tag"), "{output:?}");
    assert!(output.stderr.contains("dlq-poll printed a line that is no event"), "{output:?}");
    assert_eq!(queues(&server), ["dlq-tools-test-tagged"]);
}

/// More than a minute: dlq-poll clears a queue after one without a message.
#[test]
fn all_steps_pass() {
    if !is_long() {
        return;
    }
    let Some((bench, _moto, server)) = account("account") else { return };
    let output = bench.command(SCRIPT, &[ACCOUNT]).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.matches(": ok\n").count(), 6, "{text}");
    assert_eq!(queues(&server), [""; 0]);
}
