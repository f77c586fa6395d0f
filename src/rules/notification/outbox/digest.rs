//! Digests: one notice in place of several that are old news, or too many. Pure.

use super::OutboxEntry;
use crate::event::{Severity, derived_id};
use crate::rules::notification::delivery::{Action, Delivery, ProblemKeys};
use crate::rules::notification::message::Notice;
use crate::text::{count, safe, shorten};
use crate::time::Timestamp;

/// The longest name in a digest, in characters.
const NAME_MAX: usize = 100;

/// Returns one notice in place of several that are old news or too many.
pub fn digest(entries: &[OutboxEntry], now: Timestamp) -> Delivery {
    let first = entries.iter().map(|entry| entry.queued_at).min().unwrap_or(now);
    let severity = entries.iter().map(|entry| entry.delivery.notice.severity).max();
    let what = format!("waiting since {first}");
    let subject = count(entries.len() as u64, "notice");
    let next = "dlq-status";
    let severity = severity.unwrap_or(Severity::Info);
    let mut notice = Notice::plain(severity, &subject, &what, next, now);
    let part = |entry: &OutboxEntry| {
        let Notice { when, subject, what, .. } = &entry.delivery.notice;
        (format!("{when} {subject}: {what}"), vec![shorten(&safe(subject), NAME_MAX).into_owned()])
    };
    notice.tell_of(entries.iter().map(part));
    // A receiver that has seen one of them has not seen the digest, nor one of others.
    let ids = entries.iter().map(|entry| entry.delivery.id.as_str());
    let id = derived_id(&["digest"].into_iter().chain(ids).collect::<Vec<_>>());
    let mut problems = ProblemKeys::default();
    entries.iter().for_each(|entry| problems.follow(&entry.delivery.problems));
    Delivery {
        key: id.clone(),
        problems,
        id,
        action: Action::Trigger,
        incident: None,
        event: None,
        notice,
        handle: None,
        at: now,
    }
}
