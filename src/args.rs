//! Parsing of command lines, over lexopt, by a table of options.
//!
//! Parsing does no I/O, so that every command line is tested from an array. `--help` and the like
//! end parsing with a [`ParseExit`]. An error names the option as it was typed.

pub mod help;
mod options;

pub use options::{COMMON, Opt, ValueKind};

use std::ffi::OsString;
use std::time::Duration;

use crate::error::Error;
use crate::glob::GlobList;
use crate::text;
use crate::time;

/// The reasons for which parsing ends before the program can start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseExit {
    Help,
    Version,
    Schema,
    /// Wrong usage, as a sentence.
    Wrong(String),
}

impl From<lexopt::Error> for ParseExit {
    fn from(error: lexopt::Error) -> Self {
        ParseExit::Wrong(match error {
            lexopt::Error::MissingValue { option: Some(option) } => {
                format!("option '{}' requires a value", text::safe(&option))
            }
            lexopt::Error::UnexpectedValue { option, .. } => {
                format!("option '{}' takes no value", text::safe(&option))
            }
            other => other.to_string(),
        })
    }
}

/// The options and operands that a command line gave.
#[derive(Debug)]
pub struct Given {
    options: &'static [Opt],
    /// A flag has the value `true`.
    values: Vec<(&'static Opt, String)>,
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
                        return Err(ParseExit::Wrong(unexpected(&word)));
                    }
                    self.operands.push(word);
                    continue;
                }
                lexopt::Arg::Short(letter) => format!("-{letter}"),
                lexopt::Arg::Long(name) => format!("--{name}"),
            };
            let opt = self.find(&name).ok_or_else(|| unknown(&name))?;
            let value = match opt.kind {
                ValueKind::Flag => "true".to_owned(),
                _ => checked(opt, &name, utf8(parser.value()?)?)?,
            };
            match opt.long {
                "help" => return Err(ParseExit::Help),
                "version" => return Err(ParseExit::Version),
                "schema" => return Err(ParseExit::Schema),
                long if opt.kind == ValueKind::Flag && self.has(long) => continue,
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
                let why = format!("option '--{}' cannot be combined with '--{other}'", opt.long);
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

    pub fn text(&self, long: &str) -> Option<String> {
        self.texts(long).pop()
    }

    pub fn texts(&self, long: &str) -> Vec<String> {
        debug_assert!(self.find(&format!("--{long}")).is_some(), "no option '--{long}'");
        let values = self.values.iter().filter(|(opt, _)| opt.long == long);
        values.map(|(_, value)| value.clone()).collect()
    }

    pub fn span(&self, long: &str) -> Option<Duration> {
        time::parse_span(&self.text(long)?).ok()
    }

    pub fn number(&self, long: &str) -> Option<u64> {
        self.text(long)?.parse().ok()
    }

    /// Returns the patterns of a repeatable option, compiled; None when it was not given.
    pub fn globs(&self, long: &str) -> Result<Option<GlobList>, Error> {
        let patterns = self.texts(long);
        let wrong = |why| Error::Usage(format!("option '--{long}': {why}"));
        let given = !patterns.is_empty();
        given.then(|| GlobList::any(&patterns).map_err(wrong)).transpose()
    }

    /// Returns the settings that options override: their keys and values, and the options with
    /// their dashes.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, &str, String)> {
        self.values
            .iter()
            .filter_map(|(opt, value)| Some((opt.setting?, &**value, format!("--{}", opt.long))))
    }
}

/// Returns the value when the option accepts it.
fn checked(opt: &Opt, name: &str, value: String) -> Result<String, ParseExit> {
    let wrong = |wants: &str| format!("option '{name}': '{}' is not {wants}", text::safe(&value));
    let refusal = match opt.kind {
        ValueKind::Text if opt.setting.is_none() && value.is_empty() => {
            Some(format!("option '{name}' requires a value that is not empty"))
        }
        ValueKind::Flag | ValueKind::Text | ValueKind::Glob => None,
        ValueKind::Span => time::parse_span(&value)
            .err()
            .map(|why| format!("option '{name}': {}", text::safe(&why))),
        ValueKind::Number(min, max) => {
            let fits = value.parse().is_ok_and(|number| (min..=max).contains(&number));
            (!fits).then(|| wrong(&format!("a whole number from {min} to {max}")))
        }
        ValueKind::Words(words) => {
            (!words.contains(&value.as_str())).then(|| wrong(&text::alternatives(words)))
        }
    };
    refusal.map_or(Ok(value), |sentence| Err(ParseExit::Wrong(sentence)))
}

fn unknown(option: &str) -> ParseExit {
    ParseExit::Wrong(format!("unknown option '{}'", text::safe(option)))
}

/// Returns the refusal of an operand.
pub fn unexpected(operand: &str) -> String {
    format!("unexpected argument '{}'", text::safe(operand))
}

fn utf8(word: OsString) -> Result<String, ParseExit> {
    word.into_string().map_err(|word| {
        let word = word.to_string_lossy();
        ParseExit::Wrong(format!("argument '{}' is not UTF-8", text::safe(&word)))
    })
}

#[cfg(test)]
mod tests;
