//! Script of the stand-in for the model: a list of steps for each agent.
//!
//! A step is chosen from the request alone, so that retries and concurrent agents each get their
//! own answer.

use std::time::Duration;

use serde_json::{Value, json};

/// Answers of all agents.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub(super) key: Option<String>,
    pub(super) agents: Vec<Agent>,
}

/// Agent, known by a marker in its system prompt. The main agent has an empty marker and comes
/// last.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) name: String,
    pub(super) marker: String,
    pub(super) steps: Vec<Step>,
}

/// Answer to one request.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// Blocks of the content.
    pub(super) content: Vec<Value>,
    /// Tokens of input and output.
    pub(super) tokens: (u64, u64),
    /// Error that is sent instead: status and kind.
    pub(super) refusal: Option<(u16, &'static str)>,
    /// Number of requests that are refused before the answer is sent.
    pub(super) refusals: u32,
    pub(super) pace: Pace,
}

/// Timing of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Pace {
    #[default]
    AtOnce,
    /// Nothing, until the client gives up.
    Never,
    /// First event, then pings without end.
    Begun,
    /// Pause before each event of the stream.
    Slow(Duration),
    /// Connection that breaks after this many events; an answer without streaming comes whole.
    Cut(usize),
}

impl Script {
    /// Creates a script of the main agent. The last step is repeated for ever.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Script::default().agent("main", "", steps)
    }

    /// Adds a subagent that has this marker in its system prompt.
    pub fn agent(
        mut self,
        name: &str,
        marker: &str,
        steps: impl IntoIterator<Item = Step>,
    ) -> Self {
        let steps: Vec<Step> = steps.into_iter().collect();
        assert!(!steps.is_empty(), "{name} has no steps");
        let agent = Agent { name: name.into(), marker: marker.into(), steps };
        // Before the main one, whose empty marker is in every prompt.
        self.agents.insert(0, agent);
        self
    }

    /// Refuses requests without this key with status 401.
    pub fn only_with_key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Returns the agent that asks, the number of its earlier answers, and its next step.
    pub(super) fn answer(&self, body: &Value) -> (&str, usize, &Step) {
        let prompt = system_prompt(body);
        let mut agents = self.agents.iter();
        let agent = agents.find(|agent| prompt.contains(&agent.marker)).unwrap();
        let messages = body["messages"].as_array();
        let answered =
            messages.into_iter().flatten().filter(|one| one["role"] == "assistant").count();
        (&agent.name, answered, &agent.steps[answered.min(agent.steps.len() - 1)])
    }
}

fn system_prompt(body: &Value) -> String {
    match &body["system"] {
        Value::Array(blocks) => {
            let texts = blocks.iter().filter_map(|block| block["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        text => text.as_str().unwrap_or_default().to_owned(),
    }
}

/// Creates an answer of text.
pub fn say(text: &str) -> Step {
    Step::new(json!({"type": "text", "text": text}))
}

/// Creates a call of a tool.
pub fn tool(name: &str, input: Value) -> Step {
    Step::new(json!({"type": "tool_use", "name": name, "input": input}))
}

/// Creates a call of the shell.
pub fn bash(command: &str) -> Step {
    tool("Bash", json!({"command": command, "description": "Look"}))
}

/// Creates the result in the form of `--json-schema`.
pub fn structured(result: Value) -> Step {
    tool("StructuredOutput", result)
}

/// Creates calls of subagents, which run at the same time.
pub fn delegate(names: &[&str]) -> Step {
    let call = |name: &&str| {
        let input = json!({"description": "Look", "prompt": "Look.", "subagent_type": name});
        tool("Agent", input)
    };
    names.iter().map(call).reduce(Step::and).expect("a name")
}

/// Creates an error for every request.
pub fn error(status: u16, kind: &'static str) -> Step {
    Step::default().after_errors(u32::MAX, status, kind)
}

/// Creates an answer that never comes.
pub fn hang() -> Step {
    Step { pace: Pace::Never, ..say("never said") }
}

impl Step {
    fn new(block: Value) -> Self {
        Step { content: vec![block], tokens: (1200, 60), ..Step::default() }
    }

    /// Adds the blocks of another step.
    pub fn and(mut self, more: Step) -> Self {
        self.content.extend(more.content);
        self
    }

    /// Sets the tokens, of which the client works out the cost by the name of the model.
    pub fn costing(mut self, input: u64, output: u64) -> Self {
        self.tokens = (input, output);
        self
    }

    /// Refuses `count` requests first.
    pub fn after_errors(mut self, count: u32, status: u16, kind: &'static str) -> Self {
        (self.refusals, self.refusal) = (count, Some((status, kind)));
        self
    }

    /// Starts the answer and never ends it.
    pub fn hanging(mut self) -> Self {
        self.pace = Pace::Begun;
        self
    }

    /// Pauses before each event.
    pub fn slow(mut self, pause: Duration) -> Self {
        self.pace = Pace::Slow(pause);
        self
    }

    /// Breaks the connection after this many events.
    pub fn cut_after(mut self, events: usize) -> Self {
        self.pace = Pace::Cut(events);
        self
    }
}
