//! The gauges that the documents of the state show at a moment.
//!
//! A document that cannot be read has no sample of its own, and is named as unreadable.

use std::collections::BTreeMap;

use super::catalog::Metric;
use super::document::Metrics;
use super::queue_gauges::queue_samples;
use super::{MetricSample, label_value, seconds};
use crate::money::Usd;
use crate::rules::investigation::budget::Budget;
use crate::rules::pull_request::document::PullRequests;
use crate::rules::queue::document::Watched;
use crate::time::Timestamp;

/// The use of the processes of agents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgentsUsage {
    pub cpu_ms: u64,
    pub rss_bytes: u64,
}

/// The notices that wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaitingNotices {
    /// Numbers by channel.
    pub channels: BTreeMap<String, u64>,
    /// The moment since which the oldest one waits.
    pub oldest: Option<Timestamp>,
}

/// The figures of the system; None for one that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SystemFigures {
    pub cpu_seconds: Option<f64>,
    pub resident_bytes: Option<u64>,
    pub descriptors: Option<u64>,
    pub started_at: Option<f64>,
    pub state_bytes: Option<u64>,
    pub free_bytes: Option<u64>,
}

/// A reading of the state; None for what could not be read.
#[derive(Debug, Clone, Default)]
pub struct StateReading {
    pub watched: Option<Watched>,
    /// The investigations whose supervisor runs.
    pub running: Option<u64>,
    pub agents: Option<AgentsUsage>,
    pub budget: Option<Budget>,
    pub day_limit: Usd,
    pub pull_requests: Option<PullRequests>,
    pub outbox: Option<WaitingNotices>,
    /// The moves that run, by kind.
    pub moves: Option<BTreeMap<&'static str, u64>>,
    pub system: SystemFigures,
    /// The documents that were read, and whether they could be.
    pub documents: Vec<(&'static str, bool)>,
}

/// Returns the samples of all gauges.
pub fn gauges(metrics: &Metrics, reading: &StateReading, now: Timestamp) -> Vec<MetricSample> {
    let mut samples = vec![MetricSample::new(Metric::BuildInfo, &[env!("CARGO_PKG_VERSION")], 1.0)];
    for (name, is_read) in &reading.documents {
        let value = if *is_read { 0.0 } else { 1.0 };
        samples.push(MetricSample::new(Metric::DocumentUnreadable, &[name], value));
    }
    round_samples(metrics, now, &mut samples);
    if let Some(watched) = &reading.watched {
        queue_samples(watched, now, &mut samples);
    }
    investigation_samples(reading, now, &mut samples);
    if let Some(pull_requests) = &reading.pull_requests {
        pull_request_samples(pull_requests, &mut samples);
    }
    if let Some(outbox) = &reading.outbox {
        let mut add = |metric, labels: &[&str], value| {
            samples.push(MetricSample::new(metric, labels, value));
        };
        outbox.channels.iter().for_each(|(channel, count)| {
            add(Metric::OutboxWaiting, &[channel], *count as f64);
        });
        if let Some(oldest) = outbox.oldest {
            add(Metric::OutboxOldest, &[], seconds(oldest));
        }
    }
    for (kind, count) in reading.moves.iter().flatten() {
        samples.push(MetricSample::new(Metric::MovesRunning, &[kind], *count as f64));
    }
    system_samples(&reading.system, &mut samples);
    samples
}

fn round_samples(metrics: &Metrics, now: Timestamp, samples: &mut Vec<MetricSample>) {
    for (selection, round) in metrics.rounds_until(now) {
        let mut add = |metric, value| {
            samples.push(MetricSample { metric, labels: vec![label_value(selection)], value });
        };
        add(Metric::LastRound, seconds(round.at));
        add(Metric::LastRoundQueues, round.queues as f64);
        add(Metric::LastRoundUnreadable, round.unreadable as f64);
        add(Metric::LastRoundUnseen, round.unlisted as f64);
        if let Some(cost) = round.usd_month {
            add(Metric::PollingCost, cost.dollars());
        }
    }
}

fn investigation_samples(reading: &StateReading, now: Timestamp, samples: &mut Vec<MetricSample>) {
    let mut add = |metric, value| samples.push(MetricSample::new(metric, &[], value));
    if let Some(running) = reading.running {
        add(Metric::InvestigationsRunning, running as f64);
    }
    if let Some(agents) = reading.agents {
        add(Metric::AgentCpu, agents.cpu_ms as f64 / 1000.0);
        add(Metric::AgentMemory, agents.rss_bytes as f64);
    }
    if let Some(budget) = &reading.budget {
        let day = budget.day(now);
        add(Metric::SpendDay, day.spent.dollars());
        add(Metric::SpendDayReserved, day.reserved.dollars());
        add(Metric::SpendDayLimit, reading.day_limit.dollars());
    }
}

fn pull_request_samples(all: &PullRequests, samples: &mut Vec<MetricSample>) {
    let mut open: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for one in all.watched.values().filter(|one| one.end.is_none()) {
        *open.entry((one.origin.as_str(), one.waiting_on.as_str())).or_default() += 1;
    }
    for ((origin, waiting_on), count) in open {
        let labels = [origin, waiting_on];
        samples.push(MetricSample::new(Metric::PullRequestsOpen, &labels, count as f64));
    }
    if let Some(look) = &all.look {
        samples.push(MetricSample::new(Metric::PullRequestLook, &[], seconds(look.at)));
    }
}

fn system_samples(system: &SystemFigures, samples: &mut Vec<MetricSample>) {
    let figures = [
        (Metric::StateBytes, system.state_bytes.map(|bytes| bytes as f64)),
        (Metric::StateFreeBytes, system.free_bytes.map(|bytes| bytes as f64)),
        (Metric::ProcessCpu, system.cpu_seconds),
        (Metric::ProcessMemory, system.resident_bytes.map(|bytes| bytes as f64)),
        (Metric::ProcessDescriptors, system.descriptors.map(|count| count as f64)),
        (Metric::ProcessStart, system.started_at),
    ];
    for (metric, value) in figures {
        samples.extend(value.map(|value| MetricSample::new(metric, &[], value)));
    }
}
