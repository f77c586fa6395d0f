//! Configured redaction in all that an agent is given.

use serde_json::json;

use crate::support::claude_cli::commit_all;
use crate::support::claude_stub::repository;
use crate::support::poll::bench;
use crate::support::sqs_server::SqsServer;

/// Places of a secret; each has its number.
const PLACES: [&str; 8] = [
    "body",
    "attribute",
    "log line",
    "commit diff",
    "commit message",
    "author of a commit",
    "name of a changed file",
    "tag of the queue",
];

#[test]
fn configured_pattern_is_redacted_in_each_source_that_an_agent_is_given() {
    let Some(server) = SqsServer::start() else { return };
    let secret = |place: usize| format!("CUST-{}", 1000 + place);
    let mut sqs = server.client();
    let mut bench = bench("redacted-copy", &server.url);
    let agent = bench.stub(
        "agent",
        "#!/bin/sh\nmkdir \"$0.seen\"\ncat >\"$0.seen/prompt\"\ncp -R .dlq \"$0.seen/evidence\"\n\
         echo '{\"status\":\"likely\"}'\n",
    );
    bench.write("app.log", format!("ERROR KeyError of {}\n", secret(2)));
    repository(&bench, "orders.py", &format!("CUSTOMER = '{}'\n", secret(3)));
    bench.write(&format!("repo/{}.txt", secret(6)), "x\n");
    let line = format!(
        "cd repo && git add -A && git -c user.name='{}' -c user.email=a@b.c commit -qm 'for {}'",
        secret(5),
        secret(4)
    );
    assert_eq!(bench.shell(&line).code(), 0);
    bench.write("repo/orders.py", "CUSTOMER = None\n");
    commit_all(&bench);
    let dlq = sqs.create("orders-dlq", &json!({}));
    sqs.call("TagQueue", &json!({"QueueUrl": dlq, "Tags": {"customer": secret(7)}}));
    let body = json!({"error": format!("KeyError of {}", secret(0))}).to_string();
    sqs.send_with(&dlq, &body, &[("customer", &secret(1))]);
    for (form, patterns, seen) in
        [("redacted", "{customer: 'CUST-[0-9]+'}", 0), ("plain", "{}", PLACES.len() - 1)]
    {
        let seen_in = bench.shell("rm -rf state */agent.seen; ls");
        assert_eq!(seen_in.code(), 0);
        bench.configure(&format!(
            "evidence: {{redact: {patterns}}}\n\
             auto_investigation: {{enabled: true, target_queues: ['*'], agent: ['{}'], \
             queues: [{{match: '*', repo: '{}', evidence: [[cat, '{}']]}}]}}\n",
            agent.display(),
            bench.path("repo").display(),
            bench.path("app.log").display()
        ));
        let output = bench.shell("dlq-poll --all | dlq-investigate");
        assert!(
            output.text().contains("investigation.completed"),
            "{} {}",
            output.text(),
            output.stderr
        );
        let folder = format!("{}.seen", agent.display());
        let files = bench.shell(&format!("cd '{folder}' && find . -type f")).text();
        for name in [
            "prompt",
            "index.md",
            "m1.json",
            "messages.ndjson",
            "log-1.txt",
            "history.txt",
            ".diff",
        ] {
            assert!(files.contains(name), "{name}: {files}");
        }
        let all = bench.shell(&format!("cat $(find '{folder}' -type f)")).text();
        let found: Vec<&str> = (0..PLACES.len())
            .filter(|place| all.contains(&secret(*place)))
            .map(|place| PLACES[place])
            .collect();
        assert_eq!(found.len(), seen, "{form}: {found:?}");
        let message = std::fs::read(format!("{folder}/evidence/m1.json")).unwrap();
        assert!(serde_json::from_slice::<serde_json::Value>(&message).is_ok(), "{form}");
    }
}
