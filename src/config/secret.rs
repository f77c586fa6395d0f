//! Reader of references to secrets.

use super::valid;
use super::value::{ConfigError, Field, Result};
use super::yaml::Value;
use crate::secret::Secret;
use crate::text::safe;

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
