//! Start values that Claude Code reports, compared with the expected ones. The CLI silently ignores
//! settings of a wrong form, so only these values show what is in force.

use super::fields::JsonMembers;
use super::{sentence, word};

/// Oldest supported release. Older ones leave the agent's commands running when they are stopped.
pub const MINIMUM: (u64, u64, u64) = (2, 1, 212);

/// Start values of the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Init {
    pub session_id: String,
    /// Names of the tools; none when not reported, because unknown is not empty.
    pub tools: Option<Vec<String>>,
    /// Treatment of a tool that no rule allows.
    pub permission_mode: String,
    /// Names and states of the MCP servers; none when not reported.
    pub mcp_servers: Option<Vec<(String, String)>>,
    /// Release of the CLI.
    pub version: String,
}

impl Init {
    pub(super) fn from_line(line: &JsonMembers) -> Init {
        let text = |key: &str| line.get::<String>(key).unwrap_or_default();
        // An element of another form is kept as it was written, so that it counts as unexpected.
        let tool = |raw: &str| serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned());
        let server = |raw: &str| {
            let server = JsonMembers::parse(raw.as_bytes());
            let text = |key: &str| server.as_ref().and_then(|server| server.get::<String>(key));
            (text("name").unwrap_or_else(|| raw.to_owned()), text("status").unwrap_or_default())
        };
        let (tools, servers) = (line.list("tools"), line.list("mcp_servers"));
        Init {
            session_id: text("session_id"),
            tools: tools.map(|all| all.iter().map(|raw| tool(raw.get())).collect()),
            permission_mode: text("permissionMode"),
            mcp_servers: servers.map(|all| all.iter().map(|raw| server(raw.get())).collect()),
            version: text("claude_code_version"),
        }
    }
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
    /// Session id, which this tool chose.
    pub session_id: String,
}

/// Returns a sentence that names the differences from the expected start values, if any. Fewer
/// tools than expected are harmless and no difference.
pub fn difference(asked: &ExpectedInit, init: &Init) -> Option<String> {
    let mut found: Vec<String> = Vec::new();
    if let Some(tools) = &init.tools {
        let more = quoted(tools.iter().filter(|tool| !has_tool(asked, tool)));
        found.extend(more.map(|more| format!("it has unexpected tools: {more}")));
    } else {
        found.push("it does not list its tools".into());
    }
    let (is, wanted) = (&init.permission_mode, &asked.permission_mode);
    if mode(is) != mode(wanted) {
        found.push(format!("its permission mode is '{}', not '{}'", word(is), word(wanted)));
    }
    if let Some(servers) = &init.mcp_servers {
        let names = servers.iter().map(|(name, _)| name);
        let more = quoted(names.filter(|name| !asked.mcp_servers.contains(name)));
        found.extend(more.map(|more| format!("it has unexpected MCP servers: {more}")));
        let lacking = quoted(asked.mcp_servers.iter().filter(|wanted| {
            !servers.iter().any(|(name, state)| name == *wanted && state != "failed")
        }));
        found.extend(lacking.map(|names| format!("MCP servers that did not start: {names}")));
    } else {
        found.push("it does not list its MCP servers".into());
    }
    let is = word(&init.version);
    match version(&init.version) {
        Some(known) if known >= MINIMUM => {}
        Some(_) => {
            let (major, minor, patch) = MINIMUM;
            found.push(format!("its version is {is}, older than {major}.{minor}.{patch}"));
        }
        None => found.push(format!("its version is unknown: '{is}'")),
    }
    let (is, wanted) = (&init.session_id, &asked.session_id);
    if is != wanted {
        found.push(format!("its session is '{}', not '{}'", word(is), word(wanted)));
    }
    (!found.is_empty()).then(|| format!("the agent differs from the request: {}", found.join("; ")))
}

/// Returns external names as a sentence shows them; none when there are none.
fn quoted<'a>(names: impl Iterator<Item = &'a String>) -> Option<String> {
    let names: Vec<String> = names.map(|name| format!("'{}'", word(name))).collect();
    (!names.is_empty()).then(|| sentence(&names.join(", ")))
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

/// Parses the output of `claude --version`, such as `2.1.330 (Claude Code)`. A pre-release such as
/// `2.2.0-beta.1` counts as its release.
pub fn version(text: &str) -> Option<(u64, u64, u64)> {
    let release = text.split_whitespace().next()?.split(['-', '+']).next()?;
    let mut numbers = release.splitn(3, '.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}
