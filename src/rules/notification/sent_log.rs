//! What has been told to whom: the document `notices.json`.
//!
//! A replay of the journal tells nothing twice, because what was told is remembered by channel,
//! source and id. Memory ends after eight days, and at 20,000 entries: longer than any replay.
//! Pure: the moment is an argument, the store does the locking.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{Document, Keys, Kind, ListRest, join_list, split_list};
use crate::event::{self, Head};
use crate::time::Timestamp;

/// A notice is remembered this long: far longer than the day that `scripts/pipeline` replays.
pub const KEPT_FOR: Duration = Duration::from_secs(8 * 86_400);

/// At most so many notices are remembered; beyond that the oldest are forgotten.
pub const KEPT_MAX: usize = 20_000;

/// A longer source or id is remembered by its hash: a stranger's line may hold a mebibyte of it.
const TEXT_MAX: usize = 128;

/// One event that one channel has been told of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The channel's name.
    pub channel: String,
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
}

impl Key {
    /// Of an event and a channel.
    pub fn of(channel: &str, head: &Head) -> Self {
        let text = |text: &str| {
            if text.len() > TEXT_MAX { event::derived_id(&[text]) } else { text.to_owned() }
        };
        Key { channel: channel.to_owned(), source: text(&head.source), event: text(&head.id) }
    }

    /// Returns the key of the record: one text for all parts.
    pub fn id(&self) -> String {
        // Escaped, so that no part can hold the separator.
        let part = |text: &str| text.escape_default().to_string();
        [part(&self.channel), part(&self.source), part(&self.event)].join("\n")
    }
}

/// A key and when it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What, and to whom.
    #[serde(flatten)]
    pub key: Key,
    /// When.
    pub at: Timestamp,
}

/// The document, oldest entry first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handled {
    handled: Vec<Entry>,
}

impl Document for Handled {
    const NAME: &str = "notices";
    const VERSION: u64 = 1;
    type Rest = ListRest<Entry>;

    fn split(&mut self, keys: &Keys<'_>) -> Self::Rest {
        split_list(&mut self.handled, Self::NOTICE, keys, |entry| entry.key.id())
    }

    fn join(&mut self, rest: Self::Rest) {
        join_list(&mut self.handled, rest, |entry| entry.key.id());
    }

    fn each_key(&self, see: &mut dyn FnMut(Kind, &str)) {
        self.handled.iter().for_each(|entry| see(Self::NOTICE, &entry.key.id()));
    }
}

impl Handled {
    /// The kind of record of a notice, by [`Key::id`].
    pub const NOTICE: Kind = "notice";

    /// All that is remembered, for quick looking up.
    pub fn keys(&self) -> HashSet<Key> {
        self.handled.iter().map(|entry| entry.key.clone()).collect()
    }

    /// Adds what has been told since, beside what others have added meanwhile; forgets what is
    /// old. Returns how many had to be forgotten before their time.
    pub fn remember(&mut self, told: &[Key], now: Timestamp) -> usize {
        let oldest = now.minus(KEPT_FOR);
        self.handled.retain(|entry| entry.at >= oldest);
        let mut known = self.keys();
        for key in told {
            if known.insert(key.clone()) {
                self.handled.push(Entry { key: key.clone(), at: now });
            }
        }
        let too_many = self.handled.len().saturating_sub(KEPT_MAX);
        self.handled.drain(..too_many);
        too_many
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Versioned;
    use crate::event::{Line, peek};

    const DAY: Duration = Duration::from_secs(86_400);

    fn key(n: usize) -> Key {
        Key { channel: "console".into(), source: "dlq-poll".into(), event: format!("{n}") }
    }

    fn at(days: u32) -> Timestamp {
        Timestamp::from_millis(0).plus(DAY * days)
    }

    #[test]
    fn what_is_told_is_remembered_once_and_for_eight_days() {
        let mut memory = Handled::default();
        assert_eq!(memory.remember(&[key(1), key(1), key(2)], at(10)), 0);
        assert_eq!(memory.remember(&[key(2), key(3)], at(17)), 0);
        assert_eq!(memory.handled.len(), 3);
        memory.remember(&[], at(18));
        assert!(memory.keys().contains(&key(1)), "eight days to the minute");
        memory.remember(&[], at(19));
        assert_eq!(memory.keys(), HashSet::from([key(3)]));
    }

    #[test]
    fn the_oldest_are_forgotten_beyond_the_limit() {
        let mut memory = Handled::default();
        let all: Vec<Key> = (0..KEPT_MAX + 5).map(key).collect();
        assert_eq!(memory.remember(&all, at(1)), 5);
        assert!(!memory.keys().contains(&key(4)) && memory.keys().contains(&key(5)));
    }

    #[test]
    fn channels_and_sources_are_kept_apart() {
        let mut memory = Handled::default();
        memory.remember(&[key(1)], at(1));
        for other in
            [Key { channel: "desktop".into(), ..key(1) }, Key { source: "mine".into(), ..key(1) }]
        {
            assert!(!memory.keys().contains(&other));
        }
    }

    #[test]
    fn the_document_is_as_the_manual_says() {
        let mut memory = Handled::default();
        memory.remember(&[key(7)], Timestamp::from_millis(0));
        let json = r#"{"version":1,"handled":[{"channel":"console","source":"dlq-poll","event":"7","at":"1970-01-01T00:00:00.000Z"}]}"#;
        let written = Versioned { version: Handled::VERSION, body: memory };
        assert_eq!(serde_json::to_string(&written).unwrap(), json);
        assert_eq!(serde_json::from_str::<Versioned<Handled>>(json).unwrap(), written);
    }

    #[test]
    fn a_mebibyte_of_id_takes_no_more_room_than_another() {
        let line = |last: &str| {
            let id = "x".repeat(5000) + last;
            format!(r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"t"}}"#)
        };
        let of = |line: &str| {
            let Line::Event(head) = peek(line.as_bytes()) else { panic!() };
            Key::of("c", &head)
        };
        assert_eq!(of(&line("a")).event.len(), 36);
        assert_ne!(of(&line("a")), of(&line("b")));
    }
}
