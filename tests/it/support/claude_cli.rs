//! Set-up of the real Claude Code, which asks a stand-in for its API.

use std::path::Path;

use serde_json::{Value, json};

use super::claude_api::FakeClaudeApi;
use super::claude_stub::repository;
use super::workbench::Bench;

/// Creates a bench whose `claude` calls the stand-in, keeps its files in the bench and sends no
/// telemetry. `repo/` holds one file, `orders.py`.
pub fn bench_with_api(api: &FakeClaudeApi, name: &str) -> Bench {
    let mut bench = Bench::new(name);
    // The shell of the program reads the user's `.bashrc` when HOME is not set.
    for (name, folder) in [("HOME", "home"), ("TMPDIR", "tmp"), ("CLAUDE_CONFIG_DIR", "claude")] {
        let folder = bench.path(folder);
        std::fs::create_dir_all(&folder).unwrap();
        bench.set(name, folder);
    }
    bench.set("ANTHROPIC_BASE_URL", &api.url);
    bench.set("ANTHROPIC_API_KEY", "test-key");
    for quiet in [
        "DISABLE_TELEMETRY",
        "DISABLE_ERROR_REPORTING",
        "DISABLE_AUTOUPDATER",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
    ] {
        bench.set(quiet, "1");
    }
    bench.set("CLAUDE_CODE_MAX_RETRIES", "3");
    bench.write("repo/orders.py", "def total(order):\n    return order['amount'] * 1\n");
    bench
}

pub const KEY: &str = "sk-ant-api03-of-the-model";

pub const CODE: &str = "def total(order):\n    return order['amount'] * 2\n";

/// Puts the real `claude` into the PATH of a bench and configures the stand-in as its API. `more`
/// holds keys of `auto_investigation`, `rule` those of the queue. Without a key for it there is no
/// sandbox, so that a test sees what holds without one.
pub fn configure_claude(
    bench: &mut Bench,
    cli: &Path,
    api: &FakeClaudeApi,
    more: &str,
    rule: &str,
) {
    let program = bench.stub("claude", "");
    std::fs::remove_file(&program).unwrap();
    std::os::unix::fs::symlink(cli, program).unwrap();
    let home = bench.path("home");
    std::fs::create_dir_all(&home).unwrap();
    bench.set("HOME", home);
    bench.set("MODEL_KEY", KEY);
    bench.set("AWS_SECRET_ACCESS_KEY", "of-the-cloud");
    if !bench.path("repo").exists() {
        repository(bench, "orders.py", CODE);
    }
    let sandbox = if more.contains("sandbox:") { "" } else { ", sandbox: off" };
    bench.configure(&format!(
        "auto_investigation: {{enabled: true, target_queues: ['*'], agent: claude, \
         auth: {{env: MODEL_KEY}}, base_url: '{}', require_evidence: false, \
         queues: [{{match: '*', repo: '{}'{rule}}}]{more}{sandbox}}}\n",
        api.url,
        bench.path("repo").display()
    ));
}

/// Returns the one command line by which the agent may run a script as its tests.
pub fn test_line(bench: &Bench, script: &str) -> String {
    format!("env HOME={} sh {script}", bench.path("home").display())
}

/// Commits all files of the repository.
pub fn commit_all(bench: &Bench) {
    let line = "cd repo && git add -A && git -c user.name=a -c user.email=a@b.c commit -qm more";
    assert_eq!(bench.shell(line).code(), 0);
}

/// Returns a verdict that cites an existing line.
pub fn verdict(fix: Value) -> Value {
    json!({"status": "confirmed", "title": "amount may be absent", "category": "code_error",
        "root_cause": "nobody looks", "confidence": 0.9, "hypotheses": [],
        "evidence": [{"id": "orders.py:2", "claim": "it reads amount"}], "fix": fix,
        "prevention": null, "redrive": "after_fix", "next_steps": []})
}
