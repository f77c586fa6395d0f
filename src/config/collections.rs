//! Readers of lists, maps and commands.

use std::time::Duration;

use super::value::{ConfigError, Field, Result};
use serde_saphyr::Spanned;

use super::yaml::{Node, Value, outside_file};
use crate::glob::GlobList;
use crate::text::{nearest, safe, shorten};

/// Most entries of a list or a map.
pub(super) const MAX_LIST: usize = 1000;

impl<'a> Field<'a> {
    /// Reads a list of which `read` takes each item. Commas separate the items of a variable.
    pub fn list<T>(&self, read: impl Fn(&Field<'_>) -> Result<T>) -> Result<Vec<T>> {
        if let Some(text) = self.scalar() {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            let nodes = parts.map(|part| outside_file(Value::Text(part.to_owned())));
            return nodes.map(|node| read(&self.item(self.path.clone(), &node))).collect();
        }
        let Value::List(list) = &self.node.value else {
            return Err(self.expected_kind("a list"));
        };
        if list.len() > MAX_LIST {
            return Err(self.problem(format!("more than {MAX_LIST} entries")));
        }
        let path = |at: usize| match self.source.is_variable {
            true => self.path.clone(), // An option, which is given once for each item.
            false => format!("{}[{at}]", self.path),
        };
        let item = |(at, node)| read(&self.item(path(at), node));
        list.iter().enumerate().map(item).collect()
    }

    fn item<'n>(&self, path: String, node: &'n Node) -> Field<'n> {
        Field { path, line: self.line, node, source: self.source }
    }

    pub fn texts(&self) -> Result<Vec<String>> {
        self.list(|item| item.text())
    }

    pub fn globs(&self) -> Result<GlobList> {
        GlobList::any(&self.texts()?).map_err(|why| self.problem(safe(&why)))
    }

    /// Reads a pattern or a list of patterns.
    pub fn glob_or_globs(&self) -> Result<GlobList> {
        match &self.node.value {
            Value::Text(_) => self.glob(),
            _ => self.globs(),
        }
    }

    pub fn glob(&self) -> Result<GlobList> {
        GlobList::any(&[self.text()?]).map_err(|why| self.problem(safe(&why)))
    }

    /// Reads a pattern list and returns the patterns as written.
    pub fn patterns(&self) -> Result<Vec<String>> {
        self.globs().map(|globs| globs.patterns().to_vec())
    }

    /// Reads a program and its arguments.
    pub fn argv(&self) -> Result<Vec<String>> {
        match self.texts()? {
            argv if argv.is_empty() => Err(self.problem("a command needs a program")),
            argv if argv.iter().any(|word| word.contains('\0')) => {
                Err(self.problem("a command cannot hold a NUL character"))
            }
            argv => Ok(argv),
        }
    }

    /// Reads a command that any current folder may run: a relative path with a slash would name a
    /// program of that folder, and is refused.
    pub fn program(&self) -> Result<Vec<String>> {
        let argv = self.argv()?;
        match argv.first() {
            // Not shown: it may be a secret that was mistaken for a command.
            Some(program) if program.contains('/') && !program.starts_with('/') => Err(self
                .problem(
                    "this program depends on the current folder; give its whole path, or a name \
                     that is found in PATH",
                )),
            _ => Ok(argv),
        }
    }

    /// Reads durations that become shorter.
    pub fn expiry_tiers(&self) -> Result<Vec<Duration>> {
        const MAX_TIERS: usize = 8;
        // A queue keeps messages for 14 days at most.
        let range = Duration::from_secs(1)..=Duration::from_secs(14 * 86_400);
        let tiers = self.list(|item| item.span(range.clone()))?;
        if tiers.len() > MAX_TIERS {
            let text = format!("expected up to {MAX_TIERS} durations from 1s to 14d");
            return Err(self.problem(text));
        }
        if !tiers.is_sorted_by(|longer, shorter| longer > shorter) {
            let text = "expected durations that become shorter, such as [24h, 6h, 1h]";
            return Err(self.problem(text));
        }
        Ok(tiers)
    }

    /// Returns the part of the value that names a program to run.
    pub fn command(&self) -> Option<Field<'a>> {
        let is_command = match &self.node.value {
            Value::Text(text) => self.source.is_variable && text.contains('/'),
            Value::List(list) => !list.is_empty(),
            Value::Map(_) => {
                let mut entries = self.any_entries().ok()?.into_iter();
                return entries.find(|(key, _)| *key == "command").map(|(_, field)| field);
            }
            _ => false,
        };
        is_command.then(|| Field { path: self.path.clone(), ..*self })
    }

    /// Returns the entries of a map that have a value. Refuses unknown keys.
    pub fn entries(&self, known: &[&str]) -> Result<Vec<(&'a str, Field<'a>)>> {
        let entries = self.any_entries()?;
        for (name, field) in &entries {
            if !known.contains(name) {
                let text = unknown(&self.path, name, known);
                return Err(ConfigError { line: field.line, text });
            }
        }
        Ok(entries.into_iter().filter(|(_, f)| !matches!(f.node.value, Value::Null)).collect())
    }

    /// Returns the entries of a map whose keys the user chooses.
    pub fn any_entries(&self) -> Result<Vec<(&'a str, Field<'a>)>> {
        let Value::Map(map) = &self.node.value else {
            return Err(self.expected_kind("a map"));
        };
        if map.len() > MAX_LIST {
            return Err(self.problem(format!("more than {MAX_LIST} entries")));
        }
        let entry = |(key, node): &'a (Spanned<String>, Node)| {
            let path = join(&self.path, &key.value);
            let line = key.referenced.line();
            (key.value.as_str(), Field { path, line, node, source: self.source })
        };
        Ok(map.iter().map(entry).collect())
    }
}

/// Joins a section and a key. A key at the top has no section.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// Returns the refusal of an unknown key, with the nearest known one.
pub(super) fn unknown(section: &str, name: &str, known: &[&str]) -> String {
    let full = join(section, &shorten(name, 60));
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean '{}'?", join(section, near)),
        None => format!("known here: {}", known.join(", ")),
    };
    format!("unknown key '{}'; {hint}", safe(&full))
}
