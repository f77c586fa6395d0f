//! dlq-supervise - private program of dlq-investigate: the supervisor of a session and its children
//!
//! Not for people: the words below may change with any release. dlq-investigate starts it from its
//! own folder (edge/supervisor/program.rs); it starts itself again as watchdog and shim, and Claude
//! Code starts it as a hook.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use dlq::edge::marked_children;
use dlq::edge::sandbox::{init, test_client};
use dlq::edge::supervisor;
use dlq::edge::supervisor::program::NAME;
use dlq::error::Error;
use dlq::rules::agent::invocation;
use dlq::rules::investigation::proof::ProofReason;
use dlq::store::Store;
use dlq::tool::{self, ExitOutcome};
use dlq::wire;

/// Longest description of a tool call that Claude Code gives a hook, in bytes.
const CALL_MAX: u64 = 1 << 20;

fn main() -> ExitCode {
    tool::run_private(NAME, run)
}

fn run(words: &[String]) -> Result<ExitOutcome, Error> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let state = std::env::var_os("DLQ_STATE_DIR").unwrap_or_default();
    let state = Path::new(&state);
    match words[..] {
        // A session, from evidence to report.
        ["run", session] => supervisor::supervise(&Store::open(state)?, session)?,
        // Its watchdog.
        ["watch", session, grace_ms] => {
            let grace = Duration::from_millis(number(grace_ms)?);
            supervisor::watch(state, session, grace);
        }
        // The process that becomes the agent or the tests.
        ["shim", ref words @ ..] => return supervisor::shim(words).map(|()| ExitOutcome::NotRun),
        // Process 1 of a sandbox, and the process that becomes the program in it.
        [init::ENTER, ref words @ ..] => {
            return supervisor::enter(words).map(|()| ExitOutcome::NotRun);
        }
        [init::INIT, port, kind, "--", ref argv @ ..] => {
            return supervisor::init(number(port)?, kind, argv).map(ExitOutcome::Exited);
        }
        [init::LEAD, kind, "--", ref argv @ ..] => {
            return supervisor::lead(kind, argv).map(|()| ExitOutcome::NotRun);
        }
        // The line by which an agent in a sandbox runs the tests.
        ["test-client"] => return test_client::run().map(ExitOutcome::Exited),
        // A hook of Claude Code.
        ["only-line", line] => check_line(line)?,
        // A proof of the fix of a session that has ended; exit status 1: its result is unknown.
        ["prove", session, reason] => {
            let reason = ProofReason::parse(reason)
                .ok_or_else(|| Error::wrong(format!("'{reason}' is no reason of a proof")))?;
            let is_known = supervisor::prove(&Store::open(state)?, session, reason)?;
            return Ok(ExitOutcome::from_failed(!is_known));
        }
        ["prove-moved", ref sessions @ ..] => {
            supervisor::prove_moved(&Store::open(state)?, sessions)?;
        }
        // After a crash, and before a session's folder is deleted.
        ["clean-up", session] => supervisor::clean_up_crashed(&Store::open(state)?, session)?,
        ["discard", session] => supervisor::discard_worktrees(&Store::open(state)?, session),
        // The watchdog of dlq-doctor.
        [marked_children::WORD, mark] => marked_children::end_marked(mark),
        ["--version"] => wire::print(format!("{NAME} {}\n", env!("CARGO_PKG_VERSION")).as_bytes())?,
        _ => {
            let why = "dlq-investigate starts this program; it has no options for people, see \
                       dlq-investigate(1)";
            return Err(Error::wrong(why));
        }
    }
    Ok(ExitOutcome::Done)
}

fn number<T: FromStr>(word: &str) -> Result<T, Error> {
    word.parse().map_err(|_| Error::wrong(format!("'{word}' is not a number")))
}

/// Allows a shell to run this line, and refuses every other line.
fn check_line(line: &str) -> Result<(), Error> {
    let mut call = String::new();
    let read = std::io::stdin().take(CALL_MAX).read_to_string(&mut call);
    if read.is_ok() && invocation::is_line(&call, line) {
        return Ok(());
    }
    Err(Error::wrong(format!("only this command may be run: {line}")))
}
