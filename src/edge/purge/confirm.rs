//! The question whether a queue is to be purged, on the terminal of the person.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};

use crate::error::{Error, io_cause};
use crate::event::Queue;
use crate::rules::redrive::purge;
use crate::text::safe;

/// The controlling terminal, whatever the standard streams are.
const PATH: &str = "/dev/tty";

/// Returns when the purge is confirmed: by a text that was given, else by one that is typed. `about`
/// says what is going to happen.
pub(super) fn confirm(
    queue: &Queue,
    is_hard: bool,
    given: Option<&str>,
    about: &str,
) -> Result<(), Error> {
    let expected = purge::confirmation(&queue.name, is_hard);
    let typed = match given {
        Some(given) => given.to_owned(),
        None => ask(&format!("{about}\nType '{}' to go on: ", safe(&expected)))
            .map_err(|cause| no_terminal(&expected, &cause))?,
    };
    match typed.trim_end_matches(['\n', '\r']) == expected {
        true => Ok(()),
        false if given.is_some() => Err(Error::Usage(format!(
            "option '--confirm': expected '{expected}', found '{}'",
            safe(&typed)
        ))),
        false => Err(Error::failed("purge queue", &queue.name, "it was not confirmed")),
    }
}

fn ask(question: &str) -> std::io::Result<String> {
    let mut terminal = File::options().read(true).write(true).open(PATH)?;
    terminal.write_all(question.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(terminal).read_line(&mut answer)?;
    Ok(answer)
}

fn no_terminal(expected: &str, cause: &std::io::Error) -> Error {
    let cause = io_cause(cause);
    Error::Usage(format!("cannot ask on '{PATH}' ({cause}): give --confirm '{expected}'"))
}
