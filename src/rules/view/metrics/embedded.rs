//! Lines in the Embedded Metric Format of CloudWatch: an object a line, with the values and how
//! CloudWatch is to read them.
//!
//! Counters are told as their growth since the line before, because CloudWatch adds values up. Each set
//! of labels is a line of its own, with the labels as dimensions; the number of lines has a limit.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::MetricSample;
use super::catalog::{Metric, MetricKind};
use super::document::Metrics;
use super::exposition::counter_samples;
use crate::time::Timestamp;

/// The namespace of the metrics in CloudWatch.
pub const NAMESPACE: &str = "dlq-tools";
/// The most metrics of a line, which CloudWatch sets.
pub const METRICS_MAX: usize = 100;
/// The most queues with lines of their own: each metric of each costs money by the month.
pub const EMBEDDED_QUEUES_MAX: usize = 100;
/// The most lines at once.
pub const LINES_MAX: usize = 300;

/// The names and the values of the dimensions of a line.
type Dimensions = (Vec<&'static str>, Vec<String>);

/// Returns the lines, each with its LF, and notes the counters and the last round as reported. Without a
/// round since then there are none. The first call notes the counters only: the history of the journal is
/// not of this moment.
pub fn embed(metrics: &mut Metrics, gauges: &[MetricSample], now: Timestamp) -> Vec<String> {
    let round = metrics.last_round(now);
    if round.is_none() || round == metrics.state.told_round {
        return Vec::new();
    }
    metrics.state.told_round = round;
    let grown = growth(metrics);
    metrics.reported.clone_from(&metrics.counters);
    let mut groups: BTreeMap<Dimensions, Vec<(Metric, f64)>> = BTreeMap::new();
    let mut queues = 0;
    for sample in gauges.iter().chain(&grown).filter(|sample| is_told(sample)) {
        let names = sample.metric.labels().to_vec();
        let key = (names, sample.labels.iter().map(|value| dimension(value)).collect());
        if sample.metric.is_of_queue() && !groups.contains_key(&key) {
            if queues == EMBEDDED_QUEUES_MAX {
                continue;
            }
            queues += 1;
        }
        groups.entry(key).or_default().push((sample.metric, sample.value));
    }
    let lines = groups.iter().flat_map(|((names, values), samples)| {
        samples.chunks(METRICS_MAX).map(move |chunk| line(names, values, chunk, now))
    });
    lines.take(LINES_MAX).collect()
}

/// Returns whether CloudWatch gets a sample. Times since 1970 are of no use there: nothing computes with
/// them.
fn is_told(sample: &MetricSample) -> bool {
    let name = sample.metric.name();
    !name.contains("timestamp")
        && !name.starts_with("process_")
        && sample.metric != Metric::BuildInfo
}

/// Returns how much the counters have grown. Series with labels are told only when they have.
fn growth(metrics: &Metrics) -> Vec<MetricSample> {
    let before = Metrics { counters: metrics.reported.clone(), ..Metrics::default() };
    let is_first = metrics.reported.is_empty();
    let mut grown = Vec::new();
    for metric in Metric::ALL.iter().copied() {
        if metric.kind() != MetricKind::Counter || !metric.is_folded() {
            continue;
        }
        let earlier = counter_samples(&before, metric);
        for mut sample in counter_samples(metrics, metric) {
            let known = earlier.iter().find(|one| one.labels == sample.labels);
            let known = known.map_or(0.0, |one| one.value);
            sample.value = if is_first { 0.0 } else { (sample.value - known).max(0.0) };
            if sample.value > 0.0 || sample.labels.is_empty() {
                grown.push(sample);
            }
        }
    }
    grown
}

fn line(names: &[&str], values: &[String], samples: &[(Metric, f64)], now: Timestamp) -> String {
    let definitions: Vec<Value> = samples
        .iter()
        .map(|(metric, _)| json!({"Name": metric.name(), "Unit": unit(*metric)}))
        .collect();
    let mut line = Map::new();
    line.insert(
        "_aws".into(),
        json!({
            "Timestamp": now.millis(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [names],
                "Metrics": definitions,
            }],
        }),
    );
    for (name, value) in names.iter().zip(values) {
        line.insert((*name).into(), value.as_str().into());
    }
    for (metric, value) in samples {
        line.insert(metric.name().into(), json!(value));
    }
    Value::Object(line).to_string() + "\n"
}

/// Returns the unit as CloudWatch names it.
fn unit(metric: Metric) -> &'static str {
    match metric.unit() {
        "seconds" => "Seconds",
        "bytes" => "Bytes",
        "usd" | "1" => "None",
        _ => "Count",
    }
}

/// Returns the value of a dimension: CloudWatch takes ASCII only, and none that is empty or begins with a
/// colon.
fn dimension(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_graphic() || c == ' ';
    let plain: String = value.chars().map(|c| if is_plain(c) { c } else { '?' }).collect();
    match plain.trim() {
        "" => "-".into(),
        text if text.starts_with(':') => format!("-{text}"),
        text => text.to_owned(),
    }
}
