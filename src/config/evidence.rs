//! `evidence`: how dead letters are looked at, and what is made unreadable in what is kept.

use std::time::Duration;

use super::value::{Field, Problem};
use crate::rules::evidence::redact::{Pattern, Redactor};
use crate::text::safe;

/// What `dlq-peek` is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Messages that one pass takes at most.
    pub max_messages: u64,
    /// How long a received message stays invisible when it is not put back before.
    pub visibility: Duration,
    /// Whether FIFO queues are looked into, too.
    pub allow_fifo: bool,
    /// What is redacted beside the built-in kinds: a name, and a regular expression.
    pub redact: Vec<Pattern>,
    /// What is not redacted: globs of whole finds.
    pub redact_allow: Vec<String>,
}

impl Default for Evidence {
    fn default() -> Self {
        Evidence {
            max_messages: 10,
            visibility: Duration::from_secs(60),
            allow_fifo: false,
            redact: Vec::new(),
            redact_allow: Vec::new(),
        }
    }
}

/// The patterns of `redact`. The names stand in the place of what was found.
pub(super) fn patterns(field: &Field<'_>) -> Result<Vec<Pattern>, Problem> {
    let mut patterns = Vec::new();
    for (name, entry) in field.any_entries()? {
        patterns.push(Pattern { name: name.to_owned(), regex: entry.text()? });
        if let Err(why) = Redactor::new::<&str>(&patterns, &[]) {
            return Err(entry.problem(safe(&why)));
        }
    }
    Ok(patterns)
}
