//! An event with the fields that the dashboard shows, borrowed from its line and read in one pass.
//!
//! The payloads of all types are read as one: their fields have the same name only where they have
//! the same meaning, which a test compares with `data.rs`. A field of another form than expected is
//! unknown, so that an event of an unknown type is read as well.

mod lenient;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;

use super::head::{text, version};
use super::{Head, Line, ToolName, Type, peek, words};
use crate::money::Usd;
use crate::time::Timestamp;
#[cfg(test)]
use lenient::ITEMS_MAX;

words! {
    /// The types about pull requests, issues, redrives and health, of which the dashboard shows the news.
    RecordedType {
        PrOpened = "pr.opened",
        PrFound = "pr.found",
        PrCommented = "pr.commented",
        PrRefused = "pr.refused",
        PrReviewDue = "pr.review_due",
        PrApproved = "pr.approved",
        PrChangesRequested = "pr.changes_requested",
        PrChecksFailed = "pr.checks_failed",
        PrMerged = "pr.merged",
        PrDeployed = "pr.deployed",
        PrClosed = "pr.closed",
        PrUnreadable = "pr.unreadable",
        IssueOpened = "issue.opened",
        IssueClosed = "issue.closed",
        RedrivePlanned = "redrive.planned",
        RedriveStarted = "redrive.started",
        RedriveProgressed = "redrive.progressed",
        RedriveCompleted = "redrive.completed",
        RedriveAborted = "redrive.aborted",
        PurgeCompleted = "purge.completed",
        ArchiveCompleted = "archive.completed",
        ArchiveRestored = "archive.restored",
        HealthChecked = "health.checked",
    }
}

/// An event with the fields that the dashboard shows.
#[derive(Debug, PartialEq)]
pub struct ShownEvent<'a> {
    pub head: Head<'a>,
    /// The type, when it is of that kind.
    pub recorded: Option<RecordedType>,
    /// The payload. It is boxed, because it is large and moved several times.
    pub data: Box<ShownData<'a>>,
}

/// Declares an object of a payload, of texts and other values. A missing one is unknown.
macro_rules! shown {
    ($(#[$doc:meta])* $name:ident {
        objects { $($object:ident: $of_object:ty = $read:literal,)* }
        texts { $($text:ident,)* }
        values { $($(#[$value_doc:meta])* $value:ident: $of:ty,)* }
    }) => {
        $(#[$doc])*
        #[derive(Debug, Default, PartialEq, Deserialize)]
        #[cfg_attr(test, derive(serde::Serialize))]
        pub struct $name<'a> {
            $(#[serde(borrow, default, deserialize_with = $read)] pub $object: $of_object,)*
            $($(#[$value_doc])* #[serde(default, deserialize_with = "lenient::scalar")] pub $value: Option<$of>,)*
            $(#[serde(borrow, default, deserialize_with = "lenient::scalar")]
              pub $text: Option<Cow<'a, str>>,)*
        }
    };
}

shown! {
    /// The payload of an event of any type. `data.rs` and dlq-events(5) describe the fields.
    ShownData {
        objects {
            queue: ShownQueueFields<'a> = "lenient::object",
            verdict: Option<Box<ShownVerdictFields<'a>>> = "lenient::boxed",
            fingerprints: Vec<ShownCause<'a>> = "lenient::objects",
            findings: Vec<ShownFinding<'a>> = "lenient::objects",
            pr: Option<Box<ShownRequestFields<'a>>> = "lenient::boxed",
            issue: Option<Box<ShownIssue<'a>>> = "lenient::boxed",
            checks: Vec<ShownCheck<'a>> = "lenient::objects",
            proof: Option<Box<ShownProofFields<'a>>> = "lenient::boxed",
        }
        texts {
            reason,
            detail,
            why,
            cause,
            refused,
            bundle,
            account,
            region,
            session,
            agent,
            step,
            subagent,
            tool,
            report,
            channel,
            error,
            key,
            glob,
            fingerprint,
            patch_held,
            asked,
        }
        values {
            depth: u64,
            in_flight: u64,
            previous: u64,
            raised_depth: u64,
            last_depth: u64,
            missing: u64,
            misses: u64,
            taken: u64,
            expires_after: Timestamp,
            expires_before: Timestamp,
            duration_s: u64,
            duration_ms: u64,
            queues: u64,
            postponed: u64,
            unreadable: u64,
            unlisted: u64,
            unsurveyed: u64,
            usd_month: Usd,
            pid: u64,
            timeout_at: Timestamp,
            until: Timestamp,
            last: Timestamp,
            cost_usd: Usd,
            /// The messages of a redrive, a purge or an archive.
            messages: u64,
            /// The messages that a redrive has moved.
            moved: u64,
            /// The messages that have died again after a redrive.
            returned: u64,
            /// Whether a redrive was seen to succeed.
            verified: bool,
        }
    }
}

shown! {
    /// The queue of an event.
    ShownQueueFields {
        objects {}
        texts { name, arn, region, account, }
        values {}
    }
}

shown! {
    /// The result of an investigation.
    ShownVerdictFields {
        objects {}
        texts { status, title, category, redrive, needs_person, }
        values { confidence: f64, }
    }
}

shown! {
    /// The runs of the tests for a fix.
    ShownProofFields {
        objects {}
        texts { base, grade, detail, }
        values {}
    }
}

shown! {
    /// A cause of a sample.
    ShownCause {
        objects {}
        texts { id, title, }
        values { count: u64, }
    }
}

shown! {
    /// A problem of a queue's settings.
    ShownFinding {
        objects {}
        texts { rule, }
        values {}
    }
}

shown! {
    /// The pull request of an event.
    ShownRequestFields {
        objects {}
        texts { repo, title, url, author, checks, review, waiting_on, }
        values { number: u64, draft: bool, age_s: u64, ours: bool, }
    }
}

shown! {
    /// The issue of an event.
    ShownIssue {
        objects {}
        texts { title, }
        values {}
    }
}

shown! {
    /// A check of the installation.
    ShownCheck {
        objects {}
        texts { name, }
        values { ok: bool, }
    }
}

/// A line with the head and the payload, before its type is known.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(deserialize_with = "version")]
    specversion: (),
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    time: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text")]
    incident: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "text", rename = "severitytext")]
    severity: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "lenient::object")]
    data: Box<ShownData<'a>>,
}

impl<'a> ShownEvent<'a> {
    /// Reads a line (without its LF); None when [`peek`] finds no event in it.
    pub fn read(line: &'a [u8]) -> Option<Self> {
        // One check of the whole line is faster than one for each of its texts.
        let text = std::str::from_utf8(line).ok()?;
        // Serde would also read the fields from an array.
        let is_object = text.trim_start().starts_with('{');
        match serde_json::from_str::<Raw>(text) {
            Ok(raw) if is_object => Some(raw.event()),
            // A field of the payload that is repeated, or half a character.
            _ => match peek(line) {
                Line::Event(head) => Some(ShownEvent::new(head, Box::default())),
                _ => None,
            },
        }
    }

    fn new(head: Head<'a>, data: Box<ShownData<'a>>) -> Self {
        // Most events are of other programs: no name is compared for them.
        let recorded = match head.known {
            Some(kind)
                if !matches!(
                    kind.emitter(),
                    ToolName::Prs | ToolName::Redrive | ToolName::Purge | ToolName::Doctor
                ) =>
            {
                None
            }
            _ => RecordedType::of(&head.kind),
        };
        ShownEvent { head, recorded, data }
    }
}

impl<'a> Raw<'a> {
    fn event(self) -> ShownEvent<'a> {
        let head = Head {
            specversion: self.specversion,
            known: Type::parse(&self.kind),
            kind: self.kind,
            id: self.id,
            source: self.source,
            time: self.time,
            subject: self.subject,
            incident: self.incident,
            severity: self.severity,
        };
        ShownEvent::new(head, self.data)
    }
}

impl RecordedType {
    /// Returns whether events of this type are about a pull request.
    pub fn is_of_pull_request(self) -> bool {
        self.as_str().starts_with("pr.")
    }

    /// Returns the step of a redrive, or of a purge that takes its place, as a word.
    pub fn redrive_word(self) -> Option<&'static str> {
        Some(match self {
            RecordedType::RedrivePlanned => "planned",
            RecordedType::RedriveStarted => "started",
            RecordedType::RedriveProgressed => "running",
            RecordedType::RedriveCompleted => "completed",
            RecordedType::RedriveAborted => "aborted",
            RecordedType::PurgeCompleted => "purged",
            _ => return None,
        })
    }

    fn of(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == kind)
    }
}
