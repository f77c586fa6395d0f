//! Consumer of a queue with a switch: it succeeds, fails, or stands still.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::sqs_server::{Client, SqsServer};

/// What the consumer does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Deletes it.
    Succeeds,
    /// Makes it visible again.
    Fails,
    /// Receives nothing.
    Stopped,
}

#[derive(Debug, Default)]
struct Shared {
    mode: AtomicU8,
    ends: AtomicBool,
    consumed: Mutex<Vec<Value>>,
}

/// Consumer in a thread, which ends with the value.
pub struct Consumer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Consumer {
    pub fn start(server: &SqsServer, url: &str, mode: Mode) -> Self {
        let shared = Arc::new(Shared::default());
        shared.mode.store(mode as u8, Ordering::SeqCst);
        let (mut client, url, seen) = (server.client(), url.to_owned(), shared.clone());
        let thread = std::thread::spawn(move || {
            while !seen.ends.load(Ordering::SeqCst) {
                if !consume(&mut client, &url, &seen) {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        });
        Consumer { shared, thread: Some(thread) }
    }

    pub fn switch(&self, mode: Mode) {
        self.shared.mode.store(mode as u8, Ordering::SeqCst);
    }

    /// Returns the messages that it has deleted, in their order.
    pub fn consumed(&self) -> Vec<Value> {
        self.shared.consumed.lock().unwrap().clone()
    }
}

/// Receives and treats messages. Returns whether there were any.
fn consume(client: &mut Client, url: &str, shared: &Shared) -> bool {
    if shared.mode.load(Ordering::SeqCst) == Mode::Stopped as u8 {
        return false;
    }
    let received = client.call(
        "ReceiveMessage",
        &json!({
            "QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": ["All"],
        }),
    );
    let messages = received["Messages"].as_array().cloned().unwrap_or_default();
    for message in &messages {
        let mut consumed = shared.consumed.lock().unwrap();
        let fails = shared.mode.load(Ordering::SeqCst) == Mode::Fails as u8;
        let handle = &message["ReceiptHandle"];
        let mut body = json!({"QueueUrl": url, "ReceiptHandle": handle});
        if fails {
            body["VisibilityTimeout"] = json!(0);
            client.call("ChangeMessageVisibility", &body);
        } else {
            client.call("DeleteMessage", &body);
            consumed.push(message.clone());
        }
    }
    !messages.is_empty()
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
