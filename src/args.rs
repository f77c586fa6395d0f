//! Options, over lexopt: what every program accepts, and errors that name the option.
//!
//! Parsing only parses: no I/O here and none in any `Options::parse`, so that all of it is tested
//! from an array. Answers to `--help` and its kin travel up as [`Stop`].

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::log::Format;
use crate::text;
use crate::time;

/// Why parsing ended before the program could start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// `-h`, `--help`.
    Help,
    /// `--version`.
    Version,
    /// `--schema`.
    Schema,
    /// Wrong usage, as a sentence.
    Wrong(String),
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Self {
        Stop::Wrong(match error {
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

/// What every program accepts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Common {
    /// `--config FILE`
    pub config: Option<PathBuf>,
    /// `--log-format text|json`
    pub log_format: Option<Format>,
    /// `-v`
    pub verbose: bool,
}

/// One argument that is not common to all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// An option, with its dashes.
    Option(String),
    /// A word that is not an option.
    Word(String),
}

/// The command line, read once from front to back.
pub struct Args {
    parser: lexopt::Parser,
    last: String,
    /// What every program accepts, as far as read.
    pub common: Common,
}

impl Args {
    /// The arguments after the program's name.
    pub fn new(args: impl IntoIterator<Item = OsString, IntoIter: 'static>) -> Self {
        let parser = lexopt::Parser::from_args(args);
        Args { parser, last: String::new(), common: Common::default() }
    }

    /// The next argument that is the program's own business.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Arg>, Stop> {
        while let Some(arg) = self.parser.next()? {
            let name = match arg {
                lexopt::Arg::Value(word) => return Ok(Some(Arg::Word(utf8(word)?))),
                lexopt::Arg::Short(letter) => format!("-{letter}"),
                lexopt::Arg::Long(name) => format!("--{name}"),
            };
            self.last = name.clone();
            match name.as_str() {
                "-h" | "--help" => return Err(Stop::Help),
                "--version" => return Err(Stop::Version),
                "--schema" => return Err(Stop::Schema),
                "-v" | "--verbose" => self.common.verbose = true,
                "--config" => {
                    let path = self.value()?;
                    once(&mut self.common.config, PathBuf::from(path), &name)?;
                }
                "--log-format" => {
                    let format = match self.value()?.as_str() {
                        "text" => Format::Text,
                        "json" => Format::Json,
                        other => return Err(self.wrong(other, "text or json")),
                    };
                    once(&mut self.common.log_format, format, &name)?;
                }
                _ => return Ok(Some(Arg::Option(name))),
            }
        }
        Ok(None)
    }

    /// The value of the option just read.
    pub fn value(&mut self) -> Result<String, Stop> {
        utf8(self.parser.value()?)
    }

    /// Sets an option that may be given once, from a text.
    pub fn text(&mut self, slot: &mut Option<String>) -> Result<(), Stop> {
        let (value, name) = (self.value()?, self.last.clone());
        if value.is_empty() {
            return Err(Stop::Wrong(format!("option '{name}' wants a value that is not empty")));
        }
        once(slot, value, &name)
    }

    /// Sets an option that may be given once, from a duration with its unit.
    pub fn span(&mut self, slot: &mut Option<Duration>) -> Result<(), Stop> {
        let (value, name) = (self.value()?, self.last.clone());
        let span = time::parse_span(&value)
            .map_err(|why| Stop::Wrong(format!("option '{name}': {}", text::safe(&why))))?;
        once(slot, span, &name)
    }

    /// Sets an option that may be given once, from a whole number within limits.
    pub fn number(
        &mut self,
        slot: &mut Option<u64>,
        within: std::ops::RangeInclusive<u64>,
    ) -> Result<(), Stop> {
        let (value, name) = (self.value()?, self.last.clone());
        match value.parse().ok().filter(|number| within.contains(number)) {
            Some(number) => once(slot, number, &name),
            None => {
                let range = format!("a whole number from {} to {}", within.start(), within.end());
                Err(self.wrong(&value, &range))
            }
        }
    }

    /// The value of the option just read is none that it takes.
    pub fn wrong(&self, value: &str, wants: &str) -> Stop {
        Stop::Wrong(format!("option '{}': '{}' is not {wants}", self.last, text::safe(value)))
    }
}

/// An argument that nobody knows.
pub fn unknown(arg: &Arg) -> Stop {
    Stop::Wrong(match arg {
        Arg::Option(name) => format!("unknown option '{}'", text::safe(name)),
        Arg::Word(word) => format!("unexpected argument '{}'", text::safe(word)),
    })
}

fn once<T>(slot: &mut Option<T>, value: T, name: &str) -> Result<(), Stop> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Stop::Wrong(format!("option '{name}' is given twice"))),
    }
}

fn utf8(word: OsString) -> Result<String, Stop> {
    word.into_string().map_err(|word| {
        Stop::Wrong(format!("argument '{}' is not UTF-8", text::safe(&word.to_string_lossy())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(words: &[&str]) -> (Result<Vec<Arg>, Stop>, Common) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let mut args = Args::new(words);
        let mut found = Vec::new();
        let result = loop {
            match args.next() {
                Ok(Some(arg)) => found.push(arg),
                Ok(None) => break Ok(found),
                Err(stop) => break Err(stop),
            }
        };
        (result, args.common)
    }

    #[test]
    fn common_options_are_read_wherever_they_stand() {
        let (rest, common) =
            all(&["a", "--config", "f.yaml", "--log-format=json", "-v", "--x", "b"]);
        let words = vec![Arg::Word("a".into()), Arg::Option("--x".into()), Arg::Word("b".into())];
        assert_eq!(rest, Ok(words));
        let expected =
            Common { config: Some("f.yaml".into()), log_format: Some(Format::Json), verbose: true };
        assert_eq!(common, expected);
    }

    #[test]
    fn an_offence_is_named_with_its_option() {
        let rows: [(&[&str], &str); 4] = [
            (&["--config"], "option '--config' wants a value"),
            (&["--config", "a", "--config", "b"], "option '--config' is given twice"),
            (&["--log-format", "xml"], "option '--log-format': 'xml' is not text or json"),
            (&["--verbose=yes", "--x"], "option '--verbose' takes no value"),
        ];
        for (words, sentence) in rows {
            assert_eq!(all(words).0, Err(Stop::Wrong(sentence.into())), "{words:?}");
        }
    }

    #[test]
    fn a_hostile_argument_is_shown_harmless() {
        let stop = unknown(&Arg::Option("--\u{1b}[2J".into()));
        assert_eq!(stop, Stop::Wrong("unknown option '--\\u{1b}[2J'".into()));
    }
}
