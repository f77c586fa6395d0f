//! The runtime of AWS Lambda: one round of the pipeline for each event.
//!
//! `dlq-log`, `dlq-poll`, `dlq-notify` and `dlq-metrics` run for each event, from the folder of this program.
//! Promises: an event is answered once, also when a round fails; nothing runs between two events, because
//! Lambda freezes the sandbox then. Never: waits for the next event with a limit, which a sandbox that
//! was frozen would find exceeded; starts an investigation.

use std::io::{PipeReader, PipeWriter, pipe};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::http::{Client, Method, Request};
use super::state_store;
use crate::clock;
use crate::config::{Env, Settings};
use crate::error::Error;
use crate::log;
use crate::rules::http::HttpAnswer;
use crate::rules::lambda::{self, InvocationFault, LambdaEvent, ProgramEnd};
use crate::store::{self, BlockingWait};

/// The name of the program; Lambda wants it as `bootstrap`.
pub const NAME: &str = "dlq-lambda";

/// The variable in which Lambda gives host and port of its runtime.
const RUNTIME: &str = "AWS_LAMBDA_RUNTIME_API";
/// The version of the runtime, in its URLs.
const VERSION: &str = "2018-06-01/runtime";
/// Longer than a sandbox lives: no limit.
const NO_LIMIT: Duration = Duration::from_secs(366 * 86_400);
/// The time for an answer to be taken.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// An answer of the runtime beyond this is not read: an event is not looked at.
const ANSWER_MAX: u64 = 64 << 10;
/// The questions for an event that may fail in a row: after a thaw the connection is dead.
const FAILURES_MAX: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);
/// The time that a program gets to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(1);

/// The programs of a round that write into one pipe, one after the other, each with its arguments. The journal
/// of a sandbox that is used again has what its last round could not pass on.
const SOURCES: [&[&str]; 2] = [&["dlq-log", "--since", "1d"], &["dlq-poll"]];
/// The programs that read from it.
const FILTERS: [&[&str]; 2] = [&["dlq-notify", "--drain", "10s"], &["dlq-metrics", "--emf"]];

/// Handles events until the sandbox ends. Returns only by an error.
pub fn run(settings: &Settings, env: &Env) -> Result<(), Error> {
    let host = std::env::var(RUNTIME).map_err(|_| {
        Error::wrong(format!(
            "{RUNTIME} is not set: AWS Lambda starts this program, see deploy/lambda"
        ))
    })?;
    let runtime = Runtime { client: Client::to_host(&host)?, host };
    if let Err(error) = check(settings, env) {
        let fault = InvocationFault { kind: "dlq.Refused", message: error.to_string() };
        // Lambda shows it; the message on standard error is the same.
        log::warn_on_error(runtime.fail("init", &fault));
        return Err(error);
    }
    let programs = folder()?;
    let mut failures = 0;
    loop {
        let invocation = match runtime.next() {
            Ok(invocation) => invocation,
            Err(error) if failures == FAILURES_MAX => return Err(error),
            Err(_) => {
                failures += 1;
                store::sleep(BlockingWait::Network, PAUSE);
                continue;
            }
        };
        failures = 0;
        let answered = match round(&programs, invocation.time(clock::now())) {
            Ok(body) => runtime.answer(&invocation, &body),
            Err(fault) => {
                log::warn(&format!("the round has failed: {}", fault.message));
                runtime.fail(&format!("invocation/{}", invocation.id), &fault)
            }
        };
        log::warn_on_error(answered);
    }
}

/// Refuses a configuration that Lambda cannot keep.
fn check(settings: &Settings, env: &Env) -> Result<(), Error> {
    if settings.state.shared.is_none() {
        return Err(Error::wrong(
            "state.shared is not set: a sandbox of Lambda forgets its files, so that each round would raise \
             every queue anew; name a table of DynamoDB",
        ));
    }
    if settings.auto_investigation.enabled {
        return Err(Error::wrong(
            "auto_investigation.enabled is true: everything freezes here when a round is over, and an \
             investigation needs minutes; run dlq-investigate on a machine with the same state.shared",
        ));
    }
    state_store::open(settings, env, false).map(drop)
}

/// Returns the folder of this program, which has the others as well.
fn folder() -> Result<PathBuf, Error> {
    let own = std::env::current_exe().map_err(|error| Error::failed("find", NAME, error))?;
    Ok(own.parent().unwrap_or(Path::new("/")).to_owned())
}

/// The runtime of Lambda: three URLs.
struct Runtime {
    client: Client,
    host: String,
}

impl Runtime {
    /// Waits for the next event.
    fn next(&self) -> Result<LambdaEvent, Error> {
        let answer = self.send(Method::Get, "invocation/next", &[], "", NO_LIMIT)?;
        LambdaEvent::read(&answer).map_err(|why| Error::failed("read", "the next event", why))
    }

    fn answer(&self, invocation: &LambdaEvent, body: &str) -> Result<(), Error> {
        self.post(&format!("invocation/{}/response", invocation.id), &[], body)
    }

    /// Tells a failure of an invocation, or of `init`.
    fn fail(&self, of: &str, fault: &InvocationFault) -> Result<(), Error> {
        let kind = ("lambda-runtime-function-error-type", fault.kind);
        self.post(&format!("{of}/error"), &[kind], &fault.body())
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Result<(), Error> {
        let answer = self.send(Method::Post, path, headers, body, ANSWER_LIMIT)?;
        if answer.is_success() {
            return Ok(());
        }
        let why = format!("the runtime answered HTTP {}", answer.status);
        Err(Error::failed("answer", "the event", why))
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        deadline: Duration,
    ) -> Result<HttpAnswer, Error> {
        let url = format!("http://{}/{VERSION}/{path}", self.host);
        let request = Request {
            method,
            url: &url,
            headers,
            body: body.as_bytes(),
            deadline,
            answer_max: ANSWER_MAX,
        };
        self.client.send(&request).map_err(|error| Error::failed("ask", "the runtime", error))
    }
}

/// The programs of a round that run, or have ended.
#[derive(Default)]
struct RoundPrograms {
    running: Vec<(&'static str, Child)>,
    ends: Vec<(&'static str, ProgramEnd)>,
}

/// Runs the programs once, within a time. Returns the answer to the event.
fn round(folder: &Path, time: Duration) -> Result<String, InvocationFault> {
    let until = clock::tick() + time;
    let mut programs = RoundPrograms::default();
    let begun = programs.run(folder, until);
    programs.end(until);
    match begun {
        Ok(()) => lambda::judge(&programs.ends),
        Err(error) => {
            Err(InvocationFault { kind: "dlq.ProgramFailed", message: error.to_string() })
        }
    }
}

impl RoundPrograms {
    /// Starts the filters from the last to the first, then runs the sources.
    fn run(&mut self, folder: &Path, until: Instant) -> Result<(), Error> {
        let mut out = Stdio::inherit();
        let mut into: Option<PipeWriter> = None;
        for argv in FILTERS.iter().rev() {
            let (reader, writer) = open_pipe()?;
            self.running.push((argv[0], spawn(folder, argv, reader.into(), out)?));
            out =
                writer.try_clone().map_err(|error| Error::failed("open", "a pipe", error))?.into();
            into = Some(writer);
        }
        drop(out);
        for argv in SOURCES {
            let out = into.as_ref().and_then(|pipe| pipe.try_clone().ok());
            let out = out.map_or_else(Stdio::null, Stdio::from);
            let mut child = spawn(folder, argv, Stdio::null(), out)?;
            match wait(&mut child, until) {
                Some(status) => self.ends.push((argv[0], end_of(status))),
                None => {
                    self.running.push((argv[0], child));
                    break;
                }
            }
        }
        Ok(())
    }

    /// Waits for what runs until a moment, in the order of the pipe, then ends it: at first by SIGTERM.
    fn end(&mut self, until: Instant) {
        while let Some((name, mut child)) = self.running.pop() {
            let end = match wait(&mut child, until) {
                Some(status) => end_of(status),
                None => {
                    send(&child, Signal::TERM);
                    if wait(&mut child, clock::tick() + GRACE).is_none() {
                        send(&child, Signal::KILL);
                        let _ = store::wait_for_end(&mut child);
                    }
                    ProgramEnd::Overdue
                }
            };
            self.ends.push((name, end));
        }
    }
}

fn spawn(folder: &Path, argv: &[&str], input: Stdio, output: Stdio) -> Result<Child, Error> {
    let mut command = Command::new(folder.join(argv[0]));
    command.args(&argv[1..]).stdin(input).stdout(output);
    command.spawn().map_err(|error| Error::failed("start", argv[0], error))
}

fn open_pipe() -> Result<(PipeReader, PipeWriter), Error> {
    pipe().map_err(|error| Error::failed("open", "a pipe", error))
}

fn send(child: &Child, signal: Signal) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

fn end_of(status: ExitStatus) -> ProgramEnd {
    match (status.code(), status.signal()) {
        (Some(code), _) => ProgramEnd::Exited(code),
        (None, signal) => ProgramEnd::Killed(signal.unwrap_or_default()),
    }
}

/// Waits for the end of a program until a moment; `None`: it runs on.
fn wait(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if clock::tick() >= until {
            return None;
        }
        store::sleep(BlockingWait::ProcessEnd, Duration::from_millis(5));
    }
}
