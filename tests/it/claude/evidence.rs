//! Evidence as the real Claude Code reads it: every word of large messages, long log lines and
//! commits is found by Grep and by Read.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::claude_api::{FakeClaudeApi, Script, Step, structured, tool};
use crate::support::claude_cli::{CODE, KEY, commit_all, configure_claude, verdict};
use crate::support::claude_stub::repository;
use crate::support::investigate::{own_events, read_text};
use crate::support::peek::create_dlq_with;
use crate::support::poll::bench;
use crate::support::requirement::claude_cli;
use crate::support::sqs_server::SqsServer;

/// Largest body that SQS takes here, without room for its JSON.
const BODY: usize = 250_000;
const LOG_LINE: usize = 100_000;

/// A text of this size with a word every 10,000 bytes.
fn text(kind: &str, size: usize, filler: &str) -> String {
    let words = (0..size / 10_000).map(|n| {
        let word = format!("needle-{kind}-{n:02}");
        let rest = 10_000 - word.len() - 2;
        format!(" {word} {}", &filler.repeat(rest / filler.len() + 1)[..rest])
    });
    words.collect()
}

/// The words that tool results show.
fn words(results: &[String]) -> BTreeSet<String> {
    let all = results.iter().flat_map(|text| text.split("needle-").skip(1));
    let word =
        |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    all.map(word).collect()
}

fn grep(pattern: &str) -> Step {
    tool("Grep", json!({"pattern": pattern, "path": ".dlq", "output_mode": "content"}))
}

#[test]
fn evidence_is_found_word_by_word_by_grep_and_by_read() {
    let Some(cli) = claude_cli() else { return };
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    let json = json!({"error": "KeyError: 'amount'", "text": text("json", BODY, "abc ")});
    let dense = text("dense", BODY, "abc,;");
    let mut bench = bench("real-evidence", &server.url);
    bench.write("app.log", format!("ERROR KeyError: 'amount'\n{}\n", text("log", LOG_LINE, "ab ")));
    repository(&bench, "orders.py", CODE);
    // Rules of the repository for searches do not hide the evidence.
    for rules in [".gitignore", ".ignore", ".rgignore"] {
        bench.write(&format!("repo/{rules}"), "*.json\n*.txt\n*.diff\n");
    }
    bench.write("repo/old.py", "removed = 'needle-diff-00'\n");
    commit_all(&bench);
    std::fs::remove_file(bench.path("repo/old.py")).unwrap();
    commit_all(&bench);
    // After the commits: those after the first failure are no suspects.
    create_dlq_with(&mut sqs, "orders-dlq", &[&json.to_string(), &dense]);
    let kinds = [("json", 25), ("dense", 25), ("log", 10), ("diff", 1)];
    let parts = |stem: &'static str, end: &'static str, last: usize| {
        (1..=last).map(move |n| match n {
            1 => format!("{stem}.{end}"),
            n => format!("{stem}.{n}.{end}"),
        })
    };
    let mut files: Vec<String> = [
        "index.md",
        "queue.json",
        "fingerprints.json",
        "timeline.json",
        "logs.json",
        "history.txt",
    ]
    .map(str::to_owned)
    .into();
    files.extend(
        parts("m1", "json", 6).chain(parts("m2", "json", 6)).chain(parts("log-1", "txt", 3)),
    );
    let head = bench.shell("git -C repo rev-parse HEAD").text().trim().to_owned();
    files.push(format!("commits/{head}.diff"));
    let mut steps: Vec<Step> =
        kinds.iter().map(|(kind, _)| grep(&format!("needle-{kind}-[0-9]+"))).collect();
    let reads = files.iter().map(|name| tool("Read", json!({"file_path": format!(".dlq/{name}")})));
    steps.extend(reads);
    let mut result = verdict(Value::Null);
    result["evidence"] = json!([{"id": ".dlq/log-1.txt:1", "claim": "a"}, {"id": "m1.body", "claim": "b"},
        {"id": "m1-m2", "claim": "c"}, {"id": "orders.py", "claim": "d"},
        {"id": format!("{}/orders.py:2", "TREE"), "claim": "e"}, {"id": "q.visible", "claim": "f"}]);
    steps.push(structured(result));
    let api = FakeClaudeApi::start(Script::new(steps).only_with_key(KEY));
    let rule = format!(", base: main, evidence: [[cat, '{}']]", bench.path("app.log").display());
    configure_claude(&mut bench, &cli, &api, ", max_turns: 60", &rule);
    let config = read_text(&bench, "config.yaml");
    bench.configure(&config.replace("require_evidence: false", "require_evidence: true"));
    let output = bench.shell("dlq-poll | dlq-investigate");
    let events = own_events(&output.text());
    let done = &events.last().unwrap()["data"];
    let requests = api.requests_of("main");
    assert_eq!(requests.len(), kinds.len() + files.len() + 1, "{done} {}", output.stderr);
    for (n, (kind, count)) in kinds.into_iter().enumerate() {
        let found = words(&requests[n + 1].tool_results());
        let all: BTreeSet<String> = (0..count).map(|n| format!("{kind}-{n:02}")).collect();
        assert_eq!(found, all, "Grep: {:?}", requests[n + 1].tool_results());
    }
    let results: Vec<String> =
        requests[kinds.len() + 1..].iter().flat_map(|one| one.tool_results()).collect();
    for (name, result) in files.iter().zip(&results) {
        assert!(result.contains("1\t") || result.contains("1→"), "Read {name}: {result:.300}");
    }
    let read = words(&results);
    let all: usize = kinds.iter().map(|(_, count)| count).sum();
    assert_eq!(read.len(), all, "Read: {read:?}");
    let report = std::fs::read_to_string(done["report"].as_str().unwrap()).unwrap();
    let missing = "citations that do not exist: 'TREE/orders.py:2'";
    assert!(report.contains(missing), "{report}");
    assert!(report.contains("ERROR KeyError"), "a cited line of a log is shown: {report}");
    let prompt = read_text(
        &bench,
        &format!("state/sessions/{}/prompt.md", done["session"].as_str().unwrap()),
    );
    for part in
        ["2 sampled", "KeyError", "maxReceiveCount", "base ", "log:1", "Search it with Grep"]
    {
        assert!(prompt.contains(part), "{part}: {prompt}");
    }
}

/// A queue that was named is asked for no sources by `dlq-poll`; the evidence has them.
#[test]
fn prompt_has_the_sources_of_a_queue_that_was_named() {
    let Some(cli) = claude_cli() else { return };
    let Some(server) = SqsServer::start() else { return };
    let mut sqs = server.client();
    create_dlq_with(&mut sqs, "orders-dlq", &[r#"{"error": "KeyError: 'amount'"}"#]);
    for options in ["", " --queue orders-dlq"] {
        let mut bench = bench("real-named-queue", &server.url);
        repository(&bench, "orders.py", CODE);
        let steps = [structured(verdict(Value::Null))];
        let api = FakeClaudeApi::start(Script::new(steps).only_with_key(KEY));
        configure_claude(&mut bench, &cli, &api, "", "");
        let config = read_text(&bench, "config.yaml");
        bench.configure(&config.replace("require_evidence: false", "require_evidence: true"));
        let output = bench.shell(&format!("dlq-poll{options} | dlq-investigate"));
        let events = own_events(&output.text());
        let session = events.last().unwrap()["data"]["session"].as_str().unwrap().to_owned();
        let prompt = read_text(&bench, &format!("state/sessions/{session}/prompt.md"));
        let named = prompt.lines().find(|line| line.contains("maxReceiveCount"));
        assert!(named.is_some_and(|line| line.contains("orders")), "'{options}': {prompt}");
    }
}
