//! Problems: which incident of a queue is open and which have ended, whatever channels are told of them.
//!
//! Promises: an event is of the problem that is open, of the newest one, which has ended, or of an earlier
//! one, and its incident decides which. So the end of the open incident counts whatever its time is, and
//! nothing of an earlier one changes anything. Only what has no known incident is placed by its time, beside
//! the newest beginning or end. Pure.

use serde::{Deserialize, Serialize};

use super::facts::{EventFacts, NamedCause, TopicChange, Work};
use crate::event::stream_time::DRIFT;
use crate::time::Timestamp;

/// The ended incidents of a problem, and the ended investigations, that are remembered.
const PAST_MAX: usize = 16;

/// The problem of a queue that an event is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentStanding {
    /// The one that goes on or begins, or that ends with the event.
    Open,
    /// The newest one, which has ended.
    Ended,
    /// An earlier one.
    Past,
}

/// An investigation that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningSession {
    pub session: String,
    /// The deadline.
    pub until: Timestamp,
}

/// The state of a problem, whatever channels its events are routed to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// The newest incident.
    pub incident: Option<String>,
    /// The incidents that have ended, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<String>,
    /// The time of the newest beginning or end.
    #[serde(default)]
    pub turned_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningSession>,
    /// The investigations that have ended, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended_sessions: Vec<String>,
    pub cause: Option<NamedCause>,
    /// The newest depth that an event has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<u64>,
    /// The time of the newest event.
    pub at: Timestamp,
}

impl Problem {
    /// Takes an event up, and returns what it is of. A time ahead of `now` counts as `now`: the events that
    /// follow must not look old beside it.
    pub fn take(&mut self, facts: &EventFacts, now: Timestamp) -> IncidentStanding {
        let standing = self.standing(facts, now);
        if standing == IncidentStanding::Past {
            return standing;
        }
        let at = facts.at.min(now);
        if facts.incident.is_some() && facts.incident != self.incident {
            self.begin(facts, at);
        }
        self.take_work(facts);
        if standing == IncidentStanding::Ended {
            return standing;
        }
        if matches!(facts.change, TopicChange::Begins | TopicChange::Ends { .. }) {
            self.turned_at = self.turned_at.min(now).max(at);
        }
        if matches!(facts.change, TopicChange::Ends { .. }) {
            self.incident.iter().for_each(|incident| remember(&mut self.ended, incident));
        }
        // Of what is measured, the newest counts.
        if at >= self.at.min(now) {
            self.at = at;
            self.depth = facts.depth.or(self.depth);
            self.cause = facts.cause.clone().or(self.cause.take());
        }
        standing
    }

    fn standing(&self, facts: &EventFacts, now: Timestamp) -> IncidentStanding {
        let is_turn = !matches!(facts.change, TopicChange::News | TopicChange::Progress);
        let is_older = facts.at.min(now) < self.turned_at.min(now);
        let Some(incident) = &facts.incident else {
            return if is_turn && is_older {
                IncidentStanding::Past
            } else {
                IncidentStanding::Open
            };
        };
        let is_newest = self.incident.as_ref() == Some(incident);
        match self.ended.contains(incident) {
            true if is_newest => IncidentStanding::Ended,
            true => IncidentStanding::Past,
            false if is_newest || self.incident.is_none() => IncidentStanding::Open,
            // Of what is not known, a step begins nothing.
            false if is_older || !is_turn => IncidentStanding::Past,
            false => IncidentStanding::Open,
        }
    }

    /// Takes another incident for the newest: the one before is over, whether its end was seen or not.
    fn begin(&mut self, facts: &EventFacts, at: Timestamp) {
        let mut ended = std::mem::take(&mut self.ended);
        self.incident.iter().for_each(|before| remember(&mut ended, before));
        let ended_sessions = std::mem::take(&mut self.ended_sessions);
        let incident = facts.incident.clone();
        // A step begins nothing: what has begun before it can still come.
        let is_step = matches!(facts.change, TopicChange::News | TopicChange::Progress);
        let turned_at = if is_step { self.turned_at } else { at };
        *self = Problem { incident, ended, ended_sessions, turned_at, ..Problem::default() };
    }

    fn take_work(&mut self, facts: &EventFacts) {
        match &facts.work {
            Some(Work::Begins { session, until }) if !self.ended_sessions.contains(session) => {
                let (session, until) = (session.clone(), *until);
                self.running = Some(RunningSession { session, until });
            }
            Some(Work::Ends { session }) => {
                remember(&mut self.ended_sessions, session);
                self.running.take_if(|running| running.session == *session);
            }
            _ => {}
        }
    }

    /// Returns whether an investigation runs. One that is late beyond its deadline was lost.
    pub fn is_worked_on(&self, now: Timestamp) -> bool {
        self.running.as_ref().is_some_and(|running| now <= running.until.plus(DRIFT))
    }
}

/// Adds an id to those that are known, in place of the oldest.
fn remember(known: &mut Vec<String>, id: &str) {
    if known.iter().any(|one| one == id) {
        return;
    }
    if known.len() == PAST_MAX {
        known.remove(0);
    }
    known.push(id.to_owned());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::{Line, peek};

    fn at(minute: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(Duration::from_secs(60 * minute))
    }

    fn facts(minute: u64, incident: &str, change: TopicChange) -> EventFacts {
        let line = r#"{"specversion":"1.0","id":"i","source":"s","type":"t"}"#;
        let Line::Event(head) = peek(line.as_bytes()) else { panic!() };
        let incident = (!incident.is_empty()).then(|| incident.to_owned());
        EventFacts { incident, change, ..EventFacts::read(&head, line.as_bytes(), at(minute)) }
    }

    #[test]
    fn incident_of_an_event_decides_what_it_is_of() {
        use IncidentStanding::{Ended, Open, Past};
        use TopicChange::{Begins, Grows, News};
        let end = || TopicChange::Ends { lost: false };
        type Row<'a> = (&'a str, &'a [(u64, &'a str, TopicChange, IncidentStanding)]);
        let rows: [Row<'_>; 10] = [
            (
                "a problem, and its replay",
                &[
                    (1, "i1", Begins, Open),
                    (2, "i1", News, Open),
                    (3, "i1", end(), Open),
                    (1, "i1", Begins, Ended),
                    (3, "i1", end(), Ended),
                    (9, "i1", News, Ended),
                ],
            ),
            ("an end of an earlier time", &[(5, "i1", Begins, Open), (2, "i1", end(), Open)]),
            (
                "an end that comes after the next beginning",
                &[(1, "i1", Begins, Open), (5, "i2", Begins, Open), (9, "i1", end(), Past)],
            ),
            (
                "an incident that was not seen, older",
                &[
                    (5, "i2", Begins, Open),
                    (1, "i1", Begins, Past),
                    (2, "i1", Grows(9), Past),
                    (3, "i1", end(), Past),
                    (6, "i2", end(), Open),
                ],
            ),
            (
                "an end without its beginning",
                &[(1, "i1", Begins, Open), (9, "i2", end(), Open), (1, "i1", Begins, Past)],
            ),
            ("growth without its beginning", &[(1, "i1", Begins, Open), (9, "i2", Grows(9), Open)]),
            (
                "a step first",
                &[(9, "i0", News, Open), (1, "i1", Begins, Open), (9, "i0", News, Past)],
            ),
            ("a step of what is not known", &[(1, "i1", Begins, Open), (9, "i0", News, Past)]),
            (
                "of one time",
                &[(1, "i1", Begins, Open), (1, "i1", end(), Open), (1, "i2", Begins, Open)],
            ),
            (
                "without incidents",
                &[
                    (1, "", Begins, Open),
                    (3, "", end(), Open),
                    (2, "", Begins, Past),
                    (3, "", Begins, Open),
                    (2, "", News, Open),
                ],
            ),
        ];
        for (rule, events) in rows {
            let mut problem = Problem::default();
            for (minute, incident, change, expected) in events {
                let found = problem.take(&facts(*minute, incident, change.clone()), at(99));
                assert_eq!(found, *expected, "{rule}: {incident} {change:?} at {minute}");
            }
        }
    }

    #[test]
    fn time_ahead_of_the_present_makes_nothing_old() {
        let mut problem = Problem::default();
        problem.take(&facts(900, "i1", TopicChange::Begins), at(5));
        let end = TopicChange::Ends { lost: false };
        assert_eq!(problem.take(&facts(6, "i1", end), at(6)), IncidentStanding::Open);
        let mut stored = Problem { turned_at: at(900), ..problem };
        assert_eq!(
            stored.take(&facts(7, "i2", TopicChange::Begins), at(7)),
            IncidentStanding::Open
        );
        assert_eq!(stored.turned_at, at(7));
    }

    #[test]
    fn newest_measurement_counts() {
        let mut problem = Problem::default();
        let deep = |minute, depth| {
            let depth = Some(depth);
            EventFacts { depth, ..facts(minute, "i1", TopicChange::Grows(3)) }
        };
        for (minute, depth, known) in [(1, 3, 3), (5, 50, 50), (4, 40, 50), (5, 51, 51)] {
            problem.take(&deep(minute, depth), at(99));
            assert_eq!(problem.depth, Some(known));
        }
    }

    #[test]
    fn investigation_runs_until_its_end_or_its_deadline() {
        let begins = |session: &str| Work::Begins { session: session.into(), until: at(30) };
        let ends = |session: &str| Work::Ends { session: session.into() };
        type Row<'a> = (&'a str, Vec<(&'a str, Work)>, u64, bool);
        let rows: [Row<'_>; 9] = [
            ("runs", vec![("i2", begins("s"))], 10, true),
            ("ended", vec![("i2", begins("s")), ("i2", ends("s"))], 10, false),
            (
                "replayed",
                vec![("i2", begins("s")), ("i2", ends("s")), ("i2", begins("s"))],
                10,
                false,
            ),
            ("the end first", vec![("i2", ends("s")), ("i2", begins("s"))], 10, false),
            ("another ended", vec![("i2", begins("s")), ("i2", ends("r"))], 10, true),
            ("that of an earlier incident", vec![("i2", begins("s")), ("i1", ends("s"))], 10, true),
            ("begun for an earlier incident", vec![("i1", begins("s"))], 10, false),
            ("lost", vec![("i2", begins("s"))], 36, false),
            ("late within five minutes", vec![("i2", begins("s"))], 35, true),
        ];
        for (rule, events, minute, expected) in rows {
            let mut problem = Problem::default();
            for incident in ["i1", "i2"] {
                problem.take(&facts(2, incident, TopicChange::Begins), at(99));
            }
            for (incident, work) in events {
                // Its time is before that of the newest event.
                let step = facts(1, incident, TopicChange::News);
                problem.take(&EventFacts { work: Some(work), ..step }, at(99));
            }
            assert_eq!(problem.is_worked_on(at(minute)), expected, "{rule}");
            assert_eq!(problem.incident.as_deref(), Some("i2"), "{rule}");
        }
    }
    #[test]
    fn work_ends_with_its_result_also_after_the_problem() {
        let mut problem = Problem::default();
        let step = |work| EventFacts { work: Some(work), ..facts(2, "i1", TopicChange::News) };
        problem.take(&facts(1, "i1", TopicChange::Begins), at(99));
        problem.take(&step(Work::Begins { session: "s".into(), until: at(90) }), at(99));
        problem.take(&facts(3, "i1", TopicChange::Ends { lost: false }), at(99));
        assert!(problem.is_worked_on(at(5)));
        let standing = problem.take(&step(Work::Ends { session: "s".into() }), at(99));
        assert_eq!((standing, problem.is_worked_on(at(5))), (IncidentStanding::Ended, false));
    }

    #[test]
    fn newest_ended_incidents_are_remembered() {
        let mut problem = Problem::default();
        let end = || TopicChange::Ends { lost: false };
        for number in 0..=PAST_MAX {
            let (minute, incident) = (number as u64, format!("i{number}"));
            problem.take(&facts(minute, &incident, TopicChange::Begins), at(99));
            problem.take(&facts(minute, &incident, end()), at(99));
        }
        // Also of a time after the newest beginning.
        let again = |incident: &str| {
            problem.clone().take(&facts(50, incident, TopicChange::Begins), at(99))
        };
        use IncidentStanding::{Ended, Open, Past};
        let found = [again("i0"), again("i1"), again("i15"), again("i16")];
        assert_eq!(found, [Open, Past, Past, Ended]);
    }
}
