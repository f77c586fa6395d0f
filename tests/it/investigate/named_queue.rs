//! Queues that `--retry` names.

use crate::support::event_lines::{heartbeat, raised, seconds_ago};
use crate::support::investigate::{investigate, sessions};
use crate::support::workbench::Bench;

#[test]
fn retry_of_a_name_in_two_places_asks_which() {
    let bench = Bench::new("retry-which");
    let here = raised("orders-dlq", "i", seconds_ago(60), None);
    let there = here.replace("us-east-1", "eu-west-1").replace("\"i\"", "\"j\"");
    investigate(&bench, &[], here + &there + &heartbeat(seconds_ago(0)));
    let which = bench.run("dlq-investigate", &["--retry", "orders-dlq"], "");
    let expected = "dlq-investigate: fatal: queue 'orders-dlq' is in 2 places; give one of \
                    arn:aws:sqs:eu-west-1:000000000000:orders-dlq, \
                    arn:aws:sqs:us-east-1:000000000000:orders-dlq\n";
    assert_eq!((which.code(), which.stderr.as_str()), (2, expected));
    let forced = |bench: &Bench| {
        let all = sessions(bench);
        let incidents = all["incidents"].as_array().unwrap();
        incidents.iter().map(|one| one["forced"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(forced(&bench), [false, false]);
    let arn = "arn:aws:sqs:eu-west-1:000000000000:orders-dlq";
    bench.run("dlq-investigate", &["--retry", arn], "");
    assert_eq!(forced(&bench), [false, true]);
    let near = bench.run("dlq-investigate", &["--retry", "order-dlq"], "");
    assert!(near.stderr.contains("the nearest of 1 queue that"), "{}", near.stderr);
}
