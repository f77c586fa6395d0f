//! Whether dead letters need somebody to read code at all, judged before any money is spent.
//!
//! Promises: 'not a code bug' is concluded only from what the service that put the messages there
//! says in a field of its own, never from their shape and never from their text, because whoever
//! can send a message can write 'AccessDenied' in it. A group moves no other group. Titles and
//! reasons hold our own words and numbers only, nothing from outside. What is cited exists.
//! Unknown is said as unknown.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::evidence::bundle::{Fingerprints, Group, QueueFacts, Sampled};
use crate::event::Verdict;
use crate::text::count;
use crate::time::Timestamp;

use basis::TEXT;
use case::GroupContext;
pub(super) use commands::quoted;

mod basis;
mod case;
mod commands;
pub mod report;

/// What is needed of a sampled message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageFacts {
    /// `m1`, `m2` …
    pub id: String,
    /// When it was first sent.
    pub sent_at: Option<Timestamp>,
    /// How often it has been received.
    pub receives: Option<u64>,
    /// The queue that it died in; SQS sets it, so it tells that SQS moved the message.
    pub source_arn: Option<String>,
    /// Which limit ended the retries, as the producer says.
    pub exhausted: Option<String>,
    /// The rule that it came by, as the producer says.
    pub rule_arn: Option<String>,
    /// Where it was to go, as the producer says: a function, mostly.
    pub target_arn: Option<String>,
}

impl MessageFacts {
    /// What is needed of `sampled`.
    pub fn from_sample(sampled: &Sampled) -> Self {
        let said = |name: &str| sampled.attributes.get(name).cloned();
        // A Lambda destination writes a record instead of attributes.
        let record =
            |key: &str| Some(sampled.body.get("requestContext")?.get(key)?.as_str()?.to_owned());
        MessageFacts {
            id: sampled.id.clone(),
            sent_at: sampled.sent_at,
            receives: sampled.receives,
            source_arn: sampled.source_arn.clone(),
            exhausted: said("EXHAUSTED_RETRY_CONDITION").or_else(|| record("condition")),
            rule_arn: said("RULE_ARN"),
            target_arn: said("TARGET_ARN").or_else(|| record("functionArn")),
        }
    }
}

/// Kinds of causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Category {
    Throttling,
    Permission,
    MissingTarget,
    /// A dependency failed for a while, and has stopped.
    ThirdPartyBurst,
    /// A dependency failed, and nothing shows that it has stopped.
    Dependency,
    MisconfiguredQueue,
    ExpiredOrDuplicate,
    SchemaDrift,
    PoisonMessage,
    CodeError,
    Unknown,
}

/// Whether the code is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CodeFault {
    NotACodeBug,
    CodeBug,
    Unknown,
}

/// Whether the messages may be put back, the most careful last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RedriveAdvice {
    Safe,
    AfterFix,
    DoNot,
}

/// What is said of one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Triage {
    /// The item: `f1`.
    pub group: String,
    /// The fingerprint.
    pub fingerprint: String,
    /// How many messages of the sample.
    pub count: u64,
    /// The kind of the cause.
    pub category: Category,
    /// Whether the code is to blame.
    pub fault: CodeFault,
    /// 0, 0.4, 0.6, 0.8 or 0.9.
    pub confidence: f64,
    /// One line.
    pub title: String,
    /// Why, for somebody who has just been woken.
    pub reason: String,
    /// The items of the bundle that it rests on.
    pub evidence: Vec<String>,
    /// What to run next: lines for a shell, none of which changes anything.
    pub commands: Vec<String>,
    /// Whether the messages may be put back.
    pub redrive: RedriveAdvice,
    /// What to do next.
    pub next: Vec<String>,
}

/// Judges every group, the largest first.
pub fn judge(queue: &QueueFacts, prints: &Fingerprints, messages: &[MessageFacts]) -> Vec<Triage> {
    let seen: HashMap<&str, &MessageFacts> =
        messages.iter().map(|seen| (seen.id.as_str(), seen)).collect();
    let sampled = prints.fingerprints.iter().map(|group| group.count).sum();
    let mut groups: Vec<&Group> = prints.fingerprints.iter().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    let triage = |group: &Group| {
        let own: Vec<&MessageFacts> =
            group.messages.iter().filter_map(|id| seen.get(id.as_str()).copied()).collect();
        judge::triage(&GroupContext { queue, group, own, sampled })
    };
    groups.into_iter().map(triage).collect()
}

/// What all of them say together, never `confirmed`: nobody has checked. `not_a_bug` only when
/// every group says so.
pub fn verdict(triages: &[Triage]) -> Verdict {
    let Some(first) = triages.first() else {
        return Verdict {
            status: "inconclusive".into(),
            title: Some("No dead letter was sampled, so nothing is known of the cause".into()),
            category: Some(Category::Unknown.to_string()),
            confidence: None,
            redrive: Some(RedriveAdvice::DoNot.to_string()),
        };
    };
    let (status, confidence) = if triages.iter().all(|each| each.fault == CodeFault::NotACodeBug) {
        let least = triages.iter().map(|each| each.confidence).fold(1.0, f64::min);
        ("not_a_bug", least)
    } else if first.confidence >= TEXT {
        // The rest may be of another cause.
        let is_all = triages.len() == 1;
        ("likely", if is_all { first.confidence } else { first.confidence.min(TEXT) })
    } else {
        ("inconclusive", first.confidence)
    };
    let title = match triages.len() as u64 - 1 {
        0 => first.title.clone(),
        more => format!("{} (and {})", first.title, count(more, "other cause")),
    };
    let redrive = triages.iter().map(|each| each.redrive).max();
    Verdict {
        status: status.into(),
        title: Some(title),
        category: Some(first.category.to_string()),
        confidence: Some(confidence),
        redrive: redrive.map(|advice| advice.to_string()),
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Category::Throttling => "throttling",
            Category::Permission => "permission",
            Category::MissingTarget => "missing_target",
            Category::ThirdPartyBurst => "third_party_burst",
            Category::Dependency => "dependency",
            Category::MisconfiguredQueue => "misconfigured_queue",
            Category::ExpiredOrDuplicate => "expired_or_duplicate",
            Category::SchemaDrift => "schema_drift",
            Category::PoisonMessage => "poison_message",
            Category::CodeError => "code_error",
            Category::Unknown => "unknown",
        })
    }
}

impl fmt::Display for CodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CodeFault::NotACodeBug => "not_a_code_bug",
            CodeFault::CodeBug => "code_bug",
            CodeFault::Unknown => "unknown",
        })
    }
}

impl fmt::Display for RedriveAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RedriveAdvice::Safe => "safe",
            RedriveAdvice::AfterFix => "after_fix",
            RedriveAdvice::DoNot => "do_not",
        })
    }
}

mod error_patterns;
mod judge;
mod sentences;
#[cfg(test)]
mod tests;
