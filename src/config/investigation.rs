//! `auto_investigation`: when the investigator is started, on what, and for how much.

use std::path::PathBuf;
use std::time::Duration;

use super::field::{Field, Problem};
use super::secret::Secret;
use crate::rules::glob::GlobList;

/// What `dlq-investigate` is told.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoInvestigation {
    /// Whether investigations start by themselves.
    pub enabled: bool,
    /// The queues that are investigated; an empty list investigates none.
    pub target_queues: GlobList,
    /// `timeout_minutes`: for one investigation.
    pub timeout: Duration,
    /// `cooldown_hours`: between two investigations of one queue.
    pub cooldown: Duration,
    /// Who investigates.
    pub agent: Agent,
    /// A folder of subagents, which replace those of the same name and add to the others.
    pub agents_dir: Option<PathBuf>,
    /// The template of the prompt; None: the one that comes with the tool.
    pub prompt_file: Option<PathBuf>,
    /// Whether an investigation needs a sample of the messages.
    pub require_evidence: bool,
    /// Investigations under way at once.
    pub max_concurrent: usize,
    /// `stop_grace_seconds`: from SIGINT to SIGTERM; half of it again to SIGKILL.
    pub stop_grace: Duration,
    /// In US dollars; None: no limit.
    pub budget_usd_per_run: Option<f64>,
    /// In US dollars; None: no limit.
    pub budget_usd_per_day: Option<f64>,
    /// The model; None: the agent's choice.
    pub model: Option<String>,
    /// The model's credential; None: the user's own login.
    pub auth: Option<Secret>,
    /// What is known of single queues, first match wins.
    pub queues: Vec<QueueRule>,
}

impl Default for AutoInvestigation {
    fn default() -> Self {
        AutoInvestigation {
            enabled: false,
            target_queues: GlobList::default(),
            timeout: Duration::from_secs(30 * 60),
            cooldown: Duration::from_secs(3600),
            agent: Agent::Auto,
            agents_dir: None,
            prompt_file: None,
            require_evidence: true,
            max_concurrent: 2,
            stop_grace: Duration::from_secs(10),
            budget_usd_per_run: None,
            budget_usd_per_day: None,
            model: None,
            auth: None,
            queues: Vec::new(),
        }
    }
}

/// Who investigates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// `claude`, or what stands in for it where that is not installed: triage.
    Auto,
    /// Claude Code.
    Claude,
    /// The rules of this tool alone: no model is asked.
    Triage,
    /// A program and its arguments, never a shell's line.
    Command(Vec<String>),
}

/// An entry of `auto_investigation.queues`.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueRule {
    /// `match`: one pattern, of the queue's name.
    pub matching: GlobList,
    /// The folder of the code that reads the queue.
    pub repo: Option<PathBuf>,
    /// `owner/name` of its repository.
    pub github: Option<String>,
    /// The branch that a fix is made against.
    pub base: Option<String>,
    /// What must succeed before a fix is offered.
    pub test_command: Option<Vec<String>>,
    /// Commands whose output the investigator is given.
    pub evidence: Vec<Vec<String>>,
}

/// Where the words stand that the agent is given: the same place wherever the user stands, for the
/// current folder may be a stranger's.
pub(super) fn words(field: &Field<'_>) -> Result<PathBuf, Problem> {
    field.ours("choose what the agent is told")?;
    let path = field.path()?;
    if path.is_absolute() || path.starts_with("~") {
        return Ok(path);
    }
    Err(field.problem("this path depends on the current folder; begin it with / or ~/"))
}
