//! `dlq-poll`: what it is told to do, whom it asks, and what it remembers.

use serde_json::Value;

use crate::support::poll::{Heard, age, bench, hear, journal, poll};
use crate::support::sqs_api::{FakeSqs, Mood};
use crate::support::workbench::{Running, wait_for};

#[test]
fn wrong_usage_is_one_line_and_exit_2() {
    let bench = bench("usage", "http://127.0.0.1:9");
    let cases: [(&[&str], &str); 11] = [
        (&["--no-such-flag"], "unknown option '--no-such-flag'"),
        (&["extra"], "extra"),
        (&["--interval", "30"], "30"),
        (&["--interval", "0s"], "0s"),
        (&["--rounds", "0"], "0"),
        (&["--rounds", "many"], "many"),
        (&["--concurrency", "0"], "0"),
        (&["--discover", "magic"], "magic"),
        (&["--match", "[a"], "[a"),
        (&["--region"], "--region"),
        (&["--endpoint-url", "127.0.0.1:9"], "127.0.0.1:9"),
    ];
    for (args, offence) in cases {
        let heard = poll(&bench, args);
        assert_eq!((heard.code, heard.events.len()), (2, 0), "{args:?}: {heard:?}");
        assert_eq!(heard.stderr.lines().count(), 1, "{args:?}: {}", heard.stderr);
        assert!(heard.stderr.starts_with("dlq-poll: fatal: "), "{args:?}: {}", heard.stderr);
        assert!(heard.stderr.contains(offence), "{args:?}: {}", heard.stderr);
    }
    assert!(!bench.state("").exists(), "wrong usage writes nothing");
}

#[test]
fn without_a_region_or_credentials_it_says_what_to_do() {
    let sqs = FakeSqs::start();
    let with = |unset: &[&str]| {
        let bench = bench("no-aws", &sqs.url);
        let mut command = bench.command("dlq-poll", &[]);
        for name in unset {
            command.env_remove(name);
        }
        let output = Running::of(command.stdin(std::process::Stdio::null())).finish();
        (output.code(), output.stderr)
    };
    let (code, said) = with(&["AWS_REGION"]);
    assert_eq!((code, said.lines().count()), (2, 1));
    assert!(said.contains("no region: set aws.region"), "{said}");
    let (code, said) = with(&["AWS_ACCESS_KEY_ID"]);
    assert_eq!(code, 1);
    assert!(said.contains("credentials: none found"), "{said}");
    assert!(sqs.world().asked.is_empty());
}

/// A round by name is as cheap as can be, and cron does not look for queues every minute.
#[test]
fn a_round_by_name_asks_once_for_each_dlq_and_lists_only_when_it_is_time() {
    let sqs = FakeSqs::start();
    for n in 0..30 {
        sqs.world().queue(&format!("job-{n}-dlq"));
        sqs.world().queue(&format!("job-{n}"));
    }
    let bench = bench("calls", &sqs.url);
    let calls = |args: &[&str]| {
        let heard = poll(&bench, args);
        let mut world = sqs.world();
        let calls = (world.count("ListQueues"), world.count("GetQueueAttributes"));
        let asked = std::mem::take(&mut world.asked);
        assert_eq!(heard.one("poll.finished")["data"]["api_calls"], asked.len());
        let mut queues: Vec<String> = asked.into_iter().map(|one| one.queue).collect();
        queues.sort();
        (calls, queues, heard)
    };
    let (first, queues, _) = calls(&["--discover", "name"]);
    assert_eq!(first, (1, 30));
    assert!(queues[1..].windows(2).all(|pair| pair[0] != pair[1]), "each is asked once");
    assert_eq!(calls(&["--discover", "name"]).0, (0, 30), "the cache");
    sqs.world().queue("late-dlq");
    assert_eq!(calls(&["--discover", "name"]).0, (0, 30));
    let (refreshed, _, heard) = calls(&["--discover", "name", "--refresh"]);
    assert_eq!((refreshed, heard.subjects("queue.found")), ((1, 31), vec!["late-dlq".to_owned()]));
    age(&bench, 14 * 60);
    assert_eq!(calls(&["--discover", "name"]).0, (0, 31));
    age(&bench, 2 * 60);
    assert_eq!(calls(&["--discover", "name"]).0, (1, 31), "after 15 minutes");
    // By redrive policy every queue is asked, and then the DLQs.
    assert_eq!(calls(&[]).0, (1, 61 + 31));
    assert_eq!(calls(&["--match", "job-1*", "--exclude", "*-11-*"]).0, (0, 10));
    assert_eq!(calls(&["--queue", &sqs.queue_url("job-3")]).0, (0, 1));
}

#[test]
fn a_profile_that_is_named_is_used_alone() {
    let sqs = FakeSqs::start().with(&[("orders-dlq", 1)]);
    let profiles = "[profile other]\nregion = eu-west-3\naws_access_key_id = AKIDOTHER\naws_secret_access_key = x\n";
    let asked = |yaml: &str, args: &[&str]| {
        let mut bench = bench("profile", &sqs.url);
        bench.write("aws-config", profiles);
        bench.configure(yaml);
        let heard = poll(&bench, args);
        let asked = std::mem::take(&mut sqs.world().asked);
        assert!(asked.windows(2).all(|two| two[0].key == two[1].key));
        let from = asked.first().map(|one| format!("{} {}", one.key, one.region));
        (heard.code, from.unwrap_or_default(), heard.stderr)
    };
    let ok = |from: &str| (0, from.to_owned(), String::new());
    assert_eq!(asked("{}", &[]), ok("test us-east-1"));
    let config = "aws: {profile: other, region: sa-east-1}";
    assert_eq!(asked(config, &["--region", "sa-east-1"]), ok("AKIDOTHER sa-east-1"));
    let (code, from, _) = asked(config, &[]);
    assert_eq!((code, from.split(' ').next()), (0, Some("AKIDOTHER")));
    let (code, from, _) = asked("{}", &["--profile", "other"]);
    assert_eq!((code, from.split(' ').next()), (0, Some("AKIDOTHER")));
    // One that does not exist is no reason to take what the environment offers.
    let (code, from, said) = asked("{}", &["--profile", "nobody", "--region", "sa-east-1"]);
    assert_eq!((code, from.as_str()), (1, ""));
    assert!(said.contains("profile 'nobody' does not exist"), "{said}");
}

#[test]
fn a_proxy_is_used_for_what_is_not_here() {
    let proxy = FakeSqs::start().with(&[("orders-dlq", 1)]);
    let mut bench = bench("proxy", "http://sqs.nowhere.test");
    bench.set("HTTP_PROXY", &proxy.url);
    let heard = poll(&bench, &[]);
    assert_eq!((heard.code, heard.edges()), (0, vec!["queue.raised orders-dlq".to_owned()]));
}

#[test]
fn check_is_for_ci() {
    let sqs = FakeSqs::start().with(&[("a-dlq", 0), ("b-dlq", 0)]);
    let bench = bench("check", &sqs.url);
    assert_eq!(poll(&bench, &["--check"]).code, 0);
    sqs.world().queue("b-dlq").depth(1);
    for args in [&["--check", "--dry-run"][..], &["--check"], &["--check"]] {
        assert_eq!(poll(&bench, args).code, 1, "{args:?}");
    }
    assert_eq!(poll(&bench, &["--check", "--exclude", "b-*"]).code, 0);
    assert_eq!(poll(&bench, &[]).code, 0, "without it a raise is no failure");
}

#[test]
fn a_dry_run_tells_all_and_writes_nothing() {
    let sqs = FakeSqs::start().with(&[("orders-dlq", 2)]);
    let bench = bench("dry", &sqs.url);
    for _ in 0..2 {
        let heard = poll(&bench, &["-n"]);
        assert_eq!((heard.code, heard.edges()), (0, vec!["queue.raised orders-dlq".to_owned()]));
    }
    for name in ["queues.json", "discovery.json", "journal.ndjson"] {
        assert!(!bench.state(name).exists(), "{name}");
    }
    poll(&bench, &[]).one("queue.raised");
    let read = || {
        ["queues.json", "discovery.json", "journal.ndjson"]
            .map(|n| std::fs::read(bench.state(n)).unwrap())
    };
    let before = read();
    sqs.world().queue("orders-dlq").depth(9);
    poll(&bench, &["-n", "--refresh"]).one("queue.grew");
    assert!(before == read(), "the documents are as they were");
    poll(&bench, &[]).one("queue.grew");
}

#[test]
fn queues_that_are_named_are_polled_and_no_others() {
    let sqs = FakeSqs::start().with(&[("orders", 1), ("a-dlq", 1), ("b-dlq", 1)]);
    let bench = bench("named", &sqs.url);
    let url = sqs.queue_url("a-dlq");
    let heard = poll(&bench, &["--queue", "orders", "--queue", &url, "--queue", "a-dlq"]);
    assert_eq!(
        (heard.code, heard.subjects("queue.raised")),
        (0, vec!["orders".to_owned(), "a-dlq".to_owned()])
    );
    assert_eq!(sqs.world().count("ListQueues"), 0);
    let heard = poll(&bench, &["--queue", "nowhere", "--queue", "a-dlq"]);
    assert_eq!((heard.code, heard.edges().len()), (1, 0));
    let said = "dlq-poll: warning: cannot find queue 'nowhere': does not exist, or access to it was lost\n";
    assert_eq!(heard.stderr, said);
}

#[test]
fn a_state_that_does_not_parse_is_named_and_never_overwritten() {
    let sqs = FakeSqs::start().with(&[("orders-dlq", 2)]);
    for (garbage, offset) in
        [("{\"version\":1,\"floor\":0,???", "byte 23"), ("", "byte 0"), ("\0\0", "byte 0")]
    {
        for name in ["queues.json", "discovery.json"] {
            let bench = bench("garbage", &sqs.url);
            assert_eq!(poll(&bench, &[]).code, 0, "a missing state is a fresh start");
            std::fs::write(bench.state(name), garbage).unwrap();
            let heard = poll(&bench, &["--refresh"]);
            assert_eq!((heard.code, heard.events.len()), (1, 0), "{garbage:?} {heard:?}");
            assert_eq!(heard.stderr.lines().count(), 1);
            let path = bench.state(name).display().to_string();
            assert!(heard.stderr.contains(&path), "{}", heard.stderr);
            assert!(heard.stderr.contains(offset), "{garbage:?}: {}", heard.stderr);
            assert_eq!(std::fs::read_to_string(bench.state(name)).unwrap(), garbage);
        }
    }
}

#[test]
fn many_at_once_raise_once() {
    let sqs = FakeSqs::start().with(&[("a-dlq", 1), ("b-dlq", 2)]);
    let bench = bench("at-once", &sqs.url);
    poll(&bench, &["--exclude", "*"]);
    let mut running: Vec<Running> = (0..8).map(|_| bench.start("dlq-poll", &[])).collect();
    let heard: Vec<Heard> = running.iter_mut().map(|one| hear(one.finish())).collect();
    assert!(heard.iter().all(|one| (one.code, one.stderr.as_str()) == (0, "")), "{heard:?}");
    let mut printed: Vec<String> =
        heard.iter().flat_map(|one| one.subjects("queue.raised")).collect();
    printed.sort();
    assert_eq!(printed, ["a-dlq", "b-dlq"]);
    let raises = journal(&bench).iter().filter(|event| event["type"] == "queue.raised").count();
    assert_eq!(raises, 2);
}

/// A disk that is full at the worst moment: the document stays whole, and what the journal was told
/// already is told again as the same.
#[test]
fn a_crash_between_journal_and_document_tears_nothing_and_repeats_the_id() {
    let sqs = FakeSqs::start().jobs(40, 1);
    let bench = bench("full", &sqs.url);
    assert_eq!(poll(&bench, &["--exclude", "job-7-*"]).of("queue.raised").len(), 39);
    std::fs::remove_file(bench.state("journal.ndjson")).unwrap();
    let before = std::fs::read(bench.state("queues.json")).unwrap();
    // The journal's few lines fit; the document does not.
    let died = bench.shell("ulimit -f 16; dlq-poll");
    assert!(died.code() == 1 && died.stdout.is_empty(), "{died:?}");
    assert!(died.stderr.ends_with("queues.tmp': file too large\n"), "{died:?}");
    assert!(before == std::fs::read(bench.state("queues.json")).unwrap());
    let id = |event: &Value| (event["subject"].clone(), event["id"].clone());
    let first: Vec<_> =
        journal(&bench).iter().filter(|e| e["type"] == "queue.raised").map(id).collect();
    assert_eq!(first.len(), 1);
    assert_eq!(id(poll(&bench, &[]).one("queue.raised")), first[0]);
}

/// A run that was slow brings old readings: what another has read since stands.
#[test]
fn an_older_reading_is_dropped() {
    let sqs = FakeSqs::start().with(&[("a-dlq", 1), ("b-dlq", 1)]);
    let mut bench = bench("older", &sqs.url);
    bench.configure("monitoring: {timeout: 60s}");
    let ends = |kind: &str, heard: &Heard| heard.subjects(kind).contains(&"a-dlq".to_owned());
    assert!(ends("queue.raised", &poll(&bench, &[])));
    // It finds 'a' empty, and then waits for 'b'.
    sqs.world().queue("a-dlq").depth(0);
    sqs.world().queue("b-dlq").mood = Mood::Held;
    let asked = sqs.world().count("GetQueueAttributes");
    let mut slow = bench.start("dlq-poll", &[]);
    wait_for("both questions", || sqs.world().count("GetQueueAttributes") == asked + 2);
    sqs.world().queue("a-dlq").depth(4);
    assert!(ends("queue.grew", &poll(&bench, &["--match", "a-*"])));
    sqs.world().queue("b-dlq").mood = Mood::Well;
    let late = hear(slow.finish());
    assert_eq!((late.code, late.subjects("queue.polled").len()), (0, 0), "{late:?}");
    let state = std::fs::read_to_string(bench.state("queues.json")).unwrap();
    assert!(state.contains(r#"{"visible":4"#), "{state}");
}

#[test]
fn an_account_that_cannot_be_asked_costs_only_itself() {
    let sqs = FakeSqs::start().with(&[("orders-dlq", 1)]);
    let mut bench = bench("accounts", &sqs.url);
    bench.write(
        "aws-config",
        "[profile good]\naws_access_key_id = AKIDGOOD\naws_secret_access_key = x\n",
    );
    bench.configure(
        "aws: {region: us-east-1, accounts: [{profile: nobody}, {name: Shop, profile: good}]}",
    );
    for told in [2, 0] {
        let heard = poll(&bench, &[]);
        assert_eq!((heard.code, heard.edges().len()), (1, told), "{heard:?}");
        let said =
            "dlq-poll: warning: cannot list the queues of 'nobody' in 'us-east-1': credentials: ";
        assert!(heard.stderr.starts_with(said), "{}", heard.stderr);
        assert_eq!(heard.stderr.lines().count(), 1);
        if told > 0 {
            assert_eq!(heard.one("poll.failed")["data"]["account"], "nobody");
            assert_eq!(heard.one("queue.raised")["data"]["queue"]["account"], "Shop");
        }
    }
    assert!(sqs.world().asked.iter().all(|one| one.key == "AKIDGOOD"));
}

#[test]
fn what_is_printed_is_in_the_journal_but_for_what_is_unchanged() {
    let sqs = FakeSqs::start().with(&[("orders-dlq", 1)]);
    let bench = bench("journal", &sqs.url);
    let first = poll(&bench, &["--all"]);
    assert_eq!(journal(&bench), first.events);
    let second = poll(&bench, &["--all"]);
    assert_eq!(second.of("queue.polled").len(), 1);
    let kinds: Vec<Value> =
        journal(&bench)[first.events.len()..].iter().map(|e| e["type"].clone()).collect();
    assert_eq!(kinds, ["poll.finished"]);
}
