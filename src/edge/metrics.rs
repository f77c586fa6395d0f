//! Metrics: the sums of `metrics.json`, brought up to date from the journal, and the gauges of the state;
//! given away as a file, over HTTP, and as lines for CloudWatch.
//!
//! Promises: what is new is folded in one update of the document, so that it counts once, however many
//! programs do so at once. The documents of the state are read without a lock.

mod exporter;
mod server;
mod state;
mod system;
mod text_file;

pub use exporter::{MetricsExporter, MetricsOutputs};

use std::path::Path;
use std::time::Duration;

use crate::clock;
use crate::config::Settings;
use crate::document::Keys;
use crate::error::Error;
use crate::journal::Journal;
use crate::log;
use crate::money::Usd;
use crate::rules::view::metrics::document::Metrics;
use crate::rules::view::metrics::fold::fold;
use crate::rules::view::metrics::gauges::gauges;
use crate::rules::view::metrics::readiness::readiness;
use crate::rules::view::metrics::{Metric, MetricSample, embedded, exposition};
use crate::store::{Lock, Store};
use system::StateSize;

/// The lock of the text file: of two processes, the later text stays.
const TEXT_LOCK: &str = "metrics-text.lock";

/// A reader of all metrics.
#[derive(Debug, Clone)]
pub struct MetricsCollector {
    store: Store,
    journal: Journal,
    interval: Duration,
    day_limit: Usd,
    channels: Vec<String>,
    size: StateSize,
}

/// The metrics at a moment.
struct Collection {
    metrics: Metrics,
    gauges: Vec<MetricSample>,
}

impl MetricsCollector {
    pub fn new(store: Store, settings: &Settings) -> Self {
        MetricsCollector {
            journal: Journal::new(&store, settings.state.rotation()),
            store,
            interval: settings.monitoring.check_interval,
            day_limit: settings.auto_investigation.limits().per_day,
            channels: settings.notifications.channels.iter().map(|one| one.name.clone()).collect(),
            size: StateSize::default(),
        }
    }

    /// Folds what is new in the journal. Returns all sums.
    fn fold(&self) -> Result<Metrics, Error> {
        self.store.update(&Keys::all(), |metrics: &mut Metrics| {
            self.fold_into(metrics)?;
            Ok(metrics.clone())
        })
    }

    fn fold_into(&self, metrics: &mut Metrics) -> Result<(), Error> {
        let (now, mut ahead) = (clock::now(), None);
        let from = metrics.state.position.clone();
        let advance = self.journal.read_on(&from, &mut |line| {
            ahead = fold(metrics, line, now).or(ahead);
        })?;
        metrics.state.position = advance.position;
        if let Some(at) = ahead {
            log::warn(&format!(
                "a round of dlq-poll finished at {at}, which is in the future: it is not taken for the \
                 last one; check the clock of the machine that polls"
            ));
        }
        if advance.gaps > 0 {
            metrics.add(Metric::JournalGaps, &[], advance.gaps);
        }
        if advance.is_cut {
            log::warn("the journal was rotated away before it was counted: events are missing");
        }
        Ok(())
    }

    fn collect(&mut self) -> Result<Collection, Error> {
        let metrics = self.fold()?;
        let gauges = self.gauges(&metrics);
        Ok(Collection { metrics, gauges })
    }

    fn gauges(&mut self, metrics: &Metrics) -> Vec<MetricSample> {
        let reading = self.read_state();
        gauges(metrics, &reading, clock::now())
    }

    /// Folds what is new, and returns the text for Prometheus.
    pub fn text(&mut self) -> Result<String, Error> {
        let all = self.collect()?;
        Ok(exposition::render(&all.metrics, &all.gauges))
    }

    /// Returns the text as [`MetricsCollector::text`] does, and writes nothing.
    pub fn dry_text(&mut self) -> Result<String, Error> {
        let mut metrics: Metrics = self.store.read(&Keys::all())?;
        self.fold_into(&mut metrics)?;
        let gauges = self.gauges(&metrics);
        Ok(exposition::render(&metrics, &gauges))
    }

    /// Returns the sentence for a pipeline whose rounds finish; otherwise the reason.
    fn readiness(&self) -> Result<Result<String, String>, Error> {
        let now = clock::now();
        Ok(readiness(self.fold()?.last_round(now), self.interval, now))
    }

    /// Folds what is new, and replaces the text file.
    fn write_text(&mut self, path: &Path) -> Result<(), Error> {
        let _lock = Lock::wait(&self.store.dir().join(TEXT_LOCK))?;
        let text = self.text()?;
        text_file::replace(path, &text)
    }

    /// Returns the lines for CloudWatch, and notes what they tell: none without a new round.
    fn embed(&mut self) -> Result<Vec<String>, Error> {
        let all = self.collect()?;
        self.store.update(&Keys::all(), |metrics: &mut Metrics| {
            Ok(embedded::embed(metrics, &all.gauges, clock::now()))
        })
    }
}
