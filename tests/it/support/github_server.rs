//! Stand-in for GitHub with a state (scripts/github-server), the calls by which a test steers it, and
//! a plain client.
//!
//! A test ends with [`GithubServer::assert_allowed`]: what GitHub's own documents do not allow, on
//! either side, is a failure.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use dlq::rules::http::HttpAnswer;
use serde_json::{Value, json};

use super::requirement::github_server;
use super::workbench::DEADLINE;

/// Running server; it stops when the value is dropped.
pub struct GithubServer {
    /// Base URL of REST without a slash at its end; that of GitHub Enterprise ends in `/api/v3`.
    pub url: String,
    child: Child,
}

impl GithubServer {
    /// Starts a server; `None` when its program is missing.
    pub fn start() -> Option<Self> {
        let program = github_server()?;
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("it did not start: {error}: {line:?}"));
        Some(GithubServer { url: ready["url"].as_str().unwrap().into(), child })
    }

    /// Starts a server with the private repository `acme/web`, whose branch `main` has the file
    /// `a.txt`, and the token `token` of the account `bot`, which may write.
    pub fn with_repo() -> Option<Self> {
        let server = Self::start()?;
        server.act("token", json!({"token": "token", "login": "bot"}));
        server.act(
            "repo",
            json!({
                "name": "acme/web", "organization": true, "private": true,
                "roles": {"bot": "write"}, "files": {"a.txt": "1\n"},
            }),
        );
        Some(server)
    }

    /// Does something to the server; a mistake in the call fails the test.
    #[track_caller]
    pub fn act(&self, name: &str, body: Value) -> Value {
        self.control("POST", name, Some(&body))
    }

    /// Reads what the server knows: `log?path=pulls`, `state?repo=acme/web`.
    #[track_caller]
    pub fn read(&self, what: &str) -> Value {
        self.control("GET", what, None)
    }

    #[track_caller]
    fn control(&self, method: &str, what: &str, body: Option<&Value>) -> Value {
        let answer = self.send(method, &format!("/_control/{what}"), &[], body).unwrap();
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 200, "{method} {what}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Sends a request with a token, and returns the answer of any status.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> HttpAnswer {
        let authorization = format!("Bearer {token}");
        self.send(method, path, &[("Authorization", &authorization)], body).unwrap()
    }

    /// Sends a request of the token `token`, and returns the status and the JSON of the answer.
    #[track_caller]
    pub fn json(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let answer = self.ask(method, path, "token", body);
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    /// Sends a request on a connection of its own.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> std::io::Result<HttpAnswer> {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: dlq-tools\r\n\
             Connection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        read_answer(&bytes).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }

    /// Queues a fault for the next request whose method and path match.
    #[track_caller]
    pub fn queue_fault(&self, kind: &str, method: &str, path: &str) {
        self.act("faults", json!({"kind": kind, "method": method, "path": path}));
    }

    /// Returns the requests whose path matches, oldest first.
    #[track_caller]
    pub fn log(&self, path: &str) -> Vec<Value> {
        self.read(&format!("log?path={path}")).as_array().unwrap().clone()
    }

    /// Fails when a request or an answer was none that GitHub's documents allow.
    #[track_caller]
    pub fn assert_allowed(&self) {
        let found = self.read("violations");
        assert_eq!(found["violations"], json!([]), "of {} requests", found["judged"]);
    }
}

impl Drop for GithubServer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Reads an answer whose connection has ended. `None`: there is none.
fn read_answer(bytes: &[u8]) -> Option<HttpAnswer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let body = bytes[end + 4..].to_vec();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let is_whole = length.is_none_or(|(_, length)| *length == body.len().to_string());
    Some(HttpAnswer { status, headers, body, is_whole })
}
