//! One configured value on its way to a type: it knows its key, its line and who gave it.
//!
//! Promises: what does not fit is refused with the key, the line and what was expected; the
//! value of a secret is never shown; a stranger's file gives no command, starts nothing and sends nothing elsewhere.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::secret::Secret;
use super::url::{http_host, loopback};
use super::yaml::{Node, Value};
use crate::glob::GlobList;
use crate::text::{nearest, safe, shorten};
use crate::time::{parse_span, show_span};

/// The longest text, in bytes.
pub(super) const MAX_TEXT: usize = 4096;
/// The longest list.
pub(super) const MAX_LIST: usize = 1000;

/// Who gives a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Giver {
    /// A configuration file.
    File { trusted: bool },
    /// A variable: everything is text, lists have commas.
    Variable { trusted: bool },
}

/// Why a value is refused.
#[derive(Debug)]
pub(super) struct Problem {
    pub line: u64,
    pub text: String,
}

/// A value that somebody gave.
pub(super) struct Field<'a> {
    /// Its key with its sections, or the variable's name.
    pub path: String,
    pub line: u64,
    pub node: &'a Node,
    pub giver: Giver,
}

type Got<T> = Result<T, Problem>;

impl<'a> Field<'a> {
    /// A refusal of the value itself.
    pub fn problem(&self, text: impl Into<String>) -> Problem {
        let line = if self.node.line > 0 { self.node.line } else { self.line };
        Problem { line, text: format!("'{}': {}", safe(&self.path), text.into()) }
    }

    fn expected(&self, what: &str) -> Problem {
        let found = match &self.node.value {
            Value::Flag(flag) => format!("{flag}"),
            Value::Whole(number) => format!("{number}"),
            Value::Real(number) => format!("{number}"),
            Value::Text(text) => format!("'{}'", safe(&shorten(text, 60))),
            _ => return self.expected_kind(what),
        };
        self.problem(format!("expected {what}, found {found}"))
    }

    /// For what is of the wrong kind altogether: it may be a secret that lost its key, as in
    /// `github: ghp_...`, so it is not shown.
    fn expected_kind(&self, what: &str) -> Problem {
        let found = match &self.node.value {
            Value::Null => "nothing",
            Value::Flag(_) => "true or false",
            Value::Whole(_) | Value::Real(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        };
        self.problem(format!("expected {what}, found {found}"))
    }

    fn trusted(&self) -> bool {
        match self.giver {
            Giver::File { trusted } | Giver::Variable { trusted } => trusted,
        }
    }

    /// Refuses what a stranger's file may not do.
    pub fn ours(&self, what: &str) -> Got<()> {
        if self.trusted() {
            return Ok(());
        }
        Err(self.problem(format!(
            "a configuration found in the current folder may not {what}; name the file with \
             --config or $DLQ_CONFIG to trust it"
        )))
    }

    fn variable(&self) -> bool {
        matches!(self.giver, Giver::Variable { .. })
    }

    fn scalar(&self) -> Option<&str> {
        match &self.node.value {
            Value::Text(text) if self.variable() => Some(text.trim()),
            _ => None,
        }
    }

    pub fn text(&self) -> Got<String> {
        match &self.node.value {
            Value::Text(text) if text.trim().is_empty() || text.len() > MAX_TEXT => {
                Err(self.problem(format!("expected text of 1 to {MAX_TEXT} bytes")))
            }
            Value::Text(text) => Ok(text.clone()),
            Value::Flag(_) | Value::Whole(_) | Value::Real(_) => {
                Err(self.expected("text (put it in quotes)"))
            }
            _ => Err(self.expected("text")),
        }
    }

    /// Text that passes a test, with words for what passes.
    pub fn text_like(&self, what: &str, fits: fn(&str) -> bool) -> Got<String> {
        let text = self.text()?;
        if fits(&text) { Ok(text) } else { Err(self.expected(what)) }
    }

    pub fn path(&self) -> Got<PathBuf> {
        self.text().map(PathBuf::from)
    }

    pub fn flag(&self) -> Got<bool> {
        match (&self.node.value, self.scalar()) {
            (Value::Flag(flag), _) => Ok(*flag),
            (_, Some("true" | "yes" | "on" | "1")) => Ok(true),
            (_, Some("false" | "no" | "off" | "0")) => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    pub fn whole<N: TryFrom<i64>>(&self, range: RangeInclusive<i64>) -> Got<N> {
        let number = match (&self.node.value, self.scalar()) {
            (Value::Whole(number), _) => Some(*number),
            (_, Some(text)) => text.parse().ok(),
            _ => None,
        };
        number
            .filter(|number| range.contains(number))
            .and_then(|number| N::try_from(number).ok())
            .ok_or_else(|| {
                let what = format!("a whole number from {} to {}", range.start(), range.end());
                self.expected(&what)
            })
    }

    fn number(&self) -> Option<f64> {
        let number = match (&self.node.value, self.scalar()) {
            (Value::Whole(number), _) => *number as f64,
            (Value::Real(number), _) => *number,
            (_, Some(text)) => text.parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    pub fn real(&self, range: RangeInclusive<f64>) -> Got<f64> {
        self.number().filter(|number| range.contains(number)).ok_or_else(|| {
            self.expected(&format!("a number from {} to {}", range.start(), range.end()))
        })
    }

    /// A number that counts a unit of so many seconds, to the millisecond.
    pub fn units(&self, seconds: f64, range: RangeInclusive<f64>) -> Got<Duration> {
        let number = self.real(range)?;
        Ok(Duration::from_millis((number * seconds * 1000.0).round() as u64))
    }

    /// A number of seconds, or text with a unit.
    pub fn span(&self, range: RangeInclusive<Duration>) -> Got<Duration> {
        let span = match (self.number(), &self.node.value) {
            (Some(seconds), _) => Duration::try_from_secs_f64(seconds).ok(),
            (None, Value::Text(text)) => parse_span(text.trim()).ok(),
            _ => None,
        };
        span.filter(|span| range.contains(span)).ok_or_else(|| {
            let (least, most) = (show_span(*range.start()), show_span(*range.end()));
            self.expected(&format!("seconds or a duration such as 30s, from {least} to {most}"))
        })
    }

    /// One of some words, in any case of letters.
    pub fn choice<T: Copy>(&self, words: &[(&str, T)]) -> Got<T> {
        let found = match &self.node.value {
            Value::Text(text) => {
                words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim()))
            }
            _ => None,
        };
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.expected(&format!("one of {}", known.join(", ")))
        })
    }

    fn nodes(&self) -> Got<&'a [Node]> {
        match &self.node.value {
            Value::List(list) if list.len() <= MAX_LIST => Ok(list),
            Value::List(_) => Err(self.problem(format!("more than {MAX_LIST} entries"))),
            _ => Err(self.expected_kind("a list")),
        }
    }

    /// The entries of a list.
    pub fn items(&self) -> Got<Vec<Field<'a>>> {
        let list = self.nodes()?;
        let item = |(at, node): (usize, &'a Node)| Field {
            path: format!("{}[{at}]", self.path),
            line: self.line,
            node,
            giver: self.giver,
        };
        Ok(list.iter().enumerate().map(item).collect())
    }

    pub fn texts(&self) -> Got<Vec<String>> {
        if let Some(text) = self.scalar() {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            return Ok(parts.map(str::to_owned).collect());
        }
        self.items()?.iter().map(Field::text).collect()
    }

    /// A list of texts that each pass a test.
    pub fn texts_like(&self, what: &str, fits: fn(&str) -> bool) -> Got<Vec<String>> {
        let texts = self.texts()?;
        match texts.iter().find(|text| !fits(text)) {
            Some(text) => {
                let text = shorten(text, 60);
                Err(self.problem(format!("expected {what}, found '{}'", safe(&text))))
            }
            None => Ok(texts),
        }
    }

    pub fn globs(&self) -> Got<GlobList> {
        GlobList::any(&self.texts()?).map_err(|why| self.problem(safe(&why)))
    }

    /// A pattern, or a list of them.
    pub fn glob_or_globs(&self) -> Got<GlobList> {
        match &self.node.value {
            Value::Text(_) if !self.variable() => self.glob(),
            _ => self.globs(),
        }
    }

    pub fn glob(&self) -> Got<GlobList> {
        GlobList::any(&[self.text()?]).map_err(|why| self.problem(safe(&why)))
    }

    /// A program and its arguments; refused when a stranger's file gives it.
    pub fn argv(&self) -> Got<Vec<String>> {
        self.ours("run commands")?;
        match self.texts()? {
            argv if argv.is_empty() => Err(self.problem("a command needs a program")),
            argv if argv.iter().any(|word| word.contains('\0')) => {
                Err(self.problem("a command cannot hold a NUL character"))
            }
            argv => Ok(argv),
        }
    }

    /// A command that runs wherever the user stands: a program below the current folder would be
    /// that folder's, not the user's.
    pub fn program(&self) -> Got<Vec<String>> {
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

    /// Where AWS is asked for: an http or https URL without a user or a password. A stranger's
    /// file names this machine at most, for it would hear what is signed for AWS.
    pub fn endpoint(&self) -> Got<String> {
        const WHAT: &str = "an http or https URL";
        let text = self.text()?;
        // What stands before an @ may be a password.
        let refused =
            || if text.contains('@') { self.expected_kind(WHAT) } else { self.expected(WHAT) };
        let host = http_host(&text).ok_or_else(refused)?;
        if host.contains('@') {
            return Err(self.problem("a URL with a user or a password is not taken"));
        }
        if !loopback(host) {
            self.ours("name a server on another machine")?;
        }
        Ok(text)
    }

    /// The entries of a map without those that say nothing; an unknown key is refused.
    pub fn entries(&self, known: &[&str]) -> Got<Vec<(&'a str, Field<'a>)>> {
        let entries = self.any_entries()?;
        for (name, field) in &entries {
            if !known.contains(name) {
                let text = unknown(&self.path, name, known);
                return Err(Problem { line: field.line, text });
            }
        }
        Ok(entries.into_iter().filter(|(_, f)| !matches!(f.node.value, Value::Null)).collect())
    }

    /// The entries of a map whose keys are the user's own.
    pub fn any_entries(&self) -> Got<Vec<(&'a str, Field<'a>)>> {
        let Value::Map(map) = &self.node.value else {
            return Err(self.expected_kind("a map"));
        };
        if map.len() > MAX_LIST {
            return Err(self.problem(format!("more than {MAX_LIST} entries")));
        }
        let entry = |(key, node): &'a (super::yaml::Key, Node)| {
            let path = join(&self.path, &key.name);
            (key.name.as_str(), Field { path, line: key.line, node, giver: self.giver })
        };
        Ok(map.iter().map(entry).collect())
    }

    /// A reference to a secret. Nothing of what stands there is shown.
    pub fn secret(&self) -> Got<Secret> {
        const FORMS: &str =
            "give it as {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT, ...]}";
        match &self.node.value {
            Value::Map(map) if map.len() == 1 => {}
            Value::Map(_) => return Err(self.problem(format!("not one reference; {FORMS}"))),
            _ => return Err(self.problem(format!("a secret does not stand in the file; {FORMS}"))),
        }
        let entries = self.any_entries()?;
        let (form, field) = &entries[0];
        // A mistaken value may be the secret itself, so none of these sentences shows it.
        let hide = |problem: Problem| Problem {
            text: format!("'{}': not a reference to a secret; {FORMS}", safe(&self.path)),
            ..problem
        };
        match *form {
            "env" => match field.text().map_err(hide)? {
                name if env_name(&name) => Ok(Secret::Env(name)),
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

/// Lower case is refused, because a token pasted in place of a name has some.
fn env_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 128 && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// `section.key`; a key at the top stands alone.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// The sentence about a key that does not exist, with the nearest that does.
pub(super) fn unknown(section: &str, name: &str, known: &[&str]) -> String {
    let full = join(section, &shorten(name, 60));
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean '{}'?", join(section, near)),
        None => format!("known here: {}", known.join(", ")),
    };
    format!("unknown key '{}'; {hint}", safe(&full))
}
