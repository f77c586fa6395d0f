//! Pull requests of `dlq-prs`: the real programs and git, against a stand-in for GitHub with a state.

mod answers;
mod app_token;
mod deployed;
mod disk_full;
mod extras;
mod faults;
mod filter;
mod identity;
mod issues;
mod kills;
mod limits;
mod moved;
mod opening;
mod outcomes;
mod printed;
mod public;
mod races;
mod recovery;
mod redriven;
mod refusals;
mod reminders;
mod same_cause;
mod scope;
mod token;
mod watching;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use dlq::edge::supervisor::patch_hash;
use serde_json::{Value, json};

use crate::support::event_lines::seconds_ago;
use crate::support::github_server::GithubServer;
use crate::support::workbench::Bench;

const REPO: &str = "acme/web";
const FINGERPRINT: &str = "d15cc665f7b7";
const BRANCH: &str = "dlq/d15cc665f7b7-1";
const INCIDENT: &str = "11111111-1111-8111-8111-111111111111";
const PATCH: &str = "diff --git a/src/a.py b/src/a.py\n--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n";

/// A state folder with a configuration.
struct Machine {
    bench: Bench,
}

/// A server, and the machine that most tests have.
struct Site {
    server: GithubServer,
    machine: Machine,
    /// The commit of branch `main` at the beginning.
    base: String,
}

/// Result of a run.
#[derive(Debug)]
struct Ran {
    code: i32,
    events: Vec<Value>,
    text: String,
    stderr: String,
}

impl Ran {
    /// Returns the types of the events.
    fn types(&self) -> Vec<&str> {
        types(&self.events)
    }

    /// Returns the data of the only event, which has this type.
    #[track_caller]
    fn only(&self, kind: &str) -> &Value {
        assert_eq!(self.types(), [kind], "{self:?}");
        &self.events[0]["data"]
    }

    /// Fails when the run has failed or has said anything.
    #[track_caller]
    fn assert_silent(&self) {
        assert_eq!((self.code, self.types()), (0, Vec::new()), "{self:?}");
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// Returns the lines of a text that are events.
fn events(text: &str) -> Vec<Value> {
    let lines = text.lines().filter(|line| line.starts_with("{\"specversion\""));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Machine {
    /// Makes a machine whose queue `orders-*` belongs to the repository; `github` are lines of that
    /// section, each indented by two spaces.
    fn new(name: &str, url: &str, github: &str) -> Self {
        let mut machine = Machine { bench: Bench::new(name) };
        machine.bench.set("T", "token");
        machine.configure(url, github);
        let state = machine.bench.state("");
        std::fs::create_dir_all(&state).unwrap();
        std::fs::set_permissions(&state, Permissions::from_mode(0o700)).unwrap();
        machine
    }

    fn configure(&mut self, url: &str, github: &str) {
        let token = match github.contains("  token:") {
            true => "",
            false => "  token: {env: T}\n",
        };
        self.bench.configure(&format!(
            "github:\n  endpoint: {url}\n{token}{github}auto_investigation:\n  queues:\n  - {{match: \
             \"orders-*\", github: {REPO}, owner: ann}}\n"
        ));
    }

    /// Runs `dlq-prs` to its end.
    #[track_caller]
    fn prs(&self, args: &[&str]) -> Ran {
        let output = self.bench.run("dlq-prs", args, "");
        let text = output.text();
        Ran { code: output.code(), events: events(&text), text, stderr: output.stderr }
    }

    #[track_caller]
    fn look(&self) -> Ran {
        self.prs(&["--once"])
    }

    #[track_caller]
    fn open_due(&self) -> Ran {
        self.prs(&["--open-due"])
    }

    /// Returns a document of the state folder; null without one.
    fn document(&self, name: &str) -> Value {
        let text = std::fs::read_to_string(self.bench.state(name));
        text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
    }

    /// Changes a document of the state folder.
    fn edit(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut document = self.document(name);
        change(&mut document);
        std::fs::write(self.bench.state(name), document.to_string()).unwrap();
        let mode = Permissions::from_mode(0o600);
        std::fs::set_permissions(self.bench.state(name), mode).unwrap();
    }

    /// Lets the next run try again what has failed.
    fn due_now(&self) {
        self.edit("prs.json", |prs| {
            for kind in ["sessions", "issues"] {
                for one in prs[kind].as_array_mut().unwrap() {
                    one["retry_at"] = json!(seconds_ago(1).to_string());
                }
            }
        });
    }

    /// Returns the events of the journal.
    fn journal(&self) -> Vec<Value> {
        events(&std::fs::read_to_string(self.bench.state("journal.ndjson")).unwrap_or_default())
    }

    fn folder(&self, n: u32) -> PathBuf {
        self.bench.state("sessions").join(id(n))
    }

    /// Returns the state of the fix of a session.
    fn fix(&self, n: u32) -> Value {
        let prs = self.document("prs.json");
        let all = prs["sessions"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|one| one["id"] == json!(id(n))).unwrap_or_default()
    }

    /// Writes the record and the folder of a completed session with a proven patch, as the supervisor
    /// leaves them. `change` gets the record, whose `patch` is the text, and the finding.
    fn plant(&self, n: u32, base: &str, change: impl FnOnce(&mut Value, &mut Value)) {
        let ended = seconds_ago(60 + u64::from(n)).to_string();
        let mut session = json!({
            "id": id(n), "incident": INCIDENT, "queue_name": "orders-dlq", "queue": queue(),
            "status": "completed", "pid": null, "start_time": ended, "timeout_at": ended,
            "ended_at": ended, "cooldown_until": null, "printed": 0, "cost_usd": 0.42,
            "fingerprint": FINGERPRINT, "verdict": "confirmed", "resumes": null, "base": base,
            "patch": PATCH, "proofs": [proof(base, "proven", &ended)], "offers_patch": true, "forged": 0,
        });
        let mut finding = json!({
            "title": "Read the customer", "root_cause": "Orders of version 2 have no customer.",
            "status": "confirmed", "category": "code", "redrive": "after_fix", "causes": [FINGERPRINT],
            "evidence": [{"id": "m1", "claim": "it has no customer", "excerpt": "{\"v\":2}"}],
            "files": ["src/a.py"], "needs_person": [], "cost": "$0.42",
        });
        change(&mut session, &mut finding);
        let folder = self.folder(n);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("patch.diff"), session["patch"].as_str().unwrap()).unwrap();
        session["patch"] = json!(patch_hash(&folder.join("patch.diff")).unwrap());
        std::fs::write(folder.join("finding.json"), finding.to_string()).unwrap();
        if self.document("sessions.json").is_null() {
            let empty = json!({"version": 1, "sessions": [], "incidents": []});
            std::fs::write(self.bench.state("sessions.json"), empty.to_string()).unwrap();
        }
        self.edit("sessions.json", |document| {
            let all = document["sessions"].as_array_mut().unwrap();
            all.retain(|one| one["id"] != session["id"]);
            all.push(session);
        });
    }
}

fn id(n: u32) -> String {
    format!("{n:08}-0000-8000-8000-000000000000")
}

fn queue() -> Value {
    json!({
        "name": "orders-dlq", "url": "u", "arn": "arn:aws:sqs:eu-west-1:123456789012:orders-dlq",
        "region": "eu-west-1", "account": "123456789012", "fifo": false, "sources": [],
        "profile": null, "endpoint": null,
    })
}

fn proof(base: &str, grade: &str, at: &str) -> Value {
    let result = json!({
        "base": base, "grade": grade, "detail": "d", "on_base": "passed", "with_tests": "failed",
        "with_patch": "passed",
    });
    json!({
        "number": 1, "reason": "session", "base": base, "begun_at": at, "ended_at": at, "result": result,
    })
}

/// Changes nothing of a session.
fn as_is(_: &mut Value, _: &mut Value) {}

impl Site {
    /// Starts a server with the private repository `acme/web`, and a machine. None: it is missing.
    fn new(name: &str, github: &str) -> Option<Self> {
        Site::with_repository(name, github, json!({"private": true}))
    }

    fn with_repository(name: &str, github: &str, more: Value) -> Option<Self> {
        let server = GithubServer::start()?;
        server.act("token", json!({"token": "token", "login": "bot"}));
        let mut repo = json!({
            "name": REPO, "organization": true, "roles": {"bot": "write", "ann": "write", "bob": "write"},
            "files": {"src/a.py": "x = 1\n", "README.md": "hi\n"},
        });
        repo.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let base = server.act("repo", repo)["sha"].as_str().unwrap().to_owned();
        let machine = Machine::new(name, &server.url, github);
        Some(Site { server, machine, base })
    }

    /// Makes another machine for the same server.
    fn machine(&self, name: &str, github: &str) -> Machine {
        Machine::new(name, &self.server.url, github)
    }

    fn plant(&self, n: u32) {
        self.machine.plant(n, &self.base, as_is);
    }

    fn act(&self, name: &str, body: Value) -> Value {
        self.server.act(name, body)
    }

    /// Acts on a pull request of the repository.
    fn on(&self, name: &str, number: u64, more: Value) -> Value {
        let mut body = json!({"repo": REPO, "number": number});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.act(name, body)
    }

    /// Opens a pull request of a person.
    fn pull(&self, title: &str) -> u64 {
        let head = title.to_lowercase().replace(' ', "-");
        let pull = self.act(
            "pull",
            json!({
                "repo": REPO, "title": title, "head": head, "files": {format!("{head}.txt"): "1\n"},
                "login": "ann", "body": "b", "draft": false,
            }),
        );
        pull["number"].as_u64().unwrap()
    }

    fn state(&self) -> Value {
        self.server.read(&format!("state?repo={REPO}"))
    }

    fn pulls(&self) -> Vec<Value> {
        self.state()["pulls"].as_array().unwrap().clone()
    }

    /// Returns the commit of a branch; null when it is missing.
    fn branch(&self, name: &str) -> Value {
        self.state()["refs"][format!("refs/heads/{name}")].clone()
    }

    /// Returns the branches that dlq-prs has made.
    fn branches(&self) -> Vec<String> {
        let state = self.state();
        let names = state["refs"].as_object().unwrap().keys().cloned();
        names.filter(|name| name.starts_with("refs/heads/dlq/")).collect()
    }

    /// Returns the number of requests of a method and path since the log was emptied.
    fn count(&self, query: &str) -> u64 {
        self.server.read(&format!("count?{query}"))["count"].as_u64().unwrap()
    }

    fn forget_log(&self) {
        let answer = self.server.send("DELETE", "/_control/log", &[], None).unwrap();
        assert_eq!(answer.status, 200);
    }

    fn forget_faults(&self) {
        let answer = self.server.send("DELETE", "/_control/faults", &[], None).unwrap();
        assert_eq!(answer.status, 200);
    }

    /// Fails when a request or an answer was none that GitHub's documents allow.
    #[track_caller]
    fn assert_allowed(&self) {
        self.server.assert_allowed();
    }
}
