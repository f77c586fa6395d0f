//! What a supervisor is told: the file `plan.json` in the session's folder. It holds no secret.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::Claude;
use crate::edge::agent::Program;
use crate::rules::budget::Limits;
use crate::rules::incident::Incident;
use crate::time::Timestamp;

/// The code that reads a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Code {
    /// A clone of it.
    pub repo: PathBuf,
    /// The branch that a fix is made against.
    pub base: Option<String>,
    /// What runs its tests.
    pub test_command: Option<Vec<String>>,
    /// Whether a fix is wanted.
    pub fix: bool,
}

/// What a supervisor is told, in the session's folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The incident, and its queue.
    pub incident: Incident,
    /// The agent. Without one, the triage stands alone.
    pub agent: Option<Program>,
    /// How Claude Code is called. Of the model's credential only where it is.
    pub claude: Claude,
    /// What it may cost.
    pub limits: Limits,
    /// What looks at the messages: `dlq-peek`, and its arguments. It gets the environment of who
    /// started the supervisor, by way of its standard input.
    pub peek: Option<Vec<String>>,
    /// A bundle that is there already, and takes the place of a look.
    pub bundle: Option<PathBuf>,
    /// Whether there has to be evidence.
    pub require_evidence: bool,
    /// The code, when it is mapped.
    pub code: Option<Code>,
    /// The session in which the conversation began that is gone on with, and what it has cost.
    pub resumes: Option<String>,
    /// See `resumes`.
    pub spent_usd: f64,
    /// When it is stopped.
    pub timeout_at: Timestamp,
    /// How long it may take, in milliseconds.
    pub timeout_ms: u64,
    /// From SIGINT to SIGTERM, in milliseconds; half of it again to SIGKILL.
    pub grace_ms: u64,
    /// Until the next investigation of the queue, in milliseconds.
    pub cooldown_ms: u64,
    /// The journal's size, in bytes.
    pub journal_size_max: u64,
    /// The older parts kept.
    pub journal_keep: u32,
}
