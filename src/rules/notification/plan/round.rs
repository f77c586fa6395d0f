//! Rounds: a failure to poll an account or region is over when a later round that was to ask the same has
//! seen all of it. Pure.

use super::{ArrivedEvent, PlanInput};
use crate::event::stream_time::DRIFT;
use crate::event::{self, PollFailed, Severity};
use crate::rules::notification::amend::{Amended, dropped_by};
use crate::rules::notification::decision::NoticeDecision;
use crate::rules::notification::facts::{
    EventFacts, POLL, RoundSight, TopicChange, asked_of_failure,
};
use crate::rules::notification::judge::{Routing, judge_event};
use crate::rules::notification::notice_key::NoticeKey;
use crate::rules::notification::notices::{JudgedEvent, Notices};
use crate::rules::notification::topic::{SendReason, Topic};
use crate::rules::queue::asked::FORGOTTEN_AFTER;
use crate::rules::queue::document::QUEUE_NOT_FOUND;
use crate::time::Timestamp;

/// Returns whether a failure is that of a queue which could not be found. A round counts it among those
/// that it has not read.
fn is_of_queue(topic: &Topic) -> bool {
    let lines = topic.told.iter().map(|told| &told.line);
    let mut lines = lines.chain(topic.pending.iter().map(|one| &one.line));
    lines.any(|line| {
        event::read::<PollFailed>(line.as_bytes())
            .is_some_and(|failed| failed.data.reason.starts_with(QUEUE_NOT_FOUND))
    })
}

/// Returns whether a round was to ask what has failed. Of events that do not say it, each round was.
fn is_asked(topic: &Topic, round: &EventFacts) -> bool {
    match (asked_of_failure(&topic.problem), &round.asked) {
        (Some(failed), Some(asked)) => {
            failed == asked || round.at.since(topic.touched) > FORGOTTEN_AFTER
        }
        _ => true,
    }
}

/// Ends the failures to poll that channels were told of before a whole round.
pub(super) fn end_failures(
    notices: &mut Notices,
    input: PlanInput<'_>,
    round: &ArrivedEvent,
    moment: Timestamp,
    judged: &mut Vec<JudgedEvent>,
    amended: &mut Vec<Amended>,
) {
    let ArrivedEvent { facts, line, is_muted, .. } = round;
    for channel in &input.notifications.channels {
        let first = Topic::key(&channel.name, POLL);
        let failures = notices.topics.range_mut(first.clone()..);
        let mut has_ended = false;
        for (_, topic) in failures.take_while(|(key, _)| key.starts_with(&first)) {
            let is_seen = facts.round == Some(RoundSight::Whole) || !is_of_queue(topic);
            if topic.ended_at.is_some()
                || topic.touched >= facts.at
                || !is_seen
                || !is_asked(topic, facts)
            {
                continue;
            }
            let end = EventFacts {
                topic: topic.problem.clone(),
                subject: topic.subject.clone(),
                incident: None,
                change: TopicChange::Ends { lost: false },
                severity: Severity::Info,
                ..facts.clone()
            };
            let problem = notices.problems.entry(topic.problem.clone()).or_default();
            let standing = problem.take(&end, moment);
            let routing = Routing {
                standing,
                policy: input.notifications.policy(topic.route, &channel.name),
                is_routed: false,
                is_muted: *is_muted,
                is_named: false,
                growth_factor: channel.growth_factor(),
            };
            let waited = topic.pending.iter().map(|one| one.key.clone()).collect();
            let decision = judge_event(topic, problem, &end, line, routing, moment);
            amended.extend(dropped_by(&end.change, waited, topic));
            has_ended |= matches!(decision, NoticeDecision::Send(..));
        }
        if has_ended {
            let key = NoticeKey::new(&channel.name, &facts.key);
            let decision = Some(NoticeDecision::Send(SendReason::Ended, moment));
            let at = facts.at.min(moment.plus(DRIFT));
            judged.push(JudgedEvent { key, at, is_told: true, decision, hold: None });
        }
    }
}
