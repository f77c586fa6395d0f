//! The facts that `dlq-status` reads from the last event of a session.

use serde::{Deserialize, Serialize};

use crate::event::{self, FixProof, Line, Type, Verdict};
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
    /// The reason why a person has to look before anybody acts on it.
    pub needs_person: Option<String>,
    /// The newest result of the tests for its fix.
    pub proof: Option<FixProof>,
    /// The reason why its patch is not offered.
    pub patch_held: Option<String>,
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
    proof: Option<FixProof>,
    patch_held: Option<String>,
    report: Option<String>,
    reason: Option<String>,
    detail: Option<String>,
}

impl LastEvent {
    /// Reads the last lines of a session's events; None when the last one is not a known event. Proofs
    /// that were made after the end change the proof alone.
    pub fn from_lines(lines: &[u8]) -> Option<LastEvent> {
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        let mut proof = None;
        for line in lines.rsplit(|byte| *byte == b'\n') {
            if !is_proof(line) {
                let read = LastEvent::from_line(line)?;
                return Some(LastEvent { proof: proof.or(read.proof), ..read });
            }
            let read = || Some(serde_json::from_slice::<EndEvent>(line).ok()?.data.proof);
            proof = proof.or_else(|| read().flatten());
        }
        Some(LastEvent { proof, ..LastEvent::default() })
    }

    /// Reads a line; None when it is not a known event.
    fn from_line(line: &[u8]) -> Option<LastEvent> {
        let Line::Event(head) = event::peek(line) else {
            return None;
        };
        let Some(ended) = SessionStatus::from_event(head.known?) else {
            return Some(LastEvent::default());
        };
        let EndEvent { data } = serde_json::from_slice(line).ok()?;
        let Verdict { title, needs_person, .. } = data.verdict.clone().unwrap_or_default();
        Some(LastEvent {
            ended: Some(ended),
            cost_usd: data.cost_usd,
            verdict: data.verdict.map(|verdict| verdict.status),
            title,
            needs_person,
            proof: data.proof,
            patch_held: data.patch_held,
            report: data.report,
            reason: data.reason,
            detail: data.detail,
        })
    }
}

/// Returns whether a line is the result of tests that have run after the end.
fn is_proof(line: &[u8]) -> bool {
    matches!(event::peek(line), Line::Event(head) if head.known == Some(Type::InvestigationProven))
}
