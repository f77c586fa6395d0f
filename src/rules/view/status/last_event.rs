//! What the last event of a session says about it.

use crate::event::{
    self, InvestigationCompleted, InvestigationFailed, InvestigationSkipped, InvestigationStopped,
    InvestigationTimedOut, Line, Type,
};
use crate::rules::investigation::session::SessionStatus;

/// What is shown of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LastEvent {
    /// The end that it tells of, if it does.
    pub ended: Option<SessionStatus>,
    /// What the session has cost, in US dollars.
    pub cost_usd: Option<f64>,
    /// The word of the verdict.
    pub verdict: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// The path of the report.
    pub report: Option<String>,
    /// Why there is no verdict, in a word.
    pub reason: Option<String>,
    /// The same in a sentence.
    pub detail: Option<String>,
}

impl LastEvent {
    /// Reads a line; None when it is no event that is known.
    pub fn of(line: &[u8]) -> Option<LastEvent> {
        let Line::Event(head) = event::peek(line) else {
            return None;
        };
        Some(match head.known? {
            Type::InvestigationCompleted => {
                let InvestigationCompleted { verdict, cost_usd, report, .. } =
                    event::read(line)?.data;
                LastEvent {
                    ended: Some(SessionStatus::Completed),
                    cost_usd,
                    verdict: Some(verdict.status),
                    title: verdict.title,
                    report: Some(report),
                    ..LastEvent::default()
                }
            }
            Type::InvestigationFailed => {
                let InvestigationFailed { reason, detail, cost_usd, .. } = event::read(line)?.data;
                LastEvent::without(SessionStatus::Failed, cost_usd, Some(reason), detail)
            }
            Type::InvestigationTimedOut => {
                let InvestigationTimedOut { detail, cost_usd, .. } = event::read(line)?.data;
                LastEvent::without(SessionStatus::TimedOut, cost_usd, None, detail)
            }
            Type::InvestigationStopped => {
                let InvestigationStopped { detail, cost_usd, .. } = event::read(line)?.data;
                LastEvent::without(SessionStatus::Stopped, cost_usd, None, detail)
            }
            Type::InvestigationSkipped => {
                let InvestigationSkipped { reason, detail, .. } = event::read(line)?.data;
                LastEvent::without(SessionStatus::Skipped, None, Some(reason), detail)
            }
            _ => LastEvent::default(),
        })
    }

    fn without(
        end: SessionStatus,
        cost_usd: Option<f64>,
        reason: Option<String>,
        detail: String,
    ) -> LastEvent {
        LastEvent {
            ended: Some(end),
            cost_usd,
            reason,
            detail: Some(detail),
            ..LastEvent::default()
        }
    }
}
