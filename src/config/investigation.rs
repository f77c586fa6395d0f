//! `auto_investigation`: when the investigator is started, on what, and for how much.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::secret::Secret;
use super::value::{Field, Problem};
use crate::glob::GlobList;
use crate::rules::investigation::budget::BudgetLimits;
use crate::rules::investigation::money::Usd;

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
    /// Whether an investigation needs a sample of the messages.
    pub require_evidence: bool,
    /// Investigations under way at once.
    pub max_concurrent: usize,
    /// `stop_grace_seconds`: from SIGINT to SIGTERM; half of it again to SIGKILL.
    pub stop_grace: Duration,
    /// In US dollars: what an agent is told to spend at most.
    pub budget_usd_per_run: f64,
    /// In US dollars: all investigations, in any 24 hours.
    pub budget_usd_per_day: f64,
    /// In US dollars: all investigations of a cause, in 30 days; None: no limit.
    pub budget_usd_per_fingerprint: Option<f64>,
    /// The share of the day's that is kept for what is near the loss of messages.
    pub budget_reserve_for_expiry: f64,
    /// What holds for Claude Code alone.
    pub claude: Claude,
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
            require_evidence: true,
            max_concurrent: 2,
            stop_grace: Duration::from_secs(10),
            budget_usd_per_run: 5.0,
            budget_usd_per_day: 25.0,
            budget_usd_per_fingerprint: None,
            budget_reserve_for_expiry: 0.2,
            claude: Claude::default(),
            queues: Vec::new(),
        }
    }
}

/// How Claude Code is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claude {
    /// The model that it asks.
    pub model: String,
    /// Turns of the main agent in one run.
    pub max_turns: u32,
    /// Where the model is asked; None: where Claude Code asks by itself.
    pub base_url: Option<String>,
    /// The model's credential; None: the user's own login.
    pub auth: Option<Secret>,
    /// A folder of subagents, which replace those of the same name and add to the others.
    pub agents_dir: Option<PathBuf>,
    /// The template of the prompt; None: the one that comes with the tool.
    pub prompt_file: Option<PathBuf>,
    /// The file of its MCP servers; None: it has none.
    pub mcp_config: Option<PathBuf>,
    /// Whether it may do whatever this user may.
    pub dangerously_skip_permissions: bool,
}

impl Default for Claude {
    fn default() -> Self {
        Claude {
            model: "claude-sonnet-5-5".into(),
            max_turns: 40,
            base_url: None,
            auth: None,
            agents_dir: None,
            prompt_file: None,
            mcp_config: None,
            dangerously_skip_permissions: false,
        }
    }
}

impl AutoInvestigation {
    /// What may be spent.
    pub fn limits(&self) -> BudgetLimits {
        BudgetLimits {
            per_run: Usd::from_dollars_or_zero(self.budget_usd_per_run),
            per_day: Some(Usd::from_dollars_or_zero(self.budget_usd_per_day)),
            per_fingerprint: self.budget_usd_per_fingerprint.map(Usd::from_dollars_or_zero),
            reserve_for_expiry: self.budget_reserve_for_expiry,
            ..BudgetLimits::default()
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
    /// A program and its arguments, never a shell's line, and how it gives its result.
    Command(Vec<String>, Format),
}

/// How a program gives its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Its last line is a JSON object.
    #[default]
    Text,
    /// All that it writes is one JSON document, as of `claude --output-format json`.
    Json,
    /// A JSON object a line, as of `claude --output-format stream-json`.
    StreamJson,
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
    /// What runs its tests, and must succeed before a fix is offered.
    pub test_command: Option<Vec<String>>,
    /// Whether a fix is wanted.
    pub fix: bool,
    /// Commands whose output the investigator is given.
    pub evidence: Vec<Vec<String>>,
}

/// Where something stands that the agent is given: the same place wherever the user stands, for the
/// current folder may be a stranger's.
pub(super) fn given(field: &Field<'_>) -> Result<PathBuf, Problem> {
    field.ours("choose what the agent is given")?;
    let path = field.path()?;
    if path.is_absolute() || path.starts_with("~") {
        return Ok(path);
    }
    Err(field.problem("this path depends on the current folder; begin it with / or ~/"))
}
