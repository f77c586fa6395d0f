//! The discovery cache: which DLQs were found, where and when.
//!
//! A document of its own, keyed by server, profile and region, so that a run every minute does
//! not ask every queue. Promises: a queue keeps the time at which it was found first; what was
//! found in another way (by name only, by other patterns) is not taken for an answer; what a survey
//! could not see stays as it was, and is recorded as a gap.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{Document, RecordKind, SetOperation};
use crate::glob::GlobList;
use crate::rules::queue::redrive_graph::{self, DeadLetterQueue, Discover, ScopeSurvey};
use crate::rules::queue::survey_gap::SurveyGap;
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

/// The result of the surveys of a scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheEntry {
    /// The scope and the method.
    pub key: CacheKey,
    /// The time of the last survey that could list the scope; `None` when none could.
    pub at: Option<Timestamp>,
    /// The gap of the newest survey.
    #[serde(default)]
    pub gap: Option<SurveyGap>,
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

    /// Returns the entry without its queues: how the scope was surveyed.
    pub fn without_queues(&self) -> Self {
        let (key, gap) = (self.key.clone(), self.gap.clone());
        CacheEntry { key, at: self.at, gap, queues: Vec::new() }
    }

    /// Returns the time of the newest survey, whatever it could see.
    fn surveyed_at(&self) -> Option<Timestamp> {
        self.at.max(self.gap.as_ref().map(|gap| gap.at))
    }
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
    const WITHOUT: Option<&str> = None;
    const SHARED: bool = false;

    fn each_set(&mut self, rest: &mut Self, operation: &mut SetOperation<'_>) {
        operation.list(Self::ENTRY, &mut self.entries, &mut rest.entries, |entry| entry.key.id());
    }
}

impl DiscoveryDoc {
    /// Returns the result for a scope and method, of any age.
    pub fn entry(&self, key: &CacheKey) -> Option<&CacheEntry> {
        self.entries.iter().find(|entry| entry.key == *key)
    }

    /// Records the survey of a scope, which began at `at`, and drops entries that were not renewed.
    /// What the survey could not see stays as it was. A newer survey in the document wins.
    pub fn record(
        &mut self,
        key: CacheKey,
        seen: &ScopeSurvey,
        patterns: Option<&GlobList>,
        at: Timestamp,
        now: Timestamp,
    ) {
        let is_kept = |entry: &CacheEntry| {
            entry.surveyed_at().is_some_and(|surveyed| at.since(surveyed) < KEEP)
        };
        let found = self.entries.iter().position(|entry| entry.key == key);
        let past = found.map(|index| self.entries.swap_remove(index));
        self.entries.retain(is_kept);
        let is_newer = |past: &CacheEntry| {
            past.surveyed_at().is_some_and(|surveyed| surveyed > at && surveyed <= now)
        };
        let entry = match past {
            Some(newer) if is_newer(&newer) => newer,
            past => renew(key, past, seen, patterns, at, now),
        };
        self.entries.push(entry);
    }
}

/// Returns the entry of a scope after a survey.
fn renew(
    key: CacheKey,
    past: Option<CacheEntry>,
    seen: &ScopeSurvey,
    patterns: Option<&GlobList>,
    at: Timestamp,
    now: Timestamp,
) -> CacheEntry {
    let (listed_at, gap, known) =
        past.map_or((None, None, Vec::new()), |past| (past.at, past.gap, past.queues));
    if seen.queues.is_err() {
        let gap = SurveyGap::find(seen, &known, gap.as_ref(), at);
        return CacheEntry { key, at: listed_at, gap, queues: known };
    }
    let mut queues = redrive_graph::find_in(seen, &known, now, key.discover, patterns);
    let found: HashMap<&String, Timestamp> =
        known.iter().map(|known| (&known.queue.arn, known.found_at)).collect();
    for queue in &mut queues {
        if let Some(at) = found.get(&queue.queue.arn) {
            queue.found_at = *at;
        }
    }
    let gap = SurveyGap::find(seen, &queues, gap.as_ref(), at);
    CacheEntry { key, at: Some(at), gap, queues }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Keys;
    use crate::rules::queue::reading::ReadError;
    use crate::rules::queue::redrive_graph::ListedQueue;

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

    fn url(name: &str) -> String {
        format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}")
    }

    /// A survey that listed these queues and read none.
    fn survey(names: &[&str]) -> ScopeSurvey {
        let listed = names.iter().map(|name| ListedQueue { url: url(name), attributes: None });
        let (region, account) = ("eu-west-1".into(), String::new());
        ScopeSurvey { scope: 1, region, account, queues: Ok(listed.collect()) }
    }

    fn denied() -> ScopeSurvey {
        ScopeSurvey { queues: Err(ReadError::Denied), ..survey(&[]) }
    }

    fn record(doc: &mut DiscoveryDoc, key: CacheKey, day: u64, seen: &ScopeSurvey) {
        doc.record(key, seen, None, at(day), at(day));
    }

    fn names(entry: &CacheEntry) -> Vec<&str> {
        entry.queues.iter().map(|known| known.queue.name.as_str()).collect()
    }

    #[test]
    fn cached_queue_keeps_time_of_first_discovery() {
        let mut doc = DiscoveryDoc::default();
        record(&mut doc, key("a"), 1, &survey(&["x-dlq", "y-dlq"]));
        record(&mut doc, key("a"), 2, &survey(&["y-dlq", "z-dlq"]));
        let found: Vec<_> =
            doc.entry(&key("a")).unwrap().queues.iter().map(|k| k.found_at).collect();
        assert_eq!(found, [at(1), at(2)]);
    }

    #[test]
    fn cache_key_includes_method_and_old_entries_expire() {
        let mut doc = DiscoveryDoc::default();
        let by_name = CacheKey { discover: Discover::Name, ..key("a") };
        record(&mut doc, key("a"), 0, &survey(&["x-dlq"]));
        record(&mut doc, by_name.clone(), 6, &survey(&[]));
        assert!(doc.entry(&key("a")).is_some());
        record(&mut doc, key("b"), 7, &survey(&[]));
        assert!(doc.entry(&key("a")).is_none(), "seven days");
        assert!(doc.entry(&by_name).is_some());
    }

    /// Each scope and method has a record of its own, which an update asks for by this text.
    #[test]
    fn keys_that_differ_have_different_ids() {
        let endpoint = Some("http://localhost:9324".to_owned());
        let keys = [
            key("a"),
            key("b"),
            CacheKey { endpoint, ..key("a") },
            CacheKey { profile: None, ..key("a") },
            CacheKey { discover: Discover::Name, ..key("a") },
            CacheKey { patterns: Some(vec!["*-failed".into()]), ..key("a") },
        ];
        let mut doc = DiscoveryDoc::default();
        for key in &keys {
            record(&mut doc, key.clone(), 1, &survey(&["x-dlq"]));
        }
        let whole = doc.clone();
        for key in &keys {
            let asked = Keys::one(DiscoveryDoc::ENTRY, key.id());
            let rest = doc.split(&asked);
            assert_eq!(doc.entries.iter().map(|entry| &entry.key).collect::<Vec<_>>(), [key]);
            doc.join(rest, &asked);
            assert_eq!(doc, whole);
        }
    }

    #[test]
    fn unlisted_scope_keeps_its_queues_for_as_long_as_it_is_asked() {
        let mut doc = DiscoveryDoc::default();
        record(&mut doc, key("a"), 0, &survey(&["x-dlq"]));
        for day in 1..30 {
            record(&mut doc, key("a"), day, &denied());
            record(&mut doc, key("b"), day, &survey(&[]));
        }
        let entry = doc.entry(&key("a")).unwrap();
        assert_eq!((names(entry), entry.at), (vec!["x-dlq"], Some(at(0))));
        let gap = entry.gap.as_ref().unwrap();
        assert_eq!((gap.surveys, gap.unlisted.as_deref()), (29, Some("access denied")));
        record(&mut doc, key("a"), 30, &survey(&["x-dlq"]));
        let entry = doc.entry(&key("a")).unwrap();
        assert_eq!((entry.at, &entry.gap), (Some(at(30)), &None));
    }

    #[test]
    fn scope_that_was_never_listed_has_a_gap_and_no_queues() {
        let mut doc = DiscoveryDoc::default();
        record(&mut doc, key("a"), 0, &denied());
        let entry = doc.entry(&key("a")).unwrap();
        assert_eq!((names(entry).len(), entry.at), (0, None));
        assert!(entry.gap.is_some());
    }

    /// Of two runs at once, that whose survey began later is right, whichever ends first.
    #[test]
    fn newer_survey_is_kept_unless_it_is_from_the_future() {
        let rows =
            [("older", 2, 2, "new-dlq"), ("newer", 4, 4, "old-dlq"), ("future", 1, 1, "old-dlq")];
        for (rule, began, now, expected) in rows {
            let mut doc = DiscoveryDoc::default();
            let recorded = if rule == "future" { at(9) } else { at(3) };
            doc.record(key("a"), &survey(&["new-dlq"]), None, recorded, recorded);
            let now = if rule == "older" { at(3) } else { at(now) };
            doc.record(key("a"), &survey(&["old-dlq"]), None, at(began), now);
            assert_eq!(names(doc.entry(&key("a")).unwrap()), [expected], "{rule}");
        }
    }

    #[test]
    fn cache_entry_round_trips_without_scope_index() {
        let mut doc = DiscoveryDoc::default();
        record(&mut doc, key("a"), 1, &survey(&["x-dlq"]));
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
