//! Options that override settings of the configuration.

use crate::config::{self, Settings};
use crate::error::Error;

/// A setting from the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Override {
    pub key: &'static str,
    pub value: String,
    /// The option with its dashes.
    pub option: String,
}

/// The settings that the command line overrides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides(pub(super) Vec<Override>);

impl Overrides {
    /// Checks the values as the configuration does, and sets them. An error names the option.
    pub fn apply(&self, settings: &mut Settings) -> Result<(), Error> {
        self.0.iter().try_for_each(|one| config::set(settings, one.key, &one.value, &one.option))
    }

    /// Returns whether the option, with its dashes, was given.
    pub fn has(&self, option: &str) -> bool {
        self.0.iter().any(|one| one.option == option)
    }
}
