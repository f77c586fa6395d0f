//! A payload for every type: what stands under `data`. The names of the fields are the JSON keys.
//!
//! An `Option` is always written, as `null` when unknown: unknown is never shown as zero, and
//! never left out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::{Shape, object};
use super::{Payload, Severity, ToolName};
use crate::time::Timestamp;

/// Declares a part of payloads.
macro_rules! part {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $of:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: $of,)* }

        impl Shape for $name {
            fn shape() -> Value {
                object(vec![$((stringify!($field), <$of as Shape>::shape()),)*])
            }
        }
    };
}

/// Declares every type with its payload: once, for the enum, the reader, the writer, the schema.
macro_rules! payloads {
    ($($(#[$doc:meta])* $name:ident = $kind:literal $severity:ident by $tool:ident { $($(#[$field_doc:meta])* $field:ident: $of:ty,)* })*) => {
        /// The types of events.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum Type { $($name,)* }

        impl Type {
            /// Every type that there is.
            pub const ALL: &[Type] = &[$(Type::$name,)*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Type::$name => $kind,)* }
            }

            /// The type of that name.
            pub fn parse(name: &str) -> Option<Type> {
                match name { $($kind => Some(Type::$name),)* _ => None }
            }

            /// Returns the program that writes events of this type.
            pub const fn emitter(self) -> ToolName {
                match self { $(Type::$name => ToolName::$tool,)* }
            }

            /// Whether it comes from an originator, and so carries the time of the stream.
            pub fn is_originators(self) -> bool {
                matches!(self.as_str().split('.').next(), Some("poll" | "queue" | "pr"))
            }

            /// The schema of its payload.
            pub fn shape(self) -> Value {
                match self { $(Type::$name => $name::shape(),)* }
            }
        }

        $(
            part! { $(#[$doc])* $name { $($(#[$field_doc])* $field: $of,)* } }

            impl Payload for $name {
                const TYPE: Type = Type::$name;
                fn severity(&self) -> Severity {
                    self.weighed().unwrap_or(Severity::$severity)
                }
            }
        )*

        /// Decodes a line of a known type and says how a second encoding would differ: the strict
        /// reading that tests hold our own output to.
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

/// Payloads that know better than their type how much they matter.
trait Weighed {
    fn weighed(&self) -> Option<Severity> {
        None
    }
}

part! {
    #[derive(Default)]
    /// The queue that an event is about; the ARN is the key, names may repeat across regions.
    Queue {
        /// Its name.
        name: String,
        /// Its URL.
        url: String,
        /// Its ARN.
        arn: String,
        /// The region it is in.
        region: String,
        /// The account that owns it, or the name given to it in the configuration.
        account: String,
        /// Whether it keeps its messages in order.
        fifo: bool,
        /// The names of the queues whose dead letters it receives, as far as known.
        sources: Vec<String>,
    }
}

part! {
    /// One thing that could be better about a queue.
    Finding {
        /// The rule's name.
        rule: String,
        /// `error`, `warning` or `advice`.
        level: String,
        /// A sentence.
        detail: String,
    }
}

part! {
    /// The messages of one cause, in short; the whole is in the bundle.
    Cause {
        /// The fingerprint.
        id: String,
        /// How many messages of the sample.
        count: u64,
        /// A line for people.
        title: String,
        /// What decided: `producer_error`, `error_text`, `shape` or `opaque`.
        kind: String,
    }
}

part! {
    #[derive(Default)]
    /// What the investigator found, in short; the whole is in the session's folder.
    Verdict {
        /// `confirmed`, `likely`, `inconclusive`, `not_a_bug`, or what a custom agent says.
        status: String,
        /// One line.
        title: Option<String>,
        /// What kind of cause.
        category: Option<String>,
        /// From 0 to 1.
        confidence: Option<f64>,
        /// `safe`, `after_fix` or `do_not`.
        redrive: Option<String>,
    }
}

payloads! {
    /// A DLQ was seen for the first time.
    QueueFound = "queue.found" Info by Poll {
        /// The queue.
        queue: Queue,
        /// `redrive`, `name`, or `both`.
        found_by: String,
    }

    /// A queue is no longer listed; its incident, if any, has ended without being cleared.
    QueueGone = "queue.gone" Warn by Poll {
        /// The queue.
        queue: Queue,
        /// The last depth that was read.
        last_depth: Option<u64>,
    }

    /// A reading.
    QueuePolled = "queue.polled" Debug by Poll {
        /// The queue.
        queue: Queue,
        /// `visible` + `in_flight` + `delayed`; null when it could not be read.
        depth: Option<u64>,
        /// Messages that can be received.
        visible: Option<u64>,
        /// Messages that somebody has received and not yet deleted.
        in_flight: Option<u64>,
        /// Messages whose delay has not passed.
        delayed: Option<u64>,
        /// The depth before, as far as known.
        previous: Option<u64>,
        /// Why it could not be read.
        reason: Option<String>,
    }

    /// The depth has reached the threshold: an incident begins.
    QueueRaised = "queue.raised" Error by Poll {
        /// The queue.
        queue: Queue,
        /// `visible` + `in_flight` + `delayed`.
        depth: u64,
        /// Messages that can be received.
        visible: u64,
        /// Messages that somebody has received and not yet deleted.
        in_flight: u64,
        /// Messages whose delay has not passed.
        delayed: u64,
        /// The depth before, as far as known.
        previous: Option<u64>,
        /// The depth at which an incident begins.
        threshold: u64,
        /// How long the queue keeps a message, in seconds.
        retention_s: Option<u64>,
        /// No message is lost before this; null when unknown.
        expires_after: Option<Timestamp>,
        /// The oldest is lost by this; null when unknown.
        expires_before: Option<Timestamp>,
    }

    /// The depth has crossed the next growth step while raised.
    QueueGrew = "queue.grew" Error by Poll {
        /// The queue.
        queue: Queue,
        /// Now.
        depth: u64,
        /// When it was raised.
        raised_depth: u64,
    }

    /// Messages will be lost soon.
    QueueExpiring = "queue.expiring" Error by Poll {
        /// The queue.
        queue: Queue,
        /// The tier that was crossed: `24h`, `6h`, `1h`, or as configured.
        tier: String,
        /// Whether it is known that messages may be lost within the tier; otherwise only that the
        /// oldest will be gone by `expires_before`.
        certain: bool,
        /// Now; null while the queue cannot be read.
        depth: Option<u64>,
        /// No message is lost before this; null when unknown.
        expires_after: Option<Timestamp>,
        /// The oldest is lost by this; null when unknown.
        expires_before: Option<Timestamp>,
    }

    /// Messages have left, and nobody is known to have moved or deleted them.
    QueueLossSuspected = "queue.loss_suspected" Error by Poll {
        /// The queue.
        queue: Queue,
        /// How many.
        missing: u64,
        /// Now.
        depth: u64,
        /// `retention`, `unexplained` or `cannot_tell`.
        why: String,
        /// The sentence for it.
        detail: String,
    }

    /// The queue has stayed empty: the incident has ended.
    QueueCleared = "queue.cleared" Info by Poll {
        /// The queue.
        queue: Queue,
        /// From the raise, in seconds.
        duration_s: u64,
        /// `redriven`, `purged`, `expired` or `unknown`.
        cause: String,
    }

    /// The queue could not be read, again and again; its depth is unknown.
    QueueUnreadable = "queue.unreadable" Error by Poll {
        /// The queue.
        queue: Queue,
        /// Always null: unknown, never zero.
        depth: Option<u64>,
        /// What the last reading met.
        reason: String,
        /// How many readings in a row have failed.
        misses: u64,
    }

    /// The queue can be read again.
    QueueReadable = "queue.readable" Info by Poll {
        /// The queue.
        queue: Queue,
        /// Now.
        depth: u64,
        /// How many readings in a row had failed.
        misses: u64,
    }

    /// What could be better about a queue's settings.
    QueueLinted = "queue.linted" Info by Poll {
        /// The queue.
        queue: Queue,
        /// The findings.
        findings: Vec<Finding>,
    }

    /// Dead letters were received, put back, and filed as evidence; or not, and why.
    QueueSampled = "queue.sampled" Info by Peek {
        /// The queue.
        queue: Queue,
        /// How many messages were received; null in a dry run.
        taken: Option<u64>,
        /// How many the queue held just before; null when it could not be read.
        depth: Option<u64>,
        /// One word for why nothing was received; null when messages were.
        refused: Option<String>,
        /// The sentence for it.
        detail: Option<String>,
        /// The causes among them, the most frequent first.
        fingerprints: Vec<Cause>,
        /// How many of the messages this tool has now received more often than it may.
        overseen: u64,
        /// The folder of the evidence.
        bundle: Option<String>,
    }

    /// A round has ended: the heartbeat of the stream.
    PollFinished = "poll.finished" Debug by Poll {
        /// Counted from the start of the program.
        round: u64,
        /// How many queues were asked.
        queues: u64,
        /// How many of them could not be read.
        unreadable: u64,
        /// How many accounts and regions could not be listed: their queues are unknown, and not
        /// counted in `queues`.
        #[serde(default)]
        unlisted: u64,
        /// How many of them have an open incident.
        raised: u64,
        /// How long it took.
        duration_ms: u64,
        /// How many requests it took, retries included.
        api_calls: u64,
        /// What a month of such rounds costs in requests, in US dollars, free tier aside.
        usd_month: Option<f64>,
    }

    /// A round could not be made, or a part of it: nothing is known about the queues there.
    PollFailed = "poll.failed" Error by Poll {
        /// The account or profile, as far as it concerns one.
        account: Option<String>,
        /// The region, as far as it concerns one.
        region: Option<String>,
        /// What happened.
        reason: String,
    }

    /// An incident is not being investigated, and why.
    InvestigationSkipped = "investigation.skipped" Info by Investigate {
        /// The queue.
        queue: Queue,
        /// One word for programs.
        reason: String,
        /// A sentence for people.
        detail: String,
        /// When the reason ends, where that is known.
        until: Option<Timestamp>,
    }

    /// An investigator has been started.
    InvestigationStarted = "investigation.started" Info by Investigate {
        /// The queue.
        queue: Queue,
        /// The session.
        session: String,
        /// The program.
        agent: String,
        /// Its process, for people; null in a dry run.
        pid: Option<u64>,
        /// When it will be stopped.
        timeout_at: Timestamp,
    }

    /// What an investigator is doing: at most one in 5 seconds for each step and subagent.
    InvestigationProgressed = "investigation.progressed" Debug by Investigate {
        /// The queue.
        queue: Queue,
        /// The session.
        session: String,
        /// What it does, in a word or two.
        step: String,
        /// The subagent that does it; null for the main one.
        subagent: Option<String>,
        /// The tool that it uses; null when it uses none.
        tool: Option<String>,
        /// What it has cost so far, in US dollars; null when the agent has not said.
        cost_usd: Option<f64>,
    }

    /// The investigator has ended with a result.
    InvestigationCompleted = "investigation.completed" Info by Investigate {
        /// The queue.
        queue: Queue,
        /// The session.
        session: String,
        /// What it found, in short.
        verdict: Verdict,
        /// What it cost, in US dollars; null when the agent does not say.
        cost_usd: Option<f64>,
        /// How many turns it took; null when the agent does not say.
        turns: Option<u64>,
        /// How long it took, in seconds.
        duration_s: u64,
        /// The report's path.
        report: String,
    }

    /// The investigator has ended without a result.
    InvestigationFailed = "investigation.failed" Error by Investigate {
        /// The queue.
        queue: Queue,
        /// The session.
        session: String,
        /// One word for programs.
        reason: String,
        /// A sentence for people.
        detail: String,
        /// What it cost, in US dollars; null when unknown.
        cost_usd: Option<f64>,
        /// How long it took, in seconds; null when unknown.
        duration_s: Option<u64>,
    }

    /// The investigator was stopped at its deadline.
    InvestigationTimedOut = "investigation.timed_out" Error by Investigate {
        /// The queue.
        queue: Queue,
        /// The session.
        session: String,
        /// A sentence for people.
        detail: String,
        /// What it cost, in US dollars; null when unknown.
        cost_usd: Option<f64>,
        /// How long it took, in seconds.
        duration_s: u64,
    }

    /// The investigator was stopped because somebody asked for it.
    InvestigationStopped = "investigation.stopped" Warn by Investigate {
        /// The queue.
        queue: Queue,
        /// The session.
        session: String,
        /// A sentence for people.
        detail: String,
        /// What it cost, in US dollars; null when unknown.
        cost_usd: Option<f64>,
        /// How long it took, in seconds.
        duration_s: u64,
    }

    /// A notice was delivered.
    NoticeSent = "notice.sent" Debug by Notify {
        /// The channel.
        channel: String,
        /// The id of the event that it was about.
        event: String,
        /// How many attempts it took.
        attempts: u64,
    }

    /// A notice could not be delivered.
    NoticeFailed = "notice.failed" Error by Notify {
        /// The channel.
        channel: String,
        /// The id of the event that it was about.
        event: String,
        /// How many attempts were made.
        attempts: u64,
        /// What happened.
        error: String,
    }
}

macro_rules! weighed {
    ($($name:ident),*) => { $(impl Weighed for $name {})* };
}

weighed!(
    QueueFound,
    QueueGone,
    QueuePolled,
    QueueRaised,
    QueueGrew,
    QueueLossSuspected,
    QueueCleared,
    QueueUnreadable,
    QueueReadable,
    QueueSampled,
    PollFinished,
    PollFailed,
    InvestigationStarted,
    InvestigationProgressed,
    InvestigationCompleted,
    InvestigationFailed,
    InvestigationTimedOut,
    InvestigationStopped,
    NoticeSent,
    NoticeFailed
);

impl Weighed for QueueExpiring {
    /// The nearer the loss, the louder: under two hours is fatal, from a day on a warning.
    fn weighed(&self) -> Option<Severity> {
        Some(match crate::time::parse_span(&self.tier).map_or(0, |span| span.as_secs() / 3600) {
            0..2 => Severity::Fatal,
            2..24 => Severity::Error,
            _ => Severity::Warn,
        })
    }
}

impl Weighed for QueueLinted {
    fn weighed(&self) -> Option<Severity> {
        let has = |level: &str| self.findings.iter().any(|finding| finding.level == level);
        Some(if has("error") || has("warning") { Severity::Warn } else { Severity::Info })
    }
}

impl Weighed for InvestigationSkipped {
    /// Without its agent, or without money, nothing is investigated, and somebody has to help.
    fn weighed(&self) -> Option<Severity> {
        ["agent_missing", "agent_unfit", "budget"]
            .contains(&self.reason.as_str())
            .then_some(Severity::Warn)
    }
}
