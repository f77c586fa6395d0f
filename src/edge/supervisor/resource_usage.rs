//! Samples of the resources that an agent's processes use, in the session's `usage.json`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::clock;
use crate::edge::process::{Tree, Usage};
use crate::rules::sandbox::limits;
use crate::store;
use crate::time::Timestamp;

/// Interval of the samples; each reads all of /proc.
const INTERVAL: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize)]
struct UsageSample {
    at: Timestamp,
    runtime_s: u64,
    #[serde(flatten)]
    now: Usage,
    /// Most memory of any sample so far.
    rss_peak_bytes: u64,
}

pub(super) struct UsageSampler {
    tree: Tree,
    path: PathBuf,
    started: Instant,
    last: Option<Instant>,
    peak: u64,
}

impl UsageSampler {
    pub(super) fn new(tree: &Tree, path: PathBuf) -> Self {
        UsageSampler { tree: tree.clone(), path, started: clock::tick(), last: None, peak: 0 }
    }

    /// Takes a sample when the interval has passed. Returns which limit it exceeds. Failures are
    /// ignored.
    pub(super) fn sample(&mut self) -> Option<String> {
        let tick = clock::tick();
        if self.last.is_some_and(|last| tick < last + INTERVAL) {
            return None;
        }
        self.last = Some(tick);
        let now = self.tree.usage()?;
        self.peak = self.peak.max(now.rss_bytes);
        let runtime_s = tick.duration_since(self.started).as_secs();
        let sample = UsageSample { at: clock::now(), runtime_s, now, rss_peak_bytes: self.peak };
        let _ = serde_json::to_vec(&sample).map(|text| store::replace(&self.path, &text));
        // Outside of a sandbox they may be those of the user.
        let limited = self.tree.sandboxed;
        limited.then(|| limits::exceeded(now.processes, now.rss_bytes)).flatten()
    }
}
