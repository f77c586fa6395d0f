//! Statements of people: acknowledgements and silences, by the state folder and by the events of the stream,
//! which may be that of another machine.
//!
//! The later one of two statements about the same subject counts. A statement that only the stream has
//! counts as well.

use std::collections::{HashMap, HashSet};

use super::limits;
use crate::event::ShownData;
use crate::glob::GlobList;
use crate::rules::notification::ack::{Ack, Acks};
use crate::rules::notification::silence::{Silence, Silences};
use crate::time::Timestamp;

/// The statements of the stream that are kept: as many acknowledgements, and as many silences.
pub const TOLD_MAX: usize = 100;

/// Acknowledgements and silences.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct ShownStatements {
    /// The moment of the newest reading; None before the first one.
    pub read_at: Option<Timestamp>,
    pub acks: Acks,
    pub silences: Silences,
    /// The statements of the documents alone.
    recorded: (Acks, Silences),
    /// The statements of the stream by incident, pull request or pattern. One without an end has ended.
    told_acks: HashMap<Box<str>, ToldStatement>,
    told_silences: HashMap<Box<str>, ToldStatement>,
    /// The patterns of the silences, compiled: all together, and each for itself.
    any: GlobList,
    each: Vec<GlobList>,
}

/// A statement of the stream.
#[derive(Debug, Default, Clone, PartialEq)]
struct ToldStatement {
    at: Timestamp,
    until: Option<Timestamp>,
    reason: Option<Box<str>>,
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
        let acks = acks.filter(|acks| *acks != self.recorded.0);
        let silences = silences.filter(|silences| *silences != self.recorded.1);
        let is_changed = acks.is_some() || silences.is_some();
        if let Some(acks) = acks {
            self.recorded.0 = acks;
            self.merge_acks();
        }
        if let Some(silences) = silences {
            self.recorded.1 = silences;
            self.merge_silences();
        }
        is_changed
    }

    /// Takes a statement of the stream.
    pub(super) fn hear(&mut self, data: &ShownData<'_>, at: Timestamp) {
        let reason = limits::field(data.reason.as_deref());
        let told = ToldStatement { at, until: data.until, reason };
        if let Some(key) = data.key.as_deref().filter(|key| !key.is_empty())
            && keep(&mut self.told_acks, key, &told)
        {
            self.merge_acks();
        }
        if let Some(glob) = data.glob.as_deref().filter(|glob| !glob.is_empty())
            && keep(&mut self.told_silences, glob, &told)
        {
            self.merge_silences();
        }
    }

    fn merge_acks(&mut self) {
        let told = &self.told_acks;
        let is_newest = |one: &&Ack| told.get(&*one.key).is_none_or(|told| told.at <= one.at);
        let mut acks: Vec<Ack> = self.recorded.0.acks.iter().filter(is_newest).cloned().collect();
        let recorded: HashSet<String> = acks.iter().map(|one| one.key.clone()).collect();
        let others = told.iter().filter(|(key, _)| !recorded.contains(&***key));
        acks.extend(others.filter_map(|(key, told)| {
            Some(Ack { key: key.to_string(), at: told.at, until: told.until? })
        }));
        self.acks = Acks { acks };
    }

    fn merge_silences(&mut self) {
        let told = &self.told_silences;
        let is_newest =
            |one: &&Silence| told.get(&*one.glob).is_none_or(|told| told.at <= one.from);
        let mut silences: Vec<Silence> =
            self.recorded.1.silences.iter().filter(is_newest).cloned().collect();
        let recorded: HashSet<String> = silences.iter().map(|one| one.glob.clone()).collect();
        let others = told.iter().filter(|(glob, _)| !recorded.contains(&***glob));
        silences.extend(others.filter_map(|(glob, told)| {
            let (id, glob) = (glob.to_string(), glob.to_string());
            let reason = told.reason.as_deref().map(str::to_owned);
            Some(Silence { id, glob, from: told.at, until: told.until?, reason })
        }));
        // The writer has checked the patterns; one that does not compile matches nothing.
        let compiled = |one: &str| GlobList::any(&[one]).unwrap_or_default();
        self.each = silences.iter().map(|one| compiled(&one.glob)).collect();
        let globs = self.each.iter().flat_map(|one| one.patterns());
        self.any = GlobList::any(&globs.collect::<Vec<_>>()).unwrap_or_default();
        self.silences = Silences { silences };
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

/// Keeps a statement, unless a later one is known. Returns whether it was kept.
fn keep(all: &mut HashMap<Box<str>, ToldStatement>, key: &str, told: &ToldStatement) -> bool {
    let known = all.get(limits::name(key)).is_some_and(|known| known.at > told.at);
    if !known {
        *limits::entry(all, limits::name(key), TOLD_MAX, |one| one.at) = told.clone();
    }
    !known
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

    #[test]
    fn later_statement_counts_whether_of_the_folder_or_of_the_stream() {
        let data = |until: Option<u64>| ShownData {
            key: Some("i1".into()),
            glob: Some("orders-*".into()),
            until: until.map(at),
            ..ShownData::default()
        };
        let acks = Acks { acks: vec![Ack { key: "i1".into(), at: at(10), until: at(60) }] };
        let silences = Silences { silences: vec![silence("orders-*", 10, 60)] };
        let rows = [
            (5, Some(90), Some(60)),
            (10, Some(90), Some(60)),
            (15, Some(90), Some(90)),
            (15, None, None),
            (5, None, Some(60)),
        ];
        for (told_at, until, expected) in rows {
            for folder_first in [true, false] {
                let mut said = ShownStatements::default();
                if !folder_first {
                    said.hear(&data(until), at(told_at));
                }
                said.set(at(20), Some(acks.clone()), Some(silences.clone()));
                if folder_first {
                    said.hear(&data(until), at(told_at));
                }
                let mark = said.mark(Some("i1"), "", at(20)).map(QueueMark::until);
                assert_eq!(mark, expected.map(at), "{told_at} {until:?} {folder_first}");
                let mark = said.mark(None, "orders-dlq", at(20)).map(QueueMark::until);
                assert_eq!(mark, expected.map(at), "{told_at} {until:?} {folder_first}");
            }
        }
    }

    #[test]
    fn statements_of_the_stream_have_a_limit() {
        let mut said = ShownStatements::default();
        for n in 0..3 * TOLD_MAX as u64 {
            let key = Some(format!("i{n}").into());
            let data = ShownData { key, until: Some(at(9999)), ..ShownData::default() };
            said.hear(&data, at(n));
        }
        assert!(said.acks.acks.len() <= TOLD_MAX && said.acks.acks.len() > TOLD_MAX / 2);
        assert!(said.acks.acks.iter().any(|one| one.key == format!("i{}", 3 * TOLD_MAX - 1)));
    }
}
