//! `--resume`: what it looks at before it sends anything.

use serde_json::{Value, json};

use super::{bodies, bodies_of, create_pair, die, drain, last_move, let_die, redrive};
use crate::support::consumer::{Consumer, Mode};
use crate::support::poll::bench;
use crate::support::sqs_server::{Client, SqsServer};
use crate::support::workbench::{Bench, wait_for};

const SHORT: [&str; 4] = ["--wait", "1s", "--hold", "1s"];

fn last_id(bench: &Bench) -> String {
    last_move(bench)["id"].as_str().unwrap().to_owned()
}

/// Creates a queue with 20 dead letters, and another pair that they are to be sent to. Returns the URLs of
/// the queue, and of that pair.
fn create_other(sqs: &mut Client) -> (String, String, String) {
    let (source, dlq) = create_pair(sqs, "orders");
    let_die(sqs, &source, &dlq, &bodies(20));
    let (other, its_dlq) = create_pair(sqs, "other");
    (dlq, other, its_dlq)
}

#[test]
fn death_in_another_queue_is_seen_before_anything_is_sent() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (_, other, its_dlq) = create_other(&mut sqs);
    // Within the steps, and past them.
    let rows = [
        ("canary", &["--wait", "60s"][..], 1),
        ("rest", &["--canary", "0", "--rate", "5"][..], 12),
    ];
    for (name, args, least) in rows {
        let bench = bench(&format!("redrive-resume-{name}"), &server.url);
        let begin = ["apply", "--to", "other", "--hold", "1s"];
        let mut running = bench.start("dlq-redrive", &[&begin[..], args, &["orders-dlq"]].concat());
        wait_for("messages travel", || sqs.depth(&other) >= least);
        running.kill();
        let sent = sqs.depth(&other);
        die(&mut sqs, &other, &its_dlq, sent);
        let resumed =
            redrive(&bench, &[&["apply"], &SHORT[..], &["--resume", &last_id(&bench)]].concat());
        let aborted = &resumed.single("redrive.aborted")["data"];
        let found = (resumed.code, &aborted["reason"]);
        assert_eq!(found, (1, &json!("returned")), "{name}: {}", resumed.stderr);
        assert_eq!((sqs.depth(&other), sqs.depth(&its_dlq)), (0, sent), "{name}");
        sqs.call("PurgeQueue", &json!({"QueueUrl": its_dlq}));
    }
}

#[test]
fn other_queue_that_cannot_be_read_holds_each_resume() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (_, other, its_dlq) = create_other(&mut sqs);
    let consumer = Consumer::start(&server, &other, Mode::Succeeds);
    sqs.call("DeleteQueue", &json!({"QueueUrl": its_dlq}));
    let bench = bench("redrive-resume-unreadable", &server.url);
    let begin = [&["apply", "--to", "other"], &SHORT[..], &["orders-dlq"]].concat();
    let first = redrive(&bench, &begin);
    let id = last_id(&bench);
    let resume = [&["apply"], &SHORT[..], &["--resume", &id]].concat();
    for output in [first, redrive(&bench, &resume)] {
        let aborted = &output.single("redrive.aborted")["data"];
        assert_eq!((output.code, &aborted["reason"]), (1, &json!("returns_unknown")));
        assert_eq!((&aborted["moved"], consumer.consumed().len()), (&json!(1), 1));
        let remedy = format!(
            "messages that die again go to 'other-dlq', which cannot be read; allow this program to read \
             'other-dlq'; then 'dlq-redrive apply --resume {id}' goes on with it, or with --canary 0"
        );
        assert!(output.stderr.contains(&remedy), "{}", output.stderr);
    }
    let resumed = redrive(&bench, &[&resume[..], &["--canary", "0"]].concat());
    let completed = &resumed.single("redrive.completed")["data"];
    assert_eq!((resumed.code, &completed["verified"]), (1, &json!(false)), "{}", resumed.stderr);
    assert_eq!((&completed["moved"], consumer.consumed().len()), (&json!(20), 20));
}

/// A look that was killed hides messages for a while.
#[test]
fn messages_that_a_killed_look_has_hidden_are_waited_for() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let bench = bench("redrive-resume-hidden", &server.url);
    let mut running =
        bench.start("dlq-redrive", &["apply", "--wait", "60s", "--hold", "1s", "orders-dlq"]);
    wait_for("the canary travels", || sqs.depth(&source) == 1);
    wait_for("it watches", || !last_move(&bench)["verify_until"].is_null());
    running.kill();
    let consumer = Consumer::start(&server, &source, Mode::Succeeds);
    wait_for("the canary is consumed", || consumer.consumed().len() == 1);
    let held: Vec<String> = (0..2).filter_map(|_| sqs.receive(&dlq, 6)).collect();
    let resumed =
        redrive(&bench, &[&["apply"], &SHORT[..], &["--resume", &last_id(&bench)]].concat());
    assert_eq!((resumed.code, held.len()), (0, 2), "{}", resumed.stderr);
    let completed = &resumed.single("redrive.completed")["data"];
    assert_eq!((&completed["moved"], &completed["verified"]), (&json!(3), &json!(true)));
}

/// The steps are those of the run before: what they sent, and did not prove, is proven first.
#[test]
fn large_canary_that_nobody_consumed_is_proven_first() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(60));
    let bench = bench("redrive-resume-steps", &server.url);
    let begin = [&["apply", "--canary", "40"], &SHORT[..], &["orders-dlq"]].concat();
    let resume = |rest: &[&str]| {
        let id = last_id(&bench);
        redrive(&bench, &[&["apply"], &SHORT[..], rest, &["--resume", &id]].concat())
    };
    for output in [redrive(&bench, &begin), resume(&[]), resume(&["--canary", "3"])] {
        let aborted = &output.single("redrive.aborted")["data"];
        assert_eq!((output.code, &aborted["reason"]), (1, &json!("not_consumed")));
        assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (40, 20), "{}", output.stderr);
    }
    let _consumer = Consumer::start(&server, &source, Mode::Succeeds);
    let resumed = resume(&[]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(
        last_move(&bench)["proven"],
        json!({sqs.arn("orders"): 40}),
        "past the steps of the last run"
    );
}

/// A consumer that writes its failures into the dead-letter queue itself gives them new ids.
#[test]
fn copies_of_what_an_earlier_run_has_sent_are_returns() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let bench = bench("redrive-resume-copies", &server.url);
    let begin = [&["apply"], &SHORT[..], &["orders-dlq"]].concat();
    redrive(&bench, &begin).single("redrive.aborted");
    let canary = bodies_of(&drain(&mut sqs, &source));
    sqs.send(&dlq, &canary[0]);
    for verb in ["verify", "resume"] {
        let id = last_id(&bench);
        let output = match verb {
            "verify" => redrive(&bench, &["verify", "--wait", "1s", &id]),
            _ => redrive(&bench, &[&["apply"], &SHORT[..], &["--resume", &id]].concat()),
        };
        let aborted = &output.single("redrive.aborted")["data"];
        assert_eq!((output.code, &aborted["reason"]), (1, &json!("returned")), "{verb}");
        assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (0, 5), "{verb}: {}", output.stderr);
    }
}

/// A purge between two runs takes what the second was to move: neither lost nor moved.
#[test]
fn messages_that_left_the_queue_meanwhile_are_told() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    for name in ["purge", "others"] {
        let_die(&mut sqs, &source, &dlq, &bodies(5));
        let bench = bench(&format!("redrive-gone-{name}"), &server.url);
        let begin = [&["apply"], &SHORT[..], &["orders-dlq"]].concat();
        redrive(&bench, &begin).single("redrive.aborted");
        let id = last_id(&bench);
        let expected = match name {
            "purge" => {
                let purge = ["--confirm", "orders-dlq", "orders-dlq"];
                assert_eq!(bench.run("dlq-purge", &purge, "").code(), 0);
                let text = std::fs::read_to_string(bench.state("redrives.json")).unwrap();
                let all: serde_json::Value = serde_json::from_str(&text).unwrap();
                let mut moves = all["moves"].as_array().unwrap().iter();
                let purge = moves.find(|one| one["kind"] == "purge").unwrap();
                let word = |name: &str| purge[name].as_str().unwrap().to_owned();
                format!(
                    "purge {} of {} has deleted 4 messages, archive '{}'",
                    word("id"),
                    word("begun_at"),
                    word("archive")
                )
            }
            _ => {
                assert_eq!(drain(&mut sqs, &dlq).len(), 4);
                "4 were deleted by others or by retention, or the count was wrong".to_owned()
            }
        };
        let args = [&["apply"], &SHORT[..], &["--canary", "0", "--no-verify", "--resume", &id]];
        let resumed = redrive(&bench, &args.concat());
        let completed = &resumed.single("redrive.completed")["data"];
        let counts = ["messages", "moved", "gone"].map(|name| completed[name].as_u64().unwrap());
        assert_eq!((resumed.code, counts), (1, [5, 1, 4]), "{name}: {}", resumed.stderr);
        let begin =
            "4 of the 5 messages that queue 'orders-dlq' had have left it without this redrive";
        assert!(resumed.stderr.contains(&format!("{begin}; {expected}\n")), "{}", resumed.stderr);
        assert_eq!(drain(&mut sqs, &source).len(), 1, "{name}");
    }
}

/// A redrive that stopped goes on hours later: the ages are those of its begin.
#[test]
fn messages_are_as_old_as_at_the_begin() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let bench = bench("redrive-resume-ages", &server.url);
    let begin = [&["apply", "--newer", "1h"], &SHORT[..], &["orders-dlq"]].concat();
    redrive(&bench, &begin).single("redrive.aborted");
    let state = last_move(&bench);
    assert!(!state["chosen_at"].is_null());
    // They were no second old when it began, and are older now.
    let path = bench.state("redrives.json");
    let mut all: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let state = &mut all["moves"][0];
    (state["selection"], state["chosen_at"]) =
        (json!(["newer=1ms"]), json!("2020-01-01T00:00:00Z"));
    bench.write("state/redrives.json", all.to_string());
    let _consumer = Consumer::start(&server, &source, Mode::Succeeds);
    let resumed =
        redrive(&bench, &[&["apply"], &SHORT[..], &["--resume", &last_id(&bench)]].concat());
    let completed = &resumed.single("redrive.completed")["data"];
    assert_eq!((resumed.code, &completed["moved"]), (0, &json!(5)), "{}", resumed.stderr);
    assert_eq!(sqs.depth(&dlq), 0);
}

/// A plan that came through a pipe is in no file.
#[test]
fn plan_of_a_pipe_is_kept_until_the_end() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let bench = bench("redrive-resume-pipe", &server.url);
    let line =
        format!("dlq-redrive plan --limit 4 orders-dlq | dlq-redrive apply {} -", SHORT.join(" "));
    let piped = bench.shell(&line);
    assert_eq!(piped.code(), 1, "{}", piped.stderr);
    let id = last_id(&bench);
    let remedy = format!("'dlq-redrive apply --resume {id}' goes on with it");
    assert!(piped.stderr.contains(&remedy), "{}", piped.stderr);
    let kept = std::path::PathBuf::from(last_move(&bench)["archive"].as_str().unwrap())
        .with_extension("plan");
    let mode = std::os::unix::fs::PermissionsExt::mode(&kept.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    // One that somebody has changed is another plan.
    let text = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, [&text[..], b"{}\n"].concat()).unwrap();
    let resume = [&["apply"], &SHORT[..], &["--resume", &id]].concat();
    let refused = redrive(&bench, &resume);
    assert_eq!((refused.code, refused.events.len()), (1, 0), "{}", refused.stderr);
    std::fs::write(&kept, &text).unwrap();

    let _consumer = Consumer::start(&server, &source, Mode::Succeeds);
    let resumed = redrive(&bench, &resume);
    let completed = &resumed.single("redrive.completed")["data"];
    assert_eq!((resumed.code, &completed["moved"]), (0, &json!(4)), "{}", resumed.stderr);
    assert_eq!((sqs.depth(&dlq), kept.exists()), (1, false));
}

/// The whole queue is received, and what it has is hidden meanwhile.
#[test]
fn look_at_the_whole_queue_tells_its_cost_first() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let bench = bench("redrive-resume-cost", &server.url);
    redrive(&bench, &[&["apply"], &SHORT[..], &["orders-dlq"]].concat()).single("redrive.aborted");
    let id = last_id(&bench);
    let cost = "to look at 4 messages of queue 'orders-dlq' takes about 3 receives and 5s";
    for args in [&["verify", "--wait", "1s", &id][..], &["apply", "--wait", "1s", "--resume", &id]]
    {
        let told = redrive(&bench, args);
        assert_eq!(told.stderr.matches(cost).count(), 1, "{args:?}: {}", told.stderr);
        let quiet = redrive(&bench, &[args, &["-q"]].concat());
        assert!(!quiet.stderr.contains(cost), "{args:?}: {}", quiet.stderr);
    }
}

#[test]
fn messages_that_a_purge_took_meanwhile_are_not_left() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(10));
    let bench = bench("redrive-resume-left", &server.url);
    let begin = [&["apply"], &SHORT[..], &["orders-dlq"]].concat();
    let first = redrive(&bench, &begin);
    assert_eq!(first.single("redrive.aborted")["data"]["left"], 9);
    let id = last_id(&bench);
    let purged = bench.run("dlq-purge", &["--confirm", "orders-dlq", "orders-dlq"], "");
    assert_eq!((purged.code(), sqs.depth(&dlq)), (0, 0), "{}", purged.stderr);
    let resumed = redrive(&bench, &[&["apply"], &SHORT[..], &["--resume", &id]].concat());
    let aborted = &resumed.single("redrive.aborted")["data"];
    assert_eq!((resumed.code, &aborted["left"]), (1, &json!(0)), "{}", resumed.stderr);
}
