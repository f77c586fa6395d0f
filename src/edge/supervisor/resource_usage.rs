//! Samples of what an agent's processes use, in a file of the session.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::clock;
use crate::edge::process::{Tree, Usage};
use crate::store;
use crate::time::Timestamp;

/// How often a sample is taken: it reads all of /proc.
const EVERY: Duration = Duration::from_secs(5);

/// `usage.json`.
#[derive(Debug, Serialize)]
struct Sample {
    at: Timestamp,
    runtime_s: u64,
    #[serde(flatten)]
    now: Usage,
    /// The most memory that any sample has seen.
    rss_peak_bytes: u64,
}

/// Takes samples.
pub(super) struct Sampler {
    tree: Tree,
    path: PathBuf,
    begun: Instant,
    last: Option<Instant>,
    peak: u64,
}

impl Sampler {
    pub(super) fn new(tree: &Tree, path: PathBuf) -> Self {
        Sampler { tree: tree.clone(), path, begun: clock::tick(), last: None, peak: 0 }
    }

    /// Takes a sample when it is time. One that cannot be written is no reason to end anything.
    pub(super) fn sample(&mut self) {
        let tick = clock::tick();
        if self.last.is_some_and(|last| tick < last + EVERY) {
            return;
        }
        self.last = Some(tick);
        let Some(now) = self.tree.usage() else { return };
        self.peak = self.peak.max(now.rss_bytes);
        let runtime_s = tick.duration_since(self.begun).as_secs();
        let sample = Sample { at: clock::now(), runtime_s, now, rss_peak_bytes: self.peak };
        let _ = serde_json::to_vec(&sample).map(|text| store::replace(&self.path, &text));
    }
}
