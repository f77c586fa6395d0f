//! Triage of dead letters by fixed rules, before any money is spent.
//!
//! Promises: 'not a code bug' follows only from a field of a service that has proven to be the
//! sender (`proof.rs`), never from the shape, the attributes or the text of a message alone, because
//! any sender can write 'AccessDenied' into them. Groups do not influence each other. Titles and
//! reasons of groups hold this tool's words and numbers only; the title of a verdict begins with the
//! error of the main cause, which is external text. Cited items exist. Unknown is
//! stated as unknown.

use std::collections::HashMap;

use serde_json::Value;

use super::evidence::bundle::{Fingerprints, Group, Logs, QueueFacts, Sampled, Timeline};
use crate::event::{Verdict, words};
use crate::text::{count, safe, shorten};
use crate::time::Timestamp;

use basis::TEXT;
use case::GroupContext;

mod basis;
mod case;
mod commands;
mod error_patterns;
mod error_signs;
mod http_status;
mod judge;
mod peer_signs;
mod proof;
pub mod report;
mod sentences;

/// Contents of an evidence bundle.
#[derive(Debug, Clone, Default)]
pub struct BundleContents {
    pub queue: QueueFacts,
    pub fingerprints: Fingerprints,
    pub timeline: Timeline,
    /// Log commands and searches, without their output.
    pub logs: Logs,
    /// Facts of each message for the judgement.
    pub facts: Vec<MessageFacts>,
    /// Messages with excerpts for bodies.
    pub messages: Vec<Sampled>,
}

impl BundleContents {
    /// Returns the number of sampled messages.
    pub fn sampled(&self) -> u64 {
        self.fingerprints.fingerprints.iter().map(|group| group.count).sum()
    }
}

/// Facts of a sampled message that the rules read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageFacts {
    /// `m1`, `m2` …
    pub id: String,
    pub sent_at: Option<Timestamp>,
    pub receives: Option<u64>,
    /// Principal that sent the message. SQS sets it; none in bundles that lack it.
    pub sender_id: Option<String>,
    /// Error codes in fields of services themselves, never of an error that they pass on.
    pub codes: ServiceCodes,
    /// Source queue. SQS sets it, so its presence proves that SQS moved the message.
    pub source_arn: Option<String>,
    /// Limit that ended the retries, as the producer states it.
    pub exhausted: Option<String>,
    /// EventBridge rule, as the producer states it.
    pub rule_arn: Option<String>,
    /// Target, mostly a function, as the producer states it.
    pub target_arn: Option<String>,
    /// Topic of an SNS envelope.
    pub topic_arn: Option<String>,
    /// Subscription of an SNS envelope.
    pub subscription_arn: Option<String>,
}

/// Error codes of a message by the field that holds them. Each producer has its own field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceCodes {
    /// Attribute `ErrorCode`, of Lambda and SNS.
    pub letter: Option<String>,
    /// Whether `ErrorCode` has the data type Number.
    pub is_number: bool,
    /// Attribute `ERROR_CODE`, of EventBridge and its Scheduler.
    pub event: Option<String>,
    /// Status of the response, else the condition, in a record of Lambda.
    pub record: Option<String>,
}

impl MessageFacts {
    pub fn from_sample(sampled: &Sampled) -> Self {
        let attribute = |name: &str| sampled.attributes.get(name).cloned();
        // A Lambda destination writes a record instead of attributes.
        let body = sampled.body.value();
        let record = |key: &str| Some(body.get("requestContext")?.get(key)?.as_str()?.to_owned());
        // The status of a function that ran and failed is 200.
        let status = body.pointer("/responseContext/statusCode").and_then(Value::as_u64);
        let status = status.filter(|status| *status != 200).map(|status| status.to_string());
        let codes = ServiceCodes {
            letter: attribute("ErrorCode"),
            is_number: sampled.attribute_types.get("ErrorCode").is_some_and(|t| t == "Number"),
            event: attribute("ERROR_CODE"),
            record: status.or_else(|| record("condition")),
        };
        MessageFacts {
            id: sampled.id.clone(),
            sent_at: sampled.sent_at,
            receives: sampled.receives,
            sender_id: sampled.system.get("SenderId").cloned(),
            codes,
            source_arn: sampled.source_arn.clone(),
            exhausted: attribute("EXHAUSTED_RETRY_CONDITION").or_else(|| record("condition")),
            rule_arn: attribute("RULE_ARN"),
            target_arn: attribute("TARGET_ARN").or_else(|| record("functionArn")),
            topic_arn: sampled.sns.as_ref().map(|sns| sns.topic_arn.clone()),
            subscription_arn: sampled.sns.as_ref().and_then(|sns| sns.subscription_arn.clone()),
        }
    }
}

words! {
    /// Kind of a cause.
    Category {
        Throttling = "throttling",
        Permission = "permission",
        MissingTarget = "missing_target",
        /// A dependency failed for a while and has stopped failing.
        ThirdPartyBurst = "third_party_burst",
        /// A dependency failed, and nothing shows a recovery.
        Dependency = "dependency",
        MisconfiguredQueue = "misconfigured_queue",
        ExpiredOrDuplicate = "expired_or_duplicate",
        SchemaDrift = "schema_drift",
        PoisonMessage = "poison_message",
        /// The consumer needed longer than it was given.
        TimedOut = "timed_out",
        OutOfMemory = "out_of_memory",
        /// The consumer's process ended before it had finished, without an error of its own.
        ProcessEnded = "process_ended",
        /// Messages that nobody misses: tests of a service.
        Harmless = "harmless",
        CodeError = "code_error",
        Unknown = "unknown",
    }
}

words! {
    /// Fault of the code.
    CodeFault {
        NotACodeBug = "not_a_code_bug",
        /// A service says that the code is not at fault, and nothing proves that the service said
        /// it: a person has to confirm it.
        Unconfirmed = "unconfirmed",
        CodeBug = "code_bug",
        Unknown = "unknown",
    }
}

words! {
    /// Advice on a redrive, the most careful last.
    RedriveAdvice {
        Safe = "safe",
        AfterFix = "after_fix",
        DoNot = "do_not",
    }
}

/// Most characters of an error in a title.
const ERROR_MAX: usize = 80;

/// Judgement of one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Triage {
    /// Item of the bundle, such as `f1`.
    pub group: String,
    pub fingerprint: String,
    /// Whether the messages state an error. Else they only look alike.
    pub states_error: bool,
    /// Class and text of that error, on one line.
    pub error: Option<String>,
    /// Place of the error in the application's own code.
    pub place: Option<String>,
    /// Messages of the sample in this group.
    pub count: u64,
    pub category: Category,
    pub fault: CodeFault,
    /// At most what the basis allows, and what the sample says of the queue.
    pub confidence: f64,
    /// A single line.
    pub title: String,
    /// Explanation for the engineer on call.
    pub reason: String,
    /// Messages of the sample and of the queue, when the sample is a part.
    pub unseen: Option<(u64, u64)>,
    /// Items of the bundle that support the judgement.
    pub evidence: Vec<String>,
    /// Shell commands to run next.
    pub commands: Vec<String>,
    pub redrive: RedriveAdvice,
    /// Next steps for a person.
    pub next: Vec<String>,
}

/// Judges every group, the largest first.
pub fn judge(bundle: &BundleContents) -> Vec<Triage> {
    let by_id: HashMap<&str, &MessageFacts> =
        bundle.facts.iter().map(|message| (message.id.as_str(), message)).collect();
    let groups = &bundle.fingerprints.fingerprints;
    let sampled = bundle.sampled();
    let mut groups: Vec<&Group> = groups.iter().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    let triage = |group: &Group| {
        let messages = group.messages.iter().filter_map(|id| by_id.get(id.as_str()).copied());
        let messages = messages.collect();
        judge::triage(&GroupContext { queue: &bundle.queue, group, messages, sampled })
    };
    groups.into_iter().map(triage).collect()
}

/// Returns the title of the causes without their errors. Behind an error it goes on with a small
/// letter.
fn judged_title(triages: &[Triage]) -> String {
    let Some(first) = triages.first() else { return "The cause is unknown".into() };
    let mut title = first.title.clone();
    if first.error.is_some() {
        title = title.chars().next().into_iter().flat_map(char::to_lowercase).collect::<String>()
            + title.get(1..).unwrap_or_default();
    }
    match triages.len() as u64 - 1 {
        0 => title,
        more => format!("{title} (and {})", count(more, "other cause")),
    }
}

/// Returns the verdict over all groups. The status is never `confirmed`, because nobody has checked
/// it, and is `not_a_bug` only when every group is.
pub fn verdict(triages: &[Triage]) -> Verdict {
    let Some(first) = triages.first() else {
        return Verdict {
            status: "inconclusive".into(),
            title: Some("No dead letter was sampled, so nothing is known of the cause".into()),
            category: Some(Category::Unknown.to_string()),
            confidence: None,
            redrive: Some(RedriveAdvice::DoNot.to_string()),
            needs_person: None,
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
    let mut judged = judged_title(triages);
    if let Some((sampled, depth)) = first.unseen.filter(|_| status == "not_a_bug") {
        judged += &format!(" ({sampled} of {depth} messages seen)");
    }
    let title = match &first.error {
        Some(error) => format!("{error}; {judged}"),
        None => judged,
    };
    let redrive = triages.iter().map(|each| each.redrive).max();
    Verdict {
        status: status.into(),
        title: Some(title),
        category: Some(first.category.to_string()),
        confidence: Some(confidence),
        redrive: redrive.map(|advice| advice.to_string()),
        needs_person: None,
    }
}

/// Returns the class and text of the error, on one line.
pub fn error(group: &Group) -> Option<String> {
    let class = group.exception.as_deref().map(|class| class.rsplit('.').next().unwrap_or(class));
    let text = match (class.or(group.code.as_deref()), group.message.as_deref()) {
        (Some(class), Some(text)) if !text.starts_with(class) => format!("{class}: {text}"),
        (_, Some(text)) => text.to_owned(),
        (class, None) => class?.to_owned(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = safe(&shorten(text.trim_end_matches('.'), ERROR_MAX)).into_owned();
    Some(text).filter(|text| has_error(group) && !text.is_empty())
}

/// Returns whether the messages of a group state an error.
fn has_error(group: &Group) -> bool {
    matches!(group.kind.as_str(), "error_text" | "producer_error")
}

#[cfg(test)]
mod tests;
