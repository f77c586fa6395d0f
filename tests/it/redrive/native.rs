//! Redrives by SQS itself.

use serde_json::json;

use super::{bodies, create_pair, drain, last_move, let_die, redrive};
use crate::support::poll::{bench, read_until};
use crate::support::sqs_api::{Behavior, FakeSqs};
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

#[test]
fn interrupted_redrive_is_not_emptied_by_a_task() {
    let sqs = FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 5)]);
    sqs.state().send = Behavior::Disconnect;
    let bench = bench("redrive-native-interrupted", &sqs.url);
    let all = ["apply", "--canary", "0", "--no-verify", "--to", "orders", "orders-dlq"];
    redrive(&bench, &all).single("redrive.aborted");
    let native = redrive(&bench, &["apply", "--native", "--to", "orders", "orders-dlq"]);
    assert_eq!((native.code, sqs.state().count("StartMessageMoveTask")), (1, 0));
    assert!(native.stderr.contains("5 messages whose end is not known"), "{}", native.stderr);
}

#[test]
fn older_task_is_not_taken_for_one_that_a_kill_has_prevented() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(2));
    let bench = bench("redrive-native-killed", &server.url);
    let native = ["apply", "--native", "orders-dlq"];
    assert_eq!(redrive(&bench, &native).single("redrive.completed")["data"]["moved"], 2);
    drain(&mut sqs, &source);
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    // As a kill between the record and the start leaves it.
    let mut killed = last_move(&bench);
    let first = killed.clone();
    killed["id"] = json!("aaaaaaaa-0000-8000-8000-000000000000");
    killed["begun_at"] = first["finished_at"].clone();
    killed["task_before"] = first["finished_at"].clone();
    for name in ["finished_at", "outcome"] {
        killed[name] = json!(null);
    }
    (killed["moved"], killed["deleted"], killed["messages"]) = (json!(0), json!(0), json!(3));
    let all = json!({"version": 1, "moves": [first, killed]});
    bench.write("state/redrives.json", all.to_string());
    let output = redrive(&bench, &native);
    let completed = &output.single("redrive.completed")["data"];
    assert_eq!((&completed["moved"], sqs.depth(&dlq)), (&json!(3), 0), "{}", output.stderr);
    assert!(output.stderr.contains("no task was started"), "{}", output.stderr);
}
