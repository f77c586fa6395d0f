//! Commits that may have caused a failure: the last ones before it. Pure.

use super::bundle::{QueueFacts, Sampled};
use crate::time::Timestamp;

/// Most commits whose changes an agent gets.
pub const COMMITS_MAX: usize = 10;

/// A commit of the code that reads a queue. All but the time is external text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub hash: String,
    /// Date of the committer.
    pub at: Timestamp,
    pub author: String,
    pub subject: String,
}

/// Form of git's log that [`parse`] reads.
pub const FORM: &str = "--format=%H%x09%cI%x09%an%x09%s";

/// Reads commits, the newest first. A line of another form is left out.
pub fn parse(log: &str) -> Vec<Commit> {
    let commit = |line: &str| {
        let mut parts = line.splitn(4, '\t').map(str::to_owned);
        let (hash, at) = (parts.next()?, Timestamp::parse(&parts.next()?)?);
        let is_hash = hash.len() >= 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then_some(Commit { hash, at, author: parts.next()?, subject: parts.next()? })
    };
    log.lines().filter_map(commit).collect()
}

/// Returns the last commits before the first failure, in their order; before now when its time is
/// not known.
pub fn suspects(commits: &[Commit], first_failure: Option<Timestamp>) -> Vec<&Commit> {
    let is_before = |commit: &&Commit| first_failure.is_none_or(|failure| commit.at <= failure);
    commits.iter().filter(is_before).take(COMMITS_MAX).collect()
}

/// Returns the first receive of a sampled message by a consumer, else the first time one was sent.
/// A receive after the sample was begun may be of the sample.
pub fn first_failure(queue: &QueueFacts, messages: &[Sampled]) -> Option<Timestamp> {
    let by_consumer = |at: &Timestamp| queue.asked_at.is_none_or(|asked| *at < asked);
    let received = messages.iter().filter_map(|message| message.first_received_at);
    let sent = messages.iter().filter_map(|message| message.sent_at);
    received.filter(by_consumer).min().or(sent.min())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspects_are_the_last_commits_before_the_failure() {
        let hash = |n: usize| format!("{n:040x}");
        let line =
            |n: usize| format!("{}\t2026-11-{:02}T10:00:00+01:00\tA\tchange\t{n}", hash(n), n);
        let log: Vec<String> = (1..=20).rev().map(line).collect();
        let commits = parse(&format!("{}\nx\ty\n\n{}\tnow\tA\ts\n", log.join("\n"), hash(1)));
        assert_eq!(commits.len(), 20);
        assert_eq!((commits[0].subject.as_str(), commits[0].author.as_str()), ("change\t20", "A"));
        let rows = [
            ("unknown", None, Some(20), 10),
            ("at one", Some("2026-11-15T09:00:00Z"), Some(15), 10),
            ("just before it", Some("2026-11-15T08:59:59Z"), Some(14), 10),
            ("few", Some("2026-11-03T00:00:00Z"), Some(2), 2),
            ("none", Some("2026-10-03T00:00:00Z"), None, 0),
        ];
        for (rule, failure, first, length) in rows {
            let found = suspects(&commits, failure.and_then(Timestamp::parse));
            assert_eq!(found.first().map(|one| one.hash.clone()), first.map(hash), "{rule}");
            assert_eq!(found.len(), length, "{rule}");
        }
    }
}
