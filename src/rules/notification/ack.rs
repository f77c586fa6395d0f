//! Acknowledgements: the document `acks.json`, and which notices they hold back.
//!
//! `dlq-status --ack` and `--snooze` write the document; `dlq-notify` reads it before each attempt.
//! Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{Document, RecordKind, SetOperation};
use crate::time::Timestamp;

/// The duration of an acknowledgement that names none.
pub const DEFAULT_SPAN: Duration = Duration::from_secs(86_400);
/// The longest acknowledgement.
pub const LONGEST: Duration = Duration::from_secs(30 * 86_400);
/// The number of acknowledgements in force.
pub const ACKS_MAX: usize = 10_000;

/// The statement of a person that an incident or a pull request is being taken care of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The id of the incident, or `owner/repo#12`.
    pub key: String,
    pub at: Timestamp,
    pub until: Timestamp,
}

/// The document `acks.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acks {
    pub acks: Vec<Ack>,
}

impl Document for Acks {
    const NAME: &str = "acks";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> = Some("then acknowledge again, with 'dlq-status --ack'");
    const SHARED: bool = true;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation.list(Self::ACK, &mut self.acks, &mut rest.acks, |one| one.key.clone());
    }
}

impl Acks {
    pub const ACK: RecordKind = "ack";

    /// Returns the end of the acknowledgement of an incident, or of a pull request.
    pub fn until(
        &self,
        incident: Option<&str>,
        subject: &str,
        now: Timestamp,
    ) -> Option<Timestamp> {
        // GitHub's names of owners and repositories have no case.
        let covers = |one: &&Ack| {
            Some(one.key.as_str()) == incident || one.key.eq_ignore_ascii_case(subject)
        };
        let in_force = self.acks.iter().filter(covers).filter(|one| now < one.until);
        in_force.map(|one| one.until).max()
    }

    /// Adds an acknowledgement in place of an older one, and drops those that have ended.
    pub fn add(&mut self, ack: Ack, now: Timestamp) {
        self.acks.retain(|one| one.until > now && one.key != ack.key);
        self.acks.push(ack);
        let excess = self.acks.len().saturating_sub(ACKS_MAX);
        self.acks.drain(..excess);
    }

    /// Returns the keys in force that a person can mean: the very key, or else the incidents whose
    /// ids begin so. A pull request is named in full, because `o/r#1` begins `o/r#12`.
    pub fn named(&self, key: &str, now: Timestamp) -> Vec<&str> {
        let in_force = self.acks.iter().filter(|one| now < one.until);
        let keys: Vec<&str> = in_force.map(|one| one.key.as_str()).collect();
        if keys.contains(&key) {
            return keys.into_iter().filter(|one| *one == key).collect();
        }
        let begins = |one: &&str| !key.is_empty() && one.starts_with(key) && !one.contains('#');
        keys.into_iter().filter(begins).collect()
    }

    /// Ends an acknowledgement. Returns whether there was one.
    pub fn end(&mut self, key: &str, now: Timestamp) -> bool {
        let was_in_force = self.acks.iter().any(|one| one.until > now && one.key == key);
        self.acks.retain(|one| one.until > now && one.key != key);
        was_in_force
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(Duration::from_secs(60 * minutes))
    }

    #[test]
    fn ack_covers_its_incident_or_pull_request_until_its_end() {
        let mut acks = Acks::default();
        acks.add(Ack { key: "i1".into(), at: at(0), until: at(60) }, at(0));
        acks.add(Ack { key: "o/r#12".into(), at: at(0), until: at(30) }, at(0));
        let rows = [
            (Some("i1"), "orders-dlq", 59, Some(60)),
            (Some("i1"), "orders-dlq", 60, None),
            (Some("i2"), "orders-dlq", 0, None),
            (None, "o/r#12", 29, Some(30)),
            (Some("i2"), "o/r#12", 29, Some(30)),
            (Some("i2"), "o/r#12", 30, None),
            (Some("i1"), "o/r#12", 29, Some(60)),
            (None, "orders-dlq", 0, None),
        ];
        for (incident, subject, moment, until) in rows {
            let found = acks.until(incident, subject, at(moment));
            assert_eq!(found, until.map(at), "{incident:?} {subject} at {moment}");
        }
        assert!(acks.end("i1", at(1)));
        assert_eq!(acks.until(Some("i1"), "", at(1)), None);
        assert_eq!(acks.until(None, "o/r#12", at(1)), Some(at(30)), "the other goes on");
        assert!(!acks.end("i1", at(1)) && !acks.end("o/r#12", at(30)), "there is none");
    }

    #[test]
    fn ack_is_named_by_its_key_or_by_the_beginning_of_an_incident() {
        let ack = |(key, until): (&str, u64)| Ack { key: key.into(), at: at(0), until: at(until) };
        let all = [("abc-1", 60), ("abd-2", 60), ("ab/c#2", 60), ("ab/c#21", 60), ("old-3", 5)];
        let acks = Acks { acks: all.map(ack).into() };
        let rows: [(&str, &[&str]); 8] = [
            ("abc", &["abc-1"]),
            ("ab", &["abc-1", "abd-2"]),
            ("ab/c#2", &["ab/c#2"]),
            ("ab/c#", &[]),
            ("ab/", &[]),
            ("old-3", &[]),
            ("xyz", &[]),
            ("", &[]),
        ];
        for (key, expected) in rows {
            assert_eq!(acks.named(key, at(5)), expected, "{key}");
        }
    }

    #[test]
    fn ended_replaced_and_surplus_acks_are_dropped() {
        let ack = |key: String, until: u64| Ack { key, at: at(0), until: at(until) };
        let ended = ack("ended".into(), 5);
        let in_force = (0..ACKS_MAX).map(|n| ack(format!("i{n}"), 60));
        let mut acks = Acks { acks: std::iter::once(ended).chain(in_force).collect() };
        acks.add(ack("newest".into(), 60), at(5));
        assert_eq!((acks.acks.len(), acks.acks[0].key.as_str()), (ACKS_MAX, "i1"));
        acks.add(ack("i7".into(), 20), at(6));
        assert_eq!(acks.until(Some("i7"), "", at(6)), Some(at(20)), "the newer one holds");
        acks.add(ack("new".into(), 90), at(60));
        assert_eq!(acks.acks.len(), 1);
    }
}
