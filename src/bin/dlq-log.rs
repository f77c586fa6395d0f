//! dlq-log: prints the journal, all of it or what is asked for, and follows it.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use dlq::args::{Arg, Args, Common, Stop, unknown};
use dlq::clock;
use dlq::config::state_dir;
use dlq::error::Error;
use dlq::event::{self, Line};
use dlq::glob::GlobList;
use dlq::journal::filter::{INCIDENT_MIN, LogFilter};
use dlq::journal::{CorruptLines, Journal, Tail};
use dlq::log;
use dlq::store::Store;
use dlq::tool::{self, Outcome, Tool};
use dlq::wire::Output;

const TOOL: Tool = Tool { name: "dlq-log", help: include_str!("help/dlq-log.txt"), emits: &[] };

/// How long nothing new may stay unseen.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Default)]
struct Options {
    follow: bool,
    since: Option<Duration>,
    types: Vec<String>,
    queues: Vec<String>,
    incident: Option<String>,
}

fn main() -> ExitCode {
    tool::main(&TOOL, parse, run)
}

fn parse(args: &mut Args) -> Result<(Options, LogFilter), Stop> {
    let mut options = Options::default();
    while let Some(arg) = args.next()? {
        match &arg {
            Arg::Option(name) => match name.as_str() {
                "-f" | "--follow" => options.follow = true,
                "--since" => args.span(&mut options.since)?,
                "--type" => options.types.push(args.value()?),
                "--queue" => options.queues.push(args.value()?),
                "--incident" => args.text(&mut options.incident)?,
                _ => return Err(unknown(&arg)),
            },
            Arg::Word(_) => return Err(unknown(&arg)),
        }
    }
    let globs = |option: &str, patterns: &[String]| {
        let wrong = |why| Stop::Wrong(format!("option '{option}': {why}"));
        let some = !patterns.is_empty();
        some.then(|| GlobList::any(patterns).map_err(wrong)).transpose()
    };
    let (types, queues) = (globs("--type", &options.types)?, globs("--queue", &options.queues)?);
    let short = |id: &String| id.chars().count() < INCIDENT_MIN;
    if options.incident.as_ref().is_some_and(short) {
        let why = format!("wants at least {INCIDENT_MIN} characters of an id");
        return Err(Stop::Wrong(format!("option '--incident' {why}")));
    }
    let pick = LogFilter::new(types, queues, options.incident.clone());
    Ok((options, pick))
}

fn run((options, mut pick): (Options, LogFilter), common: Common) -> Result<Outcome, Error> {
    let (settings, env) = tool::settings(&common)?;
    let dir = state_dir(&settings, &env)?;
    let mut out = Output::new();
    while !dir.is_dir() {
        if !options.follow {
            log::info(&format!("there is no journal yet in '{}'", dir.display()));
            return Ok(Outcome::Done);
        }
        out.pause(LOOK)?;
    }
    let store = Store::open(&dir)?;
    let journal = Journal::new(&store, settings.state.rotation());
    pick.since = options.since.map(|span| clock::now().minus(span));
    if pick.wants_whole_incident() {
        let found = incidents(&journal, &pick)?;
        if found.is_empty() && !options.follow {
            let dir = dir.display();
            log::warn(&format!("the journal in '{dir}' has no event of such an incident"));
        }
        pick.settle_incident(&found)?;
    }
    let mut tail = Tail::open(journal)?;
    let (mut corrupt, mut failed) = (CorruptLines::default(), false);
    loop {
        loop {
            match tail.advance() {
                Ok(true) => print(&tail, &mut pick, &mut out, &mut corrupt)?,
                Ok(false) => break,
                Err(error) => {
                    log::warn(&error.to_string());
                    failed = true;
                }
            }
        }
        out.flush()?;
        if let Some(sentence) = corrupt.take_sentence() {
            log::warn(&sentence);
        }
        if !options.follow {
            return Ok(Outcome::of(failed));
        }
        if !tail.renew()? {
            out.pause(LOOK)?;
        }
        if tail.take_gap() {
            log::warn("the journal was rotated away before it was read: lines are missing");
            failed = true;
        }
    }
}

fn print(
    tail: &Tail,
    pick: &mut LogFilter,
    out: &mut Output,
    corrupt: &mut CorruptLines,
) -> Result<(), Error> {
    let line = tail.line();
    match event::peek(line) {
        Line::Event(head) if pick.takes(Some(&head))? => out.put(line),
        Line::Object if pick.takes(None)? => out.put(line),
        Line::Event(_) | Line::Object => Ok(()),
        Line::Bad(_) => {
            corrupt.add(tail);
            Ok(())
        }
    }
}

/// The incidents that begin with what was asked for.
fn incidents(journal: &Journal, pick: &LogFilter) -> Result<BTreeSet<String>, Error> {
    let mut tail = Tail::open(journal.clone())?;
    let mut found = BTreeSet::new();
    // What cannot be read is said when it is printed.
    while tail.advance().unwrap_or(true) {
        if let Line::Event(head) = event::peek(tail.line())
            && let Some(incident) = head.incident.filter(|incident| pick.may_mean(incident))
        {
            found.insert(incident.into_owned());
        }
    }
    Ok(found)
}
