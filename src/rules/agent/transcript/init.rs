//! What the agent says of itself when it starts, held against what was asked for. Settings of a
//! wrong form are ignored by the CLI without a word, so that only this tells what is in force.

use super::fields::{self, Fields};
use super::{sentence, word};

/// The oldest release that may be used. Those before leave the commands of the agent running when
/// they are told to end.
pub const MINIMUM: (u64, u64, u64) = (2, 1, 212);

/// What the agent is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Init {
    /// The session.
    pub session_id: String,
    /// The model.
    pub model: String,
    /// The tools that it has.
    pub tools: Vec<String>,
    /// How it treats a tool that no rule allows.
    pub permission_mode: String,
    /// The MCP servers: name and status.
    pub mcp_servers: Vec<(String, String)>,
    /// The subagents that it knows.
    pub agents: Vec<String>,
    /// The release of the CLI.
    pub version: String,
    /// Where its key comes from.
    pub api_key_source: String,
    /// The folder that it works in.
    pub cwd: String,
    /// Which of `tools` and `mcp_servers` it has not listed: not known is not none.
    pub unlisted: Vec<String>,
}

impl Init {
    pub(super) fn of(line: &Fields) -> Init {
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

/// The names in a list. One that is no text is kept as it was written: it is something, and nobody
/// has asked for it.
fn names(line: &Fields, key: &str) -> Vec<String> {
    let all = line.list(key).unwrap_or_default().into_iter();
    let name = |raw: &str| serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned());
    all.map(|raw| name(raw.get())).collect()
}

fn servers(line: &Fields) -> Vec<(String, String)> {
    let all = line.list("mcp_servers").unwrap_or_default().into_iter();
    all.map(|raw| match fields::Fields::of(raw.get().as_bytes()) {
        Some(server) => (
            server.get("name").unwrap_or_else(|| raw.get().to_owned()),
            server.get("status").unwrap_or_default(),
        ),
        None => (raw.get().to_owned(), String::new()),
    })
    .collect()
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The tools; a rule such as `Bash(git log *)` stands for its tool.
    pub tools: Vec<String>,
    /// How to treat a tool that no rule allows.
    pub permission_mode: String,
    /// The names of the MCP servers.
    pub mcp_servers: Vec<String>,
    /// The oldest release that will do.
    pub min_version: (u64, u64, u64),
    /// The session, when its id was chosen by us.
    pub session_id: Option<String>,
}

/// Says in a sentence in what the agent is other than asked for, if it is. Fewer tools than asked
/// for are no difference: they do no harm.
pub fn differs(asked: &Asked, init: &Init) -> Option<String> {
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
        None => found.push(format!("its version is not known: '{}'", word(&init.version))),
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
    Some(format!("the agent is not as asked for: {}", found.join("; ")))
}

fn list<'a>(what: &str, more: impl Iterator<Item = &'a String>, found: &mut Vec<String>) {
    let more: Vec<String> = more.map(|name| format!("'{}'", word(name))).collect();
    if !more.is_empty() {
        found.push(format!("it has {what} that nobody asked for: {}", sentence(&more.join(", "))));
    }
}

/// Whether a tool was asked for. The structured output is a tool that comes with its schema; the
/// tools of an MCP server come with the server.
fn has_tool(asked: &Asked, tool: &str) -> bool {
    let plain = |name: &str| name.split('(').next().unwrap_or(name).trim().to_owned();
    let same = |name: &String| tool_name(&plain(name)) == tool_name(tool);
    let from = |server: &String| {
        let known = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let server: String = server.chars().map(|c| if known(c) { c } else { '_' }).collect();
        tool.starts_with(&format!("mcp__{server}__"))
    };
    tool == "StructuredOutput" || asked.tools.iter().any(same) || asked.mcp_servers.iter().any(from)
}

/// One name for a tool that is known by two: `Agent` is still listed as `Task`.
fn tool_name(name: &str) -> &str {
    if name == "Agent" { "Task" } else { name }
}

/// One name for a mode that is known by two.
fn mode(name: &str) -> &str {
    if name == "manual" { "default" } else { name }
}

/// The release in what `claude --version` prints, such as `2.1.330 (Claude Code)`.
pub fn version(text: &str) -> Option<(u64, u64, u64)> {
    let first = text.split_whitespace().next()?;
    let mut parts = first.splitn(3, '.');
    let mut next = || parts.next();
    let (major, minor, patch) = (next()?, next()?, next()?);
    // A release before a release, such as `2.2.0-beta.1`, counts as that one.
    let patch = patch.split(['-', '+']).next()?;
    Some((number(major)?, number(minor)?, number(patch)?))
}

/// A number without a sign, which `parse` alone would take.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}
