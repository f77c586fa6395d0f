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
    let mut bytes = Vec::new();
    if let Some(credential) = credential {
        bytes.push(b'=');
        bytes.extend_from_slice(credential.expose().as_bytes());
        bytes.push(0);
    }
    for (name, value) in std::env::vars_os() {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Reads environment and credential from standard input, as [`to_hand_over`] encodes them.
pub(super) fn receive() -> (Variables, Option<SecretValue>) {
    let mut bytes = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut bytes);
    let pair = |entry: &[u8]| {
        let at = entry.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
        let text = |part: &[u8]| OsString::from_vec(part.to_vec());
        Some((text(&entry[..at]), text(&entry[at + 1..])))
    };
    let credential = bytes.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"="));
    let credential = credential.and_then(|secret| String::from_utf8(secret.to_vec()).ok());
    let variables = bytes.split(|byte| *byte == 0).filter_map(pair).collect();
    (variables, credential.map(SecretValue::new))
}
