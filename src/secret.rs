//! Secrets: references to them, which configurations hold, and their values.
//!
//! Promises: no value is shown by accident. `config/secret.rs` reads references, `edge/secret.rs`
//! fetches their values.

use std::fmt;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

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

    /// Returns a text of a server without the secret, also in the form in which `user` and it are sent as
    /// basic authentication. Error pages and proxies repeat what was sent to them.
    pub fn hidden_in(&self, text: &str, user: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let basic = STANDARD.encode(format!("{user}:{}", self.0));
        text.replace(&self.0, "[token]").replace(&basic, "[token]")
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

    #[test]
    fn repeated_secret_is_hidden() {
        let rows = [
            ("bad: hunter2!", "bad: [token]!"),
            ("Basic dTpodW50ZXIy, hunter", "Basic [token], hunter"),
            ("nothing", "nothing"),
        ];
        for (text, expected) in rows {
            assert_eq!(SecretValue::new("hunter2").hidden_in(text, "u"), expected);
        }
        assert_eq!(SecretValue::new("").hidden_in("text", "u"), "text");
    }
}
