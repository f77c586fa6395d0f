//! Queues that join a cause of which a channel was told: the notice of the cause names them, where the
//! channel can update it. Pure.

use super::{PlanInput, PlannedDelivery, deliver};
use crate::rules::notification::group::DueNotice;
use crate::rules::notification::notices::Notices;
use crate::rules::notification::told::reminder;
use crate::rules::notification::topic::SendReason;
use crate::time::Timestamp;

/// Plans the update of the notice of a cause, which then names all its problems that go on. From then
/// on that notice is one of the group, and none of a single problem any more.
pub(super) fn name_joined(
    notices: &mut Notices,
    input: PlanInput<'_>,
    channel: &str,
    cause: &str,
    now: Timestamp,
) -> Option<PlannedDelivery> {
    let channel = input.notifications.channel(channel)?;
    if !(channel.can_update() && channel.needs_handle()) {
        return None;
    }
    let is_of_cause = |problem: &String| {
        let known = notices.problems.get(problem).and_then(|one| one.cause.as_ref());
        known.is_some_and(|known| known.id == cause)
    };
    let mut members: Vec<String> = Vec::new();
    for (key, topic) in &notices.topics {
        if topic.channel == channel.name && topic.is_open() && is_of_cause(&topic.problem) {
            members.push(key.clone());
        }
    }
    let topics = || members.iter().filter_map(|key| notices.topics.get(key));
    let of_group = topics().find_map(|topic| topic.group_handle.clone());
    let handle = of_group.or_else(|| topics().find_map(|topic| topic.handle.clone()))?;
    let told_first = topics().filter_map(|topic| Some((topic.told.as_ref()?.first_at, topic)));
    let mut told_first: Vec<_> = told_first.collect();
    told_first.sort_by_key(|(first_at, _)| *first_at);
    let due = told_first.into_iter().filter_map(|(_, topic)| {
        let (problem, told) = (notices.problems.get(&topic.problem), topic.told.as_ref()?);
        let notice = reminder(topic, problem, told, SendReason::New, now);
        // The id of the delivery is that of no other.
        Some(DueNotice { ordinal: notices.sequence + 1, ..notice })
    });
    let set: Vec<DueNotice> = due.collect();
    for key in &members {
        if let Some(topic) = notices.topics.get_mut(key) {
            topic.handle = None;
            topic.group_handle = Some(handle.clone());
        }
    }
    let delivery = deliver(notices, input.notifications, channel, set);
    Some(PlannedDelivery { is_update: true, handle: Some(handle), ..delivery })
}
