//! Stand-in for the API of ElevenLabs on loopback: audio, and refusals in the documented shapes.
//!
//! The key decides: `good`, `poor` (its quota is used up), `restricted` (no subscription),
//! `forbidden` (no speech); any other is invalid. A word in the sentence asks for another answer:
//! `busy`, `soon` (busy once), `broken`, `string` (audio by its type alone), `refused`, `cut`.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::http::{Closed, HttpRequest, HttpServer, Reply};

/// Running stand-in.
pub struct ElevenLabs {
    server: HttpServer,
    requests: Arc<Mutex<Vec<HttpRequest>>>,
}

impl ElevenLabs {
    /// Starts a server that speaks by `speak`, which gets the text.
    pub fn start(speak: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let requests: Arc<Mutex<Vec<HttpRequest>>> = Arc::default();
        let seen = requests.clone();
        let server = HttpServer::start(move |request, reply| {
            let earlier = {
                let mut seen = seen.lock().unwrap();
                seen.push(request.clone());
                seen.iter().filter(|one| one.body == request.body).count() - 1
            };
            respond(request, earlier, reply, &speak)
        });
        ElevenLabs { server, requests }
    }

    /// Returns the base URL.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.requests.lock().unwrap().clone()
    }
}

fn respond(
    request: &HttpRequest,
    earlier: usize,
    reply: &mut Reply<'_>,
    speak: &dyn Fn(&str) -> Vec<u8>,
) -> Result<(), Closed> {
    let mut refuse = |status: u16, word: &str| {
        reply.send_json(
            status,
            &json!({"detail": {"status": word, "message": format!("{word} it is")}}),
        )
    };
    let body = request.json();
    let text = body["text"].as_str().unwrap_or_default();
    let is_subscription = request.path() == "/v1/user/subscription";
    match request.header("xi-api-key").unwrap_or_default() {
        "restricted" if is_subscription => return refuse(401, "missing_permissions"),
        "good" | "poor" | "restricted" if is_subscription => {
            let subscription = json!({"tier": "free", "character_count": 9_900,
                "character_limit": 10_000, "status": "active"});
            return reply.send_json(200, &subscription);
        }
        "good" | "restricted" => {}
        "poor" => return refuse(401, "quota_exceeded"),
        "forbidden" => return refuse(401, "missing_permissions"),
        // A server may repeat what it was sent.
        key => {
            let message = format!("'{key}' is no key");
            let refusal = json!({"detail": {"status": "invalid_api_key", "message": message}});
            return reply.send_json(401, &refusal);
        }
    }
    match text {
        _ if text.contains("busy") => refuse(429, "system_busy"),
        _ if text.contains("soon") && earlier == 0 => refuse(429, "too_many_concurrent_requests"),
        _ if text.contains("broken") => reply.send(500, "text/html", "<html>oops"),
        _ if text.contains("refused") => {
            let problem = json!({"loc": ["body", "text"], "msg": "too odd", "type": "value_error"});
            reply.send_json(422, &json!({"detail": [problem]}))
        }
        _ if text.contains("string") => reply.send(200, "audio/mpeg", "string"),
        _ if text.contains("cut") => {
            reply.begin_chunks("audio/mpeg")?;
            reply.send_chunk(&"ID3".repeat(1000))?;
            Err(Closed)
        }
        _ => reply.send_bytes(200, "audio/mpeg", &speak(text)),
    }
}
