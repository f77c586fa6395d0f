//! dlq-investigate - decides which incidents are investigated, and has it done
//!
//! A filter: every line is passed on, byte for byte, before anything is decided about it. The
//! decisions are in rules/, the sessions in edge/sessions.rs, one supervisor per investigation in
//! edge/supervisor.rs. The stream is never kept waiting.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::fd::BorrowedFd;

use dlq::args::{Arg, Args, Common, Stop, unknown};
use dlq::edge::sessions::{Brought, Desk};
use dlq::edge::{clock, process, supervisor};
use dlq::error::Error;
use dlq::event::{Head, Type};
use dlq::rules::incident::{self, News};
use dlq::rules::invocation;
use dlq::rules::stream::Clock;
use dlq::store::Store;
use dlq::time::Timestamp;
use dlq::tool::{self, Outcome, Switches, Tool};
use dlq::wire::{Input, Output, Step};

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
/// How often running sessions are looked at while the stream is silent.
const TICK: Duration = Duration::from_millis(200);
/// At the end of the stream nothing else is to be done than to wait for sessions.
const WAIT: Duration = Duration::from_millis(50);
/// So much of the stream's news is kept before it is written down.
const NEWS_MAX: usize = 1000;

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
        tool::log(tool::Level::Critical, &format!("cannot start '{}': {error}", argv[0]));
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
    let store = Store::of(&settings, &env, !options.dry_run)?;
    let desk = Desk::open(store, &settings, &env, options.dry_run)?;
    let switches = Switches::new(&settings);
    if let Some(queue) = &options.explain {
        return dlq::wire::print(&desk.explain(queue)?).map(|()| Outcome::Done);
    }
    if let Some(session) = &options.stop {
        desk.stop(session)?;
        let mut filter = Filter::new(desk, switches, false);
        filter.update(None)?;
        return filter.out.flush().map(|()| Outcome::Done);
    }
    if let Some(queue) = &options.retry {
        desk.retry(queue)?;
        let mut filter = Filter::new(desk, switches, false);
        return filter.finish(options.no_wait).map(|()| Outcome::of(filter.failed));
    }
    if let Some(session) = &options.resume {
        let id = desk.resume(session)?;
        tool::info(&format!("session {id} is started"));
        let mut filter = Filter::new(desk, switches, false);
        filter.own.push(id);
        return filter.finish(options.no_wait).map(|()| Outcome::of(filter.failed));
    }
    let mut filter = Filter::new(desk, switches, options.dry_run);
    let mut input = Input::stdin();
    let read = filter.stream(&mut input);
    match read.and_then(|()| filter.finish(options.no_wait || options.dry_run)) {
        // Nobody reads any more: what was heard is still written down.
        Err(Error::Pipe) => filter.note().map(|()| Outcome::Done),
        Err(error) => Err(error),
        Ok(()) => Ok(Outcome::of(input.bad() > 0 || filter.failed)),
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

struct Filter {
    desk: Desk,
    out: Output,
    clock: Clock,
    switches: Switches,
    news: Vec<News>,
    /// The sessions that it has started and that run.
    own: Vec<String>,
    /// Sessions run, or may have told something.
    busy: bool,
    failed: bool,
}

impl Filter {
    fn new(desk: Desk, switches: Switches, dry_run: bool) -> Self {
        let (out, clock) = (Output::new(), Clock::new(dry_run));
        Filter {
            desk,
            out,
            clock,
            switches,
            news: Vec::new(),
            own: Vec::new(),
            busy: true,
            failed: false,
        }
    }

    fn stream(&mut self, input: &mut Input<BorrowedFd<'static>>) -> Result<(), Error> {
        loop {
            let patience = self.busy.then_some(TICK);
            match input.next(&mut self.out, patience)? {
                Step::Line(line, head) => {
                    self.out.put(line)?;
                    if let Some(head) = head {
                        self.hear(&head, line)?;
                    }
                }
                Step::Refused => {}
                Step::Idle => self.tick()?,
                Step::End => return Ok(()),
            }
        }
    }

    fn hear(&mut self, head: &Head<'_>, line: &[u8]) -> Result<(), Error> {
        if !self.clock.hear(head) {
            return Ok(());
        }
        self.news.extend(incident::news(head, line));
        if head.known == Some(Type::PollFinished) && self.clock.is_live(head.time(), clock::now()) {
            self.judge().map(|_| ())
        } else if self.news.len() >= NEWS_MAX {
            self.update(None).map(|_| ())
        } else {
            Ok(())
        }
    }

    fn judge(&mut self) -> Result<Brought, Error> {
        self.desk.switch(self.switches.now().investigate);
        self.update(Some(self.clock.now(clock::now())))
    }

    fn tick(&mut self) -> Result<(), Error> {
        self.busy = self.desk.is_busy()?;
        if self.busy { self.update(None).map(|_| ()) } else { Ok(()) }
    }

    fn update(&mut self, judge_at: Option<Timestamp>) -> Result<Brought, Error> {
        let brought = self.desk.update(std::mem::take(&mut self.news), judge_at)?;
        self.busy = !brought.running.is_empty();
        self.failed |= brought.failed;
        for session in &brought.started {
            tool::info(&format!("session {session} is started"));
        }
        self.own.extend(brought.started.iter().cloned());
        self.own.retain(|session| brought.running.contains(session));
        for line in &brought.lines {
            self.out.put(line)?;
        }
        if !brought.marks.is_empty() {
            self.out.flush()?;
            self.desk.mark(&brought.marks)?;
        }
        Ok(brought)
    }

    /// Writes down what was heard, and prints nothing.
    fn note(&mut self) -> Result<(), Error> {
        self.desk.update(std::mem::take(&mut self.news), None).map(|_| ())
    }

    /// The stream has ended: judges a last time, and, unless told otherwise (or in a dry run, where
    /// nothing runs), waits for what it has
    /// started and for what waits for a place.
    fn finish(&mut self, no_wait: bool) -> Result<(), Error> {
        loop {
            let brought = self.judge()?;
            self.out.flush()?;
            let awaited = !self.own.is_empty() || (brought.waiting > 0 && self.busy);
            if no_wait || !awaited {
                return Ok(());
            }
            std::thread::sleep(WAIT);
        }
    }
}
