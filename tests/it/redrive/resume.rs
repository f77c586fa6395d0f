//! `--resume`: what it looks at before it sends anything.

use dlq::programs::REDRIVE;
use dlq::rules::redrive::options::OPTIONS;
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

/// An option that has no use in the table would be forgotten by a later run.
#[test]
fn each_option_of_the_program_has_its_use() {
    let mut known: Vec<&str> = OPTIONS.iter().map(|(name, _)| *name).collect();
    let mut all: Vec<&str> = REDRIVE.options.iter().map(|opt| opt.long).collect();
    all.push("config");
    known.sort_unstable();
    all.sort_unstable();
    assert_eq!(known, all);
}

/// What the first command line has said holds until it is said again.
#[test]
fn options_of_the_begin_hold_each_until_it_is_given_again() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let bench = bench("redrive-resume-options", &server.url);
    let options =
        ["--canary", "2", "--ramp", "3", "--rate", "50", "--batch-window", "1s", "--force"];
    redrive(&bench, &[&["apply"], &SHORT[..], &options, &["orders-dlq"]].concat())
        .single("redrive.aborted");
    let words = |canary: &str, wait: &str| {
        let mut all =
            ["force=true", canary, "ramp=3", "rate=50", wait, "batch-window=1s", "hold=1s"];
        all.sort_unstable();
        json!(all)
    };
    let recorded = || {
        let mut all: Vec<String> =
            serde_json::from_value(last_move(&bench)["options"].clone()).unwrap();
        all.sort_unstable();
        json!(all)
    };
    assert_eq!(recorded(), words("canary=2", "wait=1s"));
    let id = last_id(&bench);
    let rows = [
        (&[][..], words("canary=2", "wait=1s")),
        (&["--canary", "1"][..], words("canary=1", "wait=1s")),
        (&["--wait", "2s"][..], words("canary=1", "wait=2s")),
    ];
    for (given, expected) in rows {
        let resumed = redrive(&bench, &[&["apply"], given, &["--resume", &id]].concat());
        let aborted = &resumed.single("redrive.aborted")["data"];
        assert_eq!(aborted["reason"], "not_consumed", "{}", resumed.stderr);
        assert_eq!(recorded(), expected, "{given:?}");
        let canary = &resumed.single("redrive.started")["data"]["canary"];
        assert!(expected.to_string().contains(&format!("canary={canary}")), "{given:?}");
    }
    assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (2, 3));
}

/// What a newer redrive has seen holds for the older one, too.
#[test]
fn return_in_a_newer_redrive_holds_the_older_one() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(5));
    let bench = bench("redrive-resume-older", &server.url);
    let begin = [&["apply"], &SHORT[..], &["orders-dlq"]].concat();
    redrive(&bench, &begin).single("redrive.aborted");
    let older = last_id(&bench);
    // Somebody empties the destination; what is sent after that dies.
    drain(&mut sqs, &source);
    let consumer = Consumer::start(&server, &source, Mode::Fails);
    let newer = redrive(&bench, &["apply", "--wait", "5s", "--hold", "1s", "orders-dlq"]);
    assert_eq!(newer.single("redrive.aborted")["data"]["reason"], "returned", "{}", newer.stderr);
    drop(consumer);
    let sent = sqs.depth(&source) + sqs.depth(&dlq);
    let resume = [&["apply"], &SHORT[..], &["--resume", &older]].concat();
    let held = redrive(&bench, &resume);
    let told = format!("redrive {} of its queue is newer, and at least 1 message", last_id(&bench));
    assert!(held.code == 1 && held.stderr.contains(&told), "{}", held.stderr);
    assert!(held.events_of("redrive.started").is_empty(), "nothing begins");
    assert_eq!((sqs.depth(&source) + sqs.depth(&dlq), sent), (4, 4));
    let forced = redrive(&bench, &[&resume[..], &["--force"]].concat());
    assert_eq!(forced.events_of("redrive.started").len(), 1, "{}", forced.stderr);
    assert!(forced.stderr.contains("is newer than the one that goes on"), "{}", forced.stderr);
}

/// A command without its profile is another account's.
#[test]
fn printed_command_has_the_place_of_the_redrive() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(2));
    // Without the options no server is there.
    let bench = bench("redrive-resume-place", "http://127.0.0.1:9");
    let place = ["--region", "us-east-1", "--endpoint-url", &server.url];
    let stopped = redrive(&bench, &[&["apply"], &SHORT[..], &place, &["orders-dlq"]].concat());
    stopped.single("redrive.aborted");
    let id = last_id(&bench);
    let command =
        format!("dlq-redrive apply --resume {id} --region us-east-1 --endpoint-url {}", server.url);
    assert!(stopped.stderr.contains(&format!("'{command}' goes on")), "{}", stopped.stderr);
    let _consumer = Consumer::start(&server, &source, Mode::Succeeds);
    let args: Vec<&str> = command.split(' ').skip(1).collect();
    let resumed = redrive(&bench, &args);
    assert_eq!(resumed.single("redrive.completed")["data"]["moved"], 2, "{}", resumed.stderr);
    let again = redrive(&bench, &args);
    let verify =
        format!("'dlq-redrive verify --region us-east-1 --endpoint-url {} {id}'", server.url);
    assert!(again.stderr.contains(&verify), "{}", again.stderr);
}
