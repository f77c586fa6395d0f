//! dlq-investigate - decides which incidents are investigated, and has it done
//!
//! A filter: every line is passed on, byte for byte, before anything is decided about it. The
//! decisions are in rules/, the stream is in edge/filter.rs, the sessions in edge/sessions.rs, one
//! supervisor per investigation in edge/supervisor.rs.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use dlq::args::{CommonOptions, Given, ParseExit, unexpected};
use dlq::config::Switches;
use dlq::edge::investigate::filter::Filter;
use dlq::edge::sessions::Desk;
use dlq::edge::{process, supervisor};
use dlq::error::Error;
use dlq::log;
use dlq::programs::INVESTIGATE;
use dlq::rules::agent::invocation;
use dlq::store::Store;
use dlq::tool::{self, ExitOutcome};
use dlq::wire::{Input, Output, StreamFilter, run_filter};

/// What a hook is told of a call.
const CALL_MAX: u64 = 1 << 20;

struct Options {
    no_wait: bool,
    dry_run: bool,
    stop: Option<String>,
    retry: Option<String>,
    resume: Option<String>,
    explain: Option<String>,
    supervise: Option<String>,
    watch: Option<String>,
    grace_ms: Option<u64>,
    shim: Option<(u64, Vec<String>)>,
    pipe: Option<String>,
    only_line: Option<String>,
}

impl Options {
    fn parse(given: &Given) -> Result<Self, ParseExit> {
        let shim = given.number("shim").filter(|_| !given.operands.is_empty());
        if shim.is_none()
            && let Some(operand) = given.operands.first()
        {
            return Err(unexpected(operand));
        }
        Ok(Options {
            no_wait: given.has("no-wait"),
            dry_run: given.has("dry-run"),
            stop: given.text("stop"),
            retry: given.text("retry"),
            resume: given.text("resume"),
            explain: given.text("explain"),
            supervise: given.text("supervise"),
            watch: given.text("watch"),
            grace_ms: given.number("grace-ms"),
            shim: shim.map(|parent| (parent, given.operands.clone())),
            pipe: given.text("pipe"),
            only_line: given.text("only-line"),
        })
    }
}

fn main() -> ExitCode {
    tool::main(&INVESTIGATE, Options::parse, run)
}

fn run(options: Options, common: CommonOptions) -> Result<ExitOutcome, Error> {
    if let Some((parent, argv)) = options.shim {
        let pipe = options.pipe.as_ref().map(|path| (invocation::TOKEN_PIPE, Path::new(path)));
        let parent = i32::try_from(parent).unwrap_or(0);
        let error = process::become_child_of(parent, &argv, pipe);
        log::log(log::Level::Critical, &format!("cannot start '{}': {error}", argv[0]));
        return Ok(ExitOutcome::NotRun);
    }
    if let Some(line) = &options.only_line {
        return only(line);
    }
    let dir = std::env::var_os("DLQ_STATE_DIR").unwrap_or_default();
    if let Some(session) = options.watch {
        supervisor::watch(
            dir.as_ref(),
            &session,
            Duration::from_millis(options.grace_ms.unwrap_or(0)),
        );
        return Ok(ExitOutcome::Done);
    }
    if let Some(session) = options.supervise {
        supervisor::supervise(&Store::open(dir.as_ref())?, &session)?;
        return Ok(ExitOutcome::Done);
    }
    let (settings, env) = tool::settings(&common)?;
    let store = Store::of(&settings, &env, !options.dry_run)?;
    let desk = Desk::open(store, &settings, &env, options.dry_run)?;
    let switches = Switches::new(&settings);
    if let Some(queue) = &options.explain {
        return dlq::wire::print(&desk.explain(queue)?).map(|()| ExitOutcome::Done);
    }
    let mut out = Output::new();
    let dry_run = options.dry_run;
    if let Some(session) = &options.stop {
        desk.stop(session)?;
        let mut filter = Filter::new(desk, switches, dry_run, true);
        return filter.catch_up(&mut out).map(|()| ExitOutcome::Done);
    }
    if let Some(queue) = &options.retry {
        desk.retry(queue)?;
        let mut filter = Filter::new(desk, switches, dry_run, options.no_wait);
        return filter.finish(&mut out).map(ExitOutcome::from_failed);
    }
    if let Some(session) = &options.resume {
        let id = desk.resume(session)?;
        log::info(&format!("session {id} is started"));
        let mut filter = Filter::new(desk, switches, dry_run, options.no_wait);
        filter.wait_for(id);
        return filter.finish(&mut out).map(ExitOutcome::from_failed);
    }
    let mut filter = Filter::new(desk, switches, dry_run, options.no_wait);
    run_filter(&mut Input::stdin(), &mut out, &mut filter).map(ExitOutcome::from_failed)
}

/// A hook of Claude Code: lets its shell run this line, and says no to every other.
fn only(line: &str) -> Result<ExitOutcome, Error> {
    let mut call = String::new();
    let read = std::io::stdin().take(CALL_MAX).read_to_string(&mut call);
    if read.is_ok() && invocation::is_line(&call, line) {
        return Ok(ExitOutcome::Done);
    }
    Err(Error::wrong(format!("no other command than this one may be run: {line}")))
}
