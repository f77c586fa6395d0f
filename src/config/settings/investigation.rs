//! Settings of `dlq-investigate`: `auto_investigation`.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{REPOSITORY, Settings};
use crate::config::keys::Trust::{Anyone, NoCommand, OffOnly, OnOnly, Owner};
use crate::config::keys::{read_entry, section};
use crate::config::valid;
use crate::config::value::{Field, Result};
use crate::config::yaml::Value;
use crate::event::words;
use crate::glob::GlobList;
use crate::money::Usd;
use crate::rules::agent::subagent::is_model;
use crate::rules::evidence::logs::{LogSource, query};
use crate::rules::investigation::budget::{BudgetLimits, NEAR_LOSS};
use crate::rules::sandbox::mode::SandboxMode;
use crate::secret::Secret;
use crate::text::{safe, shorten};

const MODEL: &str = "the name of a model such as claude-sonnet-5-5";

section! {
    /// `auto_investigation`: start, scope and budget of investigations.
    #[derive(Debug, Clone, PartialEq)]
    pub struct AutoInvestigation, INVESTIGATION for settings: Settings [auto_investigation]
        in "auto_investigation";
    /// Whether investigations start automatically.
    enabled: bool = "false", env OffOnly("start investigations") => flag();
    /// Queues to investigate; an empty list investigates none.
    target_queues: GlobList = [], env Anyone => globs();
    /// Time limit of one investigation, in minutes.
    timeout as "timeout_minutes": Duration = "30", env Anyone => units(60.0, 0.001..=1440.0);
    /// Hours between two investigations of one queue.
    cooldown as "cooldown_hours": Duration = "1", env Anyone => units(3600.0, 0.0..=8760.0);
    /// Agent that investigates: claude, triage, auto, or a command.
    agent: Agent = "auto", env NoCommand => agent();
    /// Whether an investigation needs a sample of the messages.
    require_evidence: bool = "true", env Anyone => flag();
    /// Investigations under way at once.
    max_concurrent: usize = "2", env Anyone => whole(1..=64);
    /// Seconds from SIGINT to SIGTERM when an agent is stopped.
    stop_grace as "stop_grace_seconds": Duration = "10", env Anyone => units(1.0, 0.0..=600.0);
    /// US dollars for one investigation.
    budget_usd_per_run: Usd = "5", env Anyone => usd(0.01..=10_000.0);
    /// US dollars of these, at most, for the last answer of a run that ended without a verdict; 0:
    /// none is asked for.
    budget_usd_last_answer: Usd = "0.5", env Anyone => usd(0.0..=100.0);
    /// US dollars for all investigations of any 24 hours.
    budget_usd_per_day: Usd = "25", env Anyone => usd(0.0..=10_000.0);
    /// US dollars for all investigations of one cause in 30 days.
    budget_usd_per_fingerprint: Option<Usd> = none, env Anyone => usd(0.0..=10_000.0);
    /// Share of the budget of a day that is kept for causes whose messages can be lost within 6
    /// hours.
    budget_reserve_for_expiry: f64 = "0.2", env Anyone => real(0.0..=1.0);
    /// Settings of single queues; the first entry that matches applies.
    queues: Vec<QueueRule> = [], file Anyone => list(QueueRule::read);
    with claude: Claude;
}

section! {
    /// Keys of `auto_investigation` that apply to Claude Code alone.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    pub struct Claude, CLAUDE for settings: Settings [auto_investigation.claude] in "auto_investigation";
    /// Model that claude asks.
    model: String = "claude-sonnet-5-5", env Anyone => text_like(MODEL, is_model);
    /// Turns of the main agent in one run of claude.
    max_turns: u32 = "40", env Anyone => whole(1..=1000);
    /// URL of a gateway where claude asks the model.
    base_url: Option<String> = none, env Owner("name the server that gets the key") => endpoint();
    /// Credential of the model for claude: an API key or an OAuth token; without it, the login of
    /// the user.
    auth: Option<Secret> = none, file NoCommand => secret();
    /// Folder of subagents for claude.
    agents_dir: Option<PathBuf> = none, file Owner(AGENT_INPUT) => anchored_path();
    /// Template of the prompt for claude.
    prompt_file: Option<PathBuf> = none, file Owner(AGENT_INPUT) => anchored_path();
    /// File of the MCP servers that claude may ask.
    mcp_config: Option<PathBuf> = none, file Owner(AGENT_INPUT) => anchored_path();
    /// Whether claude may do whatever the user may do, without any check.
    dangerously_skip_permissions: bool = "false",
        file OffOnly("let the agent do anything") => flag();
    /// Whether claude and tests run in a sandbox: auto, require or off.
    sandbox: SandboxMode = "auto", file OnOnly("let the agent run without a sandbox") =>
        sandbox();
    /// Files and folders that claude and tests see in their sandboxes, read-only.
    sandbox_paths: Vec<PathBuf> = [], file OffOnly(SANDBOX) => list(|entry| entry.anchored_path());
}

const SANDBOX: &str = "choose what a sandbox holds";

const AGENT_INPUT: &str = "choose what the agent is given";

section! {
    /// Entry of `auto_investigation.queues`.
    #[derive(Debug, Clone, PartialEq)]
    pub struct QueueRule, QUEUE for entry: QueueRule [] in "auto_investigation.queues[]";
    /// Pattern of the name of the queue.
    matching as "match": GlobList = required, file Anyone => glob();
    /// Clone of the code that reads the queue.
    repo: Option<PathBuf> = none, file Anyone => path();
    /// Repository on GitHub that gets the pull requests, as owner/name.
    github: Option<String> = none, file Owner("choose where code is pushed") =>
        text_like(REPOSITORY, valid::repository);
    /// Account that is responsible for the code, as a login; it is asked for what a pull request needs.
    owner: Option<String> = none, file Anyone => text_like("a login such as ana", valid::owner);
    /// Command that succeeds when the commit that is its last argument is live.
    deployed: Option<Vec<String>> = none, file NoCommand => argv();
    /// Branch that is read, and against which a fix is made.
    base: Option<String> = none, file Anyone => text_like("the name of a branch", valid::branch);
    /// Command that runs the tests of the code.
    test_command: Option<Vec<String>> = none, file NoCommand => argv();
    /// Patterns of the files that are tests; without any, the conventions of each language apply.
    tests: GlobList = [], file Anyone => globs();
    /// Command that prepares the code for its tests, once, with network, in a sandbox.
    prepare: Option<Vec<String>> = none, file NoCommand => argv();
    /// Files and folders that the tests see, read-only; those in the clone are seen in the worktree.
    bind: Vec<PathBuf> = [], file OffOnly(SANDBOX) => list(|entry| entry.anchored_path());
    /// Whether the tests may use the network.
    test_network: bool = "false", file OffOnly("let tests use the network") => flag();
    /// Whether claude may change files, in a worktree of its own.
    fix: bool = "false", file OffOnly("have files changed") => flag();
    /// Commands whose output is filed with a sample of the messages.
    evidence: Vec<Vec<String>> = [], file NoCommand => list(|entry| entry.program());
    /// Log of the consumer of the source queue, where it cannot be told from the queue: a function
    /// or a log group.
    logs: Option<LogSource> = none, file Owner(LOGS) => log_source();
}

const LOGS: &str = "choose which logs are read";

section! {
    /// Entry `logs` of a queue.
    #[derive(Debug, Clone, PartialEq)]
    pub struct QueueLogs, QUEUE_LOGS for entry: QueueLogs []
        in "auto_investigation.queues[].logs";
    /// Name of the Lambda function whose log is searched.
    lambda: Option<String> = none, file Anyone =>
        text_like("the name of a function such as orders", query::is_function);
    /// Log group of CloudWatch Logs that is searched.
    log_group: Option<String> = none, file Anyone =>
        text_like("the name of a log group such as /ecs/orders", query::is_group);
}

section! {
    /// Agent that is a command.
    #[derive(Debug, Clone, PartialEq)]
    pub struct CommandAgent, COMMAND for entry: CommandAgent [] in "auto_investigation.agent";
    /// Program and its arguments.
    command: Vec<String> = required, file NoCommand => program();
    /// Form of its result: text, json or stream-json.
    format: ResultFormat = "text", file Anyone =>
        choice(&ResultFormat::ALL, ResultFormat::as_str);
}

impl QueueRule {
    fn read(field: &Field<'_>) -> Result<QueueRule> {
        let rule: QueueRule = read_entry(QUEUE, field)?;
        if rule.repo.is_none() && (rule.fix || rule.test_command.is_some()) {
            return Err(field.problem("'fix' and 'test_command' need a 'repo'"));
        }
        Ok(rule)
    }
}

impl Field<'_> {
    /// Reads `auto`, `require` or `off`. YAML reads a bare `off` as false.
    fn sandbox(&self) -> Result<SandboxMode> {
        match self.node.value {
            Value::Flag(false) => Ok(SandboxMode::Off),
            _ => self.choice(&SandboxMode::ALL, SandboxMode::as_str),
        }
    }

    /// Reads `{lambda: NAME}` or `{log_group: GROUP}`.
    fn log_source(&self) -> Result<LogSource> {
        let logs: QueueLogs = read_entry(QUEUE_LOGS, self)?;
        match (logs.lambda, logs.log_group) {
            (Some(name), None) => Ok(LogSource::Lambda(name)),
            (None, Some(group)) => Ok(LogSource::Group(group)),
            _ => Err(self.problem("expected either 'lambda' or 'log_group'")),
        }
    }

    /// Reads a name, a list, or `{command: [...]}`. In a variable, a text with a slash is a
    /// command.
    fn agent(&self) -> Result<Agent> {
        const REMEDY: &str = "the agents known by name are 'auto', 'claude' and 'triage'; give \
                              another program as a list: [PROGRAM, ARGUMENT, ...]";
        match &self.node.value {
            Value::Text(name) if name == "auto" => Ok(Agent::Auto),
            Value::Text(name) if name == "claude" => Ok(Agent::Claude),
            Value::Text(name) if name == "triage" => Ok(Agent::Triage),
            Value::Text(_) if self.command().is_some() => {
                Ok(Agent::Command(self.program()?, ResultFormat::Text))
            }
            Value::Text(text) => {
                let name = shorten(text, 60);
                Err(self.problem(format!("unknown agent '{}'; {REMEDY}", safe(&name))))
            }
            Value::Map(_) => {
                let agent: CommandAgent = read_entry(COMMAND, self)?;
                Ok(Agent::Command(agent.command, agent.format))
            }
            Value::List(_) => Ok(Agent::Command(self.program()?, ResultFormat::Text)),
            _ => Err(self.problem(REMEDY)),
        }
    }
}

impl AutoInvestigation {
    /// Returns the budget.
    pub fn limits(&self) -> BudgetLimits {
        BudgetLimits {
            per_run: self.budget_usd_per_run,
            last_answer: self.budget_usd_last_answer,
            per_day: self.budget_usd_per_day,
            per_fingerprint: self.budget_usd_per_fingerprint,
            reserve_for_expiry: self.budget_reserve_for_expiry,
            near: NEAR_LOSS,
        }
    }
}

/// Agent that investigates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// Claude Code where it is installed, else triage.
    Auto,
    /// Claude Code.
    Claude,
    /// Fixed rules; no model is asked.
    Triage,
    /// A program and its arguments, run without a shell, and the form of its result.
    Command(Vec<String>, ResultFormat),
}

words! {
    #[derive(Default)]
    /// Form of the result of an agent.
    ResultFormat {
        #[default]
        /// The last line is a JSON object.
        Text = "text",
        /// The whole output is one JSON document, as of `claude --output-format json`.
        Json = "json",
        /// A JSON object a line, as of `claude --output-format stream-json`.
        StreamJson = "stream-json",
    }
}
