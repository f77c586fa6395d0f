//! `--resume` and `verify` where no look sees the whole dead-letter queue at once.

use serde_json::{Value, json};

use super::fifo::let_groups_die;
use super::{bodies, create_pair, last_move, redrive, send_batch};
use crate::support::consumer::{Consumer, Mode};
use crate::support::poll::{PollOutput, bench};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{Bench, wait_for};

fn resume(bench: &Bench, rest: &[&str]) -> PollOutput {
    let id = last_move(bench)["id"].as_str().unwrap().to_owned();
    redrive(bench, &[&["apply", "--wait", "1s", "--resume", &id], rest].concat())
}

/// In a FIFO queue a look sees the first messages of a group only, and a return is behind them.
#[test]
fn groups_go_on_when_the_depth_shows_no_return() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders.fifo");
    let_groups_die(&mut sqs, &source, &dlq, 3, 20);
    let bench = bench("redrive-resume-groups", &server.url);
    let begun = redrive(&bench, &["apply", "--wait", "1s", "orders-dlq.fifo"]);
    assert_eq!(begun.single("redrive.aborted")["data"]["reason"], json!("not_consumed"));
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    wait_for("the canary is consumed", || consumer.consumed().len() == 1);
    let id = last_move(&bench)["id"].as_str().unwrap().to_owned();
    let seen = redrive(&bench, &["verify", "--wait", "1s", &id]);
    assert!(seen.stderr.contains("all were consumed, and none has returned"), "{}", seen.stderr);
    let resumed = resume(&bench, &[]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    let completed = &resumed.single("redrive.completed")["data"];
    assert_eq!((&completed["moved"], &completed["verified"]), (&json!(60), &json!(true)));
}

#[test]
fn groups_whose_depth_has_changed_go_on_by_a_new_canary() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders.fifo");
    let_groups_die(&mut sqs, &source, &dlq, 3, 20);
    let bench = bench("redrive-resume-anew", &server.url);
    redrive(&bench, &["apply", "--wait", "1s", "orders-dlq.fifo"]).single("redrive.aborted");
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    wait_for("the canary is consumed", || consumer.consumed().len() == 1);
    // It may be a return, and it is behind nineteen others.
    let entry = json!({"Id": "0", "MessageBody": "of another", "MessageGroupId": "g0"});
    send_batch(&mut sqs, &dlq, &[entry]);
    let id = last_move(&bench)["id"].as_str().unwrap().to_owned();
    let goes_on = format!(
        "'dlq-redrive apply --resume {id} --canary 1' goes on without that knowledge, by a new canary"
    );
    for output in [resume(&bench, &[]), redrive(&bench, &["verify", "--wait", "1s", &id])] {
        assert_eq!((output.code, sqs.depth(&dlq)), (1, 60), "{}", output.stderr);
        assert!(output.stderr.contains(&goes_on), "{}", output.stderr);
    }
    consumer.switch(Mode::Stopped);
    let stopped = resume(&bench, &["--canary", "1"]);
    let aborted = &stopped.single("redrive.aborted")["data"];
    assert_eq!((&aborted["reason"], &aborted["moved"]), (&json!("not_consumed"), &json!(2)));
    assert_eq!(sqs.depth(&source), 1, "the new canary alone has travelled");
    consumer.switch(Mode::Succeeds);
    let resumed = resume(&bench, &["--canary", "1"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    let completed = &resumed.single("redrive.completed")["data"];
    assert_eq!((&completed["moved"], &completed["verified"]), (&json!(61), &json!(true)));
}

/// More than a look of a watch receives.
#[test]
fn deep_queue_is_looked_at_as_a_whole() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    for chunk in bodies(2100).chunks(10) {
        let entry =
            |(at, body): (usize, &String)| json!({"Id": at.to_string(), "MessageBody": body});
        send_batch(&mut sqs, &dlq, &chunk.iter().enumerate().map(entry).collect::<Vec<Value>>());
    }
    let bench = bench("redrive-resume-deep", &server.url);
    let begun = redrive(&bench, &["apply", "--wait", "1s", "orders-dlq"]);
    assert_eq!(begun.single("redrive.aborted")["data"]["reason"], json!("not_consumed"));
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    wait_for("the canary is consumed", || consumer.consumed().len() == 1);
    sqs.send(&dlq, "of another");
    let resumed = resume(&bench, &[]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    let completed = &resumed.single("redrive.completed")["data"];
    assert_eq!((&completed["moved"], &completed["verified"]), (&json!(2101), &json!(true)));
}
