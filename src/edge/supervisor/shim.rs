//! Shim: the process that becomes the agent, the tests, or bubblewrap around one of them.
//!
//! Promises: it ends with the supervisor, passes on no descriptor that it was not told to, and
//! writes no endless file.

use std::path::Path;

use crate::edge::process;
use crate::edge::sandbox::launch;
use crate::edge::sandbox::{cgroup, init, launch::Enclosure};
use crate::error::Error;
use crate::log;
use crate::rules::agent::invocation::TOKEN_PIPE;
use crate::rules::sandbox::limits::{AGENT, SandboxLimits, TESTS};
use crate::rules::sandbox::seccomp::Purpose;

/// Words of the two kinds of sandboxes.
pub(super) const OF_AGENT: &str = "agent";
pub(super) const OF_TESTS: &str = "tests";

pub(super) fn kind(word: &str) -> Result<(Purpose, SandboxLimits), Error> {
    match word {
        OF_AGENT => Ok((Purpose::Agent, AGENT)),
        OF_TESTS => Ok((Purpose::Tests, TESTS)),
        _ => Err(Error::wrong(format!("'{word}' is no kind of sandbox"))),
    }
}

/// Becomes the program of the words
/// `PARENT [--sandbox BWRAP PLAN KIND] [--group FOLDER]… [--pipe FIFO] -- ARGV`. Returns when that program cannot be run, which is reported.
pub fn shim(words: &[&str]) -> Result<(), Error> {
    let Some((parent, mut rest)) = words.split_first() else {
        return Err(Error::wrong("the shim needs a parent"));
    };
    let parent: i32 =
        parent.parse().map_err(|_| Error::wrong(format!("'{parent}' is not a number")))?;
    let (mut sandbox, mut pipe) = (None, None);
    let argv = loop {
        match *rest {
            ["--sandbox", program, plan, word, ref more @ ..] => {
                sandbox = Some((program, Path::new(plan), kind(word)?.0));
                rest = more;
            }
            ["--group", folder, ref more @ ..] => {
                cgroup::join(Path::new(folder));
                rest = more;
            }
            ["--pipe", path, ref more @ ..] => {
                pipe = Some((TOKEN_PIPE, Path::new(path)));
                rest = more;
            }
            ["--", ref argv @ ..] => break argv,
            _ => return Err(Error::wrong("unknown words for the shim")),
        }
    };
    let program = argv.first().copied().unwrap_or_default();
    let begun = process::follow_parent(parent).and_then(|()| {
        launch::close_descriptors();
        sandbox.map(|(program, plan, kind)| launch::enclose(program, plan, kind)).transpose()
    });
    let error = match begun {
        Ok(enclosure) => {
            let Enclosure { argv: mut all, descriptors } = enclosure.unwrap_or_default();
            all.extend(argv.iter().map(|word| (*word).to_owned()));
            let error = process::become_program(&all, pipe);
            drop(descriptors);
            error
        }
        Err(error) => error,
    };
    report(program, &error);
    Ok(())
}

/// Becomes process 1 of a sandbox. Returns when it cannot, which is reported.
pub fn enter(words: &[&str]) -> Result<(), Error> {
    report("dlq-supervise", &init::enter(TOKEN_PIPE, words));
    Ok(())
}

/// Runs process 1 of a sandbox. Returns the exit status of its program.
pub fn init(port: u16, word: &str, argv: &[&str]) -> Result<u8, Error> {
    init::run(port, word, kind(word)?.1, argv)
}

/// Becomes the program of a sandbox. Returns when it cannot be run, which is reported.
pub fn lead(word: &str, argv: &[&str]) -> Result<(), Error> {
    let error = init::lead(kind(word)?.1, TOKEN_PIPE, argv);
    report(argv.first().copied().unwrap_or_default(), &error);
    Ok(())
}

fn report(program: &str, error: &std::io::Error) {
    log::log(log::Level::Critical, &format!("cannot start '{program}': {error}"));
}
