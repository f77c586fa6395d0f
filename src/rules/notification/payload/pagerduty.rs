//! Events of PagerDuty's Events API v2.
//!
//! The key of the problem is the deduplication key: an update is another trigger of the same alert,
//! and a resolve closes that alert and no other.

use serde_json::{Value, json};

use super::{LineRoom, NAME_MAX, Texts, bounded, event};
use crate::event::Severity;
use crate::rules::notification::delivery::{Action, Delivery};

/// The longest deduplication key, in characters.
const KEY_MAX: usize = 255;

/// Returns the event for the integration with this key.
pub fn body(delivery: &Delivery, routing_key: &str) -> Value {
    let key = if delivery.key.trim().is_empty() { &delivery.id } else { &delivery.key };
    let key = bounded(key, KEY_MAX);
    let action = match delivery.action {
        Action::Trigger | Action::Update => "trigger",
        Action::Resolve => "resolve",
    };
    let texts = Texts::new(&delivery.notice, &LineRoom::USUAL);
    let source = bounded(delivery.notice.subject.trim(), NAME_MAX);
    let source = if source.is_empty() { "dlq-tools".to_owned() } else { source };
    let own = delivery.notice.severity;
    let of_alert = delivery.notice.known_severity.map_or(own, |known| known.max(own));
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": key,
        "client": "dlq-tools",
        "payload": {
            "summary": texts.sentence,
            "source": source,
            "severity": severity(of_alert),
            "timestamp": delivery.at,
            "custom_details": {
                "what to do": texts.lines.join("\n"),
                "event": event(delivery),
            },
        },
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Fatal => "critical",
        Severity::Error => "error",
        Severity::Warn => "warning",
        Severity::Info | Severity::Debug => "info",
    }
}
