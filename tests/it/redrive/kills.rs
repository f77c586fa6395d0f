//! `kill -9` at random moments: no message is lost, and what may be twice is listed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{archive, bodies, bodies_of, create_pair, drain, last_move, let_die, redrive, summary};
use crate::support::dice::Dice;
use crate::support::poll::bench;
use crate::support::sqs_server::SqsServer;

#[test]
fn killed_redrives_lose_nothing() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let long = std::env::var_os("DLQ_LONG").is_some();
    let (count, kills) = if long { (6000, 50) } else { (900, 8) };
    let_die(&mut sqs, &source, &dlq, &bodies(count));
    let bench = bench("redrive-kills", &server.url);
    let mut dice = Dice(20_261_130);
    let begin = ["apply", "--canary", "0", "--no-verify", "--hold", "1s", "orders-dlq"];
    let mut id: Option<String> = None;
    for _ in 0..kills {
        let resume = id.clone().unwrap_or_default();
        let args = match &id {
            None => begin.to_vec(),
            Some(_) => [&begin[..6], &["--resume", resume.as_str()]].concat(),
        };
        let mut running = bench.start("dlq-redrive", &args);
        let until = Instant::now() + Duration::from_millis(dice.roll(400) + 30);
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        running.kill();
        let is_recorded = bench.state("redrives.json").exists();
        if is_recorded && id.is_none() {
            id = last_move(&bench)["id"].as_str().map(str::to_owned);
        }
    }
    let id = id.expect("it was recorded before the last kill");
    let args = [&begin[..6], &["--resume", id.as_str()]].concat();
    let output = redrive(&bench, &args);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let archived = summary(&archive(&bench));
    let mut arrived: BTreeMap<String, u64> = BTreeMap::new();
    for body in bodies_of(&drain(&mut sqs, &source)) {
        *arrived.entry(body).or_default() += 1;
    }
    let left = drain(&mut sqs, &dlq);
    assert_eq!(left.len(), 0, "{left:?}");
    let ids: BTreeMap<&str, &str> =
        archived.bodies.iter().map(|(id, body)| (body.as_str(), id.as_str())).collect();
    for body in bodies(count) {
        let times = arrived.get(&body).copied().unwrap_or_default();
        assert!(times >= 1, "{body} is lost");
        let is_listed = archived.listed.contains(ids[body.as_str()]);
        assert!(times == 1 || is_listed, "{body} has arrived {times} times, and is not listed");
    }
    assert_eq!(last_move(&bench)["deleted"], count as u64);
    let total: Value = last_move(&bench)["moved"].clone();
    assert_eq!(total, count as u64);
}

#[test]
fn kill_while_a_canary_is_watched_is_no_success() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    // A message that was there before: the baseline of the killed run stands.
    let later = json!({"QueueUrl": source, "MessageBody": "later", "DelaySeconds": 900});
    sqs.call("SendMessage", &later);
    let bench = bench("redrive-kill-canary", &server.url);
    let mut running =
        bench.start("dlq-redrive", &["apply", "--wait", "30s", "--hold", "1s", "orders-dlq"]);
    crate::support::workbench::wait_for("the canary travels", || sqs.depth(&source) == 1);
    crate::support::workbench::wait_for("it is deleted", || {
        sqs.depth(&dlq) + sqs.in_flight(&dlq) == 4
    });
    running.kill();
    let id = last_move(&bench)["id"].as_str().unwrap().to_owned();
    let output = redrive(&bench, &["apply", "--wait", "1s", "--hold", "1s", "--resume", &id]);
    assert_eq!(output.single("redrive.aborted")["data"]["reason"], "not_consumed");
    assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (1, 4), "no other message has travelled");
    assert_eq!(drain(&mut sqs, &source).len(), 1, "the canary is consumed");
    let args = ["apply", "--wait", "1s", "--hold", "1s", "--no-verify", "--resume"];
    let output = redrive(&bench, &[&args[..], &[id.as_str()]].concat());
    let progressed = output.events_of("redrive.progressed");
    let steps: Vec<&Value> = progressed.iter().map(|one| &one["data"]["step"]).collect();
    assert!(steps.iter().any(|step| **step == "ramp"), "the canary counts: {steps:?} {output:?}");
}
