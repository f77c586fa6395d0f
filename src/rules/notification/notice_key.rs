//! The identity of events and of notices, by which a replay is recognised.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::{self, Head};

/// The length over which a source or id is stored as its hash: a foreign line may hold a mebibyte.
const TEXT_MAX: usize = 128;

/// The identity of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventKey {
    pub source: String,
    pub event: String,
}

impl EventKey {
    pub fn new(head: &Head) -> Self {
        let text = |text: &str| {
            if text.len() > TEXT_MAX { event::derived_id(&[text]) } else { text.to_owned() }
        };
        EventKey { source: text(&head.source), event: text(&head.id) }
    }
}

/// The hash of a [`NoticeKey`].
pub type KeyHash = [u8; 16];

/// The identity of a notice: an event on a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NoticeKey {
    pub channel: String,
    #[serde(flatten)]
    pub event: EventKey,
}

impl NoticeKey {
    pub fn new(channel: &str, event: &EventKey) -> Self {
        NoticeKey { channel: channel.to_owned(), event: event.clone() }
    }

    /// Returns the hash by which a set of many keys knows this one, in a tenth of the memory.
    pub fn hash(channel: &str, event: &EventKey) -> KeyHash {
        let mut digest = Sha256::new();
        for part in [channel, &event.source, &event.event] {
            // With its length, so that parts cannot run into each other.
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest.finalize()[..16]);
        hash
    }

    /// Returns the key of the record: one text for all parts.
    pub fn id(&self) -> String {
        // Escaped, so that no part can hold the separator.
        let part = |text: &str| text.escape_default().to_string();
        [part(&self.channel), part(&self.event.source), part(&self.event.event)].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Line, peek};

    #[test]
    fn key_of_a_long_id_is_a_hash() {
        let line = |last: &str| {
            let id = "x".repeat(5000) + last;
            format!(r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"t"}}"#)
        };
        let key_of = |line: &str| {
            let Line::Event(head) = peek(line.as_bytes()) else { panic!() };
            EventKey::new(&head)
        };
        assert_eq!(key_of(&line("a")).event.len(), 36);
        assert_ne!(key_of(&line("a")), key_of(&line("b")));
    }
}
