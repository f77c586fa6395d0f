//! A stand-in for the API that Claude Code asks, on loopback: `POST /v1/messages`, as a stream of
//! events and without. What it says is a [`Script`]; what it was asked it remembers, so that a test
//! can tell that a secret was never sent.
//!
//! It asks nobody and stops with the value, as [`HttpServer`] does.

mod script;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Closed, HttpRequest, HttpServer, Reply};

pub use script::{Script, Step, bash, delegate, error, hang, say, structured, tool};

use script::Pace;

/// Between two signs of life of an answer that has begun.
const PING: Duration = Duration::from_millis(200);

/// Characters of text, or of a tool's input, in an event of the stream.
const PIECE: usize = 40;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Method and path.
    pub what: String,
    /// As it was sent.
    pub raw: String,
    /// The same, read; null when there was none.
    pub body: Value,
    /// The agent that asked: `main`, a subagent's name, or `aside` for what is asked without tools.
    pub agent: String,
    /// How many answers it had before.
    pub step: usize,
}

/// The server.
pub struct FakeClaude {
    /// For `ANTHROPIC_BASE_URL`.
    pub url: String,
    shared: Arc<Shared>,
    _server: HttpServer,
}

struct Shared {
    script: Script,
    asked: Mutex<Vec<Asked>>,
    /// The refusals so far, by agent and step.
    refused: Mutex<BTreeMap<(String, usize), u32>>,
}

impl FakeClaude {
    /// Starts one on a free port.
    pub fn start(script: Script) -> Self {
        let (asked, refused) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { script, asked, refused });
        let all = shared.clone();
        let server = HttpServer::start(move |request, reply| all.respond(request, reply));
        FakeClaude { url: server.url.clone(), shared, _server: server }
    }

    /// What was asked so far: of the model, in the order in which it came.
    pub fn asked(&self) -> Vec<Asked> {
        let mut all = self.shared.asked.lock().unwrap().clone();
        all.retain(|one| one.what.starts_with("POST /v1/messages?"));
        all
    }

    /// The requests of one agent.
    pub fn asked_by(&self, agent: &str) -> Vec<Asked> {
        let mut all = self.asked();
        all.retain(|one| one.agent == agent);
        all
    }

    /// Fails when something was sent, in any request; fails too when there was none to look at.
    #[track_caller]
    pub fn never_heard(&self, secret: &str) {
        let all = self.shared.asked.lock().unwrap().clone();
        assert!(all.iter().any(|one| one.body.is_object()), "nothing was asked");
        for one in &all {
            assert!(!one.heard(secret), "{} of {} has '{secret}'", one.what, one.agent);
        }
    }
}

impl Asked {
    /// Whether it has this in its path or body, as bytes or in a text of its JSON. Headers are not
    /// looked at: the key is in them.
    pub fn heard(&self, words: &str) -> bool {
        self.what.contains(words) || self.raw.contains(words) || says(&self.body, words)
    }

    /// What the tools said to the last answer, as text.
    pub fn tool_results(&self) -> Vec<String> {
        let messages = self.body["messages"].as_array();
        let last = messages.and_then(|all| all.iter().rfind(|one| one["role"] == "user"));
        let blocks = last.and_then(|one| one["content"].as_array()).into_iter().flatten();
        let results = blocks.filter(|block| block["type"] == "tool_result");
        results.map(|block| text_of(&block["content"])).collect()
    }
}

fn says(value: &Value, words: &str) -> bool {
    match value {
        Value::String(text) => text.contains(words),
        Value::Array(all) => all.iter().any(|one| says(one, words)),
        Value::Object(all) => all.iter().any(|(key, one)| key.contains(words) || says(one, words)),
        _ => false,
    }
}

fn text_of(content: &Value) -> String {
    match content {
        Value::Array(blocks) => blocks.iter().map(|block| text_of(&block["text"])).collect(),
        text => text.as_str().unwrap_or_default().to_owned(),
    }
}

impl Shared {
    /// Records a request and answers it by the script.
    fn respond(&self, request: &HttpRequest, reply: &mut Reply<'_>) -> Result<(), Closed> {
        let body = request.json();
        let (agent, step, answer) = self.script.answer(&body);
        // What is asked without tools is on the side: a title, and the like.
        let aside = body["tools"].as_array().is_none_or(Vec::is_empty);
        let (agent, answer) = if aside { ("aside", say("{}")) } else { (agent, answer.clone()) };
        let asked = Asked {
            what: format!("{} {}", request.method, request.target),
            raw: request.text(),
            body,
            agent: agent.to_owned(),
            step,
        };
        self.asked.lock().unwrap().push(asked.clone());
        match request.path() {
            "/v1/messages" if !self.has_key(request) => refuse(reply, 401, "authentication_error"),
            "/v1/messages" => self.answer(&asked, &answer, reply),
            "/v1/messages/count_tokens" => reply.send_json(200, &json!({"input_tokens": 1200})),
            "/" if request.method == "HEAD" => reply.send(200, "text/plain", ""),
            _ => refuse(reply, 404, "not_found_error"),
        }
    }

    fn answer(&self, asked: &Asked, answer: &Step, reply: &mut Reply<'_>) -> Result<(), Closed> {
        if let Some((status, kind)) = self.refusal(asked, answer) {
            return refuse(reply, status, kind);
        }
        if answer.pace == Pace::Never {
            return reply.hang();
        }
        let blocks = blocks(asked, answer);
        if asked.body["stream"] == true {
            return stream(asked, answer, blocks, reply);
        }
        let mut message = message(asked, answer, stop_reason(&blocks).into());
        message["content"] = json!(blocks);
        reply.send_json(200, &message)
    }

    fn has_key(&self, request: &HttpRequest) -> bool {
        let given = [
            request.header("x-api-key"),
            request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")),
        ];
        self.script.key.is_none() || given.contains(&self.script.key.as_deref())
    }

    fn refusal(&self, asked: &Asked, answer: &Step) -> Option<(u16, &'static str)> {
        let refusal = answer.refusal?;
        let mut refused = self.refused.lock().unwrap();
        let count = refused.entry((asked.agent.clone(), asked.step)).or_default();
        *count = count.saturating_add(1);
        (*count <= answer.refusals).then_some(refusal)
    }
}

/// Sends an answer as a stream of events, at the pace of its step.
fn stream(
    asked: &Asked,
    answer: &Step,
    blocks: Vec<Value>,
    reply: &mut Reply<'_>,
) -> Result<(), Closed> {
    reply.begin_chunks("text/event-stream; charset=utf-8")?;
    for (count, event) in events(asked, answer, blocks).iter().enumerate() {
        match answer.pace {
            Pace::Cut(events) if count == events => return Err(Closed),
            Pace::Begun if count == 1 => loop {
                reply.send_event("ping", &json!({"type": "ping"}))?;
                reply.pause(PING)?;
            },
            Pace::Slow(time) => reply.pause(time)?,
            _ => {}
        }
        reply.send_event(event["type"].as_str().unwrap(), event)?;
    }
    reply.end_chunks()
}

/// The blocks of an answer; calls of tools get an id that a repeat of the request gets too.
fn blocks(asked: &Asked, answer: &Step) -> Vec<Value> {
    let mut blocks = answer.content.clone();
    for (index, block) in blocks.iter_mut().enumerate() {
        if block["type"] == "tool_use" {
            let agent = asked.agent.replace('-', "_");
            block["id"] = json!(format!("toolu_fake_{agent}_{}_{index}", asked.step));
        }
    }
    blocks
}

fn stop_reason(blocks: &[Value]) -> &'static str {
    let calls = blocks.iter().any(|block| block["type"] == "tool_use");
    if calls { "tool_use" } else { "end_turn" }
}

/// The message around the blocks.
fn message(asked: &Asked, answer: &Step, stop_reason: Value) -> Value {
    let id = format!("msg_fake_{}_{}", asked.agent, asked.step);
    let tokens = if stop_reason.is_null() { (answer.tokens.0, 1) } else { answer.tokens };
    json!({
        "id": id, "type": "message", "role": "assistant", "model": asked.body["model"],
        "content": [], "stop_reason": stop_reason, "stop_sequence": null, "usage": usage(tokens),
    })
}

fn usage((input, output): (u64, u64)) -> Value {
    json!({
        "input_tokens": input, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        "output_tokens": output, "service_tier": "standard",
    })
}

/// The answer as the events of a stream.
fn events(asked: &Asked, answer: &Step, blocks: Vec<Value>) -> Vec<Value> {
    let stop = json!({"stop_reason": stop_reason(&blocks), "stop_sequence": null});
    let message = message(asked, answer, Value::Null);
    let mut events = vec![json!({"type": "message_start", "message": message})];
    for (index, mut block) in blocks.into_iter().enumerate() {
        let (part, kind, field, whole) = if block["type"] == "text" {
            let text = block["text"].as_str().unwrap_or_default().to_owned();
            ("text", "text_delta", "text", text)
        } else {
            ("input", "input_json_delta", "partial_json", block["input"].to_string())
        };
        // It begins empty, and fills by and by.
        block[part] = if part == "text" { json!("") } else { json!({}) };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        let chars: Vec<char> = whole.chars().collect();
        for piece in chars.chunks(PIECE) {
            let delta = json!({"type": kind, field: piece.iter().collect::<String>()});
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": stop, "usage": usage(answer.tokens)}));
    events.push(json!({"type": "message_stop"}));
    events
}

fn refuse(reply: &mut Reply<'_>, status: u16, kind: &str) -> Result<(), Closed> {
    let said = json!({"type": kind, "message": "said the stand-in"});
    reply.send_json(status, &json!({"type": "error", "error": said}))
}
