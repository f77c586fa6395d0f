//! Silences: the document `silences.json`, and which notices they hold back.
//!
//! `dlq-status --silence` writes the document; `dlq-notify` reads it before each attempt. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{Document, RecordKind, SetOperation};
use crate::glob::GlobList;
use crate::time::Timestamp;

/// The longest silence.
pub const LONGEST: Duration = Duration::from_secs(30 * 86_400);
/// The number of silences in force.
pub const SILENCES_MAX: usize = 1000;

/// A pattern of queue names about which nothing is sent for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    pub id: String,
    pub glob: String,
    pub from: Timestamp,
    pub until: Timestamp,
    pub reason: Option<String>,
}

/// The document `silences.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silences {
    pub silences: Vec<Silence>,
}

impl Document for Silences {
    const NAME: &str = "silences";
    const VERSION: u64 = 1;
    const WITHOUT: Option<&str> =
        Some("then silence the queues again, with 'dlq-status --silence'");
    const SHARED: bool = true;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation.list(Self::SILENCE, &mut self.silences, &mut rest.silences, |one| one.id.clone());
    }
}

impl Silences {
    pub const SILENCE: RecordKind = "silence";

    /// Returns the silence of a subject that lasts longest at `now`. What is about no queue, such as
    /// missing rounds, has an empty subject, which no pattern matches.
    pub fn of_subject(&self, subject: &str, now: Timestamp) -> Option<&Silence> {
        let matching = self.in_force(now).filter(|_| !subject.is_empty()).filter(|one| {
            // The writer has checked the pattern; one that does not compile matches nothing.
            GlobList::any(std::slice::from_ref(&one.glob)).is_ok_and(|globs| globs.matches(subject))
        });
        matching.max_by_key(|one| one.until)
    }

    /// Returns the silences in force at `now`.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &Silence> {
        self.silences.iter().filter(move |one| one.from <= now && now < one.until)
    }

    /// Adds a silence in place of one with the same pattern, and drops those that have ended.
    pub fn add(&mut self, silence: Silence, now: Timestamp) {
        self.silences.retain(|one| one.until > now && one.glob != silence.glob);
        self.silences.push(silence);
        let excess = self.silences.len().saturating_sub(SILENCES_MAX);
        self.silences.drain(..excess);
    }

    /// Ends the silence of a pattern. Returns whether there was one.
    pub fn end(&mut self, glob: &str, now: Timestamp) -> bool {
        let was_in_force = self.in_force(now).any(|one| one.glob == glob);
        self.silences.retain(|one| one.until > now && one.glob != glob);
        was_in_force
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(Duration::from_secs(60 * minutes))
    }

    fn silence(glob: &str, from: u64, until: u64) -> Silence {
        let (from, until) = (at(from), at(until));
        Silence { id: format!("{glob}{from}"), glob: glob.into(), from, until, reason: None }
    }

    #[test]
    fn silence_holds_matching_subjects_until_its_end() {
        let mut silences = Silences::default();
        silences.add(silence("orders-*", 0, 60), at(0));
        silences.add(silence("*-dlq", 0, 30), at(0));
        silences.add(silence("payments-*", 50, 90), at(0));
        let rows = [
            ("orders-dlq", 0, Some(60)),
            ("orders-dlq", 59, Some(60)),
            ("orders-dlq", 60, None),
            ("payments-dlq", 10, Some(30)),
            ("payments", 10, None),
            ("payments-dlq", 49, None),
            ("payments-dlq", 50, Some(90)),
        ];
        for (subject, moment, until) in rows {
            let found = silences.of_subject(subject, at(moment)).map(|one| one.until);
            assert_eq!(found, until.map(at), "{subject} at {moment}");
        }
    }

    #[test]
    fn silence_holds_nothing_that_is_about_no_queue() {
        for glob in ["*", "", "?*", "{,a}"] {
            let mut silences = Silences::default();
            silences.add(silence(glob, 0, 60), at(0));
            assert_eq!(silences.of_subject("", at(1)), None, "{glob}");
        }
    }

    #[test]
    fn silence_of_the_same_pattern_is_replaced() {
        let mut silences = Silences::default();
        silences.add(silence("orders-*", 0, 60), at(0));
        silences.add(silence("orders-*", 0, 20), at(1));
        assert_eq!(silences.silences.len(), 1);
        assert_eq!(silences.of_subject("orders-dlq", at(2)).unwrap().until, at(20));
        assert!(silences.end("orders-*", at(2)) && !silences.end("orders-*", at(2)));
    }

    #[test]
    fn silence_ends_alone_and_only_while_it_lasts() {
        let mut silences = Silences::default();
        silences.add(silence("orders-*", 0, 60), at(0));
        silences.add(silence("users-*", 0, 10), at(0));
        assert!(!silences.end("users-*", at(10)), "it has ended by itself");
        assert!(!silences.end("payments-*", at(11)), "there is none");
        silences.add(silence("stock-*", 0, 60), at(12));
        assert!(silences.end("stock-*", at(13)));
        let globs: Vec<&str> = silences.silences.iter().map(|one| one.glob.as_str()).collect();
        assert_eq!(globs, ["orders-*"]);
    }

    #[test]
    fn ended_silences_and_the_oldest_beyond_the_limit_are_dropped() {
        let mut silences = Silences::default();
        silences.add(silence("ended-*", 0, 5), at(0));
        for n in 0..=SILENCES_MAX {
            silences.add(silence(&format!("q{n}"), 0, 60), at(5));
        }
        assert_eq!(silences.silences.len(), SILENCES_MAX);
        assert_eq!(silences.silences[0].glob, "q1");
        silences.add(silence("new", 60, 90), at(60));
        assert_eq!(silences.silences.len(), 1);
    }
}
