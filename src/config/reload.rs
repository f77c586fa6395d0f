//! The feature switches, read again while a program runs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Features, Settings, load, process_env};
use crate::{clock, log};

/// Switches are read again when they are this old.
const SWITCHES_AGE: Duration = Duration::from_secs(5);

/// The switches of the configuration, read again now and then by who runs for long.
pub struct Switches {
    /// The file that was read at the start: no other takes its place while the program runs.
    path: Option<PathBuf>,
    now: Features,
    read_at: Instant,
}

impl Switches {
    /// As they were when the program started.
    pub fn new(settings: &Settings) -> Self {
        let path = settings.origin.path.clone();
        Switches { path, now: settings.features, read_at: clock::tick() }
    }

    /// As they are now, or were 5 seconds ago. A configuration that somebody is just editing, and
    /// that cannot be read, changes nothing.
    pub fn now(&mut self) -> Features {
        if let Some(path) = &self.path
            && self.read_at.elapsed() >= SWITCHES_AGE
        {
            self.read_at = clock::tick();
            match load(Some(path), &mut process_env()) {
                Ok(settings) => self.now = settings.features,
                Err(error) => log::warn(&format!("the switches stay as they are: {error}")),
            }
        }
        self.now
    }
}
