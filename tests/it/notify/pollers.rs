//! Two pollers, each with a notifier, on one state folder and one real SQS server.

use serde_json::json;

use super::outbox::{entries, noting, told};
use crate::support::poll::{bench, journal};
use crate::support::sqs_server::SqsServer;

/// The queues that are raised.
const QUEUES: [&str; 3] = ["a-dlq", "b-dlq", "c-dlq"];
/// The number of raises: a race is seen in some only.
const RAISES: usize = 4;

#[test]
fn two_pollers_send_each_notice_of_a_raise_once() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    // As a person starts them, and as `scripts/pipeline` does: the notifiers then read every raise.
    let pipes = ["dlq-poll | dlq-notify", "{ dlq-poll; dlq-log --json --since 1h; } | dlq-notify"];
    for name in QUEUES {
        let dlq = sqs.create(name, &json!({}));
        sqs.create_source(name.trim_end_matches("-dlq"), name);
        sqs.send(&dlq, "dead");
    }
    for pipe in pipes {
        for _ in 0..RAISES {
            // A new state folder: the queues are raised again.
            let mut bench = bench("two-pollers", &server.url);
            noting(&mut bench);
            let one = format!("{pipe} > /dev/null");
            let output = bench.shell(&format!("{one} & {one} & wait"));
            let raised = |event: &&serde_json::Value| event["type"] == "queue.raised";
            let ids: Vec<_> =
                journal(&bench).iter().filter(raised).map(|one| one["id"].clone()).collect();
            assert_eq!(ids.len(), QUEUES.len(), "{pipe}: {}", output.stderr);
            let told = told(&bench);
            for id in &ids {
                let times = told.get(id.as_str().unwrap()).map_or(0, Vec::len);
                assert_eq!(times, 1, "{pipe}: {id}: {told:?} {}", output.stderr);
            }
            assert_eq!((told.len(), entries(&bench, "c")), (ids.len(), 0), "{}", output.stderr);
        }
    }
}
