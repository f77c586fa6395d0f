//! Metrics: counters that are folded from the journal, gauges that the state shows, and their forms as
//! text for Prometheus and as lines for CloudWatch. Pure.
//!
//! Promises: an event counts once, whoever folds it; an unknown value is absent and never 0; the number
//! of series has a limit, and what is beyond it is counted.

pub mod catalog;
pub mod document;
pub mod embedded;
mod error_kind;
pub mod exposition;
pub mod fold;
pub mod gauges;
mod incident_steps;
mod queue_gauges;
pub mod readiness;

#[cfg(test)]
mod tests;

pub use catalog::{Metric, MetricKind};

use crate::text::{safe, shorten};
use crate::time::Timestamp;

/// The longest value of a label, in characters.
pub const LABEL_MAX: usize = 100;
/// The value of the labels of whatever is beyond a limit.
pub const OTHER: &str = "other";

/// A number of a metric, with the values of its labels in the order of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSample {
    pub metric: Metric,
    pub labels: Vec<String>,
    pub value: f64,
}

impl MetricSample {
    pub fn new(metric: Metric, labels: &[&str], value: f64) -> Self {
        let labels = labels.iter().map(|label| label_value(label)).collect();
        MetricSample { metric, labels, value }
    }
}

/// Returns a moment in seconds since 1970.
fn seconds(at: Timestamp) -> f64 {
    at.millis() as f64 / 1000.0
}

/// Returns a text from outside as the value of a label: without what could steer a terminal, which may
/// show an alert, and of limited length.
pub fn label_value(text: &str) -> String {
    shorten(&safe(text), LABEL_MAX).into_owned()
}
