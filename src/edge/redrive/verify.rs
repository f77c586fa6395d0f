//! The verification of a redrive that was not awaited, or that could not be verified before.

use std::collections::BTreeMap;
use std::path::Path;

use super::apply::{Pace, RedriveRun};
use super::interrupted::whole_archive;
use super::look_up::MoveSource;
use super::mover::Mover;
use super::record::RedriveRecord;
use super::remedy::unreadable_destination;
use super::stop::MoveStop;
use super::watch::RedriveWatch;
use super::{RedriveRequest, Redriver};
use crate::clock;
use crate::document::Keys;
use crate::edge::archive::ArchiveReader;
use crate::edge::stop_signals::StopSignals;
use crate::error::Error;
use crate::rules::redrive::archive::{ArchiveLine, MoveResult};
use crate::rules::redrive::consumption;
use crate::rules::redrive::document::{Move, MoveKind, MoveStep, Redrives};
use crate::rules::redrive::retention;
use crate::rules::redrive::reverify;
use crate::rules::redrive::verification::VerificationState;
use crate::time::Timestamp;
use crate::wire::Output;

impl Redriver {
    /// Watches whether the messages of a redrive stay gone and were consumed. The redrive is given by
    /// the beginning of its id, or by its queue, whose last one is meant. One that was stopped or killed
    /// stays open, whatever is seen.
    pub fn verify(
        &self,
        name: &str,
        request: &RedriveRequest,
        out: &mut Output,
    ) -> Result<bool, Error> {
        let state = self.redrive_of(name)?;
        let refused = |why: String| Error::failed("verify redrive", &state.id, why);
        let Some(path) = state.archive.clone() else {
            reverify::judge(&state, 0).map_err(refused)?;
            return Ok(false);
        };
        let request = request.going_on(&state).map_err(refused)?;
        let mut source = self.source(&state.queue.url, &request)?;
        self.add_sent_before(&mut source, Path::new(&path), &state)?;
        let _lock = self.lock(&mut source)?;
        // As it is now that no other run writes it.
        let state = self.redrive_of(&state.id)?;
        let signals = StopSignals::listening()?;
        let archive_state =
            whole_archive(&state, Path::new(&path)).map_err(|error| refused(error.to_string()))?;
        let right =
            reverify::judge(&state, archive_state.count(|one| one.is_sent)).map_err(refused)?;
        let archive = (self.archives.resume(Path::new(&path))?, archive_state);
        let (queue, id) = (source.target.queue.clone(), state.id.clone());
        let own_receives_max = source.own_receives_max();
        let at = (self.sqs(), source.target.scope, &queue, id.as_str());
        let mut mover = Mover::new(at, archive, (source.destinations, source.routes));
        mover.own_receives_max = own_receives_max;
        self.recall(&mut mover, &state)?;
        // Its end stays as it is until another one is known: the look may be stopped.
        let mut record = RedriveRecord::begin(&self.store, &self.journal, out, state)?;
        let mut watch = RedriveWatch::new(&source.attributes, &mover, signals.clone());
        (watch.wait, watch.batch_window) = (request.wait, request.batch_window);
        let pace = Pace {
            ramp: request.ramp,
            has_canary: false,
            limit: None,
            bound: u64::MAX,
            rate: None,
            hold: request.hold,
            verifies: true,
        };
        let begun = clock::tick();
        let (mover, record) = (&mut mover, &mut record);
        let (hidden_until, is_thorough, unseen) = (begun, false, None);
        let mut redrive = RedriveRun {
            mover,
            record,
            watch,
            pace,
            window: None,
            begun,
            is_resumed: false,
            hidden_until,
            is_thorough,
            unseen,
        };
        let result = redrive.look_and_verify();
        let failed = redrive.finish_late(result, right, begun)?;
        signals.end();
        Ok(failed)
    }

    /// Adds the destinations that an archive has sent to.
    pub(super) fn add_sent_before(
        &self,
        source: &mut MoveSource,
        archive: &Path,
        state: &Move,
    ) -> Result<(), Error> {
        for (to, SentTimes { count, unproven, last }) in sent_by_queue(archive, &state.proven)? {
            let added = source.routes.add(self.sqs(), source.target.scope, &to);
            let failed =
                |error| Error::failed("read destination", &to, unreadable_destination(&error));
            added.map_err(failed)?;
            if let Some(route) = source.routes.0.get_mut(&to) {
                let recorded = state.baselines.get(&to).copied();
                let depth = route.consumption.before();
                let before = consumption::baseline(recorded, count, depth);
                let floor = state.in_flight_before.get(&to).copied().unwrap_or(0);
                route.consumption = route.consumption.clone().since(before, floor);
                route.consumption.add_sent(count);
                // Of a clock that was set back meanwhile nothing is known.
                let now = clock::now();
                route.sent_at = clock::tick().checked_sub(now.since(last)).or(Some(clock::tick()));
                let recorded = state.kept_until.get(&to).copied();
                let kept_until = retention::kept_until(recorded, unproven, route.kept_for);
                route.kept_until = kept_until.map(|until| clock::tick() + until.since(now));
            }
        }
        Ok(())
    }

    fn redrive_of(&self, name: &str) -> Result<Move, Error> {
        let all: Redrives = self.store.read(&Keys::none().with_all(Redrives::MOVE))?;
        let is_redrive = |one: &&Move| matches!(one.kind, MoveKind::Redrive | MoveKind::Native);
        let by_id: Vec<&Move> = all.starting_with(name).filter(is_redrive).collect();
        if let [one] = by_id.as_slice() {
            return Ok((*one).clone());
        }
        let is_of_queue = |one: &&Move| {
            [&one.queue.name, &one.queue.url, &one.queue.arn].contains(&&name.to_owned())
        };
        let last = all.moves.iter().rev().filter(is_redrive).find(is_of_queue);
        last.cloned().ok_or_else(|| {
            Error::failed(
                "verify",
                name,
                "no redrive has this id, and none is recorded of such a queue",
            )
        })
    }
}

impl RedriveRun<'_, '_> {
    /// Looks for returns that have come before, then watches.
    fn look_and_verify(&mut self) -> Result<VerificationState, MoveStop> {
        self.record.enter(MoveStep::Verify)?;
        self.watch.look_late(self.mover, self.record, self.pace.hold)?;
        self.verify_end()
    }

    /// Watches the end. What was not known of an earlier run may be by then.
    pub(super) fn verify_end(&mut self) -> Result<VerificationState, MoveStop> {
        self.record.enter(MoveStep::Verify)?;
        let state = self.watch.verify(self.mover, self.record)?;
        let is_doubtful = state == VerificationState::Verified
            && self.watch.has_doubt
            && !self.watch.look_late(self.mover, self.record, self.pace.hold)?;
        Ok(if is_doubtful { self.watch.unknown_returns() } else { state })
    }

    /// Begins the steps anew, because it is not known whether what was sent has returned.
    pub(super) fn begin_anew(&mut self) -> Result<(), MoveStop> {
        let routes = self.mover.routes.0.iter();
        let sent = routes.map(|(to, route)| (to.clone(), route.consumption.sent()));
        self.record.document.state.bases = sent.collect();
        self.record.document.write().map_err(MoveStop::File)
    }
}

/// The sends to a queue.
#[derive(Default)]
struct SentTimes {
    count: u64,
    /// The moment of the first one that is not proven.
    unproven: Option<Timestamp>,
    last: Timestamp,
}

/// Returns what an archive has sent to each queue, whose first messages are `proven`.
fn sent_by_queue(
    path: &Path,
    proven: &BTreeMap<String, u64>,
) -> Result<BTreeMap<String, SentTimes>, Error> {
    let mut sent: BTreeMap<String, SentTimes> = BTreeMap::new();
    ArchiveReader::each(path, |line| {
        if let ArchiveLine::Result(MoveResult::Sent { to, .. }, at) = line {
            let proven = proven.get(&to).copied().unwrap_or(0);
            let entry = sent.entry(to).or_default();
            entry.count += 1;
            entry.last = entry.last.max(at);
            entry.unproven = entry.unproven.or((entry.count > proven).then_some(at));
        }
        Ok(())
    })?;
    Ok(sent)
}
