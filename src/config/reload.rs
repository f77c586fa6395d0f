//! Feature switches, which a running program reads again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Features, Settings, load, process_env};
use crate::{clock, log};

/// Age at which switches are read again.
const SWITCHES_AGE: Duration = Duration::from_secs(5);

/// Switches of the configuration, as a long-running program reads them.
pub struct Switches {
    /// File that was read at the start. No other file replaces it while the program runs.
    path: Option<PathBuf>,
    now: Features,
    read_at: Instant,
}

impl Switches {
    /// Takes the switches that the program started with.
    pub fn new(settings: &Settings) -> Self {
        let path = settings.origin.path.clone();
        Switches { path, now: settings.features, read_at: clock::tick() }
    }

    /// Returns the switches, at most 5 seconds old. A file that cannot be read, for example while
    /// somebody edits it, changes nothing.
    pub fn now(&mut self) -> Features {
        if let Some(path) = &self.path
            && self.read_at.elapsed() >= SWITCHES_AGE
        {
            self.read_at = clock::tick();
            match process_env().and_then(|mut env| load(Some(path), &mut env)) {
                Ok(settings) => self.now = settings.features,
                Err(error) => log::warn(&format!(
                    "cannot reload the switches features.*, the old values stay: {error}"
                )),
            }
        }
        self.now
    }
}
