//! Agent `claude` played by a shell script that prints lines recorded from the real one.

use serde_json::{Value, json};

use super::workbench::Bench;

const FLAGS: &str = "--restricted --permission-prompts --json-schema --max-budget-usd";

/// Shell command that prints the first line of a session; the shell fills in `$session`.
pub const INIT_LINE: &str = r#": >"$DLQ_SESSION_DIR/hooked"; printf '{"type":"system","subtype":"init","session_id":"%s","model":"m","tools":["Task","Read","Grep","Glob","StructuredOutput"],"mcp_servers":[],"permissionMode":"default","agents":[],"claude_code_version":"2.1.330","apiKeySource":"x","cwd":"/"}\n' "$session""#;

#[cfg(target_os = "linux")]
/// The same in a sandbox, which has a folder for the proof of the hooks.
pub fn init_line_in_sandbox() -> String {
    INIT_LINE.replace("$DLQ_SESSION_DIR/hooked", "$TMPDIR/hooked")
}

/// Returns a shell command that prints a result line with this structured output.
pub fn result_line(structured: &Value) -> String {
    let line = json!({"type": "result", "subtype": "success", "is_error": false, "num_turns": 3,
        "terminal_reason": "completed", "total_cost_usd": 0.009000000000000001, "result": "done",
        "session_id": "s", "permission_denials": [], "structured_output": structured});
    format!("echo '{line}'")
}

pub fn verdict() -> Value {
    json!({"status": "confirmed", "title": "it fails", "category": "code_bug", "confidence": 0.8,
        "root_cause": "customer may be absent", "hypotheses": [], "fix": null, "prevention": null,
        "evidence": [{"id": "a.py:2", "claim": "nobody looks"}, {"id": "a.py:1-9", "claim": "it has no line 9"}],
        "redrive": "after_fix", "next_steps": ["look"]})
}

/// Creates a repository with one commit of one file.
pub fn repository(bench: &Bench, name: &str, content: &str) {
    bench.write(&format!("repo/{name}"), content);
    let line = "git init -q -b main repo && cd repo && git add -A && \
                git -c user.name=a -c user.email=a@b.c commit -q -m first";
    assert_eq!(bench.shell(line).code(), 0);
}

/// Creates a bench whose `claude` reports this version and runs `body`.
pub fn bench_with_stub(name: &str, version: &str, body: &str, more: &str) -> Bench {
    let mut bench = Bench::new(name);
    let body = body.replace('@', &bench.dir().display().to_string());
    let script = format!(
        "#!/bin/sh\ncase $1 in --version) echo '{version} (Claude Code)'; exit ;; \
         --help) echo '{FLAGS}'; exit ;; esac\n\
         for word in \"$@\"; do case $word in --session-id=* | --resume=*) session=${{word#*=}} ;; esac; done\n\
         {body}\n"
    );
    let program = bench.stub("claude", &script);
    let folder = program.parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    bench.set("PATH", format!("{folder}:{path}"));
    repository(&bench, "a.py", "import x\nprint(order.customer.id)\n");
    bench.set("MODEL_KEY", "sk-ant-api03-of-the-model");
    bench.set("AWS_SECRET_ACCESS_KEY", "of-the-cloud");
    let sandbox = if more.contains("sandbox:") { "" } else { ", sandbox: off" };
    bench.configure(&format!(
        "auto_investigation: {{enabled: true, target_queues: ['*'], agent: claude, \
         auth: {{env: MODEL_KEY}}, require_evidence: false, stop_grace_seconds: 0.2, \
         queues: [{{match: '*', repo: '{}'}}]{more}{sandbox}}}\n",
        bench.path("repo").display()
    ));
    bench
}
