//! Environment and `.env` file, as one map.
//!
//! Promises: the real environment wins; an empty value counts as unset; values are never shown,
//! because many are secrets. Pure: `load.rs` reads the file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::text::safe;

/// Environment of a program.
#[derive(Clone, Default)]
pub struct Env {
    variables: BTreeMap<String, Variable>,
}

#[derive(Clone)]
struct Variable {
    value: String,
    origin: VariableOrigin,
}

/// Place where a variable was set.
#[derive(Clone, PartialEq)]
pub(super) enum VariableOrigin {
    Environment,
    File { path: PathBuf, line: u64, trusted: bool },
}

impl Env {
    /// Returns an environment of these pairs. [`super::process_env`] returns that of the process.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variable = |(name, value): (K, V)| {
            (name.into(), Variable { value: value.into(), origin: VariableOrigin::Environment })
        };
        Env { variables: pairs.into_iter().map(variable).collect() }
    }

    /// Returns the value of a variable from either layer. None: unset or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.set(name).map(|variable| variable.value.as_str())
    }

    /// Returns the value of the real environment, for what a file that is not trusted must not
    /// decide.
    pub fn real(&self, name: &str) -> Option<&str> {
        let real = |variable: &&Variable| variable.origin == VariableOrigin::Environment;
        self.set(name).filter(real).map(|variable| variable.value.as_str())
    }

    fn set(&self, name: &str) -> Option<&Variable> {
        self.variables.get(name).filter(|variable| !variable.value.is_empty())
    }

    /// Returns the names of all variables, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    pub(super) fn origin(&self, name: &str) -> &VariableOrigin {
        self.variables.get(name).map_or(&VariableOrigin::Environment, |variable| &variable.origin)
    }

    /// Adds the text of a `.env` file as the lower layer.
    pub fn add_file(&mut self, text: &str, path: &Path, trusted: bool) -> Result<(), Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (text, line) in text.lines().zip(1..) {
            let wrong = |why: &str| Error::wrong(format!("{}:{line}: {why}", path.display()));
            let Some((name, value)) = read_line(text).map_err(wrong)? else {
                continue;
            };
            if !trusted && RUNS_COMMANDS.contains(&name) {
                return Err(wrong(&format!(
                    "'{name}' can run commands, which a .env file found in the current folder may \
                     not; name the configuration with --config or $DLQ_CONFIG"
                )));
            }
            if ["DLQ_CONFIG", "DLQ_ENV"].contains(&name) {
                let why = format!("'{name}' has no effect here; set it in the environment");
                return Err(wrong(&why));
            }
            if self.real(name).is_none() {
                let origin = VariableOrigin::File { path: path.to_owned(), line, trusted };
                self.variables.insert(name.to_owned(), Variable { value, origin });
            }
        }
        Ok(())
    }
}

/// Variables that point the AWS SDK at files in which `credential_process` runs a command.
const RUNS_COMMANDS: [&str; 2] = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];

/// Reads `[export] NAME=VALUE`, or nothing. Refusals never show the value.
fn read_line(line: &str) -> Result<Option<(&str, String)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let rest = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => line,
    };
    let (name, value) = rest.split_once('=').ok_or("expected NAME=VALUE")?;
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !first || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err("expected NAME=VALUE, with a name of letters, digits and _");
    }
    Ok(Some((name, read_value(value)?)))
}

/// Reads a value. A bare one ends at ` #`; single quotes keep everything; double quotes know the
/// escapes `\n \t \" \\ \$`.
fn read_value(text: &str) -> Result<String, &'static str> {
    const OPEN: &str = "a quote is not closed";
    let text_start = text.trim_start();
    let (value, rest) = if let Some(quoted) = text_start.strip_prefix('\'') {
        let (value, rest) = quoted.split_once('\'').ok_or(OPEN)?;
        (value.to_owned(), rest)
    } else if let Some(quoted) = text_start.strip_prefix('"') {
        let mut value = String::new();
        let mut chars = quoted.chars();
        loop {
            match chars.next().ok_or(OPEN)? {
                '"' => break,
                '\\' => match chars.next().ok_or(OPEN)? {
                    'n' => value.push('\n'),
                    't' => value.push('\t'),
                    c @ ('"' | '\\' | '$') => value.push(c),
                    c => value.extend(['\\', c]),
                },
                c => value.push(c),
            }
        }
        (value, chars.as_str())
    } else {
        let comment = [" #", "\t#"].iter().filter_map(|mark| text.find(mark)).min();
        let value = &text[..comment.unwrap_or(text.len())];
        return Ok(value.trim().to_owned());
    };
    let comment = rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#');
    if rest.trim().is_empty() || comment {
        return Ok(value);
    }
    Err("unexpected text after the closing quote")
}

/// Names only: a value may be a secret.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names().map(safe)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Env, Error> {
        let mut env = Env::from_pairs([("REAL", "real"), ("EMPTY", "")]);
        env.add_file(text, Path::new("x/.env"), true)?;
        Ok(env)
    }

    #[test]
    fn env_file_lines_are_read_like_shell_assignments() {
        let cases = [
            ("a bare value", "A=b", "b"),
            ("spaces around it", "  A= b  ", "b"),
            ("export", "export A=b", "b"),
            ("export and a tab", "export\tA=b", "b"),
            ("a comment after it", "A=b # why", "b"),
            ("a hash inside is not a comment", "A=b#c", "b#c"),
            ("only a comment", "A= # nothing", ""),
            ("an equals sign inside", "A=b=c==", "b=c=="),
            ("single quotes", "A='b \\n # \"c\"'", "b \\n # \"c\""),
            ("double quotes", r#"A="b\n\"c\" \$x \\ \d" # d"#, "b\n\"c\" $x \\ \\d"),
            ("empty quotes", "A=''", ""),
            ("CRLF", "A=b\r\nB=c\r\n", "b"),
            ("the last of two wins", "A=a\nA=b", "b"),
            ("a comment and a blank before", "# A=x\n\nA=b", "b"),
        ];
        for (what, text, expected) in cases {
            assert_eq!(with(text).unwrap().get("A").unwrap_or(""), expected, "{what}");
        }
    }

    #[test]
    fn malformed_line_is_named_without_its_value() {
        let cases = [
            "hunter2",
            "A B=hunter2",
            "1A=hunter2",
            "=hunter2",
            "A='hunter2",
            "A=\"hunter2",
            "A='hunter2'hunter2",
            "export =hunter2",
            "DLQ_CONFIG=hunter2",
            "DLQ_ENV=hunter2",
        ];
        for line in cases {
            let error = with(&format!("# one\n{line}\n")).unwrap_err();
            assert!(matches!(error, Error::Wrong(_)), "{line}");
            assert!(error.to_string().starts_with("x/.env:2: "), "{line}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{line}: {error}");
        }
    }

    #[test]
    fn real_variable_precedes_env_file_unless_empty() {
        let env = with("REAL=file\nEMPTY=file\nOWN=file").unwrap();
        assert_eq!(env.get("REAL"), Some("real"));
        assert_eq!(env.get("EMPTY"), Some("file"));
        assert_eq!((env.get("OWN"), env.real("OWN")), (Some("file"), None));
        assert_eq!(env.names().collect::<Vec<_>>(), ["EMPTY", "OWN", "REAL"]);
    }

    #[test]
    fn debug_shows_names_only() {
        let shown = format!("{:?}", with("TOKEN=hunter2").unwrap());
        assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn untrusted_env_file_cannot_set_credential_process() {
        for name in RUNS_COMMANDS {
            let (line, path) = (format!("{name}=./evil"), Path::new("config/.env"));
            let error = Env::default().add_file(&line, path, false).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("--config"), "{error}");
            assert!(Env::default().add_file(&line, path, true).is_ok());
        }
    }
}
