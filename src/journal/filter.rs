//! Which lines of the journal are asked for.
//!
//! Promises: a line has to meet every condition; a line that does not say what a condition asks
//! for does not meet it. Pure: the moment that `--since` means is an argument.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::event::{Head, Type};
use crate::glob::GlobList;
use crate::time::Timestamp;

/// The fewest characters of an incident's id that may stand for it.
pub const INCIDENT_MIN: usize = 8;
/// The length of a whole id.
const INCIDENT_LEN: usize = 36;

/// The conditions.
#[derive(Debug, Default)]
pub struct LogFilter {
    types: Option<GlobList>,
    /// What `types` says about each known type, so that it is asked once.
    known: Vec<bool>,
    queues: Option<GlobList>,
    incident: Option<String>,
    /// The incident that was meant, once one has been met.
    meant: Option<String>,
    /// Only what happened then or later.
    pub since: Option<Timestamp>,
}

impl LogFilter {
    /// Conditions on the type, the queue and the incident; None asks for nothing.
    pub fn new(
        types: Option<GlobList>,
        queues: Option<GlobList>,
        incident: Option<String>,
    ) -> Self {
        let fits = |kind: &Type| types.as_ref().is_none_or(|types| types.matches(kind.as_str()));
        let known = Type::ALL.iter().map(fits).collect();
        LogFilter { types, known, queues, incident, meant: None, since: None }
    }

    /// Whether the incident is given by its beginning only, so that it has to be found out first
    /// which one is meant.
    pub fn wants_whole_incident(&self) -> bool {
        self.incident.as_ref().is_some_and(|id| id.len() < INCIDENT_LEN)
    }

    /// Whether this incident may be the one that is meant.
    pub fn may_mean(&self, incident: &str) -> bool {
        self.incident.as_ref().is_none_or(|id| incident.starts_with(id.as_str()))
    }

    /// The incidents that begin so: one is meant, several are a question.
    pub fn settle_incident(&mut self, found: &BTreeSet<String>) -> Result<(), Error> {
        if found.len() > 1 {
            let given = self.incident.as_deref().unwrap_or_default();
            let some: Vec<&str> = found.iter().take(3).map(String::as_str).collect();
            return Err(Error::wrong(format!(
                "incident '{given}' may be any of {}: {} ...; give more of it",
                found.len(),
                some.join(", ")
            )));
        }
        self.meant = found.first().cloned();
        Ok(())
    }

    /// Whether a line is asked for; None is an object that is no event.
    pub fn takes(&mut self, head: Option<&Head>) -> Result<bool, Error> {
        let Some(head) = head else {
            let any = self.types.is_none() && self.queues.is_none() && self.incident.is_none();
            return Ok(any && self.since.is_none());
        };
        let type_fits = match (head.known, &self.types) {
            (_, None) => true,
            (Some(known), _) => self.known[known as usize],
            (None, Some(types)) => types.matches(&head.kind),
        };
        if !type_fits {
            return Ok(false);
        }
        if let Some(queues) = &self.queues
            && !head.subject.as_deref().is_some_and(|subject| queues.matches(subject))
        {
            return Ok(false);
        }
        if let Some(since) = self.since
            && head.time().is_none_or(|time| time < since)
        {
            return Ok(false);
        }
        if self.incident.is_none() {
            return Ok(true);
        }
        let Some(incident) = head.incident.as_deref().filter(|id| self.may_mean(id)) else {
            return Ok(false);
        };
        match &self.meant {
            Some(meant) if meant == incident => {}
            // Met while following: two incidents begin alike.
            Some(meant) => self.settle_incident(&[meant.clone(), incident.to_owned()].into())?,
            None => self.meant = Some(incident.to_owned()),
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

    fn takes(pick: &mut LogFilter, line: &str) -> bool {
        let Line::Event(head) = peek(line.as_bytes()) else { panic!("{line}") };
        pick.takes(Some(&head)).unwrap()
    }

    fn globs(pattern: &str) -> Option<GlobList> {
        Some(GlobList::any(&[pattern]).unwrap())
    }

    #[test]
    fn a_line_has_to_meet_every_condition() {
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
        for (mut pick, whole, bare) in rows {
            assert_eq!(takes(&mut pick, LINE), whole, "{pick:?}");
            assert_eq!(takes(&mut pick, BARE), bare, "{pick:?}");
        }
        assert!(LogFilter::new(None, None, None).takes(None).unwrap());
        assert!(!LogFilter::new(globs("*"), None, None).takes(None).unwrap());
    }

    #[test]
    fn a_beginning_means_one_incident_only() {
        let mut pick = LogFilter::new(None, None, Some("1f2e3d4c".into()));
        assert!(pick.wants_whole_incident() && pick.may_mean("1f2e3d4c-0000"));
        let two = BTreeSet::from(["1f2e3d4c-0000".to_owned(), "1f2e3d4c-1111".to_owned()]);
        let error = pick.settle_incident(&two).unwrap_err();
        assert!(matches!(error, Error::Wrong(_)) && error.to_string().contains("any of 2"));
        pick.settle_incident(&BTreeSet::new()).unwrap();
        assert!(takes(&mut pick, LINE));
        let other = LINE.replace("-0000", "-1111");
        let Line::Event(head) = peek(other.as_bytes()) else { panic!() };
        assert!(pick.takes(Some(&head)).is_err());
    }
}
