//! The whole story of one incident with real parts: messages die, a fix is found, proven, published, merged
//! and deployed, the messages go home, and the incident closes. Only the model and GitHub are stand-ins.

use std::collections::BTreeSet;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::claude_api::{FakeClaudeApi, Script, bash, structured, tool};
use crate::support::claude_cli::{KEY, configure_claude, verdict};
use crate::support::consumer::{Consumer, Mode};
use crate::support::github_server::GithubServer;
use crate::support::investigate::{assert_no_process_left, read_text, status_json};
use crate::support::poll::{age_state, bench, journal, parse_output};
use crate::support::requirement::{claude_cli, has_bubblewrap};
use crate::support::sqs_server::{Client, SqsServer};
use crate::support::workbench::{Bench, Output, Running, wait_for};

const REPO: &str = "acme/shop";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/pipeline");
/// The line by which an agent in a sandbox runs the tests.
const TEST_LINE: &str = "/run/dlq/self test-client";
/// More than canary and ramp, so that there is a rest.
const MESSAGES: usize = 14;
const BROKEN: &str = "def total(order):\n    return order[\"amount\"] * 2\n";
const TESTS: &str = "import unittest, orders\nclass T(unittest.TestCase):\n    def test_two(self):\n        \
                     self.assertEqual(orders.total({\"amount\": 1}), 2)\n";
/// Fails without the fix.
const NEW_TEST: &str = "import unittest, orders\nclass A(unittest.TestCase):\n    def \
                        test_absent(self):\n        self.assertEqual(orders.total({}), 0)\n";

/// The types of all events of the story.
const STORY: [&str; 13] = [
    "queue.raised",
    "queue.sampled",
    "investigation.started",
    "investigation.progressed",
    "investigation.completed",
    "pr.opened",
    "pr.merged",
    "pr.deployed",
    "redrive.started",
    "redrive.completed",
    "pr.commented",
    "queue.cleared",
    "notice.sent",
];
/// Words of the notices, in their order.
const TOLD: [&str; 7] = [
    "orders-dlq: 14 messages",
    "confirmed (90 %): amount may be absent",
    "pull request opened",
    "merged",
    "deployed",
    "redriven, 0 returned",
    "empty again",
];

/// The parts of the story.
struct Story {
    sqs: SqsServer,
    client: Client,
    github: GithubServer,
    _model: FakeClaudeApi,
    bench: Bench,
    source: String,
    dlq: String,
}

/// Returns the steps of a model that writes a test, sees it fail, changes the code, and sees it pass.
fn model() -> Script {
    let edit = json!({"file_path": "orders.py", "old_string": "order[\"amount\"]",
        "new_string": "order.get(\"amount\", 0)"});
    let fix = json!({"summary": "a missing amount counts as 0",
        "files": ["orders.py", "test_absent.py"], "tests": ["test_absent"]});
    let steps = [
        tool("Read", json!({"file_path": "orders.py"})),
        tool("Write", json!({"file_path": "test_absent.py", "content": NEW_TEST})),
        bash(TEST_LINE),
        tool("Edit", edit),
        bash(TEST_LINE),
        structured(verdict(fix)),
    ];
    Script::new(steps).only_with_key(KEY)
}

impl Story {
    /// Prepares servers, repository, queues and configuration. None: a part is missing.
    fn begin() -> Option<Self> {
        let cli = claude_cli().filter(|_| has_bubblewrap())?;
        let (sqs, github) = (SqsServer::start()?, GithubServer::start()?);
        let mut client = sqs.client();
        let dlq = client.create("orders-dlq", &json!({}));
        let policy = json!({"deadLetterTargetArn": client.arn("orders-dlq"), "maxReceiveCount": 2});
        let attributes = json!({"RedrivePolicy": policy.to_string(), "VisibilityTimeout": "1"});
        let source = client.create("orders", &attributes);
        github.act("token", json!({"token": "token", "login": "bot"}));
        let files =
            json!({"orders.py": BROKEN, "test_orders.py": TESTS, ".gitignore": "__pycache__\n"});
        let repo = json!({"name": REPO, "organization": true, "private": true, "files": files,
            "roles": {"bot": "write", "ann": "write", "bob": "write"}});
        let made = github.act("repo", repo);
        let model = FakeClaudeApi::start(model());
        let mut bench = bench("story", &sqs.url);
        let clone = format!("git clone -q '{}' repo", made["path"].as_str().unwrap());
        assert_eq!(bench.shell(&clone).code(), 0);
        let rule = format!(
            ", github: {REPO}, base: main, owner: ann, fix: true, test_command: [python3, -m, unittest, -v]"
        );
        configure_claude(&mut bench, &cli, &model, ", sandbox: auto, max_turns: 20", &rule);
        let config = read_text(&bench, "config.yaml")
            .replace("require_evidence: false", "require_evidence: true");
        bench.set("T", "token");
        bench.configure(&format!(
            "{config}github: {{endpoint: '{}', token: {{env: T}}}}\n\
             features: {{auto_redrive: true, archive_before_expiry: true}}\n\
             notifications:\n  routes: [{{severity: INFO, clear_wait: 0s, channels: [pager]}}]\n  \
             channels: {{pager: {{type: exec, command: [sh, -c, 'echo \"$DLQ_NOTICE_TITLE\" >> {}']}}}}\n",
            github.url,
            bench.path("notices").display()
        ));
        Some(Story { sqs, client, github, _model: model, bench, source, dlq })
    }

    /// Runs a line of shell, and returns the events of its output, after a check of each line.
    #[track_caller]
    fn pipe(&self, line: &str) -> Vec<Value> {
        self.checked(self.bench.shell(line))
    }

    /// Makes one round of the whole pipeline, as cron does.
    #[track_caller]
    fn round(&self) -> Vec<Value> {
        let before = journal(&self.bench).len();
        let mut command = self.bench.command(SCRIPT, &["--once"]);
        let output = Running::spawn(command.stdin(Stdio::null())).finish();
        assert_eq!((output.code(), output.stderr.as_str()), (0, ""), "{}", output.text());
        assert_no_process_left(&self.bench);
        journal(&self.bench).split_off(before)
    }

    #[track_caller]
    fn checked(&self, output: Output) -> Vec<Value> {
        assert_eq!(output.code(), 0, "{output:?}");
        assert_no_process_left(&self.bench);
        parse_output(output).events
    }

    /// Acts on the pull request, as a person.
    fn person(&self, name: &str, more: Value) {
        let mut body = json!({"repo": REPO, "number": 1});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.github.act(name, body);
    }

    fn pull(&self) -> Value {
        let state = self.github.read(&format!("state?repo={REPO}"));
        assert_eq!(state["pulls"].as_array().unwrap().len(), 1, "{state}");
        state["pulls"][0].clone()
    }
}

/// Returns the only event of a type.
#[track_caller]
fn only<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<&Value> = events.iter().filter(|event| event["type"] == kind).collect();
    let [one] = found[..] else { panic!("{kind}: {events:#?}") };
    one
}

#[test]
fn incident_from_dead_letters_to_proof_that_they_are_home() {
    let Some(mut story) = Story::begin() else { return };
    let consumer = Consumer::start(&story.sqs, &story.source, Mode::Fails);
    for n in 0..MESSAGES {
        let body = json!({"error": "KeyError: 'amount'", "id": n, "to": "a@b.example"});
        story.client.send(&story.source, &body.to_string());
    }
    wait_for("the messages die", || story.client.depth(&story.dlq) == MESSAGES as u64);
    // It is seen, looked at, investigated and fixed; the fix is proven and published as a draft.
    let told = story.pipe(
        "dlq-poll | dlq-purge --archive-only | dlq-peek | dlq-investigate | dlq-prs | \
         dlq-redrive --auto | dlq-notify",
    );
    assert_eq!(only(&told, "queue.raised")["data"]["depth"], MESSAGES);
    let sampled = only(&told, "queue.sampled");
    assert_eq!(sampled["data"]["fingerprints"][0]["title"], "KeyError: 'amount'");
    let fix = only(&told, "investigation.completed")["data"].clone();
    assert_eq!((&fix["proof"]["grade"], &fix["patch_held"]), (&json!("proven"), &Value::Null));
    assert_eq!(only(&told, "pr.opened")["data"]["session"], fix["session"]);
    assert_eq!(story.pull()["draft"], true);
    // People decide about it. A merge is no deployment.
    story.person("draft", json!({"draft": false, "login": "ann"}));
    story.person("review", json!({"login": "bob"}));
    story.person("merge", json!({"login": "bob", "method": "squash"}));
    only(&story.round(), "pr.merged");
    let merged = story.github.read(&format!("tree?repo={REPO}&ref=main"));
    let code = merged["files"]["orders.py"]["text"].as_str().unwrap();
    assert_eq!(code, BROKEN.replace("[\"amount\"]", ".get(\"amount\", 0)"));
    let quiet = story.round();
    assert!(quiet.iter().all(|event| event["type"] == "poll.finished"), "{quiet:#?}");
    assert_eq!((consumer.consumed().len(), story.client.depth(&story.dlq)), (0, MESSAGES as u64));
    // The messages go home once the fix is live: one, then ten, then the rest.
    consumer.switch(Mode::Succeeds);
    story.github.act("deployment", json!({"repo": REPO, "ref": "main"}));
    let told = story.round();
    only(&told, "pr.deployed");
    let steps: Vec<(&str, u64)> = told
        .iter()
        .filter(|event| event["type"] == "redrive.progressed")
        .map(|event| &event["data"])
        .map(|data| (data["step"].as_str().unwrap(), data["moved"].as_u64().unwrap()))
        .collect();
    assert_eq!(steps, [("canary", 0), ("ramp", 1), ("rest", 11), ("verify", 14)]);
    let done = &only(&told, "redrive.completed")["data"];
    assert_eq!((&done["moved"], &done["returned"]), (&json!(MESSAGES), &json!(0)));
    assert_eq!((&done["verified"], &done["pull_request"]), (&json!(true), &json!("acme/shop#1")));
    assert_eq!((consumer.consumed().len(), story.client.depth(&story.dlq)), (MESSAGES, 0));
    story.ends();
}

impl Story {
    /// The pull request is told, the incident closes, and nothing is left to do.
    fn ends(&self) {
        only(&self.round(), "pr.commented");
        age_state(&self.bench, 70);
        let cleared = self.round();
        assert_eq!(only(&cleared, "queue.cleared")["data"]["cause"], "redriven");
        let quiet = self.round();
        assert!(quiet.iter().all(|event| event["type"] == "poll.finished"), "{quiet:#?}");
        let comments = self.pull()["comments"].clone();
        assert_eq!(comments.as_array().map(Vec::len), Some(1), "{comments}");
        let text = comments[0]["body"].as_str().unwrap();
        assert!(text.contains("14 messages redriven, 0 returned. They were consumed"), "{text}");
        assert!(!self.pull().to_string().contains("a@b.example"), "{}", self.pull());
        self.assert_one_incident();
        self.assert_shown_as_closed();
        self.github.assert_allowed();
    }

    /// Fails unless every event of the journal about the queue or the pull request has the incident.
    fn assert_one_incident(&self) {
        let all = journal(&self.bench);
        let incident = &only(&all, "queue.raised")["incident"];
        assert!(incident.is_string(), "{incident}");
        // Discovery and counts come before the incident, and a round is about no queue.
        let others = ["queue.found", "queue.polled", "poll.finished"];
        let is_other = |event: &&Value| others.contains(&event["type"].as_str().unwrap());
        let free: BTreeSet<&str> =
            all.iter().filter(is_other).map(|event| event["id"].as_str().unwrap()).collect();
        for event in all.iter().filter(|event| !is_other(event)) {
            // A notice has the incident of its event.
            let is_free = event["data"]["event"].as_str().is_some_and(|id| free.contains(id));
            let expected = if is_free { &Value::Null } else { incident };
            assert_eq!(&event["incident"], expected, "{event}");
        }
        let kinds: BTreeSet<&str> = all.iter().map(|one| one["type"].as_str().unwrap()).collect();
        for kind in STORY {
            assert!(kinds.contains(kind), "no {kind}: {kinds:?}");
        }
        let record = |name: &str| read_text(&self.bench, &format!("state/{name}.json"));
        for name in ["sessions", "prs", "redrives"] {
            assert!(record(name).contains(incident.as_str().unwrap()), "{name}");
        }
    }

    /// Fails unless people were told of all of it, and see it closed.
    fn assert_shown_as_closed(&self) {
        let notices = read_text(&self.bench, "notices");
        let mut rest = notices.as_str();
        for words in TOLD {
            let at = rest.find(words).unwrap_or_else(|| panic!("no '{words}' in:\n{notices}"));
            rest = &rest[at..];
        }
        let status = status_json(&self.bench);
        assert_eq!(status["incidents"], json!([]));
        let closed = self.bench.run("dlq-status", &["incidents"], "").text();
        let shown = self.bench.shell("dlq-dash --once </dev/null").text();
        for (text, words) in [
            (&closed, "✓ redriven"),
            (&shown, "none raised, 1 quiet"),
            (&shown, "redrive completed: 14 messages moved, none has returned"),
            (&shown, "orders-dlq: empty again"),
        ] {
            assert!(text.contains(words), "no '{words}' in:\n{text}");
        }
        let waits = shown.lines().find(|line| line.contains("#1 acme/shop")).unwrap();
        assert!(waits.contains("merged") && !waits.contains("ann"), "{shown}");
    }
}
