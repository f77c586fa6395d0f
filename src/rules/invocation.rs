//! How Claude Code is called: flags that leave nothing to its settings, and what it must say of
//! itself in return.
//!
//! Promises: nobody is asked, nothing is run, nothing is written: it reads the folders that it is
//! given, and no other. Settings, hooks, MCP servers and slash commands of whatever repository stay
//! out. Model, turns and money have a limit. Never: puts a text from outside into an argument.

use super::found;
use super::transcript::{Asked, MINIMUM};

/// The tools: all of them only read.
const TOOLS: [&str; 3] = ["Read", "Grep", "Glob"];
/// Retries of a request that failed, and how long one may take; a wrong key would cost minutes.
const RETRIES: &str = "3";
const REQUEST_MS: &str = "300000";

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation<'a> {
    /// The program, with its path.
    pub program: &'a str,
    /// The model.
    pub model: &'a str,
    /// Turns of the main agent.
    pub max_turns: u32,
    /// US dollars; the agent looks at it after each response.
    pub budget_usd: f64,
    /// The session's id, which becomes that of the conversation.
    pub session: &'a str,
    /// The folders that it may read beside its own.
    pub folders: &'a [String],
}

impl Invocation<'_> {
    /// The program and its arguments. The prompt comes by standard input.
    pub fn argv(&self) -> Vec<String> {
        let fixed = [
            "-p",
            "--output-format=stream-json",
            "--verbose",
            "--restricted",
            "--setting-sources=",
            "--strict-mcp-config",
            "--permission-mode=default",
            "--permission-prompts=none",
            "--disable-slash-commands",
            "--disallowedTools=Bash,Edit,Write,WebFetch,WebSearch",
        ];
        let mut argv = vec![self.program.to_owned()];
        argv.extend(fixed.map(str::to_owned));
        // A value that begins with a dash stays one.
        argv.push(format!("--tools={}", TOOLS.join(",")));
        argv.push(format!("--model={}", self.model));
        argv.push(format!("--max-turns={}", self.max_turns));
        argv.push(format!("--max-budget-usd={}", self.budget_usd));
        argv.push(format!("--session-id={}", self.session));
        argv.push(format!("--json-schema={}", found::schema()));
        argv.extend(self.folders.iter().map(|folder| format!("--add-dir={folder}")));
        argv
    }

    /// What it has to say of itself.
    pub fn asked(&self) -> Asked {
        Asked {
            tools: TOOLS.map(str::to_owned).into(),
            permission_mode: "default".into(),
            mcp_servers: Vec::new(),
            min_version: MINIMUM,
            session_id: Some(self.session.to_owned()),
        }
    }
}

/// Variables that keep it quiet, and its work in the foreground: a background task outlives the
/// result that it was for.
pub fn environment() -> [(&'static str, &'static str); 7] {
    [
        ("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1"),
        ("CLAUDE_CODE_MAX_RETRIES", RETRIES),
        ("API_TIMEOUT_MS", REQUEST_MS),
        ("DISABLE_AUTOUPDATER", "1"),
        ("DISABLE_TELEMETRY", "1"),
        ("DISABLE_ERROR_REPORTING", "1"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ]
}

/// The variable that a credential goes by: OAuth tokens and keys of the API have their own.
pub fn credential_variable(credential: &str) -> &'static str {
    match credential.starts_with("sk-ant-oat") {
        true => "CLAUDE_CODE_OAUTH_TOKEN",
        false => "ANTHROPIC_API_KEY",
    }
}

/// Why this release of it will not do: what `--version` and `--help` say.
pub fn unfit(version: &str, help: &str) -> Option<String> {
    let (major, minor, patch) = MINIMUM;
    match super::transcript::version(version) {
        None => Some("it does not say its version".into()),
        Some(known) if known < MINIMUM => Some(format!(
            "version {}.{}.{} leaves its tools running when it is stopped; {major}.{minor}.{patch} or \
             newer is needed",
            known.0, known.1, known.2
        )),
        Some(_) => ["--restricted", "--permission-prompts", "--json-schema", "--max-budget-usd"]
            .into_iter()
            .find(|flag| !help.contains(flag))
            .map(|flag| format!("it does not know '{flag}'; a newer one does")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_fits_or_says_why_not() {
        let help = "--restricted --permission-prompts --json-schema --max-budget-usd";
        let rows = [
            ("2.1.330 (Claude Code)", help, None),
            ("2.1.212 (Claude Code)", help, None),
            ("2.1.211 (Claude Code)", help, Some("2.1.212")),
            ("1.9.999", help, Some("2.1.212")),
            ("2.1.330", "--json-schema", Some("--restricted")),
            ("command not found", help, Some("does not say")),
            ("", "", Some("does not say")),
        ];
        for (version, help, why) in rows {
            let found = unfit(version, help);
            let fits = match (&found, why) {
                (None, None) => true,
                (Some(said), Some(why)) => said.contains(why),
                _ => false,
            };
            assert!(fits, "{version}: {found:?}");
        }
    }

    #[test]
    fn nothing_can_be_written_run_or_asked() {
        let folders = ["/state/evidence/i/1".to_owned(), "--dangerous".to_owned()];
        let call = Invocation {
            program: "/bin/claude",
            model: "m",
            max_turns: 4,
            budget_usd: 0.5,
            session: "s",
            folders: &folders,
        };
        let argv = call.argv();
        for flag in ["--restricted", "--strict-mcp-config", "--setting-sources=", "--verbose"] {
            assert!(argv.iter().any(|word| word == flag), "{flag}");
        }
        assert!(argv.contains(&"--tools=Read,Grep,Glob".to_owned()));
        assert!(argv.contains(&"--max-budget-usd=0.5".to_owned()));
        assert!(argv.contains(&"--add-dir=--dangerous".to_owned()), "no option of its own");
        assert!(
            !argv.iter().any(|word| word.contains("dangerously") || word.contains("acceptEdits"))
        );
        assert_eq!(call.asked().tools, TOOLS);
    }

    #[test]
    fn credentials_go_by_their_own_names() {
        assert_eq!(credential_variable("sk-ant-oat01-x"), "CLAUDE_CODE_OAUTH_TOKEN");
        assert_eq!(credential_variable("sk-ant-api03-x"), "ANTHROPIC_API_KEY");
    }
}
