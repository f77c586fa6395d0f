//! The reading of the state folder for `dlq-status`. Starts nothing, changes nothing and takes no
//! lock: a probe of a session's lock releases it at once.

mod frames;
mod watch;

pub use frames::{StatusForm, StatusFrame, StatusFrames};
pub use watch::watch;

use std::collections::BTreeMap;

use super::closed_folder::{self, ClosedFolders};
use super::session_folder::{self, session_folder};
use super::supervisor::files;
use crate::clock;
use crate::document::{Document, Keys};
use crate::error::Error;
use crate::ndjson;
use crate::rules::investigation::budget::{Budget, BudgetLimits};
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::session::{Session, SessionStatus};
use crate::rules::notification::ack::Acks;
use crate::rules::notification::heartbeat::Heartbeat;
use crate::rules::notification::silence::Silences;
use crate::rules::queue::document::Watched;
use crate::rules::view::status;
use crate::rules::view::status::{LastEvent, RoundFacts, SessionProbe, StateDocuments, StatusView};
use crate::store::Store;

/// The bytes at the end of a session's events in which its end is looked for: it and many later proofs.
const EVENTS_END: u64 = 64 * 1024;

/// Reads the documents and probes the session folders.
pub fn look(store: &Store, limits: &BudgetLimits) -> StatusView {
    read(store, limits, true).0
}

/// Reads what the summary needs: no events of sessions, so that it takes the same time however long
/// these and the journal are.
pub fn look_for_summary(store: &Store, limits: &BudgetLimits) -> (StatusView, Option<RoundFacts>) {
    let (mut view, watched) = read(store, limits, false);
    let heartbeat = document::<Heartbeat>(store, &mut view.problems).unwrap_or_default();
    let rounds = watched.map(|watched| RoundFacts {
        last: watched.newest_round().max(heartbeat.all.last),
        interval_ms: heartbeat.all.interval_s.map(|seconds| seconds.saturating_mul(1000)),
        failures: watched.failures(),
    });
    (view, rounds)
}

/// Reads the documents, and probes the session folders, `with_events` also their last events.
fn read(store: &Store, limits: &BudgetLimits, with_events: bool) -> (StatusView, Option<Watched>) {
    let mut problems = Vec::new();
    let mut sessions = document::<Sessions>(store, &mut problems);
    let mut seen = all(store, sessions.as_ref(), with_events, &mut problems);
    let ended = |one: &Session| {
        one.status == SessionStatus::Running
            && seen.get(&one.id).and_then(|seen| seen.held) == Some(false)
    };
    // A session that ended since the document was read is recorded by now and did not crash.
    if sessions.as_ref().is_some_and(|all| all.sessions.iter().any(ended)) {
        problems.clear();
        sessions = document::<Sessions>(store, &mut problems);
        seen = all(store, sessions.as_ref(), with_events, &mut problems);
    }
    let watched = document::<Watched>(store, &mut problems);
    let budget = document::<Budget>(store, &mut problems);
    let acks = document::<Acks>(store, &mut problems);
    let silences = document::<Silences>(store, &mut problems);
    let documents = StateDocuments { sessions, watched, budget, acks, silences };
    let state = store.dir().display().to_string();
    let now = clock::now();
    let round = documents.watched.as_ref().and_then(Watched::newest_round);
    if let Some(round) = round.filter(|round| status::is_ahead_of_clock(*round, now)) {
        problems.push(status::ahead_of_clock(round));
    }
    let view = status::view(&documents, &seen, limits, &state, now);
    (StatusView { problems, ..view }, documents.watched)
}

fn document<D: Document>(store: &Store, problems: &mut Vec<String>) -> Option<D> {
    let failed = |error| closed_folder::add(problems, closed_folder::sentence(store.dir(), &error));
    store.read(&Keys::all()).map_err(failed).ok()
}

/// Probes the folders of the sessions.
fn all(
    store: &Store,
    sessions: Option<&Sessions>,
    with_events: bool,
    problems: &mut Vec<String>,
) -> BTreeMap<String, SessionProbe> {
    let (mut seen, mut closed) = (BTreeMap::new(), ClosedFolders::default());
    for session in sessions.map_or(&[][..], |all| &all.sessions) {
        let folder = session_folder(store.dir(), &session.id);
        let mut found = SessionProbe::default();
        if session.status == SessionStatus::Running {
            match session_folder::is_supervised(&folder.join(files::LOCK), session.lock) {
                Ok(held) => found.held = Some(held),
                Err(_) if closed.take(&folder) => {}
                Err(error) => problems.push(error.to_string()),
            }
        }
        if !with_events {
            seen.insert(session.id.clone(), found);
            continue;
        }
        let events = folder.join(files::EVENTS);
        match ndjson::last_lines(&events, EVENTS_END) {
            Ok(lines) => found.last_event = LastEvent::from_lines(&lines).unwrap_or_default(),
            Err(_) if closed.take(&folder) => {}
            Err(error) => problems.push(Error::file("read", &events, &error).to_string()),
        }
        seen.insert(session.id.clone(), found);
    }
    problems.extend(closed.problem());
    seen
}
