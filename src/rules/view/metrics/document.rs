//! The document `metrics.json`: the sums that were folded from the journal, and the position in it up to
//! which they were.
//!
//! Position and sums change in one update, so that a line counts once, however many programs fold it
//! and wherever they are killed.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::catalog::{Metric, MetricKind};
use super::{OTHER, label_value};
use crate::document::{Document, RecordKind, SetOperation};
use crate::event::stream_time::DRIFT;
use crate::money::Usd;
use crate::time::Timestamp;

/// The most series of a metric; what is beyond has the labels [`OTHER`].
pub const SERIES_MAX: usize = 100;
/// The most events whose ids are remembered: a crash repeats the events of one update.
const RECENT_MAX: usize = 1024;
/// The separator of the values of labels in a key; none of them has it.
const SEPARATOR: char = '\u{1f}';

/// The position in the journal behind the last line that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPosition {
    /// The hash of the first line of the segment; empty before the first one. Rotation renames and
    /// compresses a segment, and its first line stays.
    pub segment: String,
    /// The bytes of the segment before the position, uncompressed.
    pub bytes: u64,
    /// Whether there is damage at the position, or before it, which was told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub damaged: bool,
}

/// Sums by the values of the labels.
pub type Series<T> = BTreeMap<String, T>;

/// Counts by bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredHistogram {
    /// The counts of the buckets, not cumulative; those above the last bound are only in `count`.
    pub buckets: Vec<u64>,
    pub count: u64,
    /// The sum, in stored units.
    pub sum: u64,
}

/// The newest round of a selection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredRound {
    pub at: Timestamp,
    pub queues: u64,
    pub unreadable: u64,
    /// Scopes and redrive policies that could not be read.
    pub unlisted: u64,
    pub usd_month: Option<Usd>,
}

/// The numbers of a redrive that were counted: each of its ends tells those of all of its runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedRedrive {
    pub at: Timestamp,
    pub moved: u64,
    pub returned: u64,
    pub parked: u64,
    /// Whether it has come to its end: later ones are those of verifications.
    #[serde(default)]
    pub is_ended: bool,
}

/// The moments of an incident that a step is measured by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentMoments {
    pub seen_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<Timestamp>,
}

/// Position in the journal, and the memory of its newest lines.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FoldState {
    pub position: JournalPosition,
    /// The hashes of the newest events, the oldest first.
    pub recent: VecDeque<u64>,
    /// The begin of the newest round.
    pub round_began: Option<Timestamp>,
    /// The newest round that CloudWatch was told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_round: Option<Timestamp>,
}

/// The document `metrics.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    pub state: FoldState,
    /// The counters, by metric.
    pub counters: BTreeMap<String, Series<u64>>,
    /// The histograms, by metric.
    pub histograms: BTreeMap<String, Series<StoredHistogram>>,
    /// The newest rounds, by what they asked.
    pub rounds: BTreeMap<String, StoredRound>,
    pub incidents: BTreeMap<String, IncidentMoments>,
    /// The moment at which queues were last seen empty, of those that fill, by ARN.
    pub filling: BTreeMap<String, Timestamp>,
    /// The newest redrives that have ended, by id.
    pub redrives: BTreeMap<String, CountedRedrive>,
    /// The counters as the last line for CloudWatch had them, which takes differences.
    pub reported: BTreeMap<String, Series<u64>>,
}

impl Metrics {
    pub const STATE: RecordKind = "fold state";
    /// The kind of record of the sums of a metric, by its name.
    pub const COUNTER: RecordKind = "counter";
    pub const HISTOGRAM: RecordKind = "histogram";
    /// The kind of record of a newest round, by what it asked.
    pub const ROUND: RecordKind = "round";
    /// The kind of record of an incident, by its id.
    pub const INCIDENT: RecordKind = "incident";
    pub const FILLING: RecordKind = "filling queue";
    /// The kind of record of the counted numbers of a redrive, by its id.
    pub const REDRIVE: RecordKind = "counted redrive";
    pub const REPORTED: RecordKind = "reported counter";

    /// Adds to a counter.
    pub fn add(&mut self, metric: Metric, labels: &[&str], amount: u64) {
        let series = self.counters.entry(metric.name().to_owned()).or_default();
        let sum = series.entry(bounded(series_key(metric, labels), metric, series)).or_default();
        *sum = sum.saturating_add(amount);
    }

    /// Adds an amount in stored units to a histogram.
    pub fn observe(&mut self, metric: Metric, labels: &[&str], amount: u64) {
        let MetricKind::Histogram(bounds) = metric.kind() else { return };
        let series = self.histograms.entry(metric.name().to_owned()).or_default();
        let key = bounded(series_key(metric, labels), metric, series);
        let histogram = series.entry(key).or_default();
        // Another version may have had other bounds.
        histogram.buckets.resize(bounds.len(), 0);
        let value = amount as f64 / metric.stored_units();
        if let Some(bucket) = bounds.iter().position(|bound| value <= *bound) {
            histogram.buckets[bucket] = histogram.buckets[bucket].saturating_add(1);
        }
        histogram.count = histogram.count.saturating_add(1);
        histogram.sum = histogram.sum.saturating_add(amount);
    }

    /// Notes an event by the hash of its source and id. Returns whether it is new.
    pub fn is_new(&mut self, event: u64) -> bool {
        let recent = &mut self.state.recent;
        if recent.contains(&event) {
            return false;
        }
        recent.push_back(event);
        let excess = recent.len().saturating_sub(RECENT_MAX);
        recent.drain(..excess);
        true
    }

    /// Returns the newest rounds by what they asked, without those of the future: a clock was wrong.
    pub fn rounds_until(&self, now: Timestamp) -> impl Iterator<Item = (&String, &StoredRound)> {
        let latest = now.plus(DRIFT);
        self.rounds.iter().filter(move |(_, round)| round.at <= latest)
    }

    /// Returns the end of the newest round of any selection.
    pub fn last_round(&self, now: Timestamp) -> Option<Timestamp> {
        self.rounds_until(now).map(|(_, round)| round.at).max()
    }
}

fn series_key(metric: Metric, labels: &[&str]) -> String {
    debug_assert_eq!(labels.len(), metric.labels().len(), "{}", metric.name());
    labels.iter().map(|label| label_value(label)).collect::<Vec<_>>().join(&SEPARATOR.to_string())
}

/// Returns the key, or that of everything else when the metric has too many series.
fn bounded<T>(key: String, metric: Metric, series: &Series<T>) -> String {
    if series.len() < SERIES_MAX || series.contains_key(&key) {
        return key;
    }
    vec![OTHER; metric.labels().len()].join(&SEPARATOR.to_string())
}

/// Returns the values of the labels of a key.
pub fn labels_of(key: &str, metric: Metric) -> Vec<String> {
    match metric.labels() {
        [] => Vec::new(),
        _ => key.split(SEPARATOR).map(str::to_owned).collect(),
    }
}

impl Document for Metrics {
    const NAME: &str = "metrics";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> =
        Some("then dlq-metrics counts the whole journal anew, and its counters begin with that");
    const SHARED: bool = false;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation.value(Self::STATE, &mut self.state, &mut rest.state);
        operation.map(Self::COUNTER, &mut self.counters, &mut rest.counters);
        operation.map(Self::HISTOGRAM, &mut self.histograms, &mut rest.histograms);
        operation.map(Self::ROUND, &mut self.rounds, &mut rest.rounds);
        operation.map(Self::INCIDENT, &mut self.incidents, &mut rest.incidents);
        operation.map(Self::FILLING, &mut self.filling, &mut rest.filling);
        operation.map(Self::REDRIVE, &mut self.redrives, &mut rest.redrives);
        operation.map(Self::REPORTED, &mut self.reported, &mut rest.reported);
    }
}
