//! Stand-in for the API of the model that Claude Code calls: `POST /v1/messages`, with and without
//! streaming.
//!
//! A [`Script`] holds the answers. Every request is recorded, so that a test can tell that a secret
//! was never sent.

mod script;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Closed, HttpRequest, HttpServer, Reply};

pub use script::{Script, Step, bash, delegate, error, hang, say, structured, tool};

use script::Pace;

/// Time between two pings of an answer that never ends.
const PING: Duration = Duration::from_millis(200);

/// Characters of text or of tool input in one event of a stream.
const PIECE: usize = 40;

/// Recorded request.
#[derive(Debug, Clone)]
pub struct ModelRequest {
    /// Method and target.
    pub what: String,
    /// Body as it was sent.
    pub raw: String,
    /// Body as JSON; null without a body.
    pub body: Value,
    /// Agent that asks: `main`, the name of a subagent, or `aside` for a request without tools.
    pub agent: String,
    /// Number of answers that the agent had before.
    pub step: usize,
}

/// Running stand-in; it stops when the value is dropped.
pub struct FakeClaudeApi {
    /// Value for `ANTHROPIC_BASE_URL`.
    pub url: String,
    shared: Arc<Shared>,
    _server: HttpServer,
}

struct Shared {
    script: Script,
    requests: Mutex<Vec<ModelRequest>>,
    /// Number of refusals so far by agent and step.
    refused: Mutex<BTreeMap<(String, usize), u32>>,
}

impl FakeClaudeApi {
    /// Starts a stand-in that answers by this script.
    pub fn start(script: Script) -> Self {
        let (requests, refused) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { script, requests, refused });
        let all = shared.clone();
        let server = HttpServer::start(move |request, reply| all.respond(request, reply));
        FakeClaudeApi { url: server.url.clone(), shared, _server: server }
    }

    /// Returns the requests to the model so far, in the order of their arrival.
    pub fn requests(&self) -> Vec<ModelRequest> {
        let mut all = self.shared.requests.lock().unwrap().clone();
        all.retain(|one| one.what.starts_with("POST /v1/messages?"));
        all
    }

    /// Returns the requests of one agent.
    pub fn requests_of(&self, agent: &str) -> Vec<ModelRequest> {
        let mut all = self.requests();
        all.retain(|one| one.agent == agent);
        all
    }

    /// Fails when any request holds a secret, and also when there was no request.
    #[track_caller]
    pub fn assert_never_received(&self, secret: &str) {
        let all = self.shared.requests.lock().unwrap().clone();
        assert!(all.iter().any(|one| one.body.is_object()), "no request came");
        for one in &all {
            assert!(!one.contains(secret), "{} of {} has '{secret}'", one.what, one.agent);
        }
    }
}

impl ModelRequest {
    /// Returns whether target or body holds a text, as bytes or in a string of its JSON. Headers
    /// are not searched, because the key is in them.
    pub fn contains(&self, words: &str) -> bool {
        self.what.contains(words) || self.raw.contains(words) || holds(&self.body, words)
    }

    /// Returns the results of the tools that the last answer called, as text.
    pub fn tool_results(&self) -> Vec<String> {
        let messages = self.body["messages"].as_array();
        let last = messages.and_then(|all| all.iter().rfind(|one| one["role"] == "user"));
        let blocks = last.and_then(|one| one["content"].as_array()).into_iter().flatten();
        let results = blocks.filter(|block| block["type"] == "tool_result");
        results.map(|block| text_of(&block["content"])).collect()
    }
}

fn holds(value: &Value, words: &str) -> bool {
    match value {
        Value::String(text) => text.contains(words),
        Value::Array(all) => all.iter().any(|one| holds(one, words)),
        Value::Object(all) => all.iter().any(|(key, one)| key.contains(words) || holds(one, words)),
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
        // Requests without tools are side tasks, such as a title for the conversation.
        let aside = body["tools"].as_array().is_none_or(Vec::is_empty);
        let (agent, answer) = if aside { ("aside", say("{}")) } else { (agent, answer.clone()) };
        let recorded = ModelRequest {
            what: format!("{} {}", request.method, request.target),
            raw: request.text(),
            body,
            agent: agent.to_owned(),
            step,
        };
        self.requests.lock().unwrap().push(recorded.clone());
        match request.path() {
            "/v1/messages" if !self.has_key(request) => refuse(reply, 401, "authentication_error"),
            "/v1/messages" => self.answer(&recorded, &answer, reply),
            "/v1/messages/count_tokens" => reply.send_json(200, &json!({"input_tokens": 1200})),
            "/" if request.method == "HEAD" => reply.send(200, "text/plain", ""),
            _ => refuse(reply, 404, "not_found_error"),
        }
    }

    fn answer(
        &self,
        request: &ModelRequest,
        answer: &Step,
        reply: &mut Reply<'_>,
    ) -> Result<(), Closed> {
        if let Some((status, kind)) = self.refusal(request, answer) {
            return refuse(reply, status, kind);
        }
        if answer.pace == Pace::Never {
            return reply.hang();
        }
        let blocks = blocks(request, answer);
        if request.body["stream"] == true {
            return stream(request, answer, blocks, reply);
        }
        let mut message = message(request, answer, stop_reason(&blocks).into());
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

    fn refusal(&self, request: &ModelRequest, answer: &Step) -> Option<(u16, &'static str)> {
        let refusal = answer.refusal?;
        let mut refused = self.refused.lock().unwrap();
        let count = refused.entry((request.agent.clone(), request.step)).or_default();
        *count = count.saturating_add(1);
        (*count <= answer.refusals).then_some(refusal)
    }
}

/// Sends an answer as a stream of events, at the pace of its step.
fn stream(
    request: &ModelRequest,
    answer: &Step,
    blocks: Vec<Value>,
    reply: &mut Reply<'_>,
) -> Result<(), Closed> {
    reply.begin_chunks("text/event-stream; charset=utf-8")?;
    for (count, event) in events(request, answer, blocks).iter().enumerate() {
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

/// Returns the blocks of an answer. The id of a tool call is the same when a request is repeated.
fn blocks(request: &ModelRequest, answer: &Step) -> Vec<Value> {
    let mut blocks = answer.content.clone();
    for (index, block) in blocks.iter_mut().enumerate() {
        if block["type"] == "tool_use" {
            let agent = request.agent.replace('-', "_");
            block["id"] = json!(format!("toolu_fake_{agent}_{}_{index}", request.step));
        }
    }
    blocks
}

fn stop_reason(blocks: &[Value]) -> &'static str {
    let calls = blocks.iter().any(|block| block["type"] == "tool_use");
    if calls { "tool_use" } else { "end_turn" }
}

/// Returns the message around the blocks.
fn message(request: &ModelRequest, answer: &Step, stop_reason: Value) -> Value {
    let id = format!("msg_fake_{}_{}", request.agent, request.step);
    let tokens = if stop_reason.is_null() { (answer.tokens.0, 1) } else { answer.tokens };
    json!({
        "id": id, "type": "message", "role": "assistant", "model": request.body["model"],
        "content": [], "stop_reason": stop_reason, "stop_sequence": null, "usage": usage(tokens),
    })
}

fn usage((input, output): (u64, u64)) -> Value {
    json!({
        "input_tokens": input, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        "output_tokens": output, "service_tier": "standard",
    })
}

/// Returns an answer as the events of a stream.
fn events(request: &ModelRequest, answer: &Step, blocks: Vec<Value>) -> Vec<Value> {
    let stop = json!({"stop_reason": stop_reason(&blocks), "stop_sequence": null});
    let message = message(request, answer, Value::Null);
    let mut events = vec![json!({"type": "message_start", "message": message})];
    for (index, mut block) in blocks.into_iter().enumerate() {
        let (part, kind, field, whole) = if block["type"] == "text" {
            let text = block["text"].as_str().unwrap_or_default().to_owned();
            ("text", "text_delta", "text", text)
        } else {
            ("input", "input_json_delta", "partial_json", block["input"].to_string())
        };
        // A block starts empty, and deltas fill it.
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
    let error = json!({"type": kind, "message": "from the stand-in"});
    reply.send_json(status, &json!({"type": "error", "error": error}))
}
