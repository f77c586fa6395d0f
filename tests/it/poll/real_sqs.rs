//! Rounds of `dlq-poll` on a real SQS server: pages, dead letters, move tasks, regions and
//! accounts.

use serde_json::{Value, json};

use crate::support::poll::{PollOutput, age_state, bench, journal, poll};
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::wait_for;

/// SQS lists at most 1,000 queues a page.
#[test]
fn discovery_finds_every_dlq_of_2500_queues() {
    let Some(server) = SqsServer::start() else { return };
    let names: Vec<(String, Option<String>)> = (0..1300)
        .map(|n| (format!("job-{n:04}-DLQ"), None))
        .chain((0..100).map(|n| (format!("sink-{n:03}"), None)))
        .chain((0..100).map(|n| (format!("feed-{n:03}"), Some(format!("sink-{n:03}")))))
        .chain((0..1000).map(|n| (format!("plain-{n:04}"), None)))
        .collect();
    std::thread::scope(|scope| {
        for part in names.chunks(625) {
            let mut client = server.client();
            scope.spawn(move || {
                for (name, dlq) in part {
                    match dlq {
                        Some(dlq) => client.create_source(name, dlq),
                        None => client.create(name, &json!({})),
                    };
                }
            });
        }
    });
    let bench = bench("many", &server.url);
    let listed = poll(&bench, &["--list"]);
    assert_eq!((listed.code, listed.stderr.as_str()), (0, ""));
    let mut expected: Vec<String> = names[..1400].iter().map(|(name, _)| name.clone()).collect();
    expected.sort();
    assert_eq!(listed.subjects("queue.found"), expected);
    for event in listed.events_of("queue.found") {
        let (name, data) = (event["subject"].as_str().unwrap(), &event["data"]);
        let by_redrive = name.starts_with("sink");
        assert_eq!(data["found_by"], if by_redrive { "redrive" } else { "name" });
        let sources = if by_redrive { json!([name.replace("sink", "feed")]) } else { json!([]) };
        assert_eq!(data["queue"]["sources"], sources);
    }
    let by_name = poll(&bench, &["--list", "--discover", "name"]);
    assert_eq!(by_name.subjects("queue.found").len(), 1300);
    let by_redrive = poll(&bench, &["--list", "--discover", "redrive"]);
    assert_eq!(by_redrive.subjects("queue.found"), expected[1300..]);
    let round = poll(&bench, &[]);
    assert_eq!(round.subjects("queue.found"), expected);
    assert_eq!(round.single("poll.finished")["data"]["queues"], 1400);
    assert_eq!((round.code, round.edges().len()), (0, 0));
}

/// Course of an incident from the first failure of a consumer to its end.
#[test]
fn incident_is_raised_once_and_cleared_with_cause() {
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let two_weeks = json!({"MessageRetentionPeriod": "1209600"});
    let orders_dlq = sqs.create("orders-dlq", &two_weeks);
    let pay_dlq = sqs.create("pay-dlq.fifo", &two_weeks);
    let graveyard = sqs.create("graveyard", &two_weeks);
    let orders = sqs.create_source("orders", "orders-dlq");
    let pay = sqs.create_source("pay.fifo", "pay-dlq.fifo");
    let mail = sqs.create_source("mail", "graveyard");

    let bench = bench("real", &server.url);
    let first = poll(&bench, &[]);
    assert_eq!((first.code, first.events_of("queue.found").len(), first.edges().len()), (0, 3, 0));

    sqs.dead_letter(&orders, &orders_dlq, &["a", "b"]);
    sqs.dead_letter(&pay, &pay_dlq, &["c"]);
    sqs.dead_letter(&mail, &graveyard, &["d"]);
    let second = poll(&bench, &[]);
    let expected =
        ["graveyard", "orders-dlq", "pay-dlq.fifo"].map(|name| format!("queue.raised {name}"));
    assert_eq!((second.code, second.edges()), (0, expected.to_vec()));
    for (event, (name, source, depth, fifo)) in second.events_of("queue.raised").into_iter().zip([
        ("graveyard", "mail", 1, false),
        ("orders-dlq", "orders", 2, false),
        ("pay-dlq.fifo", "pay.fifo", 1, true),
    ]) {
        let data = &event["data"];
        assert_eq!((&event["subject"], &data["depth"]), (&json!(name), &json!(depth)));
        assert_eq!((&data["previous"], &data["threshold"]), (&json!(0), &json!(1)));
        assert_eq!(data["queue"]["sources"], json!([source]));
        assert_eq!(data["queue"]["fifo"], fifo);
        assert_eq!(data["queue"]["arn"], sqs.arn(name));
        // The queue was seen empty, and its retention is longer than that of its source.
        let moment = |key: &str| dlq::time::Timestamp::parse(data[key].as_str().unwrap()).unwrap();
        let days = moment("expires_before").since(moment("expires_after")).as_secs() / 86_400;
        assert_eq!(days, if fifo { 0 } else { 4 }, "{name}: {data}");
    }
    // Further runs report nothing, because nothing has changed.
    for _ in 0..3 {
        let again = poll(&bench, &[]);
        assert_eq!((again.code, again.edges().len(), again.stderr.as_str()), (0, 0, ""));
    }
    let raises = journal(&bench).iter().filter(|event| event["type"] == "queue.raised").count();
    assert_eq!(raises, 3);

    // A dead letter in flight still counts, and more messages make the queue grow.
    assert!(sqs.receive(&orders_dlq, 600).is_some());
    let reading = poll(&bench, &["--all"]);
    let polled = reading.events_of("queue.polled");
    let polled = polled.iter().find(|event| event["subject"] == "orders-dlq").unwrap();
    let receive_counts = ["depth", "visible", "in_flight"].map(|key| polled["data"][key].as_u64());
    assert_eq!(receive_counts, [Some(2), Some(1), Some(1)]);
    assert_eq!(reading.edges().len(), 0);
    sqs.dead_letter(&orders, &orders_dlq, &["e", "f"]);
    let grown = poll(&bench, &[]);
    assert_eq!(grown.edges(), ["queue.grew orders-dlq"]);
    assert_eq!(grown.single("queue.grew")["data"]["depth"], 4);

    // One queue is emptied by a move task, the other by a deletion.
    sqs.call("StartMessageMoveTask", &json!({"SourceArn": sqs.arn("graveyard")}));
    wait_for("the task moves the message", || sqs.depth(&graveyard) == 0);
    let receipt = sqs.receive(&pay_dlq, 600).unwrap();
    sqs.call("DeleteMessage", &json!({"QueueUrl": pay_dlq, "ReceiptHandle": receipt}));
    assert_eq!(poll(&bench, &[]).edges().len(), 0, "one zero ends nothing");
    assert_eq!(poll(&bench, &[]).edges().len(), 0, "nor do two, seconds apart");
    age_state(&bench, 70);
    let end = poll(&bench, &[]);
    let expected = [
        "queue.cleared graveyard",
        "queue.cleared pay-dlq.fifo",
        "queue.loss_suspected pay-dlq.fifo",
    ];
    assert_eq!((end.code, end.edges()), (0, expected.map(str::to_owned).to_vec()));
    let causes: Vec<&Value> =
        end.events_of("queue.cleared").iter().map(|e| &e["data"]["cause"]).collect();
    assert_eq!(causes, ["redriven", "unknown"]);
    assert_eq!(end.single("queue.loss_suspected")["data"]["why"], "unexplained");
    assert_eq!(end.single("poll.finished")["data"]["raised"], 1);

    // A deleted queue is gone, not cleared.
    sqs.call("DeleteQueue", &json!({"QueueUrl": orders_dlq}));
    let gone = poll(&bench, &[]);
    assert_eq!((gone.code, gone.edges()), (0, vec!["queue.gone orders-dlq".to_owned()]));
}

/// The server separates regions and accounts, as AWS does.
#[test]
fn regions_and_accounts_share_a_round() {
    let Some(server) = SqsServer::start() else { return };
    for region in ["us-east-1", "sa-east-1", "eu-west-1"] {
        let mut sqs = server.client_in(region);
        let url = sqs.create("orders-dlq", &json!({}));
        sqs.send(&url, region);
    }
    let mut bench = bench("regions", &server.url);
    bench.configure("aws: {regions: [us-east-1, sa-east-1]}");
    let output = poll(&bench, &[]);
    let arns = |output: &PollOutput| -> Vec<String> {
        let raised = output.events_of("queue.raised").into_iter();
        raised.map(|event| event["data"]["queue"]["arn"].as_str().unwrap().to_owned()).collect()
    };
    let expected =
        ["us-east-1", "sa-east-1"].map(|r| format!("arn:aws:sqs:{r}:000000000000:orders-dlq"));
    assert_eq!((output.code, arns(&output)), (0, expected.to_vec()));

    // The server takes an access key of twelve digits for the number of an account.
    let profiles = "[profile shop]\nregion = us-east-1\naws_access_key_id = 111111111111\naws_secret_access_key = x\n\
                    [profile bank]\nregion = eu-west-1\naws_access_key_id = 222222222222\naws_secret_access_key = x\n";
    bench.write("aws-config", profiles);
    bench.configure(
        "aws: {accounts: [{name: Shop, profile: shop}, {profile: bank, regions: [eu-west-1]}]}",
    );
    bench.set("DLQ_STATE_DIR", bench.path("other"));
    for profile in ["shop", "bank"] {
        // The profile's own account has the queue: `--queue` finds it in one account and not in the
        // other.
        let (key, region) = if profile == "shop" {
            ("111111111111", "us-east-1")
        } else {
            ("222222222222", "eu-west-1")
        };
        let mut sqs = server.client_in(region).with_key(key);
        let url = sqs.create(&format!("{profile}-dlq"), &json!({}));
        sqs.send(&url, "x");
    }
    let output = poll(&bench, &[]);
    let expected = [
        "arn:aws:sqs:us-east-1:111111111111:shop-dlq",
        "arn:aws:sqs:eu-west-1:222222222222:bank-dlq",
    ];
    assert_eq!((output.code, arns(&output)), (0, expected.map(str::to_owned).to_vec()));
    let labels: Vec<&Value> =
        output.events_of("queue.raised").iter().map(|e| &e["data"]["queue"]["account"]).collect();
    assert_eq!(labels, ["Shop", "bank"]);
    let output = poll(&bench, &["--queue", "bank-dlq", "--queue", "nowhere-dlq"]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("cannot find queue 'nowhere-dlq'"), "{}", output.stderr);
    assert_eq!(output.single("poll.finished")["data"]["queues"], 1);
}
