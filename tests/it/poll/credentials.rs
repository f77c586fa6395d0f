//! `dlq-poll`: credentials, profiles, accounts and proxies.

use crate::support::poll::{bench, poll};
use crate::support::sqs_api::FakeSqs;
use crate::support::workbench::Running;

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
    assert!(message.contains("credentials: none found"), "{message}");
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
