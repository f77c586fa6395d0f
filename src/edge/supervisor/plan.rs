//! Plan of a session: the file `plan.json`, which a filter writes and a supervisor reads. It holds
//! no secret.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::files;
use super::transcript_tail::TranscriptTail;
use crate::config::{Claude, ResultFormat};
use crate::edge::supervisor::agent_program::Program;
use crate::error::Error;
use crate::money::Usd;
use crate::regular_file;
use crate::rules::agent::cost::{self, RunCost};
use crate::rules::agent::transcript::{LINE_MAX, Transcript};
use crate::rules::evidence::redact::{Pattern, Redactor};
use crate::rules::investigation::budget::BudgetLimits;
use crate::rules::investigation::incident::Incident;
use crate::store;
use crate::time::Timestamp;

/// Version of the format. It grows when a program of the version before would misread a plan.
pub const PLAN_VERSION: u32 = 1;

/// Longest JSON document of an agent, which is as long as a line of a transcript.
const JSON_MAX: u64 = LINE_MAX as u64;

/// The code that consumes a queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Code {
    /// A clone of the repository.
    pub repo: PathBuf,
    /// The branch to start from.
    pub base: Option<String>,
    /// Command that runs the tests.
    pub test_command: Option<Vec<String>>,
    /// Patterns of the files that are tests; none: by convention.
    #[serde(default)]
    pub tests: Vec<String>,
    /// Whether the agent may change files.
    pub fix: bool,
    /// Command that runs once before the tests, with network.
    #[serde(default)]
    pub prepare: Option<Vec<String>>,
    /// Files and folders that the tests see besides the code.
    #[serde(default)]
    pub bind: Vec<PathBuf>,
    /// Whether the tests have network.
    #[serde(default)]
    pub test_network: bool,
}

/// Patterns to redact, and texts that are not redacted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Redaction {
    pub patterns: Vec<Pattern>,
    pub allow: Vec<String>,
}

/// Settings of one session; a supervisor reads no configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Format of this file. Plans that lack the field are of version 1.
    #[serde(default = "first_version")]
    pub version: u32,
    /// The incident, and its queue.
    pub incident: Incident,
    /// The agent. Without one the triage is the result.
    pub agent: Option<Program>,
    /// Settings of Claude Code. The model's credential is named, never included.
    pub claude: Claude,
    /// Limits of the budget.
    pub limits: BudgetLimits,
    /// `dlq-peek` with its arguments.
    pub peek: Option<Vec<String>>,
    /// An existing bundle, which makes `dlq-peek` unnecessary.
    pub bundle: Option<PathBuf>,
    /// Whether a session without evidence is skipped.
    pub require_evidence: bool,
    /// The code that is mapped to the queue.
    pub code: Option<Code>,
    /// Redaction of what the evidence does not hold, such as commits.
    #[serde(default)]
    pub redaction: Redaction,
    /// Session in which a resumed conversation began.
    pub resumes: Option<String>,
    /// Cost of the earlier sessions of a resumed conversation.
    pub spent_usd: Usd,
    /// Deadline as events report it.
    pub timeout_at: Timestamp,
    /// Deadline in milliseconds from the start.
    pub timeout_ms: u64,
    /// Milliseconds from SIGINT to SIGTERM; half of it again to SIGKILL.
    pub grace_ms: u64,
    /// Milliseconds until the next investigation of the queue.
    pub cooldown_ms: u64,
    /// Bytes beyond which the newest segment of the journal is rotated.
    pub journal_size_max: u64,
    /// Older segments of the journal that are kept.
    pub journal_keep: u32,
    /// Milliseconds for which these are kept. Plans that lack the field set no limit.
    #[serde(default = "endless")]
    pub journal_age_ms: u64,
}

fn endless() -> u64 {
    u64::MAX
}

fn first_version() -> u32 {
    1
}

/// Reads a plan of a session's folder. A plan of another version is refused by its number,
/// before any other field is read.
pub(super) fn read(folder: &Path, name: &str) -> Result<Plan, Error> {
    let path = folder.join(name);
    let plan: Value = store::read_json(&path)?;
    let version = plan.get("version").map_or(Some(1), Value::as_u64).unwrap_or_default();
    if version != u64::from(PLAN_VERSION) {
        let cause = format!(
            "its version is {version}, and this dlq-supervise reads version {PLAN_VERSION}; install \
             all programs from one release, then restart dlq-investigate"
        );
        return Err(Error::failed("read", path.display(), cause));
    }
    serde_json::from_value(plan).map_err(|error| Error::failed("read", path.display(), error))
}

impl Plan {
    /// Writes the plan into a session's folder.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(), Error> {
        let plan =
            serde_json::to_vec(self).map_err(|error| Error::failed("encode", name, error))?;
        store::replace(&folder.join(name), &plan)
    }

    pub(super) fn redactor(&self) -> Result<Redactor, Error> {
        let Redaction { patterns, allow } = &self.redaction;
        Redactor::new(patterns, allow).map_err(Error::wrong)
    }

    /// Cost of this run alone. A resumed conversation reports its total, so the cost of earlier
    /// runs is subtracted.
    pub(super) fn new_cost(&self, transcript: Option<&Transcript>) -> RunCost {
        let reported = transcript.map(Transcript::reported_cost).unwrap_or_default();
        cost::judge(reported, self.spent_usd, &self.limits)
    }

    /// Parses the agent's whole output; `None` for an agent whose last line is its result.
    pub(super) fn transcript(&self, folder: &Path) -> Option<Transcript> {
        let path = folder.join(files::TRANSCRIPT);
        match self.agent.as_ref()?.format {
            ResultFormat::Text => None,
            ResultFormat::StreamJson => {
                let mut tail = TranscriptTail::new(&path, None, None);
                tail.finish(&mut |_| ());
                Some(tail.transcript)
            }
            ResultFormat::Json => {
                let mut bytes = Vec::new();
                let file = regular_file::open(&path).ok()?;
                file.take(JSON_MAX).read_to_end(&mut bytes).ok()?;
                Some(Transcript::from_json(&bytes))
            }
        }
    }

    /// Whether the agent reports its cost, and so is held to the budget.
    pub fn spends(&self) -> bool {
        self.agent.as_ref().is_some_and(|agent| agent.format != ResultFormat::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_of_another_version_is_refused_by_its_number() {
        let folder = std::env::temp_dir().join(format!("dlq-plan-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(files::PLAN), r#"{"version":2,"incident":"of a later form"}"#)
            .unwrap();
        let why = read(&folder, files::PLAN).unwrap_err().to_string();
        assert!(why.contains("its version is 2, and this dlq-supervise reads version 1"), "{why}");
        // A plan without the field is version 1, and its fields are parsed.
        std::fs::write(folder.join(files::PLAN), "{}").unwrap();
        let why = read(&folder, files::PLAN).unwrap_err().to_string();
        assert!(why.contains("missing field `incident`"), "{why}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
