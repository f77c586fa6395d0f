//! What an incident waits for after its session had no reason to start an agent: a moment, another
//! session, or more money. The stream can end the wait, too: see `incident::hear`.

use serde::{Deserialize, Serialize};

use super::budget::Limits;
use super::session::Status;
use crate::time::Timestamp;

/// A wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// The reason, in one word.
    pub reason: String,
    /// When it began.
    pub since: Timestamp,
    /// It ends then.
    pub until: Option<Timestamp>,
    /// It ends when this session has ended without a result.
    pub session: Option<String>,
    /// It ends when what may be spent is not this any more.
    pub limits: Option<Limits>,
}

impl Hold {
    /// One that ends by itself.
    pub fn until(reason: &str, since: Timestamp, until: Timestamp) -> Self {
        let reason = reason.to_owned();
        Hold { reason, since, until: Some(until), session: None, limits: None }
    }

    /// Whether it still stands. `session` is where the session stands that it names; None: nobody
    /// knows of it any more.
    pub fn stands(&self, now: Timestamp, limits: &Limits, session: Option<Status>) -> bool {
        // A clock that was ahead has written it.
        let begun = now >= self.since;
        let same = self.limits.as_ref().is_none_or(|before| before == limits);
        let ahead = self.until.is_none_or(|until| now < until);
        let awaited =
            self.session.is_none() || matches!(session, Some(Status::Running | Status::Completed));
        begun && same && ahead && awaited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_wait_ends_by_what_it_waits_for() {
        let limits = Limits::default();
        let more = Limits { per_run: limits.per_run + 1.0, ..limits.clone() };
        let hour = Hold::until("budget", at(0), at(3600));
        let spent = Hold { limits: Some(limits.clone()), ..hour.clone() };
        let owned = Hold { until: None, session: Some("s".into()), ..hour.clone() };
        let rows = [
            ("before its end", &hour, 3599, &limits, None, true),
            ("at its end", &hour, 3600, &limits, None, false),
            ("the clock was ahead", &hour, -1, &limits, None, false),
            ("the same money", &spent, 1, &limits, None, true),
            ("more money", &spent, 1, &more, None, false),
            ("more money, which is not why", &hour, 1, &more, None, true),
            ("its owner runs", &owned, 9999, &limits, Some(Status::Running), true),
            ("its owner knows", &owned, 9999, &limits, Some(Status::Completed), true),
            ("its owner has failed", &owned, 1, &limits, Some(Status::Failed), false),
            ("its owner was skipped", &owned, 1, &limits, Some(Status::Skipped), false),
            ("its owner is forgotten", &owned, 1, &limits, None, false),
        ];
        for (rule, hold, now, limits, session, stands) in rows {
            assert_eq!(hold.stands(at(now), limits, session), stands, "{rule}");
        }
    }
}
