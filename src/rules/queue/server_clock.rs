//! The time of a server, by the dates of its answers. Pure.
//!
//! Messages carry times of SQS, and the clock of this machine may be minutes off. The dates are cut to
//! seconds, so that they only bound the time: a clock between the bounds is right, as far as is known.

use std::time::Duration;

use crate::time::Timestamp;

/// The time by which an answer may be younger than its date: what was cut off, and its way.
const CUT: Duration = Duration::from_secs(2);

/// The bounds of the time of a server. The other side of each pair is a clock that nobody sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerClock {
    least: Option<(Timestamp, Duration)>,
    most: Option<(Timestamp, Duration)>,
}

impl ServerClock {
    /// Adds the date of an answer that came at `at`.
    pub fn hear(&mut self, date: Timestamp, at: Duration) {
        if extrapolate(self.least, at).is_none_or(|known| date > known) {
            self.least = Some((date, at));
        }
        let end = date.plus(CUT);
        if extrapolate(self.most, at).is_none_or(|known| end < known) {
            self.most = Some((end, at));
        }
    }

    /// Returns the time of the server at `at`, when the clock of this machine shows `own`: that, unless the
    /// answers contradict it; then a time that is not later than that of the server, and hardly earlier.
    pub fn now(&self, at: Duration, own: Timestamp) -> Timestamp {
        match (extrapolate(self.least, at), extrapolate(self.most, at)) {
            (Some(least), Some(most)) if own < least || own > most => least,
            _ => own,
        }
    }

    /// Returns a time that is not later than that of the server at `at`, and hardly earlier; `own` while no
    /// answer has told one.
    pub fn earliest(&self, at: Duration, own: Timestamp) -> Timestamp {
        extrapolate(self.least, at).unwrap_or(own)
    }

    /// Returns a time that is not earlier than that of the server at `at`, and hardly later; `own` while no
    /// answer has told one.
    pub fn latest(&self, at: Duration, own: Timestamp) -> Timestamp {
        extrapolate(self.most, at).unwrap_or(own)
    }
}

fn extrapolate(known: Option<(Timestamp, Duration)>, at: Duration) -> Option<Timestamp> {
    known.map(|(date, then)| date.plus(at.saturating_sub(then)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_of_this_machine_is_believed_as_far_as_answers_allow() {
        let ms = Duration::from_millis;
        let at = Timestamp::from_millis;
        assert_eq!(ServerClock::default().now(ms(10), at(7)), at(7), "no answer");
        assert_eq!(ServerClock::default().earliest(ms(10), at(7)), at(7), "no answer");
        assert_eq!(ServerClock::default().latest(ms(10), at(7)), at(7), "no answer");
        // The true time is 600,400 ms more than what the clock that nobody sets shows.
        let mut clock = ServerClock::default();
        for (date, came) in [(601_000, 1500), (602_000, 1650), (603_000, 3590)] {
            clock.hear(at(date), ms(came));
        }
        let rows = [
            ("right", 604_000, 604_000),
            ("half a second ahead", 604_500, 604_500),
            ("as late as may be", 605_010, 605_010),
            ("later", 605_011, 603_950),
            ("ten minutes behind", 4000, 603_950),
            ("ten minutes ahead", 1_204_000, 603_950),
            ("a second behind", 603_000, 603_950),
        ];
        for (rule, own, expected) in rows {
            assert_eq!(clock.now(ms(3600), at(own)), at(expected), "{rule}");
            assert_eq!(clock.earliest(ms(3600), at(own)), at(603_950), "{rule}");
            assert_eq!(clock.latest(ms(3600), at(own)), at(605_010), "{rule}");
        }
    }
}
