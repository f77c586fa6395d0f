//! What the stand-in for the model says: for each agent a list of steps. A step is chosen from the
//! request alone, so retries and agents that work at once each get the answer that is theirs.

use std::time::Duration;

use serde_json::{Value, json};

/// What the agents say.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub(super) key: Option<String>,
    pub(super) agents: Vec<Agent>,
}

/// An agent, known by words in its system prompt; the main one has none and takes what is left.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) name: String,
    pub(super) marker: String,
    pub(super) steps: Vec<Step>,
}

/// One answer.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// The blocks of its content.
    pub(super) content: Vec<Value>,
    /// Tokens of input and of output.
    pub(super) tokens: (u64, u64),
    /// Said instead of it: status and kind.
    pub(super) refusal: Option<(u16, &'static str)>,
    /// How many requests the refusal meets before the answer is given.
    pub(super) refusals: u32,
    pub(super) pace: Pace,
}

/// How an answer comes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Pace {
    #[default]
    AtOnce,
    /// No byte of it, until the client has had enough.
    Never,
    /// It begins, and from there on only signs of life come.
    Begun,
    /// So long before each event of the stream.
    Slow(Duration),
    /// The connection breaks after so many events of the stream; without a stream it comes at once.
    Cut(usize),
}

impl Script {
    /// What the main agent says, step by step; the last step is said for ever.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Script::default().agent("main", "", steps)
    }

    /// What a subagent says, who is known by these words in its prompt.
    pub fn agent(
        mut self,
        name: &str,
        marker: &str,
        steps: impl IntoIterator<Item = Step>,
    ) -> Self {
        let steps: Vec<Step> = steps.into_iter().collect();
        assert!(!steps.is_empty(), "{name} has nothing to say");
        let agent = Agent { name: name.into(), marker: marker.into(), steps };
        // Before the main one, whose empty marker is in every prompt.
        self.agents.insert(0, agent);
        self
    }

    /// Whoever comes without this key is refused with 401.
    pub fn only_with_key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The agent that asks, how many answers it had before, and the one it gets now.
    pub(super) fn answer(&self, body: &Value) -> (&str, usize, &Step) {
        let prompt = system_prompt(body);
        let mut agents = self.agents.iter();
        let agent = agents.find(|agent| prompt.contains(&agent.marker)).unwrap();
        let messages = body["messages"].as_array();
        let had = messages.into_iter().flatten().filter(|one| one["role"] == "assistant").count();
        (&agent.name, had, &agent.steps[had.min(agent.steps.len() - 1)])
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

/// Text.
pub fn say(text: &str) -> Step {
    Step::of(json!({"type": "text", "text": text}))
}

/// The call of a tool.
pub fn tool(name: &str, input: Value) -> Step {
    Step::of(json!({"type": "tool_use", "name": name, "input": input}))
}

/// A command of the shell.
pub fn bash(command: &str) -> Step {
    tool("Bash", json!({"command": command, "description": "Look"}))
}

/// The result, in the form that `--json-schema` asks for.
pub fn structured(result: Value) -> Step {
    tool("StructuredOutput", result)
}

/// Work for subagents, by their names; they work at once.
pub fn delegate(names: &[&str]) -> Step {
    let call = |name: &&str| {
        let input = json!({"description": "Look", "prompt": "Look.", "subagent_type": name});
        tool("Agent", input)
    };
    names.iter().map(call).reduce(Step::and).expect("a name")
}

/// A refusal, of every request.
pub fn error(status: u16, kind: &'static str) -> Step {
    Step::default().after_errors(u32::MAX, status, kind)
}

/// No answer at all.
pub fn hang() -> Step {
    Step { pace: Pace::Never, ..say("never said") }
}

impl Step {
    fn of(block: Value) -> Self {
        Step { content: vec![block], tokens: (1200, 60), ..Step::default() }
    }

    /// The same, and then these blocks too, in one answer.
    pub fn and(mut self, more: Step) -> Self {
        self.content.extend(more.content);
        self
    }

    /// Counts so many tokens; what they cost the client works out from the name of the model.
    pub fn costing(mut self, input: u64, output: u64) -> Self {
        self.tokens = (input, output);
        self
    }

    /// Comes only after so many refusals.
    pub fn after_errors(mut self, count: u32, status: u16, kind: &'static str) -> Self {
        (self.refusals, self.refusal) = (count, Some((status, kind)));
        self
    }

    /// Begins, and never comes to an end.
    pub fn hanging(mut self) -> Self {
        self.pace = Pace::Begun;
        self
    }

    /// Comes piece by piece, each after so long.
    pub fn slow(mut self, pause: Duration) -> Self {
        self.pace = Pace::Slow(pause);
        self
    }

    /// The connection breaks after so many events of its stream.
    pub fn cut_after(mut self, events: usize) -> Self {
        self.pace = Pace::Cut(events);
        self
    }
}
