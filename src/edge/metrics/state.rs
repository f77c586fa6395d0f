//! The reading of the state folder for the gauges, without a lock on a document.

use std::collections::{BTreeMap, BTreeSet};

use super::{MetricsCollector, system};
use crate::document::{Document, Keys};
use crate::edge::archive::is_move_running;
use crate::edge::dash::session_usage;
use crate::edge::notify::outbox::ChannelOutbox;
use crate::edge::session_folder::{self, session_folder};
use crate::edge::supervisor::files;
use crate::error::Error;
use crate::rules::investigation::budget::Budget;
use crate::rules::investigation::document::Sessions;
use crate::rules::investigation::session::SessionStatus;
use crate::rules::notification::notices::Notices;
use crate::rules::pull_request::document::PullRequests;
use crate::rules::queue::document::Watched;
use crate::rules::redrive::document::{MoveKind, Redrives};
use crate::rules::view::metrics::gauges::{AgentsUsage, StateReading, WaitingNotices};
use crate::time::Timestamp;

/// The label of the folder itself, beside those of its documents.
const FOLDER: &str = "folder";

impl MetricsCollector {
    /// Reads all documents, and probes what runs.
    pub(super) fn read_state(&mut self) -> StateReading {
        let mut reading = StateReading { day_limit: self.day_limit, ..StateReading::default() };
        let documents = &mut reading.documents;
        reading.watched = self.document::<Watched>(documents);
        reading.budget = self.document::<Budget>(documents);
        reading.pull_requests = self.document::<PullRequests>(documents);
        let sessions = self.document::<Sessions>(documents);
        let notices = self.document::<Notices>(documents);
        let redrives = self.document::<Redrives>(documents);
        if let Some((running, agents)) = sessions.and_then(|all| self.running(&all).ok()) {
            (reading.running, reading.agents) = (Some(running), Some(agents));
        }
        reading.outbox = notices.map(|all| self.outbox(&all));
        reading.moves = redrives.and_then(|all| self.moves(&all).ok());
        let size = self.size.bytes(self.store.dir());
        reading.documents.push((FOLDER, size.is_ok()));
        reading.system = system::figures(self.store.dir(), size.ok().flatten());
        reading
    }

    fn document<D: Document>(&self, documents: &mut Vec<(&'static str, bool)>) -> Option<D> {
        let read = self.store.read(&Keys::all());
        documents.push((D::NAME, read.is_ok()));
        read.ok()
    }

    /// Counts the sessions whose supervisor runs, and adds up the use of their processes.
    fn running(&self, all: &Sessions) -> Result<(u64, AgentsUsage), Error> {
        let (mut running, mut agents) = (0, AgentsUsage::default());
        for session in all.sessions.iter().filter(|one| one.status == SessionStatus::Running) {
            let folder = session_folder(self.store.dir(), &session.id);
            if !session_folder::is_supervised(&folder.join(files::LOCK), session.lock)? {
                continue;
            }
            running += 1;
            if let Some(usage) = session_usage(&folder.join(files::USAGE))? {
                agents.cpu_ms = agents.cpu_ms.saturating_add(usage.cpu_ms);
                agents.rss_bytes = agents.rss_bytes.saturating_add(usage.rss_bytes);
            }
        }
        Ok((running, agents))
    }

    /// Counts the entries of the outbox, those of configured channels also when there are none. A channel
    /// whose folder cannot be read is unknown, and hides no other.
    fn outbox(&self, all: &Notices) -> WaitingNotices {
        let mut waiting = WaitingNotices::default();
        let queued = all.queue.values().map(|one| &one.channel);
        let channels: BTreeSet<&String> = queued.chain(&self.channels).collect();
        for channel in channels {
            let Ok((count, oldest)) = self.queued(channel) else { continue };
            waiting.channels.insert(channel.clone(), count);
            waiting.oldest = waiting.oldest.into_iter().chain(oldest).min();
        }
        waiting
    }

    /// Returns the number of entries of a channel, and the moment of the oldest one.
    fn queued(&self, channel: &str) -> Result<(u64, Option<Timestamp>), Error> {
        let outbox = ChannelOutbox::new(&self.store, channel);
        let names = outbox.names()?;
        // The first one is the oldest decision.
        let oldest = names.first().map_or(Ok(None), |first| outbox.read(first))?;
        Ok((names.len() as u64, oldest.map(|entry| entry.queued_at)))
    }

    /// Counts the moves that run, by kind.
    fn moves(&self, all: &Redrives) -> Result<BTreeMap<&'static str, u64>, Error> {
        let mut moves: BTreeMap<&str, u64> =
            MoveKind::ALL.into_iter().map(|kind| (kind.as_str(), 0)).collect();
        for one in all.moves.iter().filter(|one| one.finished_at.is_none()) {
            if is_move_running(&self.store, &one.queue.arn)? {
                *moves.entry(one.kind.as_str()).or_default() += 1;
            }
        }
        Ok(moves)
    }
}
