//! The text format of Prometheus, version 0.0.4: HELP and TYPE once, then the samples, in the order of
//! the table. Without timestamps, which node_exporter refuses.

use std::fmt::Write;

use super::MetricSample;
use super::catalog::{Metric, MetricKind};
use super::document::{Metrics, StoredHistogram, labels_of};

/// The content type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the text of the sums and of the gauges. A metric without a sample is left out.
pub fn render(metrics: &Metrics, gauges: &[MetricSample]) -> String {
    let mut text = String::new();
    for metric in Metric::ALL.iter().copied() {
        let begin = text.len();
        match metric.kind() {
            MetricKind::Histogram(bounds) => histograms(metrics, metric, bounds, &mut text),
            _ if metric.is_folded() => counter_samples(metrics, metric)
                .iter()
                .for_each(|sample| line(&mut text, metric, "", &sample.labels, None, sample.value)),
            _ => gauges
                .iter()
                .filter(|sample| sample.metric == metric)
                .for_each(|sample| line(&mut text, metric, "", &sample.labels, None, sample.value)),
        }
        if text.len() > begin {
            let (name, help, kind) = (metric.name(), metric.help(), metric.kind().as_str());
            text.insert_str(begin, &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        }
    }
    text
}

/// Returns the samples of a counter. Series that are known beforehand begin with 0.
pub fn counter_samples(metrics: &Metrics, metric: Metric) -> Vec<MetricSample> {
    let known = metrics.counters.get(metric.name());
    let is_counted = |key: &str| known.is_some_and(|series| series.contains_key(key));
    let first = metric.first_labels().iter().filter(|key| !is_counted(key));
    let first = first.map(|key| ((*key).to_owned(), 0));
    let counted = known.into_iter().flatten().map(|(key, sum)| (key.clone(), *sum));
    let mut all: Vec<(String, u64)> = first.chain(counted).collect();
    all.sort_unstable();
    let sample = |(key, sum): (String, u64)| MetricSample {
        metric,
        labels: labels_of(&key, metric),
        value: sum as f64 / metric.stored_units(),
    };
    all.into_iter().map(sample).collect()
}

fn histograms(metrics: &Metrics, metric: Metric, bounds: &[f64], text: &mut String) {
    let none = StoredHistogram::default();
    let known = metrics.histograms.get(metric.name());
    let first = metric.first_labels().iter().filter(|_| known.is_none()).map(|key| (*key, &none));
    let counted = known.into_iter().flatten().map(|(key, one)| (key.as_str(), one));
    for (key, one) in first.chain(counted) {
        let labels = labels_of(key, metric);
        let mut sum = 0_u64;
        for (at, bound) in bounds.iter().enumerate() {
            sum = sum.saturating_add(one.buckets.get(at).copied().unwrap_or(0));
            line(text, metric, "_bucket", &labels, Some(&bound.to_string()), sum as f64);
        }
        line(text, metric, "_bucket", &labels, Some("+Inf"), one.count as f64);
        line(text, metric, "_sum", &labels, None, one.sum as f64 / metric.stored_units());
        line(text, metric, "_count", &labels, None, one.count as f64);
    }
}

/// Adds the line of a sample. `bound` is the label `le` of a bucket.
fn line(
    text: &mut String,
    metric: Metric,
    suffix: &str,
    labels: &[String],
    bound: Option<&str>,
    value: f64,
) {
    text.push_str(metric.name());
    text.push_str(suffix);
    let names = metric.labels().iter().copied().chain(bound.map(|_| "le"));
    let values = labels.iter().map(String::as_str).chain(bound);
    let mut open = '{';
    for (name, value) in names.zip(values) {
        text.push(open);
        open = ',';
        text.push_str(name);
        text.push_str("=\"");
        push_escaped(text, value);
        text.push('"');
    }
    if open == ',' {
        text.push('}');
    }
    // Writing to memory does not fail.
    let _ = writeln!(text, " {value}");
}

/// Adds the value of a label as the format escapes it.
fn push_escaped(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}
