//! The facts that `dlq-status` reads from the last event of a session.

use serde::Serialize;

use crate::event::{
    self, InvestigationCompleted, InvestigationFailed, InvestigationSkipped, InvestigationStopped,
    InvestigationTimedOut, Line, Type,
};
use crate::rules::investigation::money::Usd;
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

impl LastEvent {
    /// Reads a line; None when it is not a known event.
    pub fn from_line(line: &[u8]) -> Option<LastEvent> {
        let Line::Event(head) = event::peek(line) else {
            return None;
        };
        let kind = head.known?;
        let ended = SessionStatus::from_event(kind);
        Some(match kind {
            Type::InvestigationCompleted => {
                let InvestigationCompleted { verdict, cost_usd, report, .. } =
                    event::read(line)?.data;
                LastEvent {
                    ended,
                    cost_usd: cost_usd.and_then(Usd::from_dollars),
                    verdict: Some(verdict.status),
                    title: verdict.title,
                    report: Some(report),
                    ..LastEvent::default()
                }
            }
            Type::InvestigationFailed => {
                let InvestigationFailed { reason, detail, cost_usd, .. } = event::read(line)?.data;
                LastEvent::without_verdict(ended, cost_usd, Some(reason), detail)
            }
            Type::InvestigationTimedOut => {
                let InvestigationTimedOut { detail, cost_usd, .. } = event::read(line)?.data;
                LastEvent::without_verdict(ended, cost_usd, None, detail)
            }
            Type::InvestigationStopped => {
                let InvestigationStopped { detail, cost_usd, .. } = event::read(line)?.data;
                LastEvent::without_verdict(ended, cost_usd, None, detail)
            }
            Type::InvestigationSkipped => {
                let InvestigationSkipped { reason, detail, .. } = event::read(line)?.data;
                LastEvent::without_verdict(ended, None, Some(reason), detail)
            }
            _ => LastEvent::default(),
        })
    }

    fn without_verdict(
        ended: Option<SessionStatus>,
        cost_usd: Option<f64>,
        reason: Option<String>,
        detail: String,
    ) -> LastEvent {
        let cost_usd = cost_usd.and_then(Usd::from_dollars);
        LastEvent { ended, cost_usd, reason, detail: Some(detail), ..LastEvent::default() }
    }
}
