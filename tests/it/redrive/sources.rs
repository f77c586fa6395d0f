//! Several sources on one dead-letter queue: each destination has steps of its own.

use serde_json::json;

use super::{create_pair, drain, let_die, redrive};
use crate::support::consumer::{Consumer, Mode};
use crate::support::poll::bench;
use crate::support::sqs_server::{Client, SqsServer};

fn create_two(sqs: &mut Client) -> (String, String, String) {
    let (first, dlq) = create_pair(sqs, "first");
    let policy = json!({"deadLetterTargetArn": sqs.arn("first-dlq"), "maxReceiveCount": 1});
    let attributes = json!({"RedrivePolicy": policy.to_string(), "VisibilityTimeout": "1"});
    let second = sqs.create("second", &attributes);
    let of = |name: &str| (0..12).map(|n| format!("{name} {n}")).collect::<Vec<_>>();
    let_die(sqs, &first, &dlq, &of("first"));
    let_die(sqs, &second, &dlq, &of("second"));
    (first, second, dlq)
}

#[test]
fn stopped_consumer_of_one_source_gets_its_canary_alone() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (first, second, dlq) = create_two(&mut sqs);
    let consumers = [(&first, Mode::Succeeds), (&second, Mode::Stopped)]
        .map(|(url, mode)| Consumer::start(&server, url, mode));
    let bench = bench("redrive-two-sources", &server.url);
    let output = redrive(&bench, &["apply", "--wait", "2s", "first-dlq"]);
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("not_consumed")), "{}", output.stderr);
    assert_eq!(sqs.depth(&second), 1, "the canary of this source alone has travelled");
    let consumed = consumers[0].consumed().len() as u64;
    assert_eq!(sqs.depth(&dlq), 23 - consumed, "{consumed} of the other one");
}

#[test]
fn messages_of_all_sources_come_home() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (first, second, dlq) = create_two(&mut sqs);
    let consumers = [&first, &second].map(|url| Consumer::start(&server, url, Mode::Succeeds));
    let bench = bench("redrive-two-home", &server.url);
    let output = redrive(&bench, &["apply", "--wait", "1s", "first-dlq"]);
    let completed = &output.single("redrive.completed")["data"];
    assert_eq!((&completed["moved"], &completed["verified"]), (&json!(24), &json!(true)));
    assert_eq!(consumers.map(|one| one.consumed().len()), [12, 12]);
    assert_eq!((output.code, sqs.depth(&dlq)), (0, 0), "{}", output.stderr);
}

/// A source that is not redriven goes on failing with a message of the same body.
#[test]
fn death_in_another_source_is_no_return() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (first, second, dlq) = create_two(&mut sqs);
    let bench = bench("redrive-other-source", &server.url);
    let all = ["apply", "--canary", "0", "--no-verify", "--match", "first", "first-dlq"];
    assert_eq!(redrive(&bench, &all).code, 0);
    assert_eq!(drain(&mut sqs, &first).len(), 12);
    let_die(&mut sqs, &second, &dlq, &["first 3".to_owned()]);
    let verify = ["verify", "--wait", "1s", "first-dlq"];
    let verified = redrive(&bench, &verify);
    let completed = &verified.single("redrive.completed")["data"];
    assert_eq!((&completed["returned"], &completed["verified"]), (&json!(0), &json!(true)));
    // Those are proven by now; others are not.
    drain(&mut sqs, &dlq);
    let again = ["first again".to_owned()];
    let_die(&mut sqs, &first, &dlq, &again);
    assert_eq!(redrive(&bench, &all).code, 0);
    assert_eq!(drain(&mut sqs, &first).len(), 1);
    let_die(&mut sqs, &first, &dlq, &again);
    let returned = redrive(&bench, &verify);
    assert_eq!(returned.single("redrive.completed")["data"]["returned"], 1, "{}", returned.stderr);
}
