//! The entries and the events of planned deliveries.

use crate::clock;
use crate::event::{
    self, Event, Line, NoticeEscalated, NoticeFailed, NoticeHeld, NoticeSent, Payload, PollMissing,
    PollResumed,
};
use crate::rules::notification::group::DueNotice;
use crate::rules::notification::heartbeat::{Pulse, PulseChange};
use crate::rules::notification::message::merged::compose;
use crate::rules::notification::notice_key::EventKey;
use crate::rules::notification::outbox::OutboxEntry;
use crate::rules::notification::plan::{HeldNotice, PlannedDelivery};
use crate::rules::notification::scope::SeenScopes;
use crate::rules::notification::topic::SendReason;
use crate::rules::speech::sentence::{ToldAgain, of_open_problem};
use crate::time::Timestamp;

/// The moments of a notice.
#[derive(Debug, Clone, Copy)]
pub struct Moments {
    /// The moment of the decision, in the stream.
    pub now: Timestamp,
    /// The moment at which people read it: what is left of a time is counted from it.
    pub told_at: Timestamp,
}

/// Returns the entry of a planned delivery.
pub fn entry_of(
    planned: &PlannedDelivery,
    title: Option<&str>,
    scopes: &mut SeenScopes,
    Moments { now, told_at }: Moments,
) -> OutboxEntry {
    let mut notice = compose(&planned.notices, title, scopes, told_at);
    notice.spoken = spoken_again(planned);
    OutboxEntry::new(planned, notice, now, clock::now())
}

/// Returns what is said of a single problem that is told again.
fn spoken_again(planned: &PlannedDelivery) -> Option<String> {
    let again = match planned.reason {
        SendReason::Repeat => ToldAgain::Reminder,
        SendReason::AckExpired => ToldAgain::AckExpired,
        SendReason::Escalated if planned.notices.iter().any(DueNotice::can_be_acked) => {
            ToldAgain::Escalation
        }
        SendReason::Escalated => ToldAgain::Reminder,
        _ => return None,
    };
    let [due] = planned.notices.as_slice() else { return None };
    // The problem comes before what has arrived meanwhile.
    let line = due.events.first()?.line.trim_end();
    let Line::Event(head) = event::peek(line.as_bytes()) else { return None };
    Some(of_open_problem(&head, line.as_bytes(), again, due.depth))
}

/// Returns the event of a delivery that succeeded.
pub fn sent_line(entry: &OutboxEntry, now: Timestamp) -> Vec<u8> {
    let (channel, event) = (entry.channel.clone(), entry.event.event.clone());
    let attempts = entry.attempts.max(1);
    notice_line(entry, now, NoticeSent { channel, event, attempts })
}

/// Returns the event of a delivery that failed for good.
pub fn failed_line(entry: &OutboxEntry, error: &str, now: Timestamp) -> Vec<u8> {
    let (channel, event) = (entry.channel.clone(), entry.event.event.clone());
    let (attempts, error) = (entry.attempts, error.to_owned());
    notice_line(entry, now, NoticeFailed { channel, event, attempts, error })
}

/// Returns the event of an escalation.
pub fn escalated_line(entry: &OutboxEntry, now: Timestamp) -> Vec<u8> {
    let (channel, event) = (entry.channel.clone(), entry.event.event.clone());
    notice_line(entry, now, NoticeEscalated { channel, event })
}

/// Returns the event of a notice that waits for something that people have decided.
pub fn held_line(held: &HeldNotice) -> Option<Vec<u8>> {
    if !held.reason.is_restraint() {
        return None;
    }
    let (reason, until) = (held.reason.as_str().to_owned(), held.until);
    let EventKey { source, event } = held.event.key.clone();
    let parts = [source.as_str(), &event, &held.channel, &reason, &until.to_string()];
    let data = NoticeHeld {
        channel: held.channel.clone(),
        event: event.clone(),
        reason: reason.clone(),
        until,
    };
    let line = Event::derived(&parts, &held.subject, held.event.at, data);
    Some(line.of_incident(held.incident.clone()).line())
}

/// Returns the event of a change of the heartbeat. Every process derives the same id.
pub fn pulse_line(pulse: &Pulse, now: Timestamp) -> Vec<u8> {
    let asked = pulse.asked.clone();
    match pulse.change {
        PulseChange::Missing(last, interval) => {
            let last_text = last.to_string();
            let parts = ["missing", &last_text].into_iter().chain(asked.as_deref());
            let parts: Vec<&str> = parts.collect();
            let data = PollMissing { last, interval_s: interval.as_secs(), asked: asked.clone() };
            Event::derived(&parts, "", now, data).line()
        }
        PulseChange::Resumed(last) => {
            let last_text = last.to_string();
            let parts = ["resumed", &last_text].into_iter().chain(asked.as_deref());
            let parts: Vec<&str> = parts.collect();
            Event::derived(&parts, "", now, PollResumed { last, asked: asked.clone() }).line()
        }
    }
}

fn notice_line<D: Payload>(entry: &OutboxEntry, now: Timestamp, data: D) -> Vec<u8> {
    let parts = [entry.delivery.id.as_str(), D::TYPE.as_str()];
    let subject = entry.subjects.first().map_or("", String::as_str);
    let event = Event::derived(&parts, subject, now, data);
    event.of_incident(entry.delivery.incident.clone()).line()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::notification::fixtures::due;
    use crate::rules::notification::topic::Pending;

    #[test]
    fn time_that_is_left_is_counted_from_the_telling() {
        let (at, hour) = (Timestamp::from_millis(0), std::time::Duration::from_secs(3600));
        let data = event::QueueExpiring {
            queue: event::Queue { name: "a-dlq".into(), ..event::Queue::default() },
            tier: "1h".into(),
            certain: true,
            depth: Some(3),
            retention_s: None,
            expires_after: Some(at.plus(hour)),
            expires_before: None,
        };
        let line = Event::new("i".into(), "a-dlq", at, data).line();
        let expiring = String::from_utf8(line).unwrap();
        let rows = [
            (0, "00:00Z", "3 expiring, lost in 60m or later"),
            (72, "1970-01-01 00:00Z", "3 expiring, some may be lost"),
        ];
        for (hours, when, what) in rows {
            let mut one = due("a-dlq", SendReason::Tier);
            one.events[0].line = expiring.as_str().into();
            let planned = PlannedDelivery {
                id: "id".into(),
                sequence: 1,
                channel: "c".into(),
                is_update: false,
                reason: SendReason::Tier,
                notices: vec![one],
                handle: None,
                fallback: None,
            };
            let moments = Moments { now: at, told_at: at.plus(hour * hours) };
            let notice =
                entry_of(&planned, None, &mut SeenScopes::default(), moments).delivery.notice;
            assert_eq!((notice.when.as_str(), notice.what.as_str()), (when, what));
        }
    }

    #[test]
    fn single_problem_that_is_told_again_is_said_with_its_newest_depth() {
        use SendReason::{AckExpired, Ended, Escalated, Grew, New, Repeat};
        let raised = r#"{"specversion":"1.0","id":"i","source":"s","type":"queue.raised","subject":"orders-dlq"}"#;
        let planned = |reason: SendReason, queues: usize| {
            let mut one = due("orders-dlq", reason);
            one.events[0].line = raised.into();
            one.depth = Some(1);
            one.incident = Some("i".into());
            let result = raised.replace("queue.raised", "investigation.completed");
            one.events.push(Pending { line: result.into(), ..one.events[0].clone() });
            PlannedDelivery {
                id: "id".into(),
                sequence: 1,
                channel: "voice".into(),
                is_update: false,
                reason,
                notices: vec![one; queues],
                handle: None,
                fallback: None,
            }
        };
        let rows = [
            (Repeat, 1, Some("Reminder")),
            (AckExpired, 1, Some("acknowledgement")),
            (Escalated, 1, Some("Nobody has acknowledged")),
            (New, 1, None),
            (Grew, 1, None),
            (Ended, 1, None),
            (Repeat, 2, None),
        ];
        for (reason, queues, expected) in rows {
            let now = Timestamp::from_millis(0);
            let planned = planned(reason, queues);
            let moments = Moments { now, told_at: now };
            let entry = entry_of(&planned, None, &mut SeenScopes::default(), moments);
            let spoken = entry.delivery.notice.spoken;
            assert_eq!(spoken.is_some(), expected.is_some(), "{reason}: {spoken:?}");
            let words = spoken.unwrap_or_default();
            assert!(words.contains(expected.unwrap_or_default()), "{reason}: {words}");
            assert!(words.is_empty() || words.contains("queue raised"), "{reason}: {words}");
        }
    }
}
