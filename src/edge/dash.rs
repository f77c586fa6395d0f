//! The dashboard: where its events come from, and how a view is shown.
//!
//! Promises: starts nothing and changes nothing by itself, takes no lock on a document, and never
//! asks AWS.

mod actions;
mod attached;
mod batches;
pub mod guard;
mod input;
mod journal_fold;
mod live;
mod once;
mod recording;
mod source;
mod state_files;
pub mod terminal;
mod waiting_queues;

pub use actions::beside;
pub use journal_fold::JournalFold;
pub use live::show;
pub use once::print;
pub use state_files::usage as session_usage;

use std::path::PathBuf;

use crate::clock;
use crate::config::{Env, Settings};
use crate::error::Error;
use crate::event::stream_time::DRIFT;
use crate::event::{Line, ShownEvent, peek};
use crate::journal::Journal;
use crate::rules::view::dashboard::Dashboard;
use crate::store::Store;

/// The source of the events.
#[derive(Debug)]
pub enum EventSource {
    Stdin,
    Journal(Journal),
    Recording(PathBuf),
}

/// The sources of the dashboard: events, and what the state folder adds to them.
#[derive(Debug)]
pub struct Sources {
    pub events: EventSource,
    /// The state folder; None with a recording, which is of another time.
    store: Option<Store>,
}

impl Sources {
    /// Chooses the source: the recording that is given, else standard input when it brings events,
    /// else the journal.
    pub fn choose(
        settings: &Settings,
        env: &Env,
        recording: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let store = super::state_store::open(settings, env, false)?;
        let events = match recording {
            Some(path) => EventSource::Recording(path),
            None if source::stdin_has_events() => EventSource::Stdin,
            None => EventSource::Journal(Journal::new(&store, settings.state.rotation())),
        };
        let store = (!matches!(events, EventSource::Recording(_))).then_some(store);
        Ok(Sources { events, store })
    }

    pub fn is_stdin(&self) -> bool {
        matches!(self.events, EventSource::Stdin)
    }

    pub fn is_recording(&self) -> bool {
        matches!(self.events, EventSource::Recording(_))
    }
}

/// Takes lines of a living source into the state. An event far ahead of the clock is none: all right
/// ones would look old beside it.
fn take_live_lines(state: &mut Dashboard, lines: &[u8]) {
    state.latest = Some(clock::now().plus(DRIFT));
    take_lines(state, lines);
}

/// Takes lines into the state. A line that is no JSON object counts as damaged.
fn take_lines(state: &mut Dashboard, lines: &[u8]) {
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        match ShownEvent::read(line) {
            Some(event) => state.apply(&event),
            None => state.source.damaged += u64::from(matches!(peek(line), Line::Bad(_))),
        }
    }
}
