//! Settings of `dlq-peek`: `evidence`.

use std::time::Duration;

use super::Settings;
use crate::config::keys::Trust::{Anyone, OffOnly};
use crate::config::keys::section;
use crate::config::value::{Field, Result};
use crate::config::yaml::Value;
use crate::event::words;
use crate::rules::evidence::redact::{Pattern, Redactor};
use crate::text::safe;

const VISIBILITY: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_secs(12 * 3600);

section! {
    /// `evidence`: reading of dead letters, and redaction of the samples.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Evidence, EVIDENCE for settings: Settings [evidence] in "evidence";
    /// Messages that one pass receives at most.
    max_messages: u64 = "10", env Anyone => whole(1..=1000);
    /// Time for which a received message stays invisible when the pass does not return it earlier.
    visibility: Duration = "60s", env Anyone => span(VISIBILITY);
    /// Whether FIFO queues are read, which blocks their message groups during the pass.
    allow_fifo: bool = "false", env OffOnly("have message groups blocked") => flag();
    /// Whether the cause of a dead letter that carries no error is searched for in CloudWatch Logs,
    /// with the `aws` command: auto or off.
    logs: LogSearch = "auto", env Anyone => log_search();
    /// Patterns to redact beside the built-in kinds: a name and a regular expression each.
    redact: Vec<Pattern> = {}, file Anyone => redact_patterns();
    /// Globs of texts that are not redacted.
    redact_allow: Vec<String> = [], env OffOnly("choose what is not redacted") => patterns();
}

words! {
    /// Whether logs are searched for causes.
    LogSearch {
        /// Logs are searched where the `aws` command is installed and may ask.
        Auto = "auto",
        Off = "off",
    }
}

impl Field<'_> {
    /// Reads `auto` or `off`. YAML reads a bare `off` as false.
    fn log_search(&self) -> Result<LogSearch> {
        match self.node.value {
            Value::Flag(false) => Ok(LogSearch::Off),
            _ => self.choice(&LogSearch::ALL, LogSearch::as_str),
        }
    }

    /// Reads the map of redaction patterns. Their names replace the texts that they match.
    fn redact_patterns(&self) -> Result<Vec<Pattern>> {
        let mut patterns = Vec::new();
        for (name, entry) in self.any_entries()? {
            patterns.push(Pattern { name: name.to_owned(), regex: entry.text()? });
            if let Err(why) = Redactor::new::<&str>(&patterns, &[]) {
                return Err(entry.problem(safe(&why)));
            }
        }
        Ok(patterns)
    }
}
