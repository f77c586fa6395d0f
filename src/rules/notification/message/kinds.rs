//! Words for what has happened to several problems at once, by their kind. Pure.

use crate::event::{self, QueueLossSuspected, QueueUnreadable, Type};
use crate::rules::notification::group::DueNotice;
use crate::rules::notification::topic::{Pending, SendReason};
use crate::text::{count, safe};

/// Returns the noun of what several notices of one kind are about, and what has happened; None for queues with
/// dead letters, of which the depth and the loss time are told.
pub(super) fn about(set: &[DueNotice]) -> (&'static str, Option<String>) {
    let Some(first) = set.first() else { return ("notice", None) };
    let kind = first.kind();
    let events = || set.iter().filter_map(|due| due.events.last());
    if first.reason == SendReason::News {
        let what = match Type::parse(&kind) {
            Some(Type::QueueLossSuspected) => gone(events()),
            _ => safe(&kind).replace(['.', '_'], " "),
        };
        return ("queue", Some(what));
    }
    let is_end = first.reason == SendReason::Ended;
    match kind.as_str() {
        "unreadable" if !is_end => ("queue", Some(unreadable(events()))),
        "lint" if is_end => ("queue", Some("no findings any more".into())),
        "lint" => ("queue", Some("with findings".into())),
        "poll" if is_end => ("scope", Some("can be polled again".into())),
        "poll" => ("scope", Some("cannot be polled".into())),
        _ => ("queue", None),
    }
}

/// Returns why queues cannot be read, when all have one reason.
fn unreadable<'a>(events: impl Iterator<Item = &'a Pending>) -> String {
    let reason =
        |event: &Pending| Some(event::read::<QueueUnreadable>(event.line.as_bytes())?.data.reason);
    let mut reasons: Vec<Option<String>> = events.map(reason).collect();
    reasons.dedup();
    match reasons.as_slice() {
        [Some(reason)] => format!("unreadable: {}", safe(reason)),
        _ => "unreadable".into(),
    }
}

/// Returns how many messages are gone.
fn gone<'a>(events: impl Iterator<Item = &'a Pending>) -> String {
    let missing = |event: &Pending| {
        Some(event::read::<QueueLossSuspected>(event.line.as_bytes())?.data.missing)
    };
    let missing: Option<u64> = events.map(missing).sum();
    missing.map_or("messages gone".into(), |sum| format!("{} gone", count(sum, "message")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Payload, PollFailed, Queue};
    use crate::rules::notification::fixtures;
    use crate::rules::notification::message::merged::compose;
    use crate::rules::notification::scope::SeenScopes;
    use crate::time::Timestamp;

    fn line_of<D: Payload + serde::Serialize>(data: D) -> String {
        let at = Timestamp::from_millis(0);
        String::from_utf8(Event::new("id".into(), "q", at, data).line()).unwrap()
    }

    #[test]
    fn several_notices_say_what_has_happened_by_their_kind() {
        use SendReason::{Ended, Grew, New, News};
        let queue = Queue::default;
        let unreadable = |reason: &str| {
            let reason = reason.to_owned();
            line_of(QueueUnreadable { queue: queue(), depth: None, reason, misses: 3 })
        };
        let gone = |missing| {
            let (why, detail) = ("unexplained".into(), String::new());
            line_of(QueueLossSuspected { queue: queue(), missing, depth: 0, why, detail })
        };
        let failed = || {
            let reason = "denied".into();
            line_of(PollFailed { account: None, region: None, reason, asked: None })
        };
        let foreign = || r#"{"specversion":"1.0","id":"i","source":"s","type":"t.x"}"#.to_owned();
        let rows: [(&str, SendReason, [String; 2], &str); 8] = [
            (
                "unreadable",
                New,
                [unreadable("denied"), unreadable("denied")],
                "2 queues: unreadable: denied",
            ),
            ("unreadable", New, [unreadable("denied"), unreadable("slow")], "2 queues: unreadable"),
            ("lint", New, [foreign(), foreign()], "2 queues: with findings"),
            ("lint", Ended, [foreign(), foreign()], "2 queues: no findings any more"),
            ("poll", New, [failed(), failed()], "2 scopes: cannot be polled"),
            ("queue", News, [gone(3), gone(4)], "2 queues: 7 messages gone"),
            ("queue", News, [foreign(), foreign()], "2 queues: t x"),
            ("queue", Grew, [foreign(), foreign()], "2 queues: grown: depth unknown"),
        ];
        for (kind, reason, lines, expected) in rows {
            let one = |(n, line): (usize, String)| {
                let mut due = fixtures::due(&format!("q{n}"), reason);
                due.problem = format!("{kind}\narn{n}");
                due.events[0].line = line.into();
                due
            };
            let set: Vec<DueNotice> = lines.into_iter().enumerate().map(one).collect();
            let now = Timestamp::from_millis(0);
            let line = compose(&set, None, &mut SeenScopes::default(), now).line();
            assert!(line.contains(expected), "{kind}, {reason}: {line}");
        }
    }
}
