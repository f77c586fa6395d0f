//! Moves that are refused before they begin.

use serde_json::json;

use super::{bodies, create_pair, last_move, let_die, redrive};
use crate::support::poll::{bench, parse_output, read_until};
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{Running, wait_for};

#[test]
fn queue_with_live_messages_is_not_taken_for_a_dead_letter_queue() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, _) = create_pair(&mut sqs, "orders");
    let live = json!({"RedrivePolicy": json!({
        "deadLetterTargetArn": sqs.arn("orders-dlq"), "maxReceiveCount": 5}).to_string()});
    sqs.call("SetQueueAttributes", &json!({"QueueUrl": source, "Attributes": live}));
    sqs.send(&source, "alive");
    let bench = bench("redrive-live", &server.url);
    for args in [&["plan", "orders"][..], &["apply", "orders"], &["apply", "--native", "orders"]] {
        let refused = redrive(&bench, args);
        assert_eq!(refused.code, 1, "{args:?}");
        let why = "queue 'orders' is the dead-letter queue of no queue, and has one of its own";
        assert!(refused.stderr.contains(why), "{args:?}: {}", refused.stderr);
    }
    let receive = json!({"QueueUrl": source, "MessageSystemAttributeNames": ["All"]});
    let received = sqs.call("ReceiveMessage", &receive);
    let count = &received["Messages"][0]["Attributes"]["ApproximateReceiveCount"];
    assert_eq!(count, "1", "nobody has looked before");
    let purged = parse_output(bench.run("dlq-purge", &["--confirm", "orders", "orders"], ""));
    assert!(purged.stderr.contains("its messages may be alive"), "{}", purged.stderr);
}

#[test]
fn move_task_of_sqs_is_no_company_for_another_move() {
    let sqs = FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 3)]);
    let bench = bench("redrive-task", &sqs.url);
    sqs.state().move_tasks = vec![json!({
        "Status": "RUNNING", "TaskHandle": "h", "ApproximateNumberOfMessagesMoved": 7,
        "StartedTimestamp": 1_764_475_200_000_i64,
    })];
    let why = "SQS is moving its messages by a task, 7 messages so far";
    for args in
        [&["apply", "--to", "orders", "orders-dlq"][..], &["apply", "--native", "orders-dlq"]]
    {
        let refused = redrive(&bench, args);
        assert_eq!((refused.code, refused.events.len()), (1, 0), "{args:?}");
        assert!(refused.stderr.contains(why), "{args:?}: {}", refused.stderr);
    }
    let args = ["--confirm", "orders-dlq", "orders-dlq"];
    let purged = parse_output(bench.run("dlq-purge", &args, ""));
    assert!(purged.code == 1 && purged.stderr.contains(why), "{}", purged.stderr);
    assert_eq!(sqs.state().count("ReceiveMessage"), 0);
}

#[test]
fn task_whose_follower_was_killed_is_followed_again() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(12));
    let bench = bench("redrive-unwatched", &server.url);
    let args = ["apply", "--native", "--rate", "3", "orders-dlq"];
    let mut running = bench.start("dlq-redrive", &args);
    let started = read_until(&mut running, "redrive.started");
    running.kill();
    let again = redrive(&bench, &["apply", "--native", "orders-dlq"]);
    let completed = &again.single("redrive.completed")["data"];
    assert_eq!((again.code, &completed["redrive"]), (0, &started["data"]["redrive"]), "{again:?}");
    assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (12, 0));
    assert_eq!(last_move(&bench)["outcome"], "completed");
}

#[test]
fn move_in_the_way_is_named() {
    let sqs = FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 3)]);
    let bench = bench("redrive-busy-queue", &sqs.url);
    sqs.state().delete = Behavior::Hold;
    let args = ["--confirm", "orders-dlq", "orders-dlq"];
    let mut first = Running::spawn(&mut bench.command("dlq-purge", &args));
    wait_for("the first delete", || sqs.state().count("DeleteMessageBatch") > 0);
    let refused = redrive(&bench, &["apply", "--to", "orders", "orders-dlq"]);
    let (id, pid) = (last_move(&bench)["id"].clone(), first.pid());
    let why = format!("is running: purge {} of process {pid}, since ", id.as_str().unwrap());
    assert!(refused.code == 1 && refused.stderr.contains(&why), "{}", refused.stderr);
    sqs.state().delete = Behavior::Normal;
    assert_eq!(first.finish().code(), 0);
}
