//! Whole path with a real SQS server and the real Claude Code: dead letters, five subagents, a
//! verdict that is checked against messages and code, and a fix that is tested. Only the model is a
//! stand-in.

use serde_json::{Value, json};

use crate::support::claude_api::{FakeClaudeApi, Script, bash, delegate, say, structured, tool};
use crate::support::claude_cli::{CODE, KEY, commit_all, configure_claude, test_line, verdict};
use crate::support::claude_stub::repository;
use crate::support::investigate::{assert_no_process_left, own_events, read_text, sessions};
use crate::support::peek::create_dlq_with;
use crate::support::poll::bench;
use crate::support::requirement::claude_cli;
use crate::support::sqs_server::SqsServer;
use crate::support::workbench::Bench;

/// Names of the subagents, each with words of its prompt.
const FIVE: [(&str, &str); 5] = [
    ("dlq-analysis", "You analyse dead letters"),
    ("log-analysis", "You analyse logs"),
    ("code-review", "You review the code"),
    ("config-check", "You check the configuration"),
    ("test-runner", "You run the tests"),
];

/// Test that fails until the code is fixed.
const TEST: &str = "grep -q 'order.get' orders.py && echo '--- PASS: TestAbsent' && exit\n\
                    echo '--- FAIL: TestAbsent'; exit 1\n";

fn evidence_file(name: &str) -> Value {
    json!({"file_path": format!(".dlq/{name}")})
}

/// Steps of the main agent: it calls the five subagents, reads, edits, tests and gives a verdict.
fn script(bench: &Bench, commit: &str, edits: bool) -> Script {
    let names: Vec<&str> = FIVE.iter().map(|(name, _)| *name).collect();
    let edit = json!({"file_path": "orders.py", "old_string": "order['amount']",
        "new_string": "order.get('amount', 0)"});
    let escape = json!({"file_path": ".dlq/index.md", "content": "all is well\n"});
    let fix = json!({"summary": "a missing amount counts as 0", "files": ["orders.py"],
        "tests": ["TestAbsent"]});
    let evidence = json!([{"id": "m1", "claim": "it has no amount"},
        {"id": "f1", "claim": "all of them fail alike"}, {"id": "orders.py:2", "claim": "it is read"},
        {"id": commit, "claim": "since then"}, {"id": "q.depth", "claim": "two are there"}]);
    let mut message = verdict(if edits { fix } else { Value::Null });
    message["evidence"] = evidence;
    let mut steps = vec![delegate(&names), tool("Read", json!({"file_path": "orders.py"}))];
    if edits {
        steps.extend([
            tool("Edit", edit),
            tool("Write", escape),
            bash(&test_line(bench, "test.sh")),
        ]);
    }
    steps.push(structured(message));
    let mut script = Script::new(steps).only_with_key(KEY);
    for (name, marker) in FIVE {
        let read = match name {
            "code-review" => tool("Read", evidence_file("history.txt")),
            "test-runner" => bash(&test_line(bench, "test.sh")),
            _ => tool("Read", evidence_file("fingerprints.json")),
        };
        script = script.agent(name, marker, [read, say(&format!("{name} has looked"))]);
    }
    script
}

/// Steps of a manipulated model: a useless edit, and a file outside the patch that makes the test
/// pass.
fn script_with_unpatched_file(bench: &Bench) -> Script {
    let edit = json!({"file_path": "orders.py", "old_string": "* 2", "new_string": "* 3"});
    let hidden = json!({"file_path": "build/pass", "content": "x"});
    let fix = json!({"summary": "s", "files": ["orders.py"], "tests": ["test.sh"]});
    Script::new([
        tool("Read", json!({"file_path": "orders.py"})),
        tool("Edit", edit),
        tool("Write", hidden),
        bash(&test_line(bench, "test.sh")),
        structured(verdict(fix)),
    ])
}

/// Creates two dead letters and investigates them.
fn investigate_dead_letters(
    name: &str,
    test: &str,
    script: &dyn Fn(&Bench, &str) -> Script,
    rule: &str,
) -> Option<(Bench, FakeClaudeApi, Vec<Value>)> {
    let cli = claude_cli()?;
    let server = SqsServer::start()?;
    let mut sqs = server.client();
    let body = r#"{"error": "KeyError: 'amount'", "id": 7, "to": "a@b.example"}"#;
    create_dlq_with(&mut sqs, "orders-dlq", &[body, body]);
    let mut bench = bench(name, &server.url);
    repository(&bench, "orders.py", CODE);
    bench.write("repo/test.sh", test);
    bench.write("repo/.gitignore", "build/\n");
    commit_all(&bench);
    let head = bench.shell("git -C repo rev-parse HEAD").text().trim().to_owned();
    let api = FakeClaudeApi::start(script(&bench, &head));
    let rule = format!(", test_command: [sh, test.sh], base: main{rule}");
    configure_claude(&mut bench, &cli, &api, ", max_turns: 20", &rule);
    let config = read_text(&bench, "config.yaml");
    bench.configure(&config.replace("require_evidence: false", "require_evidence: true"));
    let output = bench.shell("dlq-poll | dlq-investigate");
    assert_no_process_left(&bench);
    Some((bench, api, own_events(&output.text())))
}

#[test]
fn verdict_cites_evidence_of_five_subagents() {
    let script = |bench: &Bench, head: &str| script(bench, head, false);
    let rule = ", evidence: [[echo, handled]]";
    let Some((bench, api, events)) = investigate_dead_letters("real-verdict", TEST, &script, rule)
    else {
        return;
    };
    let done = &events.last().unwrap()["data"];
    assert_eq!(done["verdict"]["status"], "confirmed", "{done}");
    let report = std::fs::read_to_string(done["report"].as_str().unwrap()).unwrap();
    assert!(!report.contains("does not exist"), "all that it cites is there: {report}");
    for (name, _) in FIVE {
        let requests = api.requests_of(name);
        assert_eq!(requests.len(), 2, "{name}");
        let seen = requests[1].tool_results().join("\n");
        let word = match name {
            "code-review" => "commit ",
            "test-runner" => "Exit code 1",
            _ => "KeyError",
        };
        assert!(seen.contains(word), "{name}: {seen}");
    }
    let steps: Vec<&str> = events
        .iter()
        .filter(|event| event["type"] == "investigation.progressed")
        .filter_map(|event| event["data"]["subagent"].as_str())
        .collect();
    for (name, _) in FIVE {
        assert!(steps.contains(&name), "no step of {name}: {steps:?}");
    }
    // A redacted body is in the prompt; only the subagents of this tool are offered.
    let first = &api.requests_of("main")[0];
    assert!(first.contains("orders-dlq") && first.contains("KeyError"), "{}", first.raw);
    for absent in ["a@b.example", "- general-purpose: ", "- Explore: ", "- Plan: "] {
        assert!(!first.contains(absent), "{absent}: {}", first.raw);
    }
    let cost = sessions(&bench)["sessions"][0]["cost_usd"].as_f64().unwrap();
    assert!(cost > 0.01, "the subagents are in it: {cost}");
    assert_eq!(bench.shell("git -C repo worktree list | wc -l").text(), "1\n");
}

#[test]
fn fix_is_tested_by_supervisor_and_kept() {
    let script = |bench: &Bench, head: &str| script(bench, head, true);
    let rule = ", fix: true";
    let Some((bench, api, events)) = investigate_dead_letters("real-fix", TEST, &script, rule)
    else {
        return;
    };
    let done = &events.last().unwrap()["data"];
    assert_eq!(done["verdict"]["status"], "confirmed", "{done}");
    let folder = bench.state("sessions").join(done["session"].as_str().unwrap());
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let patch = read("patch.diff");
    assert!(patch.contains("+    return order.get('amount', 0) * 2"), "{patch}");
    assert!(!patch.contains(".dlq"), "{patch}");
    let session = &sessions(&bench)["sessions"][0];
    // A command, and a subagent that is not offered without logs.
    assert_eq!((&done["denied"], &session["offers_patch"]), (&json!(2), &json!(true)), "{done}");
    assert_eq!(read("tests.log"), "--- PASS: TestAbsent\n", "the tool ran them, too");
    assert_eq!(read("tests.base.log"), "--- FAIL: TestAbsent\n", "and without the fix");
    let report = read("report.md");
    assert!(report.contains("- On the base: **did not pass**"), "{report}");
    assert!(
        report.contains("- Proof: proven: the test 'TestAbsent' fails without the fix"),
        "{report}"
    );
    let results: Vec<String> =
        api.requests_of("main").iter().flat_map(|one| one.tool_results()).collect();
    assert!(results.iter().any(|text| text.contains("PASS: TestAbsent")), "{results:?}");
    // The worktree stays on its branch, and the user's checkout is unchanged.
    let branches = bench.shell("git -C repo branch --format '%(refname:short)'").text();
    assert!(branches.contains("dlq/orders-dlq/") && branches.contains("main"), "{branches}");
    assert_eq!(bench.shell("git -C repo status --short").text(), "");
    assert_eq!(read_text(&bench, "repo/orders.py"), CODE);
}

#[test]
fn fix_tests_passing_by_unpatched_file_prove_nothing() {
    let test = "test -f build/pass && echo passed\n";
    let script = |bench: &Bench, _: &str| script_with_unpatched_file(bench);
    let rule = ", fix: true";
    let Some((bench, api, events)) = investigate_dead_letters("real-lie", test, &script, rule)
    else {
        return;
    };
    let done = &events.last().unwrap()["data"];
    let seen = api.requests_of("main")[4].tool_results().join("");
    assert!(seen.contains("passed"), "they pass where the model stands: {seen}");
    assert_eq!(done["verdict"]["status"], "likely", "{done}");
    let report = std::fs::read_to_string(done["report"].as_str().unwrap()).unwrap();
    assert!(report.contains("- On the base with the patch: **did not pass**"), "{report}");
    let left = bench.shell("git -C repo worktree list | wc -l; ls state/sessions/*/trial").text();
    assert_eq!(left, "2\n", "the worktree with the change is kept, and no other");
}
