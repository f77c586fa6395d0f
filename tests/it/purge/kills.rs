//! SIGKILL at random moments of a purge, and before its first delete.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::{archived, archives, last_move, purge};
use crate::support::dice::{Dice, campaigns};
use crate::support::poll::{age_state, bench, poll};
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::wait_for;

const KILLS: u64 = 10;
/// Messages that are sent before each purge: what the last one has received stays hidden.
const SENT: u64 = 60;

#[test]
fn messages_are_on_disk_before_a_delete_is_asked_for() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 25)]);
    sqs.state().delete = Behavior::Hold;
    let bench = bench("purge-order", &sqs.url);
    let mut running = bench.start("dlq-purge", &["--confirm", "orders-dlq", "orders-dlq"]);
    wait_for("the first delete", || sqs.state().count("DeleteMessageBatch") > 0);
    running.kill();
    let saved: BTreeSet<String> = archived(&bench).into_keys().collect();
    assert_eq!(saved, (0..10).map(|n| format!("m{n}")).collect());
    let state = last_move(&bench);
    assert_eq!((&state["messages"], &state["finished_at"]), (&json!(25), &json!(null)));
}

#[test]
fn killed_purge_loses_no_message() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = sqs.create("orders-dlq", &json!({}));
    let bench = bench("purge-kills", &server.url);
    let mut dice = Dice(7);
    let mut all = sqs.messages(&dlq);
    let mut deletes = 0;
    for round in 0..KILLS * campaigns() {
        for number in 0..SENT {
            sqs.send(&dlq, &format!("{round} {number}"));
        }
        let before = sqs.messages(&dlq);
        all.extend(before.clone());
        if round == 0 {
            poll(&bench, &["--queue", "orders-dlq"]);
        }
        let begun = archives(&bench).len();
        let mut running = bench.start("dlq-purge", &["--confirm", "orders-dlq", "orders-dlq"]);
        wait_for("the archive", || archives(&bench).len() > begun);
        std::thread::sleep(Duration::from_millis(dice.roll(250)));
        running.kill();
        let (left, saved) = (sqs.messages(&dlq), archived(&bench));
        deletes += before.len() - left.len();
        let lost: Vec<_> = all
            .iter()
            .filter(|(id, body)| left.get(*id) != Some(body) && saved.get(*id) != Some(body))
            .collect();
        assert_eq!(lost, [], "after {} kills", round + 1);
    }
    assert!(deletes > 0, "no purge came so far");
    let output = purge(&bench, &["--confirm", "orders-dlq", "orders-dlq"]);
    let (left, saved) = (sqs.messages(&dlq), archived(&bench));
    assert!(all.keys().all(|id| left.contains_key(id) || saved.contains_key(id)), "{output:?}");
    // The interrupted purges have ended, and count as purges of all that they were to delete.
    assert_eq!(last_move(&bench)["id"], output.single("purge.completed")["data"]["purge"]);
    age_state(&bench, 70);
    let rounds = poll(&bench, &["--queue", "orders-dlq"]);
    assert_eq!(rounds.events_of("queue.loss_suspected").len(), 0, "{rounds:?}");
}
