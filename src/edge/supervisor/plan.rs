//! What a supervisor is told: the file `plan.json` in the session's folder. It holds no secret.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files;
use super::transcript_tail::Listener;
use crate::config::{Claude, Format};
use crate::edge::supervisor::agent_program::Program;
use crate::rules::agent::transcript::{LINE_MAX, Transcript};
use crate::rules::investigation::budget::Limits;
use crate::rules::investigation::incident::Incident;
use crate::time::Timestamp;

/// One document of JSON may be as long as a line of the transcript.
const JSON_MAX: u64 = LINE_MAX as u64;

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

impl Plan {
    /// What the agent has cost, as far as it was not counted before: what is gone on with counts its
    /// earlier parts in.
    pub(super) fn new_cost(&self, transcript: Option<&Transcript>) -> Option<f64> {
        let all = transcript?.cost_usd()?;
        // Sums of binary fractions have long tails.
        Some(((all - self.spent_usd).max(0.0) * 1e6).round() / 1e6)
    }

    /// All that the agent has written, in the session's folder; None for one whose last line counts.
    pub(super) fn transcript(&self, folder: &Path) -> Option<Transcript> {
        let path = folder.join(files::TRANSCRIPT);
        match self.agent.as_ref()?.format {
            Format::Text => None,
            Format::StreamJson => {
                let mut listener = Listener::new(path, None, None);
                listener.finish(&mut |_| ());
                Some(listener.transcript)
            }
            Format::Json => {
                let mut bytes = Vec::new();
                File::open(path).ok()?.take(JSON_MAX).read_to_end(&mut bytes).ok()?;
                Some(Transcript::from_json(&bytes))
            }
        }
    }

    /// Whether the agent says what it costs, and so is held to the budget.
    pub fn spends(&self) -> bool {
        self.agent.as_ref().is_some_and(|agent| agent.format != Format::Text)
    }

    /// What the agent of a session has cost whose supervisor has died, as far as it has said it.
    pub fn cost_left(&self, folder: &Path) -> Option<f64> {
        self.new_cost(self.transcript(folder).as_ref())
    }
}
