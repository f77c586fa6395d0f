//! Command line, environment and settings of Claude Code, and the values that it must report at its
//! start.
//!
//! Promises: Claude Code prompts nobody and reads its current folder only. It ignores settings,
//! hooks, MCP servers and slash commands of the repository. Without a test command it runs nothing;
//! unless a fix is requested it writes nothing. Model, turns and money have a limit. Never: puts
//! external text into an argument.

use serde_json::{Value, json};

use super::transcript::{ExpectedInit, MINIMUM};
use crate::rules::verdict;
use crate::shell::single_quote;

/// Tools that only read.
const READS: [&str; 3] = ["Read", "Grep", "Glob"];
/// Tools that change files.
const WRITES: [&str; 2] = ["Edit", "Write"];
/// Tools that are always denied.
const NEVER: [&str; 2] = ["WebFetch", "WebSearch"];
/// Writes to the evidence, also by a shell. What a patch must not change is judged of the patch:
/// see `rules/verdict/patch_gate.rs`.
const EVIDENCE: &str = "Edit(.dlq/**)";
/// Variables that disable telemetry, updates, built-in subagents and background tasks. A background task would outlive
/// the result that it belongs to.
pub const ENVIRONMENT: [(&str, &str); 10] = [
    ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
    // With the default retries and timeout a wrong key costs minutes.
    ("CLAUDE_CODE_MAX_RETRIES", "3"),
    ("API_TIMEOUT_MS", "300000"),
    // The credential is given out once.
    ("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "604800000"),
    // Its own subagents know neither the evidence nor the rules of the others.
    ("CLAUDE_AGENT_SDK_DISABLE_BUILTIN_AGENTS", "1"),
    ("CLAUDE_CODE_DISABLE_EXPLORE_PLAN_AGENTS", "1"),
    ("DISABLE_AUTOUPDATER", "1"),
    ("DISABLE_TELEMETRY", "1"),
    ("DISABLE_ERROR_REPORTING", "1"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
];

/// A call of Claude Code.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation<'a> {
    /// Path of the program, as it finds itself: in a sandbox it may be another one.
    pub program: String,
    pub model: &'a str,
    /// Limit of the main agent's turns.
    pub max_turns: u32,
    /// US dollars; the agent checks the limit after each response.
    pub budget_usd: f64,
    /// Id of the conversation.
    pub conversation: &'a str,
    /// Set when the conversation exists already.
    pub resumed: bool,
    /// File of the subagents; none: there are no subagents.
    pub agents: Option<String>,
    /// Only command line that a shell may run.
    pub test_line: Option<String>,
    /// Set when the agent may change files.
    pub fix: bool,
    /// File of the MCP servers, and their names.
    pub mcp: Option<(String, Vec<String>)>,
    /// This program, and a file whose existence shows that hooks run.
    pub hooks: (String, String),
    /// Skips all permission checks; only at the user's explicit request.
    pub unchecked: bool,
}

impl Invocation<'_> {
    /// Returns the program and its arguments. The prompt comes by standard input; `key_program`
    /// prints the model's credential.
    pub fn argv(&self, key_program: Option<&str>) -> Vec<String> {
        let mut argv = vec![self.program.clone()];
        let fixed = [
            "-p",
            "--output-format=stream-json",
            "--verbose",
            "--setting-sources=",
            "--strict-mcp-config",
            "--permission-prompts=none",
            "--disable-slash-commands",
        ];
        argv.extend(fixed.map(str::to_owned));
        if self.unchecked {
            argv.push("--dangerously-skip-permissions".into());
        } else {
            argv.extend(["--restricted".into(), format!("--permission-mode={}", self.mode())]);
        }
        // `--option=value` keeps a value that begins with a dash.
        argv.push(format!("--tools={}", self.tools().join(",")));
        argv.push(format!("--disallowedTools={}", self.denied().join(",")));
        let allowed = self.allowed();
        if !allowed.is_empty() {
            argv.push(format!("--allowedTools={}", allowed.join(",")));
        }
        argv.push(format!("--model={}", self.model));
        argv.push(format!("--max-turns={}", self.max_turns));
        argv.push(format!("--max-budget-usd={}", self.budget_usd));
        let conversation = if self.resumed { "--resume" } else { "--session-id" };
        argv.push(format!("{conversation}={}", self.conversation));
        argv.push(format!("--json-schema={}", verdict::schema()));
        argv.extend(self.agents.iter().map(|path| format!("--agents={path}")));
        argv.extend(self.mcp.iter().map(|(path, _)| format!("--mcp-config={path}")));
        argv.push(format!("--settings={}", self.settings(key_program)));
        argv
    }

    /// Returns the settings that no flag covers. A subagent in its own worktree would work in the
    /// user's checkout, so worktrees are refused. Commands that Claude Code considers read-only can
    /// read any file (`diff --from-file`, `wc --files0-from`), so a hook allows one line only; a
    /// hook that cannot run refuses.
    fn settings(&self, key_program: Option<&str>) -> Value {
        let mut settings = json!({});
        if let Some(program) = key_program {
            settings["apiKeyHelper"] = program.into();
        }
        if self.unchecked {
            return settings;
        }
        let hook = |command: String| json!([{ "type": "command", "command": command }]);
        let (program, made) = &self.hooks;
        settings["hooks"] = json!({
            "SessionStart": [{ "hooks": hook(format!(": > {}", single_quote(made))) }],
            "WorktreeCreate": [{ "hooks": hook("exit 2".into()) }],
        });
        if let Some(line) = &self.test_line {
            let guard =
                format!("{} only-line {} || exit 2", single_quote(program), single_quote(line));
            settings["hooks"]["PreToolUse"] = json!([{ "matcher": "Bash", "hooks": hook(guard) }]);
        }
        settings
    }

    /// Returns the tools that subagents can have.
    pub fn granted(&self) -> Vec<&'static str> {
        let shell = self.test_line.is_some().then_some("Bash");
        let writes = if self.fix { &WRITES[..] } else { &[] };
        READS.iter().copied().chain(shell).chain(writes.iter().copied()).collect()
    }

    fn tools(&self) -> Vec<&'static str> {
        let mut tools = self.granted();
        tools.extend(self.agents.as_ref().map(|_| "Agent"));
        tools
    }

    fn denied(&self) -> Vec<&'static str> {
        let mut denied = NEVER.to_vec();
        denied.extend(if self.fix { &[EVIDENCE][..] } else { &WRITES[..] });
        denied.extend(self.test_line.is_none().then_some("Bash"));
        denied
    }

    fn allowed(&self) -> Vec<String> {
        let servers = self.mcp_servers().iter().map(|name| format!("mcp__{name}"));
        let tests = self.test_line.iter().map(|line| format!("Bash({line})"));
        tests.chain(servers).collect()
    }

    fn mcp_servers(&self) -> &[String] {
        self.mcp.as_ref().map_or(&[], |(_, names)| names)
    }

    fn mode(&self) -> &'static str {
        match (self.unchecked, self.fix) {
            (true, _) => "bypassPermissions",
            (false, true) => "acceptEdits",
            (false, false) => "default",
        }
    }

    /// Returns the values that Claude Code has to report at its start.
    pub fn expected_init(&self) -> ExpectedInit {
        ExpectedInit {
            tools: self.tools().iter().map(|tool| (*tool).to_owned()).collect(),
            permission_mode: self.mode().into(),
            mcp_servers: self.mcp_servers().to_vec(),
            session_id: self.conversation.to_owned(),
        }
    }
}

/// Returns whether a tool call, as a hook receives it, is a shell call with exactly this line.
pub fn is_line(call: &str, line: &str) -> bool {
    let call: Value = serde_json::from_str(call).unwrap_or_default();
    call["tool_name"] == "Bash" && call["tool_input"]["command"] == line
}

/// Returns the command line with which the agent runs the tests. `home` is set in it when it
/// differs from the agent's. A line that a rule of Claude Code would read as a pattern is refused.
pub fn test_line(argv: &[String], home: Option<&str>) -> Result<String, String> {
    let mut words = Vec::new();
    if let Some(home) = home {
        words.extend(["env".to_owned(), format!("HOME={home}")]);
    }
    words.extend_from_slice(argv);
    let line = super::prompt::command_line(&words)?;
    match line.find(['*', '(', ')', ',', '\\']) {
        Some(at) => Err(format!(
            "test_command cannot be allowed to the agent: '{}' has a meaning in its rules; put the \
             command into a script",
            &line[at..=at]
        )),
        None => Ok(line),
    }
}

/// Returns the names of the servers in a file of MCP servers. They prefix the names of their tools.
pub fn mcp_servers(text: &str) -> Result<Vec<String>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let Some(servers) = value.get("mcpServers").and_then(|servers| servers.as_object()) else {
        return Err("expected an object with the key 'mcpServers'".into());
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    match servers.keys().find(|name| name.is_empty() || !name.bytes().all(plain)) {
        Some(name) => Err(format!(
            "the name of a server is made of letters, digits, '-' and '_', and '{}' is not",
            crate::text::safe(&crate::text::shorten(name, 60))
        )),
        None => Ok(servers.keys().cloned().collect()),
    }
}

/// Variable with the number of the descriptor from which Claude Code reads an OAuth token.
pub const TOKEN_PIPE: &str = "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR";

/// Returns whether a credential is an OAuth token; others are API keys.
pub fn is_token(credential: &str) -> bool {
    credential.starts_with("sk-ant-oat")
}

/// Returns why a release of Claude Code is not supported, judged by `--version` and `--help`.
pub fn unsupported_reason(version: &str, help: &str) -> Option<String> {
    let (major, minor, patch) = MINIMUM;
    match super::transcript::version(version) {
        None => Some("it reports no version".into()),
        Some(known) if known < MINIMUM => Some(format!(
            "version {}.{}.{} leaves its tools running when it is stopped; {major}.{minor}.{patch} or \
             newer is needed",
            known.0, known.1, known.2
        )),
        Some(_) => ["--restricted", "--permission-prompts", "--json-schema", "--max-budget-usd"]
            .into_iter()
            .find(|flag| !help.contains(flag))
            .map(|flag| format!("it does not support '{flag}'; a newer release does")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_is_supported_or_the_reason_is_named() {
        let help = "--restricted --permission-prompts --json-schema --max-budget-usd";
        let rows = [
            ("2.1.330 (Claude Code)", help, None),
            ("2.1.212 (Claude Code)", help, None),
            ("2.1.211 (Claude Code)", help, Some("2.1.212")),
            ("1.9.999", help, Some("2.1.212")),
            ("2.1.330", "--json-schema", Some("--restricted")),
            ("command not found", help, Some("reports no version")),
            ("", "", Some("reports no version")),
        ];
        for (version, help, why) in rows {
            let found = unsupported_reason(version, help);
            let fits = match (&found, why) {
                (None, None) => true,
                (Some(said), Some(why)) => said.contains(why),
                _ => false,
            };
            assert!(fits, "{version}: {found:?}");
        }
    }

    fn call() -> Invocation<'static> {
        Invocation {
            program: "/bin/claude".into(),
            model: "m",
            max_turns: 4,
            budget_usd: 0.5,
            conversation: "s",
            resumed: false,
            agents: None,
            test_line: None,
            fix: false,
            mcp: None,
            hooks: ("/bin/dlq".into(), "/s/it's".into()),
            unchecked: false,
        }
    }

    /// Returns the value of an option that is given once.
    fn value(argv: &[String], option: &str) -> String {
        let option = format!("{option}=");
        let found: Vec<&str> = argv.iter().filter_map(|word| word.strip_prefix(&option)).collect();
        assert_eq!(found.len(), 1, "{option} in {argv:?}");
        found[0].to_owned()
    }

    #[test]
    fn argv_allows_no_writes_commands_or_prompts() {
        let argv = call().argv(None);
        for flag in ["--restricted", "--strict-mcp-config", "--setting-sources=", "--verbose"] {
            assert!(argv.iter().any(|word| word == flag), "{flag}");
        }
        assert_eq!(value(&argv, "--tools"), "Read,Grep,Glob");
        assert_eq!(value(&argv, "--disallowedTools"), "WebFetch,WebSearch,Edit,Write,Bash");
        assert_eq!(value(&argv, "--permission-mode"), "default");
        assert_eq!(value(&argv, "--max-budget-usd"), "0.5");
        assert_eq!(value(&argv, "--session-id"), "s");
        for absent in ["--allowedTools", "--agents", "--mcp", "--dangerously"] {
            assert!(!argv.iter().any(|word| word.starts_with(absent)), "{absent}");
        }
        assert_eq!(call().expected_init().tools, READS);
        let hooks = json!({"hooks": {
            "SessionStart": [{"hooks": [{"type": "command", "command": r": > '/s/it'\''s'"}]}],
            "WorktreeCreate": [{"hooks": [{"type": "command", "command": "exit 2"}]}]}});
        assert_eq!(value(&argv, "--settings"), hooks.to_string());
    }

    #[test]
    fn is_line_accepts_the_exact_line_only() {
        let call = |tool: &str, command: &str| {
            json!({"tool_name": tool, "tool_input": {"command": command}}).to_string()
        };
        let rows = [
            (call("Bash", "make test"), true),
            (call("Bash", "make test; id"), false),
            (call("Bash", "make  test"), false),
            (call("Bash", "make test\n"), false),
            (call("Read", "make test"), false),
            (String::new(), false),
            ("[]".into(), false),
        ];
        for (call, is) in rows {
            assert_eq!(is_line(&call, "make test"), is, "{call}");
        }
    }

    #[test]
    fn argv_grants_only_what_each_option_needs() {
        let names = vec!["aws-docs".to_owned()];
        let (test_line, agents) = (Some("make test".into()), Some("/a.json".into()));
        let tests = Invocation { test_line, agents, ..call() };
        let argv = tests.argv(None);
        assert_eq!(value(&argv, "--tools"), "Read,Grep,Glob,Bash,Agent");
        assert_eq!(value(&argv, "--allowedTools"), "Bash(make test)");
        let denied = value(&argv, "--disallowedTools");
        assert!(denied.ends_with(",Edit,Write"), "{denied}");
        let settings = value(&argv, "--settings");
        let guard = "'/bin/dlq' only-line 'make test' || exit 2";
        assert!(settings.contains(guard) && settings.contains(r#""matcher":"Bash""#), "{settings}");
        assert_eq!(tests.granted(), ["Read", "Grep", "Glob", "Bash"]);

        let fix = Invocation { fix: true, resumed: true, ..call() };
        let argv = fix.argv(None);
        assert_eq!(value(&argv, "--tools"), "Read,Grep,Glob,Edit,Write");
        assert_eq!(value(&argv, "--permission-mode"), "acceptEdits");
        assert_eq!(value(&argv, "--resume"), "s");
        let denied = value(&argv, "--disallowedTools");
        assert!(denied.contains("Edit(.dlq/**)") && denied.ends_with(",Bash"), "{denied}");

        let more = Invocation { mcp: Some(("/m".into(), names.clone())), ..call() };
        let argv = more.argv(Some("k 'x'"));
        assert_eq!(value(&argv, "--mcp-config"), "/m");
        assert_eq!(value(&argv, "--allowedTools"), "mcp__aws-docs");
        let settings = value(&argv, "--settings");
        assert!(settings.starts_with(r#"{"apiKeyHelper":"k 'x'","hooks""#), "{settings}");
        assert_eq!(more.expected_init().mcp_servers, names);

        let unchecked = Invocation { unchecked: true, ..call() };
        let argv = unchecked.argv(None);
        assert!(argv.iter().any(|word| word == "--dangerously-skip-permissions"));
        assert!(!argv.iter().any(|word| word == "--restricted"), "it would refuse the other");
        assert_eq!(unchecked.expected_init().permission_mode, "bypassPermissions");
        assert_eq!(value(&argv, "--settings"), "{}");
    }

    #[test]
    fn test_line_refuses_patterns() {
        let line = |words: &[&str], home| {
            let argv: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            test_line(&argv, home)
        };
        assert_eq!(line(&["make", "test"], None).unwrap(), "make test");
        assert_eq!(line(&["make"], Some("/home/a b")).unwrap(), "env 'HOME=/home/a b' make");
        for odd in ["*", "a(b)", "a,b", "a\\b"] {
            let why = line(&["pytest", odd], None).unwrap_err();
            assert!(why.contains("put the command into a script"), "{odd}: {why}");
        }
        assert!(line(&[], None).is_err());
    }

    #[test]
    fn mcp_servers_are_named_or_refused() {
        let rows = [
            (
                r#"{"mcpServers": {"docs": {"command": "x"}, "a_b-1": {}}}"#,
                Ok(vec!["a_b-1", "docs"]),
            ),
            (r#"{"mcpServers": {}}"#, Ok(vec![])),
            ("{", Err("not JSON")),
            (r#"{"servers": {}}"#, Err("mcpServers")),
            (r#"{"mcpServers": {"a,Bash": {}}}"#, Err("letters, digits")),
        ];
        for (text, expected) in rows {
            match (mcp_servers(text), expected) {
                (Ok(mut found), Ok(names)) => {
                    found.sort();
                    assert_eq!(found, names, "{text}");
                }
                (Err(found), Err(why)) => assert!(found.contains(why), "{text}: {found}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn credential_is_a_token_or_a_key() {
        assert!(is_token("sk-ant-oat01-x") && !is_token("sk-ant-api03-x"));
    }
}
