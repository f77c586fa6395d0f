//! A stand-in for the API that Claude Code asks, on loopback: `POST /v1/messages`, as a stream of
//! events and without. What it says is a [`Script`]; what it was asked it remembers, so that a test
//! can tell that a secret was never sent.
//!
//! It asks nobody and stops with the value: open connections are closed, its threads have ended.

mod script;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

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
    /// Their names in lower case.
    pub headers: BTreeMap<String, String>,
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
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    script: Script,
    asked: Mutex<Vec<Asked>>,
    /// The refusals so far, by agent and step.
    refused: Mutex<BTreeMap<(String, usize), u32>>,
    stop: Mutex<bool>,
    stopped: Condvar,
    /// The connections, to close those that are still open.
    open: Mutex<Vec<(TcpStream, JoinHandle<()>)>>,
}

impl FakeClaude {
    /// Starts one on a free port.
    pub fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            script,
            asked: Mutex::default(),
            refused: Mutex::default(),
            stop: Mutex::new(false),
            stopped: Condvar::new(),
            open: Mutex::default(),
        });
        let all = shared.clone();
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if *all.stop.lock().unwrap() {
                    return;
                }
                let (stream, mine) = (stream.unwrap(), all.clone());
                stream.set_nodelay(true).unwrap();
                let kept = stream.try_clone().unwrap();
                // It ends when the client closes the connection, or this server does.
                let serving = std::thread::spawn(move || mine.serve(&stream));
                all.open.lock().unwrap().push((kept, serving));
            }
        });
        FakeClaude { url, shared, accepting: Some(accepting) }
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

impl Drop for FakeClaude {
    fn drop(&mut self) {
        *self.shared.stop.lock().unwrap() = true;
        self.shared.stopped.notify_all();
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        let _ = self.accepting.take().unwrap().join();
        let open = std::mem::take(&mut *self.shared.open.lock().unwrap());
        for (stream, serving) in open {
            let _ = stream.shutdown(Shutdown::Both);
            let _ = serving.join();
        }
    }
}

/// The connection is of no more use: the client has left, the script cuts it, or the server stops.
struct Over;

impl Shared {
    /// One connection, for as long as it is used.
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(mut asked) = request(&mut reader) {
            let (agent, step, answer) = self.script.answer(&asked.body);
            // What is asked without tools is on the side: a title, and the like.
            let aside = asked.body["tools"].as_array().is_none_or(Vec::is_empty);
            let (agent, answer) =
                if aside { ("aside", say("{}")) } else { (agent, answer.clone()) };
            (asked.agent, asked.step) = (agent.to_owned(), step);
            self.asked.lock().unwrap().push(asked.clone());
            if self.respond(&asked, &answer, stream).is_err() {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    fn respond(&self, asked: &Asked, answer: &Step, stream: &TcpStream) -> Result<(), Over> {
        let path = asked.what.split(['?', ' ']).nth(1).unwrap_or_default();
        match path {
            "/v1/messages" if !self.has_key(asked) => refuse(stream, 401, "authentication_error"),
            "/v1/messages" => {
                if let Some((status, kind)) = self.refusal(asked, answer) {
                    return refuse(stream, status, kind);
                }
                if answer.pace == Pace::Never {
                    // Until the client has had enough, or the server stops.
                    let _ = (&mut &*stream).read(&mut [0]);
                    return Err(Over);
                }
                let blocks = blocks(asked, answer);
                if asked.body["stream"] == true {
                    self.stream(asked, answer, blocks, stream)
                } else {
                    let mut message = message(asked, answer, stop_reason(&blocks).into());
                    message["content"] = json!(blocks);
                    whole(stream, 200, &message)
                }
            }
            "/v1/messages/count_tokens" => whole(stream, 200, &json!({"input_tokens": 1200})),
            // A body would be taken for the beginning of the next answer.
            "/" if asked.what.starts_with("HEAD ") => {
                put(stream, b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n")
            }
            _ => refuse(stream, 404, "not_found_error"),
        }
    }

    fn has_key(&self, asked: &Asked) -> bool {
        let header = |name: &str| asked.headers.get(name).map(String::as_str);
        let given = [
            header("x-api-key"),
            header("authorization").and_then(|value| value.strip_prefix("Bearer ")),
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

    /// Sleeps, unless the server stops.
    fn pause(&self, time: Duration) -> Result<(), Over> {
        let stop = self.stop.lock().unwrap();
        let (stop, _) = self.stopped.wait_timeout_while(stop, time, |stop| !*stop).unwrap();
        if *stop { Err(Over) } else { Ok(()) }
    }

    fn stream(
        &self,
        asked: &Asked,
        answer: &Step,
        blocks: Vec<Value>,
        stream: &TcpStream,
    ) -> Result<(), Over> {
        let head = "HTTP/1.1 200 X\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
                    cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
        put(stream, head.as_bytes())?;
        for (count, event) in events(asked, answer, blocks).iter().enumerate() {
            match answer.pace {
                Pace::Cut(events) if count == events => return Err(Over),
                Pace::Begun if count == 1 => loop {
                    chunk(stream, &json!({"type": "ping"}))?;
                    self.pause(PING)?;
                },
                Pace::Slow(time) => self.pause(time)?,
                _ => {}
            }
            chunk(stream, event)?;
        }
        put(stream, b"0\r\n\r\n")
    }
}

/// The next request; `None` at the end of the connection, or when it is none.
fn request(reader: &mut impl BufRead) -> Option<Asked> {
    let (mut what, mut headers, mut line) = (String::new(), BTreeMap::new(), String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let text = line.trim_end();
        if what.is_empty() {
            what = text.trim_end_matches(" HTTP/1.1").to_owned();
        } else if let Some((name, value)) = text.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        } else {
            break;
        }
    }
    let length = headers.get("content-length").map_or(0, |n| n.parse().unwrap());
    let mut raw = vec![0; length];
    reader.read_exact(&mut raw).ok()?;
    let body = serde_json::from_slice(&raw).unwrap_or_default();
    let raw = String::from_utf8_lossy(&raw).into_owned();
    Some(Asked { what, headers, raw, body, agent: String::new(), step: 0 })
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

fn put(mut stream: &TcpStream, bytes: &[u8]) -> Result<(), Over> {
    stream.write_all(bytes).map_err(|_| Over)
}

/// An event, as a chunk of its own.
fn chunk(stream: &TcpStream, event: &Value) -> Result<(), Over> {
    let text = format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    put(stream, format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())
}

/// An answer that is no stream.
fn whole(stream: &TcpStream, status: u16, body: &Value) -> Result<(), Over> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    put(stream, &[head.as_bytes(), body.as_bytes()].concat())
}

fn refuse(stream: &TcpStream, status: u16, kind: &str) -> Result<(), Over> {
    let said = json!({"type": kind, "message": "said the stand-in"});
    whole(stream, status, &json!({"type": "error", "error": said}))
}
