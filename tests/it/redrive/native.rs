//! Redrives by SQS itself.

use serde_json::json;

use super::{bodies, create_pair, last_move, let_die, redrive};
use crate::support::poll::{bench, read_until};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::{signal, wait_for};

#[test]
fn move_task_is_followed_to_its_end() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(30));
    let bench = bench("redrive-native", &server.url);
    let output = redrive(&bench, &["apply", "--native", "orders-dlq"]);
    let completed = &output.single("redrive.completed")["data"];
    assert_eq!((output.code, &completed["moved"]), (0, &json!(30)), "{}", output.stderr);
    assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (30, 0));
    let recorded = last_move(&bench);
    assert_eq!((&recorded["kind"], &recorded["deleted"]), (&json!("native"), &json!(30)));
}

#[test]
fn interrupt_cancels_the_task() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(60));
    let bench = bench("redrive-cancel", &server.url);
    let mut running =
        bench.start("dlq-redrive", &["apply", "--native", "--rate", "2", "orders-dlq"]);
    read_until(&mut running, "redrive.started");
    wait_for("the first messages travel", || sqs.depth(&source) > 0);
    signal("INT", running.pid());
    let aborted = read_until(&mut running, "redrive.aborted");
    assert_eq!(aborted["data"]["reason"], "interrupted");
    let output = running.finish();
    assert!(output.status.code().is_none(), "it dies by the signal: {output:?}");
    let moved = sqs.depth(&source);
    assert!(moved < 60 && sqs.depth(&dlq) == 60 - moved, "{moved}");
}
