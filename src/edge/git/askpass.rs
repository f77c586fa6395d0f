//! The way of a token to git: through the private program `dlq-askpass` and a pipe.
//!
//! The pipe is the standard input of `dlq-askpass exec`, which hands it to git as another descriptor. Git
//! starts `dlq-askpass` again when a server asks for a password (gitcredentials(7));
//! that process inherits the descriptor, finds its number in a variable, and reads one line. Promises:
//! the token is in no argument, variable, file or setting; a question for another server than that of
//! the variable gets no answer; after [`ANSWERS`] answers the pipe is empty and at its end.
//!
//! Not prevented: another process of the same user, or root, can read the pipe as long as git or a
//! child of git runs (`/proc/PID/fd/N`), and the memory of these processes and of the program that
//! fetched the token. So can git itself and what it runs: it is the git of `PATH`.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use crate::edge::{private_program, process};
use crate::error::Error;
use crate::secret::SecretValue;
use crate::store;

/// Name of the program.
pub const NAME: &str = "dlq-askpass";
/// First word of the mode that runs git.
pub const EXEC: &str = "exec";

/// Variable with the number of the descriptor.
const DESCRIPTOR: &str = "DLQ_ASKPASS_FD";
/// Variable with the one server, as git describes it, that gets an answer.
pub(super) const SERVER: &str = "DLQ_ASKPASS_FOR";
/// User name of a token.
pub const USER: &str = "x-access-token";
/// Times that a git may ask: again after a refusal in the middle of a push.
const ANSWERS: usize = 2;
/// Longest token, in bytes: all answers fit into a pipe.
const TOKEN_MAX: usize = 1024;

/// Finds the program of the same installation as the running program `of`.
pub fn program(of: &str) -> Result<PathBuf, Error> {
    private_program::find(NAME, of)
}

/// Returns the words that make `program` run the command behind them.
pub(super) fn shim(program: &Path) -> Result<Vec<String>, Error> {
    let program = super::command::argument(program)?;
    Ok([program, EXEC, &std::process::id().to_string()].map(str::to_owned).into())
}

/// Returns the standard input of the shim for a token; none when it cannot be a token.
pub(super) fn input(token: &SecretValue) -> Option<Vec<u8>> {
    let token = token.expose();
    let fits = !token.is_empty() && token.len() <= TOKEN_MAX;
    let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    (fits && is_plain).then(|| format!("{token}\n").repeat(ANSWERS).into_bytes())
}

/// Runs git, with standard input as the descriptor of its environment, and returns its exit status. All
/// of it ends when the process `parent` dies.
pub fn exec(parent: i32, argv: &[String]) -> io::Result<u8> {
    let kept = keep_pipe()?;
    process::follow_parent(parent)?;
    let mut signals = Signals::new([SIGTERM])?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            end_group();
        }
    });
    let (program, words) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    // The descriptor outlives exec, and is open until git has started.
    command.args(words).envs(kept.as_ref().map(|pipe| (DESCRIPTOR, pipe.as_raw_fd().to_string())));
    let mut git = command.spawn()?;
    drop(kept);
    let status = store::wait_for_end(&mut git)?;
    // A death by signal has no status; 128 is that of git's own failures.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(128))
}

/// Kills this process and what it has started: git does not stop a helper that asks a server.
fn end_group() {
    let own = rustix::process::getpid();
    let leads = rustix::process::getpgrp() == own;
    let _ = match leads {
        true => rustix::process::kill_current_process_group(Signal::KILL),
        false => rustix::process::kill_process(own, Signal::KILL),
    };
}

/// Moves standard input to another descriptor without CLOEXEC. Without a token it stays.
fn keep_pipe() -> io::Result<Option<OwnedFd>> {
    let input = rustix::stdio::stdin();
    let is_pipe = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(input)?.st_mode).is_fifo();
    if !is_pipe {
        return Ok(None);
    }
    let kept = rustix::io::dup(input)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(null)?;
    Ok(Some(kept))
}

/// Returns the answer to git's question, a line; none for any other question than that for the
/// password of the one server.
pub fn answer(question: &str) -> Option<String> {
    let server = std::env::var(SERVER).ok()?;
    if question != format!("Password for '{server}': ") {
        return None;
    }
    let number: u32 = std::env::var(DESCRIPTOR).ok()?.parse().ok()?;
    let mut pipe = File::open(format!("/dev/fd/{number}")).ok()?;
    // Byte by byte: what follows belongs to the next question.
    let (mut line, mut byte) = (Vec::new(), [0]);
    while line.len() <= TOKEN_MAX && pipe.read(&mut byte).ok()? == 1 {
        line.push(byte[0]);
        if byte == *b"\n" {
            return String::from_utf8(line).ok();
        }
    }
    None
}
