//! The three ways in which a program can end early, and the sentence that each one says.
//!
//! A sentence is lower case, names the verb, the object in quotes and the cause last, and has no
//! full stop. Nothing here prints and nothing ends the process: `tool.rs` does both, once.

use std::fmt;
use std::path::Path;

/// Why a program stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Wrong usage or configuration: running again will not help (exit status 2).
    Wrong(String),
    /// The world said no: running again may help (exit status 1).
    Failed(String),
    /// The reader of standard output has gone: not a failure (exit status 0).
    Pipe,
}

impl Error {
    /// `cannot DOING 'WHAT': CAUSE`, for the world.
    pub fn failed(doing: &str, what: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Error::Failed(format!("cannot {doing} '{what}': {cause}"))
    }

    /// The same for a path, with the operating system's words for the cause.
    pub fn file(doing: &str, path: &Path, cause: &std::io::Error) -> Self {
        Error::failed(doing, path.display(), io_cause(cause))
    }

    /// Wrong usage or configuration, as one sentence that names the remedy.
    pub fn wrong(sentence: impl Into<String>) -> Self {
        Error::Wrong(sentence.into())
    }
}

/// What the operating system says, without Rust's "(os error 2)".
pub fn io_cause(error: &std::io::Error) -> String {
    let text = error.to_string();
    let plain = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = plain.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Wrong(sentence) | Error::Failed(sentence) => f.write_str(sentence),
            Error::Pipe => f.write_str("the reader closed the pipe"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named_with_its_cause() {
        let cause = std::fs::File::open("/no/such/file").unwrap_err();
        let error = Error::file("read", Path::new("/no/such/file"), &cause);
        assert_eq!(error.to_string(), "cannot read '/no/such/file': no such file or directory");
    }
}
