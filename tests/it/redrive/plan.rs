//! Plans: what they name, what they cost, and what an edited one may not do.

use serde_json::{Value, json};

use super::{bodies, bodies_of, create_pair, drain, let_die, redrive};
use crate::support::poll::bench;
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::Bench;

#[test]
fn plan_names_messages_and_moves_nothing() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(25));
    let bench = bench("redrive-plan", &server.url);
    let planned =
        bench.run("dlq-redrive", &["plan", "-q", "--match", r#""n":2"#, "orders-dlq"], "");
    assert_eq!((planned.code(), planned.stderr.as_str()), (0, ""));
    let lines: Vec<Value> =
        planned.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["plan"], &lines[0]["queue"]["name"]), (&json!(1), &json!("orders-dlq")));
    assert_eq!(lines.last().unwrap(), &json!({"messages": 6, "seen": 25}));
    for line in &lines[1..7] {
        assert_eq!(line["to"], sqs.arn("orders"));
    }
    assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (0, 25), "all are back at once");
    let journal = std::fs::read_to_string(bench.state("journal.ndjson")).unwrap();
    let event: Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&event["type"], &event["data"]["messages"]),
        (&json!("redrive.planned"), &json!(6))
    );
    // What the plan names travels, and nothing else; what is gone is told.
    bench.write("plan.ndjson", &planned.stdout);
    let args = ["apply", "-q", "--canary", "0", "--no-verify", "plan.ndjson"];
    let output = redrive(&bench, &args);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    let hash = &event["data"]["plan"];
    assert_eq!(&output.single("redrive.started")["data"]["plan"], hash);
    let mut arrived = bodies_of(&drain(&mut sqs, &source));
    arrived.sort();
    assert_eq!(arrived, [20, 21, 22, 23, 24, 2].map(|n| format!("{{\"n\":{n}}}")));
    let again = redrive(&bench, &args);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("6 messages of the plan were not found"), "{}", again.stderr);
    assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (0, 19));
}

#[test]
fn edited_plan_moves_nothing() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let thief = sqs.create("thief", &json!({}));
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let bench = bench("redrive-edited", &server.url);
    let planned = bench.run("dlq-redrive", &["plan", "orders-dlq"], "").text();
    let edited = planned.replace(&sqs.arn("orders"), &sqs.arn("thief"));
    assert_ne!(planned, edited);
    bench.write("plan.ndjson", edited);
    let args = ["apply", "--canary", "0", "--no-verify", "plan.ndjson"];
    let output = redrive(&bench, &args);
    let aborted = &output.single("redrive.aborted")["data"];
    assert_eq!((output.code, &aborted["reason"]), (1, &json!("destination_refused")));
    assert!(aborted["detail"].as_str().unwrap().contains("give --to if that is meant"));
    assert_eq!((sqs.depth(&thief), sqs.depth(&source), sqs.depth(&dlq)), (0, 0, 3));
    let foreseen = redrive(&bench, &["apply", "-n", "plan.ndjson"]);
    let planned = &foreseen.single("redrive.planned")["data"];
    assert_eq!((&planned["messages"], &planned["destinations"]), (&json!(0), &json!([])));
    assert!(foreseen.code == 1 && foreseen.stderr.contains("3 messages of the plan refused"));
    let verified = redrive(&bench, &["verify", "orders-dlq"]);
    let remedy = "begin anew, with a plan as it was printed, or with --to and another queue";
    assert!(verified.stderr.contains(remedy), "{}", verified.stderr);
    // On its own command line it may be said.
    let meant = redrive(&bench, &[&args[..4], &["--to", "thief"], &args[4..]].concat());
    assert_eq!((meant.code, sqs.depth(&thief)), (0, 3), "{}", meant.stderr);
}

#[test]
fn damaged_plan_is_refused() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let bench = bench("redrive-damaged", &server.url);
    let planned = bench.run("dlq-redrive", &["plan", "orders-dlq"], "").text();
    let lines: Vec<&str> = planned.lines().collect();
    let rows = [
        (lines[..3].join("\n"), "it has no end after 2 messages"),
        (format!("{}\n{}\n", lines[0], lines[4]), "it has 0 messages, and its end says 3"),
        ([lines[0], lines[1], lines[1], lines[2], lines[4]].join("\n"), "line 3 repeats a message"),
        (String::new(), "it is empty; 'dlq-redrive plan QUEUE' makes one"),
        (planned.replacen('{', "[", 1), "line 1 is not one of a plan; 'dlq-redrive plan QUEUE'"),
    ];
    for (plan, expected) in rows {
        let output = bench.run("dlq-redrive", &["apply", "-"], plan);
        assert_eq!(output.code(), 1);
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
    // A file is a plan, also when a queue could have its name.
    bench.write("orders-dlq", "not a plan\n");
    let output = bench.run("dlq-redrive", &["apply", "orders-dlq"], "");
    let expected = "cannot read plan 'orders-dlq': line 1 is not one of a plan; 'dlq-redrive plan \
                    QUEUE' makes one; give a queue of this name by its ARN";
    assert_eq!(output.code(), 1);
    assert!(output.stderr.contains(expected), "{}", output.stderr);
    assert_eq!((sqs.depth(&source), sqs.depth(&dlq)), (0, 3));
}

#[test]
fn wrong_usage_is_told_before_anything_else() {
    // Without a region, a configuration that cannot be read, and a queue that is not there.
    let mut bench = Bench::new("redrive-usage");
    bench.configure("aws: {regions: 7}");
    let rows: [(&str, &[&str], &str); 23] = [
        ("dlq-redrive", &[], "expected 'plan QUEUE', 'apply QUEUE', 'apply PLAN'"),
        ("dlq-redrive", &["plan"], "'plan' needs an operand: "),
        ("dlq-redrive", &["plan", "a", "b"], "'plan' takes one operand: "),
        ("dlq-redrive", &["verify"], "'verify' needs an operand: "),
        ("dlq-redrive", &["restore"], "'restore' needs an operand: "),
        ("dlq-redrive", &["apply", "--native"], "'apply' needs an operand: "),
        ("dlq-redrive", &["orders-dlq"], "'orders-dlq' is no verb: expected "),
        ("dlq-redrive", &["--auto", "plan"], "option '--auto' goes without 'plan'"),
        ("dlq-redrive", &["restore", "--limit", "1", "a"], "option '--limit': 'restore' does not"),
        ("dlq-redrive", &["restore", "--to", "orders", "a"], "option '--to': 'restore' does not"),
        ("dlq-redrive", &["apply", "--resume", "0", "--match", "x"], "'--match': 'apply --resume'"),
        ("dlq-redrive", &["apply", "--native", "--older", "30d", "q"], "'apply --native' does not"),
        ("dlq-redrive", &["apply", "--native", "--hold", "1m", "q"], "'apply --native' does not"),
        ("dlq-redrive", &["apply", "--native", "--rate", "501", "q"], "a task moves at most 500"),
        ("dlq-redrive", &["plan", "--hold", "13h", "q"], "SQS hides a message for 12 hours"),
        ("dlq-redrive", &["verify", "--reason", "x", "q"], "option '--reason': 'verify' does not"),
        ("dlq-redrive", &["verify", "-n", "q"], "option '--dry-run': 'verify' does not take it"),
        ("dlq-redrive", &["plan", "--canary", "1", "q"], "option '--canary': 'plan' does not"),
        ("dlq-redrive", &["--auto", "--limit", "1"], "option '--limit': '--auto' does not take it"),
        (
            "dlq-redrive",
            &["plan", "--older", "30", "q"],
            "'30' has no unit: give an age such as 30d",
        ),
        ("dlq-purge", &["--archive-only", "--reason", "x", "q"], "--reason"),
        ("dlq-purge", &["--archive-only", "--account", "x"], "option '--account' needs a QUEUE"),
        ("dlq-purge", &[], "give a QUEUE; only '--archive-only' reads a pipe"),
    ];
    for (program, args, expected) in rows {
        let output = bench.run(program, args, "");
        assert_eq!(output.code(), 2, "{args:?} {}", output.stderr);
        assert!(output.stderr.contains(expected), "{args:?} {}", output.stderr);
        let remedy = format!("try '{program} --help'");
        assert!(output.stderr.contains(&remedy), "{args:?} {}", output.stderr);
    }
}

#[test]
fn dry_run_says_what_it_would_receive() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let_die(&mut sqs, &source, &dlq, &bodies(25));
    let bench = bench("redrive-dry", &server.url);
    for verb in ["plan", "apply"] {
        let output = redrive(&bench, &[verb, "-n", "orders-dlq"]);
        let planned = &output.single("redrive.planned")["data"];
        assert_eq!((output.code, &planned["messages"]), (0, &json!(25)), "{verb}");
        assert_eq!(planned["receives"], 5);
    }
    assert!(!bench.state("journal.ndjson").exists() && !bench.state("redrives.json").exists());
    let counts = sqs.receive_counts(&dlq);
    assert!(counts.values().all(|count| *count == 2), "nothing was received: {counts:?}");
}

#[test]
fn plan_that_is_not_whole_says_so() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (_, fifo) = create_pair(&mut sqs, "orders.fifo");
    let entry = |n: usize| {
        json!({"Id": n.to_string(), "MessageBody": n.to_string(), "MessageGroupId": "g",
            "MessageDeduplicationId": n.to_string()})
    };
    for begin in [0, 10, 20] {
        let entries: Vec<Value> = (begin..begin + 10).map(entry).collect();
        super::send_batch(&mut sqs, &fifo, &entries);
    }
    let (_, dlq) = create_pair(&mut sqs, "bills");
    (0..5).for_each(|n| sqs.send(&dlq, &n.to_string()));
    let held: Vec<String> = (0..2).filter_map(|_| sqs.receive(&dlq, 300)).collect();
    assert_eq!(held.len(), 2);
    let bench = bench("redrive-plan-part", &server.url);
    let rows = [
        (
            "orders-dlq.fifo",
            10,
            "20 messages could not be received: in a FIFO queue a message waits for those of its \
             group before it",
        ),
        (
            "bills-dlq",
            3,
            "2 messages could not be received: others are reading them, or they are delayed",
        ),
    ];
    for (queue, messages, why) in rows {
        let output = bench.run("dlq-redrive", &["plan", queue], "");
        assert_eq!((output.code(), output.text().lines().count()), (1, messages + 2), "{queue}");
        let expected = format!("the plan of queue '{queue}' is not whole: {why}");
        assert!(output.stderr.contains(&expected), "{queue}: {}", output.stderr);
    }
}

#[test]
fn destination_of_the_command_line_is_that_of_all_messages() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let (source, dlq) = create_pair(&mut sqs, "orders");
    let other = sqs.create("other", &json!({}));
    let_die(&mut sqs, &source, &dlq, &bodies(3));
    let bench = bench("redrive-plan-to", &server.url);
    bench.write("plan.ndjson", bench.run("dlq-redrive", &["plan", "orders-dlq"], "").text());
    let foreseen = redrive(&bench, &["apply", "-n", "--to", "other", "plan.ndjson"]);
    let planned = &foreseen.single("redrive.planned")["data"];
    assert_eq!(planned["destinations"], json!([{"arn": sqs.arn("other"), "count": 3}]));
    let args = ["apply", "--canary", "0", "--no-verify", "--to", "other", "plan.ndjson"];
    assert_eq!(redrive(&bench, &args).code, 0);
    assert_eq!((sqs.depth(&source), sqs.depth(&other)), (0, 3));
    let limited = redrive(&bench, &["apply", "--limit", "1", "plan.ndjson"]);
    assert!(limited.code == 2 && limited.stderr.contains("a plan has chosen"), "{limited:?}");
}

/// A receive that is refused shows what was printed before it.
#[test]
fn cost_of_a_sweep_is_told_before_its_first_receive() {
    let sqs = FakeSqs::start().with_queues(&[("orders", 0), ("orders-dlq", 35)]);
    let denied = Behavior::Refuse(403, "AccessDeniedException");
    sqs.state().receive = denied.clone();
    sqs.state().later_receives = denied;
    let bench = bench("redrive-cost", &sqs.url);
    let apply = ["apply", "--to", "orders", "--canary", "0", "--no-verify"];
    let rows: [(&str, &[&str]); 5] = [
        ("dlq-redrive", &["plan", "--match", "x"]),
        ("dlq-redrive", &apply),
        ("dlq-redrive", &[&apply[..], &["--match", "x"]].concat()),
        ("dlq-purge", &["--confirm", "orders-dlq", "--match", "x"]),
        ("dlq-purge", &["--archive-only"]),
    ];
    for (program, args) in rows {
        let run = |more: &[&str]| {
            let output = bench.run(program, &[args, more, &["orders-dlq"]].concat(), "");
            assert_eq!(output.code(), 1, "{args:?}: {}", output.stderr);
            output.stderr
        };
        let (told, quiet) = (run(&[]), run(&["-q"]));
        let cost = format!(
            "{program}: to look at 35 messages of queue 'orders-dlq' takes about 6 receives and 5s; what is not \
             taken is hidden for 2m at most (SQS allows 12h), and at most 119000 messages at once\n"
        );
        assert!(told.starts_with(&cost), "{args:?}: {told}");
        assert!(!quiet.contains("receives and"), "{args:?}: {quiet}");
    }
}
