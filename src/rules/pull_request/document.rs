//! The document `prs.json`, of which `dlq-investigate` reads the refused fixes.

use serde::{Deserialize, Serialize};

use crate::document::{Document, RecordKind, SetOperation};

/// Reason of a refusal: the base has moved since the proof, and the patch's files have changed there.
pub const BASE_MOVED: &str = "base_moved";

/// The document `prs.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PullRequests {
    /// The sessions whose fix was looked at.
    pub sessions: Vec<FixState>,
}

/// State of the fix of a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FixState {
    pub id: String,
    /// The reason for which no pull request was opened, in one word; null when there is none.
    pub refused: Option<String>,
}

impl PullRequests {
    /// The kind of record of a session, by its id.
    pub const SESSION: RecordKind = "session";

    /// Returns the sessions whose fix waits for a proof on a newer base.
    pub fn base_moved(&self) -> impl Iterator<Item = &str> {
        let moved = |one: &&FixState| one.refused.as_deref() == Some(BASE_MOVED);
        self.sessions.iter().filter(moved).map(|one| one.id.as_str())
    }
}

impl Document for PullRequests {
    const NAME: &str = "prs";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> = Some("which forgets which fixes have a pull request");

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        let sessions = &mut self.sessions;
        operation.list(Self::SESSION, sessions, &mut rest.sessions, |one| one.id.clone());
    }
}
