//! Verification beside a consumer that is slow, or holds what was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use super::watch::Repeated;
use super::{bodies, create_pair, let_die, redrive};
use crate::support::poll::bench;
use crate::support::sqs_server::SqsServer;

/// A consumer that backs off from the redriven messages, and handles the live ones, until it has handled 150.
#[test]
fn messages_that_a_busy_consumer_holds_are_not_verified() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(14));
    let (to, from) = (source.clone(), source.clone());
    let _others =
        Repeated::start(&server, Duration::from_millis(60), move |sqs| sqs.send(&to, "live"));
    let held_at_release = Arc::new(AtomicU64::new(0));
    let (noted, mut held, mut handled) = (held_at_release.clone(), Vec::new(), 0);
    let _consumer = Repeated::start(&server, Duration::from_millis(40), move |sqs| {
        let receive = json!({"QueueUrl": from, "MaxNumberOfMessages": 10, "VisibilityTimeout": 30});
        let received = sqs.call("ReceiveMessage", &receive);
        for one in received["Messages"].as_array().into_iter().flatten() {
            let mut body = json!({"QueueUrl": from, "ReceiptHandle": one["ReceiptHandle"]});
            if one["Body"] == "live" || handled >= 150 {
                handled += 1;
                std::thread::sleep(Duration::from_millis(15));
                sqs.call("DeleteMessage", &body);
            } else {
                held.push(body.clone());
                body["VisibilityTimeout"] = json!(40_000);
                sqs.call("ChangeMessageVisibility", &body);
            }
        }
        if handled >= 150 && !held.is_empty() {
            noted.store(held.len() as u64, Ordering::SeqCst);
            held.drain(..).for_each(|body| drop(sqs.call("DeleteMessage", &body)));
        }
    });
    let bench = bench("redrive-held", &server.url);
    let output = redrive(&bench, &["apply", "--wait", "1s", "orders-dlq"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let completed = &output.single("redrive.completed")["data"];
    assert_eq!((&completed["moved"], &completed["verified"]), (&json!(14), &json!(true)));
    assert_eq!(held_at_release.load(Ordering::SeqCst), 1, "nothing followed the held canary");
}

/// Its counts fall by less than they may wobble.
#[test]
fn very_slow_consumer_is_waited_for() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(8));
    let from = source.clone();
    let _consumer = Repeated::start(&server, Duration::from_millis(1200), move |sqs| {
        if let Some(handle) = sqs.receive(&from, 30) {
            sqs.call("DeleteMessage", &json!({"QueueUrl": from, "ReceiptHandle": handle}));
        }
    });
    let bench = bench("redrive-slow", &server.url);
    let output = redrive(&bench, &["apply", "--canary", "0", "--wait", "2s", "orders-dlq"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(output.single("redrive.completed")["data"]["verified"], json!(true));
}
