//! `dlq-poll`: credentials, profiles, accounts and proxies.

use crate::support::poll::{bench, poll};
use crate::support::sqs_api::{Behavior, FakeSqs};
use crate::support::workbench::{Bench, Running};

#[test]
fn missing_region_or_credentials_name_remedy() {
    let sqs = FakeSqs::start();
    let with = |unset: &[&str]| {
        let bench = bench("no-aws", &sqs.url);
        let mut command = bench.command("dlq-poll", &[]);
        for name in unset {
            command.env_remove(name);
        }
        let output = Running::spawn(command.stdin(std::process::Stdio::null())).finish();
        (output.code(), output.stderr)
    };
    let (code, message) = with(&["AWS_REGION"]);
    assert_eq!((code, message.lines().count()), (2, 1));
    assert!(message.contains("no region: give --region, or set aws.region"), "{message}");
    let (code, message) = with(&["AWS_ACCESS_KEY_ID"]);
    assert_eq!(code, 1);
    assert!(message.contains("credentials: none found; give --profile"), "{message}");
    assert!(sqs.state().requests.is_empty());
}

#[test]
fn named_profile_is_used_alone() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let profiles = "[profile other]\nregion = eu-west-3\naws_access_key_id = AKIDOTHER\naws_secret_access_key = x\n";
    let requests = |yaml: &str, args: &[&str]| {
        let mut bench = bench("profile", &sqs.url);
        bench.write("aws-config", profiles);
        bench.configure(yaml);
        let output = poll(&bench, args);
        let requests = std::mem::take(&mut sqs.state().requests);
        assert!(requests.windows(2).all(|two| two[0].key == two[1].key));
        let from = requests.first().map(|one| format!("{} {}", one.key, one.region));
        (output.code, from.unwrap_or_default(), output.stderr)
    };
    let ok = |from: &str| (0, from.to_owned(), String::new());
    assert_eq!(requests("{}", &[]), ok("test us-east-1"));
    let config = "aws: {profile: other, region: sa-east-1}";
    assert_eq!(requests(config, &["--region", "sa-east-1"]), ok("AKIDOTHER sa-east-1"));
    let (code, from, _) = requests(config, &[]);
    assert_eq!((code, from.split(' ').next()), (0, Some("AKIDOTHER")));
    let (code, from, _) = requests("{}", &["--profile", "other"]);
    assert_eq!((code, from.split(' ').next()), (0, Some("AKIDOTHER")));
    // A missing profile does not fall back to the credentials of the environment.
    let (code, from, message) = requests("{}", &["--profile", "nobody", "--region", "sa-east-1"]);
    assert_eq!((code, from.as_str()), (1, ""));
    assert!(message.contains("profile 'nobody' does not exist"), "{message}");
}

#[test]
fn proxy_is_used_for_remote_endpoint() {
    let proxy = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let mut bench = bench("proxy", "http://sqs.nowhere.test");
    bench.set("HTTP_PROXY", &proxy.url);
    let output = poll(&bench, &[]);
    assert_eq!((output.code, output.edges()), (0, vec!["queue.raised orders-dlq".to_owned()]));
}

#[test]
fn failing_account_does_not_stop_others() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let mut bench = bench("accounts", &sqs.url);
    bench.write(
        "aws-config",
        "[profile good]\naws_access_key_id = AKIDGOOD\naws_secret_access_key = x\n",
    );
    bench.configure(
        "aws: {region: us-east-1, accounts: [{profile: nobody}, {name: Shop, profile: good}]}",
    );
    for reported in [2, 0] {
        let output = poll(&bench, &[]);
        assert_eq!((output.code, output.edges().len()), (1, reported), "{output:?}");
        let message =
            "dlq-poll: warning: cannot list the queues of 'nobody' in 'us-east-1': credentials: ";
        assert!(output.stderr.starts_with(message), "{}", output.stderr);
        assert_eq!(output.stderr.lines().count(), 1);
        if reported > 0 {
            assert_eq!(output.single("poll.failed")["data"]["account"], "nobody");
            assert_eq!(output.single("queue.raised")["data"]["queue"]["account"], "Shop");
        }
    }
    assert!(sqs.state().requests.iter().all(|one| one.key == "AKIDGOOD"));
}

/// Creates a bench with profiles that have an access key and a server each.
fn with_profiles(name: &str, profiles: &[(&str, &str)]) -> Bench {
    let mut bench = bench(name, "");
    let section = |(name, url): &(&str, &str)| {
        format!(
            "[profile {name}]\naws_access_key_id = AKID{name}\naws_secret_access_key = x\n\
             endpoint_url = {url}\n"
        )
    };
    bench.write("aws-config", profiles.iter().map(section).collect::<String>());
    for name in ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        bench.unset(name);
    }
    bench
}

#[test]
fn scope_given_twice_is_polled_once() {
    let sqs = FakeSqs::start().with_queues(&[("orders-dlq", 1)]);
    let url = sqs.url.as_str();
    let account = "{profile: main, region: us-east-1}";
    let cases = [
        ("region", "aws: {profile: main, regions: [us-east-1, us-east-1]}".to_owned()),
        ("account", format!("aws: {{accounts: [{account}, {account}]}}")),
        (
            "region of the environment",
            format!("aws: {{accounts: [{account}, {{profile: main}}, {{profile: main}}]}}"),
        ),
        (
            "regions of one account",
            "aws: {accounts: [{profile: main, regions: [us-east-1, us-east-1]}]}".to_owned(),
        ),
        // Two profiles of one account see the same queues.
        (
            "profiles of one account",
            "aws: {region: us-east-1, accounts: [{profile: main}, {profile: other}]}".to_owned(),
        ),
    ];
    for (case, yaml) in cases {
        let mut bench = with_profiles("twice", &[("main", url), ("other", url)]);
        bench.configure(&yaml);
        for raised in [1, 0] {
            sqs.state().requests.clear();
            let output = poll(&bench, &[]);
            assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{case}");
            assert_eq!(output.events_of("queue.raised").len(), raised, "{case}");
            assert_eq!(output.single("poll.finished")["data"]["queues"], 1, "{case}");
            let lists = sqs.state().count("ListQueues");
            let profiles = 1 + usize::from(case.starts_with("profiles"));
            assert!(raised == 0 || lists == profiles, "{case}: {lists} lists");
            let read = sqs.state().count("GetQueueAttributes");
            assert!(raised == 1 || read == 1, "{case}: {read} readings");
        }
    }
}

#[test]
fn two_names_for_one_account_are_refused() {
    let sqs = FakeSqs::start();
    let mut bench = with_profiles("two-names", &[("main", &sqs.url)]);
    bench.configure(
        "aws: {region: us-east-1, accounts: [{name: Shop, profile: main}, {profile: main}]}",
    );
    let output = poll(&bench, &[]);
    let message = "dlq-poll: fatal: aws.accounts: 'Shop' and 'main' are both the profile 'main' \
                   in region 'us-east-1'; remove one of them\n";
    assert_eq!((output.code, output.stderr.as_str()), (2, message));
}

/// A scope that answers nothing costs one timeout: of the listing one attempt, of many queues a few
/// probes, while every queue of another scope is read.
#[test]
fn silent_scope_costs_one_timeout_and_holds_up_no_other() {
    let silent = FakeSqs::start().with_job_queues(40, 1);
    let good = FakeSqs::start().with_queues(&[("orders-dlq", 1), ("bills-dlq", 1)]);
    let mut bench = with_profiles("silent", &[("a", &silent.url), ("b", &good.url)]);
    bench.configure(
        "{aws: {region: us-east-1, accounts: [{profile: a}, {profile: b}]}, \
         monitoring: {timeout: 1s}}",
    );
    assert_eq!(poll(&bench, &["--discover", "name"]).events_of("queue.raised").len(), 42);
    for queue in silent.state().queues.values_mut() {
        queue.behavior = Behavior::Silent;
    }
    silent.state().list = Behavior::Silent;
    good.state().queue("bills-dlq").depth(9);
    let requests = |args: &[&str]| {
        silent.state().requests.clear();
        let output = poll(&bench, &[args, &["--discover", "name"]].concat());
        let state = silent.state();
        (output, state.count("ListQueues"), state.count("GetQueueAttributes"))
    };
    let (output, lists, readings) = requests(&[]);
    assert_eq!((output.code, output.edges()), (1, vec!["queue.grew bills-dlq".to_owned()]));
    assert_eq!((lists, readings), (0, 8), "probes");
    assert_eq!(output.single("poll.finished")["data"]["unreadable"], 40);
    let (output, lists, _) = requests(&["--refresh"]);
    assert_eq!((output.code, lists), (1, 1), "{output:?}");
    let endpoint = silent.url.trim_start_matches("http://");
    let message = format!(
        "dlq-poll: warning: cannot list the queues of 'a' in 'us-east-1': network: '{endpoint}': no \
         answer in time\n"
    );
    assert!(output.stderr.contains(&message), "{}", output.stderr);
}

/// Each part of a round, and each round, would wait for it again.
#[test]
fn slow_sign_in_that_failed_is_not_repeated_at_once() {
    let sqs = FakeSqs::start();
    let mut bench = bench("slow", &sqs.url);
    let command = format!("echo >>{}; sleep 2.1; exit 3", bench.path("ran").display());
    bench.write("aws-config", format!("[profile slow]\ncredential_process = {command}\n"));
    bench.unset("AWS_ACCESS_KEY_ID");
    let args = ["--profile", "slow", "--follow", "--interval", "100ms", "--rounds", "4"];
    let output = poll(&bench, &args);
    assert_eq!((output.code, output.events_of("poll.finished").len()), (1, 4), "{output:?}");
    assert!(output.stderr.contains("failed (exit status 3)"), "{output:?}");
    assert_eq!(std::fs::read_to_string(bench.path("ran")).unwrap(), "\n");
}

#[test]
fn refused_connection_and_bad_certificate_are_tried_once() {
    let calls = |url: &str| {
        let output = poll(&bench("refused", url), &[]);
        assert_eq!(output.code, 1, "{output:?}");
        output.single("poll.finished")["data"]["api_calls"].as_u64().unwrap()
    };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(calls(&format!("http://{closed}")), 1);
    assert_eq!(calls(&format!("https://{}", super::aws_faults::self_signed_server())), 1);
}
