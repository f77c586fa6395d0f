//! The gauges of queues. Those nearest to the loss of messages come first; beyond the limit on series,
//! queues are only counted.

use std::collections::BTreeSet;

use super::catalog::Metric;
use super::{MetricSample, label_value, seconds};
use crate::rules::queue::document::{Watched, WatchedQueue};
use crate::time::Timestamp;

/// The most queues with series of their own.
pub const QUEUES_MAX: usize = 1000;

/// Adds the samples of the queues that are not quiet: of quiet ones there is no record, and no series.
pub(super) fn queue_samples(watched: &Watched, now: Timestamp, samples: &mut Vec<MetricSample>) {
    let mut queues: Vec<&WatchedQueue> = watched.entries().collect();
    let unreadable = queues.iter().filter(|one| one.record.misses > 0).count();
    let open = queues.iter().filter(|one| one.record.incident.is_some()).count();
    queues.sort_by_key(|one| {
        let loss = one.record.window(None).first().unwrap_or(Timestamp::from_millis(i64::MAX));
        (one.record.incident.is_none(), loss, one.queue.arn.as_str())
    });
    let (mut seen, mut shown) = (BTreeSet::new(), 0);
    for one in &queues {
        let queue = &one.queue;
        let labels = [queue.name.as_str(), &queue.region, &queue.account];
        // Names that look alike when they are cut would make the whole text invalid.
        let labels = labels.map(label_value);
        if shown < QUEUES_MAX && seen.insert(labels.clone()) {
            shown += 1;
            add_queue(one, &labels, now, samples);
        }
    }
    let mut add = |metric, value| samples.push(MetricSample::new(metric, &[], value));
    add(Metric::IncidentsOpen, open as f64);
    add(Metric::QueuesUnreadable, unreadable as f64);
    add(Metric::QueuesWithoutSeries, (queues.len() - shown) as f64);
    add(Metric::ScopesFailing, watched.failures() as f64);
}

fn add_queue(
    one: &WatchedQueue,
    labels: &[String; 3],
    now: Timestamp,
    samples: &mut Vec<MetricSample>,
) {
    let record = &one.record;
    let mut add = |metric, value: f64| {
        samples.push(MetricSample { metric, labels: labels.to_vec(), value });
    };
    let is_read = record.misses == 0;
    if let Some((_, counts)) = record.read.filter(|_| is_read) {
        add(Metric::QueueDepth, counts.depth() as f64);
        add(Metric::QueueInFlight, counts.in_flight as f64);
    }
    add(Metric::QueueUnreadable, if is_read { 0.0 } else { 1.0 });
    add(Metric::QueueIncident, if record.incident.is_some() { 1.0 } else { 0.0 });
    let window = record.window(None);
    if let Some(first) = window.first() {
        add(Metric::QueueTimeToLoss, first.since(now).as_secs_f64());
    }
    for (bound, at) in [("earliest", window.after), ("latest", window.before)] {
        if let Some(at) = at {
            let labels = labels.iter().cloned().chain([bound.to_owned()]).collect();
            samples.push(MetricSample { metric: Metric::QueueLoss, labels, value: seconds(at) });
        }
    }
}
