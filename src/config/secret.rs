//! References to secrets. `edge/secret.rs` fetches their values.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::valid;
use super::value::{ConfigError, Field, Result};
use super::yaml::Value;
use crate::text::safe;

/// Reference to a secret. `Debug` shows the reference, which is not secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// `{env: NAME}`
    Env(String),
    /// `{file: PATH}`
    File(PathBuf),
    /// `{command: [PROGRAM, ARGUMENT, ...]}`
    Command(Vec<String>),
}

impl Field<'_> {
    /// Reads a reference to a secret. No refusal shows the value, which may be the secret itself.
    pub(super) fn secret(&self) -> Result<Secret> {
        const FORMS: &str =
            "give it as {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT, ...]}";
        match &self.node.value {
            Value::Map(map) if map.len() == 1 => {}
            Value::Map(_) => return Err(self.problem(format!("not one reference; {FORMS}"))),
            _ => return Err(self.problem(format!("a secret cannot be in the file; {FORMS}"))),
        }
        let entries = self.any_entries()?;
        let (form, field) = &entries[0];
        let hide = |error: ConfigError| ConfigError {
            text: format!("'{}': not a reference to a secret; {FORMS}", safe(&self.path)),
            ..error
        };
        match *form {
            "env" => match field.text().map_err(hide)? {
                name if valid::variable(&name) => Ok(Secret::Env(name)),
                _ => Err(field.problem(
                    "expected the name of an environment variable, in capitals, digits and _",
                )),
            },
            "file" => Ok(Secret::File(field.path().map_err(hide)?)),
            "command" if !matches!(field.node.value, Value::List(_)) => {
                Err(field.problem("expected a list: [PROGRAM, ARGUMENT, ...]"))
            }
            "command" => Ok(Secret::Command(field.program()?)),
            _ => Err(hide(self.problem(""))),
        }
    }
}

/// Value of a secret. It is never shown by accident: the type has neither `Display` nor
/// `Serialize`, and its `Debug` writes `[secret]`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(String);

impl SecretValue {
    /// Wraps the value of a secret.
    pub fn new(value: impl Into<String>) -> Self {
        SecretValue(value.into())
    }

    /// Returns the secret, for the call that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_a_secret() {
        let value = SecretValue::new("hunter2");
        assert_eq!(format!("{value:?} {:?}", Some(&value)), "[secret] Some([secret])");
    }
}
