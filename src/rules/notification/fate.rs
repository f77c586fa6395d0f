//! The fate of the deliveries of an event, as the journal and the outbox tell it, for `--explain`. Pure.

use super::outbox::OutboxEntry;
use super::policy::Notifications;
use super::route::RoutedChannel;
use super::silence::Silences;
use crate::event::{AnyPayload, Head};
use crate::text::safe;
use crate::time::Timestamp;

/// The results of a channel that are named.
const RESULTS_MAX: usize = 5;

/// A result of a delivery, from the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryResult {
    pub at: Timestamp,
    pub channel: String,
    pub kind: ResultKind,
}

/// The end of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultKind {
    Sent {
        attempts: u64,
    },
    Failed {
        error: String,
    },
    /// The channel is one of an escalation.
    Escalated,
}

impl DeliveryResult {
    /// Reads the result of a delivery of the event with this id; None for any other line.
    pub fn read(head: &Head, line: &[u8], id: &str) -> Option<Self> {
        let (channel, event, kind) = match AnyPayload::read(head.known?, line)? {
            AnyPayload::NoticeSent(data) => {
                (data.channel, data.event, ResultKind::Sent { attempts: data.attempts })
            }
            AnyPayload::NoticeFailed(data) => {
                (data.channel, data.event, ResultKind::Failed { error: data.error })
            }
            AnyPayload::NoticeEscalated(data) => (data.channel, data.event, ResultKind::Escalated),
            _ => return None,
        };
        (event == id).then(|| DeliveryResult { at: head.time().unwrap_or_default(), channel, kind })
    }
}

/// The deliveries of an event.
#[derive(Debug, Clone, Copy)]
pub struct Deliveries<'a> {
    /// The results, oldest first.
    pub results: &'a [DeliveryResult],
    /// The entries of the outbox.
    pub waiting: &'a [OutboxEntry],
}

impl Deliveries<'_> {
    /// Returns why a channel is told without a route of its own: as an escalation or as a fallback.
    pub fn way(
        &self,
        notifications: &Notifications,
        routed: &[RoutedChannel],
        channel: &str,
    ) -> Option<String> {
        let results = || self.results.iter();
        let is_escalated =
            |one: &DeliveryResult| one.channel == channel && one.kind == ResultKind::Escalated;
        if results().any(is_escalated) {
            return Some("by an escalation".into());
        }
        let has_any = results().any(|one| one.channel == channel)
            || self.waiting.iter().any(|one| one.channel == channel);
        let refused = || results().filter(|one| matches!(one.kind, ResultKind::Failed { .. }));
        let from = refused().find(|one| {
            fallback(notifications, routed, &one.channel).is_some_and(|to| to == channel)
        });
        let from = from.filter(|_| has_any)?;
        Some(format!("as the fallback of '{}'", safe(&from.channel)))
    }

    /// Returns the sentences about a channel.
    pub fn sentences(
        &self,
        notifications: &Notifications,
        routed: &[RoutedChannel],
        channel: &str,
        silences: &Silences,
        now: Timestamp,
    ) -> Vec<String> {
        let of_channel = self.results.iter().filter(|one| one.channel == channel);
        let of_channel: Vec<&DeliveryResult> = of_channel.collect();
        let mut sentences = Vec::new();
        let left_out = of_channel.len().saturating_sub(RESULTS_MAX);
        if left_out > 0 {
            sentences.push(format!("{left_out} older results, which 'dlq-log --json' shows"));
        }
        for one in &of_channel[left_out..] {
            let at = one.at;
            sentences.push(match &one.kind {
                ResultKind::Sent { attempts: 0 | 1 } => format!("delivered at {at}"),
                ResultKind::Sent { attempts } => {
                    format!("delivered at {at}, by attempt {attempts}")
                }
                ResultKind::Failed { error } => {
                    let then = match fallback(notifications, routed, channel) {
                        Some(to) => format!("; its fallback '{}' gets it", safe(to)),
                        None => "; it has no fallback".into(),
                    };
                    format!("refused at {at}: {}{then}", safe(error))
                }
                ResultKind::Escalated => format!("decided at {at}: nobody had acknowledged it"),
            });
        }
        for one in self.waiting.iter().filter(|one| one.channel == channel) {
            let is_silenced = |subject: &String| silences.of_subject(subject, now).is_some();
            let why = match one.paused_until(now) {
                _ if one.subjects.iter().any(is_silenced) => ", for the end of the silence".into(),
                Some(at) => format!(", tried again at {at}"),
                None => String::new(),
            };
            let failed = match one.attempts {
                0 => String::new(),
                1 => " after 1 attempt that failed".into(),
                more => format!(" after {more} attempts that failed"),
            };
            sentences.push(format!("waits in the outbox{failed}{why}"));
        }
        sentences
    }
}

/// Returns the fallback of a channel to which an event is routed.
fn fallback<'a>(
    notifications: &'a Notifications,
    routed: &[RoutedChannel],
    channel: &str,
) -> Option<&'a str> {
    let of_channel = |one: &&RoutedChannel| {
        notifications.channels.get(one.channel).is_some_and(|known| known.name == channel)
    };
    let route = routed.iter().find(of_channel)?.route;
    notifications.policy(route, channel).fallback.as_deref()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rules::notification::delivery::{Action, Delivery, ProblemKeys};
    use crate::rules::notification::message::Notice;
    use crate::rules::notification::notice_key::EventKey;
    use crate::rules::notification::silence::Silence;
    use crate::rules::notification::topic::SendReason;

    const NOON: &str = "2026-11-29T12:00:00.000Z";

    fn now() -> Timestamp {
        Timestamp::parse(NOON).unwrap()
    }

    fn entry(attempts: u64, pause: u64) -> OutboxEntry {
        OutboxEntry {
            sequence: 1,
            channel: "console".into(),
            reason: SendReason::New,
            delivery: Delivery {
                id: "d".into(),
                action: Action::Trigger,
                key: String::new(),
                problems: ProblemKeys::default(),
                incident: None,
                event: None,
                notice: Notice::default(),
                handle: None,
                at: now(),
            },
            event: EventKey::default(),
            subjects: vec!["orders-dlq".into()],
            incidents: vec![String::new()],
            ends_problem: false,
            refused_by: Vec::new(),
            fallback: None,
            perhaps_sent: false,
            queued_at: now(),
            silence: None,
            silenced_ms: 0,
            attempts,
            not_before: (pause > 0).then(|| now().plus(Duration::from_secs(pause))),
            slot: None,
        }
    }

    #[test]
    fn deliveries_are_told_with_what_holds_them() {
        let silenced = Silences {
            silences: vec![Silence {
                id: "s".into(),
                glob: "orders-*".into(),
                from: now(),
                until: now().plus(Duration::from_secs(60)),
                reason: None,
            }],
        };
        let none = Silences::default();
        let sent = |attempts| ResultKind::Sent { attempts };
        let failed = || ResultKind::Failed { error: "answer 404\u{1b}".into() };
        type Row<'a> = (Vec<ResultKind>, Option<OutboxEntry>, &'a Silences, &'a [&'a str]);
        let rows: [Row<'_>; 9] = [
            (vec![], None, &none, &[]),
            (vec![sent(1)], None, &none, &["delivered at NOON"]),
            (vec![sent(3)], None, &none, &["delivered at NOON, by attempt 3"]),
            (
                vec![failed()],
                None,
                &none,
                &["refused at NOON: answer 404\\u{1b}; it has no fallback"],
            ),
            (
                vec![ResultKind::Escalated, sent(1)],
                None,
                &none,
                &["decided at NOON: nobody had acknowledged it", "delivered at NOON"],
            ),
            (
                vec![sent(1); 7],
                None,
                &none,
                &[
                    "2 older results, which 'dlq-log --json' shows",
                    "delivered at NOON",
                    "delivered at NOON",
                    "delivered at NOON",
                    "delivered at NOON",
                    "delivered at NOON",
                ],
            ),
            (vec![], Some(entry(0, 0)), &none, &["waits in the outbox"]),
            (
                vec![],
                Some(entry(1, 30)),
                &none,
                &["waits in the outbox after 1 attempt that failed, tried again at \
                   2026-11-29T12:00:30.000Z"],
            ),
            (
                vec![],
                Some(entry(2, 30)),
                &silenced,
                &["waits in the outbox after 2 attempts that failed, for the end of the silence"],
            ),
        ];
        for (kinds, waiting, silences, expected) in rows {
            let channel = || "console".to_owned();
            let result = |kind| DeliveryResult { at: now(), channel: channel(), kind };
            let results: Vec<DeliveryResult> = kinds.into_iter().map(result).collect();
            let waiting: Vec<OutboxEntry> = waiting.into_iter().collect();
            let deliveries = Deliveries { results: &results, waiting: &waiting };
            let notifications = Notifications::default();
            let found = deliveries.sentences(&notifications, &[], "console", silences, now());
            let expected: Vec<String> =
                expected.iter().map(|sentence| sentence.replace("NOON", NOON)).collect();
            assert_eq!(found, expected);
        }
    }
}
