//! Parsing of command lines, over lexopt, by a table of options.
//!
//! Parsing does no I/O, so that every command line is tested from an array. `--help` and the like
//! end parsing with a [`ParseExit`]. An error names the option as it was typed.

mod color;
pub mod help;
mod options;

pub use color::{COLOR, Color};
pub use options::{COMMON, Opt, Requirement, ValueKind};

use std::ffi::OsString;
use std::time::Duration;

use crate::config::{self, Settings};
use crate::error::Error;
use crate::glob::GlobList;
use crate::text;
use crate::time;

/// The characters of a refused value that are shown.
const FOUND_MAX: usize = 60;

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
                    if !takes_operands || word.is_empty() {
                        return Err(ParseExit::Wrong(unexpected(&word)));
                    }
                    self.operands.push(word);
                    continue;
                }
                lexopt::Arg::Short(letter) => format!("-{letter}"),
                lexopt::Arg::Long(name) => format!("--{name}"),
            };
            let opt = self.find(&name).ok_or_else(|| self.unknown(&name))?;
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
        self.check_combination()
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

    /// Checks the rules about options that are given together.
    fn check_combination(&self) -> Result<(), ParseExit> {
        for opt in self.options.iter().filter(|opt| self.has(opt.long)) {
            let refused =
                |why: String| Err(ParseExit::Wrong(format!("option '--{}' {why}", opt.long)));
            if let Some(other) = opt.conflicts.iter().find(|other| self.has(other)) {
                return refused(format!("cannot be combined with '--{other}'"));
            }
            match (opt.requires, self.operands.len()) {
                (Some(Requirement::Option(other)), _) if !self.has(other) => {
                    return refused(format!("requires '--{other}'"));
                }
                (Some(Requirement::Operand(what)), 0) => {
                    return refused(format!("requires {what}"));
                }
                (Some(Requirement::OneOperand(what)), given) if given != 1 => {
                    return refused(format!("requires exactly one {what}, found {given}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn unknown(&self, given: &str) -> ParseExit {
        let known = self.options.iter().chain(&COMMON).map(|opt| opt.long);
        let near = given.strip_prefix("--").and_then(|name| text::nearest(name, known));
        let hint = near.map_or(String::new(), |near| format!("; did you mean '--{near}'?"));
        ParseExit::Wrong(format!("unknown option '{}'{hint}", text::safe(given)))
    }

    /// Returns whether the option was given.
    pub fn has(&self, long: &str) -> bool {
        debug_assert!(self.find(&format!("--{long}")).is_some(), "no option '--{long}'");
        self.values.iter().any(|(opt, _)| opt.long == long)
    }

    /// Returns the first given option that is neither one of `taken` nor one of every program.
    pub fn other_than(&self, taken: &[&str]) -> Option<&'static str> {
        let own = |long: &&str| self.options.iter().any(|opt| opt.long == *long);
        self.values.iter().map(|(opt, _)| opt.long).filter(own).find(|long| !taken.contains(long))
    }

    pub fn text(&self, long: &str) -> Option<String> {
        self.texts(long).pop()
    }

    pub fn texts(&self, long: &str) -> Vec<String> {
        debug_assert!(self.find(&format!("--{long}")).is_some(), "no option '--{long}'");
        let values = self.values.iter().filter(|(opt, _)| opt.long == long);
        values.map(|(_, value)| value.clone()).collect()
    }

    /// Returns what was given of some options, as words of the form `NAME=VALUE`.
    pub fn words<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let word = |name: &'a str| {
            self.texts(name).into_iter().map(move |value| format!("{name}={value}"))
        };
        names.flat_map(word).collect()
    }

    pub fn span(&self, long: &str) -> Option<Duration> {
        time::parse_span(&self.text(long)?)
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

    /// Sets the settings that options override.
    pub fn apply(&self, settings: &mut Settings) -> Result<(), Error> {
        for opt in self.options.iter().chain(&COMMON).filter(|opt| self.has(opt.long)) {
            override_setting(settings, opt, &self.texts(opt.long))?;
        }
        Ok(())
    }

    /// Returns the options that were given and override a setting, with their dashes.
    pub fn overriding(&self) -> Vec<String> {
        let all = self.options.iter().chain(&COMMON);
        let given = all.filter(|opt| opt.setting.is_some() && self.has(opt.long));
        given.map(|opt| format!("--{}", opt.long)).collect()
    }
}

fn override_setting(settings: &mut Settings, opt: &Opt, values: &[String]) -> Result<(), Error> {
    let name = format!("--{}", opt.long);
    match (opt.setting, values) {
        (Some(key), values) if opt.repeatable => config::set_list(settings, key, values, &name),
        (Some(key), [.., value]) => config::set(settings, key, value, &name),
        _ => Ok(()),
    }
}

/// Returns the value when the option accepts it.
fn checked(opt: &Opt, name: &str, value: String) -> Result<String, ParseExit> {
    let expected = |what: &str| {
        let found = text::shorten(&value, FOUND_MAX);
        Some(format!("option '{name}': expected {what}, found '{}'", text::safe(&found)))
    };
    let refusal = match opt.kind {
        _ if opt.setting.is_some() => {
            let values = std::slice::from_ref(&value);
            override_setting(&mut Settings::default(), opt, values).err().map(|e| e.to_string())
        }
        ValueKind::Text if value.is_empty() => {
            Some(format!("option '{name}' requires a value that is not empty"))
        }
        ValueKind::Prefix(least) if value.chars().count() < least => {
            expected(&format!("at least {least} characters of an id"))
        }
        ValueKind::Glob => {
            let why = GlobList::any(std::slice::from_ref(&value)).err();
            why.map(|why| format!("option '{name}': {}", text::safe(&why)))
        }
        ValueKind::Span if time::parse_span(&value).is_none() => expected(time::SPAN),
        ValueKind::SpanBetween(least, most) => {
            let (least, most) = (Duration::from_secs(least), Duration::from_secs(most));
            let is_good =
                time::parse_span(&value).is_some_and(|span| (least..=most).contains(&span));
            let limits = format!("{} to {}", time::show_span(least), time::show_span(most));
            if is_good { None } else { expected(&format!("a duration from {limits}")) }
        }
        ValueKind::Least(least) if value.parse::<u64>().is_ok_and(|number| number >= least) => None,
        ValueKind::Least(least) => expected(&format!("a whole number of at least {least}")),
        ValueKind::Between(least, most)
            if value.parse().is_ok_and(|number: u64| (least..=most).contains(&number)) =>
        {
            None
        }
        ValueKind::Between(least, most) => {
            expected(&format!("a whole number from {least} to {most}"))
        }
        ValueKind::Words(words) if !words.contains(&value.as_str()) => {
            expected(&text::alternatives(words))
        }
        _ => None,
    };
    refusal.map_or(Ok(value), |sentence| Err(ParseExit::Wrong(sentence)))
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
