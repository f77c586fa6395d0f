//! The pauses of a channel: after an attempt, after a failure, and while another process delivers.

use std::time::Instant;

use super::{CATCH_UP, ChannelDrain, LOCK_PAUSE, RELEASED_FROM};
use crate::clock;
use crate::time::Timestamp;

impl ChannelDrain {
    pub(super) fn look_later(&mut self) {
        self.next_at = clock::tick() + LOCK_PAUSE;
    }

    /// Counts an attempt. Time lost against the rate is made up for; a long wait makes no burst.
    pub(super) fn take_turn(&mut self, tick: Instant) {
        let earliest = tick.checked_sub(CATCH_UP.saturating_sub(self.interval)).unwrap_or(tick);
        self.next_at = self.next_at.max(earliest) + self.interval;
    }

    /// Pauses the channel. Other processes may look after it in a long pause.
    pub(super) fn pause_until(&mut self, at: Timestamp, now: Timestamp) {
        self.not_before = Some(at);
        if at.since(now) >= RELEASED_FROM {
            self.release();
        }
    }

    /// Lets other processes deliver, unless they would deliver again what is not recorded yet.
    pub(super) fn release(&mut self) {
        if self.unrecorded.is_empty() {
            self.lock = None;
        }
    }
}
