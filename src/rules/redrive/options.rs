//! The options of a redrive, and what becomes of each when it goes on. Pure.
//!
//! `--resume` and `verify` are other command lines than the one that has begun a redrive. What that one has
//! said is recorded as words of the form `NAME=VALUE`, and holds until it is given again. One table names the
//! options, so that none is read without being recorded.

use std::time::Duration;

use super::document::Ramp;
use crate::shell;
use crate::text::safe;
use crate::time;

/// The use of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionUse {
    /// Choice of messages, which is recorded with the selection.
    Choice,
    /// Pace of a redrive, also in later runs.
    Pace,
    /// Place to ask, which the commands that are printed about the redrive have.
    Place,
    /// Option of its own command line, or one that has a field of the record.
    Other,
}

/// The options of the program, and the configuration.
pub static OPTIONS: [(&str, OptionUse); 27] = [
    ("fingerprint", OptionUse::Choice),
    ("id", OptionUse::Choice),
    ("match", OptionUse::Choice),
    ("attribute", OptionUse::Choice),
    ("older", OptionUse::Choice),
    ("newer", OptionUse::Choice),
    ("limit", OptionUse::Choice),
    ("to", OptionUse::Choice),
    ("force", OptionUse::Pace),
    ("canary", OptionUse::Pace),
    ("ramp", OptionUse::Pace),
    ("rate", OptionUse::Pace),
    ("wait", OptionUse::Pace),
    ("batch-window", OptionUse::Pace),
    ("hold", OptionUse::Pace),
    ("no-verify", OptionUse::Pace),
    ("reason", OptionUse::Other),
    ("resume", OptionUse::Other),
    ("native", OptionUse::Other),
    ("auto", OptionUse::Other),
    ("due", OptionUse::Other),
    ("config", OptionUse::Place),
    ("profile", OptionUse::Place),
    ("region", OptionUse::Place),
    ("endpoint-url", OptionUse::Place),
    ("dry-run", OptionUse::Other),
    ("quiet", OptionUse::Other),
];

/// Returns the options of a use.
pub fn names(of: OptionUse) -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().filter(move |(_, one)| *one == of).map(|(name, _)| *name)
}

/// Returns the words that hold for a later run: those that it was `given`, and of other options those that are
/// recorded.
pub fn merge(recorded: &[String], given: &[String]) -> Vec<String> {
    let is_given = |word: &&String| given.iter().any(|other| name(other) == name(word));
    let kept = recorded.iter().filter(|word| !is_given(word));
    kept.chain(given).cloned().collect()
}

fn name(word: &str) -> &str {
    word.split('=').next().unwrap_or_default()
}

fn is_place(word: &str) -> bool {
    names(OptionUse::Place).any(|one| one == name(word))
}

/// Returns the options of some words that say where to ask, as a shell reads them behind a command.
pub fn place(words: &[String]) -> String {
    let places = words.iter().filter(|word| is_place(word));
    let pairs = places.filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| format!(" --{name} {}", shell::quote(&safe(value)))).collect()
}

/// The options about the pace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaceOptions {
    pub force: bool,
    pub no_verify: bool,
    pub canary: Option<u64>,
    pub ramp: Option<u64>,
    pub rate: Option<u64>,
    pub wait: Option<Duration>,
    pub batch_window: Option<Duration>,
    pub hold: Option<Duration>,
}

impl PaceOptions {
    /// Reads words of the form `NAME=VALUE`.
    pub fn read<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut read = PaceOptions::default();
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || value.parse().map_err(|_| format!("'{value}' is no number"));
            let span = || time::parse_span(value).ok_or(format!("'{value}' is no duration"));
            match name {
                "force" => read.force = true,
                "no-verify" => read.no_verify = true,
                "canary" => read.canary = Some(number()?),
                "ramp" => read.ramp = Some(number()?),
                "rate" => read.rate = Some(number()?),
                "wait" => read.wait = Some(span()?),
                "batch-window" => read.batch_window = Some(span()?),
                "hold" => read.hold = Some(span()?),
                _ if is_place(word) => {}
                _ => return Err(format!("'{name}' is no option of the pace")),
            }
        }
        Ok(read)
    }

    /// Returns the numbers of messages of the first steps.
    pub fn steps(&self) -> Ramp {
        let usual = Ramp::default();
        Ramp { canary: self.canary.unwrap_or(usual.canary), ramp: self.ramp.unwrap_or(usual.ramp) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_of_the_pace_is_read() {
        for name in names(OptionUse::Pace) {
            let read = PaceOptions::read([format!("{name}=7").as_str()]).unwrap();
            assert_ne!(read, PaceOptions::default(), "{name}");
        }
        let rows = [
            ("colour=red", "'colour' is no option of the pace"),
            ("rate=fast", "'fast' is no number"),
            ("wait=long", "'long' is no duration"),
        ];
        for (word, expected) in rows {
            assert_eq!(PaceOptions::read([word]).unwrap_err(), expected);
        }
    }

    #[test]
    fn later_run_goes_on_with_what_it_is_not_given() {
        type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [&'a str]);
        let rows: [Row<'_>; 6] = [
            ("nothing given", &["canary=20", "ramp=30"], &[], &["canary=20", "ramp=30"]),
            ("the ramp", &["canary=20", "ramp=30"], &["ramp=5"], &["canary=20", "ramp=5"]),
            ("the canary", &["canary=20", "ramp=30"], &["canary=0"], &["ramp=30", "canary=0"]),
            ("another option", &["rate=5"], &["wait=1s"], &["rate=5", "wait=1s"]),
            ("a flag", &["no-verify=true"], &["no-verify=true"], &["no-verify=true"]),
            ("nothing recorded", &[], &["hold=1s"], &["hold=1s"]),
        ];
        let owned = |words: &[&str]| words.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
        for (rule, recorded, given, expected) in rows {
            assert_eq!(merge(&owned(recorded), &owned(given)), owned(expected), "{rule}");
        }
    }

    #[test]
    fn commands_name_the_place_that_was_given() {
        let rows = [
            (&["rate=5"][..], ""),
            (&["profile=prod", "rate=5"][..], " --profile prod"),
            (
                &["config=my dlq.yaml", "region=eu-west-1", "endpoint-url=http://[::1]:1/?a=b"][..],
                " --config 'my dlq.yaml' --region eu-west-1 --endpoint-url 'http://[::1]:1/?a=b'",
            ),
        ];
        for (words, expected) in rows {
            let owned: Vec<String> = words.iter().map(|&one| one.to_owned()).collect();
            assert_eq!(place(&owned), expected);
            assert!(PaceOptions::read(words.iter().copied()).is_ok(), "{words:?}");
        }
    }

    #[test]
    fn steps_that_are_not_given_are_the_usual_ones() {
        let rows = [
            (&[][..], Ramp { canary: 1, ramp: 10 }),
            (&["canary=20"][..], Ramp { canary: 20, ramp: 10 }),
            (&["ramp=0"][..], Ramp { canary: 1, ramp: 0 }),
            (&["canary=0", "ramp=3"][..], Ramp { canary: 0, ramp: 3 }),
        ];
        for (words, expected) in rows {
            let read = PaceOptions::read(words.iter().copied()).unwrap();
            assert_eq!(read.steps(), expected, "{words:?}");
        }
    }
}
