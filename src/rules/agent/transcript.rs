//! The output of the Claude Code CLI, understood line by line: what the agent says of itself, what
//! it has cost, what it was denied, and how it ended.
//!
//! The lines come from outside. Whatever they hold, nothing here panics or gives up: what is not
//! understood is counted, and what was not said stays unknown.

mod fields;
mod init;
mod steps;

pub use init::{Asked, Init, MINIMUM, differs, version};
pub use outcome::{Outcome, outcome};

use std::collections::BTreeMap;

use serde_json::Value;

use crate::text::{safe, shorten};
use fields::Fields;
use outcome::Ending;

/// The longest line that is looked at. The CLI was seen to write 2 MB; what is longer than this
/// is skipped and counted, so that one line cannot take all the memory.
pub const LINE_MAX: usize = 16 * 1024 * 1024;

/// The longest word from outside, such as the name of a tool, in characters.
const WORD_MAX: usize = 100;

/// The longest sentence from outside, in characters.
const SENTENCE_MAX: usize = 300;

/// What a line means for whoever watches over the agent.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// The agent says what it is; again at every turn that a background task begins.
    Init(Init),
    /// It goes on.
    Progress(Progress),
    /// The API does not take its key. The CLI would try again for minutes: abort at once.
    Unauthorized,
    /// A result. More may follow, but the time of grace begins.
    Result,
}

/// A step, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What it does: `thinking`, `tool`, `subagent started` and the like.
    pub step: String,
    /// The subagent that does it.
    pub subagent: Option<String>,
    /// The tool that is used.
    pub tool: Option<String>,
    /// What all has cost so far, in US dollars, as far as the agent has said.
    pub cost_usd: Option<f64>,
}

/// A tool that the agent was not allowed to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The tool.
    pub tool: String,
    /// The subagent that asked for it; none for the agent itself, or when it is unknown.
    pub subagent: Option<String>,
    /// Why, in short; none when the agent does not say.
    pub reason: Option<String>,
}

/// A denial as it was heard: who asked is an id, whose name may come later.
#[derive(Debug, Default)]
struct Denied {
    tool: Option<String>,
    by: Option<String>,
    reason: Option<String>,
}

/// What is known so far.
#[derive(Debug, Default)]
pub struct Transcript {
    lines: u64,
    skipped: u64,
    unknown: u64,
    init: Option<Init>,
    session: Option<String>,
    cost: Option<f64>,
    turns: Option<u64>,
    text: Option<String>,
    /// The structured output, and whether its result was good.
    structured: Option<(bool, Value)>,
    /// The address of a pull request, and whether the agent has opened it.
    pull_request: Option<(bool, String)>,
    denials: BTreeMap<String, Denied>,
    /// The names of subagents by the id of their task, or of the call that has started them.
    names: BTreeMap<String, String>,
    /// Which subagent has made a call: its id, by the call's.
    callers: BTreeMap<String, String>,
    unauthorized: bool,
    /// A result was good.
    good: bool,
    /// A good result had a structured output.
    answered: bool,
    /// A result was neither good nor an error.
    idle: bool,
    /// The last result that was an error.
    failed: Option<Ending>,
}

impl Transcript {
    /// Takes a line of `stream-json`, without its LF, and says what it means.
    pub fn hear(&mut self, line: &[u8]) -> Option<Heard> {
        if line.trim_ascii().is_empty() {
            return None;
        }
        self.lines += 1;
        let fields = if line.len() > LINE_MAX { None } else { Fields::of(line) };
        let Some(fields) = fields else {
            self.skipped += 1;
            return None;
        };
        if self.session.is_none() {
            self.session = fields.word("session_id");
        }
        match fields.word("type").as_deref() {
            Some("result") => self.result(&fields),
            Some("system") => self.system(&fields),
            Some("assistant") => self.assistant(&fields),
            Some("user") => {
                self.name(&fields);
                None
            }
            Some("stream_event" | "rate_limit_event" | "conversation_reset") => None,
            _ => {
                self.unknown += 1;
                None
            }
        }
    }

    /// Reads the whole output of format `json`: one object, or a list of all messages. What is
    /// neither is taken line by line.
    pub fn of_json(bytes: &[u8]) -> Transcript {
        let mut transcript = Transcript::default();
        if let Some(messages) = fields::list(bytes) {
            for message in messages {
                transcript.hear(message.get().as_bytes());
            }
        } else if Fields::of(bytes).is_some() {
            transcript.hear(bytes);
        } else {
            for line in bytes.split(|byte| *byte == b'\n') {
                transcript.hear(line);
            }
        }
        transcript
    }

    /// Reads the whole output of format `text`. It says neither cost nor how it ended, so that any
    /// text is an answer; a last line that is a JSON object is the structured one.
    pub fn of_text(bytes: &[u8]) -> Transcript {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let object = |line: &str| serde_json::from_str(line).ok().filter(Value::is_object);
        let structured = lines.clone().next_back().and_then(object);
        Transcript {
            good: lines.next().is_some(),
            answered: structured.is_some(),
            structured: structured.map(|value| (true, value)),
            lines: text.lines().count() as u64,
            text: Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            ..Transcript::default()
        }
    }

    /// What the agent has said of itself, the first time.
    pub fn init(&self) -> Option<&Init> {
        self.init.as_ref()
    }

    /// What all has cost, in US dollars. Every result tells the sum of all before it, so it is the
    /// greatest; none when no result has said one, because unknown is not zero.
    pub fn cost_usd(&self) -> Option<f64> {
        self.cost
    }

    /// How many turns the agent itself has taken; every result counts its own.
    pub fn turns(&self) -> Option<u64> {
        self.turns
    }

    /// What it was denied, each call once, in the order of their ids.
    pub fn denials(&self) -> Vec<Denial> {
        let named = |(call, denied): (&String, &Denied)| Denial {
            tool: denied.tool.clone().unwrap_or_else(|| "unknown".to_owned()),
            subagent: denied
                .by
                .as_ref()
                .or_else(|| self.callers.get(call))
                .and_then(|id| self.names.get(id).cloned()),
            reason: denied.reason.clone(),
        };
        self.denials.iter().map(named).collect()
    }

    /// The address of the pull request that was opened, as the CLI has seen it: the model's word
    /// is not asked.
    pub fn pr_url(&self) -> Option<&str> {
        self.pull_request.as_ref().map(|(_, url)| url.as_str())
    }

    /// How many lines were no JSON object, or too long.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many lines were of a type that is not known.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// The text of the answer: the last that was not empty, and no error.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The structured output: of the last result that has one, a good one before any other. With
    /// background tasks several results come, and the first may be the one.
    pub fn structured(&self) -> Option<&Value> {
        self.structured.as_ref().map(|(_, value)| value)
    }

    /// The session's id.
    pub fn session_id(&self) -> Option<&str> {
        let init = self.init.as_ref().map(|init| init.session_id.as_str());
        init.filter(|id| !id.is_empty()).or(self.session.as_deref())
    }

    fn result(&mut self, fields: &Fields) -> Option<Heard> {
        if let Some(cost) = fields.get::<f64>("total_cost_usd").filter(|cost| *cost >= 0.0) {
            self.cost = Some(self.cost.map_or(cost, |known| known.max(cost)));
        }
        if let Some(turns) = fields.get::<u64>("num_turns") {
            self.turns = Some(self.turns.unwrap_or(0).saturating_add(turns));
        }
        for denial in fields.objects("permission_denials") {
            self.deny(&denial);
        }
        let ending = Ending::of(fields);
        let good = matches!(ending, Ending::Good);
        if let Some(value) = fields.get::<Value>("structured_output").filter(|v| !v.is_null()) {
            self.answered |= good;
            if good || !matches!(self.structured, Some((true, _))) {
                self.structured = Some((good, value));
            }
        }
        let text = fields.get::<String>("result").filter(|text| !text.trim().is_empty());
        match ending {
            Ending::Good => self.good = true,
            Ending::Idle => self.idle = true,
            Ending::Failed(reason, _) => {
                self.unauthorized |= reason == "unauthorized";
                self.failed = Some(ending);
                return Some(Heard::Result);
            }
        }
        self.text = text.or(self.text.take());
        Some(Heard::Result)
    }

    /// Takes a denial, from a line of its own or from a result. What both say is kept once; a
    /// call without an id is known by what it asked for.
    fn deny(&mut self, fields: &Fields) {
        let tool = fields.word("tool_name");
        let call = fields.word("tool_use_id").unwrap_or_else(|| {
            let input = fields.raw("tool_input").unwrap_or_default();
            format!("{} {input}", tool.as_deref().unwrap_or_default())
        });
        let reason = fields.get::<String>("decision_reason").or_else(|| fields.get("message"));
        let denied = self.denials.entry(call).or_default();
        denied.tool = denied.tool.take().or(tool);
        denied.by = denied.by.take().or_else(|| caller(fields));
        denied.reason = denied.reason.take().or(reason.map(|reason| sentence(&reason)));
    }

    /// Learns the name of a subagent from a line that says its type.
    fn name(&mut self, fields: &Fields) {
        let Some(name) = fields.word("subagent_type") else { return };
        for key in ["task_id", "agent_id", "parent_tool_use_id"] {
            if let Some(id) = fields.word(key) {
                self.names.insert(id, name.clone());
            }
        }
        // In lines about tasks this is the call that has started it; elsewhere it may be a call
        // that the subagent makes.
        if let Some(id) = fields.word("task_id").and_then(|_| fields.word("tool_use_id")) {
            self.names.insert(id, name);
        }
    }
}

/// The id of the subagent that a line comes from.
fn caller(fields: &Fields) -> Option<String> {
    fields.word("agent_id").or_else(|| fields.word("parent_tool_use_id"))
}

/// A word from outside, for people.
fn word(text: &str) -> String {
    shorten(&safe(text), WORD_MAX).into_owned()
}

/// A sentence from outside, for people.
fn sentence(text: &str) -> String {
    shorten(&safe(text.trim()), SENTENCE_MAX).into_owned()
}

mod outcome;
#[cfg(test)]
mod tests;
