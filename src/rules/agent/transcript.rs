//! Parser of the Claude Code CLI's output, line by line: start values, progress, cost, denials and
//! result.
//!
//! Promises: the lines are external, and no line causes a panic or ends the parser. Unknown lines
//! are counted. A value that was not reported stays unknown.

mod fields;
mod init;
mod outcome;
mod steps;

pub use init::{ExpectedInit, Init, MINIMUM, difference, version};
pub use outcome::outcome;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::money::Usd;
use crate::rules::agent::last_line::Failure;
use crate::text::{safe, shorten};
use fields::JsonMembers;
use outcome::is_good;

/// Limit of a line, in bytes. The CLI has written lines of 2 MB; a longer line is skipped and
/// counted, so that one line cannot take all the memory.
pub const LINE_MAX: usize = 16 * 1024 * 1024;

/// Limit of an external word, such as the name of a tool, in characters.
const WORD_MAX: usize = 100;

/// Limit of an external sentence, in characters.
const SENTENCE_MAX: usize = 300;

/// Most paths that are kept.
const WRITTEN_MAX: usize = 10_000;

/// Event of a transcript that the supervisor acts on.
#[derive(Debug, Clone, PartialEq)]
pub enum TranscriptEvent {
    /// Start values; repeated at every turn that a background task begins.
    Init(Init),
    Progress(Progress),
    /// The API refuses the key. The CLI would retry for minutes: abort at once.
    Unauthorized,
    /// A result. More may follow, but the grace period begins.
    Result,
}

/// Step of the agent, for display.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Activity, such as `thinking`, `tool` or `subagent started`.
    pub step: String,
    pub subagent: Option<String>,
    pub tool: Option<String>,
    /// Total cost so far, in US dollars; none before the agent reports one.
    pub cost_usd: Option<Usd>,
}

/// Facts of the lines so far.
#[derive(Debug, Default)]
pub struct Transcript {
    lines: u64,
    skipped: u64,
    unknown: u64,
    cost: Option<Usd>,
    turns: Option<u64>,
    text: Option<String>,
    /// Structured output, and whether its result was good. A good one stays.
    structured: Option<(bool, Value)>,
    /// Tools of the denied calls by the calls' ids; none when not reported.
    denials: BTreeMap<String, Option<String>>,
    /// Names of subagents by the id of their task, or of the call that started them.
    names: BTreeMap<String, String>,
    unauthorized: bool,
    /// Set when a result was good.
    good: bool,
    /// Set when a result was neither good nor an error.
    idle: bool,
    /// Last result that was an error.
    failed: Option<Failure>,
    /// Whether the model has answered.
    answered: bool,
    /// Whether a call of the API failed, and the model has not answered since.
    retrying: bool,
    /// Whether the agent was stopped in the middle of an answer, which no cost includes.
    cut: bool,
    /// Whether a cost was no amount of money.
    odd_cost: bool,
    /// Paths that the agent has given to its tools for writing.
    written: BTreeSet<String>,
}

/// Facts about the cost that an agent reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportedCost {
    /// The greatest total, in US dollars.
    pub total: Option<Usd>,
    /// Whether the model has answered.
    pub answered: bool,
    /// Whether the agent was stopped in the middle of an answer, which the total does not include.
    pub cut: bool,
    /// Whether a total was no amount of money.
    pub odd: bool,
    /// Whether the model's API refuses the credential.
    pub refused: bool,
}

impl Transcript {
    /// Reads a line of `stream-json`, without its LF, and returns its event.
    pub fn read_line(&mut self, line: &[u8]) -> Option<TranscriptEvent> {
        if line.trim_ascii().is_empty() {
            return None;
        }
        self.lines += 1;
        let fields = if line.len() > LINE_MAX { None } else { JsonMembers::parse(line) };
        let Some(fields) = fields else {
            self.skipped += 1;
            return None;
        };
        match fields.word("type").as_deref() {
            Some("result") => self.result(&fields),
            Some("system") => self.system(&fields),
            Some("assistant") => self.assistant(&fields),
            Some("user") => {
                self.record_name(&fields);
                self.record_absent_tools(&fields);
                None
            }
            Some("stream_event" | "rate_limit_event" | "conversation_reset") => None,
            _ => {
                self.unknown += 1;
                None
            }
        }
    }

    /// Parses the whole output of format `json`: one object, or a list of all messages. Any other
    /// output is read line by line.
    pub fn from_json(bytes: &[u8]) -> Transcript {
        let mut transcript = Transcript::default();
        if let Some(messages) = fields::list(bytes) {
            for message in messages {
                transcript.read_line(message.get().as_bytes());
            }
        } else if JsonMembers::parse(bytes).is_some() {
            transcript.read_line(bytes);
        } else {
            for line in bytes.split(|byte| *byte == b'\n') {
                transcript.read_line(line);
            }
        }
        transcript
    }

    /// Returns the total cost in US dollars. Every result reports the sum so far, so the greatest
    /// counts; none when no result reports one, because unknown is not zero.
    pub fn cost_usd(&self) -> Option<Usd> {
        self.cost
    }

    /// Returns the facts about the cost.
    pub fn reported_cost(&self) -> ReportedCost {
        let Transcript { cost, answered, cut, odd_cost, unauthorized, .. } = *self;
        ReportedCost { total: cost, answered, cut, odd: odd_cost, refused: unauthorized }
    }

    /// Whether the model's API did not answer at the end: a call failed, and none succeeded since.
    pub fn is_without_api(&self) -> bool {
        self.retrying && !self.unauthorized
    }

    /// Returns the turns of the main agent; every result counts its own.
    pub fn turns(&self) -> Option<u64> {
        self.turns
    }

    /// Returns the tool of every denied call, in the order of the calls' ids.
    pub fn denied_tools(&self) -> impl Iterator<Item = &str> {
        self.denials.values().map(|tool| tool.as_deref().unwrap_or("unknown"))
    }

    /// Returns the paths that the agent has given to its tools for writing; none when some may be
    /// missing.
    pub fn written(&self) -> Option<impl Iterator<Item = &str>> {
        let is_whole = self.skipped == 0 && self.written.len() < WRITTEN_MAX;
        is_whole.then(|| self.written.iter().map(String::as_str))
    }

    /// Returns the number of lines that were too long or not a JSON object.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns the number of lines of an unknown type.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Returns the text of the answer: the last that is neither empty nor an error.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Returns the structured output of the last result that has one; a good result takes
    /// precedence. With background tasks there are several results, and the first may hold it.
    pub fn structured(&self) -> Option<&Value> {
        self.structured.as_ref().map(|(_, value)| value)
    }

    fn result(&mut self, fields: &JsonMembers) -> Option<TranscriptEvent> {
        let cost = fields.get::<Usd>("total_cost_usd");
        self.odd_cost |= cost.is_none() && fields.get::<f64>("total_cost_usd").is_some();
        self.cost = self.cost.max(cost);
        let stopped = fields.word("terminal_reason");
        self.cut |= match stopped.as_deref() {
            // While a call fails, no answer is under way.
            Some("aborted_streaming") => !self.retrying && !self.unauthorized,
            // The tool may be a subagent, which was stopped in an answer of its own.
            Some("aborted_tools") => !self.names.is_empty(),
            _ => false,
        };
        if let Some(turns) = fields.get::<u64>("num_turns") {
            self.turns = Some(self.turns.unwrap_or(0).saturating_add(turns));
        }
        for denial in fields.objects("permission_denials") {
            self.deny(&denial);
        }
        let ending = is_good(fields, self.retrying);
        let good = ending == Ok(true);
        if let Some(value) = fields.get::<Value>("structured_output").filter(|v| !v.is_null())
            && (good || !matches!(self.structured, Some((true, _))))
        {
            self.structured = Some((good, value));
        }
        let text = fields.get::<String>("result").filter(|text| !text.trim().is_empty());
        match ending {
            Ok(true) => self.good = true,
            Ok(false) => self.idle = true,
            Err(failure) => {
                self.unauthorized |= failure.0 == "unauthorized";
                self.failed = Some(failure);
                return Some(TranscriptEvent::Result);
            }
        }
        self.text = text.or(self.text.take());
        Some(TranscriptEvent::Result)
    }

    /// Records a denial, from its own line or from a result. A denial in both is kept once; the
    /// tool and its input identify a call without an id.
    fn deny(&mut self, fields: &JsonMembers) {
        let tool = fields.word("tool_name");
        let call = fields.word("tool_use_id").unwrap_or_else(|| {
            let input = fields.raw("tool_input").unwrap_or_default();
            format!("{} {input}", tool.as_deref().unwrap_or_default())
        });
        let known = self.denials.entry(call).or_default();
        *known = known.take().or(tool);
    }

    /// Records the name of a subagent from a line with its type.
    fn record_name(&mut self, fields: &JsonMembers) {
        let Some(name) = fields.word("subagent_type") else { return };
        for key in ["task_id", "agent_id", "parent_tool_use_id"] {
            if let Some(id) = fields.word(key) {
                self.names.insert(id, name.clone());
            }
        }
        // In lines about tasks this call started the subagent; elsewhere it may be a call that the
        // subagent makes.
        if let Some(id) = fields.word("task_id").and_then(|_| fields.word("tool_use_id")) {
            self.names.insert(id, name);
        }
    }
}

/// Makes an external word safe to show.
fn word(text: &str) -> String {
    shorten(&safe(text), WORD_MAX).into_owned()
}

/// Makes an external sentence safe to show.
fn sentence(text: &str) -> String {
    shorten(&safe(text.trim()), SENTENCE_MAX).into_owned()
}

#[cfg(test)]
mod tests;
