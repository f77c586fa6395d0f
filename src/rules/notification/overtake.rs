//! Notices that overtake others in the outbox of a channel. Pure.
//!
//! Promises: FATAL goes before what is not; notices about the same queues keep their order, so that no
//! end goes before its beginning, nor a later state before an earlier one.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::delivery::Action;
use super::outbox::OutboxEntry;
use crate::event::Severity;

/// The facts of an entry by which others are judged, so that its file is read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFacts {
    is_urgent: bool,
    /// The hashes of the queues that it tells of.
    subjects: Vec<u64>,
    /// The key of its problem; None for an entry that cannot be read.
    pub key: Option<Box<str>>,
    /// Whether it is an end by which nothing was lost.
    pub is_quiet_end: bool,
}

impl EntryFacts {
    pub fn new(entry: &OutboxEntry) -> Self {
        let hash = |subject: &String| {
            let mut hasher = DefaultHasher::new();
            subject.hash(&mut hasher);
            hasher.finish()
        };
        let is_fatal = entry.delivery.notice.severity == Severity::Fatal;
        EntryFacts {
            is_urgent: is_fatal && entry.delivery.action == Action::Trigger,
            subjects: entry.subjects.iter().map(hash).collect(),
            key: Some(entry.delivery.key.as_str().into()),
            is_quiet_end: entry.is_quiet_end(),
        }
    }
}

/// Returns the index of the entry that is delivered first: the first urgent one, or the oldest of those
/// before it that it must not overtake.
pub fn first_to_deliver(ranks: &[&EntryFacts]) -> usize {
    let Some(urgent) = ranks.iter().position(|rank| rank.is_urgent) else { return 0 };
    let mut first = urgent;
    let mut subjects = ranks[urgent].subjects.clone();
    for (at, rank) in ranks[..urgent].iter().enumerate().rev() {
        if rank.subjects.iter().any(|subject| subjects.contains(subject)) {
            subjects.extend(&rank.subjects);
            first = at;
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::notification::fixtures::due;
    use crate::rules::notification::message::Notice;
    use crate::rules::notification::plan::PlannedDelivery;
    use crate::rules::notification::topic::SendReason;

    #[test]
    fn urgent_entry_overtakes_those_of_other_queues() {
        // Queues by their letters; an urgent entry ends with an exclamation mark.
        let rows: [(&[&str], usize); 10] = [
            (&[], 0),
            (&["a", "b"], 0),
            (&["a!", "b!"], 0),
            (&["a", "b", "c!"], 2),
            (&["a", "b", "b!"], 1),
            (&["a", "b", "c", "b!", "d!"], 1),
            (&["a", "c", "ab", "b!"], 0),
            (&["d", "a", "c", "ab", "b!"], 1),
            (&["abc", "d", "e!", "a!"], 2),
            (&["", "!"], 0),
        ];
        for (entries, expected) in rows {
            let rank = |entry: &&str| EntryFacts {
                is_urgent: entry.ends_with('!'),
                subjects: match entry.trim_end_matches('!') {
                    "" => vec![0],
                    queues => queues.bytes().map(u64::from).collect(),
                },
                ..EntryFacts::default()
            };
            let ranks: Vec<EntryFacts> = entries.iter().map(rank).collect();
            let ranks: Vec<&EntryFacts> = ranks.iter().collect();
            assert_eq!(first_to_deliver(&ranks), expected, "{entries:?}");
        }
    }
    #[test]
    fn beginning_or_later_notice_that_is_fatal_is_urgent() {
        let at = crate::time::Timestamp::default();
        let entry = |severity, action| {
            let planned = PlannedDelivery {
                id: "id".into(),
                sequence: 1,
                channel: "c".into(),
                is_update: false,
                reason: SendReason::New,
                notices: vec![due("q", SendReason::New)],
                handle: None,
                fallback: None,
            };
            let notice = Notice { severity, ..Notice::default() };
            let mut entry = OutboxEntry::new(&planned, notice, at, at);
            entry.delivery.action = action;
            EntryFacts::new(&entry).is_urgent
        };
        use Severity::{Error, Fatal};
        let rows = [
            (Fatal, Action::Trigger, true),
            (Error, Action::Trigger, false),
            (Fatal, Action::Resolve, false),
            (Fatal, Action::Update, false),
        ];
        for (severity, action, expected) in rows {
            assert_eq!(entry(severity, action), expected, "{severity:?} {action:?}");
        }
    }
}
