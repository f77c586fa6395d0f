//! The features that need permissions of AWS, and the actions of each.
//!
//! The probes of `dlq-doctor` and its policy share this table, which the man page has, too.

use crate::event::words;

words! {
    /// Features that ask AWS, in the order of a policy.
    AwsFeature {
        /// Finding queues and reading their depth.
        Read = "read",
        /// Sampling messages, as evidence.
        Peek = "peek",
        /// Searching the logs of consumers.
        Logs = "logs",
        /// Archiving messages that are about to be lost.
        Archive = "archive",
        /// Putting messages back.
        Redrive = "redrive",
        /// Deleting messages that were archived.
        Purge = "purge",
    }
}

/// The resources of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resources {
    /// `*`: the actions know no resource.
    All,
    /// Every queue: those that send dead letters are found by reading all.
    Queues,
    /// Dead-letter queues.
    DeadLetterQueues,
    /// Log groups.
    LogGroups,
    /// Functions.
    Functions,
    /// Keys of KMS, by way of SQS only.
    Keys,
}

/// A statement: the end of its id, its actions, and their resources.
#[derive(Debug, PartialEq, Eq)]
pub struct PolicyStatement {
    pub id: &'static str,
    pub actions: &'static [&'static str],
    pub resources: Resources,
}

const fn statement(
    id: &'static str,
    actions: &'static [&'static str],
    resources: Resources,
) -> PolicyStatement {
    PolicyStatement { id, actions, resources }
}

const DECRYPT: &[&str] = &["kms:Decrypt"];
const READ: [PolicyStatement; 2] = [
    statement("List", &["sqs:ListQueues"], Resources::All),
    statement(
        "Read",
        &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListMessageMoveTasks"],
        Resources::Queues,
    ),
];
const PEEK: [PolicyStatement; 2] = [
    statement(
        "Peek",
        &["sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:ListDeadLetterSourceQueues"],
        Resources::DeadLetterQueues,
    ),
    statement("PeekKeys", DECRYPT, Resources::Keys),
];
const LOGS: [PolicyStatement; 3] = [
    statement("Mappings", &["lambda:ListEventSourceMappings"], Resources::All),
    statement("Functions", &["lambda:GetFunctionConfiguration"], Resources::Functions),
    statement("Logs", &["logs:FilterLogEvents"], Resources::LogGroups),
];
const ARCHIVE: [PolicyStatement; 2] = [
    statement(
        "Archive",
        &["sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"],
        Resources::DeadLetterQueues,
    ),
    statement("ArchiveKeys", DECRYPT, Resources::Keys),
];
/// Actions that take messages out of a queue.
const MOVE: &[&str] = &[
    "sqs:ReceiveMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:ListDeadLetterSourceQueues",
];
const REDRIVE: [PolicyStatement; 3] = [
    statement("Redrive", MOVE, Resources::DeadLetterQueues),
    statement("RedriveSend", &["sqs:SendMessage"], Resources::Queues),
    statement("RedriveKeys", &["kms:Decrypt", "kms:GenerateDataKey"], Resources::Keys),
];
const PURGE: [PolicyStatement; 2] = [
    statement("Purge", MOVE, Resources::DeadLetterQueues),
    statement("PurgeKeys", DECRYPT, Resources::Keys),
];

impl AwsFeature {
    /// Returns the statements that the feature needs.
    pub fn statements(self) -> &'static [PolicyStatement] {
        match self {
            AwsFeature::Read => &READ,
            AwsFeature::Peek => &PEEK,
            AwsFeature::Logs => &LOGS,
            AwsFeature::Archive => &ARCHIVE,
            AwsFeature::Redrive => &REDRIVE,
            AwsFeature::Purge => &PURGE,
        }
    }

    /// Returns the actions that the feature needs.
    pub fn actions(self) -> impl Iterator<Item = &'static str> {
        self.statements().iter().flat_map(|one| one.actions.iter().copied())
    }
}

/// Returns whether a feature works without an action, and only tells less.
pub fn is_optional(action: &str) -> bool {
    let optional = ["sqs:ListMessageMoveTasks", "sqs:ListDeadLetterSourceQueues"];
    optional.contains(&action) || action.starts_with("lambda:") || action.starts_with("logs:")
}

/// Returns the actions that some features need, each once, with the first of them that needs it.
pub fn needed(features: &[AwsFeature]) -> Vec<(&'static str, AwsFeature)> {
    let mut all: Vec<(&'static str, AwsFeature)> = Vec::new();
    for feature in features {
        for action in feature.actions() {
            if all.iter().all(|(known, _)| *known != action) {
                all.push((action, *feature));
            }
        }
    }
    all
}
