//! dlq-askpass - private program of dlq-prs: gives git the token that a server asks for
//!
//! Not for people. git starts it with its question as the only word, dlq-prs with `exec` and a git to
//! run (edge/git/askpass.rs).

use std::process::ExitCode;

use dlq::edge::git::askpass::{self, EXEC, NAME};
use dlq::error::Error;
use dlq::tool::{self, ExitOutcome};
use dlq::wire;

fn main() -> ExitCode {
    tool::run_private(NAME, run)
}

fn run(words: &[String]) -> Result<ExitOutcome, Error> {
    let strings: Vec<&str> = words.iter().map(String::as_str).collect();
    match strings[..] {
        [EXEC, parent, _, ..] => {
            let number = parent.parse();
            let parent = number.map_err(|_| Error::wrong(format!("'{parent}' is not a number")))?;
            let status = askpass::exec(parent, &words[2..]);
            let status = status.map_err(|error| Error::failed("run", &words[2], error))?;
            return Ok(ExitOutcome::Exited(status));
        }
        ["--version"] => wire::print(format!("{NAME} {}\n", env!("CARGO_PKG_VERSION")).as_bytes())?,
        [question] => match askpass::answer(question) {
            Some(line) => wire::print(line.as_bytes())?,
            // git falls back to asking a terminal, which is forbidden, and reports that.
            None => return Ok(ExitOutcome::Partly),
        },
        _ => {
            let why = "dlq-prs starts this program; it has no options for people, see dlq-prs(1)";
            return Err(Error::wrong(why));
        }
    }
    Ok(ExitOutcome::Done)
}
