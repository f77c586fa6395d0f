//! The filter of `dlq-log`: conditions on the lines of the journal.
//!
//! Promises: an accepted line meets every condition; a line without the field of a condition does
//! not meet it. Pure: the present is an argument.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::event::{Head, Type};
use crate::glob::GlobList;
use crate::text::{count, nearest, safe};
use crate::time::Timestamp;

/// The fewest characters by which an incident may be named.
pub const INCIDENT_MIN: usize = 8;

/// The most names that are remembered, to find the nearest one.
const NAMES_MAX: usize = 10_000;

/// A condition on the type or on the queue of a line: a pattern that covers it.
#[derive(Debug, Default)]
struct NameCondition {
    globs: Option<GlobList>,
    /// Whether a line has met it.
    is_met: bool,
    /// The names of the lines, until one meets it.
    names: BTreeSet<String>,
}

impl NameCondition {
    fn accepts(&mut self, name: Option<&str>) -> bool {
        let Some(globs) = &self.globs else { return true };
        let is_met = name.is_some_and(|name| globs.matches(name));
        self.is_met |= is_met;
        if let Some(name) = name.filter(|_| !self.is_met && self.names.len() < NAMES_MAX)
            && !self.names.contains(name)
        {
            self.names.insert(name.to_owned());
        }
        is_met
    }

    /// Returns the sentence about a condition that no line has met.
    fn unmet(&self, option: &str, noun: &str, known: &[&str]) -> Option<String> {
        let globs = self.globs.as_ref().filter(|_| !self.is_met)?;
        let pattern = globs.patterns().first()?;
        let names = self.names.iter().map(String::as_str).chain(known.iter().copied());
        let hint = nearest(pattern, names)
            .map_or_else(String::new, |near| format!("; did you mean '{}'?", safe(near)));
        let there = count(self.names.len() as u64, noun);
        let pattern = safe(pattern);
        Some(format!("option '{option}': '{pattern}' matches none of {there} in the journal{hint}"))
    }
}

/// The conditions on a line.
#[derive(Debug, Default)]
pub struct LogFilter {
    types: NameCondition,
    queues: NameCondition,
    incident: Option<String>,
    /// The full id of the incident, as soon as a line with it was accepted.
    resolved: Option<String>,
    /// The time of the oldest line that is accepted.
    pub since: Option<Timestamp>,
    has_accepted: bool,
}

impl LogFilter {
    /// Returns the conditions on type, queue and incident; None accepts any.
    pub fn new(
        types: Option<GlobList>,
        queues: Option<GlobList>,
        incident: Option<String>,
    ) -> Self {
        let condition = |globs| NameCondition { globs, ..NameCondition::default() };
        let (types, queues) = (condition(types), condition(queues));
        LogFilter { types, queues, incident, ..LogFilter::default() }
    }

    /// Returns a sentence for each option whose patterns match nothing in the lines so far.
    pub fn unmet(&self) -> Vec<String> {
        let types: Vec<&str> = Type::ALL.iter().map(|kind| kind.as_str()).collect();
        let unmet = [
            self.types.unmet("--type", "event type", &types),
            self.queues.unmet("--queue", "queue name", &[]),
        ];
        let unmet: Vec<String> = unmet.into_iter().flatten().collect();
        let is_silent = unmet.is_empty() && !self.has_accepted && self.is_set();
        let together = "no event in the journal meets all of the given conditions together";
        unmet.into_iter().chain(is_silent.then(|| together.to_owned())).collect()
    }

    /// Returns the sentence about lines that are wanted and were deleted, by the time up to which
    /// lines are gone.
    pub fn deleted(&self, cut: Option<Timestamp>) -> Option<String> {
        let (since, cut) = self.since.zip(cut).filter(|(since, cut)| cut >= since)?;
        Some(format!(
            "events from {since} to {cut} are missing: that part of the journal was deleted, as \
             state.journal_keep and state.journal_keep_days say"
        ))
    }

    fn is_set(&self) -> bool {
        self.types.globs.is_some() || self.queues.globs.is_some() || self.incident.is_some()
    }

    /// Returns whether the types of events are chosen.
    pub fn has_types(&self) -> bool {
        self.types.globs.is_some()
    }

    /// Returns whether one incident is chosen.
    pub fn has_incident(&self) -> bool {
        self.incident.is_some()
    }

    /// Returns the id of the chosen incident, or its beginning, as it was given.
    pub fn incident(&self) -> Option<&str> {
        self.incident.as_deref()
    }

    /// Returns whether the id begins as the given one.
    pub fn may_be_incident(&self, incident: &str) -> bool {
        self.incident.as_ref().is_none_or(|id| incident.starts_with(id.as_str()))
    }

    /// Resolves the given beginning among the ids that were found. Several are an error.
    pub fn resolve_incident(&mut self, found: &BTreeSet<String>) -> Result<(), Error> {
        if found.len() > 1 {
            let given = self.incident.as_deref().unwrap_or_default();
            let some: Vec<&str> = found.iter().take(3).map(String::as_str).collect();
            return Err(Error::wrong(format!(
                "incident '{given}' may be any of {}: {} ...; give more of it",
                found.len(),
                some.join(", ")
            )));
        }
        self.resolved = found.first().cloned();
        Ok(())
    }

    /// Returns whether a line meets every condition; `head` is None for an object that is not an
    /// event.
    pub fn accepts(&mut self, head: Option<&Head>) -> Result<bool, Error> {
        let is_accepted = self.meets_all(head)?;
        self.has_accepted |= is_accepted;
        Ok(is_accepted)
    }

    fn meets_all(&mut self, head: Option<&Head>) -> Result<bool, Error> {
        let is_recent =
            |since| head.and_then(Head::time).is_some_and(|time: Timestamp| time >= since);
        let has_type = self.types.accepts(head.map(|head| &*head.kind));
        let has_queue = self.queues.accepts(head.and_then(|head| head.subject.as_deref()));
        if !has_type || !has_queue || !self.since.is_none_or(is_recent) {
            return Ok(false);
        }
        if self.incident.is_none() {
            return Ok(true);
        }
        let incident = head.and_then(|head| head.incident.as_deref());
        let Some(incident) = incident.filter(|id| self.may_be_incident(id)) else {
            return Ok(false);
        };
        match &self.resolved {
            Some(known) if known == incident => {}
            // A later incident can begin alike.
            Some(known) => self.resolve_incident(&[known.clone(), incident.to_owned()].into())?,
            None => self.resolved = Some(incident.to_owned()),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Line, peek};

    const LINE: &str = r#"{"specversion":"1.0","id":"i","source":"s","type":"queue.raised","subject":"orders-dlq","time":"2026-11-22T20:00:00Z","incident":"1f2e3d4c-0000"}"#;
    const BARE: &str = r#"{"specversion":"1.0","id":"i","source":"s","type":"deploy.done"}"#;

    fn accepts(filter: &mut LogFilter, line: &str) -> bool {
        let Line::Event(head) = peek(line.as_bytes()) else { panic!("{line}") };
        filter.accepts(Some(&head)).unwrap()
    }

    fn globs(pattern: &str) -> Option<GlobList> {
        Some(GlobList::any(&[pattern]).unwrap())
    }

    #[test]
    fn filter_needs_every_condition() {
        let at = |text: &str| Timestamp::parse(text);
        let incident = |id: &str| Some(id.to_owned());
        let rows = [
            (LogFilter::new(None, None, None), true, true),
            (LogFilter::new(globs("queue.*"), None, None), true, false),
            (LogFilter::new(globs("deploy.*"), None, None), false, true),
            (LogFilter::new(globs("*"), globs("orders-*"), None), true, false),
            (LogFilter::new(globs("queue.*"), globs("other-*"), None), false, false),
            (LogFilter::new(None, None, incident("1f2e3d4c")), true, false),
            (LogFilter::new(None, None, incident("1f2e3d4d")), false, false),
            (
                LogFilter { since: at("2026-11-22T20:00:00Z"), ..LogFilter::new(None, None, None) },
                true,
                false,
            ),
            (
                LogFilter { since: at("2026-11-22T20:00:01Z"), ..LogFilter::new(None, None, None) },
                false,
                false,
            ),
        ];
        for (mut filter, whole, bare) in rows {
            assert_eq!(accepts(&mut filter, LINE), whole, "{filter:?}");
            assert_eq!(accepts(&mut filter, BARE), bare, "{filter:?}");
        }
        assert!(LogFilter::new(None, None, None).accepts(None).unwrap());
        assert!(!LogFilter::new(globs("*"), None, None).accepts(None).unwrap());
    }

    #[test]
    fn wanted_events_that_were_deleted_are_said() {
        let at = |text: &str| Timestamp::parse(text);
        let (early, late) = (at("2026-11-01T00:00:00Z"), at("2026-11-08T00:00:00Z"));
        let rows = [
            (early, late, true),
            (early, early, true),
            (late, early, false),
            (None, early, false),
            (early, None, false),
        ];
        for (since, cut, expected) in rows {
            let filter = LogFilter { since, ..LogFilter::default() };
            assert_eq!(filter.deleted(cut).is_some(), expected, "{since:?} {cut:?}");
        }
    }

    #[test]
    fn pattern_that_matches_nothing_is_named_with_the_nearest_name() {
        let unmet = |types: &str, queues: &str| {
            let mut filter = LogFilter::new(globs(types), globs(queues), None);
            accepts(&mut filter, LINE);
            accepts(&mut filter, BARE);
            filter.unmet()
        };
        let none: [&str; 0] = [];
        assert_eq!(unmet("queue.*", "orders-*"), none);
        // Each pattern matches something, though no line meets both.
        let together = ["no event in the journal meets all of the given conditions together"];
        assert_eq!(unmet("deploy.*", "orders-*"), together);
        let expected = [
            "option '--type': 'queue.raise' matches none of 2 event types in the journal; did you \
             mean 'queue.raised'?",
            "option '--queue': 'order-*' matches none of 1 queue name in the journal; did you mean \
             'orders-dlq'?",
        ];
        assert_eq!(unmet("queue.raise", "order-*"), expected);
    }

    #[test]
    fn partial_incident_is_one_incident_only() {
        let mut filter = LogFilter::new(None, None, Some("1f2e3d4c".into()));
        assert!(filter.has_incident() && filter.may_be_incident("1f2e3d4c-0000"));
        let two = BTreeSet::from(["1f2e3d4c-0000".to_owned(), "1f2e3d4c-1111".to_owned()]);
        let error = filter.resolve_incident(&two).unwrap_err();
        assert!(matches!(error, Error::Wrong(_)) && error.to_string().contains("any of 2"));
        filter.resolve_incident(&BTreeSet::new()).unwrap();
        assert!(accepts(&mut filter, LINE));
        let other = LINE.replace("-0000", "-1111");
        let Line::Event(head) = peek(other.as_bytes()) else { panic!() };
        assert!(filter.accepts(Some(&head)).is_err());
    }
}
