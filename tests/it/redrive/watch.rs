//! The watch: what dies elsewhere, what arrives meanwhile, what a busy destination shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{QUICK, bodies, create_pair, let_die, redrive};
use crate::support::consumer::{Consumer, Mode};
use crate::support::poll::{bench, parse_output};
use crate::support::sqs_server::{Client, SqsServer};
use crate::support::workbench::{signal, wait_for};

/// Work that is repeated until the value is dropped.
pub(super) struct Repeated {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Repeated {
    pub(super) fn start(
        server: &SqsServer,
        every: Duration,
        mut work: impl FnMut(&mut Client) + Send + 'static,
    ) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let (mut client, seen) = (server.client(), ends.clone());
        let thread = std::thread::spawn(move || {
            while !seen.load(Ordering::SeqCst) {
                work(&mut client);
                std::thread::sleep(every);
            }
        });
        Repeated { ends, thread: Some(thread) }
    }
}

impl Drop for Repeated {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[test]
fn arrivals_of_others_stop_neither_redrive_nor_signal() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(40));
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    let other = sqs.create_source("other", "orders-dlq");
    let others = Repeated::start(&server, Duration::from_millis(300), move |sqs| {
        sqs.send(&other, "of another cause");
        sqs.receive(&other, 0);
        sqs.receive(&other, 0);
    });
    let bench = bench("redrive-inflow", &server.url);
    let args = [&["apply", "--match", "\"n\""], &QUICK[..], &["orders-dlq"]].concat();
    let output = redrive(&bench, &args);
    let completed = &output.single("redrive.completed")["data"];
    assert_eq!((&completed["moved"], &completed["verified"]), (&json!(40), &json!(true)));
    assert_eq!((output.code, consumer.consumed().len()), (0, 40), "{}", output.stderr);
    let_die(&mut sqs, &source, &dlq, &[]);
    consumer.switch(Mode::Stopped);
    let args = ["apply", "--wait", "60s", "orders-dlq"];
    let mut running =
        bench.start("dlq-redrive", &[&args[..3], &["--to", "orders"], &args[3..]].concat());
    wait_for("it watches", || {
        let newest = super::last_move(&bench);
        newest["outcome"].is_null() && !newest["verify_until"].is_null()
    });
    let before = sqs.depth(&dlq);
    wait_for("others fill the queue meanwhile", || sqs.depth(&dlq) >= before + 5);
    let begun = Instant::now();
    signal("INT", running.pid());
    let output = running.finish();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?} {}", begun.elapsed(), output.stderr);
    drop(others);
}

#[test]
fn message_that_dies_into_another_queue_has_returned() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(20));
    let (other, its_dlq) = create_pair(&mut sqs, "other");
    sqs.send(&its_dlq, "it was there before");
    let consumer = Consumer::start(&server, &other, Mode::Fails);
    let bench = bench("redrive-other-grave", &server.url);
    let output = redrive(&bench, &["apply", "--to", "other", "--wait", "4s", "orders-dlq"]);
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("returned")), "{}", output.stderr);
    assert_eq!((sqs.depth(&dlq), sqs.depth(&its_dlq)), (19, 2), "the canary alone has travelled");
    drop(consumer);
}

#[test]
fn broken_consumer_behind_a_backlog_gets_the_canary_alone() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &(0..20).map(|n| format!("bad {n}")).collect::<Vec<_>>());
    (0..40).for_each(|n| sqs.send(&source, &format!("live {n}")));
    let from = source.clone();
    let consumer = Repeated::start(&server, Duration::from_millis(200), move |sqs| {
        let receive = json!({"QueueUrl": from, "MaxNumberOfMessages": 1, "VisibilityTimeout": 1});
        let received = sqs.call("ReceiveMessage", &receive);
        for one in received["Messages"].as_array().into_iter().flatten() {
            let mut body = json!({"QueueUrl": from, "ReceiptHandle": one["ReceiptHandle"]});
            match one["Body"].as_str().unwrap().starts_with("live") {
                true => sqs.call("DeleteMessage", &body),
                false => {
                    body["VisibilityTimeout"] = json!(0);
                    sqs.call("ChangeMessageVisibility", &body)
                }
            };
        }
    });
    let bench = bench("redrive-backlog", &server.url);
    let output = redrive(&bench, &["apply", "--wait", "2s", "orders-dlq"]);
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("returned")), "{}", output.stderr);
    assert_eq!((&aborted["moved"], sqs.depth(&dlq)), (&json!(1), 20));
    drop(consumer);
}
#[test]
fn copy_that_a_consumer_sends_back_is_a_return() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(40));
    let (from, to) = (source.clone(), dlq.clone());
    let copier = Repeated::start(&server, Duration::from_millis(20), move |sqs| {
        let receive = json!({"QueueUrl": from, "MaxNumberOfMessages": 10});
        let received = sqs.call("ReceiveMessage", &receive);
        for one in received["Messages"].as_array().into_iter().flatten() {
            sqs.send(&to, one["Body"].as_str().unwrap());
            let handle = &one["ReceiptHandle"];
            sqs.call("DeleteMessage", &json!({"QueueUrl": from, "ReceiptHandle": handle}));
        }
    });
    let bench = bench("redrive-copies", &server.url);
    let mut running = bench.start("dlq-redrive", &["apply", "--wait", "2s", "orders-dlq"]);
    let mut ended = false;
    let until = Instant::now() + Duration::from_secs(40);
    while !ended && Instant::now() < until {
        let recorded = bench.state("redrives.json").exists().then(|| super::last_move(&bench));
        ended = recorded.is_some_and(|one| !one["outcome"].is_null());
        std::thread::sleep(Duration::from_millis(100));
    }
    if !ended {
        signal("INT", running.pid());
    }
    let output = parse_output(running.finish());
    assert!(ended, "{}", output.stderr);
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((&aborted["reason"], &aborted["moved"]), (&json!("returned"), &json!(1)));
    drop(copier);
    assert_eq!(sqs.depth(&dlq), 40);
}

/// A consumer that takes what it has received before it receives again, beside others that send.
fn busy(server: &SqsServer, url: &str) -> [Repeated; 2] {
    let (to, from, mut held) = (url.to_owned(), url.to_owned(), Vec::new());
    let others = Repeated::start(server, Duration::from_millis(100), move |sqs| {
        sqs.send(&to, "live");
    });
    let consumer = Repeated::start(server, Duration::from_millis(20), move |sqs| {
        let receive = json!({
            "QueueUrl": from, "MaxNumberOfMessages": 10, "VisibilityTimeout": 30,
        });
        let received = sqs.call("ReceiveMessage", &receive);
        held.extend(received["Messages"].as_array().into_iter().flatten().cloned());
        // Some are always under way.
        for one in held.drain(..held.len().saturating_sub(2)) {
            let handle = &one["ReceiptHandle"];
            sqs.call("DeleteMessage", &json!({"QueueUrl": from, "ReceiptHandle": handle}));
        }
    });
    [others, consumer]
}

#[test]
fn busy_consumer_is_no_stopped_one() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(14));
    let [others, consumer] = busy(&server, &source);
    wait_for("live messages are under way", || sqs.in_flight(&source) > 1);
    let bench = bench("redrive-busy", &server.url);
    let output = redrive(&bench, &["apply", "--wait", "1s", "orders-dlq"]);
    let completed = &output.single("redrive.completed")["data"];
    assert_eq!((&completed["moved"], &completed["verified"]), (&json!(14), &json!(true)));
    drop(consumer);
    // Nobody consumes now, and live messages arrive.
    (0..2).for_each(|_| sqs.send(&dlq, "{}"));
    let output = redrive(&bench, &["apply", "--wait", "2s", "--to", "orders", "orders-dlq"]);
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("not_consumed")), "{}", output.stderr);
    drop(others);
}

/// What nobody consumes expires, and leaves the queue as if it were consumed.
#[test]
fn destination_that_forgets_before_the_end_of_the_watch_is_refused() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let attributes = json!({"MessageRetentionPeriod": "60"});
    sqs.call("SetQueueAttributes", &json!({"QueueUrl": source, "Attributes": attributes}));
    let bench = bench("redrive-retention", &server.url);
    let output = redrive(&bench, &["apply", "--wait", "100s", "orders-dlq"]);
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("destination")));
    let told = "keeps messages for 1m, and they are watched for 1m 40s";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (0, 3), "nothing was sent");
    let all = ["apply", "--canary", "0", "--no-verify", "--wait", "100s", "orders-dlq"];
    assert_eq!(redrive(&bench, &all).code, 0, "without a watch it does not matter");
}
