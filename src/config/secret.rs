//! Where a secret is, never what it is. `edge/secret.rs` fetches it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// A reference to a secret. `Debug` shows the reference, which is not secret.
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

/// A secret that has been fetched. It cannot be shown by accident: there is no `Display`, no
/// `Serialize`, and `Debug` says `[secret]`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(String);

impl SecretValue {
    /// Takes charge of a secret.
    pub fn new(value: impl Into<String>) -> Self {
        SecretValue(value.into())
    }

    /// The secret itself, for the one place that sends it.
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
