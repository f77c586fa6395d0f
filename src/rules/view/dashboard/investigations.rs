//! The investigations of the dashboard.

use crate::money::Usd;
use crate::time::Timestamp;

/// An investigation as its events describe it.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Investigation {
    pub queue: Box<str>,
    pub incident: Box<str>,
    pub agent: Box<str>,
    pub pid: Option<u64>,
    pub started_at: Option<Timestamp>,
    pub timeout_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// `running`, `completed`, `failed`, `timed out`, `stopped` or `crashed`.
    pub status: InvestigationStatus,
    /// The reason as a sentence, of an end without a result.
    pub detail: Option<Box<str>>,
    /// The newest steps, the newest last: moment, subagent, step, tool.
    pub steps: Vec<InvestigationStep>,
    /// Subagents that were seen at work in the last minute of the investigation's own time.
    pub subagents: Vec<(Box<str>, Timestamp)>,
    pub cost: Option<Usd>,
    pub verdict: Option<ShownVerdict>,
    /// The path of the report.
    pub report: Option<Box<str>>,
    /// The usage by the state folder; None when it was never read.
    pub usage: Option<AgentUsage>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum InvestigationStatus {
    #[default]
    Running,
    Completed,
    Failed,
    TimedOut,
    Stopped,
    /// The supervisor's lock is free, and no event tells the end.
    Crashed,
}

#[derive(Debug, Clone, PartialEq)]
pub struct InvestigationStep {
    pub at: Timestamp,
    pub step: Box<str>,
    pub subagent: Option<Box<str>>,
    pub tool: Option<Box<str>>,
}

#[derive(Debug, Default, Clone, PartialEq)]
pub struct ShownVerdict {
    pub status: Box<str>,
    pub title: Option<Box<str>>,
    pub category: Option<Box<str>>,
    pub confidence: Option<f64>,
    pub redrive: Option<Box<str>>,
}

/// The resources of the processes of a session, by its `usage.json`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgentUsage {
    pub at: Timestamp,
    pub runtime_s: u64,
    pub processes: u64,
    pub rss_bytes: u64,
    pub cpu_ms: u64,
    /// The share of one processor between the two newest samples; None before the second one.
    pub cpu_percent: Option<u32>,
}
