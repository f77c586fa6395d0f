//! The events of a topic that wait to be told. Pure.

use std::sync::Arc;

use super::facts::{EventFacts, TopicChange, reread};
use super::topic::{HoldReason, PENDING_MAX, Pending, SendReason, Topic};
use crate::time::Timestamp;

/// Returns an event that waits until `due`.
pub fn waiting(
    facts: &EventFacts,
    line: &Arc<str>,
    reason: SendReason,
    due: Timestamp,
    now: Timestamp,
) -> Pending {
    let hold = match (due > now, reason) {
        (false, _) => None,
        (true, SendReason::Ended) => Some(HoldReason::Stable),
        (true, _) => Some(HoldReason::Group),
    };
    let (key, line) = (facts.key.clone(), line.clone());
    let (severity, at, causes) = (facts.severity, facts.at, Vec::new());
    Pending { key, reason, severity, at, due, hold, line, causes }
}

/// Adds an event that waits, in place of the oldest when there are too many. What begins or ends a
/// problem stays as long as there are others.
pub fn wait(topic: &mut Topic, event: Pending) {
    let is_step = |one: &Pending| {
        !matches!(one.reason, SendReason::New | SendReason::Again | SendReason::Ended)
    };
    if topic.pending.len() == PENDING_MAX {
        topic.pending.remove(topic.pending.iter().position(is_step).unwrap_or(0));
    }
    topic.pending.push(event);
}

/// Lets a loss that waits be a result: it is told, but does not end the problem that has begun since.
pub fn keep_loss(topic: &mut Topic) {
    let losses = topic.pending.iter_mut().filter(|one| tells_of_loss(one));
    losses.for_each(|one| one.reason = SendReason::News);
}

/// Returns whether messages were lost at an end that waits.
pub fn tells_of_loss(one: &Pending) -> bool {
    let change = || reread(&one.line).map(|facts| facts.change);
    one.reason == SendReason::Ended && change() == Some(TopicChange::Ends { lost: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Severity;
    use crate::rules::notification::notice_key::EventKey;

    #[test]
    fn oldest_step_makes_room_and_no_beginning_nor_end() {
        use SendReason::{Again, Ended, Grew, New, News, Tier};
        let event = |reason: SendReason| Pending {
            key: EventKey::default(),
            reason,
            severity: Severity::Error,
            at: Timestamp::default(),
            due: Timestamp::default(),
            hold: None,
            line: "".into(),
            causes: Vec::new(),
        };
        let rows = [
            ([New, Grew, News, News, News, News, News, News], 1),
            ([Again, Tier, News, News, News, News, News, News], 1),
            ([Ended, Again, News, News, News, News, News, News], 2),
            ([News, New, News, News, News, News, News, News], 0),
            ([Ended, New, Ended, New, Ended, New, Ended, Again], 0),
        ];
        for (reasons, out) in rows {
            let mut topic = Topic { pending: reasons.map(event).into(), ..Topic::default() };
            wait(&mut topic, event(Tier));
            let mut expected = reasons.to_vec();
            expected.remove(out);
            expected.push(Tier);
            let found: Vec<SendReason> = topic.pending.iter().map(|one| one.reason).collect();
            assert_eq!(found, expected, "{reasons:?}");
        }
    }
}
