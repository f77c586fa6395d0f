//! Subagents of an investigation: parser of their Markdown files with front matter, and the JSON
//! for Claude Code.
//!
//! Promises: a subagent has the tools that its file names and no other, because the command line
//! reads a missing list as "all" and ignores an unknown name. No file changes the meaning of
//! another file. An error names the line and the remedy.

use serde_json::{Map, Value, json};

use crate::text::{safe, shorten, unknown};

/// Limit of a file, in bytes.
pub const MAX_FILE: usize = 64 * 1024;
/// Most subagents of an investigation.
pub const MAX_AGENTS: usize = 16;
/// Limit of a description, in bytes: each request holds all of them.
const MAX_DESCRIPTION: usize = 1024;
/// Limit of a model's name, in bytes.
const MAX_MODEL: usize = 200;

const TOOLS: [&str; 6] = ["Read", "Grep", "Glob", "Bash", "Edit", "Write"];
const KEYS: [&str; 4] = ["name", "description", "tools", "model"];

/// Built-in subagents.
const BUILTIN: [(&str, &str); 5] = [
    ("dlq-analysis", include_str!("../../../config/agents/dlq-analysis.md")),
    ("log-analysis", include_str!("../../../config/agents/log-analysis.md")),
    ("code-review", include_str!("../../../config/agents/code-review.md")),
    ("config-check", include_str!("../../../config/agents/config-check.md")),
    ("test-runner", include_str!("../../../config/agents/test-runner.md")),
];

/// Subagent to which the main agent can delegate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subagent {
    /// Name of the file without `.md`.
    pub name: String,
    /// Purpose, in a line; the main agent chooses by it.
    pub description: String,
    pub prompt: String,
    /// Allowed tools, always with `Read`.
    pub tools: Vec<String>,
    /// Model; none: the model of the main agent.
    pub model: Option<String>,
}

/// Returns the built-in subagents.
pub fn builtin() -> Vec<Subagent> {
    // A test parses all of them.
    BUILTIN.iter().filter_map(|(stem, text)| parse(stem, text).ok()).collect()
}

/// Merges the built-in and the user's subagents; the user's replace those of the same name.
pub fn merged(builtin: Vec<Subagent>, own: Vec<Subagent>) -> Result<Vec<Subagent>, String> {
    let mut all = builtin;
    for agent in own {
        match all.iter_mut().find(|known| known.name == agent.name) {
            Some(known) => *known = agent,
            None => all.push(agent),
        }
    }
    if all.len() > MAX_AGENTS {
        let found = all.len();
        return Err(format!(
            "{found} subagents with the built-in ones, and at most {MAX_AGENTS} are allowed"
        ));
    }
    Ok(all)
}

/// Removes the subagents that need code, a test command, or logs, when there is none.
pub fn useful(mut agents: Vec<Subagent>, code: bool, tests: bool, logs: bool) -> Vec<Subagent> {
    agents.retain(|agent| match agent.name.as_str() {
        "code-review" => code,
        "test-runner" => tests,
        "log-analysis" => logs,
        _ => true,
    });
    agents
}

/// Returns the value of the option `--agents`. A tool that is not granted is removed.
pub fn to_json(agents: &[Subagent], granted: &[&str]) -> Value {
    let mut all = Map::new();
    for agent in agents {
        let tools: Vec<&String> =
            agent.tools.iter().filter(|tool| granted.contains(&tool.as_str())).collect();
        let (description, prompt) = (&agent.description, &agent.prompt);
        let mut entry = json!({ "description": description, "prompt": prompt, "tools": tools });
        if let Some(model) = &agent.model {
            entry["model"] = model.as_str().into();
        }
        all.insert(agent.name.clone(), entry);
    }
    Value::Object(all)
}

/// Parses the file of a subagent. `file_stem` is its name without `.md`.
pub fn parse(file_stem: &str, text: &str) -> Result<Subagent, String> {
    let refused =
        |(line, why): Refusal| Err(format!("{}.md:{line}: {why}", safe(&shorten(file_stem, 60))));
    read(file_stem, text).or_else(refused)
}

/// Line and reason.
type Refusal = (usize, String);

fn read(stem: &str, text: &str) -> Result<Subagent, Refusal> {
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().zip(1..);
    if lines.next().is_none_or(|(line, _)| line.trim_end() != "---") {
        let why = "expected '---', and below it 'name:', 'description:' and 'tools:'";
        return Err((1, why.into()));
    }
    let mut agent = Subagent { name: stem.to_owned(), ..Subagent::default() };
    // Also keys without a value: `inherit` sets no model.
    let mut given = Vec::new();
    let mut end = 1;
    loop {
        let Some((line, number)) = lines.next() else {
            return Err((end, "the lines in front are not closed; end them with '---'".into()));
        };
        end = number;
        match line.trim() {
            "---" => break,
            "" => {}
            comment if comment.starts_with('#') => {}
            entry => agent.set(entry, &mut given).map_err(|why| (number, why))?,
        }
    }
    agent.prompt = lines.map(|(line, _)| line).collect::<Vec<_>>().join("\n").trim().to_owned();
    if agent.prompt.is_empty() {
        return Err((end, "the prompt is empty; write below '---' what is to be done".into()));
    }
    if !is_name(stem) {
        let why = "a name has 1 to 40 of a-z, 0-9 and '-'; rename the file";
        return Err((end, why.into()));
    }
    match ["description", "tools"].into_iter().find(|key| !given.contains(key)) {
        Some(key) => Err((end, format!("'{key}' is missing; add a line '{key}: ...'"))),
        None => Ok(agent),
    }
}

impl Subagent {
    /// Sets the value of a line of the front matter whose key is not among the `given` ones.
    fn set(&mut self, entry: &str, given: &mut Vec<&str>) -> Result<(), String> {
        let Some((key, value)) = entry.split_once(':') else {
            let shown = shorten(entry, 60);
            return Err(format!("expected 'key: value', found '{}'", safe(&shown)));
        };
        let key = key.trim_end();
        let Some(known) = KEYS.into_iter().find(|known| *known == key) else {
            return Err(unknown("key", key, &KEYS));
        };
        if given.contains(&known) {
            return Err(format!("'{known}' is given twice; keep one"));
        }
        given.push(known);
        let value = scalar(known, value)?;
        match known {
            // Names are then unique, and the file name shows which built-in subagent it replaces.
            "name" if value != self.name => {
                let name = shorten(value, 60);
                return Err(format!("'name' is '{}'; give it the file's name", safe(&name)));
            }
            "name" => {}
            "description" if value.len() > MAX_DESCRIPTION => {
                return Err(format!("'description' is longer than {MAX_DESCRIPTION} bytes"));
            }
            "description" => value.clone_into(&mut self.description),
            "tools" => self.tools = tools(value)?,
            _ if value == "inherit" => {}
            _ if is_model(value) => self.model = Some(value.to_owned()),
            _ => {
                let shown = shorten(value, 60);
                let why = "expected 'inherit' or the name of a model, found";
                return Err(format!("{why} '{}'", safe(&shown)));
            }
        }
        Ok(())
    }
}

/// Returns a value without its quotes.
fn scalar<'a>(key: &str, value: &'a str) -> Result<&'a str, String> {
    let value = value.trim();
    // In YAML the value would be on the next lines.
    if value.is_empty() || value.starts_with(['|', '>']) {
        return Err(format!("'{key}' has no value on its line; write it behind the colon"));
    }
    let bare = |quote: char| {
        value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
            .filter(|v| !v.is_empty())
    };
    Ok(bare('"').or_else(|| bare('\'')).unwrap_or(value))
}

/// Parses `[Read, Grep]`, with or without brackets.
fn tools(value: &str) -> Result<Vec<String>, String> {
    let inner = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(value);
    let mut tools: Vec<String> = Vec::new();
    for word in inner.split(',').map(|word| word.trim().trim_matches(['"', '\''])) {
        match TOOLS.into_iter().find(|tool| *tool == word) {
            None => return Err(unknown("tool", word, &TOOLS)),
            Some(tool) if tools.iter().any(|known| known == tool) => {}
            Some(tool) => tools.push(tool.to_owned()),
        }
    }
    // Otherwise the list could become empty when tools that write are not granted.
    if !tools.iter().any(|tool| tool == "Read") {
        return Err("'tools' lacks 'Read', by which the evidence is read; add it".into());
    }
    Ok(tools)
}

/// Whether a text can be the name of a model, which becomes an argument and must not be an option.
pub fn is_model(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._:/@[]".contains(&b);
    text.len() <= MAX_MODEL && !text.starts_with('-') && text.bytes().all(fits)
}

fn is_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=40).contains(&name.len()) && name.bytes().all(fits)
}

#[cfg(test)]
mod tests;
