//! The input of a channel's command: the notice in variables, the event on its standard input.
//!
//! Nothing is an argument: the text of a notice cannot become an option of the command.

use super::{LineRoom, NAME_MAX, Texts, bounded};
use crate::rules::notification::delivery::Delivery;

/// The bytes of all keys in a variable: Linux allows one of 128 KiB.
const KEYS_MAX: usize = 100_000;

/// Returns the variables of the command.
pub fn variables(delivery: &Delivery) -> Vec<(&'static str, String)> {
    let texts = Texts::new(&delivery.notice, &LineRoom::WIDE);
    let name = |text: &str| bounded(text, NAME_MAX);
    vec![
        ("DLQ_NOTICE_ID", name(&delivery.id)),
        ("DLQ_NOTICE_ACTION", delivery.action.as_str().to_owned()),
        ("DLQ_NOTICE_KEY", name(&delivery.key)),
        ("DLQ_NOTICE_OPEN", keys(&delivery.problems.open)),
        ("DLQ_NOTICE_ENDED", keys(&delivery.problems.ended)),
        ("DLQ_NOTICE_SEVERITY", delivery.notice.severity.as_str().to_owned()),
        ("DLQ_NOTICE_TIME", delivery.at.to_string()),
        ("DLQ_NOTICE_SUBJECT", name(delivery.notice.subject.trim())),
        ("DLQ_NOTICE_INCIDENT", name(delivery.incident.as_deref().unwrap_or_default())),
        ("DLQ_NOTICE_BODY", texts.whole()),
        ("DLQ_NOTICE_TITLE", texts.title),
    ]
}

/// Returns keys, one a line, as many as a variable can hold.
fn keys(keys: &[String]) -> String {
    let mut room = KEYS_MAX;
    let keys = keys.iter().map(|key| bounded(key, NAME_MAX)).take_while(|key| {
        room = room.saturating_sub(key.len() + 1);
        room > 0
    });
    keys.collect::<Vec<_>>().join("\n")
}

/// Returns the standard input of the command: the line of the event, or nothing.
pub fn input(delivery: &Delivery) -> Vec<u8> {
    match &delivery.event {
        Some(line) => [line.trim_end_matches('\n').as_bytes(), b"\n"].concat(),
        None => Vec::new(),
    }
}
