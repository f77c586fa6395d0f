//! Server of moto with three dead letters and their log, and with every other service of AWS, empty.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Running server of `scripts/moto_server.py`; it stops when the value is dropped.
pub struct Moto {
    child: Child,
    /// Address, ids of the messages, and the secret in their log.
    pub facts: Value,
}

impl Moto {
    /// Starts the server with the Python that has moto.
    pub fn start(python: &Path) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/moto_server.py");
        let mut child = Command::new(python)
            .args(["-I", "-W", "ignore", script])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Moto { child, facts: serde_json::from_str(&line).unwrap() }
    }

    pub fn url(&self) -> &str {
        self.facts["url"].as_str().unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
