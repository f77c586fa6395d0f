//! The errors that end a program, each with a sentence for its user.
//!
//! A sentence is in lower case without a full stop: the verb, the object in quotes, and last the
//! cause. Only `tool.rs` prints errors and ends the process.

use std::fmt;
use std::io;
use std::path::Path;

/// The reasons for which a program stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Wrong usage or configuration: another run fails too (exit status 2).
    Wrong(String),
    /// Wrong options (exit status 2); the message refers to `--help`.
    Usage(String),
    /// An operation failed: another run may succeed (exit status 1).
    Failed(String),
    /// The reader of standard output closed the pipe: not a failure (exit status 0).
    Pipe,
}

impl Error {
    /// Returns `cannot DOING 'WHAT': CAUSE`.
    pub fn failed(doing: &str, what: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Error::Failed(format!("cannot {doing} '{what}': {cause}"))
    }

    /// Returns the error of an operation on a file, with the cause in the words of the system.
    pub fn file(doing: &str, path: &Path, cause: &io::Error) -> Self {
        Error::failed(doing, path.display(), io_cause(cause))
    }

    /// Returns an error of usage or configuration; the sentence names the remedy.
    pub fn wrong(sentence: impl Into<String>) -> Self {
        Error::Wrong(sentence.into())
    }
}

/// Returns the message of the operating system without Rust's "(os error 2)".
pub fn io_cause(error: &io::Error) -> String {
    let text = error.to_string();
    let plain = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = plain.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => text,
    }
}

/// Returns None where the system found no such file.
pub fn if_found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Wrong(sentence) | Error::Usage(sentence) | Error::Failed(sentence) => {
                f.write_str(sentence)
            }
            Error::Pipe => f.write_str("the reader closed the pipe"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_file_is_named_with_its_cause() {
        let cause = std::fs::File::open("/no/such/file").unwrap_err();
        let error = Error::file("read", Path::new("/no/such/file"), &cause);
        assert_eq!(error.to_string(), "cannot read '/no/such/file': no such file or directory");
    }
}
