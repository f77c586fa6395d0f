//! Readers of single values.
//!
//! Promises: a value that does not fit is refused with its key, its line and what was expected;
//! no refusal shows the value of a secret.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::valid::http_host;
use super::yaml::{Node, Value, outside_file};
use crate::money::Usd;
use crate::rules::queue::shard::{SHARDS_MAX, Shard};
use crate::text::{alternatives, safe, shorten};
use crate::time::{SPAN, parse_span, show_span};

/// Longest text, in bytes.
pub(super) const MAX_TEXT: usize = 4096;

/// Layer that a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    /// A variable or a flag, not a file. Its value is a text, in which commas separate the items of
    /// a list.
    pub is_variable: bool,
    /// Whether the source may set keys that [`super::keys::Trust`] guards.
    pub trusted: bool,
}

/// Refusal of a value, without the name of the file.
#[derive(Debug)]
pub(super) struct ConfigError {
    /// Line in the file; 0: none.
    pub line: u64,
    pub text: String,
}

/// Result of a reader.
pub(super) type Result<T> = std::result::Result<T, ConfigError>;

/// A value and the key that it is for.
pub(super) struct Field<'a> {
    /// Key with its sections, or the name of the variable.
    pub path: String,
    pub line: u64,
    pub node: &'a Node,
    pub source: Source,
}

/// Reads a built-in default, which has the form of a variable's value.
pub(super) fn built_in<T>(text: &str, read: impl Fn(&Field<'_>) -> Result<T>) -> T {
    let text = text.trim_matches(['[', ']']);
    let node = outside_file(Value::Text(text.to_owned()));
    let source = Source { is_variable: true, trusted: true };
    let field = Field { path: "built-in default".into(), line: 0, node: &node, source };
    read(&field).unwrap_or_else(|error| panic!("{}", error.text))
}

impl<'a> Field<'a> {
    /// Returns a refusal of the value itself.
    pub fn problem(&self, text: impl Into<String>) -> ConfigError {
        let line = match self.node.referenced.line() {
            0 => self.line,
            line => line,
        };
        ConfigError { line, text: format!("'{}': {}", safe(&self.path), text.into()) }
    }

    pub fn expected(&self, what: &str) -> ConfigError {
        let found = match &self.node.value {
            Value::Flag(flag) => format!("{flag}"),
            Value::Whole(number) => format!("{number}"),
            Value::Real(number) => format!("{number}"),
            Value::Text(text) => format!("'{}'", safe(&shorten(text, 60))),
            _ => return self.expected_kind(what),
        };
        self.problem(format!("expected {what}, found {found}"))
    }

    /// Returns a refusal that names the kind of the value only: the value may be a secret that lost
    /// its key, as in `github: ghp_...`.
    pub fn expected_kind(&self, what: &str) -> ConfigError {
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

    /// Returns the refusal of a value that only a trusted source may give.
    pub fn untrusted(&self, what: &str) -> ConfigError {
        self.problem(format!(
            "a configuration found in the current folder may not {what}; name the file with \
             --config or $DLQ_CONFIG to trust it"
        ))
    }

    /// Whether the value is `false` or an empty list.
    pub fn is_off(&self) -> bool {
        let empty = matches!(&self.node.value, Value::List(list) if list.is_empty());
        empty || self.flag().is_ok_and(|on| !on)
    }

    pub fn scalar(&self) -> Option<&str> {
        match &self.node.value {
            Value::Text(text) if self.source.is_variable => Some(text.trim()),
            _ => None,
        }
    }

    pub fn text(&self) -> Result<String> {
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

    /// Reads a text that `fits`; `what` describes those that do.
    pub fn text_like(&self, what: &str, fits: fn(&str) -> bool) -> Result<String> {
        let text = self.text()?;
        if fits(&text) { Ok(text) } else { Err(self.expected(what)) }
    }

    pub fn path(&self) -> Result<PathBuf> {
        self.text().map(PathBuf::from)
    }

    pub fn flag(&self) -> Result<bool> {
        match (&self.node.value, self.scalar()) {
            (Value::Flag(flag), _) => Ok(*flag),
            (_, Some("true" | "yes" | "on" | "1")) => Ok(true),
            (_, Some("false" | "no" | "off" | "0")) => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    pub fn whole<N: TryFrom<i64>>(&self, range: RangeInclusive<i64>) -> Result<N> {
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

    pub fn real(&self, range: RangeInclusive<f64>) -> Result<f64> {
        self.number().filter(|number| range.contains(number)).ok_or_else(|| {
            self.expected(&format!("a number from {} to {}", range.start(), range.end()))
        })
    }

    /// Reads an amount of US dollars.
    pub fn usd(&self, range: RangeInclusive<f64>) -> Result<Usd> {
        self.real(range).map(|dollars| Usd::from_dollars(dollars).unwrap_or_default())
    }

    /// Reads a number of units of so many seconds each, to the millisecond.
    pub fn units(&self, seconds: f64, range: RangeInclusive<f64>) -> Result<Duration> {
        let number = self.real(range)?;
        Ok(Duration::from_millis((number * seconds * 1000.0).round() as u64))
    }

    /// Reads a duration: a number of seconds, or a text with a unit.
    pub fn span(&self, range: RangeInclusive<Duration>) -> Result<Duration> {
        let span = match &self.node.value {
            Value::Text(text) => parse_span(text.trim()),
            _ => self.number().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        };
        span.filter(|span| range.contains(span)).ok_or_else(|| {
            let (least, most) = (show_span(*range.start()), show_span(*range.end()));
            self.expected(&format!("{SPAN}, from {least} to {most}"))
        })
    }

    /// Reads one of some words, in any case of letters.
    pub fn choice<T: Copy>(&self, all: &[T], as_str: fn(T) -> &'static str) -> Result<T> {
        let given = |text: &str| all.iter().find(|one| as_str(**one).eq_ignore_ascii_case(text));
        let found = match &self.node.value {
            Value::Text(text) => given(text.trim()),
            _ => None,
        };
        found.copied().ok_or_else(|| {
            let known: Vec<_> = all.iter().map(|one| as_str(*one)).collect();
            self.expected(&alternatives(&known))
        })
    }

    /// Reads a path that names the same file in every current folder.
    pub fn anchored_path(&self) -> Result<PathBuf> {
        let path = self.path()?;
        if path.is_absolute() || path.starts_with("~") {
            return Ok(path);
        }
        Err(self.problem("this path depends on the current folder; begin it with / or ~/"))
    }

    /// Reads the address and the port of a server.
    pub fn socket_address(&self) -> Result<SocketAddr> {
        let text = self.text()?;
        text.parse().map_err(|_| self.expected("an address with a port such as 127.0.0.1:9187"))
    }

    /// Reads a shard.
    pub fn shard(&self) -> Result<Shard> {
        let what = format!("a shard such as 2/3, of at most {SHARDS_MAX}");
        match &self.node.value {
            Value::Text(text) => Shard::parse(text).ok_or_else(|| self.expected(&what)),
            _ => Err(self.expected(&what)),
        }
    }

    /// Reads an http or https URL without a user or a password.
    pub fn endpoint(&self) -> Result<String> {
        const WHAT: &str = "an http or https URL";
        let text = self.text()?;
        // What stands before an @ may be a password.
        let refused =
            || if text.contains('@') { self.expected_kind(WHAT) } else { self.expected(WHAT) };
        let host = http_host(&text).ok_or_else(refused)?;
        if host.contains('@') {
            return Err(self.problem("a URL with a user or a password is not taken"));
        }
        Ok(text)
    }
}
