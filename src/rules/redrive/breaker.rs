//! The breaker: dead letters that arrive during a redrive stop it. Pure.
//!
//! A return is known by the id that its send returned. Nothing shows the ids of a queue without
//! receiving its messages, so the depth is compared with what it must be, and only a depth that is too
//! large leads to a look at the messages.

use std::fmt;

/// The arrivals that a look could not attribute, and that a redrive bears: this many, or this share of
/// the messages that it has sent.
pub const ARRIVALS_MAX: u64 = 10;
pub const ARRIVALS_SHARE: u64 = 100;

/// The messages of a full receive, and the receives in a row that have to be less than full: a receive may
/// miss a message that is there.
const RECEIVE_FULL: u64 = 10;
const SHORT_RECEIVES: u32 = 2;

/// The depth of a dead-letter queue, followed during a redrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// The depth before the first message was deleted.
    start: u64,
    /// The arrivals that a look has shown to be of others.
    foreign: u64,
    /// The arrivals at the last look that could not see all messages.
    unexplained: u64,
}

/// The result of a comparison of depths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DepthCheck {
    /// The depth is as it must be, or smaller.
    Quiet,
    /// This many messages have arrived: are any of them returns?
    Look(u64),
}

/// The result of a look at the messages of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueLook {
    /// The messages that this redrive has sent.
    pub returned: u64,
    /// Whether every message of the queue was seen.
    pub is_complete: bool,
    /// The messages that were sent from here, and are not known to be deleted.
    pub undeleted: u64,
    /// The messages that have certainly arrived since the first send, and are of others.
    pub foreign: u64,
}

/// The progress of a look over a queue of a known depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookProgress {
    /// The messages that are to be seen.
    open: u64,
    /// The receives in a row, after those, that were not full.
    short: u32,
}

impl LookProgress {
    /// Begins with the depth before the look, of which the caller holds `in_flight`.
    pub const fn new(depth: u64, in_flight: u64) -> Self {
        LookProgress { open: depth.saturating_sub(in_flight), short: 0 }
    }

    /// Adds the new messages of a receive.
    pub fn add(&mut self, messages: u64) {
        self.open = self.open.saturating_sub(messages);
        let is_short = self.open == 0 && messages < RECEIVE_FULL;
        self.short = if is_short { self.short + 1 } else { 0 };
    }

    /// Whether as many messages were seen as there were, and receives bring only what has come since.
    pub fn is_complete(self) -> bool {
        self.open == 0 && self.short >= SHORT_RECEIVES
    }

    /// Whether a look was complete that has ended; `is_empty` when no more could be received.
    pub fn ends_complete(self, is_empty: bool) -> bool {
        self.is_complete() || (is_empty && self.open == 0)
    }
}

/// The reason why a redrive stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trip {
    /// Messages that it has sent are dead again.
    Returned(u64),
    /// More messages die than before, and it is unknown whether they are returns.
    Arrivals(u64),
}

impl Trip {
    /// Returns the reason in one word.
    pub const fn word(self) -> &'static str {
        match self {
            Trip::Returned(_) => "returned",
            Trip::Arrivals(_) => "arrivals",
        }
    }
}

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trip::Returned(1) => f.write_str("at least 1 message has died again after it was sent"),
            Trip::Returned(n) => {
                write!(f, "at least {n} messages have died again after they were sent")
            }
            Trip::Arrivals(n) => write!(
                f,
                "{} arrived in the dead-letter queue, and not all of it could be \
                 looked at: {} been sent from here",
                if *n == 1 { "1 message has".to_owned() } else { format!("{n} messages have") },
                if *n == 1 { "it may have" } else { "they may have" },
            ),
        }
    }
}

impl Breaker {
    /// Begins with the depth before the first message is deleted, or that of a later look.
    pub const fn new(start: u64) -> Self {
        Breaker { start, foreign: 0, unexplained: 0 }
    }

    /// Returns how many messages have arrived, of whoever, after `deleted` deletions.
    pub fn arrivals(&self, depth: u64, deleted: u64) -> u64 {
        depth.saturating_sub(self.start.saturating_sub(deleted))
    }

    /// Compares the depth with what it must be after `deleted` deletions.
    pub fn check(&mut self, depth: u64, deleted: u64) -> DepthCheck {
        let left = self.start.saturating_sub(deleted);
        // Counts lag behind deletions, and somebody else may delete: what was taken for an arrival of
        // others was none.
        self.foreign = self.foreign.min(depth.saturating_sub(left));
        let expected = left + self.foreign;
        let arrivals = depth.saturating_sub(expected);
        // Counts are approximate: an arrival that could not be attributed is looked at again when
        // twice as many have come.
        match arrivals > self.unexplained.saturating_mul(2) {
            true => DepthCheck::Look(arrivals),
            false => DepthCheck::Quiet,
        }
    }

    /// Judges the end of a step by a look: messages of others that have left the queue hide a return from
    /// its depth. Returns whether it is known that none has come. A queue that cannot be seen whole is
    /// believed by its depth while none of the others has left.
    pub fn conclude(&self, depth: u64, deleted: u64, look: QueueLook) -> Result<bool, Trip> {
        if look.returned > 0 {
            return Err(Trip::Returned(look.returned));
        }
        let left = self.start.saturating_sub(deleted);
        Ok(look.is_complete || depth >= left + self.foreign)
    }

    /// Judges what a look has found after `arrivals`, of a redrive that has sent `sent` messages.
    pub fn judge(&mut self, arrivals: u64, look: QueueLook, sent: u64) -> Result<(), Trip> {
        if look.returned > 0 {
            return Err(Trip::Returned(look.returned));
        }
        if look.is_complete {
            self.foreign += arrivals;
            self.unexplained = 0;
            return Ok(());
        }
        self.unexplained = arrivals;
        let arrivals = arrivals.saturating_sub(look.foreign.saturating_sub(self.foreign));
        // A small redrive cannot tell a return from the usual number of deaths.
        let is_borne = sent > ARRIVALS_MAX && arrivals <= ARRIVALS_MAX.max(sent / ARRIVALS_SHARE);
        match arrivals == 0 || is_borne {
            true => Ok(()),
            false => Err(Trip::Arrivals(arrivals)),
        }
    }
}

/// Judges a look for returns of what an earlier run has sent, at a queue of a `depth`. Returns whether it is
/// known that none has come. One that cannot be seen whole is believed when its depth is exactly the `expected`
/// one: that before the first message, without what was deleted. None: nobody has read that.
pub fn judge_late(depth: u64, expected: Option<u64>, look: QueueLook) -> Result<bool, Trip> {
    match look.returned {
        0 => Ok(look.is_complete || expected == Some(depth)),
        returned => Err(Trip::Returned(returned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_that_is_too_large_leads_to_a_look() {
        let rows = [
            ("nothing moved", 100, 0, DepthCheck::Quiet),
            ("as expected", 90, 10, DepthCheck::Quiet),
            ("a stale count of fewer", 80, 10, DepthCheck::Quiet),
            ("one more", 91, 10, DepthCheck::Look(1)),
            ("more than at the start", 150, 10, DepthCheck::Look(60)),
            ("all deleted", 1, 100, DepthCheck::Look(1)),
            ("more deleted than were there", 1, 200, DepthCheck::Look(1)),
        ];
        for (rule, depth, deleted, expected) in rows {
            assert_eq!(Breaker::new(100).check(depth, deleted), expected, "{rule}");
        }
    }

    #[test]
    fn arrivals_that_are_seen_to_be_of_others_stop_nothing() {
        let seen = |foreign| QueueLook { foreign, ..QueueLook::default() };
        let rows = [
            ("all of them", 3, 3, Ok(())),
            ("more were seen than the depth shows", 3, 4, Ok(())),
            ("all but one", 3, 2, Err(Trip::Arrivals(1))),
            ("none", 3, 0, Err(Trip::Arrivals(3))),
        ];
        for (rule, arrivals, foreign, expected) in rows {
            assert_eq!(Breaker::new(90).judge(arrivals, seen(foreign), 1), expected, "{rule}");
        }
    }

    #[test]
    fn returns_stop_at_the_first_and_arrivals_when_they_are_many() {
        let look =
            |returned, is_complete| QueueLook { returned, is_complete, ..QueueLook::default() };
        let rows = [
            ("one return", 1, look(1, true), 5000, Err(Trip::Returned(1))),
            ("a return in a partial look", 1, look(1, false), 5000, Err(Trip::Returned(1))),
            ("others only", 500, look(0, true), 1, Ok(())),
            ("a partial look at few", 10, look(0, false), 11, Ok(())),
            ("a partial look at more", 11, look(0, false), 11, Err(Trip::Arrivals(11))),
            ("a share of many", 50, look(0, false), 5000, Ok(())),
            ("more than the share", 51, look(0, false), 5000, Err(Trip::Arrivals(51))),
            ("a partial look after the canary", 1, look(0, false), 1, Err(Trip::Arrivals(1))),
        ];
        for (rule, arrivals, look, sent, expected) in rows {
            assert_eq!(Breaker::new(100).judge(arrivals, look, sent), expected, "{rule}");
        }
    }

    #[test]
    fn step_ends_well_when_no_return_can_be_hidden() {
        let look =
            |returned, is_complete| QueueLook { returned, is_complete, ..QueueLook::default() };
        let usual = Breaker::new(100);
        let rows = [
            ("all was seen", usual, 40, look(0, true), Ok(true)),
            ("a return", usual, 99, look(1, true), Err(Trip::Returned(1))),
            ("a return in a partial look", usual, 99, look(2, false), Err(Trip::Returned(2))),
            ("too many to be seen, none has left", usual, 99, look(0, false), Ok(true)),
            ("one of the others has left", usual, 98, look(0, false), Ok(false)),
        ];
        for (rule, breaker, depth, look, expected) in rows {
            assert_eq!(breaker.conclude(depth, 1, look), expected, "{rule}");
        }
        let others = Breaker { foreign: 5, ..usual };
        assert_eq!(others.conclude(103, 1, look(0, false)), Ok(false), "of 104");
    }

    #[test]
    fn return_to_an_earlier_run_is_hidden_unless_all_is_seen_or_nothing_has_changed() {
        let look =
            |returned, is_complete| QueueLook { returned, is_complete, ..QueueLook::default() };
        let rows = [
            ("all was seen", 70, Some(59), look(0, true), Ok(true)),
            ("all was seen, whatever was there before", 70, None, look(0, true), Ok(true)),
            ("a part, and as many as must be", 59, Some(59), look(0, false), Ok(true)),
            ("a part, and one more", 60, Some(59), look(0, false), Ok(false)),
            (
                "a part, and one fewer: a return may be among them",
                58,
                Some(59),
                look(0, false),
                Ok(false),
            ),
            ("a part, of a queue that nobody followed", 59, None, look(0, false), Ok(false)),
            ("a return", 59, Some(59), look(1, false), Err(Trip::Returned(1))),
            ("a return, and all was seen", 59, Some(59), look(2, true), Err(Trip::Returned(2))),
        ];
        for (rule, depth, expected, look, known) in rows {
            assert_eq!(judge_late(depth, expected, look), known, "{rule}");
        }
    }

    #[test]
    fn look_ends_when_it_has_seen_what_was_there() {
        // depth, in flight, receives, whether no more could be received
        type Row<'a> = (&'a str, u64, u64, &'a [u64], bool, bool);
        let rows: [Row<'_>; 8] = [
            ("all, and no more", 12, 0, &[10, 2], true, true),
            ("fewer than there were", 12, 0, &[10], true, false),
            ("the rest is held", 12, 2, &[10], true, true),
            ("others fill it slowly", 12, 0, &[10, 3, 1], false, true),
            ("one short receive may miss one", 12, 0, &[10, 3], false, false),
            ("others fill it fast", 12, 0, &[10, 10, 10, 10], false, false),
            ("a full one in between", 12, 0, &[10, 3, 10, 3], false, false),
            ("short ones before the end", 12, 0, &[3, 3, 3], false, false),
        ];
        for (rule, depth, in_flight, receives, is_empty, expected) in rows {
            let mut progress = LookProgress::new(depth, in_flight);
            receives.iter().for_each(|count| progress.add(*count));
            assert_eq!(progress.ends_complete(is_empty), expected, "{rule}");
        }
    }

    #[test]
    fn arrivals_are_told_in_words() {
        let one = "1 message has arrived in the dead-letter queue, and not all of it could be looked at: \
                   it may have been sent from here";
        assert_eq!(Trip::Arrivals(1).to_string(), one);
        assert!(Trip::Arrivals(2).to_string().starts_with("2 messages have arrived in"));
    }

    #[test]
    fn arrivals_of_others_are_looked_at_once() {
        let mut breaker = Breaker::new(100);
        let seen = QueueLook { is_complete: true, ..QueueLook::default() };
        assert_eq!(breaker.judge(5, seen, 20), Ok(()));
        assert_eq!(breaker.check(95, 10), DepthCheck::Quiet);
        assert_eq!(breaker.check(96, 10), DepthCheck::Look(1));
        let partial = QueueLook::default();
        assert_eq!(breaker.judge(1, partial, 20), Ok(()));
        assert_eq!(breaker.check(97, 10), DepthCheck::Quiet);
        assert_eq!(breaker.check(98, 10), DepthCheck::Look(3));
    }

    #[test]
    fn counts_that_lag_do_not_hide_later_returns() {
        let mut breaker = Breaker::new(1000);
        assert_eq!(breaker.check(950, 100), DepthCheck::Look(50));
        assert_eq!(
            breaker.judge(50, QueueLook { is_complete: true, ..QueueLook::default() }, 100),
            Ok(())
        );
        assert_eq!(breaker.check(900, 100), DepthCheck::Quiet, "the count has settled");
        assert_eq!(breaker.check(901, 100), DepthCheck::Look(1));
    }
}
