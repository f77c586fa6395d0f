//! Environment of a supervisor and its children.
//!
//! Any process of the same user may read another's environment. The supervisor and the agent
//! therefore get only harmless variables; the rest, with its credentials, comes to the supervisor
//! through a pipe, goes to `dlq-peek` alone, and is dropped before the agent starts.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::config::SecretValue;
use crate::error::Error;

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
    encode(credential, std::env::vars_os())
}

/// The last bytes of an environment that was handed over as a whole: an empty entry.
const END: &[u8] = b"\0";

fn encode(
    credential: Option<&SecretValue>,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<u8> {
    let credential = credential.map(|secret| (OsString::new(), secret.expose().into()));
    let pairs = credential.into_iter().chain(variables);
    let mut bytes: Vec<u8> = pairs
        .flat_map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat())
        .collect();
    bytes.extend_from_slice(END);
    bytes
}

/// Reads environment and credential from standard input, as [`to_hand_over`] encodes them. Fails
/// when the filter ended while it handed them over: with half of an environment `dlq-peek` may use
/// other credentials than the user meant.
pub(super) fn receive() -> Result<(Variables, Option<SecretValue>), Error> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().read_to_end(&mut bytes);
    read.map_err(|error| Error::failed("read", "the environment", error))?;
    decode(&bytes).ok_or_else(|| {
        let cause = "dlq-investigate ended before it had handed all of it over";
        Error::failed("read", "the environment", cause)
    })
}

fn decode(bytes: &[u8]) -> Option<(Variables, Option<SecretValue>)> {
    let bytes = bytes.strip_suffix(END)?;
    if !(bytes.is_empty() || bytes.ends_with(b"\0")) {
        return None;
    }
    let text = |part: &[u8]| OsString::from_vec(part.to_vec());
    let pairs = bytes.split(|byte| *byte == 0).filter_map(|entry| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        Some((text(&entry[..at]), text(&entry[at + 1..])))
    });
    let (unnamed, variables): (Variables, Variables) = pairs.partition(|(name, _)| name.is_empty());
    let credential = unnamed.into_iter().find_map(|(_, secret)| secret.into_string().ok());
    Some((variables, credential.map(SecretValue::new)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_of_an_environment_is_none() {
        let variables: Variables = vec![("A".into(), "1".into()), ("B".into(), "x=y".into())];
        for credential in [None, Some(SecretValue::new("sk-ant-x"))] {
            for variables in [&variables[..], &[]] {
                let all = encode(credential.as_ref(), variables.iter().cloned());
                let (found, secret) = decode(&all).unwrap();
                assert_eq!(found, variables);
                assert_eq!(
                    secret.as_ref().map(SecretValue::expose),
                    credential.as_ref().map(SecretValue::expose)
                );
                for length in 0..all.len() {
                    assert!(decode(&all[..length]).is_none(), "{length} of {all:?}");
                }
            }
        }
    }
}
