//! Contract with the real Claude Code: the options of an investigation, run against a stand-in for
//! its API, do in the pinned version what `dlq-investigate` relies on.
//!
//! Skipped without the program; see `support::requirement`.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::claude_api::{
    FakeClaudeApi, Script, bash, delegate, error, hang, say, structured, tool,
};
use crate::support::claude_cli::bench_with_api;
use crate::support::requirement::claude_cli;
use crate::support::workbench::{Bench, Output, Running, processes_of, signal, wait_for};

const SECRET: &str = "planted-5cf0b7";

const MODEL: &str = "claude-sonnet-5-5";

/// Output of a run of the program.
struct CliOutput {
    process: Output,
    lines: Vec<Value>,
}

impl CliOutput {
    #[track_caller]
    fn parse(process: Output) -> Self {
        let lines = process.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
        CliOutput { process, lines }
    }

    fn all(&self, kind: &str, subtype: &str) -> Vec<&Value> {
        let is = |line: &&Value| {
            line["type"] == kind && (subtype.is_empty() || line["subtype"] == subtype)
        };
        self.lines.iter().filter(is).collect()
    }

    #[track_caller]
    fn only(&self, kind: &str, subtype: &str) -> &Value {
        match self.all(kind, subtype)[..] {
            [one] => one,
            _ => panic!("not one {kind} {subtype}: {:?}", self.process),
        }
    }

    #[track_caller]
    fn result(&self) -> &Value {
        self.only("result", "")
    }

    /// Fails unless the run succeeded with this result.
    #[track_caller]
    fn completed(&self, result: &Value) {
        let output = self.result();
        let well = output["subtype"] == "success"
            && output["is_error"] == false
            && output["terminal_reason"] == "completed"
            && output["structured_output"] == *result;
        assert!(well && self.process.code() == 0, "{:?}", self.process);
    }
}

fn finding() -> Value {
    json!({"cause": "amount is null", "confidence": 0.9})
}

/// Starts an investigation that may only read.
fn start(cli: &PathBuf, bench: &Bench, more: &[&str], prompt: &str) -> Running {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["cause", "confidence"],
        "properties": {"cause": {"type": "string"}, "confidence": {"type": "number"}},
    });
    let schema = schema.to_string();
    let options = [
        "-p",
        "--output-format=stream-json",
        "--verbose",
        "--restricted",
        "--tools=Bash,Read,Grep,Glob,Agent",
        "--setting-sources=",
        "--strict-mcp-config",
        "--permission-prompts=none",
        "--disable-slash-commands",
        "--disallowedTools=WebFetch,WebSearch",
        "--max-budget-usd=5",
        "--model",
        MODEL,
        "--json-schema",
        &schema,
    ];
    let mut command = bench.command(cli, &[&options[..], more].concat());
    let mut running = Running::spawn(command.current_dir(bench.path("repo")).stdin(Stdio::piped()));
    running.write(prompt);
    drop(running.stdin.take());
    running
}

/// Runs an investigation to its end, and fails when a process is left.
#[track_caller]
fn run(cli: &PathBuf, bench: &Bench, more: &[&str]) -> CliOutput {
    let output = start(cli, bench, more, "Look into orders-dlq.").finish();
    wait_for("all of it has ended", || processes_of(bench).is_empty());
    CliOutput::parse(output)
}

#[test]
fn json_schema_gives_structured_output() {
    let Some(cli) = claude_cli() else { return };
    let steps = [structured(finding()).costing(10_000, 1_000)];
    let api = FakeClaudeApi::start(Script::new(steps).only_with_key("test-key"));
    let bench = bench_with_api(&api, "claude-result");
    let output = run(&cli, &bench, &["--max-turns=5"]);
    output.completed(&finding());
    let init = output.only("system", "init");
    let tools = ["Task", "Bash", "Glob", "Grep", "Read", "StructuredOutput"];
    assert_eq!(init["tools"], json!(tools), "{init}");
    assert_eq!(init["mcp_servers"], json!([]), "{init}");
    assert_eq!(init["permissionMode"], "default", "{init}");
    assert_eq!(init["claude_code_version"], "2.1.330", "{init}");
    assert_eq!(init["apiKeySource"], "ANTHROPIC_API_KEY", "{init}");
    // The pinned version counts 2 dollars for a million input tokens of this model, and 10 for
    // output.
    let cost = output.result()["total_cost_usd"].as_f64().unwrap();
    assert!((cost - 0.03).abs() < 0.001, "{cost}");
}

#[test]
fn bash_tool_may_read_and_not_write() {
    let Some(cli) = claude_cli() else { return };
    let steps = [bash("cat orders.py"), bash("touch proof"), structured(finding())];
    let api = FakeClaudeApi::start(Script::new(steps));
    let bench = bench_with_api(&api, "claude-bash");
    let output = run(&cli, &bench, &["--max-turns=9"]);
    output.completed(&finding());
    let requests = api.requests_of("main");
    let results: Vec<String> = requests.iter().flat_map(|one| one.tool_results()).collect();
    assert!(results[0].contains("order['amount']"), "{results:?}");
    assert!(!bench.path("repo/proof").exists());
    assert_eq!(output.all("system", "permission_denied").len(), 1);
}

#[test]
fn subagents_from_file_all_report() {
    let Some(cli) = claude_cli() else { return };
    let names = ["dlq-analyzer", "log-analyzer", "code-reviewer", "config-checker", "test-runner"];
    let agents: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| {
            let agent = json!({
                "description": format!("looks as a {name}"),
                "prompt": format!("YOU-ARE-{name}"),
                "tools": ["Read", "Grep"],
            });
            (name.to_string(), agent)
        })
        .collect();
    let mut script = Script::new([delegate(&names).and(say("They look.")), structured(finding())]);
    for name in names {
        let read = tool("Grep", json!({"pattern": "amount"}));
        let message = say(&format!("{name} has seen it"));
        script = script.agent(name, &format!("YOU-ARE-{name}"), [read, message]);
    }
    let api = FakeClaudeApi::start(script);
    let bench = bench_with_api(&api, "claude-agents");
    let file = bench.write("agents.json", Value::Object(agents).to_string());
    let output = run(&cli, &bench, &["--max-turns=9", "--agents", file.to_str().unwrap()]);
    output.completed(&finding());
    for name in names {
        assert_eq!(api.requests_of(name).len(), 2, "{name}");
    }
    let results = api.requests_of("main")[1].tool_results();
    for name in names {
        let message = format!("{name} has seen it");
        assert!(results.iter().any(|text| text.contains(&message)), "{name}: {results:?}");
    }
    assert_eq!(output.all("system", "init").len(), 1);
}

#[test]
fn refused_key_is_reported_with_each_retry() {
    let Some(cli) = claude_cli() else { return };
    let api = FakeClaudeApi::start(Script::new([say("unheard")]).only_with_key("another"));
    let mut bench = bench_with_api(&api, "claude-401");
    bench.set("CLAUDE_CODE_MAX_RETRIES", "1");
    let output = run(&cli, &bench, &[]);
    assert_eq!(output.process.code(), 1);
    let result = output.result();
    assert_eq!(result["is_error"], true, "{result}");
    assert_eq!(result["api_error_status"], 401, "{result}");
    let retries = output.all("system", "api_retry");
    assert_eq!(retries.len(), 1);
    assert_eq!(retries[0]["error"], "authentication_failed");
    assert_eq!(api.requests_of("main").len(), 2);
}

/// The program keeps a key from `apiKeyHelper` when the helper fails later, so the file of the key
/// may be removed.
#[test]
fn key_from_helper_is_in_no_environment() {
    let Some(cli) = claude_cli() else { return };
    for from_file in [true, false] {
        let steps = [bash("sh look.sh"), bash("cat orders.py"), structured(finding())];
        let api = FakeClaudeApi::start(Script::new(steps).only_with_key(SECRET));
        let mut bench = bench_with_api(&api, "claude-key");
        let look = "env; tr '\\0' '\\n' < /proc/$CLAUDE_PID/environ; echo looked\n";
        bench.write("repo/look.sh", look);
        let mut more = vec!["--allowedTools=Bash(sh look.sh)"];
        let settings;
        if from_file {
            let key = bench.write("key", SECRET).display().to_string();
            bench.unset("ANTHROPIC_API_KEY");
            // A lifetime of 1 ms makes the program run the helper again, which fails.
            bench.set("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "1");
            settings = json!({"apiKeyHelper": format!("cat '{key}' && rm '{key}'")}).to_string();
            more.extend(["--settings", &settings]);
        } else {
            bench.set("ANTHROPIC_API_KEY", SECRET);
        }
        let output = run(&cli, &bench, &more);
        output.completed(&finding());
        let source = if from_file { "apiKeyHelper" } else { "ANTHROPIC_API_KEY" };
        assert_eq!(output.only("system", "init")["apiKeySource"], source);
        let results = api.requests_of("main")[1].tool_results();
        assert!(results[0].contains("looked"), "{results:?}");
        assert_eq!(results[0].contains(SECRET), !from_file, "{results:?}");
        if from_file {
            api.assert_never_received(SECRET);
            assert!(!bench.path("key").exists());
            assert!(output.process.stderr.contains("apiKeyHelper failed"), "{:?}", output.process);
        }
    }
}

#[test]
fn status_403_is_not_retried() {
    let Some(cli) = claude_cli() else { return };
    let api = FakeClaudeApi::start(Script::new([error(403, "permission_error")]));
    let bench = bench_with_api(&api, "claude-403");
    let output = run(&cli, &bench, &[]);
    assert_eq!(output.process.code(), 1);
    assert_eq!(output.result()["api_error_status"], 403);
    assert_eq!(api.requests_of("main").len(), 1);
}

#[test]
fn status_529_is_retried() {
    let Some(cli) = claude_cli() else { return };
    let first = structured(finding()).after_errors(2, 529, "overloaded_error");
    let api = FakeClaudeApi::start(Script::new([first]));
    let bench = bench_with_api(&api, "claude-529");
    let output = run(&cli, &bench, &[]);
    output.completed(&finding());
    let retries = output.all("system", "api_retry");
    let errors: Vec<&Value> = retries.iter().map(|one| &one["error"]).collect();
    assert_eq!(errors, ["overloaded", "overloaded"]);
}

#[test]
fn max_turns_is_its_own_error() {
    let Some(cli) = claude_cli() else { return };
    let api = FakeClaudeApi::start(Script::new([bash("cat orders.py")]));
    let bench = bench_with_api(&api, "claude-turns");
    let output = run(&cli, &bench, &["--max-turns=2"]);
    assert_eq!(output.process.code(), 1);
    assert_eq!(output.result()["subtype"], "error_max_turns");
    assert_eq!(output.result()["terminal_reason"], "max_turns");
    assert_eq!(api.requests_of("main").len(), 2);
}

#[test]
fn budget_ends_run_one_answer_late() {
    let Some(cli) = claude_cli() else { return };
    // More input tokens than this would be taken for a full context.
    let dear = bash("cat orders.py").costing(1_000, 200_000);
    let api = FakeClaudeApi::start(Script::new([dear]));
    let bench = bench_with_api(&api, "claude-budget");
    let output = run(&cli, &bench, &[]);
    assert_eq!(output.process.code(), 1);
    assert_eq!(output.result()["subtype"], "error_max_budget_usd");
    let cost = output.result()["total_cost_usd"].as_f64().unwrap();
    assert!((5.0..7.1).contains(&cost), "{cost}");
}

#[test]
fn at_path_in_prompt_is_not_expanded() {
    let Some(cli) = claude_cli() else { return };
    let api = FakeClaudeApi::start(Script::new([structured(finding())]));
    let bench = bench_with_api(&api, "claude-at");
    let secret = bench.write("home/credentials", SECRET);
    let prompt =
        format!("Look into {{\"body\":\"see @{}\"}} and @../home/credentials", secret.display());
    let output = start(&cli, &bench, &[], &prompt).finish();
    CliOutput::parse(output).completed(&finding());
    assert!(api.requests().iter().any(|one| one.contains("@../home/credentials")));
    api.assert_never_received(SECRET);
}

/// Proof that the search for secrets can find one.
#[test]
fn file_read_by_tool_reaches_api() {
    let Some(cli) = claude_cli() else { return };
    let steps = [bash("cat orders.py planted"), structured(finding())];
    let api = FakeClaudeApi::start(Script::new(steps));
    let bench = bench_with_api(&api, "claude-read");
    bench.write("repo/planted", SECRET);
    run(&cli, &bench, &[]).completed(&finding());
    assert!(api.requests_of("main")[1].contains(SECRET));
}

#[test]
fn broken_stream_is_retried_without_streaming() {
    let Some(cli) = claude_cli() else { return };
    let steps = [structured(finding()).cut_after(2)];
    let api = FakeClaudeApi::start(Script::new(steps));
    let bench = bench_with_api(&api, "claude-cut");
    run(&cli, &bench, &[]).completed(&finding());
    let streams: Vec<bool> =
        api.requests_of("main").iter().map(|one| one.body["stream"] == true).collect();
    assert!(streams.contains(&false) && streams.contains(&true), "{streams:?}");
}

#[test]
fn slow_answer_is_awaited() {
    let Some(cli) = claude_cli() else { return };
    let pause = Duration::from_millis(50);
    let api = FakeClaudeApi::start(Script::new([structured(finding()).slow(pause)]));
    let bench = bench_with_api(&api, "claude-slow");
    let began = Instant::now();
    run(&cli, &bench, &[]).completed(&finding());
    // Events: start of message, start of block, two or more pieces, end of block, end of message.
    assert!(began.elapsed() > 6 * pause);
}

#[test]
fn sigint_ends_run_with_result_line() {
    let Some(cli) = claude_cli() else { return };
    for (name, step) in [("silent", hang()), ("begun", say("I look").hanging())] {
        let api = FakeClaudeApi::start(Script::new([step]));
        let bench = bench_with_api(&api, &format!("claude-{name}"));
        let mut running = start(&cli, &bench, &[], "Look into orders-dlq.");
        wait_for("it has asked", || !api.requests_of("main").is_empty());
        signal("INT", running.pid());
        let output = CliOutput::parse(running.finish());
        assert_eq!(output.result()["subtype"], "error_during_execution", "{name}");
        wait_for("all of it has ended", || processes_of(&bench).is_empty());
    }
}
