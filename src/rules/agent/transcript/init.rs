//! Start values that Claude Code reports, compared with the expected ones. The CLI silently ignores
//! settings of a wrong form, so only these values show what is in force.

use super::fields::{self, JsonMembers};
use super::{sentence, word};

/// Oldest supported release. Older ones leave the agent's commands running when they are stopped.
pub const MINIMUM: (u64, u64, u64) = (2, 1, 212);

/// Start values of the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Init {
    pub session_id: String,
    pub model: String,
    pub tools: Vec<String>,
    /// Treatment of a tool that no rule allows.
    pub permission_mode: String,
    /// Names and states of the MCP servers.
    pub mcp_servers: Vec<(String, String)>,
    /// Names of the subagents.
    pub agents: Vec<String>,
    /// Release of the CLI.
    pub version: String,
    /// Source of the API key.
    pub api_key_source: String,
    /// Current folder.
    pub cwd: String,
    /// Members of `tools` and `mcp_servers` that were not reported: unknown is not empty.
    pub unlisted: Vec<String>,
}

impl Init {
    pub(super) fn from_line(line: &JsonMembers) -> Init {
        let text = |key: &str| line.get::<String>(key).unwrap_or_default();
        let unlisted = ["tools", "mcp_servers"].into_iter().filter(|key| line.list(key).is_none());
        Init {
            session_id: text("session_id"),
            model: text("model"),
            tools: names(line, "tools"),
            permission_mode: text("permissionMode"),
            mcp_servers: servers(line),
            agents: names(line, "agents"),
            version: text("claude_code_version"),
            api_key_source: text("apiKeySource"),
            cwd: text("cwd"),
            unlisted: unlisted.map(str::to_owned).collect(),
        }
    }
}

/// Returns the names in a list. An element that is not a text is kept as it was written, so that it
/// counts as unexpected.
fn names(line: &JsonMembers, key: &str) -> Vec<String> {
    let all = line.list(key).unwrap_or_default().into_iter();
    let name = |raw: &str| serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned());
    all.map(|raw| name(raw.get())).collect()
}

fn servers(line: &JsonMembers) -> Vec<(String, String)> {
    let all = line.list("mcp_servers").unwrap_or_default().into_iter();
    all.map(|raw| match fields::JsonMembers::parse(raw.get().as_bytes()) {
        Some(server) => (
            server.get("name").unwrap_or_else(|| raw.get().to_owned()),
            server.get("status").unwrap_or_default(),
        ),
        None => (raw.get().to_owned(), String::new()),
    })
    .collect()
}

/// Expected start values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedInit {
    /// Tools; a rule such as `Bash(git log *)` counts as its tool.
    pub tools: Vec<String>,
    /// Treatment of a tool that no rule allows.
    pub permission_mode: String,
    /// Names of the MCP servers.
    pub mcp_servers: Vec<String>,
    /// Oldest supported release.
    pub min_version: (u64, u64, u64),
    /// Session id, when this tool chose it.
    pub session_id: Option<String>,
}

/// Returns a sentence that names the differences from the expected start values, if any. Fewer tools
/// than expected are harmless and no difference.
pub fn difference(asked: &ExpectedInit, init: &Init) -> Option<String> {
    let mut found: Vec<String> = Vec::new();
    for what in &init.unlisted {
        found.push(format!("it does not list its {}", word(what).replace("mcp_", "MCP ")));
    }
    let more = init.tools.iter().filter(|tool| !has_tool(asked, tool));
    list("tools", more, &mut found);
    if mode(&init.permission_mode) != mode(&asked.permission_mode) {
        let (is, wanted) = (word(&init.permission_mode), word(&asked.permission_mode));
        found.push(format!("its permission mode is '{is}', not '{wanted}'"));
    }
    let names = init.mcp_servers.iter().map(|(name, _)| name);
    list("MCP servers", names.filter(|name| !asked.mcp_servers.contains(name)), &mut found);
    let lacking = asked.mcp_servers.iter().filter(|wanted| {
        let started = |(name, state): &(String, String)| name == *wanted && state != "failed";
        !init.mcp_servers.iter().any(started)
    });
    let lacking: Vec<String> = lacking.map(|name| format!("'{}'", word(name))).collect();
    if !lacking.is_empty() {
        found.push(format!("MCP servers that did not start: {}", lacking.join(", ")));
    }
    match version(&init.version) {
        Some(known) if known >= asked.min_version => {}
        Some(_) => {
            let (major, minor, patch) = asked.min_version;
            let is = word(&init.version);
            found.push(format!("its version is {is}, older than {major}.{minor}.{patch}"));
        }
        None => found.push(format!("its version is unknown: '{}'", word(&init.version))),
    }
    if let Some(wanted) = &asked.session_id
        && *wanted != init.session_id
    {
        let is = word(&init.session_id);
        found.push(format!("its session is '{is}', not '{}'", word(wanted)));
    }
    if found.is_empty() {
        return None;
    }
    Some(format!("the agent differs from the request: {}", found.join("; ")))
}

fn list<'a>(what: &str, more: impl Iterator<Item = &'a String>, found: &mut Vec<String>) {
    let more: Vec<String> = more.map(|name| format!("'{}'", word(name))).collect();
    if !more.is_empty() {
        found.push(format!("it has unexpected {what}: {}", sentence(&more.join(", "))));
    }
}

/// Returns whether a tool is expected. The structured output is a tool that comes with its schema;
/// the tools of an MCP server come with the server.
fn has_tool(asked: &ExpectedInit, tool: &str) -> bool {
    let plain = |name: &str| name.split('(').next().unwrap_or(name).trim().to_owned();
    let same = |name: &String| tool_name(&plain(name)) == tool_name(tool);
    let from = |server: &String| {
        let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let server: String = server.chars().map(|c| if known(c) { c } else { '_' }).collect();
        tool.starts_with(&format!("mcp__{server}__"))
    };
    tool == "StructuredOutput" || asked.tools.iter().any(same) || asked.mcp_servers.iter().any(from)
}

/// Maps both names of a tool to one: `Agent` is still listed as `Task`.
fn tool_name(name: &str) -> &str {
    if name == "Agent" { "Task" } else { name }
}

/// Maps both names of a permission mode to one.
fn mode(name: &str) -> &str {
    if name == "manual" { "default" } else { name }
}

/// Parses the output of `claude --version`, such as `2.1.330 (Claude Code)`.
pub fn version(text: &str) -> Option<(u64, u64, u64)> {
    let first = text.split_whitespace().next()?;
    let mut parts = first.splitn(3, '.');
    let mut next = || parts.next();
    let (major, minor, patch) = (next()?, next()?, next()?);
    // A pre-release such as `2.2.0-beta.1` counts as its release.
    let patch = patch.split(['-', '+']).next()?;
    Some((number(major)?, number(minor)?, number(patch)?))
}

/// Parses digits only; `parse` alone would accept a sign.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}
