//! Environment of a supervisor and its children.
//!
//! Any process of the same user may read another's environment. The supervisor and the agent
//! therefore get only harmless variables; the rest, with its credentials, comes to the supervisor
//! through a pipe, goes to `dlq-peek` alone, and is dropped before the agent starts.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::config::SecretValue;

/// Variables that the supervisor and the agent get when they are set. None holds a secret.
const PASSED_ON: [&str; 9] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Names and values.
pub(super) type Variables = Vec<(OsString, OsString)>;

/// The variables of this process that every child may get.
pub fn passed_on() -> impl Iterator<Item = (&'static str, OsString)> {
    PASSED_ON.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// Encodes this process's environment and the model's credential for a supervisor's standard
/// input. The credential is a variable without a name, which no environment can hold.
pub fn to_hand_over(credential: Option<&SecretValue>) -> Vec<u8> {
    let credential = credential.map(|secret| (OsString::new(), secret.expose().into()));
    let pairs = credential.into_iter().chain(std::env::vars_os());
    pairs
        .flat_map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat())
        .collect()
}

/// Reads environment and credential from standard input, as [`to_hand_over`] encodes them.
pub(super) fn receive() -> (Variables, Option<SecretValue>) {
    let mut bytes = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut bytes);
    let text = |part: &[u8]| OsString::from_vec(part.to_vec());
    let pairs = bytes.split(|byte| *byte == 0).filter_map(|entry| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        Some((text(&entry[..at]), text(&entry[at + 1..])))
    });
    let (unnamed, variables): (Variables, Variables) = pairs.partition(|(name, _)| name.is_empty());
    let credential = unnamed.into_iter().find_map(|(_, secret)| secret.into_string().ok());
    (variables, credential.map(SecretValue::new))
}
