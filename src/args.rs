//! Parsing of command lines, over lexopt, by a table of options.
//!
//! Parsing does no I/O, so that every command line is tested from an array. `--help` and the like
//! end parsing with a [`ParseExit`]. An error names the option as it was typed.

pub mod help;
mod options;
mod overrides;

pub use options::{COMMON, Opt, ValueKind};
pub use overrides::Overrides;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::glob::GlobList;
use crate::log::Format;
use crate::text;
use crate::time;
use overrides::Override;

/// The reasons for which parsing ends before the program can start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseExit {
    Help,
    Version,
    Schema,
    /// Wrong usage, as a sentence.
    Wrong(String),
}

impl ParseExit {
    pub fn wrong(sentence: impl Into<String>) -> Self {
        ParseExit::Wrong(sentence.into())
    }
}

impl From<lexopt::Error> for ParseExit {
    fn from(error: lexopt::Error) -> Self {
        ParseExit::Wrong(match error {
            lexopt::Error::MissingValue { option: Some(option) } => {
                format!("option '{}' wants a value", text::safe(&option))
            }
            lexopt::Error::UnexpectedValue { option, .. } => {
                format!("option '{}' takes no value", text::safe(&option))
            }
            other => other.to_string(),
        })
    }
}

/// The values of the options that every program accepts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommonOptions {
    pub config: Option<PathBuf>,
    pub log_format: Option<Format>,
    pub verbose: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum GivenValue {
    Flag,
    Text(String),
    Span(Duration),
    Number(u64),
}

/// The options and operands that a command line gave.
#[derive(Debug)]
pub struct Given {
    options: &'static [Opt],
    values: Vec<(&'static Opt, GivenValue)>,
    /// The arguments that are not options.
    pub operands: Vec<String>,
}

impl Given {
    /// Returns the state before any argument: every option is absent.
    pub fn new(options: &'static [Opt]) -> Self {
        Given { options, values: Vec::new(), operands: Vec::new() }
    }

    /// Reads the arguments after the program's name. After an error the options before it stand.
    pub fn read(
        &mut self,
        args: impl IntoIterator<Item = OsString, IntoIter: 'static>,
        takes_operands: bool,
    ) -> Result<(), ParseExit> {
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(arg) = parser.next()? {
            let name = match arg {
                lexopt::Arg::Value(word) => {
                    let word = utf8(word)?;
                    if !takes_operands {
                        return Err(unexpected(&word));
                    }
                    self.operands.push(word);
                    continue;
                }
                lexopt::Arg::Short(letter) => format!("-{letter}"),
                lexopt::Arg::Long(name) => format!("--{name}"),
            };
            let opt = self.find(&name).ok_or_else(|| unknown(&name))?;
            let value = match opt.kind {
                ValueKind::Flag => GivenValue::Flag,
                _ => checked(opt, &name, utf8(parser.value()?)?)?,
            };
            match opt.long {
                "help" => return Err(ParseExit::Help),
                "version" => return Err(ParseExit::Version),
                "schema" => return Err(ParseExit::Schema),
                _ if value == GivenValue::Flag && self.has(opt.long) => continue,
                long if !opt.repeatable && self.has(long) => {
                    return Err(ParseExit::Wrong(format!("option '{name}' is given twice")));
                }
                _ => self.values.push((opt, value)),
            }
        }
        self.check_conflicts()
    }

    fn find(&self, name: &str) -> Option<&'static Opt> {
        let is_meant = |opt: &&Opt| match name.strip_prefix("--") {
            Some(long) => opt.long == long,
            None => opt.short.is_some_and(|letter| {
                name.strip_prefix('-') == Some(letter.encode_utf8(&mut [0; 4]))
            }),
        };
        self.options.iter().chain(&COMMON).find(is_meant)
    }

    fn check_conflicts(&self) -> Result<(), ParseExit> {
        for opt in self.options.iter().filter(|opt| self.has(opt.long)) {
            if let Some(other) = opt.conflicts.iter().find(|other| self.has(other)) {
                let why = format!("option '--{}' does not go with '--{other}'", opt.long);
                return Err(ParseExit::Wrong(why));
            }
        }
        Ok(())
    }

    /// Returns whether the option was given.
    pub fn has(&self, long: &str) -> bool {
        debug_assert!(self.find(&format!("--{long}")).is_some(), "no option '--{long}'");
        self.values.iter().any(|(opt, _)| opt.long == long)
    }

    fn all(&self, long: &str) -> impl Iterator<Item = &GivenValue> {
        debug_assert!(self.find(&format!("--{long}")).is_some(), "no option '--{long}'");
        self.values.iter().filter(move |(opt, _)| opt.long == long).map(|(_, value)| value)
    }

    pub fn text(&self, long: &str) -> Option<String> {
        self.texts(long).pop()
    }

    pub fn texts(&self, long: &str) -> Vec<String> {
        let text = |value: &GivenValue| match value {
            GivenValue::Text(text) => Some(text.clone()),
            _ => None,
        };
        self.all(long).filter_map(text).collect()
    }

    pub fn span(&self, long: &str) -> Option<Duration> {
        self.all(long).find_map(|value| match value {
            GivenValue::Span(span) => Some(*span),
            _ => None,
        })
    }

    pub fn number(&self, long: &str) -> Option<u64> {
        self.all(long).find_map(|value| match value {
            GivenValue::Number(number) => Some(*number),
            _ => None,
        })
    }

    /// Returns the patterns of a repeatable option, compiled; None when it was not given.
    pub fn globs(&self, long: &str) -> Result<Option<GlobList>, ParseExit> {
        let patterns = self.texts(long);
        let wrong = |why| ParseExit::Wrong(format!("option '--{long}': {why}"));
        let given = !patterns.is_empty();
        given.then(|| GlobList::any(&patterns).map_err(wrong)).transpose()
    }

    pub fn common(&self) -> CommonOptions {
        CommonOptions {
            config: self.text("config").map(PathBuf::from),
            log_format: self.text("log-format").and_then(|form| Format::parse(&form)),
            verbose: self.has("verbose"),
        }
    }

    pub fn overrides(&self) -> Overrides {
        let one = |(opt, value): &(&'static Opt, GivenValue)| {
            let value = match value {
                GivenValue::Flag => "true".to_owned(),
                GivenValue::Text(text) => text.clone(),
                GivenValue::Span(span) => format!("{}ms", span.as_millis()),
                GivenValue::Number(number) => number.to_string(),
            };
            Some(Override { key: opt.setting?, value, option: format!("--{}", opt.long) })
        };
        Overrides(self.values.iter().filter_map(one).collect())
    }
}

fn checked(opt: &Opt, name: &str, value: String) -> Result<GivenValue, ParseExit> {
    let wrong = |wants: &str| {
        ParseExit::Wrong(format!("option '{name}': '{}' is not {wants}", text::safe(&value)))
    };
    match opt.kind {
        ValueKind::Text if opt.setting.is_none() && value.is_empty() => {
            Err(ParseExit::Wrong(format!("option '{name}' wants a value that is not empty")))
        }
        ValueKind::Flag | ValueKind::Text | ValueKind::Glob => Ok(GivenValue::Text(value)),
        ValueKind::Span => time::parse_span(&value)
            .map(GivenValue::Span)
            .map_err(|why| ParseExit::Wrong(format!("option '{name}': {}", text::safe(&why)))),
        ValueKind::Number(min, max) => {
            let number = value.parse().ok().filter(|number| (min..=max).contains(number));
            let wants = || format!("a whole number from {min} to {max}");
            number.map(GivenValue::Number).ok_or_else(|| wrong(&wants()))
        }
        ValueKind::Words(words) if words.contains(&value.as_str()) => Ok(GivenValue::Text(value)),
        ValueKind::Words(words) => Err(wrong(&text::alternatives(words))),
    }
}

fn unknown(option: &str) -> ParseExit {
    ParseExit::Wrong(format!("unknown option '{}'", text::safe(option)))
}

/// Refuses an operand.
pub fn unexpected(operand: &str) -> ParseExit {
    ParseExit::Wrong(format!("unexpected argument '{}'", text::safe(operand)))
}

fn utf8(word: OsString) -> Result<String, ParseExit> {
    word.into_string().map_err(|word| {
        let word = word.to_string_lossy();
        ParseExit::Wrong(format!("argument '{}' is not UTF-8", text::safe(&word)))
    })
}

#[cfg(test)]
mod tests;
