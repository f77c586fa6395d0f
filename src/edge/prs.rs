//! The work of `dlq-prs`: looks at pull requests, openings, and the stream between.

mod deployed;
pub mod filter;
mod issues;
mod open;
mod opened;
mod redriven;
mod round;

use std::time::Duration;

use crate::clock;
use crate::config::{Env, Settings};
use crate::document::Keys;
use crate::error::Error;
use crate::journal::Journal;
use crate::log;
use crate::rules::pull_request::document::PullRequests;
use crate::store::Store;
use crate::text::safe;
use crate::wire::Output;

/// The pull requests of a state folder.
pub struct Prs<'a> {
    store: Store,
    journal: Journal,
    settings: &'a Settings,
    env: &'a Env,
    /// Whether nothing is written and opened.
    is_dry: bool,
}

impl<'a> Prs<'a> {
    pub fn new(store: Store, settings: &'a Settings, env: &'a Env, is_dry: bool) -> Self {
        let journal = Journal::new(&store, settings.state.rotation());
        Prs { store, journal, settings, env, is_dry }
    }

    /// Reads `prs.json` as of now.
    fn pull_requests(&self, keys: &Keys<'_>) -> Result<PullRequests, Error> {
        Ok(self.store.read::<PullRequests>(keys)?.as_of(clock::now()))
    }

    /// Whether anything is watched, or may be opened.
    pub fn is_configured(&self) -> Result<bool, Error> {
        let mut rules = self.settings.auto_investigation.queues.iter();
        Ok(rules.any(|rule| rule.github.is_some()) || self.has_scope()?)
    }

    /// Makes one look, and prints its lines. Returns whether a part could not be read.
    pub fn look(&self, out: &mut Output) -> Result<bool, Error> {
        if !self.has_scope()? {
            log::warn(
                "no pull requests are watched: name repositories in github.repos or github.orgs, or a \
                 'github' of a queue, or set github.mine or github.review_requested",
            );
            return Ok(false);
        }
        let result = self.look_once()?;
        for line in &result.lines {
            out.line(line)?;
        }
        Ok(result.failure.is_some())
    }

    /// Makes look after look, until the reader closes the pipe.
    pub fn follow(&self, interval: Duration, out: &mut Output) -> Result<bool, Error> {
        let mut at = clock::tick();
        loop {
            match self.look(out) {
                // A look that was not whole, or has failed, is repeated.
                Ok(_) => {}
                Err(Error::Failed(why)) => log::warn(&why),
                Err(other) => return Err(other),
            }
            at += interval;
            out.pause(at.saturating_duration_since(clock::tick()))?;
        }
    }
}

/// Prints what would be published. A body, a title or the name of a branch can have text of a message or a model,
/// which a terminal must not obey.
fn print_dry(text: &str, out: &mut Output) -> Result<(), Error> {
    for line in text.lines() {
        out.put_text(&format!("{}\n", safe(line)))?;
    }
    out.flush()
}
