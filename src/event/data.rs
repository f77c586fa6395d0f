//! The table of event types: name, severity, program, and the payload under `data`.
//!
//! The names of the fields are the JSON keys. An `Option` is always written: an unknown value is
//! `null`, never zero and never left out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::{JsonSchema, object};
use super::{Payload, Severity, ToolName};
use crate::money::{self, Usd};
use crate::time::Timestamp;

/// Declares an object inside payloads.
macro_rules! part {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $of:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: $of,)* }

        impl JsonSchema for $name {
            fn shape() -> Value {
                object(vec![$((stringify!($field), <$of as JsonSchema>::shape()),)*])
            }
        }
    };
}

/// The severity of a type, or that which a method of its payload decides.
macro_rules! severity {
    ($payload:ident ($method:ident)) => {
        $payload.$method()
    };
    ($payload:ident $severity:ident) => {
        Severity::$severity
    };
}

/// Declares every type with its payload, for the enum, the reader, the writer and the schema.
macro_rules! payloads {
    ($($(#[$doc:meta])* $name:ident = $kind:literal $severity:tt by $tool:ident { $($(#[$field_doc:meta])* $field:ident: $of:ty,)* })*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Type { $($name,)* }

        impl Type {
            pub const ALL: &[Type] = &[$(Type::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Type::$name => $kind,)* }
            }

            pub fn parse(name: &str) -> Option<Type> {
                match name { $($kind => Some(Type::$name),)* _ => None }
            }

            /// Returns the program that writes events of this type.
            pub const fn emitter(self) -> ToolName {
                match self { $(Type::$name => ToolName::$tool,)* }
            }

            /// Returns whether events of this type advance stream time: those of originators.
            pub fn advances_stream_time(self) -> bool {
                matches!(self.as_str().split('.').next(), Some("poll" | "queue" | "pr" | "issue"))
            }

            /// Returns the JSON Schema of the payload.
            pub fn shape(self) -> Value {
                match self { $(Type::$name => $name::shape(),)* }
            }
        }

        $(
            part! { $(#[$doc])* $name { $($(#[$field_doc])* $field: $of,)* } }

            impl Payload for $name {
                const TYPE: Type = Type::$name;
                fn severity(&self) -> Severity {
                    severity!(self $severity)
                }
            }
        )*

        /// The payload of a known type.
        pub enum AnyPayload { $($name($name),)* }

        impl AnyPayload {
            /// Reads the payload of a line; None when it is not of that type.
            pub fn read(kind: Type, line: &[u8]) -> Option<AnyPayload> {
                Some(match kind {
                    $(Type::$name => AnyPayload::$name(super::read::<$name>(line)?.data),)*
                })
            }
        }

        /// Checks that a line of a known type is exactly as this family writes it, for tests. The
        /// error has both forms.
        pub fn strict(kind: Type, line: &[u8]) -> Result<(), String> {
            let given: Value = serde_json::from_slice(line).map_err(|e| e.to_string())?;
            let again = match kind {
                $(Type::$name => serde_json::from_slice::<super::Event<$name>>(line)
                    .and_then(|event| serde_json::to_value(&event)),)*
            };
            let again = again.map_err(|e| e.to_string())?;
            if given == again { Ok(()) } else { Err(format!("read {given}, would write {again}")) }
        }
    };
}

part! {
    #[derive(Eq)]
    /// The runs of the tests for the fix of a session, on one commit.
    FixProof {
        /// The commit.
        base: String,
        /// `proven`, `unproven` or `unknown`.
        grade: String,
        /// The reason, as a clause.
        detail: String,
        /// The result without the patch: `passed`, `failed`, `not_started`, `not_applied`,
        /// `too_late`, `limited` or `stopped`; null when the tests were not run.
        on_base: Option<String>,
        /// The result with the new tests and without the fix; null when the tests were not run, and
        /// when tests and fix share a file.
        with_tests: Option<String>,
        /// The result with the patch; null when the tests were not run.
        with_patch: Option<String>,
    }
}

part! {
    #[derive(Default)]
    /// The queue of an event. Its ARN is unique; a name may exist in several regions.
    Queue {
        name: String,
        url: String,
        arn: String,
        region: String,
        /// The id of the account that owns the queue, or its name in the configuration.
        account: String,
        /// A FIFO queue, which keeps the order of messages.
        fifo: bool,
        /// The names of the known source queues.
        sources: Vec<String>,
        /// The profile with which the queue is asked; null for the default chain of credentials.
        profile: Option<String>,
        /// The configured endpoint of the queue's server; null for AWS's own.
        endpoint: Option<String>,
    }
}

part! {
    /// A problem of a queue's settings.
    Finding {
        rule: String,
        /// `error`, `warning` or `advice`.
        level: String,
        detail: String,
    }
}

part! {
    /// A cause of the sample, in short; the evidence bundle has the rest.
    Cause {
        /// The fingerprint.
        id: String,
        /// The number of messages of the sample.
        count: u64,
        /// Text for people, in one line.
        title: String,
        /// The basis of the grouping: `producer_error`, `error_text`, `shape` or `opaque`.
        kind: String,
    }
}

part! {
    #[derive(Default)]
    /// The result of an investigation, in short; the session's folder has the rest.
    Verdict {
        /// `confirmed`, `likely`, `inconclusive`, `not_a_bug`, or the word of a custom agent.
        status: String,
        /// A single line.
        title: Option<String>,
        /// The category of the cause.
        category: Option<String>,
        /// A number from 0 to 1.
        confidence: Option<f64>,
        /// `safe`, `after_fix` or `do_not`.
        redrive: Option<String>,
        /// The reason why a person has to look before anybody acts on it; null when nothing shows one.
        #[serde(default)]
        needs_person: Option<String>,
    }
}

part! {
    #[derive(Default)]
    /// A pull request as of the last look. A null was not readable.
    PullRequestFacts {
        /// `owner/name`.
        repo: String,
        number: u64,
        /// A single line.
        title: String,
        url: String,
        /// The login of the author; null for a deleted account.
        author: Option<String>,
        draft: bool,
        /// `passing`, `failing`, `pending` or `none`; null when the token may not read checks.
        checks: Option<String>,
        /// `approved`, `changes_requested`, `required` or `none`; null when the token may not read reviews.
        review: Option<String>,
        /// The one who has to act next: `author`, `reviewer`, `checks`, `merge` or `nobody`; null when
        /// unknown.
        turn: Option<String>,
        /// The names of those who have to act; null when nobody has to, and when unknown.
        waiting_on: Option<String>,
        age_s: u64,
        /// Whether dlq-tools opened it.
        ours: bool,
        /// Whether another program opened it.
        automated: bool,
    }
}

part! {
    #[derive(Default)]
    /// An issue of a repository.
    IssueFacts {
        /// `owner/name`.
        repo: String,
        number: u64,
        /// A single line.
        title: String,
        url: String,
    }
}

part! {
    #[derive(Eq)]
    /// A check of the installation, and its result.
    CheckedPart {
        name: String,
        /// False for a check that failed, null for one that was not made.
        ok: Option<bool>,
        /// `ok`, `warning`, `failed` or `skipped`.
        status: String,
        /// The finding, as a clause; null where it was left out to keep the line short.
        detail: Option<String>,
        /// The remedy, as a clause; null without one, and where it was left out.
        remedy: Option<String>,
        /// The milliseconds until the result.
        ms: u64,
    }
}

part! {
    #[derive(Eq)]
    /// The number of messages of a redrive that go to one queue.
    Destination {
        /// The ARN of the queue.
        arn: String,
        count: u64,
    }
}

payloads! {
    /// A dead-letter queue was found for the first time.
    QueueFound = "queue.found" Info by Poll {
        queue: Queue,
        /// `redrive`, `name`, or `both`.
        found_by: String,
    }

    /// A queue is no longer listed. An open incident ends without being cleared.
    QueueGone = "queue.gone" Warn by Poll {
        queue: Queue,
        last_depth: Option<u64>,
    }

    /// A reading of a queue.
    QueuePolled = "queue.polled" Debug by Poll {
        queue: Queue,
        /// `visible` + `in_flight` + `delayed`; null when it could not be read.
        depth: Option<u64>,
        /// Messages that can be received.
        visible: Option<u64>,
        /// Messages that a consumer has received and not deleted.
        in_flight: Option<u64>,
        /// Messages that are still delayed.
        delayed: Option<u64>,
        /// The depth of the reading before; null when unknown.
        previous: Option<u64>,
        /// The error of the reading; null when it succeeded.
        reason: Option<String>,
    }

    /// The depth has reached the threshold: an incident begins.
    QueueRaised = "queue.raised" Error by Poll {
        queue: Queue,
        /// `visible` + `in_flight` + `delayed`.
        depth: u64,
        /// Messages that can be received.
        visible: u64,
        /// Messages that a consumer has received and not deleted.
        in_flight: u64,
        /// Messages that are still delayed.
        delayed: u64,
        /// The depth of the reading before; null when unknown.
        previous: Option<u64>,
        /// The depth at which an incident begins.
        threshold: u64,
        /// The retention of the queue, in seconds.
        retention_s: Option<u64>,
        /// No message is lost before this; null when unknown.
        expires_after: Option<Timestamp>,
        /// The oldest message is lost by this; null when unknown.
        expires_before: Option<Timestamp>,
    }

    /// The depth has crossed the next growth step while raised.
    QueueGrew = "queue.grew" Error by Poll {
        queue: Queue,
        /// The present depth.
        depth: u64,
        /// The depth at the raise.
        raised_depth: u64,
    }

    /// Messages will be lost soon.
    QueueExpiring = "queue.expiring" (severity_of_tier) by Poll {
        queue: Queue,
        /// The tier that was crossed: `24h`, `6h`, `1h`, or as configured.
        tier: String,
        /// True when messages may be lost within the tier; otherwise only the latest moment of the
        /// loss, `expires_before`, is known.
        certain: bool,
        /// The present depth; null while the queue cannot be read.
        depth: Option<u64>,
        /// The retention of the queue, in seconds; null when unknown.
        retention_s: Option<u64>,
        /// No message is lost before this; null when unknown.
        expires_after: Option<Timestamp>,
        /// The oldest message is lost by this; null when unknown.
        expires_before: Option<Timestamp>,
    }

    /// Messages have gone, and no redrive or deletion is known.
    QueueLossSuspected = "queue.loss_suspected" Error by Poll {
        queue: Queue,
        /// The number of messages that are gone.
        missing: u64,
        /// The present depth.
        depth: u64,
        /// `retention`, `unexplained` or `cannot_tell`.
        why: String,
        /// The reason as a sentence.
        detail: String,
    }

    /// The queue has stayed empty: the incident has ended.
    QueueCleared = "queue.cleared" (severity_of_cause) by Poll {
        queue: Queue,
        /// The seconds since the raise.
        duration_s: u64,
        /// `redriven`, `purged`, `expired` or `unknown`.
        cause: String,
    }

    /// Several readings in a row have failed; the depth is unknown.
    QueueUnreadable = "queue.unreadable" Error by Poll {
        queue: Queue,
        /// Always null: unknown, never zero.
        depth: Option<u64>,
        /// The error of the last reading.
        reason: String,
        /// The number of failed readings in a row.
        misses: u64,
    }

    /// The queue can be read again.
    QueueReadable = "queue.readable" Info by Poll {
        queue: Queue,
        /// The present depth.
        depth: u64,
        /// The number of failed readings in a row before this one.
        misses: u64,
    }

    /// Problems of a queue's settings.
    QueueLinted = "queue.linted" (severity_of_findings) by Poll {
        queue: Queue,
        findings: Vec<Finding>,
    }

    #[derive(Default)]
    /// Dead letters were received, put back and filed as evidence, or the reason why not.
    QueueSampled = "queue.sampled" Info by Peek {
        queue: Queue,
        /// The number of received messages; null in a dry run.
        taken: Option<u64>,
        /// The depth just before; null when it could not be read.
        depth: Option<u64>,
        /// The reason why nothing was received, in one word; null when messages were.
        refused: Option<String>,
        /// The reason as a sentence.
        detail: Option<String>,
        /// The causes of the messages, the most frequent first.
        fingerprints: Vec<Cause>,
        /// The number of messages that were received more often than allowed.
        overseen: u64,
        /// The oldest received message is lost by this; null when unknown.
        #[serde(default)]
        expires_before: Option<Timestamp>,
        /// The folder of the evidence.
        bundle: Option<String>,
    }

    /// The end of a round: the heartbeat of the stream.
    PollFinished = "poll.finished" Debug by Poll {
        /// The number of the round, from 1 at the start of the program.
        round: u64,
        /// The number of queues that were polled.
        queues: u64,
        /// The number of quiet queues that were left to a later round: their depth is not known again.
        #[serde(default)]
        postponed: u64,
        /// The number of queues that could not be read.
        unreadable: u64,
        /// The number of accounts and regions that could not be listed. Only their queues of
        /// earlier lists are in `queues`.
        #[serde(default)]
        unlisted: u64,
        /// The number of queues whose redrive policy could not be read. DLQs that only they name
        /// may be missing in `queues`.
        #[serde(default)]
        unsurveyed: u64,
        /// The number of queues with an open incident.
        raised: u64,
        duration_ms: u64,
        /// The number of requests, retries included.
        api_calls: u64,
        /// The cost of the requests of a month of such rounds, in US dollars, without the free
        /// tier.
        #[serde(default, deserialize_with = "money::reported")]
        usd_month: Option<Usd>,
        /// The part of the world that the round was to ask: its accounts and regions, or the queues that it was given. Rounds
        /// of one selection say the same. Null in older events.
        #[serde(default)]
        asked: Option<String>,
        /// The shard of the queues that was polled, such as `2/3`; null when all were.
        #[serde(default)]
        shard: Option<String>,
    }

    /// A round or a part of it failed: the state of the queues there is unknown.
    PollFailed = "poll.failed" Error by Poll {
        /// The account or profile; null when the failure concerns all.
        account: Option<String>,
        /// The region; null when the failure concerns all.
        region: Option<String>,
        reason: String,
        /// The part that the round was to ask, as in `poll.finished`. Null in older events.
        #[serde(default)]
        asked: Option<String>,
    }

    /// An incident is not investigated, with the reason.
    InvestigationSkipped = "investigation.skipped" (severity_of_reason) by Investigate {
        queue: Queue,
        /// The reason in one word, for programs.
        reason: String,
        /// The reason as a sentence, for people.
        detail: String,
        /// The end of the reason; null when unknown.
        until: Option<Timestamp>,
    }

    /// An agent was started.
    InvestigationStarted = "investigation.started" Info by Investigate {
        queue: Queue,
        session: String,
        agent: String,
        /// The process, for people; null in a dry run.
        pid: Option<u64>,
        /// The deadline of the session.
        timeout_at: Timestamp,
    }

    /// The progress of an agent: at most one event in 5 seconds for each step and subagent.
    InvestigationProgressed = "investigation.progressed" Debug by Investigate {
        queue: Queue,
        session: String,
        /// The step, in a word or two.
        step: String,
        /// The subagent of the step; null for the main agent.
        subagent: Option<String>,
        /// The tool that the agent uses; null without one.
        tool: Option<String>,
        /// The cost so far in US dollars; null when the agent does not report it.
        #[serde(default, deserialize_with = "money::reported")]
        cost_usd: Option<Usd>,
    }

    /// The agent ended with a result.
    InvestigationCompleted = "investigation.completed" Info by Investigate {
        queue: Queue,
        session: String,
        /// The result in short.
        verdict: Verdict,
        /// The cost in US dollars; null when the agent does not report it.
        #[serde(default, deserialize_with = "money::reported")]
        cost_usd: Option<Usd>,
        /// The reason why the cost that the agent reports is not believed; null when it is.
        #[serde(default)]
        cost_note: Option<String>,
        turns: Option<u64>,
        /// The number of calls of tools that were denied; null when the agent does not report it.
        #[serde(default)]
        denied: Option<u64>,
        /// The reason why its patch is not offered as a pull request; null when it is, and without one.
        #[serde(default)]
        patch_held: Option<String>,
        duration_s: u64,
        /// The path of the report.
        report: String,
        /// The runs of the tests for the fix; null without a fix, and when no tests were run.
        #[serde(default)]
        proof: Option<Box<FixProof>>,
    }

    /// The tests have run again for the fix of a session that has ended, on the base of that time.
    InvestigationProven = "investigation.proven" Info by Investigate {
        queue: Queue,
        session: String,
        proof: FixProof,
        /// The result as a sentence, for people.
        detail: String,
        duration_s: u64,
    }

    /// The agent ended without a result.
    InvestigationFailed = "investigation.failed" Error by Investigate {
        queue: Queue,
        session: String,
        /// The reason in one word, for programs.
        reason: String,
        /// The reason as a sentence, for people.
        detail: String,
        /// The cost in US dollars; null when unknown.
        #[serde(default, deserialize_with = "money::reported")]
        cost_usd: Option<Usd>,
        duration_s: Option<u64>,
    }

    /// The agent was stopped at its deadline.
    InvestigationTimedOut = "investigation.timed_out" Error by Investigate {
        queue: Queue,
        session: String,
        /// The reason as a sentence, for people.
        detail: String,
        /// The cost in US dollars; null when unknown.
        #[serde(default, deserialize_with = "money::reported")]
        cost_usd: Option<Usd>,
        duration_s: u64,
    }

    /// The agent was stopped on request.
    InvestigationStopped = "investigation.stopped" Warn by Investigate {
        queue: Queue,
        session: String,
        /// The reason as a sentence, for people.
        detail: String,
        /// The cost in US dollars; null when unknown.
        #[serde(default, deserialize_with = "money::reported")]
        cost_usd: Option<Usd>,
        duration_s: u64,
    }

    /// A pull request is watched from now on.
    PrFound = "pr.found" Info by Prs {
        pr: PullRequestFacts,
        /// Whether the first look found it, which says nothing of its age.
        baseline: bool,
    }

    /// A pull request was opened for the fix of a session.
    PrOpened = "pr.opened" Info by Prs {
        pr: PullRequestFacts,
        session: String,
        /// The fingerprint of the cause.
        fingerprint: String,
        /// The commit of the base branch that it was opened on.
        base: String,
        /// `proven` or `unproven`.
        grade: String,
        /// The pull request that was merged for the same cause before, as `owner/name#12`; null
        /// without one.
        regression_of: Option<String>,
    }

    /// A comment was added to a pull request of ours.
    PrCommented = "pr.commented" Info by Prs {
        pr: PullRequestFacts,
        /// The session that found the same cause; null when a redrive is the reason.
        session: Option<String>,
        fingerprint: Option<String>,
        /// The reason in one word: `same_cause` or `redriven`.
        reason: String,
    }

    /// No pull request was opened for the fix of a session.
    PrRefused = "pr.refused" Warn by Prs {
        session: String,
        fingerprint: Option<String>,
        /// `owner/name`; null when the queue has none.
        repo: Option<String>,
        /// The reason in one word, for programs.
        reason: String,
        /// The reason as a sentence, for people.
        detail: String,
        /// The path of the patch, which is kept.
        patch: Option<String>,
    }

    /// A reminder that a pull request waits for somebody.
    PrReviewDue = "pr.review_due" Warn by Prs {
        pr: PullRequestFacts,
        /// The number of the reminder in this turn, from 1.
        reminder: u64,
        /// The working time that it has waited for, in seconds.
        waiting_s: u64,
        /// The act that it waits for, as a sentence.
        detail: String,
        /// The moment at which messages of the incident are lost; null when none are near it.
        loss_at: Option<Timestamp>,
    }

    /// A pull request was approved.
    PrApproved = "pr.approved" Info by Prs {
        pr: PullRequestFacts,
    }

    /// A reviewer asks for changes of a pull request.
    PrChangesRequested = "pr.changes_requested" Warn by Prs {
        pr: PullRequestFacts,
    }

    /// Checks of the newest commit of a pull request have failed.
    PrChecksFailed = "pr.checks_failed" Warn by Prs {
        pr: PullRequestFacts,
    }

    /// A pull request was merged.
    PrMerged = "pr.merged" Info by Prs {
        pr: PullRequestFacts,
        /// The commit on the base branch; null when GitHub does not name one.
        merge_commit: Option<String>,
        /// The base branch.
        base: String,
    }

    /// The merge of a pull request is live.
    PrDeployed = "pr.deployed" Info by Prs {
        pr: PullRequestFacts,
        merge_commit: Option<String>,
        /// The source of the news: `deployment` or `command`.
        by: String,
    }

    /// A pull request was closed without a merge.
    PrClosed = "pr.closed" Warn by Prs {
        pr: PullRequestFacts,
    }

    /// A pull request, or a part of those that are watched, could not be read.
    PrUnreadable = "pr.unreadable" Warn by Prs {
        /// The pull request; null when the reason concerns several.
        pr: Option<PullRequestFacts>,
        reason: String,
    }

    /// An issue was opened for a cause that has no fix to offer.
    IssueOpened = "issue.opened" Info by Prs {
        issue: IssueFacts,
        session: String,
        fingerprint: String,
    }

    /// An issue of ours was closed, because its incident is over.
    IssueClosed = "issue.closed" Info by Prs {
        issue: IssueFacts,
        session: String,
        fingerprint: String,
    }

    /// The messages of a redrive were chosen; nothing has moved.
    RedrivePlanned = "redrive.planned" Info by Redrive {
        queue: Queue,
        /// The SHA-256 of the plan; null when the messages are chosen while they are moved.
        plan: Option<String>,
        /// The number of chosen messages.
        messages: u64,
        destinations: Vec<Destination>,
        /// The number of requests that received messages.
        receives: u64,
        duration_s: u64,
        /// The reason that was given; null without one.
        reason: Option<String>,
    }

    /// A redrive has begun.
    RedriveStarted = "redrive.started" Info by Redrive {
        queue: Queue,
        /// The id of the redrive.
        redrive: String,
        /// The number of messages to move; null when they are chosen on the way.
        messages: Option<u64>,
        /// The path of the archive; null when SQS moves the messages itself.
        archive: Option<String>,
        /// The SHA-256 of the plan; null without one.
        plan: Option<String>,
        /// The number of messages that go first.
        canary: u64,
        /// The cause of the messages; null when they have several, and when unknown.
        fingerprint: Option<String>,
        /// The pull request of the fix, as `owner/name#12`; null without one.
        pull_request: Option<String>,
    }

    /// The progress of a redrive: an event for each step, and at most one in 10 seconds.
    RedriveProgressed = "redrive.progressed" Debug by Redrive {
        queue: Queue,
        redrive: String,
        /// `canary`, `ramp`, `rest` or `verify`.
        step: String,
        /// The number of messages to move; null when they are chosen on the way.
        messages: Option<u64>,
        /// The number of messages that were sent and deleted from the queue.
        moved: u64,
        /// The number of them that have died again.
        returned: u64,
        /// The number of messages that are only in the archive now, because they died again twice.
        parked: u64,
    }

    /// A redrive has moved what it was to move.
    RedriveCompleted = "redrive.completed" (severity_of_redrive) by Redrive {
        queue: Queue,
        redrive: String,
        /// The number of messages to move.
        messages: u64,
        moved: u64,
        returned: u64,
        parked: u64,
        /// The number of messages that were to move and have left the queue otherwise: purged, deleted by others
        /// or by retention.
        #[serde(default)]
        gone: u64,
        /// The number of messages that may be in both queues. The archive lists them.
        possible_duplicates: u64,
        archive: Option<String>,
        duration_s: u64,
        /// Whether the messages were consumed and stayed gone; null when nobody waited for that.
        verified: Option<bool>,
        pull_request: Option<String>,
        fingerprint: Option<String>,
    }

    /// A redrive has stopped before its end. What it did not move is in the queue.
    RedriveAborted = "redrive.aborted" Error by Redrive {
        queue: Queue,
        redrive: String,
        /// The reason in one word, for programs.
        reason: String,
        /// The reason as a sentence, for people.
        detail: String,
        moved: u64,
        returned: u64,
        /// The number of chosen messages that are still in the queue; null when unknown.
        left: Option<u64>,
        archive: Option<String>,
        /// Whether the cause has come back after its fix.
        regression: bool,
        pull_request: Option<String>,
        fingerprint: Option<String>,
    }

    /// Messages were archived and deleted.
    PurgeCompleted = "purge.completed" (severity_of_purge) by Purge {
        queue: Queue,
        /// The id of the purge.
        purge: String,
        /// The number of deleted messages; null when SQS deleted them all without a count.
        messages: Option<u64>,
        /// The number of chosen messages that are still in the queue; null when unknown.
        left: Option<u64>,
        /// The path of the archive; null without one.
        archive: Option<String>,
        /// The cause that was chosen; null for several and for all.
        fingerprint: Option<String>,
        /// Whether SQS deleted everything, and nothing was archived.
        hard: bool,
        /// The reason why messages are left, as a sentence; null when none are.
        detail: Option<String>,
    }

    /// Messages were archived, and stay in the queue.
    ArchiveCompleted = "archive.completed" (severity_of_archive) by Purge {
        queue: Queue,
        /// The number of messages that were added to the archive.
        messages: u64,
        /// The number of messages that an earlier archive has.
        known: u64,
        /// The path of the archive; null when nothing was added.
        archive: Option<String>,
        /// The oldest message is lost by this; null when unknown.
        expires_before: Option<Timestamp>,
        /// The reason why messages are missing in the archive, as a sentence; null when none are.
        detail: Option<String>,
    }

    /// Messages of an archive were put back into their queue.
    ArchiveRestored = "archive.restored" (severity_of_restore) by Redrive {
        queue: Queue,
        /// The id of the restore.
        restore: String,
        /// The number of messages that are in the queue again.
        messages: u64,
        /// The number of chosen messages that are still only in the archive.
        left: u64,
        /// The path of the archive.
        archive: String,
        /// The reason why messages are left, as a sentence; null when none are.
        detail: Option<String>,
    }

    /// The installation was checked.
    HealthChecked = "health.checked" (severity_of_health) by Doctor {
        /// The checks; those that failed come first.
        checks: Vec<CheckedPart>,
        /// The number of checks that failed.
        failed: u64,
        /// The number of checks that warn.
        warnings: u64,
        /// The number of checks that were not made.
        skipped: u64,
    }

    /// A notice was delivered.
    NoticeSent = "notice.sent" Debug by Notify {
        channel: String,
        /// The id of the event of the notice.
        event: String,
        /// The number of attempts.
        attempts: u64,
    }

    /// A notice could not be delivered.
    NoticeFailed = "notice.failed" Error by Notify {
        channel: String,
        /// The id of the event of the notice.
        event: String,
        /// The number of attempts.
        attempts: u64,
        error: String,
    }

    /// A notice waits for the end of quiet hours, of a silence or of an acknowledgement.
    NoticeHeld = "notice.held" Debug by Notify {
        channel: String,
        /// The id of the event of the notice.
        event: String,
        /// `quiet_hours`, `silence` or `ack`.
        reason: String,
        until: Timestamp,
    }

    /// A notice was not acknowledged in time, and another channel is told.
    NoticeEscalated = "notice.escalated" Warn by Notify {
        /// The channel that is told.
        channel: String,
        /// The id of the event of the notice.
        event: String,
    }

    /// A person takes care of an incident or a pull request.
    NoticeAcked = "notice.acked" Info by Status {
        /// The id of the incident, or `owner/repo#12`.
        key: String,
        /// The end of the acknowledgement; null when it was taken back.
        until: Option<Timestamp>,
    }

    /// Notices about some queues are held back for a time.
    NoticeSilenced = "notice.silenced" Info by Status {
        /// The pattern of their names.
        glob: String,
        /// The end of the silence; null when it was taken back.
        until: Option<Timestamp>,
        reason: Option<String>,
    }

    /// No round has finished for a time in which several should have.
    PollMissing = "poll.missing" Error by Notify {
        /// The end of the last round.
        last: Timestamp,
        /// The usual time from one round to the next, in seconds.
        interval_s: u64,
        /// The rounds that are missing while others finish, by what they ask; null when none finishes.
        #[serde(default)]
        asked: Option<String>,
    }

    /// Rounds finish again.
    PollResumed = "poll.resumed" Info by Notify {
        /// The end of the last round before the gap.
        last: Timestamp,
        /// The rounds that were missing, as in `poll.missing`.
        #[serde(default)]
        asked: Option<String>,
    }
}

impl QueueExpiring {
    /// Raises the severity as the loss comes nearer: FATAL under two hours, WARN from a day on.
    fn severity_of_tier(&self) -> Severity {
        match crate::time::parse_span(&self.tier).map_or(0, |span| span.as_secs() / 3600) {
            0..2 => Severity::Fatal,
            2..24 => Severity::Error,
            _ => Severity::Warn,
        }
    }
}

impl QueueCleared {
    /// Returns ERROR when the messages were lost.
    fn severity_of_cause(&self) -> Severity {
        if self.cause == "expired" { Severity::Error } else { Severity::Info }
    }
}

impl QueueLinted {
    fn severity_of_findings(&self) -> Severity {
        let is_problem = |finding: &Finding| matches!(&*finding.level, "error" | "warning");
        if self.findings.iter().any(is_problem) { Severity::Warn } else { Severity::Info }
    }
}

impl RedriveCompleted {
    /// Returns WARN when messages have died again, or nothing shows that they were consumed.
    fn severity_of_redrive(&self) -> Severity {
        let is_doubtful = self.returned > 0 || self.verified == Some(false);
        if is_doubtful { Severity::Warn } else { Severity::Info }
    }
}

impl PurgeCompleted {
    /// Returns WARN when chosen messages are left.
    fn severity_of_purge(&self) -> Severity {
        if self.detail.is_some() { Severity::Warn } else { Severity::Info }
    }
}

impl ArchiveCompleted {
    /// Returns ERROR when messages may be lost that no archive has.
    fn severity_of_archive(&self) -> Severity {
        if self.detail.is_some() { Severity::Error } else { Severity::Info }
    }
}

impl ArchiveRestored {
    /// Returns WARN when chosen messages are left.
    fn severity_of_restore(&self) -> Severity {
        if self.detail.is_some() { Severity::Warn } else { Severity::Info }
    }
}

impl HealthChecked {
    /// Returns ERROR when a check failed, WARN when one warns.
    fn severity_of_health(&self) -> Severity {
        match (self.failed, self.warnings) {
            (0, 0) => Severity::Info,
            (0, _) => Severity::Warn,
            _ => Severity::Error,
        }
    }
}

impl InvestigationSkipped {
    /// Returns WARN for reasons that need a person.
    fn severity_of_reason(&self) -> Severity {
        match self.reason.as_str() {
            "agent_missing" | "agent_unfit" | "budget" | "needs_person" | "no_evidence"
            | "unexplained" => Severity::Warn,
            _ => Severity::Info,
        }
    }
}
