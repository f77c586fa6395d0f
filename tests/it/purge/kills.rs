//! SIGKILL at random moments of a purge.

use std::time::Duration;

use super::{archived, last_move, purge};
use crate::support::dice::{Dice, campaigns};
use crate::support::poll::{age_state, bench, poll};
use crate::support::sqs_server::SqsServer;
use serde_json::json;

const KILLS: u64 = 10;

#[test]
fn killed_purge_loses_no_message() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let dlq = sqs.create("orders-dlq", &json!({}));
    let bench = bench("purge-kills", &server.url);
    let mut dice = Dice(7);
    let mut kills = 0;
    for number in 0..150 {
        sqs.send(&dlq, &format!("first {number}"));
    }
    let mut all = sqs.messages(&dlq);
    poll(&bench, &["--queue", "orders-dlq"]);
    for round in 0..KILLS * campaigns() {
        // What the last round has hidden stays so for minutes; these are purged now.
        for number in 0..20 {
            sqs.send(&dlq, &format!("{round} {number}"));
        }
        all.extend(sqs.messages(&dlq));
        let mut running = bench.start("dlq-purge", &["--confirm", "orders-dlq", "orders-dlq"]);
        std::thread::sleep(Duration::from_millis(dice.roll(1200)));
        running.kill();
        kills += 1;
        let (left, saved) = (sqs.messages(&dlq), archived(&bench));
        let lost: Vec<_> = all
            .iter()
            .filter(|(id, body)| left.get(*id) != Some(body) && saved.get(*id) != Some(body))
            .collect();
        assert_eq!(lost, [], "after {kills} kills");
    }
    assert!(!archived(&bench).is_empty(), "no purge came so far");
    let output = purge(&bench, &["--confirm", "orders-dlq", "orders-dlq"]);
    let left = sqs.messages(&dlq);
    let saved = archived(&bench);
    assert!(all.keys().all(|id| left.contains_key(id) || saved.contains_key(id)), "{output:?}");
    // The interrupted purges have ended, and count as purges of all that they were to delete.
    assert_eq!(last_move(&bench)["id"], output.single("purge.completed")["data"]["purge"]);
    age_state(&bench, 70);
    let rounds = poll(&bench, &["--queue", "orders-dlq"]);
    assert_eq!(rounds.events_of("queue.loss_suspected").len(), 0, "{rounds:?}");
}
