//! The outbound heartbeat: a request to a dead man's switch after each round that has seen queues.
//!
//! Promises: the stream never waits for it; one request at a time, and rounds that finish meanwhile are
//! not made up for; the URL, which is a secret, is in no message. A round without success sends nothing,
//! so that the service misses it: a signal of failure has another form at every service.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use crate::clock;
use crate::config::Env;
use crate::edge::http::{Client, Method, Request};
use crate::error::Error;
use crate::rules::http::HttpAnswer;
use crate::secret::{Secret, SecretValue};
use crate::store;
use crate::text::count;

/// The least time between two requests: services limit how often they are asked.
const SPACING: Duration = Duration::from_secs(15);
/// The time for a request, which is also the longest wait for it at the end of the input.
const DEADLINE: Duration = Duration::from_secs(5);
/// The bytes of an answer that are read.
const ANSWER_MAX: u64 = 4096;

/// The thread that sends heartbeats.
pub struct OutboundHeartbeat {
    requests: Sender<()>,
    results: Receiver<Result<(), String>>,
    under_way: bool,
    next_at: Instant,
    failures: u64,
}

impl OutboundHeartbeat {
    /// Starts the thread. The URL is fetched by the first request, and again after a failure.
    pub fn start(url: &Secret, env: &Env, http: &Arc<Client>) -> Self {
        let (requests, waiting) = mpsc::channel::<()>();
        let (done, results) = mpsc::channel();
        let (secret, env, http) = (url.clone(), env.clone(), http.clone());
        std::thread::spawn(move || {
            let mut url: Option<SecretValue> = None;
            for () in waiting {
                let fetched = url.take().map_or_else(|| secret.resolve(&env), Ok);
                let sent = fetched.map_err(|error: Error| error.to_string()).and_then(|fetched| {
                    send(&http, fetched.expose())?;
                    url = Some(fetched);
                    Ok(())
                });
                if done.send(sent).is_err() {
                    break;
                }
            }
        });
        let next_at = clock::tick();
        OutboundHeartbeat { requests, results, under_way: false, next_at, failures: 0 }
    }

    /// Sends a heartbeat, unless one is under way or was sent just now.
    pub fn beat(&mut self) {
        let now = clock::tick();
        if !self.under_way && now >= self.next_at {
            self.under_way = self.requests.send(()).is_ok();
            self.next_at = now + SPACING;
        }
    }

    /// Returns the warning about a request that has failed. Waits for its end for at most `wait`.
    pub fn failure(&mut self, wait: Duration) -> Option<String> {
        if !self.under_way {
            return None;
        }
        let sent = store::receive(&self.results, wait.min(DEADLINE)).ok()?;
        self.under_way = false;
        let cause = sent.err()?;
        self.failures += 1;
        Some(format!(
            "cannot send the heartbeat: {cause}; check the URL that 'notifications.heartbeat_url' refers to"
        ))
    }

    /// Returns how many requests have failed, when that is more than the warning said.
    pub fn summary(&self) -> Option<String> {
        let failed = count(self.failures, "heartbeat");
        (self.failures > 1).then(|| format!("{failed} could not be sent"))
    }
}

fn send(http: &Client, url: &str) -> Result<(), String> {
    let request = Request {
        method: Method::Get,
        url,
        headers: &[],
        body: b"",
        deadline: DEADLINE,
        answer_max: ANSWER_MAX,
    };
    match http.send(&request) {
        Ok(answer) if answer.is_success() => Ok(()),
        Ok(HttpAnswer { status, .. }) => Err(format!("answer {status}")),
        Err(error) => Err(error.to_string()),
    }
}
