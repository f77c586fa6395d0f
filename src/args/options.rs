//! The description of an option: static data that the parser, `--help` and the check of the man
//! pages read.

/// An option of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opt {
    pub short: Option<char>,
    /// The name without its dashes.
    pub long: &'static str,
    /// The placeholder of the value in `--help`; empty for a flag.
    pub value: &'static str,
    pub kind: ValueKind,
    /// The key of the setting that the option overrides.
    pub setting: Option<&'static str>,
    pub repeatable: bool,
    /// Options, by their long names, that cannot be given beside this one.
    pub conflicts: &'static [&'static str],
    pub requires: Option<Requirement>,
    /// The sentence of `--help`, without a full stop.
    pub help: &'static str,
    /// The sentence for all options of a group, which share one line of a long `--help`.
    pub group: Option<&'static str>,
}

/// A further argument that an option needs beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// Another option, by its long name.
    Option(&'static str),
    /// At least one operand, which the text names: `a queue`.
    Operand(&'static str),
    /// Exactly one operand.
    OneOperand(&'static str),
}

/// The values that an option accepts. The values for a setting are checked by the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    Flag,
    /// Text that is not empty.
    Text,
    /// The beginning of an id, of at least so many characters.
    Prefix(usize),
    Glob,
    /// A duration, as the configuration takes it.
    Span,
    /// A duration from the first to the second, in seconds.
    SpanBetween(u64, u64),
    /// A whole number of at least this.
    Least(u64),
    /// A whole number from the first to the second.
    Between(u64, u64),
    Words(&'static [&'static str]),
}

impl Opt {
    pub const fn flag(long: &'static str, help: &'static str) -> Self {
        Opt {
            short: None,
            long,
            value: "",
            kind: ValueKind::Flag,
            setting: None,
            repeatable: false,
            conflicts: &[],
            requires: None,
            help,
            group: None,
        }
    }

    pub const fn valued(
        long: &'static str,
        value: &'static str,
        kind: ValueKind,
        help: &'static str,
    ) -> Self {
        Opt { value, kind, ..Opt::flag(long, help) }
    }

    pub const fn text(long: &'static str, value: &'static str, help: &'static str) -> Self {
        Opt::valued(long, value, ValueKind::Text, help)
    }

    /// Returns a text option that overrides a setting.
    pub const fn setting(
        long: &'static str,
        value: &'static str,
        key: &'static str,
        help: &'static str,
    ) -> Self {
        Opt::text(long, value, help).overriding(key)
    }

    #[must_use]
    pub const fn overriding(self, key: &'static str) -> Self {
        Opt { setting: Some(key), ..self }
    }

    #[must_use]
    pub const fn short(self, letter: char) -> Self {
        Opt { short: Some(letter), ..self }
    }

    #[must_use]
    pub const fn repeatable(self) -> Self {
        Opt { repeatable: true, ..self }
    }

    #[must_use]
    pub const fn group(self, help: &'static str) -> Self {
        Opt { group: Some(help), ..self }
    }

    #[must_use]
    pub const fn conflicts(self, others: &'static [&'static str]) -> Self {
        Opt { conflicts: others, ..self }
    }

    #[must_use]
    pub const fn requires(self, what: Requirement) -> Self {
        Opt { requires: Some(what), ..self }
    }

    /// Returns the names with their dashes, the short one first.
    pub fn names(&self) -> Vec<String> {
        let short = self.short.map(|letter| format!("-{letter}"));
        short.into_iter().chain([format!("--{}", self.long)]).collect()
    }
}

/// The options of every program.
pub static COMMON: [Opt; 7] = [
    Opt::text("config", "FILE", "read this configuration").group(""),
    Opt::valued(
        "log-format",
        "FORM",
        ValueKind::Words(&["text", "json"]),
        "write messages on standard error as text or json",
    )
    .group(""),
    Opt::setting("log-file", "FILE", "logging.file", "also write messages to this file").group(""),
    Opt::flag("schema", "print the JSON Schema of the program's events").group(""),
    Opt::flag("verbose", "report progress on standard error").short('v').group(""),
    Opt::flag("help", "print this").short('h').group(""),
    Opt::flag("version", "print the version").group(""),
];
