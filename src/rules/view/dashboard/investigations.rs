//! The investigations of the dashboard.

use std::collections::HashMap;
use std::time::Duration;

use super::limits;
use crate::event::{FixProof, ShownData, ShownEvent, ShownProofFields, ShownVerdictFields, Type};
use crate::money::Usd;
use crate::time::Timestamp;

/// The most investigations that are kept: beyond it, those that ended first are dropped first.
pub const INVESTIGATIONS_MAX: usize = 500;
/// The most steps of an investigation that are kept.
pub const STEPS_MAX: usize = 100;
/// The most subagents of an investigation that are kept.
const SUBAGENTS_MAX: usize = 20;
/// The time for which a subagent counts as at work after a step.
const AT_WORK: Duration = Duration::from_secs(60);
/// The reason of an end that no supervisor has reported.
const CRASHED: &str = "crashed";

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
    /// Whether the end told no cost, so that `cost` is the least that it can be.
    pub is_cost_least: bool,
    pub verdict: Option<ShownVerdict>,
    /// The newest result of the tests for its fix.
    pub proof: Option<ShownProof>,
    /// The reason why its patch is not offered.
    pub patch_held: Option<Box<str>>,
    /// Whether an event has told the end, and not the state folder alone.
    pub is_end_told: bool,
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
    /// The reason why a person has to look before anybody acts on it.
    pub needs_person: Option<Box<str>>,
    /// Whether only its status is known, by the record of the session.
    pub is_of_record: bool,
}

/// The result of the tests for a fix.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownProof {
    pub at: Timestamp,
    /// `proven`, `unproven` or `unknown`.
    pub grade: Box<str>,
    pub detail: Option<Box<str>>,
    /// The commit.
    pub base: Option<Box<str>>,
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

/// Returns an investigation, which begins with this event when it is unknown.
pub(super) fn investigation<'a>(
    all: &'a mut HashMap<Box<str>, Investigation>,
    session: &str,
) -> &'a mut Investigation {
    limits::entry(all, limits::name(session), INVESTIGATIONS_MAX, |one| {
        (one.status == InvestigationStatus::Running, one.ended_at.or(one.started_at))
    })
}

impl Investigation {
    /// Takes an event of the session. Returns whether it is its end, and the first one.
    pub(super) fn follow(&mut self, kind: Type, event: &ShownEvent<'_>, at: Timestamp) -> bool {
        let data = &event.data;
        if let Some(arn) = &data.queue.arn {
            self.queue = limits::name(arn).into();
        }
        if let Some(incident) = &event.head.incident {
            self.incident = limits::name(incident).into();
        }
        match kind {
            Type::InvestigationStarted => {
                self.agent = limits::name(data.agent.as_deref().unwrap_or_default()).into();
                self.pid = data.pid;
                self.started_at = Some(at);
                self.timeout_at = data.timeout_at;
                return false;
            }
            Type::InvestigationProgressed => {
                self.step(event, at);
                return false;
            }
            Type::InvestigationProven => {
                self.set_proof(ShownProof::of_event(data, at));
                return false;
            }
            _ => {}
        }
        // The state folder may have told the end before: it does not know all of it.
        if self.is_end_told {
            return false;
        }
        self.is_end_told = true;
        self.status = match kind {
            Type::InvestigationCompleted => InvestigationStatus::Completed,
            Type::InvestigationTimedOut => InvestigationStatus::TimedOut,
            Type::InvestigationStopped => InvestigationStatus::Stopped,
            _ if data.reason.as_deref() == Some(CRASHED) => InvestigationStatus::Crashed,
            _ => InvestigationStatus::Failed,
        };
        self.ended_at = Some(at);
        let began = data.duration_s.map(|lasted| at.minus(Duration::from_secs(lasted)));
        self.started_at = self.started_at.or(began);
        self.detail = limits::field(data.detail.as_deref());
        self.is_cost_least = data.cost_usd.is_none();
        self.cost = data.cost_usd.or(self.cost);
        self.report = limits::field(data.report.as_deref());
        if kind == Type::InvestigationCompleted {
            self.verdict = data.verdict.as_deref().map(ShownVerdict::new);
            self.patch_held = limits::field(data.patch_held.as_deref());
            self.set_proof(ShownProof::of_event(data, at));
        }
        true
    }

    /// Takes a proof, unless a later one is known.
    pub(super) fn set_proof(&mut self, proof: Option<ShownProof>) {
        let known = self.proof.as_ref().map(|known| known.at);
        if let Some(proof) = proof.filter(|proof| known.is_none_or(|known| known <= proof.at)) {
            self.proof = Some(proof);
        }
    }

    fn step(&mut self, event: &ShownEvent<'_>, at: Timestamp) {
        let data = &event.data;
        if self.ended_at.is_none() && data.cost_usd.is_some() {
            self.cost = self.cost.max(data.cost_usd);
        }
        let name = |text: &Option<std::borrow::Cow<'_, str>>| limits::field(text.as_deref());
        let step = InvestigationStep {
            at,
            step: name(&data.step).unwrap_or_default(),
            subagent: name(&data.subagent),
            tool: name(&data.tool),
        };
        if let Some(who) = &step.subagent {
            self.subagents.retain(|(other, _)| other != who);
            if self.subagents.len() == SUBAGENTS_MAX {
                self.subagents.remove(0);
            }
            self.subagents.push((who.clone(), at));
        }
        let newest = self.steps.last().map_or(at, |last| last.at.max(at));
        self.subagents.retain(|(_, seen)| newest.since(*seen) <= AT_WORK);
        let place = self.steps.partition_point(|other| other.at <= at);
        self.steps.insert(place, step);
        if self.steps.len() > STEPS_MAX {
            self.steps.remove(0);
        }
    }
}

impl ShownVerdict {
    fn new(verdict: &ShownVerdictFields<'_>) -> Self {
        ShownVerdict {
            status: limits::field(verdict.status.as_deref()).unwrap_or_default(),
            title: limits::field(verdict.title.as_deref()),
            category: limits::field(verdict.category.as_deref()),
            confidence: verdict.confidence,
            redrive: limits::field(verdict.redrive.as_deref()),
            needs_person: limits::field(verdict.needs_person.as_deref()),
            is_of_record: false,
        }
    }

    /// Returns the verdict of a record, which has its status alone.
    pub(super) fn of_record(status: &str) -> Self {
        let status = limits::field(Some(status)).unwrap_or_default();
        ShownVerdict { status, is_of_record: true, ..ShownVerdict::default() }
    }
}

impl ShownProof {
    fn of_event(data: &ShownData<'_>, at: Timestamp) -> Option<Self> {
        let ShownProofFields { grade, detail, base } = data.proof.as_deref()?;
        Some(ShownProof {
            at,
            grade: limits::field(grade.as_deref())?,
            detail: limits::field(detail.as_deref()),
            base: limits::field(base.as_deref()),
        })
    }

    pub(super) fn of_record(proof: &FixProof, at: Timestamp) -> Self {
        ShownProof {
            at,
            grade: limits::field(Some(&proof.grade)).unwrap_or_default(),
            detail: limits::field(Some(&proof.detail)),
            base: limits::field(Some(&proof.base)),
        }
    }
}
