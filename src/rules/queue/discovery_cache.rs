//! The discovery cache: which DLQs were found, where and when.
//!
//! A document of its own, keyed by server, profile and region, so that a run every minute does
//! not ask every queue. Promises: a queue keeps the time at which it was found first; what was
//! found in another way (by name only, by other patterns) is not taken for an answer.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{Document, RecordKind, SetOperation};
use crate::rules::queue::redrive_graph::{DeadLetterQueue, Discover};
use crate::time::Timestamp;

/// Entries that were not renewed for this long are dropped.
const KEEP: Duration = Duration::from_secs(7 * 86_400);

/// The scope and the method of a discovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheKey {
    /// Another server than AWS's.
    pub endpoint: Option<String>,
    /// The profile, when one is used.
    pub profile: Option<String>,
    /// The region.
    pub region: String,
    /// Evidence that a queue is a DLQ: a redrive policy, its name, or either.
    pub discover: Discover,
    /// Name patterns instead of the built-in ones.
    pub patterns: Option<Vec<String>>,
}

impl CacheKey {
    /// Returns the key of the record: one text for all parts.
    pub fn id(&self) -> String {
        // A struct of strings: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The result of a discovery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheEntry {
    /// The scope and the method.
    pub key: CacheKey,
    /// The time of the discovery.
    pub at: Timestamp,
    /// The DLQs.
    pub queues: Vec<DeadLetterQueue>,
}

impl CacheEntry {
    /// Returns the queues for a run in which their scope has this index and label.
    pub fn queues_in<'a>(
        &'a self,
        scope: usize,
        label: &'a str,
    ) -> impl Iterator<Item = DeadLetterQueue> + 'a {
        self.queues.iter().map(move |known| {
            let mut known = DeadLetterQueue { scope, ..known.clone() };
            if !label.is_empty() {
                label.clone_into(&mut known.queue.account);
            }
            known
        })
    }
}

/// Whether an entry is fresh. An entry from the future is not: a clock was wrong, then or now.
pub fn fresh(entry: &CacheEntry, now: Timestamp, ttl: Duration) -> bool {
    entry.at <= now && now.since(entry.at) < ttl
}

/// The document `discovery.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DiscoveryDoc {
    entries: Vec<CacheEntry>,
}

impl DiscoveryDoc {
    /// The kind of record of a scope and a way to look, by [`CacheKey::id`].
    pub const ENTRY: RecordKind = "discovery";
}

impl Document for DiscoveryDoc {
    const NAME: &str = "discovery";
    const VERSION: u64 = 1;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation.list(Self::ENTRY, &mut self.entries, &mut rest.entries, |entry| entry.key.id());
    }
}

impl DiscoveryDoc {
    /// Returns the result for a scope and method, of any age.
    pub fn entry(&self, key: &CacheKey) -> Option<&CacheEntry> {
        self.entries.iter().find(|entry| entry.key == *key)
    }

    /// Records what was found, and drops entries that were not renewed.
    pub fn put(&mut self, key: CacheKey, at: Timestamp, mut queues: Vec<DeadLetterQueue>) {
        if let Some(earlier) = self.entry(&key) {
            let found: HashMap<&String, Timestamp> =
                earlier.queues.iter().map(|known| (&known.queue.arn, known.found_at)).collect();
            for known in &mut queues {
                if let Some(at) = found.get(&known.queue.arn) {
                    known.found_at = *at;
                }
            }
        }
        self.entries.retain(|entry| entry.key != key && at.since(entry.at) < KEEP);
        self.entries.push(CacheEntry { key, at, queues });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::queue::redrive_graph::queue_at;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(days: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000).plus(Duration::from_secs(days * 86_400))
    }

    fn key(region: &str) -> CacheKey {
        CacheKey {
            endpoint: None,
            profile: Some("prod".into()),
            region: region.into(),
            discover: Discover::Both,
            patterns: None,
        }
    }

    fn known(name: &str, found: Timestamp) -> DeadLetterQueue {
        let url = format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}");
        DeadLetterQueue::given(1, queue_at(&url, "eu-west-1", "").unwrap(), found)
    }

    #[test]
    fn cache_entry_is_fresh_for_ttl_and_never_from_future() {
        let entry = CacheEntry { key: key("eu-west-1"), at: at(1), queues: vec![] };
        let cases = [
            (at(1), true),
            (at(1).plus(MINUTE).minus(Duration::from_millis(1)), true),
            (at(1).plus(MINUTE), false),
            (at(1).minus(Duration::from_millis(1)), false),
        ];
        for (now, expected) in cases {
            assert_eq!(fresh(&entry, now, MINUTE), expected, "{now}");
        }
    }

    #[test]
    fn cached_queue_keeps_time_of_first_discovery() {
        let mut doc = DiscoveryDoc::default();
        doc.put(key("a"), at(1), vec![known("x", at(1)), known("y", at(1))]);
        doc.put(key("a"), at(2), vec![known("y", at(2)), known("z", at(2))]);
        let found: Vec<_> =
            doc.entry(&key("a")).unwrap().queues.iter().map(|k| k.found_at).collect();
        assert_eq!(found, [at(1), at(2)]);
    }

    #[test]
    fn cache_key_includes_method_and_old_entries_expire() {
        let mut doc = DiscoveryDoc::default();
        let by_name = CacheKey { discover: Discover::Name, ..key("a") };
        doc.put(key("a"), at(0), vec![known("x", at(0))]);
        doc.put(by_name.clone(), at(6), vec![]);
        assert!(doc.entry(&key("a")).is_some());
        doc.put(key("b"), at(7), vec![]);
        assert!(doc.entry(&key("a")).is_none(), "seven days");
        assert!(doc.entry(&by_name).is_some());
    }

    #[test]
    fn cache_entry_round_trips_without_scope_index() {
        let mut doc = DiscoveryDoc::default();
        doc.put(key("a"), at(1), vec![known("x", at(1))]);
        let text = serde_json::to_string(&doc).unwrap();
        let again: DiscoveryDoc = serde_json::from_str(&text).unwrap();
        let entry = again.entry(&key("a")).unwrap();
        let placed: Vec<DeadLetterQueue> = entry.queues_in(4, "shop").collect();
        assert_eq!((placed[0].scope, placed[0].queue.account.as_str()), (4, "shop"));
        assert_eq!(
            entry.queues_in(1, "").collect::<Vec<_>>(),
            doc.entry(&key("a")).unwrap().queues
        );
    }
}
