//! Notices for the tests of several stages.

use super::group::DueNotice;
use super::notice_key::EventKey;
use super::topic::{Pending, SendReason};
use crate::event::Severity;
use crate::time::Timestamp;

/// Returns a notice of one event without a line, of a problem with the key and the name of a queue.
pub fn due(subject: &str, reason: SendReason) -> DueNotice {
    let at = Timestamp::from_millis(0);
    let event = Pending {
        key: EventKey { source: "dlq-poll".into(), event: subject.into() },
        reason,
        severity: Severity::Error,
        at,
        due: at,
        hold: None,
        line: "".into(),
        causes: Vec::new(),
    };
    DueNotice {
        problem: format!("queue\n{subject}"),
        subject: subject.into(),
        incident: None,
        key_incident: None,
        known_severity: None,
        is_late: false,
        reason,
        events: vec![event],
        cause: None,
        is_worked_on: false,
        depth: None,
        was_quiet: false,
        ordinal: 0,
    }
}
