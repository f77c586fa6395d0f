//! New causes: which fingerprints of a sample a channel is told of. Pure.
//!
//! Promises: the causes of the first sample are those that the problem began with, and no news;
//! a later one is told once. Messages that are only alike have no known cause.

use super::facts::{EventFacts, NamedCause, TopicChange};
use super::topic::{SendReason, Topic};

/// The causes of a problem that are told of. Who has so many reads the list in `dlq-status`.
pub const CAUSES_MAX: usize = 32;

/// Returns the fingerprints of a sample that are new to people who were told of the problem.
pub fn new_causes(topic: &Topic, facts: &EventFacts) -> Vec<String> {
    let Some((known, sampled)) = topic.causes.as_ref().zip(facts.sampled.as_ref()) else {
        return Vec::new();
    };
    if !topic.is_open() {
        return Vec::new();
    }
    let is_new = |cause: &&NamedCause| !known.contains(&cause.id);
    let room = CAUSES_MAX.saturating_sub(known.len());
    sampled.iter().filter(is_new).take(room).map(|cause| cause.id.clone()).collect()
}

/// Records the causes of a sample of a problem that people know of, or are about to be told of.
pub fn remember(topic: &mut Topic, facts: &EventFacts) {
    let begins = topic.awaits(SendReason::New) || topic.awaits(SendReason::Again);
    let Some(sampled) = facts.sampled.as_ref().filter(|_| begins || topic.is_open()) else {
        return;
    };
    if facts.change == TopicChange::Begins {
        // Checks that fail, in place of those before. What waits to be told stays the one to compare with.
        if topic.is_open() || topic.causes.is_none() {
            topic.causes = Some(sampled.iter().map(|cause| cause.id.clone()).collect());
        }
        return;
    }
    let known = topic.causes.get_or_insert_default();
    for cause in sampled {
        if known.len() < CAUSES_MAX && !known.contains(&cause.id) {
            known.push(cause.id.clone());
        }
    }
}
