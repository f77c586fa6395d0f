//! The choice of the messages of a queue that a redrive takes. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use regex_lite::Regex;

use crate::rules::evidence::message::{Attribute, Message};
use crate::time::{self, Timestamp};

/// The longest pattern for bodies, in bytes.
pub const PATTERN_MAX: usize = 1024;

/// The conditions that a message has to meet, all of them. Without any, every message does.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Fingerprints, of which the message has one.
    pub fingerprints: BTreeSet<String>,
    /// Messages that the evidence attributes to these fingerprints, by id. A cause that was found in a
    /// log, or by comparing forms, is not in a message itself.
    pub sampled: BTreeSet<String>,
    /// Whether messages that look like a sampled one are of its cause as well.
    pub learns: bool,
    /// Message ids, of which it has one.
    pub ids: BTreeSet<String>,
    /// A pattern that the body contains.
    pub body: Option<Regex>,
    /// Attributes that it has, name and text.
    pub attributes: Vec<(String, String)>,
    /// The age that it has at least, and at most, since its first sending.
    pub older: Option<Duration>,
    pub newer: Option<Duration>,
    /// Fingerprints that are left out, because a verdict advises against their redrive.
    pub blocked: BTreeSet<String>,
    /// Messages that the evidence attributes to those, by id.
    pub blocked_sampled: BTreeSet<String>,
    /// Whether messages that look like such a one are of its cause as well.
    pub blocked_learns: bool,
}

/// The reason why a message is left in its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// A condition is not met.
    NotSelected,
    /// A verdict advises against the redrive of its fingerprint.
    Blocked,
}

impl Selection {
    /// Returns whether every message meets the conditions.
    pub fn takes_all(&self) -> bool {
        !self.has_conditions() && self.ids.is_empty() && self.blocked.is_empty()
    }

    /// Whether it chooses by what messages are, not by their ids.
    pub fn has_conditions(&self) -> bool {
        !self.fingerprints.is_empty()
            || self.body.is_some()
            || !self.attributes.is_empty()
            || self.older.is_some()
            || self.newer.is_some()
    }

    /// Judges a message by its fingerprint, and by its age at `now`.
    pub fn judge(
        &self,
        message: &Message,
        fingerprint: &str,
        now: Timestamp,
    ) -> Result<(), LeftOut> {
        let age = sent_at(message).map(|at| now.since(at));
        // A message without a time is neither old nor new.
        let is_older = self.older.is_none_or(|least| age.is_some_and(|age| age >= least));
        let is_newer = self.newer.is_none_or(|most| age.is_some_and(|age| age <= most));
        let has = |(name, text): &(String, String)| {
            message.attributes.get(name).and_then(Attribute::text) == Some(text)
        };
        let is_of_cause =
            self.fingerprints.contains(fingerprint) || self.sampled.contains(&message.id);
        let is_selected = (self.fingerprints.is_empty() || is_of_cause)
            && (self.ids.is_empty() || self.ids.contains(&message.id))
            && self.body.as_ref().is_none_or(|pattern| pattern.is_match(&message.body))
            && self.attributes.iter().all(has)
            && is_older
            && is_newer;
        match is_selected {
            false => Err(LeftOut::NotSelected),
            true if self.is_blocked(message, fingerprint) => Err(LeftOut::Blocked),
            true => Ok(()),
        }
    }

    /// Whether a verdict advises against the redrive of a message.
    pub fn is_blocked(&self, message: &Message, fingerprint: &str) -> bool {
        self.blocked.contains(fingerprint) || self.blocked_sampled.contains(&message.id)
    }

    /// Takes note of a message that is left for a verdict: when the evidence names it, those that look
    /// like it are left from now on.
    pub fn learn_blocked(&mut self, message: &Message, fingerprint: &str) {
        if self.blocked_learns && self.blocked_sampled.contains(&message.id) {
            self.blocked.insert(fingerprint.to_owned());
        }
    }

    /// Returns the named ids of messages that were not seen.
    pub fn unseen_ids(&self, is_seen: impl Fn(&str) -> bool) -> Vec<&str> {
        self.ids.iter().map(String::as_str).filter(|id| !is_seen(id)).collect()
    }

    /// Takes note of a message that is chosen: when it is a sampled one, those that look like it are
    /// chosen from now on. Returns whether that is news.
    pub fn learn(&mut self, message: &Message, fingerprint: &str) -> bool {
        let is_example = self.learns && self.sampled.contains(&message.id);
        is_example && self.fingerprints.insert(fingerprint.to_owned())
    }
}

/// The words of a command line about the messages to move. They are recorded, so that an interrupted
/// redrive goes on with the same ones.
#[derive(Debug, Clone, Default)]
pub struct SelectionWords {
    pub selection: Selection,
    /// The most messages.
    pub limit: Option<u64>,
    /// The destination of all messages, as it was given.
    pub to: Option<String>,
}

impl SelectionWords {
    /// Reads words of the form `NAME=VALUE`.
    pub fn read<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut read = SelectionWords::default();
        let selection = &mut read.selection;
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let span = || age(value);
            match name {
                "fingerprint" => drop(selection.fingerprints.insert(value.to_owned())),
                "id" => drop(selection.ids.insert(value.to_owned())),
                "match" => selection.body = Some(body_pattern(value)?),
                "attribute" => selection.attributes.push(attribute(value)?),
                "older" => selection.older = Some(span()?),
                "newer" => selection.newer = Some(span()?),
                "limit" => {
                    let limit = value.parse().map_err(|_| format!("'{value}' is no number"))?;
                    read.limit = Some(limit);
                }
                "to" => read.to = Some(value.to_owned()),
                _ => return Err(format!("'{name}' is no word of a selection")),
            }
        }
        Ok(read)
    }
}

/// Reads an age. Without a unit it is refused: days could be meant, and seconds choose everything.
fn age(text: &str) -> Result<Duration, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(format!("'{text}' has no unit: give an age such as 30d, 12h or 15m"));
    }
    time::parse_span(text).ok_or_else(|| format!("'{text}' is no duration"))
}

/// Returns the time of the first sending.
pub fn sent_at(message: &Message) -> Option<Timestamp> {
    Some(Timestamp::from_millis(message.system.get("SentTimestamp")?.parse().ok()?))
}

/// Compiles a pattern for bodies.
pub fn body_pattern(text: &str) -> Result<Regex, String> {
    if text.len() > PATTERN_MAX {
        return Err(format!("the pattern is longer than {PATTERN_MAX} bytes"));
    }
    Regex::new(text).map_err(|error| format!("'{text}' is not a pattern: {error}"))
}

/// Reads an attribute as it is given: `NAME=TEXT`.
pub fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("expected NAME=TEXT, found '{text}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(10_000_000);

    fn message() -> Message {
        let mut message = Message {
            id: "m-1".into(),
            body: r#"{"order":17,"error":"timeout"}"#.into(),
            ..Message::default()
        };
        message.attributes.insert("tenant".into(), Attribute::Text("acme".into()));
        message.attributes.insert("blob".into(), Attribute::Binary(b"acme".to_vec()));
        message.system.insert("SentTimestamp".into(), "9400000".into());
        message
    }

    fn with(change: impl FnOnce(&mut Selection)) -> Selection {
        let mut selection = Selection::default();
        change(&mut selection);
        selection
    }

    #[test]
    fn selection_takes_messages_that_meet_every_condition() {
        let minutes = |n: u64| Some(Duration::from_secs(n * 60));
        let pair = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
        let rows: [(&str, Selection, Result<(), LeftOut>); 17] = [
            ("no condition", Selection::default(), Ok(())),
            ("its fingerprint", with(|s| s.fingerprints = ["f1".into()].into()), Ok(())),
            (
                "another fingerprint",
                with(|s| s.fingerprints = ["f2".into()].into()),
                Err(LeftOut::NotSelected),
            ),
            (
                "a sampled one of another fingerprint",
                with(|s| {
                    s.fingerprints = ["f2".into()].into();
                    s.sampled = ["m-1".into()].into();
                }),
                Ok(()),
            ),
            ("its id", with(|s| s.ids = ["m-1".into(), "m-2".into()].into()), Ok(())),
            ("another id", with(|s| s.ids = ["m-2".into()].into()), Err(LeftOut::NotSelected)),
            ("its body", with(|s| s.body = body_pattern("\"order\":1[0-9]").ok()), Ok(())),
            (
                "another body",
                with(|s| s.body = body_pattern("^order").ok()),
                Err(LeftOut::NotSelected),
            ),
            ("its attribute", with(|s| s.attributes = pair("tenant", "acme")), Ok(())),
            (
                "another value",
                with(|s| s.attributes = pair("tenant", "ac")),
                Err(LeftOut::NotSelected),
            ),
            (
                "bytes are no text",
                with(|s| s.attributes = pair("blob", "acme")),
                Err(LeftOut::NotSelected),
            ),
            ("as old as asked", with(|s| s.older = minutes(10)), Ok(())),
            ("too new", with(|s| s.older = minutes(11)), Err(LeftOut::NotSelected)),
            ("new enough", with(|s| s.newer = minutes(10)), Ok(())),
            ("too old", with(|s| s.newer = minutes(9)), Err(LeftOut::NotSelected)),
            ("advised against", with(|s| s.blocked = ["f1".into()].into()), Err(LeftOut::Blocked)),
            (
                "not meant anyway",
                with(|s| {
                    s.blocked = ["f1".into()].into();
                    s.ids = ["m-2".into()].into();
                }),
                Err(LeftOut::NotSelected),
            ),
        ];
        for (rule, selection, expected) in rows {
            assert_eq!(selection.judge(&message(), "f1", NOW), expected, "{rule}");
        }
    }

    #[test]
    fn messages_that_look_like_a_sampled_one_are_chosen_with_it() {
        let rows = [
            ("sampled", true, "m-1", true),
            ("told apart by a log", false, "m-1", false),
            ("not sampled", true, "m-2", false),
        ];
        for (rule, learns, sampled, expected) in rows {
            let mut selection = with(|s| {
                s.fingerprints = ["f2".into()].into();
                s.sampled = [sampled.into()].into();
                s.learns = learns;
            });
            assert_eq!(selection.learn(&message(), "f1"), expected, "{rule}");
            let alike = Message { id: "m-9".into(), ..message() };
            assert_eq!(selection.judge(&alike, "f1", NOW).is_ok(), expected, "{rule}");
            assert!(!selection.learn(&message(), "f1"), "{rule}: it is no news twice");
        }
    }

    #[test]
    fn blocked_cause_of_a_log_is_known_by_the_evidence() {
        for (rule, learns) in [("alike", true), ("told apart by a log", false)] {
            let mut selection = with(|s| {
                s.blocked = ["f-log".to_owned()].into();
                s.blocked_sampled = [message().id].into();
                s.blocked_learns = learns;
            });
            assert!(!selection.takes_all());
            let alike = Message { id: "m-9".into(), ..message() };
            assert_eq!(selection.judge(&message(), "f1", NOW), Err(LeftOut::Blocked), "{rule}");
            assert_eq!(
                selection.judge(&alike, "f1", NOW),
                Ok(()),
                "{rule}: nothing is known of it"
            );
            selection.learn_blocked(&alike, "f1");
            assert_eq!(selection.judge(&alike, "f1", NOW), Ok(()), "{rule}");
            selection.learn_blocked(&message(), "f1");
            assert_eq!(selection.judge(&alike, "f1", NOW).is_err(), learns, "{rule}");
        }
    }

    #[test]
    fn message_without_a_time_has_no_age() {
        let bare = Message { system: [].into(), ..message() };
        for selection in [
            with(|s| s.older = Some(Duration::ZERO)),
            with(|s| s.newer = Some(Duration::from_secs(1_000_000))),
        ] {
            assert_eq!(selection.judge(&bare, "f1", NOW), Err(LeftOut::NotSelected));
        }
    }

    #[test]
    fn words_are_read_as_they_are_recorded() {
        let words = [
            "fingerprint=f1",
            "fingerprint=f2",
            "id=m",
            "match=a=b",
            "attribute=k=v=w",
            "older=1h",
            "newer=2h",
            "limit=7",
            "to=orders",
        ];
        let read = SelectionWords::read(words).unwrap();
        assert_eq!((read.limit, read.to.as_deref()), (Some(7), Some("orders")));
        let selection = read.selection;
        assert_eq!((selection.fingerprints.len(), selection.ids.len()), (2, 1));
        assert_eq!(selection.body.unwrap().as_str(), "a=b");
        assert_eq!(selection.attributes, [("k".into(), "v=w".into())]);
        let hours = |n: u64| Some(Duration::from_secs(n * 3600));
        assert_eq!((selection.older, selection.newer), (hours(1), hours(2)));
        assert!(SelectionWords::read([]).unwrap().selection.takes_all());
        let rows = [
            ("colour=red", "'colour' is no word of a selection"),
            ("older=old", "'old' is no duration"),
            ("older=30", "'30' has no unit: give an age such as 30d, 12h or 15m"),
            ("newer=1.5", "'1.5' has no unit: give an age such as 30d, 12h or 15m"),
            ("limit=-1", "'-1' is no number"),
        ];
        for (word, expected) in rows {
            assert_eq!(SelectionWords::read([word]).unwrap_err(), expected);
        }
    }

    #[test]
    fn pattern_and_attribute_are_checked_when_they_are_given() {
        assert!(body_pattern("a(").unwrap_err().starts_with("'a(' is not a pattern: "));
        assert!(body_pattern(&"a".repeat(PATTERN_MAX + 1)).unwrap_err().contains("longer than"));
        assert_eq!(attribute("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(attribute("a"), Err("expected NAME=TEXT, found 'a'".into()));
        assert!(attribute("=a").is_err());
    }
}
