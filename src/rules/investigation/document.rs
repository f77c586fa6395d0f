//! The document `sessions.json`: sessions and incidents, and which of them are kept.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::incident::Incident;
use super::session::Session;
use crate::document::{Document, RecordKind, SetOperation};
use crate::time::Timestamp;

/// The document `sessions.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sessions {
    /// The oldest session comes first.
    pub sessions: Vec<Session>,
    /// The incidents seen in the stream.
    #[serde(default)]
    pub incidents: Vec<Incident>,
}

impl Sessions {
    /// The kind of record of an investigation, by its id.
    pub const SESSION: RecordKind = "session";
    /// The kind of record of an incident, by its id.
    pub const INCIDENT: RecordKind = "incident";
}

impl Document for Sessions {
    const NAME: &str = "sessions";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> = Some(
        "then run 'dlq-log --json --since 7d | dlq-investigate', which finds the open \
         incidents and running sessions again; cooldowns and ended sessions are forgotten",
    );
    const SHARED: bool = true;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        let (sessions, incidents) = (&mut self.sessions, &mut self.incidents);
        operation.list(Self::SESSION, sessions, &mut rest.sessions, |one| one.id.clone());
        operation.list(Self::INCIDENT, incidents, &mut rest.incidents, |one| one.id.clone());
    }
}

impl Sessions {
    /// Returns the end of a queue's cooldown.
    pub fn cooldown_until(&self, arn: &str) -> Option<Timestamp> {
        let of_queue = self.sessions.iter().filter(|session| session.queue.arn == arn);
        of_queue.filter_map(|session| session.cooldown_until).max()
    }

    /// Notes since when ends lie in the future. The ends stay: when the clock is there again, they
    /// count.
    pub fn note_future_times(&mut self, now: Timestamp) {
        for session in &mut self.sessions {
            let is_ahead = session.ended_at.is_some_and(|ended| ended > now);
            let seen = session.seen_ahead_at.unwrap_or(now).min(now);
            session.seen_ahead_at = is_ahead.then_some(seen);
        }
    }

    /// Returns the document with each end that lies more than its cooldown in the future at the time
    /// at which it was first seen there, and its cooldown of the same length. A clock that was years
    /// ahead for a moment would otherwise stop a queue's investigations for years. The result is to decide by, never to be stored: a
    /// clock that steps back and forth would end the cooldowns.
    pub fn with_clamped_times(&self, now: Timestamp) -> Cow<'_, Sessions> {
        let length = |one: &Session| {
            let (ended, until) = (one.ended_at?, one.cooldown_until);
            let length = until.map(|until| until.since(ended)).unwrap_or_default();
            (ended > now.plus(length)).then_some(length)
        };
        if !self.sessions.iter().any(|one| length(one).is_some()) {
            return Cow::Borrowed(self);
        }
        let mut clamped = self.clone();
        for session in &mut clamped.sessions {
            if let Some(length) = length(session) {
                let seen = session.seen_ahead_at.unwrap_or(now).min(now);
                session.ended_at = Some(seen);
                let end = |until: Timestamp| until.min(seen.plus(length));
                session.cooldown_until = session.cooldown_until.map(end);
            }
        }
        Cow::Owned(clamped)
    }

    pub fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == id)
    }

    pub fn session_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.id == id)
    }

    /// Returns the sessions of a session's conversation, the first one first.
    pub fn conversation(&self, session: &Session) -> Vec<&Session> {
        let belongs = |one: &&Session| one.first_part() == session.first_part();
        self.sessions.iter().filter(belongs).collect()
    }

    /// Returns the sessions that ended too long ago or are too many. A session stays while it
    /// runs, cools down or is in use; a conversation stays while any of its sessions does.
    pub fn prunable(
        &self,
        keep: usize,
        age_max: Duration,
        now: Timestamp,
        in_use: impl Fn(&Session) -> bool,
    ) -> Vec<String> {
        // The oldest sessions; some of them may have to stay.
        let surplus = self.sessions.len().saturating_sub(keep);
        let is_old = |session: &Session| session.ended_at.is_some_and(|at| now.since(at) > age_max);
        let is_done = |session: &Session| {
            session.ended_at.is_some()
                && session.cooldown_until.is_none_or(|until| until <= now)
                && !in_use(session)
        };
        let stays = |(n, session): &(usize, &Session)| {
            !(is_done(session) && (is_old(session) || *n < surplus))
        };
        let kept: HashSet<&str> = self
            .sessions
            .iter()
            .enumerate()
            .filter(stays)
            .map(|(_, session)| session.first_part())
            .collect();
        let prunable = self.sessions.iter().filter(|session| !kept.contains(session.first_part()));
        prunable.map(|session| session.id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Queue;
    use crate::rules::investigation::session::SessionStatus;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn session(id: &str, ended: Option<i64>) -> Session {
        Session {
            id: id.into(),
            queue_name: "q".into(),
            queue: Queue { arn: "arn:q".into(), ..Queue::default() },
            status: if ended.is_some() { SessionStatus::Completed } else { SessionStatus::Running },
            timeout_at: at(100),
            ended_at: ended.map(at),
            cooldown_until: ended.map(|second| at(second + 10)),
            ..Session::default()
        }
    }

    fn prune(
        sessions: &mut Sessions,
        keep: usize,
        age_max: u64,
        in_use: impl Fn(&Session) -> bool,
    ) -> Vec<String> {
        let gone = sessions.prunable(keep, Duration::from_secs(age_max), at(100), in_use);
        sessions.sessions.retain(|session| !gone.contains(&session.id));
        gone
    }

    #[test]
    fn pruning_keeps_running_unprinted_and_cooling_sessions() {
        let list = vec![
            session("old", Some(1)),
            session("running", None),
            session("unprinted", Some(2)),
            session("cooling", Some(95)),
            session("new", Some(80)),
        ];
        let mut sessions = Sessions { sessions: list, ..Sessions::default() };
        let unprinted = |session: &Session| session.id == "unprinted";
        let gone = prune(&mut sessions, 10, 50, unprinted);
        assert_eq!(gone, ["old"]);
        let gone = prune(&mut sessions, 1, 5000, unprinted);
        assert_eq!(gone, [""; 0], "the newest is kept, and so is what is in use");
        let gone = prune(&mut sessions, 0, 5000, unprinted);
        assert_eq!(gone, ["new"]);
        assert_eq!(sessions.cooldown_until("arn:q"), Some(at(105)));
        assert_eq!(sessions.cooldown_until("arn:other"), None);
    }

    #[test]
    fn conversation_is_pruned_as_a_whole() {
        let part = |id: &str, first: Option<&str>| Session {
            resumes: first.map(str::to_owned),
            ..session(id, Some(1))
        };
        let list = vec![part("a", None), part("b", None), part("a2", Some("a"))];
        let mut sessions = Sessions { sessions: list, ..Sessions::default() };
        let gone = prune(&mut sessions, 1, 5000, |_| false);
        assert_eq!(gone, ["b"], "the newest is a part of the oldest");
        let a = sessions.session("a2").unwrap();
        assert_eq!(sessions.conversation(a).len(), 2);
        let gone = prune(&mut sessions, 0, 5000, |one| one.id == "a2");
        assert_eq!(gone, [""; 0]);
        let gone = prune(&mut sessions, 9, 50, |_| false);
        assert_eq!(gone, ["a", "a2"]);
    }

    #[test]
    fn cooldown_of_future_end_is_clamped() {
        const NOW: i64 = 1000;
        const YEARS: i64 = 100_000_000;
        // Row: end, cooldown end, and both after clamping.
        let rows = [
            ("over", Some(100), Some(110), Some(100), Some(110)),
            ("under way", Some(995), Some(1005), Some(995), Some(1005)),
            ("ended this moment", Some(NOW), Some(1010), Some(NOW), Some(1010)),
            ("ended a moment ahead", Some(1001), Some(1011), Some(1001), Some(1011)),
            ("ended years ahead", Some(YEARS), Some(YEARS + 10), Some(NOW), Some(1010)),
            ("long ago", Some(-YEARS), Some(10 - YEARS), Some(-YEARS), Some(10 - YEARS)),
            ("ahead, without a cooldown", Some(YEARS), None, Some(NOW), None),
            ("stepped back while it was written", Some(YEARS), Some(1005), Some(NOW), Some(NOW)),
            ("beyond all time", Some(i64::MAX / 1000), Some(i64::MAX / 1000), Some(NOW), Some(NOW)),
            ("not ended", None, None, None, None),
            ("not ended, in a dry run", None, Some(1200), None, Some(1200)),
        ];
        for (row, ended, until, ended_after, until_after) in rows {
            let (ended_at, cooldown_until) = (ended.map(at), until.map(at));
            let one = Session { ended_at, cooldown_until, ..session("one", None) };
            let mut sessions = Sessions { sessions: vec![one], ..Sessions::default() };
            sessions.note_future_times(at(NOW));
            let clamped = sessions.with_clamped_times(at(NOW));
            let after = (clamped.sessions[0].ended_at, clamped.cooldown_until("arn:q"));
            assert_eq!(after, (ended_after.map(at), until_after.map(at)), "{row}");
            // Later looks do not move the end.
            sessions.note_future_times(at(NOW + 5));
            let later = sessions.with_clamped_times(at(NOW + 5)).cooldown_until("arn:q");
            assert_eq!(later, after.1, "{row}");
        }
    }

    #[test]
    fn clock_that_steps_back_and_forth_ends_no_cooldown() {
        let mut sessions =
            Sessions { sessions: vec![session("one", Some(1000))], ..Sessions::default() };
        // The times of the clock, and the end of the cooldown as it is seen then.
        for (now, until) in [(1005, 1010), (900, 910), (995, 1010), (1, 11), (1009, 1010)] {
            sessions.note_future_times(at(now));
            let clamped = sessions.with_clamped_times(at(now));
            assert_eq!(clamped.cooldown_until("arn:q"), Some(at(until)), "at {now}");
        }
        assert_eq!(sessions.cooldown_until("arn:q"), Some(at(1010)));
        assert_eq!(sessions.sessions[0].ended_at, Some(at(1000)));
    }
}
