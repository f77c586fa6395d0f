//! Queues in another region, keys that deny, consumers with a batch window, and the bar on a terminal.

use serde_json::json;

use super::{archive, bodies, create_pair, drain, last_move, let_die, redrive, summary};
use crate::support::poll::{bench, parse_output};
use crate::support::pty::Pty;
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::wait_for;

#[test]
fn queue_in_another_region_is_found_by_its_arn() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client_in("eu-west-1");
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    // A pair of the same name where nobody asks for it.
    let mut near = server.client();
    let (near_source, near_dlq) = create_pair(&mut near, "orders");
    let_die(&mut near, &near_source, &near_dlq, &bodies(1));
    let mut bench = bench("redrive-region", &server.url);
    bench.configure("aws: {regions: [us-east-1, eu-west-1]}");
    let arn = sqs.arn("orders-dlq");
    let output = redrive(&bench, &["apply", "-q", "--canary", "0", "--no-verify", &arn]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let completed = &output.single("redrive.completed")["data"];
    assert_eq!(
        (&completed["moved"], &completed["queue"]["region"]),
        (&json!(3), &json!("eu-west-1"))
    );
    assert_eq!((drain(&mut sqs, &source).len(), near.depth(&near_dlq)), (3, 1));
}

#[test]
fn denied_key_moves_nothing() {
    let denied = Behavior::Refuse(400, "com.amazonaws.sqs#KmsAccessDenied");
    let apply = ["apply", "--canary", "1", "--wait", "1s", "--to", "orders", "orders-dlq"];
    for (rule, denies_receive) in [("that of the dead-letter queue", true), ("the source's", false)]
    {
        let sqs = FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 5)]);
        match denies_receive {
            true => sqs.state().receive = denied.clone(),
            false => sqs.state().send = denied.clone(),
        }
        let bench = bench(&format!("redrive-kms-{denies_receive}"), &sqs.url);
        let output = redrive(&bench, &apply);
        let aborted = &output.single("redrive.aborted")["data"];
        let reason = if denies_receive { "queue" } else { "not_sent" };
        assert_eq!((output.code, &aborted["reason"]), (1, &json!(reason)), "{rule}");
        let detail = aborted["detail"].as_str().unwrap();
        assert!(detail.contains("KMS"), "{rule}: {detail}");
        let sent = summary(&archive(&bench)).sent.len();
        assert_eq!((sent, sqs.state().count("DeleteMessageBatch")), (0, 0), "{rule}");
        assert_eq!(sqs.state().count("SendMessageBatch"), usize::from(!denies_receive), "{rule}");
    }
}

#[test]
fn function_with_a_batch_window_is_watched_for_longer() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(2));
    let bench = bench("redrive-batch-window", &server.url);
    let mut running =
        bench.start("dlq-redrive", &["apply", "--batch-window", "200s", "orders-dlq"]);
    wait_for("the canary is watched", || {
        bench.state("redrives.json").exists() && !last_move(&bench)["verify_until"].is_null()
    });
    running.kill();
    let recorded = last_move(&bench);
    let moment = |name: &str| {
        let text = recorded[name].as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp()
    };
    // Six visibility timeouts of a second, the window, and its slack, after the send.
    let span = moment("verify_until") - moment("begun_at");
    assert!((227..260).contains(&span), "{span}");
}

#[test]
fn progress_is_one_line_of_a_terminal_and_goes_away() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(60));
    let bench = bench("redrive-bar", &server.url);
    let bin = env!("CARGO_BIN_EXE_dlq-redrive");
    let line = format!(
        "'{bin}' apply --canary 0 --no-verify --rate 20 orders-dlq >/dev/null; echo status $?"
    );
    let mut terminal = Pty::start(&bench, &line, 80, 24);
    terminal.wait_for("the bar grows", |one| one.text().contains("rest: [######"));
    terminal.wait_for_text("status 0");
    let left = terminal.text();
    assert!(!left.contains("[####"), "{left}");
    assert!(terminal.finish().success());
}

/// A redrive goes on with its own destination: when that is gone, only another redrive helps.
#[test]
fn remedy_for_a_destination_that_was_deleted_works() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let gone = sqs.create("gone", &json!({}));
    let bench = bench("redrive-deleted-destination", &server.url);
    let begin = ["apply", "--wait", "30s", "--hold", "1s", "--to", "gone", "orders-dlq"];
    let mut running = bench.start("dlq-redrive", &begin);
    wait_for("the canary travels", || sqs.depth(&gone) == 1);
    sqs.call("DeleteQueue", &json!({"QueueUrl": gone}));
    let stopped = parse_output(running.finish());
    let aborted = &stopped.single("redrive.aborted")["data"];
    assert_eq!((stopped.code, &aborted["reason"]), (1, &json!("destination")));
    let remedy = "begin anew, with --to and another queue";
    let id = last_move(&bench)["id"].as_str().unwrap().to_owned();
    let rows = [
        stopped,
        redrive(&bench, &["apply", "--resume", &id]),
        redrive(&bench, &["verify", "--wait", "1s", &id]),
    ];
    for output in rows {
        assert!(output.code == 1 && output.stderr.contains(remedy), "{}", output.stderr);
    }
    let all =
        ["apply", "--canary", "0", "--no-verify", "--hold", "1s", "--to", "orders", "orders-dlq"];
    let anew = redrive(&bench, &all);
    assert_eq!((anew.code, sqs.depth(&source)), (0, 4), "{}", anew.stderr);
}
