//! The runtime of AWS Lambda, driven by a stand-in for its API: the three URLs that AWS documents.

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dlq::time::Timestamp;
use serde_json::Value;

use crate::support::http::{Closed, HttpRequest, HttpServer, Reply};
use crate::support::workbench::{Bench, Running, bin, processes_of, signal, wait_for};

const NEXT: &str = "/2018-06-01/runtime/invocation/next";

/// What the runtime does when it is asked for the next event.
#[derive(Debug, Clone, Copy)]
enum NextAnswer {
    /// It gives an event whose deadline is so many milliseconds away.
    Event(i64),
    /// It closes the connection, as after a thaw.
    HangUp,
}

/// Stand-in for the runtime of Lambda.
struct LambdaRuntime {
    server: HttpServer,
    seen: Arc<Mutex<Vec<HttpRequest>>>,
    next: Arc<Mutex<VecDeque<NextAnswer>>>,
}

impl LambdaRuntime {
    fn start() -> Self {
        let next: Arc<Mutex<VecDeque<NextAnswer>>> = Arc::default();
        let (queue, given) = (next.clone(), Mutex::new(0));
        let (server, seen) = HttpServer::recording(move |request, reply: &mut Reply<'_>| {
            if request.path() != NEXT {
                return reply.send(202, "application/json", "{\"status\":\"OK\"}");
            }
            let answer = loop {
                if let Some(answer) = queue.lock().unwrap().pop_front() {
                    break answer;
                }
                reply.pause(Duration::from_millis(5))?;
            };
            let NextAnswer::Event(ms) = answer else { return Err(Closed) };
            let mut number = given.lock().unwrap();
            *number += 1;
            let (id, deadline) = (format!("event-{number}"), now() + ms);
            let headers = [
                ("lambda-runtime-aws-request-id", id.as_str()),
                ("lambda-runtime-deadline-ms", &deadline.to_string()),
                ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
            ];
            reply.send_with(200, "application/json", &headers, "{\"source\":\"aws.events\"}")
        });
        LambdaRuntime { server, seen, next }
    }

    fn give(&self, answers: &[NextAnswer]) {
        self.next.lock().unwrap().extend(answers);
    }

    /// Waits for the post to a path, and returns it.
    fn post(&self, path: &str) -> HttpRequest {
        let path = format!("/2018-06-01/runtime/{path}");
        let find = || self.seen.lock().unwrap().iter().find(|one| one.path() == path).cloned();
        wait_for(&path, || find().is_some());
        find().unwrap()
    }

    /// Waits until the next event was asked for so many times.
    fn wait_for_questions(&self, count: usize) {
        let asked = || self.seen.lock().unwrap().iter().filter(|one| one.path() == NEXT).count();
        wait_for("the question for the next event", || asked() >= count);
    }
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap()).millis()
}

/// A task folder: the program as `bootstrap`, and the others as scripts.
fn task(name: &str, runtime: &LambdaRuntime, scripts: &[(&str, &str)]) -> Bench {
    let mut bench = Bench::new(name);
    bench.write("task/config.yaml", CONFIG);
    bench.set("DLQ_CONFIG", bench.path("task/config.yaml"));
    bench.set("AWS_LAMBDA_RUNTIME_API", runtime.server.url.trim_start_matches("http://"));
    // A proxy is not asked for the runtime.
    bench.set("HTTP_PROXY", "http://127.0.0.1:9");
    bench.set("AWS_REGION", "us-east-1");
    std::fs::hard_link(bin("dlq-lambda"), bench.path("task/bootstrap")).unwrap();
    for program in ["dlq-log", "dlq-poll", "dlq-notify", "dlq-metrics"] {
        let own = scripts.iter().find(|(name, _)| *name == program);
        let end = own.map_or("exit 0", |(_, script)| script);
        let script = format!("#!/bin/sh\necho \"$0 $*\" | sed 's,.*/,,' >>../calls\n{end}\n");
        let path = bench.write(&format!("task/{program}"), script);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    bench
}

const CONFIG: &str = "state: {shared: {dynamodb: {table: dlq-tools, region: us-east-1}}}\n";

fn start(bench: &Bench) -> Running {
    let mut command = bench.command(bench.path("task/bootstrap"), &[]);
    Running::spawn(command.current_dir(bench.path("task")).stdin(std::process::Stdio::null()))
}

fn body(request: &HttpRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// The programs run once for an event, joined by pipes; what the last one prints is the log of the function.
#[test]
fn event_runs_a_round() {
    let runtime = LambdaRuntime::start();
    let scripts = [
        ("dlq-log", "echo from the journal"),
        ("dlq-poll", "echo from the queues"),
        ("dlq-notify", "sed 's/^/told: /'"),
        ("dlq-metrics", "sed 's/^/counted: /'"),
    ];
    let bench = task("lambda-round", &runtime, &scripts);
    runtime.give(&[NextAnswer::Event(60_000)]);
    let mut running = start(&bench);
    assert_eq!(running.line(), "counted: told: from the journal\n");
    assert_eq!(running.line(), "counted: told: from the queues\n");
    let answer = runtime.post("invocation/event-1/response");
    assert_eq!((answer.method.as_str(), body(&answer)), ("POST", serde_json::json!({"ended": 4})));
    let mut calls: Vec<String> =
        std::fs::read_to_string(bench.path("calls")).unwrap().lines().map(str::to_owned).collect();
    calls.sort();
    let expected =
        ["dlq-log --since 1d", "dlq-metrics --emf", "dlq-notify --drain 10s", "dlq-poll "];
    assert_eq!(calls, expected);
    // The next event is handled as well.
    runtime.give(&[NextAnswer::Event(60_000)]);
    runtime.post("invocation/event-2/response");
}

/// A failure is an answer, too: Lambda counts it, and an alarm sees it.
#[test]
fn failure_of_a_program_is_the_answer() {
    let runtime = LambdaRuntime::start();
    let scripts = [("dlq-poll", "exit 1"), ("dlq-metrics", "kill -9 $$")];
    let bench = task("lambda-failure", &runtime, &scripts);
    runtime.give(&[NextAnswer::Event(60_000)]);
    let running = start(&bench);
    let answer = runtime.post("invocation/event-1/error");
    assert_eq!(answer.header("lambda-runtime-function-error-type"), Some("dlq.ProgramFailed"));
    let message = "dlq-poll ended with status 1, dlq-metrics ended by signal 9";
    assert_eq!(body(&answer)["errorMessage"], message);
    wait_for("the message", || running.stderr().contains(message));
    // A missing program is a failure, and no end.
    std::fs::remove_file(bench.path("task/dlq-poll")).unwrap();
    runtime.give(&[NextAnswer::Event(60_000)]);
    let answer = runtime.post("invocation/event-2/error");
    assert!(body(&answer)["errorMessage"].as_str().unwrap().contains("dlq-poll"), "{answer:?}");
}

/// At the deadline Lambda kills the sandbox without a word, so the round ends before.
#[test]
fn round_that_hangs_ends_before_the_deadline() {
    let runtime = LambdaRuntime::start();
    let scripts =
        [("dlq-notify", "exec sleep 600"), ("dlq-metrics", "trap '' TERM; sleep 600 & wait; wait")];
    let bench = task("lambda-deadline", &runtime, &scripts);
    runtime.give(&[NextAnswer::Event(4_000), NextAnswer::Event(60_000)]);
    let _running = start(&bench);
    let answer = runtime.post("invocation/event-1/error");
    assert_eq!(body(&answer)["errorType"], "dlq.Overdue");
    let message = body(&answer)["errorMessage"].as_str().unwrap().to_owned();
    assert!(message.starts_with("dlq-notify had not ended before the deadline"), "{message}");
    // Its own child may be left of the one that ignores SIGTERM; no program of the round is.
    let programs = || {
        let args = |pid: &i32| crate::support::workbench::arguments_of(*pid);
        processes_of(&bench).iter().map(args).filter(|args| args.contains("dlq-")).count()
    };
    runtime.wait_for_questions(2);
    wait_for("the end of the programs", || programs() <= 2);
}

/// A sandbox is frozen while it waits, for hours; its connection is dead then.
#[test]
fn connection_that_died_in_a_freeze_is_made_anew() {
    let runtime = LambdaRuntime::start();
    let bench = task("lambda-freeze", &runtime, &[]);
    let running = start(&bench);
    runtime.wait_for_questions(1);
    signal("STOP", running.pid());
    runtime.give(&[NextAnswer::HangUp, NextAnswer::HangUp]);
    signal("CONT", running.pid());
    runtime.wait_for_questions(3);
    runtime.give(&[NextAnswer::Event(60_000)]);
    runtime.post("invocation/event-1/response");
}

/// A configuration that cannot work is refused once, where Lambda shows it.
#[test]
fn configuration_that_lambda_cannot_keep_is_refused() {
    let investigating = format!("{CONFIG}auto_investigation: {{enabled: true}}\n");
    let rows = [
        ("{}\n", "state.shared is not set"),
        (&investigating, "auto_investigation.enabled is true"),
    ];
    for (config, expected) in rows {
        let runtime = LambdaRuntime::start();
        let bench = task("lambda-refusal", &runtime, &[]);
        bench.write("task/config.yaml", config);
        let output = start(&bench).finish();
        assert!(output.code() == 2 && output.stderr.contains(expected), "{}", output.stderr);
        let answer = runtime.post("init/error");
        assert_eq!(answer.header("lambda-runtime-function-error-type"), Some("dlq.Refused"));
        assert!(body(&answer)["errorMessage"].as_str().unwrap().contains(expected));
        assert!(!bench.path("calls").exists(), "{expected}");
    }
}
