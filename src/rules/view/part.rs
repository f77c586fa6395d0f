//! The parts of the state that `dlq-status` shows one by one: incidents, queues, spend and pull
//! requests.
//!
//! Promises: the figures are those of the dashboard, by the same fold, rows and words; unknown is never
//! shown as none or as zero. `page.rs` renders a part for people, `document.rs` for programs.

mod document;
mod page;

pub use document::{change, document};
pub use page::{PartStyle, page};

use crate::rules::view::dashboard::Dashboard;
use crate::rules::view::status::SpendSummary;
use crate::text;
use crate::time::Timestamp;

/// A part of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusPart {
    Incidents,
    Queues,
    Spend,
    Prs,
}

impl StatusPart {
    pub const ALL: [StatusPart; 4] =
        [StatusPart::Incidents, StatusPart::Queues, StatusPart::Spend, StatusPart::Prs];

    pub fn as_str(self) -> &'static str {
        match self {
            StatusPart::Incidents => "incidents",
            StatusPart::Queues => "queues",
            StatusPart::Spend => "spend",
            StatusPart::Prs => "prs",
        }
    }

    /// Reads the word of a part. An unknown one is an error that names the known ones.
    pub fn parse(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|part| part.as_str() == word);
        found.ok_or_else(|| text::unknown("part", word, &Self::ALL.map(StatusPart::as_str)))
    }
}

/// The facts that a part is made from.
#[derive(Debug, Clone, Copy)]
pub struct PartFacts<'a> {
    pub part: StatusPart,
    /// The events of the journal, and what the state folder adds to them.
    pub dashboard: &'a Dashboard,
    /// The budget; None when it could not be read.
    pub budget: Option<&'a SpendSummary>,
    /// The state folder.
    pub state: &'a str,
    pub now: Timestamp,
}

impl PartFacts<'_> {
    /// Returns whether any event was read. Without one nothing is known of what events tell.
    fn has_events(&self) -> bool {
        self.dashboard.source.events > 0
    }
}
