//! The end of a redrive: the last lines of its archive, its record, its last event.

use std::time::Instant;

use super::apply::RedriveRun;
use super::stop::MoveStop;
use super::{plan_file, progress_bar};
use crate::error::Error;
use crate::event::{RedriveAborted, RedriveCompleted};
use crate::log;
use crate::rules::redrive::archive::MoveResult;
use crate::rules::redrive::breaker::Trip;
use crate::rules::redrive::document::MoveOutcome;
use crate::rules::redrive::reverify::{self, LateVerification};
use crate::rules::redrive::verification::VerificationState;
use crate::text;

impl RedriveRun<'_, '_> {
    /// Records and reports the end. Returns whether something is left to do.
    pub(super) fn finish(
        &mut self,
        result: Result<Option<VerificationState>, MoveStop>,
        begun: Instant,
    ) -> Result<bool, Error> {
        progress_bar::clear();
        let counts = &self.mover.counts;
        let state = &mut self.record.document.state;
        (state.moved, state.deleted, state.parked) = (counts.moved, counts.deleted, counts.parked);
        match result {
            Ok(verified) => {
                let is_gone = self.note_gone();
                Ok(self.complete(verified, begun)? || is_gone)
            }
            Err(stop) => self.abort(&stop, MoveOutcome::Aborted).map(|()| true),
        }
    }

    /// Records and reports what a later verification has found. Returns whether something is left to do.
    pub(super) fn finish_late(
        &mut self,
        result: Result<VerificationState, MoveStop>,
        right: LateVerification,
        begun: Instant,
    ) -> Result<bool, Error> {
        progress_bar::clear();
        let sent = text::count(self.mover.counts.sent, "message");
        let state = &mut self.record.document.state;
        let id = state.id.clone();
        let was_verified = state.verified == Some(true) && state.returned == 0;
        match (result, right) {
            (Ok(found), LateVerification::Settles)
                if was_verified && found != VerificationState::Verified =>
            {
                // What others have sent since then shows nothing about its messages.
                log::warn(&format!(
                    "redrive {id} stays verified, and cannot be verified again: {found}"
                ));
                self.complete(Some(VerificationState::Verified), begun)
            }
            (Ok(found), LateVerification::Settles) => self.complete(Some(found), begun),
            (Ok(found), LateVerification::Tells | LateVerification::Repeats) => {
                let (found, go_on) = match (state.returned, found) {
                    (
                        0,
                        found @ (VerificationState::ReturnsUnknown(_)
                        | VerificationState::Gone(_)
                        | VerificationState::Unattributed(_)),
                    ) => {
                        let stop = MoveStop::NotConsumed(found);
                        (stop.to_string(), stop.remedy(state))
                    }
                    (0, found) => (found.to_string(), reverify::go_on(state)),
                    (returned, _) => (Trip::Returned(returned).to_string(), reverify::go_on(state)),
                };
                log::warn(&format!(
                    "{sent} of redrive {id}: {found}; the redrive has not come to its end: {go_on}"
                ));
                Ok(true)
            }
            (Err(MoveStop::Tripped(Trip::Returned(count))), LateVerification::Settles) => {
                state.returned = state.returned.max(count);
                // It has come to its end before; what is seen now is in its numbers.
                self.complete(Some(VerificationState::Verified), begun)
            }
            (Err(stop @ MoveStop::Tripped(Trip::Returned(_))), LateVerification::Tells) => {
                self.abort(&stop, MoveOutcome::Aborted).map(|()| true)
            }
            (Err(stop @ MoveStop::Tripped(Trip::Returned(_))), LateVerification::Repeats) => {
                let go_on = reverify::go_on(state);
                log::warn(&format!("{sent} of redrive {id}: {stop}; this was known: {go_on}"));
                self.record.document.write().map(|()| true)
            }
            (Err(stop), _) => {
                let first = match stop {
                    MoveStop::Forgets { .. } => {
                        "raise its MessageRetentionPeriod, or give a shorter --wait; then "
                    }
                    _ => "",
                };
                log::warn(&format!(
                    "the verification of redrive {id} has stopped: {stop}; {first}'{}' begins it again",
                    reverify::verify_command(state)
                ));
                Ok(true)
            }
        }
    }

    fn complete(
        &mut self,
        verified: Option<VerificationState>,
        begun: Instant,
    ) -> Result<bool, Error> {
        // A return that was seen once is one, also when somebody has deleted it meanwhile.
        let returned = self.record.document.state.returned;
        let is_verified =
            verified.as_ref().map(|one| *one == VerificationState::Verified && returned == 0);
        let outcome = match is_verified {
            Some(false) => MoveOutcome::Unverified,
            _ => MoveOutcome::Completed,
        };
        self.record.document.state.verified = is_verified;
        self.drop_empty_archive();
        let left = self.tell_left();
        self.tell_unchosen();
        let possible_duplicates = self.mover.possible_duplicates();
        self.tell_parked();
        let state = &self.record.document.state;
        if possible_duplicates > 0 {
            log::warn(&format!(
                "{} may be in both queues, or in the destination twice; '{}' lists each as \
                 possible_duplicate",
                text::count(possible_duplicates, "message"),
                state.archive.as_deref().unwrap_or_default(),
            ));
        }
        match verified {
            Some(VerificationState::Verified) if returned > 0 => {
                let why = Trip::Returned(returned);
                log::warn(&format!("the redrive is not verified: {why}"));
            }
            Some(VerificationState::Verified) | None => {}
            Some(state) => log::warn(&format!("the redrive is not verified: {state}")),
        }
        let data = RedriveCompleted {
            queue: state.queue.clone(),
            redrive: state.id.clone(),
            messages: state.messages.unwrap_or(state.moved),
            moved: state.moved,
            returned: state.returned,
            parked: state.parked,
            gone: state.gone,
            possible_duplicates,
            archive: state.archive.clone(),
            duration_s: begun.elapsed().as_secs(),
            verified: is_verified,
            pull_request: state.pull_request.clone(),
            fingerprint: state.only_fingerprint(),
        };
        plan_file::remove_kept(self.mover.archive.path());
        self.close_archive(outcome);
        self.record.finish(outcome, data)?;
        Ok(left || is_verified == Some(false))
    }

    fn abort(&mut self, stop: &MoveStop, outcome: MoveOutcome) -> Result<(), Error> {
        let is_regression = matches!(stop, MoveStop::Tripped(Trip::Returned(_)));
        let state = &mut self.record.document.state;
        if let MoveStop::Tripped(Trip::Returned(count)) = stop {
            state.returned = state.returned.max(*count);
        }
        let counts = &self.mover.counts;
        let unsettled = match &self.mover.plan {
            Some(_) => Some(self.mover.missing()),
            None => state.messages.map(|all| all.saturating_sub(counts.sent + counts.parked)),
        };
        let left = unsettled.map(|left| left.min(self.mover.depth_after(stop)));
        let detail = stop.to_string();
        let remedy = stop.remedy(state);
        state.remedy = Some(remedy.clone());
        log::warn(&format!(
            "the redrive of queue '{}' has stopped after {}: {detail}; {remedy}",
            state.queue.name,
            text::count(self.mover.counts.sent, "message"),
        ));
        let data = RedriveAborted {
            queue: state.queue.clone(),
            redrive: state.id.clone(),
            reason: stop.word().to_owned(),
            detail,
            moved: state.moved,
            returned: state.returned,
            left,
            archive: state.archive.clone(),
            regression: is_regression,
            pull_request: state.pull_request.clone(),
            fingerprint: state.only_fingerprint(),
        };
        self.close_archive(outcome);
        self.record.finish(outcome, data)
    }

    /// Writes the outcome into the archive. A full disk has stopped the redrive before.
    fn close_archive(&mut self, outcome: MoveOutcome) {
        if self.record.document.state.archive.is_none() {
            return;
        }
        let line = MoveResult::Finished { outcome: outcome.to_string() };
        log::warn_on_error(self.mover.archive.results(&[line], crate::clock::now()));
    }

    /// Warns of messages that were to move and did not. Returns whether there are any.
    fn tell_left(&self) -> bool {
        let mut reasons: Vec<_> = self.left_out().into_iter().collect();
        reasons.sort_unstable();
        for (why, count) in &reasons {
            log::warn(&format!(
                "{} left in queue '{}': {}",
                text::count(*count as u64, "message"),
                self.record.document.state.queue.name,
                in_words(why),
            ));
        }
        let lost = self.mover.counts.lost;
        if lost > 0 {
            log::warn(&format!(
                "{} of the interrupted run, not known to be sent, {} no longer in queue '{}'; the archive has {}",
                text::count(lost, "message"),
                if lost == 1 { "is" } else { "are" },
                self.record.document.state.queue.name,
                if lost == 1 { "it" } else { "them" },
            ));
        }
        self.tell_not_found() || lost > 0 || !reasons.is_empty()
    }
}

/// Returns the reason for which a message is left, as a clause.
fn in_words(why: &str) -> &'static str {
    match why {
        "do_not" => "a verdict advises against its redrive, or cannot be read; --force moves it",
        "no_destination" => "no destination is known; give --to",
        "too_large" => "larger than its destination accepts",
        "waits" => "an earlier message of its group is left",
        "not_confirmed" => "its destination did not confirm it; the archive lists it",
        _ => "its destination has refused it",
    }
}
