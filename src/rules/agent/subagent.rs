//! The subagents of an investigation: Markdown with a few lines in front, and the form in which
//! Claude Code takes them.
//!
//! Promises: a subagent has the tools that its file names and no other, because the command line
//! takes a missing list for "all" and an unknown name in silence; what a file means never depends
//! on another file; a refusal names the line and the remedy.

use serde_json::{Map, Value, json};

use crate::text::{nearest, safe, shorten};

/// The longest file, in bytes.
pub const MAX_FILE: usize = 64 * 1024;
/// So many subagents take part at most.
pub const MAX_AGENTS: usize = 16;
/// The longest description, in bytes: all of them stand in each request.
const MAX_DESCRIPTION: usize = 1024;
/// The longest name of a model, in bytes.
const MAX_MODEL: usize = 100;

const TOOLS: [&str; 6] = ["Read", "Grep", "Glob", "Bash", "Edit", "Write"];
const KEYS: [&str; 4] = ["name", "description", "tools", "model"];

/// Those that take part when nobody has configured any.
const BUILTIN: [(&str, &str); 5] = [
    (
        "dlq-analysis",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/agents/dlq-analysis.md")),
    ),
    (
        "log-analysis",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/agents/log-analysis.md")),
    ),
    (
        "code-review",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/agents/code-review.md")),
    ),
    (
        "config-check",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/agents/config-check.md")),
    ),
    (
        "test-runner",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/agents/test-runner.md")),
    ),
];

/// Somebody to whom the main agent can delegate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subagent {
    /// Its name, which is its file's.
    pub name: String,
    /// When to ask it, in a line: all that the main agent knows of it.
    pub description: String,
    /// What it is told.
    pub prompt: String,
    /// What it may use; never empty, and `Read` is in it.
    pub tools: Vec<String>,
    /// Its model; None: that of the main agent.
    pub model: Option<String>,
}

/// Those that come with the tool.
pub fn builtin() -> Vec<Subagent> {
    // That all of them can be read is a test.
    BUILTIN.iter().filter_map(|(stem, text)| parse(stem, text).ok()).collect()
}

/// The ones that come with the tool and the user's own, which replace those of the same name.
pub fn merged(builtin: Vec<Subagent>, own: Vec<Subagent>) -> Result<Vec<Subagent>, String> {
    let mut all = builtin;
    for agent in own {
        match all.iter_mut().find(|known| known.name == agent.name) {
            Some(known) => *known = agent,
            None => all.push(agent),
        }
    }
    if all.len() > MAX_AGENTS {
        let over = all.len() - MAX_AGENTS;
        return Err(format!("more than {MAX_AGENTS} subagents; take {over} away"));
    }
    Ok(all)
}

/// Those that have something to do: the ones that come with the tool need code, and a command that
/// runs its tests.
pub fn useful(mut agents: Vec<Subagent>, code: bool, tests: bool) -> Vec<Subagent> {
    agents.retain(|agent| match agent.name.as_str() {
        "code-review" => code,
        "test-runner" => tests,
        _ => true,
    });
    agents
}

/// What the option `--agents` takes. Nobody gets a tool that is not granted.
pub fn to_json(agents: &[Subagent], granted: &[&str]) -> Value {
    let mut all = Map::new();
    for agent in agents {
        let tools: Vec<&String> =
            agent.tools.iter().filter(|tool| granted.contains(&tool.as_str())).collect();
        let mut entry = json!({
            "description": agent.description,
            "prompt": agent.prompt,
            "tools": tools,
        });
        if let Some(model) = &agent.model {
            entry["model"] = model.as_str().into();
        }
        all.insert(agent.name.clone(), entry);
    }
    Value::Object(all)
}

/// The subagent in a file of that name, without its `.md`.
pub fn parse(file_stem: &str, text: &str) -> Result<Subagent, String> {
    let refused =
        |(line, why): Refusal| Err(format!("{}.md:{line}: {why}", safe(&shorten(file_stem, 60))));
    read(file_stem, text).or_else(refused)
}

/// The line, and why.
type Refusal = (usize, String);

#[derive(Default)]
struct Head {
    name: Option<String>,
    description: Option<String>,
    tools: Option<Vec<String>>,
    model: Option<String>,
    /// The keys that were given, which is not told by the values: `inherit` is no model.
    given: Vec<&'static str>,
}

fn read(stem: &str, text: &str) -> Result<Subagent, Refusal> {
    if text.len() > MAX_FILE {
        return Err((1, format!("longer than {} KiB; shorten it", MAX_FILE / 1024)));
    }
    let mut lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().zip(1..);
    if lines.next().is_none_or(|(line, _)| line.trim_end() != "---") {
        let why = "expected '---', and below it 'name:', 'description:' and 'tools:'";
        return Err((1, why.into()));
    }
    let mut head = Head::default();
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
            entry => head.take(entry).map_err(|why| (number, why))?,
        }
    }
    let prompt = lines.map(|(line, _)| line).collect::<Vec<_>>().join("\n").trim().to_owned();
    if prompt.is_empty() {
        return Err((end, "the prompt is empty; write below '---' what is to be done".into()));
    }
    head.finish(stem, prompt).map_err(|why| (end, why))
}

impl Head {
    fn take(&mut self, entry: &str) -> Result<(), String> {
        let Some((key, value)) = entry.split_once(':') else {
            let shown = shorten(entry, 60);
            return Err(format!("expected 'key: value', found '{}'", safe(&shown)));
        };
        let key = key.trim_end();
        let Some(known) = KEYS.into_iter().find(|known| *known == key) else {
            return Err(unknown("key", key, &KEYS));
        };
        if self.given.contains(&known) {
            return Err(format!("'{known}' is given twice; keep one"));
        }
        self.given.push(known);
        let value = scalar(known, value)?;
        match known {
            "name" => self.name = Some(value.to_owned()),
            "description" if value.len() > MAX_DESCRIPTION => {
                return Err(format!("'description' is longer than {MAX_DESCRIPTION} bytes"));
            }
            "description" => self.description = Some(value.to_owned()),
            "tools" => self.tools = Some(tools(value)?),
            _ => self.model = model(value)?,
        }
        Ok(())
    }

    fn finish(self, stem: &str, prompt: String) -> Result<Subagent, String> {
        // Two files can then not be one subagent, and who replaces whom is seen by the file's name.
        if let Some(name) = self.name.filter(|name| name != stem) {
            let name = shorten(&name, 60);
            return Err(format!("'name' is '{}'; give it the file's name", safe(&name)));
        }
        if !is_name(stem) {
            let why = "a name has 1 to 40 of a-z, 0-9 and '-'; rename the file";
            return Err(why.into());
        }
        let missing = |key: &str| format!("'{key}' is missing; add a line '{key}: ...'");
        Ok(Subagent {
            name: stem.to_owned(),
            description: self.description.ok_or_else(|| missing("description"))?,
            prompt,
            tools: self.tools.ok_or_else(|| missing("tools"))?,
            model: self.model,
        })
    }
}

/// A value on its line, without its quotes.
fn scalar<'a>(key: &str, value: &'a str) -> Result<&'a str, String> {
    let value = value.trim();
    // What follows such a mark in YAML is on the next lines.
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

/// `[Read, Grep]`, or without the brackets.
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
    // Else nothing may be left when those that write are taken away.
    if !tools.iter().any(|tool| tool == "Read") {
        return Err("'tools' lacks 'Read', by which the evidence is read; add it".into());
    }
    Ok(tools)
}

fn model(value: &str) -> Result<Option<String>, String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.:/[]".contains(&b);
    if value == "inherit" {
        return Ok(None);
    }
    // A dash in front could become an option of some command line.
    if value.len() > MAX_MODEL || value.starts_with('-') || !value.bytes().all(fits) {
        let value = shorten(value, 60);
        return Err(format!("expected 'inherit' or the name of a model, found '{}'", safe(&value)));
    }
    Ok(Some(value.to_owned()))
}

fn is_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=40).contains(&name.len()) && name.bytes().all(fits)
}

/// The sentence about what does not exist, with the nearest that does.
fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let word = shorten(word, 60);
    let hint = match nearest(&word, known.iter().copied()) {
        Some(near) => format!("did you mean '{near}'? "),
        None => String::new(),
    };
    format!("unknown {what} '{}'; {hint}known: {}", safe(&word), known.join(", "))
}

#[cfg(test)]
mod tests;
