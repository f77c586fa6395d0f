//! The facts that `dlq-status` reads from the last event of a session.

use serde::{Deserialize, Serialize};

use crate::event::{self, Line, Verdict};
use crate::money::{self, Usd};
use crate::rules::investigation::session::SessionStatus;

/// The facts of a session's last event.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LastEvent {
    /// The status that the event reports; None when the event is not an end.
    #[serde(skip)]
    pub ended: Option<SessionStatus>,
    pub cost_usd: Option<Usd>,
    /// The word of the verdict.
    pub verdict: Option<String>,
    /// The title of the verdict.
    pub title: Option<String>,
    pub report: Option<String>,
    /// The reason why there is no verdict, as one word.
    pub reason: Option<String>,
    /// The reason in a sentence.
    pub detail: Option<String>,
}

/// An event that ends a session.
#[derive(Deserialize)]
struct EndEvent {
    data: EndData,
}

/// Members of the payloads. Each type has some of them.
#[derive(Deserialize)]
struct EndData {
    #[serde(default, deserialize_with = "money::reported")]
    cost_usd: Option<Usd>,
    verdict: Option<Verdict>,
    report: Option<String>,
    reason: Option<String>,
    detail: Option<String>,
}

impl LastEvent {
    /// Reads a line; None when it is not a known event.
    pub fn from_line(line: &[u8]) -> Option<LastEvent> {
        let Line::Event(head) = event::peek(line) else {
            return None;
        };
        let Some(ended) = SessionStatus::from_event(head.known?) else {
            return Some(LastEvent::default());
        };
        let EndEvent { data } = serde_json::from_slice(line).ok()?;
        let (verdict, title) = data.verdict.map(|verdict| (verdict.status, verdict.title)).unzip();
        Some(LastEvent {
            ended: Some(ended),
            cost_usd: data.cost_usd,
            verdict,
            title: title.flatten(),
            report: data.report,
            reason: data.reason,
            detail: data.detail,
        })
    }
}
