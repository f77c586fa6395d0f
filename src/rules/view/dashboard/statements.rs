//! What people said: acknowledgements and silences, by the state folder.

use crate::glob::GlobList;
use crate::rules::notification::ack::Acks;
use crate::rules::notification::silence::Silences;
use crate::time::Timestamp;

/// Acknowledgements and silences, by the state folder.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct ShownStatements {
    /// The moment of the newest reading; None before the first one.
    pub read_at: Option<Timestamp>,
    pub acks: Acks,
    pub silences: Silences,
    /// The patterns of the silences, compiled: all together, and each for itself.
    any: GlobList,
    each: Vec<GlobList>,
}

/// The mark of a queue about which people said something, with the end of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueMark {
    Acked(Timestamp),
    Silenced(Timestamp),
}

impl ShownStatements {
    /// Takes a reading; what could not be read stays. Returns whether it changes something.
    pub(super) fn set(
        &mut self,
        at: Timestamp,
        acks: Option<Acks>,
        silences: Option<Silences>,
    ) -> bool {
        if acks.is_some() && silences.is_some() {
            self.read_at = Some(at);
        }
        let acks = acks.filter(|acks| *acks != self.acks);
        let silences = silences.filter(|silences| *silences != self.silences);
        let is_changed = acks.is_some() || silences.is_some();
        if let Some(acks) = acks {
            self.acks = acks;
        }
        if let Some(silences) = silences {
            // The writer has checked the patterns; one that does not compile matches nothing.
            let compiled = |one: &str| GlobList::any(&[one]).unwrap_or_default();
            self.each = silences.silences.iter().map(|one| compiled(&one.glob)).collect();
            let globs = self.each.iter().flat_map(|one| one.patterns());
            self.any = GlobList::any(&globs.collect::<Vec<_>>()).unwrap_or_default();
            self.silences = silences;
        }
        is_changed
    }

    /// Returns the mark of a queue. An acknowledgement comes first: somebody works on the incident.
    pub fn mark(&self, incident: Option<&str>, name: &str, now: Timestamp) -> Option<QueueMark> {
        if let Some(until) = incident.and_then(|id| self.acks.until(Some(id), name, now)) {
            return Some(QueueMark::Acked(until));
        }
        self.silenced(name, now)
    }

    /// Returns the mark of a queue that is silenced.
    pub fn silenced(&self, name: &str, now: Timestamp) -> Option<QueueMark> {
        if name.is_empty() || !self.any.matches(name) {
            return None;
        }
        let all = self.silences.silences.iter().zip(&self.each);
        let in_force = all.filter(|(one, _)| one.from <= now && now < one.until);
        let matching = in_force.filter(|(_, glob)| glob.matches(name));
        matching.map(|(one, _)| QueueMark::Silenced(one.until)).max_by_key(|mark| mark.until())
    }

    /// Returns the incidents and pull requests that are acknowledged.
    pub fn acked(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let in_force = self.acks.acks.iter().filter(move |one| now < one.until);
        in_force.map(|one| one.key.as_str())
    }
}

impl QueueMark {
    pub fn word(self) -> &'static str {
        match self {
            QueueMark::Acked(_) => "acked",
            QueueMark::Silenced(_) => "silenced",
        }
    }

    pub fn until(self) -> Timestamp {
        let (QueueMark::Acked(until) | QueueMark::Silenced(until)) = self;
        until
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rules::notification::ack::Ack;
    use crate::rules::notification::silence::Silence;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(Duration::from_secs(60 * minutes))
    }

    fn silence(glob: &str, from: u64, until: u64) -> Silence {
        let (from, until) = (at(from), at(until));
        Silence { id: glob.into(), glob: glob.into(), from, until, reason: None }
    }

    #[test]
    fn unread_statements_stay_as_they_were() {
        let acks = Acks { acks: vec![Ack { key: "i1".into(), at: at(0), until: at(60) }] };
        let mut said = ShownStatements::default();
        assert!(said.set(at(1), Some(acks.clone()), Some(Silences::default())));
        assert!(!said.set(at(2), Some(acks.clone()), Some(Silences::default())), "nothing is new");
        assert!(!said.set(at(9), None, None));
        assert_eq!((said.read_at, said.acks), (Some(at(2)), acks));
    }

    #[test]
    fn mark_is_of_the_statement_in_force() {
        let mut said = ShownStatements::default();
        let ack = Ack { key: "i1".into(), at: at(0), until: at(10) };
        let silences =
            ["orders-*", "*-dlq", "[", "*"].into_iter().zip([(0, 30), (5, 60), (0, 99), (70, 80)]);
        let silences = silences.map(|(glob, (from, until))| silence(glob, from, until)).collect();
        said.set(at(0), Some(Acks { acks: vec![ack] }), Some(Silences { silences }));
        let (acked, silenced) =
            (|end| Some(QueueMark::Acked(at(end))), |end| Some(QueueMark::Silenced(at(end))));
        let rows = [
            (Some("i1"), "orders-dlq", 0, acked(10)),
            (Some("i1"), "orders-dlq", 10, silenced(60)),
            (Some("i2"), "orders-dlq", 0, silenced(30)),
            (None, "ORDERS-x", 29, silenced(30)),
            (None, "ORDERS-x", 30, None),
            (None, "users", 50, None),
            (None, "users", 75, silenced(80)),
            (None, "", 75, None),
        ];
        for (incident, name, moment, mark) in rows {
            assert_eq!(said.mark(incident, name, at(moment)), mark, "{incident:?} {name} {moment}");
        }
    }
}
