//! dlq-investigate - decides which incidents are investigated, and has it done
//!
//! A filter: every line is passed on, byte for byte, before anything is decided about it. The
//! decisions are in rules/, the stream is in edge/filter.rs, the sessions in edge/sessions.rs, one
//! supervisor per investigation in edge/supervisor.rs.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use dlq::args::{Arg, Args, Common, Stop, unknown};
use dlq::config::Switches;
use dlq::edge::investigate::filter::Filter;
use dlq::edge::sessions::Desk;
use dlq::edge::{process, supervisor};
use dlq::error::Error;
use dlq::event::Type;
use dlq::log;
use dlq::rules::agent::invocation;
use dlq::store::Store;
use dlq::tool::{self, Outcome, Tool};
use dlq::wire::Input;

const TOOL: Tool = Tool {
    name: "dlq-investigate",
    help: include_str!("help/dlq-investigate.txt"),
    emits: &[
        Type::InvestigationSkipped,
        Type::InvestigationStarted,
        Type::InvestigationProgressed,
        Type::InvestigationCompleted,
        Type::InvestigationFailed,
        Type::InvestigationTimedOut,
        Type::InvestigationStopped,
    ],
};

/// What a hook is told of a call.
const CALL_MAX: u64 = 1 << 20;

#[derive(Debug, Default)]
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
    fn parse(args: &mut Args) -> Result<Self, Stop> {
        let mut options = Options::default();
        let mut parent = None;
        while let Some(arg) = args.next()? {
            match &arg {
                Arg::Option(name) => match name.as_str() {
                    "--no-wait" => options.no_wait = true,
                    "-n" | "--dry-run" => options.dry_run = true,
                    "--retry" => args.text(&mut options.retry)?,
                    "--resume" => args.text(&mut options.resume)?,
                    "--explain" => args.text(&mut options.explain)?,
                    "--stop" => args.text(&mut options.stop)?,
                    "--supervise" => args.text(&mut options.supervise)?,
                    "--watch" => args.text(&mut options.watch)?,
                    "--grace-ms" => args.number(&mut options.grace_ms, 0..=86_400_000)?,
                    "--only-line" => args.text(&mut options.only_line)?,
                    "--pipe" => args.text(&mut options.pipe)?,
                    "--shim" => args.number(&mut parent, 1..=u64::from(u32::MAX))?,
                    _ => return Err(unknown(&arg)),
                },
                Arg::Word(word) => match (parent, &mut options.shim) {
                    (Some(_), Some((_, argv))) => argv.push(word.clone()),
                    (Some(parent), none) => *none = Some((parent, vec![word.clone()])),
                    _ => return Err(unknown(&arg)),
                },
            }
        }
        options.check()?;
        Ok(options)
    }

    /// One thing at a time, and none of them is for a look only.
    fn check(&self) -> Result<(), Stop> {
        let asked = [
            ("--explain", &self.explain),
            ("--retry", &self.retry),
            ("--resume", &self.resume),
            ("--stop", &self.stop),
        ];
        let mut given = asked.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name);
        let wrong = |one: &str, other: &str| {
            Err(Stop::Wrong(format!("option '{one}' does not go with '{other}'")))
        };
        match (given.next(), given.next()) {
            (Some(one), Some(other)) => wrong(other, one),
            (Some(one), None) if self.dry_run && one != "--explain" => wrong("--dry-run", one),
            _ => Ok(()),
        }
    }
}

fn main() -> ExitCode {
    tool::main(&TOOL, Options::parse, run)
}

fn run(options: Options, common: Common) -> Result<Outcome, Error> {
    if let Some((parent, argv)) = options.shim {
        let pipe = options.pipe.as_ref().map(|path| (invocation::TOKEN_PIPE, Path::new(path)));
        let parent = i32::try_from(parent).unwrap_or(0);
        let error = process::become_child_of(parent, &argv, pipe);
        log::log(log::Level::Critical, &format!("cannot start '{}': {error}", argv[0]));
        return Ok(Outcome::NotRun);
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
        return Ok(Outcome::Done);
    }
    if let Some(session) = options.supervise {
        supervisor::supervise(&Store::open(dir.as_ref())?, &session)?;
        return Ok(Outcome::Done);
    }
    let (settings, env) = tool::settings(&common)?;
    let store = tool::store(&settings, &env, !options.dry_run)?;
    let desk = Desk::open(store, &settings, &env, options.dry_run)?;
    let switches = Switches::new(&settings);
    if let Some(queue) = &options.explain {
        return dlq::wire::print(&desk.explain(queue)?).map(|()| Outcome::Done);
    }
    if let Some(session) = &options.stop {
        desk.stop(session)?;
        return Filter::new(desk, switches, false).catch_up().map(|()| Outcome::Done);
    }
    if let Some(queue) = &options.retry {
        desk.retry(queue)?;
        return Filter::new(desk, switches, false).finish(options.no_wait).map(Outcome::of);
    }
    if let Some(session) = &options.resume {
        let id = desk.resume(session)?;
        log::info(&format!("session {id} is started"));
        let mut filter = Filter::new(desk, switches, false);
        filter.wait_for(id);
        return filter.finish(options.no_wait).map(Outcome::of);
    }
    let mut filter = Filter::new(desk, switches, options.dry_run);
    let mut input = Input::stdin();
    let read = filter.stream(&mut input);
    match read.and_then(|()| filter.finish(options.no_wait || options.dry_run)) {
        // Nobody reads any more: what was heard is still written down.
        Err(Error::Pipe) => filter.note().map(|()| Outcome::Done),
        Err(error) => Err(error),
        Ok(failed) => Ok(Outcome::of(input.bad() > 0 || failed)),
    }
}

/// A hook of Claude Code: lets its shell run this line, and says no to every other.
fn only(line: &str) -> Result<Outcome, Error> {
    let mut call = String::new();
    let read = std::io::stdin().take(CALL_MAX).read_to_string(&mut call);
    if read.is_ok() && invocation::is_line(&call, line) {
        return Ok(Outcome::Done);
    }
    Err(Error::wrong(format!("no other command than this one may be run: {line}")))
}
